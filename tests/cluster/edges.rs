//! Tekton's hard edges: what happens when pods die, things are missing, or time is up.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use standins::{JobScript, Night};

use crate::field::Field;
use crate::gate::{assert_launched_once, red_night};
use crate::release_service::{Fate, ReleaseService};
use crate::run::{Run, set_parameter, succeeded};

fn reason(run: &Value) -> String {
    run["status"]["conditions"].to_string()
}

/// What the task's last failed step printed at its end.
fn logs(field: &Field, run: &Run<'_>, task: &str) -> String {
    let selector = format!("tekton.dev/pipelineRun={},tekton.dev/pipelineTask={task}", run.name);
    field
        .kubectl
        .run(&["logs", "-l", &selector, "--all-containers", "--tail=50"])
}

fn message(field: &Field) -> String {
    let messages = field.world.slack().messages();
    assert_eq!(messages.len(), 1, "one message per run");
    messages[0].words()
}

#[test]
#[ignore = "needs a cluster"]
fn a_launching_pod_that_is_deleted_launches_nothing_twice() {
    let field = Field::new("launchkill", &Night::aro_hcp());
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    // Slow enough that the pod is caught between two launches.
    let run = field.start_with(|run| set_parameter(run, "requests-per-minute", "1"));
    let pod = run.pod_of("launch-prow");
    field
        .kubectl
        .run(&["delete", "pod", &pod, "--wait=false", "--grace-period=1"]);
    let ended = run.ended();
    assert_eq!(succeeded(&ended), "True", "{}", reason(&ended));
    assert_launched_once(&field);
    assert_eq!(field.kubectl.list("releases").len(), 1);
}

#[test]
#[ignore = "needs a cluster"]
fn a_waiting_pod_that_is_evicted_goes_on_where_it_was() {
    let field = Field::new("evict", &Night::aro_hcp());
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    let run = field.start();
    let pod = run.pod_of("collect-results");
    // An hour of gate time.
    std::thread::sleep(Duration::from_secs(6));
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": field.kubectl.namespace()}});
    let file = field.folder().join("eviction.json");
    std::fs::write(&file, eviction.to_string()).unwrap();
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", field.kubectl.namespace());
    field
        .kubectl
        .run(&["create", "--raw", &path, "-f", &file.display().to_string()]);
    let ended = run.ended();
    assert_eq!(succeeded(&ended), "True", "{}", reason(&ended));
    assert_launched_once(&field);
    assert_eq!(field.kubectl.list("releases").len(), 1);
    assert_eq!(run.record()["verdict"]["decision"], "passed");
}

#[test]
#[ignore = "needs a cluster"]
fn a_missing_token_is_told_by_its_name() {
    let field = Field::new("notoken", &Night::aro_hcp());
    field.kubectl.run(&["delete", "secret", "gangway-token"]);
    let run = field.start();
    let ended = run.ended();
    assert_eq!(succeeded(&ended), "False");
    assert!(logs(&field, &run, "launch-prow").contains("--gangway-token-file"));
    assert!(field.world.prow().launches().is_empty());
    assert!(message(&field).contains("launch-prow"));
}

#[test]
#[ignore = "needs a cluster"]
fn a_missing_authority_is_told_and_nothing_is_launched() {
    let field = Field::new("noca", &Night::aro_hcp());
    field.kubectl.run(&["delete", "configmap", "trusted-ca"]);
    let run = field.start();
    let ended = run.ended();
    assert_eq!(succeeded(&ended), "False");
    let said = logs(&field, &run, "resolve-image");
    assert!(said.contains("certificate") || said.contains("UnknownIssuer"), "{said}");
    assert!(field.world.prow().launches().is_empty());
}

