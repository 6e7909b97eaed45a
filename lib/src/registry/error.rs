//! What a registry's refusals mean, told apart by what a caller does about them.

use std::io;
use std::time::Duration;

use serde::Deserialize;

use super::fetch::Answer;
use super::manifest::ContentError;
use crate::failure::Chain;
use crate::http::TransportError;
use crate::retry::retry_after;
use crate::text;

/// How much of a registry's own words is looked at (64 KiB).
pub(super) const READ: u64 = 64 * 1024;

/// Why a registry did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It says that there is no such content.
    #[error("{what} is not in the registry ({said}); it was never pushed, or has been deleted")]
    NotFound {
        /// What was asked for.
        what: String,
        /// The registry's words.
        said: String,
    },
    /// It wants other credentials, or hides what it would not show.
    #[error("{host} refused access to {what} ({said}){}", hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default())]
    Denied {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// The registry's words.
        said: String,
        /// What to do.
        hint: Option<String>,
    },
    /// It answers, but not usefully, and asking again did not help, or it cannot be reached.
    #[error(
        "{what}: trouble with the registry {host}, after {attempts} tries: {said}; this says nothing about the image, try again later"
    )]
    Trouble {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// Tries made.
        attempts: u32,
        /// What went wrong.
        said: String,
    },
    /// It refuses the request for another reason.
    #[error("{what}: the registry {host} refused the request: {said}")]
    Refused {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// The registry's words.
        said: String,
    },
    /// It sent content whose SHA-256 is not the digest.
    #[error("{what}")]
    Content {
        /// What was asked for.
        what: String,
        /// What came.
        source: ContentError,
    },
}

/// What to do about a failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    NotFound,
    Denied,
    /// Asking again may help.
    Trouble,
    Refused,
    /// The other end does not speak TLS.
    NoTls,
}

/// A failed request: what to do about it, and the words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) kind: Kind,
    /// Neither searched for credentials yet, nor cut.
    pub(super) said: String,
    /// Whether no connection could be made at all.
    pub(super) unconnected: bool,
    /// How long it asks to wait.
    pub(super) asked: Option<Duration>,
}

impl Failed {
    fn of(kind: Kind, said: &str) -> Self {
        Self { kind, said: text::one_line(said, READ as usize), unconnected: false, asked: None }
    }

    /// Asking again does not help.
    pub(super) fn refused(said: String) -> Self {
        Self::of(Kind::Refused, &said)
    }

    /// Asking again may help.
    pub(super) fn trouble(said: String) -> Self {
        Self::of(Kind::Trouble, &said)
    }

    pub(super) fn timed_out(after: Duration) -> Self {
        Self::trouble(format!("no answer within {}", crate::duration::human(after)))
    }

    /// No answer, or none to its end.
    pub(super) fn of_transport(error: &TransportError) -> Self {
        let said = Chain(error).to_string();
        let tls = tls_error(error);
        if tls.is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_))) {
            return Self::refused(format!("{said}; name its authority with --ca-file"));
        }
        if tls.is_some_and(|error| matches!(error, rustls::Error::InvalidMessage(_))) {
            let said = "it does not speak TLS; name it with --plain-http if that is meant";
            return Self::of(Kind::NoTls, said);
        }
        match error {
            TransportError::TooLarge { .. } => Self::refused(said),
            _ => Self { unconnected: error.certainly_not_sent(), ..Self::trouble(said) },
        }
    }

    /// A registry's answer that is not what was asked for: by the code in it, else by its status.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        let asked = retry_after(&answer.headers);
        let envelope = serde_json::from_slice::<Envelope>(&answer.body).ok();
        let (kind, said) = match (envelope, by_status(answer.status)) {
            // Its own trouble, whatever it calls that.
            (Some(envelope), Kind::Trouble) => {
                (Kind::Trouble, format!("{}: {}", answer.status, words(&envelope)))
            }
            (Some(envelope), kind) => (
                envelope.errors.first().map_or(kind, |error| by_code(&error.code)),
                words(&envelope),
            ),
            (None, kind) => (kind, status_and_text(answer)),
        };
        Self { asked, ..Self::of(kind, &said) }
    }

    /// A token service's answer that is no token.
    pub(super) fn of_token_service(answer: &Answer) -> Self {
        let kind = match answer.status {
            400 | 401 | 403 => Kind::Denied,
            408 | 425 | 429 | 500.. => Kind::Trouble,
            _ => Kind::Refused,
        };
        let said = format!("the token service refused: {}", status_and_text(answer));
        Self { asked: retry_after(&answer.headers), ..Self::of(kind, &said) }
    }
}

