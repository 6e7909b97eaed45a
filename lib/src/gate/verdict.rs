//! The verdict: a pure function of the request and what became of each attempt.
//!
//! It errs on one side only: whatever is missing, unknown or contradictory never counts as passed.

use jiff::Timestamp;

use super::words;
use crate::record::{Cause, Class, Decision, GateRecord, JobRecord, Standing, Verdict};

/// Decides over everything that the record holds.
///
/// Passed if there are blocking jobs and every one of them passed. Otherwise failed if one of them
/// finally failed for a reason in the product, and undecided if none did.
pub fn decide(record: &GateRecord, decided_at: Timestamp) -> Verdict {
    let names = words::names(&record.jobs);
    let blocking = || {
        record
            .jobs
            .iter()
            .zip(&names)
            .filter(|(job, _)| job.class == Class::Blocking)
    };
    let blocking_total = blocking().count();
    let blocking_passed = blocking().filter(|(job, _)| job.passed()).count();
    let mut open: Vec<_> = blocking().filter(|(job, _)| !job.passed()).collect();
    let is_product = |job: &JobRecord| job.standing() == Standing::Judged(Cause::Product);
    let product = open.iter().any(|(job, _)| is_product(job));
    open.sort_by_key(|(job, _)| !is_product(job));
    let mut reasons: Vec<String> =
        open.into_iter().map(|(job, name)| words::reason(job, name)).collect();
    if blocking_total == 0 {
        reasons.push(
            "no blocking job was asked for, so nothing shows that the image is good".to_owned(),
        );
    }
    let decision = match (reasons.is_empty(), product) {
        (true, _) => Decision::Passed,
        (false, true) => Decision::Failed,
        (false, false) => Decision::Undecided,
    };
    Verdict { decision, decided_at, reasons, blocking_passed, blocking_total }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{STATES, attempt, job, refusal};
    use std::iter;

    use crate::record::{Attempt, FailingTests, JobState};
    use proptest::prelude::*;

    fn record(jobs: Vec<JobRecord>) -> GateRecord {
        GateRecord { jobs, ..GateRecord::begin("run", Timestamp::UNIX_EPOCH) }
    }

    fn judge(jobs: Vec<JobRecord>) -> Verdict {
        decide(&record(jobs), Timestamp::UNIX_EPOCH)
    }

    fn good() -> Attempt {
        attempt(JobState::Success, Some(Cause::Passed))
    }

    #[test]
    fn every_blocking_job_must_pass() {
        let blocking = |attempts| job("a", Class::Blocking, attempts);
        let informing =
            job("i", Class::Informing, vec![attempt(JobState::Failure, Some(Cause::Product))]);
        assert_eq!(
            judge(vec![blocking(vec![good()]), informing.clone()]).decision,
            Decision::Passed
        );
        assert_eq!(judge(vec![]).decision, Decision::Undecided);
        assert_eq!(
            judge(vec![job("i", Class::Informing, vec![good()])]).decision,
            Decision::Undecided
        );
        assert_eq!(judge(vec![blocking(vec![])]).decision, Decision::Undecided);
        let product = attempt(JobState::Failure, Some(Cause::Product));
        assert_eq!(
            judge(vec![blocking(vec![product.clone()]), informing]).decision,
            Decision::Failed
        );
        assert_eq!(judge(vec![blocking(vec![product.clone(), good()])]).decision, Decision::Passed);
        assert_eq!(judge(vec![blocking(vec![good(), product])]).decision, Decision::Failed);
    }

    #[test]
    fn contradictions_do_not_pass() {
        let job = |attempt| judge(vec![job("a", Class::Blocking, vec![attempt])]).decision;
        assert_eq!(job(attempt(JobState::Pending, Some(Cause::Passed))), Decision::Undecided);
        assert_eq!(job(attempt(JobState::Success, None)), Decision::Undecided);
        assert_eq!(job(Attempt { execution: None, ..good() }), Decision::Undecided);
        assert_eq!(job(Attempt { refusal: Some(refusal(false)), ..good() }), Decision::Undecided);
    }

    #[test]
    fn reasons_name_what_failed_with_the_product_first() {
        let mut failed = attempt(JobState::Failure, Some(Cause::Product));
        failed.failing_tests =
            FailingTests { names: vec!["TestUpgradeControlPlane".to_owned()], more: 0 };
        let mut refused = job("periodic-x-periodics-c", Class::Blocking, vec![]);
        refused.refusal = Some(refusal(false));
        let verdict = judge(vec![
            job("periodic-x-periodics-a", Class::Blocking, vec![good()]),
            refused,
            job("periodic-x-periodics-upgrade", Class::Blocking, vec![failed]),
        ]);
        assert_eq!(
            verdict.reasons,
            ["upgrade failed TestUpgradeControlPlane", "c could not be launched: no such job"]
        );
        assert_eq!((verdict.blocking_passed, verdict.blocking_total), (1, 3));
    }

    /// No cause, `passed`, and every other.
    fn causes() -> Vec<Option<Cause>> {
        iter::once(None).chain(Cause::ALL.map(Some)).collect()
    }

    fn any_job() -> impl Strategy<Value = JobRecord> {
        let state = prop::sample::select(&STATES[..]);
        let cause = prop::sample::select(causes());
        let attempt = (state, cause, any::<bool>(), prop::bool::weighted(0.1)).prop_map(
            |(state, cause, ran, refused)| {
                let attempt = attempt(state, cause);
                let execution = attempt.execution.filter(|_| ran);
                Attempt { execution, refusal: refused.then(|| refusal(false)), ..attempt }
            },
        );
        let attempts = prop::collection::vec(attempt, 0..4);
        (attempts, any::<bool>()).prop_map(|(attempts, blocking)| {
            job("periodic", if blocking { Class::Blocking } else { Class::Informing }, attempts)
        })
    }

    /// How good a decision is.
    fn rank(decision: Decision) -> u8 {
        match decision {
            Decision::Failed => 0,
            Decision::Undecided => 1,
            Decision::Passed => 2,
        }
    }

    proptest! {
        #[test]
        fn a_blocking_job_that_did_not_pass_is_never_outvoted(jobs in prop::collection::vec(any_job(), 0..6)) {
            let verdict = judge(jobs.clone());
            let blocking: Vec<_> = jobs.iter().filter(|job| job.class == Class::Blocking).collect();
            let all_passed = blocking.iter().all(|job| matches!(
                job.attempts.last(),
                Some(Attempt { state: JobState::Success, cause: Some(Cause::Passed), execution: Some(_), refusal: None, .. })
            ));
            prop_assert_eq!(verdict.decision == Decision::Passed, !blocking.is_empty() && all_passed);
            prop_assert_eq!(verdict.decision == Decision::Passed, verdict.reasons.is_empty());
        }

        #[test]
        fn a_further_failure_never_improves_the_verdict(
            jobs in prop::collection::vec(any_job(), 0..5),
            failure in prop::sample::select(causes().split_off(2)),
            state in prop::sample::select(&STATES[..]),
            place in any::<prop::sample::Index>(),
        ) {
            let before = judge(jobs.clone());
            let mut worse = jobs.clone();
            worse.insert(place.index(jobs.len() + 1), job("more", Class::Blocking, vec![attempt(state, failure)]));
            if jobs.iter().any(|job| job.class == Class::Blocking) {
                prop_assert!(rank(judge(worse).decision) <= rank(before.decision));
            } else {
                prop_assert!(judge(worse).decision != Decision::Passed);
            }
        }
    }
}
