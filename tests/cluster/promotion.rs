//! create-release with the shipped accounts on a real API server: names, labels, conflicts,
//! several at once, kills.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use gate::prow::key;
use serde_json::{Value, json};
use standins::{JobScript, Night};

use crate::field::{Field, SCALE};
use crate::release_service::{Fate, ReleaseService};

/// The blocking job, and the variable that carries the image into it.
const JOB: &str = "e2e-aks";
const VARIABLE: &str = "OVERRIDE_IMAGE";

/// A run whose tests have passed, and one of the shipped accounts.
struct Promotion {
    field: Field,
}

impl Promotion {
    fn new(name: &str) -> Self {
        let promotion = Self { field: Field::new(name, &Night::aro_hcp()) };
        for account in ["gate-releaser", "gate-runner"] {
            promotion.kubeconfig(account);
        }
        promotion
    }

    /// A kubeconfig with an account's own token.
    fn kubeconfig(&self, account: &str) {
        let kubectl = &self.field.kubectl;
        let token = kubectl.run(&["create", "token", account]);
        let view = kubectl.run(&["config", "view", "--raw", "--minify", "--flatten", "-o", "json"]);
        let mut config: Value = serde_json::from_str(&view).unwrap();
        config["users"][0]["user"] = json!({"token": token.trim()});
        std::fs::write(self.field.folder().join(account), config.to_string()).unwrap();
    }

    /// The record of a passed run.
    fn record(&self, run: &str) -> String {
        let (night, path) = (&self.field.night, self.field.folder().join(format!("{run}.json")));
        // A run in Prow that passed hours ago.
        let key = key::of(run, JOB, &night.image.digest.parse().unwrap(), 1);
        let variables = [(VARIABLE.to_owned(), night.reference.clone())].into();
        let labels = [(key::LABEL.to_owned(), key.clone())].into();
        self.field.world.prow().job(JOB, JobScript::passes());
        let ago = Duration::from_secs(4 * 3600);
        let execution = self.field.world.prow().launched_ago(JOB, ago, variables, labels);
        let record = json!({
            "schema_version": 1, "kind": "gate", "id": run,
            "created_at": "2026-08-20T03:00:00Z", "updated_at": "2026-08-20T06:00:00Z",
            "candidate": {"image": night.reference, "digest": night.image.digest,
                "snapshot": night.snapshot, "component": "hypershift-operator-main"},
            "jobs": [{"name": JOB, "class": "blocking", "override_env": [VARIABLE], "attempts": [{
                "number": 1, "execution": execution, "state": "success", "cause": "passed",
                "intent": {"key": key, "written_at": "2026-08-20T03:00:00Z", "holder": "launch-prow"}}]}],
            "verdict": {"decision": "passed", "decided_at": "2026-08-20T06:00:00Z", "reasons": [],
                "blocking_passed": 1, "blocking_total": 1},
        });
        std::fs::write(&path, record.to_string()).unwrap();
        path.display().to_string()
    }

    fn start(&self, account: &str, record: &str, more: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_create-release"))
            .args(["--record", &format!("file:{record}"), "--release-plan", &self.field.night.plan])
            .args([
                "--deck-url",
                &self.field.servers.deck_url(),
                "--artifacts-url",
                &self.field.servers.artifacts_url(),
            ])
            .args(["--ca-file", &self.field.ca_file()])
            .args([
                "--namespace",
                self.field.kubectl.namespace(),
                "--time-scale",
                &SCALE.to_string(),
                "--kubeconfig",
            ])
            .arg(self.field.folder().join(account))
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn run(&self, account: &str, record: &str, more: &[&str]) -> Output {
        self.start(account, record, more).wait_with_output().unwrap()
    }

    fn service(&self, fate: Fate) -> ReleaseService {
        ReleaseService::start(&self.field.kubectl, &self.field.night.image.digest, fate)
    }

    fn releases(&self) -> Vec<Value> {
        self.field.kubectl.list("releases")
    }

    fn release(&self, name: &str, snapshot: &str) {
        self.field.kubectl.create(&json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Release",
            "metadata": {"name": name}, "spec": {"releasePlan": self.field.night.plan, "snapshot": snapshot}}));
    }

    /// The Release's name with a number.
    fn name(&self, number: u32) -> String {
        let night = &self.field.night;
        format!("{}-{}-{number}", night.plan, &night.image.digest["sha256:".len()..][..12])
    }
}

/// The exit code, `release` and `released`.
fn told(output: &Output) -> (i32, String, String) {
    let text = |name: &str| {
        let results: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        results[name].as_str().unwrap().to_owned()
    };
    (output.status.code().unwrap_or(-1), text("release"), text("released"))
}

