//! How far a run is, in Prow's words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What Prow says of a run. Words that this toolkit does not know count as pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Nothing yet, or a word that is not known.
    #[default]
    Unknown,
    /// Waiting for the scheduler.
    Scheduling,
    /// Waiting for a pod.
    Triggered,
    /// Running.
    Pending,
    /// Ended well.
    Success,
    /// Ended badly, for whatever reason.
    Failure,
    /// Cancelled, or over its own time limit.
    Aborted,
    /// Could not run.
    Error,
}

impl JobState {
    /// Whether it has ended.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Aborted | Self::Error)
    }
}
