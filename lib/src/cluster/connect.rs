//! Connecting as kubectl does: flags, `KUBECONFIG`, the pod's service account.

use std::path::PathBuf;
use std::time::Duration;

use kube::client::{ClientBuilder, ConfigExt};
use kube::config::{AuthInfo, InClusterError};
use kube::{Client, Config};
use tower::buffer::BufferLayer;
use tower::layer::layer_fn;
use tower::util::option_layer;

use super::authorize::Authorized;
use super::files::Files;
use super::kubeconfig::{self, Unusable};
use super::refusals::Redacting;
use crate::http::{self, RootsError};
use crate::secret::{Secret, SecretError, SecretFile};

/// No answer takes longer (30 seconds); a watch asks the server to end it before that.
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How to reach the cluster.
#[derive(Debug, Clone, Default)]
pub struct ClusterOptions {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// `--ca-file`.
    pub ca_file: Option<PathBuf>,
}

/// Why the cluster cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig named by the flag cannot be used.
    #[error("--kubeconfig: cannot use {}", path.display())]
    Kubeconfig {
        /// The flag's value.
        path: PathBuf,
        source: Box<Unusable>,
    },
    /// The context named by the flag cannot be used.
    #[error("--context: cannot use {context:?}")]
    Context {
        /// The flag's value.
        context: String,
        source: Box<Unusable>,
    },
    /// The kubeconfig of the environment or the home folder cannot be used.
    #[error("cannot use the kubeconfig; name another with --kubeconfig")]
    Inferred(#[source] Box<Unusable>),
    /// Nothing tells where the cluster is.
    #[error(
        "no cluster: expected --kubeconfig FILE, KUBECONFIG, or a pod's service account (none: {in_cluster})"
    )]
    Nowhere {
        /// Why there is no service account.
        in_cluster: InClusterError,
        /// Why the kubeconfig cannot be used.
        source: Box<Unusable>,
    },
    /// The extra authorities cannot be read.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The configuration cannot be made into a client.
    #[error("cannot prepare a connection to the cluster")]
    Client(#[source] kube::Error),
}

/// A cluster and the namespace that the gate works in.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    pub namespace: String,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster(namespace {})", self.namespace)
    }
}

impl Cluster {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClusterError`] when nothing tells where the cluster is, or what tells it cannot be used.
    pub async fn connect(options: &ClusterOptions) -> Result<Self, ClusterError> {
        let (mut config, bearer) = configure(options)?;
        if let Some(path) = &options.ca_file {
            let extra = http::extra_certificates(path)?;
            if !extra.is_empty() {
                let roots = config.root_cert.get_or_insert_with(|| {
                    http::usual_certificates().iter().map(|der| der.to_vec()).collect()
                });
                roots.extend(extra.iter().map(|der| der.to_vec()));
                // A pod's own file would be trusted instead of these.
                config.root_cert_file = None;
            }
        }
        config.read_timeout = Some(READ_TIMEOUT);
        // The client would repeat everything, creations too: whether that is right is for the
        // callers.
        config.default_retry = false;
        config.connect_timeout = Some(Duration::from_secs(10));
        let namespace = options
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        let client = client(config, bearer).map_err(ClusterError::Client)?;
        Ok(Self { client, namespace })
    }
}

/// The client of a configuration.
///
/// Who we are is added outside of kube's own layers, so that what a refusal quotes is known
/// wherever it comes from, a login command included. One that yields a certificate stays with them.
pub(super) fn client(mut config: Config, bearer: Option<Bearer>) -> kube::Result<Client> {
    let auth = if bearer.is_some() { None } else { config.auth_layer()? };
    if auth.is_some() || bearer.is_some() {
        config.auth_info = without_header(config.auth_info);
    }
    let builder = ClientBuilder::try_from(config)?;
    // Who renews a token needs a client that can be cloned.
    let builder = builder
        .with_layer(&BufferLayer::new(1024))
        .with_layer(&layer_fn(Redacting));
    let builder = builder.with_layer(&option_layer(auth));
    let authorized =
        bearer.map(|bearer| layer_fn(move |inner| Authorized { inner, bearer: bearer.clone() }));
    Ok(builder.with_layer(&option_layer(authorized)).build())
}

/// A bearer token, for services beside the API server that accept the same one.
#[derive(Debug, Clone)]
pub enum Bearer {
    /// As the kubeconfig holds it.
    Value(Secret),
    /// In a file that is read again on every use: a pod's token is renewed every hour.
    File(SecretFile),
}

impl Bearer {
    /// The token as it is now.
    ///
    /// # Errors
    /// [`SecretError`] when its file cannot be read.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Value(token) => Ok(token.clone()),
            Self::File(file) => file.read(),
        }
    }
}

/// The bearer token of the kubeconfig's user or of the pod, if it has one: a certificate or a login
/// command is of no use elsewhere.
///
/// # Errors
/// Those of [`Cluster::connect`].
pub async fn bearer(options: &ClusterOptions) -> Result<Option<Bearer>, ClusterError> {
    Ok(configure(options)?.1)
}

/// A user without what becomes the `Authorization` header.
fn without_header(user: AuthInfo) -> AuthInfo {
    let user = AuthInfo { username: None, password: None, token: None, token_file: None, ..user };
    AuthInfo { auth_provider: None, exec: None, ..user }
}

/// The cluster's address, who we are there, and the token that says so.
fn configure(options: &ClusterOptions) -> Result<(Config, Option<Bearer>), ClusterError> {
    let context = options.context.as_deref();
    let variable = |name: &str| std::env::var(name).ok();
    let read =
        |files: Result<Files, Unusable>| kubeconfig::configuration(&files?, context, variable);
    if let Some(path) = &options.kubeconfig {
        let unusable =
            |source| ClusterError::Kubeconfig { path: path.clone(), source: Box::new(source) };
        return read(Files::named(path)).map_err(unusable);
    }
    let home = std::env::var_os("HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from);
    let files = Files::usual(std::env::var_os("KUBECONFIG"), home);
    // A file that is there is meant, though it cannot be used.
    let meant = files.as_ref().map_or(true, |files| files.current_context().is_some());
    let found = read(files);
    if let Some(context) = &options.context {
        return found.map_err(|source| ClusterError::Context {
            context: context.clone(),
            source: Box::new(source),
        });
    }
    match found {
        Ok(found) => Ok(found),
        Err(source) if meant => Err(ClusterError::Inferred(Box::new(source))),
        // A pod is beside its API server: no proxy leads there.
        Err(source) => match Config::incluster() {
            Ok(mut config) => {
                let file = config.auth_info.token_file.take();
                Ok((
                    config,
                    file.map(|path| Bearer::File(SecretFile::new("the pod's token", path))),
                ))
            }
            Err(in_cluster) => Err(ClusterError::Nowhere { in_cluster, source: Box::new(source) }),
        },
    }
}
