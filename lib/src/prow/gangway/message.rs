//! Gangway's documents: what is sent and what comes back, in the one spelling that arrives whole
//! (snake_case; camelCase meets the proxy's own copy of the same field).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::prow::JobState;

/// Environment, labels and annotations of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PodSpecOptions {
    /// Variables for every container of the run.
    #[serde(default)]
    pub envs: BTreeMap<String, String>,
    /// Labels of the ProwJob.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the ProwJob.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// The order to run a periodic job. Serializes to the body that is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Create {
    /// The job's name.
    pub job_name: String,
    /// `"1"`: periodic.
    job_execution_type: &'static str,
    /// What the run gets along.
    pub pod_spec_options: PodSpecOptions,
}

impl Create {
    /// A run of that job. Empty values are refused by Gangway: leave them out.
    pub fn new(job_name: impl Into<String>, pod_spec_options: PodSpecOptions) -> Self {
        Self { job_name: job_name.into(), job_execution_type: "1", pod_spec_options }
    }

    /// The first variable that a run with these variables does not have as ordered, in any of its
    /// containers.
    pub fn lacked_by(&self, envs: &[(String, String)]) -> Option<&str> {
        let lacks = |name: &str, value: &str| {
            let mut found = envs
                .iter()
                .filter(|(key, _)| key == name)
                .map(|(_, found)| found)
                .peekable();
            found.peek().is_none() || found.any(|found| found != value)
        };
        self.pod_spec_options
            .envs
            .iter()
            .find(|(name, value)| lacks(name, value))
            .map(|(name, _)| name.as_str())
    }

    pub fn body(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts are JSON")
    }
}

/// An execution as Gangway shows it; what is unset is empty or absent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub job_name: String,
    #[serde(default)]
    pub job_status: String,
    #[serde(default)]
    pub create_time: Option<String>,
    #[serde(default)]
    pub completion_time: Option<String>,
    #[serde(default)]
    pub job_url: Option<String>,
    #[serde(default)]
    pub pod_spec_options: Option<PodSpecOptions>,
}

/// A list of executions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ListAnswer {
    pub job_execution: Vec<Answer>,
}

/// What Gangway says of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Prow's id of the run: the ProwJob's name.
    pub id: String,
    /// The job's full name; an older Gangway leaves it empty.
    pub job_name: String,
    /// Its state. A word that is not known is [`JobState::Unknown`], never an end.
    pub state: JobState,
    /// When it began (`status.startTime`).
    pub started_at: Option<Timestamp>,
    /// When it ended; an aborted run may lack it.
    pub completed_at: Option<Timestamp>,
    /// Where people look at it; absent until a pod runs, and always absent in lists.
    pub job_url: Option<String>,
}

impl From<Answer> for Execution {
    fn from(answer: Answer) -> Self {
        let time = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Self {
            state: state(&answer.job_status),
            started_at: time(answer.create_time),
            completed_at: time(answer.completion_time),
            job_url: answer.job_url.filter(|url| !url.is_empty()),
            id: answer.id,
            job_name: answer.job_name,
        }
    }
}

fn state(word: &str) -> JobState {
    match word {
        "SCHEDULING" => JobState::Scheduling,
        "TRIGGERED" => JobState::Triggered,
        "PENDING" => JobState::Pending,
        "SUCCESS" => JobState::Success,
        "FAILURE" => JobState::Failure,
        "ABORTED" => JobState::Aborted,
        "ERROR" => JobState::Error,
        _ => JobState::Unknown,
    }
}

/// Whether a text can be an execution's id: it goes into addresses, records and messages.
pub(super) fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 253
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

/// The label under which Prow keeps a job's name, `prow.k8s.io/job`: cut to 63 bytes and without
/// `.`, `_` and `-` at the cut. Several jobs can share it; a longer name finds nothing at all.
pub fn job_label(job: &str) -> &str {
    const LONGEST: usize = 63;
    if job.len() <= LONGEST {
        return job;
    }
    job[..job.floor_char_boundary(LONGEST)].trim_end_matches(['.', '_', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_the_documented_one() {
        let options = PodSpecOptions {
            envs: [("X".to_owned(), "quay.io/a/b@sha256:1".to_owned())].into(),
            labels: [("release-gate/key".to_owned(), "k3f9".to_owned())].into(),
            annotations: BTreeMap::new(),
        };
        let body = String::from_utf8(Create::new("periodic-x", options).body()).unwrap();
        assert_eq!(
            body,
            r#"{"job_name":"periodic-x","job_execution_type":"1","pod_spec_options":{"envs":{"X":"quay.io/a/b@sha256:1"},"labels":{"release-gate/key":"k3f9"},"annotations":{}}}"#
        );
    }

    #[test]
    fn names_are_cut_as_prow_cuts_them() {
        let long = "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-v2-aws-conformance";
        assert_eq!(
            job_label(long),
            "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-v2"
        );
        let exact = "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks";
        assert_eq!((exact.len(), job_label(exact)), (63, exact));
        assert_eq!(job_label(&format!("{exact}-external-oidc")), exact);
    }
}
