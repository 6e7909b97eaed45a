//! Attempts and jobs for tests.

use jiff::Timestamp;

use super::{Attempt, Cause, Class, Intent, JobRecord, JobState};

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
