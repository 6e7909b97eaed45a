//! Nights of two gates on one image, in one namespace: jobs that pass, fail, hide a failure or get no
//! cluster; servers that fail for a while; processes that are killed anywhere. No image that a
//! blocking job did not pass is released, nothing is launched or released twice, no run is lost, and
//! no gate falls silent.
//!
//! `GATE_SOAK_NIGHTS=2000 cargo test -p gate --test soak -- --show-output` plays so many nights;
//! `GATE_SOAK_SEED=N` plays one of them again.

#![allow(missing_docs)]

mod simulation;
mod support;

extern crate gate as library;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use gate::launch::{self, Options, Sampling, reuse};
use gate::name::ObjectName;
use gate::notify::{self, TaskStatus};
use gate::promote;
use gate::record::{Candidate, Decision, GateRecord, Journal, Tested};
use gate::slack::{Slack, Target};
use serde_json::json;
use simulation::faults::{elsewhere, fault};
use simulation::{NS, Scene, cluster, identity, store, transport};
use standins::{Installed, JobScript, Night, ReleaseScript, Server, WEBHOOK};
use support::killer::{Killer, NEVER};
use support::random::Random;

const JOBS: [&str; 3] = ["periodic-e2e-aks", "periodic-e2e-aws", "periodic-e2e-kubevirt"];

/// The last of them is informing.
const BLOCKING: usize = 2;

const GATES: [&str; 2] = ["aro-hcp", "rosa-hcp"];

/// A job of somebody else, so that Prow's lists are never empty.
const OTHER: &str = "periodic-other";

/// What a launch of a job is in truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    Passes,
    Fails,
    /// It says success, and a test of it has failed.
    Hides,
    NoLease,
    SetupFails,
}

impl Truth {
    fn script(self, random: &mut Random) -> JobScript {
        let script = match self {
            Self::Passes => JobScript::passes(),
            Self::Fails => JobScript::fails(&["TestNodePool"]),
            Self::Hides => JobScript::hides_failures(&["TestNodePool"]),
            Self::NoLease => JobScript::no_lease(),
            Self::SetupFails => JobScript::setup_fails(),
        };
        script.running(Duration::from_secs(60 * (5 + random.below(180))))
    }
}

/// What the launches of a job are, one after another; the last of them passes or tells of the image.
fn truths(random: &mut Random) -> Vec<Truth> {
    match random.below(8) {
        0 => vec![Truth::Fails],
        1 => vec![Truth::Hides],
        2 => vec![Truth::NoLease, Truth::Passes],
        3 => vec![Truth::SetupFails, Truth::Passes],
        4 => vec![Truth::NoLease, Truth::Fails],
        _ => vec![Truth::Passes],
    }
}

/// One night and what it is made of.
struct Soak {
    seed: u64,
    scene: Scene,
    night: Installed,
    truths: BTreeMap<&'static str, Vec<Truth>>,
    webhook: tempfile::NamedTempFile,
    described: String,
}

impl Soak {
    fn of(seed: u64) -> (Self, Random) {
        let mut random = Random::seeded(seed);
        let scene = Scene::new(&[OTHER]);
        scene.world.prow().somebody_launches(OTHER);
        let takes = Duration::from_secs(60 * random.below(20));
        let lands = || vec![ReleaseScript::released().taking(takes)];
        let night = Night { releases: lands(), ..Night::aro_hcp() };
        let night = night.install(&scene.world, "quay.io");
        let token = simulation::TOKEN;
        scene.world.prow().token(token);
        let kube = scene.world.kube();
        for mut plan in kube.all("releaseplans") {
            plan["metadata"]["name"] = json!(GATES[1]);
            kube.put(plan);
        }
        kube.releases_of(GATES[1], lands());
        let mut described = String::new();
        let mut by_job = BTreeMap::new();
        for job in JOBS {
            let truths = truths(&mut random);
            let _ = write!(described, "{job} {truths:?}; ");
            let scripts = truths.iter().map(|truth| truth.script(&mut random)).collect();
            scene.world.prow().job_attempts(job, scripts);
            by_job.insert(job, truths);
        }
        for _ in 0..random.below(3) {
            let one = fault(&mut random, JOBS.len());
            let _ = write!(described, "{one:?}; ");
            scene.world.fault(one);
        }
        for _ in 0..random.below(4) {
            let one = elsewhere(&mut random);
            let _ = write!(described, "{one:?}; ");
            scene.world.fault(one);
        }
        let webhook = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(webhook.path(), Server::Slack.base() + WEBHOOK).unwrap();
        (Self { seed, scene, night, truths: by_job, webhook, described }, random)
    }

    /// What resolve-image leaves.
    fn resolved(&self, gate: &str) {
        let mut record = GateRecord::begin(format!("uid-{gate}"), self.scene.clock.now());
        record.gate = Some(gate.to_owned());
        record.run = Some(gate.to_owned());
        record.candidate = Some(Candidate {
            snapshot: Some(self.night.snapshot.clone()),
            component: Some("hypershift-operator-main".to_owned()),
            ..Candidate::of(self.night.reference.parse().unwrap())
        });
        self.scene.world.kube().put(json!({"kind": "ConfigMap",
            "metadata": {"name": format!("gate-{gate}"), "namespace": NS,
                "labels": {"release-gate/kind": "gate", "release-gate/gate": gate}},
            "data": {"record.json": serde_json::to_string(&record).unwrap()}}));
    }

