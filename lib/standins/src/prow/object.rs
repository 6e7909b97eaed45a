//! The ProwJob document of a run, as the API server holds it and Deck and the bucket show it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::run::{Run, label_of};
use crate::time::seconds;

/// The whole ProwJob at this moment, with `apiVersion` and `kind`.
pub(crate) fn prowjob(run: &Run, now: Timestamp, bucket: &str) -> Value {
    let look = run.look(now, bucket);
    let label = label_of(&run.job);
    let mut labels = json!({
        "ci.openshift.io/generator": "prowgen",
        "created-by-prow": "true",
        "prow.k8s.io/context": "",
        "prow.k8s.io/job": label,
        "prow.k8s.io/refs.base_ref": "main",
        "prow.k8s.io/refs.org": "openshift",
        "prow.k8s.io/refs.repo": "hypershift",
        "prow.k8s.io/type": "periodic",
    });
    for (key, value) in &run.labels {
        labels[key] = json!(value);
    }
    let mut annotations = json!({"prow.k8s.io/context": "", "prow.k8s.io/job": run.job});
    // A run that was given nothing is one of Prow's own schedule.
    if !(run.envs.is_empty() && run.labels.is_empty() && run.annotations.is_empty()) {
        annotations["executor"] = json!("gangway");
    }
    for (key, value) in &run.annotations {
        annotations[key] = json!(value);
    }
    let mut container = json!({
        "name": "",
        "image": "ci-operator:latest",
        "command": ["ci-operator"],
        "args": [format!("--target={}", run.test_as())],
        "resources": {},
    });
    if !run.envs.is_empty() {
        let envs: Vec<Value> = run
            .envs
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        container["env"] = json!(envs);
    }
    let mut spec = json!({
        "type": "periodic",
        "agent": "kubernetes",
        "cluster": "default",
        "namespace": "ci",
        "job": run.job,
        "extra_refs": [{"org": "openshift", "repo": "hypershift", "base_ref": "main"}],
        "report": true,
        "pod_spec": {"containers": [container]},
        "decoration_config": {
            "timeout": "4h0m0s",
            "grace_period": "1h0m0s",
            "utility_images": {
                "clonerefs": "example.test/clonerefs",
                "initupload": "example.test/initupload",
                "entrypoint": "example.test/entrypoint",
                "sidecar": "example.test/sidecar",
            },
            "gcs_configuration": {
                "bucket": bucket,
                "path_strategy": "single",
                "default_org": "openshift",
                "default_repo": "origin",
            },
            "gcs_credentials_secret": "gce-sa-credentials-gcs-publisher",
        },
        "prowjob_defaults": {"tenant_id": run.tenant},
    });
    if run.hidden {
        spec["hidden"] = json!(true);
    }
    let mut status = json!({"startTime": seconds(run.created()), "state": look.state.prow()});
    let optional = [
        ("pendingTime", look.pending.filter(|_| look.build_id.is_some()).map(seconds)),
        ("completionTime", look.completed.map(seconds)),
        ("description", look.description),
        ("url", look.url),
        ("pod_name", look.build_id.as_ref().map(|_| run.id.clone())),
        ("build_id", look.build_id),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            status[key] = json!(value);
        }
    }
    json!({
        "apiVersion": "prow.k8s.io/v1",
        "kind": "ProwJob",
        "metadata": {
            "name": run.id,
            "namespace": "ci",
            "uid": run.uid,
            "resourceVersion": (1000 + run.number * 10 + look.generation).to_string(),
            "generation": look.generation,
            "creationTimestamp": seconds(run.created()),
            "labels": labels,
            "annotations": annotations,
        },
        "spec": spec,
        "status": status,
    })
}
