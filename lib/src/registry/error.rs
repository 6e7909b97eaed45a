//! What a registry's refusals mean, told apart by what a caller does about them.

use oci_distribution::errors::{OciDistributionError, OciEnvelope, OciError, OciErrorCode};

use super::manifest::ContentError;
use crate::text;

/// How much of a registry's own words is looked at (64 KiB).
const READ: usize = 64 * 1024;

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
    /// It sent something else than the digest stands for.
    #[error("{what}")]
    Content {
        /// What was asked for.
        what: String,
        /// What came.
        source: ContentError,
    },
    /// No client could be made.
    #[error("cannot prepare a connection to the registry {host}: {said}")]
    Setup {
        /// The registry.
        host: String,
        /// Why.
        said: String,
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
    /// The client itself has found that the content does not match its digest.
    Mismatch {
        actual: String,
    },
}

/// A failed request: what to do about it, and the words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) kind: Kind,
    /// Neither searched for credentials yet, nor cut.
    pub(super) said: String,
    /// Whether no connection could be made at all.
    pub(super) unconnected: bool,
}

impl Failed {
    pub(super) fn timed_out(after: std::time::Duration) -> Self {
        let said = format!("no answer within {}", crate::duration::human(after));
        Self { kind: Kind::Trouble, said, unconnected: false }
    }
}

pub(super) fn classify(error: &OciDistributionError) -> Failed {
    use OciDistributionError as E;
    let failed = |kind, said: &str| Failed { kind, said: text::one_line(said, READ), unconnected: false };
    match error {
        E::UnauthorizedError { .. } => failed(Kind::Denied, "401, not authorized"),
        E::ImageManifestNotFoundError(said) => failed(Kind::NotFound, said),
        E::RegistryError { envelope, .. } => {
            let said = words(envelope);
            failed(envelope.errors.first().map_or(Kind::Refused, |error| by_code(&error.code)), &said)
        }
        E::ServerError { code, message, .. } => {
            let page = message.trim_start().starts_with('<');
            let said = match serde_json::from_str::<OciEnvelope>(message) {
                Ok(envelope) => format!("{code}: {}", words(&envelope)),
                Err(_) if page || message.trim().is_empty() => code.to_string(),
                Err(_) => format!("{code}: {message}"),
            };
            failed(by_status(*code), &said)
        }
        E::DigestError(error) => match error {
            oci_distribution::errors::DigestError::VerificationError { actual, .. } => {
                failed(Kind::Mismatch { actual: text::one_line(actual, READ) }, &error.to_string())
            }
            _ => failed(Kind::Refused, &error.to_string()),
        },
        // The token service's answer, whose status the client does not tell.
        E::AuthenticationFailure(said) => {
            let lower = said.to_lowercase();
            let denied = ["unauthorized", "denied", "invalid", "incorrect", "forbidden", "could not find"];
            let kind = if denied.iter().any(|word| lower.contains(word)) { Kind::Denied } else { Kind::Trouble };
            let words = if said.trim_start().starts_with('<') { "a page instead of a token" } else { said };
            failed(kind, &format!("the token service refused: {words}"))
        }
        E::RegistryTokenDecodeError(_) => failed(Kind::Trouble, "the token service sent no token"),
        E::RequestError(request) => {
            let said = cause(request);
            if said.contains("certificate") || said.contains("UnknownIssuer") {
                failed(Kind::Refused, &format!("{said}; name its authority with --ca-file"))
            } else if said.contains("InvalidContentType") {
                failed(Kind::NoTls, "it does not speak TLS; name it with --plain-http if that is meant")
            } else {
                Failed { unconnected: request.is_connect(), ..failed(Kind::Trouble, &said) }
            }
        }
        E::IoError(error) => failed(Kind::Trouble, &error.to_string()),
        other => failed(Kind::Refused, &other.to_string()),
    }
}

/// A registry's own words: `MANIFEST_UNKNOWN: manifest unknown`.
fn words(envelope: &OciEnvelope) -> String {
    let word = |error: &OciError| {
        let code = serde_json::to_value(&error.code).ok();
        let code = code.as_ref().and_then(|code| code.as_str()).unwrap_or_default().to_owned();
        if error.message.is_empty() { code } else { format!("{code}: {}", error.message) }
    };
    envelope.errors.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// What went wrong underneath, without the layers that only say that something did.
fn cause(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let hollow = text.starts_with("error sending request") || text.starts_with("client error");
        if !hollow && !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    if parts.is_empty() { error.to_string() } else { parts.join(": ") }
}

fn by_code(code: &OciErrorCode) -> Kind {
    use OciErrorCode as C;
    match code {
        C::BlobUnknown | C::ManifestBlobUnknown | C::ManifestUnknown | C::NameUnknown | C::NotFound => Kind::NotFound,
        C::Unauthorized | C::Denied => Kind::Denied,
        C::Toomanyrequests => Kind::Trouble,
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

    fn envelope(text: &str) -> OciDistributionError {
        let envelope: OciEnvelope = serde_json::from_str(text).unwrap();
        OciDistributionError::RegistryError { envelope, url: "https://quay.io/v2/x".to_owned() }
    }

    fn server(code: u16, message: &str) -> OciDistributionError {
        OciDistributionError::ServerError { code, url: "u".to_owned(), message: message.to_owned() }
    }

    #[test]
    fn refusals_are_told_apart() {
        let table = [
            (envelope(r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#), Kind::NotFound),
            (envelope(r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#), Kind::NotFound),
            (envelope(r#"{"errors":[{"code":"DENIED","message":"no"}]}"#), Kind::Denied),
            (envelope(r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#), Kind::Trouble),
            (envelope(r#"{"errors":[{"code":"OF_ITS_OWN","message":"x"}]}"#), Kind::Refused),
            (server(404, "404 page not found"), Kind::NotFound),
            (server(403, "<html>"), Kind::Denied),
            (server(429, ""), Kind::Trouble),
            (server(503, "<html>"), Kind::Trouble),
            (server(400, "x"), Kind::Refused),
            (OciDistributionError::UnauthorizedError { url: "u".to_owned() }, Kind::Denied),
            (OciDistributionError::AuthenticationFailure("{\"error\":\"Invalid Username\"}".to_owned()), Kind::Denied),
            (OciDistributionError::AuthenticationFailure("upstream connect error".to_owned()), Kind::Trouble),
        ];
        for (error, kind) in table {
            assert_eq!(classify(&error).kind, kind, "{error}");
        }
    }

    #[test]
    fn the_registrys_words_are_kept_and_pages_are_not() {
        let said = |error| classify(&error).said;
        assert_eq!(said(envelope(r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"m"}]}"#)), "MANIFEST_UNKNOWN: m");
        assert_eq!(said(server(503, "<html>")), "503");
    }
}
