//! Verdicts and keys for tests. `data/` holds the exchanges with the real cosign; its README says
//! how they were made.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::key::{PublicKey, SigningKey, SigningKeyFile};
use super::verdict::{Acceptance, End, Job, Verdict};
use super::verify::{Expected, Overrides};
use crate::image::Digest;

/// The password of `data/cosign.key`.
pub const PASSWORD: &str = "correct horse";

pub const GATE: &str = "ho-release-gate-aro-hcp";

pub fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/attest/data")
        .join(name)
}

pub fn bytes(name: &str) -> Vec<u8> {
    let path = data(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn digest(digit: char) -> Digest {
    format!("sha256:{}", digit.to_string().repeat(64)).parse().unwrap()
}

pub fn job(name: &str, end: End) -> Job {
    let url = Some(format!("https://prow.example.com/view/gs/bucket/logs/{name}/1"));
    Job { name: name.to_owned(), end, accepted: None, url }
}

pub fn accepted(job: Job) -> Job {
    let word = Acceptance {
        by: Some("jane@example.com".to_owned()),
        reason: "the lease pool was empty,\n see OCPBUGS-1".to_owned(),
    };
    Job { accepted: Some(word), ..job }
}

pub fn verdict() -> Verdict {
    let policy = [("hollow", "enforce"), ("proof", "enforce"), ("rerun", "infrastructure=2")];
    Verdict {
        gate: GATE.to_owned(),
        image: format!("quay.io/acme/hypershift-operator@{}", digest('a'))
            .parse()
            .unwrap(),
        platforms: vec![digest('b'), digest('c')],
        blocking: vec![job("e2e-aks", End::Passed), job("e2e-aws", End::Passed)],
        informing: vec![job("e2e-kubevirt", End::Failed), job("e2e-agent", End::Passed)],
        request: "d".repeat(64),
        policy: policy.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        toolkit: "0.1.0".to_owned(),
        snapshot: Some("hypershift-operator-20260820".to_owned()),
        revision: Some("4be1f0c2d7aa".to_owned()),
        run: Some("ho-release-gate-x7k2p".to_owned()),
        url: Some(
            "https://konflux.example.com/ns/acme/pipelinerun/ho-release-gate-x7k2p".to_owned(),
        ),
        decided_at: at("2026-08-20T03:20:11.250Z"),
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An hour and a bit after the verdict.
pub fn now() -> Timestamp {
    at("2026-08-20T04:30:00Z")
}

pub fn expected() -> Expected {
    Expected {
        image: digest('a'),
        gate: GATE.to_owned(),
        jobs: vec!["e2e-aws".to_owned()],
        max_age: Some(Duration::from_secs(7200)),
        overrides: Overrides::Refused,
    }
}

/// An open key as openssl writes it: no scrypt in every test.
pub fn key() -> SigningKey {
    SigningKeyFile::new("--sign-key", data("open.key")).read().unwrap()
}

pub fn public(name: &str) -> PublicKey {
    PublicKey::read("--key", &data(name)).unwrap()
}
