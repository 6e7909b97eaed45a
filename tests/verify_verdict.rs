//! verify-verdict as a consumer calls it: bundles in files and in a repository, and its exit codes.

use std::path::PathBuf;
use std::sync::Arc;

use gate::attest::key::SigningKeyFile;
use gate::attest::statement::Statement;
use gate::attest::{bundle, push};
use gate::clock::SystemClock;
use gate::registry::credentials::Credentials;
use gate::registry::{Registry, RegistryOptions};
use standins::{World, Writes};

use crate::support::commands::repository;
use crate::support::registry::{DockerRegistry, Door};
use crate::support::{Output, Tool};

const GATE: &str = "ho-release-gate-aro-hcp";

fn data(name: &str) -> PathBuf {
    repository("lib/src/attest/data").join(name)
}

fn image(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn verify(image: &str, key: &str, more: &[&str]) -> Output {
    Tool::new("verify-verdict")
        .args([image, "--gate", GATE, "--key", data(key).to_str().unwrap()])
        .args(more)
        .run()
}

/// `says.txt` has cosign's answer for each. A field that cosign does not know is the exception.
#[test]
fn it_answers_as_cosign_does() {
    let says = std::fs::read_to_string(data("exchanges/says.txt")).unwrap();
    let mut seen = 0;
    for line in says.lines() {
        let [name, key, hex, says] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
        let bundle = data(&format!("exchanges/{name}.json"));
        let more = ["--bundle", bundle.to_str().unwrap()];
        let output = verify(&format!("sha256:{hex}"), key, &more);
        let holds = says == "ok" || name == "unknown-field";
        assert_eq!(output.code == 0, holds, "{line}: {output:?}");
        assert!(holds || [1, 3].contains(&output.code), "{line}: {output:?}");
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn no_and_cannot_tell_and_bad_input() {
    let bundle = data("exchanges/ours.json");
    let bundle = bundle.to_str().unwrap();
    let key = "cosign.pub";
    let asked = |image: &str, more: &[&str]| {
        verify(image, key, &[&["--bundle", bundle][..], more].concat())
    };
    let whole = format!("quay.io/acme/elsewhere@{}", image('b'));
    assert_eq!(asked(&whole, &["--job", "e2e-aws"]).code, 0);
    for (output, code, words) in [
        (asked(&image('e'), &[]), 3, "it is about another image"),
        (asked(&image('a'), &["--job", "e2e-gcp"]), 3, "not among the jobs that passed: e2e-gcp"),
        (asked(&image('a'), &["--max-age", "1h"]), 3, "more than 1h00m ago"),
        (asked("quay.io/acme/ho:latest", &[]), 2, "IMAGE: "),
        (asked(&image('a'), &["--max-age", "old"]), 2, "--max-age: "),
        (asked(&image('a'), &["--repository", "127.0.0.1:1/v"]), 2, "either --bundle"),
        (verify(&image('a'), key, &[]), 2, "either --bundle"),
        (verify(&image('a'), key, &["--bundle", "/nowhere"]), 2, "--bundle: cannot read /nowhere"),
        (verify(&image('a'), "open.key", &["--bundle", bundle]), 2, "--key: "),
        (
            verify(&image('a'), key, &["--bundle", data("statement.json").to_str().unwrap()]),
            1,
            "it is no Sigstore bundle",
        ),
    ] {
        assert_eq!(output.code, code, "{words}: {output:?}");
        assert!(output.stderr.contains(words), "{words}: {output:?}");
    }
}

/// Pushes a verdict as the gate does, then asks as a consumer.
fn pushed_and_asked(repository: &str) {
    let bytes = std::fs::read(data("statement.json")).unwrap();
    let statement: Statement = serde_json::from_slice(&bytes).unwrap();
    let key = SigningKeyFile::new("--sign-key", data("open.key")).read().unwrap();
    let signed = bundle::sign(&bytes, &key).unwrap();
    let clock = Arc::new(SystemClock::new(1000));
    let options = RegistryOptions::default();
    let registry = Registry::new(repository, &Credentials::default(), &options, clock).unwrap();
    let registry = registry.writing();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let public = key.public();
    let push = || {
        let pushed = push::push(&registry, signed.clone(), &statement, &public);
        runtime.block_on(pushed).unwrap()
    };
    assert!(matches!(push(), push::Pushed::Written { .. }));
    assert!(matches!(push(), push::Pushed::Already { .. }));
    let asked = |image: &str, key: &str| {
        verify(image, key, &["--repository", repository, "--time-scale", "1000"])
    };
    for digit in ['a', 'b', 'c'] {
        let output = asked(&image(digit), "open.pub");
        assert_eq!(output.code, 0, "{output:?}");
        assert!(output.stdout.contains("\"answer\":\"holds\""), "{output:?}");
    }
    assert_eq!(asked(&image('a'), "cosign.pub").code, 3);
    let missing = asked(&image('e'), "open.pub");
    assert_eq!(missing.code, 3, "{missing:?}");
    assert!(missing.stderr.contains("has no verdict of the gate"), "{missing:?}");
}

#[test]
fn a_verdict_in_a_repository_of_its_own() {
    let world = World::default();
    world.registry().writes(Writes::Taken);
    let servers = world.serve().unwrap();
    pushed_and_asked(&format!("{}/acme/verdicts", servers.registry_host()));
    drop(servers);
    let nobody =
        verify(&image('a'), "open.pub", &["--repository", "127.0.0.1:1/v", "--time-scale", "1000"]);
    assert_eq!(nobody.code, 1, "{nobody:?}");
}

#[test]
fn a_verdict_in_debians_registry() {
    let Some(registry) = DockerRegistry::start(Door::Open) else { return };
    pushed_and_asked(&format!("{}/acme/verdicts", registry.host()));
}
