//! A record in a ConfigMap: for the cluster. Compare-and-swap is the API server's own, by
//! resourceVersion.

use std::collections::BTreeMap;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::sync::Mutex;

use super::{Labels, Store, StoreError, Version};
use crate::cluster::{self, Cluster};

/// The key under which the document is kept.
pub const KEY: &str = "record.json";

/// A ConfigMap with the record in `record.json`.
///
/// The object is written as it was read, with the document and the labels put in: what others have
/// added to it (labels, annotations, keys) stays, and a write over what has changed since is
/// refused. A patch would do the same, but needs a right that the accounts of a gate do not have.
#[derive(Debug)]
pub struct ConfigMapStore {
    api: Api<ConfigMap>,
    namespace: String,
    name: String,
    /// The object as it was last seen, without the document.
    seen: Mutex<Option<ConfigMap>>,
}

impl ConfigMapStore {
    /// A record of that name in the gate's namespace.
    pub fn new(cluster: &Cluster, name: impl Into<String>) -> Self {
        let api = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        Self {
            api,
            namespace: cluster.namespace.clone(),
            name: name.into(),
            seen: Mutex::new(None),
        }
    }

    /// The object of that version: as it was last seen, or else read again.
    async fn base(&self, version: &Version) -> Result<ConfigMap, StoreError> {
        let seen = self.seen.lock().await.take();
        if let Some(seen) =
            seen.filter(|seen| seen.metadata.resource_version.as_ref() == Some(&version.0))
        {
            return Ok(seen);
        }
        let found = self
            .api
            .get_opt(&self.name)
            .await
            .map_err(|error| self.error("read", error))?;
        found
            .filter(|found| found.metadata.resource_version.as_ref() == Some(&version.0))
            .ok_or(StoreError::Conflict)
    }

    /// Keeps what an object holds besides the document, and returns its version.
    async fn keep(&self, mut object: ConfigMap) -> (String, Version) {
        let document = object
            .data
            .as_mut()
            .and_then(|data| data.remove(KEY))
            .unwrap_or_default();
        let version = Version(object.metadata.resource_version.clone().unwrap_or_default());
        *self.seen.lock().await = Some(object);
        (document, version)
    }

    fn error(&self, action: &'static str, error: kube::Error) -> StoreError {
        let place = self.place();
        match cluster::code(&error) {
            Some(409) => StoreError::Conflict,
            // Deleted between reading and writing: reading again will tell.
            Some(404) if action == "write" && !cluster::is_missing_namespace(&error) => {
                StoreError::Conflict
            }
            _ if cluster::is_transient(&error) => {
                StoreError::Transient { place, source: error.into() }
            }
            _ => StoreError::Permanent { action, place, source: error.into() },
        }
    }
}

#[async_trait]
impl Store for ConfigMapStore {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let Some(found) = self
            .api
            .get_opt(&self.name)
            .await
            .map_err(|error| self.error("read", error))?
        else {
            return Ok(None);
        };
        let (document, version) = self.keep(found).await;
        Ok(Some((document.into_bytes(), version)))
    }

    async fn save(
        &self,
        bytes: &[u8],
        labels: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let mut object = match replaces {
            None => ConfigMap {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                ..ConfigMap::default()
            },
            Some(version) => self.base(version).await?,
        };
        object.metadata.labels.get_or_insert_default().extend(labels.clone());
        // The server keeps its own account of who set which field.
        object.metadata.managed_fields = None;
        let document = String::from_utf8_lossy(bytes).into_owned();
        object
            .data
            .get_or_insert_with(BTreeMap::new)
            .insert(KEY.to_owned(), document);
        let params = PostParams::default();
        let saved = match replaces {
            None => self.api.create(&params, &object).await,
            Some(_) => self.api.replace(&self.name, &params, &object).await,
        };
        let saved = saved.map_err(|error| self.error("write", error))?;
        Ok(self.keep(saved).await.1)
    }

    fn place(&self) -> String {
        format!("the record configmap:{} in namespace {}", self.name, self.namespace)
    }
}
