//! The run and the Jobs of a check, made from what would run in earnest.

use serde_json::{Map, Value, json};

/// The Pipeline's parameters that hand further flags to a step.
const FLAGS_OF_STEPS: [&str; 5] =
    ["launch-args", "collect-args", "release-args", "notify-args", "attest-args"];

/// The longest name of a Job or a run that becomes a label of its pods.
const LONGEST: usize = 63;

/// Why an object is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct Unexpected {
    expected: &'static str,
    found: String,
}

fn unexpected(expected: &'static str, found: &Value) -> Unexpected {
    Unexpected { expected, found: crate::text::one_line(&found.to_string(), 80) }
}

/// A scenario's parameters, as Tekton takes them.
fn parameters(scenario: &Value) -> Vec<(String, Value)> {
    let given = scenario["spec"]["params"].as_array().into_iter().flatten();
    given
        .filter_map(|param| {
            let values = &param["values"];
            let value = if values.is_null() { &param["value"] } else { values };
            Some((param["name"].as_str()?.to_owned(), value.clone()))
        })
        .collect()
}

/// What a scenario says of a parameter.
pub fn parameter(scenario: &Value, name: &str) -> Option<String> {
    let given = parameters(scenario).into_iter().find(|(given, _)| given == name)?;
    given.1.as_str().map(str::to_owned)
}

/// The run that a scenario would start for a Snapshot, as a check: resolve-image runs, and every other step
/// gets `--check` as its last flag, so nothing is launched, promoted or posted. No step is tried again, and
/// one that fails hides none of the others, but for resolve-image, without which they have nothing to look
/// at. The record is one of a gate of its own, `LABEL check`, so it counts for no other.
///
/// # Errors
/// [`Unexpected`] when the file holds no PipelineRun that carries its Pipeline.
pub fn check_run(
    file: &Value,
    scenario: &Value,
    snapshot: &str,
    id: &str,
) -> Result<Value, Unexpected> {
    let mut run = file.clone();
    if run["kind"] != "PipelineRun" || !run["spec"]["pipelineSpec"].is_object() {
        return Err(unexpected("a PipelineRun with its pipelineSpec", &run["kind"]));
    }
    let declared = run["spec"]["pipelineSpec"]["params"].as_array().into_iter().flatten();
    let usual = declared
        .filter(|param| param["name"] == "gate-label")
        .find_map(|param| param["default"].as_str())
        .unwrap_or("Release gate")
        .to_owned();
    let given = parameters(scenario);
    let label = parameter(scenario, "gate-label").unwrap_or(usual);
    let own = |name: &str| name == "gate-label" || FLAGS_OF_STEPS.contains(&name);
    let mut params: Vec<Value> = given
        .iter()
        .filter(|(name, _)| !own(name))
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    params.push(json!({"name": "SNAPSHOT", "value": snapshot}));
    params.push(json!({"name": "gate-label", "value": format!("{label} check")}));
    for step in FLAGS_OF_STEPS {
        let flags = given.iter().find(|(name, _)| name == step);
        let mut flags = flags
            .and_then(|(_, value)| value.as_array().cloned())
            .unwrap_or_default();
        flags.push(json!("--check"));
        params.push(json!({"name": step, "value": flags}));
    }
    let name = run["metadata"]["name"].as_str().unwrap_or("release-gate").to_owned();
    run["metadata"]["name"] = json!(named(&name, id));
    run["spec"]["params"] = json!(params);
    for tasks in ["tasks", "finally"] {
        let tasks = run.pointer_mut(&format!("/spec/pipelineSpec/{tasks}"));
        for task in tasks.and_then(Value::as_array_mut).into_iter().flatten() {
            task["retries"] = json!(0);
            let steps = task.pointer_mut("/taskSpec/steps").and_then(Value::as_array_mut);
            for step in steps
                .into_iter()
                .flatten()
                .filter(|step| step["name"] != "resolve-image")
            {
                step["onError"] = json!("continue");
            }
        }
    }
    Ok(run)
}

/// Whether a CronJob serves a scenario: its containers name it, in a flag or in a variable.
pub fn serves(cron_job: &Value, scenario: &str) -> bool {
    let pod = &cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let mut containers = pod["containers"].as_array().into_iter().flatten();
    containers.any(|container| {
        let args = container["args"].as_array().into_iter().flatten();
        let variables = container["env"].as_array().into_iter().flatten();
        let values = variables.map(|variable| &variable["value"]);
        args.chain(values).any(|text| text == scenario)
    })
}

/// One Job of a CronJob, as a check: `--check` is its last flag, and it is tried once.
///
/// # Errors
/// [`Unexpected`] when the CronJob has no container with flags.
pub fn check_job(cron_job: &Value, id: &str) -> Result<Value, Unexpected> {
    let template = &cron_job["spec"]["jobTemplate"];
    let mut spec = template["spec"].as_object().cloned().unwrap_or_default();
    spec.insert("backoffLimit".to_owned(), json!(0));
    // It belongs to the number of tries.
    spec.remove("podFailurePolicy");
    let mut spec = Value::Object(spec);
    let flags = spec.pointer_mut("/template/spec/containers/0/args");
    let Some(flags) = flags.and_then(Value::as_array_mut) else {
        return Err(unexpected(
            "a CronJob whose container has args",
            &cron_job["metadata"]["name"],
        ));
    };
    flags.push(json!("--check"));
    let name = cron_job["metadata"]["name"].as_str().unwrap_or_default();
    let labels = template["metadata"]["labels"].as_object().cloned();
    Ok(json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": named(name, id),
            "labels": Value::Object(labels.unwrap_or_else(Map::new)),
        },
        "spec": spec,
    }))
}

