//! Not promoting an image that is older than the one released before, or being released.
//!
//! release-service moves tags by force, and does two Releases of one plan at the same time: an
//! older Snapshot would move `latest` back.

use jiff::{SignedDuration, Timestamp};

use super::choose::name_of;
use crate::image::Digest;
use crate::konflux::{
    Outcome, Release, Snapshot, built_at, built_at_by_name, created_at, is_automatic, outcome,
};
use crate::text;

/// How far a Release has come that may move the tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// It has ended, and what it pushed is not known.
    Unknown,
    /// It has not ended.
    InFlight,
    /// It has landed.
    Landed,
}

/// A Snapshot of another Release of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other<'a> {
    pub snapshot: &'a str,
    /// Its Release that has come furthest.
    pub release: &'a str,
    /// How far.
    pub progress: Progress,
    /// When its newest Release was created.
    pub created: Option<Timestamp>,
}

/// When a released image was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The Snapshot's name.
    pub snapshot: String,
    pub release: String,
    /// How far that has come.
    pub progress: Progress,
    pub at: Timestamp,
    /// Whether its component has the digest that is about to be promoted.
    pub same_image: bool,
}

/// The Snapshots of a plan's other Releases that pushed something, are about to, or may have; each
/// once. Those that failed pushed nothing, and automatic ones are of untested images: neither keeps
/// a tested one back.
pub fn other_snapshots<'a>(
    releases: &'a [Release],
    plan: &str,
    ours: &str,
    tested: &Digest,
) -> Vec<Other<'a>> {
    let mut found: Vec<Other<'a>> = Vec::new();
    let of_others =
        |release: &&Release| release.spec.release_plan == plan && release.spec.snapshot != ours;
    for release in releases
        .iter()
        .filter(of_others)
        .filter(|release| !is_automatic(release))
    {
        let progress = match outcome(release, tested) {
            Outcome::Failed { .. } => continue,
            Outcome::Running { .. } => Progress::InFlight,
            // That of another Snapshot did not push our digest, and landed all the same.
            _ if has_succeeded(release) => Progress::Landed,
            _ => Progress::Unknown,
        };
        let (created, release_name) = (created_at(&release.metadata), name_of(release));
        match found.iter_mut().find(|other| other.snapshot == release.spec.snapshot) {
            Some(other) => {
                other.created = other.created.max(created);
                if other.progress < progress {
                    (other.progress, other.release) = (progress, release_name);
                }
            }
            None => found.push(Other {
                snapshot: &release.spec.snapshot,
                release: release_name,
                progress,
                created,
            }),
        }
    }
    found
}

fn has_succeeded(release: &Release) -> bool {
    let conditions = release
        .status
        .as_ref()
        .map(|status| status.conditions.as_slice())
        .unwrap_or_default();
    crate::konflux::condition(conditions, "Released")
        .is_some_and(|released| released.reason == "Succeeded")
}

/// When a released Snapshot was built. Of one that is gone its name tells, or else the creation of
/// its Release, which cannot have been earlier.
pub fn built(
    other: &Other<'_>,
    found: Option<&Snapshot>,
    is_same: impl Fn(&Snapshot) -> bool,
) -> Option<Built> {
    let name = other.snapshot;
    let at = match found {
        Some(snapshot) => built_at(snapshot).or_else(|| built_at_by_name(name)),
        None => built_at_by_name(name).or(other.created),
    };
    Some(Built {
        snapshot: name.to_owned(),
        release: other.release.to_owned(),
        progress: other.progress,
        at: at?,
        same_image: found.is_some_and(is_same),
    })
}

impl Built {
    fn words(&self) -> String {
        let release = text::one_line(&self.release, 80);
        match self.progress {
            Progress::Landed => "has been released already".to_owned(),
            Progress::InFlight => format!("is being released at this moment, by Release {release}"),
            Progress::Unknown => {
                format!("may have been released, by Release {release} of unknown outcome")
            }
        }
    }
}

/// Why an image built at `ours` must not follow those released, or being released, if so.
pub fn older(ours: Option<Timestamp>, released: &[Built]) -> Option<String> {
    let newest = released.iter().max_by_key(|built| (built.at, built.progress))?;
    if newest.same_image {
        return None;
    }
    let Some(ours) = ours else {
        return Some(format!(
            "the Snapshot does not tell when it was built, and {} {}; --allow-older promotes it all the same",
            newest.snapshot,
            newest.words()
        ));
    };
    // Names tell whole seconds.
    let earlier = newest.at.duration_since(ours) >= SignedDuration::from_secs(1);
    earlier.then(|| {
        format!(
            "the Snapshot was built at {:.0}, and {} of {:.0} {}: tags would move back. --allow-older promotes it all the same",
            ours,
            text::one_line(&newest.snapshot, 80),
            newest.at,
            newest.words()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tested() -> Digest {
        format!("sha256:{}", "a".repeat(64)).parse().unwrap()
    }

    /// A Release that stands so, made in that minute.
    fn release(name: &str, snapshot: &str, minute: u8, reason: &str) -> Release {
        let conditions = match reason {
            "" => json!([]),
            reason => json!([{"type": "Released", "status": "False", "reason": reason}]),
        };
        serde_json::from_value(json!({
            "metadata": {"name": name, "creationTimestamp": format!("2026-08-20T09:{minute:02}:00Z")},
            "spec": {"snapshot": snapshot, "releasePlan": "plan"},
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    #[test]
    fn of_the_releases_of_a_snapshot_the_one_that_came_furthest_counts() {
        let (unknown, runs, landed, failed) = ("Odd", "", "Succeeded", "Failed");
        for (reasons, wanted) in [
            (&[runs][..], Some(("r0", Progress::InFlight))),
            (&[runs, landed], Some(("r1", Progress::Landed))),
            (&[landed, runs], Some(("r0", Progress::Landed))),
            (&[unknown, runs], Some(("r1", Progress::InFlight))),
            (&[runs, unknown], Some(("r0", Progress::InFlight))),
            (&[landed, landed], Some(("r0", Progress::Landed))),
            (&[failed, unknown], Some(("r1", Progress::Unknown))),
            (&[failed], None),
        ] {
            let releases: Vec<Release> = (0..)
                .zip(reasons)
                .map(|(minute, reason)| release(&format!("r{minute}"), "s-1", minute, reason))
                .collect();
            let found = other_snapshots(&releases, "plan", "ours", &tested());
            let told = found.iter().map(|other| (other.release, other.progress));
            assert_eq!(told.collect::<Vec<_>>(), Vec::from_iter(wanted), "{reasons:?}");
            // Its image is no older than its newest Release that did not fail.
            let newest = releases.last().and_then(|release| created_at(&release.metadata));
            assert!(found.iter().all(|other| other.created == newest));
        }
    }

    #[test]
    fn snapshots_are_told_apart_and_ours_and_other_plans_left_out() {
        let of_plan = |mut release: Release, plan: &str| {
            release.spec.release_plan = plan.to_owned();
            release
        };
        let releases = [
            release("r0", "s-1", 0, "Succeeded"),
            release("r1", "s-2", 1, ""),
            release("r2", "ours", 2, ""),
            of_plan(release("r3", "s-3", 3, ""), "other"),
        ];
        let found = other_snapshots(&releases, "plan", "ours", &tested());
        let told: Vec<_> = found.iter().map(|other| (other.snapshot, other.progress)).collect();
        assert_eq!(told, [("s-1", Progress::Landed), ("s-2", Progress::InFlight)]);
    }
}
