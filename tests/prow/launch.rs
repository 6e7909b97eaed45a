//! Launching: lost answers, refusals, and runs that are not ours.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use crate::prow::{AKS, ALIKE, CONFORMANCE, FOREIGN, HIDDEN, SHORT, id_of};
use crate::relay::Relay;
use crate::steps::{Ended, Gate};

/// The number of jobs that a launch says to run.
fn launched(ended: &Ended) -> &str {
    ended.results["launched"].as_str().unwrap_or_default()
}

#[test]
#[ignore = "needs a Gangway"]
fn a_run_whose_answer_is_lost_is_adopted() {
    let relay = Relay::losing(|order| order != 2);
    let gate = Gate::through(&relay.url(), 10);
    let jobs = [SHORT, AKS, CONFORMANCE];
    let ended = gate
        .launch(&jobs[..2], &jobs[2..])
        .with(0)
        .saying("adopted by its key");
    assert_eq!(launched(&ended), "3");
    gate.assert_launched_once(&jobs);
    assert_eq!(relay.to_orders(), [0, 200, 0], "no order may be sent twice");
    for (job, adopted) in [(SHORT, true), (AKS, false), (CONFORMANCE, true)] {
        assert_eq!(gate.attempt(job, 1)["adopted"].as_bool().unwrap_or_default(), adopted, "{job}");
    }
}

#[test]
#[ignore = "needs a Gangway"]
fn names_with_the_same_63_characters_are_told_apart() {
    let relay = Relay::losing(|_| true);
    let gate = Gate::through(&relay.url(), 10);
    // Last night's runs: same jobs, same label, not ours.
    let foreign: Vec<String> = ALIKE.iter().map(|job| gate.prow.order_foreign(job)).collect();
    gate.launch(&ALIKE, &[]).with(0);
    gate.assert_launched_once(&ALIKE);
    assert_eq!(relay.to_orders(), [0; 4]);
    gate.prow.remove(&foreign);
}

#[test]
#[ignore = "needs a Gangway"]
fn a_launch_that_is_killed_goes_on_with_the_oldest_run() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let relay = Relay::start(move |passing| {
        let answer = passing.forward();
        if passing.is_order(1) {
            // Until the test lets go.
            let _ = held.lock().unwrap().recv();
        }
        answer
    });
    let gate = Gate::through(&relay.url(), 10);
    let step = gate.start_launch(&[SHORT, AKS], &[]);
    gate.await_a_run();
    step.kill();
    drop(release);
    let ours = gate.run_of(SHORT);
    assert_eq!(
        gate.attempt(SHORT, 1)["execution"],
        serde_json::Value::Null,
        "the record does not know it yet"
    );
    // ProwJobs count their age in whole seconds.
    std::thread::sleep(Duration::from_millis(1100));
    let copy = gate.prow.rerun(&ours);
    gate.launch(&[SHORT, AKS], &[]).with(0);
    assert_eq!(gate.attempt(SHORT, 1)["execution"], id_of(&ours));
    gate.prow.remove(&[copy]);
    gate.assert_launched_once(&[SHORT, AKS]);
}

#[test]
#[ignore = "needs a Gangway"]
fn two_launches_of_one_record_launch_once() {
    let gate = Gate::new(10);
    let jobs = [SHORT, AKS, HIDDEN];
    let steps = [gate.start_launch(&jobs, &[]), gate.start_launch(&jobs, &[])];
    for ended in steps.map(|step| step.ended().with(0)) {
        assert_eq!(launched(&ended), "3");
    }
    gate.assert_launched_once(&jobs);
}

#[test]
#[ignore = "needs a Gangway"]
fn an_unknown_blocking_job_stops_the_launch() {
    let gate = Gate::new(10);
    let jobs = [SHORT, "periodic-nobody-knows", AKS];
    for _ in 0..2 {
        let ended = gate.launch(&jobs, &[]).with(1);
        let ended = ended
            .saying("failed to find associated periodic job")
            .saying("periodic-nobody-knows");
        assert_eq!(launched(&ended), "1");
    }
    gate.assert_launched_once(&[SHORT]);
}

#[test]
#[ignore = "needs a Gangway"]
fn a_job_of_another_tenant_stops_the_launch() {
    let gate = Gate::new(10);
    gate.launch(&[FOREIGN, SHORT], &[])
        .with(1)
        .saying("client is not authorized to execute the given job");
    gate.assert_launched_once(&[]);
}

#[test]
#[ignore = "needs a Gangway"]
fn informing_jobs_that_are_refused_are_said_and_passed_over() {
    let gate = Gate::new(10);
    let ended = gate
        .launch(&[SHORT], &["periodic-nobody-knows", FOREIGN, AKS])
        .with(0);
    let ended = ended
        .saying("failed to find associated periodic job")
        .saying("not authorized");
    assert_eq!(launched(&ended), "2");
    gate.assert_launched_once(&[SHORT, AKS]);
}
