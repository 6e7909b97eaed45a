//! What fails more often this week than in the month before: tests, and the job itself.
//!
//! The rules are those of OpenShift's component readiness where they fit a single job: Fisher's
//! exact test, one-sided; a flake counts as a pass; at least 3 failures; a drop of more than 5
//! points; an open regression needs less to stay open than to be opened. No red gate passes because
//! of it.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::document::{History, Test, TestId};
use super::mark::{Ended, Mark};
use super::run::{Origin, Run};
pub use super::statistics::Counts;
use super::statistics::{benjamini_hochberg, fisher};

/// The sample: the last 7 days.
const SAMPLE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The basis: the 30 days before the sample.
const BASIS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Fewer failures in sample and basis together say nothing.
const FAILURES: u32 = 3;

/// A pass rate must have dropped by more than this (5 points).
const DROP: f64 = 0.05;

/// A regression is opened below this chance, adjusted for the number of tests.
const OPENS: f64 = 0.05;

/// A single failure of a scheduled run may be chance.
const WITHOUT_US: u32 = 2;

/// An open one stays open below this chance.
const STAYS: f64 = 0.10;

/// It closes after so many nights in a row in which its chance was not below that.
const QUIET_NIGHTS: u32 = 5;

/// A regression that is open, as the history keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenRegression {
    /// Which test; `None` is the job itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestId>,
    /// Since when.
    pub opened_at: Timestamp,
    /// What it is measured against as long as it is open: the counts of the 30 days before the
    /// sample with which it was opened.
    pub basis: Counts,
    /// When that basis ended.
    pub basis_to: Timestamp,
    /// The counts of the last 7 days.
    pub sample: Counts,
    /// The chance of such a sample if nothing had changed, not adjusted.
    pub p: f64,
    /// Whether it fails more often in scheduled runs with other images alone: then what is tested
    /// is hardly to blame.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_us: bool,
    /// The last night (UTC) that was looked at.
    pub night: Date,
    /// In how many nights in a row it has been quiet.
    #[serde(default)]
    pub quiet: u32,
}

impl fmt::Display for OpenRegression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.test.as_ref().map_or("the job itself", |test| test.name.as_str());
        let (sample, basis) = (self.sample, self.basis);
        let p = if self.p < 0.001 { "p under 0.001".into() } else { format!("p {:.3}", self.p) };
        let since = self.opened_at.strftime("%Y-%m-%d");
        write!(
            f,
            "{name} failed {} of {} this week against {} of {} in the 30 days before, {p}, since {since}",
            sample.failed,
            sample.total(),
            basis.failed,
            basis.total()
        )?;
        if self.without_us { write!(f, ", also without us") } else { Ok(()) }
    }
}

/// What a look at the history found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
    /// The regressions that are open now, the oldest first; the history keeps them.
    pub open: Vec<OpenRegression>,
    /// How many of them are new; these are the last.
    pub new: usize,
    /// Those that were open and are closed now.
    pub closed: Vec<OpenRegression>,
}

/// Looks at all tests of a history, and at the job itself, at some time. Looking twice in a night
/// gives the same as looking once.
pub fn look(history: &History, now: Timestamp) -> Look {
    let windows = Windows::at(now);
    let newest = history
        .runs()
        .iter()
        .rfind(|run| run.is_counted() && windows.has(run));
    let Some(night) = newest.map(|run| run.started_at.to_zoned(TimeZone::UTC).date()) else {
        return Look { open: history.regressions().to_vec(), ..Look::default() };
    };
    let mut found = Look::default();
    for open in history.regressions() {
        let open = follow(open, history, &windows, night);
        if open.quiet < QUIET_NIGHTS { &mut found.open } else { &mut found.closed }.push(open);
    }
    let is_open =
        |test: Option<&TestId>| history.regressions().iter().any(|open| open.test.as_ref() == test);
    let places = windows.places(history);
    let tests = history.tests().iter();
    let tests = tests.filter(|test| ever_failed(test) && !is_open(Some(test.id())));
    let tests = tests.filter_map(|test| Some((Some(test.id()), of_test(test, &places)?)));
    let mut opened = open(tests.collect(), now, &windows, night);
    if !is_open(None) {
        let job = vec![(None, of_job(history, &places))];
        opened.extend(open(job, now, &windows, night));
    }
    found.new = opened.len();
    found.open.extend(opened);
    found
}

