//! A name that is taken, and who is told.

use serde_json::json;
use standins::Server;

use super::*;
use crate::promote::tests::harness::list;
use crate::retract::tests::{REASON, Scene, digest};
use crate::secret::SecretFile;
use crate::slack::{Slack, Target};
use crate::support::killer::{Killer, NEVER};
use crate::support::network;

#[tokio::test(start_paused = true)]
async fn a_name_that_was_taken_for_another_release_is_left_for_the_next() {
    let scene = Scene::new();
    let (plan, namespace) = (scene.plan_name(), scene.setting.namespace.as_str());
    for (letter, minute) in [('a', 1), ('b', 2), ('c', 3)] {
        scene.landed(plan, letter, minute);
    }
    let kube = scene.setting.world.kube();
    let named = |letter, number| format!("{plan}-{}-{number}", digest(letter).short());
    // Announced and not asked for; meanwhile a person makes a Release of that name.
    let back = json!({"release": named('b', 2), "snapshot": "s-b", "digest": digest('b')});
    let entry = json!({"digest": digest('c'), "reason": REASON, "at": "2026-08-20T05:30:00Z",
        "back": [back]});
    kube.put(list("retracted", namespace, plan, json!([entry])));
    let mut by_hand = kube.get("releases", namespace, &named('a', 1)).unwrap();
    by_hand["metadata"]["name"] = json!(named('b', 2));
    by_hand["metadata"]["uid"] = json!("by-hand");
    kube.put(by_hand);
    let said = scene.retract(&scene.options()).await;
    assert_eq!(said.plans[0].ended.exit, Exit::Done, "{said:?}");
    assert_eq!(scene.order(plan), "aabcb");
    let made = kube.get("releases", namespace, &named('b', 3)).unwrap();
    assert_eq!(made["spec"]["snapshot"], "s-b");
}

#[tokio::test(start_paused = true)]
async fn slack_is_told_what_was_done_and_not_what_would_be() {
    let scene = Scene::new();
    scene.landed(scene.plan_name(), 'b', 2);
    scene.landed(scene.plan_name(), 'c', 3);
    let folder = tempfile::tempdir().unwrap();
    let webhook = folder.path().join("webhook");
    std::fs::write(&webhook, format!("{}/services/T/B/x", Server::Slack.base())).unwrap();
    let target = Target::Webhook(SecretFile::new("--slack-webhook-file", webhook));
    let world = &scene.setting.world;
    let sources = Sources {
        tenant: scene.setting.tenant(&Killer::at(NEVER)),
        archive: None,
        slack: Some(Slack::new(target, network(world), scene.setting.clock.clone())),
    };
    let dry = Options { dry_run: true, ..scene.options() };
    assert_eq!(run(&dry, &sources).await.unwrap().undelivered, None);
    assert_eq!(world.slack().messages().len(), 0);
    assert_eq!(run(&scene.options(), &sources).await.unwrap().undelivered, None);
    let messages = world.slack().messages();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].words().contains(REASON), "{}", messages[0].words());
}
