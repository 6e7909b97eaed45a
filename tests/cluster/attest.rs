//! attest-verdict with its shipped account on a real API server, against a real registry, and in the
//! pipeline.

use std::process::Output;
use std::time::Duration;

use gate::prow::key;
use serde_json::{Value, json};
use standins::{JobScript, Night};

use crate::field::{Field, SCALE, needed, repository};
use crate::release_service::{Fate, ReleaseService};
use crate::run::{set_parameter, succeeded};

const JOB: &str = "e2e-aks";
const VARIABLE: &str = "OVERRIDE_IMAGE";
const GATE: &str = "ARO HCP";

fn data(name: &str) -> String {
    repository(&format!("lib/src/attest/data/{name}"))
}

/// A repository of this test's own in the cluster's registry.
fn verdicts(field: &Field) -> String {
    format!("{}/{}/verdicts", needed("GATE_TEST_REGISTRY"), field.kubectl.namespace())
}

fn plain_http() -> String {
    needed("GATE_TEST_REGISTRY")
}

/// A kubeconfig with an account's own token.
fn kubeconfig(field: &Field, account: &str) -> String {
    let token = field.kubectl.run(&["create", "token", account]);
    let view = ["config", "view", "--raw", "--minify", "--flatten", "-o", "json"];
    let mut config: Value = serde_json::from_str(&field.kubectl.run(&view)).unwrap();
    config["users"][0]["user"] = json!({"token": token.trim()});
    let path = field.folder().join(account);
    std::fs::write(&path, config.to_string()).unwrap();
    path.display().to_string()
}

/// The record of a passed run, in a ConfigMap.
fn record(field: &Field) {
    let (night, run) = (&field.night, "run-1");
    let key = key::of(run, JOB, &night.image.digest.parse().unwrap(), 1);
    let variables = [(VARIABLE.to_owned(), night.reference.clone())].into();
    let labels = [(key::LABEL.to_owned(), key.clone())].into();
    field.world.prow().job(JOB, JobScript::passes());
    let ago = Duration::from_secs(4 * 3600);
    let execution = field.world.prow().launched_ago(JOB, ago, variables, labels);
    let record = json!({
        "schema_version": 1, "kind": "gate", "id": run, "gate": GATE,
        "created_at": "2026-08-20T03:00:00Z", "updated_at": "2026-08-20T06:00:00Z",
        "candidate": {"image": night.reference, "digest": night.image.digest},
        "jobs": [{"name": JOB, "class": "blocking", "override_env": [VARIABLE], "attempts": [{
            "number": 1, "execution": execution, "state": "success", "cause": "passed",
            "intent": {"key": key, "written_at": "2026-08-20T03:00:00Z", "holder": "launch-prow"}}]}],
        "verdict": {"decision": "passed", "decided_at": "2026-08-20T06:00:00Z", "reasons": [],
            "blocking_passed": 1, "blocking_total": 1},
    });
    field.kubectl.create(
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "gate-run-1"},
        "data": {"record.json": record.to_string()}}),
    );
}

fn attest(field: &Field, kubeconfig: &str) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_attest-verdict"))
        .args(["--record", "configmap:gate-run-1", "--push", &verdicts(field)])
        .args(["--plain-http", &plain_http(), "--sign-key", &data("open.key")])
        .args(["--deck-url", &field.servers.deck_url()])
        .args(["--artifacts-url", &field.servers.artifacts_url()])
        .args(["--ca-file", &field.ca_file(), "--time-scale", &SCALE.to_string()])
        .args(["--namespace", field.kubectl.namespace(), "--kubeconfig", kubeconfig])
        .output()
        .unwrap()
}

/// verify-verdict's exit code, and what it says.
fn verify(field: &Field, key: &str) -> (Option<i32>, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_verify-verdict"))
        .args([&field.night.image.digest, "--gate", GATE, "--key", key])
        .args(["--repository", &verdicts(field), "--plain-http", &plain_http()])
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
#[ignore = "needs a cluster"]
fn a_verdict_goes_to_the_clusters_registry_with_its_own_account() {
    let field = Field::new("attest", &Night::aro_hcp());
    record(&field);
    let before = field.kubectl.get("configmap", "gate-run-1");
    let attester = kubeconfig(&field, "gate-attester");
    let first = attest(&field, &attester);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    let again = attest(&field, &attester);
    assert_eq!(again.stdout, first.stdout, "{}", String::from_utf8_lossy(&again.stderr));
    let (code, said) = verify(&field, &data("open.pub"));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(verify(&field, &data("cosign.pub")).0, Some(3));
    let after = field.kubectl.get("configmap", "gate-run-1");
    assert_eq!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
    // The account has no other right, not even to see which ConfigMaps there are.
    assert!(!field.can("gate-attester", "list", "configmaps"));
}

#[test]
#[ignore = "needs a cluster"]
fn a_night_with_a_signed_verdict() {
    let field = Field::new("signed", &Night::aro_hcp());
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    let key = repository("lib/rehearsal/data/cosign.key");
    let secret = ["create", "secret", "generic", "gate-signing-key"];
    let files = [
        format!("--from-file=cosign.key={key}"),
        format!("--from-literal=cosign.password={}", PASSWORD),
    ];
    field
        .kubectl
        .run(&[&secret[..], &[files[0].as_str(), files[1].as_str()]].concat());
    let signed = |repository: &str| {
        let run = field.start_with(|run| {
            set_parameter(run, "attest", "bundle");
            set_parameter(run, "attest-repository", repository);
            set_parameter(
                run,
                "attest-args",
                json!(["--time-scale", SCALE.to_string(), "--plain-http", plain_http()]),
            );
        });
        let ended = run.ended();
        assert_eq!(succeeded(&ended), "True", "{}", ended["status"]["conditions"]);
        run.task("attest-verdict").unwrap()
    };
    let task = signed(&verdicts(&field));
    assert_eq!(succeeded(&task), "True", "{}", task["status"]);
    let (code, said) = verify(&field, &repository("lib/rehearsal/data/cosign.pub"));
    assert_eq!(code, Some(0), "{said}");
    // A verdict that no registry takes: its task has failed, and the run has not.
    let task = signed("198.18.0.1:9/nobody/verdicts");
    assert_eq!(succeeded(&task), "False", "{}", task["status"]);
}

/// Password of the key in lib/rehearsal/data.
const PASSWORD: &str = "find-me-SIGNING-7Yp2/xW+qL9vB3nKd";
