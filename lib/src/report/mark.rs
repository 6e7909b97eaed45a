//! How things ended, each as a sign, a word and a tone: colour is never the only sign.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::history::Ended;

/// How good or bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As wished.
    Good,
    /// It counts against the image.
    Bad,
    /// It says nothing about the image.
    Doubtful,
    /// It has not ended, or nothing is there.
    Quiet,
}

impl Tone {
    /// The class in the page's style.
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "g",
            Self::Bad => "b",
            Self::Doubtful => "d",
            Self::Quiet => "q",
        }
    }
}

/// How a run of the gate ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NightMark {
    /// The image passed and its Release landed.
    Promoted,
    /// A blocking job did not pass, a person accepted it, and the Release landed.
    Overridden,
    /// The image passed, and no promotion was asked for.
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
    /// It runs.
    Open,
    /// Its record has not changed for longer than any run takes, and tells no end: it was killed.
    Lost,
    /// Its record cannot be read.
    Unreadable,
}

impl NightMark {
    /// All of them, in the order of the legend.
    pub const ALL: [Self; 13] = [
        Self::Promoted,
        Self::Overridden,
        Self::Passed,
        Self::Refused,
        Self::Undecided,
        Self::NotReleased,
        Self::ReleaseUnknown,
        Self::ReleasePending,
        Self::Broken,
        Self::Cancelled,
        Self::Open,
        Self::Lost,
        Self::Unreadable,
    ];

    /// One character.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Promoted => "✓",
            Self::Overridden => "⚑",
            Self::Passed => "○",
            Self::Refused => "✗",
            Self::Undecided => "?",
            Self::NotReleased => "!",
            Self::ReleaseUnknown => "‽",
            Self::ReleasePending => "↑",
            Self::Broken => "#",
            Self::Cancelled => "–",
            Self::Open => "…",
            Self::Lost => "%",
            Self::Unreadable => "~",
        }
    }

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Overridden => "promoted by an override",
            Self::Passed => "passed, not promoted",
            Self::Refused => "refused",
            Self::Undecided => "undecided",
            Self::NotReleased => "passed, but not released",
            Self::ReleaseUnknown => "passed, release unknown",
            Self::ReleasePending => "passed, release pending",
            Self::Broken => "broken",
            Self::Cancelled => "cancelled",
            Self::Open => "no end yet",
            Self::Lost => "killed without an end",
            Self::Unreadable => "record cannot be read",
        }
    }

    /// Whether the image was promoted, by its jobs or by a person.
    pub fn is_promoted(self) -> bool {
        matches!(self, Self::Promoted | Self::Overridden)
    }

    /// How good or bad it is.
    pub fn tone(self) -> Tone {
        match self {
            Self::Promoted | Self::Passed => Tone::Good,
            Self::Refused | Self::NotReleased => Tone::Bad,
            Self::Overridden
            | Self::Undecided
            | Self::ReleaseUnknown
            | Self::Broken
            | Self::Lost
            | Self::Unreadable => Tone::Doubtful,
            Self::ReleasePending | Self::Cancelled | Self::Open => Tone::Quiet,
        }
    }
}

/// How a job ended in a night, or an attempt of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CellMark {
    /// It succeeded, proven as far as asked.
    Passed,
    /// A test failed.
    Product,
    /// It failed before the tests.
    Setup,
    /// It failed after the tests.
    Teardown,
    /// The machinery failed.
    Infrastructure,
    /// It did not end in time.
    Deadline,
    /// It is not shown which image ran.
    Unproven,
    /// Its artifacts contradict its success.
    Hollow,
    /// Nothing tells why it failed.
    Undetermined,
    /// Its launch was refused.
    Refused,
    /// Its record contradicts itself.
    Contradictory,
    /// It is not known whether it was launched.
    Doubtful,
    /// It has not ended.
    Running,
    /// It has not been launched.
    Waiting,
}

