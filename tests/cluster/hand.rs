//! The same steps by hand, with a kubeconfig: the record in a file and in a ConfigMap, and as
//! docs/by-hand.md tells.

use std::process::Command;

use standins::Night;

use crate::commands::Reader;
use crate::field::{Field, SCALE, SCENARIO};
use crate::gate::assert_launched_once;
use crate::integration_service::IntegrationService;
use crate::platform;
use crate::release_service::{Fate, ReleaseService};
use crate::run::succeeded;
use crate::runbook::{default_of, ended, machine, newest};

struct Hand<'a> {
    field: &'a Field,
    record: String,
}

impl Hand<'_> {
    fn step(&self, binary: &str, arguments: &[&str]) -> serde_json::Value {
        let mut command = Command::new(binary);
        command.args(arguments).args([
            "--record",
            &self.record,
            "--namespace",
            self.field.kubectl.namespace(),
        ]);
        command.args([
            "--kubeconfig",
            &std::env::var("KUBECONFIG").unwrap(),
            "--time-scale",
            &SCALE.to_string(),
        ]);
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
        let (gangway, deck, artifacts) =
            (servers.gangway_url(), servers.deck_url(), servers.artifacts_url());
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
            &[
                "--snapshot",
                &field.night.snapshot,
                "--component",
                "hypershift-operator-main",
                "--offline",
            ],
        );
        let image = resolved["image"].as_str().unwrap();
        self.step(
            env!("CARGO_BIN_EXE_create-release"),
            &["--check", "--release-plan", &field.night.plan],
        );
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
        let released = self.step(
            env!("CARGO_BIN_EXE_create-release"),
            &[
                "--release-plan",
                &field.night.plan,
                "--ca-file",
                &ca,
                "--deck-url",
                &deck,
                "--artifacts-url",
                &artifacts,
            ],
        );
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

const DOCUMENT: &str = "docs/by-hand.md";
const PLAN: &str = "hypershift-operator-ho-release-gate-aro-hcp";

/// First a run of one's own from its beginning, then what can be done with the record of a run that
/// the pipeline has left.
#[test]
#[ignore = "needs a cluster"]
fn every_step_by_hand_as_the_document_says() {
    let field = Field::new("by-hand", &Night::aro_hcp());
    let clone = platform::clone(&field);
    platform::settle(&field, &clone, "aro-hcp", &[]);
    platform::apply(&field, &clone, "aro-hcp");
    let _konflux = IntegrationService::start(&field.kubectl);
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    let desk = field.folder().join("desk");
    std::fs::create_dir(&desk).unwrap();
    std::fs::write(desk.join("token"), &field.night.token).unwrap();
    std::fs::write(desk.join("webhook-url"), field.servers.slack_url()).unwrap();
    let mut reader = Reader::new("every_step_by_hand_as_the_document_says", &desk)
        .with_programs(machine(&field));
    let names = |json: &str| serde_json::from_str::<Vec<String>>(json).unwrap().join("\",\"");
    for (placeholder, value) in [
        ("NS", field.kubectl.namespace()),
        ("SNAPSHOT", &field.night.snapshot),
        ("SCENARIO", SCENARIO),
        ("PLAN", PLAN),
        ("VARIABLE", &default_of("override-env")),
        ("BLOCKING", &names(&field.night.blocking)),
        ("INFORMING", &names(&field.night.informing)),
    ] {
        reader.put(placeholder, value);
    }
    let messages = || field.world.slack().messages().len();

    let resolved = reader.follow(DOCUMENT, "resolve-image", 0);
    assert!(resolved.contains(&field.night.reference), "{resolved}");
    let possible = reader.follow(DOCUMENT, "create-release: would it be possible?", 0);
    assert!(possible.contains("\"released\":\"false\""), "{possible}");
    let launched = reader.follow(DOCUMENT, "launch-prow", 0);
    assert!(
        launched.contains("periodic-ci-") && launched.contains("\"launched\":\"3\""),
        "{launched}"
    );
    assert_launched_once(&field);
    assert!(
        reader
            .follow(DOCUMENT, "collect-results", 0)
            .contains("\"verdict\":\"passed\"")
    );
    assert!(
        reader
            .follow(DOCUMENT, "create-release", 0)
            .contains("\"released\":\"true\"")
    );
    assert_eq!(field.kubectl.list("releases").len(), 1, "the dry run made none");
    let shown = reader.follow(DOCUMENT, "notify-slack", 0);
    assert!(shown.contains("promoted"), "{shown}");
    assert_eq!(messages(), 1, "the preview sent none");

    let triggered = reader.follow(DOCUMENT, "trigger-gate", 0);
    assert!(triggered.contains("candidates") && triggered.contains("\"started\""), "{triggered}");
    let fresh = reader.follow(DOCUMENT, "check-staleness", 0);
    assert!(fresh.contains(r#""state":"fresh""#), "{fresh}");
    let run = newest(&field);
    assert_eq!(succeeded(&ended(&field, &run)), "True");

    // The run has left its record.
    reader.put("RUN", &run);
    let gangway = || field.world.requests_to(standins::Server::Gangway).len();
    let asked = (gangway(), field.world.prow().launches().len(), messages());
    let seen = reader.follow(DOCUMENT, "Look at it", 0);
    assert!(seen.contains(&format!("gate-{run}")) && seen.contains("\npassed\n"), "{seen}");
    assert!(seen.contains("blocking\tperiodic-ci-") && seen.contains("/view/gs/"), "{seen}");
    assert!(
        reader
            .follow(DOCUMENT, "Show the verdict again", 0)
            .contains("\"verdict\":\"passed\"")
    );
    let preview = reader.follow(DOCUMENT, "Preview its message", 0);
    assert!(preview.contains(&run), "{preview}");
    assert!(
        reader
            .follow(DOCUMENT, "Promote it", 0)
            .contains("\"released\":\"true\"")
    );
    assert_eq!(
        asked,
        (gangway(), field.world.prow().launches().len(), messages()),
        "a look at the runs costs no quota"
    );
    assert!(
        reader
            .follow(DOCUMENT, "Judge it again", 0)
            .contains("\"verdict\":\"passed\"")
    );
    assert_eq!(field.world.prow().launches().len(), asked.1, "judging launches nothing");
    assert_eq!(field.kubectl.list("releases").len(), 1);
    reader.finish();
}
