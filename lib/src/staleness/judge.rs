//! Fresh, stale, or blind; and why.

use jiff::{SignedDuration, Timestamp};

use super::{Build, Evidence, Quiet, Reach, Source, SourceName, Verified};
use crate::record::{Outcome, Past};
use crate::verified::Image;

/// A nightly gate that was idle for this time, quiet time left out, missed a night (36 hours).
const MISSED: SignedDuration = SignedDuration::from_hours(36);

/// With nothing newer to verify an image may be so many times older.
const NOTHING_NEWER: i32 = 3;

/// The sources by which it is known how old a gate is.
const GATES_AGE: [SourceName; 4] =
    [SourceName::Releases, SourceName::Archive, SourceName::Runs, SourceName::Records];

/// Why there is no newer verified image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The gate did not run.
    DidNotRun {
        /// When it last did anything.
        last: Option<Timestamp>,
    },
    /// The last run ended without a word: it was cancelled outright, or deleted with its Snapshot.
    Killed { run: String, snapshot: Option<String> },
    /// It ran and did not pass.
    RanAndFailed {
        /// The end of the last run in words.
        words: String,
        /// How many runs since the image was verified did not pass.
        runs: usize,
    },
    /// It passed, and nothing was to be promoted, such as by a dry run.
    OnlyTried {
        /// The end of the last run in words.
        words: String,
    },
    /// It passed, and the Release certainly did not land.
    ReleaseFailed {
        /// The end of the last run in words.
        words: String,
    },
    /// It passed, and what became of its Release is not known, or not yet.
    ReleaseUnknown {
        /// The end of the last run in words.
        words: String,
    },
    /// A run is on its way.
    RunningNow { run: String },
    /// There is nothing newer to verify: the newest fit Snapshot has the verified image.
    NothingNewer {
        snapshot: String,
        /// When its build began.
        built_at: Option<Timestamp>,
    },
    /// The sources that would tell did not answer.
    NotKnown,
}

impl Cause {
    /// The cause as one word, for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::DidNotRun { .. } => "did-not-run",
            Self::Killed { .. } => "killed",
            Self::RanAndFailed { .. } => "ran-and-failed",
            Self::OnlyTried { .. } => "only-tried",
            Self::ReleaseFailed { .. } => "release-failed",
            Self::ReleaseUnknown { .. } => "release-unknown",
            Self::RunningNow { .. } => "running-now",
            Self::NothingNewer { .. } => "nothing-newer",
            Self::NotKnown => "not-known",
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The newest verified image is young enough, or the gate itself is, or there is nothing newer.
    Fresh {
        /// The image; none while the gate is younger than the threshold.
        newest: Option<Verified>,
        /// The Snapshot of that image, where the image is old and there is nothing newer to verify.
        nothing_newer: Option<String>,
        /// Sources that did not answer: nothing that they could tell would change this.
        silent: Vec<Source>,
    },
    /// It is too old.
    Stale {
        /// The image; none where none is known.
        newest: Option<Verified>,
        /// How far back one was looked for.
        reach: Reach,
        /// Why there is no newer one.
        cause: Cause,
        /// Sources that did not answer: the age is known without them.
        silent: Vec<Source>,
    },
    /// A source did not answer, and what it would tell could change the finding.
    Blind {
        /// The newest image among what could be read.
        newest: Option<Verified>,
        /// The sources.
        silent: Vec<Source>,
    },
}

/// Whether the newest verified image is too old for itself, so that it matters whether there is a
/// newer build.
pub fn is_old(
    evidence: &Evidence,
    threshold: SignedDuration,
    quiet: &Quiet,
    now: Timestamp,
) -> bool {
    evidence
        .newest()
        .is_some_and(|newest| quiet.age(newest.at, now) > threshold)
}

