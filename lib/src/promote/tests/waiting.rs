//! Following a Release when the cluster is slow, gone for a while, or closed to watchers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use standins::{Fault, Nth, ReleaseScript, Server, Trouble, World};

use super::harness::{Setting, list};
use crate::failure::Exit;
use crate::promote::Options;
use crate::record::Released;

#[tokio::test(start_paused = true)]
async fn the_end_is_seen_at_once_and_cheaply() {
    // A watch ends after 25 seconds: the end comes within one, and between two.
    for took in (1800..2000).step_by(14) {
        let took = Duration::from_secs(took);
        let setting = Setting::new(|night| {
            night.releases = vec![ReleaseScript::released().taking(took)];
        });
        let begun = tokio::time::Instant::now();
        let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
        assert_eq!(promotion.exit, Exit::Done, "{}", promotion.detail);
        assert!(begun.elapsed() < took + Duration::from_secs(1), "{:?}", begun.elapsed());
        // A look and a watch in each 25 seconds, and what the creation takes.
        let requests = setting.world.requests().len();
        assert!(requests < 2 * 2000 / 25 + 40, "{requests}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_watch_it_looks() {
    let setting = Setting::new(|_| ());
    setting.world.kube().deny("watch", "releases");
    let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
    assert_eq!(promotion.exit, Exit::Done, "{}", promotion.detail);
    let requests = setting.world.requests();
    assert!(requests.len() < 60, "{}", requests.len());
    // The Release runs for 90 seconds, and is looked at every ten.
    let looks = requests
        .iter()
        .filter(|asked| asked.method == "GET" && asked.path.contains("/releases/"));
    let looks = looks.count();
    assert!((9..=11).contains(&looks), "{looks}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_sat_out() {
    let setting = Setting::new(|night| night.releases = vec![ReleaseScript::released()]);
    let memory = setting.memory("run");
    let options = setting.options();
    let down = Fault::on(Server::Kube, Trouble::DropBefore);
    let work = setting.run(&memory, &options);
    let outage = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        setting.world.fault(down);
        tokio::time::sleep(Duration::from_secs(900)).await;
        setting.world.clear_faults();
    };
    let (promotion, ()) = tokio::join!(work, outage);
    assert_eq!(promotion.exit, Exit::Done, "{}", promotion.detail);
}

#[tokio::test(start_paused = true)]
async fn an_outage_to_the_end_is_unknown() {
    let setting = Setting::new(|_| ());
    let memory = setting.memory("run");
    let options = setting.options();
    let work = setting.run(&memory, &options);
    let outage = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        setting
            .world
            .fault(Fault::on(Server::Kube, Trouble::StatusBefore(503)).path("*/releases*"));
    };
    let (promotion, ()) = tokio::join!(work, outage);
    assert_eq!(
        (promotion.exit, promotion.released),
        (Exit::Failed, Released::Unknown),
        "{}",
        promotion.detail
    );
    assert!(promotion.detail.contains("its end could not be seen"), "{}", promotion.detail);
}

#[tokio::test(start_paused = true)]
async fn an_expired_version_is_looked_up_anew() {
    let setting = Setting::new(|_| ());
    let (memory, options) = (setting.memory("run"), setting.options());
    let work = setting.run(&memory, &options);
    let expiry = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(13)).await;
            setting.world.kube().expire();
        }
    };
    let (promotion, ()) = tokio::join!(work, expiry);
    assert_eq!(promotion.exit, Exit::Done, "{}", promotion.detail);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_at_once_is_no_hot_loop() {
    let setting = Setting::new(|_| ());
    setting.world.fault(
        Fault::on(Server::Kube, Trouble::EmptyList)
            .path("*?*watch=*")
            .nth(Nth::Each),
    );
    let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
    assert_eq!(promotion.exit, Exit::Done, "{}", promotion.detail);
    let requests = setting.world.requests().len();
    assert!((30..80).contains(&requests), "{requests}");
}

