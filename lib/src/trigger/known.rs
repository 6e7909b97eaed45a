//! What there is, for whoever asked for something that is not there.

use std::collections::BTreeSet;

use super::Options;
use crate::cluster::Tenant;
use crate::konflux::labels::Owner;
use crate::text;

/// How many names are listed.
const SHOWN: usize = 8;

/// The Application or ComponentGroup.
fn application_of(owner: &Owner) -> Option<&str> {
    owner.application.as_deref().or(owner.component_group.as_deref())
}

/// Whether a scenario exists, looked up before anything is labelled: integration-service takes the
/// label of an unknown one away without a word.
///
/// # Errors
/// What there is instead, in words; or that it cannot be read.
pub(super) async fn scenario(tenant: &Tenant, name: &str) -> Result<Known, String> {
    match tenant.scenario(name).await {
        Ok(Some(_)) => Ok(Known::There),
        Ok(None) => Err(no_scenario(tenant, name).await),
        Err(error) if error.is_forbidden() => Ok(Known::MayNotRead),
        Err(error) => Err(crate::failure::Chain(&error).to_string()),
    }
}

/// What is known of a name that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is there.
    There,
    /// This account may not look.
    MayNotRead,
}

/// That there is no such scenario, and which there are.
pub async fn no_scenario(tenant: &Tenant, name: &str) -> String {
    let missing =
        format!("there is no IntegrationTestScenario {name} in namespace {}", tenant.namespace());
    match tenant.scenario_names().await {
        Ok(names) if names.is_empty() => format!("{missing}, nor any other"),
        Ok(names) => format!("{missing}; there are {}", listed(&names)),
        Err(_) => missing,
    }
}

/// Why no Snapshot was found at all: no Application of that name has one, or no component of it.
pub async fn no_snapshots(options: &Options, tenant: &Tenant) -> Option<String> {
    let (application, component) =
        (options.application.as_deref()?, &options.component.as_ref()?.name);
    let owners = tenant.owners().await.ok()?;
    Some(explained(&owners, application, component, tenant.namespace()))
}

fn explained(
    owners: &BTreeSet<Owner>,
    application: &str,
    component: &str,
    namespace: &str,
) -> String {
    let all =
        |name: fn(&Owner) -> Option<&str>, of: &dyn Fn(&&Owner) -> bool| -> BTreeSet<String> {
            owners.iter().filter(of).filter_map(name).map(str::to_owned).collect()
        };
    let applications = all(application_of, &|_| true);
    if applications.is_empty() {
        return format!("there is no Snapshot of any Application in namespace {namespace}");
    }
    if !applications.contains(application) {
        let there = listed(&applications);
        return format!(
            "--application: no Snapshot in namespace {namespace} is of {application:?}; there are {there}"
        );
    }
    let components = all(|owner| owner.component.as_deref(), &|owner| {
        application_of(owner) == Some(application)
    });
    let there = listed(&components);
    format!(
        "--component: no Snapshot of Application {application} is of {component:?}; there are {there}"
    )
}

/// Names, cut with a count.
fn listed(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<String> = names.iter().map(|name| text::one_line(name, 63)).collect();
    text::some_of(&names, SHOWN)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::RuntimeClock;
    use standins::{Fault, ScenarioScript, Server, Trouble, World};

    #[tokio::test(start_paused = true)]
    async fn a_scenario_that_may_not_be_read_is_not_missing() {
        let world = World::builder().build();
        let cluster = crate::support::cluster(&world, "ns");
        let tenant = Tenant::new(&cluster, Arc::new(RuntimeClock::starting_at(world.now())));
        let none = scenario(&tenant, "gate").await.unwrap_err();
        assert!(none.ends_with("in namespace ns, nor any other"), "{none}");
        world.kube().scenario("ns", "gate", ScenarioScript::default());
        assert_eq!(scenario(&tenant, "gate").await, Ok(Known::There));
        let other = scenario(&tenant, "gaet").await.unwrap_err();
        assert!(other.ends_with("; there are gate"), "{other}");
        world.kube().deny("get", "integrationtestscenarios");
        assert_eq!(scenario(&tenant, "gate").await, Ok(Known::MayNotRead));
        // What the cluster does not answer is another matter.
        world.kube().allow_all();
        world.fault(Fault::on(Server::Kube, Trouble::StatusBefore(400)));
        assert!(scenario(&tenant, "gate").await.is_err());
    }

    #[test]
    fn what_is_misspelt_is_told_with_what_there_is() {
        let owner = |application: &str, component: &str| Owner {
            application: Some(application.to_owned()),
            component: Some(component.to_owned()),
            ..Owner::default()
        };
        let group = Owner { component_group: Some("group".to_owned()), ..Owner::default() };
        let owners: BTreeSet<_> =
            [owner("ho", "ho-main"), owner("ho", "cpo"), owner("other", "x"), group].into();
        let explained =
            |application: &str, component: &str| explained(&owners, application, component, "ns");
        assert_eq!(
            explained("hoo", "ho-main"),
            "--application: no Snapshot in namespace ns is of \"hoo\"; there are group, ho, other"
        );
        assert_eq!(
            explained("ho", "main"),
            "--component: no Snapshot of Application ho is of \"main\"; there are cpo, ho-main"
        );
        assert_eq!(
            explained("group", "x"),
            "--component: no Snapshot of Application group is of \"x\"; there are none"
        );
        let none = BTreeSet::new();
        assert!(
            super::explained(&none, "ho", "x", "ns").starts_with("there is no Snapshot of any")
        );
    }
}
