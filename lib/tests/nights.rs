//! Twenty nights of three platforms in one namespace, on a clock that jumps: runs are named as the
//! real controller names them, all alike; runs are killed, cancelled and hang, Snapshots are
//! deleted. Who was skipped, and why? Who was told? What was released? `cargo test -p gate --test
//! nights -- --show-output`

#![allow(missing_docs)]

mod support;

extern crate gate as library;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gate::clock::{RuntimeClock, SharedClock};
use gate::cluster::{Cluster, Tenant};
use gate::collect::collector::Collector;
use gate::collect::histories::Histories;
use gate::collect::policy::Policy;
use gate::collect::progress::Reporter;
use gate::jobs::{self, Given};
use gate::launch::{self, Finder, Launcher};
use gate::name::ObjectName;
use gate::prow::Addresses;
use gate::prow::budget::Limits;
use gate::record::{
    ConfigMapStore, Decision, Identity, Journal, Limits as Few, Location, Outcome, Whose,
    gangway_budget, past_runs, store_at,
};
use gate::secret::SecretFile;
use gate::step::LastWords;
use gate::trigger::{self, Ending, Skip, VerifiedBy, Wanted};
use jiff::Timestamp;
use serde_json::{Value, json};
use standins::{JobScript, ScenarioScript, Server, TokioTime, World};

const NS: &str = "tenant";
const TOKEN: &str = "sha256~EXAMPLE";
const NIGHTS: usize = 20;
/// The three platforms, an hour apart in each night.
const PLATFORMS: [(&str, &str); 3] =
    [("aro-hcp", "ARO HCP"), ("rosa-hcp", "ROSA HCP"), ("gcp-hcp", "GCP HCP")];
/// From one night to the next: shorter than a day, so that what is left of one reaches into the
/// next.
const NIGHT: Duration = hours(8);

const fn hours(count: u64) -> Duration {
    Duration::from_secs(3600 * count)
}

/// What happens to a platform in a night.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Its jobs pass in an hour.
    Passes,
    /// A job fails.
    Fails,
    /// Its pods die in the middle, and Tekton gives up; the jobs go on for nine hours.
    Killed,
    /// Its PipelineRun is cancelled outright; the jobs go on.
    Cancelled,
    /// Its Snapshot is deleted, and its PipelineRun with it; the jobs go on.
    SnapshotDeleted,
    /// Its PipelineRun hangs for so many nights before it is cancelled.
    Hangs(u32),
}

/// By platform and night, counted from 0; all others pass.
fn fate(platform: usize, night: usize) -> Fate {
    match (platform, night) {
        (0, 2) | (2, 15) => Fate::Killed,
        (1, 4) | (0, 17) => Fate::Cancelled,
        (2, 6) | (1, 12) => Fate::SnapshotDeleted,
        (0, 8) => Fate::Hangs(3),
        (1, 9) | (2, 10) | (0, 14) => Fate::Fails,
        (1, 15) => Fate::Hangs(1),
        _ => Fate::Passes,
    }
}

/// What is remembered of a night of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Started,
    Skipped {
        told: bool,
    },
    /// Nothing newer is to be verified.
    Verified,
}

struct Nights {
    world: World,
    clock: SharedClock,
    cluster: Cluster,
    token: tempfile::NamedTempFile,
    released: Mutex<Vec<(usize, usize)>>,
}

