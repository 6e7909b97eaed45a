//! Labels of others, and what is said of a label that is gone.

use std::sync::Arc;

use super::*;
use crate::clock::RuntimeClock;
use crate::konflux::labels::{ID_LABEL, RUN_LABEL};
use serde_json::json;
use standins::{Fault, Night, Nth, ScenarioScript, Server, TokioTime, Trouble, World};

const OURS: &str = "gate";
const OTHER: &str = "another-gate";

/// A Snapshot, and the label of another trigger if so, on which integration-service does not act.
struct Scene {
    world: World,
    tenant: Tenant,
    clock: SharedClock,
    options: Options,
    snapshot: String,
    last_words: LastWords,
}

impl Scene {
    fn new(label: Option<&str>) -> Self {
        let start: jiff::Timestamp = "2026-08-20T03:00:00Z".parse().unwrap();
        let world = World::builder().clock(TokioTime::starting_at(start)).build();
        let night = Night::aro_hcp();
        let namespace = night.namespace.clone();
        let snapshot = night.install(&world, "quay.io").snapshot;
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(start));
        let tenant = Tenant::new(&crate::support::cluster(&world, &namespace), clock.clone());
        let options = Options::plain();
        let last_words = LastWords::default();
        let scene = Self { world, tenant, clock, options, snapshot, last_words };
        if let Some(label) = label {
            scene.relabel(label);
        }
        scene
    }

    fn relabel(&self, label: &str) {
        let kube = self.world.kube();
        kube.change("snapshots", self.tenant.namespace(), &self.snapshot, |snapshot| {
            snapshot["metadata"]["labels"][RUN_LABEL] = label.into();
        });
    }

    /// The scenario's object; integration-service does not know it.
    fn scenario(&self) {
        let metadata = json!({"name": OURS, "namespace": self.tenant.namespace()});
        let kind = "IntegrationTestScenario";
        self.world
            .kube()
            .put(json!({"kind": kind, "metadata": metadata, "spec": {}}));
    }

    /// The label now, and how often somebody tried to change it.
    fn label(&self) -> (Option<String>, usize) {
        let kube = self.world.kube();
        let snapshot = kube
            .get("snapshots", self.tenant.namespace(), &self.snapshot)
            .unwrap();
        let label = snapshot["metadata"]["labels"][RUN_LABEL].as_str().map(str::to_owned);
        let asked = self.world.requests_to(Server::Kube);
        (label, asked.iter().filter(|asked| asked.method == "PATCH").count())
    }

    fn trigger(&self) -> Trigger<'_> {
        Trigger {
            options: &self.options,
            tenant: &self.tenant,
            clock: &self.clock,
            last_words: &self.last_words,
            snapshot: &self.snapshot,
            scenario: OURS,
        }
    }

    /// Whether the label of the other one is off in the end, or what is said instead; and after
    /// how long.
    async fn freed(&self) -> (Result<bool, Ending>, Duration) {
        let begun = self.clock.now();
        let free = self.trigger().free().await;
        (free.map(|read| read.metadata.labels.run.is_none()), self.clock.since(begun))
    }
}

