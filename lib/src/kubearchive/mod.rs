//! KubeArchive: objects that are no longer in the cluster.
//!
//! Its ways, as observed: 401 for everything refused and 400 without a token (no 403); a list that
//! breaks off is a regular 200 whose JSON stops; a wrong group or version is an empty list; 500
//! passes for some reasons and never for others; only the newest version has 429 and 504;
//! timestamps are right only in `Z` and whole seconds; a page's token carries no parameter, so that
//! every one is repeated; the database frozen, no byte comes for ever.

pub(crate) mod answer;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::Url;

use answer::Verdict;

use crate::clock::SharedClock;
use crate::cluster::{Bearer, Resource};
use crate::failure::Chain;
use crate::http::{BaseUrl, Request, SharedTransport, TransportError};
use crate::retry::{Policy, Tries, retry_after};
use crate::secret::SecretError;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Objects on a page.
const LIMIT: &str = "100";

/// How long a list may take where nobody waits for it, all its pages and tries together (2 minutes;
/// wall time).
pub const WITHIN: Duration = Duration::from_secs(120);

/// No list is followed further.
const MAX_ENTRIES: usize = 2000;

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
    /// Its certificate is not trusted.
    #[error(
        "KubeArchive's certificate is not trusted; --ca-file names the authority that signed it"
    )]
    Untrusted {
        /// What is wrong with it.
        source: TransportError,
    },
    /// The list has no end.
    #[error("KubeArchive's list of {0} has more than 2000 entries in the time asked for")]
    TooMany(&'static str),
    /// An entry has not the form of its kind; those before it were read.
    #[error("KubeArchive's list of {plural} has an entry that cannot be read: {problem}")]
    Odd {
        /// What was listed.
        plural: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// It takes too long.
    #[error("KubeArchive's list of {plural} has not come to its end within {}", crate::duration::human(*within))]
    TooSlow {
        /// What was listed.
        plural: &'static str,
        /// How long it was waited for.
        within: Duration,
    },
}

/// Said where it shows nothing of a namespace, which may be as it is.
pub const NOTHING: &str = "KubeArchive holds no Releases of this namespace at all: so it is for a new tenant, and also \
                           for a wrong address, group or version";

/// What was read of a list, newest first.
#[derive(Debug)]
pub struct Listing<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Why the rest, which is older, was not read.
    pub rest: Option<ArchiveError>,
}

fn advice(status: u16, said: &str) -> &'static str {
    match (status, said) {
        (400, said) if said.contains("empty authorization") => {
            "; the kubeconfig's user has no bearer token for it, or a blank one"
        }
        (401, "unauthorized") => {
            "; the account may not list these objects, or got the right less than a minute ago"
        }
        (401, _) => "; it does not accept the token",
        (301, _) | (404, _) => "; is the address right?",
        _ => "",
    }
}

/// An archive.
#[derive(Debug, Clone)]
pub struct KubeArchive {
    pub base: BaseUrl,
    /// The bearer token; without one the request goes without, and is refused.
    pub bearer: Option<Bearer>,
    pub transport: SharedTransport,
    pub clock: SharedClock,
}

