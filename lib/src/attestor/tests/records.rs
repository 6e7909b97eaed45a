//! What is stated of which record, without clients.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::scene::{GATE, INFORMING, JOBS};
use crate::attest::statement::{ResultWord, Statement};
use crate::attest::verdict::Verdict;
use crate::attestor::Given;
use crate::attestor::verdict::of_record;
use crate::failure::{Exit, Failure};
use crate::gate::verdict::decide;
use crate::record::samples::{attempt, job};
use crate::record::{Candidate, Cause, Class, GateRecord, JobState, LaunchRefusal};

fn record(second: (JobState, Cause)) -> GateRecord {
    let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
    let image = format!("quay.io/acme/ho@sha256:{}", "4".repeat(64)).parse().unwrap();
    record.candidate = Some(Candidate::of(image));
    record.gate = Some(GATE.to_owned());
    let passed = || vec![attempt(JobState::Success, Some(Cause::Passed))];
    record.jobs = vec![
        job(JOBS[0], Class::Blocking, passed()),
        job(JOBS[1], Class::Blocking, vec![attempt(second.0, Some(second.1))]),
        job(INFORMING, Class::Informing, vec![attempt(JobState::Failure, Some(Cause::Product))]),
    ];
    record.verdict = Some(decide(&record, "2026-08-20T06:00:00Z".parse().unwrap()));
    record
}

fn verdict(record: &GateRecord) -> Result<Verdict, Failure> {
    of_record(record, &Given::default(), &BTreeMap::new())
}

#[test]
fn each_cause_has_its_word() {
    use JobState::{Aborted, Failure, Success};
    for (state, cause, word) in [
        (Success, Cause::Passed, ResultWord::Passed),
        (Failure, Cause::Product, ResultWord::Failed),
        (Failure, Cause::Setup, ResultWord::Error),
        (Aborted, Cause::Infrastructure, ResultWord::Error),
        (Success, Cause::Unproven, ResultWord::Error),
        (Success, Cause::Hollow, ResultWord::Error),
        // It says that it passed, and that it failed.
        (Failure, Cause::Passed, ResultWord::Error),
    ] {
        let verdict = verdict(&record((state, cause))).unwrap();
        assert_eq!(Statement::of(&verdict).predicate.result, word, "{state:?} {cause:?}");
        let informing = Statement::of_informing(&verdict).unwrap();
        assert_eq!(informing.predicate.result, ResultWord::Failed);
        assert_eq!(informing.gate(), Some("ARO HCP-informing"));
    }
    let mut refused = record((Success, Cause::Passed));
    let refusal =
        LaunchRefusal { at: Timestamp::UNIX_EPOCH, reason: "no".to_owned(), token: false };
    refused.jobs[1].attempts[0].refusal = Some(refusal);
    refused.verdict = Some(decide(&refused, refused.created_at));
    assert_eq!(Statement::of(&verdict(&refused).unwrap()).predicate.result, ResultWord::Error);
}

/// What a record learns later, the Release above all, changes no byte of the statement; what was
/// tested and how does.
#[test]
fn the_same_verdict_is_the_same_bytes() {
    let bytes = |record: &GateRecord| Statement::of(&verdict(record).unwrap()).bytes();
    let first = record((JobState::Success, Cause::Passed));
    let mut later = first.clone();
    (later.revision, later.updated_at) = (77, Timestamp::now());
    later.plan = Some("plan".to_owned());
    later.jobs.reverse();
    assert_eq!(bytes(&first), bytes(&later));
    let changes: [fn(&mut GateRecord); 4] = [
        |record| record.jobs[0].env = [("A".to_owned(), "b".to_owned())].into(),
        |record| record.policy.get_or_insert_default().proof = crate::record::ProofMode::Warn,
        |record| record.run = Some("another".to_owned()),
        |record| record.verdict.as_mut().unwrap().decided_at = Timestamp::UNIX_EPOCH,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut other = first.clone();
        change(&mut other);
        assert_ne!(bytes(&first), bytes(&other), "{number}");
    }
}

#[test]
fn what_is_no_final_verdict_of_this_request_is_not_stated() {
    let good = record((JobState::Success, Cause::Passed));
    let changed = |change: &dyn Fn(&mut GateRecord)| {
        let mut record = good.clone();
        change(&mut record);
        verdict(&record).unwrap_err()
    };
    for (failure, exit, words) in [
        (changed(&|record| record.verdict = None), Exit::Refused, "holds no verdict"),
        (
            changed(&|record| record.jobs[0].attempts[0].cause = Some(Cause::Product)),
            Exit::Refused,
            "verdict is passed, its jobs come to failed: it contradicts itself",
        ),
        (changed(&|record| record.jobs.clear()), Exit::Refused, "it contradicts itself"),
        (changed(&|record| record.candidate = None), Exit::Misuse, "holds no image"),
        (
            changed(&|record| {
                let other = format!("sha256:{}", "5".repeat(64));
                record.candidate.as_mut().unwrap().digest = other.parse().unwrap();
            }),
            Exit::Misuse,
            "contradicts itself: image",
        ),
        (changed(&|record| record.gate = None), Exit::Misuse, "--gate-label"),
    ] {
        assert_eq!(failure.exit, exit, "{words}: {}", failure.error);
        assert!(failure.error.to_string().contains(words), "{words}: {}", failure.error);
    }
    let mut unnamed = good.clone();
    unnamed.gate = None;
    let given = Given { gate: Some("ROSA".to_owned()), ..Given::default() };
    assert_eq!(of_record(&unnamed, &given, &BTreeMap::new()).unwrap().gate, "ROSA");
}
