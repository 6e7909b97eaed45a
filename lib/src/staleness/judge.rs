//! Fresh, stale, or blind; and why.

use jiff::{SignedDuration, Timestamp};

use super::{Evidence, Quiet, Source, SourceName, Verified};
use crate::record::{Outcome, Past};

/// A nightly gate that did nothing for so long, quiet time left out, missed a night (36 hours).
const MISSED: SignedDuration = SignedDuration::from_hours(36);

/// Why there is no newer verified image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The gate did not run.
    DidNotRun {
        /// When it last did anything.
        last: Option<Timestamp>,
    },
    /// The last run ended without a word: it was cancelled outright, or deleted with its Snapshot.
    Killed {
        /// The run.
        run: String,
        /// Its Snapshot.
        snapshot: Option<String>,
    },
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
    /// It passed, and the Release did not land.
    ReleaseFailed {
        /// The end of the last run in words.
        words: String,
    },
    /// A run is on its way.
    RunningNow {
        /// The run.
        run: String,
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
            Self::RunningNow { .. } => "running-now",
            Self::NotKnown => "not-known",
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The newest verified image is young enough, or the gate itself is.
    Fresh {
        /// The image; none while the gate is younger than the threshold.
        newest: Option<Verified>,
    },
    /// It is too old.
    Stale {
        /// The image; none where none was ever verified.
        newest: Option<Verified>,
        /// Why there is no newer one.
        cause: Cause,
        /// Sources that did not answer: the age is known without them.
        silent: Vec<Source>,
    },
    /// A source did not answer, and what it would tell is not known.
    Blind {
        /// The newest image among what could be read.
        newest: Option<Verified>,
        /// The sources.
        silent: Vec<Source>,
    },
}

/// Decides.
pub fn judge(evidence: &Evidence, threshold: SignedDuration, quiet: &Quiet, now: Timestamp) -> Finding {
    let newest = evidence.newest();
    let young = |from: Timestamp| quiet.age(from, now) <= threshold;
    let fresh = match &newest {
        Some(verified) => young(verified.at),
        // A new gate has as long as an old one for its first image.
        None => evidence.first_activity().is_some_and(young),
    };
    let silent = evidence.silent.clone();
    match (fresh, evidence.knows_releases()) {
        (true, _) if silent.is_empty() => Finding::Fresh { newest },
        (true, _) | (false, false) => Finding::Blind { newest, silent },
        (false, true) => {
            let cause = cause(evidence, newest.as_ref(), quiet, now);
            Finding::Stale { newest, cause, silent }
        }
    }
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
        return Cause::DidNotRun { last };
    }
    let since = |record: &&Past| newest.is_none_or(|verified| record.created_at > verified.at);
    let Some(record) = evidence.records.iter().find(since) else {
        return last_run_without_record(evidence);
    };
    let failures = evidence.records.iter().filter(since).filter(|record| is_failure(record)).count();
    let words = || record.words.clone().unwrap_or_else(|| format!("run {}", run_of(record)));
    match record.outcome {
        // It has begun and not ended, and no run of it is in flight.
        None => Cause::Killed { run: run_of(record), snapshot: record.snapshot.clone() },
        Some(Outcome::Refused | Outcome::Undecided | Outcome::Broken | Outcome::Cancelled) => {
            Cause::RanAndFailed { words: words(), runs: failures.max(1) }
        }
        Some(Outcome::Passed) => Cause::OnlyTried { words: words() },
        Some(Outcome::NotReleased | Outcome::ReleaseUnknown | Outcome::ReleasePending | Outcome::Promoted) => {
            Cause::ReleaseFailed { words: words() }
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
        Some(run) if !evidence.lacks(SourceName::Records) => {
            let words = run.failed_at_once().unwrap_or_else(|| "it left no record".to_owned());
            Cause::RanAndFailed { words: format!("run {}: {words}", run.metadata.name), runs: 1 }
        }
        _ => Cause::NotKnown,
    }
}
