//! The past of a test: the runs that count and in which it ran.

use jiff::Timestamp;

use super::document::{History, TestId};
use super::mark::Mark;
use super::run::Run;
use crate::image::Digest;

/// The run that is judged: what is said of it rests on the runs before.
#[derive(Debug, Clone, Copy)]
pub struct Tonight<'a> {
    /// Its build id, once it has one.
    pub build_id: Option<&'a str>,
    /// When it began.
    pub started_at: Timestamp,
    /// The image that it tests.
    pub digest: Option<&'a Digest>,
}

impl<'a> Tonight<'a> {
    /// A run that is in the history.
    pub fn of(run: &'a Run) -> Self {
        Self {
            build_id: Some(&run.build_id),
            started_at: run.started_at,
            digest: run.digest.as_ref(),
        }
    }

    /// Whether a run was before this one.
    pub fn is_after(&self, run: &Run) -> bool {
        run.started_at <= self.started_at && self.build_id != Some(&run.build_id)
    }
}

/// A run in which a test ran.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub run: &'a Run,
    /// How the test ended in it.
    pub mark: Mark,
}

impl Seen<'_> {
    /// Whether the test failed, if only once.
    pub fn has_failed(&self) -> bool {
        self.mark.ended.has_failed()
    }
}

impl History {
    /// The same without the tests that never failed, for whoever only reads it: nothing is said of
    /// those, and they are nearly all.
    #[must_use]
    pub fn of_failures(mut self) -> Self {
        let has_failed = |mark: Mark| mark.ended.has_failed();
        self.tests.retain(|test| test.marks().any(has_failed));
        self.tests.shrink_to_fit();
        self
    }

    /// The runs before tonight that count and in which a test ran, oldest first. Each is a first
    /// attempt, nightly or scheduled.
    pub fn past<'a>(&'a self, id: &TestId, tonight: Tonight<'_>) -> Vec<Seen<'a>> {
        let Some(test) = self.test(id) else { return Vec::new() };
        let seen = self
            .runs
            .iter()
            .zip(test.marks())
            .map(|(run, mark)| Seen { run, mark });
        seen.filter(|seen| {
            seen.mark.ended.ran() && seen.run.is_counted() && tonight.is_after(seen.run)
        })
        .collect()
    }
}
