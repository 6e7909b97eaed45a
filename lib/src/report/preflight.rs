//! `report-gate --check`.

use super::load::Sources;
use crate::preflight::rights::{self, KONFLUX, Right};
use crate::preflight::{Preflight, speakers};

const DOCUMENTS: Right = Right {
    group: "",
    resource: "configmaps",
    verbs: &["get", "list"],
    to: "to read records and histories",
};
const RELEASES: Right = Right {
    group: KONFLUX,
    resource: "releases",
    verbs: &["list"],
    to: "to find the newest verified images",
};
const SNAPSHOTS: Right = Right {
    group: KONFLUX,
    resource: "snapshots",
    verbs: &["get"],
    to: "to compare what Releases pushed",
};
const SCENARIOS: Right = Right {
    group: KONFLUX,
    resource: "integrationtestscenarios",
    verbs: &["list"],
    to: "to know a gate that has no record yet",
};

/// What the step needs in its namespace: it changes nothing.
pub const RIGHTS: [Right; 4] = [DOCUMENTS, RELEASES, SNAPSHOTS, SCENARIOS];

/// Looks at every source.
pub async fn preflight(sources: &Sources) -> Preflight {
    let cluster = &sources.tenant.cluster;
    let mut checks = Preflight::default();
    rights::review(cluster, &RIGHTS, &mut checks).await;
    match &sources.archive {
        Some(archive) => speakers::archive(archive, &cluster.namespace, &mut checks).await,
        None => checks.unknown(
            "kubearchive",
            "no --kubearchive-url: only Releases that still exist are seen",
        ),
    }
    checks
}
