//! What became of each job, in words for people: the verdict's reasons, and the rows of tables.

use super::causes::told;
use crate::jobs::short_names;
use crate::record::{Attempt, JobRecord, JobState, Standing};
use crate::text::{self, ordinal};

/// The longest foreign text within a sentence, in bytes.
const QUOTED: usize = 300;

/// The short names of a record's jobs, in their order.
pub fn names(jobs: &[JobRecord]) -> Vec<String> {
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    short_names(&names)
        .into_iter()
        .map(|name| text::one_line(name, QUOTED))
        .collect()
}

/// What the record says where it contradicts itself.
pub const CONTRADICTORY: &str =
    "is said to have passed, but the record does not show a run that succeeded";

/// Why a job did not pass, as a sentence that begins with its name.
pub fn reason(job: &JobRecord, name: &str) -> String {
    let text = match job.standing() {
        Standing::Judged(_) => of_telling(job, |told| told.reason).unwrap_or_default(),
        Standing::Contradictory => CONTRADICTORY.to_owned(),
        Standing::Running(_) => "had not ended when the gate decided".to_owned(),
        Standing::InDoubt => {
            "was about to be launched, and it is not known whether it runs".to_owned()
        }
        Standing::Refused(refusal, _) => format!("could not be launched: {}", refusal.reason),
        Standing::Free => "was never launched".to_owned(),
    };
    text::one_line(&format!("{name} {text}"), 2 * QUOTED)
}

/// Why a job has no run to be told of, in words; `None` if it has one.
pub fn not_running(job: &JobRecord) -> Option<String> {
    match job.standing() {
        Standing::Refused(refusal, _) => {
            Some(text::one_line(&format!("could not be launched: {}", refusal.reason), QUOTED))
        }
        Standing::InDoubt => Some("it is not known whether it runs".to_owned()),
        Standing::Free => Some("never launched".to_owned()),
        Standing::Running(_) | Standing::Judged(_) | Standing::Contradictory => None,
    }
}

/// A part of what is told of the job's telling attempt, if that was judged.
fn of_telling<T>(job: &JobRecord, part: impl Fn(super::causes::Told) -> T) -> Option<T> {
    let attempt = job.telling()?;
    attempt.judged().map(|cause| part(told(attempt, cause)))
}

/// What became of a job, in one word of a table.
pub fn outcome(job: &JobRecord) -> &'static str {
    match job.standing() {
        Standing::Free | Standing::InDoubt | Standing::Refused(..) => "not run",
        Standing::Judged(_) => of_telling(job, |told| told.word).unwrap_or_default(),
        Standing::Contradictory => "contradictory",
        Standing::Running(JobState::Scheduling | JobState::Triggered | JobState::Unknown) => {
            "waiting"
        }
        Standing::Running(JobState::Pending) => "running",
        Standing::Running(_) => "ended",
    }
}

/// What is to be said of a job besides its outcome: cause, failing tests, proof, earlier tries.
pub fn remarks(job: &JobRecord) -> String {
    let mut parts: Vec<String> = not_running(job).into_iter().collect();
    if job.has_run() {
        parts.extend(of_telling(job, |told| told.remark).flatten());
        parts.extend((job.standing() == Standing::Contradictory).then(|| CONTRADICTORY.to_owned()));
        parts.extend(tries(job));
        parts.extend(elsewhere(job));
        if let Some(Standing::Refused(refusal, _)) = job.missing_rerun().map(Attempt::standing) {
            parts.push(format!("could not be run again: {}", refusal.reason));
        }
    }
    parts.retain(|part| !part.is_empty());
    text::one_line(&parts.join(" · "), QUOTED)
}

