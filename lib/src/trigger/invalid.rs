//! What integration-service says of a run that it could not make.

use serde::Deserialize;

use crate::konflux::SnapshotBrief;
use crate::text;

/// What integration-service noted of a scenario in the Snapshot's status annotation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invalid {
    #[serde(default)]
    scenario: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: String,
    /// Differs with every try.
    #[serde(default)]
    last_update_time: String,
}

impl Invalid {
    pub fn words(&self) -> String {
        text::one_line(&self.details, 400)
    }
}

/// What integration-service noted about a run that it could not make. One that stood there before
/// says nothing of a new try, and the annotation says nothing that can be relied on about runs that
/// were made.
pub(super) fn creation_failure(snapshot: &SnapshotBrief, scenario: &str) -> Option<Invalid> {
    let entries: Vec<Invalid> =
        serde_json::from_str(snapshot.metadata.annotations.status.as_deref()?).ok()?;
    let invalid = |entry: &Invalid| {
        entry.scenario == scenario
            && entry.status == "TestInvalid"
            && entry.details.starts_with("Creation of pipelineRun failed")
    };
    entries.into_iter().find(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_could_not_be_made_is_quoted() {
        let status = r#"[{"scenario":"a","status":"TestPassed","details":"Integration test passed"},
            {"scenario":"b","status":"TestInvalid","lastUpdateTime":"2026-11-22T15:16:25.421674486Z",
             "details":"Creation of pipelineRun failed during creation due to: no such file"}]"#;
        let mut snapshot = SnapshotBrief::default();
        snapshot.metadata.annotations.status = Some(status.to_owned());
        assert_eq!(creation_failure(&snapshot, "a"), None);
        assert!(
            creation_failure(&snapshot, "b")
                .unwrap()
                .words()
                .ends_with("no such file")
        );
        snapshot.metadata.annotations.status = Some("nonsense".to_owned());
        assert_eq!(creation_failure(&snapshot, "b"), None);
    }
}
