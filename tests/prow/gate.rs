//! The whole gate by hand, from launch to verdict.

use serde_json::Value;

use crate::build::{Build, Ending};
use crate::player::Player;
use crate::prow::{AKS, CONFORMANCE, HIDDEN, SHORT, id_of, job_of, text};
use crate::steps::{Ended, Gate, IMAGE};

/// Gate seconds in a second: the whole night is five and a half minutes.
const SCALE: u32 = 60;

fn label(run: &Value) -> &str {
    text(run, "/metadata/labels/release-gate~1key")
}

#[test]
#[ignore = "needs a Gangway"]
fn a_night_with_a_rerun_passes() {
    let gate = Gate::new(SCALE);
    let jobs = [AKS, SHORT, HIDDEN];
    for _ in 0..2 {
        assert_eq!(gate.launch(&jobs[..2], &jobs[2..]).with(0).results["launched"], "3");
        gate.assert_launched_once(&jobs);
    }
    let first = gate.runs();
    let player = Player::start(&gate.prow, &gate.id, |job, number| match (job, number) {
        (SHORT, 1) => Ending::Error("Pod scheduling timeout."),
        (HIDDEN, _) => Ending::Failed(&["TestNotStableYet"]),
        _ => Ending::Passed,
    });
    let ended = gate.start_collect().ended().with(0);
    drop(player);
    assert_eq!(ended.results["verdict"], "passed", "{}", ended.log);
    for (job, number, cause) in [
        (AKS, 1, "passed"),
        (SHORT, 1, "infrastructure"),
        (SHORT, 2, "passed"),
        (HIDDEN, 1, "product"),
    ] {
        assert_eq!(gate.attempt(job, number)["cause"], cause, "{job}");
    }
    assert_eq!(gate.attempt(AKS, 1)["proof"]["level"], "proven");
    // Four runs, and the second one of a job has a key of its own.
    let runs = gate.runs();
    let again: Vec<_> = runs
        .iter()
        .filter(|run| first.iter().all(|known| id_of(known) != id_of(run)))
        .collect();
    assert_eq!(again.iter().map(|run| job_of(run)).collect::<Vec<_>>(), [SHORT]);
    assert_eq!(gate.attempt(SHORT, 2)["execution"], id_of(again[0]));
    assert!(runs.iter().filter(|run| label(run) == label(again[0])).count() == 1);
    // Asked again, it tells the same.
    let told = gate.start_collect().ended().with(0);
    assert_eq!(told.results["verdict"], ended.results["verdict"]);
    assert_eq!(gate.runs().len(), 4);

    // What these runs have left is what a check of the next night looks at.
    let blocking = serde_json::json!([AKS, SHORT]).to_string();
    let jobs = ["--image", IMAGE, "--override-env", "OPERATOR_IMAGE", "--informing", "[]"];
    let launch = [&["--check", "--blocking", &blocking], &jobs[..]].concat();
    let next = Gate::new(SCALE);
    let checked = next.start(env!("CARGO_BIN_EXE_launch-prow"), &launch).ended().with(0);
    assert!(looked_at(&checked, &["gangway", "job", "deck", "artifacts"]), "{}", checked.results);
    let logs = ["--check", "--proof-log", "artifacts/*/hypershift-install/build-log.txt"];
    let proofs = gate
        .start(env!("CARGO_BIN_EXE_collect-results"), &logs)
        .ended()
        .with(0);
    assert!(looked_at(&proofs, &["deck", "artifacts", "proof"]), "{}", proofs.results);
    let asks = ["--check", "--blocking", r#"["periodic-ci-acme-e2e-asks"]"#];
    let wrong = next
        .start(env!("CARGO_BIN_EXE_launch-prow"), &[&asks, &jobs[..]].concat())
        .ended()
        .with(1);
    assert!(
        wrong
            .log
            .contains("periodic-ci-acme-e2e-asks: none of the executions"),
        "{}",
        wrong.log
    );
    assert_eq!((gate.runs().len(), next.runs().len()), (4, 0), "a check launches nothing");
}

fn looked_at(checked: &Ended, whats: &[&str]) -> bool {
    let checks = checked.results["checks"].as_array().unwrap();
    whats.iter().all(|what| {
        checks
            .iter()
            .any(|check| check["what"] == *what && check["result"] == "passed")
    })
}

#[test]
#[ignore = "needs a Gangway"]
fn a_red_night_names_the_tests() {
    let gate = Gate::new(SCALE);
    let jobs = [AKS, SHORT, CONFORMANCE];
    gate.launch(&jobs, &[]).with(0);
    gate.assert_launched_once(&jobs);
    let [aks, short, conformance] = jobs.map(|job| gate.run_of(job));
    let collect = gate.start_collect();
    // The tests fail.
    Build::begin(&gate.prow, &aks).end(Ending::Failed(&["TestUpgradeControlPlane"]));
    // The pod is evicted: another build begins, with a folder of its own.
    Build::begin(&gate.prow, &short);
    // Prow removes the run before anybody saw its end there.
    let build = Build::begin(&gate.prow, &conformance);
    for job in [SHORT, CONFORMANCE] {
        gate.await_in_record(job, "job_url");
    }
    build.upload_end(Ending::Passed);
    gate.prow.remove(&[id_of(&conformance).to_owned()]);
    Build::begin(&gate.prow, &short).end(Ending::Passed);
    let ended = collect.ended().with(3);
    assert_eq!(ended.results["verdict"], "failed", "{}", ended.log);
    assert!(ended.results.to_string().contains("TestUpgradeControlPlane"), "{}", ended.results);
    assert_eq!(gate.attempt(AKS, 1)["failing_tests"]["names"][0], "TestUpgradeControlPlane");
    for job in [SHORT, CONFORMANCE] {
        assert_eq!(gate.attempt(job, 1)["cause"], "passed", "{job}: {}", gate.record());
    }
    let mut left: Vec<_> = gate.runs().iter().map(|run| job_of(run).to_owned()).collect();
    left.sort();
    assert_eq!(left, [AKS, SHORT], "nothing is run again for a failed test or a removed run");
}

#[test]
#[ignore = "needs a Gangway"]
fn what_a_person_runs_again_does_not_count() {
    let gate = Gate::new(SCALE);
    gate.launch(&[SHORT], &[]).with(0);
    let ours = gate.run_of(SHORT);
    Build::begin(&gate.prow, &ours).end(Ending::Failed(&["TestCreateCluster"]));
    // A person runs it again with Deck's button: the same key, and this time it passes.
    let copy = gate.prow.rerun(&ours);
    let runs = gate.runs();
    let copied = runs.iter().find(|run| id_of(run) == copy).unwrap();
    assert_eq!(label(copied), label(&ours));
    Build::begin(&gate.prow, copied).end(Ending::Passed);
    gate.launch(&[SHORT], &[]).with(0);
    let ended = gate.start_collect().ended().with(3);
    assert_eq!(ended.results["verdict"], "failed", "{}", ended.log);
    assert_eq!(gate.attempt(SHORT, 1)["execution"], id_of(&ours));
    assert_eq!(gate.runs().len(), 2, "its run and the person's");
}
