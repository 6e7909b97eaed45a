//! A world with a passed record, and processes that can be killed at any request and any write.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;
use standins::{Installed, JobScript, Night, ReleaseScript, Server, TokioTime, World};
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::clock::{RuntimeClock, SharedClock};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::gate::verdict::decide;
use crate::http::{InProcessTransport, SharedTransport};
use crate::image::ImageRef;
use crate::konflux::Konflux;
use crate::launch::order;
use crate::promote::{self, Options, Promotion, Witnesses};
use crate::prow::bucket::Bucket;
use crate::prow::deck::Deck;
use crate::record::samples::{attempt, job};
use crate::record::{
    Candidate, Cause, Class, GateRecord, Identity, JobState, Journal, Labels, LaunchOptions, Store,
    StoreError, Version,
};

/// How long the managed pipeline takes where nothing else is said (90 seconds).
const MANAGED: Duration = Duration::from_secs(90);

/// Where and how a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Before its n-th request or write is sent.
    Before(u32),
    /// After it has had its effect, before the answer is there.
    After(u32),
    /// As it is sent: it has its effect half a minute later, when nobody waits any more.
    Late(u32),
    /// Not at all.
    Never,
}

/// Counts what a process sends, and stops it for ever where it is to die.
#[derive(Debug)]
pub struct Life {
    death: Death,
    sent: AtomicU32,
    dead: Notify,
}

impl Life {
    fn new(death: Death) -> Arc<Self> {
        Arc::new(Self { death, sent: AtomicU32::new(0), dead: Notify::new() })
    }

    async fn send<T: Send + 'static>(
        &self,
        request: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let number = self.sent.fetch_add(1, Ordering::SeqCst) + 1;
        match self.death {
            Death::Before(n) if n == number => self.die().await,
            Death::Late(n) if n == number => {
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    request.await
                });
                self.die().await
            }
            Death::After(n) if n == number => {
                request.await;
                self.die().await
            }
            _ => request.await,
        }
    }

    async fn die<T>(&self) -> T {
        self.dead.notify_one();
        std::future::pending().await
    }
}

/// The blocking jobs.
pub const JOBS: [&str; 2] = ["e2e-aks", "e2e-aks-upgrade"];

/// The variable that carries the image.
pub const VARIABLE: &str = "OVERRIDE_IMAGE";

/// A record in memory that outlives the processes.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<(u64, Vec<u8>)>>);

impl Memory {
    /// A record of a run whose tests have passed, with its runs in Prow.
    pub fn passed(world: &World, night: &Installed, id: &str, now: Timestamp) -> Self {
        let mut record = GateRecord::begin(id, now);
        let image: ImageRef = night.reference.parse().unwrap();
        record.candidate = Some(Candidate {
            snapshot: Some(night.snapshot.clone()),
            component: Some("hypershift-operator-main".to_owned()),
            ..Candidate::of(image)
        });
        record.launch = Some(LaunchOptions::default());
        record.jobs = JOBS
            .map(|name| {
                job(name, Class::Blocking, vec![attempt(JobState::Success, Some(Cause::Passed))])
            })
            .into();
        for name in JOBS {
            record.job_mut(name).unwrap().override_env = vec![VARIABLE.to_owned()];
            let order = order(&record, name, 1).unwrap().pod_spec_options;
            let run = world.prow().launched_ago(
                name,
                Duration::from_secs(4 * 3600),
                order.envs,
                order.labels,
            );
            record.job_mut(name).unwrap().attempts[0].execution = Some(run);
        }
        record.verdict = Some(decide(&record, now));
        let memory = Self::default();
        *memory.0.lock().unwrap() = (1, serde_json::to_vec(&record).unwrap());
        memory
    }

    /// Changes the record behind everybody's back.
    pub fn change(&self, change: impl FnOnce(&mut GateRecord)) {
        let mut record = self.record();
        change(&mut record);
        let mut memory = self.0.lock().unwrap();
        *memory = (memory.0 + 1, serde_json::to_vec(&record).unwrap());
    }

    /// Replaces the document behind everybody's back.
    pub fn replace(&self, document: String) {
        let mut memory = self.0.lock().unwrap();
        *memory = (memory.0 + 1, document.into_bytes());
    }

    pub fn record(&self) -> GateRecord {
        serde_json::from_slice(&self.0.lock().unwrap().1).unwrap()
    }
}

#[derive(Debug)]
struct Mortal(Memory, Arc<Life>);

#[async_trait]
impl Store for Mortal {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let memory = self.0.0.lock().unwrap();
        Ok(Some((memory.1.clone(), Version(memory.0.to_string()))))
    }

    async fn save(
        &self,
        bytes: &[u8],
        _: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let (memory, bytes, replaces) = (self.0.0.clone(), bytes.to_vec(), replaces.cloned());
        let write = async move {
            let mut memory = memory.lock().unwrap();
            if replaces != Some(Version(memory.0.to_string())) {
                return Err(StoreError::Conflict);
            }
            *memory = (memory.0 + 1, bytes);
            Ok(Version(memory.0.to_string()))
        };
        self.1.send(write).await
    }

    fn place(&self) -> String {
        "the record".to_owned()
    }
}

/// A world in paused time.
pub struct Setting {
    pub world: World,
    pub night: Installed,
    pub namespace: String,
    pub clock: SharedClock,
}

