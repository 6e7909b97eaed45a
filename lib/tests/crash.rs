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
        Self { jobs, blocking, faults, of_cron }
    }

    fn scene(&self) -> Scene {
        let scene = Scene::new(&JOBS);
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
    let launches = scene.world.prow().launches();
    let ours: Vec<_> = launches.iter().filter(|launch| launch.labels.contains_key("release-gate/key")).collect();
    for job in &case.jobs {
        let of_job: Vec<_> = ours.iter().filter(|launch| launch.job == *job).map(|launch| launch.id.clone()).collect();
        assert_eq!(
            of_job,
            Vec::from_iter(scene.execution(job)),
            "{job} after kills at {kills:?}: {}",
            case.described()
        );
    }
    let mut counts = BTreeMap::new();
    ours.iter().for_each(|launch| *counts.entry(launch.job.clone()).or_default() += 1);
    let launched = gate::launch::launched(&scene.record.record().unwrap());
    (Outcome { launched, launches: counts }, last)
}

impl Case {
    fn described(&self) -> String {
        format!("{:?}, {} blocking, cron {:?}, {:?}", self.jobs, self.blocking, self.of_cron, self.faults)
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
    println!("{kills} kills over {cases} job sets in {:?}", begun.elapsed());
}
