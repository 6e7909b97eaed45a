//! What must be true before a Release is made: record, ReleasePlan, Snapshot.

use super::{Options, Refusal};
use crate::evidence::Rules;
use crate::gate::verdict::decide;
use crate::jobs::blocking_difference;
use crate::konflux::{PlanProblem, ReleasePlan, Snapshot};
use crate::record::{Candidate, Class, Decision, GateRecord, Verdict};
use crate::text;

/// The record says that the gate has passed, or that all of its blocking jobs have but those that
/// are accepted.
///
/// # Errors
/// When it does not, or contradicts itself.
pub fn verdict(record: &GateRecord, accepted: &[String]) -> Result<(), Refusal> {
    if !accepted.is_empty() && record.verdict.is_some() {
        let open = record
            .jobs_of(Class::Blocking)
            .filter(|job| !job.passed() && !accepted.contains(&job.name));
        let open: Vec<&str> = open.map(|job| job.name.as_str()).collect();
        let total = record.jobs_of(Class::Blocking).count();
        return match (open.is_empty(), total) {
            (true, 1..) => Ok(()),
            _ => Err(Refusal::no(format!(
                "{} did not pass, and nobody accepts it: nothing is promoted",
                text::some_of(&open, 5)
            ))),
        };
    }
    let Some(verdict) = &record.verdict else {
        return Err(Refusal::no(
            "the record holds no verdict: nothing has been shown to pass, so nothing is promoted",
        ));
    };
    let reasons = match text::some_of(&verdict.reasons, 3) {
        reasons if reasons.is_empty() => String::new(),
        reasons => format!(" ({reasons})"),
    };
    match verdict.decision {
        Decision::Passed => {
            // Decided once more, over the jobs themselves: nothing untested is promoted by a word.
            let again = decide(record, verdict.decided_at);
            let counts = |verdict: &Verdict| (verdict.blocking_passed, verdict.blocking_total);
            if again.decision == Decision::Passed && counts(&again) == counts(verdict) {
                return Ok(());
            }
            Err(Refusal::no(format!(
                "the record's verdict is passed with {} of {} blocking jobs, its jobs come to {} with {} of {}: it contradicts itself, so nothing is promoted",
                verdict.blocking_passed,
                verdict.blocking_total,
                again.decision.as_str(),
                again.blocking_passed,
                again.blocking_total
            )))
        }
        other => Err(Refusal::no(format!(
            "the verdict is {}{reasons}: nothing is promoted",
            other.as_str()
        ))),
    }
}

/// The record's image and Snapshot, its jobs, their variables and its rules are those that the
/// caller gives: these come from who started the run, the record from whoever may write it.
///
/// # Errors
/// When they differ.
pub fn request(record: &GateRecord, options: &Options) -> Result<(), Refusal> {
    let jobs = options
        .request
        .as_ref()
        .and_then(|request| blocking_difference(record, request));
    let rules = || options.rules.difference(record.policy.as_ref()?);
    let tested = options.tested.difference(record.candidate.as_ref());
    tested.or(jobs).or_else(rules).map_or(Ok(()), |difference| {
        Err(Refusal::no(format!(
            "the record is not of the request that this step was given: {difference}. nothing is promoted"
        )))
    })
}

/// What a run must show: as given, otherwise as the record says.
///
/// # Errors
/// When the record's rules cannot be read.
pub fn rules(record: &GateRecord, options: &Options) -> Result<Rules, Refusal> {
    let wrong = |wrong| Refusal::no(format!("the record's {wrong}. nothing is promoted"));
    options.rules.with(record.policy.as_ref()).map_err(wrong)
}

/// The Snapshot still has the tested image.
///
/// # Errors
/// When it is gone, or its component has another image.
pub fn snapshot(
    candidate: &Candidate,
    name: &str,
    found: Option<&Snapshot>,
) -> Result<(), Refusal> {
    let Some(snapshot) = found.filter(|snapshot| snapshot.metadata.deletion_timestamp.is_none())
    else {
        return Err(Refusal::cannot(format!(
            "Snapshot {name} is gone: a Release needs it. pick another Snapshot with trigger-gate, which also protects it from deletion"
        )));
    };
    let component = match candidate.component() {
        Some(component) => snapshot
            .spec
            .component(&component)
            .map_err(|error| Refusal::no(format!("Snapshot {name}: {error}")))?,
        None => {
            return Err(Refusal::no(
                "the record does not name the component that was tested; resolve-image writes it",
            ));
        }
    };
    let image = component.image().map_err(|error| {
        Refusal::no(format!("Snapshot {name}: {}", crate::failure::Chain(&error)))
    })?;
    if image.digest() != candidate.image.digest() {
        return Err(Refusal::no(format!(
            "Snapshot {name} now has {} for component {}, tested was {}: an untested image is not promoted",
            image.digest(),
            component.name,
            candidate.image.digest()
        )));
    }
    Ok(())
}

