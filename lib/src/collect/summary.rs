//! The verdict in a sentence: its reasons, or with what reservations the gate passed.

use crate::gate::words;
use crate::record::{Attempt, Class, GateRecord, JobRecord, ProofLevel, Verdict};
use crate::text;

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

/// How many blocking jobs passed, or where not all did, how many did not.
fn counted(passed: usize, total: usize) -> String {
    match total.saturating_sub(passed) {
        0 => format!("{passed} of {total} blocking jobs passed"),
        not => format!("{not} of {total} blocking jobs did not pass"),
    }
}

/// Runs that passed, and of which something is to be said, that a summary tells of.
const NAMED_DETAILS: usize = 2;

/// The verdict without its reasons.
pub(super) fn headline(verdict: &Verdict) -> String {
    format!(
        "{}: {}",
        verdict.decision.as_str(),
        counted(verdict.blocking_passed, verdict.blocking_total)
    )
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
        .filter(|(job, _)| !job.passed())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::verdict::decide;
    use crate::record::samples;
    use crate::record::{Cause, JobState};
    use jiff::Timestamp;

    #[test]
    fn a_pass_is_told_with_its_reservations() {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        let passed = |level| {
            let mut attempt = samples::attempt(JobState::Success, Some(Cause::Passed));
            attempt.proof = Some(crate::record::Proof { level, note: String::new() });
            attempt
        };
        let tell = |record: &GateRecord| summary(record, &decide(record, Timestamp::UNIX_EPOCH));
        record
            .jobs
            .push(samples::job("x-a", Class::Blocking, vec![passed(ProofLevel::Proven)]));
        record
            .jobs
            .push(samples::job("x-b", Class::Blocking, vec![passed(ProofLevel::Proven)]));
        assert_eq!(tell(&record), "passed: 2 of 2 blocking jobs passed");
        let lease = samples::attempt(JobState::Failure, Some(Cause::Infrastructure));
        record.jobs[1].attempts = vec![lease, passed(ProofLevel::Requested)];
        let told = "passed: 2 of 2 blocking jobs passed; on a further try: x-b; no log proves the image of: x-b";
        assert_eq!(tell(&record), told);
        let failed = samples::attempt(JobState::Failure, Some(Cause::Product));
        record.jobs.push(samples::job("x-i", Class::Informing, vec![failed]));
        assert_eq!(tell(&record), format!("{told}; informing jobs that did not pass: x-i"));
    }
}
