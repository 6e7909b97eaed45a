//! What the decision is made by, as the record keeps it: a step that is run again, or by hand,
//! decides by the same rules.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Cause;

/// What follows when a run does not show what it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strictness {
    /// The run did not pass.
    #[default]
    Enforce,
    /// A warning; the run passes.
    Warn,
    /// No check.
    Off,
}

impl Strictness {
    /// The word in flags and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }
}

/// What follows when it is not proven which image ran. Where a log is named it must hold the
/// digest, otherwise the run's variables must.
pub type ProofMode = Strictness;

impl FromStr for Strictness {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let modes = [Self::Enforce, Self::Warn, Self::Off];
        let found = modes.into_iter().find(|mode| mode.as_str() == text);
        found.ok_or_else(|| format!("expected enforce, warn or off, found {text:?}"))
    }
}

/// The rules of the decision.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PolicyRecord {
    /// What must show which image ran (`--proof`).
    #[serde(default)]
    pub proof: ProofMode,
    /// The logs that prove it, as patterns of paths below a run's folder (`--proof-log`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proof_logs: Vec<String>,
    /// What follows when a run's artifacts contradict its success (`--hollow`), if it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hollow: Option<Strictness>,
    /// How often a job is run again, by the cause of its failure (`--rerun`); what is not named is
    /// not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rerun: BTreeMap<Cause, u32>,
    /// How often a job is run again whose failing tests are all known flakes or known issues
    /// (`--rerun flaky=N`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rerun_flaky: u32,
    /// Known issues that have no effect any more, as of the first step that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_issues: Vec<String>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
