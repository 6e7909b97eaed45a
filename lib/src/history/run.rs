//! A run of the job, and what two writers know of it together.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::mark::Ended;
use crate::image::Digest;
use crate::prow::{JobState, TestCounts};
use crate::record::Cause;
use crate::text;

/// The longest text kept of a run, in bytes.
const MAX_TEXT: usize = 253;

/// Why a run was started. In the order of how much its teller knows: a reader of the bucket may
/// take for nightly what the gate knows to be a rerun.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// By hand, or by something else.
    #[default]
    Other,
    /// By Prow's own schedule, with another image.
    Schedule,
    /// By a gate: its first attempt of the night.
    Nightly,
    /// By a gate: a further attempt.
    Rerun,
    /// By a gate, on an image that was tested before.
    Retest,
    /// As a probe of a bisect.
    Bisect,
}

impl Origin {
    /// Whether trends, flakes and regressions look at such a run: it was made whatever had happened
    /// before.
    pub fn is_counted(self) -> bool {
        matches!(self, Self::Nightly | Self::Schedule)
    }
}

/// How far the tests of a run are known. In the order of which reading wins.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// The JUnit files could not be read, or nobody tried.
    #[default]
    Unknown,
    /// The run ended before its tests began.
    NotReached,
    /// Some files could be read.
    Partial,
    /// All files were read.
    Complete,
}

/// What the gate found a run to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Judged {
    /// When. The latest finding counts.
    pub at: Timestamp,
    /// Why the run ended as it did.
    pub cause: Cause,
}

/// A run of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Prow's build id, by which a run is known; the execution's id for one that never got a build
    /// id.
    pub build_id: String,
    /// Prow's id of the execution. A pod that Prow starts again gets another build id: the later
    /// one counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What Prow says of it.
    #[serde(default)]
    pub result: JobState,
    /// The image that it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The Snapshot that the image is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The git revision that the image was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The gate that started it (`--gate-label`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// Why it was started.
    #[serde(default)]
    pub origin: Origin,
    /// What the gate found it to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
    /// A hash of the job's definition without what the gate sets: another one is another job of the
    /// same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// How far its tests are known.
    #[serde(default)]
    pub reading: Reading,
    /// How many tests did what, where files were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestCounts>,
}

impl Run {
    /// A run of which only its build id and start are known.
    pub fn new(build_id: impl Into<String>, started_at: Timestamp) -> Self {
        Self {
            build_id: build_id.into(),
            execution: None,
            started_at,
            ended_at: None,
            result: JobState::Unknown,
            digest: None,
            snapshot: None,
            revision: None,
            gate: None,
            origin: Origin::Other,
            judged: None,
            definition: None,
            reading: Reading::Unknown,
            tests: None,
        }
    }

    /// Where it stands among the runs: by its start, then its build id.
    pub fn key(&self) -> (Timestamp, &str) {
        (self.started_at, &self.build_id)
    }

    /// Whether trends, flakes and regressions look at it.
    pub fn is_counted(&self) -> bool {
        self.origin.is_counted()
    }

    /// The cause that the gate found.
    pub fn cause(&self) -> Option<Cause> {
        self.judged.map(|judged| judged.cause)
    }

    /// Whether the job passed, as the gate found or else as Prow says.
    pub fn passed(&self) -> bool {
        match self.cause() {
            Some(cause) => cause == Cause::Passed,
            None => self.result == JobState::Success,
        }
    }

    /// Whether the product failed: the gate found so, or else tests failed in a run that failed.
    pub fn product_failed(&self) -> bool {
        match self.cause() {
            Some(cause) => cause == Cause::Product,
            None => {
                self.result == JobState::Failure && self.tests.is_some_and(|tests| tests.failed > 0)
            }
        }
    }

    /// What a test is in this run that its files do not tell of.
    pub(super) fn untold(&self) -> Ended {
        match self.reading {
            Reading::Complete | Reading::NotReached => Ended::Absent,
            Reading::Partial | Reading::Unknown => Ended::Unknown,
        }
    }

    /// Texts as they are kept: one line each, and bounded.
    pub(super) fn tidy(&mut self) {
        let texts = [&mut self.execution, &mut self.snapshot, &mut self.revision, &mut self.gate];
        let texts = texts.into_iter().chain([&mut self.definition]);
        for text in texts.flatten().chain([&mut self.build_id]) {
            *text = text::one_line(text, MAX_TEXT);
        }
    }

    /// What both say of the run, but its tests: what one does not know, the other does; where they
    /// differ, the greater stays, so that nothing depends on who wrote first.
    pub(super) fn join(&mut self, other: &Self) {
        let result = self
            .result
            .max_by_key(other.result, |state| (state.is_final(), *state as u8));
        self.execution = more(&self.execution, &other.execution);
        self.started_at = self.started_at.max(other.started_at);
        self.ended_at = self.ended_at.max(other.ended_at);
        self.result = result;
        self.digest = more(&self.digest, &other.digest);
        self.snapshot = more(&self.snapshot, &other.snapshot);
        self.revision = more(&self.revision, &other.revision);
        self.gate = more(&self.gate, &other.gate);
        self.origin = self.origin.max(other.origin);
        self.judged = self.judged.max(other.judged);
        self.definition = more(&self.definition, &other.definition);
    }

    /// How much is known of the tests, for choosing between two readings.
    pub(super) fn knowledge(&self) -> (Reading, [usize; 6]) {
        let counts = self.tests.unwrap_or_default();
        let files = counts.files.saturating_sub(counts.broken_files);
        let TestCounts { run, passed, failed, flaky, skipped, .. } = counts;
        (self.reading, [files, run, failed, flaky, passed, skipped])
    }
}

fn more<T: Ord + Clone>(one: &Option<T>, other: &Option<T>) -> Option<T> {
    one.max(other).clone()
}

trait MaxByKey: Sized {
    fn max_by_key<K: Ord>(self, other: Self, key: impl Fn(&Self) -> K) -> Self {
        if key(&other) > key(&self) { other } else { self }
    }
}

impl MaxByKey for JobState {}
