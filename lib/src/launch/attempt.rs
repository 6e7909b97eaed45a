//! What the record says of one attempt, and the changes of it: pure, since each is applied again
//! when somebody else has written in between.

use jiff::Timestamp;

use super::Launched;
use crate::record::{Again, Attempt, GateRecord, Intent, JobRecord, LaunchRefusal, Standing};

/// What is to be done about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing: it runs, or has run.
    Nothing(Launched),
    /// Nothing: it was refused for good.
    Refused(LaunchRefusal),
    /// It may be announced. With the intent there is, if any.
    Announce(Option<Intent>),
    /// It is looked for: it was announced, and what became of it is not known.
    Look(Intent),
}

/// What is to be done about an attempt of a job; `None` if it has no place in the record.
pub(super) fn due(record: &GateRecord, job: &str, number: u32) -> Option<Due> {
    let job = record.job(job)?;
    let Some(attempt) = find(job, number) else {
        let next = job.attempts.last().map_or(1, |last| last.number + 1);
        return (number == next).then_some(Due::Announce(None));
    };
    let intent = || attempt.intent.clone();
    Some(match attempt.standing() {
        Standing::Free | Standing::Refused(_, Again::WithAnotherToken) => {
            Due::Announce(Some(intent()))
        }
        Standing::Refused(refusal, Again::No) => Due::Refused(refusal.clone()),
        Standing::InDoubt => Due::Look(intent()),
        Standing::Running(_) | Standing::Judged(_) | Standing::Contradictory => {
            let execution = attempt.run()?.to_owned();
            Due::Nothing(Launched { execution, adopted: attempt.adopted })
        }
    })
}

/// Whether the record answers for an attempt: it runs, or was refused for good.
pub(super) fn is_settled(job: &JobRecord, number: u32) -> bool {
    is_refused(job, number) || find(job, number).is_some_and(|attempt| attempt.standing().has_run())
}

/// Whether an attempt was refused for good.
pub(super) fn is_refused(job: &JobRecord, number: u32) -> bool {
    find(job, number)
        .is_some_and(|attempt| matches!(attempt.standing(), Standing::Refused(_, Again::No)))
}

/// The intent that follows `found`, announced by `holder` now.
pub(super) fn announcement(
    found: Option<&Intent>,
    key: String,
    holder: &str,
    now: Timestamp,
) -> Intent {
    Intent {
        key,
        written_at: found.map_or(now, |intent| intent.written_at),
        holder: holder.to_owned(),
        sent_at: Some(now),
        sends: found.map_or(0, |intent| intent.sends) + 1,
        certainly_not_created: false,
    }
}

/// Announces an attempt, if it is still as it was `found`; tells whether it is announced now.
pub(super) fn announce(
    record: &mut GateRecord,
    job: &str,
    number: u32,
    found: Option<&Intent>,
    announced: &Intent,
) -> bool {
    let Some(job) = record.job_mut(job) else { return false };
    match find_mut(job, number) {
        None if found.is_none() => job.attempts.push(Attempt::intended(number, announced.clone())),
        // The first time it was written, but the store could not say so.
        Some(attempt) if attempt.intent == *announced => return true,
        Some(attempt) if Some(&attempt.intent) == found && attempt.execution.is_none() => {
            attempt.intent = announced.clone();
            attempt.refusal = None;
        }
        _ => return false,
    }
    if number == 1 {
        job.refusal = None;
    }
    true
}

/// Notes the run of an attempt. An id that is already there stays: it is ours as well.
pub(super) fn launched(
    record: &mut GateRecord,
    job: &str,
    number: u32,
    launched: &Launched,
    now: Timestamp,
) {
    let Some(attempt) = record.job_mut(job).and_then(|job| find_mut(job, number)) else { return };
    if attempt.execution.is_none() && attempt.refusal.is_none() {
        attempt.execution = Some(launched.execution.clone());
        attempt.adopted = launched.adopted;
        attempt.launched_at = Some(now);
    }
}

/// Notes that what was announced certainly made no run, if it is still the last announcement.
pub(super) fn not_created(record: &mut GateRecord, job: &str, number: u32, announced: &Intent) {
    let Some(attempt) = record.job_mut(job).and_then(|job| find_mut(job, number)) else { return };
    if attempt.intent == *announced {
        attempt.intent.certainly_not_created = true;
    }
}

/// Notes a refusal: nothing was made, if what was announced is still the last announcement.
pub(super) fn refused(
    record: &mut GateRecord,
    job: &str,
    number: u32,
    announced: &Intent,
    refusal: &LaunchRefusal,
) {
    not_created(record, job, number, announced);
    let ours = |attempt: &Attempt| {
        let noted = Intent { certainly_not_created: true, ..announced.clone() };
        attempt.intent == noted && attempt.execution.is_none()
    };
    refuse_if(record, job, number, refusal, ours);
}

/// Notes that a run of ours is not what was ordered: it must not count, whoever adopted it.
pub(super) fn differs(record: &mut GateRecord, job: &str, number: u32, refusal: &LaunchRefusal) {
    refuse_if(record, job, number, refusal, |_| true);
}

