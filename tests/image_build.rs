//! The files that build the step image in Konflux: hermetic, pinned, and true to this repository.

use std::path::{Path, PathBuf};

use serde_json::Value;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(repository(".tekton").join(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let items = list.as_array().unwrap();
    items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name} in {list}"))
}

fn task<'a>(pipeline: &'a Value, name: &str) -> &'a Value {
    named(&pipeline["spec"]["tasks"], name)
}

#[test]
fn every_task_of_the_build_is_pinned_by_digest() {
    let pipeline = read("release-gate-build.yaml");
    for task in pipeline["spec"]["tasks"].as_array().unwrap() {
        let bundle = named(&task["taskRef"]["params"], "bundle")["value"].as_str().unwrap();
        let (name, digest) = bundle.split_once("@sha256:").unwrap_or_else(|| panic!("{bundle}"));
        assert_eq!(digest.len(), 64, "{bundle}");
        let task_name = named(&task["taskRef"]["params"], "name")["value"].as_str().unwrap();
        assert!(name.contains(&format!("/task-{task_name}:")), "{bundle} is not {task_name}");
    }
}

#[test]
fn the_build_is_hermetic_on_prefetched_crates() {
    let pipeline = read("release-gate-build.yaml");
    let build = &task(&pipeline, "build-images")["params"];
    assert_eq!(named(build, "HERMETIC")["value"], "true");
    let prefetch = named(&task(&pipeline, "prefetch-dependencies")["params"], "input")["value"].as_str().unwrap();
    assert_eq!(named(build, "PREFETCH_INPUT")["value"], prefetch);
    let prefetch: Value = serde_json::from_str(prefetch).unwrap();
    assert_eq!(prefetch, serde_json::json!({"type": "cargo", "path": "."}));
    assert!(repository("Cargo.lock").is_file());
}

#[test]
fn both_events_run_that_build() {
    let pipeline = read("release-gate-build.yaml");
    for (file, event) in [("release-gate-push.yaml", "push"), ("release-gate-pull-request.yaml", "pull_request")] {
        let run = read(file);
        assert_eq!(run["spec"]["pipelineRef"]["name"], pipeline["metadata"]["name"]);
        let when = &run["metadata"]["annotations"]["pipelinesascode.tekton.dev/on-cel-expression"];
        assert_eq!(when, &format!("event == \"{event}\" && target_branch == \"main\""));
        for param in run["spec"]["params"].as_array().unwrap() {
            named(&pipeline["spec"]["params"], param["name"].as_str().unwrap());
        }
        for declared in pipeline["spec"]["params"].as_array().unwrap() {
            if declared["default"].is_null() {
                named(&run["spec"]["params"], declared["name"].as_str().unwrap());
            }
        }
    }
    // What a merge builds is for every platform.
    let platforms = &named(&pipeline["spec"]["params"], "build-platforms")["default"];
    assert_eq!(platforms, &serde_json::json!(["linux/x86_64", "linux/arm64"]));
    assert!(!read("release-gate-push.yaml").to_string().contains("build-platforms"));
}
