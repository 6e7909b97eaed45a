//! The rehearsal makes of a pipeline what Tekton makes of it: `data/tekton/NAME.yaml` was run on a
//! real cluster and `NAME-seen.json` is what came out; here the same runs with a shell script in
//! place of the image's program.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rehearsal::check::check;
use rehearsal::document::{Document, ParamValue};
use rehearsal::order::{Outcome, Skip};
use rehearsal::run::{Request, Run, RunReport};
use rehearsal::task::Laptop;
use rehearsal::volumes::Mountable;
use serde::Deserialize;

/// What a run on a real Tekton looked like.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    params: BTreeMap<String, Value>,
    labels: BTreeMap<String, String>,
    succeeded: bool,
    reason: String,
    results: BTreeMap<String, String>,
    skipped: BTreeMap<String, String>,
    tasks: BTreeMap<String, SeenTask>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenTask {
    succeeded: bool,
    reason: String,
    tries: usize,
    results: BTreeMap<String, String>,
    args: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Value {
    Text(String),
    List(Vec<String>),
}

impl From<Value> for ParamValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => Self::String(text),
            Value::List(list) => Self::Array(list),
        }
    }
}

const PROBE: &str = r#"#!/bin/sh
if [ $# -gt 0 ]; then printf '%s\0' "$@"; fi
code=0
while [ $# -gt 0 ]; do
  case "$1" in
    --write) printf %s "$3" > "$2" ;;
    --exit) code=$2 ;;
  esac
  shift
done
exit $code
"#;

fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/tekton").join(name);
    fs::read_to_string(path).unwrap()
}

fn laptop(work: &Path, script: &str, labels: BTreeMap<String, String>) -> Laptop {
    let programs = work.join("programs");
    fs::create_dir_all(&programs).unwrap();
    fs::write(programs.join("probe"), script).unwrap();
    fs::set_permissions(programs.join("probe"), fs::Permissions::from_mode(0o755)).unwrap();
    Laptop {
        programs,
        work: work.to_owned(),
        mountable: Mountable::default(),
        home: BTreeMap::new(),
        labels,
        env: Vec::new(),
        extra_args: BTreeMap::new(),
        time_scale: 1,
        shortest_timeout: std::time::Duration::ZERO,
    }
}

async fn run(yaml: &str, params: BTreeMap<String, ParamValue>, laptop: Laptop) -> RunReport {
    let document = Document::parse(yaml, "data").unwrap();
    check(document.spec()).unwrap();
    let request = Request {
        name: document.name().to_owned(),
        uid: "uid".into(),
        namespace: "rehearsal-rules".into(),
        params,
    };
    Run::new(document.spec(), None, &request, laptop)
        .unwrap()
        .run(|_| {})
        .await
        .unwrap()
}

/// What the probe printed, with the container's paths.
fn args(stdout: &Path, task: &str, number: usize, work: &Path) -> Vec<String> {
    let pod = work.join(task).join(format!("try-{number}"));
    let mut text = fs::read_to_string(stdout).unwrap();
    for (folder, path) in [("results", "/tekton/results"), ("home", "/tekton/home")] {
        text = text.replace(pod.join(folder).to_str().unwrap(), path);
    }
    text.split_terminator('\0').map(str::to_owned).collect()
}