impl Nights {
    fn new() -> Arc<Self> {
        let start: Timestamp = "2026-08-20T00:00:00Z".parse().unwrap();
        let world = World::builder().clock(TokioTime::starting_at(start)).build();
        world.prow().token(TOKEN);
        for (scenario, _) in PLATFORMS {
            world.kube().scenario(NS, scenario, ScenarioScript::default());
        }
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), TOKEN).unwrap();
        let cluster = Cluster {
            client: kube::Client::new(world.direct(Server::Kube), NS),
            namespace: NS.to_owned(),
        };
        let clock = Arc::new(RuntimeClock::starting_at(start));
        Arc::new(Self { world, clock, cluster, token, released: Mutex::default() })
    }

    fn job(platform: usize) -> String {
        format!("periodic-ci-openshift-hypershift-main-periodics-e2e-{}", PLATFORMS[platform].0)
    }

    fn image(night: usize) -> String {
        format!("quay.io/acme/ho@sha256:{night:064x}")
    }

    fn build(&self, night: usize) {
        let start = self.clock.now().as_millisecond();
        self.world.kube().put(json!({
            "kind": "Snapshot",
            "metadata": {"name": format!("ho-{night:02}"), "namespace": NS, "labels": {
                "appstudio.openshift.io/application": "ho", "appstudio.openshift.io/component": "ho-main",
                "pac.test.appstudio.openshift.io/event-type": "push", "test.appstudio.openshift.io/type": "component",
            }, "annotations": {"test.appstudio.openshift.io/pipelinerunstarttime": start.to_string()}},
            "spec": {"application": "ho", "components": [{"name": "ho-main", "containerImage": Self::image(night)}]},
        }));
    }

    /// trigger-gate as the platform's CronJob starts it.
    async fn trigger(&self, platform: usize) -> (Ending, bool) {
        let (scenario, _) = PLATFORMS[platform];
        let tenant = Tenant::new(&self.cluster, self.clock.clone());
        let options = trigger::Options {
            application: Some(ObjectName::label("ho").unwrap()),
            component: Some(gate::snapshot::ComponentName::of("ho-main")),
            snapshot: None,
            wanted: vec![Wanted {
                scenario: ObjectName::label(scenario).unwrap(),
                plan: Some(ObjectName::label(&format!("plan-{scenario}")).unwrap()),
            }],
            wait: Duration::from_secs(900),
            keep: hours(72),
            dry_run: false,
            force: false,
        };
        let report = trigger::run(&options, &tenant, None, &self.clock, &LastWords::default())
            .await
            .unwrap();
        let place: Location = format!("configmap:trigger-{scenario}").parse().unwrap();
        let store = store_at(&place, Some(&self.cluster));
        let due = trigger::note(&report, Some(store.as_ref()), self.clock.as_ref()).await;
        (report.scenarios[0].ending.clone(), !due.is_empty())
    }

    /// The steps of a run, from its pods' point of view: what they know of it are its labels.
    async fn pods(self: Arc<Self>, run: Value, platform: usize, night: usize) {
        let (scenario, gate) = PLATFORMS[platform];
        let text = |path: &str| run.pointer(path).and_then(Value::as_str).unwrap().to_owned();
        assert_eq!(run["metadata"]["labels"]["test.appstudio.openshift.io/scenario"], scenario);
        let name = text("/metadata/name");
        let identity = Identity {
            run_id: Some(text("/metadata/uid")),
            run_name: Some(name.clone()),
            gate: Some(gate.to_owned()),
            scenario: Some(scenario.to_owned()),
            namespace: Some(NS.to_owned()),
        };
        let store = || Box::new(ConfigMapStore::new(&self.cluster, format!("gate-{name}")));
        let transport = support::network(&self.world);
        let (blocking, variables) =
            (json!([Self::job(platform)]).to_string(), ["IMAGE".to_owned()]);
        let given =
            Given { blocking: Some(&blocking), override_env: &variables, ..Given::default() };
        let options = launch::Options {
            image: Self::image(night).parse().unwrap(),
            request: jobs::read(&given).unwrap(),
            identity,
            sampling: launch::Sampling::default(),
            reuse: None,
        };
        let addresses = Addresses {
            gangway: Server::Gangway.base().parse().unwrap(),
            token: Some(SecretFile::new("--gangway-token-file", self.token.path())),
            deck: Server::Deck.base().parse().unwrap(),
            artifacts: Server::Bucket.base().parse().unwrap(),
            tokens: gate::prow::Tokens::default(),
            limits: Limits::default(),
        };
        let prow = addresses.open(transport).unwrap();
        launch::run(&options, store(), &prow, self.clock.clone())
            .await
            .unwrap();

        let journal = Arc::new(
            Journal::existing(store(), self.clock.clone(), &Identity::default())
                .await
                .unwrap(),
        );
        let budget = gangway_budget(&journal, self.clock.clone(), Limits::default())
            .await
            .unwrap();
        let gangway = prow.gangway(prow.token.clone().unwrap(), budget);
        let (deck, bucket) = (prow.deck.clone(), prow.bucket.clone());
        let finder = Finder::new(gangway.clone(), deck.clone(), bucket.clone());
        let launcher = Launcher::new(journal.clone(), gangway.clone(), finder, self.clock.clone());
        let collector = Collector {
            journal: journal.clone(),
            deck,
            bucket,
            gangway: Some(gangway),
            launcher: Some(Arc::new(launcher)),
            clock: self.clock.clone(),
            policy: Policy::default(),
            histories: Histories::none(self.clock.clone()),
            tekton_end: None,
        };
        let record = collector.run(&mut Reporter::new(false)).await.unwrap();
        if record
            .verdict
            .is_some_and(|verdict| verdict.decision == Decision::Passed)
        {
            self.world.kube().put(json!({
                "kind": "Release", "metadata": {"name": format!("plan-{scenario}-{night}"), "namespace": NS},
                "spec": {"snapshot": format!("ho-{night:02}"), "releasePlan": format!("plan-{scenario}")},
                "status": {
                    "conditions": [{"type": "Released", "status": "True", "reason": "Succeeded", "message": ""}],
                    "completionTime": format!("{:.0}", self.clock.now()),
                    "artifacts": {"images": [{"name": "ho-main", "shasum": format!("sha256:{night:064x}"), "urls": []}]},
                },
            }));
            self.released.lock().unwrap().push((platform, night));
        }
        self.end(&name);
    }

    /// The PipelineRun has ended, one way or another.
    fn end(&self, run: &str) {
        if self.world.kube().get("pipelineruns", NS, run).is_some() {
            self.world.kube().change("pipelineruns", NS, run, |run| {
                run["status"]["completionTime"] = json!(format!("{:.0}", self.clock.now()));
            });
        }
    }

    /// One platform's part of a night.
    async fn night(self: Arc<Self>, platform: usize, night: usize) -> Seen {
        let fate = fate(platform, night);
        let script = match fate {
            Fate::Passes => JobScript::passes().running(hours(1)),
            Fate::Fails => JobScript::fails(&["TestUpgrade"]).running(hours(1)),
            _ => JobScript::passes().running(hours(9)),
        };
        self.world.prow().job(&Self::job(platform), script);
        let (ending, told) = self.trigger(platform).await;
        let run = match ending {
            Ending::Started { run } => run,
            Ending::Skipped(skip) => {
                // Whatever it was skipped for is the platform's own.
                let (kind, name) = match &skip {
                    Skip::Verified { by } => {
                        let VerifiedBy::Release(release) = by else {
                            panic!("no Release has left the cluster: {by:?}")
                        };
                        assert!(
                            release.starts_with(&format!("plan-{}-", PLATFORMS[platform].0))
                                && !told
                        );
                        return Seen::Verified;
                    }
                    Skip::InFlight { run, .. } => ("pipelineruns", run),
                    Skip::JobsRunning { record, .. } => ("configmaps", record),
                };
                let found = self.world.kube().get(kind, NS, name).unwrap();
                let key = if kind == "configmaps" {
                    "release-gate"
                } else {
                    "test.appstudio.openshift.io"
                };
                assert_eq!(
                    found["metadata"]["labels"][format!("{key}/scenario")],
                    PLATFORMS[platform].0,
                    "{skip:?}"
                );
                return Seen::Skipped { told };
            }
            other => panic!("night {night} of {platform}: {other:?}"),
        };
        assert!(run.starts_with("ho-release-gate-"), "as the real controller names it: {run}");
        assert!(!told);
        let object = self.world.kube().get("pipelineruns", NS, &run).unwrap();
        let pods = tokio::task::spawn_local(self.clone().pods(object, platform, night));
        let world = self.clone();
        tokio::task::spawn_local(async move {
            world.clock.sleep(hours(1) / 2).await;
            if matches!(fate, Fate::Passes | Fate::Fails) {
                return;
            }
            pods.abort();
            if let Fate::Hangs(nights) = fate {
                world.clock.sleep(NIGHT * nights).await;
            }
            if fate == Fate::SnapshotDeleted {
                assert!(world.world.kube().delete("snapshots", NS, &format!("ho-{night:02}")));
            } else {
                world.end(&run);
            }
        });
        Seen::Started
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_nights_of_three_platforms() {
    tokio::task::LocalSet::new().run_until(twenty_nights()).await;
}

async fn twenty_nights() {
    let nights = Nights::new();
    let mut seen: BTreeMap<(usize, usize), Seen> = BTreeMap::new();
    for night in 0..NIGHTS {
        nights.build(night);
        let began = nights.clock.now();
        for platform in 0..PLATFORMS.len() {
            seen.insert((platform, night), nights.clone().night(platform, night).await);
            let next = nights.clock.after(began, hours(platform as u64 + 1));
            nights.clock.sleep(nights.clock.until(next)).await;
        }
        nights
            .clock
            .sleep(nights.clock.until(nights.clock.after(began, NIGHT)))
            .await;
    }
    nights.clock.sleep(hours(24)).await;

    let released = nights.released.lock().unwrap().clone();
    eprintln!(
        "platform   nights (P released, F refused, k killed, c cancelled, d Snapshot deleted, h hangs, v nothing newer, . skipped, ! skipped and told)"
    );
    for (platform, (name, _)) in PLATFORMS.iter().enumerate() {
        let letter = |night| match (&seen[&(platform, night)], fate(platform, night)) {
            (Seen::Skipped { told: false }, _) => '.',
            (Seen::Skipped { told: true }, _) => '!',
            (Seen::Verified, _) => 'v',
            (_, Fate::Killed) => 'k',
            (_, Fate::Cancelled) => 'c',
            (_, Fate::SnapshotDeleted) => 'd',
            (_, Fate::Hangs(_)) => 'h',
            _ if released.contains(&(platform, night)) => 'P',
            _ => 'F',
        };
        eprintln!("{name:<10} {}", (0..NIGHTS).map(letter).collect::<String>());
    }
    let skipped = seen
        .values()
        .filter(|seen| matches!(seen, Seen::Skipped { .. }))
        .count();
    let told = seen
        .values()
        .filter(|seen| **seen == Seen::Skipped { told: true })
        .count();
    let launches = nights.world.prow().launches();
    eprintln!(
        "{skipped} nights skipped, {told} told, {} released, {} jobs launched",
        released.len(),
        launches.len()
    );

    for (platform, (scenario, gate)) in PLATFORMS.iter().enumerate() {
        let mut in_a_row = 0;
        for night in 0..NIGHTS {
            match &seen[&(platform, night)] {
                Seen::Skipped { told } => {
                    in_a_row += 1;
                    assert_eq!(*told, in_a_row >= 2, "{scenario}, night {night}");
                }
                Seen::Verified => in_a_row = 0,
                Seen::Started => {
                    in_a_row = 0;
                    let passed = fate(platform, night) == Fate::Passes;
                    assert_eq!(
                        released.contains(&(platform, night)),
                        passed,
                        "{scenario}, night {night}"
                    );
                }
            }
        }
        // What the gate and the scenario find of each other's past is their own, and all of it.
        let started = (0..NIGHTS)
            .filter(|night| seen[&(platform, *night)] == Seen::Started)
            .count();
        let of = |whose| past_runs(&nights.cluster, &nights.clock, whose, Few::default());
        let (by_gate, by_scenario) = (
            of(Whose::Gate(gate)).await.unwrap(),
            of(Whose::Scenario { name: scenario, runs: &[] }).await.unwrap(),
        );
        assert_eq!((by_gate.runs.len(), &by_gate), (started, &by_scenario), "{scenario}");
        let red = by_gate
            .runs
            .iter()
            .filter(|run| run.outcome == Some(Outcome::Refused))
            .count();
        assert_eq!(
            red,
            (0..NIGHTS)
                .filter(|night| fate(platform, *night) == Fate::Fails)
                .count()
        );
        // No job was launched while one of an earlier night still ran.
        let mut ran: Vec<Timestamp> = launches
            .iter()
            .filter(|launch| launch.job == Nights::job(platform))
            .map(|launch| launch.at)
            .collect();
        ran.sort();
        assert_eq!(ran.len(), started);
        assert!(
            ran.windows(2)
                .all(|two| two[1].duration_since(two[0]) >= jiff::SignedDuration::from_hours(7))
        );
    }
    // One night for each run whose jobs went on, and three for the one that hung so long.
    assert_eq!((skipped, told), (10, 2));
}
