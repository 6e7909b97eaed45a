//! The stand-alone Tasks are made from the Pipeline's embedded ones, so that they cannot drift.
//!
//! `cargo xtask generate` writes them, and the tables in their READMEs.

use std::collections::BTreeMap;
use std::fmt::Write;

use rehearsal::document::{
    Document, ParamKind, ParamSpec, ParamValue, PipelineSpec, PipelineTask, TaskSpec,
};
use serde_json::{Value, json};
use xtask::{held, repository};

/// What a catalog wants to know of a task: its name, its name for people and tags.
const TASKS: [(&str, &str, &str); 6] = [
    ("resolve-image", "Resolve a Snapshot to an image", "konflux, image"),
    ("launch-prow", "Launch Prow jobs against an image", "konflux, prow, integration-test"),
    ("collect-results", "Collect and judge Prow jobs", "konflux, prow, integration-test"),
    ("create-release", "Create a Konflux Release", "konflux, release"),
    ("notify-slack", "Tell Slack how a gate ended", "konflux, slack, notification"),
    ("attest-verdict", "Sign the verdict of a gate", "konflux, attestation, in-toto, cosign"),
];

/// Parameters that the Pipeline fills from its own run or from another task: a caller of the Task
/// does it.
const FILLED: [(&str, &str, Option<&str>); 8] = [
    ("run-name", "Name of the run; the gate record is the ConfigMap gate-NAME", None),
    ("run-id", "Unique id of the run, such as its UID; a new one is a new request", None),
    (
        "retries",
        "How often this task is tried again; empty where the Task is referenced, since Tekton counts the tries of embedded ones only",
        Some(""),
    ),
    ("tested-image", "The image under test, repository@sha256:…", None),
    ("tested-snapshot", "The Snapshot that it is from", None),
    ("resolve-image-status", "Tekton's status of the task resolve-image", Some("None")),
    ("launch-prow-status", "Tekton's status of the task launch-prow", Some("None")),
    ("collect-results-status", "Tekton's status of the task collect-results", Some("None")),
];

/// Steps that look at what other tasks of the Pipeline will need: a Task alone has no use for them.
const OF_THE_WHOLE: [&str; 4] = ["check-launch", "check-collect", "check-notify", "check-attest"];

fn read(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn pipeline_text() -> String {
    read(".tekton/pipelines/ho-release-gate.yaml")
}

fn pipeline() -> PipelineSpec {
    Document::parse(&pipeline_text(), "ho-release-gate.yaml")
        .unwrap()
        .spec()
        .clone()
}

fn task<'a>(pipeline: &'a PipelineSpec, name: &str) -> &'a PipelineTask {
    pipeline.all_tasks().find(|task| task.name == name).unwrap()
}

/// The lines under `header`, which stands alone on its line, until one that is not indented deeper.
fn block(lines: &[&str], header: &str) -> Vec<String> {
    let start = lines
        .iter()
        .position(|line| *line == header)
        .unwrap_or_else(|| panic!("no line {header:?}"));
    let indent = header.len() - header.trim_start().len();
    let inside = |line: &&&str| line.is_empty() || line.len() - line.trim_start().len() > indent;
    lines[start + 1..]
        .iter()
        .take_while(inside)
        .map(|line| (*line).to_owned())
        .collect()
}

fn lines(text: &[String]) -> Vec<&str> {
    text.iter().map(String::as_str).collect()
}

/// A task's spec in lines, and as it is parsed, without what only the whole Pipeline needs.
fn alone(task: &PipelineTask, spec: Vec<String>) -> (Vec<String>, TaskSpec) {
    let mut left_out = false;
    let mut kept: Vec<String> = Vec::new();
    for line in spec {
        if let Some(name) = line.strip_prefix("          - name: ") {
            left_out = OF_THE_WHOLE.contains(&name);
            while left_out && kept.last().is_some_and(|line| line.starts_with("          #")) {
                kept.pop();
            }
        }
        if !left_out {
            kept.push(line);
        }
    }
    let text = kept.join("\n");
    let used = |name: &str| {
        ["", "[*]"]
            .iter()
            .any(|all| text.contains(&format!("$(params.{name}{all})")))
    };
    let mut parsed = task.task_spec.clone();
    parsed
        .steps
        .retain(|step| !OF_THE_WHOLE.contains(&step.name.as_str()));
    parsed.params.retain(|param| used(&param.name));
    (kept, parsed)
}

