//! The whole step: what it writes where, and that it writes it once.

use std::time::Duration;

use standins::{Fault, JobScript, Nth, Server, Trouble, Writes};

use super::scene::{GATE, OWN, Scene, host};
use crate::attest::artifact::tag;
use crate::attest::beside::Hung;
use crate::attest::push::Pushed;
use crate::attest::samples::{data, public};
use crate::attest::statement::{ResultWord, Statement};
use crate::attest::verify::Answer;
use crate::attest::{bundle::Signed, key::SigningKeyFile};
use crate::attestor::Options;
use crate::failure::Exit;
use crate::notify::{self, TaskStatus};
use crate::record::{Cause, ReleaseRecord, Released};

/// Only files, signed or not.
fn files(scene: &Scene, dir: &tempfile::TempDir, key: bool) -> Options {
    let options = scene.options();
    let key = options.key.clone().filter(|_| key);
    let (out, informing) = (dir.path().join("out.json"), dir.path().join("informing.json"));
    Options { push: None, key, out: Some(out), informing_out: Some(informing), ..options }
}

#[tokio::test(start_paused = true)]
async fn a_passed_verdict_is_found_by_index_and_platform_and_holds() {
    let scene = Scene::passed().await;
    let attested = scene.run(&scene.options()).await.unwrap();
    assert_eq!(attested.result, ResultWord::Passed);
    assert_eq!(attested.informing, Some(ResultWord::Passed));
    assert!(attested.artifact().starts_with(&format!("{}/{OWN}@sha256:", host())));
    assert!(scene.holds().await);
    let (tags, manifests) = scene.own();
    // The index and two platforms, for the blocking and for the informing jobs.
    assert_eq!((tags.len(), manifests), (6, 2), "{tags:?}");
    assert!(tags.iter().any(|(name, _)| *name == tag(&scene.image(), GATE)));
    assert!(matches!(scene.consumer(&public("cosign.pub")).await, Some(Answer::No { .. })));
}

/// A verdict that is no pass travels as well: a consumer is told so.
#[tokio::test(start_paused = true)]
async fn a_failed_verdict_is_stated_as_failed() {
    let scripts = [JobScript::passes(), JobScript::fails(&["TestX"])];
    let scene = Scene::with(scripts, Cause::Product).await;
    let attested = scene.run(&scene.options()).await.unwrap();
    assert_eq!(attested.result, ResultWord::Failed);
    assert!(matches!(scene.consumer(&public("open.pub")).await, Some(Answer::No { .. })));
}

