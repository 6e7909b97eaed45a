//! The stand-alone Tasks in another team's pipeline: the shipped sample, run as it stands but for
//! the night's image, jobs and services.

use serde_json::{Value, json};
use standins::Night;

use crate::field::{Field, needed, repository};
use crate::run::{constrain, set_parameter, succeeded};

/// A parameter of one of the pipeline's tasks.
fn set(run: &mut Value, task: &str, name: &str, value: Value) {
    let tasks = run["spec"]["pipelineSpec"]["tasks"].as_array_mut().unwrap();
    let params = tasks.iter_mut().find(|t| t["name"] == task).unwrap()["params"]
        .as_array_mut()
        .unwrap();
    params.retain(|param| param["name"] != name);
    params.push(json!({"name": name, "value": value}));
}

#[test]
#[ignore = "needs a cluster"]
fn the_sample_launches_and_judges_without_a_snapshot() {
    let field = Field::new("tasks", &Night::aro_hcp());
    for task in ["launch-prow", "collect-results"] {
        field.kubectl.run(&[
            "apply",
            "-f",
            &repository(&format!("tekton/tasks/{task}/{task}.yaml")),
        ]);
    }
    let path = repository("tekton/tasks/collect-results/samples/launch-and-collect.yaml");
    let mut run: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    constrain(&mut run);
    set_parameter(&mut run, "image", needed("GATE_TEST_IMAGE"));
    set_parameter(&mut run, "tested-image", field.night.reference.clone());
    set(&mut run, "launch-prow", "e2e-blocking-job-names", field.night.blocking.clone().into());
    let parameters = field.parameters();
    for name in ["gangway-url", "deck-url", "artifacts-url"] {
        let value = &parameters.iter().find(|param| param["name"] == name).unwrap()["value"];
        set(&mut run, "launch-prow", name, value.clone());
        set(&mut run, "collect-results", name, value.clone());
    }
    for (task, name) in [("launch-prow", "launch-args"), ("collect-results", "collect-args")] {
        let value = &parameters.iter().find(|param| param["name"] == name).unwrap()["value"];
        set(&mut run, task, name, value.clone());
    }
    // The stand-ins' jobs log where HyperShift's do, and take the image in HyperShift's variable.
    set(
        &mut run,
        "collect-results",
        "proof-log",
        "artifacts/*/hypershift-install/build-log.txt".into(),
    );
    let variable = "MULTISTAGE_PARAM_OVERRIDE_OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE";
    set(&mut run, "launch-prow", "override-env", variable.into());

    let made = field.kubectl.create(&run);
    let name = made["metadata"]["name"].as_str().unwrap();
    field.kubectl.run(&[
        "wait",
        "pipelinerun",
        name,
        "--for=jsonpath={.status.completionTime}",
        "--timeout=420s",
    ]);
    let ended = field.kubectl.get("pipelinerun", name);
    assert_eq!(succeeded(&ended), "True", "{}", ended["status"]["conditions"]);
    assert_eq!(ended["status"]["results"], json!([{"name": "verdict", "value": "passed"}]));
    let blocking: Vec<String> = serde_json::from_str(&field.night.blocking).unwrap();
    let launched: Vec<String> = field
        .world
        .prow()
        .launches()
        .into_iter()
        .map(|launch| launch.job)
        .collect();
    assert_eq!(launched, blocking, "each once, in their order");
}

#[test]
#[ignore = "needs a cluster"]
fn a_secret_of_the_account_is_in_the_step_s_home() {
    let field = Field::new("pull", &Night::aro_hcp());
    let kubectl = &field.kubectl;
    let file = json!({"auths": {"quay.example": {"auth": "aG9zdDpw"}}}).to_string();
    kubectl.create(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": file}}));
    // The documents say which list of the account it must be in.
    let said = |list: &str, name: &str, wanted: &str| {
        kubectl.patch("serviceaccount", "gate-runner", &json!({list: [{"name": "pull"}]}), None);
        // Named, the file is needed; by itself the step reads it where it is.
        let mut run = json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"name": name},
            "spec": {"taskRunTemplate": {"serviceAccountName": "gate-runner"}, "pipelineSpec": {"tasks": [{
                "name": "look", "taskSpec": {"steps": [{"name": "look", "image": needed("GATE_TEST_IMAGE"),
                    "command": ["/usr/bin/resolve-image"], "args": ["--snapshot", json!({"application": "a",
                        "components": [{"name": "c", "containerImage": field.night.reference}]}).to_string(),
                        "--component", "c", "--ca-file", "/var/run/ca"],
                    "env": [{"name": "HOME", "value": "/tekton/home"},
                        {"name": "REGISTRY_AUTH_FILE", "value": "/tekton/home/.docker/config.json"}],
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": "ca", "mountPath": "/var/run/ca"}]}],
                    "volumes": [{"name": "ca", "configMap": {"name": "trusted-ca"}}]}}]}}});
        constrain(&mut run);
        kubectl.create(&run);
        kubectl.run(&[
            "wait",
            "pipelinerun",
            name,
            "--for=jsonpath={.status.completionTime}",
            "--timeout=120s",
        ]);
        let logs = kubectl.run(&["logs", &format!("{name}-look-pod"), "-c", "step-look"]);
        assert!(logs.contains(wanted), "{list}: {logs}");
    };
    said("imagePullSecrets", "kubelet", "REGISTRY_AUTH_FILE: cannot read");
    said("secrets", "tekton", "\"image\"");
}
