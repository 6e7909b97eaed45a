//! What the job's history tells beforehand: how often a good image failed, and how long a run takes.

use std::time::Duration;

use super::chance::Before;
use super::document::Place;
use super::outcome::is_of;
use crate::history::{Ended, History, Run};
use crate::prow::JobState;

/// Runs whose length tells how long one takes: the latest.
const LATEST: usize = 20;

/// What is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Past {
    /// Runs on good images.
    pub before: Before,
    /// How long a run takes, by the median.
    pub usual: Option<Duration>,
}

/// What a history tells of a job, or of a test in it. Good is the image of `--good`, and whatever
/// ran before its build began.
pub fn past(history: &History, good: Option<&Place>, test: Option<&str>) -> Past {
    let is_good = |run: &Run| {
        let (digest, built) = match good {
            Some(place) => (place.image.digest(), place.built_at),
            None => return false,
        };
        run.digest.as_ref() == Some(digest) || built.is_some_and(|built| run.started_at < built)
    };
    let mut before = Before::default();
    for (at, run) in history.runs().iter().enumerate() {
        if !run.is_counted() || !is_good(run) {
            continue;
        }
        match test.map_or_else(|| of_job(run), |test| of_test(history, at, test)) {
            Some(true) => before.passed += 1,
            Some(false) => before.failed += 1,
            None => {}
        }
    }
    Past { before, usual: usual(history) }
}

/// Whether the job passed; `None` where it tells nothing of the product.
fn of_job(run: &Run) -> Option<bool> {
    match (run.passed(), run.product_failed()) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

/// Whether a test passed in the run at a place; `None` where it did not run.
fn of_test(history: &History, at: usize, test: &str) -> Option<bool> {
    let named = history.tests().iter().filter(|known| is_of(&known.id().name, test));
    let ends = named.filter_map(|known| known.marks().nth(at)).map(|mark| mark.ended);
    let worst = ends.filter(|ended| ended.ran()).max()?;
    Some(worst != Ended::Failed)
}

fn usual(history: &History) -> Option<Duration> {
    let went_through = |run: &&Run| matches!(run.result, JobState::Success | JobState::Failure);
    let took = |run: &Run| {
        let took = run.ended_at?.duration_since(run.started_at);
        Duration::try_from(took).ok()
    };
    let runs = history.runs().iter().rev().filter(went_through);
    let mut latest: Vec<Duration> = runs.filter_map(took).take(LATEST).collect();
    latest.sort_unstable();
    latest.get(latest.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::document::tests::place;
    use super::*;
    use crate::history::{Addition, Judged, Mark, Origin, TestEnd, TestId};
    use crate::record::Cause;

    /// A run of a day, with how it and its test ended.
    fn run(day: i64, origin: Origin, cause: Cause, test: Option<Ended>) -> Addition {
        let started = jiff::Timestamp::from_second(day * 86_400).unwrap();
        let result = match cause {
            Cause::Passed => JobState::Success,
            _ => JobState::Failure,
        };
        let hours = SignedDuration::from_hours(day);
        let run = Run {
            result,
            origin,
            ended_at: Some(started + hours),
            judged: Some(Judged { at: started, cause }),
            ..Run::new(format!("{day}-{origin:?}"), started)
        };
        let end = |ended| TestEnd { id: TestId::new("", "", "TestA/sub"), mark: Mark::of(ended) };
        Addition { run, tests: test.map(end).into_iter().collect() }
    }

    #[test]
    fn only_runs_on_good_images_count() {
        let mut history = History::of_job("periodic-a");
        let good = super::super::document::Place {
            built_at: jiff::Timestamp::from_second(5 * 86_400).ok(),
            ..place(5)
        };
        use Origin::{Bisect, Nightly, Rerun, Schedule};
        for addition in [
            run(1, Nightly, Cause::Passed, Some(Ended::Passed)),
            run(2, Schedule, Cause::Product, Some(Ended::Failed)),
            run(3, Nightly, Cause::Product, Some(Ended::Flaky)),
            run(4, Nightly, Cause::Infrastructure, None),
            run(4, Bisect, Cause::Product, Some(Ended::Failed)),
            run(4, Rerun, Cause::Product, Some(Ended::Failed)),
            run(5, Nightly, Cause::Product, Some(Ended::Failed)),
            run(6, Nightly, Cause::Product, Some(Ended::Failed)),
        ] {
            history.add(&addition);
        }
        let of = |good, test| past(&history, good, test).before;
        assert_eq!(of(Some(&good), None), Before { failed: 2, passed: 1 });
        assert_eq!(of(Some(&good), Some("TestA")), Before { failed: 1, passed: 2 });
        assert_eq!(of(Some(&good), Some("TestB")), Before::default());
        assert_eq!(of(None, None), Before::default());
        // The same image counts whenever it ran.
        let mut later = run(7, Nightly, Cause::Passed, Some(Ended::Passed));
        later.run.digest = Some(good.image.digest().clone());
        history.add(&later);
        assert_eq!(past(&history, Some(&good), None).before, Before { failed: 2, passed: 2 });
        let usual = past(&history, None, None).usual.unwrap();
        assert_eq!(usual, Duration::from_secs(4 * 3600));
        assert_eq!(past(&History::of_job("b"), Some(&good), None), Past::default());
    }
}