impl KubeArchive {
    /// Lists a namespace's objects with a label, created after a moment, newest first, until
    /// `enough` says that no later page can matter, or `within` is over (wall time). What was read
    /// stays read when a later page cannot be had. An empty list says nothing of a group or version
    /// that is wrong: [`KubeArchive::holds_any`] tells more.
    pub async fn list<T: DeserializeOwned + Send + 'static>(
        &self,
        resource: Resource,
        namespace: &str,
        label: (&str, &str),
        after: Option<Timestamp>,
        within: Duration,
        enough: impl Fn(&[T]) -> bool,
    ) -> Listing<T> {
        let selector = format!("{}={}", label.0, label.1);
        let after = after.map(|after| format!("{after:.0}"));
        let deadline = Instant::now() + within;
        let (mut items, mut token): (Vec<T>, String) = (Vec::new(), String::new());
        loop {
            let mut query = vec![("labelSelector", selector.as_str())];
            query.extend(after.as_deref().map(|after| ("creationTimestampAfter", after)));
            query.push(("limit", LIMIT));
            let url = self.url(resource, namespace, &query, &token);
            let Ok(answer) = tokio::time::timeout_at(deadline, self.page(url, deadline)).await
            else {
                return Listing {
                    items,
                    rest: Some(ArchiveError::TooSlow { plural: resource.plural, within }),
                };
            };
            let page = match answer {
                Ok(page) => page,
                Err(error) => return Listing { items, rest: Some(error) },
            };
            items.extend(page.items);
            token = page.next;
            let rest = match () {
                () if enough(&items) => None,
                () if let Some(problem) = page.odd => {
                    Some(ArchiveError::Odd { plural: resource.plural, problem })
                }
                () if token.is_empty() => None,
                () if items.len() >= MAX_ENTRIES => Some(ArchiveError::TooMany(resource.plural)),
                () => continue,
            };
            return Listing { items, rest };
        }
    }

    /// Whether there is any object of the kind in the namespace.
    ///
    /// # Errors
    /// [`ArchiveError`] when that cannot be told.
    pub async fn holds_any(
        &self,
        resource: Resource,
        namespace: &str,
    ) -> Result<bool, ArchiveError> {
        let url = self.url(resource, namespace, &[("limit", "1")], "");
        let deadline = Instant::now() + WITHIN;
        Ok(!self
            .page::<serde::de::IgnoredAny>(url, deadline)
            .await?
            .items
            .is_empty())
    }

    fn url(&self, resource: Resource, namespace: &str, query: &[(&str, &str)], token: &str) -> Url {
        let path =
            ["apis", resource.group, resource.version, "namespaces", namespace, resource.plural];
        let mut url = self.base.join(path);
        url.query_pairs_mut().extend_pairs(query);
        if !token.is_empty() {
            url.query_pairs_mut().append_pair("continue", token);
        }
        url
    }

    async fn page<T: DeserializeOwned + Send + 'static>(
        &self,
        url: Url,
        deadline: Instant,
    ) -> Result<answer::Page<T>, ArchiveError> {
        let mut tries = Tries::begin(Policy::READ, &self.clock);
        loop {
            let timeout = TIMEOUT.min(deadline.saturating_duration_since(Instant::now()));
            let (error, asked) = match self.ask(url.clone(), timeout, tries.failed() + 1).await? {
                Ok(page) => return Ok(page),
                Err(failed) => failed,
            };
            let Some(pause) = tries.pause(asked).filter(|_| Instant::now() < deadline) else {
                return Err(error);
            };
            tracing::warn!(
                attempt = tries.failed(),
                pause_s = pause.as_secs(),
                "{}; trying again",
                Chain(&error)
            );
            tries.wait(pause).await;
        }
    }

    /// One try: a page, or what may pass, with the pause asked for.
    async fn ask<T: DeserializeOwned + Send + 'static>(
        &self,
        url: Url,
        timeout: Duration,
        attempts: u32,
    ) -> Result<Result<answer::Page<T>, (ArchiveError, Option<Duration>)>, ArchiveError> {
        // A blank token is none: with one, the refusal would speak of another thing.
        let token = self.bearer.as_ref().map(Bearer::read).transpose()?;
        let token = token.filter(|token| !token.expose().trim().is_empty());
        let request = Request::get(url, timeout).bearer(token.clone());
        let silent = |source| (ArchiveError::Silent { attempts, source }, None);
        let response = match self.transport.send(request).await {
            Ok(response) => response,
            Err(source) if source.is_untrusted() => return Err(ArchiveError::Untrusted { source }),
            Err(source) => return Ok(Err(silent(source))),
        };
        let (status, asked) = (response.status, retry_after(&response.headers));
        let verdict = match response.body.read_with(move |body| answer::read(status, body)).await {
            Ok(verdict) => verdict,
            Err(source) => return Ok(Err(silent(TransportError::body(source)))),
        };
        // Cut last: the other way round half of the token would stay.
        let redact = |said: String| {
            let said = token
                .as_ref()
                .map_or_else(|| said.clone(), |token| token.redact(&said));
            crate::text::one_line(&said, QUOTED)
        };
        match verdict {
            Verdict::Page(page) => Ok(Ok(page)),
            Verdict::Passing(said) => {
                Ok(Err((ArchiveError::Trouble { status, said: redact(said), attempts }, asked)))
            }
            Verdict::Final(said) => Err(ArchiveError::Refused { status, said: redact(said) }),
        }
    }
}
