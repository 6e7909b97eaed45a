//! Two gates on one image, each killed now and then: jobs are launched or taken over, nothing is
//! lost, and each gate judges for itself.

#![allow(missing_docs)]

mod simulation;
mod support;

extern crate gate as library;

use std::time::Duration;

use gate::cluster::Cluster;
use gate::launch::{self, Options, Sampling, reuse};
use gate::record::{Cause, Decision, GateRecord, JobState};
use serde_json::json;
use simulation::{NS, Scene, cluster, identity, store, transport};
use standins::JobScript;
use support::killer::{Killer, NEVER};
use support::random::Random;

/// A job of somebody else.
const OTHER: &str = "periodic-other";
const JOBS: [&str; 3] = ["periodic-e2e-aks", "periodic-e2e-aws", "periodic-e2e-kubevirt"];

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

fn options(scene: &Scene, gate: &str, cluster: Cluster) -> Options {
    Options {
        identity: identity(gate),
        sampling: Sampling { cluster: Some(cluster), all: false },
        reuse: Some(reuse::REUSE),
        ..scene.options(&JOBS, &[])
    }
}

/// One process of launch-prow; `None` when it was killed.
async fn launch(scene: &Scene, gate: &str, point: u64) -> Option<()> {
    let killer = Killer::at(point);
    let cluster = cluster(scene, &killer);
    let store = store(scene, gate, &killer);
    let prow = scene.prow(transport(scene, &killer));
    let options = options(scene, gate, cluster);
    let process = launch::run(&options, store, &prow, scene.clock.clone());
    let ended = killer.run(process).await?.unwrap();
    assert!(ended.error.is_none(), "{ended:?}");
    Some(())
}

/// One process of collect-results; `None` when it was killed.
async fn collect(scene: &Scene, gate: &str, point: u64) -> Option<GateRecord> {
    let killer = Killer::at(point);
    let process = scene.collect_from(store(scene, gate, &killer), transport(scene, &killer));
    Some(killer.run(process).await?.unwrap())
}

