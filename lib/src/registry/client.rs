//! Asking a registry for content by its digest.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OnceCell;

use super::credentials::{Credentials, Login};
use super::error::{Failed, Kind, RegistryError};
use super::fetch::{Answer, TIMEOUT};
use super::login::Session;
use super::manifest::{self, ContentError};
use crate::clock::SharedClock;
use crate::http::{self, SharedTransport, UreqTransport};
use crate::image::{Digest, ImageRef};
use crate::retry::{Policy, Tries};
use crate::secret::Secret;
use crate::text;

/// How much of a registry's own words is shown.
const QUOTED: usize = 300;

/// No manifest is larger (4 MiB), as registries have it.
pub(super) const MAX_MANIFEST: u64 = 4 << 20;

/// No configuration is larger (8 MiB).
pub(super) const MAX_BLOB: u64 = 8 << 20;

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
/// Proxies are taken from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, but not for this machine.
pub struct Registry {
    pub(super) host: String,
    pub(super) repository: String,
    pub(super) login: Option<Login>,
    pub(super) hint: Option<String>,
    pub(super) clock: SharedClock,
    pub(super) transport: SharedTransport,
    pub(super) plain_http: Vec<String>,
    pub(super) writes: bool,
    pub(super) session: OnceCell<Session>,
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
        let extra = options
            .ca_file
            .as_deref()
            .map(http::extra_certificates)
            .transpose()?
            .unwrap_or_default();
        Ok(Self::over(Arc::new(UreqTransport::new(extra)), repository, credentials, options, clock))
    }

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

    /// As [`Registry::new`], over a transport that follows no redirects.
    pub fn over(
        transport: SharedTransport,
        repository: &str,
        credentials: &Credentials,
        options: &RegistryOptions,
        clock: SharedClock,
    ) -> Self {
        let (host, path) = repository.split_once('/').unwrap_or((repository, ""));
        let found = credentials.of(repository);
        Self {
            host: host.to_owned(),
            repository: path_at(host, path),
            login: found.login,
            hint: found.hint,
            clock,
            transport,
            plain_http: options.plain_http.clone(),
            writes: false,
            session: OnceCell::new(),
        }
    }

    /// The same, asking for the right to write as well.
    #[must_use]
    pub fn writing(self) -> Self {
        Self { writes: true, ..self }
    }

    /// The manifest or index of a digest, proven.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn manifest(&self, digest: &Digest) -> Result<Bytes, RegistryError> {
        let what = format!("{}/{}@{digest}", self.host, self.repository);
        let accept = manifest::ACCEPTED.join(", ");
        let answer = self
            .asked(&what, "manifests", digest.as_str(), &accept, MAX_MANIFEST)
            .await?;
        proven(what, answer, digest)
    }

    /// A blob (an image's configuration), proven.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn blob(&self, digest: &Digest) -> Result<Bytes, RegistryError> {
        let what = format!("the configuration {digest} of {}/{}", self.host, self.repository);
        let answer = self.asked(&what, "blobs", digest.as_str(), "*/*", MAX_BLOB).await?;
        proven(what, answer, digest)
    }

    /// The digest that a tag points to now.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn digest_of_tag(&self, tag: &str) -> Result<String, RegistryError> {
        let what = format!("{}/{}:{tag}", self.host, self.repository);
        let accept = manifest::ACCEPTED.join(", ");
        let answer = self.asked(&what, "manifests", tag, &accept, MAX_MANIFEST).await?;
        Ok(Digest::of(&answer.body).into())
    }

    pub(super) async fn asked(
        &self,
        what: &str,
        kind: &str,
        reference: &str,
        accept: &str,
        limit: u64,
    ) -> Result<Answer, RegistryError> {
        self.retried(what, || async {
            let session = self.session().await?;
            let url = session.url(&self.repository, kind, reference);
            let answer = self.get(session, url, accept, limit).await?;
            if answer.status == 200 { Ok(answer) } else { Err(Failed::of_answer(&answer)) }
        })
        .await
    }

    pub(super) async fn retried<T, F, R>(&self, what: &str, ask: F) -> Result<T, RegistryError>
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
            let (Some(pause), Kind::Trouble) = (tries.pause(failed.asked), &failed.kind) else {
                return Err(self.error(what, tries.failed(), failed));
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

    fn error(&self, what: &str, attempts: u32, failed: Failed) -> RegistryError {
        let (host, what, said) = (self.host.clone(), what.to_owned(), self.safe(&failed.said));
        match failed.kind {
            Kind::NotFound => RegistryError::NotFound { what, said },
            Kind::Denied => {
                let hint = self.hint.clone().or_else(|| {
                    Some(match self.login {
                        None => "it was asked without credentials: the repository is private or does not exist; name a file with credentials with --authfile".to_owned(),
                        Some(_) => "the credentials given do not suffice".to_owned(),
                    })
                });
                RegistryError::Denied { host, what, said, hint }
            }
            Kind::Trouble => RegistryError::Trouble { host, what, attempts, said },
            Kind::Refused | Kind::NoTls => RegistryError::Refused { host, what, said },
        }
    }

    /// A registry's words without our own secret, then cut: the other way round half of it would
    /// stay.
    fn safe(&self, said: &str) -> String {
        let nothing = Secret::new("");
        text::cut(&self.login.as_ref().map_or(&nothing, Login::secret).redact(said), QUOTED)
    }
}

/// A repository's path in its registry: docker.io's own images have a folder that nobody writes.
fn path_at(host: &str, path: &str) -> String {
    let is_docker = matches!(host, "docker.io" | "index.docker.io");
    if is_docker && !path.contains('/') { format!("library/{path}") } else { path.to_owned() }
}

/// The content, if it has its digest: whatever a header says, the content proves itself.
pub(super) fn proven(
    what: String,
    answer: Answer,
    digest: &Digest,
) -> Result<Bytes, RegistryError> {
    let header = answer
        .headers
        .get("docker-content-digest")
        .and_then(|value| value.to_str().ok());
    match manifest::verify(&answer.body, digest) {
        Ok(()) => Ok(answer.body),
        Err(ContentError::Digest { expected, actual, .. }) => {
            let header = header
                .map(|header| text::one_line(header, 80))
                .filter(|header| *header != actual);
            Err(RegistryError::Content {
                what,
                source: ContentError::Digest { expected, actual, header },
            })
        }
        Err(source) => Err(RegistryError::Content { what, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::login::answering;

    #[test]
    fn docker_io_answers_elsewhere() {
        for (registry, path, asked) in [
            ("docker.io", "busybox", "index.docker.io/library/busybox"),
            ("docker.io", "acme/ho", "index.docker.io/acme/ho"),
            ("quay.io", "busybox", "quay.io/busybox"),
        ] {
            assert_eq!(format!("{}/{}", answering(registry), path_at(registry, path)), asked);
        }
    }
}
