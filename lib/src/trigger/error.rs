//! Why nothing could be triggered.

use crate::cluster::{self, ApiError};
use crate::failure::Failure;

/// Why nothing could be triggered.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// The cluster does not answer, or says no.
    #[error(transparent)]
    Cluster(#[from] ApiError),
    /// The records of earlier runs cannot be read.
    #[error("cannot read the records of earlier runs in namespace {namespace}{}", hint(source))]
    Records {
        namespace: String,
        /// The API server's answer.
        source: kube::Error,
    },
    /// The Snapshot named by the user is not there.
    #[error(
        "--snapshot: there is no Snapshot {name}; trigger-gate --dry-run lists those there are"
    )]
    NoSnapshot { name: String },
    /// The Snapshot named by the user cannot be gated.
    #[error("--snapshot: {name} is not fit: {why}; --force takes it all the same")]
    Unfit {
        name: String,
        /// Why it cannot be used.
        why: String,
    },
}

fn hint(error: &kube::Error) -> &'static str {
    match cluster::code(error) {
        Some(401) => " (the credentials are not accepted)",
        Some(403) => " (the service account lacks the right)",
        _ => "",
    }
}

impl From<TriggerError> for Failure {
    fn from(error: TriggerError) -> Self {
        Self::failed(error)
    }
}