#[test]
#[ignore = "needs a cluster"]
fn an_image_that_cannot_be_pulled_ends_the_run() {
    let field = Field::new("noimage", &Night::aro_hcp());
    let run = field.start_with(|run| {
        let image = std::env::var("GATE_TEST_IMAGE").unwrap();
        let missing = format!("{}@sha256:{}", image.split_once('@').unwrap().0, "0".repeat(64));
        set_parameter(run, "image", missing);
    });
    let ended = run.ended();
    assert_eq!(succeeded(&ended), "False");
    assert!(field.world.prow().launches().is_empty());
}

#[test]
#[ignore = "needs a cluster"]
fn a_wrong_plan_is_found_by_the_first_task() {
    let field = Field::new("plan", &Night::aro_hcp());
    field.plan("unmatched", false);
    let begun = Instant::now();
    let run = field.start_with(|run| set_parameter(run, "release-plan-name", "unmatched"));
    let ended = run.ended();
    assert_eq!(succeeded(&ended), "False");
    assert!(field.world.prow().launches().is_empty());
    assert!(message(&field).contains("resolve-image"));
    eprintln!(
        "a wrong plan is told after {:.0} s, three tries and the message included",
        begun.elapsed().as_secs_f64()
    );
}

#[test]
#[ignore = "needs a cluster"]
fn a_run_that_is_cancelled_still_speaks() {
    let field = Field::new("cancel", &Night::aro_hcp());
    let run = field.start();
    run.pod_of("collect-results");
    field.kubectl.patch(
        "pipelinerun",
        &run.name,
        &json!({"spec": {"status": "CancelledRunFinally"}}),
        None,
    );
    let ended = run.ended();
    assert_eq!(succeeded(&ended), "False");
    assert!(field.kubectl.list("releases").is_empty());
    message(&field);
}

#[test]
#[ignore = "needs a cluster"]
fn a_task_that_runs_out_of_time_ends_in_a_message() {
    let field = Field::new("timeout", &Night::aro_hcp());
    let run = field.start_with(|run| {
        let tasks = run["spec"]["pipelineSpec"]["tasks"].as_array_mut().unwrap();
        let collect = tasks
            .iter_mut()
            .find(|task| task["name"] == "collect-results")
            .unwrap();
        collect["timeout"] = json!("5s");
        collect["retries"] = json!(0);
    });
    let ended = run.ended();
    assert_eq!(succeeded(&ended), "False");
    assert!(field.kubectl.list("releases").is_empty());
    message(&field);
}

#[test]
#[ignore = "needs a cluster"]
fn a_snapshot_of_100_kib_and_long_results_fit() {
    let mut night = red_night();
    let long: Vec<String> = (0..50)
        .map(|number| format!("TestNodePool/Main/{}{number}", "Long".repeat(60)))
        .collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    for job in ["e2e-aks", "e2e-aks-upgrade-minor"] {
        *night.job(job) = vec![JobScript::fails(&long)];
    }
    let field = Field::new("large", &night);
    let run = field.start_with(|run| {
        let mut spec = serde_json::from_str::<Value>(&field.night.snapshot_json).unwrap();
        let components = spec["components"].as_array_mut().unwrap();
        let sibling = components[0].clone();
        for number in 0.. {
            let mut component = sibling.clone();
            component["name"] = format!("sibling-{number}").into();
            components.push(component);
            if serde_json::to_string(&components).unwrap().len() > 100 * 1024 {
                break;
            }
        }
        set_parameter(run, "SNAPSHOT", spec.to_string());
    });
    let ended = run.ended();
    assert_eq!(succeeded(&ended), "False");
    let collect = run.task("collect-results").unwrap();
    let results = collect["status"]["results"].as_array().unwrap();
    assert_eq!(results.len(), 3, "{results:?}");
    let length: usize = results
        .iter()
        .map(|result| result["value"].as_str().unwrap().len())
        .sum();
    assert!(length > 1200, "{length} bytes are not near the limit: {results:?}");
    assert!(message(&field).contains("e2e-aks-upgrade-minor"));
}
