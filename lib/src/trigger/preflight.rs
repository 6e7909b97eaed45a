//! `trigger-gate --check`.

use super::choose::{Choice, choose};
use super::{Options, Tenant};
use crate::clock::SharedClock;
use crate::konflux::Konflux;
use crate::preflight::rights::{self, KONFLUX, Right, TEKTON};
use crate::preflight::{Preflight, konflux, speakers};
use crate::slack::Slack;
use crate::step::Chain;

/// What the step needs in its namespace.
pub const RIGHTS: [Right; 4] = [
    Right { group: KONFLUX, resource: "snapshots", verbs: &["get", "list", "patch"], to: "to start a scenario" },
    Right { group: KONFLUX, resource: "releases", verbs: &["list"], to: "to know what is verified" },
    Right { group: TEKTON, resource: "pipelineruns", verbs: &["list"], to: "to see that a run has begun" },
    Right { group: "", resource: "configmaps", verbs: &["get", "list"], to: "to see unfinished jobs of the last run" },
];

/// Looks at everything that a trigger needs: its rights, the scenarios and plans, the Snapshots, and Slack
/// where it is told. Labels nothing.
pub async fn preflight(options: &Options, tenant: &Tenant, clock: &SharedClock, slack: Option<&Slack>) -> Preflight {
    let mut checks = Preflight::default();
    rights::review(&tenant.cluster, &RIGHTS, &mut checks).await;
    for wanted in &options.wanted {
        scenario(tenant, &wanted.scenario, &mut checks).await;
    }
    let client = Konflux::new(&tenant.cluster, clock.clone());
    let mut plans: Vec<&str> = options.wanted.iter().filter_map(|wanted| wanted.plan.as_deref()).collect();
    plans.dedup();
    for plan in plans {
        konflux::plan(&client, plan, &mut checks).await;
    }
    candidates(options, tenant, &mut checks).await;
    if let Some(slack) = slack {
        speakers::slack(slack, &mut checks).await;
    }
    checks
}

async fn scenario(tenant: &Tenant, name: &str, checks: &mut Preflight) {
    match tenant.scenario_exists(name).await {
        Some(true) => checks.passed("scenario", format_args!("{name} exists")),
        Some(false) => checks.failed(
            "scenario",
            format_args!("there is no IntegrationTestScenario {name} in namespace {}", tenant.cluster.namespace),
        ),
        None => checks.unknown("scenario", format_args!("this account may not read {name}, which is no harm")),
    }
}

async fn candidates(options: &Options, tenant: &Tenant, checks: &mut Preflight) {
    let found: Result<Choice, _> = choose(options, tenant).await;
    match found {
        Err(error) => checks.failed("snapshots", Chain(&error)),
        Ok(Choice { chosen: Some(chosen), looked_at, .. }) => {
            checks.passed("snapshots", format_args!("{} would be chosen of {looked_at}", chosen.name));
        }
        Ok(Choice { chosen: None, looked_at, .. }) => checks.failed(
            "snapshots",
            format_args!(
                "none of {looked_at} can be chosen; --dry-run shows why, and whether --application and --component are right"
            ),
        ),
    }
}
