//! The outside world as a step reaches it: each part opened once, when it is first asked for.
//!
//! An opener and nothing else: it decides nothing, retries nothing and knows no rule. A step and
//! its `--check` are given the same site, so that they cannot come to look at different things.

use std::sync::{Arc, OnceLock};

use tokio::sync::OnceCell;

use crate::clock::SharedClock;
use crate::cluster::{Bearer, Cluster, ClusterError, ClusterOptions, bearer};
use crate::history::keep::{Choice, Place};
use crate::http::{BaseUrl, RootsError, SharedTransport, UreqTransport, extra_certificates};
use crate::kubearchive::KubeArchive;
use crate::prow::{Addresses, Servers};
use crate::record::{Location, Store, store_at};
use crate::registry::credentials::Credentials;
use crate::registry::{Registry, RegistryOptions};
use crate::secret::SecretError;
use crate::slack::{Slack, Target, TargetError};
use crate::step::groups::Access;

/// Why a part of the outside cannot be opened. It was not asked yet.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The certificates of `--ca-file`.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// A token.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A webhook.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// What is outside, by the flags of the group `access`.
#[derive(Debug)]
pub struct Site {
    options: ClusterOptions,
    clock: SharedClock,
    cluster: OnceCell<Cluster>,
    transport: OnceLock<SharedTransport>,
}

impl Site {
    /// Nothing is opened yet.
    pub fn new(access: Access, clock: SharedClock) -> Self {
        let Access { namespace, kubeconfig, context, ca_file } = access;
        Self {
            options: ClusterOptions { kubeconfig, context, namespace, ca_file },
            clock,
            cluster: OnceCell::new(),
            transport: OnceLock::new(),
        }
    }

    /// One that is opened already, in so far as a test has it.
    pub fn opened(
        clock: SharedClock,
        cluster: Option<Cluster>,
        transport: Option<SharedTransport>,
    ) -> Self {
        let site = Self::new(Access::default(), clock);
        Self {
            cluster: OnceCell::new_with(cluster),
            transport: transport.map_or_else(OnceLock::new, OnceLock::from),
            ..site
        }
    }

    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// The cluster.
    ///
    /// # Errors
    /// [`ClusterError`] when nothing tells where it is.
    pub async fn cluster(&self) -> Result<&Cluster, ClusterError> {
        self.cluster.get_or_try_init(|| Cluster::connect(&self.options)).await
    }

    /// The cluster, for a record that is kept there; for one in a file, or none, there is none.
    ///
    /// # Errors
    /// Those of [`Site::cluster`].
    pub async fn cluster_of(
        &self,
        record: Option<&Location>,
    ) -> Result<Option<&Cluster>, ClusterError> {
        match record.is_some_and(Location::is_config_map) {
            true => self.cluster().await.map(Some),
            false => Ok(None),
        }
    }

    /// The namespace, as far as it is known without asking: the flag's, or the cluster's once it is
    /// opened.
    pub fn namespace(&self) -> Option<String> {
        let given = self.options.namespace.clone();
        given.or_else(|| self.cluster.get().map(|cluster| cluster.namespace.clone()))
    }

    /// Where a record is kept.
    ///
    /// # Errors
    /// Those of [`Site::cluster`], for a ConfigMap.
    pub async fn store(&self, record: &Location) -> Result<Box<dyn Store>, ClusterError> {
        Ok(store_at(record, self.cluster_of(Some(record)).await?))
    }

    /// Where a record is kept, if one is named.
    ///
    /// # Errors
    /// Those of [`Site::store`].
    pub async fn store_of(
        &self,
        record: Option<&Location>,
    ) -> Result<Option<Box<dyn Store>>, ClusterError> {
        match record {
            Some(record) => self.store(record).await.map(Some),
            None => Ok(None),
        }
    }

    /// Where the jobs' histories are kept; unless it is said, beside a record that is in the cluster,
    /// and nowhere for one in a file.
    ///
    /// # Errors
    /// Those of [`Site::cluster`].
    pub async fn histories(
        &self,
        choice: Option<&Choice>,
        record: &Location,
    ) -> Result<Option<Place>, ClusterError> {
        match choice {
            Some(Choice::Off) => Ok(None),
            Some(Choice::Folder(folder)) => Ok(Some(Place::Folder(folder.clone()))),
            Some(Choice::ConfigMaps) => Ok(Some(Place::ConfigMaps(self.cluster().await?.clone()))),
            None => Ok(self.cluster_of(Some(record)).await?.cloned().map(Place::ConfigMaps)),
        }
    }

