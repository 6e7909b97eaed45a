//! Nights of three platforms in one namespace, their triggers one after another while the others'
//! runs are on their way: on the real API server and the real Tekton, with the composed overlays.
//!
//! A test has three nights; `GATE_TEST_NIGHTS=20` has twenty. It prints who was skipped and what
//! was released.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use standins::{ImageBuilder, Night};

use crate::field::{Field, SCALE};
use crate::integration_service::IntegrationService;
use crate::platform::{apply, clone, exit, job, settle};
use crate::release_service::ReleaseService;
use crate::runbook::ended;

const PLATFORMS: [&str; 3] = ["aro-hcp", "rosa-hcp", "gcp-hcp"];

/// What happens to a platform's run in a night.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    /// Its PipelineRun is deleted while its jobs run.
    Killed,
    /// It is cancelled outright.
    Cancelled,
    /// Its Snapshot is deleted, and every run of that night with it.
    SnapshotDeleted,
}

fn fate(platform: usize, night: usize) -> Fate {
    match (platform, night % 5) {
        (0, 1) => Fate::Killed,
        (2, 1) => Fate::Cancelled,
        (1, 4) => Fate::SnapshotDeleted,
        _ => Fate::Passes,
    }
}

fn scenario(platform: &str) -> String {
    format!("ho-release-gate-{platform}")
}

/// Another image, and a Snapshot of it that is newer than all before.
fn build(field: &Field, night: usize) -> String {
    if night == 0 {
        return field.night.snapshot.clone();
    }
    let shown = Night::aro_hcp();
    let platforms: Vec<&str> = shown.platforms.iter().map(String::as_str).collect();
    let image = ImageBuilder::new(&shown.repository)
        .revision(&shown.revision)
        .platforms(&platforms);
    let image = field.world.registry().push(&image.label("night", &night.to_string()));
    let mut snapshot = field.night.snapshot_object.clone();
    for made_by_server in ["namespace", "uid", "resourceVersion", "creationTimestamp", "generation"]
    {
        snapshot["metadata"].as_object_mut().unwrap().remove(made_by_server);
    }
    let name = format!("night-{night}");
    snapshot["metadata"]["name"] = json!(name);
    snapshot["metadata"]["annotations"]["test.appstudio.openshift.io/pipelinerunstarttime"] =
        json!(jiff::Timestamp::now().as_millisecond().to_string());
    for component in snapshot["spec"]["components"].as_array_mut().unwrap() {
        if component["name"] == shown.component.as_str() {
            component["containerImage"] = json!(image.at(&field.servers.registry_host()));
        }
    }
    field.kubectl.create(&snapshot);
    name
}

/// What trigger-gate said of its scenario.
fn trigger(field: &Field, name: &str, platform: &str) -> (String, String) {
    let pod = job(field, name, &format!("trigger-gate-{platform}"));
    let log = field
        .kubectl
        .run(&["logs", pod["metadata"]["name"].as_str().unwrap()]);
    assert_eq!(exit(&pod), 0, "{log}");
    let mut report = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let report = report.rfind(|line| line["scenarios"].is_array()).unwrap();
    let text = |key: &str| report["scenarios"][0][key].as_str().unwrap_or_default().to_owned();
    (text("outcome"), if text("outcome") == "started" { text("run") } else { text("reason") })
}

/// Waits until something is so; the cluster does it.
fn until(what: &str, so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(300), "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn record(field: &Field, run: &str) -> Value {
    let found = field
        .kubectl
        .try_run(&["get", "configmap", &format!("gate-{run}"), "-o", "json"]);
    let map: Value = serde_json::from_slice(&found.stdout).unwrap_or_default();
    serde_json::from_str(map["data"]["record.json"].as_str().unwrap_or("null")).unwrap_or_default()
}

fn waits_for_its_jobs(field: &Field, run: &str) -> bool {
    let record = record(field, run);
    let jobs = record["jobs"].as_array().map(Vec::as_slice).unwrap_or_default();
    !jobs.is_empty() && jobs.iter().all(|job| job["attempts"][0]["execution"].is_string())
}

/// A skip names a run or a record of the scenario's own.
fn assert_own(field: &Field, platform: &str, reason: &str) {
    let word = reason
        .split([' ', ','])
        .find(|word| word.contains("ho-release-gate-") && !word.contains(platform));
    let Some(word) = word else { panic!("{platform}: {reason}") };
    if let Some(run) = word.strip_prefix("gate-") {
        assert_eq!(record(field, run)["scenario"], scenario(platform), "{reason}");
    } else {
        let run = field.kubectl.get("pipelinerun", word);
        assert_eq!(
            run["metadata"]["labels"]["test.appstudio.openshift.io/scenario"],
            scenario(platform),
            "{reason}"
        );
    }
}

