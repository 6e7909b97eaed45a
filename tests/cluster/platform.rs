//! A platform's overlay as a tenant applies it, with what is different on a test's ground: the
//! night's names, the shipped image, and stand-ins for the services.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::field::{Field, SCALE, needed, repository};

/// A clone of this repository's manifests in the test's folder.
pub fn clone(field: &Field) -> PathBuf {
    let clone = field.folder().join("clone");
    std::fs::create_dir(&clone).unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .args(["tekton", ".tekton"].map(repository))
        .arg(&clone)
        .status();
    assert!(copied.unwrap().success());
    clone
}

/// Changes the settings of an overlay in a clone, and adds the scenario's parameters for stand-ins.
pub fn settle(field: &Field, clone: &Path, overlay: &str, more: &[(&str, &str)]) {
    let folder = clone.join("tekton/konflux/overlays").join(overlay);
    let read = |name: &str| -> Value {
        serde_saphyr::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
    };
    let (mut settings, mut kustomization) = (read("settings.yaml"), read("kustomization.yaml"));
    let image = needed("GATE_TEST_IMAGE");
    let archive = field.servers.archive_url();
    let mut different = vec![
        ("image", image.as_str()),
        ("e2e-blocking-job-names", field.night.blocking.as_str()),
        ("e2e-informing-job-names", field.night.informing.as_str()),
    ];
    if settings["data"]["kubearchive-url"].is_string() {
        different.push(("kubearchive-url", &archive));
    }
    different.extend(more);
    for (name, value) in different {
        assert!(settings["data"][name].is_string(), "no setting {name}");
        settings["data"][name] = value.into();
    }
    let servers = &field.servers;
    let urls = [
        ("gangway-url", servers.gangway_url()),
        ("deck-url", servers.deck_url()),
        ("artifacts-url", servers.artifacts_url()),
    ];
    let mut parameters: Vec<Value> = urls
        .iter()
        .map(|(name, url)| json!({"name": name, "value": url}))
        .collect();
    for name in ["launch-args", "collect-args", "release-args", "notify-args"] {
        parameters.push(json!({"name": name, "values": ["--time-scale", SCALE.to_string()]}));
    }
    let operations: Vec<Value> = parameters
        .into_iter()
        .map(|value| json!({"op": "add", "path": "/spec/params/-", "value": value}))
        .collect();
    let patch = json!({"target": {"kind": "IntegrationTestScenario"}, "patch": Value::from(operations).to_string()});
    match kustomization["patches"].as_array_mut() {
        Some(patches) => patches.push(patch),
        None => kustomization["patches"] = json!([patch]),
    }
    // JSON is YAML.
    std::fs::write(folder.join("settings.yaml"), settings.to_string()).unwrap();
    std::fs::write(folder.join("kustomization.yaml"), kustomization.to_string()).unwrap();
}

/// What release-service does to a plan that an admission matches.
pub fn match_the_plan(field: &Field, plan: &str) {
    let status = json!({"status": {
        "conditions": [{"type": "Matched", "status": "True", "reason": "Matched", "message": "", "lastTransitionTime": "2026-08-20T03:00:00Z"}],
        "releasePlanAdmission": {"name": "managed/release-gate", "active": true},
    }});
    field.kubectl.patch("releaseplan", plan, &status, Some("status"));
}

/// Applies an overlay with its schedules stopped, and lets its plan be matched.
pub fn apply(field: &Field, clone: &Path, overlay: &str) {
    let path = clone
        .join("tekton/konflux/overlays")
        .join(overlay)
        .display()
        .to_string();
    field.kubectl.run(&["apply", "-k", &path]);
    for name in ["trigger-gate", "check-staleness"] {
        let suspended = json!({"spec": {"suspend": true}});
        field
            .kubectl
            .patch("cronjob", &format!("{name}-{overlay}"), &suspended, None);
    }
    match_the_plan(field, &format!("hypershift-operator-ho-release-gate-{overlay}"));
}

/// Makes a job as the schedule would, waits for its end, and returns its pod.
pub fn job(field: &Field, name: &str, cronjob: &str) -> Value {
    let kubectl = &field.kubectl;
    kubectl.run(&["create", "job", name, &format!("--from=cronjob/{cronjob}")]);
    let selector = format!("batch.kubernetes.io/job-name={name}");
    kubectl.run(&["wait", "pod", "-l", &selector, "--for=create", "--timeout=60s"]);
    let ended = "--for=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}";
    kubectl.run(&["wait", "pod", "-l", &selector, ended, "--timeout=300s"]);
    let pods: Value =
        serde_json::from_str(&kubectl.run(&["get", "pods", "-l", &selector, "-o", "json"]))
            .unwrap();
    pods["items"][0].clone()
}

/// The exit code of a pod's only container.
pub fn exit(pod: &Value) -> i64 {
    pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]
        .as_i64()
        .unwrap_or(-1)
}
