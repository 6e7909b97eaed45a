//! Delivery: tried until it works or will not work any more.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{Payload, Target, TargetError};
use crate::clock::SharedClock;
use crate::failure::Chain;
use crate::http::{Request, SharedTransport, TransportError};
use crate::retry::{Policy, Tries, retry_after};
use crate::secret::Secret;
use crate::text;

/// Pauses of 1, 2, 4, 8, 16, 30, 30 seconds, or what Slack asks for, within 10 minutes: a second
/// message is accepted, a missing one is not.
const RETRIES: Policy = Policy {
    attempts: 8,
    first: Duration::from_secs(1),
    longest: Duration::from_secs(30),
    within: Duration::from_secs(600),
};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Slack's answers are a word or a small object (64 KiB).
const MAX_ANSWER: u64 = 64 * 1024;

/// Why a message was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum SlackError {
    /// There is nowhere to send to.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Slack was not reached, or not in time.
    #[error("Slack did not take the message in {attempts} tries")]
    Unreachable {
        /// How often it was tried.
        attempts: u32,
        /// The last reason.
        source: TransportError,
    },
    /// Slack answered, and did not take it.
    #[error("Slack did not take the message ({status}: {said:?}){}", advice(*status, said))]
    Refused {
        /// The status code.
        status: u16,
        /// Slack's word for it.
        said: String,
    },
}

/// What to do about a refusal, where Slack's word tells.
fn advice(status: u16, said: &str) -> &'static str {
    match said {
        "no_service" | "no_active_hooks" | "invalid_token" | "no_team" | "token_revoked"
        | "account_inactive" | "invalid_auth" | "not_authed" | "token_expired" => {
            "; the webhook or token is not valid any more: make a new one"
        }
        "channel_not_found" | "channel_is_archived" | "is_archived" | "not_in_channel" => {
            "; the channel is gone or closed to this app: invite the app, or make a webhook for another channel"
        }
        "missing_scope" | "no_permission" | "not_allowed_token_type" => {
            "; the token may not post: it must be a bot's, with the scope chat:write"
        }
        "action_prohibited" | "posting_to_general_channel_denied" | "restricted_action" => {
            "; the workspace's rules forbid it: ask its administrators"
        }
        _ if matches!(status, 401 | 403 | 404 | 410) => "; is the address or token still valid?",
        _ if status == 429 || status >= 500 => "; try again later",
        _ => "",
    }
}

/// A message that was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The thread that it is in, or begins, for later answers; webhooks do not tell it. Slack posts
    /// the answer to a message that is gone as a message of its own, without a word: then this is
    /// its id.
    pub thread: Option<String>,
}

/// What Slack made of a message without content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It would take one with content: in words.
    Alive(String),
    /// It answered as Slack does not: in words.
    Doubtful(String),
}

/// An earlier message that a message answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The earlier message's id.
    pub id: String,
    /// Whether the channel sees the answer too.
    pub broadcast: bool,
}

/// Sends messages to one place.
#[derive(Debug, Clone)]
pub struct Slack {
    target: Target,
    transport: SharedTransport,
    clock: SharedClock,
}

impl Slack {
    /// A sender; nothing is read or sent yet.
    pub fn new(target: Target, transport: SharedTransport, clock: SharedClock) -> Self {
        Self { target, transport, clock }
    }

    /// Sends a message, in a thread where one is named (webhooks know none). When Slack refuses its
    /// form, the plain text is sent instead.
    ///
    /// # Errors
    /// [`SlackError`] when it was not delivered.
    pub async fn send(
        &self,
        payload: &Payload,
        thread: Option<&Thread>,
    ) -> Result<Receipt, SlackError> {
        match self.send_formed(payload, thread).await {
            // Better in the channel than not at all.
            Err(SlackError::Refused { said, .. }) if thread.is_some() && is_about_thread(&said) => {
                tracing::warn!(
                    "Slack refused the answer in the thread ({said}); sending it to the channel"
                );
                self.send_formed(payload, None).await
            }
            other => other,
        }
    }

    async fn send_formed(
        &self,
        payload: &Payload,
        thread: Option<&Thread>,
    ) -> Result<Receipt, SlackError> {
        match self.deliver(payload.json(), thread).await {
            Err(SlackError::Refused { status, said }) if is_about_form(status, &said) => {
                tracing::warn!(
                    status,
                    "Slack refused the message's form ({said}); sending its plain text"
                );
                self.deliver(payload.plain_json(), thread).await
            }
            other => other,
        }
    }

    /// Asks whether a message would be taken, with one that holds nothing and is posted nowhere. An
    /// incoming webhook that lives answers 400 `no_text` to it, one that does not 403, 404 or 410
    /// (Slack's documentation of incoming webhooks); a bot's token is shown to `auth.test`.
    ///
    /// # Errors
    /// [`SlackError`] when no message would be taken.
    pub async fn probe(&self) -> Result<Probe, SlackError> {
        match (self.attempt("{}", "auth.test").await?, &self.target) {
            (Attempt::Refused(SlackError::Refused { status: 400, said }), Target::Webhook(_))
                if is_empty(&said) =>
            {
                Ok(Probe::Alive("the webhook takes messages".to_owned()))
            }
            (Attempt::Taken(_), Target::Webhook(_)) => Ok(Probe::Doubtful(
                "the webhook's address took an empty message, which Slack does not: is it Slack's?"
                    .to_owned(),
            )),
            (Attempt::Taken(_), Target::Channel { channel, .. }) => Ok(Probe::Alive(format!(
                "the token is accepted; whether it may post in {channel} shows with the first message"
            ))),
            (Attempt::Refused(error), _) => Err(error),
            (Attempt::Again(trouble, _), _) => Err(trouble.after(1)),
        }
    }

