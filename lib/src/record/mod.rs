//! The gate record: one document per run, the single thing that the steps share.
//!
//! It is a write-ahead journal: an intent is durable before the request that it announces, the
//! answer right after. Every writer changes its own part by compare-and-swap ([`Journal`]), so that
//! two processes on one record cannot undo each other. Where it is kept is a [`Store`]: a file or
//! a ConfigMap.

mod beside;
mod bound;
mod budget;
mod configmap;
mod file;
mod find;
mod history_note;
mod job;
mod journal;
pub mod labels;
mod location;
mod outcome;
mod past;
mod policy;
mod release;
#[cfg(test)]
pub(crate) mod samples;
mod standing;
mod stopped;
mod store;
mod swap;
mod tested;
mod usual;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use beside::{Accepted, Earlier, ReusedFrom};
pub use budget::gangway_budget;
pub(crate) use configmap::Form;
pub use configmap::{ConfigMapStore, KEY};
pub use file::FileStore;
pub use find::{Limits, PastRuns, Unreadable, Whose, count, documents, each, past_runs};
pub use history_note::{HistoryNote, PastKind, SuspectRange, TestPast};
pub use job::{
    Attempt, Cause, Class, FailingTests, Intent, JobRecord, Junit, LaunchRefusal, Proof,
    ProofLevel, StateChange,
};
pub use journal::{Identity, Journal, RecordError, decode};
pub use location::{Location, LocationError};
pub use outcome::{Ending, Health, Outcome};
pub use past::{Past, Verified};
pub use policy::{PolicyRecord, ProofMode, Strictness};
pub use release::{ReleaseRecord, Released};
pub use standing::{Again, Standing};
pub use stopped::{Stopped, note_stop};
pub use store::{Labels, Store, StoreError, Version};
pub use swap::{Document, load, swap};
pub use tested::Tested;
pub use usual::{SUCCESSES, TooFew, Usual};

pub use crate::prow::{JobState, TestCounts};

use crate::cluster::Cluster;
use crate::image::{Digest, ImageRef};
use crate::matrix::Tonight;
use crate::snapshot::ComponentName;

/// The version of the record's schema that this toolkit reads and writes.
pub const SCHEMA_VERSION: u32 = 1;

/// A record is never larger than this (900 KiB), since a ConfigMap holds at most 1 MiB.
pub const MAX_BYTES: usize = 900 * 1024;

/// How many records of a gate are kept in a namespace: the newest.
pub const KEPT: usize = 60;

/// What a document is about. check-staleness keeps a document of its own kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One run of the gate.
    Gate,
}

/// Everything that is known of one run of the gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateRecord {
    /// The version of this document's schema.
    pub schema_version: u32,
    /// What the document is about: `gate`.
    pub kind: Kind,
    /// The run's id: the PipelineRun's UID, or a random UUID. Intent keys are made from it.
    pub id: String,
    /// The platform's name for people (`--gate-label`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// The IntegrationTestScenario of the run (`--scenario`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// The PipelineRun's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The bisect that the run is a probe of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bisect: Option<String>,
    /// The namespace of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// When the record was begun.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schemars(with = "String")]
    pub updated_at: Timestamp,
    /// How often the record was written.
    #[serde(default)]
    pub revision: u64,
    /// How many processes have spoken to Gangway for this record. Only the first starts with a
    /// full token bucket.
    #[serde(default)]
    pub gangway_processes: u32,
    /// The image under test. Once set, it never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// The jobs asked for, each with its attempts. Once set, no job is added or taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobRecord>,
    /// Which of the jobs that do not run every night run now, and what the matrix asks for. Written
    /// with the jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Tonight>,
    /// The ReleasePlan that the image is promoted by. Once set, it never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What a run must show to have passed, and what is run again. Once set, it never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRecord>,
    /// Why a step ended the run before its first job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// How the jobs were launched, for reruns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<LaunchOptions>,
    /// The gate's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The blocking jobs that did not pass and that people accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Accepted>,
    /// The promotion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseRecord>,
    /// Who was told what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifications: Vec<Notification>,
}

