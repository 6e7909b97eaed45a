//! Following a Release when the cluster is slow, gone for a while, or closed to watchers.

use std::time::Duration;

use standins::{Fault, Nth, ReleaseScript, Server, Trouble};

use super::harness::Setting;
use crate::failure::Exit;
use crate::promote::Options;
use crate::record::Released;

#[tokio::test(start_paused = true)]
async fn the_end_is_seen_at_once_and_cheaply() {
    let setting = Setting::new(|night| {
        night.releases = vec![ReleaseScript::released().taking(Duration::from_secs(1800))]
    });
    let begun = tokio::time::Instant::now();
    let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
    assert_eq!(promotion.exit, Exit::Done, "{}", promotion.detail);
    assert!(begun.elapsed() < Duration::from_secs(1805), "{:?}", begun.elapsed());
    // A look and a watch in each 25 seconds, and what the creation takes.
    let requests = setting.world.requests().len();
    assert!(requests < 2 * 1800 / 25 + 40, "{requests}");
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_watch_it_looks() {
    let setting = Setting::new(|_| ());
    setting.world.kube().deny("watch", "releases");
    let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
    assert_eq!(promotion.exit, Exit::Done, "{}", promotion.detail);
    let requests = setting.world.requests().len();
    assert!(requests < 60, "{requests}");
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

#[tokio::test(start_paused = true)]
async fn the_snapshot_is_read_again_right_before() {
    let setting = Setting::new(|_| ());
    let (namespace, name) = (setting.namespace.clone(), setting.night.snapshot.clone());
    // Between the survey's look at the Snapshot and the creation.
    let change = move |world: &standins::World| {
        world.kube().change("snapshots", &namespace, &name, |snapshot| {
            for component in snapshot["spec"]["components"].as_array_mut().unwrap() {
                component["containerImage"] =
                    format!("quay.io/acme/ho@sha256:{}", "0".repeat(64)).into();
            }
        });
    };
    let fault = Fault::on(Server::Kube, Trouble::Do(std::sync::Arc::new(change)));
    setting
        .world
        .fault(fault.method("GET").path("*/releaseplans/*").nth(Nth::Only(1)));
    let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
    assert_eq!(
        (promotion.exit, promotion.released),
        (Exit::Refused, Released::False),
        "{}",
        promotion.detail
    );
    assert!(promotion.detail.contains("an untested image is not promoted"), "{}", promotion.detail);
    assert_eq!(setting.releases(), 0);
}
