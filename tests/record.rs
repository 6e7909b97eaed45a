//! The record as steps share it: whose it is, what others keep on its ConfigMap, and a flag that
//! contradicts it.

use serde_json::{Value, json};
use standins::{Server, Servers, World};

use crate::support::{Dir, Output, Tool};

const NS: &str = "tenant";

struct Desk {
    dir: Dir,
    world: World,
    servers: Servers,
}

impl Desk {
    /// A record that the first step of an ARO run has begun.
    fn new() -> Self {
        let world = World::default();
        let servers = world.serve().unwrap();
        let dir = Dir::new();
        servers.write_kubeconfig(&dir.path("kubeconfig"), NS).unwrap();
        dir.write("webhook", servers.slack_url());
        dir.write("token", "gangway-token");
        let desk = Self { dir, world, servers };
        let begun = desk
            .resolve()
            .args(["--gate-label", "ARO HCP", "--scenario", "aro-hcp", "--run-id", "uid-1"])
            .run();
        assert_eq!(begun.code, 0, "{begun:?}");
        desk
    }

    fn tool(&self, name: &str) -> Tool {
        Tool::new(name)
            .args([
                "--record",
                "configmap:gate-ho-release-gate-x7k2p",
                "--time-scale",
                "10000",
                "--kubeconfig",
            ])
            .arg(self.dir.path("kubeconfig"))
    }

    fn resolve(&self) -> Tool {
        let image = format!("quay.io/acme/ho@sha256:{}", "4be1f0c2".repeat(8));
        let snapshot = json!({"application": "ho", "components": [{"name": "ho-main", "containerImage": image}]});
        self.tool("resolve-image")
            .args(["--offline", "--component", "ho-main", "--snapshot-name", "snap-1"])
            .args(["--snapshot", &snapshot.to_string()])
    }

    fn notify(&self) -> Tool {
        self.tool("notify-slack")
            .arg("--slack-webhook-file")
            .arg(self.dir.path("webhook"))
    }

    /// Every step that changes the record, each with what it needs and no word of whose it is.
    fn steps(&self) -> Vec<(&'static str, Tool)> {
        let image = format!("quay.io/acme/ho@sha256:{}", "4be1f0c2".repeat(8));
        let base = self.servers.url(Server::Gangway);
        let launch = self
            .tool("launch-prow")
            .args(["--image", &image, "--blocking", r#"["e2e"]"#]);
        let launch = launch.args([
            "--override-env",
            "IMAGE",
            "--gangway-url",
            &base,
            "--gangway-token-file",
        ]);
        let collect = self.tool("collect-results").args([
            "--timeout",
            "1s",
            "--deck-url",
            &self.servers.deck_url(),
        ]);
        vec![
            ("resolve-image", self.resolve()),
            ("launch-prow", launch.arg(self.dir.path("token"))),
            ("collect-results", collect.args(["--artifacts-url", &self.servers.artifacts_url()])),
            ("create-release", self.tool("create-release").args(["--release-plan", "plan-1"])),
            ("notify-slack", self.notify()),
        ]
    }

    fn object(&self) -> Value {
        self.world
            .kube()
            .get("configmaps", NS, "gate-ho-release-gate-x7k2p")
            .unwrap()
    }

    fn record(&self) -> Value {
        serde_json::from_str(self.object()["data"]["record.json"].as_str().unwrap()).unwrap()
    }
}

/// The command that Slack and the runbook print says neither gate nor scenario.
#[test]
fn a_step_run_by_hand_takes_nothing_off_the_record() {
    let desk = Desk::new();
    desk.world.prow().token("gangway-token");
    desk.world.prow().job("e2e", standins::JobScript::passes());
    desk.world
        .kube()
        .change("configmaps", NS, "gate-ho-release-gate-x7k2p", |map| {
            map["metadata"]["labels"]["example.com/team"] = json!("hypershift");
            map["metadata"]["annotations"] = json!({"example.com/note": "keep this one"});
            map["metadata"]["ownerReferences"] =
                json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "y"}]);
            map["data"]["README"] = json!("what people wrote beside it");
            // Somebody took one of ours away.
            map["metadata"]["labels"]
                .as_object_mut()
                .unwrap()
                .remove("release-gate/kind");
        });
    for (name, step) in desk.steps() {
        let before = desk.record()["revision"].as_u64();
        let output = step.run();
        assert_ne!(output.code, 2, "{name}: {output:?}");
        let object = desk.object();
        assert!(
            desk.record()["revision"].as_u64() > before || name == "resolve-image",
            "{name} wrote nothing"
        );
        if desk.record()["revision"].as_u64() > before {
            assert_eq!(object["metadata"]["labels"]["release-gate/kind"], "gate", "{name}");
        }
        assert_eq!(object["metadata"]["labels"]["release-gate/gate"], "ARO-HCP", "{name}");
        assert_eq!(object["metadata"]["labels"]["release-gate/scenario"], "aro-hcp", "{name}");
        assert_eq!(object["metadata"]["labels"]["example.com/team"], "hypershift", "{name}");
        assert_eq!(
            object["metadata"]["annotations"]["example.com/note"], "keep this one",
            "{name}"
        );
        assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "y", "{name}");
        assert_eq!(object["data"]["README"], "what people wrote beside it", "{name}");
    }
}

#[test]
fn a_flag_that_contradicts_the_record_is_bad_input() {
    let desk = Desk::new();
    let before = desk.object();
    for (flag, given, words) in [
        (
            "--gate-label",
            "ROSA HCP",
            "is of the gate \"ARO HCP\", not of --gate-label \"ROSA HCP\"",
        ),
        ("--gate-label", "ARO-HCP", "is of the gate \"ARO HCP\", not of --gate-label \"ARO-HCP\""),
        (
            "--scenario",
            "rosa-hcp",
            "is of the scenario \"aro-hcp\", not of --scenario \"rosa-hcp\"",
        ),
        ("--run-id", "uid-2", "belongs to run uid-1, not to --run-id uid-2"),
    ] {
        for (name, step) in desk.steps().into_iter().filter(|(name, _)| *name != "notify-slack") {
            let refused = |output: Output| {
                assert_eq!(output.code, 2, "{name} {flag}: {output:?}");
                assert!(output.stderr.contains(words), "{name} {flag}: {}", output.stderr);
            };
            refused(step.args([flag, given]).run());
        }
    }
    assert_eq!(desk.object(), before, "nothing was written");
    assert_eq!(desk.world.prow().launches().len(), 0);
}

/// A message is never refused: it says what does not fit.
#[test]
fn notify_slack_names_the_difference() {
    let desk = Desk::new();
    let output = desk
        .notify()
        .args(["--gate-label", "ROSA HCP", "--scenario", "rosa-hcp"])
        .run();
    assert_eq!(output.code, 0, "{output:?}");
    let words = desk.world.slack().messages()[0].words();
    assert!(words.contains("*ARO HCP gate "), "{words}");
    assert!(
        words.contains("the record of ARO HCP, although --gate-label says ROSA HCP"),
        "{words}"
    );
    assert!(words.contains("the record of aro-hcp, although --scenario says rosa-hcp"), "{words}");
    let other = desk.notify().args(["--run-id", "uid-2"]).run();
    assert_eq!(other.code, 0, "{other:?}");
    assert!(
        desk.world.slack().messages()[1]
            .words()
            .contains("belongs to run uid-1, not to --run-id uid-2")
    );
    assert_eq!(
        (&desk.record()["gate"], &desk.record()["scenario"]),
        (&json!("ARO HCP"), &json!("aro-hcp"))
    );
}
