//! Gangway's REST interface, exactly as the real one answers: launches and their states.
//!
//! One request each, never repeated here: whether a create may be sent again only its caller can
//! know. Every GET takes its token from the [`Budget`] itself; the caller of [`Gangway::create`]
//! takes it before, so that nothing is waited for between announcing a launch and sending it.

mod message;
mod outcome;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use url::Url;

pub use message::{Create, Execution, PodSpecOptions, job_label};
pub use outcome::{Outcome, Refusal, RefusalKind};

use self::message::{Answer, ListAnswer, is_id};
use self::words::Heard;
use super::budget::Budget;
use crate::failure::Chain;
use crate::http::{BaseUrl, Request, SharedTransport};
use crate::retry;
use crate::secret::{Secret, SecretError, SecretFile};

/// How long a create may take (90 seconds): the router in front gives up after that, Envoy after
/// 60.
pub const CREATE_TIMEOUT: Duration = Duration::from_secs(90);

/// How long a read may take (70 seconds): Envoy says 504 after 60.
const READ_TIMEOUT: Duration = Duration::from_secs(70);

/// One execution is some hundred bytes, with everything that was sent echoed (1 MiB: Envoy takes no
/// more).
const ONE: u64 = 1024 * 1024;

/// A list of every run of a large Prow stays below this (16 MiB).
const MANY: u64 = 16 * 1024 * 1024;

/// How long is waited when Gangway says that it was too much and does not say how long (10
/// seconds).
const DEFAULT_PAUSE: Duration = Duration::from_secs(10);

/// Why a read did not tell anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such execution: it never was, or Prow has removed it.
    #[error("Gangway does not know the execution {0}")]
    Vanished(String),
    /// The token is expired, wrong or lacks access.
    #[error("Gangway refused the token ({0})")]
    Token(String),
    /// This Gangway is too old to list.
    #[error("this Gangway cannot list executions ({0})")]
    CannotList(String),
    /// Anything else; it may work later.
    #[error("Gangway could not be read ({0})")]
    Trouble(String),
}

/// The executions that Gangway lists under a job's label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing(Vec<Execution>);

