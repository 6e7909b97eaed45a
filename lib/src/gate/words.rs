//! Words for people: short names of jobs, what became of each, and why.

use super::verdict::telling;
use crate::record::{Attempt, Cause, JobRecord, JobState, LaunchRefusal, ProofLevel};
use crate::text;

/// How many failing tests a sentence names.
const NAMED_TESTS: usize = 3;

/// The longest foreign text within a sentence, in bytes.
const QUOTED: usize = 300;

/// The short names of a record's jobs, in their order.
pub fn names(jobs: &[JobRecord]) -> Vec<String> {
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    text::short_names(&names)
        .into_iter()
        .map(|name| text::one_line(name, QUOTED))
        .collect()
}

/// Why a job did not pass, as a sentence that begins with its name.
pub fn reason(job: &JobRecord, name: &str) -> String {
    let text = match telling(job) {
        Some(attempt) if ran(attempt) => because(attempt),
        _ if is_in_doubt(job) => {
            "was about to be launched, and it is not known whether it runs".to_owned()
        }
        _ => match refusal(job) {
            Some(refusal) => format!("could not be launched: {}", refusal.reason),
            None => "was never launched".to_owned(),
        },
    };
    text::one_line(&format!("{name} {text}"), 2 * QUOTED)
}

/// Why a job has no run to be told of, in words; `None` if it has one.
pub fn not_running(job: &JobRecord) -> Option<String> {
    if telling(job).is_some_and(ran) {
        return None;
    }
    Some(match refusal(job) {
        Some(refusal) => {
            text::one_line(&format!("could not be launched: {}", refusal.reason), QUOTED)
        }
        None if is_in_doubt(job) => "it is not known whether it runs".to_owned(),
        None => "never launched".to_owned(),
    })
}

fn refusal(job: &JobRecord) -> Option<&LaunchRefusal> {
    job.last()
        .and_then(|attempt| attempt.refusal.as_ref())
        .or(job.refusal.as_ref())
}

/// Whether the last launch was announced and what became of it is not known.
fn is_in_doubt(job: &JobRecord) -> bool {
    let open =
        |attempt: &Attempt| attempt.execution.is_none() && !attempt.intent.certainly_not_created;
    refusal(job).is_none() && job.last().is_some_and(open)
}

/// Whether there is a run whose end counts.
fn ran(attempt: &Attempt) -> bool {
    attempt.refusal.is_none() && (attempt.cause.is_some() || attempt.execution.is_some())
}

fn because(attempt: &Attempt) -> String {
    let detail = attempt.detail.as_deref().unwrap_or("no reason is known");
    match attempt.cause {
        Some(Cause::Product) if attempt.failing_tests.names.is_empty() => {
            format!("failed in its test phase: {detail}")
        }
        Some(Cause::Product) => format!("failed {}", attempt.failing_tests.brief(NAMED_TESTS)),
        Some(Cause::Setup) => format!("failed in setup: {detail}"),
        Some(Cause::Teardown) => format!("failed in teardown: {detail}"),
        Some(Cause::Infrastructure) => format!("was stopped by infrastructure: {detail}"),
        Some(Cause::Deadline) => format!("had not ended in time: {detail}"),
        Some(Cause::Unproven) => {
            format!("succeeded, but it is not proven on which image: {detail}")
        }
        Some(Cause::Hollow) => format!("succeeded, but {detail}"),
        Some(Cause::Undetermined) => format!("ended for an unknown reason: {detail}"),
        Some(Cause::Passed) => {
            "is said to have passed, but the record does not show a run that succeeded".to_owned()
        }
        None => "had not ended when the gate decided".to_owned(),
    }
}

/// What became of a job, in one word of a table.
pub fn outcome(job: &JobRecord) -> &'static str {
    match telling(job) {
        None => "not run",
        Some(attempt) if !ran(attempt) => "not run",
        Some(attempt) => match (attempt.cause, attempt.state) {
            (Some(Cause::Passed), _) => "passed",
            (Some(Cause::Unproven), _) => "unproven",
            (Some(Cause::Hollow), _) => "hollow",
            (Some(Cause::Deadline), _) => "too late",
            (Some(_), JobState::Aborted) => "aborted",
            (Some(_), JobState::Error) => "error",
            (Some(_), _) => "failed",
            (None, JobState::Scheduling | JobState::Triggered | JobState::Unknown) => "waiting",
            (None, JobState::Pending) => "running",
            (None, _) => "ended",
        },
    }
}

/// What is to be said of a job besides its outcome: cause, failing tests, proof, earlier tries.
pub fn remarks(job: &JobRecord) -> String {
    let mut parts = Vec::new();
    match telling(job).filter(|attempt| ran(attempt)) {
        None => parts.extend(not_running(job)),
        Some(attempt) => {
            parts.extend(judged(attempt));
            parts.extend(tries(job));
            let rerun = job
                .last()
                .filter(|last| last.number > attempt.number)
                .and_then(|last| last.refusal.as_ref());
            parts
                .extend(rerun.map(|refusal| format!("could not be run again: {}", refusal.reason)));
        }
    }
    parts.retain(|part| !part.is_empty());
    text::one_line(&parts.join(" · "), QUOTED)
}

