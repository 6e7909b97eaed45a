//! What is refused, and what cannot be judged.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::bundle::{self, Unjudgeable};
use super::super::samples::{
    accepted, at, bytes, digest, expected, job, key, now, public, verdict,
};
use super::super::statement::{ResultWord, Statement};
use super::super::verdict::{End, Verdict};
use super::super::verify::{Answer, CannotTell, Expected, No, Overrides, verify};

fn signed(statement: &[u8]) -> Vec<u8> {
    bundle::sign(statement, &key()).unwrap()
}

fn judged(bundle: &[u8], expected: &Expected) -> Answer {
    verify(bundle, &public("open.pub"), expected, now())
}

/// The reasons against a statement that was signed.
fn against(statement: &Statement, expected: &Expected) -> Vec<No> {
    match judged(&signed(&statement.bytes()), expected) {
        Answer::Holds(_) => vec![],
        Answer::No { found: Some(_), why } => why,
        other => panic!("{other:?}"),
    }
}

fn of(change: impl FnOnce(&mut Verdict)) -> Statement {
    let mut verdict = verdict();
    change(&mut verdict);
    Statement::of(&verdict)
}

#[test]
fn what_holds_is_told() {
    let Answer::Holds(found) = judged(&signed(&Statement::of(&verdict()).bytes()), &expected())
    else {
        panic!("does not hold");
    };
    assert_eq!(found.result, ResultWord::Passed);
    assert_eq!(found.passed, ["e2e-aks", "e2e-aws"]);
    assert_eq!(found.images.len(), 3);
    assert_eq!(found.toolkit.as_deref(), Some("0.1.0"));
    assert_eq!(found.policy["rerun"], "infrastructure=2");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["result"], "PASSED");
    assert_eq!(json["decided_at"], "2026-08-20T03:20:11Z");
}

/// Every byte of the signature, and every fifth of what is signed.
#[test]
fn a_changed_byte_is_refused() {
    let statement = Statement::of(&verdict()).bytes();
    let whole: Value = serde_json::from_slice(&signed(&statement)).unwrap();
    for (pointer, step) in [("/dsseEnvelope/payload", 5), ("/dsseEnvelope/signatures/0/sig", 1)] {
        let content = STANDARD
            .decode(whole.pointer(pointer).unwrap().as_str().unwrap())
            .unwrap();
        for at in (0..content.len()).step_by(step) {
            let mut changed = content.clone();
            changed[at] ^= 1;
            let mut json = whole.clone();
            *json.pointer_mut(pointer).unwrap() = STANDARD.encode(&changed).into();
            let answer = judged(json.to_string().as_bytes(), &expected());
            let no = Answer::No { found: None, why: vec![No::Signature { another: false }] };
            assert_eq!(answer, no, "{pointer} {at}");
        }
    }
    let mut json = whole;
    json["dsseEnvelope"]["payloadType"] = "application/vnd.in-toto+jsoN".into();
    assert!(matches!(judged(json.to_string().as_bytes(), &expected()), Answer::No { .. }));
}

#[test]
fn another_key_is_refused_and_named() {
    let bundle = signed(&Statement::of(&verdict()).bytes());
    let answer = verify(&bundle, &public("cosign.pub"), &expected(), now());
    let no = Answer::No { found: None, why: vec![No::Signature { another: true }] };
    assert_eq!(answer, no);
}

#[test]
fn a_stripped_signature_is_refused() {
    let whole: Value = serde_json::from_slice(&signed(&Statement::of(&verdict()).bytes())).unwrap();
    let unsigned = Answer::No { found: None, why: vec![No::Unsigned] };
    for strip in [json!([]), Value::Null] {
        let mut json = whole.clone();
        json["dsseEnvelope"]["signatures"] = strip.clone();
        if strip.is_null() {
            json["dsseEnvelope"].as_object_mut().unwrap().remove("signatures");
        }
        assert_eq!(judged(json.to_string().as_bytes(), &expected()), unsigned);
    }
    let mut json = whole.clone();
    json["dsseEnvelope"]["signatures"][0]["sig"] = "".into();
    assert!(matches!(judged(json.to_string().as_bytes(), &expected()), Answer::No { .. }));
    // Two would leave open which of them counts; cosign refuses it as well.
    let mut json = whole;
    let one = json["dsseEnvelope"]["signatures"][0].clone();
    json["dsseEnvelope"]["signatures"].as_array_mut().unwrap().push(one);
    let answer = judged(json.to_string().as_bytes(), &expected());
    assert!(matches!(answer, Answer::CannotTell(_)), "{answer:?}");
}

