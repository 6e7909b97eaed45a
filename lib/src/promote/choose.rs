//! What the Releases that exist already mean for the one that is wanted.

use crate::image::Digest;
use crate::konflux::labels::RUN_ANNOTATION;
use crate::konflux::release_name as name;
use crate::konflux::{Outcome, PushedImage, Release, annotation, is_automatic, outcome};
use crate::record::ReleaseRecord;

/// What a Release is wanted for, and by whom.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The ReleasePlan.
    pub plan: &'a str,
    pub snapshot: &'a str,
    /// The tested digest.
    pub digest: &'a Digest,
    /// The record's id.
    pub run: &'a str,
    /// What the record says of its Release so far.
    pub noted: Option<&'a ReleaseRecord>,
    /// `--again`.
    pub again: bool,
}

/// What to do.
#[derive(Debug, Clone)]
pub enum Choice<'a> {
    /// Nothing: it has landed.
    Done {
        release: &'a Release,
        /// What it pushed.
        images: Vec<PushedImage>,
    },
    /// Wait for this one.
    Wait(&'a Release),
    /// Nothing: this record's own has failed, and another try has to be asked for.
    Failed {
        release: &'a Release,
        /// Why it failed.
        why: String,
    },
    /// Nothing: what became of this one is not known, and another could do it twice.
    Unknown {
        name: String,
        /// The Release, if it is still there.
        release: Option<&'a Release>,
        /// Why it is not known.
        why: String,
    },
    /// Make one.
    Make {
        name: String,
        /// The failed one before it, with why it failed.
        after: Option<(&'a Release, String)>,
    },
}

/// Decides, from all Releases of the plan and all whose names could be in the way.
pub fn choose<'a>(wanted: &Wanted<'_>, releases: &'a [Release]) -> Choice<'a> {
    let ours =
        |release: &&Release| is_ours(wanted, release) && !counts_for_nothing(wanted, release);
    let mut standing: Vec<(&Release, Outcome)> = releases
        .iter()
        .filter(ours)
        .map(|release| (release, outcome(release, wanted.digest)))
        .collect();
    // The newest first: by creation, then by number.
    standing.sort_by_key(|(release, _)| {
        let created = crate::konflux::created_at(&release.metadata);
        std::cmp::Reverse((
            created,
            name::number(&prefix(wanted), name_of(release)),
            name_of(release).to_owned(),
        ))
    });
    for (release, outcome) in &standing {
        if let Outcome::Released { images } = outcome {
            return Choice::Done { release, images: images.clone() };
        }
    }
    let is_running = |outcome: &Outcome| matches!(outcome, Outcome::Running { .. });
    let running = standing
        .iter()
        .find(|(_, outcome)| is_running(outcome))
        .map(|(release, _)| *release);
    if let Some(release) = running {
        if release.metadata.deletion_timestamp.is_none() {
            return Choice::Wait(release);
        }
        let why = "it is being deleted, with the managed pipeline that may be pushing".to_owned();
        return Choice::Unknown { name: name_of(release).to_owned(), release: Some(release), why };
    }
    for (release, outcome) in &standing {
        if let Outcome::Unknown { why } = outcome {
            return Choice::Unknown {
                name: name_of(release).to_owned(),
                release: Some(release),
                why: why.clone(),
            };
        }
    }
    let made = wanted
        .noted
        .filter(|noted| noted.created)
        .and_then(|noted| noted.name.as_deref());
    let is_there = |name: &&str| {
        let mut seen = standing
            .iter()
            .map(|(release, _)| *release)
            .chain(automatic(wanted, releases));
        seen.any(|release| name_of(release) == *name)
    };
    if let Some(name) = made.filter(|name| !is_there(name)) {
        let why = "this run made it, and it was deleted before its end was seen".to_owned();
        return Choice::Unknown { name: name.to_owned(), release: None, why };
    }
    let failed = standing.into_iter().find_map(|(release, outcome)| match outcome {
        Outcome::Failed { why } => Some((release, why)),
        _ => None,
    });
    match failed {
        Some((release, why)) if is_made_by(wanted, release) && !wanted.again => {
            Choice::Failed { release, why }
        }
        after => {
            Choice::Make { name: name::next(&prefix(wanted), releases.iter().map(name_of)), after }
        }
    }
}

fn is_ours(wanted: &Wanted<'_>, release: &Release) -> bool {
    release.spec.release_plan == wanted.plan && release.spec.snapshot == wanted.snapshot
}

/// The Releases of this plan and Snapshot that integration-service made by itself. They are of an
/// image that nobody had tested: neither adopted nor in the way, whatever became of them.
pub fn automatic<'a>(wanted: &Wanted<'_>, releases: &'a [Release]) -> Vec<&'a Release> {
    releases
        .iter()
        .filter(|release| is_ours(wanted, release) && counts_for_nothing(wanted, release))
        .collect()
}

/// One that this run made is its own, whatever label somebody gave it since. Only the annotation on
/// the Release tells that: whoever can write records could name an automatic one there.
fn counts_for_nothing(wanted: &Wanted<'_>, release: &Release) -> bool {
    is_automatic(release) && !is_annotated(wanted, release)
}

fn is_annotated(wanted: &Wanted<'_>, release: &Release) -> bool {
    annotation(&release.metadata, RUN_ANNOTATION) == Some(wanted.run)
}

/// Whether this record made a Release.
pub fn is_made_by(wanted: &Wanted<'_>, release: &Release) -> bool {
    let noted = wanted
        .noted
        .filter(|noted| noted.created)
        .and_then(|noted| noted.name.as_deref());
    is_annotated(wanted, release) || noted == Some(name_of(release))
}

/// A Release's name.
pub fn name_of(release: &Release) -> &str {
    release.metadata.name.as_deref().unwrap_or_default()
}

fn prefix(wanted: &Wanted<'_>) -> String {
    name::prefix(wanted.plan, wanted.digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn automatic_ones_are_those_of_this_plan_and_snapshot_that_no_run_of_ours_made() {
        let digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let wanted = Wanted {
            plan: "plan",
            snapshot: "s-1",
            digest: &digest,
            run: "run",
            noted: None,
            again: false,
        };
        let release = |name: &str, plan: &str, snapshot: &str, automated: bool, run: &str| {
            let labels = json!({crate::konflux::labels::AUTOMATED_LABEL: automated.to_string()});
            let annotations = json!({RUN_ANNOTATION: run});
            serde_json::from_value(json!({
                "metadata": {"name": name, "labels": labels, "annotations": annotations},
                "spec": {"releasePlan": plan, "snapshot": snapshot},
            }))
            .unwrap()
        };
        let releases = [
            release("automatic", "plan", "s-1", true, ""),
            release("ours", "plan", "s-1", true, "run"),
            release("by-hand", "plan", "s-1", false, ""),
            release("other-plan", "other", "s-1", true, ""),
            release("other-snapshot", "plan", "s-2", true, ""),
        ];
        let found: Vec<_> = automatic(&wanted, &releases).into_iter().map(name_of).collect();
        assert_eq!(found, ["automatic"]);
    }
}