impl Setting {
    /// Must be made inside a runtime whose time is paused.
    pub fn new(change: impl FnOnce(&mut Night)) -> Self {
        let start: Timestamp = "2026-08-20T06:00:00Z".parse().unwrap();
        let world = World::builder().clock(TokioTime::starting_at(start)).build();
        let mut night =
            Night { releases: vec![ReleaseScript::released().taking(MANAGED)], ..Night::aro_hcp() };
        change(&mut night);
        let namespace = night.namespace.clone();
        let night = night.install(&world, "quay.io");
        JOBS.iter().for_each(|job| world.prow().job(job, JobScript::passes()));
        Self { world, night, namespace, clock: Arc::new(RuntimeClock::starting_at(start)) }
    }

    pub fn memory(&self, id: &str) -> Memory {
        Memory::passed(&self.world, &self.night, id, self.clock.now())
    }

    pub fn options(&self) -> Options {
        Options::of(&self.night.plan)
    }

    fn witnesses(&self) -> Witnesses {
        let network = self.world.clone();
        let transport: SharedTransport = Arc::new(InProcessTransport::new(move |request| {
            let network = network.clone();
            Box::pin(async move { network.network(request).await })
        }));
        let base = |server: Server| server.base().parse().unwrap();
        let deck = Deck::new(base(Server::Deck), Arc::clone(&transport));
        Witnesses { deck, bucket: Bucket::new(base(Server::Bucket), transport) }
    }

    fn konflux(&self, life: &Arc<Life>) -> Konflux {
        let (server, life) = (self.world.direct(Server::Kube), life.clone());
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (server, life) = (server.clone(), life.clone());
            async move { life.send(server.oneshot(request)).await }
        });
        let cluster = Cluster {
            client: kube::Client::new(service, &self.namespace),
            namespace: self.namespace.clone(),
        };
        Konflux::new(&cluster, self.clock.clone())
    }

    /// Runs one process; `None` when it died.
    pub async fn process(
        &self,
        memory: &Memory,
        options: &Options,
        death: Death,
    ) -> (Option<Result<Promotion, Failure>>, u32) {
        let life = Life::new(death);
        let konflux = self.konflux(&life);
        let work = async {
            let store = Box::new(Mortal(memory.clone(), life.clone()));
            let journal =
                Journal::existing(store, self.clock.clone(), &Identity::default()).await?;
            promote::run(&konflux, &self.witnesses(), &journal, options, &self.clock).await
        };
        let end = tokio::select! {
            end = work => Some(end),
            () = life.dead.notified() => None,
        };
        (end, life.sent.load(Ordering::SeqCst))
    }

    /// Runs a process that does not die.
    pub async fn run(&self, memory: &Memory, options: &Options) -> Promotion {
        self.process(memory, options, Death::Never).await.0.unwrap().unwrap()
    }

    /// How many Releases there are.
    pub fn releases(&self) -> usize {
        self.world.kube().releases().len()
    }

    /// A successful Release of our own Snapshot that a person made.
    pub fn release_by_hand(&self) {
        self.world.kube().put(json!({"kind": "Release", "metadata": {"name": "by-hand", "namespace": self.namespace},
            "spec": {"releasePlan": self.night.plan, "snapshot": self.night.snapshot},
            "status": {"conditions": [{"type": "Released", "status": "True", "reason": "Succeeded", "message": ""}]}}));
    }

    /// A live successful Release of another Snapshot, built at a time, or of one that is gone.
    pub fn released_before(&self, snapshot: &str, built_ms: Option<i64>) {
        let kube = self.world.kube();
        if let Some(ms) = built_ms {
            let mut object = kube.get("snapshots", &self.namespace, &self.night.snapshot).unwrap();
            object["metadata"] = json!({"name": snapshot, "namespace": self.namespace,
                "annotations": {"test.appstudio.openshift.io/pipelinerunstarttime": ms.to_string()}});
            for component in object["spec"]["components"].as_array_mut().unwrap() {
                component["containerImage"] =
                    json!(format!("quay.io/acme/ho@sha256:{}", "7".repeat(64)));
            }
            kube.put(object);
        }
        kube.put(json!({"kind": "Release", "metadata": {"name": format!("r-{snapshot}"), "namespace": self.namespace},
            "spec": {"releasePlan": self.night.plan, "snapshot": snapshot},
            "status": {"conditions": [{"type": "Released", "status": "True", "reason": "Succeeded", "message": ""}]}}));
    }

    /// A Release of our own Snapshot that integration-service made by itself.
    pub fn automatic(&self, reason: &str, status: &str) {
        self.world.kube().put(
            json!({"kind": "Release", "metadata": {"name": "auto-0c1d2e3-kq47h", "namespace": self.namespace,
                "labels": {"release.appstudio.openshift.io/automated": "true"}},
            "spec": {"releasePlan": self.night.plan, "snapshot": self.night.snapshot},
            "status": {"automated": true,
                "conditions": [{"type": "Released", "status": status, "reason": reason, "message": ""}]}}),
        );
    }

    /// Gives a Release a captured status.
    pub fn has_status(&self, release: &str, case: &str) {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../konflux/data/releases.json")).unwrap();
        self.world
            .kube()
            .change("releases", &self.namespace, release, |found| {
                found["status"] = cases[case]["status"].clone();
            });
    }
}
