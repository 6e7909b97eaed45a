//! Somebody who may write the record, and nothing else, wants a pass.

use std::sync::Arc;

use standins::{Fault, JobScript, Server, Trouble};

use super::scene::{Scene, minutes};
use crate::collect::CollectError;
use crate::collect::progress::Reporter;
use crate::gate::verdict;
use crate::prow::key;
use crate::record::{Cause, Class, Decision, GateRecord, Identity, JobState, Journal};

fn pass(record: &mut GateRecord) {
    for attempt in record.jobs.iter_mut().filter_map(|job| job.attempts.last_mut()) {
        (attempt.state, attempt.cause) = (JobState::Success, Some(Cause::Passed));
    }
}

fn pass_and_decide(record: &mut GateRecord) {
    pass(record);
    record.verdict = Some(verdict::decide(record, record.updated_at));
    assert_eq!(record.verdict.as_ref().unwrap().decision, Decision::Passed);
}

/// Waits for the verdict while somebody writes into the record an hour after its beginning.
async fn meddled(scene: &Scene, forge: fn(&mut GateRecord)) -> Result<GateRecord, CollectError> {
    let store = Box::new(scene.store());
    let other = Journal::existing(store, Arc::clone(&scene.clock), &Identity::default())
        .await
        .unwrap();
    let collector = scene.collector();
    let wait = async move { collector.run(&mut Reporter::new(false)).await };
    let meddle = async {
        scene.clock.sleep(minutes(60)).await;
        other.update(forge).await.unwrap();
    };
    tokio::join!(wait, meddle).0
}

fn decision(record: &GateRecord) -> Decision {
    record.verdict.as_ref().unwrap().decision
}

#[tokio::test(start_paused = true)]
async fn a_pass_written_while_it_waits_ends_nothing() {
    for forge in [pass as fn(&mut GateRecord), pass_and_decide] {
        let scene = Scene::new().await;
        scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
        scene
            .launch(
                "periodic-b",
                Class::Blocking,
                JobScript::fails(&["TestX"]).running(minutes(170)),
            )
            .await;
        let record = meddled(&scene, forge).await.unwrap();
        assert_eq!(decision(&record), Decision::Failed);
        assert_eq!(record.jobs[1].last().unwrap().failing_tests.names, ["TestX"]);
        assert!(scene.passed() > minutes(170), "{:?}", scene.passed());
    }
}

