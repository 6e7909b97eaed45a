//! What a message is made from.

use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{History, LastVerified, Rung};
use crate::http::BaseUrl;
use crate::record::GateRecord;
use crate::slack::Runbook;

/// The record, as far as it could be read. A message is sent in every case.
#[derive(Debug, Clone, PartialEq)]
pub enum Sight {
    /// It was read.
    Read(Box<GateRecord>),
    /// No `--record` was given.
    NotAsked,
    /// There is none: no step got as far as beginning it.
    Missing,
    /// It is there, or may be, and cannot be read: why.
    Unreadable(String),
}

impl Sight {
    /// The record, where it was read.
    pub fn record(&self) -> Option<&GateRecord> {
        match self {
            Self::Read(record) => Some(record),
            _ => None,
        }
    }
}

/// How Tekton says that a task of the run ended (`--task-status NAME=STATUS`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStatus {
    /// The task's name in the Pipeline.
    pub name: String,
    /// `Succeeded`, `Failed`, or `None` for one that was never started.
    pub status: String,
}

impl FromStr for TaskStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text
            .split_once('=')
            .map(|(name, status)| (name.trim(), status.trim()))
        {
            Some((name, status)) if !name.is_empty() && !status.is_empty() => {
                Ok(Self { name: name.to_owned(), status: status.to_owned() })
            }
            _ => Err(format!(
                "--task-status: expected NAME=STATUS such as collect-results=Succeeded, found {text:?}"
            )),
        }
    }
}

/// A run's address in a console (`--run-url`), whole: one that ends in `/` gets the run's name
/// appended, and leads nowhere without it.
///
/// # Errors
/// What was expected.
pub fn run_url(url: &str, run: Option<&str>) -> Result<Option<String>, String> {
    let base = BaseUrl::given("--run-url", Some(url), "")?;
    Ok(match (url.ends_with('/'), run) {
        (false, _) => Some(url.to_owned()),
        (true, Some(run)) => Some(base.join([run]).to_string()),
        (true, None) => None,
    })
}

impl TaskStatus {
    /// Whether the task succeeded.
    pub fn succeeded(&self) -> bool {
        self.status == "Succeeded"
    }

    /// Whether the task was never started.
    pub fn never_started(&self) -> bool {
        self.status == "None"
    }
}

/// What the flags say.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--gate-label`.
    pub gate: Option<String>,
    /// `--snapshot-name`.
    pub snapshot: Option<String>,
    /// `--release-plan`.
    pub plan: Option<String>,
    /// `--release-wait`.
    pub release_wait: Duration,
    /// `--task-status`, in the order given.
    pub tasks: Vec<TaskStatus>,
    /// `--run-url`, whole.
    pub run_url: Option<String>,
    /// `--run-name`.
    pub run_name: Option<String>,
    /// `--scenario`.
    pub scenario: Option<String>,
    /// The namespace of the run, for commands.
    pub namespace: Option<String>,
    /// `--record` as given, for commands.
    pub record: Option<String>,
    /// `--escalate`.
    pub ladder: Vec<Rung>,
    /// `--threshold-days`: age of the newest verified image from which the message mentions it.
    pub threshold: Option<SignedDuration>,
    /// `--runbook-url`.
    pub runbook: Runbook,
}

/// How long create-release may look at runs before it makes a Release, with time to spare (12
/// minutes).
const BEFORE_THE_RELEASE: Duration = Duration::from_secs(12 * 60);

impl Options {
    /// How long the message waits for the Release's end: `--release-wait`, and the time before it
    /// is made.
    pub fn patience(&self) -> Duration {
        if self.release_wait.is_zero() {
            Duration::ZERO
        } else {
            self.release_wait + BEFORE_THE_RELEASE
        }
    }

    /// The status of a task, if told.
    pub fn task(&self, name: &str) -> Option<&TaskStatus> {
        self.tasks.iter().find(|task| task.name == name)
    }
}

