//! How a run of the gate ended, as people are told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decision, GateRecord, ReleaseRecord, Released};
use crate::failure::Exit;

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

/// How a run ended, as far as its record alone tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// So, whatever else is known.
    Known(Outcome),
    /// The image passed, and its promotion has not ended; how it stands should nothing more come.
    Promoting(Option<Outcome>),
    /// There is no verdict.
    NoVerdict,
}

impl Ending {
    /// How the run of that record ended.
    pub fn of(record: &GateRecord) -> Self {
        // A person promoted it all the same: what became of that is how it ended.
        let overruled = record.release.as_ref().filter(|release| {
            !record.accepted.is_empty() && release.name.is_some() && !release.dry_run
        });
        if let Some(release) = overruled {
            return Self::of_release(release);
        }
        match record.verdict.as_ref().map(|verdict| verdict.decision) {
            None => Self::NoVerdict,
            Some(Decision::Failed) => Self::Known(Outcome::Refused),
            Some(Decision::Undecided) => Self::Known(Outcome::Undecided),
            Some(Decision::Passed) => record
                .release
                .as_ref()
                .map_or(Self::Promoting(None), Self::of_release),
        }
    }

    fn of_release(release: &ReleaseRecord) -> Self {
        let ReleaseRecord { released, is_final, exit, dry_run, name, .. } = release;
        match (released, is_final) {
            // It was only tried, and would have been made.
            (_, true) if *dry_run && *exit == 0 => Self::Known(Outcome::Passed),
            (Released::True, _) if !dry_run => Self::Known(Outcome::Promoted),
            (Released::False, true) => Self::Known(Outcome::NotReleased),
            (Released::Unknown, true) => Self::Known(Outcome::ReleaseUnknown),
            // It stopped because it cannot tell whether there is a Release: nobody is at work.
            (Released::Unknown, false) if *exit == Exit::Unsafe as u8 => {
                Self::Promoting(Some(Outcome::ReleaseUnknown))
            }
            // Nothing was made, and another try may come.
            (Released::False, false) if name.is_none() && *exit > 0 => {
                Self::Promoting(Some(Outcome::NotReleased))
            }
            (Released::True | Released::False | Released::Unknown, _) => Self::Promoting(None),
        }
    }
}
