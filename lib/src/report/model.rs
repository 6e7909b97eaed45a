//! What the page shows, as data: `report.json` is this, and page, metrics and table are made of it.
//!
//! Foreign texts are kept as one line of limited length each ([`crate::text::one_line`]), so that no
//! face has to cut them. Times are UTC, durations are seconds.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decisions::{Decision, DecisionKind};
use super::link::Link;
use super::mark::{CellMark, Letter, NightMark};

/// The version of the schema of `report.json`.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that is known of the gates of a namespace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this document's schema.
    pub schema_version: u32,
    /// What the document is about: `report`.
    pub kind: Kind,
    /// When it was made.
    #[schemars(with = "String")]
    pub made_at: Timestamp,
    /// The namespace, where it was read from a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The gates, in the order of their names.
    pub gates: Vec<Gate>,
    /// What could not be read, and what is therefore missing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// The kind of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A report.
    Report,
}

/// One platform's gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// Its name for people (`--gate-label`), or its scenario's.
    pub name: String,
    /// Its id in this document and in the page's addresses.
    pub id: String,
    /// Its IntegrationTestScenario, where the records tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// The ReleasePlan that its images are promoted by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The newest verified image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// From which age of the newest verified image on it is stale, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<u64>,
    /// Its runs, the newest first.
    pub nights: Vec<Night>,
    /// How many of the nights ended with a promotion.
    pub promoted: usize,
    /// From the candidate's first job to its verification, over the nights that promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_time: Option<LeadTime>,
    /// Its jobs, blocking ones first.
    pub jobs: Vec<JobRow>,
    /// Tests that failed in a night shown here, those of the newest nights first.
    pub tests: Vec<TestRow>,
    /// Tests left out of `tests`.
    #[serde(default)]
    pub more_tests: usize,
    /// Tests and jobs that fail more often than they did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regressions: Vec<Regression>,
    /// How often the gate itself was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_negatives: Option<FalseNegatives>,
    /// How the version matrix is covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// What people decided: what is in force first, then the newest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// How long jobs ran for these nights, in seconds.
    pub job_seconds: u64,
}

impl Gate {
    /// The holds that keep promotions back now.
    pub fn holds_in_force(&self) -> impl Iterator<Item = &Decision> {
        let holds = |decision: &&Decision| decision.kind == DecisionKind::Hold && decision.in_force;
        self.decisions.iter().filter(holds)
    }

    /// From which age on its newest verified image is stale.
    pub fn stale_limit(&self) -> Option<SignedDuration> {
        let limit = i64::try_from(self.stale_after?).ok()?;
        Some(SignedDuration::from_secs(limit))
    }

    /// Whether its newest verified image is older than that.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let age = self.verified.as_ref().map(|verified| now.duration_since(verified.at));
        age.zip(self.stale_limit()).is_some_and(|(age, limit)| age > limit)
    }
}

/// A verified image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verified {
    /// The image: its digest or the first digits of it, or the Snapshot that names it.
    pub image: String,
    /// Since when.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What tells so.
    pub source: Source,
}

/// What tells of a verified image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A Release, in the cluster or in the archive.
    Release,
    /// The record of the run that made it.
    Record,
}

/// How long it takes from the first job to the verified image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeadTime {
    /// The median, in seconds.
    pub median: u64,
    /// Of how many nights.
    pub nights: usize,
}

/// One run of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Night {
    /// Its id in this document and in the page's addresses.
    pub id: String,
    /// The record's name.
    pub record: String,
    /// The PipelineRun's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// When the record was begun.
    #[schemars(with = "String")]
    pub begun_at: Timestamp,
    /// When it was last written.
    #[schemars(with = "String")]
    pub updated_at: Timestamp,
    /// How it ended.
    pub mark: NightMark,
    /// The end in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// The reasons of the verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The Snapshot tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The image tested, by its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The git revision that it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The Release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// A job over the nights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobRow {
    /// The Prow job's name.
    pub name: String,
    /// What people call it.
    pub short: String,
    /// Its id in the page's addresses.
    pub id: String,
    /// Whether it decides, as of its newest night.
    pub blocking: bool,
    /// Whom to ask about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// One for each night of the gate, in the same order; none where it was not asked for.
    pub cells: Vec<Option<Cell>>,
    /// Nights in which it passed.
    pub passed: usize,
    /// Nights in which it ended.
    pub ended: usize,
}

