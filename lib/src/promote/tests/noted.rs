//! What the record says of a Release, at every moment and of every end.

use std::time::Duration;

use serde_json::json;
use standins::ReleaseScript;

use super::harness::{Setting, list};
use crate::failure::Exit;
use crate::promote::{Mode, Options};
use crate::record::{ReleaseRecord, Released};
use crate::support::memory::Memory;

fn noted(memory: &Memory) -> ReleaseRecord {
    memory.record().release.unwrap()
}

/// The next process must know which Release it was that was asked for.
#[tokio::test(start_paused = true)]
async fn a_release_is_named_before_it_is_asked_for() {
    for point in 1.. {
        let setting = Setting::new(|_| ());
        let memory = setting.memory("run");
        let (end, _) = setting.process(&memory, &setting.options(), point).await;
        assert!(end.is_none(), "it lived: no point {point} with a Release that it did not see end");
        // What was under way arrives.
        tokio::time::sleep(Duration::from_secs(60)).await;
        if setting.releases() == 0 {
            continue;
        }
        let made = setting.world.kube().releases()[0]["metadata"]["name"].clone();
        let noted = noted(&memory);
        assert_eq!(noted.name.as_deref(), made.as_str(), "killed at {point}");
        assert!(noted.intended_at.is_some() && !noted.is_final, "killed at {point}: {noted:?}");
        return;
    }
}

#[tokio::test(start_paused = true)]
async fn the_phase_that_runs_is_noted_while_it_runs() {
    let setting = Setting::new(|_| ());
    let memory = setting.memory("run");
    let options = Options { wait: Duration::from_secs(60), ..setting.options() };
    let promotion = setting.run(&memory, &options).await;
    assert_eq!(promotion.released, Released::Unknown, "{}", promotion.detail);
    let phase = noted(&memory).phase.unwrap();
    assert!(promotion.detail.contains(&format!("still runs ({phase})")), "{}", promotion.detail);
}

#[tokio::test(start_paused = true)]
async fn what_was_pushed_is_told_and_noted() {
    let setting = Setting::new(|_| ());
    let memory = setting.memory("run");
    let promotion = setting.run(&memory, &setting.options()).await;
    let digest = &setting.night.image.digest;
    let pushed = promotion.images.iter().find(|image| image.digest == *digest).unwrap();
    let told = format!("has landed; pushed {} {digest}", pushed.name);
    assert!(promotion.detail.contains(&told), "{}", promotion.detail);
    assert_eq!(noted(&memory).images, promotion.images);
    // By somebody else it was not done now.
    let setting = Setting::new(|_| ());
    setting.release_by_hand();
    let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
    assert!(promotion.detail.contains("had landed already"), "{}", promotion.detail);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_makes_nothing_and_says_what_it_would() {
    let setting = Setting::new(|_| ());
    let memory = setting.memory("run");
    let options = Options { mode: Mode::DryRun, ..setting.options() };
    let promotion = setting.run(&memory, &options).await;
    assert_eq!((promotion.exit, promotion.released), (Exit::Done, Released::False));
    let name = promotion.release.as_deref().unwrap();
    assert_eq!(promotion.detail, format!("a dry run: Release {name} would be made"));
    assert_eq!((promotion.object.is_some(), setting.releases()), (true, 0));
    let noted = noted(&memory);
    assert!(noted.dry_run && noted.name.is_none() && noted.intended_at.is_none(), "{noted:?}");
}

/// Where Tekton tries again, a refusal is not the last word; what became of a Release is.
#[tokio::test(start_paused = true)]
async fn only_without_a_release_another_try_may_change_the_end() {
    let no_plan = |setting: &Setting| {
        let kube = setting.world.kube();
        kube.delete("releaseplans", &setting.namespace, &setting.night.plan);
    };
    for (left, is_final) in [(0, true), (1, false)] {
        let setting = Setting::new(|_| ());
        no_plan(&setting);
        let memory = setting.memory("run");
        let options = Options { tries_left: Some(left), ..setting.options() };
        assert_eq!(setting.run(&memory, &options).await.exit, Exit::Failed);
        let noted = noted(&memory);
        assert_eq!((noted.name.as_deref(), noted.tries_left), (None, Some(left)), "{noted:?}");
        assert_eq!(noted.is_final, is_final, "{left} tries left: {noted:?}");
    }
    let setting =
        Setting::new(|night| night.releases = vec![ReleaseScript::fails("push", "push-image")]);
    let memory = setting.memory("run");
    let options = Options { tries_left: Some(1), ..setting.options() };
    assert_eq!(setting.run(&memory, &options).await.released, Released::False);
    let noted = noted(&memory);
    assert!(noted.name.is_some() && noted.is_final, "{noted:?}");
    assert_eq!(noted.tries_left, None, "{noted:?}");
}

/// A Release may outlive its Snapshot, but one that has another image by now tells that of the two
/// something is forged.
#[tokio::test(start_paused = true)]
async fn a_release_that_landed_is_no_promotion_where_its_snapshot_has_another_image() {
    let setting = Setting::new(|_| ());
    setting.release_by_hand();
    let (kube, snapshot) = (setting.world.kube(), &setting.night.snapshot);
    kube.change("snapshots", &setting.namespace, snapshot, |snapshot| {
        for component in snapshot["spec"]["components"].as_array_mut().unwrap() {
            component["containerImage"] =
                json!(format!("quay.io/acme/ho@sha256:{}", "0".repeat(64)));
        }
    });
    let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
    assert_eq!((promotion.exit, promotion.released), (Exit::Refused, Released::False));
    assert!(promotion.detail.contains("an untested image is not promoted"), "{promotion:?}");
    kube.delete("snapshots", &setting.namespace, snapshot);
    let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
    assert_eq!((promotion.exit, promotion.released), (Exit::Done, Released::True));
}

/// What moved the tags back was made for an earlier image: it is no newer promotion, also once the
/// retraction is undone.
#[tokio::test(start_paused = true)]
async fn what_moved_the_tags_back_keeps_no_newer_image_from_being_promoted() {
    const NEWER: i64 = 1_900_000_000_000;
    for (release, exit) in [("r-other", Exit::Done), ("another", Exit::Refused)] {
        let setting = Setting::new(|_| ());
        setting.released_before("other", Some(NEWER));
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        let entries = json!([{
            "at": "2026-08-20T06:00:00Z", "digest": digest("8"), "reason": "bad",
            "undone_at": "2026-08-20T07:00:00Z",
            "back": [{"release": release, "snapshot": "other", "digest": digest("7"), "ended": "landed"}],
        }]);
        let list = list("retracted", &setting.namespace, &setting.night.plan, entries);
        setting.world.kube().put(list);
        let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
        assert_eq!(promotion.exit, exit, "{release}: {}", promotion.detail);
    }
}
