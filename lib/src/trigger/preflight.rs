//! `trigger-gate --check`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::choose::choose;
use super::{Options, known};
use crate::cluster::Tenant;
use crate::failure::Chain;
use crate::konflux::{Choice, labels};
use crate::kubearchive::KubeArchive;
use crate::preflight::rights::{self, KONFLUX, Right, TEKTON};
use crate::preflight::{Preflight, konflux, lists, speakers};
use crate::slack::Slack;

/// What the step needs in its namespace.
///
/// Without the three behind the first four the step goes on: then it does not know whether a
/// scenario exists, plans are only looked at in this check, and each skipped night is told, the
/// first in a row too.
pub const RIGHTS: [Right; 7] = [
    Right {
        group: KONFLUX,
        resource: "snapshots",
        verbs: &["get", "list", "patch"],
        to: "to start a scenario",
    },
    Right {
        group: KONFLUX,
        resource: "releases",
        verbs: &["list"],
        to: "to know what is verified",
    },
    Right {
        group: TEKTON,
        resource: "pipelineruns",
        verbs: &["list"],
        to: "to see that a run has begun",
    },
    Right {
        group: "",
        resource: "configmaps",
        verbs: &["get", "list"],
        to: "to see unfinished jobs of the last run",
    },
    Right {
        group: KONFLUX,
        resource: "integrationtestscenarios",
        verbs: &["get", "list"],
        to: "to see that the scenario exists and can be started, or which there are",
    },
    Right {
        group: KONFLUX,
        resource: "releaseplans",
        verbs: &["get"],
        to: "to see that the plan is matched",
    },
    Right {
        group: "",
        resource: "configmaps",
        verbs: &["create", "update"],
        to: "to remember nights that were skipped in a row",
    },
];

/// The limits that integration-service puts in place of the PipelineRun's own: all three, or it
/// does nothing for ever where their sum does not fit.
const TIMEOUTS: [&str; 3] = ["pipeline_timeout", "tasks_timeout", "finally_timeout"];

/// Looks at everything that a trigger needs: its rights, the scenarios and plans, the Snapshots,
/// KubeArchive, and Slack where it is told; `keeps` says that it has a record in a ConfigMap.
/// Labels nothing.
pub async fn preflight(
    options: &Options,
    tenant: &Tenant,
    archive: Option<&KubeArchive>,
    keeps: bool,
    slack: Option<&Slack>,
) -> Preflight {
    let mut checks = Preflight::default();
    if rights::review(&tenant.cluster, &RIGHTS[..4], &mut checks).await {
        let optional = if keeps { &RIGHTS[4..] } else { &RIGHTS[4..6] };
        rights::review_optional(&tenant.cluster, optional, &mut checks).await;
        for wanted in &options.wanted {
            scenario(tenant, &wanted.scenario, &mut checks).await;
        }
        let plans: BTreeSet<&str> = options
            .wanted
            .iter()
            .filter_map(|wanted| wanted.plan.as_deref())
            .collect();
        for plan in plans {
            konflux::plan(tenant, plan, &mut checks).await;
            lists::both(tenant, plan, &mut checks).await;
        }
        candidates(options, tenant, &mut checks).await;
    }
    match archive {
        Some(archive) => {
            speakers::archive(archive, &tenant.cluster.namespace, &mut checks).await;
        }
        None if options.wanted.iter().all(|wanted| wanted.plan.is_none()) => {}
        None => checks.unknown(
            "kubearchive",
            "no --kubearchive-url: once its Release has left the cluster, only the scenario's records tell that an image is verified",
        ),
    }
    if let Some(slack) = slack {
        speakers::slack(slack, &mut checks).await;
    }
    checks
}

async fn scenario(tenant: &Tenant, name: &str, checks: &mut Preflight) {
    match tenant.scenario(name).await {
        Ok(Some(found)) => match flaws(&found) {
            flaws if flaws.is_empty() => {
                checks.passed("scenario", format_args!("{name} exists and can be started"))
            }
            flaws => checks.failed("scenario", format_args!("{name}: {}", flaws.join("; "))),
        },
        Ok(None) => checks.failed("scenario", known::no_scenario(tenant, name).await),
        Err(error) if error.is_forbidden() => {
            checks.unknown(
                "scenario",
                format_args!("this account may not read {name}, which is no harm"),
            );
        }
        Err(error) => checks.failed("scenario", Chain(&error)),
    }
}

/// What keeps integration-service from starting a scenario, without a word of it: each of these it
/// tries again for ever.
fn flaws(scenario: &Value) -> Vec<String> {
    let mut flaws = Vec::new();
    for parameter in scenario["spec"]["params"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        let has_text = parameter["value"].as_str().is_some_and(|text| !text.is_empty());
        if !has_text && parameter["values"].as_array().is_none_or(Vec::is_empty) {
            flaws.push(format!("parameter {name} is empty; leave it out"));
        }
    }
    for name in TIMEOUTS {
        let key = labels::timeout_annotation(name);
        if scenario["metadata"]["annotations"][&key]
            .as_str()
            .is_none_or(str::is_empty)
        {
            flaws.push(format!(
                "the annotation {key} is missing; the pipeline needs all three timeouts"
            ));
        }
    }
    flaws
}

async fn candidates(options: &Options, tenant: &Tenant, checks: &mut Preflight) {
    let found: Result<Choice, _> = choose(options, tenant).await;
    match found {
        Err(error) => checks.failed("snapshots", Chain(&error)),
        Ok(Choice { chosen: Some(chosen), looked_at, .. }) => {
            checks.passed("snapshots", format_args!("{} would be chosen of {looked_at}", chosen.name));
        }
        Ok(Choice { unjudged: Some(seen), .. }) => {
            checks.failed("snapshots", format_args!("the newest, {}, {}", seen.name, seen.against.words()));
        }
        Ok(Choice { chosen: None, looked_at: 0, .. }) => {
            let hint = known::no_snapshots(options, tenant).await;
            checks.failed("snapshots", hint.unwrap_or_else(|| "there is none that could be chosen".to_owned()));
        }
        Ok(Choice { chosen: None, looked_at, .. }) => checks.failed(
            "snapshots",
            format_args!(
                "none of {looked_at} can be chosen; --dry-run shows why, and whether --application and --component are right"
            ),
        ),
    }
}
