//! How Releases are seen, in the cluster and in the archive.

use serde_json::json;
use standins::Server;

use super::*;
use crate::cluster::Bearer;
use crate::konflux::PLAN_LABEL;
use crate::kubearchive::KubeArchive;
use crate::retract::tests::{Scene, digest, in_flight};
use crate::secret::Secret;
use crate::snapshot::ComponentName;
use crate::support::killer::{Killer, NEVER};
use crate::support::network;

fn name(scene: &Scene, letter: char) -> String {
    format!("{}-{}-1", scene.plan_name(), digest(letter).short())
}

/// Gives a Release another end than that it has landed.
fn ended(scene: &Scene, letter: char, reason: &str) {
    let (kube, namespace) = (scene.setting.world.kube(), &scene.setting.namespace);
    kube.change("releases", namespace, &name(scene, letter), |release| {
        release["status"]["conditions"][0]["status"] = json!("False");
        release["status"]["conditions"][0]["reason"] = json!(reason);
    });
}

/// Moves a Release from the cluster to the archive.
fn archive(scene: &Scene, letter: char) {
    let (world, namespace) = (&scene.setting.world, &scene.setting.namespace);
    let name = name(scene, letter);
    let mut release = world.kube().get("releases", namespace, &name).unwrap();
    release["metadata"]["labels"] = json!({PLAN_LABEL: scene.plan_name()});
    world.archive().put(release);
    assert!(world.kube().delete("releases", namespace, &name));
}

async fn all(scene: &Scene, component: &str) -> Vec<Seen> {
    let setting = &scene.setting;
    let archive = KubeArchive {
        base: Server::Archive.base().parse().unwrap(),
        bearer: Some(Bearer::Value(Secret::new("token"))),
        transport: network(&setting.world),
        clock: setting.clock.clone(),
    };
    let tenant = setting.tenant(&Killer::at(NEVER));
    let sources = Sources { tenant, archive: Some(archive), slack: None };
    let component = Some(ComponentName::of(component));
    let options = Options { component, ..scene.options() };
    releases(&options, &sources, scene.plan_name()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_runs_is_first_and_what_is_archived_is_not_live() {
    let scene = Scene::new();
    for (letter, minute) in [('e', 1), ('a', 2), ('b', 3), ('d', 4)] {
        scene.landed(scene.plan_name(), letter, minute);
    }
    ended(&scene, 'd', "Stopped");
    ended(&scene, 'e', "Failed");
    archive(&scene, 'e');
    archive(&scene, 'a');
    in_flight(&scene, scene.plan_name()).await;
    // It was made before the others ended.
    scene.setting.world.kube().change(
        "releases",
        &scene.setting.namespace,
        &name(&scene, 'c'),
        |release| {
            release["metadata"]["creationTimestamp"] = json!("2026-08-20T05:00:00Z");
        },
    );
    let seen = all(&scene, "hypershift-operator-main").await;
    let stand: Vec<_> = seen
        .iter()
        .map(|seen| (seen.snapshot.as_str(), seen.state, seen.is_live))
        .collect();
    assert_eq!(
        stand,
        [
            ("s-c", State::Running, true),
            ("s-d", State::Unknown, true),
            ("s-b", State::Landed, true),
            ("s-a", State::Landed, false),
            ("s-e", State::Failed, false),
        ]
    );
    let verified: Vec<_> = seen.into_iter().filter_map(|seen| seen.verifies).collect();
    assert_eq!(verified, [digest('b'), digest('a')]);
}

/// What it pushed cannot be released once more by a Snapshot that does not tell its image.
#[tokio::test(start_paused = true)]
async fn an_image_that_its_snapshot_does_not_show_is_none_to_go_back_to() {
    let scene = Scene::new();
    scene.landed(scene.plan_name(), 'b', 2);
    let seen = all(&scene, "another-component").await;
    assert_eq!((seen[0].state, seen[0].built_at.is_some()), (State::Landed, true));
    assert_eq!(seen[0].verifies, None);
}
