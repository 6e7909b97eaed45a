//! docs/migration.md, followed step by step beside an old gate: a trial that promotes nothing, then
//! the new schedule in place of the old.

use serde_json::json;
use standins::Night;

use crate::commands::Reader;
use crate::field::Field;
use crate::integration_service::IntegrationService;
use crate::platform;
use crate::release_service::{Fate, ReleaseService};
use crate::run::succeeded;

const HEADING: &str = "Step by step, without a gap";

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

    reader.follow("docs/migration.md", HEADING, 0);
    // Step 3, and what step 4 adds for the trial.
    platform::settle(&field, &clone, "aro-hcp", &[]);
    let file = clone.join("tekton/konflux/overlays/aro-hcp/kustomization.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let trial = text.replace(
        r#"\"name\":\"release-args\",\"values\":["#,
        r#"\"name\":\"release-args\",\"values\":[\"--dry-run\","#,
    );
    assert_ne!(text, trial);
    std::fs::write(&file, trial).unwrap();
    reader.follow("docs/migration.md", HEADING, 1);
    platform::match_the_plan(&field, "hypershift-operator-ho-release-gate-aro-hcp");

    let _konflux = IntegrationService::start(&field.kubectl);
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    reader.follow("docs/migration.md", HEADING, 2);
    field.kubectl.run(&["wait", "job/trial", "--for=condition=Complete", "--timeout=300s"]);
    let runs = field.kubectl.list("pipelineruns");
    assert_eq!(runs.len(), 1);
    let run = runs[0]["metadata"]["name"].as_str().unwrap();
    field.kubectl.run(&["wait", "pipelinerun", run, "--for=jsonpath={.status.completionTime}", "--timeout=420s"]);
    let ended = field.kubectl.get("pipelinerun", run);
    assert_eq!(succeeded(&ended), "True", "{}", ended["status"]["conditions"]);
    assert!(field.kubectl.list("releases").is_empty(), "a trial promotes nothing");

    reader.follow("docs/migration.md", HEADING, 3);
    let suspended = |name: &str| field.kubectl.get("cronjob", name)["spec"]["suspend"].clone();
    assert_eq!(suspended("hypershift-operator-nightly-promotion"), true);
    assert_eq!(suspended("trigger-gate-aro-hcp"), false);
    reader.finish();
}
