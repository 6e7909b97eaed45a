//! What stands beside a job's own launches: a run that was taken over from another record, how often
//! the job has run on one image, a person's word for it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a run was launched that this record has taken over (`launch-prow --reuse`). The key that
/// the run must carry is computed from the id and the attempt that are named here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReusedFrom {
    /// The ConfigMap of that record.
    pub record: String,
    /// Its run's id.
    pub id: String,
    /// The attempt there.
    pub attempt: u32,
    /// Its gate, by the name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
}

/// A blocking job that did not pass and that a person accepted (`override-gate`). What is promoted by
/// that is shown by the Release's author; this is information.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// The job.
    pub job: String,
    pub reason: String,
    /// Who, as the cluster said then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// The runs of a job on this image with these variables that other records tell of, when it was
/// begun here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Earlier {
    /// How many.
    pub runs: u32,
    /// How many of them failed for a reason in the product.
    pub product: u32,
}