impl Listing {
    /// Those of exactly this job: others can share its label.
    pub fn of<'a>(&'a self, job: &'a str) -> impl Iterator<Item = &'a Execution> {
        self.0.iter().filter(move |execution| execution.job_name == job)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Execution> {
        self.0.iter()
    }

    /// Whether nothing is in it. **Proves nothing by itself**: Gangway answers 200 and an empty
    /// list whenever it cannot read its API server.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Debug)]
pub struct Gangway {
    executions: Url,
    host: String,
    token: SecretFile,
    transport: SharedTransport,
    budget: Arc<Budget>,
}

impl Gangway {
    /// The Gangway at a base address; a trailing `/v1/executions` is accepted. The token's file is
    /// read again on every request.
    pub fn new(
        base: BaseUrl,
        token: SecretFile,
        transport: SharedTransport,
        budget: Arc<Budget>,
    ) -> Self {
        let base = base.without_suffix("/v1/executions");
        Self {
            executions: base.join(["v1", "executions"]),
            host: base.host(),
            token,
            transport,
            budget,
        }
    }

    /// What all its requests share.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The host and port, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where the token is, for messages.
    pub fn token_file(&self) -> &SecretFile {
        &self.token
    }

    /// Orders a run, once. Takes no token from the budget: see the module's text.
    ///
    /// # Errors
    /// [`SecretError`] when the token cannot be read; then nothing was sent.
    pub async fn create(&self, order: &Create) -> Result<Outcome, SecretError> {
        let token = self.token.read()?;
        let request = Request::post_json(self.executions.clone(), order.body(), CREATE_TIMEOUT);
        let response = match self.transport.send(request.bearer(Some(token.clone()))).await {
            Ok(response) => response,
            Err(error) => return Ok(outcome::of_failure(&error)),
        };
        let pause = retry::retry_after(&response.headers);
        let (heard, body) = hear(response, &token, ONE).await;
        let outcome = outcome::of_answer(order, &heard, body.as_deref(), pause);
        if let Outcome::NotCreated { limited: true, pause, .. } = &outcome {
            self.budget.hold_off(pause.unwrap_or(DEFAULT_PAUSE));
        }
        Ok(outcome)
    }

    /// What Gangway says of one execution.
    ///
    /// # Errors
    /// [`ReadError`]; [`ReadError::Vanished`] only if Gangway says so of this very id.
    pub async fn status(&self, id: &str) -> Result<Execution, ReadError> {
        // Without an id the same address lists everything.
        if !is_id(id) {
            return Err(ReadError::Trouble(format!("{id:?} is no execution's id")));
        }
        let mut url = self.executions.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(id);
        }
        let body = self.read(url, ONE, Some(id)).await?;
        match serde_json::from_slice::<Answer>(&body) {
            // A list, or another's execution, is 200 as well.
            Ok(answer) if answer.id == id => Ok(answer.into()),
            _ => Err(ReadError::Trouble("200, but its body is not this execution".to_owned())),
        }
    }

    /// The executions under the label of that job ([`job_label`]).
    ///
    /// # Errors
    /// [`ReadError`], never [`ReadError::Vanished`].
    pub async fn list(&self, job: &str) -> Result<Listing, ReadError> {
        let mut url = self.executions.clone();
        url.query_pairs_mut().append_pair("job_name", job_label(job));
        self.list_at(url).await
    }

    /// Every execution. One at least shows that Gangway reaches its API server: on a Prow in use
    /// there is always a run. On a large Prow the list has some hundred KiB.
    ///
    /// # Errors
    /// [`ReadError`], never [`ReadError::Vanished`].
    pub async fn list_all(&self) -> Result<Listing, ReadError> {
        self.list_at(self.executions.clone()).await
    }

    async fn list_at(&self, url: Url) -> Result<Listing, ReadError> {
        let body = self.read(url, MANY, None).await?;
        let answer: ListAnswer = serde_json::from_slice(&body).map_err(|_| {
            ReadError::Trouble("200, but its body is no list of executions".to_owned())
        })?;
        Ok(Listing(answer.job_execution.into_iter().map(Execution::from).collect()))
    }

    /// A GET. Without a body, since Gangway's proxy would take the request for another one.
    async fn read(&self, url: Url, limit: u64, id: Option<&str>) -> Result<Bytes, ReadError> {
        let trouble = |error: &(dyn std::error::Error + 'static)| {
            ReadError::Trouble(Chain(error).to_string())
        };
        self.budget.acquire(|_| ()).await;
        let token = self.token.read().map_err(|error| trouble(&error))?;
        let request = Request::get(url, READ_TIMEOUT).bearer(Some(token.clone()));
        let response = self.transport.send(request).await.map_err(|error| trouble(&error))?;
        if response.status == 429 {
            self.budget
                .hold_off(retry::retry_after(&response.headers).unwrap_or(DEFAULT_PAUSE));
        }
        let (heard, body) = hear(response, &token, limit).await;
        match heard.status {
            200 if !heard.html && heard.grpc_status.is_none_or(|status| status == 0) => body
                .ok_or_else(|| {
                    ReadError::Trouble("200, but its body broke off or is too large".to_owned())
                }),
            300..=399 | 401 | 403 => Err(ReadError::Token(heard.quoted())),
            500 if id.is_some_and(|id| {
                heard.message == format!("prowjobs.prow.k8s.io {id:?} not found")
            }) =>
            {
                Err(ReadError::Vanished(id.unwrap_or_default().to_owned()))
            }
            501 => Err(ReadError::CannotList(heard.quoted())),
            _ => Err(ReadError::Trouble(heard.quoted())),
        }
    }
}

/// Reads an answer to its end; its body is `None` when that did not come.
async fn hear(
    response: crate::http::Response,
    token: &Secret,
    limit: u64,
) -> (Heard, Option<Bytes>) {
    let head = crate::http::Response {
        status: response.status,
        headers: response.headers.clone(),
        body: crate::http::Body::Bytes(Bytes::new()),
    };
    let body = response.bytes(limit).await.ok();
    (Heard::new(&head, body.as_deref().unwrap_or_default(), token), body)
}
