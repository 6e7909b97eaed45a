//! A bisect over eight Snapshots against the stand-in servers: killed before and after every access
//! to its record and, here and there, to a server, and run again.

#![allow(missing_docs)]

mod simulation;
mod support;

extern crate gate as library;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gate::bisect::book::Book;
use gate::bisect::chance::Before;
use gate::bisect::document::{Document, KIND, Place, SCHEMA_VERSION};
use gate::bisect::run::Bisect;
use gate::bisect::{Next, Outcome, Rules, next};
use gate::collect::policy::Policy;
use gate::http::SharedTransport;
use gate::record::{Class, JobRecord, PolicyRecord, Store};
use jiff::Timestamp;
use simulation::{Scene, VARIABLE};
use standins::JobScript;
use support::killer::{Deadly, Killer};

const JOB: &str = "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-aks";
const OTHER: &str = "periodic-y";
const TEST: &str = "TestUpgradeControlPlane";
const RANGE: usize = 8;
const MINUTE: Duration = Duration::from_secs(60);

fn document() -> Document {
    let place = |number: usize| Place {
        snapshot: format!("ho-{number}"),
        image: format!("quay.io/acme/ho@sha256:{number:064x}").parse().unwrap(),
        revision: Some(format!("{number:040x}")),
        git_url: None,
        built_at: Timestamp::from_second(number as i64 * 3600).ok(),
        title: None,
        link: None,
    };
    Document {
        schema_version: SCHEMA_VERSION,
        kind: KIND.to_owned(),
        id: "bisect-uid".to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
        job: JobRecord {
            override_env: vec![VARIABLE.to_owned()],
            ..JobRecord::named(JOB, Class::Blocking)
        },
        env: BTreeMap::new(),
        test: Some(TEST.to_owned()),
        rules: Rules::default(),
        policy: PolicyRecord::default(),
        before: Before::default(),
        range: (0..RANGE).map(place).collect(),
        runs: Vec::new(),
        ended: None,
    }
}

/// What a run on a Snapshot is like: 4 is broken, from 5 on the test fails, and one run of 3 has no
/// cluster.
fn script(place: usize, number: usize) -> (JobScript, Outcome) {
    let (script, outcome) = match (place, number) {
        (4, _) => (JobScript::setup_fails(), Outcome::Inconclusive),
        (3, 1) => (JobScript::no_lease(), Outcome::Inconclusive),
        (5.., _) => (JobScript::fails(&[TEST]), Outcome::Failed),
        _ => (JobScript::passes(), Outcome::Passed),
    };
    (script.waiting(MINUTE / 60, MINUTE / 60).running(MINUTE), outcome)
}

/// The runs that there will be, in order, worked out by the rules alone.
fn foreseen() -> (Vec<(usize, JobScript)>, Next) {
    let (mut seen, mut runs) = (vec![Vec::new(); RANGE], Vec::new());
    loop {
        match next(&seen, &Rules::default()) {
            Next::Run { snapshot, number, .. } => {
                let (script, outcome) = script(snapshot, number);
                seen[snapshot].push(outcome);
                runs.push((snapshot, script));
            }
            end => return (runs, end),
        }
    }
}

async fn scene() -> Scene {
    let scene = Scene::new(&[]);
    let scripts = foreseen().0.into_iter().map(|(_, script)| script).collect();
    scene.world.prow().job_attempts(JOB, scripts);
    // Gangway's lists are never empty in life: an empty one proves nothing.
    scene.world.prow().job(OTHER, JobScript::passes());
    scene.world.prow().somebody_launches(OTHER);
    book(&scene, None).begin(document()).await.unwrap();
    scene
}

fn book(scene: &Scene, killer: Option<&Arc<Killer>>) -> Book {
    let store: Box<dyn Store> = match killer {
        Some(killer) => Box::new(Deadly(scene.record.clone(), killer.clone())),
        None => Box::new(scene.record.clone()),
    };
    Book::new(store, scene.clock.clone())
}

