//! What collect-results changes in the record: small changes of one attempt, which do no harm when
//! they are applied to a record that already has them.

use jiff::Timestamp;

use crate::evidence::classify::Judgement;
use crate::evidence::look::Sighting;
use crate::record::{Attempt, GateRecord, HistoryNote, StateChange};

/// Changes of state kept for an attempt; a run that goes back and forth more often is a curiosity.
const MAX_STATES: usize = 20;

/// A change of one attempt.
#[derive(Debug, Clone)]
pub struct Update {
    pub job: String,
    /// The attempt's number.
    pub number: u32,
    /// What is changed.
    pub change: Change,
    /// When it was found.
    pub at: Timestamp,
}

/// What was found.
#[derive(Debug, Clone)]
pub enum Change {
    /// How the run is.
    Seen(Sighting),
    /// What became of it.
    Judged(Judgement),
    /// What its job's history says of it, and the hash of the job's definition.
    History(Box<HistoryNote>, Option<String>),
}

impl Update {
    /// Applies the change.
    pub fn apply(&self, record: &mut GateRecord) {
        let job = record.job_mut(&self.job);
        let attempt = job
            .and_then(|job| job.attempts.iter_mut().find(|attempt| attempt.number == self.number));
        let Some(attempt) = attempt else { return };
        match &self.change {
            Change::Seen(sighting) => seen(attempt, sighting, self.at),
            Change::Judged(judgement) => judged(attempt, judgement, self.at),
            Change::History(told, definition) => {
                attempt.history = (!told.is_empty()).then(|| told.clone());
                attempt.definition.clone_from(definition);
            }
        }
    }
}

fn seen(attempt: &mut Attempt, sighting: &Sighting, at: Timestamp) {
    // An attempt that was judged is closed; a final state is not taken back.
    if attempt.cause.is_some() || (attempt.state.is_final() && !sighting.state.is_final()) {
        return;
    }
    if attempt.state != sighting.state {
        attempt.state = sighting.state;
        let known = attempt
            .states
            .last()
            .is_some_and(|change| change.state == sighting.state);
        if !known && attempt.states.len() < MAX_STATES {
            attempt.states.push(StateChange { state: sighting.state, at });
        }
    }
    let keep = |field: &mut Option<String>, new: &Option<String>| {
        if new.is_some() {
            field.clone_from(new);
        }
    };
    keep(&mut attempt.reason, &sighting.description);
    keep(&mut attempt.job_url, &sighting.job_url);
    attempt.started_at = sighting.started_at.or(attempt.started_at);
    attempt.completed_at = sighting.completed_at.or(attempt.completed_at);
}

fn judged(attempt: &mut Attempt, judgement: &Judgement, at: Timestamp) {
    if attempt.cause.is_some() {
        return;
    }
    attempt.cause = Some(judgement.cause);
    attempt.judged_at = Some(at);
    attempt.detail = Some(judgement.detail.clone()).filter(|detail| !detail.is_empty());
    attempt.failing_tests = judgement.failing_tests.clone();
    attempt.flaky_tests = judgement.flaky_tests.clone();
    attempt.tests = judgement.tests;
    attempt.usual = judgement.usual;
    attempt.proof.clone_from(&judgement.proof);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{attempt, job};
    use crate::record::{Cause, Class, JobState};

    /// A record with one run that nothing is known of.
    fn record() -> GateRecord {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        let attempts = vec![attempt(JobState::Unknown, None)];
        record.jobs.push(job("a", Class::Blocking, attempts));
        record
    }

    fn update(change: Change) -> Update {
        Update { job: "a".to_owned(), number: 1, change, at: Timestamp::UNIX_EPOCH }
    }

    fn seen(state: JobState) -> Update {
        update(Change::Seen(Sighting { state, ..Sighting::default() }))
    }

    #[test]
    fn an_update_twice_is_an_update_once() {
        let mut record = record();
        for update in [&seen(JobState::Pending), &seen(JobState::Success)] {
            update.apply(&mut record);
            let once = record.clone();
            update.apply(&mut record);
            assert_eq!(record, once);
        }
        seen(JobState::Pending).apply(&mut record);
        assert_eq!(record.jobs[0].attempts[0].state, JobState::Success, "an end is not taken back");
        let judgement = |cause| update(Change::Judged(Judgement::new(cause, "")));
        judgement(Cause::Passed).apply(&mut record);
        judgement(Cause::Deadline).apply(&mut record);
        assert_eq!(record.jobs[0].attempts[0].cause, Some(Cause::Passed), "a judgement stands");
        assert_eq!(record.jobs[0].attempts[0].states.len(), 2);
    }

    #[test]
    fn a_run_that_goes_back_and_forth_fills_no_record() {
        let mut record = record();
        for _ in 0..2 * MAX_STATES {
            seen(JobState::Triggered).apply(&mut record);
            seen(JobState::Pending).apply(&mut record);
        }
        let attempt = &record.jobs[0].attempts[0];
        assert_eq!((attempt.states.len(), attempt.state), (MAX_STATES, JobState::Pending));
    }

    #[test]
    fn a_run_that_is_judged_anew_has_come_to_its_end_once() {
        let mut record = record();
        seen(JobState::Success).apply(&mut record);
        // As a pass that was struck leaves it.
        record.jobs[0].attempts[0].state = JobState::Unknown;
        seen(JobState::Success).apply(&mut record);
        assert_eq!(record.jobs[0].attempts[0].states.len(), 1);
    }

    #[test]
    fn what_a_history_says_is_kept_and_that_it_says_nothing_is_not() {
        let told = |note: HistoryNote| {
            let mut record = record();
            update(Change::History(Box::new(note), Some("hash".to_owned()))).apply(&mut record);
            let attempt = record.jobs.remove(0).attempts.remove(0);
            assert_eq!(attempt.definition.as_deref(), Some("hash"));
            attempt.history.map(|note| *note)
        };
        let known = HistoryNote { all_known: true, ..HistoryNote::default() };
        assert_eq!(told(known.clone()), Some(known));
        assert_eq!(told(HistoryNote::default()), None);
    }
}
