//! Why an object could not be read, for people.

use super::{code, is_transient};
use crate::text;

/// How much of a server's own words is shown.
const QUOTED: usize = 600;

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The rights do not suffice.
    #[error("the cluster does not allow to {verb} {what}: {said}")]
    Forbidden {
        /// What was tried.
        verb: &'static str,
        /// The object.
        what: String,
        /// The server's words.
        said: String,
    },
    /// The credentials are not accepted.
    #[error("the cluster does not accept the credentials (401): {said}")]
    Unauthorized {
        /// The server's words.
        said: String,
    },
    /// The cluster knows no such kind of objects.
    #[error(
        "cannot {verb} {what}: the cluster has no such resource; is Konflux installed there, and is the namespace right?"
    )]
    NoResource {
        /// What was tried.
        verb: &'static str,
        /// The object.
        what: String,
    },
    /// It cannot be reached, or fails itself; asking again did not help.
    #[error("cannot {verb} {what}: trouble with the cluster, after {attempts} tries")]
    Trouble {
        /// What was tried.
        verb: &'static str,
        /// The object.
        what: String,
        /// Tries made.
        attempts: u32,
        /// The last reason.
        source: Box<kube::Error>,
    },
    /// It refuses for another reason.
    #[error("cannot {verb} {what}")]
    Refused {
        /// What was tried.
        verb: &'static str,
        /// The object.
        what: String,
        /// The server's words.
        source: Box<kube::Error>,
    },
}

impl ApiError {
    /// What an answer means for who tried to `verb` (`read`) `what` (`Snapshot ho-1 in namespace
    /// x`) so many times.
    pub fn of(
        verb: &'static str,
        what: impl Into<String>,
        attempts: u32,
        error: kube::Error,
    ) -> Self {
        let what = what.into();
        let said = words(&error);
        match code(&error) {
            Some(401) => Self::Unauthorized { said },
            Some(403) => Self::Forbidden { verb, what, said },
            Some(404) => Self::NoResource { verb, what },
            _ if is_transient(&error) => {
                Self::Trouble { verb, what, attempts, source: Box::new(error) }
            }
            _ => Self::Refused { verb, what, source: Box::new(error) },
        }
    }

    /// The status of the server's answer, if it refused for a reason of its own.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { source, .. } => code(source),
            _ => None,
        }
    }

    /// Whether the same question may be answered a moment later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Trouble { .. })
    }

    /// Whether only the rights are missing.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Forbidden { .. })
    }
}

/// An API server's own words, on one line.
pub fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => text::one_line(&status.message, QUOTED),
        other => text::one_line(&crate::failure::Chain(other).to_string(), QUOTED),
    }
}
