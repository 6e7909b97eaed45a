//! What histories add: letters and trends of tests, regressions, false negatives.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::mark::Letter;
use super::model::{Attempt, FalseNegatives, JobRow, Regression};
use super::played::{NAME, Played, WORDS};
use crate::history::negatives::{self, GOAL};
use crate::history::{History, Origin, Run, Test, Tonight, regression, trend};
use crate::text::one_line;

/// The histories of jobs by name; the tests that ever failed are enough ([`History::of_failures`]).
pub type Histories<'a> = BTreeMap<&'a str, &'a History>;

/// How many of the last runs a rate is of.
const RECENT: usize = 30;

/// What the history of a job tells of a test of it.
pub(super) struct TestPast<'a> {
    history: &'a History,
    test: &'a Test,
    /// The places of runs, by build id and by execution.
    places: HashMap<&'a str, usize>,
}

impl<'a> TestPast<'a> {
    /// `None` where there is no history, or the test never failed in it.
    pub(super) fn of(histories: &Histories<'a>, job: &str, name: &'a str) -> Option<Self> {
        let history = *histories.get(job)?;
        // A record has the name alone: of several, the one that failed last is meant.
        let failed_last = |test: &&Test| test.marks().rposition(|mark| mark.ended.has_failed());
        let test = history.tests_named(name).max_by_key(failed_last)?;
        let mut places = HashMap::new();
        for (place, run) in history.runs().iter().enumerate() {
            places.insert(run.build_id.as_str(), place);
            places.extend(run.execution.as_deref().map(|execution| (execution, place)));
        }
        Some(Self { history, test, places })
    }

    /// How the test ended in a run, where the history has that run.
    pub(super) fn letter(&self, attempt: &Attempt) -> Option<Letter> {
        let by = |id: Option<&str>| id.and_then(|id| self.places.get(id));
        let place = by(attempt.build_id()).or_else(|| by(attempt.execution.as_deref()))?;
        Some(self.test.marks().nth(*place)?.ended.into())
    }

    /// The trend in a few words: of a test that failed in the last run that counts what its past
    /// says, of another one since when it has passed.
    pub(super) fn words(&self) -> String {
        let runs = self.history.runs().iter().zip(self.test.marks());
        let ran = runs.filter(|(run, mark)| run.is_counted() && mark.ended.ran());
        let ran: Vec<(&Run, bool)> =
            ran.map(|(run, mark)| (run, mark.ended.has_failed())).collect();
        // A scheduled run with another image says nothing of how ours stands.
        let ours: Vec<_> = ran
            .iter()
            .filter(|(run, _)| run.origin == Origin::Nightly)
            .copied()
            .collect();
        let ran = if ours.is_empty() { ran } else { ours };
        let words = match ran.last() {
            None => "no nightly run of it is known".to_owned(),
            Some((last, true)) => {
                trend(self.history, self.test.id(), Tonight::of(last)).to_string()
            }
            Some((_, false)) => {
                let good = ran.iter().rev().take_while(|(_, failed)| !failed);
                let since = good.last().map(|(run, _)| run.started_at.strftime("%Y-%m-%d"));
                let recent = &ran[ran.len().saturating_sub(RECENT)..];
                let failed = recent.iter().filter(|(_, failed)| *failed).count();
                let since = since.map(|since| since.to_string()).unwrap_or_default();
                match failed {
                    0 => format!("passes since {since}"),
                    _ => format!("passes since {since}; failed {failed} of {}", recent.len()),
                }
            }
        };
        one_line(&words, WORDS)
    }
}

/// The regressions of a gate's jobs that are open now, those first that were not known before, then
/// the newest.
pub(super) fn regressions(
    jobs: &[JobRow],
    histories: &Histories<'_>,
    now: Timestamp,
) -> Vec<Regression> {
    let of_job = |job: &JobRow| {
        let history = histories.get(job.name.as_str());
        let open = history
            .map(|history| regression::look(history, now).open)
            .unwrap_or_default();
        let regression = |open: regression::OpenRegression| Regression {
            job: job.name.clone(),
            job_short: job.short.clone(),
            test: open.test.as_ref().map(|test| one_line(&test.name, NAME)),
            since: (open.opened_at < now).then_some(open.opened_at),
            failed: open.sample.failed,
            ran: open.sample.total(),
            basis_failed: open.basis.failed,
            basis_ran: open.basis.total(),
            p: open.p,
            without_us: open.without_us,
        };
        open.into_iter().map(regression).collect::<Vec<_>>()
    };
    let mut found: Vec<Regression> = jobs.iter().flat_map(of_job).collect();
    let age = |found: &Regression| found.since.map(|since| now.duration_since(since));
    found.sort_by_key(age);
    found
}

/// How often the gate was wrong over these nights; `None` where no history could tell.
pub(super) fn false_negatives(
    runs: &[&Played],
    histories: &Histories<'_>,
) -> Option<FalseNegatives> {
    if histories.is_empty() {
        return None;
    }
    let nights: Vec<_> = runs.iter().filter_map(|run| run.counted()).collect();
    let sum = negatives::false_negatives(&nights, histories);
    let negatives::FalseNegatives { wrong, right, unknown, nights, undecided } = sum;
    Some(FalseNegatives {
        wrong,
        right,
        unknown,
        nights,
        undecided,
        at_least: sum.at_least(),
        at_most: sum.at_most(),
        goal: GOAL,
    })
}