#[test]
fn what_a_key_cannot_judge_is_not_judged() {
    let whole: Value = serde_json::from_slice(&signed(&Statement::of(&verdict()).bytes())).unwrap();
    for kind in ["certificate", "x509CertificateChain"] {
        let mut json = whole.clone();
        json["verificationMaterial"] = json!({ kind: {"rawBytes": "MIIB"} });
        let answer = judged(json.to_string().as_bytes(), &expected());
        assert_eq!(answer, Answer::CannotTell(CannotTell::Bundle(Unjudgeable::Certificate)));
    }
    let mut file = whole.clone();
    file["messageSignature"] = json!({"signature": "MEUC"});
    file.as_object_mut().unwrap().remove("dsseEnvelope");
    let mut keyless = whole.clone();
    keyless.as_object_mut().unwrap().remove("verificationMaterial");
    for (bundle, said) in [
        (file.to_string(), "holds no statement"),
        (keyless.to_string(), "no Sigstore bundle"),
        (whole["dsseEnvelope"].to_string(), "a bare DSSE envelope"),
        (String::from_utf8(bytes("statement.json")).unwrap(), "no Sigstore bundle"),
        (String::new(), "no Sigstore bundle"),
        ("[]".to_owned(), "no Sigstore bundle"),
        ("x".repeat(bundle::MAX_BYTES + 1), "larger than 4 MiB"),
    ] {
        match judged(bundle.as_bytes(), &expected()) {
            Answer::CannotTell(why) => assert!(why.to_string().contains(said), "{why}"),
            other => panic!("{said}: {other:?}"),
        }
    }
}

/// A later cosign may write one. Both together would be an envelope without a bundle around it.
#[test]
fn a_field_that_is_not_known_does_not_stand_in_the_way() {
    let whole: Value = serde_json::from_slice(&signed(&Statement::of(&verdict()).bytes())).unwrap();
    for field in ["payload", "signatures", "new"] {
        let mut json = whole.clone();
        json[field] = json!([]);
        let answer = judged(json.to_string().as_bytes(), &expected());
        assert!(matches!(answer, Answer::Holds(_)), "{field}: {answer:?}");
    }
}

#[test]
fn the_largest_bundle_is_read_whole() {
    let mut bundle = signed(&Statement::of(&verdict()).bytes());
    bundle.resize(bundle::MAX_BYTES, b' ');
    let answer = judged(&bundle, &expected());
    assert!(matches!(answer, Answer::Holds(_)), "{answer:?}");
    bundle.push(b' ');
    let answer = judged(&bundle, &expected());
    assert_eq!(answer, Answer::CannotTell(CannotTell::Bundle(Unjudgeable::TooLarge)));
}

#[test]
fn what_the_key_signed_and_is_something_else_is_refused() {
    let whole: Value = serde_json::from_slice(&Statement::of(&verdict()).bytes()).unwrap();
    let mut provenance = whole.clone();
    provenance["predicateType"] = "https://slsa.dev/provenance/v1".into();
    provenance["predicate"] = json!({"buildDefinition": {}});
    let answer = judged(&signed(provenance.to_string().as_bytes()), &expected());
    let found = "https://slsa.dev/provenance/v1".to_owned();
    let no = Answer::No { found: None, why: vec![No::PredicateType { found }] };
    assert_eq!(answer, no);

    let mut old = whole.clone();
    old["_type"] = "https://in-toto.io/Statement/v0.1".into();
    let answer = judged(&signed(old.to_string().as_bytes()), &expected());
    assert!(matches!(answer, Answer::Holds(_)), "{answer:?}");

    for (pointer, value) in
        [("/_type", json!("x")), ("/subject", json!("x")), ("/predicate", json!([]))]
    {
        let mut json = whole.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        let answer = judged(&signed(json.to_string().as_bytes()), &expected());
        let cannot = matches!(answer, Answer::CannotTell(CannotTell::Statement { .. }));
        assert!(cannot, "{pointer} {answer:?}");
    }
}

#[test]
fn another_image_and_another_gate_are_refused() {
    let statement = Statement::of(&verdict());
    for image in ['a', 'b', 'c'] {
        let expected = Expected { image: digest(image), ..expected() };
        assert_eq!(against(&statement, &expected), []);
    }
    let other = Expected { image: digest('e'), ..expected() };
    assert!(matches!(&against(&statement, &other)[..], [No::Image { .. }]));
    let other = Expected { gate: "ho-release-gate-rosa".to_owned(), ..expected() };
    assert!(matches!(&against(&statement, &other)[..], [No::Gate { .. }]));
    // The informing jobs are no gate.
    let informing = Statement::of_informing(&verdict()).unwrap();
    assert!(
        against(&informing, &expected())
            .iter()
            .any(|no| matches!(no, No::Gate { .. }))
    );
}

