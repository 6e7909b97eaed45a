//! Releases that have left the cluster.

use std::time::Duration;

use jiff::Timestamp;

use super::ReleaseBrief;
use crate::konflux::{PLAN_LABEL, RELEASES};
use crate::kubearchive::{KubeArchive, Listing};

/// The archive's Releases of a plan that were created after a moment, newest first, until `enough`
/// says that no older one can matter, or `within` is over (wall time).
pub async fn archived(
    archive: &KubeArchive,
    (namespace, plan): (&str, &str),
    after: Option<Timestamp>,
    within: Duration,
    enough: impl Fn(&[ReleaseBrief]) -> bool,
) -> Listing<ReleaseBrief> {
    archive
        .list(RELEASES, namespace, (PLAN_LABEL, plan), after, within, enough)
        .await
}

/// Live Releases, and after them the archived ones that are not among them: the live object is the
/// newer one.
pub fn merge(live: Vec<ReleaseBrief>, archived: Vec<ReleaseBrief>) -> Vec<ReleaseBrief> {
    let mut merged = live;
    for release in archived {
        if !merged.iter().any(|known| {
            !known.metadata.uid.is_empty() && known.metadata.uid == release.metadata.uid
        }) {
            merged.push(release);
        }
    }
    merged
}
