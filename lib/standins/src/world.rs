//! The state that all servers of one world share.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use http::request::Parts;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::archive::{Archive, ArchiveState};
use crate::enter;
use crate::kube::{Kube, KubeState};
use crate::prow::{Limit, Prow, ProwState};
use crate::registry::{Registry, RegistryState};
use crate::slack::{Slack, SlackState};
use crate::switch::Switchboard;
use crate::{Direct, Fault, Server, Time, Trouble, Wall};

/// One request as a server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which server.
    pub server: Server,
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// The header `authorization` as sent; empty without one.
    pub authorization: String,
    /// Status of the answer; none when the connection ended without one, or while it is worked on.
    pub status: Option<u16>,
    /// The world's time of arrival.
    pub at: Timestamp,
    /// The fault that it met, in words.
    pub fault: Option<String>,
}

/// A world of servers and their state. Clones share everything.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    time: Box<dyn Time>,
    scale: u32,
    seed: u64,
    born: Timestamp,
    counter: Mutex<u64>,
    switchboard: Mutex<Switchboard>,
    asked: Mutex<Vec<Asked>>,
    prow: Mutex<ProwState>,
    kube: Mutex<KubeState>,
    registry: Mutex<RegistryState>,
    slack: Mutex<SlackState>,
    archive: Mutex<ArchiveState>,
}

/// Makes a [`World`].
pub struct WorldBuilder {
    time: Box<dyn Time>,
    scale: u32,
    seed: u64,
    limit: Option<Limit>,
}

impl WorldBuilder {
    /// The clock of all servers; the machine's if none is set.
    #[must_use]
    pub fn clock(mut self, time: impl Time) -> Self {
        self.time = Box::new(time);
        self
    }

    /// Divides the durations of scripts, rates and Deck's 30 s by `scale`; timestamps stay those of
    /// the clock.
    #[must_use]
    pub fn time_scale(mut self, scale: u32) -> Self {
        self.scale = scale.max(1);
        self
    }

    /// What ids and names are drawn from: the same seed, the same ids in the same order.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The limit in front of Gangway; none if not set.
    #[must_use]
    pub fn gangway_limit(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The world, still empty.
    pub fn build(self) -> World {
        let born = self.time.now();
        World(Arc::new(Inner {
            time: self.time,
            scale: self.scale,
            seed: self.seed,
            born,
            counter: Mutex::default(),
            switchboard: Mutex::default(),
            asked: Mutex::default(),
            prow: Mutex::new(ProwState::new(self.limit)),
            kube: Mutex::default(),
            registry: Mutex::default(),
            slack: Mutex::default(),
            archive: Mutex::default(),
        }))
    }
}

impl Default for World {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl World {
    /// A builder with the machine's clock, scale 1 and no limit.
    pub fn builder() -> WorldBuilder {
        WorldBuilder { time: Box::new(Wall), scale: 1, seed: 0, limit: None }
    }

    /// The present moment of the world.
    pub fn now(&self) -> Timestamp {
        self.0.time.now()
    }

    /// When the world was built.
    pub fn born(&self) -> Timestamp {
        self.0.born
    }

    /// Gate time as it passes here: divided by the scale.
    pub fn scaled(&self, gate_time: Duration) -> Duration {
        gate_time / self.0.scale
    }

    /// By what gate time is divided here.
    pub fn scale(&self) -> u32 {
        self.0.scale
    }

    pub(crate) fn time(&self) -> &dyn Time {
        &*self.0.time
    }

    /// Prow: jobs, tokens, launches, artifacts.
    pub fn prow(&self) -> Prow {
        Prow(self.clone())
    }

    /// Kubernetes: objects, denials, what release-service will do.
    pub fn kube(&self) -> Kube {
        Kube(self.clone())
    }

    /// The registry's images.
    pub fn registry(&self) -> Registry {
        Registry(self.clone())
    }

    /// Slack's messages.
    pub fn slack(&self) -> Slack {
        Slack(self.clone())
    }

    /// KubeArchive's objects.
    pub fn archive(&self) -> Archive {
        Archive(self.clone())
    }

    /// Arms a fault.
    pub fn fault(&self, fault: Fault) {
        self.0.switchboard.lock().expect("the switchboard's lock").add(fault);
    }

