//! What is shown of every situation that a message can be about, and of a run that goes on.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::clock::{RuntimeClock, SharedClock};
use crate::failure::Exit;
use crate::notify::samples;
use crate::record::{Accepted, GateRecord, Outcome, ReusedFrom};
use crate::support::memory::Memory;

fn at() -> Timestamp {
    "2026-08-20T06:11:04Z".parse().unwrap()
}

fn clock() -> SharedClock {
    Arc::new(RuntimeClock::starting_at(at()))
}

fn look(record: GateRecord, run: RunSight) -> Look {
    let place = "configmap:gate-ho-release-gate-x7k2p".to_owned();
    Look { record, run, place, namespace: Some("acme-tenant".to_owned()), now: at() }
}

/// The record of a situation, where it has one.
fn sample(name: &str) -> Option<GateRecord> {
    let (.., facts) = samples::all().into_iter().find(|(found, ..)| *found == name).unwrap();
    facts.sight.record().cloned()
}

/// A record whose jobs run.
fn running() -> GateRecord {
    let mut record = sample("broken-while-waiting").unwrap();
    record.stopped = None;
    assert!(record.verdict.is_none() && !record.jobs[0].attempts.is_empty());
    record
}

#[test]
fn a_record_without_a_verdict_goes_on_until_its_run_says_otherwise() {
    let of = |record: &GateRecord, run| stage(&look(record.clone(), run));
    let (begun, running, passed) = (samples::record(), running(), sample("passed").unwrap());
    let pending = sample("release-pending").unwrap();
    for (record, run, wanted) in [
        (&begun, RunSight::InFlight, Stage::Starting),
        (&running, RunSight::InFlight, Stage::Testing),
        (&running, RunSight::Unknown, Stage::Testing),
        (&running, RunSight::Ended, Stage::Over(Outcome::Broken)),
        (&running, RunSight::Gone, Stage::Over(Outcome::Broken)),
        (&running, RunSight::Stopped, Stage::Over(Outcome::Cancelled)),
        (&passed, RunSight::InFlight, Stage::Promoting),
        (&passed, RunSight::Unknown, Stage::Over(Outcome::Passed)),
        (&passed, RunSight::Ended, Stage::Over(Outcome::Passed)),
        (&pending, RunSight::InFlight, Stage::Promoting),
        (&pending, RunSight::Unknown, Stage::Promoting),
        (&pending, RunSight::Gone, Stage::Over(Outcome::ReleasePending)),
    ] {
        assert_eq!(of(record, run), wanted, "{run:?}");
    }
    let stopped = sample("stopped").unwrap();
    assert_eq!(of(&stopped, RunSight::InFlight), Stage::Over(Outcome::Broken));
}