impl From<PlanProblem> for Refusal {
    /// The gate says no where the plan would release what nobody tested, or is blocked.
    fn from(problem: PlanProblem) -> Self {
        match problem {
            PlanProblem::Automatic { .. } | PlanProblem::Blocked { .. } => {
                Self::no(problem.to_string())
            }
            PlanProblem::Missing { .. } | PlanProblem::Unmatched { .. } => {
                Self::cannot(problem.to_string())
            }
        }
    }
}

/// Plan and Snapshot are of the same Application or ComponentGroup. release-service compares only
/// the Application.
///
/// # Errors
/// When both name one and they differ.
pub fn same_owner(plan: &ReleasePlan, snapshot: &Snapshot) -> Result<(), Refusal> {
    let pairs = [
        ("Application", &plan.spec.application, &snapshot.spec.application),
        ("ComponentGroup", &plan.spec.component_group, &snapshot.spec.component_group),
    ];
    for (kind, of_plan, of_snapshot) in pairs {
        if let (Some(of_plan), Some(of_snapshot)) = (of_plan, of_snapshot)
            && of_plan != of_snapshot
        {
            return Err(Refusal::cannot(format!(
                "the ReleasePlan is of {kind} {of_plan:?}, the Snapshot of {of_snapshot:?}: release-service would refuse the Release"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{attempt, job};
    use crate::record::{Cause, JobRecord, JobState};
    use jiff::Timestamp;

    fn passed(name: &str) -> JobRecord {
        job(name, Class::Blocking, vec![attempt(JobState::Success, Some(Cause::Passed))])
    }

    fn failed(name: &str) -> JobRecord {
        job(name, Class::Blocking, vec![attempt(JobState::Failure, Some(Cause::Product))])
    }

    /// A record with these jobs, and the verdict that follows from `judged`.
    fn record(jobs: &[JobRecord], judged: &[JobRecord]) -> GateRecord {
        let of = |jobs: &[JobRecord]| GateRecord {
            jobs: jobs.to_vec(),
            ..GateRecord::begin("run", Timestamp::UNIX_EPOCH)
        };
        let verdict = Some(decide(&of(judged), Timestamp::UNIX_EPOCH));
        GateRecord { verdict, ..of(jobs) }
    }

    fn why(record: &GateRecord, accepted: &[&str]) -> Option<String> {
        let accepted: Vec<String> = accepted.iter().map(|name| (*name).to_owned()).collect();
        verdict(record, &accepted).err().map(|refusal| refusal.why)
    }

    #[test]
    fn only_a_pass_that_its_jobs_bear_out_is_promoted() {
        let both = [passed("a"), passed("b")];
        assert_eq!(why(&record(&both, &both), &[]), None);
        let without = GateRecord { verdict: None, ..record(&both, &both) };
        for accepted in [&[][..], &["a"]] {
            let why = why(&without, accepted).unwrap();
            assert!(why.starts_with("the record holds no verdict"), "{why}");
        }
        // A verdict that somebody wrote: over other jobs, and over fewer of them.
        for jobs in [&[passed("a"), failed("b")][..], &[passed("a")], &[]] {
            let why = why(&record(jobs, &both), &[]).unwrap();
            assert!(why.ends_with("it contradicts itself, so nothing is promoted"), "{why}");
        }
    }

    #[test]
    fn what_did_not_pass_is_refused_with_its_reasons() {
        let jobs = [passed("a"), failed("b")];
        let mut record = record(&jobs, &jobs);
        let told = why(&record, &[]).unwrap();
        assert!(told.starts_with("the verdict is failed (b"), "{told}");
        record.verdict.as_mut().unwrap().reasons.clear();
        assert_eq!(why(&record, &[]).unwrap(), "the verdict is failed: nothing is promoted");
    }

    #[test]
    fn what_is_accepted_stands_for_what_did_not_pass_and_nothing_else() {
        let jobs = [passed("a"), failed("b"), failed("c")];
        let record = |jobs: &[JobRecord]| self::record(jobs, jobs);
        assert_eq!(why(&record(&jobs), &["b", "c"]), None);
        assert_eq!(why(&record(&jobs), &["c", "b", "none"]), None);
        let told = why(&record(&jobs), &["b"]).unwrap();
        assert!(told.starts_with("c did not pass, and nobody accepts it"), "{told}");
        assert!(why(&record(&jobs), &["a"]).is_some());
        let informing = [JobRecord { class: Class::Informing, ..failed("b") }];
        assert!(why(&record(&informing), &["b"]).is_some(), "there is no blocking job");
    }
}
