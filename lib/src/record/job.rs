//! A job of the request, its attempts, and what became of each.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Earlier, HistoryNote, ReusedFrom, Usual};
use crate::matrix::{Cell, Days};
use crate::prow::{JobState, TestCounts};

/// Whether a job decides.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It must pass.
    Blocking,
    /// It is shown.
    Informing,
}

impl Class {
    /// The word in results and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Informing => "informing",
        }
    }
}

/// A job that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobRecord {
    /// The Prow job's name.
    pub name: String,
    /// Whether it decides.
    pub class: Class,
    /// Whom to ask about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The variables that carry the image into the job; at least one.
    pub override_env: Vec<String>,
    /// Constant variables for this job.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Which log proves the image, as a pattern of its path below the job's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof_log: Option<String>,
    /// Whether `proof_log` alone proves the image, which must be the last of its repository in it:
    /// so for a job that upgrades to the image from another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proof_last: bool,
    /// How many tests must have run for a success to count, where the job says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<u32>,
    /// What its JUnit files count for.
    #[serde(default, skip_serializing_if = "Junit::is_read")]
    pub junit: Junit,
    /// Which cell of the matrix it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
    /// How old its last pass may become before it runs again; it runs every night where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Days>,
    /// What other records tell of its runs on this image, where that was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
    /// Its attempts in order; empty until it is about to be launched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Why it could not be launched at all, if so: the refusal of its first attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<LaunchRefusal>,
}

impl JobRecord {
    /// A job of which only name and class are known.
    pub fn named(name: impl Into<String>, class: Class) -> Self {
        Self {
            name: name.into(),
            class,
            owner: None,
            override_env: Vec::new(),
            env: BTreeMap::new(),
            proof_log: None,
            proof_last: false,
            tests: None,
            junit: Junit::default(),
            cell: None,
            every: None,
            earlier: None,
            attempts: Vec::new(),
            refusal: None,
        }
    }

    /// The attempt that counts: the last one.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }
}

/// What a job's JUnit files count for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Junit {
    /// They are read: a failed test contradicts a success.
    #[default]
    Read,
    /// They are not read.
    Ignore,
}

impl Junit {
    /// Whether they are read.
    pub fn is_read(&self) -> bool {
        *self == Self::Read
    }
}

/// A launch that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LaunchRefusal {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The server's own words.
    pub reason: String,
    /// Whether the token was the reason: then a later try with a new token may go on.
    #[serde(default)]
    pub token: bool,
}

/// One launch of a job and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// What was about to be sent.
    pub intent: Intent,
    /// Prow's id of the run, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// Why it was not launched, or not as ordered: then there is no execution to wait for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<LaunchRefusal>,
    /// When the execution became known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub launched_at: Option<Timestamp>,
    /// Whether the execution was found by its key rather than told by the create's answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// Where it was launched, if another record's run was taken over instead of launching one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused_from: Option<ReusedFrom>,
    /// What Prow last said.
    #[serde(default)]
    pub state: JobState,
    /// When it first said so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<StateChange>,
    /// Prow's words for the state (`status.description`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where people look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_url: Option<String>,
    /// When Prow says that it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub started_at: Option<Timestamp>,
    /// When Prow says that it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub completed_at: Option<Timestamp>,
    /// What came of it; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// When the cause was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub judged_at: Option<Timestamp>,
    /// The cause in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Tests that failed.
    #[serde(default, skip_serializing_if = "FailingTests::is_empty")]
    pub failing_tests: FailingTests,
    /// Tests that failed and passed.
    #[serde(default, skip_serializing_if = "FailingTests::is_empty")]
    pub flaky_tests: FailingTests,
    /// How many tests did what; absent where the JUnit files were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestCounts>,
    /// How many tests the job's last successes ran, by which it was judged and is judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<Usual>,
    /// Which image ran, as far as shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// A hash of the job's definition without what the gate sets: another one is another job of the
    /// same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// What the job's history says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Box<HistoryNote>>,
}

