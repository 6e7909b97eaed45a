//! The launcher's decisions one by one, in time that jumps and is scaled.

use jiff::Timestamp;

use super::*;
use crate::launch::scene::{JOB, Scene, image};
use crate::prow::key;
use crate::record::samples::{attempt, job};
use crate::record::{Attempt, Candidate, Class, JobState};
use crate::support::memory::{LateAcknowledgement, Memory};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn intent(holder: &str, sends: u32) -> Intent {
    Intent { holder: holder.to_owned(), sends, ..attempt(JobState::Unknown, None).intent }
}

/// What a call knows that has found this intent in doubt since now.
fn course(doubtful: Option<Intent>) -> Course {
    let now = Instant::now();
    Course {
        begun: now,
        doubtful_since: doubtful.as_ref().map(|_| now),
        doubt: doubtful.map(|intent| Doubt::new(intent, now, now)),
        failed: 0,
        lost: String::new(),
    }
}

/// A launcher of one job, with so much gate time in each second.
async fn launcher(scale: u32) -> (Scene, Launcher) {
    let scene = Scene::new(JOB, scale);
    let launcher = scene.launcher(Memory::of(&scene.begun())).await;
    (scene, launcher)
}

#[tokio::test(start_paused = true)]
async fn nothing_but_what_was_asked_for_is_launched() {
    type Change = fn(&mut GateRecord);
    let other_image = |record: &mut GateRecord| record.candidate = Some(Candidate::of(image('5')));
    let other_job = |record: &mut GateRecord| {
        record.jobs[0].env.insert("TESTS".to_owned(), "none".to_owned());
    };
    let unchanged = |_: &mut GateRecord| ();
    let changes: [(Change, Option<&str>); 3] = [
        (other_image, Some("its image is quay.io/acme/ho@sha256:5555")),
        (other_job, Some("has other settings now")),
        (unchanged, None),
    ];
    for (change, words) in changes {
        let scene = Scene::new(JOB, 1);
        let mut record = scene.begun();
        change(&mut record);
        let launcher = scene.launcher(Memory::of(&record)).await;
        let launcher = launcher.asked(image('4'), scene.request.clone());
        let launched = launcher.launch_attempt(JOB, 1).await;
        let launches = scene.world.prow().launches().len();
        match words {
            Some(words) => {
                let error = launched.unwrap_err().to_string();
                assert!(error.contains(words) && launches == 0, "{launches}: {error}");
            }
            None => assert!(launched.is_ok() && launches == 1, "{launches}: {launched:?}"),
        }
    }
}

/// Whatever happens to it, the key says which run it is about.
#[tokio::test(start_paused = true)]
async fn an_intent_names_the_key_of_its_order() {
    let scene = Scene::new(&format!("- name: {JOB}\n- name: given-up"), 1);
    let record = Memory::of(&scene.begun());
    let launcher = scene.launcher(record.clone()).await;
    launcher.launch_attempt(JOB, 1).await.unwrap();
    launcher
        .give_up("given-up", "Gangway cannot be reached")
        .await
        .unwrap();
    let record = record.record();
    for job in &record.jobs {
        let order = order(&record, &job.name, 1).unwrap();
        let key = &order.pod_spec_options.labels[key::LABEL];
        assert_eq!(&job.attempts[0].intent.key, key, "{}", job.name);
    }
    let launches = scene.world.prow().launches();
    assert_eq!(launches.len(), 1);
    assert_eq!(launches[0].labels[key::LABEL], record.jobs[0].attempts[0].intent.key);
}

/// However time is scaled, in a second it is good all the same.
#[tokio::test(start_paused = true)]
async fn an_announcement_is_good_for_ten_seconds_of_gate_time() {
    for (scale, delay, sends) in [(1, 10_000, 1), (1, 10_001, 2), (60, 1_000, 1), (60, 1_001, 2)] {
        let scene = Scene::new(JOB, scale);
        let record = Memory::of(&scene.begun());
        let (stored, delay) = (record.clone(), millis(delay));
        let late = LateAcknowledgement { record: stored, write: 1, delay, writes: 0.into() };
        scene.launcher(late).await.launch_attempt(JOB, 1).await.unwrap();
        let announced = record.record().jobs[0].attempts[0].intent.sends;
        let launches = scene.world.prow().launches().len();
        assert_eq!((announced, launches), (sends, 1), "{scale}, {delay:?}");
    }
}

