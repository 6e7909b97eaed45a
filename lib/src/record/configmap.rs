//! A record in a ConfigMap: for the cluster. Compare-and-swap is the API server's own, by
//! resourceVersion.

use async_trait::async_trait;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::sync::Mutex;

use super::{Labels, Store, StoreError, Version};
use crate::cluster::{self, Cluster};

/// The key under which the document is kept.
pub const KEY: &str = "record.json";

/// How a ConfigMap holds a document.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    /// What the document is called in messages.
    pub(crate) what: &'static str,
    /// The key under which it is kept.
    pub(crate) key: &'static str,
    /// Whether it is no text: then it is kept in `binaryData`.
    pub(crate) is_binary: bool,
}

impl Form {
    /// A record: JSON under `record.json`.
    const RECORD: Self = Self { what: "the record", key: KEY, is_binary: false };

    fn take(&self, object: &mut ConfigMap) -> Vec<u8> {
        let (text, bytes) = (object.data.as_mut(), object.binary_data.as_mut());
        if self.is_binary {
            bytes.and_then(|data| data.remove(self.key)).unwrap_or_default().0
        } else {
            text.and_then(|data| data.remove(self.key))
                .unwrap_or_default()
                .into_bytes()
        }
    }

    fn put(&self, bytes: &[u8], object: &mut ConfigMap) {
        let key = self.key.to_owned();
        if self.is_binary {
            let data = object.binary_data.get_or_insert_default();
            data.insert(key, ByteString(bytes.to_vec()));
        } else {
            let text = String::from_utf8_lossy(bytes).into_owned();
            object.data.get_or_insert_default().insert(key, text);
        }
    }
}

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
    form: Form,
    annotations: Labels,
    /// The object as it was last seen, without the document.
    seen: Mutex<Option<ConfigMap>>,
}

impl ConfigMapStore {
    /// A record of that name in the gate's namespace.
    pub fn new(cluster: &Cluster, name: impl Into<String>) -> Self {
        Self::of_form(cluster, name, Form::RECORD, Labels::new())
    }

    /// Another document of that name, with annotations that are set at every write.
    pub(crate) fn of_form(
        cluster: &Cluster,
        name: impl Into<String>,
        form: Form,
        annotations: Labels,
    ) -> Self {
        let api = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        Self {
            api,
            namespace: cluster.namespace.clone(),
            name: name.into(),
            form,
            annotations,
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
    async fn keep(&self, mut object: ConfigMap) -> (Vec<u8>, Version) {
        let document = self.form.take(&mut object);
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
        Ok(Some((document, version)))
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
        if !self.annotations.is_empty() {
            let annotations = object.metadata.annotations.get_or_insert_default();
            annotations.extend(self.annotations.clone());
        }
        // The server keeps its own account of who set which field.
        object.metadata.managed_fields = None;
        self.form.put(bytes, &mut object);
        let params = PostParams::default();
        let saved = match replaces {
            None => self.api.create(&params, &object).await,
            Some(_) => self.api.replace(&self.name, &params, &object).await,
        };
        let saved = saved.map_err(|error| self.error("write", error))?;
        Ok(self.keep(saved).await.1)
    }

    fn place(&self) -> String {
        let (what, name, namespace) = (self.form.what, &self.name, &self.namespace);
        format!("{what} configmap:{name} in namespace {namespace}")
    }
}
