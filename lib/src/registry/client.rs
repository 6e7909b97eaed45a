//! Asking a registry for content by its digest.
//!
//! The types are those of the OCI client library; its requests are not used: it takes a token
//! service's address and a redirect as they come, follows them with credentials and over plain
//! HTTP, and reads bodies without a limit.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use super::challenge::{self, Challenge};
use super::credentials::{Credentials, Login};
use super::error::{Failed, Kind, RegistryError};
use super::fetch::{Answer, Fetcher, Plain, TIMEOUT, is_named};
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
const MAX_MANIFEST: u64 = 4 << 20;

/// No configuration is larger (8 MiB).
const MAX_BLOB: u64 = 8 << 20;

/// No token is longer (256 KiB), nor what comes with it.
const MAX_TOKEN: u64 = 256 << 10;

/// As whom an identity token is exchanged.
const CLIENT: &str = "release-gate";

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
    host: String,
    repository: String,
    login: Option<Login>,
    hint: Option<String>,
    clock: SharedClock,
    transport: SharedTransport,
    plain_http: Vec<String>,
    session: OnceCell<Session>,
}

/// A registry that has been spoken to.
struct Session {
    base: Url,
    fetcher: Fetcher,
    /// What goes into `Authorization`, if it wants anything.
    authorization: Mutex<Option<Secret>>,
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
            session: OnceCell::new(),
        }
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

    /// The digest that a tag stands for at the moment.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn digest_of_tag(&self, tag: &str) -> Result<String, RegistryError> {
        let what = format!("{}/{}:{tag}", self.host, self.repository);
        let accept = manifest::ACCEPTED.join(", ");
        let answer = self.asked(&what, "manifests", tag, &accept, MAX_MANIFEST).await?;
        Ok(manifest::digest(&answer.body))
    }

    async fn asked(
        &self,
        what: &str,
        kind: &str,
        reference: &str,
        accept: &str,
        limit: u64,
    ) -> Result<Answer, RegistryError> {
        self.retried(what, || async {
            let session = self.session.get_or_try_init(|| self.connect()).await?;
            let url = session.url(&self.repository, kind, reference);
            let answer = self.get(session, url, accept, limit).await?;
            if answer.status == 200 { Ok(answer) } else { Err(Failed::of_answer(&answer)) }
        })
        .await
    }

    /// One request; a 401 that says how to log in is answered once.
    async fn get(
        &self,
        session: &Session,
        url: Url,
        accept: &str,
        limit: u64,
    ) -> Result<Answer, Failed> {
        let before = session.authorization.lock().await.clone();
        let answer = session
            .fetcher
            .get(url.clone(), before.as_ref(), accept, limit)
            .await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let after = self.authorization(session, &answer).await?;
        let same = after.as_ref().map(Secret::expose) == before.as_ref().map(Secret::expose);
        match after {
            Some(after) if !same => {
                let answer = session.fetcher.get(url, Some(&after), accept, limit).await;
                *session.authorization.lock().await = Some(after);
                answer
            }
            _ => Ok(answer),
        }
    }

    /// The first to ask finds out what the registry wants, and whether one on this machine speaks
    /// TLS.
    async fn connect(&self) -> Result<Session, Failed> {
        if is_named(&self.host, &self.plain_http) {
            return self.log_in("http").await;
        }
        match self.log_in("https").await {
            // A certificate that is refused is no reason to do without.
            Err(failed) if failed.kind == Kind::NoTls || failed.unconnected => {
                match self.base("http") {
                    Ok(base) if http::is_loopback(&base) => self.log_in("http").await,
                    _ => Err(failed),
                }
            }
            other => other,
        }
    }

    fn base(&self, scheme: &str) -> Result<Url, Failed> {
        let base = format!("{scheme}://{}/", answering(&self.host)).parse::<Url>();
        base.map_err(|error| Failed::refused(format!("its name is no host: {error}")))
    }

    async fn log_in(&self, scheme: &str) -> Result<Session, Failed> {
        let plain =
            if scheme == "http" { Plain::For(self.plain_http.clone()) } else { Plain::Never };
        let fetcher = Fetcher::new(self.transport.clone(), plain);
        let session =
            Session { base: self.base(scheme)?, fetcher, authorization: Mutex::new(None) };
        let mut url = session.base.clone();
        url.set_path("/v2/");
        let answer = session.fetcher.get(url, None, "*/*", MAX_MANIFEST).await?;
        match answer.status {
            401 => {
                let wanted = self.authorization(&session, &answer).await?;
                *session.authorization.lock().await = wanted;
                Ok(session)
            }
            408 | 425 | 429 | 500.. => Err(Failed::of_answer(&answer)),
            // What it says of the repository counts.
            _ => Ok(session),
        }
    }

    /// What the registry wants to see in `Authorization`, as its 401 says; `None` where there is
    /// nothing to show it.
    async fn authorization(
        &self,
        session: &Session,
        refusal: &Answer,
    ) -> Result<Option<Secret>, Failed> {
        let basic = |login: Option<&Login>| match login {
            Some(Login::Basic { user, password }) => Some(Secret::new(format!(
                "Basic {}",
                STANDARD.encode(format!("{user}:{}", password.expose()))
            ))),
            _ => None,
        };
        let login = self.login.as_ref();
        if let Some(Login::Token(token)) = login {
            return Ok(Some(Secret::new(format!("Bearer {}", token.expose()))));
        }
        let (realm, service) = match Challenge::of(&refusal.headers).map_err(Failed::refused)? {
            None => return Ok(None),
            Some(Challenge::Basic) => return Ok(basic(login)),
            Some(Challenge::Bearer { realm, service }) => (realm, service),
        };
        let answer = match login {
            Some(Login::Identity(token)) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token")
                    .append_pair("client_id", CLIENT);
                form.append_pair("refresh_token", token.expose());
                form.append_pair("service", service.as_deref().unwrap_or_default());
                form.append_pair("scope", &challenge::scope(&self.repository));
                session.fetcher.post_form(realm, form.finish(), MAX_TOKEN).await?
            }
            login => {
                let url = challenge::token_url(&realm, service.as_deref(), &self.repository);
                session
                    .fetcher
                    .get(url, basic(login).as_ref(), "application/json", MAX_TOKEN)
                    .await?
            }
        };
        token(&answer).map(|token| Some(Secret::new(format!("Bearer {token}"))))
    }

    async fn retried<T, F, R>(&self, what: &str, ask: F) -> Result<T, RegistryError>
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

