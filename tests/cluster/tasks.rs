//! The stand-alone Tasks in another team's pipeline: the shipped sample, run as it stands but for
//! the night's image, jobs and services.

use serde_json::{Value, json};
use standins::Night;

use crate::field::{Field, needed, repository};
use crate::run::{constrain, set_parameter, succeeded};

/// A parameter of one of the pipeline's tasks.
fn set(run: &mut Value, task: &str, name: &str, value: Value) {
    let tasks = run["spec"]["pipelineSpec"]["tasks"].as_array_mut().unwrap();
    let params = tasks.iter_mut().find(|t| t["name"] == task).unwrap()["params"].as_array_mut().unwrap();
    params.retain(|param| param["name"] != name);
    params.push(json!({"name": name, "value": value}));
}

#[test]
#[ignore = "needs a cluster"]
fn the_sample_launches_and_judges_without_a_snapshot() {
    let field = Field::new("tasks", &Night::aro_hcp());
    for task in ["launch-prow", "collect-results"] {
        field.kubectl.run(&["apply", "-f", &repository(&format!("tekton/tasks/{task}/{task}.yaml"))]);
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
    set(&mut run, "collect-results", "proof-log", "artifacts/*/hypershift-install/build-log.txt".into());
    let variable = "MULTISTAGE_PARAM_OVERRIDE_OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE";
    set(&mut run, "launch-prow", "override-env", variable.into());

    let made = field.kubectl.create(&run);
    let name = made["metadata"]["name"].as_str().unwrap();
    field.kubectl.run(&["wait", "pipelinerun", name, "--for=jsonpath={.status.completionTime}", "--timeout=420s"]);
    let ended = field.kubectl.get("pipelinerun", name);
    assert_eq!(succeeded(&ended), "True", "{}", ended["status"]["conditions"]);
    assert_eq!(ended["status"]["results"], json!([{"name": "verdict", "value": "passed"}]));
    let blocking: Vec<String> = serde_json::from_str(&field.night.blocking).unwrap();
    let launched: Vec<String> = field.world.prow().launches().into_iter().map(|launch| launch.job).collect();
    assert_eq!(launched, blocking, "each once, in their order");
}
