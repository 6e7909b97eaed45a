//! `notify-slack --check`.

use super::{Named, Options};
use crate::failure::{Failure, OrExit};
use crate::preflight::rights::{self, KONFLUX, Right, TEKTON};
use crate::preflight::{Preflight, place, speakers};
use crate::site::Site;
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

/// Looks whether Slack would take a message, and at what the message is made from. Posts nothing.
///
/// # Errors
/// Misuse when the record's cluster or the archive cannot be opened.
pub async fn preflight(
    options: &Options,
    named: &Named,
    site: &Site,
    slack: Option<&Slack>,
) -> Result<Preflight, Failure> {
    let cluster = site.cluster_of(named.record.as_ref()).await.misuse()?;
    let archive = named.archive(site).await?;
    let mut checks = Preflight::default();
    if let Some(slack) = slack {
        speakers::slack(slack, &mut checks).await;
    }
    if let Some(cluster) = cluster {
        if !rights::review(cluster, &RIGHTS[..1], &mut checks).await {
            return Ok(checks);
        }
        let optional =
            [(options.run_name.is_some(), &RIGHTS[1]), (options.plan.is_some(), &RIGHTS[2])];
        for (_, right) in optional.into_iter().filter(|(named, _)| *named) {
            rights::review_optional(cluster, std::slice::from_ref(right), &mut checks).await;
        }
        if let Some(archive) = &archive {
            speakers::archive(archive, &cluster.namespace, &mut checks).await;
        }
    }
    if let Some(location) = &named.record {
        place::look(location, cluster, &named.identity, site.clock(), &mut checks).await;
    }
    Ok(checks)
}
