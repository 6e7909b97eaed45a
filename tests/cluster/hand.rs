//! The same steps by hand, with a kubeconfig: the record in a file and in a ConfigMap.

use std::process::Command;

use standins::Night;

use crate::field::{Field, SCALE};
use crate::gate::assert_launched_once;
use crate::release_service::{Fate, ReleaseService};

struct Hand<'a> {
    field: &'a Field,
    record: String,
}

impl Hand<'_> {
    fn step(&self, binary: &str, arguments: &[&str]) -> serde_json::Value {
        let mut command = Command::new(binary);
        command.args(arguments).args(["--record", &self.record, "--namespace", self.field.kubectl.namespace()]);
        command.args(["--kubeconfig", &std::env::var("KUBECONFIG").unwrap(), "--time-scale", &SCALE.to_string()]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{binary}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn whole_gate(&self) {
        let field = self.field;
        let token = field.folder().join("token");
        std::fs::write(&token, Night::aro_hcp().token).unwrap();
        let token = token.display().to_string();
        let servers = &field.servers;
        let (gangway, deck, artifacts) = (servers.gangway_url(), servers.deck_url(), servers.artifacts_url());
        let ca = field.ca_file();
        let services = [
            "--ca-file",
            &ca,
            "--gangway-url",
            &gangway,
            "--deck-url",
            &deck,
            "--artifacts-url",
            &artifacts,
            "--gangway-token-file",
            &token,
        ];
        let resolved = self.step(
            env!("CARGO_BIN_EXE_resolve-image"),
            &["--snapshot", &field.night.snapshot, "--component", "hypershift-operator-main", "--offline"],
        );
        let image = resolved["image"].as_str().unwrap();
        self.step(env!("CARGO_BIN_EXE_create-release"), &["--check", "--release-plan", &field.night.plan]);
        let night = &field.night;
        let jobs = [
            "--image",
            image,
            "--blocking",
            &night.blocking,
            "--informing",
            &night.informing,
            "--override-env",
            "OPERATOR_IMAGE",
        ];
        self.step(env!("CARGO_BIN_EXE_launch-prow"), &[&jobs[..], &services[..]].concat());
        let collected = self.step(env!("CARGO_BIN_EXE_collect-results"), &services);
        assert_eq!(collected["verdict"], "passed");
        let released = self.step(env!("CARGO_BIN_EXE_create-release"), &["--release-plan", &field.night.plan]);
        assert_eq!(released["released"], "true");
        assert_launched_once(field);
        assert_eq!(field.kubectl.list("releases").len(), 1);
    }
}

#[test]
#[ignore = "needs a cluster"]
fn by_hand_with_a_record_in_a_file() {
    let field = Field::new("hand-file", &Night::aro_hcp());
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    let record = format!("file:{}", field.folder().join("gate.json").display());
    Hand { field: &field, record }.whole_gate();
}

#[test]
#[ignore = "needs a cluster"]
fn by_hand_with_a_record_in_a_configmap() {
    let field = Field::new("hand-map", &Night::aro_hcp());
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    Hand { field: &field, record: "configmap:gate-by-hand".to_owned() }.whole_gate();
}
