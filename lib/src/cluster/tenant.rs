//! The gate's namespace: the one client of what it holds.
//!
//! Here is how objects are read, whatever their kind; the rooms konflux and tekton add what is
//! read. Reads are repeated as long as that may help
//! ([`Policy::READ`](crate::retry::Policy::READ)).

use std::future::Future;

use kube::api::ListParams;
use kube::core::Request;
use serde::de::DeserializeOwned;

use super::api_error::{ApiError, words};
use super::patience::repeated;
use super::{Cluster, Resource, code, is_missing_namespace, page};
use crate::clock::SharedClock;

/// How often a list is begun again that has changed under our hands.
const RESTARTS: u32 = 5;

/// A namespace and the time.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The cluster, with the namespace.
    pub cluster: Cluster,
    /// The time, for reads that are tried again.
    pub clock: SharedClock,
}

impl Tenant {
    /// The namespace of a cluster.
    pub fn new(cluster: &Cluster, clock: SharedClock) -> Self {
        Self { cluster: cluster.clone(), clock }
    }

    /// The namespace's name.
    pub fn namespace(&self) -> &str {
        &self.cluster.namespace
    }

    /// An object by its name, or `None` where there is none.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn get<T: DeserializeOwned>(
        &self,
        resource: Resource,
        name: &str,
    ) -> Result<Option<T>, ApiError> {
        let path = resource.path(self.namespace());
        let ask = || async {
            let request = Request::new(&path)
                .get(name, &Default::default())
                .map_err(kube::Error::BuildRequest)?;
            match self.cluster.client.request(request).await {
                Ok(found) => Ok(Some(found)),
                Err(error) if code(&error) == Some(404) && !is_missing_namespace(&error) => {
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        };
        self.read("read", &format!("{} {name}", resource.kind), ask).await
    }

    /// Shows every object that a selector fits, a page at a time: in memory is one page. Where the
    /// list has to be begun again, an object is shown twice.
    ///
    /// # Errors
    /// [`ApiError`]; what was shown until then was there all the same.
    pub async fn each<T: DeserializeOwned>(
        &self,
        resource: Resource,
        selector: &str,
        limit: u32,
        mut look: impl FnMut(T),
    ) -> Result<(), ApiError> {
        let shown = |page: Option<Vec<T>>| page.into_iter().flatten().for_each(&mut look);
        self.pages(resource, selector, limit, Some::<T>, shown).await
    }

    /// What `keep` makes of every object that a selector fits; of the others nothing is held.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn list<T: DeserializeOwned, U>(
        &self,
        resource: Resource,
        selector: &str,
        limit: u32,
        keep: impl Fn(T) -> Option<U>,
    ) -> Result<Vec<U>, ApiError> {
        let mut found = Vec::new();
        let add = |page: Option<Vec<U>>| match page {
            Some(page) => found.extend(page),
            None => found.clear(),
        };
        self.pages(resource, selector, limit, keep, add).await?;
        Ok(found)
    }

    /// Hands over a list page by page; `None` where it is begun again.
    async fn pages<T: DeserializeOwned, U>(
        &self,
        resource: Resource,
        selector: &str,
        limit: u32,
        keep: impl Fn(T) -> Option<U>,
        mut take: impl FnMut(Option<Vec<U>>),
    ) -> Result<(), ApiError> {
        let path = resource.path(self.namespace());
        let what = format!("{}s", resource.kind);
        let (mut token, mut restarts) = (None::<String>, 0);
        loop {
            let params = ListParams::default().labels(selector).limit(limit);
            let params = token
                .iter()
                .fold(params, |params, token| params.continue_token(token));
            let ask = || page(&self.cluster.client, &path, &params, &keep);
            match self.read("list", &what, ask).await {
                // The list has changed so much that it has to be begun again.
                Err(error) if error.code() == Some(410) && restarts < RESTARTS => {
                    restarts += 1;
                    token = None;
                    take(None);
                }
                page => {
                    let page = page?;
                    take(Some(page.kept));
                    token = page.next;
                    if token.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Asks until there is an answer that another try would not change. `what` is read to people:
    /// `Snapshot ho-1`.
    ///
    /// # Errors
    /// [`ApiError`] of the last try.
    pub async fn read<T, F, R>(&self, verb: &'static str, what: &str, ask: F) -> Result<T, ApiError>
    where
        F: Fn() -> R,
        R: Future<Output = kube::Result<T>>,
    {
        let warned = |error: &kube::Error| format!("cannot {verb} {what}: {}", words(error));
        repeated(&self.clock, ask, warned).await.map_err(|(error, attempts)| {
            let what = format!("{what} in namespace {}", self.namespace());
            ApiError::of(verb, what, attempts, error)
        })
    }
}