async fn as_seen(name: &str) -> (RunReport, Seen) {
    let seen: Seen = serde_json::from_str(&data(&format!("{name}-seen.json"))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut params: BTreeMap<String, ParamValue> = seen
        .params
        .clone()
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    params.insert("image".into(), ParamValue::String("probe".into()));
    let laptop = laptop(folder.path(), PROBE, seen.labels.clone());
    let report = run(&data(&format!("{name}.yaml")), params, laptop).await;

    assert_eq!(report.succeeded, seen.succeeded, "{name}: {}", seen.reason);
    assert_eq!(report.results, seen.results, "{name}");
    for (task, expected) in &seen.tasks {
        let got = &report.tasks[task];
        let succeeded = got.finished.outcome == Outcome::Succeeded;
        assert_eq!(succeeded, expected.succeeded, "{name}, {task}: {}", expected.reason);
        assert_eq!(got.tries.len(), expected.tries, "{name}, {task}");
        assert_eq!(got.finished.results, expected.results, "{name}, {task}");
        let last = got.tries.last().unwrap();
        let printed: BTreeMap<String, Vec<String>> = last
            .steps
            .iter()
            .map(|s| (s.name.clone(), args(&s.stdout, task, got.tries.len(), folder.path())))
            .collect();
        assert_eq!(printed, expected.args, "{name}, {task}");
    }
    let skipped: Vec<&String> = report
        .state
        .iter()
        .filter(|(_, finished)| matches!(finished.outcome, Outcome::Skipped(_)))
        .map(|(task, _)| task)
        .collect();
    assert_eq!(skipped, seen.skipped.keys().collect::<Vec<_>>(), "{name}");
    (report, seen)
}

#[tokio::test]
async fn the_hard_edges_come_out_as_on_tekton() {
    let (report, seen) = as_seen("rules").await;
    // Tekton computes the reasons anew in the end; those of finally stay what they were.
    let reason = |task: &str| match &report.state[task].outcome {
        Outcome::Skipped(Skip::When(..)) => "When Expressions evaluated to false",
        Outcome::Skipped(Skip::ResultsMissing(_)) => "Results were missing",
        other => panic!("{task}: {other:?}"),
    };
    for task in ["uses-unwritten", "guarded"] {
        assert_eq!(reason(task), seen.skipped[task], "{task}");
    }
}

#[tokio::test]
async fn a_result_that_is_used_and_was_never_written_fails_the_run() {
    let (report, _) = as_seen("unwritten").await;
    let Outcome::Skipped(Skip::ResultNeverWritten(what)) = &report.state["uses"].outcome else {
        panic!("{:?}", report.state["uses"]);
    };
    assert_eq!(what, "silent.r");
    assert_eq!(report.tasks["statuses"].finished.outcome, Outcome::Succeeded, "finally runs");
}

#[tokio::test]
async fn a_result_of_the_pipeline_that_was_never_written_fails_the_run() {
    let (report, _) = as_seen("promised").await;
    assert_eq!(report.problems, ["result r: $(tasks.silent.results.r) was never written"]);
}

#[tokio::test]
async fn time_limits_of_a_try_and_of_a_step_that_hangs() {
    let yaml = "apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: slow}
spec:
  tasks:
    - name: slow
      timeout: 10m
      retries: 1
      taskSpec:
        results: [{name: r}]
        steps: [{name: s, image: i, command: [/usr/bin/probe], args: [$(results.r.path)]}]
  finally:
    - name: last
      params: [{name: status, value: $(tasks.slow.status)}]
      taskSpec:
        params: [{name: status}]
        steps: [{name: s, image: i, command: [/usr/bin/probe], args: [--end, $(params.status)]}]
";
    // The first try hangs, the second ends: the script knows by the folder of its results.
    let script = "#!/bin/sh
case \"$1\" in
  */try-1/*) printf lost > \"$1\"; trap 'exit 0' TERM; while :; do sleep 0.01; done ;;
  --end) printf '%s\\0' \"$@\" ;;
  *) printf kept > \"$1\" ;;
esac
";
    let folder = tempfile::tempdir().unwrap();
    let mut laptop = laptop(folder.path(), script, BTreeMap::new());
    laptop.time_scale = 1200; // 10m become half a second
    let report = run(yaml, BTreeMap::new(), laptop).await;
    let slow = &report.tasks["slow"];
    assert_eq!(slow.tries[0].failure.as_deref(), Some("its time was up after 10m"));
    assert_eq!(slow.tries[1].failure, None);
    assert_eq!(slow.finished.results["r"], "kept");
    assert!(report.succeeded);
    assert_eq!(
        args(&report.tasks["last"].tries[0].steps[0].stdout, "last", 1, folder.path()),
        ["--end", "Succeeded"]
    );
}
