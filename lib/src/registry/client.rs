//! Asking a registry for content by its digest.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use oci_distribution::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_distribution::errors::OciDistributionError;
use oci_distribution::manifest::OciDescriptor;
use oci_distribution::secrets::RegistryAuth;
use oci_distribution::{Client, Reference, RegistryOperation};
use tokio::sync::OnceCell;

use super::credentials::{Credentials, Login};
use super::error::{Failed, Kind, RegistryError, classify};
use super::manifest::{self, ContentError};
use crate::clock::SharedClock;
use crate::http;
use crate::image::{Digest, ImageRef};
use crate::retry::{Policy, Tries};
use crate::text;

/// No request takes longer, its body included (30 seconds).
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much of a registry's own words is shown.
const QUOTED: usize = 300;

/// No configuration is larger (8 MiB); a registry's own limit for manifests is 4 MiB.
const MAX_BLOB: usize = 8 * 1024 * 1024;

/// How registries are reached.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// `--ca-file`: authorities to trust besides the usual ones.
    pub ca_file: Option<PathBuf>,
    /// `--plain-http`: hosts that are spoken to without TLS. Loopback may always be.
    pub plain_http: Vec<String>,
}

/// A client of one repository. Nothing is sent before the first question.
///
/// Proxies are taken from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
pub struct Registry {
    host: String,
    repository: String,
    auth: RegistryAuth,
    login: Option<Login>,
    hint: Option<String>,
    clock: SharedClock,
    roots: Vec<Certificate>,
    plain_http: bool,
    session: OnceCell<Client>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry({}/{})", self.host, self.repository)
    }
}

impl Registry {
    /// A client of the repository `host/path`.
    ///
    /// # Errors
    /// When `--ca-file` cannot be read.
    pub fn new(
        repository: &str,
        credentials: &Credentials,
        options: &RegistryOptions,
        clock: SharedClock,
    ) -> Result<Self, http::RootsError> {
        let (host, path) = repository.split_once('/').unwrap_or((repository, ""));
        let found = credentials.of(repository);
        let auth = match &found.login {
            None => RegistryAuth::Anonymous,
            Some(Login::Basic { user, password }) => RegistryAuth::Basic(user.clone(), password.expose().to_owned()),
            Some(Login::Token(token)) => RegistryAuth::Bearer(token.expose().to_owned()),
        };
        let extra = options.ca_file.as_deref().map(http::extra_certificates).transpose()?.unwrap_or_default();
        let roots = http::usual_certificates().into_iter().chain(extra);
        Ok(Self {
            host: host.to_owned(),
            repository: path.to_owned(),
            auth,
            login: found.login,
            hint: found.hint,
            clock,
            roots: roots.map(|der| Certificate { encoding: CertificateEncoding::Der, data: der.to_vec() }).collect(),
            plain_http: options.plain_http.iter().any(|plain| plain == host || plain == host_name(host)),
            session: OnceCell::new(),
        })
    }

