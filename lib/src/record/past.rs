//! A run that left a record, in a few words: what rows of red runs, the age of the newest verified
//! image and the state of the last run are read from.

use jiff::Timestamp;
use kube::api::ObjectMeta;

use super::{Ending, GateRecord, Outcome, ReleaseRecord, Released};
use crate::image::Digest;

/// What is kept of a record when many are looked through.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The ConfigMap's name.
    pub name: String,
    /// The ConfigMap's UID.
    pub uid: String,
    /// The run's id.
    pub id: String,
    /// The PipelineRun's name.
    pub run: Option<String>,
    /// When the record was begun.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How the run ended; `None` while it runs, or when it was killed.
    pub outcome: Option<Outcome>,
    /// The Snapshot tested.
    pub snapshot: Option<String>,
    /// The image tested.
    pub image: Option<Digest>,
    /// The image verified, if so.
    pub verified: Option<Verified>,
    /// Jobs that may have been launched and had not ended when they were last looked at.
    pub open_jobs: usize,
    /// When a job was last launched.
    pub last_launch: Option<Timestamp>,
    /// The end in words: the last message's first line, or the verdict's first reason.
    pub words: Option<String>,
    /// The thread of its message.
    pub thread: Option<String>,
}

/// An image that was promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The image.
    pub image: Digest,
    /// The ReleasePlan.
    pub plan: String,
    /// When its Release ended.
    pub at: Timestamp,
}

impl Past {
    /// What is kept of a record.
    pub fn of(meta: &ObjectMeta, record: &GateRecord) -> Self {
        let note = record.notifications.last();
        let reason = record.verdict.as_ref().and_then(|verdict| verdict.reasons.first());
        let attempts = record.jobs.iter().filter_map(|job| job.last());
        let candidate = record.candidate.as_ref();
        Self {
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            id: record.id.clone(),
            run: record.run.clone(),
            created_at: record.created_at,
            updated_at: record.updated_at,
            outcome: ended(record),
            snapshot: candidate.and_then(|candidate| candidate.snapshot.clone()),
            image: candidate.map(|candidate| candidate.digest.clone()),
            verified: verified(record),
            open_jobs: attempts.filter(|attempt| attempt.may_occupy_prow()).count(),
            last_launch: record
                .jobs
                .iter()
                .flat_map(|job| &job.attempts)
                .map(|a| a.intent.written_at)
                .max(),
            words: note.map(|note| note.headline.clone()).or_else(|| reason.cloned()),
            thread: record.notifications.iter().rev().find_map(|note| note.thread.clone()),
        }
    }
}

/// How a past run ended. A Release that landed after people were told that it had not counts.
fn ended(record: &GateRecord) -> Option<Outcome> {
    let told = record.notifications.iter().rev().find_map(|note| note.outcome);
    match Ending::of(record) {
        Ending::Known(outcome) => Some(outcome),
        Ending::Promoting(_) => told.or(Some(Outcome::ReleasePending)),
        Ending::NoVerdict => told,
    }
}

fn verified(record: &GateRecord) -> Option<Verified> {
    let release: &ReleaseRecord = record
        .release
        .as_ref()
        .filter(|release| release.released == Released::True && !release.dry_run)?;
    let image = record.candidate.as_ref()?.digest.clone();
    Some(Verified {
        image,
        plan: release.plan.clone(),
        at: release.completed_at.unwrap_or(record.updated_at),
    })
}