impl Session {
    fn url(&self, repository: &str, kind: &str, reference: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .push("v2")
                .extend(repository.split('/'))
                .push(kind)
                .push(reference);
        }
        url
    }
}

/// The host that answers for a registry: docker.io's has another name.
fn answering(registry: &str) -> &str {
    if registry == "docker.io" { "index.docker.io" } else { registry }
}

/// A repository's path in its registry: docker.io's own images have a folder that nobody writes.
fn path_at(host: &str, path: &str) -> String {
    let is_docker = matches!(host, "docker.io" | "index.docker.io");
    if is_docker && !path.contains('/') { format!("library/{path}") } else { path.to_owned() }
}

/// The token that a token service gives.
fn token(answer: &Answer) -> Result<String, Failed> {
    #[derive(Deserialize)]
    struct Given {
        token: Option<String>,
        access_token: Option<String>,
    }
    if answer.status != 200 {
        return Err(Failed::of_token_service(answer));
    }
    let given = serde_json::from_slice::<Given>(&answer.body).ok();
    let token = given
        .and_then(|given| given.token.filter(|token| !token.is_empty()).or(given.access_token));
    let trouble = || Failed::trouble("the token service sent no token".to_owned());
    token.filter(|token| !token.is_empty()).ok_or_else(trouble)
}

/// The content, if it has its digest: whatever a header says, the content proves itself.
fn proven(what: String, answer: Answer, digest: &Digest) -> Result<Bytes, RegistryError> {
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
