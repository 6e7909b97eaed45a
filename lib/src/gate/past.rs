//! Failing tests with what the past says of each: those first that people are to look at first.

use crate::jobs::short_names;
use crate::record::{
    Attempt, Class, FailingTests, GateRecord, HistoryNote, PastKind, SuspectRange, TestPast,
};
use crate::text;

/// What the histories say of a night as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Night<'a> {
    /// What fails more often than before, each with the job's short name.
    pub regressions: Vec<(&'a str, &'a str)>,
    /// Where the first new failure may come from, with the job's short name.
    pub suspects: Option<(&'a str, &'a SuspectRange)>,
    /// Jobs that are others than when they last passed: their short names, and since which day.
    pub changed: Vec<(&'a str, String)>,
}

/// What the histories say of the blocking jobs that did not pass.
pub fn night(record: &GateRecord) -> Night<'_> {
    let names: Vec<&str> = record.jobs.iter().map(|job| job.name.as_str()).collect();
    let jobs = short_names(&names).into_iter().zip(&record.jobs);
    let notes = jobs.filter(|(_, job)| job.class == Class::Blocking && !job.passed());
    let notes: Vec<(&str, &HistoryNote)> = notes
        .filter_map(|(name, job)| Some((name, job.telling()?.history.as_deref()?)))
        .collect();
    let regressions = notes
        .iter()
        .flat_map(|(name, note)| note.regressions.iter().map(move |told| (*name, told.as_str())));
    let changed = notes.iter().filter_map(|(name, note)| {
        Some((*name, note.job_changed?.strftime("%Y-%m-%d").to_string()))
    });
    Night {
        regressions: regressions.collect(),
        suspects: notes
            .iter()
            .filter_map(|(name, note)| Some((*name, note.suspects.as_ref()?)))
            .max_by_key(|(_, range)| range.compare.is_some()),
        changed: changed.collect(),
    }
}

/// `TestA (new, passed 28 before), TestB (flaky, 3 of 30) and 3 more`, if a test failed; each name of
/// so many bytes at most.
pub fn failing(attempt: &Attempt, named: usize, most: usize) -> Option<String> {
    let failing = &attempt.failing_tests;
    if failing.is_empty() {
        return None;
    }
    let pasts = attempt.history.as_ref().map_or(&[][..], |history| &history.tests);
    let past = |name: &String| pasts.iter().find(|past| past.name == *name);
    let mut tests: Vec<(&String, Option<&TestPast>)> =
        failing.names.iter().map(|name| (name, past(name))).collect();
    tests.sort_by_key(|(_, past)| past.map_or(PastKind::TooFewRuns, |past| past.kind));
    let short = |(name, past): (&String, Option<&TestPast>)| {
        let name = text::one_line(name, most);
        match past.map(words) {
            Some(words) => format!("{name} ({words})"),
            None => name,
        }
    };
    let names = tests.into_iter().map(short).collect();
    Some(FailingTests { names, more: failing.more }.brief(named))
}

/// What is said behind a test's name.
fn words(past: &TestPast) -> String {
    let words = match past.kind {
        PastKind::Regression => format!("regression, {}", past.words),
        _ => past.words.clone(),
    };
    let words = text::one_line(&words, 80);
    if past.issue.is_some() { format!("known issue; {words}") } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{attempt, job};
    use crate::record::{Cause, HistoryNote, JobState};
    use jiff::Timestamp;

    #[test]
    fn of_a_night_only_blocking_jobs_that_did_not_pass_are_told() {
        let of = |name: &str, class: Class, state: JobState, cause: Cause| {
            let mut ended = attempt(state, Some(cause));
            let regressions = vec![format!("in {name}")];
            ended.history = Some(Box::new(HistoryNote { regressions, ..HistoryNote::default() }));
            job(name, class, vec![ended])
        };
        let (failed, passed) = (JobState::Failure, JobState::Success);
        let jobs = vec![
            of("red", Class::Blocking, failed, Cause::Product),
            of("green", Class::Blocking, passed, Cause::Passed),
            of("beside", Class::Informing, failed, Cause::Product),
        ];
        let record = GateRecord { jobs, ..GateRecord::begin("run", Timestamp::UNIX_EPOCH) };
        assert_eq!(night(&record).regressions, [("red", "in red")]);
    }

    #[test]
    fn what_is_new_is_named_before_what_is_known() {
        let mut failed = attempt(JobState::Failure, Some(Cause::Product));
        let names = ["Flaky", "Plain", "New", "Worse", "Old"].map(str::to_owned).to_vec();
        failed.failing_tests = FailingTests { names, more: 2 };
        assert_eq!(failing(&failed, 2, 100).unwrap(), "Flaky, Plain and 5 more");
        let past = |name: &str, kind: PastKind, words: &str, issue: Option<&str>| TestPast {
            name: name.to_owned(),
            kind,
            words: words.to_owned(),
            issue: issue.map(str::to_owned),
        };
        let tests = vec![
            past("Flaky", PastKind::Flaky, "flaky, 3 of 30", Some("leak")),
            past("New", PastKind::New, "new, passed 28 before", None),
            past("Worse", PastKind::Regression, "failing since 2026-08-17", None),
            past("Old", PastKind::AlsoWithoutUs, "also without us", None),
        ];
        failed.history = Some(Box::new(HistoryNote { tests, ..HistoryNote::default() }));
        assert_eq!(
            failing(&failed, 5, 100).unwrap(),
            "Worse (regression, failing since 2026-08-17), New (new, passed 28 before), Plain, \
             Old (also without us), Flaky (known issue; flaky, 3 of 30) and 2 more"
        );
        failed.failing_tests = FailingTests::default();
        assert_eq!(failing(&failed, 5, 100), None);
    }
}