#[tokio::test(start_paused = true)]
async fn files_hold_the_statement_or_with_a_key_the_bundle() {
    let (scene, dir) = (Scene::passed().await, tempfile::tempdir().unwrap());
    let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    scene.run(&files(&scene, &dir, false)).await.unwrap();
    let plain: Statement = serde_json::from_slice(&read("out.json")).unwrap();
    assert_eq!(plain.gate(), Some(GATE));
    assert_eq!(scene.world.requests_to(Server::Deck).len(), 0, "nobody is to believe it");
    scene.run(&files(&scene, &dir, true)).await.unwrap();
    let bundle = read("out.json");
    let signed = Signed::read(&bundle).unwrap();
    assert!(signed.is_by(&public("open.pub")));
    assert_eq!(signed.payload(), plain.bytes());
    assert!(Signed::read(&read("informing.json")).is_ok());
    // Again, byte for byte.
    scene.run(&files(&scene, &dir, true)).await.unwrap();
    assert_eq!(read("out.json"), bundle);
    assert_eq!(scene.writes(), 0, "no registry was asked");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_writes_nothing() {
    let (scene, dir) = (Scene::passed().await, tempfile::tempdir().unwrap());
    let dry = Options {
        dry_run: true,
        beside_candidate: true,
        push: scene.options().push,
        ..files(&scene, &dir, true)
    };
    let attested = scene.run(&dry).await.unwrap();
    assert_eq!(attested.result, ResultWord::Passed);
    assert!(attested.table().contains("nothing was written"), "{}", attested.table());
    assert_eq!((scene.writes(), attested.artifact()), (0, String::new()));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    assert!(scene.world.requests_to(Server::Deck).len() > 1, "it looks as the real one does");
}

/// Killed at any request from the last to the first that writes, and done again: what one that lived
/// leaves behind, and after that no write.
#[tokio::test(start_paused = true)]
async fn killed_anywhere_it_carries_on_to_the_same_artifacts() {
    let whole = Scene::passed().await;
    let (end, points) = whole.process(&whole.options(), 0).await;
    end.unwrap().unwrap();
    let mut killed = 0;
    for point in (1..=points).rev() {
        let scene = Scene::passed().await;
        assert!(scene.process(&scene.options(), point).await.0.is_none(), "{point}");
        // What was under way when it died arrives.
        tokio::time::sleep(Duration::from_secs(60)).await;
        if scene.writes() == 0 {
            break;
        }
        killed += 1;
        let attested = scene.run(&scene.options()).await.unwrap();
        assert_eq!(scene.own(), whole.own(), "{point}");
        assert!(!attested.artifact().is_empty(), "{point}");
        if point % 8 == 0 {
            let writes = scene.writes();
            let again = scene.run(&scene.options()).await.unwrap();
            assert!(matches!(again.pushed, Some(Pushed::Already { .. })), "{point}");
            assert_eq!(again.artifact(), attested.artifact());
            assert_eq!(scene.writes(), writes, "{point}");
        }
    }
    assert!((30..points).contains(&killed), "{killed} of {points}");
}

/// Whatever is asked for, no bundle comes to lie beside the candidate.
#[tokio::test(start_paused = true)]
async fn the_candidate_carries_no_bundle_in_any_mode() {
    for writes in [Writes::Taken, Writes::WithReferrers] {
        for mode in 0..16 {
            let (scene, dir) = (Scene::passed().await, tempfile::tempdir().unwrap());
            scene.world.registry().writes(writes);
            let has = |bit: u8| mode & (1 << bit) != 0;
            let options = Options {
                push: scene.options().push.filter(|_| has(0)),
                beside_candidate: has(1),
                dry_run: has(2),
                out: Some(dir.path().join("out.json")).filter(|_| has(3)),
                ..scene.options()
            };
            let done = scene.run(&options).await;
            let nowhere = !has(0) && !has(1) && !has(3);
            assert_eq!(done.is_err(), nowhere, "{mode}: {done:?}");
            let beside = scene.beside();
            assert_eq!(beside.is_empty(), !has(1) || has(2) || nowhere, "{mode}: {beside:?}");
            let text = serde_json::to_string(&beside).unwrap();
            assert!(!text.contains("sigstore") && !text.contains("dsse"), "{mode}: {text}");
        }
    }
}

/// Nor where somebody names the candidate's repository, or the verified one, as that of verdicts.
#[tokio::test(start_paused = true)]
async fn a_push_beside_the_candidate_or_the_verified_image_is_misuse() {
    let scene = Scene::passed().await;
    let candidate = scene.night.reference.split('@').next().unwrap().to_owned();
    let verified = format!("{}/verified/ho", host());
    scene.memory.change(|record| {
        let image = crate::konflux::PushedImage {
            name: "ho".to_owned(),
            digest: scene.night.image.digest.clone(),
            urls: vec![format!("{verified}:aro-hcp-1")],
        };
        record.release = Some(release(Released::True, vec![image]));
    });
    for repository in [candidate, verified] {
        let options = Options { push: Some(repository.clone()), ..scene.options() };
        let failure = scene.run(&options).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Misuse, "{repository}");
        assert!(failure.error.to_string().starts_with("--push: "), "{}", failure.error);
    }
    assert_eq!(scene.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn beside_the_candidate_by_hand_and_only_if_it_passed() {
    let scene = Scene::passed().await;
    let by_hand = |scene: &Scene| Options {
        push: None,
        key: None,
        beside_candidate: true,
        ..scene.options()
    };
    let first = scene.run(&by_hand(&scene)).await.unwrap();
    let Some(Hung::Written { digest }) = first.hung else { panic!("{first:?}") };
    assert_eq!(scene.run(&by_hand(&scene)).await.unwrap().hung, Some(Hung::Already { digest }));
    assert_eq!(scene.beside().len(), 1);
    assert_eq!(scene.own(), (vec![], 0));

    for cause in [Cause::Product, Cause::Infrastructure] {
        let scripts = [JobScript::passes(), JobScript::fails(&["TestX"])];
        let scene = Scene::with(scripts, cause).await;
        let failure = scene.run(&by_hand(&scene)).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Refused);
        assert!(failure.error.to_string().contains("only PASSED and WARNED"), "{failure:?}");
        assert_eq!(scene.writes(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_used_is_misuse_before_anything_is_asked() {
    let scene = Scene::passed().await;
    for key in [
        SigningKeyFile::new("--sign-key", "/nowhere/cosign.key"),
        SigningKeyFile::new("--sign-key", data("cosign.key")),
        SigningKeyFile::new("--sign-key", data("open.pub")),
    ] {
        let options = Options { key: Some(key), ..scene.options() };
        let failure = scene.run(&options).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Misuse);
        assert!(failure.error.to_string().starts_with("--sign-key: "), "{}", failure.error);
    }
    assert_eq!(scene.world.requests_to(Server::Deck).len(), 0);
}

/// A registry that is not there for a while, and one that stays away.
#[tokio::test(start_paused = true)]
async fn a_registry_that_does_not_answer() {
    let scene = Scene::passed().await;
    let down = |nth| Fault::on(Server::Registry, Trouble::StatusBefore(503)).nth(nth);
    scene.world.fault(down(Nth::First(3)));
    scene.run(&scene.options()).await.unwrap();
    assert!(scene.holds().await);
    let scene = Scene::passed().await;
    scene.world.fault(down(Nth::Each));
    let failure = scene.run(&scene.options()).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Failed, "{}", failure.error);
}

fn release(released: Released, images: Vec<crate::konflux::PushedImage>) -> ReleaseRecord {
    let json = serde_json::json!({"plan": "aro-hcp", "name": "aro-hcp-1", "released": released, "final": true, "images": images});
    serde_json::from_value(json).unwrap()
}

/// In the pipeline the promotion runs at the same time: its end is waited for, and not for ever.
#[tokio::test(start_paused = true)]
async fn the_release_is_waited_for_where_one_is_due() {
    let waiting = |status: &str| notify::Options {
        release_wait: Duration::from_secs(45 * 60),
        tasks: vec![TaskStatus { name: "collect-results".to_owned(), status: status.to_owned() }],
        ..notify::Options::default()
    };
    for (status, ends_after, takes) in
        [("Succeeded", Some(20), 20), ("Succeeded", None, 57), ("Failed", None, 0)]
    {
        let scene = Scene::passed().await;
        let options = Options { waiting: waiting(status), ..scene.options() };
        let begun = scene.clock.now();
        let ends = async {
            let Some(minutes) = ends_after else { return };
            tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
            scene
                .memory
                .change(|record| record.release = Some(release(Released::True, vec![])));
        };
        let (attested, ()) = tokio::join!(scene.run(&options), ends);
        attested.unwrap();
        let minutes = scene.clock.since(begun).as_secs() / 60;
        assert!((takes..=takes + 1).contains(&minutes), "{status}: {minutes}");
        assert!(scene.holds().await);
    }
}
