//! How the run ended.

use super::{Facts, Options, TaskStatus};
use crate::record::{Decision, GateRecord, Outcome, ReleaseRecord, Released};

/// The task whose success a promotion needs.
pub(super) const COLLECT: &str = "collect-results";

/// Whether a Release is to be waited for: the verdict is passed and the task that gave it succeeded,
/// which are create-release's own conditions.
pub fn release_is_due(options: &Options, record: &GateRecord) -> bool {
    let passed = record.verdict.as_ref().is_some_and(|verdict| verdict.decision == Decision::Passed);
    passed && options.task(COLLECT).is_some_and(TaskStatus::succeeded)
}

/// How the run ended, from what is known.
pub fn outcome_of(facts: &Facts) -> Outcome {
    let record = facts.sight.record();
    match record.and_then(|record| record.verdict.as_ref()).map(|verdict| verdict.decision) {
        Some(Decision::Failed) => Outcome::Refused,
        Some(Decision::Undecided) => Outcome::Undecided,
        Some(Decision::Passed) => passed(facts, record.and_then(|record| record.release.as_ref())),
        // Its exit code says passed; what came after that only the record could tell.
        None if record.is_none() && facts.options.task(COLLECT).is_some_and(TaskStatus::succeeded) => {
            Outcome::ReleaseUnknown
        }
        None if was_cancelled(facts) => Outcome::Cancelled,
        None => Outcome::Broken,
    }
}

fn passed(facts: &Facts, release: Option<&ReleaseRecord>) -> Outcome {
    match (release, facts.options.task(COLLECT)) {
        (Some(ReleaseRecord { released: Released::True, .. }), _) => Outcome::Promoted,
        // It was only tried, and would have been made.
        (Some(ReleaseRecord { dry_run: true, is_final: true, exit: 0, .. }), _) => Outcome::Passed,
        (Some(ReleaseRecord { released: Released::False, is_final: true, .. }), _) => Outcome::NotReleased,
        (Some(ReleaseRecord { released: Released::Unknown, is_final: true, .. }), _) => Outcome::ReleaseUnknown,
        // It stopped because it cannot tell whether there is a Release (exit 4): nobody is still at work.
        (Some(ReleaseRecord { released: Released::Unknown, exit: 4, .. }), _) => Outcome::ReleaseUnknown,
        (_, Some(task)) if task.succeeded() => Outcome::ReleasePending,
        // The verdict stands in the record, but its task did not end well: nothing was promoted.
        (_, Some(_)) => Outcome::NotReleased,
        (Some(_), None) => Outcome::ReleasePending,
        (None, None) => Outcome::Passed,
    }
}

/// Whether the run was stopped by somebody: its PipelineRun says so, or a task says so, or no task
/// failed and yet some never started.
fn was_cancelled(facts: &Facts) -> bool {
    if let Some(known) = facts.cancelled {
        return known;
    }
    let tasks = &facts.options.tasks;
    let says_so = tasks.iter().any(|task| task.status.to_lowercase().contains("cancel"));
    let unaccounted = tasks.iter().any(TaskStatus::never_started)
        && tasks.iter().all(|task| task.never_started() || task.succeeded());
    says_so || unaccounted
}

#[cfg(test)]
mod tests {
    use super::super::{Sight, samples};
    use super::*;

    #[test]
    fn each_situation_has_its_outcome() {
        let found: Vec<_> = samples::all().iter().map(|(name, _, facts)| (*name, outcome_of(facts))).collect();
        let wanted = [
            ("promoted", Outcome::Promoted),
            ("promoted-on-rerun", Outcome::Promoted),
            ("recovered", Outcome::Promoted),
            ("passed", Outcome::Passed),
            ("dry-run", Outcome::Passed),
            ("dry-run-refused", Outcome::NotReleased),
            ("refused", Outcome::Refused),
            ("undecided", Outcome::Undecided),
            ("stale", Outcome::Undecided),
            ("unproven", Outcome::Undecided),
            ("hollow", Outcome::Undecided),
            ("release-failed", Outcome::NotReleased),
            ("release-unknown", Outcome::ReleaseUnknown),
            ("release-pending", Outcome::ReleasePending),
            ("release-silent", Outcome::ReleasePending),
            ("collect-lost", Outcome::NotReleased),
            ("broken-before-launch", Outcome::Broken),
            ("stopped", Outcome::Broken),
            ("launch-refused", Outcome::Broken),
            ("broken-while-waiting", Outcome::Broken),
            ("cancelled", Outcome::Cancelled),
            ("contradiction", Outcome::Refused),
            ("unreadable-record", Outcome::Broken),
            ("unreadable-record-passed", Outcome::ReleaseUnknown),
            ("two-hundred-jobs", Outcome::Refused),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_stop_between_tasks_is_no_failure() {
        let (.., mut facts) = samples::all().into_iter().find(|(name, ..)| *name == "cancelled").unwrap();
        facts.cancelled = None;
        facts.sight = Sight::Missing;
        for (statuses, outcome) in [
            (["Succeeded", "None", "None"], Outcome::Cancelled),
            (["None", "None", "None"], Outcome::Cancelled),
            (["Succeeded", "Failed", "None"], Outcome::Broken),
            (["Cancelled", "None", "None"], Outcome::Cancelled),
        ] {
            for (task, status) in facts.options.tasks.iter_mut().zip(statuses) {
                task.status = status.to_owned();
            }
            assert_eq!(outcome_of(&facts), outcome, "{statuses:?}");
        }
    }

    /// A verdict can stand in the record although its task did not end well: then create-release does
    /// not run, and nobody waits for a Release.
    #[test]
    fn a_release_is_due_only_after_the_task_that_gave_the_verdict_succeeded() {
        let (.., facts) = samples::all().into_iter().find(|(name, ..)| *name == "promoted").unwrap();
        let record = facts.sight.record().unwrap();
        let mut options = facts.options.clone();
        let task = |status: &str| TaskStatus { name: COLLECT.to_owned(), status: status.to_owned() };
        for (tasks, due) in [
            (vec![task("Succeeded")], true),
            (vec![task("Failed")], false),
            (vec![task("Cancelled")], false),
            (vec![task("None")], false),
            (vec![TaskStatus { name: "launch-prow".to_owned(), ..task("Succeeded") }], false),
            (Vec::new(), false),
        ] {
            options.tasks = tasks;
            assert_eq!(release_is_due(&options, record), due, "{:?}", options.tasks);
        }
        options.tasks = vec![task("Succeeded")];
        let mut record = record.clone();
        record.verdict.as_mut().unwrap().decision = Decision::Failed;
        assert!(!release_is_due(&options, &record));
        record.verdict = None;
        assert!(!release_is_due(&options, &record));
    }

    /// An answer that was lost: the record says exit 4, and no end.
    #[test]
    fn what_is_not_known_is_neither_pending_nor_a_no() {
        let (.., mut facts) = samples::all().into_iter().find(|(name, ..)| *name == "release-pending").unwrap();
        let Sight::Read(record) = &mut facts.sight else { panic!("it has a record") };
        let release = record.release.as_mut().unwrap();
        assert_eq!((release.released, release.is_final), (Released::Unknown, false));
        release.exit = 4;
        assert_eq!(outcome_of(&facts), Outcome::ReleaseUnknown);
    }
}
