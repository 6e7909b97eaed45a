//! Which sampled jobs run tonight, and why.
//!
//! A job with `every` is due when it never passed, did not pass when it last ran, or its last pass
//! has become as old as `every`. Of those that are due the `budget` runs, in this order:
//!
//! 1. jobs of required cells before all others;
//! 2. the oldest last pass first, so that a job that is red comes before those that passed later
//!    and blocks until it is green, and no job that is due waits for one that passed after it;
//! 3. the one first that has not run for the longest time: jobs that never passed take turns;
//! 4. in turn by the date, so that without a history too every job runs some night.
//!
//! The choice is made once, is written into the record with the request, and is never worked out
//! again for the same run: a step that is tried again finds it there.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Days, NIGHT, age};

/// Nights do not begin at the same second: a pass counts as `every` old this much earlier (6 hours,
/// or a quarter of `every` where that is less). Otherwise `every: 3d` would run every fourth night.
const EARLY: Duration = Duration::from_secs(6 * 3600);

/// A job as it may be asked for tonight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its `every`; a job without runs every night.
    pub every: Option<Days>,
    /// Whether its cell is a required one.
    pub required: bool,
}

/// A run that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// When it began.
    pub at: Timestamp,
    /// Whether it passed, as the gate judged it; a run that was not decided has not.
    pub passed: bool,
}

/// What is known of a job's earlier runs for a gate: those that a gate launched, on whatever image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past {
    /// This, from its history.
    Known {
        /// When the last run that passed began.
        passed_at: Option<Timestamp>,
        /// The last run.
        last: Option<Ended>,
    },
    /// Its history cannot be read.
    Unknown,
}

impl Past {
    /// Of runs in whatever order.
    pub fn of(runs: impl IntoIterator<Item = Ended>) -> Self {
        let (mut passed_at, mut last): (Option<Timestamp>, Option<Ended>) = (None, None);
        for run in runs {
            if run.passed {
                passed_at = passed_at.max(Some(run.at));
            }
            if last.is_none_or(|last| last.at <= run.at) {
                last = Some(run);
            }
        }
        Self::Known { passed_at, last }
    }

    /// When the last pass began, where it is known.
    pub fn passed_at(&self) -> Option<Timestamp> {
        match self {
            Self::Known { passed_at, .. } => *passed_at,
            Self::Unknown => None,
        }
    }

    /// When it last ran, where it is known.
    pub fn ran_at(&self) -> Option<Timestamp> {
        match self {
            Self::Known { last, .. } => last.map(|last| last.at),
            Self::Unknown => None,
        }
    }
}

/// What is known of each job; one that is not in it never ran.
pub type Pasts = BTreeMap<String, Past>;

/// The night to choose for.
#[derive(Debug, Clone, Copy)]
pub struct Night {
    /// The time.
    pub now: Timestamp,
    /// How many sampled jobs may run; all that are due where absent.
    pub budget: Option<u32>,
    /// Whether every job runs, due or not, whatever the budget.
    pub all: bool,
}

/// Why a job runs or waits.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It has no `every`.
    EveryNight,
    /// It was asked for all of them.
    All,
    /// It never passed.
    NeverPassed,
    /// It did not pass when it last ran.
    NotPassedLast,
    /// Its last pass is as old as `every`.
    Old,
    /// Its history cannot be read.
    Unknown,
    /// Its last pass is younger than `every`.
    NotDue,
}

/// What was decided of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// Whether it runs tonight.
    pub runs: bool,
    /// Why it is due, or is not. A job that is due and does not run has found no place in the
    /// budget.
    pub reason: Reason,
    /// When the last run that passed began, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub passed_at: Option<Timestamp>,
    /// Its `every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Days>,
}

/// What runs tonight and what does not: sampled jobs in the order in which they were chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// When it was made.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The budget that it was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<u32>,
    /// Every job that has `every`.
    #[serde(default)]
    pub choices: Vec<Choice>,
}

impl Plan {
    /// Whether a job runs tonight: one that was not chosen about does.
    pub fn runs(&self, name: &str) -> bool {
        self.choices
            .iter()
            .find(|choice| choice.name == name)
            .is_none_or(|choice| choice.runs)
    }

    /// The jobs that are due and found no place.
    pub fn crowded_out(&self) -> impl Iterator<Item = &Choice> {
        self.choices
            .iter()
            .filter(|choice| !choice.runs && choice.reason != Reason::NotDue)
    }
}

/// After how many nights a job that passed is due again.
pub fn period(every: Days) -> u64 {
    every
        .duration()
        .saturating_sub(early(every))
        .as_secs()
        .div_ceil(NIGHT.as_secs())
        .max(1)
}

fn early(every: Days) -> Duration {
    EARLY.min(every.duration() / 4)
}

