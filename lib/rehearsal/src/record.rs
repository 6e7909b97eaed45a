//! The gate record as the screen reads it: only what is shown, and lenient, since its format
//! belongs to the steps.

use jiff::Timestamp;
use serde::Deserialize;

/// What is shown of a record.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The image under test
    pub candidate: Option<Candidate>,
    /// The jobs
    pub jobs: Vec<Job>,
    /// The verdict
    pub verdict: Option<Verdict>,
    /// The promotion
    pub release: Option<Release>,
}

/// The image under test.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Candidate {
    /// Commit
    pub revision: Option<String>,
    /// Such as `linux/amd64`
    pub platforms: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Full name
    pub name: String,
    /// `blocking` or `informing`
    pub class: String,
    /// Its launches
    pub attempts: Vec<Attempt>,
    /// Why it could not be launched
    pub refusal: Option<Refusal>,
}

/// Why a job could not be launched.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Refusal {
    /// In the server's words
    pub reason: String,
}

/// A launch of a job.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Attempt {
    /// When Gangway took it
    pub launched_at: Option<Timestamp>,
    /// When each state was first seen
    pub states: Vec<State>,
    /// Its page
    pub job_url: Option<String>,
    /// `passed`, `product`, …
    pub cause: Option<String>,
    /// What the cause was read from
    pub detail: Option<String>,
    /// The tests that failed
    pub failing_tests: FailingTests,
    /// How many tests did what
    pub tests: Option<TestCounts>,
    /// What shows which image ran
    pub proof: Option<Proof>,
    /// What the job's history says of it
    pub history: Option<History>,
    /// Where it was adopted from
    pub reused_from: Option<ReusedFrom>,
    /// When Prow started it
    pub started_at: Option<Timestamp>,
    /// When it ended
    pub completed_at: Option<Timestamp>,
}

/// Where a launch was adopted from.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReusedFrom {
    /// The ConfigMap of the other record
    pub record: String,
    /// Its gate
    pub gate: Option<String>,
}

impl Job {
    /// Whether its run was launched for another record.
    pub fn is_adopted(&self) -> bool {
        self.attempts
            .first()
            .is_some_and(|attempt| attempt.reused_from.is_some())
    }
}

/// What a history says of a launch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct History {
    /// The failing tests
    pub tests: Vec<TestPast>,
}

/// A failing test and its past.
#[derive(Debug, Deserialize)]
pub struct TestPast {
    /// The test
    pub name: String,
    /// `regression`, `new`, …
    pub kind: String,
    /// Its past in a few words
    pub words: String,
}

/// The tests of a launch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TestCounts {
    /// Those that ran
    pub run: usize,
    /// Those that failed and passed
    pub flaky: usize,
}

/// A state of a launch.
#[derive(Debug, Deserialize)]
pub struct State {
    /// When it was first seen
    pub at: Timestamp,
}

/// Tests that failed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FailingTests {
    /// The first ones
    pub names: Vec<String>,
    /// How many more
    pub more: usize,
}

/// What shows which image ran.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Proof {
    /// `proven`, `requested` or `unproven`
    pub level: String,
    /// Where it was found
    pub note: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// `passed`, `failed` or `undecided`
    pub decision: String,
    /// Blocking jobs that passed
    pub blocking_passed: usize,
    /// Blocking jobs
    pub blocking_total: usize,
}

/// The promotion.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Release {
    /// The ReleasePlan
    pub plan: String,
    /// `true`, `false` or `unknown`
    pub released: String,
    /// What was pushed
    pub images: Vec<Pushed>,
}

/// A pushed image.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pushed {
    /// Its digest
    pub digest: String,
    /// Where it can be pulled from
    pub urls: Vec<String>,
}

impl Record {
    /// Reads a record; one that cannot be read shows nothing.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}