    /// Plain HTTP servers.
    ///
    /// # Errors
    /// [`RootsError`] when the certificates of `--ca-file` cannot be read.
    pub fn transport(&self) -> Result<SharedTransport, RootsError> {
        if let Some(transport) = self.transport.get() {
            return Ok(Arc::clone(transport));
        }
        let extra = self.options.ca_file.as_deref().map(extra_certificates).transpose()?;
        let transport: SharedTransport = Arc::new(UreqTransport::new(extra.unwrap_or_default()));
        Ok(Arc::clone(self.transport.get_or_init(|| transport)))
    }

    /// Prow.
    ///
    /// # Errors
    /// [`SiteError`] for certificates and tokens.
    pub fn prow(&self, addresses: &Addresses) -> Result<Servers, SiteError> {
        Ok(addresses.open(self.transport()?)?)
    }

    /// Slack, if messages go anywhere. The secret must be there and well formed, but for a `--check`,
    /// which has a row for it.
    ///
    /// # Errors
    /// [`SiteError`] for certificates and the secret.
    pub fn slack(&self, target: Option<Target>, check: bool) -> Result<Option<Slack>, SiteError> {
        let Some(target) = target else { return Ok(None) };
        if !check {
            target.check()?;
        }
        Ok(Some(Slack::new(target, self.transport()?, self.clock.clone())))
    }

    /// The token that services beside the API server accept as well.
    ///
    /// # Errors
    /// Those of [`Site::cluster`].
    pub async fn bearer(&self) -> Result<Option<Bearer>, ClusterError> {
        bearer(&self.options).await
    }

    /// KubeArchive.
    ///
    /// # Errors
    /// Those of [`Site::transport`].
    pub fn archive(
        &self,
        base: BaseUrl,
        bearer: Option<Bearer>,
    ) -> Result<KubeArchive, RootsError> {
        let (transport, clock) = (self.transport()?, self.clock.clone());
        Ok(KubeArchive { base, bearer, transport, clock })
    }

    /// KubeArchive, if its address is named, asked with the cluster's token.
    ///
    /// # Errors
    /// Those of [`Site::bearer`] and [`Site::archive`].
    pub async fn archive_of(
        &self,
        base: Option<BaseUrl>,
    ) -> Result<Option<KubeArchive>, SiteError> {
        let Some(base) = base else { return Ok(None) };
        Ok(Some(self.archive(base, self.bearer().await?)?))
    }

    /// The registry of a repository; `plain_http` names hosts that are spoken to without TLS.
    ///
    /// # Errors
    /// [`RootsError`] when the certificates of `--ca-file` cannot be read.
    pub fn registry(
        &self,
        repository: &str,
        credentials: &Credentials,
        plain_http: &[String],
    ) -> Result<Registry, RootsError> {
        let options = RegistryOptions {
            ca_file: self.options.ca_file.clone(),
            plain_http: plain_http.to_vec(),
        };
        Registry::new(repository, credentials, &options, self.clock.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn site(access: Access) -> Site {
        Site::new(access, Arc::new(SystemClock::new(1)))
    }

    /// A kubeconfig of a server that nobody asks.
    fn kubeconfig(dir: &std::path::Path) -> std::path::PathBuf {
        let path = dir.join("kubeconfig");
        let text = r#"{"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "acme"}}],
            "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
            "users": [{"name": "u", "user": {"token": "geheim"}}]}"#;
        std::fs::write(&path, text).unwrap();
        path
    }

    #[tokio::test]
    async fn the_cluster_is_opened_once_and_only_for_a_record_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = kubeconfig(dir.path());
        let site = site(Access { kubeconfig: Some(path.clone()), ..Access::default() });
        let file = Location::File(dir.path().join("gate.json"));
        assert!(site.cluster_of(Some(&file)).await.unwrap().is_none());
        assert!(site.cluster_of(None).await.unwrap().is_none());
        assert_eq!(site.namespace(), None, "nothing was opened for a file");
        let record: Location = "configmap:gate-x".parse().unwrap();
        let cluster = site.cluster_of(Some(&record)).await.unwrap().unwrap();
        assert_eq!(cluster.namespace, "acme");
        assert_eq!(site.namespace().as_deref(), Some("acme"));
        std::fs::remove_file(path).unwrap();
        site.cluster().await.unwrap();
    }

    #[tokio::test]
    async fn what_cannot_be_opened_is_named_when_it_is_asked_for() {
        let site = site(Access {
            kubeconfig: Some("/nowhere/kubeconfig".into()),
            ca_file: Some("/nowhere/ca.pem".into()),
            ..Access::default()
        });
        let error = site.cluster().await.unwrap_err().to_string();
        assert!(error.starts_with("--kubeconfig: "), "{error}");
        let error = site.transport().unwrap_err().to_string();
        assert!(error.starts_with("--ca-file: "), "{error}");
    }

    #[test]
    fn servers_share_one_transport() {
        let site = site(Access::default());
        let (first, second) = (site.transport().unwrap(), site.transport().unwrap());
        assert!(Arc::ptr_eq(&first, &second));
    }
}
