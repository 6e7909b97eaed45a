//! How the run ended.

use std::time::Duration;

use super::{Facts, Options, TaskStatus};
use crate::clock::Clock;
use crate::record::{Decision, Ending, GateRecord, Outcome, Released};

/// The task whose success a promotion needs.
pub(super) const COLLECT: &str = "collect-results";

/// Whether a Release is to be waited for: the verdict is passed and the task that gave it
/// succeeded, which are create-release's own conditions.
pub fn release_is_due(options: &Options, record: &GateRecord) -> bool {
    let passed = record
        .verdict
        .as_ref()
        .is_some_and(|verdict| verdict.decision == Decision::Passed);
    passed && options.task(COLLECT).is_some_and(TaskStatus::succeeded)
}

/// How long after a refusal Tekton may still start another try, where the record does not say
/// whether one is left (2 minutes).
const ANOTHER_TRY: Duration = Duration::from_secs(120);

/// Whether nothing newer is to be expected of create-release. A Release's end is the last word. A
/// refusal that made none is, where it says that no try is left; where it says nothing of tries,
/// Tekton may be about to start one.
pub fn is_settled(record: &GateRecord, clock: &dyn Clock) -> bool {
    let Some(release) = record.release.as_ref().filter(|release| release.is_final) else {
        return false;
    };
    let refused =
        release.name.is_none() && release.released == Released::False && release.exit != 0;
    match (refused, release.tries_left) {
        (false, _) | (true, Some(0)) => true,
        (true, _) => clock.since(release.noted_at.unwrap_or(record.updated_at)) >= ANOTHER_TRY,
    }
}

/// How the run ended: what the record tells, and where it does not, what Tekton's tasks tell.
pub fn outcome_of(facts: &Facts) -> Outcome {
    let record = facts.sight.record();
    let collect = facts.options.task(COLLECT);
    match record.map_or(Ending::NoVerdict, Ending::of) {
        Ending::Known(outcome) | Ending::Promoting(Some(outcome)) => outcome,
        Ending::Promoting(None) => match collect.map(TaskStatus::succeeded) {
            Some(true) => Outcome::ReleasePending,
            // The verdict stands in the record, but its task did not end well: nothing was
            // promoted.
            Some(false) => Outcome::NotReleased,
            None if record.is_some_and(|record| record.release.is_some()) => {
                Outcome::ReleasePending
            }
            None => Outcome::Passed,
        },
        // Its exit code says passed; what came after that only the record could tell.
        Ending::NoVerdict if record.is_none() && collect.is_some_and(TaskStatus::succeeded) => {
            Outcome::ReleaseUnknown
        }
        Ending::NoVerdict if was_cancelled(facts) => Outcome::Cancelled,
        Ending::NoVerdict => Outcome::Broken,
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
    use crate::record::ReleaseRecord;

    #[test]
    fn each_situation_has_its_outcome() {
        let found: Vec<_> = samples::all()
            .iter()
            .map(|(name, _, facts)| (*name, outcome_of(facts)))
            .collect();
        let wanted = [
            ("promoted", Outcome::Promoted),
            ("promoted-on-rerun", Outcome::Promoted),
            ("recovered", Outcome::Promoted),
            ("passed", Outcome::Passed),
            ("dry-run", Outcome::Passed),
            ("dry-run-refused", Outcome::NotReleased),
            ("refused", Outcome::Refused),
            ("refused-with-history", Outcome::Refused),
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
            ("no-verdict", Outcome::Broken),
            ("cancelled", Outcome::Cancelled),
            ("unexamined", Outcome::Promoted),
            ("contradiction", Outcome::Refused),
            ("unreadable-record", Outcome::Broken),
            ("unreadable-record-passed", Outcome::ReleaseUnknown),
            ("two-hundred-jobs", Outcome::Refused),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_stop_between_tasks_is_no_failure() {
        let (.., mut facts) = samples::all()
            .into_iter()
            .find(|(name, ..)| *name == "cancelled")
            .unwrap();
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

    /// A verdict can stand in the record although its task did not end well: then create-release
    /// does not run, and nobody waits for a Release.
    #[test]
    fn a_release_is_due_only_after_the_task_that_gave_the_verdict_succeeded() {
        let (.., facts) = samples::all()
            .into_iter()
            .find(|(name, ..)| *name == "promoted")
            .unwrap();
        let record = facts.sight.record().unwrap();
        let mut options = facts.options.clone();
        let task =
            |status: &str| TaskStatus { name: COLLECT.to_owned(), status: status.to_owned() };
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
        let (.., mut facts) = samples::all()
            .into_iter()
            .find(|(name, ..)| *name == "release-pending")
            .unwrap();
        let Sight::Read(record) = &mut facts.sight else { panic!("it has a record") };
        let release = record.release.as_mut().unwrap();
        assert_eq!((release.released, release.is_final), (Released::Unknown, false));
        release.exit = 4;
        assert_eq!(outcome_of(&facts), Outcome::ReleaseUnknown);
    }

    /// Tekton tries create-release again: a refusal is the last word only when no try is left, or
    /// when nothing came for two minutes after one that said nothing of tries.
    #[test]
    fn a_refusal_is_final_when_no_other_try_comes() {
        let now = "2026-08-20T06:00:00Z".parse::<jiff::Timestamp>().unwrap();
        let (.., facts) = samples::all()
            .into_iter()
            .find(|(name, ..)| *name == "release-failed")
            .unwrap();
        let settled = |seconds: i64, change: fn(&mut ReleaseRecord)| {
            let mut record = facts.sight.record().unwrap().clone();
            let release = record.release.as_mut().unwrap();
            (release.is_final, release.released, release.exit) = (true, Released::False, 1);
            release.noted_at = Some(now - jiff::SignedDuration::from_secs(seconds));
            change(release);
            #[derive(Debug)]
            struct Stopped(jiff::Timestamp);
            #[async_trait::async_trait]
            impl Clock for Stopped {
                fn now(&self) -> jiff::Timestamp {
                    self.0
                }
                fn scale(&self) -> u32 {
                    1
                }
                async fn sleep(&self, _: Duration) {}
            }
            is_settled(&record, &Stopped(now))
        };
        assert!(settled(0, |_| ()), "the Release has ended");
        assert!(
            !settled(0, |release| release.name = None)
                && !settled(119, |release| release.name = None)
        );
        assert!(settled(120, |release| release.name = None));
        assert!(settled(0, |release| (release.name, release.tries_left) = (None, Some(0))));
        assert!(!settled(600, |release| (release.name, release.is_final) = (None, false)));
        assert!(
            settled(0, |release| (release.name, release.exit, release.dry_run) = (None, 0, true)),
            "a dry run"
        );
    }

    #[test]
    fn a_try_that_never_came_is_no_release_that_runs() {
        let (.., mut facts) = samples::all()
            .into_iter()
            .find(|(name, ..)| *name == "release-failed")
            .unwrap();
        let Sight::Read(record) = &mut facts.sight else { panic!() };
        let release = record.release.as_mut().unwrap();
        (release.name, release.is_final, release.tries_left, release.exit) =
            (None, false, Some(1), 1);
        assert_eq!(outcome_of(&facts), Outcome::NotReleased);
    }
}
