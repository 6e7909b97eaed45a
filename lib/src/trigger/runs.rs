//! PipelineRuns of a scenario, as far as they tell whether a gate is on its way.

use jiff::Timestamp;
use serde::Deserialize;

use crate::konflux::Condition;
use crate::verified::condition;

/// As much of a PipelineRun as is needed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Run {
    /// Name and times.
    pub metadata: RunMetadata,
    /// How it goes.
    #[serde(default)]
    pub status: RunStatus,
}

/// A run's metadata.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunMetadata {
    /// The name. It tells nothing of the scenario: the runs of one PipelineRun file are all named
    /// after that, whichever scenario they are of.
    pub name: String,
    /// The id, by which a gate record knows its run.
    #[serde(default)]
    pub uid: String,
    /// When it was created.
    #[serde(default)]
    pub creation_timestamp: Option<Timestamp>,
    /// When it was told to go.
    #[serde(default)]
    pub deletion_timestamp: Option<Timestamp>,
    /// Labels.
    #[serde(default)]
    pub labels: RunLabels,
}

/// The labels that count.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct RunLabels {
    /// The Snapshot.
    #[serde(default, rename = "appstudio.openshift.io/snapshot")]
    pub snapshot: Option<String>,
    /// The id of the trigger that started it.
    #[serde(default, rename = "custom.appstudio.openshift.io/gate-trigger-id")]
    pub id: Option<String>,
}

/// A run's status.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// When Tekton took it up.
    #[serde(default)]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub completion_time: Option<Timestamp>,
    /// `Succeeded`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Its TaskRuns.
    #[serde(default)]
    pub child_references: Vec<serde::de::IgnoredAny>,
}

impl Run {
    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        let decided = |found: &Condition| matches!(found.status.as_str(), "True" | "False");
        self.status.completion_time.is_some()
            || condition(&self.status.conditions, "Succeeded").is_some_and(decided)
    }

    /// Whether Tekton has taken it up.
    pub fn has_begun(&self) -> bool {
        self.status.start_time.is_some() || !self.status.conditions.is_empty()
    }

    /// Whether it runs, or will; one that is being deleted does not count, its pods are going.
    pub fn is_in_flight(&self) -> bool {
        !self.has_ended() && self.metadata.deletion_timestamp.is_none()
    }

    /// Why it failed before any of its tasks began, if so: a Pipeline that could not be fetched, a
    /// parameter that is missing.
    pub fn failed_at_once(&self) -> Option<String> {
        let failed = condition(&self.status.conditions, "Succeeded")
            .filter(|found| found.status == "False")?;
        let none = self.status.child_references.is_empty();
        none.then(|| crate::text::one_line(&format!("{}: {}", failed.reason, failed.message), 300))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captured_runs() {
        let all: std::collections::BTreeMap<String, Run> =
            serde_json::from_str(include_str!("data/runs.json")).unwrap();
        let states: Vec<_> = all
            .iter()
            .map(|(name, run)| {
                (name.as_str(), run.has_begun(), run.is_in_flight(), run.failed_at_once().is_some())
            })
            .collect();
        assert_eq!(
            states,
            [
                ("from-git-resolver", true, false, false),
                ("from-pipelinerun-resolver-running", true, true, false),
                ("resolution-failed", true, false, true),
            ]
        );
        let new: Run = serde_json::from_str(r#"{"metadata":{"name":"x"}}"#).unwrap();
        assert!(!new.has_begun() && new.is_in_flight());
    }
}