/// Without its image nobody can tell what a run was launched with; that is no reason to believe it.
#[tokio::test(start_paused = true)]
async fn another_image_or_none_is_missed() {
    let none: fn(&mut GateRecord) = |record| {
        pass_and_decide(record);
        record.candidate = None;
    };
    let other: fn(&mut GateRecord) = |record| {
        let candidate = record.candidate.as_mut().unwrap();
        candidate.image = format!("quay.io/acme/ho@sha256:{}", "7".repeat(64)).parse().unwrap();
        candidate.digest = candidate.image.digest().clone();
        pass_and_decide(record);
    };
    let snapshot: fn(&mut GateRecord) = |record| {
        record.candidate.as_mut().unwrap().snapshot = Some("of-somebody".to_owned());
        pass_and_decide(record);
    };
    for forge in [none, other] {
        let scene = Scene::new().await;
        scene
            .launch("periodic-a", Class::Blocking, JobScript::passes().running(minutes(170)))
            .await;
        let error = meddled(&scene, forge).await.unwrap_err();
        assert!(error.says_no() && error.to_string().contains("the image under test"), "{error}");
    }
    // A Snapshot beside the image changes no run; the promotion is given its own.
    let scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, JobScript::passes().running(minutes(170)))
        .await;
    assert_eq!(decision(&meddled(&scene, snapshot).await.unwrap()), Decision::Passed);
    assert!(scene.passed() > minutes(170), "{:?}", scene.passed());
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_comes_back_again_and_again_is_struck_five_times() {
    for (times, is_given_up) in [(5, false), (6, true)] {
        let scene = Scene::new().await;
        scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
        let collector = scene.collector();
        let wait = async move { collector.run(&mut Reporter::new(false)).await };
        let meddle = async {
            for _ in 0..times {
                scene.clock.sleep(minutes(5)).await;
                scene.journal.update(pass_and_decide).await.unwrap();
            }
        };
        match tokio::join!(wait, meddle).0 {
            Ok(record) => {
                assert!(!is_given_up);
                assert_eq!(decision(&record), Decision::Passed);
                assert!(scene.passed() > minutes(120), "{:?}", scene.passed());
            }
            Err(error) => {
                assert!(matches!(error, CollectError::Meddled { .. }) && is_given_up, "{error}");
                assert!(scene.passed() < minutes(40), "{:?}", scene.passed());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_true_is_taken_over_after_a_look() {
    let scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, JobScript::passes().running(minutes(50)))
        .await;
    scene
        .launch("periodic-i", Class::Informing, JobScript::never_ends())
        .await;
    // Its end is written down, which shows what others have written.
    scene
        .launch("periodic-j", Class::Informing, JobScript::passes().running(minutes(65)))
        .await;
    // Another process has seen the end of the blocking job and does not wait for the others.
    let record =
        meddled(&scene, |record| record.verdict = Some(verdict::decide(record, record.updated_at)))
            .await;
    assert_eq!(decision(&record.unwrap()), Decision::Passed);
    assert!(scene.passed() < minutes(70), "within the grace: {:?}", scene.passed());
}

#[tokio::test(start_paused = true)]
async fn a_job_taken_away_or_turned_informing_is_missed() {
    let drop_b: fn(&mut GateRecord) = |record| record.jobs.truncate(1);
    let soften_b: fn(&mut GateRecord) = |record| record.jobs[1].class = Class::Informing;
    let other_variables: fn(&mut GateRecord) =
        |record| record.launch.as_mut().unwrap().env = [("SKIP".to_owned(), "1".to_owned())].into();
    for forge in [drop_b, soften_b, other_variables] {
        let scene = Scene::new().await;
        scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
        scene
            .launch(
                "periodic-b",
                Class::Blocking,
                JobScript::fails(&["TestX"]).running(minutes(20)),
            )
            .await;
        let error = meddled(&scene, forge).await.unwrap_err();
        assert!(matches!(error, CollectError::Differs { .. }) && error.says_no(), "{error}");
        assert_eq!(scene.journal.refresh().await.unwrap().verdict, None);
    }
}

#[tokio::test(start_paused = true)]
async fn the_run_of_somebody_else_is_no_pass() {
    let mut scene = Scene::new().await;
    // Even where no proof of the image is asked for.
    scene.policy.rules.proof = crate::evidence::ProofMode::Off;
    scene
        .launch_attempts(
            "periodic-a",
            Class::Blocking,
            vec![JobScript::fails(&["X"]), JobScript::passes()],
        )
        .await;
    let foreign = scene.world.prow().somebody_launches("periodic-a");
    scene
        .journal
        .update(|record| record.jobs[0].attempts[0].execution = Some(foreign.clone()))
        .await
        .unwrap();
    let record = scene.run().await;
    assert_eq!(decision(&record), Decision::Undecided);
    let attempt = record.jobs[0].last().unwrap();
    assert_eq!(attempt.cause, Some(Cause::Unproven));
    assert!(
        attempt.detail.as_ref().unwrap().contains("carries no key of ours"),
        "{:?}",
        attempt.detail
    );
}

#[tokio::test(start_paused = true)]
async fn a_recorded_pass_that_its_run_contradicts_is_judged_anew() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    scene
        .launch("periodic-b", Class::Blocking, JobScript::fails(&["TestX"]))
        .await;
    assert_eq!(decision(&scene.run().await), Decision::Failed);
    scene.journal.update(pass_and_decide).await.unwrap();
    let record = scene.run().await;
    assert_eq!(decision(&record), Decision::Failed);
    assert_eq!(record.verdict.unwrap().reasons, ["periodic-b failed TestX"]);
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_its_own_jobs_contradict_is_struck() {
    let scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, JobScript::fails(&["TestX"]))
        .await;
    let record = scene.run().await;
    let passed = crate::record::Verdict {
        decision: Decision::Passed,
        reasons: Vec::new(),
        ..record.verdict.unwrap()
    };
    scene
        .journal
        .update(|record| record.verdict = Some(passed.clone()))
        .await
        .unwrap();
    assert_eq!(decision(&scene.run().await), Decision::Failed);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_tried_and_the_verdict_stays() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    let record = scene.run().await;
    scene.world.fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)));
    scene
        .world
        .fault(Fault::on(Server::Bucket, Trouble::StatusBefore(503)));
    let before = scene.passed();
    let error = scene.collector().run(&mut Reporter::new(false)).await.unwrap_err();
    assert!(
        matches!(&error, CollectError::Unreadable { job, .. } if job == "periodic-a"),
        "{error}"
    );
    let tried = scene.passed() - before;
    assert!(tried > minutes(8) && tried < minutes(14), "{tried:?}");
    assert_eq!(scene.journal.refresh().await.unwrap(), record);
    // Deck alone may be away: Prow's own bucket tells as well.
    scene.world.clear_faults();
    scene.world.fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)));
    assert_eq!(scene.run().await, record);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_others_write_to_shows_nothing() {
    let scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, JobScript::fails(&["TestX"]))
        .await;
    scene.run().await;
    // A whole run made up in a bucket of one's own, and, with a pull request's job, below its
    // artifacts.
    let image = super::scene::image().to_string();
    let key = key::of("run", "periodic-a", super::scene::image().digest(), 1);
    let run = serde_json::json!({
        "metadata": {"name": "made-up", "labels": {"release-gate/key": key}},
        "spec": {"job": "periodic-a", "pod_spec": {"containers": [{"env": [{"name": "OVERRIDE_IMAGE", "value": image}]}]}},
        "status": {"state": "success"},
    });
    let places = [
        ("mine", "logs/periodic-a/1"),
        (crate::prow::BUCKETS[0], "pr-logs/pull/x/1/periodic-a/2/artifacts/logs/periodic-a/3"),
        (crate::prow::BUCKETS[0], "logs/periodic-a/2/artifacts"),
        (crate::prow::BUCKETS[0], "logs/periodic-a/1/../x"),
    ];
    for (bucket, folder) in places {
        scene
            .world
            .prow()
            .put_object(bucket, &format!("{folder}/prowjob.json"), run.to_string());
        let log = format!("{folder}/artifacts/e2e/hypershift-install/build-log.txt");
        scene.world.prow().put_object(bucket, &log, image.clone());
        let forge = |record: &mut GateRecord| {
            let attempt = record.jobs[0].attempts.last_mut().unwrap();
            attempt.execution = Some("made-up".to_owned());
            attempt.job_url =
                Some(format!("https://prow.ci.openshift.org/view/gs/{bucket}/{folder}"));
            pass_and_decide(record);
        };
        scene.journal.update(forge).await.unwrap();
        let error = scene.collector().run(&mut Reporter::new(false)).await.unwrap_err();
        assert!(matches!(error, CollectError::Unreadable { .. }), "{bucket}/{folder}: {error}");
    }
}