/// `403: no such user`; a page for people says nothing.
fn status_and_text(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let text = text.trim();
    match answer.status {
        401 if text.is_empty() => "401, not authorized".to_owned(),
        status if text.is_empty() || text.starts_with('<') => status.to_string(),
        status => format!("{status}: {text}"),
    }
}

/// What TLS has to say of a failure.
fn tls_error(error: &TransportError) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = error.downcast_ref().or_else(|| inner?.downcast_ref());
        if found.is_some() {
            return found;
        }
        next = error.source();
    }
    None
}

/// What a registry's answer holds where something went wrong, by the distribution specification.
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Named>,
}

/// One of its errors.
#[derive(Deserialize)]
struct Named {
    /// The specification's, or the registry's own.
    code: String,
    #[serde(default)]
    message: String,
}

/// A registry's own words: `MANIFEST_UNKNOWN: manifest unknown`.
fn words(envelope: &Envelope) -> String {
    let word = |Named { code, message }: &Named| {
        if message.is_empty() { code.clone() } else { format!("{code}: {message}") }
    };
    envelope.errors.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn by_code(code: &str) -> Kind {
    match code {
        "BLOB_UNKNOWN"
        | "MANIFEST_BLOB_UNKNOWN"
        | "MANIFEST_UNKNOWN"
        | "NAME_UNKNOWN"
        | "NOT_FOUND" => Kind::NotFound,
        "UNAUTHORIZED" | "DENIED" => Kind::Denied,
        "TOOMANYREQUESTS" => Kind::Trouble,
        _ => Kind::Refused,
    }
}

fn by_status(status: u16) -> Kind {
    match status {
        404 | 410 => Kind::NotFound,
        401 | 403 => Kind::Denied,
        408 | 425 | 429 | 500.. => Kind::Trouble,
        _ => Kind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer {
            status,
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        for (status, body, kind, said) in [
            (
                404,
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"m"}]}"#,
                Kind::NotFound,
                "MANIFEST_UNKNOWN: m",
            ),
            (404, r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#, Kind::NotFound, "NAME_UNKNOWN"),
            (403, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#, Kind::Denied, "DENIED: no"),
            (
                429,
                r#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#,
                Kind::Trouble,
                "429: TOOMANYREQUESTS",
            ),
            (
                500,
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#,
                Kind::Trouble,
                "500: MANIFEST_UNKNOWN",
            ),
            (
                400,
                r#"{"errors":[{"code":"OF_ITS_OWN","message":"x"}]}"#,
                Kind::Refused,
                "OF_ITS_OWN: x",
            ),
            (404, "404 page not found", Kind::NotFound, "404: 404 page not found"),
            (403, "<html>", Kind::Denied, "403"),
            (401, "", Kind::Denied, "401, not authorized"),
            (429, "", Kind::Trouble, "429"),
            (503, "<html>", Kind::Trouble, "503"),
            (400, "x", Kind::Refused, "400: x"),
            (204, "", Kind::Refused, "204"),
        ] {
            let failed = Failed::of_answer(&answer(status, body));
            assert_eq!((failed.kind, failed.said.as_str()), (kind, said), "{status} {body}");
        }
    }

    #[test]
    fn a_token_services_refusals() {
        for (status, kind) in
            [(401, Kind::Denied), (400, Kind::Denied), (404, Kind::Refused), (503, Kind::Trouble)]
        {
            let failed =
                Failed::of_token_service(&answer(status, "{\"error\":\"Invalid Username\"}"));
            assert_eq!(failed.kind, kind, "{status}");
            assert!(failed.said.contains("the token service refused: "), "{}", failed.said);
        }
    }
}
