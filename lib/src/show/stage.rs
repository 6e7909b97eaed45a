//! How far a run is.

use super::{Look, RunSight};
use crate::notify::{Facts, Options, Sight, outcome_of};
use crate::record::{Ending, Outcome};

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was launched yet.
    Starting,
    /// Its jobs run.
    Testing,
    /// It passed, and the promotion goes on.
    Promoting,
    /// It ended so.
    Over(Outcome),
}

/// How far the run is. What the record leaves open its PipelineRun decides: a record without a verdict
/// is a run that goes on, or one that was killed. Where that cannot be asked, it goes on.
pub fn stage(look: &Look) -> Stage {
    let record = &look.record;
    match Ending::of(record) {
        Ending::Known(outcome) => Stage::Over(outcome),
        Ending::Promoting(settled) => match (settled, look.run) {
            (Some(outcome), run) if run != RunSight::InFlight => Stage::Over(outcome),
            (_, RunSight::InFlight) => Stage::Promoting,
            // By hand there is no run: a verdict without a Release is all that was asked for.
            (_, RunSight::Unknown) if record.release.is_some() => Stage::Promoting,
            (..) => Stage::Over(outcome_of(&facts(look))),
        },
        Ending::NoVerdict if look.run.is_over() || is_stopped(look) => {
            Stage::Over(outcome_of(&facts(look)))
        }
        Ending::NoVerdict if record.jobs.iter().all(|job| job.attempts.is_empty()) => {
            Stage::Starting
        }
        Ending::NoVerdict => Stage::Testing,
    }
}

/// Whether a step ended the run before its first job, and no other has gone on.
fn is_stopped(look: &Look) -> bool {
    let record = &look.record;
    record.stopped.is_some() && record.jobs.iter().all(|job| job.attempts.is_empty())
}

/// What the message of this run would be made from.
pub(super) fn facts(look: &Look) -> Facts {
    Facts {
        sight: Sight::Read(Box::new(look.record.clone())),
        options: Options {
            run_name: look.record.run.clone(),
            namespace: look.namespace.clone(),
            record: Some(look.place.clone()),
            ..Options::default()
        },
        history: None,
        verified: None,
        cancelled: Some(look.run == RunSight::Stopped),
        now: look.now,
        scale: 1,
    }
}
