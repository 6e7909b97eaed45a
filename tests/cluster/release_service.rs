//! release-service's part, as the real one plays it: the webhook's labels, the phases, the end.

use std::io::BufReader;
use std::process::Child;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::kubectl::Kubectl;

/// How every Release of a namespace ends.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    /// Released, with the image pushed.
    Released,
    /// The managed pipeline fails in its task `push-snapshot`.
    Failed,
    /// That of the first Release (`…-1`) fails, later ones land.
    FailedFirst,
}

/// Watches a namespace's Releases and plays them to their end, until dropped.
pub struct ReleaseService {
    watch: Child,
    player: Option<JoinHandle<()>>,
}

impl ReleaseService {
    /// Starts to play. `digest` is what the managed pipeline pushes.
    pub fn start(kubectl: &Kubectl, digest: &str, fate: Fate) -> Self {
        Self::play(kubectl, Some(digest.to_owned()), fate)
    }

    /// The same where each Release pushes what its own Snapshot holds.
    pub fn of_snapshots(kubectl: &Kubectl) -> Self {
        Self::play(kubectl, None, Fate::Released)
    }

    fn play(kubectl: &Kubectl, digest: Option<String>, fate: Fate) -> Self {
        let mut watch =
            kubectl.spawn(&["get", "releases", "-o", "json", "--watch", "--output-watch-events"]);
        let output = BufReader::new(watch.stdout.take().unwrap());
        let kubectl = kubectl.clone();
        let player = std::thread::spawn(move || {
            let events = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
            for event in events.map_while(Result::ok).filter(|event| event["type"] == "ADDED") {
                // One that ended before this began to play stays as it is.
                if !event["object"]["status"]["completionTime"].is_null() {
                    continue;
                }
                let release = &event["object"];
                let digest = digest.clone().unwrap_or_else(|| digest_of(&kubectl, release));
                play(&kubectl, release, &digest, fate);
            }
        });
        Self { watch, player: Some(player) }
    }
}

impl Drop for ReleaseService {
    fn drop(&mut self) {
        let _ = self.watch.kill();
        let _ = self.watch.wait();
        let _ = self.player.take().unwrap().join();
    }
}

/// The digest of the gated component in a Release's Snapshot.
fn digest_of(kubectl: &Kubectl, release: &Value) -> String {
    let snapshot = kubectl.get("snapshot", release["spec"]["snapshot"].as_str().unwrap());
    let components = snapshot["spec"]["components"].as_array().unwrap();
    let gated = components
        .iter()
        .find(|component| component["name"] == "hypershift-operator-main")
        .unwrap();
    gated["containerImage"]
        .as_str()
        .unwrap()
        .split_once('@')
        .unwrap()
        .1
        .to_owned()
}

fn play(kubectl: &Kubectl, release: &Value, digest: &str, fate: Fate) {
    let name = release["metadata"]["name"].as_str().unwrap();
    let labels = json!({"metadata": {"labels": {
        "release.appstudio.openshift.io/releasePlan": release["spec"]["releasePlan"],
        "release.appstudio.openshift.io/snapshot": release["spec"]["snapshot"],
    }}});
    kubectl.patch("release", name, &labels, None);
    let now = jiff::Timestamp::now();
    let now = format!("{now:.0}");
    let status =
        |status: Value| kubectl.patch("release", name, &json!({"status": status}), Some("status"));
    let condition = |kind: &str, status: &str, reason: &str, message: &str| json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now});
    let attempt = |status: &str| json!({"pipelineRun": "managed/managed-abcde", "status": status, "startTime": now});
    status(json!({
        "startTime": now,
        "conditions": [condition("Released", "False", "Progressing", ""), condition("Validated", "True", "Succeeded", ""), condition("ManagedPipelineProcessed", "False", "Progressing", "")],
        "managedPipelineAttempts": [attempt("Progressing")],
        "managedProcessing": {"pipelineRun": "managed/managed-abcde", "startTime": now},
    }));
    let fate = match fate {
        Fate::FailedFirst if name.ends_with("-1") => Fate::Failed,
        Fate::FailedFirst => Fate::Released,
        fate => fate,
    };
    match fate {
        Fate::Released => status(json!({
            "completionTime": now,
            "conditions": [condition("Released", "True", "Succeeded", ""), condition("Validated", "True", "Succeeded", ""), condition("ManagedPipelineProcessed", "True", "Succeeded", "")],
            "managedPipelineAttempts": [attempt("Succeeded")],
            "artifacts": {"images": [{"name": "hypershift-operator-main", "shasum": digest, "arches": ["amd64"], "oses": ["linux"], "urls": [format!("quay.io/acme/verified:aro-hcp-{}", &digest[7..])]}]},
        })),
        Fate::Failed | Fate::FailedFirst => {
            let mut failed = attempt("Failed");
            failed["failureReason"] = json!("Error");
            failed["lastTask"] = json!("push-snapshot");
            failed["lastStep"] = json!("push");
            let message = "Release processing failed on managed pipelineRun";
            status(json!({
                "completionTime": now,
                "conditions": [condition("Released", "False", "Failed", message), condition("Validated", "True", "Succeeded", ""), condition("ManagedPipelineProcessed", "False", "Failed", message)],
                "managedPipelineAttempts": [failed],
            }));
        }
    }
}
