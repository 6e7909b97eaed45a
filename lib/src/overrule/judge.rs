//! Whether jobs may be accepted at all.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::Clock;
use crate::evidence::proof::shows_another;
use crate::failure::Failure;
use crate::record::{Class, Decision, GateRecord, JobRecord, Released};
use crate::text;

/// From when on a run without a message has ended (2 hours after its verdict): its message follows
/// within minutes, or not at all.
const SILENT: Duration = Duration::from_secs(2 * 3600);

/// Why jobs cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nothing was decided yet, or nobody was told.
    #[error("the run has not ended: {0}; wait for its message")]
    Runs(String),
    /// What is named is no job to accept.
    #[error("--job: {0}")]
    Job(String),
    /// There is nothing to accept.
    #[error("every blocking job passed, so there is nothing to accept; create-release promotes it")]
    Passed,
    /// The gate says no, whoever asks.
    #[error("{0}")]
    Refused(String),
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Refused(_) => Self::refused(unfit),
            Unfit::Runs(_) | Unfit::Job(_) | Unfit::Passed => Self::misuse(unfit),
        }
    }
}

/// Decides whether these jobs of a record may be accepted.
///
/// # Errors
/// [`Unfit`].
pub fn judge(record: &GateRecord, jobs: &[String], clock: &dyn Clock) -> Result<(), Unfit> {
    let Some(verdict) = &record.verdict else {
        return Err(Unfit::Runs("its record holds no verdict".to_owned()));
    };
    if record.notifications.is_empty() && clock.since(verdict.decided_at) < SILENT {
        return Err(Unfit::Runs("nobody was told of its verdict yet".to_owned()));
    }
    let release = record.release.as_ref().filter(|release| !release.dry_run);
    if release.is_some_and(|release| release.released == Released::True) {
        return Err(Unfit::Refused("the image was promoted already".to_owned()));
    }
    if verdict.decision == Decision::Passed {
        return Err(Unfit::Passed);
    }
    let named: BTreeSet<&str> = jobs.iter().map(String::as_str).collect();
    for name in &named {
        job(record, name)?;
    }
    let open = record
        .jobs_of(Class::Blocking)
        .filter(|job| !job.passed() && !named.contains(job.name.as_str()));
    let open: Vec<&str> = open.map(|job| job.name.as_str()).collect();
    match open.is_empty() {
        true => Ok(()),
        false => Err(Unfit::Refused(format!(
            "{} did not pass either, and nobody accepts it: nothing is promoted",
            text::some_of(&open, 5)
        ))),
    }
}

fn job(record: &GateRecord, name: &str) -> Result<(), Unfit> {
    let wrong = |why: &str| Err(Unfit::Job(format!("{} {why}", text::one_line(name, 200))));
    let Some(job) = record.job(name) else {
        let open = record.jobs_of(Class::Blocking).filter(|job| !job.passed());
        let open: Vec<&str> = open.map(|job| job.name.as_str()).collect();
        return wrong(&format!(
            "is no job of this record; those that did not pass are {}",
            text::some_of(&open, 5)
        ));
    };
    match job.class {
        Class::Informing => wrong("is informing: it keeps nothing back"),
        Class::Blocking if job.passed() => wrong("passed: there is nothing to accept"),
        Class::Blocking => another_image(job),
    }
}

/// What is proven to have run another image says nothing of this one.
fn another_image(job: &JobRecord) -> Result<(), Unfit> {
    let proof = job.telling().and_then(|attempt| attempt.proof.as_ref());
    match proof.filter(|proof| shows_another(proof)) {
        None => Ok(()),
        Some(proof) => Err(Unfit::Refused(format!(
            "{} ran another image: {}. it cannot be accepted",
            job.name, proof.note
        ))),
    }
}