/// Type, default and description of a Task's parameter: the Pipeline's, if it just passes its own
/// on.
fn parameter(pipeline: &PipelineSpec, task: &PipelineTask, name: &str) -> ParamSpec {
    if let Some((_, description, default)) = FILLED.iter().find(|(filled, ..)| *filled == name) {
        return ParamSpec {
            name: name.to_owned(),
            kind: ParamKind::String,
            default: default.map(|text| ParamValue::String(text.to_owned())),
            description: (*description).to_owned(),
        };
    }
    let given = &task
        .params
        .iter()
        .find(|param| param.name == name)
        .unwrap()
        .value
        .texts()[0];
    let source = given
        .trim_start_matches("$(params.")
        .trim_end_matches(')')
        .trim_end_matches("[*]");
    let own = pipeline.params.iter().find(|param| param.name == source);
    own.unwrap_or_else(|| {
        panic!("{}: {name} comes from {given}: say in FILLED what it is", task.name)
    })
    .clone()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The Task's file.
fn task_file(pipeline: &PipelineSpec, name: &str) -> String {
    let (_, display, tags) = TASKS.iter().find(|(task, ..)| *task == name).unwrap();
    let task = task(pipeline, name);
    let text = pipeline_text();
    let all: Vec<&str> = text.lines().collect();
    let of_task = block(&all, &format!("    - name: {name}"));
    let (spec, parsed) = alone(task, block(&lines(&of_task), "      taskSpec:"));

    let mut file = format!(
        "# Generated from .tekton/pipelines/ho-release-gate.yaml: edit that file, then run\n\
         #   cargo xtask generate\n\
         apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: {name}\n  labels:\n    \
         app.kubernetes.io/name: release-gate\n    app.kubernetes.io/version: \"{}\"\n    upstream-usable: \"true\"\n  \
         annotations:\n    tekton.dev/pipelines.minVersion: \"0.48.0\"\n    tekton.dev/categories: Continuous Integration\n    \
         tekton.dev/tags: {tags}\n    tekton.dev/displayName: {display}\n    \
         tekton.dev/platforms: linux/amd64,linux/arm64\nspec:\n  description: >-\n",
        env!("CARGO_PKG_VERSION")
    );
    for line in introduction(name) {
        writeln!(file, "    {line}").unwrap();
    }
    file.push_str("  params:\n");
    for declared in &parsed.params {
        let param = parameter(pipeline, task, &declared.name);
        let kind = if param.kind == ParamKind::Array { "array" } else { "string" };
        writeln!(file, "    - name: {}\n      type: {kind}", declared.name).unwrap();
        match &param.default {
            Some(ParamValue::String(text)) => {
                writeln!(file, "      default: {}", quoted(text)).unwrap()
            }
            Some(ParamValue::Array(texts)) => {
                assert!(texts.is_empty());
                file.push_str("      default: []\n");
            }
            None => {}
        }
        writeln!(file, "      description: {}", quoted(&param.description)).unwrap();
    }
    // The rest as it stands, comments too, moved out by six.
    let after = spec.iter().skip_while(|line| *line != "        params:").skip(1);
    for line in after.skip_while(|line| line.starts_with("          ")) {
        file.push_str(line.get(6..).unwrap_or_default());
        file.push('\n');
    }
    format!("{}\n", file.trim_end())
}

/// The spec of a task that stands alone.
fn of_file(task: &PipelineTask) -> TaskSpec {
    let text = pipeline_text();
    let all: Vec<&str> = text.lines().collect();
    let of_task = block(&all, &format!("    - name: {}", task.name));
    alone(task, block(&lines(&of_task), "      taskSpec:")).1
}

/// The README's first paragraph, which is the Task's description as well.
fn introduction(name: &str) -> Vec<String> {
    let readme = read(&format!("tekton/tasks/{name}/README.md"));
    let paragraph = readme
        .split("\n\n")
        .nth(1)
        .unwrap_or_else(|| panic!("{name}: no paragraph after the title"));
    paragraph.lines().map(|line| line.replace('`', "")).collect()
}

/// The README's tables, between its marks.
fn tables(pipeline: &PipelineSpec, name: &str) -> String {
    let task = task(pipeline, name);
    let parsed = of_file(task);
    let mut table =
        String::from("| parameter | description | default | required |\n|---|---|---|---|\n");
    for declared in &parsed.params {
        let param = parameter(pipeline, task, &declared.name);
        let (default, required) = match &param.default {
            None => (String::new(), "yes"),
            Some(ParamValue::String(text)) if text.is_empty() => ("empty".to_owned(), "no"),
            Some(ParamValue::String(text)) => (format!("`{text}`"), "no"),
            Some(ParamValue::Array(_)) => ("`[]`".to_owned(), "no"),
        };
        writeln!(table, "| `{}` | {} | {default} | {required} |", declared.name, param.description)
            .unwrap();
    }
    if !task.task_spec.results.is_empty() {
        table.push_str("\n| result | description |\n|---|---|\n");
        for result in &task.task_spec.results {
            writeln!(table, "| `{}` | {} |", result.name, result.description).unwrap();
        }
    }
    table
}

const MARKS: [&str; 2] = ["<!-- generated -->\n", "<!-- end -->\n"];

/// The README with its tables renewed.
fn readme(pipeline: &PipelineSpec, name: &str) -> String {
    let old = read(&format!("tekton/tasks/{name}/README.md"));
    let (before, rest) = old
        .split_once(MARKS[0])
        .unwrap_or_else(|| panic!("{name}: README.md has no marks"));
    let (_, after) = rest.split_once(MARKS[1]).unwrap();
    format!("{before}{}{}{}{after}", MARKS[0], tables(pipeline, name), MARKS[1])
}

#[test]
fn the_files_are_made_from_the_pipeline_as_checked_in() {
    let pipeline = pipeline();
    for (name, ..) in TASKS {
        for (file, expected) in [
            (format!("{name}.yaml"), task_file(&pipeline, name)),
            ("README.md".to_owned(), readme(&pipeline, name)),
        ] {
            let path = format!("tekton/tasks/{name}/{file}");
            held(&path, &expected);
        }
    }
}

/// Those that are written by hand, each with its sample.
const BY_HAND: [(&str, &str); 2] =
    [("collect-history", "collect-history.yaml"), ("bisect-gate", "bisect.yaml")];

/// Every flag is the binary's, every parameter is used and explained, every result is the binary's.
#[test]
fn the_tasks_of_no_pipeline_fit_their_binaries() {
    for (name, sample) in BY_HAND {
        let text = read(&format!("tekton/tasks/{name}/{name}.yaml"));
        let task: Value = serde_saphyr::from_str(&text).unwrap();
        let help = read(&format!("tests/help/{name}.txt"));
        let step = &task["spec"]["steps"][0];
        assert_eq!(step["command"], json!([format!("/usr/bin/{name}")]));
        let args: Vec<&str> = step["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(|arg| arg.as_str().unwrap())
            .collect();
        for flag in args.iter().filter(|arg| arg.starts_with("--")) {
            let known = help.lines().any(|line| line.split_whitespace().next() == Some(flag));
            assert!(known, "{name} has no {flag}");
        }
        let readme = read(&format!("tekton/tasks/{name}/README.md"));
        let params = task["spec"]["params"].as_array().unwrap();
        for param in params {
            let (name, said) = (param["name"].as_str().unwrap(), &param["description"]);
            let used = [format!("$(params.{name})"), format!("$(params.{name}[*])")];
            assert!(used.iter().any(|used| text.contains(used)), "{name} is used nowhere");
            let row = format!("| `{name}` | {} |", said.as_str().unwrap());
            assert!(readme.contains(&row), "README.md has no {row}");
        }
        for result in task["spec"]["results"].as_array().unwrap() {
            let name = result["name"].as_str().unwrap();
            assert!(args.contains(&format!("--result-{name}").as_str()), "{name}");
            let row = format!("| `{name}` | {} |", result["description"].as_str().unwrap());
            assert!(readme.contains(&row), "README.md has no {row}");
        }
        let sample: Value =
            serde_saphyr::from_str(&read(&format!("tekton/tasks/{name}/samples/{sample}")))
                .unwrap();
        let given = match sample["kind"].as_str() {
            Some("PipelineRun") => &sample["spec"]["pipelineSpec"]["tasks"][0]["params"],
            _ => &sample["spec"]["params"],
        };
        let given: Vec<_> = given.as_array().unwrap().iter().map(|given| &given["name"]).collect();
        for name in &given {
            assert!(params.iter().any(|param| param["name"] == **name), "{name}");
        }
        for param in params.iter().filter(|param| param["default"].is_null()) {
            assert!(given.contains(&&param["name"]), "the sample gives no {}", param["name"]);
        }
    }
}

/// The text was moved; that it still means the same is another matter.
#[test]
fn they_mean_what_the_embedded_ones_mean() {
    let pipeline = pipeline();
    for embedded in pipeline.all_tasks() {
        let name = &embedded.name;
        let file: Value =
            serde_saphyr::from_str(&read(&format!("tekton/tasks/{name}/{name}.yaml"))).unwrap();
        assert_eq!(file["metadata"]["name"], name.as_str());
        let mut spec = file["spec"].clone();
        spec.as_object_mut().unwrap().remove("description").unwrap();
        let spec: TaskSpec =
            serde_json::from_value(spec).unwrap_or_else(|error| panic!("{name}: {error}"));
        let plain = |spec: &TaskSpec| -> TaskSpec {
            let mut spec = spec.clone();
            for param in &mut spec.params {
                param.default = None;
                param.description = String::new();
            }
            spec
        };
        assert_eq!(plain(&spec), plain(&of_file(embedded)), "{name}");
        assert!(spec.params.iter().all(|param| !param.description.is_empty()), "{name}");
    }
    assert_eq!(pipeline.all_tasks().count(), TASKS.len());
}

/// The one Task that is in no Pipeline of the tenant: it runs on the managed side.
const MANAGED: &str = "attach-verdict";

#[test]
fn the_managed_side_s_task_is_as_still_as_the_others() {
    let file: Value =
        serde_saphyr::from_str(&read(&format!("tekton/tasks/{MANAGED}/{MANAGED}.yaml"))).unwrap();
    let mut spec = file["spec"].clone();
    spec.as_object_mut().unwrap().remove("description").unwrap();
    let spec: TaskSpec = serde_json::from_value(spec).unwrap();
    let [step] = &spec.steps[..] else { panic!("one step") };
    assert_eq!(step.command, [format!("/usr/bin/{MANAGED}")]);
    let usual = task(&pipeline(), "notify-slack").task_spec.steps[0].clone();
    assert_eq!(step.security_context, usual.security_context);
    assert_eq!(step.compute_resources, usual.compute_resources);
    assert!(step.volume_mounts.iter().all(|mount| mount.read_only));
    let help = read(&format!("tests/help/{MANAGED}.txt"));
    let known = |flag: &str| help.lines().any(|line| line.split_whitespace().next() == Some(flag));
    for flag in step
        .args
        .iter()
        .filter(|arg| arg.starts_with("--") && !arg.contains("--result-"))
    {
        assert!(known(flag), "{MANAGED} has no {flag}");
    }
    let text = step.args.join(" ") + &read(&format!("tekton/tasks/{MANAGED}/{MANAGED}.yaml"));
    for param in &spec.params {
        assert!(text.contains(&format!("$(params.{})", param.name)), "{}", param.name);
        assert!(!param.description.is_empty(), "{}", param.name);
    }
}

#[test]
fn each_sample_gives_what_the_task_asks_for() {
    for name in TASKS.map(|(name, ..)| name).into_iter().chain([MANAGED]) {
        let file: Value =
            serde_saphyr::from_str(&read(&format!("tekton/tasks/{name}/{name}.yaml"))).unwrap();
        let params = file["spec"]["params"].as_array().unwrap();
        let declared: BTreeMap<&str, &Value> =
            params.iter().map(|p| (p["name"].as_str().unwrap(), p)).collect();
        let folder = std::fs::read_dir(repository(format!("tekton/tasks/{name}/samples"))).unwrap();
        let mut seen = 0;
        for sample in folder.map(|entry| entry.unwrap().path()) {
            let text = std::fs::read_to_string(&sample).unwrap();
            let object: Value = serde_saphyr::from_str(&text).unwrap();
            for uses in uses(&object)
                .into_iter()
                .filter(|uses| uses["taskRef"]["name"] == name)
            {
                seen += 1;
                let given: Vec<&str> = uses["params"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|p| p["name"].as_str().unwrap())
                    .collect();
                for param in &given {
                    assert!(
                        declared.contains_key(param),
                        "{}: no parameter {param}",
                        sample.display()
                    );
                }
                for (param, _) in declared.iter().filter(|(_, spec)| spec["default"].is_null()) {
                    assert!(given.contains(param), "{}: {param} must be given", sample.display());
                }
            }
        }
        assert!(seen > 0, "{name} has no sample");
    }
}

/// Where a sample uses a task: a TaskRun once, a PipelineRun for each of its tasks.
fn uses(object: &Value) -> Vec<&Value> {
    match object["kind"].as_str().unwrap() {
        "TaskRun" => vec![&object["spec"]],
        "PipelineRun" => object["spec"]["pipelineSpec"]["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .collect(),
        kind => panic!("a sample is a run, not a {kind}"),
    }
}
