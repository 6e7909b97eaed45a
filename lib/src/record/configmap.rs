//! A record in a ConfigMap: for the cluster. Compare-and-swap is the API server's own, by
//! resourceVersion.

use std::collections::BTreeMap;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, PostParams};

use super::{Store, StoreError, Version};
use crate::cluster::{self, Cluster};

/// The key under which the document is kept.
pub(super) const KEY: &str = "record.json";

/// A ConfigMap with the record in `record.json`.
#[derive(Debug, Clone)]
pub struct ConfigMapStore {
    api: Api<ConfigMap>,
    namespace: String,
    name: String,
    labels: BTreeMap<String, String>,
}

impl ConfigMapStore {
    /// A record of that name in the gate's namespace, made with these labels where there is none.
    pub fn new(cluster: &Cluster, name: impl Into<String>, labels: BTreeMap<String, String>) -> Self {
        let api = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        Self { api, namespace: cluster.namespace.clone(), name: name.into(), labels }
    }

    fn object(&self, bytes: &[u8], resource_version: Option<String>) -> ConfigMap {
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                labels: Some(self.labels.clone()),
                resource_version,
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([(KEY.to_owned(), String::from_utf8_lossy(bytes).into_owned())])),
            ..ConfigMap::default()
        }
    }

    fn error(&self, action: &'static str, error: kube::Error) -> StoreError {
        let place = self.place();
        match cluster::code(&error) {
            Some(409) => StoreError::Conflict,
            // Deleted between reading and writing: reading again will tell.
            Some(404) if action == "write" && !cluster::is_missing_namespace(&error) => StoreError::Conflict,
            _ if cluster::is_transient(&error) => StoreError::Transient { place, source: error.into() },
            _ => StoreError::Permanent { action, place, source: error.into() },
        }
    }
}

/// The labels of a record: what it is, and of which gate, so that the records of one gate can be
/// listed.
pub fn labels(gate: Option<&str>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        ("app.kubernetes.io/managed-by".to_owned(), "release-gate".to_owned()),
        ("release-gate/kind".to_owned(), "gate".to_owned()),
    ]);
    if let Some(value) = gate.map(cluster::label_value).filter(|value| !value.is_empty()) {
        labels.insert("release-gate/gate".to_owned(), value);
    }
    labels
}

#[async_trait]
impl Store for ConfigMapStore {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let Some(found) = self.api.get_opt(&self.name).await.map_err(|error| self.error("read", error))? else {
            return Ok(None);
        };
        let version = Version(found.metadata.resource_version.unwrap_or_default());
        let document = found.data.and_then(|mut data| data.remove(KEY)).unwrap_or_default();
        Ok(Some((document.into_bytes(), version)))
    }

    async fn save(&self, bytes: &[u8], replaces: Option<&Version>) -> Result<Version, StoreError> {
        let params = PostParams::default();
        let saved = match replaces {
            None => self.api.create(&params, &self.object(bytes, None)).await,
            Some(version) => {
                let object = self.object(bytes, Some(version.0.clone()));
                self.api.replace(&self.name, &params, &object).await
            }
        };
        let saved = saved.map_err(|error| self.error("write", error))?;
        Ok(Version(saved.metadata.resource_version.unwrap_or_default()))
    }

    fn place(&self) -> String {
        format!("the record configmap:{} in namespace {}", self.name, self.namespace)
    }
}
