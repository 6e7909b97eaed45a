//! Reading Konflux's objects.

use std::future::Future;

use kube::Api;

use super::error::KonfluxError;
use super::objects::{Snapshot, resource};
use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};
use crate::retry::Policy;

/// Konflux's objects in the gate's namespace.
#[derive(Clone)]
pub struct Konflux {
    pub(super) snapshots: Api<Snapshot>,
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
        let snapshots = Api::namespaced_with(client, &namespace, &resource("Snapshot", "snapshots"));
        Self { snapshots, namespace, clock }
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
        self.read("read", &format!("Snapshot {name}"), || self.snapshots.get_opt(name)).await
    }

    /// Reads are repeated as long as that may help.
    pub(super) async fn read<T, F, R>(&self, verb: &'static str, what: &str, ask: F) -> Result<T, KonfluxError>
    where
        F: Fn() -> R,
        R: Future<Output = kube::Result<T>>,
    {
        let begun = self.clock.now();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match ask().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let pause = Policy::READ.pause(attempts, self.clock.since(begun), None);
            let (true, Some(pause)) = (cluster::is_transient(&error), pause) else {
                return Err(KonfluxError::of(verb, format!("{what} in namespace {}", self.namespace), attempts, error));
            };
            tracing::warn!(
                attempt = attempts,
                pause_s = pause.as_secs(),
                "cannot {verb} {what}: {}; trying again",
                super::error::words(&error)
            );
            self.clock.sleep(pause).await;
        }
    }
}
