//! The crash harness: a step is killed before and after every request and every access to the
//! record, run again, killed again, and in the end Prow has each job once and the record knows it.

#![allow(missing_docs)]

mod simulation;
mod support;

extern crate gate as library;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gate::record::{Cause, Decision};
use simulation::Scene;
use simulation::faults::fault;
use standins::{Fault, JobScript};
use support::killer::Killer;
use support::random::Random;

/// Jobs whose names share Prow's label, among others.
const JOBS: [&str; 6] = [
    "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks",
    "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks-external-oidc-techpreview",
    "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks-upgrade-minor",
    "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-v2-aws-conformance",
    "periodic-x",
    "periodic-y",
];

/// What a seed makes of a case.
struct Case {
    jobs: Vec<&'static str>,
    blocking: usize,
    faults: Vec<Fault>,
    /// Jobs that cron has launched as well.
    of_cron: Vec<&'static str>,
    /// The longest ways to the record and to the servers in milliseconds, and their seed.
    ways: (u64, u64, u64),
}

impl Case {
    fn seeded(random: &mut Random) -> Self {
        let mut jobs = JOBS.to_vec();
        // A shuffle, and the first few of it.
        (1..jobs.len())
            .rev()
            .for_each(|last| jobs.swap(last, random.below(last as u64 + 1) as usize));
        jobs.truncate(1 + random.below(4) as usize);
        let blocking = 1 + random.below(jobs.len() as u64) as usize;
        let of_cron = JOBS
            .into_iter()
            .filter(|_| random.once_in(2))
            .chain(["periodic-y"])
            .collect();
        let faults = (0..random.below(4)).map(|_| fault(random, jobs.len())).collect();
        // Beyond what an announcement may take, and up to what a proxy waits.
        let ways = if random.once_in(2) {
            (0, 0, 0)
        } else {
            (random.below(15_000), random.below(60_000), random.next() >> 8)
        };
        Self { jobs, blocking, faults, of_cron, ways }
    }

    fn scene(&self) -> Scene {
        let mut scene = Scene::new(&JOBS);
        scene.ways = self.ways;
        for job in &self.of_cron {
            scene.world.prow().somebody_launches(job);
        }
        for fault in &self.faults {
            scene.world.fault(fault.clone());
        }
        scene
    }
}

/// What must be the same however often the step was killed.
#[derive(Debug, PartialEq)]
struct Outcome {
    launched: usize,
    launches: BTreeMap<String, usize>,
}

/// Runs launch-prow, killed at each of these points in turn and then left alone; the outcome, and
/// the points that the last run passed.
async fn launch(case: &Case, kills: &[u64]) -> (Outcome, u64) {
    let scene = case.scene();
    let (blocking, informing) = case.jobs.split_at(case.blocking);
    let mut last = 0;
    for point in kills.iter().copied().chain([0]) {
        let killer = Killer::at(point);
        let step = scene.launch_under(&killer, blocking, informing);
        let Some(ended) = killer.run(step).await else { continue };
        let ended = ended.unwrap();
        assert!(
            ended.error.is_none(),
            "{:?} after kills at {kills:?}: {}",
            ended.error,
            case.described()
        );
        last = killer.passed();
        if point != 0 {
            // It had ended before that point; the next run must not change anything.
            continue;
        }
    }
    (outcome(case, &scene, &format!("kills at {kills:?}")).await, last)
}

/// Counts, when everything that was ever sent has arrived.
async fn outcome(case: &Case, scene: &Scene, after: &str) -> Outcome {
    tokio::time::sleep(Duration::from_secs(300)).await;
    let launches = scene.world.prow().launches();
    let ours: Vec<_> = launches
        .iter()
        .filter(|launch| launch.labels.contains_key("release-gate/key"))
        .collect();
    for job in &case.jobs {
        let of_job: Vec<_> = ours
            .iter()
            .filter(|launch| launch.job == *job)
            .map(|launch| launch.id.clone())
            .collect();
        assert_eq!(
            of_job,
            Vec::from_iter(scene.execution(job)),
            "{job} after {after}: {}",
            case.described()
        );
    }
    let mut counts = BTreeMap::new();
    ours.iter()
        .for_each(|launch| *counts.entry(launch.job.clone()).or_default() += 1);
    Outcome { launched: gate::launch::launched(&scene.record.record()), launches: counts }
}

impl Case {
    fn described(&self) -> String {
        format!(
            "{:?}, {} blocking, cron {:?}, ways {:?}, {:?}",
            self.jobs, self.blocking, self.of_cron, self.ways, self.faults
        )
    }
}

fn paused<T>(simulation: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(simulation)
}

/// A kill at a point, and then several in a row, over many job sets and faults; every tenth job set
/// at every point there is.
#[test]
fn a_launch_survives_every_kill() {
    let begun = Instant::now();
    let mut random = Random::seeded(5);
    let (mut kills, mut cases) = (0, 0);
    while kills < 2400 {
        let case = Case::seeded(&mut random);
        let (reference, passed) = paused(launch(&case, &[]));
        assert_eq!(reference.launched, case.jobs.len(), "{}", case.described());
        let points: Vec<_> = match cases % 10 {
            0 => (1..=passed).collect(),
            _ => (0..4).map(|_| 1 + random.below(passed)).collect(),
        };
        for point in points {
            let row: Vec<_> = (0..2 + random.below(3))
                .map(|_| 1 + random.below(passed + 4))
                .collect();
            for at in [vec![point], row] {
                let (outcome, _) = paused(launch(&case, &at));
                assert_eq!(outcome, reference, "killed at {at:?}: {}", case.described());
                kills += at.len();
            }
        }
        cases += 1;
    }
    eprintln!("{kills} kills over {cases} job sets in {:?}", begun.elapsed());
}