#[test]
#[ignore = "needs a cluster"]
fn three_platforms_night_after_night() {
    let nights = std::env::var("GATE_TEST_NIGHTS").map_or(3, |count| count.parse().unwrap());
    let field = Field::new("three", &Night::aro_hcp());
    let clone = clone(&field);
    for platform in PLATFORMS {
        settle(&field, &clone, platform, &[]);
        apply(&field, &clone, platform);
        let arguments = "/spec/jobTemplate/spec/template/spec/containers/0/args/-";
        let pace = ["--time-scale", &SCALE.to_string(), "--wait", "12h"]
            .map(|value| json!({"op": "add", "path": arguments, "value": value}));
        let name = format!("trigger-gate-{platform}");
        field.kubectl.run(&[
            "patch",
            "cronjob",
            &name,
            "--type=json",
            "-p",
            &json!(pace).to_string(),
        ]);
    }
    let _konflux = IntegrationService::start(&field.kubectl);
    let _service = ReleaseService::of_snapshots(&field.kubectl);

    let mut rows = [const { String::new() }; 3];
    let mut released = 0;
    for night in 0..nights {
        let snapshot = build(&field, night);
        let mut started = Vec::new();
        for (number, platform) in PLATFORMS.into_iter().enumerate() {
            let (outcome, said) = trigger(&field, &format!("night-{night}-{platform}"), platform);
            match outcome.as_str() {
                "started" => started.push((number, said)),
                _ => {
                    assert_own(&field, platform, &said);
                    rows[number].push('.');
                }
            }
        }
        if night == 0 {
            assert_eq!(started.len(), 3, "nobody is skipped for another platform's run");
        }
        for (number, run) in &started {
            let what = fate(*number, night);
            if what != Fate::Passes {
                until("its jobs run", || waits_for_its_jobs(&field, run));
            }
            match what {
                Fate::Passes => {}
                Fate::Killed => drop(field.kubectl.run(&["delete", "pipelinerun", run])),
                Fate::Cancelled => field.kubectl.patch(
                    "pipelinerun",
                    run,
                    &json!({"spec": {"status": "Cancelled"}}),
                    None,
                ),
                Fate::SnapshotDeleted => {
                    drop(field.kubectl.run(&["delete", "snapshot", &snapshot]))
                }
            }
            if what == Fate::Killed && night == 1 {
                told_from_the_second_on(&field, run, PLATFORMS[*number]);
            }
        }
        let deleted = started
            .iter()
            .any(|(number, _)| fate(*number, night) == Fate::SnapshotDeleted);
        for (number, run) in &started {
            let letter = match fate(*number, night) {
                _ if deleted => 'd',
                Fate::Killed => 'k',
                Fate::Cancelled => 'c',
                _ => {
                    let ended = ended(&field, run);
                    assert_eq!(
                        ended["status"]["conditions"][0]["status"], "True",
                        "{}",
                        ended["status"]["conditions"]
                    );
                    released += 1;
                    'P'
                }
            };
            rows[*number].push(letter);
        }
    }

    eprintln!(
        "nights (P released, k killed, c cancelled, d lost with the Snapshot, . skipped for its own jobs)"
    );
    PLATFORMS
        .iter()
        .zip(&rows)
        .for_each(|(platform, row)| eprintln!("{platform:<10} {row}"));
    let releases = field.kubectl.list("releases");
    eprintln!("{released} released, {} jobs launched", field.world.prow().launches().len());
    assert_eq!(releases.len(), released);
    for release in &releases {
        let (plan, snapshot) = (&release["spec"]["releasePlan"], &release["spec"]["snapshot"]);
        let same = releases.iter().filter(|other| {
            other["spec"]["releasePlan"] == *plan && other["spec"]["snapshot"] == *snapshot
        });
        assert_eq!(same.count(), 1, "{plan} {snapshot}");
    }
    // Each platform's past is its own, whatever the runs are called.
    for (platform, row) in PLATFORMS.iter().zip(&rows) {
        let selector =
            format!("release-gate/kind=gate,release-gate/scenario={}", scenario(platform));
        let maps: Value = serde_json::from_str(&field.kubectl.run(&[
            "get",
            "configmaps",
            "-l",
            &selector,
            "-o",
            "json",
        ]))
        .unwrap();
        let runs = row.chars().filter(|letter| *letter != '.').count();
        assert_eq!(maps["items"].as_array().unwrap().len(), runs, "{platform}");
    }
}

/// Its run is gone and its jobs go on: the next night is skipped without a word, the one after is
/// told.
fn told_from_the_second_on(field: &Field, run: &str, platform: &str) {
    let messages = || {
        field
            .world
            .slack()
            .messages()
            .iter()
            .filter(|told| told.words().contains("was skipped"))
            .count()
    };
    for (again, told) in [(1, 0), (2, 1)] {
        let (outcome, reason) = trigger(field, &format!("again-{again}"), platform);
        assert_eq!(outcome, "skipped", "{reason}");
        assert!(reason.contains(&format!("gate-{run}")), "{reason}");
        assert_eq!(messages(), told, "{reason}");
        if told == 0 {
            let name = format!("trigger-{}", scenario(platform));
            let row = || -> Value {
                let map = field.kubectl.get("configmap", &name);
                serde_json::from_str(map["data"]["record.json"].as_str().unwrap()).unwrap()
            };
            let last: jiff::Timestamp = row()["scenarios"][scenario(platform)]["last"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap();
            // An hour of the gate's: the same night would not count again.
            let hour = jiff::SignedDuration::from_secs(3600 / i64::from(SCALE) + 1);
            until("an hour has passed", || jiff::Timestamp::now().duration_since(last) > hour);
        }
    }
}
