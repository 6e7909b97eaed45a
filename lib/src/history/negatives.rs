//! How often the gate refused an image that was good.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use super::document::History;
use super::run::Run;
use super::statistics::wilson;
use crate::image::Digest;
use crate::record::Decision;

/// The share of nights that the gate may refuse wrongly.
pub const GOAL: f64 = 0.05;

/// A blocking job that failed in a night.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedJob<'a> {
    /// The Prow job's name.
    pub job: &'a str,
    /// The run that counted.
    pub build_id: Option<&'a str>,
    /// When that run began.
    pub started_at: Timestamp,
}

/// A night of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Night<'a> {
    /// The image.
    pub digest: &'a Digest,
    /// What was decided.
    pub decision: Decision,
    /// The blocking jobs that failed.
    pub failed: Vec<FailedJob<'a>>,
    /// Whether an override says that the failure was a real one.
    pub confirmed: bool,
}

/// What later runs showed of a red night.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All that failed passed later on the same image.
    Wrong,
    /// Something failed again on the same image, or a person says that it was right.
    Right,
    /// Neither.
    Unknown,
}

/// How often the gate was wrong. A pass after a failure can still be a real fault that shows now
/// and then: it counts as wrong here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FalseNegatives {
    /// Red nights that were shown wrong.
    pub wrong: u32,
    /// Red nights that were shown right.
    pub right: u32,
    /// Red nights of which neither is known.
    pub unknown: u32,
    /// Nights that were decided.
    pub nights: u32,
    /// Nights that were not, which are no part of `nights`.
    pub undecided: u32,
}

impl FalseNegatives {
    /// The share of nights that were wrong, at least, from 0 to 1.
    pub fn at_least(&self) -> f64 {
        share(self.wrong, self.nights)
    }

    /// The share of nights that were wrong, at most.
    pub fn at_most(&self) -> f64 {
        share(self.wrong + self.unknown, self.nights)
    }

    /// The share of red nights that were wrong, among those of which it is known: an interval of
    /// 95 %.
    pub fn of_shown(&self) -> (f64, f64) {
        wilson(self.wrong, self.wrong + self.right)
    }

    /// Whether the goal is met, where that is certain.
    pub fn meets_goal(&self) -> Option<bool> {
        match (self.nights, self.at_least() < GOAL, self.at_most() < GOAL) {
            (0, ..) => None,
            (_, _, true) => Some(true),
            (_, false, _) => Some(false),
            _ => None,
        }
    }
}

fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
}

impl fmt::Display for FalseNegatives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{:.1}", share * 100.0);
        let Self { wrong, right, unknown, nights, undecided } = self;
        if *nights == 0 {
            write!(f, "false negatives: no night was decided")?;
        } else {
            let (least, most) = (percent(self.at_least()), percent(self.at_most()));
            write!(f, "false negatives {wrong} of {nights} nights, {least} %")?;
            if *unknown > 0 {
                write!(f, " to {most} % ({unknown} not known)")?;
            }
            if wrong + right > 0 {
                let ((low, high), shown) = (self.of_shown(), wrong + right);
                let (low, high) = (percent(low), percent(high));
                write!(f, ", {wrong} of {shown} red nights shown wrong ({low} to {high} %)")?;
            }
            write!(f, ", goal under {:.0} %", GOAL * 100.0)?;
        }
        if *undecided > 0 { write!(f, "; {undecided} undecided") } else { Ok(()) }
    }
}

/// What later runs on the same image show of a red night. `histories` are those of its jobs, by
/// name.
pub fn shown(night: &Night<'_>, histories: &BTreeMap<&str, &History>) -> Shown {
    if night.confirmed {
        return Shown::Right;
    }
    let later = |failed: &FailedJob<'_>| {
        let history = histories.get(failed.job).copied();
        let runs = history.map(History::runs).unwrap_or_default();
        let is_later = |run: &&Run| {
            run.digest.as_ref() == Some(night.digest)
                && run.started_at > failed.started_at
                && Some(run.build_id.as_str()) != failed.build_id
        };
        let later: Vec<&Run> = runs.iter().filter(is_later).collect();
        (later.iter().any(|run| run.product_failed()), later.iter().any(|run| run.passed()))
    };
    let later: Vec<(bool, bool)> = night.failed.iter().map(later).collect();
    if later.iter().any(|(failed, _)| *failed) {
        Shown::Right
    } else if !later.is_empty() && later.iter().all(|(_, passed)| *passed) {
        Shown::Wrong
    } else {
        Shown::Unknown
    }
}

