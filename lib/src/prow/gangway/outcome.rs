//! What an answer to a create means: whether there is a run now, and whether it may be sent again.
//!
//! Wrong in one direction a job runs twice, wrong in the other it never runs. So only what is known
//! to have made no run counts as such; all the rest is unknown and has to be looked up.

use std::time::Duration;

use super::message::{Answer, Create, is_id};
use super::words::Heard;
use crate::http::TransportError;

/// What became of a create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The run exists, and the answer shows everything that was sent.
    Created {
        /// Prow's id of it.
        id: String,
    },
    /// The run exists, but not as it was ordered: it would test something else.
    Differs {
        /// Prow's id of it.
        id: String,
        /// What the answer lacks, in words.
        lacks: String,
    },
    /// There is no run, and sending the same again would be refused again.
    Refused(Refusal),
    /// There is no run, and sending again later may work.
    NotCreated {
        /// Why, in words.
        why: String,
        /// What the server asks to wait (Retry-After).
        pause: Option<Duration>,
        /// Whether it was the rate limit.
        limited: bool,
    },
    /// Whether there is a run is not known, or its id is not.
    Unknown {
        /// Why, in words.
        why: String,
    },
}

/// Why Gangway does not want to make a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub kind: RefusalKind,
    /// The server's own words, decoded, without the token, in one line.
    pub words: String,
}

/// What kind of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The token is expired, wrong or lacks access: a sign-in page, or 401.
    Token,
    /// The token's owner may not run this job.
    Tenant,
    /// There is no periodic job of that name.
    UnknownJob,
    /// The order is not accepted as it is.
    Order,
    /// No Gangway answers at this address.
    Address,
}

/// Judges an answer to `order`; `body` is `None` when it broke off or was too large.
pub(super) fn of_answer(
    order: &Create,
    heard: &Heard,
    body: Option<&[u8]>,
    pause: Option<Duration>,
) -> Outcome {
    let refused = |kind| Outcome::Refused(Refusal { kind, words: heard.quoted() });
    let not_created = |limited| Outcome::NotCreated { why: heard.quoted(), pause, limited };
    match heard.status {
        200..=299 => of_success(order, heard, body),
        // A redirect is the way to a sign-in page; it was not followed.
        300..=399 | 401 => refused(RefusalKind::Token),
        403 if heard.grpc_status.is_some() => refused(RefusalKind::Tenant),
        403 => refused(RefusalKind::Token),
        404 | 405 if heard.grpc_status.is_none() => refused(RefusalKind::Address),
        // It is the token's owner who may not: with another token the same order is taken.
        400 if heard.message.starts_with("could not find allowed client") => {
            refused(RefusalKind::Token)
        }
        400 | 405 | 413 | 414 | 415 | 431 => refused(RefusalKind::Order),
        429 => not_created(true),
        500 if heard.grpc_status.is_some() => of_error(heard, refused, not_created),
        _ => Outcome::Unknown { why: heard.quoted() },
    }
}

/// No answer came, or not all of it.
pub(super) fn of_failure(error: &TransportError) -> Outcome {
    let why = crate::failure::Chain(error).to_string();
    if error.certainly_not_sent() {
        Outcome::NotCreated { why, pause: None, limited: false }
    } else {
        Outcome::Unknown { why }
    }
}

fn of_error(
    heard: &Heard,
    refused: impl Fn(RefusalKind) -> Outcome,
    not_created: impl Fn(bool) -> Outcome,
) -> Outcome {
    let message = heard.message.as_str();
    if message.starts_with("failed to find associated periodic job ") {
        return refused(RefusalKind::UnknownJob);
    }
    // What the API server's validation says; nothing was stored.
    if message.starts_with("ProwJob.prow.k8s.io \"") && message.contains("\" is invalid: ") {
        return refused(RefusalKind::Order);
    }
    // Gangway could not even connect to its API server. Any other failure between the two may
    // have come after the run was made.
    if message.starts_with("Post \"https://")
        && message.contains("\": dial tcp ")
        && message.ends_with(": connect: connection refused")
    {
        return not_created(false);
    }
    Outcome::Unknown { why: heard.quoted() }
}

fn of_success(order: &Create, heard: &Heard, body: Option<&[u8]>) -> Outcome {
    let unknown = |what: &str| Outcome::Unknown { why: format!("{}, {what}", heard.status) };
    let Some(body) = body else { return unknown("but its body broke off") };
    if heard.grpc_status.is_some_and(|status| status != 0) || heard.html {
        return Outcome::Unknown { why: heard.quoted() };
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        return unknown("but its body is no execution");
    };
    if !is_id(&answer.id) {
        return unknown("but its body has no id");
    }
    match lacking(order, &answer) {
        None => Outcome::Created { id: answer.id },
        Some(lacks) => Outcome::Differs { id: answer.id, lacks },
    }
}

/// What the answer does not show of what was ordered. Unknown and misspelt fields are ignored by
/// Gangway without a word; only its echo tells. Annotations are for people alone.
fn lacking(order: &Create, answer: &Answer) -> Option<String> {
    if !answer.job_name.is_empty() && answer.job_name != order.job_name {
        return Some(format!("it runs the job {:?}", answer.job_name));
    }
    let sent = &order.pod_spec_options;
    let shown = answer.pod_spec_options.clone().unwrap_or_default();
    let variables = sent
        .envs
        .iter()
        .filter(|(name, value)| shown.envs.get(*name) != Some(value));
    let labels = sent
        .labels
        .iter()
        .filter(|(name, value)| shown.labels.get(*name) != Some(value));
    let lacks: Vec<_> = variables
        .map(|(name, _)| format!("the variable {name}"))
        .chain(labels.map(|(name, _)| format!("the label {name}")))
        .collect();
    (!lacks.is_empty()).then(|| format!("it lacks {}", crate::text::some_of(&lacks, 5)))
}
