//! Small histories for tests.

use jiff::{SignedDuration, Timestamp};

use super::document::{Addition, History, TestEnd, TestId};
use super::mark::Mark;
use super::run::{Origin, Reading, Run};
use crate::image::Digest;
use crate::prow::{JobState, TestCounts};

/// The start of day `n`: 03:00 UTC.
pub fn day(n: i64) -> Timestamp {
    let first: Timestamp = "2026-06-01T03:00:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * n)
}

/// The image of day `n`.
pub fn digest(n: i64) -> Digest {
    format!("sha256:{n:064x}").parse().unwrap()
}

/// A nightly run of day `n` with the image of that day.
pub fn nightly(n: i64) -> Run {
    Run {
        digest: Some(digest(n)),
        snapshot: Some(format!("s-{n}")),
        revision: Some(format!("{n:040x}")),
        origin: Origin::Nightly,
        result: JobState::Success,
        reading: Reading::Complete,
        tests: Some(TestCounts { run: 1, passed: 1, files: 1, ..TestCounts::default() }),
        ..Run::new(format!("n{n:04}"), day(n))
    }
}

/// A scheduled run of day `n`, twelve hours after the nightly one, with an unknown image.
pub fn scheduled(n: i64) -> Run {
    Run {
        origin: Origin::Schedule,
        result: JobState::Success,
        reading: Reading::Complete,
        ..Run::new(format!("s{n:04}"), day(n) + SignedDuration::from_hours(12))
    }
}

pub fn test(name: &str) -> TestId {
    TestId::new("e2e", "", name)
}

/// How a test ended.
pub fn end(name: &str, letter: char) -> TestEnd {
    TestEnd { id: test(name), mark: Mark::from_letter(letter as u8).unwrap() }
}

/// A run in which the test `T` ended so.
pub fn with(run: Run, letter: char) -> Addition {
    Addition { run, tests: vec![end("T", letter)] }
}

/// The history of the test `T`: for each day from 0 on a letter of the nightly run, and one of the
/// scheduled run; a blank is no run.
pub fn history(nightlies: &str, schedule: &str) -> History {
    let mut history = History::of_job("periodic-x");
    for (n, letter) in (0..).zip(nightlies.chars()).filter(|(_, letter)| *letter != ' ') {
        history.add(&with(nightly(n), letter));
    }
    for (n, letter) in (0..).zip(schedule.chars()).filter(|(_, letter)| *letter != ' ') {
        history.add(&with(scheduled(n), letter));
    }
    history
}
