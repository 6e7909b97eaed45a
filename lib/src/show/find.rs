//! Which record is meant.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::Source;
use crate::cluster::Tenant;
use crate::failure::{Chain, Failure, OrExit};
use crate::name::ObjectName;
use crate::record::{Location, Whose, documents, each, labels, store_at};
use crate::site::Site;
use crate::text::some_of;

/// Gates and scenarios named where none is as asked for.
const LISTED: usize = 8;

/// Which run is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// That of a PipelineRun.
    Run(ObjectName),
    /// That of a record.
    Record(Location),
    /// The newest of a gate, by its name for people.
    Gate(String),
    /// The newest of a scenario.
    Scenario(String),
    /// The newest of the namespace.
    Newest,
}

impl Wanted {
    /// What was given: at most one of them.
    ///
    /// # Errors
    /// There are several, or one cannot be read.
    pub fn given(
        run: Option<&str>,
        record: Option<&str>,
        gate: Option<&str>,
        scenario: Option<&str>,
    ) -> Result<Self, Failure> {
        match (run, record, gate, scenario) {
            (None, None, None, None) => Ok(Self::Newest),
            (Some(run), None, None, None) => {
                // The record's name is as good: kubectl shows that one.
                let name = run.strip_prefix("gate-").unwrap_or(run);
                Ok(Self::Run(ObjectName::subdomain(name).misuse_of("RUN")?))
            }
            (None, Some(record), None, None) => Ok(Self::Record(record.parse().misuse()?)),
            (None, None, Some(gate), None) => Ok(Self::Gate(gate.to_owned())),
            (None, None, None, Some(scenario)) => Ok(Self::Scenario(scenario.to_owned())),
            _ => Err(Failure::misuse(
                "expected only one of RUN, --record, --gate-label and --scenario",
            )),
        }
    }
}

/// Opens what is meant; of a gate or a scenario that is the record that was created last.
///
/// # Errors
/// Misuse where the cluster cannot be reached by what was given, or holds no such record.
pub async fn find(wanted: &Wanted, site: &Site) -> Result<Source, Failure> {
    let location = match wanted {
        Wanted::Record(location) => location.clone(),
        Wanted::Run(name) => named(&format!("gate-{}", name.as_str()))?,
        Wanted::Gate(name) => newest(Whose::Gate(name), site).await?,
        Wanted::Scenario(name) => newest(Whose::Scenario { name, runs: &[] }, site).await?,
        Wanted::Newest => newest(Whose::Anybody, site).await?,
    };
    let cluster = site.cluster_of(Some(&location)).await.misuse()?;
    Ok(Source {
        store: store_at(&location, cluster),
        record: location.to_string(),
        tenant: cluster.map(|cluster| Tenant::new(cluster, site.clock().clone())),
        clock: site.clock().clone(),
    })
}

fn named(config_map: &str) -> Result<Location, Failure> {
    Ok(Location::ConfigMap(ObjectName::subdomain(config_map).misuse_of("RUN")?))
}

/// Where the newest record of somebody's is; one that cannot be read counts as well, so that no older
/// one is shown in its place.
async fn newest(whose: Whose<'_>, site: &Site) -> Result<Location, Failure> {
    let cluster = site.cluster().await.misuse()?;
    let mut found = None;
    let listed = each(cluster, site.clock(), whose, None, |meta, _| {
        found.clone_from(&meta.name);
        ControlFlow::Break(())
    });
    listed
        .await
        .map_err(|error| Failure::failed(format!("cannot list records: {}", Chain(&error))))?;
    match found {
        Some(name) => named(&name),
        None => Err(Failure::misuse(none(whose, site).await)),
    }
}

/// That there is no such record, and which there are.
async fn none(whose: Whose<'_>, site: &Site) -> String {
    let (what, label) = match whose {
        Whose::Gate(name) => (format!(" of --gate-label {name:?}"), Some(labels::GATE)),
        Whose::Scenario { name, .. } => (format!(" of --scenario {name}"), Some(labels::SCENARIO)),
        Whose::Anybody => (String::new(), None),
    };
    let Ok(cluster) = site.cluster().await else { return format!("there is no record{what}") };
    let mut there = BTreeSet::new();
    if let Some(label) = label {
        let listed = documents(cluster, site.clock(), &format!("{}=gate", labels::KIND)).await;
        let labels = listed.unwrap_or_default().into_iter().filter_map(|meta| meta.labels);
        there.extend(labels.filter_map(|mut labels| labels.remove(label)));
    }
    let there: Vec<String> = there.into_iter().collect();
    let there = match there.is_empty() {
        true => "the first run of a gate writes one".to_owned(),
        false => format!("there are records of {}", some_of(&there, LISTED)),
    };
    format!("there is no record{what} in namespace {}; {there}", cluster.namespace)
}