/// Sample and basis, and the part of each that scheduled runs have.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    sample: Counts,
    basis: Counts,
    scheduled_sample: Counts,
    scheduled_basis: Counts,
}

impl Tally {
    fn count(&mut self, place: &Place, failed: bool) {
        let all = if place.is_sample { &mut self.sample } else { &mut self.basis };
        all.count(failed);
        if place.is_scheduled {
            let part = if place.is_sample {
                &mut self.scheduled_sample
            } else {
                &mut self.scheduled_basis
            };
            part.count(failed);
        }
    }

    /// Whether scheduled runs alone fail more often than before, and ours not clearly more often
    /// than they.
    fn is_without_us(&self) -> bool {
        let (theirs, before) = (self.scheduled_sample, self.scheduled_basis);
        let ours = Counts {
            failed: self.sample.failed - theirs.failed,
            passed: self.sample.passed - theirs.passed,
        };
        theirs.failed >= WITHOUT_US
            && theirs.rate() - before.rate() > DROP
            && fisher(ours, theirs) >= OPENS
    }
}

type Candidate<'a> = (Option<&'a TestId>, Tally);

/// The new regressions of a family.
fn open(
    mut family: Vec<Candidate<'_>>,
    now: Timestamp,
    windows: &Windows,
    night: Date,
) -> Vec<OpenRegression> {
    family.retain(|(_, tally)| tally.sample.failed + tally.basis.failed >= FAILURES);
    let chances: Vec<f64> = family
        .iter()
        .map(|(_, tally)| fisher(tally.sample, tally.basis))
        .collect();
    let adjusted = benjamini_hochberg(&chances);
    let found = family.into_iter().zip(chances.into_iter().zip(adjusted));
    let worse = found.filter(|((_, tally), (_, adjusted))| {
        tally.sample.rate() - tally.basis.rate() > DROP && *adjusted < OPENS
    });
    worse
        .map(|((test, tally), (p, _))| OpenRegression {
            test: test.cloned(),
            opened_at: now,
            basis: tally.basis,
            basis_to: windows.between,
            sample: tally.sample,
            p,
            without_us: tally.is_without_us(),
            night,
            quiet: 0,
        })
        .collect()
}

/// Follows an open regression into another night.
fn follow(
    open: &OpenRegression,
    history: &History,
    windows: &Windows,
    night: Date,
) -> OpenRegression {
    let places = windows.places(history);
    let tally = match &open.test {
        None => of_job(history, &places),
        Some(id) => history
            .test(id)
            .and_then(|test| of_test(test, &places))
            .unwrap_or_default(),
    };
    let (sample, p) = (tally.sample, fisher(tally.sample, open.basis));
    let without_us = open.without_us || tally.is_without_us();
    let mut open = OpenRegression { sample, p, without_us, ..open.clone() };
    if p < STAYS {
        open.quiet = 0;
    } else if night > open.night {
        open.quiet += 1;
    }
    open.night = open.night.max(night);
    open
}

/// Where sample and basis begin and end.
#[derive(Debug, Clone, Copy)]
struct Windows {
    from: Timestamp,
    between: Timestamp,
    to: Timestamp,
}

/// A run that counts, within sample or basis.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Its number in the history.
    at: usize,
    is_sample: bool,
    is_scheduled: bool,
}

impl Windows {
    fn at(now: Timestamp) -> Self {
        let before = |at: Timestamp, span| at.checked_sub(span).unwrap_or(Timestamp::MIN);
        let between = before(now, SAMPLE);
        Self { from: before(between, BASIS), between, to: now }
    }

