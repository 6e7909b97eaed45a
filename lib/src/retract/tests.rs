//! Against the played release service: in flight, alone, twice, several plans, killed anywhere.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use standins::{ReleaseScript, Server, Trouble};

use super::*;
use crate::failure::Exit;
use crate::promote::tests::harness::Setting;
use crate::support::killer::{Killer, NEVER};

pub(super) const REASON: &str = "deletes node pools";

/// A digest of one letter.
pub(super) fn digest(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

/// A world with the Snapshots `s-a`, `s-b`, `s-c`, built an hour apart, of images a, b and c.
pub(super) struct Scene {
    pub(super) setting: Setting,
    plans: Vec<String>,
}

impl Scene {
    pub(super) fn new() -> Self {
        let setting = Setting::new(|_| ());
        let plans = vec![setting.night.plan.clone()];
        let scene = Self { setting, plans };
        for (letter, hour) in [('a', 1), ('b', 2), ('c', 3)] {
            scene.snapshot(letter, hour);
        }
        scene
    }

    fn snapshot(&self, letter: char, hour: i64) {
        let (kube, night) = (self.setting.world.kube(), &self.setting.night);
        let mut object = kube
            .get("snapshots", &self.setting.namespace, &night.snapshot)
            .unwrap();
        let built = (1_787_000_000 + hour * 3600) * 1000;
        object["metadata"] = json!({"name": format!("s-{letter}"), "namespace": self.setting.namespace,
            "annotations": {"test.appstudio.openshift.io/pipelinerunstarttime": built.to_string()}});
        for component in object["spec"]["components"].as_array_mut().unwrap() {
            if component["name"] == "hypershift-operator-main" {
                component["containerImage"] = json!(format!("quay.io/acme/ho@{}", digest(letter)));
            }
        }
        kube.put(object);
    }

    /// Another plan with its lists.
    fn plan(&mut self, name: &str) {
        let kube = self.setting.world.kube();
        let mut plan = kube
            .get("releaseplans", &self.setting.namespace, &self.plans[0])
            .unwrap();
        plan["metadata"]["name"] = json!(name);
        kube.put(plan);
        kube.put(json!({"kind": "ConfigMap", "metadata": {"name": format!("retracted-{name}"),
            "namespace": self.setting.namespace, "labels": {"release-gate/kind": "retracted"}}}));
        kube.releases_of(name, vec![ReleaseScript::released()]);
        self.plans.push(name.to_owned());
    }

    /// A Release of an image that landed at that minute.
    pub(super) fn landed(&self, plan: &str, letter: char, minute: u32) {
        let name = format!("{plan}-{}-1", digest(letter).short());
        let at = format!("2026-08-20T05:{minute:02}:00Z");
        self.setting.world.kube().put(json!({"kind": "Release",
            "metadata": {"name": name, "namespace": self.setting.namespace, "creationTimestamp": at},
            "spec": {"releasePlan": plan, "snapshot": format!("s-{letter}")},
            "status": {"completionTime": at,
                "conditions": [{"type": "Released", "status": "True", "reason": "Succeeded", "message": ""}],
                "artifacts": {"images": [{"name": "hypershift-operator-main", "shasum": digest(letter).to_string()}]}}}));
    }

    pub(super) fn options(&self) -> Options {
        Options {
            plans: self.plans.clone(),
            digest: digest('c'),
            what: What::Retract { reason: REASON.to_owned() },
            component: Some(ComponentName::of("hypershift-operator-main")),
            wait: WAIT,
            dry_run: false,
        }
    }

    /// One process, killed at a point; and the points that it passed.
    async fn process(&self, options: &Options, point: u64) -> (Option<Said>, u64) {
        let killer = Killer::at(point);
        let tenant = self.setting.tenant(&killer);
        let sources = Sources { tenant, archive: None, slack: None };
        let said = killer.run(async { run(options, &sources).await.unwrap() }).await;
        (said, killer.passed())
    }

    pub(super) async fn retract(&self, options: &Options) -> Said {
        self.process(options, NEVER).await.0.unwrap()
    }

    /// The plan's Releases that have landed: the letters of their images, by their end.
    pub(super) fn order(&self, plan: &str) -> String {
        let mut landed: Vec<(String, char)> = self
            .setting
            .world
            .kube()
            .releases()
            .into_iter()
            .filter(|release| release["spec"]["releasePlan"] == plan)
            .filter(|release| {
                let conditions = release["status"]["conditions"].as_array();
                conditions.is_some_and(|conditions| {
                    conditions
                        .iter()
                        .any(|one| one["type"] == "Released" && one["reason"] == "Succeeded")
                })
            })
            .map(|release: Value| {
                let at = release["status"]["completionTime"].as_str().unwrap().to_owned();
                (at, release["spec"]["snapshot"].as_str().unwrap().chars().last().unwrap())
            })
            .collect();
        landed.sort();
        landed.into_iter().map(|(_, letter)| letter).collect()
    }

    pub(super) fn plan_name(&self) -> &str {
        &self.plans[0]
    }
}

#[tokio::test(start_paused = true)]
async fn the_tags_move_back_once_however_often_it_is_called() {
    let scene = Scene::new();
    let plan = scene.plan_name();
    for (letter, minute) in [('a', 1), ('b', 2), ('c', 3)] {
        scene.landed(plan, letter, minute);
    }
    let dry = scene.retract(&Options { dry_run: true, ..scene.options() }).await;
    assert!(
        dry.table()
            .contains("s-b with image bbbbbbbbbbbb be released once more"),
        "{dry:?}"
    );
    assert_eq!(scene.order(plan), "abc", "a dry run makes nothing");
    let said = scene.retract(&scene.options()).await;
    assert_eq!(said.plans[0].ended.exit, Exit::Done, "{said:?}");
    assert!(said.table().contains("have moved back to image bbbbbbbbbbbb"), "{}", said.table());
    assert_eq!(scene.order(plan), "abcb");
    let message = said.message();
    let words: Vec<String> = message.body[0].iter().map(crate::slack::Line::plain).collect();
    assert!(words.iter().any(|line| line.contains("who pinned this digest")), "{words:?}");
    assert!(words.contains(&format!("why: {REASON}")), "{words:?}");
    let again = scene.retract(&scene.options()).await;
    assert_eq!(again.plans[0].ended.exit, Exit::Done);
    assert_eq!(scene.order(plan), "abcb", "a second call finds it done");
    // The next one back, and then none.
    let next = Options { digest: digest('b'), ..scene.options() };
    scene.retract(&next).await;
    assert_eq!(scene.order(plan), "abcba");
    let last = Options { digest: digest('a'), ..scene.options() };
    let said = scene.retract(&last).await;
    assert_eq!(said.plans[0].ended.exit, Exit::Failed);
    assert!(said.table().contains("no Snapshot of an earlier verified image"), "{}", said.table());
    assert_eq!(scene.order(plan), "abcba");
    // It is in the list all the same, until that is undone.
    let undo = Options { what: What::Undo, ..last };
    let undone = scene.retract(&undo).await;
    assert!(undone.table().contains("it may be promoted again"), "{}", undone.table());
    assert!(scene.retract(&undo).await.table().contains("it was not retracted"));
}

#[tokio::test(start_paused = true)]
async fn one_in_flight_is_followed_first_in_each_plan() {
    let mut scene = Scene::new();
    scene.plan("other");
    let (one, other) = (scene.plans[0].clone(), scene.plans[1].clone());
    scene.landed(&one, 'b', 2);
    scene.landed(&other, 'a', 2);
    scene.landed(&other, 'c', 3);
    in_flight(&scene, &one).await;
    let said = scene.retract(&Options { plans: Vec::new(), ..scene.options() }).await;
    assert!(said.plans.iter().all(|plan| plan.ended.exit == Exit::Done), "{said:?}");
    assert_eq!((scene.order(&one).as_str(), scene.order(&other).as_str()), ("bcb", "aca"));
}

/// Somebody has just made a Release of image c.
pub(super) async fn in_flight(scene: &Scene, plan: &str) {
    let tenant = scene.setting.tenant(&Killer::at(NEVER));
    let name = |text: &str| crate::name::ObjectName::label(text).unwrap();
    let draft = crate::konflux::Draft {
        name: format!("{plan}-{}-1", digest('c').short()),
        plan: name(plan),
        snapshot: name("s-c"),
        grace_period_days: None,
        annotations: std::collections::BTreeMap::new(),
    };
    let made = tenant.create(&draft, false).await;
    assert!(matches!(made, crate::konflux::Creation::Made(_)), "{made:?}");
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_request_the_order_is_right_in_the_end() {
    let whole = Scene::new();
    let plan = whole.plan_name().to_owned();
    whole.landed(&plan, 'b', 2);
    in_flight(&whole, &plan).await;
    let (_, all) = whole.process(&whole.options(), NEVER).await;
    assert!(all > 30, "{all} points to die at");
    for point in 1..=all {
        let scene = Scene::new();
        scene.landed(&plan, 'a', 1);
        scene.landed(&plan, 'b', 2);
        in_flight(&scene, &plan).await;
        let killed = scene.process(&scene.options(), point).await.0;
        if killed.is_none() {
            tokio::time::sleep(Duration::from_secs(point % 3 * 40)).await;
            let said = scene.retract(&scene.options()).await;
            assert_eq!(said.plans[0].ended.exit, Exit::Done, "killed at {point}: {said:?}");
        }
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(scene.order(&plan), "abcb", "killed at {point}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_at_once_and_a_cluster_that_misbehaves() {
    let troubles = [Trouble::DropAfter, Trouble::StatusAfter(504), Trouble::StatusBefore(503)];
    for (number, trouble) in (0..24).zip(troubles.into_iter().cycle()) {
        let scene = Scene::new();
        let plan = scene.plan_name().to_owned();
        scene.landed(&plan, 'b', 2);
        scene.landed(&plan, 'c', 3);
        let nth = standins::Nth::Only(1 + number / 2);
        let fault = standins::Fault::on(Server::Kube, trouble).nth(nth);
        scene.setting.world.fault(fault);
        let options = scene.options();
        let (one, two) = tokio::join!(scene.retract(&options), scene.retract(&options));
        for said in [one, two] {
            assert_eq!(said.plans[0].ended.exit, Exit::Done, "{number}: {said:?}");
        }
        assert_eq!(scene.order(&plan), "bcb", "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_is_said_and_the_next_call_makes_the_next() {
    let scene = Scene::new();
    let plan = scene.plan_name().to_owned();
    scene.setting.world.kube().releases_of(
        &plan,
        vec![ReleaseScript::fails("push-snapshot", "push"), ReleaseScript::released()],
    );
    scene.landed(&plan, 'b', 2);
    scene.landed(&plan, 'c', 3);
    let said = scene.retract(&scene.options()).await;
    assert_eq!(said.plans[0].ended.exit, Exit::Failed);
    assert!(said.table().contains("the tags are still at the retracted image"), "{}", said.table());
    let said = scene.retract(&scene.options()).await;
    assert_eq!(said.plans[0].ended.exit, Exit::Done, "{said:?}");
    assert_eq!(scene.order(&plan), "bcb");
}

#[tokio::test(start_paused = true)]
async fn what_was_retracted_is_neither_promoted_nor_in_the_way() {
    let setting = Setting::new(|_| ());
    let plan = setting.night.plan.clone();
    let ours: Digest = setting.night.reference.split_once('@').unwrap().1.parse().unwrap();
    // One built later than ours, and verified.
    let built = setting.clock.now().as_millisecond() + 60_000;
    setting.released_before("s-7", Some(built));
    let memory = setting.memory("run");
    let promotion = setting.run(&memory, &setting.options()).await;
    assert_eq!(promotion.exit, Exit::Refused, "{}", promotion.detail);
    assert!(promotion.detail.contains("tags would move back"), "{}", promotion.detail);
    let sources = Arc::new(Sources {
        tenant: setting.tenant(&Killer::at(NEVER)),
        archive: None,
        slack: None,
    });
    let options = |digest: Digest| Options {
        plans: vec![plan.clone()],
        digest,
        what: What::Retract { reason: REASON.to_owned() },
        component: None,
        wait: WAIT,
        dry_run: false,
    };
    let said = run(&options(digest('7')), &sources).await.unwrap();
    assert_eq!(said.plans[0].ended.exit, Exit::Failed, "no other is verified: {said:?}");
    // Another one built later, which nobody took back, is in the way as before.
    setting.released_before("s-8", Some(built));
    let (kube, namespace) = (setting.world.kube(), &setting.namespace);
    kube.change("snapshots", namespace, "s-8", |snapshot| {
        for component in snapshot["spec"]["components"].as_array_mut().unwrap() {
            component["containerImage"] = json!(format!("quay.io/acme/ho@{}", digest('8')));
        }
    });
    let promotion = setting.run(&memory, &setting.options()).await;
    assert_eq!(promotion.exit, Exit::Refused, "{}", promotion.detail);
    assert!(kube.delete("releases", namespace, "r-s-8"));
    let promotion = setting.run(&memory, &setting.options()).await;
    assert_eq!(promotion.exit, Exit::Done, "it keeps nothing back: {}", promotion.detail);
    // Ours in its turn.
    run(&options(ours), &sources).await.unwrap();
    for mode in [crate::promote::Mode::Create, crate::promote::Mode::Check] {
        let options = crate::promote::Options { mode, ..setting.options() };
        let promotion = setting.run(&setting.memory("another"), &options).await;
        assert_eq!(promotion.exit, Exit::Refused, "{mode:?}: {}", promotion.detail);
    }
    let promotion = setting.run(&setting.memory("another"), &setting.options()).await;
    assert!(promotion.detail.contains(REASON), "{}", promotion.detail);
}