/// The same first line and the same commands as the message of that run.
#[test]
fn every_situation_reads_as_its_message() {
    let mut compared = 0;
    for (name, _, facts) in samples::all() {
        let Some(mut record) = facts.sight.record().cloned() else { continue };
        record.plan = record.plan.or_else(|| facts.options.plan.clone());
        let run = match name {
            "cancelled" => RunSight::Stopped,
            _ => RunSight::Ended,
        };
        let shown = face(&look(record.clone(), run), clock().as_ref(), 80);
        for line in shown.lines().filter(|line| !line.starts_with("next: ")) {
            let whole = line.split_whitespace().count() == 1;
            assert!(line.chars().count() <= 80 || whole, "{name}: {line}");
        }
        for job in &record.jobs {
            let urls = job.attempts.iter().filter_map(|attempt| attempt.job_url.as_deref());
            assert!(urls.into_iter().all(|url| shown.contains(url)), "{name}: {shown}");
        }
        // What Tekton's tasks tell is in the message alone.
        let same = crate::notify::outcome_of(&facts);
        if stage(&look(record, run)) != Stage::Over(same) {
            continue;
        }
        compared += 1;
        let message = crate::notify::compose(&facts);
        for line in &message.next {
            let wanted = format!("next: {}", line.words());
            let of_tasks = wanted.contains("kubectl logs");
            assert!(of_tasks || shown.contains(&wanted), "{name}: {wanted}\n{shown}");
        }
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn a_run_that_goes_on_says_how_far_it_is() {
    let shown = face(&look(running(), RunSight::InFlight), clock().as_ref(), 80);
    assert!(shown.starts_with("🔵 ARO HCP gate is testing 4be1f0c2 · "), "{shown}");
    assert!(shown.contains(" of 3 blocking passed · 2h59m so far\n"), "{shown}");
    assert!(
        shown.ends_with(
            "\nnext: until it ends: show-gate ho-release-gate-x7k2p --namespace acme-tenant --watch\n"
        ),
        "{shown}"
    );
    let mut file = look(running(), RunSight::Unknown);
    file.place = "file:a b.json".to_owned();
    let shown = face(&file, clock().as_ref(), 80);
    assert!(shown.contains("show-gate --record 'file:a b.json' --watch\n"), "{shown}");
}

#[test]
fn where_a_run_came_from_and_what_people_accepted_is_shown() {
    let mut record = sample("refused").unwrap();
    record.accepted = vec![Accepted {
        job: "e2e-aks".to_owned(),
        reason: "known, OCPBUGS-1\u{1b}[2J".to_owned(),
        by: Some("alice".to_owned()),
        at: at(),
    }];
    record.jobs[0].attempts[0].reused_from = Some(ReusedFrom {
        record: "gate-other".to_owned(),
        id: "uid".to_owned(),
        attempt: 1,
        gate: Some("ROSA HCP".to_owned()),
    });
    let shown = face(&look(record, RunSight::Ended), clock().as_ref(), 100);
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("taken over from try 1 of gate-other of ROSA HCP"), "{shown}");
    assert!(words.contains("accepted by alice: e2e-aks: known, OCPBUGS-1"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

fn source(memory: &Memory, clock: &SharedClock) -> Source {
    let store = Box::new(memory.clone());
    Source { store, record: "file:gate.json".to_owned(), tenant: None, clock: clock.clone() }
}

const TIMES: Watch = Watch { interval: Duration::from_secs(30), wait: Duration::from_secs(600) };

#[tokio::test(start_paused = true)]
async fn it_looks_until_the_run_ends_or_the_time_is_up() {
    let (memory, clock) = (Memory::of(&running()), clock());
    let mut shown = 0;
    let of_memory = source(&memory, &clock);
    let watched = watch(&of_memory, TIMES, clock.as_ref(), |_| {
        shown += 1;
        if shown == 3 {
            memory.change(|record| record.verdict = sample("refused").unwrap().verdict);
        }
        Ok(())
    });
    let exit = watched.await.unwrap_err().exit;
    assert_eq!((exit, shown), (Exit::Refused, 4));
    assert_eq!(clock.now().duration_since(at()), SignedDuration::from_secs(90));

    let of_memory = source(&Memory::of(&running()), &clock);
    let failure = watch(&of_memory, TIMES, clock.as_ref(), |_| Ok(()))
        .await
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Failed);
    assert!(failure.error.to_string().contains("has not ended within 10m"), "{}", failure.error);

    let of_memory = source(&Memory::of(&sample("promoted").unwrap()), &clock);
    watch(&of_memory, TIMES, clock.as_ref(), |_| Ok(())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_none_ends_it_at_once_and_one_that_is_torn_later_does_not() {
    let (memory, clock) = (Memory::default(), clock());
    let failure = source(&memory, &clock).look().await.unwrap_err();
    assert_eq!(failure.exit, Exit::Misuse);
    assert!(failure.error.to_string().contains("does not exist"), "{}", failure.error);
    memory.replace("null");
    assert_eq!(source(&memory, &clock).look().await.unwrap_err().exit, Exit::Misuse);

    let memory = Memory::of(&running());
    let mut looks = 0;
    let source = source(&memory, &clock);
    let watched = watch(&source, TIMES, clock.as_ref(), |_| {
        looks += 1;
        memory.replace("null");
        Ok(())
    });
    let exit = watched.await.unwrap_err().exit;
    assert_eq!((exit, looks), (Exit::Failed, 1));
}

#[test]
fn only_one_run_can_be_meant() {
    let given = |run, record, gate| Wanted::given(run, record, gate, None);
    assert_eq!(given(None, None, None).unwrap(), Wanted::Newest);
    let name = crate::name::ObjectName::subdomain("x").unwrap();
    for text in ["x", "gate-x"] {
        assert_eq!(given(Some(text), None, None).unwrap(), Wanted::Run(name.clone()));
    }
    assert_eq!(given(Some("x"), None, Some("g")).unwrap_err().exit, Exit::Misuse);
    assert_eq!(given(Some("X y"), None, None).unwrap_err().exit, Exit::Misuse);
    assert_eq!(given(None, Some("x"), None).unwrap_err().exit, Exit::Misuse);
}