/// Decides. What the objects show that could be read is certain: they may be all that is needed.
/// Without the list of retracted images the newest one may be one of them.
pub fn judge(
    evidence: &Evidence,
    threshold: SignedDuration,
    quiet: &Quiet,
    now: Timestamp,
) -> Finding {
    match judged(evidence, threshold, quiet, now) {
        Finding::Fresh { newest, silent, .. } if evidence.ignores(SourceName::Retracted) => {
            Finding::Blind { newest, silent }
        }
        finding => finding,
    }
}

fn judged(
    evidence: &Evidence,
    threshold: SignedDuration,
    quiet: &Quiet,
    now: Timestamp,
) -> Finding {
    let newest = evidence.newest();
    let young = |from: Timestamp| quiet.age(from, now) <= threshold;
    let is_fresh = match &newest {
        Some(verified) => young(verified.at),
        // A new gate has as long as an old one for its first image.
        None => evidence.first_activity().is_some_and(young),
    };
    if is_fresh {
        let in_doubt = match &newest {
            Some(newest) => evidence.is_in_doubt(newest),
            // What did not answer may know of an older gate, and of an image that is too old.
            None => GATES_AGE.into_iter().any(|name| evidence.lacks(name)),
        };
        let silent = evidence.silent.clone();
        return match in_doubt {
            true => Finding::Blind { newest, silent },
            false => Finding::Fresh { newest, nothing_newer: None, silent },
        };
    }
    let silent = evidence.silent.clone();
    let cause = cause(evidence, newest.as_ref(), quiet, now);
    let waits = newest
        .as_ref()
        .and_then(|newest| nothing_newer(evidence, newest, &cause, quiet, now));
    // Whatever a source could tell: nothing waits to be verified.
    if let (Some(Cause::NothingNewer { snapshot, .. }), true) =
        (&waits, within(newest.as_ref(), threshold, quiet, now))
    {
        return Finding::Fresh { newest, nothing_newer: Some(snapshot.clone()), silent };
    }
    if might_be_fresh(evidence, newest.as_ref(), threshold, &young, quiet, now) {
        return Finding::Blind { newest, silent: evidence.unanswered() };
    }
    let cause = waits.unwrap_or(cause);
    let silent = if cause == Cause::NotKnown { evidence.unanswered() } else { silent };
    Finding::Stale { newest, reach: evidence.reach, cause, silent }
}

/// Whether the age is one that is allowed with nothing newer to verify.
fn within(
    newest: Option<&Verified>,
    threshold: SignedDuration,
    quiet: &Quiet,
    now: Timestamp,
) -> bool {
    let longest = threshold.saturating_mul(NOTHING_NEWER);
    newest.is_some_and(|newest| quiet.age(newest.at, now) <= longest)
}

/// Whether what did not answer could have shown that all is well.
fn might_be_fresh(
    evidence: &Evidence,
    newest: Option<&Verified>,
    threshold: SignedDuration,
    young: &impl Fn(Timestamp) -> bool,
    quiet: &Quiet,
    now: Timestamp,
) -> bool {
    let by_releases = evidence.silent.iter().any(|source| match source.name {
        SourceName::Releases | SourceName::Archive => source.rest_before.is_none_or(young),
        _ => false,
    });
    // A gate of which nothing is known may have begun yesterday.
    let by_youth = newest.is_none()
        && evidence.first_activity().is_none()
        && [SourceName::Runs, SourceName::Records]
            .into_iter()
            .any(|name| match name {
                SourceName::Records => evidence.lacks(name),
                other => evidence.ignores(other),
            });
    let something_newer = newest.is_some_and(|newest| {
        let newer = |record: &Past| {
            record.created_at > newest.at
                && record.image.as_ref().is_some_and(|image| !newest.image.is(image))
        };
        evidence.records.iter().any(newer)
    });
    let by_quiet = evidence.build.is_none()
        && evidence.lacks(SourceName::Snapshots)
        && !something_newer
        && within(newest, threshold, quiet, now);
    by_releases || by_youth || by_quiet
}

