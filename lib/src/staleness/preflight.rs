//! `check-staleness --check`.

use super::Sources;
use crate::preflight::rights::{self, KONFLUX, Right, TEKTON};
use crate::preflight::{Preflight, konflux, lists, speakers};
use crate::slack::Slack;

const RELEASES: Right = Right {
    group: KONFLUX,
    resource: "releases",
    verbs: &["list"],
    to: "to find the newest verified image",
};
const SNAPSHOTS: Right = Right {
    group: KONFLUX,
    resource: "snapshots",
    verbs: &["get", "list"],
    to: "to compare what Releases pushed, and to see whether there is anything newer",
};
const RUNS: Right = Right {
    group: TEKTON,
    resource: "pipelineruns",
    verbs: &["list"],
    to: "to tell why there is no newer one",
};
const RECORDS: Right = Right {
    group: "",
    resource: "configmaps",
    verbs: &["get", "list", "create", "update", "delete"],
    to: "to read and prune records, and to remember what was told",
};

/// What the step needs in its namespace, with every source.
pub const RIGHTS: [Right; 4] = [RELEASES, SNAPSHOTS, RUNS, RECORDS];

/// Looks at every source and at Slack. Tells nobody and writes nothing.
pub async fn preflight(sources: &Sources, remembers: bool, slack: Option<&Slack>) -> Preflight {
    let cluster = &sources.tenant.cluster;
    let mut checks = Preflight::default();
    let needed = [
        (true, RELEASES),
        (true, SNAPSHOTS),
        (sources.scenario.is_some(), RUNS),
        (sources.gate.is_some() || remembers, RECORDS),
    ];
    let needed: Vec<Right> = needed
        .into_iter()
        .filter(|(needed, _)| *needed)
        .map(|(_, right)| right)
        .collect();
    if rights::review(cluster, &needed, &mut checks).await {
        konflux::plan(&sources.tenant, &sources.plan, &mut checks).await;
        lists::both(&sources.tenant, &sources.plan, &mut checks).await;
    }
    match &sources.archive {
        Some(archive) => speakers::archive(archive, &cluster.namespace, &mut checks).await,
        None => checks.unknown(
            "kubearchive",
            "no --kubearchive-url: only Releases that still exist are seen",
        ),
    }
    match slack {
        Some(slack) => speakers::slack(slack, &mut checks).await,
        None => checks.unknown("slack", "no --slack-webhook-file: only the exit code tells"),
    }
    checks
}
