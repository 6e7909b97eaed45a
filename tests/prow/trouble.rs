//! Gangway that dies, freezes or has had enough, and a Deck that sees nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::build::{Build, Ending};
use crate::prow::{AKS, ALIKE, CONFORMANCE, Guard, HIDDEN, Prow, SHORT};
use crate::relay::Relay;
use crate::steps::Gate;

/// Starts Gangway when dropped, should the test have left it dead.
fn revived(prow: &Prow) -> Guard {
    let prow = prow.clone();
    Guard::new(move || prow.up(&[]))
}

#[test]
#[ignore = "needs a Gangway"]
fn gangway_is_killed_in_the_middle_of_a_launch() {
    let prow = Prow::here();
    let _revived = revived(&prow);
    // 0: it is up; otherwise how many requests it has been down for, and one.
    let down = AtomicUsize::new(0);
    let relay = Relay::start(move |passing| {
        if down.load(Ordering::SeqCst) == 2 {
            prow.up(&[]);
            down.store(0, Ordering::SeqCst);
        }
        if down.load(Ordering::SeqCst) == 1 {
            down.store(2, Ordering::SeqCst);
        }
        if passing.is_order(2) {
            prow.signal_gangway("KILL");
            down.store(1, Ordering::SeqCst);
        }
        if !passing.is_order(4) {
            return passing.forward();
        }
        // While it is at work: whether the run is made, and the answer comes, only chance knows.
        std::thread::scope(|scope| {
            let answer = scope.spawn(|| passing.forward());
            std::thread::sleep(Duration::from_millis(4));
            prow.signal_gangway("KILL");
            down.store(1, Ordering::SeqCst);
            answer.join().unwrap()
        })
    });
    let gate = Gate::through(&relay.url(), 20);
    let jobs = [SHORT, AKS, CONFORMANCE, HIDDEN];
    gate.launch(&jobs, &[]).with(0).saying("503");
    gate.assert_launched_once(&jobs);
    assert_eq!(
        relay.to_orders()[..3],
        [200, 503, 200],
        "the first, the one that met no Gangway, and that one again"
    );
}

#[test]
#[ignore = "needs a Gangway"]
fn gangway_is_frozen_in_the_middle_of_a_launch() {
    let prow = Prow::here();
    let _thawed = {
        let prow = prow.clone();
        Guard::new(move || prow.signal_gangway("CONT"))
    };
    let relay = Relay::start(move |passing| {
        if !passing.is_order(2) {
            return passing.forward();
        }
        prow.signal_gangway("STOP");
        let answer = passing.forward();
        prow.signal_gangway("CONT");
        answer
    });
    let gate = Gate::through(&relay.url(), 10);
    let jobs = [SHORT, AKS, CONFORMANCE];
    gate.launch(&jobs, &[]).with(0).saying("504");
    gate.assert_launched_once(&jobs);
    assert_eq!(relay.to_orders()[..2], [200, 504]);
}

#[test]
#[ignore = "needs a Gangway"]
fn gangways_rate_limit_is_waited_for() {
    let prow = Prow::here();
    // Three at once, then one in three seconds; this process would send 240 in a minute.
    let limited = prow.up_with(&["--rate-limit", "20:2"]);
    let relay = Relay::start(|passing| passing.forward());
    let gate = Gate::through(&relay.url(), 4);
    let jobs = [SHORT, AKS, CONFORMANCE, HIDDEN, ALIKE[0]];
    gate.launch(&jobs, &[]).with(0).saying("too busy");
    drop(limited);
    gate.assert_launched_once(&jobs);
    let answers = relay.to_orders();
    let of = |wanted| answers.iter().filter(|status| **status == wanted).count();
    assert_eq!(answers.len(), of(200) + of(429), "{answers:?}");
    assert!(of(200) == jobs.len() && (2..=6).contains(&of(429)), "{answers:?}");
}

#[test]
#[ignore = "needs a Gangway"]
fn a_blind_deck_does_not_hide_a_run_of_ours() {
    let blind = Mutex::new(Some(Prow::here().blind_deck()));
    let relay = Relay::start(move |passing| {
        if passing.is_read(4) {
            *blind.lock().unwrap() = None;
        }
        let answer = passing.forward();
        answer.filter(|_| !passing.is_any_order())
    });
    let gate = Gate::through(&relay.url(), 10);
    let ended = gate.launch(&[SHORT], &[]).with(0);
    ended
        .saying("Deck answered 404 because it cannot read ProwJobs itself")
        .saying("adopted by its key");
    gate.assert_launched_once(&[SHORT]);
    assert_eq!(relay.to_orders(), [0]);
}

#[test]
#[ignore = "needs a Gangway"]
fn a_deck_that_goes_blind_loses_no_job() {
    let gate = Gate::new(60);
    let jobs = [SHORT, AKS];
    gate.launch(&jobs, &[]).with(0);
    let [short, aks] = jobs.map(|job| gate.run_of(job));
    let build = Build::begin(&gate.prow, &short);
    let collect = gate.start_collect();
    gate.await_in_record(SHORT, "job_url");
    // From here on Deck answers 404 for both. One has a folder in the bucket that is known, the
    // other none yet.
    let blind = gate.prow.blind_deck();
    let later = Build::begin(&gate.prow, &aks);
    build.end(Ending::Passed);
    later.end(Ending::Passed);
    let ended = collect.ended().with(0);
    drop(blind);
    assert_eq!(ended.results["verdict"], "passed", "{}", ended.log);
    assert!(!ended.log.contains("no longer has this run"), "{}", ended.log);
    gate.assert_launched_once(&jobs);
}
