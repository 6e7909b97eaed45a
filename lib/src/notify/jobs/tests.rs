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

fn passed() -> Attempt {
    attempt(JobState::Success, Some(Cause::Passed))
}

fn failed() -> Attempt {
    attempt(JobState::Failure, Some(Cause::Infrastructure))
}

/// So many jobs of a class, `job-10` and on, of which the change is told the place.
fn of_class(
    class: Class,
    count: usize,
    attempts: impl Fn() -> Vec<Attempt>,
    change: impl Fn(usize, &mut JobRecord),
) -> GateRecord {
    let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
    for number in 0..count {
        let mut job = job(&format!("job-{}", 10 + number), class, attempts());
        change(number, &mut job);
        record.jobs.push(job);
    }
    record
}

fn plain(lines: &[Line]) -> Vec<String> {
    lines.iter().map(Line::plain).collect()
}

#[test]
fn passed_jobs_share_a_line_from_thirteen_on() {
    let lines =
        |count| plain(&blocking(&of_class(Class::Blocking, count, || vec![passed()], |_, _| ())));
    assert_eq!(lines(12).len(), 12);
    let shared = lines(13);
    assert!(shared.len() == 1 && shared[0].starts_with("13 passed: "), "{shared:?}");
}

#[test]
fn a_pass_of_which_something_is_to_be_said_has_its_own_line() {
    let change = |number: usize, job: &mut JobRecord| match number {
        0 => job.attempts[0].detail = Some("9 tests ran, usually 1050".to_owned()),
        1 => {
            let rerun = Attempt { number: 2, ..passed() };
            job.attempts = vec![failed(), rerun];
        }
        2 => {
            job.attempts[0].tests =
                Some(crate::record::TestCounts { run: 9, flaky: 1, ..Default::default() });
        }
        _ => {}
    };
    let lines = plain(&blocking(&of_class(Class::Blocking, 16, || vec![passed()], change)));
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, name) in lines.iter().zip(["10", "11", "12"]) {
        assert!(line.contains(name) && line.contains("passed"), "{lines:?}");
    }
    assert!(lines[3].starts_with("13 passed: "), "{lines:?}");
}

#[test]
fn names_go_on_in_a_new_line_before_it_is_too_long() {
    let lines = |second: usize| {
        let names = ["a".repeat(NAMES - 500), "b".repeat(second)];
        plain(&names_in_lines("", &names)).len()
    };
    assert_eq!((lines(499), lines(500)), (1, 2));
}

#[test]
fn ten_informing_jobs_that_did_not_pass_are_named_and_more_are_counted() {
    let line = |count| {
        informing(&of_class(Class::Informing, count, || vec![failed()], |_, _| ()))
            .unwrap()
            .plain()
    };
    assert!(!line(10).contains("more"), "{}", line(10));
    assert!(line(11).ends_with(" and 1 more not passed"), "{}", line(11));
    assert!(line(13).ends_with(" and 3 more not passed"), "{}", line(13));
}

#[test]
fn one_try_is_told_as_a_job_that_has_no_other() {
    for attempt in every_attempt() {
        let alone = job("a", Class::Blocking, vec![attempt.clone()]);
        assert_eq!(one_try(&attempt), state(&alone), "{attempt:?}");
    }
    assert!(one_try(&failed()).starts_with("no result, infrastructure"), "{}", one_try(&failed()));
}
