//! The steps against the stand-in servers in this process, under tokio's paused time: hours take
//! milliseconds, and every run with the same seed is the same.

#![allow(dead_code, missing_docs)]

pub mod faults;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gate::clock::{RuntimeClock, SharedClock};
use gate::cluster::Cluster;
use gate::collect::CollectError;
use gate::collect::collector::Collector;
use gate::collect::histories::Histories;
use gate::collect::policy::Policy;
use gate::collect::progress::Reporter;
use gate::failure::Failure;
use gate::http::SharedTransport;
use gate::jobs::{self, Given};
use gate::launch::{self, Ended, Finder, Launcher, Options};
use gate::prow::budget::Limits;
use gate::prow::{Addresses, Servers};
use gate::record::{ConfigMapStore, GateRecord, Identity, Journal, Store, gangway_budget};
use gate::secret::SecretFile;
use jiff::Timestamp;
use standins::{JobScript, Server, TokioTime, World};
use tower::ServiceExt;

use crate::support::killer::{Deadly, Killer, Slow};
use crate::support::memory::Memory;
use crate::support::network;

/// When every simulation begins.
pub fn beginning() -> Timestamp {
    "2026-08-20T03:00:00Z".parse().unwrap()
}

/// One gate's surroundings: servers, a record, a token.
pub struct Scene {
    pub world: World,
    pub record: Memory,
    pub clock: SharedClock,
    pub limits: Limits,
    /// The longest ways to the record and to the servers in milliseconds, and their seed.
    pub ways: (u64, u64, u64),
    processes: AtomicU64,
    token: tempfile::NamedTempFile,
}

/// The namespace of every simulation.
pub const NS: &str = "konflux-tenant";

/// A process's way to the cluster, on which it can be killed.
pub fn cluster(scene: &Scene, killer: &Arc<Killer>) -> Cluster {
    let (server, killer) = (scene.world.direct(Server::Kube), killer.clone());
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (server, killer) = (server.clone(), killer.clone());
        async move { killer.send(server.oneshot(request)).await }
    });
    Cluster { client: kube::Client::new(service, NS), namespace: NS.to_owned() }
}

/// The record of a gate in the cluster, reached by a process.
pub fn store(scene: &Scene, gate: &str, killer: &Arc<Killer>) -> Box<ConfigMapStore> {
    Box::new(ConfigMapStore::new(&cluster(scene, killer), format!("gate-{gate}")))
}

/// A process's way to all servers but the cluster.
pub fn transport(scene: &Scene, killer: &Arc<Killer>) -> SharedTransport {
    Arc::new(Deadly(scene.transport(), killer.clone()))
}

/// A gate's run of that name.
pub fn identity(gate: &str) -> Identity {
    Identity {
        run_id: Some(format!("uid-{gate}")),
        run_name: Some(gate.to_owned()),
        gate: Some(gate.to_owned()),
        ..Identity::default()
    }
}

pub const TOKEN: &str = "sha256~EXAMPLE";
pub const VARIABLE: &str = "OVERRIDE_IMAGE";

