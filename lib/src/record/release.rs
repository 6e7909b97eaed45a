//! The promotion as the record keeps it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::konflux::PushedImage;

/// Whether the image was promoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Released {
    /// It was.
    True,
    /// It certainly was not.
    False,
    /// It is not known, or not yet.
    Unknown,
}

impl Released {
    /// The word in results and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        }
    }
}

/// The Release of this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseRecord {
    /// The ReleasePlan.
    pub plan: String,
    /// The Release's name: what is about to be created, or was found. Absent at the end where none
    /// was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When its creation was announced here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub intended_at: Option<Timestamp>,
    /// Whether it was made by this run, rather than found.
    #[serde(default)]
    pub created: bool,
    /// The outcome so far.
    pub released: Released,
    /// Whether nothing more will happen by itself: the Release has ended, or there will be none.
    /// The end of a Release is repeated without a request; a refusal is looked at again when asked.
    #[serde(default, rename = "final")]
    pub is_final: bool,
    /// The exit code that goes with a final outcome.
    #[serde(default)]
    pub exit: u8,
    /// Whether this was only a dry run: the server was asked whether it would take the Release, and
    /// none was made. Then there is no name, and nothing was released by this run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Whether it was made on the record's word alone, without asking the blocking runs again
    /// (`--evidence record`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unexamined: bool,
    /// When this outcome was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub noted_at: Option<Timestamp>,
    /// Where no Release was made: how often the step is still tried again, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries_left: Option<u32>,
    /// The last phase seen, in release-service's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The outcome in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The managed PipelineRun, `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_run: Option<String>,
    /// What was pushed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<PushedImage>,
    /// When the Release was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub created_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub completed_at: Option<Timestamp>,
}

impl ReleaseRecord {
    /// One of which nothing is known but its plan.
    pub fn of_plan(plan: &str) -> Self {
        Self {
            plan: plan.to_owned(),
            name: None,
            intended_at: None,
            created: false,
            released: Released::False,
            is_final: false,
            exit: 0,
            dry_run: false,
            unexamined: false,
            noted_at: None,
            tries_left: None,
            phase: None,
            detail: None,
            pipeline_run: None,
            images: Vec::new(),
            created_at: None,
            completed_at: None,
        }
    }
}
