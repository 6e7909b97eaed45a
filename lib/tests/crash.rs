//! The crash harness: a step is killed before and after every request and every access to the
//! record, run again, killed again, and in the end Prow has each job once and the record knows it.

#![allow(missing_docs)]

mod simulation;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use simulation::Scene;
use simulation::killer::{Killer, Random};
use standins::{Fault, Nth, Server, Trouble};

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
        (1..jobs.len()).rev().for_each(|last| jobs.swap(last, random.below(last as u64 + 1) as usize));
        jobs.truncate(1 + random.below(4) as usize);
        let blocking = 1 + random.below(jobs.len() as u64) as usize;
        let of_cron = JOBS.into_iter().filter(|_| random.once_in(2)).chain(["periodic-y"]).collect();
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

/// A fault that a night can bring and that passes.
fn fault(random: &mut Random, jobs: usize) -> Fault {
    let trouble = match random.below(8) {
        0 => Trouble::DropAfter,
        1 => Trouble::DropBefore,
        2 => Trouble::StatusAfter(504),
        3 => Trouble::StatusBefore(503),
        4 => Trouble::TooMany(Some(7)),
        5 => Trouble::Truncate(random.below(200) as usize),
        6 => Trouble::StallAfter(Duration::from_secs(20 + random.below(100))),
        _ => return outage(random),
    };
    Fault::on(Server::Gangway, trouble).method("POST").nth(Nth::Only(1 + random.below(jobs as u64 + 1) as u32))
}

fn outage(random: &mut Random) -> Fault {
    match random.below(4) {
        0 => Fault::on(Server::Gangway, Trouble::EmptyList).method("GET").nth(Nth::First(2)),
        1 => Fault::on(Server::Gangway, Trouble::StatusBefore(502)).method("GET").nth(Nth::First(3)),
        2 => Fault::on(Server::Deck, Trouble::StatusBefore(503)).nth(Nth::First(2)),
        _ => Fault::on(Server::Deck, Trouble::DropBefore).nth(Nth::Every(2)),
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
        assert!(ended.error.is_none(), "{:?} after kills at {kills:?}: {}", ended.error, case.described());
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
    let ours: Vec<_> = launches.iter().filter(|launch| launch.labels.contains_key("release-gate/key")).collect();
    for job in &case.jobs {
        let of_job: Vec<_> = ours.iter().filter(|launch| launch.job == *job).map(|launch| launch.id.clone()).collect();
        assert_eq!(of_job, Vec::from_iter(scene.execution(job)), "{job} after {after}: {}", case.described());
    }
    let mut counts = BTreeMap::new();
    ours.iter().for_each(|launch| *counts.entry(launch.job.clone()).or_default() += 1);
    Outcome { launched: gate::launch::launched(&scene.record.record().unwrap()), launches: counts }
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
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(simulation)
}

/// A kill at a point, and then several in a row, over many job sets and faults; every tenth job set
/// at every point there is.
#[test]
fn a_launch_survives_every_kill() {
    let begun = Instant::now();
    let mut random = Random::seeded(5);
    let (mut kills, mut cases) = (0, 0);
    while kills < 2000 {
        let case = Case::seeded(&mut random);
        let (reference, passed) = paused(launch(&case, &[]));
        assert_eq!(reference.launched, case.jobs.len(), "{}", case.described());
        let points: Vec<_> = match cases % 10 {
            0 => (1..=passed).collect(),
            _ => (0..4).map(|_| 1 + random.below(passed)).collect(),
        };
        for point in points {
            let row: Vec<_> = (0..2 + random.below(3)).map(|_| 1 + random.below(passed + 4)).collect();
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