#[track_caller]
fn ends(output: &Output, code: i32, release: &str, released: &str) {
    assert_eq!(
        told(output),
        (code, release.to_owned(), released.to_owned()),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "needs a cluster"]
fn with_its_own_account_and_no_other() {
    let promotion = Promotion::new("promote");
    let _service = promotion.service(Fate::Released);
    let record = promotion.record("run");
    ends(&promotion.run("gate-runner", &record, &["--check"]), 0, "", "false");
    let refused = promotion.run("gate-runner", &record, &[]);
    ends(&refused, 1, "", "false");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the rights do not suffice"));
    let dry = promotion.run("gate-releaser", &record, &["--dry-run"]);
    ends(&dry, 0, &promotion.name(1), "false");
    assert!(promotion.releases().is_empty());
    ends(&promotion.run("gate-releaser", &record, &[]), 0, &promotion.name(1), "true");
    ends(
        &promotion.run("gate-releaser", &promotion.record("other"), &[]),
        0,
        &promotion.name(1),
        "true",
    );
    let releases = promotion.releases();
    assert_eq!(releases.len(), 1);
    let labels = &releases[0]["metadata"]["labels"];
    assert_eq!(labels["release.appstudio.openshift.io/snapshot"], promotion.field.night.snapshot);
}

#[test]
#[ignore = "needs a cluster"]
fn what_somebody_else_made_is_adopted_even_without_labels() {
    let promotion = Promotion::new("adopt");
    promotion.release("by-hand", &promotion.field.night.snapshot);
    let waiting = promotion.start("gate-releaser", &promotion.record("run"), &[]);
    let _service = promotion.service(Fate::Released);
    ends(&waiting.wait_with_output().unwrap(), 0, "by-hand", "true");
    assert_eq!(promotion.releases().len(), 1);
}

#[test]
#[ignore = "needs a cluster"]
fn a_name_that_is_taken_leads_to_the_next() {
    let promotion = Promotion::new("taken");
    // Of an older Snapshot that is gone, as its name tells: one of a newer one would be refused.
    promotion.release(&promotion.name(1), "hypershift-operator-20260101-000000-000");
    let _service = promotion.service(Fate::FailedFirst);
    ends(
        &promotion.run("gate-releaser", &promotion.record("run"), &[]),
        0,
        &promotion.name(2),
        "true",
    );
}

#[test]
#[ignore = "needs a cluster"]
fn failed_and_tried_again() {
    let promotion = Promotion::new("again");
    let _service = promotion.service(Fate::FailedFirst);
    let record = promotion.record("run");
    let failed = promotion.run("gate-releaser", &record, &[]);
    ends(&failed, 1, &promotion.name(1), "false");
    assert!(
        String::from_utf8_lossy(&failed.stderr)
            .contains("in task push-snapshot, step push (Error)")
    );
    ends(&promotion.run("gate-releaser", &record, &[]), 1, &promotion.name(1), "false");
    ends(&promotion.run("gate-releaser", &record, &["--again"]), 0, &promotion.name(2), "true");
    assert_eq!(promotion.releases().len(), 2);
}

#[test]
#[ignore = "needs a cluster"]
fn never_ending_and_deleted() {
    let promotion = Promotion::new("never");
    let record = promotion.record("run");
    ends(
        &promotion.run("gate-releaser", &record, &["--wait", "30m"]),
        1,
        &promotion.name(1),
        "unknown",
    );
    let waiting = promotion.start("gate-releaser", &record, &["--wait", "20h"]);
    std::thread::sleep(Duration::from_secs(2));
    promotion
        .field
        .kubectl
        .run(&["delete", "release", &promotion.name(1)]);
    ends(&waiting.wait_with_output().unwrap(), 4, &promotion.name(1), "unknown");
    ends(&promotion.run("gate-releaser", &record, &["--again"]), 4, &promotion.name(1), "unknown");
    assert!(promotion.releases().is_empty());
}

#[test]
#[ignore = "needs a cluster"]
fn three_at_once_and_killed_at_random() {
    let promotion = Promotion::new("kill");
    let records = ["one", "two", "three"].map(|run| promotion.record(run));
    for pause in [10, 25, 40, 60, 90, 130, 180, 240] {
        let mut running: Vec<Child> = records
            .iter()
            .map(|record| promotion.start("gate-releaser", record, &[]))
            .collect();
        std::thread::sleep(Duration::from_millis(pause));
        for child in &mut running {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let _service = promotion.service(Fate::Released);
    let running: Vec<Child> = records
        .iter()
        .map(|record| promotion.start("gate-releaser", record, &[]))
        .collect();
    for child in running {
        ends(&child.wait_with_output().unwrap(), 0, &promotion.name(1), "true");
    }
    assert_eq!(promotion.releases().len(), 1);
}
