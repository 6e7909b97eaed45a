//! A PipelineRun: its limits, whether somebody stopped it, and how far it is.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::konflux::labels::RunLabels;
use crate::konflux::{Condition, condition};
use crate::null::or_default;

/// As much of a PipelineRun as is needed. `null` is read as absent, as Go does.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct PipelineRun {
    /// Name, labels and times.
    pub metadata: RunMetadata,
    /// What was asked of Tekton.
    #[serde(default, deserialize_with = "or_default")]
    pub spec: RunSpec,
    /// How it goes.
    #[serde(default, deserialize_with = "or_default")]
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
    #[serde(default, deserialize_with = "or_default")]
    pub uid: String,
    /// When it was created.
    #[serde(default)]
    pub creation_timestamp: Option<Timestamp>,
    /// When its deletion was asked for.
    #[serde(default)]
    pub deletion_timestamp: Option<Timestamp>,
    /// The labels that count.
    #[serde(default, deserialize_with = "or_default")]
    pub labels: RunLabels,
}

/// A run's spec.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct RunSpec {
    /// Its limits.
    #[serde(default, deserialize_with = "or_default")]
    pub timeouts: Timeouts,
    /// Set by who stops a run, or holds it back: see [`PipelineRun::is_stopped`].
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
}

/// A run's limits, as durations in Go's form; `0` means none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Timeouts {
    /// Of the whole run.
    #[serde(default)]
    pub pipeline: Option<String>,
    /// Of the tasks, without `finally`.
    #[serde(default)]
    pub tasks: Option<String>,
    /// Of `finally`.
    #[serde(default)]
    pub finally: Option<String>,
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
    #[serde(default, deserialize_with = "or_default")]
    pub conditions: Vec<Condition>,
    /// Its TaskRuns.
    #[serde(default, deserialize_with = "or_default")]
    pub child_references: Vec<IgnoredAny>,
}

impl PipelineRun {
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

    /// Whether somebody stopped it, by one of Tekton's three ways. (tekton.dev, PipelineRuns,
    /// "Cancelling a PipelineRun")
    pub fn is_stopped(&self) -> bool {
        matches!(
            self.spec.status.as_str(),
            "Cancelled" | "CancelledRunFinally" | "StoppedRunFinally"
        )
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
    use serde_json::json;

    #[test]
    fn captured_runs() {
        let all: std::collections::BTreeMap<String, PipelineRun> =
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
        let new: PipelineRun = serde_json::from_str(r#"{"metadata":{"name":"x"}}"#).unwrap();
        assert!(!new.has_begun() && new.is_in_flight());
    }

    #[test]
    fn null_is_absent_as_in_go() {
        let bare = json!({"metadata": {"name": "x"}});
        let nulls = json!({
            "metadata": {"name": "x", "uid": null, "creationTimestamp": null, "deletionTimestamp": null, "labels": null},
            "spec": {"timeouts": null, "status": null},
            "status": {"startTime": null, "completionTime": null, "conditions": null, "childReferences": null},
        });
        let empty = json!({"metadata": {"name": "x", "labels": {}}, "spec": null, "status": null});
        let timeouts = json!({
            "metadata": {"name": "x"},
            "spec": {"timeouts": {"pipeline": null, "tasks": null, "finally": null}},
        });
        let read = |value| serde_json::from_value::<PipelineRun>(value).unwrap();
        for run in [nulls, empty, timeouts] {
            assert_eq!(read(run), read(bare.clone()));
        }
    }

    #[test]
    fn three_words_mean_stopped() {
        for (status, stopped) in [
            ("Cancelled", true),
            ("CancelledRunFinally", true),
            ("StoppedRunFinally", true),
            ("PipelineRunPending", false),
            ("", false),
        ] {
            let run: PipelineRun = serde_json::from_value(
                json!({"metadata": {"name": "x"}, "spec": {"status": status}}),
            )
            .unwrap();
            assert_eq!(run.is_stopped(), stopped, "{status}");
        }
    }
}