/// What the plan's Releases tell of the newest verified image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifiedSight {
    /// The newest that could be seen.
    pub newest: Option<LastVerified>,
    /// What could not be seen, where that may hide a newer one.
    pub unseen: Option<String>,
}

/// All that a message is made from.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The record.
    pub sight: Sight,
    /// What the flags say.
    pub options: Options,
    /// The runs before this one; `None` where they could not be read.
    pub history: Option<History>,
    /// What the plan's Releases tell of the newest verified image; `None` where they were not
    /// asked.
    pub verified: Option<VerifiedSight>,
    /// Whether the run was cancelled, as its PipelineRun says; `None` where that could not be read.
    pub cancelled: Option<bool>,
    pub now: Timestamp,
    /// How many seconds of gate time a second of wall time holds: durations are shown as gate time.
    pub scale: u32,
}

impl Facts {
    /// The Snapshot's name, from the record or the flags.
    pub fn snapshot(&self) -> Option<&str> {
        let recorded = self
            .sight
            .record()
            .and_then(|record| record.candidate.as_ref()?.snapshot.as_deref());
        recorded.or(self.options.snapshot.as_deref())
    }

    /// The gate's name for people; the record's own, whatever the flag says.
    pub fn gate(&self) -> String {
        let recorded = self.sight.record().and_then(|record| record.gate.as_deref());
        recorded
            .or(self.options.gate.as_deref())
            .or(self.scenario())
            .unwrap_or("release")
            .to_owned()
    }

    /// The scenario; the record's own, whatever the flag says.
    pub fn scenario(&self) -> Option<&str> {
        let recorded = self.sight.record().and_then(|record| record.scenario.as_deref());
        recorded.or(self.options.scenario.as_deref())
    }

    /// The flags that the record contradicts, each with what they say and what it says.
    pub fn differences(&self) -> Vec<(&'static str, &str, &str)> {
        let Some(record) = self.sight.record() else { return Vec::new() };
        let said = [
            ("--gate-label", &self.options.gate, &record.gate),
            ("--scenario", &self.options.scenario, &record.scenario),
            ("--release-plan", &self.options.plan, &record.plan),
        ];
        let differ = said.into_iter().filter_map(|(flag, given, recorded)| {
            Some((flag, given.as_deref()?, recorded.as_deref()?))
                .filter(|(_, given, recorded)| given != recorded)
        });
        differ.collect()
    }

    /// The PipelineRun's name.
    pub fn run_name(&self) -> Option<&str> {
        let recorded = self.sight.record().and_then(|record| record.run.as_deref());
        self.options.run_name.as_deref().or(recorded)
    }

    /// The ReleasePlan; the one that the record is bound to, whatever the flag says.
    pub fn plan(&self) -> Option<&str> {
        let record = self.sight.record();
        let bound = record.and_then(|record| record.plan.as_deref());
        let noted = record
            .and_then(|record| record.release.as_ref())
            .map(|release| release.plan.as_str());
        bound.or(self.options.plan.as_deref()).or(noted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_and_how_it_ended() {
        let status: TaskStatus = " collect-results = Succeeded ".parse().unwrap();
        assert!(status.name == "collect-results" && status.succeeded());
        for bad in ["", "collect-results", "collect-results=", "=Failed", " = "] {
            let error = bad.parse::<TaskStatus>().unwrap_err();
            assert!(error.starts_with("--task-status: expected NAME=STATUS"), "{error}");
        }
    }

    #[test]
    fn a_run_is_found_below_an_address_that_ends_in_a_slash() {
        let url = |url: &str, run: Option<&str>| run_url(url, run).unwrap();
        assert_eq!(url("https://c.example/r", None).as_deref(), Some("https://c.example/r"));
        let below = url("https://c.example/ns/", Some("gate-x"));
        assert_eq!(below.as_deref(), Some("https://c.example/ns/gate-x"));
        assert_eq!(url("https://c.example/ns/", None), None);
        assert!(run_url("nowhere", None).unwrap_err().starts_with("--run-url: "));
    }
}