#[tokio::test(start_paused = true)]
async fn deleted_under_way_is_unknown_and_not_made_again() {
    let setting = Setting::new(|_| ());
    let (memory, options) = (setting.memory("run"), setting.options());
    let work = setting.run(&memory, &options);
    let deletion = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let name = setting.world.kube().releases()[0]["metadata"]["name"]
            .as_str()
            .unwrap()
            .to_owned();
        setting.world.kube().delete("releases", &setting.namespace, &name);
    };
    let (promotion, ()) = tokio::join!(work, deletion);
    assert_eq!(
        (promotion.exit, promotion.released),
        (Exit::Unsafe, Released::Unknown),
        "{}",
        promotion.detail
    );
    let again = Options { again: true, ..options };
    assert_eq!(setting.run(&memory, &again).await.exit, Exit::Unsafe);
    assert_eq!(setting.releases(), 0);
    // Somebody has looked, and released by hand: that one is found.
    setting.release_by_hand();
    assert_eq!(
        setting.run(&memory, &setting.options()).await.exit,
        Exit::Unsafe,
        "the record alone answers"
    );
    let promotion = setting.run(&memory, &again).await;
    assert_eq!(
        (promotion.exit, promotion.release.as_deref()),
        (Exit::Done, Some("by-hand")),
        "{}",
        promotion.detail
    );
}

/// Changes the world when the cluster is asked for something for the n-th time.
fn when_asked(
    setting: &Setting,
    path: &str,
    nth: u32,
    change: impl Fn(&World) + Send + Sync + 'static,
) {
    let fault = Fault::on(Server::Kube, Trouble::Do(Arc::new(change)));
    setting
        .world
        .fault(fault.method("GET").path(path).nth(Nth::Only(nth)));
}

/// The first look comes before the runs are looked at again, the second after, the third right before
/// the creation: what has changed by then counts.
#[tokio::test(start_paused = true)]
async fn plan_snapshot_and_lists_are_read_again_right_before() {
    const LISTS: &str = "*/configmaps/retracted-*";
    const PLANS: &str = "*/releaseplans/*";
    type Change = fn(&World, &str, &str, &str);
    let hold: Change = |world, namespace, plan, _| {
        let until = "2026-12-01T00:00:00Z";
        let entries = json!([{"at": "2026-08-20T06:00:00Z", "until": until, "reason": "freeze"}]);
        world.kube().put(list("holds", namespace, plan, entries));
    };
    let retract: Change = |world, namespace, plan, digest| {
        let entry = json!([{"at": "2026-08-20T06:00:00Z", "digest": digest, "reason": "bad"}]);
        world.kube().put(list("retracted", namespace, plan, entry));
    };
    let block: Change = |world, namespace, plan, _| {
        world.kube().change("releaseplans", namespace, plan, |plan| {
            plan["status"]["conditions"][0]["status"] = json!("False");
        });
    };
    let swap: Change = |world, namespace, _, _| {
        for snapshot in world.kube().all("snapshots") {
            let name = snapshot["metadata"]["name"].as_str().unwrap();
            world.kube().change("snapshots", namespace, name, |snapshot| {
                for component in snapshot["spec"]["components"].as_array_mut().unwrap() {
                    let other = format!("quay.io/acme/ho@sha256:{}", "0".repeat(64));
                    component["containerImage"] = json!(other);
                }
            });
        }
    };
    let give_away: Change = |world, namespace, plan, _| {
        world.kube().change("releaseplans", namespace, plan, |plan| {
            plan["spec"]["application"] = json!("another");
        });
    };
    for (what, path, change, exit, words) in [
        ("the plan's owner", PLANS, give_away, Exit::Failed, "release-service would refuse"),
        ("a hold", "*/configmaps/holds-*", hold, Exit::Refused, "is held until"),
        ("a retraction", LISTS, retract, Exit::Refused, "retracted"),
        ("the plan", PLANS, block, Exit::Failed, "is matched by no"),
        ("the Snapshot", PLANS, swap, Exit::Refused, "an untested image is not promoted"),
    ] {
        for look in 1..=3 {
            let setting = Setting::new(|_| ());
            let (namespace, plan) = (setting.namespace.clone(), setting.night.plan.clone());
            let digest = setting.night.image.digest.clone();
            when_asked(&setting, path, look, move |world| {
                change(world, &namespace, &plan, &digest);
            });
            // What passes by itself is waited for: not here.
            let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
            let said = format!("{what}, look {look}: {promotion:?}");
            assert_eq!((promotion.exit, promotion.released), (exit, Released::False), "{said}");
            assert!(promotion.detail.contains(words), "{said}");
            assert_eq!(setting.releases(), 0, "{said}");
        }
    }
}