/// Why a sampled job is due, or [`Reason::NotDue`].
pub fn reason(every: Days, past: &Past, now: Timestamp) -> Reason {
    match past {
        Past::Unknown => Reason::Unknown,
        Past::Known { passed_at: None, .. } => Reason::NeverPassed,
        Past::Known { last: Some(Ended { passed: false, .. }), .. } => Reason::NotPassedLast,
        Past::Known { passed_at: Some(at), .. } => {
            let least = SignedDuration::try_from(every.duration() - early(every))
                .unwrap_or(SignedDuration::MAX);
            if now.duration_since(*at) >= least { Reason::Old } else { Reason::NotDue }
        }
    }
}

/// Chooses what runs tonight.
pub fn plan(jobs: &[Candidate<'_>], pasts: &Pasts, night: Night) -> Plan {
    let never = Past::Known { passed_at: None, last: None };
    let turn = turn(jobs.len(), night);
    let mut order = Vec::new();
    for (index, job) in jobs.iter().enumerate() {
        let Some(every) = job.every else { continue };
        let past = pasts.get(job.name).unwrap_or(&never);
        let reason = if night.all { Reason::All } else { reason(every, past, night.now) };
        let key = (
            reason == Reason::NotDue,
            !job.required,
            past.passed_at().unwrap_or(Timestamp::MIN),
            past.ran_at().unwrap_or(Timestamp::MIN),
            (index + jobs.len() - turn) % jobs.len(),
        );
        let choice = Choice {
            name: job.name.to_owned(),
            runs: false,
            reason,
            passed_at: past.passed_at(),
            every: Some(every),
        };
        order.push((key, choice));
    }
    order.sort_by_key(|(key, _)| *key);
    let budget = night
        .budget
        .filter(|_| !night.all)
        .map_or(usize::MAX, |most| most as usize);
    let choices = order.into_iter().enumerate().map(|(place, (_, choice))| Choice {
        runs: choice.reason != Reason::NotDue && place < budget,
        ..choice
    });
    Plan { at: night.now, budget: night.budget, choices: choices.collect() }
}

/// With which job the turn begins tonight: each night where the last one ended.
fn turn(jobs: usize, night: Night) -> usize {
    let date = night.now.as_second().div_euclid(NIGHT.as_secs() as i64);
    let step = i64::from(night.budget.unwrap_or(1));
    let jobs = i64::try_from(jobs).unwrap_or(i64::MAX).max(1);
    usize::try_from((date * step).rem_euclid(jobs)).unwrap_or(0)
}

/// A choice in words: `runs: its last pass is 4 days old, every 3d`.
pub fn words(choice: &Choice, now: Timestamp) -> String {
    let every = choice.every.map_or("night".to_owned(), |every| every.to_string());
    let old = choice.passed_at.map(|at| age(now.duration_since(at)));
    let old = old.map(|age| format!("its last pass is {age} old"));
    let reason = match (choice.reason, old) {
        (Reason::EveryNight, _) => "every night".to_owned(),
        (Reason::All, _) => "all cells run tonight".to_owned(),
        (Reason::NeverPassed, _) | (Reason::NotDue | Reason::Old, None) => {
            "it never passed".to_owned()
        }
        (Reason::NotPassedLast, Some(old)) => format!("it did not pass last time; {old}"),
        (Reason::NotPassedLast, None) => "it did not pass last time".to_owned(),
        (Reason::Unknown, _) => "its history cannot be read".to_owned(),
        (Reason::Old | Reason::NotDue, Some(old)) => format!("{old}, every {every}"),
    };
    match (choice.runs, choice.reason) {
        (true, _) => format!("runs: {reason}"),
        (false, Reason::NotDue) => format!("not due: {reason}"),
        (false, _) => format!("due, but the budget is used up: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + day * 86_400).unwrap()
    }

    fn days(days: u64) -> Option<Days> {
        Some(Days::whole(days))
    }

    fn ended(at: i64, passed: bool) -> Ended {
        Ended { at: day(at), passed }
    }

    fn night(now: i64, budget: Option<u32>) -> Night {
        Night { now: day(now), budget, all: false }
    }

    #[test]
    fn what_is_due() {
        let table = [
            (Past::of([]), Reason::NeverPassed),
            (Past::of([ended(9, false)]), Reason::NeverPassed),
            (Past::Unknown, Reason::Unknown),
            (Past::of([ended(9, true)]), Reason::NotDue),
            (Past::of([ended(7, true)]), Reason::Old),
            (Past::of([ended(6, true)]), Reason::Old),
            (Past::of([ended(8, true), ended(9, false)]), Reason::NotPassedLast),
            (Past::of([ended(9, false), ended(8, true)]), Reason::NotPassedLast),
            (Past::of([ended(8, false), ended(9, true)]), Reason::NotDue),
        ];
        for (past, expected) in table {
            assert_eq!(reason(Days::whole(3), &past, day(10)), expected, "{past:?}");
        }
    }

    #[test]
    fn a_night_may_begin_a_little_earlier() {
        let past = Past::of([ended(7, true)]);
        let early = |hours: i64| day(10) - SignedDuration::from_hours(hours);
        assert_eq!(reason(Days::whole(3), &past, early(6)), Reason::Old);
        assert_eq!(reason(Days::whole(3), &past, early(7)), Reason::NotDue);
        assert_eq!(
            (period(Days::whole(1)), period(Days::whole(3)), period("1h".parse().unwrap())),
            (1, 3, 1)
        );
        assert_eq!((period("36h".parse().unwrap()), period("30h".parse().unwrap())), (2, 1));
    }

    #[test]
    fn a_short_period_may_begin_a_quarter_earlier() {
        let every: Days = "4h".parse().unwrap();
        let past = Past::of([ended(7, true)]);
        let after = |minutes: i64| day(7) + SignedDuration::from_mins(minutes);
        assert_eq!(reason(every, &past, after(179)), Reason::NotDue);
        assert_eq!(reason(every, &past, after(180)), Reason::Old);
    }

    /// Each night begins with the job after the last one of the night before.
    #[test]
    fn the_turn_goes_round() {
        let names = ["a", "b", "c", "d", "e"];
        let jobs = names.map(|name| Candidate { name, every: days(2), required: false });
        for budget in 1..=4 {
            let chosen = |now: i64| -> Vec<String> {
                let plan = plan(&jobs, &Pasts::new(), night(now, Some(budget)));
                let out: Vec<_> = plan.crowded_out().map(|choice| choice.name.clone()).collect();
                assert!(out.iter().all(|name| !plan.runs(name)));
                let runs = plan.choices.iter().filter(|choice| choice.runs);
                let runs: Vec<String> = runs.map(|choice| choice.name.clone()).collect();
                assert_eq!((runs.len(), out.len()), (budget as usize, 5 - budget as usize));
                runs
            };
            for now in 0..10 {
                let place = |name: &String| names.iter().position(|known| known == name).unwrap();
                let (last, next) = (chosen(now), chosen(now + 1));
                assert_eq!(place(&next[0]), (place(&last[last.len() - 1]) + 1) % 5, "{now}");
            }
        }
        // What is not due is not crowded out.
        let fresh: Pasts = [("a".to_owned(), Past::of([ended(10, true)]))].into();
        let plan = plan(&jobs, &fresh, night(10, Some(2)));
        assert!(plan.crowded_out().all(|choice| choice.name != "a"));
        assert_eq!(plan.crowded_out().count(), 2);
    }

    #[test]
    fn required_cells_come_first_and_then_the_oldest() {
        let candidate = |name, required| Candidate { name, every: days(2), required };
        let jobs = [
            candidate("optional-old", false),
            candidate("fresh", true),
            candidate("younger", true),
            candidate("oldest", true),
            candidate("red", true),
            Candidate { name: "nightly", every: None, required: true },
        ];
        let pasts = Pasts::from([
            ("optional-old".to_owned(), Past::of([ended(1, true)])),
            ("fresh".to_owned(), Past::of([ended(9, true)])),
            ("younger".to_owned(), Past::of([ended(7, true)])),
            ("oldest".to_owned(), Past::of([ended(5, true)])),
            ("red".to_owned(), Past::of([ended(6, true), ended(9, false)])),
        ]);
        let order = |budget| {
            let plan = plan(&jobs, &pasts, night(10, budget));
            let names = plan.choices.iter().map(|choice| (choice.name.clone(), choice.runs));
            (names.collect::<Vec<_>>(), plan)
        };
        let (names, chosen) = order(Some(2));
        let expected = [
            ("oldest", true),
            ("red", true),
            ("younger", false),
            ("optional-old", false),
            ("fresh", false),
        ];
        assert_eq!(names, expected.map(|(name, runs)| (name.to_owned(), runs)));
        assert!(chosen.runs("nightly") && !chosen.runs("fresh"));
        let said: Vec<_> = chosen.choices.iter().map(|choice| words(choice, day(10))).collect();
        assert_eq!(
            said,
            [
                "runs: its last pass is 5 days old, every 2d",
                "runs: it did not pass last time; its last pass is 4 days old",
                "due, but the budget is used up: its last pass is 3 days old, every 2d",
                "due, but the budget is used up: its last pass is 9 days old, every 2d",
                "not due: its last pass is 24 hours old, every 2d",
            ]
        );
        assert_eq!(order(None).0.iter().filter(|(_, runs)| *runs).count(), 4);
    }

    #[test]
    fn a_night_may_run_all() {
        let jobs = [Candidate { name: "a", every: days(9), required: false }];
        let pasts = Pasts::from([("a".to_owned(), Past::of([ended(9, true)]))]);
        let all = Night { all: true, ..night(10, Some(0)) };
        assert!(plan(&jobs, &pasts, all).runs("a"));
        assert!(!plan(&jobs, &pasts, night(10, Some(9))).runs("a"));
    }

    #[test]
    fn jobs_that_never_passed_take_turns() {
        let jobs = ["a", "b"].map(|name| Candidate { name, every: days(3), required: true });
        for (earlier, later) in [("a", "b"), ("b", "a")] {
            let pasts = Pasts::from([
                (earlier.to_owned(), Past::of([ended(1, false)])),
                (later.to_owned(), Past::of([ended(2, false)])),
            ]);
            assert!(plan(&jobs, &pasts, night(3, Some(1))).runs(earlier));
            assert!(plan(&jobs, &pasts, night(4, Some(1))).runs(earlier));
        }
    }

    #[test]
    fn without_history_every_job_gets_its_turn() {
        let names: Vec<_> = (0..7).map(|number| number.to_string()).collect();
        let jobs: Vec<_> = names
            .iter()
            .map(|name| Candidate { name, every: days(3), required: true })
            .collect();
        let pasts: Pasts = names.iter().map(|name| (name.clone(), Past::Unknown)).collect();
        let mut runs = BTreeMap::<String, u32>::new();
        for date in 0..7 {
            let plan = plan(&jobs, &pasts, night(date, Some(2)));
            let tonight: Vec<_> = plan.choices.iter().filter(|choice| choice.runs).collect();
            assert_eq!(tonight.len(), 2);
            for choice in tonight {
                *runs.entry(choice.name.clone()).or_default() += 1;
            }
        }
        assert!(runs.len() == 7 && runs.values().all(|count| *count == 2), "{runs:?}");
    }

    fn past() -> impl Strategy<Value = Past> {
        let run = (0i64..20, any::<bool>()).prop_map(|(at, passed)| ended(at, passed));
        prop_oneof![
            4 => prop::collection::vec(run, 0..5).prop_map(Past::of),
            1 => Just(Past::Unknown),
        ]
    }

    fn job() -> impl Strategy<Value = (Option<u64>, bool, Past)> {
        (prop::option::weighted(0.8, 1u64..10), any::<bool>(), past())
    }

    proptest! {
        #[test]
        fn the_choice_keeps_its_promises(
            given in prop::collection::vec(job(), 1..12),
            budget in prop::option::of(0u32..6),
        ) {
            let names: Vec<_> = (0..given.len()).map(|number| number.to_string()).collect();
            let jobs: Vec<_> = given.iter().zip(&names).map(|((every, required, _), name)| {
                Candidate { name, every: every.and_then(days), required: *required }
            }).collect();
            let pasts: Pasts =
                names.iter().cloned().zip(given.iter().map(|(_, _, past)| past.clone())).collect();
            let night = night(20, budget);
            let made = plan(&jobs, &pasts, night);
            prop_assert_eq!(&made, &plan(&jobs, &pasts, night));
            let sampled = jobs.iter().filter(|job| job.every.is_some()).count();
            prop_assert_eq!(made.choices.len(), sampled);
            let running: Vec<_> = made.choices.iter().filter(|choice| choice.runs).collect();
            prop_assert!(budget.is_none_or(|most| running.len() <= most as usize));
            let is_due = |job: &Candidate<'_>| {
                reason(job.every.unwrap(), &pasts[job.name], night.now) != Reason::NotDue
            };
            for job in &jobs {
                if job.every.is_none() {
                    prop_assert!(made.runs(job.name));
                    continue;
                }
                prop_assert!(is_due(job) || !made.runs(job.name));
                if !is_due(job) || made.runs(job.name) {
                    continue;
                }
                // It waits, so the whole budget went to others with at least its right to it.
                prop_assert_eq!(running.len(), budget.unwrap() as usize);
                for other in &running {
                    let other = jobs.iter().find(|job| job.name == other.name).unwrap();
                    let older = pasts[other.name].passed_at() <= pasts[job.name].passed_at();
                    let first = other.required && !job.required;
                    prop_assert!(first || (other.required == job.required && older));
                }
            }
        }

        #[test]
        fn a_red_job_stays_due(runs in prop::collection::vec((0i64..19, any::<bool>()), 0..6)) {
            let red = ended(19, false);
            let runs = runs.into_iter().map(|(at, passed)| ended(at, passed)).chain([red]);
            let reason = reason(Days::whole(9), &Past::of(runs), day(19));
            prop_assert!(reason != Reason::NotDue);
        }
    }
}