    async fn deliver(
        &self,
        mut message: Value,
        thread: Option<&Thread>,
    ) -> Result<Receipt, SlackError> {
        if let Target::Channel { channel, .. } = &self.target {
            message["channel"] = channel.as_str().into();
            if let Some(thread) = thread {
                message["thread_ts"] = thread.id.as_str().into();
                message["reply_broadcast"] = thread.broadcast.into();
            }
        }
        let body = message.to_string();
        let mut tries = Tries::begin(RETRIES, &self.clock);
        loop {
            let (error, asked) = match self.attempt(&body, "chat.postMessage").await? {
                Attempt::Taken(receipt) => return Ok(receipt),
                Attempt::Refused(error) => return Err(error),
                Attempt::Again(error, asked) => (error, asked),
            };
            let Some(pause) = tries.pause(asked) else {
                return Err(error.after(tries.failed()));
            };
            tracing::warn!(
                attempt = tries.failed(),
                pause_s = pause.as_secs(),
                "Slack did not take the message ({error}); trying again"
            );
            tries.wait(pause).await;
        }
    }

    /// One request: to the webhook, or to a method of the Web API.
    async fn attempt(&self, body: &str, method: &str) -> Result<Attempt, TargetError> {
        let resolved = self.target.resolve(method)?;
        let request =
            Request::post_json(resolved.url, body.to_owned(), TIMEOUT).bearer(resolved.token);
        let answer = match self.transport.send(request).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Attempt::Again(Trouble::Transport(error), None)),
        };
        let (status, asked) = (answer.status, retry_after(&answer.headers));
        let said = match answer.bytes(MAX_ANSWER).await {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // What it said is lost, but a status was there.
            Err(error) if !(200..300).contains(&status) => error.to_string(),
            Err(error) => return Ok(Attempt::Again(Trouble::Transport(error), None)),
        };
        Ok(judge(status, &said, asked, &resolved.secret))
    }
}

/// What came of one try.
enum Attempt {
    Taken(Receipt),
    Refused(SlackError),
    Again(Trouble, Option<Duration>),
}

/// Something that may pass.
enum Trouble {
    Transport(TransportError),
    Answer { status: u16, said: String },
}

impl Trouble {
    fn after(self, attempts: u32) -> SlackError {
        match self {
            Self::Answer { status, said } => SlackError::Refused { status, said },
            Self::Transport(source) => SlackError::Unreachable { attempts, source },
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answer { status, said } => write!(f, "{status}: {said:?}"),
            Self::Transport(error) => write!(f, "{}", Chain(error)),
        }
    }
}

/// Reads an answer: a webhook says `ok`, the Web API `{"ok":true,…}`, both say in a word what is
/// wrong. A page for people is no answer of Slack's.
fn judge(status: u16, said: &str, asked: Option<Duration>, secret: &Secret) -> Attempt {
    #[derive(Deserialize)]
    struct Api {
        ok: bool,
        #[serde(default)]
        error: Option<String>,
        #[serde(default)]
        ts: Option<String>,
        #[serde(default)]
        message: Option<Posted>,
    }
    #[derive(Deserialize)]
    struct Posted {
        #[serde(default)]
        thread_ts: Option<String>,
    }
    let api: Option<Api> = serde_json::from_str(said).ok();
    let word = api.as_ref().and_then(|api| api.error.as_deref()).unwrap_or(said);
    let word = text::one_line(&secret.redact(word), 200);
    let is_page = said.trim_start().starts_with('<');
    match StatusCode::from_u16(status) {
        Ok(code) if code.is_success() && !is_page => match api {
            Some(Api { ok: false, .. }) if may_pass(&word) => {
                Attempt::Again(Trouble::Answer { status, said: word }, asked)
            }
            Some(Api { ok: false, .. }) => {
                Attempt::Refused(SlackError::Refused { status, said: word })
            }
            Some(Api { ts, message, .. }) => Attempt::Taken(Receipt {
                thread: message.and_then(|posted| posted.thread_ts).or(ts),
            }),
            None => Attempt::Taken(Receipt::default()),
        },
        Ok(code) if code.as_u16() == 429 || code.as_u16() == 408 || code.is_server_error() => {
            Attempt::Again(Trouble::Answer { status, said: word }, asked)
        }
        _ => Attempt::Refused(SlackError::Refused { status, said: word }),
    }
}

/// Whether the Web API's word is for trouble on its side, which its status does not tell.
fn may_pass(word: &str) -> bool {
    let words = [
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
    ];
    words.contains(&word)
}

/// Whether the complaint is about the thread, so that the channel may take the message.
fn is_about_thread(said: &str) -> bool {
    let words = [
        "thread_not_found",
        "message_not_found",
        "cannot_reply_to_message",
        "restricted_action_thread_locked",
        "restricted_action_non_threadable_channel",
        "invalid_thread_ts",
    ];
    words.contains(&said)
}

/// Whether the complaint is that the message holds nothing.
fn is_empty(said: &str) -> bool {
    matches!(said, "no_text" | "invalid_payload" | "missing_text_or_fallback_or_attachments")
}

/// Whether a plainer message may be taken.
fn is_about_form(status: u16, said: &str) -> bool {
    let forms = [
        "invalid_payload",
        "invalid_blocks",
        "invalid_attachments",
        "too_long",
        "too_many_attachments",
    ];
    (status == 400 || status == 413 || status == 200)
        && forms.iter().any(|form| said.contains(form))
}