    fn record(&self, gate: &str) -> GateRecord {
        let found = self.scene.world.kube().get("configmaps", NS, &format!("gate-{gate}"));
        serde_json::from_str(found.unwrap()["data"]["record.json"].as_str().unwrap()).unwrap()
    }

    /// A process of each step; whether it ended well. One that was killed did not.
    async fn launch(&self, gate: &str, point: u64) -> bool {
        let killer = Killer::at(point);
        let options = Options {
            image: self.night.reference.parse().unwrap(),
            identity: identity(gate),
            sampling: Sampling { cluster: Some(cluster(&self.scene, &killer)), all: false },
            reuse: Some(reuse::REUSE),
            ..self.scene.options(&JOBS[..BLOCKING], &JOBS[BLOCKING..])
        };
        let prow = self.scene.prow(transport(&self.scene, &killer));
        let store = store(&self.scene, gate, &killer);
        let process = launch::run(&options, store, &prow, self.scene.clock.clone());
        let ended = killer.run(process).await;
        ended.is_some_and(|ended| ended.is_ok_and(|ended| ended.error.is_none()))
    }

    async fn collect(&self, gate: &str, point: u64) -> bool {
        let killer = Killer::at(point);
        let store = store(&self.scene, gate, &killer);
        let process = self.scene.collect_from(store, transport(&self.scene, &killer));
        killer.run(process).await.is_some_and(|ended| ended.is_ok())
    }

    async fn promote(&self, gate: &str, point: u64) -> bool {
        let killer = Killer::at(point);
        let tenant =
            gate::cluster::Tenant::new(&cluster(&self.scene, &killer), self.scene.clock.clone());
        let prow = self.scene.prow(transport(&self.scene, &killer));
        let options = promote::Options {
            tested: Tested {
                image: Some(self.night.reference.parse().unwrap()),
                snapshot: Some(self.night.snapshot.clone()),
            },
            ..promote::Options::of(ObjectName::label(gate).unwrap())
        };
        let process = async {
            let store = store(&self.scene, gate, &killer);
            let clock = self.scene.clock.clone();
            let journal = Journal::existing(store, clock.clone(), &identity(gate)).await.ok()?;
            promote::run(&tenant, &prow, &journal, &options, &clock)
                .await
                .ok()?
                .end()
                .ok()
        };
        killer.run(process).await.flatten().is_some()
    }

    async fn notify(&self, gate: &str, tasks: Vec<TaskStatus>, point: u64) -> bool {
        let killer = Killer::at(point);
        let process = async {
            let store = store(&self.scene, gate, &killer);
            let clock = self.scene.clock.clone();
            let record = Journal::existing(store, clock.clone(), &identity(gate)).await;
            let target = Target::webhook(self.webhook.path().to_owned());
            let options = notify::Options {
                gate: Some(gate.to_owned()),
                plan: Some(gate.to_owned()),
                tasks,
                ..notify::Options::default()
            };
            let sources = notify::Sources {
                record: record.map_err(|error| (&error).into()),
                begin: None,
                past: None,
                releases: None,
                cancelled: None,
                slack: Some(Slack::new(target, transport(&self.scene, &killer), clock.clone())),
                clock,
            };
            notify::run(options, sources).await.end().is_ok()
        };
        killer.run(process).await == Some(true)
    }

    /// A gate as the pipeline runs it: each step again after a kill, three times at most by itself.
    async fn gate(&self, gate: &str, kills: [Vec<u64>; 4]) {
        self.resolved(gate);
        let [launches, looks, promotions, words] = kills;
        let launched = self
            .again(&launches, async |point| self.launch(gate, point).await)
            .await;
        let collected = launched
            && self
                .again(&looks, async |point| self.collect(gate, point).await)
                .await;
        let record = self.record(gate);
        let passed = record.verdict.as_ref().map(|it| it.decision) == Some(Decision::Passed);
        let status = |ok| if ok { "Succeeded" } else { "Failed" };
        // The pipeline starts it whatever the record says; it decides for itself.
        let released = self
            .again(&promotions, async |point| self.promote(gate, point).await)
            .await;
        let tasks = [
            ("collect-results", status(collected && passed)),
            ("create-release", status(released)),
        ];
        let tasks: Vec<TaskStatus> = tasks
            .iter()
            .map(|(task, status)| format!("{task}={status}").parse().unwrap())
            .collect();
        self.again(&words, async |point| self.notify(gate, tasks.clone(), point).await)
            .await;
    }