impl GateRecord {
    /// An empty record, begun now.
    pub fn begin(id: impl Into<String>, now: Timestamp) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            kind: Kind::Gate,
            id: id.into(),
            gate: None,
            scenario: None,
            run: None,
            bisect: None,
            namespace: None,
            created_at: now,
            updated_at: now,
            revision: 0,
            gangway_processes: 0,
            candidate: None,
            jobs: Vec::new(),
            matrix: None,
            plan: None,
            policy: None,
            stopped: None,
            launch: None,
            verdict: None,
            accepted: Vec::new(),
            release: None,
            notifications: Vec::new(),
        }
    }

    /// The jobs of a class, in the order asked for.
    pub fn jobs_of(&self, class: Class) -> impl Iterator<Item = &JobRecord> {
        self.jobs.iter().filter(move |job| job.class == class)
    }

    /// The job of that name.
    pub fn job(&self, name: &str) -> Option<&JobRecord> {
        self.jobs.iter().find(|job| job.name == name)
    }

    /// The job of that name, to be changed.
    pub fn job_mut(&mut self, name: &str) -> Option<&mut JobRecord> {
        self.jobs.iter_mut().find(|job| job.name == name)
    }

    /// When the first intent was written: the beginning of `--timeout`.
    pub fn first_intent(&self) -> Option<Timestamp> {
        self.jobs
            .iter()
            .flat_map(|job| &job.attempts)
            .map(|attempt| attempt.intent.written_at)
            .min()
    }
}

/// The image under test and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The image by its digest.
    pub image: ImageRef,
    /// The digest alone.
    pub digest: Digest,
    /// The Snapshot's name; absent where the gate was begun with an image alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The component's name in the Snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The component's version, where the Snapshot has several of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_version: Option<String>,
    /// The git revision that the image was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The repository of that revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_url: Option<String>,
    /// The image's platforms, `linux/amd64`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// The manifests of an index, one for each platform: they are this image too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<PlatformManifest>,
    /// The index itself as its registry holds it: its SHA-256 is `digest`, which proves
    /// `manifests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
}

/// An image's manifest for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlatformManifest {
    /// Its digest.
    pub digest: Digest,
    /// The platform, `linux/amd64`.
    pub platform: String,
}

impl Candidate {
    /// A candidate of which only the image is known.
    pub fn of(image: ImageRef) -> Self {
        let digest = image.digest().clone();
        Self {
            image,
            digest,
            snapshot: None,
            component: None,
            component_version: None,
            revision: None,
            git_url: None,
            platforms: Vec::new(),
            manifests: Vec::new(),
            index: None,
        }
    }

    /// Which component of the Snapshot was tested, where the record tells.
    pub fn component(&self) -> Option<ComponentName> {
        Some(ComponentName {
            name: self.component.clone()?,
            version: self.component_version.clone(),
        })
    }
}

/// What was sent with every launch, and is sent again with a rerun.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LaunchOptions {
    /// Constant variables for every job (`--env`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

/// The gate's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Every blocking job passed, proven as far as asked.
    Passed,
    /// A blocking job failed for a reason in the product.
    Failed,
    /// Not every blocking job passed, and none is known to have failed for a reason in the product.
    Undecided,
}

impl Decision {
    /// The word in results and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Undecided => "undecided",
        }
    }
}

/// A decision with what led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// When it was made.
    #[schemars(with = "String")]
    pub decided_at: Timestamp,
    /// In words, the most important first; one for each blocking job that did not pass.
    pub reasons: Vec<String>,
    /// Blocking jobs that passed.
    pub blocking_passed: usize,
    /// Blocking jobs asked for.
    pub blocking_total: usize,
}

/// A message that was sent, or could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notification {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Whether it was delivered.
    pub delivered: bool,
    /// How the run had ended, as the message said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The message's first line.
    pub headline: String,
    /// The thread that the message is in or begins, where a token was used: later ones of the same
    /// row of red runs go there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// Why it was not delivered, or the whole text for whoever looks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The store at a place. A ConfigMap needs a cluster.
///
/// # Panics
/// If the place is a ConfigMap and no cluster is given, which is a bug of the caller.
pub fn store_at(location: &Location, cluster: Option<&Cluster>) -> Box<dyn Store> {
    match (location, cluster) {
        (Location::File(path), _) => Box::new(FileStore::new(path)),
        (Location::ConfigMap(name), Some(cluster)) => {
            Box::new(ConfigMapStore::new(cluster, name.as_str()))
        }
        (Location::ConfigMap(_), None) => panic!("a ConfigMap needs a cluster"),
    }
}

/// The record's JSON Schema, generated from these types.
pub fn schema() -> String {
    let schema = schemars::schema_for!(GateRecord);
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_as_checked_in() {
        xtask::held("docs/record.schema.json", &schema());
    }
}
