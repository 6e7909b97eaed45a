//! A PipelineRun as integration-service starts it, and what came of it.

use serde_json::{Value, json};

use crate::field::{Field, SCENARIO, repository};

/// How long a run may take on a slow machine.
const PATIENCE: &str = "--timeout=420s";

/// A run that was started.
pub struct Run<'a> {
    field: &'a Field,
    /// The PipelineRun's name.
    pub name: String,
}

impl Field {
    /// Starts the shipped PipelineRun with the night's Snapshot and parameters.
    pub fn start(&self) -> Run<'_> {
        self.start_with(|_| ())
    }

    /// Starts the shipped PipelineRun, changed at the last moment.
    pub fn start_with(&self, change: impl FnOnce(&mut Value)) -> Run<'_> {
        let text =
            std::fs::read_to_string(repository(".tekton/pipelines/ho-release-gate-run.yaml"))
                .unwrap();
        let mut run: Value = serde_saphyr::from_str(&text).unwrap();
        run["spec"]["params"] = Value::Array(self.all_parameters());
        self.submit(run, change)
    }

    /// Starts the shipped Pipeline by reference: Tekton's git resolver fetches it from `url`.
    pub fn start_from_git(&self, url: &str, revision: &str) -> Run<'_> {
        let parameter = |name: &str, value: &str| json!({"name": name, "value": value});
        let run = json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"name": "ho-release-gate"}, "spec": {
            "pipelineRef": {"resolver": "git", "params": [
                parameter("url", url), parameter("revision", revision), parameter("pathInRepo", ".tekton/pipelines/ho-release-gate.yaml")]},
            "params": self.all_parameters(),
            "taskRunTemplate": {"serviceAccountName": "gate-runner"},
            "taskRunSpecs": [{"pipelineTaskName": "create-release", "serviceAccountName": "gate-releaser"}],
            "timeouts": {"pipeline": "7h15m", "tasks": "6h", "finally": "1h15m"}}});
        self.submit(run, |_| ())
    }

    fn all_parameters(&self) -> Vec<Value> {
        let snapshot = json!({"name": "SNAPSHOT", "value": self.night.snapshot_json});
        std::iter::once(snapshot).chain(self.parameters()).collect()
    }

    fn submit(&self, mut run: Value, change: impl FnOnce(&mut Value)) -> Run<'_> {
        let snapshot = self.kubectl.get("snapshot", &self.night.snapshot);
        let name = run["metadata"]["name"].as_str().unwrap().to_owned();
        run["metadata"] = json!({
            "generateName": format!("{name}-"),
            "labels": {
                "appstudio.openshift.io/application": "hypershift-operator",
                "appstudio.openshift.io/component": "hypershift-operator-main",
                "appstudio.openshift.io/snapshot": &self.night.snapshot,
                "pipelines.appstudio.openshift.io/type": "test",
                "test.appstudio.openshift.io/optional": "true",
                "test.appstudio.openshift.io/run": SCENARIO,
                "test.appstudio.openshift.io/scenario": SCENARIO,
            },
            "ownerReferences": [{
                "apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Snapshot", "name": &self.night.snapshot,
                "uid": snapshot["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
            }],
        });
        constrain(&mut run);
        change(&mut run);
        let made = self.kubectl.create(&run);
        Run { field: self, name: made["metadata"]["name"].as_str().unwrap().to_owned() }
    }
}

impl Run<'_> {
    /// Waits until it has ended; returns the PipelineRun.
    pub fn ended(&self) -> Value {
        self.field.kubectl.run(&[
            "wait",
            "pipelinerun",
            &self.name,
            "--for=jsonpath={.status.completionTime}",
            PATIENCE,
        ]);
        self.field.kubectl.get("pipelinerun", &self.name)
    }

    /// Waits until the task's pod runs; returns the pod's name.
    pub fn pod_of(&self, task: &str) -> String {
        let selector =
            format!("tekton.dev/pipelineRun={},tekton.dev/pipelineTask={task}", self.name);
        let kubectl = &self.field.kubectl;
        kubectl.run(&["wait", "pod", "-l", &selector, "--for=create", PATIENCE]);
        kubectl.run(&[
            "wait",
            "pod",
            "-l",
            &selector,
            "--for=jsonpath={.status.phase}=Running",
            PATIENCE,
        ]);
        kubectl.run(&["get", "pod", "-l", &selector, "-o", "jsonpath={.items[0].metadata.name}"])
    }

    /// The gate record of the run.
    pub fn record(&self) -> Value {
        let map = self.field.kubectl.get("configmap", &format!("gate-{}", self.name));
        serde_json::from_str(map["data"]["record.json"].as_str().unwrap()).unwrap()
    }

    /// `Succeeded` or `Failed` of the task, or `None` where it never ran.
    pub fn task(&self, task: &str) -> Option<Value> {
        let runs = self.field.kubectl.list("taskruns");
        let mine = |run: &&Value| {
            let labels = &run["metadata"]["labels"];
            labels["tekton.dev/pipelineRun"] == self.name.as_str()
                && labels["tekton.dev/pipelineTask"] == task
        };
        runs.iter().find(mine).cloned()
    }
}

/// What OpenShift's security context constraints do: a UID of the namespace's own range.
pub fn constrain(run: &mut Value) {
    run["spec"]["taskRunTemplate"]["podTemplate"] = json!({"securityContext": {
        "runAsNonRoot": true, "runAsUser": 1_000_660_000, "fsGroup": 1_000_660_000, "seccompProfile": {"type": "RuntimeDefault"}}});
}

/// Sets one of the parameters of a run that is about to be started.
pub fn set_parameter(run: &mut Value, name: &str, value: impl Into<Value>) {
    let parameters = run["spec"]["params"].as_array_mut().unwrap();
    parameters.retain(|parameter| parameter["name"] != name);
    parameters.push(json!({"name": name, "value": value.into()}));
}

/// The status of the `Succeeded` condition: `True`, `False` or `Unknown`.
pub fn succeeded(object: &Value) -> &str {
    let conditions = object["status"]["conditions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let condition = conditions.iter().find(|condition| condition["type"] == "Succeeded");
    condition
        .and_then(|condition| condition["status"].as_str())
        .unwrap_or_default()
}
