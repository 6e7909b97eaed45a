//! show-gate as a black box: which run it shows, that it only reads, and its exit codes.

use serde_json::{Value, json};

use crate::support::season::{NS, Namespace};
use crate::support::{Output, Tool};

impl Namespace {
    fn show(&self, more: &[&str]) -> Output {
        let kubeconfig = self.dir.path("kubeconfig");
        Tool::new("show-gate")
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(more)
            .run()
    }

    /// The newest record of a gate: the ConfigMap's name, and the record.
    fn newest(&self, gate: &str) -> (String, Value) {
        let mut found: Vec<(String, String, Value)> = Vec::new();
        for object in self.world.kube().all("configmaps") {
            let Some(text) = object["data"]["record.json"].as_str() else { continue };
            let record: Value = serde_json::from_str(text).unwrap();
            if record["gate"] == gate {
                let meta = &object["metadata"];
                let text = |field: &str| meta[field].as_str().unwrap().to_owned();
                found.push((text("creationTimestamp"), text("name"), record));
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let (_, name, record) = found.pop().unwrap();
        (name, record)
    }

    /// Puts a changed record in its place.
    fn change(&self, name: &str, record: &Value) {
        self.world.kube().change("configmaps", NS, name, |object| {
            object["data"]["record.json"] = json!(record.to_string());
        });
    }
}

/// A record as it was while its jobs ran.
fn running(record: &Value) -> Value {
    let mut record = record.clone();
    for field in ["verdict", "release", "notifications"] {
        record.as_object_mut().unwrap().remove(field);
    }
    for job in record["jobs"].as_array_mut().unwrap() {
        for attempt in job["attempts"].as_array_mut().unwrap() {
            attempt["state"] = json!("pending");
            for field in ["cause", "completed_at", "judged_at", "proof", "detail"] {
                attempt.as_object_mut().unwrap().remove(field);
            }
        }
    }
    record
}

#[test]
fn the_newest_run_of_a_gate_and_nothing_is_written() {
    let namespace = Namespace::new();
    let (name, record) = namespace.newest("GCP HCP");
    let run = record["run"].as_str().unwrap();
    let shown = namespace.show(&["--gate-label", "GCP HCP"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(
        shown
            .stdout
            .contains(&format!("record configmap:{name}, last written ")),
        "{shown:?}"
    );
    for job in record["jobs"].as_array().unwrap() {
        let url = job["attempts"][0]["job_url"].as_str().unwrap();
        assert!(shown.stdout.contains(url), "{url}: {}", shown.stdout);
    }
    // The same by each of its names.
    let place = format!("configmap:{name}");
    let scenario = record["scenario"].as_str().unwrap();
    for more in [&[run][..], &[name.as_str()], &["--record", &place], &["--scenario", scenario]] {
        assert_eq!(namespace.show(more).stdout, shown.stdout, "{more:?}");
    }
    let newest = namespace.show(&[]);
    assert_eq!(newest.code, 0, "{newest:?}");
    let log = namespace.world.requests();
    let others: Vec<_> = log.iter().filter(|asked| asked.method != "GET").collect();
    assert!(others.is_empty() && log.len() > 5, "it only reads: {others:?}");
}

#[test]
fn a_run_that_is_killed_is_told_from_one_that_goes_on() {
    let namespace = Namespace::new();
    let (name, record) = namespace.newest("ARO HCP");
    let run = record["run"].as_str().unwrap();
    namespace.change(&name, &running(&record));
    let gone = namespace.show(&[run]);
    assert!(gone.stdout.starts_with("🔴 ARO HCP gate ended without a verdict"), "{gone:?}");
    assert!(
        gone.stdout
            .contains("\nnext: again: trigger-gate --namespace tenant "),
        "{gone:?}"
    );
    namespace.world.kube().put(json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {"name": run, "namespace": NS, "uid": record["id"]},
    }));
    let runs = namespace.show(&[run]);
    assert!(runs.stdout.starts_with("🔵 ARO HCP gate is testing "), "{runs:?}");
    let command = format!("show-gate {run} --namespace {NS} --watch");
    assert!(runs.stdout.ends_with(&format!("next: until it ends: {command}\n")), "{runs:?}");
    // Who may not read runs sees the record all the same.
    namespace.world.kube().deny("get", "pipelineruns");
    let blind = namespace.show(&[run]);
    assert!(blind.code == 0 && blind.stdout.starts_with("🔵 "), "{blind:?}");
}

#[test]
fn it_is_watched_until_it_ends() {
    let namespace = Namespace::new();
    let (name, record) = namespace.newest("ARO HCP");
    let run = record["run"].as_str().unwrap();
    let watch = |more: &[&str]| {
        let scale = ["--time-scale", "1000", "--watch", "--interval", "5m"];
        namespace.show(&[&[run][..], &scale, more].concat())
    };
    let ended = watch(&[]);
    let code = if ended.stdout.starts_with('🟢') { 0 } else { 3 };
    assert_eq!(ended.code, code, "{ended:?}");
    namespace.change(&name, &running(&record));
    namespace.world.kube().put(json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {"name": run, "namespace": NS, "uid": record["id"]},
    }));
    let late = watch(&["--wait", "10m"]);
    assert_eq!(late.code, 1, "{late:?}");
    assert!(late.stderr.contains("the run has not ended within 10m"), "{late:?}");
    assert_eq!(late.stdout.matches("🔵").count(), 1, "nothing new, nothing said: {late:?}");
    let watching = std::thread::scope(|threads| {
        let watching = threads.spawn(|| watch(&[]));
        // It is looked at twice before the verdict comes.
        let looks = || {
            let log = namespace.world.requests();
            log.iter().filter(|asked| asked.path.ends_with(run)).count()
        };
        let before = looks();
        while looks() < before + 4 {
            std::thread::yield_now();
        }
        let mut refused = running(&record);
        refused["verdict"] = json!({"decision": "failed", "decided_at": record["created_at"],
            "reasons": ["e2e-aks failed TestX"], "blocking_passed": 1, "blocking_total": 2});
        refused["revision"] = json!(1_000);
        namespace.change(&name, &refused);
        watching.join().unwrap()
    });
    assert_eq!(watching.code, 3, "{watching:?}");
    assert!(watching.stdout.contains("\n🔴 ARO HCP gate refused "), "{watching:?}");
    assert!(watching.stderr.contains("did not promote its image"), "{watching:?}");
}

