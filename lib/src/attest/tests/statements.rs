//! The statement: its bytes, and the result that jobs make.

use serde_json::{Value, json};

use super::super::samples::{accepted, at, bytes, data, digest, job, verdict};
use super::super::statement::{ResultWord, Statement};
use super::super::verdict::{End, Job, Unattestable, Verdict};

fn with(blocking: Vec<Job>) -> Statement {
    Statement::of(&Verdict { blocking, ..verdict() })
}

/// `data/statement.json` is also what cosign signed for `exchanges/by-cosign.json`.
#[test]
fn its_bytes_are_known() {
    let written = Statement::of(&verdict()).bytes();
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(data("statement.json"), &written).unwrap();
    }
    assert_eq!(
        String::from_utf8(written).unwrap(),
        String::from_utf8(bytes("statement.json")).unwrap()
    );
}

#[test]
fn the_same_verdict_makes_the_same_bytes() {
    let one = verdict();
    let mut other = verdict();
    other.blocking.reverse();
    other.informing.reverse();
    other.platforms.reverse();
    other.platforms.push(digest('a'));
    other.decided_at = at("2026-08-20T03:20:11.999Z");
    assert_eq!(Statement::of(&one).bytes(), Statement::of(&other).bytes());
    assert_eq!(Statement::of_informing(&one), Statement::of_informing(&other));
    other.decided_at = at("2026-08-20T03:20:12Z");
    assert_ne!(Statement::of(&one).bytes(), Statement::of(&other).bytes());
}

/// A timestamp with a fraction, or one rounded up, would be of the future for a moment.
#[test]
fn the_time_is_that_of_the_decision() {
    let json: Value = serde_json::from_slice(&Statement::of(&verdict()).bytes()).unwrap();
    assert_eq!(json["predicate"]["timestamp"], "2026-08-20T03:20:11Z");
    let late = Verdict { decided_at: at("2026-08-20T03:20:11.999Z"), ..verdict() };
    assert_eq!(Statement::of(&late).predicate.timestamp, Some(at("2026-08-20T03:20:11Z")));
}

#[test]
fn a_result_is_what_the_jobs_make_it() {
    use End::{Failed, Passed, Undecided};
    let plain = |ends: &[End]| -> Vec<Job> {
        ends.iter()
            .enumerate()
            .map(|(n, end)| job(&format!("e2e-{n}"), *end))
            .collect()
    };
    for (ends, result, numbers) in [
        (&[Passed, Passed][..], ResultWord::Passed, (2, 0, 0)),
        (&[Passed, Failed], ResultWord::Failed, (1, 1, 0)),
        (&[Undecided, Failed], ResultWord::Failed, (0, 1, 0)),
        (&[Passed, Undecided], ResultWord::Error, (1, 0, 0)),
    ] {
        let test = with(plain(ends)).predicate;
        assert_eq!(test.result, result, "{ends:?}");
        assert_eq!((test.successes, test.failures, test.warnings), numbers, "{ends:?}");
    }
    for (jobs, result, numbers) in [
        (vec![job("a", Passed), accepted(job("b", Failed))], ResultWord::Warned, (1, 0, 1)),
        (vec![job("a", Passed), accepted(job("b", Undecided))], ResultWord::Warned, (1, 0, 1)),
        (vec![job("a", Failed), accepted(job("b", Failed))], ResultWord::Failed, (0, 1, 1)),
        (vec![job("a", Undecided), accepted(job("b", Failed))], ResultWord::Error, (0, 0, 1)),
        // Nothing had to be accepted.
        (vec![accepted(job("a", Passed))], ResultWord::Passed, (1, 0, 0)),
    ] {
        let test = with(jobs).predicate;
        assert_eq!(test.result, result);
        assert_eq!((test.successes, test.failures, test.warnings), numbers);
    }
}

#[test]
fn every_job_is_somewhere() {
    let jobs = vec![
        job("passed", End::Passed),
        job("failed", End::Failed),
        job("lost", End::Undecided),
        accepted(job("hollow", End::Undecided)),
    ];
    let statement = with(jobs);
    let test = &statement.predicate;
    assert_eq!(test.passed_tests, ["passed"]);
    assert_eq!(test.failed_tests, ["failed"]);
    assert_eq!(test.warned_tests, ["hollow"]);
    assert_eq!(statement.undecided(), ["lost"]);
    assert_eq!(statement.job_urls().len(), 4);
    let overrides = statement.overrides();
    assert_eq!(overrides.len(), 1);
    assert_eq!(overrides[0].job, "hollow");
    assert_eq!(overrides[0].by.as_deref(), Some("jane@example.com"));
    assert_eq!(overrides[0].reason, "the lease pool was empty, see OCPBUGS-1");
}

/// Conforma takes the first configuration's name for the test's, and denies for a failure in it.
#[test]
fn informing_jobs_are_a_test_of_their_own() {
    let gate = Statement::of(&verdict());
    let informing = Statement::of_informing(&verdict()).unwrap();
    assert_eq!(gate.gate(), Some("ho-release-gate-aro-hcp"));
    assert_eq!(informing.gate(), Some("ho-release-gate-aro-hcp-informing"));
    assert_eq!((gate.predicate.failures, informing.predicate.failures), (0, 1));
    assert_eq!(informing.predicate.passed_tests, ["e2e-agent"]);
    assert!(!String::from_utf8(gate.bytes()).unwrap().contains("e2e-kubevirt"));
    assert_eq!(Statement::of_informing(&Verdict { informing: vec![], ..verdict() }), None);
}

#[test]
fn subjects_are_the_index_and_each_platform() {
    let statement = Statement::of(&verdict());
    for digit in ['a', 'b', 'c'] {
        assert!(statement.is_about(&digest(digit)), "{digit}");
    }
    assert!(!statement.is_about(&digest('d')));
    let json: Value = serde_json::from_slice(&statement.bytes()).unwrap();
    let first =
        json!({"name": "quay.io/acme/hypershift-operator", "digest": {"sha256": "a".repeat(64)}});
    assert_eq!(json["subject"][0], first);
    assert_eq!(json["subject"].as_array().unwrap().len(), 3);
}

/// in-toto: a resource descriptor has an address, a digest or content.
#[test]
fn every_configuration_can_be_told_from_another() {
    let json: Value = serde_json::from_slice(&Statement::of(&verdict()).bytes()).unwrap();
    let all = json["predicate"]["configuration"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    for one in all {
        assert!(
            ["uri", "digest", "content"]
                .iter()
                .any(|field| one.get(field).is_some()),
            "{one}"
        );
    }
    let mut other = verdict();
    other.policy.insert("proof".to_owned(), "off".to_owned());
    let other: Value = serde_json::from_slice(&Statement::of(&other).bytes()).unwrap();
    let policy = |json: &Value| json["predicate"]["configuration"][1]["digest"]["sha256"].clone();
    assert_ne!(policy(&json), policy(&other));
}

#[test]
fn what_is_no_verdict_is_not_attested() {
    assert_eq!(verdict().check(), Ok(()));
    let empty = Verdict { blocking: vec![], ..verdict() };
    assert_eq!(empty.check(), Err(Unattestable::NoBlockingJob));
    for request in ["sha256:1".to_owned(), "d".repeat(63), "d".repeat(65), "g".repeat(64)] {
        let odd = Verdict { request: request.clone(), ..verdict() };
        assert_eq!(odd.check(), Err(Unattestable::Request { found: request }));
    }
}
