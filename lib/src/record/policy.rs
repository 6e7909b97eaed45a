//! What the decision is made by, as the record keeps it: a step that is run again, or by hand, decides
//! by the same rules.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Cause;

/// What follows when it is not proven which image ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProofMode {
    /// The run did not pass: it is unproven. Where a log is named it must hold the digest, otherwise
    /// the run's variables must.
    #[default]
    Enforce,
    /// It is said, and the run passes.
    Warn,
    /// Nobody looks.
    Off,
}

impl ProofMode {
    /// The word in flags and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }
}

impl FromStr for ProofMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let modes = [Self::Enforce, Self::Warn, Self::Off];
        let found = modes.into_iter().find(|mode| mode.as_str() == text);
        found.ok_or_else(|| format!("--proof: expected enforce, warn or off, found {text:?}"))
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
    /// How often a job is run again, by the cause of its failure (`--rerun`); what is not named is not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rerun: BTreeMap<Cause, u32>,
}