    /// Disarms all faults.
    pub fn clear_faults(&self) {
        self.0.switchboard.lock().expect("the switchboard's lock").clear();
    }

    /// All requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<Asked> {
        self.0.asked.lock().expect("the log's lock").clone()
    }

    /// The requests so far to one server.
    pub fn requests_to(&self, server: Server) -> Vec<Asked> {
        self.requests()
            .into_iter()
            .filter(|asked| asked.server == server)
            .collect()
    }

    /// The router of one server.
    pub fn router(&self, server: Server) -> Router {
        let handler = match server {
            Server::Gangway => crate::gangway::handle,
            Server::Deck => crate::deck::handle,
            Server::Bucket => crate::bucket::handle,
            Server::Kube => crate::kube::handle,
            Server::Registry => crate::registry::handle,
            Server::Slack => crate::slack::handle,
            Server::Archive => crate::archive::handle,
        };
        enter::router(self, server, handler)
    }

    /// Gangway's router.
    pub fn gangway_router(&self) -> Router {
        self.router(Server::Gangway)
    }

    /// Deck's router.
    pub fn deck_router(&self) -> Router {
        self.router(Server::Deck)
    }

    /// The bucket's router.
    pub fn bucket_router(&self) -> Router {
        self.router(Server::Bucket)
    }

    /// The Kubernetes API's router.
    pub fn kube_router(&self) -> Router {
        self.router(Server::Kube)
    }

    /// The registry's router.
    pub fn registry_router(&self) -> Router {
        self.router(Server::Registry)
    }

    /// Slack's router.
    pub fn slack_router(&self) -> Router {
        self.router(Server::Slack)
    }

    /// One server in process, its broken connections as errors.
    pub fn direct(&self, server: Server) -> Direct {
        Direct(self.router(server))
    }

    pub(crate) fn prow_state(&self) -> MutexGuard<'_, ProwState> {
        self.0.prow.lock().expect("Prow's lock")
    }

    pub(crate) fn kube_state(&self) -> MutexGuard<'_, KubeState> {
        self.0.kube.lock().expect("Kubernetes' lock")
    }

    pub(crate) fn registry_state(&self) -> MutexGuard<'_, RegistryState> {
        self.0.registry.lock().expect("the registry's lock")
    }

    pub(crate) fn archive_state(&self) -> MutexGuard<'_, ArchiveState> {
        self.0.archive.lock().expect("KubeArchive's lock")
    }

    pub(crate) fn slack_state(&self) -> MutexGuard<'_, SlackState> {
        self.0.slack.lock().expect("Slack's lock")
    }

    pub(crate) fn troubles(&self, server: Server, parts: &Parts) -> Vec<Trouble> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        self.0.switchboard.lock().expect("the switchboard's lock").pick(
            server,
            &parts.method,
            path,
            self.now(),
        )
    }

    pub(crate) fn asked(&self, server: Server, parts: &Parts) -> usize {
        let path = parts
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        let authorization = parts.headers.get(http::header::AUTHORIZATION);
        let authorization = authorization
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let method = parts.method.to_string();
        let asked = Asked {
            server,
            method,
            path,
            authorization,
            status: None,
            at: self.now(),
            fault: None,
        };
        let mut log = self.0.asked.lock().expect("the log's lock");
        log.push(asked);
        log.len() - 1
    }

    pub(crate) fn answered(&self, index: usize, status: Option<u16>, fault: Option<String>) {
        let mut log = self.0.asked.lock().expect("the log's lock");
        log[index].status = status;
        log[index].fault = fault;
    }

    /// Sixteen bytes that no other call of this world gets, the same for the same seed and order.
    pub(crate) fn draw(&self) -> [u8; 16] {
        let mut counter = self.0.counter.lock().expect("the counter's lock");
        *counter += 1;
        let hash = Sha256::digest(format!("{}/{}", self.0.seed, *counter));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        bytes
    }

    /// A UUID in its usual form.
    pub(crate) fn uuid(&self) -> String {
        uuid::Builder::from_random_bytes(self.draw()).into_uuid().to_string()
    }

    /// Five characters as Kubernetes appends them to a generated name.
    pub(crate) fn suffix(&self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        self.draw()
            .iter()
            .take(5)
            .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
            .collect()
    }
}
