//! Everything that people read of a job says the same, whatever its record holds: the verdict and
//! its reasons, the table, the results of launch-prow and the message.

use jiff::Timestamp;

use super::*;
use crate::collect::test_output::TestOutput;
use crate::gate::verdict::decide;
use crate::launch;
use crate::record::Decision;
use crate::record::samples::{attempt, every_attempt, job};

/// Each attempt alone, and as the rerun of one that failed.
fn every_job() -> Vec<JobRecord> {
    let of = |attempts| job("a", Class::Blocking, attempts);
    let rerun = |attempt: Attempt| {
        let failed = self::attempt(JobState::Failure, Some(Cause::Infrastructure));
        of(vec![failed, Attempt { number: 2, ..attempt }])
    };
    let alone = every_attempt().into_iter().map(|attempt| of(vec![attempt]));
    alone.chain(every_attempt().into_iter().map(rerun)).collect()
}

fn record(job: &JobRecord) -> GateRecord {
    let jobs = vec![job.clone()];
    GateRecord { jobs, ..GateRecord::begin("run", Timestamp::UNIX_EPOCH) }
}

#[test]
fn a_pass_is_told_everywhere_or_nowhere() {
    for job in every_job() {
        let record = record(&job);
        let verdict = decide(&record, Timestamp::UNIX_EPOCH);
        let output = TestOutput::of(&record, &verdict);
        let told = [
            verdict.decision == Decision::Passed,
            verdict.reasons.is_empty(),
            verdict.blocking_passed == 1,
            output.result == "SUCCESS" && output.successes == 1,
            words::outcome(&job) == "passed",
            state(&job).starts_with("passed"),
            word(&job) == "passed",
            job.attempts.len() == 1 || passed_on_rerun(&record) == 1,
        ];
        let wanted = match job.attempts.len() {
            1 => [&[job.passed(); 7][..], &[true]].concat(),
            _ => vec![job.passed(); 8],
        };
        assert_eq!(told.to_vec(), wanted, "{job:?}");
    }
}

#[test]
fn a_job_without_a_run_is_none_everywhere() {
    for job in every_job() {
        let runs = job.has_run();
        assert_eq!(words::outcome(&job) != "not run", runs, "{job:?}");
        assert_eq!(words::not_running(&job).is_none(), runs, "{job:?}");
        assert_eq!(launch::launched(&record(&job)) == 1, runs, "{job:?}");
        if job.attempts.len() == 1 {
            assert_eq!(launch::table(&record(&job)).contains("runs as"), runs, "{job:?}");
        }
    }
}

#[test]
fn a_refusal_is_told_everywhere() {
    let why = "no such job";
    for job in every_job() {
        let refused = job.last().is_some_and(|last| last.refusal.is_some());
        let alone = job.attempts.len() == 1;
        assert_eq!(state(&job).contains(why), refused, "{job:?}");
        assert_eq!(words::remarks(&job).contains(why), refused, "{job:?}");
        assert_eq!(words::reason(&job, "a").contains(why), refused && alone, "{job:?}");
        assert_eq!(launch::table(&record(&job)).contains(why), refused && alone, "{job:?}");
    }
}