/// A job in a night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// How it ended.
    pub mark: CellMark,
    /// Its attempts in order.
    pub attempts: Vec<Attempt>,
}

/// One launch of a job and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// How it ended.
    pub mark: CellMark,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How long it ran, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// When it started, or was launched where that is all that is known.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// Where people look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Link>,
    /// Prow's id of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// How many tests ran, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<usize>,
    /// Tests that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<String>,
    /// How many failed besides.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more_failing: usize,
    /// Tests that failed and passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flaky: Vec<String>,
    /// How many did so besides.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more_flaky: usize,
}

impl Attempt {
    /// Prow's number of the run, as the last part of its address has it.
    pub fn build_id(&self) -> Option<&str> {
        let url = self.url.as_ref()?.as_str();
        url.rsplit('/').next().filter(|id| !id.is_empty())
    }
}

/// A test of a job over the nights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestRow {
    /// The job's name.
    pub job: String,
    /// What people call the job.
    pub job_short: String,
    /// The test's name.
    pub name: String,
    /// Its id in the page's addresses.
    pub id: String,
    /// One for each night of the gate, in the same order: how it ended in the first attempt.
    pub letters: Vec<Letter>,
    /// What its history says, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<String>,
}

/// Something that fails more often than it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Regression {
    /// The Prow job's name.
    pub job: String,
    /// What people call it.
    pub job_short: String,
    /// The test; none where the job as a whole is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// Since when it is known; absent where this report is the first to find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// Failures in the last 7 days.
    pub failed: u32,
    /// Runs in the last 7 days.
    pub ran: u32,
    /// Failures in the 30 days before it was opened.
    pub basis_failed: u32,
    /// Runs in those days.
    pub basis_ran: u32,
    /// How likely such a difference is by chance, from 0 to 1.
    pub p: f64,
    /// Whether it fails more often in runs with other images alone.
    #[serde(default)]
    pub without_us: bool,
}

/// How often a red night was shown to be wrong
/// ([`negatives`](crate::history::negatives)).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FalseNegatives {
    /// Red nights shown wrong.
    pub wrong: u32,
    /// Red nights shown right.
    pub right: u32,
    /// Red nights of which nothing is known.
    pub unknown: u32,
    /// Nights that were decided.
    pub nights: u32,
    /// Nights that were not, which are no part of `nights`.
    pub undecided: u32,
    /// The share of nights that was wrong at least, from 0 to 1.
    pub at_least: f64,
    /// The share that was wrong at most.
    pub at_most: f64,
    /// The share that it must stay under.
    pub goal: f64,
}

/// How the version matrix is covered, as of the newest night that tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// How many cells are required.
    pub required: usize,
    /// How many of them are fresh.
    pub fresh: usize,
    /// How many are stale.
    pub stale: usize,
    /// How many no job covers.
    pub holes: usize,
    /// How many of which nothing is known.
    pub unknown: usize,
    /// Stale cells and holes, at most 50 of each.
    pub open: Vec<OpenCell>,
    /// All required cells as a grid, where they are 600 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<CoverageGrid>,
}

/// The required cells of the version matrix: one dimension across, the others down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoverageGrid {
    /// The dimension across.
    pub across: String,
    /// The others, in the order in which a row's name has their values.
    pub down: String,
    /// The values of the dimension across.
    pub columns: Vec<String>,
    /// A row for each combination of the others.
    pub rows: Vec<GridRow>,
}

/// A row of the version matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GridRow {
    /// The values of the other dimensions.
    pub name: String,
    /// One for each column; none where the cell is not required.
    pub cells: Vec<Option<GridCell>>,
}

/// A required cell of the version matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GridCell {
    /// How it stands.
    pub state: GridState,
    /// When the run of its last pass began; of a fresh cell with several jobs, of the oldest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub passed_at: Option<Timestamp>,
}

/// How a required cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GridState {
    /// Each of its jobs passed lately.
    Fresh,
    /// Its last pass is too old, or it never passed.
    Stale,
    /// No job covers it.
    Hole,
    /// The history of a job cannot be read.
    Unknown,
}

/// A required cell of the version matrix that is not fresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenCell {
    /// What it stands for: `cpo=4.19.z management=4.20`.
    pub name: String,
    /// What is wrong with it.
    pub state: CellState,
    /// When the run of its last pass began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub passed_at: Option<Timestamp>,
}

/// What is wrong with a cell of the version matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CellState {
    /// Its last pass is too old, or it never passed.
    Stale,
    /// No job covers it.
    Hole,
}