/// `run of ROSA HCP, taken over · third run on this image, 1 of the others failed`, where other
/// records tell of runs on this image.
fn elsewhere(job: &JobRecord) -> Option<String> {
    let from = job.telling().and_then(|attempt| attempt.reused_from.as_ref());
    let taken = from.map(|from| {
        let whose = from.gate.as_ref().map(|gate| format!("of {gate}"));
        format!("a run {}, taken over", whose.unwrap_or_else(|| format!("of {}", from.record)))
    });
    let dice = job.earlier.filter(|earlier| earlier.product >= 2).map(|earlier| {
        format!("failed in {} runs on this image, so it is not tested to a pass: override-gate accepts it", earlier.product)
    });
    let before = job.earlier.filter(|earlier| dice.is_none() && earlier.product > 0);
    let count = before.map(|earlier| {
        format!("{} of {} earlier runs on this image failed", earlier.product, earlier.runs)
    });
    let parts: Vec<String> = [taken, dice, count].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// `second try, the first had no lease`, where there was more than one.
fn tries(job: &JobRecord) -> Option<String> {
    let last = job.telling()?;
    let earlier = job.attempts.iter().filter(|attempt| attempt.number < last.number);
    let earlier: Vec<String> = earlier
        .map(|attempt| {
            let unknown = || "ended for an unknown reason".to_owned();
            let why = attempt
                .judged()
                .map_or_else(unknown, |cause| told(attempt, cause).earlier);
            format!("the {} {why}", ordinal(attempt.number as usize))
        })
        .collect();
    let number = ordinal(last.number as usize);
    (!earlier.is_empty()).then(|| format!("{number} try, {}", earlier.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::counts;
    use super::*;
    use crate::record::samples::{attempt, job};
    use crate::record::{Cause, Class, FailingTests, LaunchRefusal, Proof, ProofLevel, TestCounts};
    use jiff::Timestamp;

    #[test]
    fn a_rerun_is_told() {
        let mut first = attempt(JobState::Failure, Some(Cause::Infrastructure));
        first.detail = Some("no cluster lease".to_owned());
        let mut second = attempt(JobState::Success, Some(Cause::Passed));
        second.number = 2;
        second.proof = Some(Proof { level: ProofLevel::Proven, note: String::new() });
        let job = job("a", Class::Blocking, vec![first, second]);
        assert_eq!(remarks(&job), "proven by its log · second try, the first had no lease");
        assert_eq!(outcome(&job), "passed");
    }

    #[test]
    fn a_job_without_a_run_is_told() {
        let launch = |execution: Option<&str>, refusal: Option<&str>| {
            let at = Timestamp::UNIX_EPOCH;
            let refusal =
                refusal.map(|reason| LaunchRefusal { at, reason: reason.to_owned(), token: false });
            let execution = execution.map(str::to_owned);
            job(
                "a",
                Class::Blocking,
                vec![Attempt { execution, refusal, ..attempt(JobState::Unknown, None) }],
            )
        };
        let doubt = launch(None, None);
        assert_eq!(not_running(&doubt).unwrap(), "it is not known whether it runs");
        assert_eq!(
            reason(&doubt, "a"),
            "a was about to be launched, and it is not known whether it runs"
        );
        let refused = launch(None, Some("no such job"));
        assert_eq!(not_running(&refused).unwrap(), "could not be launched: no such job");
        assert_eq!(remarks(&refused), "could not be launched: no such job");
        assert_eq!(not_running(&job("a", Class::Blocking, vec![])).unwrap(), "never launched");
        assert_eq!(not_running(&launch(Some("id"), None)), None);
    }

    #[test]
    fn unproven_is_said_once() {
        let mut unproven = attempt(JobState::Success, Some(Cause::Unproven));
        unproven.detail = Some("the log that would prove it is missing".to_owned());
        let job = job("a", Class::Blocking, vec![unproven]);
        assert_eq!(
            (outcome(&job), remarks(&job).as_str()),
            ("unproven", "the log that would prove it is missing")
        );
    }

    #[test]
    fn a_pass_says_how_many_tests_ran() {
        let mut passed = attempt(JobState::Success, Some(Cause::Passed));
        passed.proof = Some(Proof { level: ProofLevel::Proven, note: String::new() });
        let told = |attempt: &Attempt| remarks(&job("a", Class::Blocking, vec![attempt.clone()]));
        let counts = |run, flaky, informing_failed| {
            Some(TestCounts { run, flaky, informing_failed, files: 1, ..TestCounts::default() })
        };
        passed.tests = counts(1_204, 2, 1);
        assert_eq!(told(&passed), "proven by its log · 1,204 tests, 2 flaky, 1 informing failed");
        assert_eq!(counts::warnings(&passed), 3);
        passed.tests = counts(1, 0, 0);
        assert_eq!(
            (told(&passed).as_str(), counts::warnings(&passed)),
            ("proven by its log · 1 test", 0)
        );
        passed.tests = counts(0, 0, 0);
        passed.detail = Some("no test ran (1 JUnit file)".to_owned());
        assert_eq!(
            (told(&passed).as_str(), counts::warnings(&passed)),
            ("proven by its log · no test ran (1 JUnit file)", 1)
        );
    }

    #[test]
    fn tests_are_counted() {
        let mut attempt = attempt(JobState::Failure, Some(Cause::Product));
        attempt.failing_tests =
            FailingTests { names: ["A", "B", "C", "D"].map(String::from).to_vec(), more: 7 };
        assert_eq!(
            reason(&job("a", Class::Blocking, vec![attempt.clone()]), "a"),
            "a failed A, B, C and 8 more"
        );
        assert_eq!(remarks(&job("a", Class::Blocking, vec![attempt])), "product: A and 10 more");
    }
}
