//! Somebody who may write ConfigMaps, and nothing else, wants a signature. The step runs with what
//! the pipeline gives it.

use standins::{Fault, JobScript, RanImage, Server, Trouble};

use super::scene::Scene;
use crate::attestor::Options;
use crate::failure::Exit;
use crate::gate::verdict::decide;
use crate::record::{Cause, Class, GateRecord, JobState, ProofMode};

/// The step ends so, in these words, and no signature is anywhere.
#[track_caller]
fn unsigned(
    scene: &Scene,
    ended: Result<super::super::Attested, crate::failure::Failure>,
    words: &str,
) {
    let failure = ended.unwrap_err();
    assert_eq!(failure.exit, Exit::Refused, "{}", failure.error);
    assert!(failure.error.to_string().contains(words), "{}", failure.error);
    assert_eq!((scene.writes(), scene.own()), (0, (vec![], 0)));
}

fn decided(record: &mut GateRecord) {
    record.verdict = Some(decide(record, record.updated_at));
}

async fn second(script: JobScript) -> Scene {
    Scene::with([JobScript::passes(), script], Cause::Passed).await
}

#[tokio::test(start_paused = true)]
async fn a_run_that_did_not_pass_called_passed() {
    for (script, words) in [
        (JobScript::fails(&["TestX"]), "it did not succeed"),
        (JobScript::never_ends(), "it has not ended"),
        (JobScript::hides_failures(&["TestX"]), "TestX"),
        (JobScript::passes().ran_image(RanImage::NoLog), "the log that would prove it is missing"),
    ] {
        let scene = second(script).await;
        unsigned(&scene, scene.run(&scene.options()).await, words);
        let beside = Options { push: None, key: None, beside_candidate: true, ..scene.options() };
        unsigned(&scene, scene.run(&beside).await, words);
    }
}

/// A verdict that is no pass names jobs that passed, too.
#[tokio::test(start_paused = true)]
async fn a_job_called_passed_in_a_failed_verdict() {
    let scripts = [JobScript::fails(&["TestX"]), JobScript::fails(&["TestX"])];
    let scene = Scene::with(scripts, Cause::Product).await;
    unsigned(&scene, scene.run(&scene.options()).await, "it did not succeed");
}

/// What the record was changed to, and the words that refuse it.
type Forgery = (fn(&mut GateRecord), &'static str);

#[tokio::test(start_paused = true)]
async fn another_request_than_the_pipelines() {
    let forgeries: [Forgery; 5] = [
        (|record| drop(record.jobs.remove(1)), "e2e-aks-upgrade is new"),
        (|record| record.jobs[1].class = Class::Informing, "e2e-aks-upgrade is new"),
        (
            |record| record.policy.as_mut().unwrap().proof = ProofMode::Off,
            "--proof is enforce, the record says off",
        ),
        (
            |record| record.policy.as_mut().unwrap().hollow = Some(ProofMode::Off),
            "--hollow is enforce, the record says off",
        ),
        (
            |record| {
                let candidate = record.candidate.as_mut().unwrap();
                let other = format!("quay.io/acme/ho@sha256:{}", "e".repeat(64));
                candidate.image = other.parse().unwrap();
                candidate.digest = candidate.image.digest().clone();
            },
            "the image under test is",
        ),
    ];
    for (forge, words) in forgeries {
        let scene = second(JobScript::fails(&["TestX"])).await;
        scene.memory.change(|record| {
            forge(record);
            decided(record);
        });
        unsigned(&scene, scene.run(&scene.options()).await, words);
    }
}

/// A record that names further images as platforms of this one: only those of the index count.
#[tokio::test(start_paused = true)]
async fn images_that_are_not_in_the_index_are_no_subjects() {
    let scene = Scene::passed().await;
    let other = format!("sha256:{}", "e".repeat(64));
    scene.memory.change(|record| {
        let candidate = record.candidate.as_mut().unwrap();
        candidate.manifests.push(crate::record::PlatformManifest {
            digest: other.parse().unwrap(),
            platform: "linux/s390x".to_owned(),
        });
    });
    let attested = scene.run(&scene.options()).await.unwrap();
    let statement = attested.statement();
    assert_eq!(statement["subject"].as_array().unwrap().len(), 3);
    assert!(!statement.to_string().contains(&"e".repeat(64)), "{statement}");
    scene.memory.change(|record| {
        let index = record.candidate.as_mut().unwrap().index.as_mut().unwrap();
        *index = index.replace("amd64", "arm32");
    });
    let attested = scene.run(&scene.options()).await.unwrap();
    assert_eq!(attested.statement()["subject"].as_array().unwrap().len(), 1);
}

/// A run of the informing job that did not pass: the gate's own verdict is stated, the other is not.
#[tokio::test(start_paused = true)]
async fn an_informing_job_called_passed() {
    let scene = Scene::passed().await;
    scene.memory.change(|record| {
        let run = record.jobs[0].attempts[0].execution.clone();
        record.jobs[2].attempts[0].execution = run;
    });
    let attested = scene.run(&scene.options()).await.unwrap();
    assert!(!attested.artifact().is_empty());
    let failure = attested.end().unwrap_err();
    assert_eq!(failure.exit, Exit::Refused, "{}", failure.error);
    let said = failure.error.to_string();
    assert!(said.contains("informing jobs are not attested"), "{said}");
    assert!(scene.holds().await);
    assert_eq!(scene.own().1, 1);
}

#[tokio::test(start_paused = true)]
async fn runs_that_cannot_be_read_get_no_signature() {
    let scene = Scene::passed().await;
    for server in [Server::Deck, Server::Bucket] {
        scene.world.fault(Fault::on(server, Trouble::StatusBefore(503)));
    }
    let begun = scene.clock.now();
    let failure = scene.run(&scene.options()).await.unwrap_err();
    assert_eq!((failure.exit, scene.writes()), (Exit::Failed, 0), "{}", failure.error);
    let minutes = scene.clock.since(begun).as_secs() / 60;
    assert!((8..=11).contains(&minutes), "{minutes}");
}

/// No mixture of words that says passed of a failed run gets a signature.
#[tokio::test(start_paused = true)]
async fn no_mixture_of_words_is_signed_as_passed() {
    for state in [JobState::Success, JobState::Failure, JobState::Pending] {
        for cause in [None, Some(Cause::Passed), Some(Cause::Product)] {
            let scene = second(JobScript::fails(&["TestX"])).await;
            scene.memory.change(|record| {
                let last = record.jobs[1].attempts.last_mut().unwrap();
                (last.state, last.cause) = (state, cause);
                if cause.is_some() {
                    decided(record);
                }
            });
            drop(scene.run(&scene.options()).await);
            assert!(!scene.holds().await, "{state:?} {cause:?}");
        }
    }
}
