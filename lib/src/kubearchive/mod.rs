//! KubeArchive: objects that are no longer in the cluster.
//!
//! Its ways, as observed: 401 for everything refused and 400 without a token (no 403); a list that
//! breaks off is a regular 200 whose JSON stops; a wrong group or version is an empty list; 500
//! passes for some reasons and never for others; only the newest version has 429 and 504;
//! timestamps are right only in `Z` and whole seconds; a page's token carries no parameter, so that
//! every one is repeated; the database frozen, no byte comes for ever.

mod answer;

use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use url::Url;

use answer::Verdict;

use crate::clock::SharedClock;
use crate::cluster::Bearer;
use crate::http::{BaseUrl, Request, SharedTransport, TransportError};
use crate::retry::{Policy, retry_after};
use crate::secret::SecretError;
use crate::step::Chain;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Objects on a page.
const LIMIT: &str = "100";

/// No list is followed further: 2,000 objects.
const MAX_PAGES: usize = 20;

/// How much of its words is shown.
const QUOTED: usize = 300;

/// Why the archive tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It refuses, and asking again does not help.
    #[error("KubeArchive refuses ({status}: {said}){}", advice(*status, said))]
    Refused {
        /// The status code.
        status: u16,
        /// Its words.
        said: String,
    },
    /// It has trouble, and asking again did not help.
    #[error("KubeArchive has trouble ({status}: {said}), after {attempts} tries")]
    Trouble {
        /// The status code.
        status: u16,
        /// Its words.
        said: String,
        /// Tries made.
        attempts: u32,
    },
    /// It does not answer.
    #[error("KubeArchive does not answer, after {attempts} tries")]
    Silent {
        /// Tries made.
        attempts: u32,
        /// The last reason.
        source: TransportError,
    },
    /// The token cannot be read.
    #[error(transparent)]
    Token(#[from] SecretError),
    /// It holds no object of the kind at all, which it also says to a wrong group or version.
    #[error(
        "KubeArchive holds no {0} of this namespace at all, so that an empty list proves nothing: are the address, \
         the group and its version right?"
    )]
    Nothing(&'static str),
    /// The list has no end.
    #[error("KubeArchive's list of {0} has more than 2000 entries in the time asked for")]
    TooMany(&'static str),
}

fn advice(status: u16, said: &str) -> &'static str {
    match (status, said) {
        (400, said) if said.contains("empty authorization") => "; the kubeconfig has no bearer token for it",
        (401, "unauthorized") => "; the account may not list these objects, or got the right less than a minute ago",
        (401, _) => "; it does not accept the token",
        (301, _) | (404, _) => "; is the address right?",
        _ => "",
    }
}

/// A kind of objects.
#[derive(Debug, Clone, Copy)]
pub struct Resource {
    /// The API group.
    pub group: &'static str,
    /// Its version, exactly as the objects were archived.
    pub version: &'static str,
    /// The plural.
    pub plural: &'static str,
}

/// Releases.
pub const RELEASES: Resource = Resource { group: "appstudio.redhat.com", version: "v1alpha1", plural: "releases" };

/// An archive.
#[derive(Debug, Clone)]
pub struct KubeArchive {
    /// Where.
    pub base: BaseUrl,
    /// The bearer token; without one the request goes without, and is refused.
    pub bearer: Option<Bearer>,
    /// The transport.
    pub transport: SharedTransport,
    /// The time.
    pub clock: SharedClock,
}

impl KubeArchive {
    /// Lists a namespace's objects with a label, created after a moment, newest first, until `enough`
    /// says of a page that it was the last one needed. An empty list is checked against one without
    /// label and time.
    ///
    /// # Errors
    /// [`ArchiveError`] when that is not certain to be all.
    pub async fn list<T: DeserializeOwned + Send + 'static>(
        &self,
        resource: Resource,
        namespace: &str,
        label: (&str, &str),
        after: Timestamp,
        enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, ArchiveError> {
        let selector = format!("{}={}", label.0, label.1);
        let after = format!("{after:.0}");
        let query =
            [("labelSelector", selector.as_str()), ("creationTimestampAfter", after.as_str()), ("limit", LIMIT)];
        let mut found: Vec<T> = Vec::new();
        let mut token = String::new();
        for _ in 0..MAX_PAGES {
            let page = self.page(self.url(resource, namespace, &query, &token)).await?;
            found.extend(page.items);
            token = page.next;
            if token.is_empty() || enough(&found) {
                // An empty list is an answer only where another one is not empty.
                if found.is_empty() && !self.holds_any(resource, namespace).await? {
                    return Err(ArchiveError::Nothing(resource.plural));
                }
                return Ok(found);
            }
        }
        Err(ArchiveError::TooMany(resource.plural))
    }

    /// Whether there is any object of the kind in the namespace.
    ///
    /// # Errors
    /// [`ArchiveError`] when that cannot be told.
    pub async fn holds_any(&self, resource: Resource, namespace: &str) -> Result<bool, ArchiveError> {
        let url = self.url(resource, namespace, &[("limit", "1")], "");
        Ok(!self.page::<serde::de::IgnoredAny>(url).await?.items.is_empty())
    }

    fn url(&self, resource: Resource, namespace: &str, query: &[(&str, &str)], token: &str) -> Url {
        let path = ["apis", resource.group, resource.version, "namespaces", namespace, resource.plural];
        let mut url = self.base.join(path);
        url.query_pairs_mut().extend_pairs(query);
        if !token.is_empty() {
            url.query_pairs_mut().append_pair("continue", token);
        }
        url
    }

    async fn page<T: DeserializeOwned + Send + 'static>(&self, url: Url) -> Result<answer::Page<T>, ArchiveError> {
        let begun = self.clock.now();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (error, asked) = match self.ask(url.clone(), attempts).await? {
                Ok(page) => return Ok(page),
                Err(failed) => failed,
            };
            let Some(pause) = Policy::READ.pause(attempts, self.clock.since(begun), asked) else { return Err(error) };
            tracing::warn!(attempt = attempts, pause_s = pause.as_secs(), "{}; trying again", Chain(&error));
            self.clock.sleep(pause).await;
        }
    }

    /// One try: a page, or what may pass, with the pause asked for.
    async fn ask<T: DeserializeOwned + Send + 'static>(
        &self,
        url: Url,
        attempts: u32,
    ) -> Result<Result<answer::Page<T>, (ArchiveError, Option<Duration>)>, ArchiveError> {
        let token = self.bearer.as_ref().map(Bearer::read).transpose()?;
        let request = Request::get(url, TIMEOUT).bearer(token.clone());
        let silent = |source| (ArchiveError::Silent { attempts, source }, None);
        let response = match self.transport.send(request).await {
            Ok(response) => response,
            Err(source) => return Ok(Err(silent(source))),
        };
        let (status, asked) = (response.status, retry_after(&response.headers));
        let verdict = match response.body.read_with(move |body| answer::read(status, body)).await {
            Ok(verdict) => verdict,
            Err(source) => return Ok(Err(silent(TransportError::body(source)))),
        };
        // Cut last: the other way round half of the token would stay.
        let redact = |said: String| {
            let said = token.as_ref().map_or_else(|| said.clone(), |token| token.redact(&said));
            crate::text::one_line(&said, QUOTED)
        };
        match verdict {
            Verdict::Page(page) => Ok(Ok(page)),
            Verdict::Passing(said) => Ok(Err((ArchiveError::Trouble { status, said: redact(said), attempts }, asked))),
            Verdict::Final(said) => Err(ArchiveError::Refused { status, said: redact(said) }),
        }
    }
}