#[test]
fn only_a_good_result_holds() {
    let failed = of(|verdict| verdict.blocking[0] = job("e2e-aks", End::Failed));
    let why = against(&failed, &expected());
    assert_eq!(why.len(), 1);
    assert_eq!(why[0].to_string(), "the result is FAILED; failed: e2e-aks");
    let undecided = of(|verdict| verdict.blocking[0] = job("e2e-aks", End::Undecided));
    let why = against(&undecided, &expected());
    assert_eq!(why[0].to_string(), "the result is ERROR; without a result that counts: e2e-aks");
    for word in ["SKIPPED", "SUCCESS", "passed"] {
        let mut statement = Statement::of(&verdict());
        statement.predicate.result = ResultWord::Other(word.to_owned());
        assert!(matches!(&against(&statement, &expected())[..], [No::Result { .. }]), "{word}");
    }
}

#[test]
fn an_override_holds_only_where_it_may() {
    let warned = of(|verdict| verdict.blocking[0] = accepted(job("e2e-aks", End::Failed)));
    let jobs = vec!["e2e-aks".to_owned()];
    assert_eq!(against(&warned, &expected()), [No::Overridden { jobs: jobs.clone() }]);
    let lenient = Expected { overrides: Overrides::Accepted, jobs: jobs.clone(), ..expected() };
    assert_eq!(against(&warned, &lenient), []);
    let strict = Expected { jobs: jobs.clone(), ..expected() };
    assert!(against(&warned, &strict).contains(&No::Jobs { jobs }));
}

/// Conforma looks at the numbers as well as at the word.
#[test]
fn a_statement_that_contradicts_itself_is_refused() {
    type Change = fn(&mut Statement);
    let changes: [Change; 6] = [
        |statement| statement.predicate.failures = 1,
        |statement| statement.predicate.failed_tests = vec!["x".to_owned()],
        |statement| statement.predicate.warnings = 1,
        |statement| statement.predicate.warned_tests = vec!["x".to_owned()],
        |statement| statement.predicate.passed_tests = vec![],
        |statement| {
            let first = &mut statement.predicate.configuration[0];
            first.annotations.insert("undecided".to_owned(), json!(["x"]));
        },
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut statement = Statement::of(&verdict());
        change(&mut statement);
        let expected = Expected { jobs: vec![], overrides: Overrides::Accepted, ..expected() };
        let why = against(&statement, &expected);
        assert!(matches!(&why[..], [No::Contradiction(_)]), "{n}: {why:?}");
    }
}

#[test]
fn a_job_that_was_asked_for_has_to_be_there() {
    let jobs = vec!["e2e-aws".to_owned(), "e2e-gcp".to_owned()];
    let expected = Expected { jobs, ..expected() };
    let missing = No::Jobs { jobs: vec!["e2e-gcp".to_owned()] };
    assert_eq!(against(&Statement::of(&verdict()), &expected), [missing]);
}

#[test]
fn an_old_verdict_and_one_from_the_future_are_refused() {
    let statement = Statement::of(&verdict());
    let limit = |seconds| Expected { max_age: Some(Duration::from_secs(seconds)), ..expected() };
    let age = 4189;
    assert_eq!(against(&statement, &limit(age)), []);
    assert!(matches!(&against(&statement, &limit(age - 1))[..], [No::TooOld { .. }]));
    assert_eq!(against(&statement, &Expected { max_age: None, ..expected() }), []);

    let ahead = of(|verdict| verdict.decided_at = at("2026-08-20T04:35:01Z"));
    let ageless = Expected { max_age: None, ..expected() };
    assert!(matches!(&against(&ahead, &ageless)[..], [No::FromTheFuture { .. }]));
    let skewed = of(|verdict| verdict.decided_at = at("2026-08-20T04:35:00Z"));
    assert_eq!(against(&skewed, &limit(1)), []);

    let mut timeless = statement;
    timeless.predicate.timestamp = None;
    assert_eq!(against(&timeless, &expected()), [No::NoTime]);
    assert_eq!(against(&timeless, &ageless), []);
}

#[test]
fn every_reason_is_told_at_once() {
    let statement = of(|verdict| verdict.blocking[0] = job("e2e-aks", End::Failed));
    let expected = Expected {
        image: digest('e'),
        gate: "other".to_owned(),
        jobs: vec!["e2e-aks".to_owned()],
        max_age: Some(Duration::from_secs(1)),
        overrides: Overrides::Refused,
    };
    assert_eq!(against(&statement, &expected).len(), 5);
}

proptest! {
    #[test]
    fn nothing_foreign_panics_or_holds(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(!matches!(judged(&bytes, &expected()), Answer::Holds(_)));
        prop_assert!(!matches!(judged(&signed(&bytes), &expected()), Answer::Holds(_)));
    }

    #[test]
    fn a_cut_bundle_never_holds(cut in 0_usize..3000) {
        let whole = signed(&Statement::of(&verdict()).bytes());
        let cut = cut.min(whole.len() - 1);
        prop_assert!(!matches!(judged(&whole[..cut], &expected()), Answer::Holds(_)));
    }
}
