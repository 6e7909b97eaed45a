//! A world with a passed record, and processes that can be killed at any request and any write.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use standins::{Installed, JobScript, Night, ReleaseScript, Server, TokioTime, World};
use tower::ServiceExt;

use crate::clock::{RuntimeClock, SharedClock};
use crate::cluster::{Cluster, Tenant};
use crate::failure::Failure;
use crate::gate::verdict::decide;
use crate::image::ImageRef;
use crate::launch::order;
use crate::promote::{self, Options, Promotion};
use crate::prow::Servers;
use crate::record::samples::{attempt, job};
use crate::record::{
    Candidate, Cause, Class, GateRecord, Identity, JobState, Journal, LaunchOptions,
};
use crate::support::killer::{Deadly, Killer, NEVER};
use crate::support::memory::Memory;
use crate::support::network;

/// How long the managed pipeline takes where nothing else is said (90 seconds).
const MANAGED: Duration = Duration::from_secs(90);

/// The blocking jobs.
pub const JOBS: [&str; 2] = ["e2e-aks", "e2e-aks-upgrade"];

/// The variable that carries the image.
pub const VARIABLE: &str = "OVERRIDE_IMAGE";

/// The record of a run whose tests have passed, with its runs in Prow.
fn passed(world: &World, night: &Installed, id: &str, now: Timestamp) -> GateRecord {
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
    record
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
        Memory::of(&passed(&self.world, &self.night, id, self.clock.now()))
    }

    pub fn options(&self) -> Options {
        Options::of(crate::name::ObjectName::label(&self.night.plan).unwrap())
    }

    pub fn tenant(&self, killer: &Arc<Killer>) -> Tenant {
        let (server, killer) = (self.world.direct(Server::Kube), killer.clone());
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (server, killer) = (server.clone(), killer.clone());
            async move { killer.send(server.oneshot(request)).await }
        });
        let cluster = Cluster {
            client: kube::Client::new(service, &self.namespace),
            namespace: self.namespace.clone(),
        };
        Tenant::new(&cluster, self.clock.clone())
    }

    /// Runs one process, killed at a point; `None` when it died. And the points that it passed.
    pub async fn process(
        &self,
        memory: &Memory,
        options: &Options,
        point: u64,
    ) -> (Option<Result<Promotion, Failure>>, u64) {
        let killer = Killer::at(point);
        let tenant = self.tenant(&killer);
        let process = async {
            let store = Box::new(Deadly(memory.clone(), killer.clone()));
            let journal =
                Journal::existing(store, self.clock.clone(), &Identity::default()).await?;
            let prow = Servers::stand_in(network(&self.world));
            promote::run(&tenant, &prow, &journal, options, &self.clock).await
        };
        let end = killer.run(process).await;
        (end, killer.passed())
    }

    /// Runs a process that does not die.
    pub async fn run(&self, memory: &Memory, options: &Options) -> Promotion {
        self.process(memory, options, NEVER).await.0.unwrap().unwrap()
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

/// What people have written down about a plan.
pub fn list(kind: &str, namespace: &str, plan: &str, entries: Value) -> Value {
    let list = json!({"schema_version": 1, "kind": kind, "plan": plan, "entries": entries});
    json!({
        "kind": "ConfigMap",
        "metadata": {"name": format!("{kind}-{plan}"), "namespace": namespace},
        "data": {"list.json": list.to_string()},
    })
}