/// Notes that an attempt is given up for good, if nothing is known of it.
pub(super) fn given_up(
    record: &mut GateRecord,
    job: &str,
    number: u32,
    key: &str,
    holder: &str,
    refusal: &LaunchRefusal,
) {
    let Some(found) = record.job_mut(job) else { return };
    if find(found, number).is_none() {
        // Never announced: then the intent says that nothing was sent.
        let intent = Intent {
            key: key.to_owned(),
            written_at: refusal.at,
            holder: holder.to_owned(),
            sent_at: None,
            sends: 0,
            certainly_not_created: true,
        };
        found.attempts.push(Attempt::intended(number, intent));
    }
    refuse_if(record, job, number, refusal, |attempt| {
        attempt.execution.is_none() && attempt.refusal.is_none()
    });
}

fn refuse_if(
    record: &mut GateRecord,
    job: &str,
    number: u32,
    refusal: &LaunchRefusal,
    applies: impl Fn(&Attempt) -> bool,
) {
    let Some(job) = record.job_mut(job) else { return };
    let Some(attempt) = find_mut(job, number).filter(|attempt| applies(attempt)) else { return };
    attempt.execution = None;
    attempt.refusal = Some(refusal.clone());
    if number == 1 {
        job.refusal = Some(refusal.clone());
    }
}

fn find(job: &JobRecord, number: u32) -> Option<&Attempt> {
    job.attempts.iter().find(|attempt| attempt.number == number)
}

fn find_mut(job: &mut JobRecord, number: u32) -> Option<&mut Attempt> {
    job.attempts.iter_mut().find(|attempt| attempt.number == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Class;
    use crate::record::samples::job;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A record with one announced attempt.
    fn announced() -> (GateRecord, Intent) {
        let intent = announcement(None, "key".to_owned(), "holder", at(0));
        let mut record = GateRecord::begin("run", at(0));
        record.jobs.push(job("a", Class::Blocking, Vec::new()));
        assert!(announce(&mut record, "a", 1, None, &intent));
        (record, intent)
    }

    #[test]
    fn only_what_is_still_as_it_was_found_is_announced() {
        let (record, first) = announced();
        let next = announcement(Some(&first), "key".to_owned(), "other", at(5));
        assert_eq!((next.sends, next.written_at, next.sent_at), (2, at(0), Some(at(5))));
        let by = |record: &GateRecord, found: Option<&Intent>, intent: &Intent| {
            let mut record = record.clone();
            let announced = announce(&mut record, "a", 1, found, intent);
            let left = record.jobs[0].attempts.first().map(|attempt| attempt.intent.clone());
            (announced, left)
        };
        // Written once already, but the store could not say so.
        assert_eq!(by(&record, None, &first), (true, Some(first.clone())));
        assert_eq!(by(&record, None, &next), (false, Some(first.clone())));
        assert_eq!(by(&record, Some(&next), &next), (false, Some(first.clone())));
        assert_eq!(by(&record, Some(&first), &next), (true, Some(next.clone())));
        // The attempt that was found is gone.
        let mut empty = record.clone();
        empty.jobs[0].attempts.clear();
        assert_eq!(by(&empty, Some(&first), &next), (false, None));
        // Somebody has found its run meanwhile.
        let mut runs = record;
        let run = Launched { execution: "x".to_owned(), adopted: true };
        launched(&mut runs, "a", 1, &run, at(1));
        assert_eq!(by(&runs, Some(&first), &next), (false, Some(first)));
    }

    #[test]
    fn a_refusal_counts_only_for_what_it_answered() {
        let refusal = LaunchRefusal { at: at(3), reason: "no such job".to_owned(), token: false };
        let (record, first) = announced();
        let next = announcement(Some(&first), "key".to_owned(), "other", at(5));
        let by = |record: &GateRecord, intent: &Intent| {
            let mut record = record.clone();
            refused(&mut record, "a", 1, intent, &refusal);
            let attempt = &record.jobs[0].attempts[0];
            (attempt.refusal.is_some(), attempt.intent.certainly_not_created)
        };
        assert_eq!(by(&record, &first), (true, true));
        // Announced anew by another process.
        assert_eq!(by(&record, &next), (false, false));
        let mut runs = record;
        let run = Launched { execution: "x".to_owned(), adopted: true };
        launched(&mut runs, "a", 1, &run, at(1));
        assert!(!by(&runs, &first).0);
    }

    /// Two processes can find the same run: one saw that it lacks a variable, the other has only
    /// its id.
    #[test]
    fn a_run_that_is_not_as_ordered_is_not_adopted() {
        let (mut record, _) = announced();
        let run = Launched { execution: "x".to_owned(), adopted: true };
        let refusal = LaunchRefusal {
            at: at(1),
            reason: "it lacks the variable IMAGE".to_owned(),
            token: false,
        };
        differs(&mut record, "a", 1, &refusal);
        launched(&mut record, "a", 1, &run, at(2));
        assert_eq!(due(&record, "a", 1), Some(Due::Refused(refusal.clone())));
        assert_eq!(record.jobs[0].attempts[0].execution, None);
        // Nor does it stay adopted when the other was quicker.
        let (mut record, _) = announced();
        launched(&mut record, "a", 1, &run, at(1));
        assert_eq!(due(&record, "a", 1), Some(Due::Nothing(run)));
        differs(&mut record, "a", 1, &refusal);
        assert_eq!(due(&record, "a", 1), Some(Due::Refused(refusal)));
        assert_eq!(record.jobs[0].attempts[0].execution, None);
    }
}
