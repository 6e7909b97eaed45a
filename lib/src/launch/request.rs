//! Binding the record to what was asked for: once set, no job is added, taken away or changed.

use crate::failure::Failure;
use crate::jobs::{Request, difference};
use crate::record::{Class, GateRecord, Journal, LaunchOptions, RecordError};

use super::attempt;

/// The record was begun with another request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} was begun with other jobs: {difference}; give each request a record of its own")]
pub struct Mismatch {
    place: String,
    difference: String,
}

impl From<Mismatch> for Failure {
    fn from(error: Mismatch) -> Self {
        Self::misuse(error)
    }
}

/// Writes the request into a record that has none, and compares it with the one that is there.
///
/// # Errors
/// The inner [`Mismatch`] when they differ, [`RecordError`] when the record cannot be used.
pub async fn bind(
    journal: &Journal,
    request: &Request,
) -> Result<Result<(), Mismatch>, RecordError> {
    let difference = journal.update(|record| {
        if record.jobs.is_empty() && record.launch.is_none() {
            record.jobs.clone_from(&request.jobs);
            record.launch = Some(LaunchOptions { env: request.env.clone() });
        }
        difference(record, request)
    });
    Ok(mismatch(journal.place(), difference.await?))
}

/// Compares the request with a record, without writing.
///
/// # Errors
/// [`Mismatch`] when the record was begun with another request.
pub fn compare(place: &str, record: &GateRecord, request: &Request) -> Result<(), Mismatch> {
    let begun = !record.jobs.is_empty() || record.launch.is_some();
    mismatch(place.to_owned(), if begun { difference(record, request) } else { None })
}

fn mismatch(place: String, difference: Option<String>) -> Result<(), Mismatch> {
    difference.map_or(Ok(()), |difference| Err(Mismatch { place, difference }))
}

/// Whether the record already answers for every job that would be tried, so that nothing is asked.
pub fn settled(record: &GateRecord) -> bool {
    let stopped = record.jobs_of(Class::Blocking).any(|job| attempt::is_refused(job, 1));
    stopped || record.jobs.iter().all(|job| attempt::is_settled(job, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{self, Given};
    use jiff::Timestamp;

    fn request(yaml: &str, env: &str) -> Request {
        let names = ["X".to_owned()];
        jobs::read(&Given {
            jobs: Some(yaml),
            env: Some(env),
            override_env: &names,
            ..Given::default()
        })
        .unwrap()
    }

    #[test]
    fn another_request_is_told_in_words() {
        let mut record = GateRecord::begin("uid", Timestamp::UNIX_EPOCH);
        let first = request("- {name: a}\n- {name: b, class: informing}", "{}");
        assert_eq!(compare("r", &record, &first), Ok(()));
        (record.jobs, record.launch) = (first.jobs.clone(), Some(LaunchOptions::default()));
        assert_eq!(compare("r", &record, &first), Ok(()));
        for (yaml, env, words) in [
            ("- name: a", "{}", "b is missing now"),
            ("- name: a\n- name: b\n- name: c", "{}", "c is new"),
            ("- name: a\n- name: b", "{}", "b has other settings now"),
            ("- name: a\n- {name: b, class: informing}", r#"{"Y":"1"}"#, "--env is another now"),
        ] {
            let error = compare("r", &record, &request(yaml, env)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
