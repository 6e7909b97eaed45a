//! The gate from Snapshot to Release.

use std::process::{Child, Command, Stdio};

use jiff::Timestamp;
use serde_json::Value;
use standins::{JobScript, Night};

use crate::field::{Field, repository};
use crate::release_service::{Fate, ReleaseService};
use crate::run::{set_parameter, succeeded};

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn result<'a>(run: &'a Value, name: &str) -> &'a str {
    let results = run["status"]["results"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    results
        .iter()
        .find(|result| result["name"] == name)
        .map(|result| text(result, "/value"))
        .unwrap_or_default()
}

/// Seconds from an object's creation to its end.
fn span(object: &Value) -> f64 {
    let at = |path: &str| text(object, path).parse::<Timestamp>().unwrap();
    (at("/status/completionTime") - at("/metadata/creationTimestamp"))
        .total(jiff::Unit::Second)
        .unwrap()
}

/// One Release, of the right plan, Snapshot and name.
fn assert_released(field: &Field, ended: &Value) {
    assert_eq!(succeeded(ended), "True", "{}", ended["status"]["conditions"]);
    let releases = field.kubectl.list("releases");
    assert_eq!(releases.len(), 1);
    let (plan, hex) =
        (&field.night.plan, &field.night.reference.split_once("@sha256:").unwrap().1[..12]);
    assert_eq!(text(&releases[0], "/metadata/name"), format!("{plan}-{hex}-1"));
    assert_eq!(text(&releases[0], "/spec/releasePlan"), plan);
    assert_eq!(text(&releases[0], "/spec/snapshot"), field.night.snapshot);
    assert_eq!(
        (result(ended, "verdict"), result(ended, "release")),
        ("passed", text(&releases[0], "/metadata/name"))
    );
}

/// Each job was launched once.
pub fn assert_launched_once(field: &Field) {
    let mut jobs: Vec<String> = field
        .world
        .prow()
        .launches()
        .into_iter()
        .map(|launch| launch.job)
        .collect();
    jobs.sort();
    let names = |json: &str| serde_json::from_str::<Vec<String>>(json).unwrap();
    let mut wanted = [names(&field.night.blocking), names(&field.night.informing)].concat();
    wanted.sort();
    assert_eq!(jobs, wanted);
}

/// A night on which one blocking job fails its tests.
pub fn red_night() -> Night {
    let mut night = Night::aro_hcp();
    *night.job("e2e-aks-upgrade-minor") = vec![JobScript::fails(&["TestUpgradeControlPlane"])];
    night
}

#[test]
#[ignore = "needs a cluster"]
fn all_pass_and_the_image_is_promoted() {
    let field = Field::new("pass", &Night::aro_hcp());
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    let run = field.start();
    let ended = run.ended();
    assert_released(&field, &ended);
    assert_launched_once(&field);
    assert_eq!(field.world.slack().messages().len(), 1);
    let pods = field.kubectl.list("pods");
    assert!(pods.len() <= 5, "{} pods", pods.len());
    assert!(field.kubectl.list("persistentvolumeclaims").is_empty());
    let steps: f64 = ["resolve-image", "launch-prow", "collect-results", "create-release"]
        .iter()
        .map(|task| run.task(task).map_or(0.0, |task| step_time(&task)))
        .sum();
    eprintln!(
        "{} pods; the run took {:.0} s, its steps {steps:.0} s: Tekton adds {:.0} s",
        pods.len(),
        span(&ended),
        span(&ended) - steps
    );
}

/// How long a TaskRun's steps ran themselves.
fn step_time(task: &Value) -> f64 {
    let steps = task["status"]["steps"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let time = |step: &Value| {
        let at = |path: &str| text(step, path).parse::<Timestamp>().ok();
        let (started, finished) = (at("/terminated/startedAt")?, at("/terminated/finishedAt")?);
        (finished - started).total(jiff::Unit::Second).ok()
    };
    steps.iter().filter_map(time).sum()
}

#[test]
#[ignore = "needs a cluster"]
fn a_blocking_failure_is_refused_and_told() {
    let field = Field::new("fail", &red_night());
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    let ended = field.start().ended();
    assert_eq!(succeeded(&ended), "False");
    assert!(field.kubectl.list("releases").is_empty());
    // Retries found the verdict in the record.
    assert_launched_once(&field);
    let messages = field.world.slack().messages();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].words().contains("e2e-aks-upgrade-minor"), "{}", messages[0].words());
}

#[test]
#[ignore = "needs a cluster"]
fn a_failed_release_fails_the_run_and_names_the_task() {
    let field = Field::new("release", &Night::aro_hcp());
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Failed);
    let ended = field.start().ended();
    assert_eq!(succeeded(&ended), "False");
    assert_eq!(field.kubectl.list("releases").len(), 1, "a retry must not make a second one");
    let messages = field.world.slack().messages();
    assert!(messages[0].words().contains("push-snapshot"), "{}", messages[0].words());
}

#[test]
#[ignore = "needs a cluster"]
fn the_git_resolver_fetches_the_pipeline() {
    let field = Field::new("git", &Night::aro_hcp());
    let server = GitServer::start(&field);
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    let ended = field.start_from_git(&server.url, "main").ended();
    assert_released(&field, &ended);
}

#[test]
#[ignore = "needs a cluster"]
fn two_gates_on_one_snapshot_do_not_disturb_each_other() {
    let field = Field::new("two", &Night::aro_hcp());
    field.plan("rosa-hcp", true);
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    let aro = field.start();
    let rosa = field.start_with(|run| {
        set_parameter(run, "release-plan-name", "rosa-hcp");
        set_parameter(run, "gate-label", "ROSA HCP");
    });
    for run in [&aro, &rosa] {
        let ended = run.ended();
        assert_eq!(succeeded(&ended), "True", "{}", ended["status"]["conditions"]);
    }
    let mut plans: Vec<String> = field
        .kubectl
        .list("releases")
        .iter()
        .map(|r| text(r, "/spec/releasePlan").to_owned())
        .collect();
    plans.sort();
    assert_eq!(plans, ["aro-hcp", "rosa-hcp"]);
    // What the other gate has launched by then is taken over (`reuse`).
    let launched = field.world.prow().launches().len();
    assert!((3..=6).contains(&launched), "{launched} launches for two gates of three jobs");
}

/// A git server with this repository's pipeline on its branch `main`.
struct GitServer {
    daemon: Child,
    url: String,
}

impl GitServer {
    fn start(field: &Field) -> Self {
        let work = field.folder().join("work");
        let pipelines = work.join(".tekton/pipelines");
        std::fs::create_dir_all(&pipelines).unwrap();
        std::fs::copy(
            repository(".tekton/pipelines/ho-release-gate.yaml"),
            pipelines.join("ho-release-gate.yaml"),
        )
        .unwrap();
        let git = |arguments: &[&str]| {
            let status = Command::new("git")
                .current_dir(&work)
                .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
                .args(arguments)
                .status();
            assert!(status.unwrap().success(), "git {arguments:?}");
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "pipeline"]);
        let host = std::env::var("GATE_TEST_HOST").unwrap();
        let port = std::net::TcpListener::bind((host.as_str(), 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let daemon = Command::new("git")
            .args([
                "daemon",
                "--export-all",
                "--reuseaddr",
                &format!("--listen={host}"),
                &format!("--port={port}"),
            ])
            .arg(format!("--base-path={}", field.folder().display()))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { daemon, url: format!("git://{host}:{port}/work") }
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