impl CellMark {
    /// All of them, in the order of the legend.
    pub const ALL: [Self; 14] = [
        Self::Passed,
        Self::Product,
        Self::Hollow,
        Self::Unproven,
        Self::Setup,
        Self::Teardown,
        Self::Infrastructure,
        Self::Deadline,
        Self::Undetermined,
        Self::Refused,
        Self::Contradictory,
        Self::Doubtful,
        Self::Running,
        Self::Waiting,
    ];

    /// One character.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Passed => "✓",
            Self::Product => "✗",
            Self::Setup => "S",
            Self::Teardown => "T",
            Self::Infrastructure => "I",
            Self::Deadline => "D",
            Self::Unproven => "?",
            Self::Hollow => "⊘",
            Self::Undetermined => "U",
            Self::Refused => "R",
            Self::Contradictory => "!",
            Self::Doubtful => "‽",
            Self::Running => "…",
            Self::Waiting => "·",
        }
    }

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Product => "failed: product",
            Self::Setup => "failed: setup",
            Self::Teardown => "failed: teardown",
            Self::Infrastructure => "failed: infrastructure",
            Self::Deadline => "not finished in time",
            Self::Unproven => "succeeded, image unproven",
            Self::Hollow => "succeeded, but hollow",
            Self::Undetermined => "failed: undetermined",
            Self::Refused => "launch refused",
            Self::Contradictory => "the record contradicts itself",
            Self::Doubtful => "not known whether it was launched",
            Self::Running => "no end yet",
            Self::Waiting => "not launched",
        }
    }

    /// How good or bad it is.
    pub fn tone(self) -> Tone {
        match self {
            Self::Passed => Tone::Good,
            Self::Product | Self::Hollow => Tone::Bad,
            Self::Running | Self::Waiting => Tone::Quiet,
            _ => Tone::Doubtful,
        }
    }

    /// Whether it has ended, in whatever way.
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Doubtful | Self::Running | Self::Waiting)
    }
}

/// How a test ended in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Letter {
    /// Passed.
    P,
    /// Failed.
    F,
    /// Failed and passed in one run.
    K,
    /// Skipped.
    S,
    /// It did not fail; whether it ran is not known.
    #[serde(rename = ".")]
    NotFailed,
    /// It did not run.
    #[serde(rename = "-")]
    Absent,
    /// Not known.
    #[serde(rename = "?")]
    Unknown,
}

impl Letter {
    /// All of them, in the order of the legend.
    pub const ALL: [Self; 7] =
        [Self::P, Self::F, Self::K, Self::S, Self::NotFailed, Self::Absent, Self::Unknown];

    /// One character.
    pub fn sign(self) -> &'static str {
        match self {
            Self::P => "P",
            Self::F => "F",
            Self::K => "K",
            Self::S => "S",
            Self::NotFailed => ".",
            Self::Absent => "-",
            Self::Unknown => "?",
        }
    }

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::P => "passed",
            Self::F => "failed",
            Self::K => "failed and passed",
            Self::S => "skipped",
            Self::NotFailed => "did not fail",
            Self::Absent => "did not run",
            Self::Unknown => "not known",
        }
    }

    /// How good or bad it is.
    pub fn tone(self) -> Tone {
        match self {
            Self::P | Self::NotFailed => Tone::Good,
            Self::F => Tone::Bad,
            Self::K => Tone::Doubtful,
            _ => Tone::Quiet,
        }
    }
}

impl From<Ended> for Letter {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Passed => Self::P,
            Ended::Failed => Self::F,
            Ended::Flaky => Self::K,
            Ended::Skipped => Self::S,
            Ended::Absent => Self::Absent,
            Ended::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn assert_distinct<const N: usize>(signs: [&str; N], words: [&str; N]) {
        for texts in [signs, words] {
            assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), N, "{texts:?}");
        }
    }

    #[test]
    fn no_two_marks_look_or_sound_the_same() {
        assert_distinct(NightMark::ALL.map(NightMark::sign), NightMark::ALL.map(NightMark::word));
        assert_distinct(CellMark::ALL.map(CellMark::sign), CellMark::ALL.map(CellMark::word));
        assert_distinct(Letter::ALL.map(Letter::sign), Letter::ALL.map(Letter::word));
    }
}
