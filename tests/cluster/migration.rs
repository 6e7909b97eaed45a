//! docs/migration.md, followed step by step beside an old gate: a trial that promotes nothing, then
//! the new schedule in place of the old.

use std::path::Path;

use serde_json::{Value, json};
use standins::Night;

use crate::commands::{Reader, repository};
use crate::field::Field;
use crate::integration_service::IntegrationService;
use crate::platform;
use crate::release_service::{Fate, ReleaseService};
use crate::run::succeeded;

const DOCUMENT: &str = "docs/migration.md";
const HEADING: &str = "Step by step, without a gap";

/// Adds the document's patches to an overlay.
fn try_only(kustomization: &Path) {
    let document = std::fs::read_to_string(repository(DOCUMENT)).unwrap();
    let block = document
        .split("   ```yaml")
        .nth(1)
        .unwrap()
        .split("   ```")
        .next()
        .unwrap();
    let trial: Value = serde_saphyr::from_str(&block.replace("\n   ", "\n")).unwrap();
    let mut overlay: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(kustomization).unwrap()).unwrap();
    let patches = overlay["patches"].as_array_mut().unwrap();
    // The ground gives every step its pace; a parameter stands there once.
    for patch in patches.iter_mut() {
        let mut operations: Vec<Value> =
            serde_json::from_str(patch["patch"].as_str().unwrap()).unwrap();
        operations.retain(|operation| operation["value"]["name"] != "release-args");
        patch["patch"] = Value::from(operations).to_string().into();
    }
    patches.extend(trial["patches"].as_array().unwrap().iter().cloned());
    std::fs::write(kustomization, overlay.to_string()).unwrap();
}

#[test]
#[ignore = "needs a cluster"]
fn the_migration_goes_step_by_step() {
    let field = Field::new("migrate", &Night::aro_hcp());
    let clone = platform::clone(&field);
    let mut reader = Reader::new("the_migration_goes_step_by_step", &clone);
    reader.put("crt-redhat-acm-tenant", field.kubectl.namespace());
    // The old gate's CronJob, as far as it matters here.
    field.kubectl.create(&json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "hypershift-operator-nightly-promotion"},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "shell", "image": "example.com/shell"}]}}}}}}));

    reader.follow(DOCUMENT, HEADING, 0);
    // Step 3, and the patches of step 4 for the trial.
    platform::settle(&field, &clone, "aro-hcp", &[]);
    try_only(&clone.join("tekton/konflux/overlays/aro-hcp/kustomization.yaml"));
    reader.follow(DOCUMENT, HEADING, 1);
    assert_eq!(
        field.kubectl.get("cronjob", "trigger-gate-aro-hcp")["spec"]["suspend"],
        true,
        "from the beginning"
    );
    platform::match_the_plan(&field, "hypershift-operator-ho-release-gate-aro-hcp");

    let _konflux = IntegrationService::start(&field.kubectl);
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    reader.follow(DOCUMENT, HEADING, 2);
    field
        .kubectl
        .run(&["wait", "job/trial", "--for=condition=Complete", "--timeout=300s"]);
    let runs = field.kubectl.list("pipelineruns");
    assert_eq!(runs.len(), 1);
    let run = runs[0]["metadata"]["name"].as_str().unwrap();
    field.kubectl.run(&[
        "wait",
        "pipelinerun",
        run,
        "--for=jsonpath={.status.completionTime}",
        "--timeout=420s",
    ]);
    let ended = field.kubectl.get("pipelinerun", run);
    assert_eq!(succeeded(&ended), "True", "{}", ended["status"]["conditions"]);
    assert!(field.kubectl.list("releases").is_empty(), "a trial promotes nothing");
    let words: Vec<String> = field
        .world
        .slack()
        .messages()
        .iter()
        .map(|message| message.words())
        .collect();
    assert!(words.len() == 1 && words[0].contains("nothing was promoted, a dry run"), "{words:?}");

    reader.follow(DOCUMENT, HEADING, 3);
    let suspended = |name: &str| field.kubectl.get("cronjob", name)["spec"]["suspend"].clone();
    assert_eq!(suspended("hypershift-operator-nightly-promotion"), true);
    assert_eq!(suspended("trigger-gate-aro-hcp"), false);
    reader.finish();
}
