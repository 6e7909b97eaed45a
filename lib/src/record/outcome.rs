//! How a run of the gate ended, as people are told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The image passed and its Release landed.
    Promoted,
    /// The image passed; a promotion was not asked for, or only as a dry run.
    Passed,
    /// A blocking job failed for a reason in the product.
    Refused,
    /// Not every blocking job passed, and none failed for a reason in the product.
    Undecided,
    /// The image passed, and its Release was refused or failed.
    NotReleased,
    /// The image passed, and it is not known whether its Release pushed it.
    ReleaseUnknown,
    /// The image passed, and its Release had not ended yet.
    ReleasePending,
    /// A step failed before there was a verdict.
    Broken,
    /// The run was stopped before there was a verdict.
    Cancelled,
}

/// What an outcome means for a row of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The image can be used.
    Green,
    /// It cannot.
    Red,
    /// Neither: it counts for no row and ends none.
    Neither,
}

impl Outcome {
    /// What it means for a row of runs.
    pub fn health(self) -> Health {
        match self {
            Self::Promoted | Self::Passed => Health::Green,
            Self::Refused
            | Self::Undecided
            | Self::NotReleased
            | Self::ReleaseUnknown
            | Self::Broken => Health::Red,
            Self::ReleasePending | Self::Cancelled => Health::Neither,
        }
    }
}
