//! Nights on which the servers do not.

use standins::{Canned, Fault, JobScript, Nth, RanImage, Server, Trouble};

use super::scene::{Scene, minutes};
use crate::collect::CollectError;
use crate::collect::progress::Reporter;
use crate::record::{Cause, Class, Decision, LaunchRefusal};

#[tokio::test(start_paused = true)]
async fn troubles_of_deck_keep_jobs_pending() {
    for trouble in [
        Trouble::DropBefore,
        Trouble::StallBefore(minutes(5)),
        Trouble::Html403,
        Trouble::Html200,
        Trouble::NotFound,
        Trouble::StatusBefore(503),
        Trouble::Truncate(300),
        Trouble::TooMany(None),
    ] {
        let scene = Scene::new().await;
        scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
        let words = format!("{trouble:?}");
        scene.world.fault(Fault::on(Server::Deck, trouble).nth(Nth::Every(3)));
        let record = scene.run().await;
        assert_eq!(record.verdict.unwrap().decision, Decision::Passed, "{words}");
        assert!(scene.passed() < minutes(124), "{words}: {:?}", scene.passed());
    }
}

#[tokio::test(start_paused = true)]
async fn without_deck_the_bucket_and_a_little_gangway_tell() {
    let scene = Scene::new().await;
    for name in ["periodic-a", "periodic-b"] {
        scene.launch(name, Class::Blocking, JobScript::passes()).await;
    }
    scene.world.fault(Fault::on(Server::Deck, Trouble::StatusBefore(500)));
    let before = scene.asked(Server::Gangway);
    let record = scene.run().await;
    assert_eq!(record.verdict.unwrap().decision, Decision::Passed);
    let asked = scene.asked(Server::Gangway) - before;
    assert!(asked <= 4 + 3, "{asked} requests for 2 jobs");
}

