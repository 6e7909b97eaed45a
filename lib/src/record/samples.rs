//! Attempts and jobs for tests.

use jiff::Timestamp;

use super::{Attempt, Cause, Class, Intent, JobRecord, JobState, LaunchRefusal};

/// An attempt that ended so.
pub(crate) fn attempt(state: JobState, cause: Option<Cause>) -> Attempt {
    let intent = Intent {
        key: "k".repeat(40),
        written_at: Timestamp::UNIX_EPOCH,
        holder: "h".to_owned(),
        sent_at: None,
        sends: 1,
        certainly_not_created: false,
    };
    let execution = Some("ca249d50".to_owned());
    Attempt { execution, state, cause, ..Attempt::intended(1, intent) }
}

/// A job with such attempts.
pub(crate) fn job(name: &str, class: Class, attempts: Vec<Attempt>) -> JobRecord {
    JobRecord { override_env: vec!["IMAGE".to_owned()], attempts, ..JobRecord::named(name, class) }
}

/// Every state.
pub(crate) const STATES: [JobState; 8] = [
    JobState::Unknown,
    JobState::Scheduling,
    JobState::Triggered,
    JobState::Pending,
    JobState::Success,
    JobState::Failure,
    JobState::Aborted,
    JobState::Error,
];

/// A refusal, of the token if so.
pub(crate) fn refusal(token: bool) -> LaunchRefusal {
    LaunchRefusal { at: Timestamp::UNIX_EPOCH, reason: "no such job".to_owned(), token }
}

/// Every attempt that a record can hold, whoever wrote it: 960.
pub(crate) fn every_attempt() -> Vec<Attempt> {
    let mut all = Vec::new();
    for state in STATES {
        for cause in std::iter::once(None).chain(Cause::ALL.map(Some)) {
            for (run, certainly_not_created) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                for refusal in [None, Some(refusal(false)), Some(refusal(true))] {
                    let mut attempt = attempt(state, cause);
                    attempt.execution = attempt.execution.filter(|_| run);
                    attempt.intent.certainly_not_created = certainly_not_created;
                    attempt.refusal = refusal;
                    all.push(attempt);
                }
            }
        }
    }
    all
}
