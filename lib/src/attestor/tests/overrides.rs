//! A person's word is stated only as far as a Release bears it out.

use serde_json::{Value, json};
use standins::JobScript;

use super::scene::{JOBS, NS, Scene};
use crate::attest::samples::public;
use crate::attest::statement::ResultWord;
use crate::attest::verify::{Answer, Overrides};
use crate::attestor::Attested;
use crate::failure::Failure;
use crate::record::{Accepted, Cause};

const NAME: &str = "aro-hcp-1a0d2f3c4b5e-1";

/// The second job failed, and the record says that alice accepted it and that its Release landed.
async fn overruled() -> Scene {
    let scripts = [JobScript::passes(), JobScript::fails(&["TestX"])];
    let scene = Scene::with(scripts, Cause::Product).await;
    let at = scene.clock.now();
    scene.memory.change(|record| {
        record.accepted.push(Accepted {
            job: JOBS[1].to_owned(),
            reason: "the test is wrong".to_owned(),
            by: Some("mallory".to_owned()),
            at,
        })
    });
    let release = json!({"plan": "aro-hcp", "name": NAME, "released": "true", "final": true,
        "created": true, "exit": 0});
    let release = serde_json::from_value(release).unwrap();
    scene.memory.change(|record| record.release = Some(release));
    scene
}

/// The Release of that, as release-service leaves it.
fn release(scene: &Scene) -> Value {
    json!({
        "apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Release",
        "metadata": {
            "name": NAME, "namespace": NS,
            "labels": {"release.appstudio.openshift.io/author": "alice"},
            "annotations": {"release-gate/accepted": JOBS[1]},
        },
        "spec": {"releasePlan": "aro-hcp", "snapshot": scene.night.snapshot},
        "status": {"conditions": [
            {"type": "Released", "status": "True", "reason": "Succeeded", "message": ""},
            {"type": "ManagedPipelineProcessed", "status": "True", "reason": "Succeeded", "message": ""},
        ]},
    })
}

async fn stated(scene: &Scene, release: Option<Value>) -> Result<Attested, Failure> {
    if let Some(release) = release {
        scene.world.kube().put(release);
    }
    scene.run(&scene.options()).await
}

#[tokio::test(start_paused = true)]
async fn what_a_release_bears_out_is_a_warning_with_its_author() {
    let scene = overruled().await;
    let before = stated(&scene, None).await.unwrap();
    assert_eq!(before.result, ResultWord::Failed, "there is no Release yet");
    let after = stated(&scene, Some(release(&scene))).await.unwrap();
    assert_eq!(after.result, ResultWord::Warned);
    let text = after.statement().to_string();
    assert!(text.contains("alice") && !text.contains("mallory"), "{text}");
    assert!(text.contains("the test is wrong"), "{text}");
    // The newer verdict is the one that is found; whether an override will do, the consumer says.
    let key = public("open.pub");
    assert!(matches!(scene.consumer(&key).await, Some(Answer::No { .. })));
    let answer = scene.consumer_with(&key, Overrides::Accepted).await;
    assert!(matches!(answer, Some(Answer::Holds(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn what_no_release_bears_out_stays_a_failure() {
    let author = "/metadata/labels/release.appstudio.openshift.io~1author";
    let other = json!({"images": [{"shasum": format!("sha256:{}", "0".repeat(64))}]});
    for (what, place, value) in [
        ("an account's", author, json!("system_serviceaccount_konflux-tenant_gate-releaser")),
        ("nobody's", author, json!("")),
        ("of another plan", "/spec/releasePlan", json!("rosa-hcp")),
        ("of another image", "/spec/snapshot", json!("another")),
        ("that pushed another image", "/status/artifacts", other),
        ("that failed", "/status/conditions/0/reason", json!("Failed")),
        ("that accepts nothing", "/metadata/annotations", json!({})),
        (
            "that accepts another job",
            "/metadata/annotations/release-gate~1accepted",
            json!(JOBS[0]),
        ),
        ("made automatically", "/status/automated", json!(true)),
    ] {
        let scene = overruled().await;
        let mut release = release(&scene);
        match release.pointer_mut(place) {
            Some(found) => *found = value,
            None => {
                let (parent, key) = place.rsplit_once('/').unwrap();
                release.pointer_mut(parent).unwrap()[key] = value;
            }
        }
        let stated = stated(&scene, Some(release)).await.unwrap();
        assert_eq!(stated.result, ResultWord::Failed, "a Release {what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_cannot_be_read_is_neither() {
    let scene = overruled().await;
    scene.world.kube().deny("get", "releases");
    let failure = stated(&scene, Some(release(&scene))).await.unwrap_err();
    assert_eq!(failure.exit, crate::failure::Exit::Failed);
    assert!(failure.error.to_string().contains("nothing is attested"), "{}", failure.error);
    assert_eq!(scene.writes(), 0);
}