#[tokio::test(start_paused = true)]
async fn without_deck_and_bucket_gangway_tells_and_the_proof_is_missing() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    scene.world.fault(Fault::on(Server::Deck, Trouble::StatusBefore(500)));
    scene
        .world
        .fault(Fault::on(Server::Bucket, Trouble::StatusBefore(403)));
    let record = scene.run().await;
    assert_eq!(record.jobs[0].last().unwrap().cause, Some(Cause::Unproven));
    assert_eq!(record.verdict.unwrap().decision, Decision::Undecided);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_vanishes_is_decided_by_the_bucket() {
    let scene = Scene::new().await;
    scene.launch("ended", Class::Blocking, JobScript::passes()).await;
    scene
        .launch("going-on", Class::Blocking, JobScript::passes().vanishes_after(minutes(50)))
        .await;
    scene
        .launch("at-once", Class::Blocking, JobScript::passes().vanishes_after(minutes(0)))
        .await;
    scene
        .world
        .fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)).between(
            scene.clock.after(scene.clock.now(), minutes(100)),
            scene.clock.after(scene.clock.now(), minutes(130)),
        ));
    let record = scene.run().await;
    let causes: Vec<_> = record
        .jobs
        .iter()
        .map(|job| job.last().unwrap().cause.unwrap())
        .collect();
    assert_eq!(causes, [Cause::Passed, Cause::Undetermined, Cause::Undetermined]);
    let detail = record.jobs[1].last().unwrap().detail.clone().unwrap();
    assert!(detail.starts_with("Prow no longer has this run"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn another_pod_means_another_folder() {
    let scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, JobScript::passes().new_build_after(minutes(30)))
        .await;
    let record = scene.run().await;
    assert_eq!(record.verdict.unwrap().decision, Decision::Passed);
}

#[tokio::test(start_paused = true)]
async fn artifacts_that_come_late_are_waited_for() {
    let scene = Scene::new().await;
    let mut late = JobScript::passes();
    late.artifacts_after = minutes(2);
    scene.launch("periodic-a", Class::Blocking, late).await;
    let record = scene.run().await;
    assert_eq!(record.verdict.unwrap().decision, Decision::Passed);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_ends_nothing_and_a_new_one_is_used() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    scene.world.prow().revoke("sha256~token");
    scene.world.prow().token("sha256~new");
    scene.write_token("sha256~new");
    scene
        .world
        .fault(Fault::on(Server::Deck, Trouble::StatusBefore(500)).nth(Nth::First(30)));
    let record = scene.run().await;
    assert_eq!(record.verdict.unwrap().decision, Decision::Passed);
}

#[tokio::test(start_paused = true)]
async fn a_stored_proof_log_that_is_no_pattern_is_not_taken_for_none() {
    let mut scene = Scene::new().await;
    scene.policy.rules.proof_logs.clear();
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    scene
        .journal
        .update(|record| record.jobs[0].proof_log = Some("/artifacts/x.log".to_owned()))
        .await
        .unwrap();
    let record = scene.run().await;
    let attempt = record.jobs[0].last().unwrap();
    assert_eq!(attempt.cause, Some(Cause::Unproven));
    assert!(
        attempt
            .detail
            .as_ref()
            .unwrap()
            .contains("its proof-log is no pattern"),
        "{attempt:?}"
    );
    assert_eq!(record.verdict.unwrap().decision, Decision::Undecided);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_cannot_be_asked_is_waited_for() {
    for trouble in [
        Trouble::StatusBefore(503),
        Trouble::StatusBefore(403),
        Trouble::StatusBefore(401),
        Trouble::DropBefore,
        Trouble::Truncate(100),
        Trouble::Html200,
    ] {
        let scene = Scene::new().await;
        scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
        scene
            .launch("periodic-b", Class::Informing, JobScript::fails(&["TestX"]))
            .await;
        let words = format!("{trouble:?}");
        let at = |count| scene.clock.after(scene.clock.now(), minutes(count));
        scene
            .world
            .fault(Fault::on(Server::Bucket, trouble).between(at(100), at(190)));
        let record = scene.run().await;
        let causes: Vec<_> = record.jobs.iter().map(|job| job.last().unwrap().cause).collect();
        assert_eq!(causes, [Some(Cause::Passed), Some(Cause::Product)], "{words}: {record:?}");
        assert!(scene.passed() < minutes(194), "{words}: {:?}", scene.passed());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_answered_as_missing_is_not_waited_for_long() {
    let scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, JobScript::passes().ran_image(RanImage::NoLog))
        .await;
    scene
        .launch("periodic-b", Class::Blocking, JobScript::fails(&["TestX"]).without_artifacts())
        .await;
    let record = scene.run().await;
    let causes: Vec<_> = record
        .jobs
        .iter()
        .map(|job| job.last().unwrap().cause.unwrap())
        .collect();
    assert_eq!(causes, [Cause::Unproven, Cause::Undetermined]);
    assert!(scene.passed() < minutes(126), "{:?}", scene.passed());
}

#[tokio::test(start_paused = true)]
async fn an_ended_job_whose_bucket_never_answers_is_not_called_running() {
    let scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, JobScript::passes().running(minutes(60)))
        .await;
    scene
        .launch("periodic-b", Class::Blocking, JobScript::fails(&["TestX"]).running(minutes(60)))
        .await;
    scene
        .world
        .fault(Fault::on(Server::Bucket, Trouble::StatusBefore(503)));
    let record = scene.run().await;
    let ends: Vec<_> = record.jobs.iter().map(|job| job.last().unwrap()).collect();
    assert_eq!([ends[0].cause, ends[1].cause], [Some(Cause::Unproven), Some(Cause::Undetermined)]);
    assert!(
        ends.iter()
            .all(|end| end.detail.as_ref().unwrap().contains("answered 503")),
        "{ends:?}"
    );
    assert!(scene.passed() >= minutes(330));
    // Every 40 seconds of an hour for each of two jobs: Deck has nothing to add to an end.
    let asked = scene.asked(Server::Deck);
    assert!(asked < 2 * 100, "{asked}");
}

/// A record in which the job of that place was not launched.
async fn unlaunched(scene: &Scene, place: usize, refusal: Option<LaunchRefusal>) {
    let change = |record: &mut crate::record::GateRecord| {
        let job = &mut record.jobs[place];
        (job.attempts[0].execution, job.attempts[0].refusal) = (None, refusal.clone());
        job.refusal.clone_from(&refusal);
    };
    scene.journal.update(change).await.unwrap();
}

fn refusal() -> LaunchRefusal {
    LaunchRefusal {
        at: "2026-08-20T00:30:00Z".parse().unwrap(),
        reason: "no such job".to_owned(),
        token: false,
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_that_were_not_launched_are_not_shown_as_launched() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    scene
        .launch("periodic-refused", Class::Blocking, JobScript::passes())
        .await;
    scene
        .launch("periodic-doubt", Class::Informing, JobScript::passes())
        .await;
    unlaunched(&scene, 1, Some(refusal())).await;
    unlaunched(&scene, 2, None).await;
    let collector = scene.collector();
    let wait = collector.begin(scene.journal.record().await).unwrap();
    let lines: Vec<_> = collector
        .view(&wait, None)
        .lines
        .into_iter()
        .map(|line| (line.words, line.ended))
        .collect();
    let line = |words: &str, ended| (words.to_owned(), ended);
    assert_eq!(
        lines,
        [
            line("launched, not seen yet", false),
            line("could not be launched: no such job", true),
            line("it is not known whether it runs", true),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_stopped_half_way_is_not_decided() {
    let half = async |refusal: Option<LaunchRefusal>| {
        let scene = Scene::new().await;
        scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
        scene.launch("periodic-b", Class::Blocking, JobScript::passes()).await;
        scene.launch("periodic-c", Class::Blocking, JobScript::passes()).await;
        if refusal.is_some() {
            unlaunched(&scene, 1, refusal).await;
        }
        scene
            .journal
            .update(|record| record.jobs[2].attempts.clear())
            .await
            .unwrap();
        let result = scene.collector().run(&mut Reporter::new(false)).await;
        (result, scene.journal.record().await)
    };
    let (result, record) = half(None).await;
    let error = result.unwrap_err();
    assert!(
        matches!(&error, CollectError::LaunchUnfinished { job, .. } if job == "periodic-c"),
        "{error}"
    );
    assert_eq!(record.verdict, None);
    // A refusal is an end: what follows it was left out on purpose.
    let record = half(Some(refusal())).await.0.unwrap();
    assert_eq!(record.verdict.unwrap().decision, Decision::Undecided);
}

/// Deck's own word for a run that is gone, while it is not: its cache had just begun anew.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_gone_at_one_look_is_not_given_up() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    let id = scene.journal.record().await.jobs[0].attempts[0]
        .execution
        .clone()
        .unwrap();
    let gone = Canned {
        status: 404,
        headers: vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())],
        body: format!("ProwJob not found: prowjobs.prow.k8s.io \"{id}\" not found\n").into_bytes(),
    };
    scene.world.fault(
        Fault::on(Server::Deck, Trouble::Answer(gone))
            .path("/prowjob?*")
            .nth(Nth::Only(20)),
    );
    let record = scene.run().await;
    assert_eq!(record.jobs[0].last().unwrap().cause, Some(Cause::Passed), "{record:?}");
    assert_eq!(record.verdict.unwrap().decision, Decision::Passed);
}
