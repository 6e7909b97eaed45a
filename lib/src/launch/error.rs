//! Why a job was not launched.

use crate::failure::Failure;
use crate::record::RecordError;
use crate::secret::SecretError;

/// Why a job was not launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The server said no, or made something else than was ordered. It would do so again.
    #[error("{job} was not launched: {reason}")]
    Refused {
        job: String,
        /// Why, with the server's own words.
        reason: String,
        /// Whether the token was the reason.
        token: bool,
    },
    /// Gangway could not be reached, or was too busy, until time was up. Nothing was created.
    #[error(
        "{job} was not launched: {why}; nothing was sent twice, run this step again when Gangway answers"
    )]
    Unreachable { job: String, why: String },
    /// Whether the job runs could not be found out.
    #[error(
        "the launch of {job} was sent at {sent_at} and its outcome is not known ({lost}); for {patience} it could not be found out ({why}). Nothing was sent twice; run this step again when Gangway answers"
    )]
    Undecided {
        job: String,
        /// When it was sent.
        sent_at: String,
        /// Why the outcome is unknown.
        lost: String,
        /// How long it was tried.
        patience: String,
        /// Why it cannot be found out.
        why: String,
    },
    /// The job is not in the record, or an attempt before it is missing: a bug of the caller.
    #[error("{job} has no attempt {number} to launch in the record")]
    NoSuchAttempt {
        job: String,
        /// The attempt asked for.
        number: u32,
    },
    /// Somebody has changed what the record asks for while it was being launched.
    #[error(
        "{place} was changed while its jobs were launched: {difference}. nothing more was launched"
    )]
    Differs {
        /// The record.
        place: String,
        /// In what.
        difference: String,
    },
    /// The token cannot be read any more.
    #[error("the token cannot be read any more, and nothing was sent without it")]
    Secret(#[from] SecretError),
    /// The record cannot be read or written. What was not announced was not sent.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl LaunchError {
    /// Whether it is about this one job rather than about what every job needs.
    pub fn concerns_the_job(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Unreachable { .. } | Self::Undecided { .. })
    }
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::Undecided { .. } => Self::unsafe_to_go_on(error),
            LaunchError::Record(error) => error.into(),
            LaunchError::Differs { .. } => Self::misuse(error),
            _ => Self::failed(error),
        }
    }
}