/// That there is nothing to verify that the gate has had time for: the newest Snapshot has the
/// verified image, or the first one after it is so young that no night has come yet.
fn nothing_newer(
    evidence: &Evidence,
    newest: &Verified,
    cause: &Cause,
    quiet: &Quiet,
    now: Timestamp,
) -> Option<Cause> {
    let Some(Build::Fit { snapshot, digest, built_at, waiting_since }) = &evidence.build else {
        return None;
    };
    let same = match &newest.image {
        Image::Snapshot(name) => name == snapshot,
        image => image.is(digest),
    };
    let just_built = matches!(cause, Cause::DidNotRun { .. })
        && waiting_since.is_some_and(|since| quiet.age(since, now) <= MISSED);
    (same || just_built)
        .then(|| Cause::NothingNewer { snapshot: snapshot.clone(), built_at: *built_at })
}

fn cause(evidence: &Evidence, newest: Option<&Verified>, quiet: &Quiet, now: Timestamp) -> Cause {
    if let Some(run) = evidence.runs.iter().find(|run| run.is_in_flight()) {
        return Cause::RunningNow { run: run.metadata.name.clone() };
    }
    if evidence.lacks(SourceName::Runs) {
        return Cause::NotKnown;
    }
    let last = evidence.last_activity();
    let missed = last.is_none_or(|at| quiet.age(at, now) > MISSED);
    if missed && !evidence.lacks(SourceName::Records) {
        // What was not asked for may well have run.
        return match evidence.unasked.contains(&SourceName::Runs) {
            true => Cause::NotKnown,
            false => Cause::DidNotRun { last },
        };
    }
    let since = |record: &&Past| newest.is_none_or(|verified| record.created_at > verified.at);
    let record = evidence.records.iter().find(since);
    // The last word was in a record that cannot be read.
    if evidence.unreadable.iter().max() > record.map(|record| &record.created_at)
        && evidence.unreadable.iter().max() > newest.map(|newest| &newest.at)
    {
        return Cause::NotKnown;
    }
    let Some(record) = record else { return last_run_without_record(evidence) };
    let failures = evidence
        .records
        .iter()
        .filter(since)
        .filter(|record| is_failure(record))
        .count();
    let words = || {
        record
            .words
            .clone()
            .unwrap_or_else(|| format!("run {}", run_of(record)))
    };
    match record.outcome {
        // It has begun and not ended: without the runs it may be on its way.
        None if evidence.unasked.contains(&SourceName::Runs) => Cause::NotKnown,
        // No run of it is in flight.
        None => Cause::Killed { run: run_of(record), snapshot: record.snapshot.clone() },
        Some(Outcome::Refused | Outcome::Undecided | Outcome::Broken | Outcome::Cancelled) => {
            Cause::RanAndFailed { words: words(), runs: failures.max(1) }
        }
        Some(Outcome::Passed) => Cause::OnlyTried { words: words() },
        Some(Outcome::NotReleased) => Cause::ReleaseFailed { words: words() },
        // One that its record calls promoted is seen nowhere, or pushed something else.
        Some(Outcome::ReleaseUnknown | Outcome::ReleasePending | Outcome::Promoted) => {
            Cause::ReleaseUnknown { words: words() }
        }
    }
}

fn run_of(record: &Past) -> String {
    record.run.clone().unwrap_or_else(|| record.name.clone())
}

fn is_failure(record: &Past) -> bool {
    !matches!(record.outcome, Some(Outcome::Promoted | Outcome::Passed))
}

/// A run that left no record: it broke before its first step, or records cannot be read.
fn last_run_without_record(evidence: &Evidence) -> Cause {
    let last = evidence.runs.iter().max_by_key(|run| run.metadata.creation_timestamp);
    match last {
        Some(run) if !evidence.ignores(SourceName::Records) => {
            let words = run.failed_at_once().unwrap_or_else(|| "it left no record".to_owned());
            Cause::RanAndFailed { words: format!("run {}: {words}", run.metadata.name), runs: 1 }
        }
        _ => Cause::NotKnown,
    }
}

#[cfg(test)]
mod tests;
