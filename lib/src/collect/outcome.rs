//! The verdict for machines and people: TEST_OUTPUT, the summary, the table.

use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::words;
use crate::clock::Clock;
use crate::duration;
use crate::record::{Attempt, Class, Decision, GateRecord, JobRecord, ProofLevel, Verdict};
use crate::step::results::{MAX_RESULT_BYTES, escaped_len};
use crate::text;

/// The result that Konflux shows; the schema is integration-service's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestOutput {
    /// SUCCESS, FAILURE or ERROR; never WARNING, which Konflux shows wrongly.
    pub result: &'static str,
    /// When it was decided, to the second in UTC; `+0000` and fractions are not accepted
    /// everywhere.
    pub timestamp: String,
    /// What failed.
    pub note: String,
    /// Always `default`.
    pub namespace: &'static str,
    /// Blocking jobs that passed.
    pub successes: usize,
    /// Blocking jobs that did not.
    pub failures: usize,
    /// What does not decide and is to be looked at: each informing job that did not pass, and of
    /// each run that passed the informing tests that failed, flaky tests, broken files, and that no
    /// test ran.
    pub warnings: usize,
}

impl TestOutput {
    /// The result of a verdict.
    pub fn of(record: &GateRecord, verdict: &Verdict) -> Self {
        let result = match verdict.decision {
            Decision::Passed => "SUCCESS",
            Decision::Failed => "FAILURE",
            Decision::Undecided => "ERROR",
        };
        let failures = verdict.blocking_total.saturating_sub(verdict.blocking_passed);
        let open = record
            .jobs_of(Class::Informing)
            .filter(|job| !crate::verdict::passed(job))
            .count();
        let passed = record.jobs.iter().filter(|job| crate::verdict::passed(job));
        let warnings =
            open + passed.filter_map(JobRecord::last).map(words::warnings).sum::<usize>();
        Self {
            result,
            timestamp: seconds(verdict.decided_at),
            note: summary(record, verdict),
            namespace: "default",
            successes: verdict.blocking_passed,
            // A refusal without a failed job would read as a success.
            failures: if verdict.decision == Decision::Passed { 0 } else { failures.max(1) },
            warnings,
        }
    }

    /// The result of a run that only checked: an error to Konflux, which takes anything gentler for
    /// a pass.
    pub fn of_check(now: Timestamp) -> Self {
        Self::undecided("checked only: nothing was tested", now)
    }

    /// The result where nothing could be decided: why.
    pub fn undecided(why: &str, now: Timestamp) -> Self {
        Self {
            result: "ERROR",
            timestamp: seconds(now),
            note: why.to_owned(),
            namespace: "default",
            successes: 0,
            failures: 1,
            warnings: 0,
        }
    }

    /// As JSON that fits into a result: the note is cut as far as needed, never the JSON.
    pub fn json(&self) -> String {
        let mut limit = self.note.len();
        loop {
            let fitting = Self { note: text::cut(&self.note, limit), ..self.clone() };
            let json = serde_json::to_string(&fitting).expect("texts and numbers are JSON");
            if escaped_len(&json) <= MAX_RESULT_BYTES || limit == 0 {
                return json;
            }
            limit = limit.min(MAX_RESULT_BYTES).saturating_sub(16);
        }
    }
}