    /// The manifest or index of a digest, proven.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn manifest(&self, digest: &Digest) -> Result<Bytes, RegistryError> {
        let what = format!("{}/{}@{digest}", self.host, self.repository);
        let reference = self.reference(digest);
        let fetch = || async {
            let client = self.session().await?;
            let pulled = client.pull_manifest_raw(&reference, &self.auth, &manifest::ACCEPTED).await;
            pulled.map(|(bytes, _)| bytes).map_err(|error| classify(&error))
        };
        let bytes = self.retried(&what, Some(digest), fetch).await?;
        manifest::verify(&bytes, digest).map_err(|source| RegistryError::Content { what, source })?;
        Ok(bytes)
    }

    /// A blob (an image's configuration), proven.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn blob(&self, digest: &Digest) -> Result<Bytes, RegistryError> {
        let what = format!("the configuration {digest} of {}/{}", self.host, self.repository);
        let reference = self.reference(digest);
        let fetch = || async {
            let client = self.session().await?;
            client.store_auth_if_needed(reference.resolve_registry(), &self.auth).await;
            let descriptor = OciDescriptor { digest: digest.to_string(), ..OciDescriptor::default() };
            let stream = client.pull_blob_stream(&reference, &descriptor).await.map_err(|error| classify(&error))?;
            let mut bytes = Vec::new();
            let mut chunks = stream.stream;
            while let Some(chunk) = chunks.next().await {
                match chunk {
                    Ok(chunk) => bytes.extend_from_slice(&chunk),
                    // The client proves the digest at the end of the stream; here it is done once for all.
                    Err(error) if is_mismatch(&error) => break,
                    Err(error) => return Err(classify(&OciDistributionError::IoError(error))),
                }
                if bytes.len() > MAX_BLOB {
                    let said = format!("it is larger than {} MiB", MAX_BLOB / 1024 / 1024);
                    return Err(Failed { kind: Kind::Refused, said, unconnected: false });
                }
            }
            Ok(Bytes::from(bytes))
        };
        let bytes = self.retried(&what, Some(digest), fetch).await?;
        manifest::verify(&bytes, digest).map_err(|source| RegistryError::Content { what, source })?;
        Ok(bytes)
    }

    /// The digest that a tag stands for at the moment.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn digest_of_tag(&self, tag: &str) -> Result<String, RegistryError> {
        let what = format!("{}/{}:{tag}", self.host, self.repository);
        let reference = Reference::with_tag(self.host.clone(), self.repository.clone(), tag.to_owned());
        let fetch = || async {
            let client = self.session().await?;
            client.fetch_manifest_digest(&reference, &self.auth).await.map_err(|error| classify(&error))
        };
        self.retried(&what, None, fetch).await
    }

    fn reference(&self, digest: &Digest) -> Reference {
        Reference::with_digest(self.host.clone(), self.repository.clone(), digest.to_string())
    }

    /// The client, logged in. The first to ask finds out whether a loopback registry speaks TLS.
    async fn session(&self) -> Result<&Client, Failed> {
        self.session.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Client, Failed> {
        if self.plain_http {
            return self.log_in(true).await;
        }
        match self.log_in(false).await {
            // A certificate that is refused is no reason to do without.
            Err(failed) if (failed.kind == Kind::NoTls || failed.unconnected) && is_loopback(&self.host) => {
                self.log_in(true).await
            }
            other => other,
        }
    }

    async fn log_in(&self, plain: bool) -> Result<Client, Failed> {
        let protocol = if plain { ClientProtocol::Http } else { ClientProtocol::Https };
        let config = ClientConfig {
            protocol,
            tls_certs_only: self.roots.clone(),
            connect_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(TIMEOUT),
            user_agent: concat!("release-gate/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| classify(&error))?;
        let reference = Reference::with_tag(self.host.clone(), self.repository.clone(), "latest".to_owned());
        // Done here, since the client's own later tries keep a failing token service to themselves.
        client.auth(&reference, &self.auth, RegistryOperation::Pull).await.map_err(|error| classify(&error))?;
        Ok(client)
    }

    async fn retried<T, F, R>(&self, what: &str, digest: Option<&Digest>, ask: F) -> Result<T, RegistryError>
    where
        F: Fn() -> R,
        R: Future<Output = Result<T, Failed>>,
    {
        let mut tries = Tries::begin(Policy::READ, &self.clock);
        loop {
            let answer = tokio::time::timeout(TIMEOUT, ask()).await;
            let failed = match answer.unwrap_or_else(|_| Err(Failed::timed_out(TIMEOUT))) {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            let (Some(pause), Kind::Trouble) = (tries.pause(None), &failed.kind) else {
                return Err(self.error(what, digest, tries.failed(), failed));
            };
            tracing::warn!(
                attempt = tries.failed(),
                pause_s = pause.as_secs(),
                "the registry {}: {}; trying again",
                self.host,
                self.safe(&failed.said)
            );
            tries.wait(pause).await;
        }
    }

    fn error(&self, what: &str, digest: Option<&Digest>, attempts: u32, failed: Failed) -> RegistryError {
        let (host, what, said) = (self.host.clone(), what.to_owned(), self.safe(&failed.said));
        match (failed.kind, digest) {
            (Kind::NotFound, _) => RegistryError::NotFound { what, said },
            (Kind::Denied, _) => {
                let hint = self.hint.clone().or_else(|| {
                    Some(match self.login {
                        None => "it was asked without credentials: the repository is private or does not exist; name a file with credentials with --authfile".to_owned(),
                        Some(_) => "the credentials given do not suffice".to_owned(),
                    })
                });
                RegistryError::Denied { host, what, said, hint }
            }
            (Kind::Trouble, _) => RegistryError::Trouble { host, what, attempts, said },
            (Kind::Mismatch { actual }, Some(expected)) => {
                RegistryError::Content { what, source: ContentError::Digest { expected: expected.clone(), actual } }
            }
            (Kind::Refused | Kind::NoTls | Kind::Mismatch { .. }, _) => RegistryError::Refused { host, what, said },
        }
    }

    /// A registry's words without our own secret, then cut: the other way round half of it would stay.
    fn safe(&self, said: &str) -> String {
        let said = self.login.as_ref().map_or_else(|| said.to_owned(), |login| login.secret().redact(said));
        text::cut(&said, QUOTED)
    }
}

/// The registry of an image.
impl Registry {
    /// As [`Registry::new`], for the repository of an image.
    ///
    /// # Errors
    /// Those of [`Registry::new`].
    pub fn of(
        image: &ImageRef,
        credentials: &Credentials,
        options: &RegistryOptions,
        clock: SharedClock,
    ) -> Result<Self, http::RootsError> {
        Self::new(image.repository(), credentials, options, clock)
    }
}

fn is_mismatch(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<oci_distribution::errors::DigestError>())
}

fn host_name(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Whether a registry is on this machine.
fn is_loopback(host: &str) -> bool {
    let name = host_name(host);
    name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_address_only() {
        assert!(is_loopback("127.0.0.1:5000") && is_loopback("localhost") && is_loopback("127.1.2.3"));
        assert!(!is_loopback("localhost.example.com") && !is_loopback("127.0.0.1.example.com:5000"));
    }
}