/// How often the gate was wrong over some nights.
pub fn false_negatives(
    nights: &[Night<'_>],
    histories: &BTreeMap<&str, &History>,
) -> FalseNegatives {
    let mut sum = FalseNegatives::default();
    for night in nights {
        match night.decision {
            Decision::Undecided => {
                sum.undecided += 1;
                continue;
            }
            Decision::Passed => {}
            Decision::Failed => match shown(night, histories) {
                Shown::Wrong => sum.wrong += 1,
                Shown::Right => sum.right += 1,
                Shown::Unknown => sum.unknown += 1,
            },
        }
        sum.nights += 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::samples::{day, digest, nightly};
    use super::super::{Addition, Judged, Origin};
    use super::*;
    use crate::prow::JobState;
    use crate::record::Cause;

    /// The history of job `j`: night 0 failed on image 0, then these runs.
    fn history(later: &[(i64, Cause, Origin)]) -> History {
        let mut history = History::of_job("j");
        let first = [(0, Cause::Product, Origin::Nightly)];
        for (n, (image, cause, origin)) in (0..).zip(first.iter().chain(later)) {
            let judged = Some(Judged { at: day(n), cause: *cause });
            let run = Run { digest: Some(digest(*image)), origin: *origin, judged, ..nightly(n) };
            history.add(&Addition { run, tests: Vec::new() });
        }
        history
    }

    fn night<'a>(digest: &'a Digest, jobs: &[&'a str]) -> Night<'a> {
        let failed = |job: &&'a str| FailedJob { job, build_id: Some("n0000"), started_at: day(0) };
        Night {
            digest,
            decision: Decision::Failed,
            failed: jobs.iter().map(failed).collect(),
            confirmed: false,
        }
    }

    #[test]
    fn what_later_runs_show() {
        use Cause::{Infrastructure as I, Passed as P, Product as F, Unproven as U};
        use Origin::{Bisect, Nightly, Rerun, Retest};
        let image = digest(0);
        for (later, wanted) in [
            (&[][..], Shown::Unknown),
            (&[(0, P, Rerun)], Shown::Wrong),
            (&[(0, P, Retest)], Shown::Wrong),
            (&[(0, P, Nightly)], Shown::Wrong),
            (&[(0, F, Retest)], Shown::Right),
            // It failed again and passed: a real fault that shows now and then.
            (&[(0, F, Retest), (0, P, Retest)], Shown::Right),
            (&[(0, P, Retest), (0, F, Bisect)], Shown::Right),
            // Other images, and ends that say nothing of the product.
            (&[(1, P, Nightly), (2, F, Nightly)], Shown::Unknown),
            (&[(0, I, Rerun), (0, U, Retest)], Shown::Unknown),
            (&[(0, I, Rerun), (0, P, Retest)], Shown::Wrong),
        ] {
            let history = history(later);
            let histories = BTreeMap::from([("j", &history)]);
            assert_eq!(shown(&night(&image, &["j"]), &histories), wanted, "{later:?}");
            let confirmed = Night { confirmed: true, ..night(&image, &["j"]) };
            assert_eq!(shown(&confirmed, &histories), Shown::Right);
        }
    }

    #[test]
    fn the_run_itself_and_earlier_ones_show_nothing() {
        use Cause::{Passed as P, Product as F};
        let image = digest(0);
        // Runs 0 (failed), 1 (passed) and 2 (failed) on the image.
        let history = history(&[(0, P, Origin::Nightly), (0, F, Origin::Retest)]);
        let histories = BTreeMap::from([("j", &history)]);
        let of = |build_id: Option<&str>, started_at: Timestamp| {
            let failed = vec![FailedJob { job: "j", build_id, started_at }];
            shown(&Night { failed, ..night(&image, &[]) }, &histories)
        };
        assert_eq!(of(Some("n0002"), day(2)), Shown::Unknown);
        assert_eq!(of(None, day(2)), Shown::Unknown);
        // Its launch is known, which was before its start.
        assert_eq!(of(Some("n0002"), day(1)), Shown::Unknown);
        assert_eq!(of(Some("n0001"), day(1)), Shown::Right);
    }

    #[test]
    fn all_jobs_that_failed_must_have_passed() {
        use Cause::{Passed as P, Product as F};
        let image = digest(0);
        let passed = history(&[(0, P, Origin::Retest)]);
        let (failed, open) = (history(&[(0, F, Origin::Retest)]), history(&[]));
        let of = |second: Option<&History>| {
            let mut histories = BTreeMap::from([("a", &passed)]);
            histories.extend(second.map(|history| ("b", history)));
            shown(&night(&image, &["a", "b"]), &histories)
        };
        assert_eq!(of(Some(&passed)), Shown::Wrong);
        assert_eq!(of(Some(&failed)), Shown::Right);
        assert_eq!(of(Some(&open)), Shown::Unknown);
        assert_eq!(of(None), Shown::Unknown);
        assert_eq!(shown(&night(&image, &[]), &BTreeMap::new()), Shown::Unknown);
    }

    #[test]
    fn a_run_that_was_not_judged_counts_by_prows_word() {
        let image = digest(0);
        let mut history = history(&[]);
        let run = Run { digest: Some(digest(0)), origin: Origin::Other, ..nightly(3) };
        history.add(&Addition { run: run.clone(), tests: Vec::new() });
        let of =
            |history: &History| shown(&night(&image, &["j"]), &BTreeMap::from([("j", history)]));
        assert_eq!(of(&history), Shown::Wrong);
        let failure = Run { result: JobState::Failure, tests: None, ..nightly(4) };
        let failure = Run { digest: Some(digest(0)), ..failure };
        history.add(&Addition { run: failure, tests: Vec::new() });
        assert_eq!(of(&history), Shown::Wrong, "a failure without a failing test says nothing");
    }

    #[test]
    fn the_sum_with_its_bounds() {
        let (image, other) = (digest(0), digest(1));
        let passed = history(&[(0, Cause::Passed, Origin::Retest)]);
        let histories = BTreeMap::from([("j", &passed)]);
        let decided = |decision| Night { decision, ..night(&other, &[]) };
        let mut nights = vec![night(&image, &["j"]); 2];
        nights.push(night(&other, &["j"]));
        nights.push(Night { confirmed: true, ..night(&other, &["j"]) });
        nights.extend((0..56).map(|_| decided(Decision::Passed)));
        nights.extend((0..3).map(|_| decided(Decision::Undecided)));
        let sum = false_negatives(&nights, &histories);
        let wanted = FalseNegatives { wrong: 2, right: 1, unknown: 1, nights: 60, undecided: 3 };
        assert_eq!(sum, wanted);
        assert_eq!(
            sum.to_string(),
            "false negatives 2 of 60 nights, 3.3 % to 5.0 % (1 not known), 2 of 3 red nights shown wrong (20.8 to 93.9 %), goal under 5 %; 3 undecided"
        );
        assert_eq!(sum.meets_goal(), None);
        assert_eq!(FalseNegatives { unknown: 0, ..sum }.meets_goal(), Some(true));
        assert_eq!(FalseNegatives { wrong: 3, ..sum }.meets_goal(), Some(false));
        let none = FalseNegatives::default();
        assert_eq!(none.to_string(), "false negatives: no night was decided");
        assert_eq!((none.meets_goal(), none.at_most()), (None, 0.0));
    }

    #[test]
    fn only_what_was_shown_is_told() {
        let none = FalseNegatives { nights: 10, ..FalseNegatives::default() };
        for (sum, wanted) in [
            (none, "0 of 10 nights, 0.0 %"),
            (
                FalseNegatives { unknown: 1, ..none },
                "0 of 10 nights, 0.0 % to 10.0 % (1 not known)",
            ),
            (
                FalseNegatives { wrong: 1, ..none },
                "1 of 10 nights, 10.0 %, 1 of 1 red nights shown wrong (20.7 to 100.0 %)",
            ),
            (
                FalseNegatives { right: 1, ..none },
                "0 of 10 nights, 0.0 %, 0 of 1 red nights shown wrong (0.0 to 79.3 %)",
            ),
            (
                FalseNegatives { wrong: 1, right: 1, ..none },
                "1 of 10 nights, 10.0 %, 1 of 2 red nights shown wrong (9.5 to 90.5 %)",
            ),
        ] {
            assert_eq!(sum.to_string(), format!("false negatives {wanted}, goal under 5 %"));
        }
    }
}