fn bisect(scene: &Scene, record: Option<&Arc<Killer>>, servers: Option<&Arc<Killer>>) -> Bisect {
    let transport: SharedTransport = match servers {
        Some(killer) => Arc::new(Deadly(scene.transport(), killer.clone())),
        None => scene.transport(),
    };
    let prow = scene.prow(transport);
    Bisect {
        book: book(scene, record),
        token: prow.token.clone().unwrap(),
        prow,
        clock: scene.clock.clone(),
        cluster: None,
        policy: Policy::default(),
        namespace: None,
    }
}

/// Each run was launched once, on its Snapshot, in the foreseen order.
fn launched_once(scene: &Scene) {
    let (runs, _) = foreseen();
    let mut launches = scene.world.prow().launches();
    launches.retain(|launch| launch.job == JOB);
    let images: Vec<_> = launches.iter().map(|launch| launch.envs[VARIABLE].clone()).collect();
    let foreseen: Vec<_> = runs
        .iter()
        .map(|(place, _)| format!("quay.io/acme/ho@sha256:{place:064x}"))
        .collect();
    assert_eq!(images, foreseen);
    let keys: std::collections::BTreeSet<_> = launches
        .iter()
        .map(|launch| launch.labels["release-gate/key"].clone())
        .collect();
    assert_eq!(keys.len(), launches.len(), "each run has a key of its own");
    assert!(
        launches
            .iter()
            .all(|launch| !launch.annotations.contains_key("release-gate/gate"))
    );
}

fn ended(document: &Document) {
    let (runs, end) = foreseen();
    assert_eq!(next(&document.seen(), &document.rules), end);
    assert_eq!(document.runs.len(), runs.len());
    assert!(document.ended.is_some() && document.runs.iter().all(|run| run.record.is_none()));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_named_and_gangway_is_asked_seldom() {
    let scene = scene().await;
    let document = bisect(&scene, None, None).run().await.unwrap();
    ended(&document);
    launched_once(&scene);
    // 4 shows nothing however often it runs: 4 or 5 is the first bad one.
    let Next::Unfound { left, .. } = next(&document.seen(), &document.rules) else { panic!() };
    assert_eq!(left, 4..=5);
    assert!(scene.most_in_a_minute() <= 2, "{}", scene.most_in_a_minute());
    // Once it has ended nothing is asked again.
    let asked = scene.world.prow().launches().len();
    ended(&bisect(&scene, None, None).run().await.unwrap());
    assert_eq!(scene.world.prow().launches().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_access_to_its_record_it_goes_on() {
    // Every access (some 360) with BISECT_KILLS=1, in a minute and a half; every fifth otherwise.
    let step = std::env::var("BISECT_KILLS").map_or(5, |step| step.parse().unwrap());
    let mut kills = 0;
    for point in (1..).step_by(step) {
        let scene = scene().await;
        let killer = Killer::at(point);
        let outcome = killer.run(bisect(&scene, Some(&killer), None).run()).await;
        if let Some(document) = outcome {
            ended(&document.unwrap());
            break;
        }
        kills += 1;
        ended(&bisect(&scene, None, None).run().await.unwrap());
        launched_once(&scene);
    }
    eprintln!("killed at {kills} accesses to the record");
    assert!(kills > 250 / step, "{kills}");
}

#[tokio::test(start_paused = true)]
async fn killed_while_it_asks_a_server_it_goes_on() {
    let mut kills = 0;
    for point in (1..).step_by(7) {
        let scene = scene().await;
        let killer = Killer::at(point);
        if killer.run(bisect(&scene, None, Some(&killer)).run()).await.is_some() {
            break;
        }
        kills += 1;
        ended(&bisect(&scene, None, None).run().await.unwrap());
        launched_once(&scene);
    }
    eprintln!("killed at {kills} requests");
    assert!(kills > 10, "{kills}");
}
