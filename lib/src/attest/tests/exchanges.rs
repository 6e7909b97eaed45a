//! Held against the real cosign 3: `data/README.md` says how the files were made.

use serde_json::Value;

use super::super::bundle;
use super::super::key::SigningKeyFile;
use super::super::samples::{PASSWORD, bytes, data, expected, key, now, public, verdict};
use super::super::statement::Statement;
use super::super::verify::{Answer, Expected, verify};

/// `says.txt` holds cosign's answers to these very bytes, and ours are still the same.
#[test]
fn cosign_has_seen_what_is_signed_here() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("password"), PASSWORD).unwrap();
    let sealed = SigningKeyFile::new("--sign-key", data("cosign.key"))
        .opened_with("--sign-password-file", dir.path().join("password"));
    let statement = Statement::of(&verdict()).bytes();
    for (name, key) in [("ours", sealed.read().unwrap()), ("ours-open", key())] {
        let name = format!("exchanges/{name}.json");
        let signed = bundle::sign(&statement, &key).unwrap();
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            std::fs::write(data(&name), &signed).unwrap();
        }
        assert_eq!(signed, bytes(&name), "{name}");
    }
}

/// cosign refuses fields that it does not know; a later one may write them.
const ONLY_HERE: &str = "unknown-field";

#[test]
fn every_answer_is_cosigns() {
    let says = String::from_utf8(bytes("exchanges/says.txt")).unwrap();
    let mut seen = (0, 0);
    for line in says.lines() {
        let [bundle, key, image, says] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
        let image = format!("sha256:{image}").parse().unwrap();
        let expected = Expected { image, jobs: vec![], ..expected() };
        let bytes = bytes(&format!("exchanges/{bundle}.json"));
        let answer = verify(&bytes, &public(key), &expected, now());
        let holds = matches!(answer, Answer::Holds(_));
        let agrees = holds == (says == "ok") || (bundle == ONLY_HERE && holds);
        assert!(agrees, "{line}: {answer:?}");
        if holds { seen.0 += 1 } else { seen.1 += 1 }
    }
    assert!(seen.0 >= 12 && seen.1 >= 18, "{seen:?}");
}

/// An entry of the log in a form to come, where a key decides.
#[test]
fn what_stands_beside_the_signature_does_not_matter() {
    let whole: Value = serde_json::from_slice(&bytes("exchanges/by-cosign.json")).unwrap();
    let mut json = whole;
    json["verificationMaterial"]["tlogEntries"] = serde_json::json!([{"kind": "new"}]);
    json["verificationMaterial"]["timestampVerificationData"] =
        serde_json::json!({"rfc3161Timestamps": 1});
    let answer = verify(json.to_string().as_bytes(), &public("cosign.pub"), &expected(), now());
    assert!(matches!(answer, Answer::Holds(_)), "{answer:?}");
}

#[test]
fn the_hint_is_the_one_that_cosign_writes() {
    let json: Value = serde_json::from_slice(&bytes("exchanges/by-cosign.json")).unwrap();
    let hint = &json["verificationMaterial"]["publicKey"]["hint"];
    assert_eq!(hint, &Value::from(public("cosign.pub").hint()));
}