/// A gate from its launch to its verdict, its processes killed at these points.
async fn gate(scene: &Scene, gate: &str, launches: &[u64], looks: &[u64]) -> GateRecord {
    for point in launches.iter().chain([&NEVER]) {
        if launch(scene, gate, *point).await.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    for point in looks {
        if let Some(record) = collect(scene, gate, *point).await {
            return record;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    collect(scene, gate, NEVER).await.unwrap()
}

fn decision(record: &GateRecord) -> Decision {
    record.verdict.as_ref().unwrap().decision
}

fn taken_over(record: &GateRecord) -> usize {
    let attempts = record.jobs.iter().flat_map(|job| &job.attempts);
    attempts.filter(|attempt| attempt.reused_from.is_some()).count()
}

fn launched(scene: &Scene) -> usize {
    JOBS.iter().map(|job| scene.launches(job)).sum()
}

#[tokio::test(start_paused = true)]
async fn two_gates_on_one_image_with_kills() {
    let (mut launches, mut taken) = (0, 0);
    // A pair takes two seconds: `GATE_TEST_PAIRS=500 cargo test -p gate --test reuse`.
    let pairs = std::env::var("GATE_TEST_PAIRS")
        .ok()
        .and_then(|pairs| pairs.parse().ok());
    let pairs = pairs.unwrap_or(5);
    for seed in 0..pairs {
        let mut random = Random::seeded(seed);
        let scene = Scene::new(&JOBS);
        // Lists of Prow that show nothing at all prove nothing, so that a launch stays in doubt.
        scene.world.prow().job(OTHER, JobScript::passes());
        scene.world.prow().somebody_launches(OTHER);
        let mut points = |longest: u64| -> Vec<u64> {
            (0..random.below(3)).map(|_| 1 + random.below(longest)).collect()
        };
        let (one, two) = ((points(40), points(60)), (points(40), points(60)));
        // Every fifth pair begins at nearly the same time, so that both may launch.
        let latest = if seed % 5 == 0 { 2 } else { 3 * 3600 };
        let late = Duration::from_secs(random.below(latest));
        let (first, second) = tokio::join!(gate(&scene, "aro", &one.0, &one.1), async {
            tokio::time::sleep(late).await;
            gate(&scene, "rosa", &two.0, &two.1).await
        });
        for record in [&first, &second] {
            assert_eq!(decision(record), Decision::Passed, "seed {seed}: {record:?}");
            for job in &record.jobs {
                assert_eq!(job.attempts.len(), 1, "seed {seed}: {job:?}");
            }
        }
        // Each gate has a run for each job: its own, or the other's.
        let over = taken_over(&first) + taken_over(&second);
        assert_eq!(launched(&scene) + over, 2 * JOBS.len(), "seed {seed}");
        (launches, taken) = (launches + launched(&scene), taken + over);
    }
    eprintln!("{pairs} pairs of gates: {launches} launches, {taken} runs taken over");
    let pairs = usize::try_from(pairs).unwrap();
    assert!(taken > pairs && launches > pairs * JOBS.len());
}

#[tokio::test(start_paused = true)]
async fn a_retest_launches_again_only_what_failed() {
    let scene = Scene::new(&JOBS);
    let product = || JobScript::fails(&["TestUpgrade"]).running(hours(1));
    let scripts = vec![product(), JobScript::passes().running(hours(1))];
    scene.world.prow().job_attempts(JOBS[0], scripts);
    let night = gate(&scene, "night", &[], &[]).await;
    assert_eq!((decision(&night), launched(&scene)), (Decision::Failed, 3));
    let retest = gate(&scene, "retest", &[], &[]).await;
    assert_eq!((decision(&retest), launched(&scene)), (Decision::Passed, 4));
    assert_eq!(taken_over(&retest), 2);
    let earlier = retest.job(JOBS[0]).unwrap().earlier.unwrap();
    assert_eq!((earlier.runs, earlier.product), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn dice_are_not_rolled_a_third_time() {
    let scene = Scene::new(&JOBS);
    let product = || JobScript::fails(&["TestUpgrade"]).running(hours(1));
    let scripts = vec![product(), product(), JobScript::passes()];
    scene.world.prow().job_attempts(JOBS[0], scripts);
    for (name, launches) in [("night", 3), ("retest", 4), ("third", 4), ("fourth", 4)] {
        let record = gate(&scene, name, &[], &[]).await;
        assert_eq!((decision(&record), launched(&scene)), (Decision::Failed, launches), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_vanishes_or_does_not_decide_is_launched_anew() {
    let scene = Scene::new(&JOBS);
    let one = vec![JobScript::passes().running(hours(3)), JobScript::passes().running(hours(1))];
    scene.world.prow().job_attempts(JOBS[0], one);
    launch(&scene, "night", NEVER).await.unwrap();
    let night = collect(&scene, "night", 5).await;
    assert!(night.is_none(), "its gate died");
    launch(&scene, "retest", NEVER).await.unwrap();
    assert_eq!(launched(&scene), 3);
    let launches = scene.world.prow().launches();
    let lost = launches.iter().find(|launch| launch.job == JOBS[0]).unwrap();
    scene.world.prow().vanish(&lost.id);
    let record = collect(&scene, "retest", NEVER).await.unwrap();
    assert_eq!((decision(&record), launched(&scene)), (Decision::Passed, 4));
    assert_eq!(record.job(JOBS[0]).unwrap().attempts.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_forged_record_that_claims_a_pass_gains_nothing() {
    let scene = Scene::new(&JOBS);
    // The image fails wherever it is tested, and the job's own schedule passes with another one.
    let product = || JobScript::fails(&["TestUpgrade"]).running(hours(1));
    scene
        .world
        .prow()
        .job_attempts(JOBS[0], vec![JobScript::passes(), product(), product()]);
    let of_cron = Some(scene.world.prow().somebody_launches(JOBS[0]));
    tokio::time::sleep(hours(3)).await;
    let cluster = cluster(&scene, &Killer::at(NEVER));
    let forged = || {
        let mut record = GateRecord::begin("uid-forged", scene.clock.now());
        let asked = options(&scene, "forged", cluster.clone());
        record.candidate = Some(gate::record::Candidate::of(asked.image.clone()));
        record.jobs = asked.request.jobs.clone();
        record.launch = Some(gate::record::LaunchOptions { env: asked.request.env.clone() });
        for job in &mut record.jobs {
            let intent = serde_json::from_value(json!({
                "key": "k", "written_at": scene.clock.now(), "holder": "h",
            }));
            let mut attempt = gate::record::Attempt::intended(1, intent.unwrap());
            attempt.execution.clone_from(&of_cron);
            attempt.launched_at = Some(scene.clock.now());
            attempt.completed_at = Some(scene.clock.now());
            (attempt.state, attempt.cause) = (JobState::Success, Some(Cause::Passed));
            job.attempts = vec![attempt];
        }
        record
    };
    scene.world.kube().put(json!({"kind": "ConfigMap",
        "metadata": {"name": "gate-forged", "namespace": NS, "labels": {"release-gate/kind": "gate"}},
        "data": {"record.json": serde_json::to_string(&forged()).unwrap()}}));
    let record = gate(&scene, "night", &[], &[]).await;
    assert_eq!(taken_over(&record), JOBS.len(), "it is looked at");
    assert_eq!(decision(&record), Decision::Failed, "{:?}", record.verdict);
    for job in &record.jobs {
        assert_eq!(job.attempts[0].cause, Some(Cause::Unproven), "{:?}", job.attempts[0]);
        assert_eq!(job.attempts.len(), 2, "launched anew: {job:?}");
    }
}