#[test]
fn what_is_not_there_is_said() {
    let namespace = Namespace::new();
    for (more, code, words) in [
        (&["no-such-run"][..], 2, "configmap:gate-no-such-run in namespace tenant does not exist"),
        (&["--gate-label", "ARO"], 2, "there are records of ARO-HCP, "),
        (&["--scenario", "x"], 2, "there is no record of --scenario x in namespace tenant; there "),
        (&["--record", "file:/nowhere/x"], 2, "its folder does not exist"),
        (&["run", "--scenario", "x"], 2, "expected only one of RUN, --record"),
        (&["--watch", "--interval", "0s"], 2, "--interval: "),
    ] {
        let output = namespace.show(more);
        assert_eq!(output.code, code, "{more:?}: {output:?}");
        assert!(output.stderr.contains(words), "{more:?}: {}", output.stderr);
    }
    namespace.world.kube().deny("list", "configmaps");
    let output = namespace.show(&[]);
    assert!(output.code == 1 && output.stderr.contains("cannot list records"), "{output:?}");
}

#[test]
fn a_file_needs_no_cluster() {
    let namespace = Namespace::new();
    let (_, record) = namespace.newest("ARO HCP");
    let path = namespace.dir.write("gate.json", record.to_string());
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    let place = format!("file:{}", path.display());
    let shown = Tool::new("show-gate")
        .args(["--record", &place])
        .env("KUBECONFIG", "/nowhere")
        .run();
    assert!(shown.code == 0 && shown.stdout.contains("ARO HCP gate "), "{shown:?}");
    assert_eq!(namespace.dir.read("gate.json"), record.to_string());
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before);
    assert_eq!(std::fs::read_dir(namespace.dir.path("")).unwrap().count(), 2, "no lock is left");
}
