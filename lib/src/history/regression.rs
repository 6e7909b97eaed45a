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
mod tests;