/// `NAME-check-ID`, no longer than a label's value.
fn named(name: &str, id: &str) -> String {
    let end = format!("-check-{id}");
    let most = LONGEST.saturating_sub(end.len());
    let start: String = name.chars().take(most).collect();
    format!("{}{end}", start.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Value {
        json!({"spec": {"application": "ho", "params": [
            {"name": "component", "value": "operator"},
            {"name": "gate-label", "value": "ARO HCP"},
            {"name": "collect-args", "values": ["--rerun", "setup=2"]},
        ]}})
    }

    fn file() -> Value {
        json!({"kind": "PipelineRun", "metadata": {"name": "ho-release-gate"}, "spec": {"pipelineSpec": {
            "params": [{"name": "gate-label", "default": "Gate"}],
            "tasks": [
                {"name": "a", "retries": 2, "taskSpec": {"steps": [{"name": "resolve-image"}, {"name": "x"}]}},
            ],
            "finally": [{"name": "b", "taskSpec": {"steps": [{"name": "notify-slack"}]}}],
        }}})
    }

    #[test]
    fn every_step_checks_and_the_record_is_its_own() {
        let run = check_run(&file(), &scenario(), "ho-1", "ab12").unwrap();
        assert_eq!(run["metadata"]["name"], "ho-release-gate-check-ab12");
        let params = run["spec"]["params"].as_array().unwrap();
        let value = |name: &str| {
            let mut of = params.iter().filter(|param| param["name"] == name);
            let value = of.next().unwrap()["value"].clone();
            assert!(of.next().is_none(), "{name} is given once");
            value
        };
        assert_eq!(value("SNAPSHOT"), "ho-1");
        assert_eq!(value("component"), "operator");
        assert_eq!(value("gate-label"), "ARO HCP check");
        assert_eq!(value("collect-args"), json!(["--rerun", "setup=2", "--check"]));
        for step in ["launch-args", "release-args", "notify-args", "attest-args"] {
            assert_eq!(value(step), json!(["--check"]), "{step}");
        }
        let spec = &run["spec"]["pipelineSpec"];
        assert_eq!(spec["tasks"][0]["retries"], 0);
        assert_eq!(spec["tasks"][0]["taskSpec"]["steps"][0]["onError"], Value::Null);
        assert_eq!(spec["tasks"][0]["taskSpec"]["steps"][1]["onError"], "continue");
        assert_eq!(spec["finally"][0]["taskSpec"]["steps"][0]["onError"], "continue");
        let usual = check_run(&file(), &json!({"spec": {}}), "ho-1", "ab12").unwrap();
        assert!(usual["spec"]["params"].to_string().contains("Gate check"));
        let other = json!({"kind": "Pipeline", "spec": {"pipelineSpec": {}}});
        let error = check_run(&other, &scenario(), "ho-1", "x").unwrap_err().to_string();
        assert!(
            error.starts_with("expected a PipelineRun") && error.contains("Pipeline"),
            "{error}"
        );
    }

    #[test]
    fn the_shipped_file_takes_every_parameter() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../.tekton/pipelines/ho-release-gate-run.yaml");
        let text = std::fs::read_to_string(path).unwrap();
        let file: Value = serde_saphyr::from_str(&text).unwrap();
        let run = check_run(&file, &scenario(), "ho-1", "ab12").unwrap();
        let spec = &run["spec"]["pipelineSpec"];
        let declared: Vec<_> = spec["params"]
            .as_array()
            .unwrap()
            .iter()
            .map(|param| &param["name"])
            .collect();
        for param in run["spec"]["params"].as_array().unwrap() {
            assert!(declared.contains(&&param["name"]), "{param}");
        }
        let of_steps = declared.iter().filter_map(|name| name.as_str());
        let of_steps: Vec<_> = of_steps.filter(|name| name.ends_with("-args")).collect();
        assert!(of_steps.iter().all(|name| FLAGS_OF_STEPS.contains(name)), "{of_steps:?}");
    }

    fn cron_job() -> Value {
        json!({"metadata": {"name": "trigger-gate-acme"}, "spec": {"jobTemplate": {"spec": {
            "backoffLimit": 1,
            "podFailurePolicy": {"rules": []},
            "template": {"spec": {"containers": [{
                "args": ["--scenario", "$(SCENARIO)"],
                "env": [{"name": "SCENARIO", "value": "ho-release-gate-acme"}],
            }]}},
        }}}})
    }

    #[test]
    fn a_cron_jobs_check_is_tried_once() {
        assert!(serves(&cron_job(), "ho-release-gate-acme"));
        assert!(!serves(&cron_job(), "ho-release-gate"));
        let job = check_job(&cron_job(), "ab12").unwrap();
        assert_eq!(job["metadata"]["name"], "trigger-gate-acme-check-ab12");
        assert_eq!(job["spec"]["backoffLimit"], 0);
        assert_eq!(job["spec"]["podFailurePolicy"], Value::Null);
        let args = &job["spec"]["template"]["spec"]["containers"][0]["args"];
        assert_eq!(args, &json!(["--scenario", "$(SCENARIO)", "--check"]));
        assert!(check_job(&json!({"metadata": {"name": "x"}}), "ab12").is_err());
    }

    #[test]
    fn a_name_fits_a_label() {
        let long = "a".repeat(80);
        let name = named(&long, "ab12");
        assert!(name.len() == 63 && name.ends_with("a-check-ab12"), "{name}");
    }
}
