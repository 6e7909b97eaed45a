//! How many tests a success of the job usually runs.

use super::document::History;
use super::past::Tonight;
use crate::prow::JobState;
use crate::record::SUCCESSES;

pub use crate::record::{TooFew, Usual};

impl Usual {
    /// The usual number before tonight; `None` where fewer than five successes with readable tests
    /// are known.
    pub fn of(history: &History, tonight: Tonight<'_>) -> Option<Self> {
        let successes = history.runs().iter().rev().filter(|run| {
            run.is_counted() && run.result == JobState::Success && tonight.is_after(run)
        });
        let mut ran: Vec<usize> = successes
            .filter_map(|run| run.tests.map(|tests| tests.run))
            .take(SUCCESSES)
            .collect();
        ran.reverse();
        Some(Self { ran: ran.try_into().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{day, nightly, scheduled};
    use super::super::{Addition, Origin, Run};
    use super::*;
    use crate::prow::TestCounts;

    fn ran(run: Run, tests: Option<usize>) -> Addition {
        let tests = tests.map(|run| TestCounts { run, ..TestCounts::default() });
        Addition { run: Run { tests, ..run }, tests: Vec::new() }
    }

    /// The usual number after runs that ran so many tests, the oldest first.
    fn usual(runs: &[Option<usize>]) -> Option<Usual> {
        let mut history = History::of_job("j");
        for (n, tests) in (0..).zip(runs) {
            history.add(&ran(nightly(n), *tests));
        }
        Usual::of(&history, Tonight::of(&nightly(runs.len() as i64)))
    }

    #[test]
    fn the_median_of_the_last_five_successes() {
        let some = |runs: &[usize]| runs.iter().map(|run| Some(*run)).collect::<Vec<_>>();
        assert_eq!(usual(&some(&[9, 9, 9, 9])), None);
        assert_eq!(usual(&some(&[1, 2, 3, 4, 5])).unwrap().median(), 3);
        let last = usual(&some(&[900, 900, 900, 50, 10, 40, 20, 30])).unwrap();
        assert_eq!((last.ran, last.median()), ([50, 10, 40, 20, 30], 30));
        // What could not be read says nothing; a hollow success does.
        let mut runs = some(&[100, 100, 100, 100, 0]);
        runs.insert(2, None);
        assert_eq!(usual(&runs).unwrap().ran, [100, 100, 100, 100, 0]);
    }

    #[test]
    fn failures_reruns_and_later_runs_are_left_out() {
        let mut history = History::of_job("j");
        for n in 0..5 {
            history.add(&ran(nightly(n), Some(100)));
        }
        let before = Usual::of(&history, Tonight::of(&nightly(9)));
        let failed = |run: Run| Run { result: JobState::Failure, ..run };
        history.add(&ran(failed(nightly(5)), Some(3)));
        for (n, origin) in [(6, Origin::Rerun), (7, Origin::Retest), (8, Origin::Bisect)] {
            history.add(&ran(Run { origin, ..nightly(n) }, Some(3)));
        }
        for n in 9..14 {
            history.add(&ran(nightly(n), Some(3)));
        }
        assert_eq!(Usual::of(&history, Tonight::of(&nightly(9))), before);
        history.add(&ran(scheduled(8), Some(40)));
        let usual = Usual::of(&history, Tonight::of(&nightly(9))).unwrap();
        assert_eq!(usual.ran, [100, 100, 100, 100, 40]);
        assert_eq!(
            Usual::of(&history, Tonight { started_at: day(3), ..Tonight::of(&nightly(3)) }),
            None
        );
    }

    #[test]
    fn too_few_tests() {
        let of = |ran: [usize; 5], now: usize| {
            Usual { ran }
                .judge(now)
                .map(|few| few.to_string())
                .unwrap_or_default()
        };
        let none = "no test ran, usually 100; set tests: N or junit: ignore in its job list entry";
        let half =
            "49 tests ran, usually 100; set tests: 49 in its job list entry if that is right";
        assert_eq!(of([100; 5], 0), none);
        assert_eq!(of([1, 100, 100, 100, 100], 0), none);
        assert_eq!(of([100; 5], 49), half);
        assert_eq!(of([100; 5], 50), "");
        assert_eq!(
            of([101; 5], 50),
            "50 tests ran, usually 101; set tests: 50 in its job list entry if that is right"
        );
        // A job of one test that ran none, and one that never ran any.
        assert!(of([1; 5], 0).starts_with("no test ran"));
        assert_eq!(of([0; 5], 0), "");
        assert_eq!(of([0, 0, 0, 1, 1], 0), "");
        // Hollow successes pull it down: the third of five is the new number.
        assert_eq!(of([100, 100, 30, 30, 30], 30), "");
        assert!(of([100, 100, 100, 30, 30], 30).starts_with("30 tests ran, usually 100"));
    }

    #[test]
    fn what_an_attempt_keeps_is_read_again() {
        let usual = Usual { ran: [1, 2, 3, 4, 5] };
        let kept = serde_json::to_string(&usual).unwrap();
        assert_eq!(kept, r#"{"ran":[1,2,3,4,5]}"#);
        assert_eq!(serde_json::from_str::<Usual>(&kept).unwrap(), usual);
        assert!(serde_json::from_str::<Usual>(r#"{"ran":[1,2,3]}"#).is_err());
    }
}
