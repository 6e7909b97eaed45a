//! The result `TEST_OUTPUT`, which Konflux reads.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::summary::summary;
use crate::gate::counts;
use crate::record::{Class, Decision, GateRecord, JobRecord, Verdict};
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
        let open = record.jobs_of(Class::Informing).filter(|job| !job.passed()).count();
        let passed = record.jobs.iter().filter(|job| job.passed());
        let warnings = open
            + passed
                .filter_map(JobRecord::last)
                .map(counts::warnings)
                .sum::<usize>();
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::gate::verdict::decide;
    use crate::record::samples;
    use crate::record::{Cause, FailingTests, JobState};
    use proptest::prelude::*;

    /// A record with many failed jobs of many failed tests.
    pub fn many(jobs: usize, tests: usize) -> GateRecord {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        for number in 0..jobs {
            let mut attempt = samples::attempt(JobState::Failure, Some(Cause::Product));
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
            record.jobs.push(samples::job(&name, Class::Blocking, vec![attempt]));
        }
        let verdict = decide(&record, "2026-08-20T03:20:11.123Z".parse().unwrap());
        record.verdict = Some(verdict);
        record
    }

    #[test]
    fn what_konflux_reads() {
        let record = many(1, 1);
        let output = TestOutput::of(&record, record.verdict.as_ref().unwrap());
        let expected = r#"{"result":"FAILURE","timestamp":"2026-08-20T03:20:11Z","note":"failed: 1 of 1 blocking jobs did not pass; e2e-aks-upgrade-0 failed TestNodePool/HostedCluster0/Main/TestRollback0","namespace":"default","successes":0,"failures":1,"warnings":0}"#;
        assert_eq!(output.json(), expected);
    }

    #[test]
    fn two_hundred_jobs_fit() {
        let record = many(200, 50);
        let verdict = record.verdict.as_ref().unwrap();
        let json = TestOutput::of(&record, verdict).json();
        assert!(escaped_len(&json) <= MAX_RESULT_BYTES);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(read["note"].as_str().unwrap().contains("more"), "{json}");
        assert!(serde_json::to_vec(&record).unwrap().len() < crate::record::MAX_BYTES);
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