/// `2026-08-20T03:20:11Z`.
fn seconds(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// The verdict in a sentence.
pub fn summary(record: &GateRecord, verdict: &Verdict) -> String {
    match verdict.reasons.as_slice() {
        [] => [headline(verdict)]
            .into_iter()
            .chain(reservations(record))
            .collect::<Vec<_>>()
            .join("; "),
        reasons => format!("{}; {}", headline(verdict), list(reasons, 700)),
    }
}

/// Runs that passed, and of which something is to be said, that a summary tells of.
const NAMED_DETAILS: usize = 2;

/// The verdict without its reasons.
fn headline(verdict: &Verdict) -> String {
    let Verdict { decision, blocking_passed, blocking_total, .. } = verdict;
    format!("{}: {blocking_passed} of {blocking_total} blocking jobs passed", decision.as_str())
}

/// What is to be said of a gate that passed: jobs whose image no log proves, second tries,
/// informing jobs and tests that did not pass, flaky tests, and what else is odd about a run.
fn reservations(record: &GateRecord) -> Vec<String> {
    let names = words::names(&record.jobs);
    let blocking = || {
        record
            .jobs
            .iter()
            .zip(&names)
            .filter(|(job, _)| job.class == Class::Blocking)
    };
    let of = |fits: fn(&JobRecord) -> bool| -> Vec<&str> {
        blocking()
            .filter(|(job, _)| fits(job))
            .map(|(_, name)| name.as_str())
            .collect()
    };
    fn proven(job: &JobRecord) -> bool {
        job.last()
            .and_then(|attempt| attempt.proof.as_ref())
            .is_some_and(|proof| proof.level == ProofLevel::Proven)
    }
    fn last(job: &JobRecord, fits: fn(&Attempt) -> bool) -> bool {
        job.last().is_some_and(fits)
    }
    let (unproven, again) = (of(|job| !proven(job)), of(|job| job.attempts.len() > 1));
    let flaky = of(|job| last(job, |attempt| attempt.tests.is_some_and(|tests| tests.flaky > 0)));
    let failed = of(|job| {
        last(job, |attempt| attempt.tests.is_some_and(|tests| tests.informing_failed > 0))
    });
    let odd = of(|job| last(job, |attempt| attempt.detail.is_some()));
    let details = blocking()
        .filter_map(|(job, name)| Some(format!("{name}: {}", job.last()?.detail.as_ref()?)));
    let say = |names: &[&str], words: &str| {
        (!names.is_empty()).then(|| format!("{words}: {}", text::some_of(names, 3)))
    };
    let informing = record
        .jobs
        .iter()
        .zip(&names)
        .filter(|(job, _)| job.class == Class::Informing);
    let open: Vec<&str> = informing
        .filter(|(job, _)| !crate::verdict::passed(job))
        .map(|(_, name)| name.as_str())
        .collect();
    let said = [
        say(&again, "on a further try"),
        say(&unproven, "no log proves the image of"),
        say(&open, "informing jobs that did not pass"),
        say(&failed, "informing tests failed in"),
        say(&flaky, "flaky tests in"),
        (odd.len() > NAMED_DETAILS)
            .then(|| format!("{} more to be looked at", odd.len() - NAMED_DETAILS)),
    ];
    said.into_iter()
        .flatten()
        .chain(details.take(NAMED_DETAILS))
        .collect()
}

/// As many reasons as fit, and how many more there are.
fn list(reasons: &[String], limit: usize) -> String {
    let mut shown = String::new();
    for (index, reason) in reasons.iter().enumerate() {
        if index > 0 && shown.len() + reason.len() > limit {
            return format!("{shown} and {} more", reasons.len() - index);
        }
        let separator = if index == 0 { "" } else { "; " };
        shown = format!("{shown}{separator}{}", text::cut(reason, limit));
    }
    shown
}

/// The verdict and every job, in so many columns.
pub fn table(record: &GateRecord, verdict: &Verdict, clock: &dyn Clock, width: usize) -> String {
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    let names = words::names(&record.jobs);
    for class in [Class::Blocking, Class::Informing] {
        for (job, name) in record.jobs.iter().zip(&names).filter(|(job, _)| job.class == class) {
            let took = crate::verdict::telling(job)
                .and_then(|attempt| took(attempt, clock))
                .map(duration::human)
                .unwrap_or_default();
            table.add_row([
                class.as_str(),
                name.as_str(),
                words::outcome(job),
                &took,
                &words::remarks(job),
            ]);
        }
    }
    if let Some(column) = table.column_mut(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut lines = vec![headline(verdict)];
    lines.extend(table.lines().map(|line| line.trim_end().to_owned()));
    if verdict.decision != Decision::Passed {
        lines.extend(links(record));
    }
    lines.join("\n")
}

/// How long an attempt took, from its launch to its end.
pub fn took(attempt: &Attempt, clock: &dyn Clock) -> Option<Duration> {
    let end = attempt.completed_at.or(attempt.judged_at)?;
    Some(clock.between(attempt.launched_at?, end))
}

/// Where to look at the blocking jobs that did not pass: the first few.
fn links(record: &GateRecord) -> Vec<String> {
    let open = record
        .jobs_of(Class::Blocking)
        .filter(|job| !crate::verdict::passed(job));
    open.filter_map(|job| crate::verdict::telling(job)?.job_url.clone())
        .take(5)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::record::{Cause, FailingTests, JobState};
    use crate::verdict::{decide, tests};
    use proptest::prelude::*;

    fn many(jobs: usize, tests: usize) -> GateRecord {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        for number in 0..jobs {
            let mut attempt = tests::attempt(JobState::Failure, Some(Cause::Product));
            let names = (0..tests)
                .map(|test| format!("TestNodePool/HostedCluster{number}/Main/TestRollback{test}"));
            attempt.failing_tests = FailingTests { names: names.collect(), more: 0 };
            attempt.detail = Some(format!("{tests} failing: TestNodePool and more"));
            attempt.launched_at = Some(Timestamp::UNIX_EPOCH);
            attempt.completed_at = Some(Timestamp::from_second(10_260).unwrap());
            attempt.job_url = Some(format!(
                "https://prow.ci.openshift.org/view/gs/bucket/logs/job-{number}/2094357"
            ));
            let name = format!(
                "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-aks-upgrade-{number}"
            );
            record.jobs.push(tests::job(&name, Class::Blocking, vec![attempt]));
        }
        let verdict = decide(&record, "2026-08-20T03:20:11.123Z".parse().unwrap());
        record.verdict = Some(verdict);
        record
    }

    #[test]
    fn what_konflux_reads() {
        let record = many(1, 1);
        let output = TestOutput::of(&record, record.verdict.as_ref().unwrap());
        let expected = r#"{"result":"FAILURE","timestamp":"2026-08-20T03:20:11Z","note":"failed: 0 of 1 blocking jobs passed; e2e-aks-upgrade-0 failed TestNodePool/HostedCluster0/Main/TestRollback0","namespace":"default","successes":0,"failures":1,"warnings":0}"#;
        assert_eq!(output.json(), expected);
    }

    #[test]
    fn a_pass_is_told_with_its_reservations() {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        let passed = |level| {
            let mut attempt = tests::attempt(JobState::Success, Some(Cause::Passed));
            attempt.proof = Some(crate::record::Proof { level, note: String::new() });
            attempt
        };
        let tell = |record: &GateRecord| summary(record, &decide(record, Timestamp::UNIX_EPOCH));
        record
            .jobs
            .push(tests::job("x-a", Class::Blocking, vec![passed(ProofLevel::Proven)]));
        record
            .jobs
            .push(tests::job("x-b", Class::Blocking, vec![passed(ProofLevel::Proven)]));
        assert_eq!(tell(&record), "passed: 2 of 2 blocking jobs passed");
        let lease = tests::attempt(JobState::Failure, Some(Cause::Infrastructure));
        record.jobs[1].attempts = vec![lease, passed(ProofLevel::Requested)];
        let told = "passed: 2 of 2 blocking jobs passed; on a further try: x-b; no log proves the image of: x-b";
        assert_eq!(tell(&record), told);
        let failed = tests::attempt(JobState::Failure, Some(Cause::Product));
        record.jobs.push(tests::job("x-i", Class::Informing, vec![failed]));
        assert_eq!(tell(&record), format!("{told}; informing jobs that did not pass: x-i"));
    }

    #[test]
    fn two_hundred_jobs_fit_everywhere() {
        let record = many(200, 50);
        let verdict = record.verdict.as_ref().unwrap();
        let json = TestOutput::of(&record, verdict).json();
        assert!(escaped_len(&json) <= MAX_RESULT_BYTES);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(read["note"].as_str().unwrap().contains("more"), "{json}");
        assert!(serde_json::to_vec(&record).unwrap().len() < crate::record::MAX_BYTES);
        let table = table(&record, verdict, &SystemClock::default(), 80);
        for line in table.lines() {
            assert!(line.chars().count() <= 80 || line.starts_with("https://"), "{line}");
        }
        assert!(table.lines().count() < 200 * 4, "{} lines", table.lines().count());
        assert!(table.contains("upgrade-199") && table.contains("2h51m"));
    }

    proptest! {
        #[test]
        fn it_is_always_json_that_fits(reasons in prop::collection::vec("\\PC{0,400}|[\"\\\\&<>\u{1}]{0,400}", 0..20)) {
            let record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
            let verdict = Verdict { reasons, ..decide(&record, Timestamp::UNIX_EPOCH) };
            let json = TestOutput::of(&record, &verdict).json();
            prop_assert!(escaped_len(&json) <= MAX_RESULT_BYTES);
            let read: serde_json::Value = serde_json::from_str(&json).unwrap();
            for key in ["result", "timestamp", "successes", "failures", "warnings"] {
                prop_assert!(read.get(key).is_some());
            }
        }
    }
}
