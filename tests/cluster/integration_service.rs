//! integration-service's part, as the real one plays it: a Snapshot gets the label `run`, a
//! PipelineRun of that scenario is made, then the label goes.

use std::io::BufReader;
use std::process::Child;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::field::repository;
use crate::kubectl::Kubectl;
use crate::run::constrain;

const RUN: &str = "test.appstudio.openshift.io/run";

/// Watches a namespace's Snapshots until dropped.
pub struct IntegrationService {
    watch: Child,
    player: Option<JoinHandle<()>>,
}

impl IntegrationService {
    /// Starts to play.
    pub fn start(kubectl: &Kubectl) -> Self {
        let mut watch =
            kubectl.spawn(&["get", "snapshots", "-o", "json", "--watch", "--output-watch-events"]);
        let output = BufReader::new(watch.stdout.take().unwrap());
        let kubectl = kubectl.clone();
        let player = std::thread::spawn(move || {
            let events = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
            for event in events.map_while(Result::ok) {
                let snapshot = &event["object"];
                if let Some(scenario) = snapshot["metadata"]["labels"][RUN].as_str() {
                    play(&kubectl, snapshot, scenario);
                }
            }
        });
        Self { watch, player: Some(player) }
    }
}

impl Drop for IntegrationService {
    fn drop(&mut self) {
        let _ = self.watch.kill();
        let _ = self.watch.wait();
        let _ = self.player.take().unwrap().join();
    }
}

fn play(kubectl: &Kubectl, snapshot: &Value, scenario: &str) {
    let made = kubectl.get("integrationtestscenario", scenario);
    kubectl.create(&pipeline_run(snapshot, &made));
    // The run always exists before the label goes.
    let name = snapshot["metadata"]["name"].as_str().unwrap();
    kubectl.patch("snapshot", name, &json!({"metadata": {"labels": {RUN: null}}}), None);
}

/// The PipelineRun that a scenario with `resourceKind: pipelinerun` becomes for a Snapshot.
fn pipeline_run(snapshot: &Value, scenario: &Value) -> Value {
    let git = scenario["spec"]["resolverRef"]["params"].as_array().unwrap();
    let path = git.iter().find(|param| param["name"] == "pathInRepo").unwrap();
    let text = std::fs::read_to_string(repository(path["value"].as_str().unwrap())).unwrap();
    let mut run: Value = serde_saphyr::from_str(&text).unwrap();

    let mut params = vec![json!({"name": "SNAPSHOT", "value": snapshot["spec"].to_string()})];
    for param in scenario["spec"]["params"].as_array().unwrap() {
        let value = if param["values"].is_array() { &param["values"] } else { &param["value"] };
        params.push(json!({"name": param["name"], "value": value}));
    }
    run["spec"]["params"] = params.into();
    let annotations = &scenario["metadata"]["annotations"];
    for part in ["pipeline", "tasks", "finally"] {
        run["spec"]["timeouts"][part] =
            annotations[format!("test.appstudio.openshift.io/{part}_timeout")].clone();
    }

    let copied = |key: &str| {
        [
            "test.appstudio.openshift.io/",
            "pac.test.appstudio.openshift.io/",
            "custom.appstudio.openshift.io/",
        ]
        .iter()
        .any(|prefix| key.starts_with(prefix))
    };
    let carried = |field: &str| -> serde_json::Map<String, Value> {
        let own = snapshot["metadata"][field].as_object().cloned().unwrap_or_default();
        own.into_iter().filter(|(key, _)| copied(key)).collect()
    };
    let mut labels = carried("labels");
    labels
        .insert("appstudio.openshift.io/snapshot".to_owned(), snapshot["metadata"]["name"].clone());
    labels.insert(
        "appstudio.openshift.io/application".to_owned(),
        snapshot["spec"]["application"].clone(),
    );
    labels.insert(
        "test.appstudio.openshift.io/scenario".to_owned(),
        scenario["metadata"]["name"].clone(),
    );
    labels.insert("pipelines.appstudio.openshift.io/type".to_owned(), "test".into());
    let name = run["metadata"]["name"].as_str().unwrap().to_owned();
    run["metadata"] = json!({
        "generateName": format!("{name}-"),
        "labels": labels,
        "annotations": carried("annotations"),
        "ownerReferences": [{
            "apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Snapshot", "name": snapshot["metadata"]["name"],
            "uid": snapshot["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
        }],
    });
    constrain(&mut run);
    run
}
