//! Binding the record to what was asked for: once set, no job is added, taken away or changed.

use crate::failure::Failure;
use crate::jobs::{Request, difference};
use crate::matrix::Tonight;
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

/// Writes the request into a record that has none, and compares it with the one that is there. Of
/// the sampled jobs those of the choice are written; a choice that is there already stands.
///
/// # Errors
/// The inner [`Mismatch`] when they differ, [`RecordError`] when the record cannot be used.
pub async fn bind(
    journal: &Journal,
    request: &Request,
    tonight: Option<&Tonight>,
) -> Result<Result<(), Mismatch>, RecordError> {
    let difference = journal.update(|record| {
        if !is_begun(record) {
            begin(record, request, tonight.cloned());
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
    let difference = if is_begun(record) { difference(record, request) } else { None };
    mismatch(place.to_owned(), difference)
}

/// Whether a record holds a request.
pub fn is_begun(record: &GateRecord) -> bool {
    !record.jobs.is_empty() || record.launch.is_some()
}

/// Puts a request into a record that holds none.
pub(super) fn begin(record: &mut GateRecord, request: &Request, tonight: Option<Tonight>) {
    record.matrix = tonight;
    record.jobs = request.tonight(record.matrix.as_ref()).jobs;
    record.launch = Some(LaunchOptions { env: request.env.clone() });
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

    #[test]
    fn a_record_with_jobs_or_options_holds_a_request() {
        let request = request("- name: a", "{}");
        // Without jobs: a night on which none of those asked for is due.
        for (jobs, options, begun) in
            [(true, true, true), (true, false, true), (false, true, true), (false, false, false)]
        {
            let mut record = GateRecord::begin("uid", Timestamp::UNIX_EPOCH);
            record.jobs = request.jobs.iter().filter(|_| jobs).cloned().collect();
            record.launch = options.then(LaunchOptions::default);
            assert_eq!(is_begun(&record), begun, "jobs: {jobs}, options: {options}");
        }
    }

    #[test]
    fn a_choice_that_is_there_stands() {
        let request = request("- name: a\n- {name: b, every: 3d}\n- {name: c, every: 3d}", "{}");
        let now = Timestamp::UNIX_EPOCH;
        let choose = |all| {
            let jobs = request.listed();
            Tonight::choose(None, &jobs, &Default::default(), (now, all)).unwrap()
        };
        let mut chosen = choose(true);
        chosen.plan.choices[1].runs = false;
        let left_out = chosen.plan.choices[1].name.clone();
        let mut record = GateRecord::begin("uid", now);
        begin(&mut record, &request, Some(chosen.clone()));
        assert_eq!(record.jobs.len(), 2);
        assert!(record.job(&left_out).is_none());
        assert!(is_begun(&record));
        assert_eq!(compare("r", &record, &request), Ok(()), "the same list, the same choice");
        // Without the choice the record would have lost a job.
        record.matrix = None;
        let error = compare("r", &record, &request).unwrap_err().to_string();
        assert!(error.contains(&format!("{left_out} is new")), "{error}");
        record.matrix = Some(chosen);
        // Nor may it leave out what runs every night.
        record.jobs.retain(|job| job.name != "a");
        assert!(
            compare("r", &record, &request)
                .unwrap_err()
                .to_string()
                .contains("a is new")
        );
    }
}
