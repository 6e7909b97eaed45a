//! What the job's history says of a run, as the record keeps it for people and for a rerun.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the history of its job says of a run. No verdict depends on it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HistoryNote {
    /// The failing tests, in the order of `failing_tests`, as far as they are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<TestPast>,
    /// What fails more often this week than in the month before, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regressions: Vec<String>,
    /// What changed between the last image that passed and the first that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspects: Option<SuspectRange>,
    /// When the job's definition was first seen to be another, if the run before had another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub job_changed: Option<Timestamp>,
    /// Whether each failing test is a known flake or a known issue, so that `--rerun flaky=N` may
    /// run the job again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all_known: bool,
}

impl HistoryNote {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A failing test and its past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestPast {
    /// The test, as `failing_tests` names it.
    pub name: String,
    /// What kind of failure it is.
    pub kind: PastKind,
    /// The same in a few words, with numbers.
    pub words: String,
    /// The known issue that it is, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<String>,
}

/// What a failing test's past makes of its failure. In the order in which people are to look.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PastKind {
    /// It fails more often this week than in the month before.
    Regression,
    /// It never failed before.
    New,
    /// It has failed in each run for some time.
    FailingSince,
    /// It ran too seldom to say anything.
    TooFewRuns,
    /// It fails in scheduled runs with other images as well.
    AlsoWithoutUs,
    /// It fails now and then.
    Flaky,
}

/// The images between which a test began to fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SuspectRange {
    /// The test.
    pub test: String,
    /// The Snapshot on which it last passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<String>,
    /// The Snapshot on which it first failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<String>,
    /// The page that compares their revisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<String>,
}
