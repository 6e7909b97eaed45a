//! Not promoting an image that is older than the one released before.
//!
//! release-service moves tags by force: an older Snapshot would move `latest` back.

use jiff::{SignedDuration, Timestamp};

use crate::konflux::{Release, Snapshot, built_at, built_at_by_name, condition, created_at};
use crate::text;

/// When a released image was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The Snapshot's name.
    pub snapshot: String,
    /// When.
    pub at: Timestamp,
    /// Whether its component has the digest that is about to be promoted.
    pub same_image: bool,
}

/// The Snapshots of a plan's successful Releases, but for our own; each once, with the newest
/// Release's creation.
pub fn released_snapshots<'a>(releases: &'a [Release], plan: &str, ours: &str) -> Vec<(&'a str, Option<Timestamp>)> {
    let succeeded = |release: &&Release| {
        let conditions = release.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        release.spec.release_plan == plan
            && release.spec.snapshot != ours
            && condition(conditions, "Released").is_some_and(|released| released.reason == "Succeeded")
    };
    let mut found: Vec<(&str, Option<Timestamp>)> = Vec::new();
    for release in releases.iter().filter(succeeded) {
        let created = created_at(&release.metadata);
        match found.iter_mut().find(|(name, _)| *name == release.spec.snapshot) {
            Some((_, newest)) => *newest = (*newest).max(created),
            None => found.push((&release.spec.snapshot, created)),
        }
    }
    found
}

/// When a released Snapshot was built. Of one that is gone its name tells, or else the creation of
/// its Release, which cannot have been earlier.
pub fn built(
    name: &str,
    found: Option<&Snapshot>,
    released: Option<Timestamp>,
    is_same: impl Fn(&Snapshot) -> bool,
) -> Option<Built> {
    let at = match found {
        Some(snapshot) => built_at(snapshot).or_else(|| built_at_by_name(name)),
        None => built_at_by_name(name).or(released),
    };
    Some(Built { snapshot: name.to_owned(), at: at?, same_image: found.is_some_and(is_same) })
}

/// Why an image built at `ours` must not follow those released, if so.
pub fn older(ours: Option<Timestamp>, released: &[Built]) -> Option<String> {
    let newest = released.iter().max_by_key(|built| built.at)?;
    if newest.same_image {
        return None;
    }
    let Some(ours) = ours else {
        return Some(format!(
            "the Snapshot does not tell when it was built, and {} has been released; --allow-older promotes it all the same",
            newest.snapshot
        ));
    };
    // Names tell whole seconds.
    let earlier = newest.at.duration_since(ours) >= SignedDuration::from_secs(1);
    earlier.then(|| {
        format!(
            "the Snapshot was built at {:.0}, and {} of {:.0} has been released already: tags would move back. --allow-older promotes it all the same",
            ours,
            text::one_line(&newest.snapshot, 80),
            newest.at
        )
    })
}