/// Two launchers on one record, far from it and from the servers, one of them killed at times.
#[test]
fn two_launchers_launch_each_job_once() {
    let mut random = Random::seeded(7);
    for _ in 0..150 {
        let mut case = Case::seeded(&mut random);
        case.ways.2 = random.next() >> 8;
        if case.ways.0 == 0 {
            (case.ways.0, case.ways.1) = (random.below(3000), random.below(3000));
        }
        let kill = if random.once_in(2) { 1 + random.below(20) } else { 0 };
        paused(async {
            let scene = case.scene();
            let (blocking, informing) = case.jobs.split_at(case.blocking);
            let (dies, lives) = (Killer::at(kill), Killer::at(0));
            let (one, other) = tokio::join!(
                dies.run(scene.launch_under(&dies, blocking, informing)),
                lives.run(scene.launch_under(&lives, blocking, informing))
            );
            for ended in one.into_iter().chain(other) {
                let ended = ended.unwrap();
                assert!(ended.error.is_none(), "{:?}: {}", ended.error, case.described());
            }
            let outcome = outcome(&case, &scene, &format!("two launchers, a kill at {kill}")).await;
            assert_eq!(outcome.launched, case.jobs.len(), "{}", case.described());
        });
    }
}

/// How a job goes in a night, launch by launch. Informing jobs end within their grace whatever
/// happens, so that they end the same way every time.
fn scripts(random: &mut Random, blocking: bool) -> Vec<JobScript> {
    let minutes =
        |random: &mut Random, least: u64| Duration::from_secs(60 * (least + random.below(10)));
    let passes = JobScript::passes().running(minutes(random, 5));
    match random.below(6) {
        0 => vec![JobScript::fails(&["TestNodePool"]).running(minutes(random, 5))],
        1 if blocking => vec![JobScript::no_lease().running(minutes(random, 2)), passes],
        2 if blocking => vec![JobScript::setup_fails().running(minutes(random, 2)), passes],
        3 => vec![passes.new_build_after(Duration::from_secs(200))],
        _ => vec![passes],
    }
}

/// What must be the same of a whole night: the decision, and each attempt's cause.
type Night = (Option<Decision>, Vec<(String, Vec<Option<Cause>>)>);

/// Launches and collects, each killed at its points and then left alone; the night and how many
/// points the last run of collect-results passed.
async fn night(
    case: &Case,
    scripts: &[Vec<JobScript>],
    launch_kills: &[u64],
    collect_kills: &[u64],
) -> (Night, u64) {
    let scene = case.scene();
    for (job, scripts) in case.jobs.iter().zip(scripts) {
        scene.world.prow().job_attempts(job, scripts.clone());
    }
    let (blocking, informing) = case.jobs.split_at(case.blocking);
    for point in launch_kills.iter().copied().chain([0]) {
        let killer = Killer::at(point);
        if let Some(ended) = killer.run(scene.launch_under(&killer, blocking, informing)).await {
            assert!(ended.unwrap().error.is_none(), "{}", case.described());
        }
    }
    let mut last = 0;
    for point in collect_kills.iter().copied().chain([0]) {
        let killer = Killer::at(point);
        if let Some(record) = killer.run(scene.collect_under(&killer)).await {
            record.unwrap();
            last = killer.passed();
        }
    }
    tokio::time::sleep(Duration::from_secs(300)).await;
    let record = scene.record.record();
    let mut ours: Vec<_> = scene.world.prow().launches();
    ours.retain(|launch| launch.labels.contains_key("release-gate/key"));
    let mut made: Vec<_> = ours
        .iter()
        .map(|launch| (launch.job.clone(), launch.id.clone()))
        .collect();
    let runs = record
        .jobs
        .iter()
        .flat_map(|job| job.attempts.iter().map(move |attempt| (job, attempt)));
    let mut known: Vec<_> = runs
        .map(|(job, attempt)| (job.name.clone(), attempt.execution.clone().unwrap_or_default()))
        .collect();
    made.sort();
    known.sort();
    assert_eq!(
        made,
        known,
        "after kills at {launch_kills:?} and {collect_kills:?}: {}",
        case.described()
    );
    let causes = record
        .jobs
        .iter()
        .map(|job| (job.name.clone(), job.attempts.iter().map(|a| a.cause).collect()));
    ((record.verdict.as_ref().map(|verdict| verdict.decision), causes.collect()), last)
}

/// Whole nights with reruns: the same verdict and the same launches, however often both steps die.
#[test]
fn a_night_survives_every_kill() {
    let begun = Instant::now();
    let mut random = Random::seeded(11);
    let (mut kills, mut nights) = (0, 0);
    while kills < 500 {
        let case = Case::seeded(&mut random);
        let scripts: Vec<_> = (0..case.jobs.len())
            .map(|job| scripts(&mut random, job < case.blocking))
            .collect();
        let (reference, passed) = paused(night(&case, &scripts, &[], &[]));
        assert!(
            reference.0.is_some()
                && reference
                    .1
                    .iter()
                    .all(|(_, causes)| causes.iter().all(Option::is_some))
        );
        for _ in 0..3 {
            let in_launch: Vec<_> = (0..random.below(3)).map(|_| 1 + random.below(40)).collect();
            let in_collect: Vec<_> = (0..3 + random.below(6))
                .map(|_| 1 + random.below(passed / 2))
                .collect();
            let (outcome, _) = paused(night(&case, &scripts, &in_launch, &in_collect));
            assert_eq!(
                outcome,
                reference,
                "killed at {in_launch:?}, {in_collect:?}: {}",
                case.described()
            );
            kills += in_launch.len() + in_collect.len();
        }
        nights += 1;
    }
    eprintln!("{kills} kills over {nights} nights in {:?}", begun.elapsed());
}
