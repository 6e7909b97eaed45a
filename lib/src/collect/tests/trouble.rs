//! Nights on which the servers do not.

use standins::{Fault, JobScript, Nth, Server, Trouble};

use super::scene::{Scene, minutes};
use crate::record::{Cause, Class, Decision};

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
    scene.world.fault(Fault::on(Server::Bucket, Trouble::StatusBefore(403)));
    let record = scene.run().await;
    assert_eq!(record.jobs[0].last().unwrap().cause, Some(Cause::Unproven));
    assert_eq!(record.verdict.unwrap().decision, Decision::Undecided);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_vanishes_is_decided_by_the_bucket() {
    let scene = Scene::new().await;
    scene.launch("ended", Class::Blocking, JobScript::passes()).await;
    scene.launch("going-on", Class::Blocking, JobScript::passes().vanishes_after(minutes(50))).await;
    scene.launch("at-once", Class::Blocking, JobScript::passes().vanishes_after(minutes(0))).await;
    scene.world.fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)).between(
        scene.clock.after(scene.clock.now(), minutes(100)),
        scene.clock.after(scene.clock.now(), minutes(130)),
    ));
    let record = scene.run().await;
    let causes: Vec<_> = record.jobs.iter().map(|job| job.last().unwrap().cause.unwrap()).collect();
    assert_eq!(causes, [Cause::Passed, Cause::Undetermined, Cause::Undetermined]);
    let detail = record.jobs[1].last().unwrap().detail.clone().unwrap();
    assert!(detail.starts_with("Prow no longer has this run"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn another_pod_means_another_folder() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes().new_build_after(minutes(30))).await;
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
    scene.world.fault(Fault::on(Server::Deck, Trouble::StatusBefore(500)).nth(Nth::First(30)));
    let record = scene.run().await;
    assert_eq!(record.verdict.unwrap().decision, Decision::Passed);
}

#[tokio::test(start_paused = true)]
async fn a_stored_proof_log_that_is_no_pattern_is_not_taken_for_none() {
    let mut scene = Scene::new().await;
    scene.policy.proof_logs.clear();
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    scene.journal.update(|record| record.jobs[0].proof_log = Some("/artifacts/x.log".to_owned())).await.unwrap();
    let record = scene.run().await;
    let attempt = record.jobs[0].last().unwrap();
    assert_eq!(attempt.cause, Some(Cause::Unproven));
    assert!(attempt.detail.as_ref().unwrap().contains("its proof-log is no pattern"), "{attempt:?}");
    assert_eq!(record.verdict.unwrap().decision, Decision::Undecided);
}