    /// Whether a run is in one of them.
    fn has(&self, run: &Run) -> bool {
        self.from < run.started_at && run.started_at <= self.to
    }

    fn places(&self, history: &History) -> Vec<Place> {
        let runs = history.runs().iter().enumerate();
        runs.filter(|(_, run)| run.is_counted() && self.has(run))
            .map(|(at, run)| Place {
                at,
                is_sample: run.started_at > self.between,
                is_scheduled: run.origin == Origin::Schedule,
            })
            .collect()
    }
}

/// The job itself: whether it passed, or the product failed. Other ends say nothing of the product.
fn of_job(history: &History, places: &[Place]) -> Tally {
    let mut tally = Tally::default();
    for (place, run) in places.iter().filter_map(|p| Some((p, history.runs().get(p.at)?))) {
        match (run.passed(), run.product_failed()) {
            (true, _) => tally.count(place, false),
            (_, true) => tally.count(place, true),
            _ => {}
        }
    }
    tally
}

/// A test, where it ran in the sample.
fn of_test(test: &Test, places: &[Place]) -> Option<Tally> {
    let mut tally = Tally::default();
    let letters = test.letters().as_bytes();
    for place in places {
        let mark = letters.get(place.at).and_then(|letter| Mark::from_letter(*letter));
        match mark.map(|mark| mark.ended) {
            Some(Ended::Failed) => tally.count(place, true),
            Some(Ended::Passed | Ended::Flaky) => tally.count(place, false),
            _ => {}
        }
    }
    (tally.sample.total() > 0).then_some(tally)
}