impl Attempt {
    /// An attempt that has an intent and nothing else.
    pub fn intended(number: u32, intent: Intent) -> Self {
        Self {
            number,
            intent,
            execution: None,
            refusal: None,
            launched_at: None,
            adopted: false,
            reused_from: None,
            state: JobState::default(),
            states: Vec::new(),
            reason: None,
            job_url: None,
            started_at: None,
            completed_at: None,
            cause: None,
            judged_at: None,
            detail: None,
            failing_tests: FailingTests::default(),
            flaky_tests: FailingTests::default(),
            tests: None,
            usual: None,
            proof: None,
            definition: None,
            history: None,
        }
    }
}

/// A launch as it was announced before anything was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Intent {
    /// The key that the run carries as label and annotation: a hash of run id, job, digest,
    /// attempt.
    pub key: String,
    /// When the intent was first durable.
    #[schemars(with = "String")]
    pub written_at: Timestamp,
    /// The process that may send it. Whoever wants to send must first put itself here.
    pub holder: String,
    /// When its holder was last about to send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub sent_at: Option<Timestamp>,
    /// How often it was about to be sent.
    #[serde(default)]
    pub sends: u32,
    /// Whether the last sending certainly made no run (refused, or no byte was sent).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub certainly_not_created: bool,
}

/// When a state was first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateChange {
    /// The state.
    pub state: JobState,
    /// When it was first seen.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// Why a run ended as it did.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// It succeeded, proven as far as asked.
    Passed,
    /// The test phase failed.
    Product,
    /// Only the phase before the tests failed.
    Setup,
    /// Only the phase after the tests failed.
    Teardown,
    /// The machinery failed: no cluster, no pod, aborted, never started.
    Infrastructure,
    /// It had not finished in time.
    Deadline,
    /// It succeeded, but what shows which image ran is missing, unreadable or says another.
    Unproven,
    /// It succeeded, but its own artifacts contradict that, or too few tests ran.
    Hollow,
    /// It ended otherwise, and what would tell why is missing or unreadable.
    Undetermined,
}

impl Cause {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::Passed,
        Self::Product,
        Self::Setup,
        Self::Teardown,
        Self::Infrastructure,
        Self::Deadline,
        Self::Unproven,
        Self::Hollow,
        Self::Undetermined,
    ];

    /// Whether a run that ended so can be run again (`--rerun`): not one that passed, and for one
    /// that ran out of time there is none left.
    pub fn can_be_run_again(self) -> bool {
        match self {
            Self::Passed | Self::Deadline => false,
            Self::Product
            | Self::Setup
            | Self::Teardown
            | Self::Infrastructure
            | Self::Unproven
            | Self::Hollow
            | Self::Undetermined => true,
        }
    }

    /// The word in flags, results and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Product => "product",
            Self::Setup => "setup",
            Self::Teardown => "teardown",
            Self::Infrastructure => "infrastructure",
            Self::Deadline => "deadline",
            Self::Unproven => "unproven",
            Self::Hollow => "hollow",
            Self::Undetermined => "undetermined",
        }
    }
}

/// Failing tests by name, cut with a count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct FailingTests {
    /// The first names.
    #[serde(default)]
    pub names: Vec<String>,
    /// How many there are besides.
    #[serde(default)]
    pub more: usize,
}

impl FailingTests {
    /// Whether no test failed.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.more == 0
    }

    /// The first names in a few words: `TestA and 2 more`.
    pub fn brief(&self, named: usize) -> String {
        let shown: Vec<&str> = self.names.iter().take(named).map(String::as_str).collect();
        match self.names.len() - shown.len() + self.more {
            0 => shown.join(", "),
            more if shown.is_empty() => format!("{more} tests"),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

/// How well it is shown which image ran.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ProofLevel {
    /// Nothing shows it, or another image ran.
    Unproven,
    /// The run was asked to use it: the digest stands in prowjob.json's variables.
    Requested,
    /// A log of the run holds the digest.
    Proven,
}

/// What shows which image ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// How well.
    pub level: ProofLevel,
    /// Where it was found, or what is missing.
    pub note: String,
}