impl Scene {
    /// Servers that know these jobs. Must be made inside a runtime with paused time.
    pub fn new(jobs: &[&str]) -> Self {
        let world = World::builder().clock(TokioTime::starting_at(beginning())).build();
        world.prow().token(TOKEN);
        for job in jobs {
            world.prow().job(job, JobScript::passes());
        }
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), TOKEN).unwrap();
        let clock = Arc::new(RuntimeClock::starting_at(beginning()));
        Self {
            world,
            record: Memory::default(),
            clock,
            limits: Limits::default(),
            ways: (0, 0, 0),
            processes: AtomicU64::new(0),
            token,
        }
    }

    /// Changes the token.
    pub fn set_token(&self, token: &str) {
        std::fs::write(self.token.path(), token).unwrap();
    }

    pub fn transport(&self) -> SharedTransport {
        network(&self.world)
    }

    pub fn options(&self, blocking: &[&str], informing: &[&str]) -> Options {
        let list = |names: &[&str]| serde_json::to_string(names).unwrap();
        let (blocking, informing) = (list(blocking), list(informing));
        let variables = [VARIABLE.to_owned()];
        let given = Given {
            blocking: Some(&blocking),
            informing: Some(&informing),
            override_env: &variables,
            ..Given::default()
        };
        Options {
            image: format!("quay.io/acme/ho@sha256:{}", "4".repeat(64)).parse().unwrap(),
            request: jobs::read(&given).unwrap(),
            identity: Identity {
                run_id: Some("uid".to_owned()),
                run_name: Some("run".to_owned()),
                gate: Some("ARO HCP".to_owned()),
                scenario: Some("ho-release-gate-aro-hcp".to_owned()),
                namespace: None,
            },
            sampling: launch::Sampling::default(),
            reuse: None,
        }
    }

    /// Prow's servers, reached by a transport.
    pub fn prow(&self, transport: SharedTransport) -> Servers {
        let addresses = Addresses {
            gangway: Server::Gangway.base().parse().unwrap(),
            token: Some(SecretFile::new("--gangway-token-file", self.token.path())),
            deck: Server::Deck.base().parse().unwrap(),
            artifacts: Server::Bucket.base().parse().unwrap(),
            tokens: gate::prow::Tokens::default(),
            limits: self.limits,
        };
        addresses.open(transport).unwrap()
    }

    /// Runs launch-prow to its end.
    pub async fn launch(&self, blocking: &[&str], informing: &[&str]) -> Result<Ended, Failure> {
        let options = self.options(blocking, informing);
        let store = Box::new(self.record.clone());
        launch::run(&options, store, &self.prow(self.transport()), self.clock.clone()).await
    }

    /// Runs launch-prow with a record of its own kind.
    pub async fn launch_with(
        &self,
        store: Box<dyn Store>,
        blocking: &[&str],
    ) -> Result<Ended, Failure> {
        let options = self.options(blocking, &[]);
        launch::run(&options, store, &self.prow(self.transport()), self.clock.clone()).await
    }

    /// Runs launch-prow, to be stopped by a killer.
    pub async fn launch_under(
        &self,
        killer: &Arc<Killer>,
        blocking: &[&str],
        informing: &[&str],
    ) -> Result<Ended, Failure> {
        let options = self.options(blocking, informing);
        let (to_record, to_servers, seed) = self.ways;
        // Each process has ways of its own.
        let seed = seed + self.processes.fetch_add(1, Ordering::Relaxed);
        let store = Slow::new(self.record.clone(), to_record, seed);
        let store = Box::new(Deadly(store, killer.clone()));
        let transport: SharedTransport = Arc::new(Slow::new(self.transport(), to_servers, seed));
        let transport = Arc::new(Deadly(transport, killer.clone()));
        launch::run(&options, store, &self.prow(transport), self.clock.clone()).await
    }

    /// Runs collect-results, to be stopped by a killer.
    pub async fn collect_under(&self, killer: &Arc<Killer>) -> Result<GateRecord, CollectError> {
        let (to_record, _, seed) = self.ways;
        let seed = seed + self.processes.fetch_add(1, Ordering::Relaxed);
        let store =
            Box::new(Deadly(Slow::new(self.record.clone(), to_record, seed), killer.clone()));
        let transport = Arc::new(Deadly(self.transport(), killer.clone()));
        self.collect_from(store, transport).await
    }

    /// Runs collect-results on a record, with servers that are reached by a transport.
    pub async fn collect_from(
        &self,
        store: Box<dyn Store>,
        transport: SharedTransport,
    ) -> Result<GateRecord, CollectError> {
        let prow = self.prow(transport);
        let journal =
            Arc::new(Journal::existing(store, self.clock.clone(), &Identity::default()).await?);
        let budget = gangway_budget(&journal, self.clock.clone(), self.limits).await?;
        let gangway = prow.gangway(prow.token.clone().unwrap(), budget);
        let (deck, bucket) = (prow.deck.clone(), prow.bucket.clone());
        let finder = Finder::new(gangway.clone(), deck.clone(), bucket.clone());
        let launcher = Launcher::new(journal.clone(), gangway.clone(), finder, self.clock.clone());
        let collector = Collector {
            journal,
            deck,
            bucket,
            gangway: Some(gangway),
            launcher: Some(Arc::new(launcher)),
            clock: self.clock.clone(),
            policy: Policy::default(),
            histories: Histories::none(self.clock.clone()),
            tekton_end: None,
        };
        collector.run(&mut Reporter::new(false)).await
    }

    /// How often each of our keys was launched, by Prow's own count: those that people made aside.
    pub fn launches(&self, job: &str) -> usize {
        self.world
            .prow()
            .launches()
            .iter()
            .filter(|launch| launch.job == job)
            .count()
    }

    /// The execution that the record has for a job.
    pub fn execution(&self, job: &str) -> Option<String> {
        self.record.begun()?.job(job)?.attempts.last()?.execution.clone()
    }

    /// Requests to a server so far.
    pub fn asked(&self, server: Server) -> usize {
        self.world.requests_to(server).len()
    }

    /// The most requests that Gangway got in any 60 seconds.
    pub fn most_in_a_minute(&self) -> usize {
        let times: Vec<_> = self
            .world
            .requests_to(Server::Gangway)
            .iter()
            .map(|asked| asked.at)
            .collect();
        let minute = Duration::from_secs(60);
        let within =
            |from: Timestamp| times.iter().filter(|at| (from..from + minute).contains(*at)).count();
        times.iter().map(|from| within(*from)).max().unwrap_or_default()
    }

    /// Gate seconds since the beginning.
    pub fn seconds(&self) -> u64 {
        self.clock.since(beginning()).as_secs()
    }
}