/// Whether a test failed in any run: most tests never do.
fn ever_failed(test: &Test) -> bool {
    memchr::memchr2(b'F', b'f', test.letters().as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::run::Judged;
    use super::super::samples::{day, end, history, nightly, test};
    use super::super::{Addition, Run};
    use super::*;
    use crate::record::Cause;

    /// What is found in the night of the last letter; the job itself left out.
    fn found(letters: &str, schedule: &str) -> Vec<OpenRegression> {
        let nights = letters.len() as i64;
        let found = look(&history(letters, schedule), day(nights - 1)).open;
        found.into_iter().filter(|open| open.test.is_some()).collect()
    }

    fn counts(failed: u32, passed: u32) -> Counts {
        Counts { failed, passed }
    }

    #[test]
    fn a_table_of_months_and_weeks() {
        let months = "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPP";
        let ten_percent = "PPPPFPPPPPPPPPPPPFPPPPPPPPPPFP";
        for (month, week, wanted) in [
            (months, "PPPPPPP", None),
            // Fewer than three failures.
            (months, "PPPPPFF", None),
            (months, "PPPPFFF", Some(3)),
            (months, "PFPFPPF", Some(3)),
            // A flake counts as a pass.
            (months, "PPPKKFF", None),
            (months, "KKKKKKK", None),
            // Skipped, absent and unknown are no runs.
            (months, "ASUSFFF", Some(3)),
            // Of a basis that fails once in ten nights, three failures are p 0.068, four 0.015.
            (ten_percent, "PPPPFFF", None),
            (ten_percent, "PPPFFFF", Some(4)),
            // It failed as often before.
            ("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "FFFFFFF", None),
            // Without a basis nothing can be said.
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "FFFFFFF", None),
            ("                              ", "FFFFFFF", None),
        ] {
            let found = found(&format!("{month}{week}"), "");
            let failed = found.first().map(|open| open.sample.failed);
            assert_eq!(failed, wanted, "{month} {week}: {found:?}");
        }
    }

    #[test]
    fn the_windows_end_where_they_should() {
        // Day 37 is tonight: days 31 to 37 are the sample, 1 to 30 the basis, 0 is too old.
        let letters = format!("F{}{}", "P".repeat(30), "PPPPFFF");
        let found = found(&letters, "");
        assert_eq!((found[0].sample, found[0].basis), (counts(3, 4), counts(0, 30)));
        assert_eq!(found[0].basis_to, day(30));
        assert!((found[0].p - 35.0 / 7770.0).abs() < 1e-12, "{}", found[0].p);
        assert_eq!(
            found[0].to_string(),
            "T failed 3 of 7 this week against 0 of 30 in the 30 days before, p 0.005, since 2026-07-08"
        );
    }

    #[test]
    fn a_drop_of_five_points_is_not_enough() {
        let mut history = History::of_job("j");
        // 9 of 100 against 4 of 100 would be a drop of exactly 5 points; with these many runs p
        // alone would do.
        let mut add = |n: usize, start: Timestamp, failed: bool| {
            let run = Run { started_at: start, ..nightly(n as i64) };
            history.add(&Addition { run, tests: vec![end("T", if failed { 'F' } else { 'P' })] });
        };
        for n in 0..100 {
            add(n, day(1) + SignedDuration::from_mins(n as i64), false);
            add(n + 100, day(35) + SignedDuration::from_mins(n as i64), n < 5);
        }
        let test = history.tests()[0].clone();
        let windows = Windows::at(day(36));
        let Tally { sample, basis, .. } = of_test(&test, &windows.places(&history)).unwrap();
        assert_eq!((sample, basis), (counts(5, 95), counts(0, 100)));
        assert!(fisher(sample, basis) < OPENS);
        assert_eq!(look(&history, day(36)).open, []);
    }

    #[test]
    fn one_of_many_tests_needs_more() {
        // 60 tests that fail three times in 37 nights by chance: each alone might be a regression.
        let mut history = History::of_job("j");
        for n in 0..37 {
            let mut tests: Vec<_> = (0..60)
                .map(|t| end(&format!("T{t:02}"), if (n + t) % 12 == 0 { 'F' } else { 'P' }))
                .collect();
            tests.push(end("New", if n > 33 { 'F' } else { 'P' }));
            history.add(&Addition { run: nightly(n), tests });
        }
        // p 0.0045 is more than 0.05 of 61.
        assert_eq!(look(&history, day(36)).open, []);
        let alone = found(&format!("{}FFF", "P".repeat(34)), "");
        assert_eq!(alone.len(), 1);
    }

    #[test]
    fn an_open_one_keeps_its_basis_and_closes_after_five_quiet_nights() {
        let mut history = history(&format!("{}FFF", "P".repeat(34)), "");
        let opened = look(&history, day(36));
        assert_eq!((opened.open.len(), opened.new), (1, 1));
        history.set_regressions(opened.open);
        let mut story = String::new();
        let mut closed_at = None;
        // It goes on failing for a month, so that its own basis would be gone, and is then mended.
        for n in 37..90 {
            let letter = if n < 70 { 'F' } else { 'P' };
            history.add(&Addition { run: nightly(n), tests: vec![end("T", letter)] });
            let once = look(&history, day(n));
            assert_eq!(once.new, 0, "night {n}");
            history.set_regressions(once.open.clone());
            let twice = look(&history, day(n) + SignedDuration::from_hours(2));
            if once.closed.is_empty() {
                assert_eq!(twice.open, once.open, "night {n}");
            }
            let quiet = once.open.first().map(|open| {
                assert_eq!((open.basis, open.opened_at), (counts(0, 30), day(36)));
                open.quiet
            });
            story += &quiet.map_or("-".to_owned(), |quiet| quiet.to_string());
            closed_at = closed_at.or((!once.closed.is_empty()).then_some(n));
        }
        // Of 7 nights one failure is p 0.19 against 0 of 30, two are 0.03.
        assert_eq!(story, format!("{}1234{}", "0".repeat(38), "-".repeat(11)));
        assert_eq!(closed_at, Some(79));
    }

    #[test]
    fn a_missing_night_is_no_quiet_night() {
        let mut history = history(&format!("{}FFF", "P".repeat(34)), "");
        history.set_regressions(look(&history, day(36)).open);
        for n in 37..42 {
            let open = look(&history, day(n)).open;
            assert_eq!(open[0].quiet, 0, "night {n}");
            history.set_regressions(open);
        }
        // Nothing ran for two months: it stays as it was.
        let open = look(&history, day(100));
        assert_eq!((open.open.len(), open.closed.len()), (1, 0));
    }

    #[test]
    fn a_job_is_looked_at_by_its_causes() {
        let judged = |n: i64, cause: Cause, origin: Origin| {
            let judged = Some(Judged { at: day(n), cause });
            Addition { run: Run { judged, origin, ..nightly(n) }, tests: Vec::new() }
        };
        let all = |week: [Cause; 7], origin: Origin| {
            let mut history = History::of_job("j");
            for n in 0..30 {
                history.add(&judged(n, Cause::Passed, Origin::Nightly));
            }
            for (n, cause) in (30..).zip(week) {
                history.add(&judged(n, cause, origin));
            }
            look(&history, day(36)).open
        };
        use Cause::{Infrastructure as I, Passed as P, Product as F};
        let open = all([P, P, I, I, F, F, F], Origin::Nightly);
        assert_eq!(open[0].test, None);
        assert_eq!(open[0].sample, counts(3, 2));
        assert!(open[0].to_string().starts_with("the job itself failed 3 of 5"), "{}", open[0]);
        assert_eq!(all([P, P, I, I, I, I, I], Origin::Nightly), []);
        // Probes of a bisect fail on purpose.
        assert_eq!(all([F; 7], Origin::Bisect), []);
        assert_eq!(all([F; 7], Origin::Retest), []);
        assert_eq!(all([F; 7], Origin::Rerun), []);
        assert_eq!(all([F; 7], Origin::Schedule).len(), 1);
    }

    #[test]
    fn scheduled_runs_count_too() {
        let nightly = format!("{}PPPPFFP", "P".repeat(30));
        let schedule = format!("{}PPPPFFP", "P".repeat(30));
        assert_eq!(found(&nightly, ""), []);
        let found = found(&nightly, &schedule);
        assert_eq!(found[0].test, Some(test("T")));
        assert_eq!((found[0].sample, found[0].basis), (counts(4, 10), counts(0, 59)));
        assert!(found[0].without_us && found[0].to_string().ends_with(", also without us"));
    }

    #[test]
    fn what_scheduled_runs_alone_show_is_said() {
        let month = "P".repeat(30);
        for (nightly, schedule, wanted) in [
            ("PPPPFFF", "PPPPPPP", false),
            ("PPPPFFF", "PPPPPPF", false),
            // A single failure may be chance.
            ("PPPPFFF", "PPPPPFP", false),
            // The scheduled run of the last day is still to come.
            ("PPPPFFF", "PPPPFFP", true),
            ("PPPPPPF", "PPPPFFP", true),
            // Ours fails clearly more often.
            ("FFFFFFF", "PPPPFFP", false),
            ("PPPPFFF", "       ", false),
        ] {
            let found = found(&format!("{month}{nightly}"), &format!("{month}{schedule}"));
            assert_eq!(found[0].without_us, wanted, "{nightly} {schedule}: {}", found[0]);
        }
        // Scheduled runs fail as often as before.
        let often = format!("{}FPPPFPP", "FPP".repeat(10));
        let found = found(&format!("{month}PPFFFFF"), &often);
        assert!(!found[0].without_us, "{}", found[0]);
        // Once it was seen, it stays said.
        let mut history = history(&format!("{month}PPPPPPF"), &format!("{month}PPPPFFP"));
        history.set_regressions(look(&history, day(36)).open);
        for n in 37..44 {
            history.add(&Addition { run: nightly(n), tests: vec![end("T", 'F')] });
        }
        assert!(look(&history, day(43)).open[0].without_us);
    }
}