#[tokio::test(start_paused = true)]
async fn a_label_that_is_stuck_is_taken_away_however_often_that_is_crossed() {
    for status in [None, Some(409), Some(503)] {
        let scene = Scene::new(Some(OTHER));
        if let Some(status) = status {
            let fault = Fault::on(Server::Kube, Trouble::StatusBefore(status));
            scene.world.fault(fault.method("PATCH").nth(Nth::First(2)));
        }
        let (free, took) = scene.freed().await;
        assert_eq!(free, Ok(true), "{status:?}");
        assert!(took >= STUCK && took < STUCK + 10 * LOOK, "{status:?}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_label_that_may_not_be_taken_away_is_told() {
    let scene = Scene::new(Some(OTHER));
    scene.world.kube().deny("patch", "snapshots");
    let (free, took) = scene.freed().await;
    let Err(Ending::Failed(why)) = free else { panic!("{free:?}") };
    assert!(why.starts_with("cannot take the stuck label another-gate away: "), "{why}");
    assert!(took < STUCK + 10 * LOOK, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_became_of_a_lost_label_is_told() {
    let scene = Scene::new(Some(OTHER));
    let told = async |observation| scene.trigger().explain_loss(observation).await.1;
    let by = Observation::Overwritten { by: OTHER.to_owned() };
    assert!(
        told(by)
            .await
            .starts_with("another trigger set the label to another-gate")
    );
    let missing = told(Observation::Vanished).await;
    assert!(missing.starts_with("there is no IntegrationTestScenario gate"), "{missing}");
    scene.scenario();
    let unknown = told(Observation::Vanished).await;
    assert!(unknown.starts_with("integration-service took the label away"), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn the_label_of_one_trigger_after_another_is_not_stuck() {
    let scene = Scene::new(Some(OTHER));
    let begun = scene.clock.now();
    let next = async {
        scene.clock.sleep(STUCK - LOOK).await;
        scene.relabel("a-third-gate");
        scene.clock.sleep(STUCK - LOOK).await;
        assert_eq!(scene.label().0.as_deref(), Some("a-third-gate"));
    };
    let (free, ()) = tokio::join!(scene.freed(), next);
    assert_eq!(free.0, Ok(true));
    assert!(scene.clock.since(begun) >= STUCK * 2 - LOOK, "{free:?}");
}

#[tokio::test(start_paused = true)]
async fn others_are_not_waited_for_for_ever() {
    let scene = Scene::new(Some(OTHER));
    let busy = async {
        for turn in 0.. {
            scene.clock.sleep(STUCK / 2).await;
            scene.relabel(&format!("gate-{turn}"));
        }
    };
    let free = tokio::select! {
        free = scene.freed() => free,
        () = busy => panic!("the other triggers end"),
    };
    let (Err(Ending::Failed(why)), took) = free else { panic!("{free:?}") };
    assert!(why.starts_with("other triggers kept the label"), "{why}");
    assert!(took >= OTHERS && took < OTHERS + 2 * LOOK, "{took:?}");
}

/// What crosses our write is tried again, and so is a write that had no effect; one whose answer
/// alone was lost is not.
#[tokio::test(start_paused = true)]
async fn the_label_is_set_once_whatever_comes_between() {
    for (trouble, tries) in [
        (None, 1),
        (Some(Trouble::StatusBefore(409)), 3),
        (Some(Trouble::StatusBefore(503)), 3),
        (Some(Trouble::DropBefore), 3),
        (Some(Trouble::StatusAfter(503)), 1),
        (Some(Trouble::DropAfter), 1),
    ] {
        let scene = Scene::new(None);
        let told = format!("{trouble:?}");
        if let Some(trouble) = trouble {
            let fault = Fault::on(Server::Kube, trouble);
            scene.world.fault(fault.method("PATCH").nth(Nth::First(2)));
        }
        let begun = scene.clock.now();
        let ids = ["id-1".to_owned()];
        let set = scene.trigger().set(&ids).await;
        assert!(matches!(&set, Ok(set) if set.id == "id-1"), "{told}");
        assert_eq!(scene.label(), (Some(OURS.to_owned()), tries), "{told}");
        assert!(scene.clock.since(begun) < STUCK, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_label_that_cannot_be_set_is_told() {
    for (denied, wanted) in [(true, "cannot label Snapshot "), (false, "changes faster than")] {
        let scene = Scene::new(None);
        if denied {
            scene.world.kube().deny("patch", "snapshots");
        } else {
            let fault = Fault::on(Server::Kube, Trouble::StatusBefore(409));
            scene.world.fault(fault.method("PATCH"));
        }
        let set = scene.trigger().set(&["id-1".to_owned()]).await;
        let Err(Ending::Failed(why)) = set else { panic!("{denied}") };
        assert!(why.contains(wanted), "{why}");
    }
}

/// A label that is taken away without a run is set once more, and not again.
#[tokio::test(start_paused = true)]
async fn a_label_that_vanishes_is_set_twice() {
    let scene = Scene::new(None);
    scene.scenario();
    scene.world.kube().integration_service(true);
    let ended = scene.trigger().start().await;
    let Err(Ending::Failed(why)) = ended else { panic!("{ended:?}") };
    assert!(why.starts_with("integration-service took the label away"), "{why}");
    assert_eq!(scene.label(), (None, 2));
}

/// One that others overwrite is set three times, since that says nothing of the scenario.
#[tokio::test(start_paused = true)]
async fn a_label_that_is_overwritten_is_set_three_times() {
    let scene = Scene::new(None);
    scene.scenario();
    let others = async {
        loop {
            scene.clock.sleep(LOOK / 2).await;
            match scene.label().0.as_deref() {
                Some(OURS) => scene.relabel(OTHER),
                // The other trigger's turn is over when ours has given this one up.
                Some(_) => {
                    scene.clock.sleep(OVERWRITTEN + 2 * LOOK).await;
                    let kube = scene.world.kube();
                    let namespace = scene.tenant.namespace();
                    kube.change("snapshots", namespace, &scene.snapshot, |snapshot| {
                        snapshot["metadata"]["labels"]
                            .as_object_mut()
                            .unwrap()
                            .remove(RUN_LABEL);
                    });
                }
                None => {}
            }
        }
    };
    let trigger = scene.trigger();
    let ended = tokio::select! {
        ended = trigger.start() => ended,
        () = others => unreachable!(),
    };
    let Err(Ending::Failed(why)) = ended else { panic!("{ended:?}") };
    assert!(why.starts_with("another trigger set the label to another-gate"), "{why}");
    assert_eq!(scene.label().1, 3);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_made_has_time_to_begin() {
    let scene = Scene::new(None);
    let script =
        ScenarioScript { begins_after: Some(Duration::from_secs(20)), ..Default::default() };
    scene.world.kube().scenario(scene.tenant.namespace(), OURS, script);
    assert!(matches!(scene.trigger().start().await, Ok(Ending::Started { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_waiting_ends_with() {
    let scene = Scene::new(Some(OTHER));
    let set = Set { id: "id-1".to_owned(), noted: None };
    // integration-service may have seen ours before the other one came.
    let begun = scene.clock.now();
    let ended = scene.trigger().wait(&set).await;
    assert!(matches!(ended, Ok(Wait::Lost(Observation::Overwritten { by })) if by == OTHER));
    assert!(scene.clock.since(begun) >= OVERWRITTEN);
    assert!(
        scene
            .world
            .kube()
            .delete("snapshots", scene.tenant.namespace(), &scene.snapshot)
    );
    let Err(Ending::Failed(why)) = scene.trigger().wait(&set).await else { panic!("no end") };
    assert!(why.ends_with("was deleted meanwhile"), "{why}");
}

/// Only our own label is taken back, by the step itself and as its last words.
#[tokio::test(start_paused = true)]
async fn only_our_label_is_taken_back() {
    for (label, id, off) in
        [(OURS, "id-1", true), (OURS, "id-2", false), (OTHER, "id-1", false), (OTHER, "x", false)]
    {
        for last_words in [false, true] {
            let scene = Scene::new(Some(label));
            let (kube, namespace) = (scene.world.kube(), scene.tenant.namespace());
            kube.change("snapshots", namespace, &scene.snapshot, |snapshot| {
                snapshot["metadata"]["labels"][ID_LABEL] = id.into();
            });
            if last_words {
                let (tenant, snapshot) = (scene.tenant.clone(), scene.snapshot.clone());
                take_back_at_the_end(tenant, snapshot, OURS.to_owned(), "id-1".to_owned()).await;
            } else {
                assert_eq!(scene.trigger().take_back("id-1").await, Ok(()));
            }
            assert_eq!(scene.label().0.is_none(), off, "{label} {id} {last_words}");
        }
    }
}