fn judged(attempt: &Attempt) -> Option<String> {
    let detail = || attempt.detail.clone().filter(|detail| !detail.is_empty());
    match attempt.cause? {
        Cause::Passed => {
            let proof = attempt.proof.as_ref().map(|proof| match proof.level {
                ProofLevel::Proven => "proven by its log".to_owned(),
                ProofLevel::Requested => "image requested, not proven by a log".to_owned(),
                ProofLevel::Unproven => format!("image unproven: {}", proof.note),
            });
            let said: Vec<String> =
                [proof, tests(attempt), detail()].into_iter().flatten().collect();
            (!said.is_empty()).then(|| said.join(" · "))
        }
        cause @ Cause::Product if !attempt.failing_tests.names.is_empty() => {
            Some(format!("{}: {}", cause.as_str(), attempt.failing_tests.brief(1)))
        }
        // The outcome beside it says that word already.
        Cause::Unproven => {
            Some(detail().unwrap_or_else(|| "nothing shows which image ran".to_owned()))
        }
        Cause::Hollow => {
            Some(detail().unwrap_or_else(|| "its own artifacts contradict its success".to_owned()))
        }
        cause => Some(detail().map_or_else(
            || cause.as_str().to_owned(),
            |detail| format!("{}: {detail}", cause.as_str()),
        )),
    }
}

/// `1,204 tests, 2 flaky, 1 informing failed`: what the tests of a run did; `None` where that is
/// not known, or none ran, which its detail says.
pub fn tests(attempt: &Attempt) -> Option<String> {
    let counts = attempt.tests.filter(|counts| counts.run > 0)?;
    let mut words = match counts.run {
        1 => "1 test".to_owned(),
        run => format!("{} tests", thousands(run)),
    };
    if counts.flaky > 0 {
        words += &format!(", {} flaky", thousands(counts.flaky));
    }
    if counts.informing_failed > 0 {
        words += &format!(", {} informing failed", thousands(counts.informing_failed));
    }
    Some(words)
}

/// How much of a run that passed is to be looked at all the same: informing tests that failed,
/// flaky ones, files that are broken, and that no test ran.
pub fn warnings(attempt: &Attempt) -> usize {
    let Some(counts) = attempt.tests else { return 0 };
    counts.informing_failed + counts.flaky + counts.broken_files + usize::from(counts.run == 0)
}

/// `1,204`
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `second try, the first had no lease`, where there was more than one.
pub fn tries(job: &JobRecord) -> Option<String> {
    let last = telling(job)?;
    let earlier: Vec<&Attempt> = job
        .attempts
        .iter()
        .filter(|attempt| attempt.number < last.number)
        .collect();
    if earlier.is_empty() {
        return None;
    }
    let told: Vec<String> = earlier
        .iter()
        .map(|attempt| format!("the {} {}", ordinal(attempt.number), briefly(attempt)))
        .collect();
    Some(format!("{} try, {}", ordinal(last.number), told.join(", ")))
}

/// Why an earlier try was not the last, in a few words.
fn briefly(attempt: &Attempt) -> String {
    let detail = attempt.detail.as_deref().unwrap_or_default();
    match attempt.cause {
        Some(Cause::Infrastructure) if detail.contains("lease") => "had no lease".to_owned(),
        Some(Cause::Infrastructure) if detail.is_empty() => {
            "was stopped by infrastructure".to_owned()
        }
        Some(Cause::Infrastructure) => format!("was stopped: {}", text::one_line(detail, 60)),
        Some(Cause::Setup) => "failed in setup".to_owned(),
        Some(Cause::Teardown) => "failed in teardown".to_owned(),
        Some(Cause::Product) => format!("failed {}", attempt.failing_tests.brief(1)),
        Some(Cause::Unproven) => "was unproven".to_owned(),
        Some(Cause::Hollow) if !attempt.failing_tests.is_empty() => {
            format!("was hollow: {}", attempt.failing_tests.brief(1))
        }
        Some(Cause::Hollow) => "was hollow".to_owned(),
        Some(Cause::Passed) => "passed".to_owned(),
        Some(Cause::Deadline | Cause::Undetermined) | None => {
            "ended for an unknown reason".to_owned()
        }
    }
}

/// `first`, `second` … as words, beyond that with a number.
pub fn ordinal(number: u32) -> String {
    const WORDS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];
    let word = number.checked_sub(1).and_then(|index| WORDS.get(index as usize));
    word.map_or_else(|| format!("{number}th"), |word| (*word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{attempt, job};
    use crate::record::{Class, FailingTests, Proof, TestCounts};
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
        assert_eq!(warnings(&passed), 3);
        passed.tests = counts(1, 0, 0);
        assert_eq!((told(&passed).as_str(), warnings(&passed)), ("proven by its log · 1 test", 0));
        passed.tests = counts(0, 0, 0);
        passed.detail = Some("no test ran (1 JUnit file)".to_owned());
        assert_eq!(
            (told(&passed).as_str(), warnings(&passed)),
            ("proven by its log · no test ran (1 JUnit file)", 1)
        );
        assert_eq!([999, 1_000, 1_234_567].map(thousands), ["999", "1,000", "1,234,567"]);
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
