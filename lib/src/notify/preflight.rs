//! `notify-slack --check`.

use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::kubearchive::KubeArchive;
use crate::preflight::rights::{self, KONFLUX, Right, TEKTON};
use crate::preflight::{Preflight, place, speakers};
use crate::record::{Identity, Location};
use crate::slack::Slack;

/// What the step needs in its namespace, for a record in a ConfigMap.
pub const RIGHTS: [Right; 3] = [
    Right {
        group: "",
        resource: "configmaps",
        verbs: &["get", "list", "create", "update"],
        to: "to read this run's record and earlier ones, and to note the message",
    },
    Right {
        group: TEKTON,
        resource: "pipelineruns",
        verbs: &["get"],
        to: "to see whether the run was cancelled",
    },
    Right {
        group: KONFLUX,
        resource: "releases",
        verbs: &["list"],
        to: "to tell the last verified image",
    },
];

/// Where the message's content would come from, as far as it was named.
#[derive(Debug, Clone, Default)]
pub struct Content<'a> {
    /// The record.
    pub record: Option<&'a Location>,
    /// Whose it is.
    pub identity: Identity,
    /// The cluster.
    pub cluster: Option<&'a Cluster>,
    /// The archive.
    pub archive: Option<&'a KubeArchive>,
    /// Whether the run is named, so that its PipelineRun is read.
    pub names_run: bool,
    /// Whether a plan is named, so that its Releases are read.
    pub names_plan: bool,
}

/// Looks whether Slack would take a message, and at what the message is made from. Posts nothing.
pub async fn preflight(content: &Content<'_>, slack: &Slack, clock: &SharedClock) -> Preflight {
    let mut checks = Preflight::default();
    speakers::slack(slack, &mut checks).await;
    if let Some(cluster) = content.cluster {
        if !rights::review(cluster, &RIGHTS[..1], &mut checks).await {
            return checks;
        }
        for (named, right) in [(content.names_run, &RIGHTS[1]), (content.names_plan, &RIGHTS[2])] {
            if named {
                rights::review_optional(cluster, std::slice::from_ref(right), &mut checks).await;
            }
        }
        if let Some(archive) = content.archive {
            speakers::archive(archive, &cluster.namespace, &mut checks).await;
        }
    }
    if let Some(location) = content.record {
        place::look(location, content.cluster, &content.identity, clock, &mut checks).await;
    }
    checks
}