/// Another process's order is given two seconds: what is on the wire is not scaled.
#[tokio::test(start_paused = true)]
async fn what_was_announced_has_arrived_after_a_hundred_seconds_of_gate_time() {
    for (scale, ours, anothers) in [(1, 100_000, 100_000), (20, 5_000, 5_000), (100, 1_000, 2_000)]
    {
        let (_scene, launcher) = launcher(scale).await;
        let since = Instant::now();
        let after = |holder: &str| {
            let doubt = Doubt::new(intent(holder, 1), since, since);
            launcher.settled_at(&doubt) - since
        };
        assert_eq!(after(&launcher.holder), millis(ours), "{scale}");
        assert_eq!(after("another"), millis(anothers), "{scale}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_announced_anew_is_watched_anew() {
    let (scene, launcher) = launcher(1).await;
    scene.world.prow().somebody_launches(JOB);
    let record = scene.begun();
    let order = order(&record, JOB, 1).unwrap();
    let mut course = course(Some(intent("another", 1)));
    course.doubt.as_mut().unwrap().misses = 1;
    tokio::time::advance(SETTLED_AFTER).await;
    let (now, next) = (Instant::now(), intent("another", 2));
    launcher
        .resolve(&record, &order, 1, next.clone(), &mut course)
        .await
        .unwrap();
    let doubt = course.doubt.expect("it is in doubt");
    assert_eq!((doubt.intent, doubt.since, doubt.misses), (next, now, 0));
}

/// And for more than two seconds where time is scaled: an order on the wire is given as much.
#[tokio::test(start_paused = true)]
async fn an_outcome_is_looked_for_during_ten_minutes_of_gate_time() {
    for (scale, passed, given_up) in
        [(1, 599_999, false), (1, 600_000, true), (600, 2_833, false), (600, 2_834, true)]
    {
        let (scene, launcher) = launcher(scale).await;
        let record = scene.begun();
        let order = order(&record, JOB, 1).unwrap();
        let found = intent("another", 1);
        let mut course = course(Some(found.clone()));
        tokio::time::advance(millis(passed)).await;
        // Gangway's lists are empty, which proves nothing.
        let outcome = launcher.resolve(&record, &order, 1, found, &mut course).await;
        match given_up {
            true => assert!(
                matches!(outcome, Err(LaunchError::Undecided { .. })),
                "{scale}, {passed}: {outcome:?}"
            ),
            false => assert!(outcome.is_ok(), "{scale}, {passed}: {outcome:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_gangway_that_is_too_busy_is_waited_for_during_ten_minutes_of_gate_time() {
    for (scale, spent, asked, goes_on) in [
        (1, 593_000, 7, true),
        (1, 593_001, 7, false),
        (1, 600_000, 0, true),
        (1, 601_000, 0, false),
        (100, 6_000, 0, true),
        (100, 6_001, 0, false),
    ] {
        let (_scene, launcher) = launcher(scale).await;
        let mut course = course(None);
        tokio::time::advance(millis(spent)).await;
        let asked = Some(Duration::from_secs(asked));
        let waits = launcher.back_off(JOB, "429".to_owned(), asked, &mut course).await;
        assert_eq!(waits.is_ok(), goes_on, "{scale}, {spent}, {asked:?}: {waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gangway_out_of_reach_is_asked_ever_more_rarely_for_three_minutes() {
    let (_scene, launcher) = launcher(1).await;
    let (mut course, mut pauses) = (course(None), Vec::new());
    let error = loop {
        let begun = Instant::now();
        let why = "connection refused".to_owned();
        match launcher.back_off(JOB, why, None, &mut course).await {
            Ok(()) => pauses.push(begun.elapsed().as_secs()),
            Err(error) => break error.to_string(),
        }
    };
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30, 30]);
    assert!(error.contains("connection refused, 10 tries"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn gate_time_is_there_and_back() {
    let (_scene, launcher) = launcher(60).await;
    let now = Instant::now();
    assert_eq!(launcher.gate(now, millis(60_000)), now + millis(1_000));
    assert_eq!(launcher.gate_until(now + millis(1_000)), millis(60_000));
    tokio::time::advance(millis(1)).await;
    assert_eq!(launcher.gate_until(now), Duration::ZERO);
}

#[test]
fn the_run_launched_last_shows_whether_a_list_is_true() {
    let run = |id: &str, second| Attempt {
        execution: Some(id.to_owned()),
        launched_at: Some(Timestamp::from_second(second).unwrap()),
        ..attempt(JobState::Pending, None)
    };
    let announced = Attempt { execution: None, ..attempt(JobState::Unknown, None) };
    let mut record = GateRecord::begin("uid", Timestamp::UNIX_EPOCH);
    record.jobs = vec![
        job("a", Class::Blocking, vec![run("a1", 20)]),
        job("b", Class::Blocking, vec![run("b1", 10), announced]),
    ];
    let known = known(&record);
    let known: Vec<_> = known.iter().map(|run| (run.job.as_str(), run.id.as_str())).collect();
    assert_eq!(known, [("b", "b1"), ("a", "a1")]);
}