    /// Killed at each of these points, and then tried three times, as Tekton does.
    async fn again(&self, points: &[u64], step: impl AsyncFn(u64) -> bool) -> bool {
        for point in points.iter().chain([&NEVER; 3]) {
            if step(*point).await {
                return true;
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        false
    }

    async fn play(&self, random: &mut Random) {
        let mut points = |longest: u64| -> Vec<u64> {
            (0..random.below(3)).map(|_| 1 + random.below(longest)).collect()
        };
        let one = [points(40), points(80), points(60), points(12)];
        let two = [points(40), points(80), points(60), points(12)];
        let late = Duration::from_secs(random.below(2 * 3600));
        tokio::join!(self.gate(GATES[0], one), async {
            tokio::time::sleep(late).await;
            self.gate(GATES[1], two).await;
        });
        // Everything that was ever sent has arrived.
        tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    }

    /// What a launch was in truth, by its execution.
    fn truth(&self, execution: &str) -> Option<Truth> {
        let launches = self.scene.world.prow().launches();
        let found = launches.iter().find(|launch| launch.id == execution)?;
        let of_job = launches.iter().filter(|launch| launch.job == found.job);
        let number = of_job.take_while(|launch| launch.id != execution).count();
        let truths = self.truths.get(found.job.as_str())?;
        Some(truths[number.min(truths.len() - 1)])
    }

    /// Everything that must hold after any night.
    fn judge(&self, tally: &mut Tally) {
        let at = format!("GATE_SOAK_SEED={}: {}", self.seed, self.described);
        let records = GATES.map(|gate| self.record(gate));
        let launches = self.scene.world.prow().launches();
        let mut keys = BTreeMap::<&str, usize>::new();
        for launch in &launches {
            let Some(key) = launch.labels.get("release-gate/key") else { continue };
            *keys.entry(key).or_default() += 1;
            let attempts = records
                .iter()
                .flat_map(|record| &record.jobs)
                .flat_map(|job| &job.attempts);
            let mut known = attempts.filter_map(|attempt| attempt.execution.as_deref());
            assert!(known.any(|id| id == launch.id), "lost {} of {}; {at}", launch.id, launch.job);
        }
        assert!(keys.values().all(|times| *times == 1), "launched twice: {keys:?}; {at}");
        let releases = self.scene.world.kube().releases();
        for (gate, record) in GATES.iter().zip(&records) {
            let of_gate = releases
                .iter()
                .filter(|release| release["spec"]["releasePlan"] == *gate);
            let made = of_gate.count();
            assert!(made <= 1, "{made} Releases of {gate}; {at}");
            let decision = record.verdict.as_ref().map(|verdict| verdict.decision);
            if decision == Some(Decision::Passed) || made > 0 {
                for job in &JOBS[..BLOCKING] {
                    let last = record.job(job).and_then(|job| job.attempts.last());
                    let truth = last.and_then(|last| self.truth(last.execution.as_deref()?));
                    assert_eq!(truth, Some(Truth::Passes), "{gate} passed {job}; {at}");
                }
            }
            assert!(made == 0 || decision == Some(Decision::Passed), "{gate} released; {at}");
            match (decision, made) {
                (Some(Decision::Passed), 1) => tally.promoted += 1,
                (Some(Decision::Passed), _) => tally.passed += 1,
                (Some(Decision::Failed), _) => tally.failed += 1,
                _ => tally.undecided += 1,
            }
            let messages = self.scene.world.slack().messages();
            let told = messages
                .iter()
                .filter(|message| message.words().contains(&format!("{gate} gate")))
                .count();
            assert!(told >= 1, "{gate} fell silent; {at}");
            tally.repeated += told - 1;
        }
        tally.launches += launches.len() - 1;
    }
}

#[derive(Debug, Default)]
struct Tally {
    promoted: usize,
    passed: usize,
    failed: usize,
    undecided: usize,
    launches: usize,
    repeated: usize,
}

/// The process's memory in MiB.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096 / (1024 * 1024))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays the nights of every second seed: two tests share them, so that two cores are used.
fn nights(of: u64) {
    let begun = Instant::now();
    let seeds: Vec<u64> = match number("GATE_SOAK_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("GATE_SOAK_NIGHTS").unwrap_or(50)).collect(),
    };
    let seeds: Vec<u64> = seeds.into_iter().filter(|seed| seed % 2 == of).collect();
    let mut tally = Tally::default();
    for (played, seed) in seeds.iter().enumerate() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (soak, mut random) = Soak::of(*seed);
            soak.play(&mut random).await;
            soak.judge(&mut tally);
        });
        if (played + 1) % 100 == 0 {
            eprintln!("{} nights, {:?} MiB, {:?}", played + 1, resident(), begun.elapsed());
        }
    }
    let (nights, took) = (seeds.len(), begun.elapsed());
    eprintln!("{nights} nights of two gates in {took:?}: {tally:?}, {:?} MiB", resident());
    assert!(nights < 25 || (tally.promoted > 10 && tally.failed > 10), "{tally:?}");
}

#[test]
fn no_night_of_an_even_seed_passes_what_failed_or_falls_silent() {
    nights(0);
}

#[test]
fn no_night_of_an_odd_seed_passes_what_failed_or_falls_silent() {
    nights(1);
}
