//! Reading Konflux's objects.

use std::future::Future;

use kube::Api;
use kube::api::ListParams;

use super::error::KonfluxError;
use super::objects::{self, Release, ReleasePlan, Snapshot};
use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};
use crate::image::Digest;
use crate::retry::{Policy, Tries};

/// How many Releases a page holds; one has 6 KB, or 90 KB with the artifacts of a large
/// Application.
const PAGE: u32 = 50;

/// How often a list is begun again.
const MAX_RESTARTS: u32 = 5;

/// Konflux's objects in the gate's namespace.
#[derive(Clone)]
pub struct Konflux {
    pub(super) snapshots: Api<Snapshot>,
    pub(super) plans: Api<ReleasePlan>,
    pub(super) releases: Api<Release>,
    cluster: Cluster,
    pub(super) namespace: String,
    pub(super) clock: SharedClock,
}

impl std::fmt::Debug for Konflux {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Konflux(namespace {})", self.namespace)
    }
}

impl Konflux {
    /// A client of the gate's namespace.
    pub fn new(cluster: &Cluster, clock: SharedClock) -> Self {
        let (client, namespace) = (cluster.client.clone(), cluster.namespace.clone());
        Self {
            snapshots: Api::namespaced_with(client.clone(), &namespace, &objects::snapshots()),
            plans: Api::namespaced_with(client.clone(), &namespace, &objects::plans()),
            releases: Api::namespaced_with(client, &namespace, &objects::releases()),
            cluster: cluster.clone(),
            namespace,
            clock,
        }
    }

    /// The cluster that it asks.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A Snapshot, or `None` where there is none of that name.
    ///
    /// # Errors
    /// [`KonfluxError`].
    pub async fn snapshot(&self, name: &str) -> Result<Option<Snapshot>, KonfluxError> {
        self.read("read", &format!("Snapshot {name}"), || self.snapshots.get_opt(name))
            .await
    }

    /// A ReleasePlan, or `None` where there is none of that name.
    ///
    /// # Errors
    /// [`KonfluxError`].
    pub async fn plan(&self, name: &str) -> Result<Option<ReleasePlan>, KonfluxError> {
        self.read("read", &format!("ReleasePlan {name}"), || self.plans.get_opt(name))
            .await
    }

    /// All live Releases of a plan, by their specs (labels are set by a webhook, and one that was
    /// made without it counts as well), and those whose names begin with `prefix`. Of those of
    /// another Snapshot little more is kept than says whether they pushed the `tested` digest:
    /// there may be thousands.
    ///
    /// # Errors
    /// [`KonfluxError`].
    pub async fn releases_of(
        &self,
        plan: &str,
        prefix: &str,
        snapshot: &str,
        tested: &Digest,
    ) -> Result<Vec<Release>, KonfluxError> {
        let keep = |release: Release| {
            let name = release.metadata.name.as_deref().unwrap_or_default();
            let is_near = name.starts_with(prefix);
            let whole = is_near || release.spec.snapshot == snapshot;
            (is_near || release.spec.release_plan == plan)
                .then(|| objects::slim(release, whole, tested))
        };
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        let mut restarts = 0;
        loop {
            let params = ListParams::default().limit(PAGE);
            let params = token
                .iter()
                .fold(params, |params, token| params.continue_token(token));
            let list =
                || cluster::page(&self.cluster.client, self.releases.resource_url(), &params, keep);
            let page = match self.read("list", "Releases", list).await {
                // The list has changed so much that it has to be begun again.
                Err(error) if error.code() == Some(410) && restarts < MAX_RESTARTS => {
                    restarts += 1;
                    (found, token) = (Vec::new(), None);
                    continue;
                }
                page => page?,
            };
            found.extend(page.kept);
            token = page.next;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Reads are repeated as long as that may help.
    pub(super) async fn read<T, F, R>(
        &self,
        verb: &'static str,
        what: &str,
        ask: F,
    ) -> Result<T, KonfluxError>
    where
        F: Fn() -> R,
        R: Future<Output = kube::Result<T>>,
    {
        let mut tries = Tries::begin(Policy::READ, &self.clock);
        loop {
            let error = match ask().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let (Some(pause), true) = (tries.pause(None), cluster::is_transient(&error)) else {
                let what = format!("{what} in namespace {}", self.namespace);
                return Err(KonfluxError::of(verb, what, tries.failed(), error));
            };
            tracing::warn!(
                attempt = tries.failed(),
                pause_s = pause.as_secs(),
                "cannot {verb} {what}: {}; trying again",
                super::error::words(&error)
            );
            tries.wait(pause).await;
        }
    }
}
