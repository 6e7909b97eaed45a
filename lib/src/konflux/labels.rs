//! The labels and annotations of Konflux's objects that the gate reads or sets, in one place.
//!
//! Sources: integration-service `pkg/metadata` and `gitops`, release-service `metadata/labels.go`.

use serde::Deserialize;

/// A label of a Snapshot; its value is the scenario that integration-service starts. It is one key
/// for everybody.
pub const RUN_LABEL: &str = "test.appstudio.openshift.io/run";
/// A label of a PipelineRun: its scenario.
pub const SCENARIO_LABEL: &str = "test.appstudio.openshift.io/scenario";
/// A label of a PipelineRun: its Snapshot.
pub const OF_SNAPSHOT_LABEL: &str = "appstudio.openshift.io/snapshot";
/// A label of a Snapshot that integration-service copies to the run: the trigger's own id.
pub const ID_LABEL: &str = "custom.appstudio.openshift.io/gate-trigger-id";
/// An annotation of a Snapshot: how long it is kept from its creation on.
pub const KEEP_ANNOTATION: &str = "test.appstudio.openshift.io/keep-snapshot";
/// An annotation of a Snapshot: when its build began, in milliseconds, or seconds up to 10^10.
pub const START_ANNOTATION: &str = "test.appstudio.openshift.io/pipelinerunstarttime";

/// A label of a ReleasePlan: whether integration-service makes its Releases by itself.
pub const AUTO_RELEASE_LABEL: &str = "release.appstudio.openshift.io/auto-release";
/// A label of a Release: its plan. release-service sets it from the spec.
pub const PLAN_LABEL: &str = "release.appstudio.openshift.io/releasePlan";
/// A label of a Release: its Snapshot. release-service sets it from the spec.
pub const SNAPSHOT_LABEL: &str = "release.appstudio.openshift.io/snapshot";
/// A label of a Release: who made it, written by release-service's webhook (`:` as `_`, cut to 63
/// characters). It never changes.
pub const AUTHOR_LABEL: &str = "release.appstudio.openshift.io/author";
/// A label of a Release: `true` where integration-service made it by itself, of an untested image.
pub const AUTOMATED_LABEL: &str = "release.appstudio.openshift.io/automated";
/// An annotation of a Release: the record that it was made for, known even if the answer was lost.
pub const RUN_ANNOTATION: &str = "release-gate/run-id";

/// An annotation of a Release: the blocking jobs that did not pass and that its author accepted.
pub const ACCEPTED_ANNOTATION: &str = "release-gate/accepted";
/// An annotation of a Release: the retracted image whose place it takes.
pub const INSTEAD_ANNOTATION: &str = "release-gate/instead-of";

/// A label of a Snapshot: its Application, unless it belongs to a ComponentGroup.
pub const APPLICATION_LABEL: &str = "appstudio.openshift.io/application";
/// A label of a Snapshot: its ComponentGroup, unless it belongs to an Application.
pub const COMPONENT_GROUP_LABEL: &str = "appstudio.openshift.io/component-group";
/// A label of a Snapshot: the component whose build made it.
pub const COMPONENT_LABEL: &str = "appstudio.openshift.io/component";

/// The annotation of a scenario that replaces one of the PipelineRun's timeouts:
/// `pipeline_timeout`, `tasks_timeout` or `finally_timeout`.
pub fn timeout_annotation(name: &str) -> String {
    format!("test.appstudio.openshift.io/{name}")
}

// The forms below are read without keeping the many other labels of a Snapshot. serde takes names
// only as literals: a test holds them against the constants.

/// The labels of a Snapshot by which it is chosen and started.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct SnapshotLabels {
    /// What made integration-service build it: `push`, `Push`, `pull_request` …
    #[serde(default, rename = "pac.test.appstudio.openshift.io/event-type")]
    pub event_type: Option<String>,
    /// The pull request it belongs to.
    #[serde(default, rename = "pac.test.appstudio.openshift.io/pull-request")]
    pub pull_request: Option<String>,
    /// `component`, `override` or `group`.
    #[serde(default, rename = "test.appstudio.openshift.io/type")]
    pub kind: Option<String>,
    /// [`RUN_LABEL`].
    #[serde(default, rename = "test.appstudio.openshift.io/run")]
    pub run: Option<String>,
    /// [`ID_LABEL`].
    #[serde(default, rename = "custom.appstudio.openshift.io/gate-trigger-id")]
    pub id: Option<String>,
}

/// The annotations of a Snapshot by which it is chosen, kept and started.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct SnapshotAnnotations {
    /// [`START_ANNOTATION`].
    #[serde(default, rename = "test.appstudio.openshift.io/pipelinerunstarttime")]
    pub start_time: Option<String>,
    /// The branch it was built from.
    #[serde(default, rename = "pac.test.appstudio.openshift.io/source-branch")]
    pub source_branch: Option<String>,
    /// The first line of the commit that it was built from.
    #[serde(default, rename = "pac.test.appstudio.openshift.io/sha-title")]
    pub title: Option<String>,
    /// Where that commit is shown.
    #[serde(default, rename = "pac.test.appstudio.openshift.io/sha-url")]
    pub link: Option<String>,
    /// [`KEEP_ANNOTATION`].
    #[serde(default, rename = "test.appstudio.openshift.io/keep-snapshot")]
    pub keep: Option<String>,
    /// What integration-service says of each scenario, as JSON; only ever quoted.
    #[serde(default, rename = "test.appstudio.openshift.io/status")]
    pub status: Option<String>,
}

/// Whom a Snapshot belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Owner {
    /// [`APPLICATION_LABEL`].
    #[serde(default, rename = "appstudio.openshift.io/application")]
    pub application: Option<String>,
    /// [`COMPONENT_GROUP_LABEL`].
    #[serde(default, rename = "appstudio.openshift.io/component-group")]
    pub component_group: Option<String>,
    /// [`COMPONENT_LABEL`].
    #[serde(default, rename = "appstudio.openshift.io/component")]
    pub component: Option<String>,
}

/// The labels of a PipelineRun that count.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct RunLabels {
    /// [`OF_SNAPSHOT_LABEL`].
    #[serde(default, rename = "appstudio.openshift.io/snapshot")]
    pub snapshot: Option<String>,
    /// [`ID_LABEL`].
    #[serde(default, rename = "custom.appstudio.openshift.io/gate-trigger-id")]
    pub id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_set_by_a_name_is_read_by_the_same() {
        let read = json!({
            RUN_LABEL: "run", ID_LABEL: "id", OF_SNAPSHOT_LABEL: "snapshot", START_ANNOTATION: "start",
            KEEP_ANNOTATION: "keep", APPLICATION_LABEL: "a", COMPONENT_GROUP_LABEL: "g", COMPONENT_LABEL: "c",
        });
        let text = |text: &str| Some(text.to_owned());
        let labels: SnapshotLabels = serde_json::from_value(read.clone()).unwrap();
        assert_eq!((labels.run, labels.id), (text("run"), text("id")));
        let annotations: SnapshotAnnotations = serde_json::from_value(read.clone()).unwrap();
        assert_eq!((annotations.start_time, annotations.keep), (text("start"), text("keep")));
        let run: RunLabels = serde_json::from_value(read.clone()).unwrap();
        assert_eq!((run.snapshot, run.id), (text("snapshot"), text("id")));
        let owner: Owner = serde_json::from_value(read).unwrap();
        assert_eq!(
            (owner.application, owner.component_group, owner.component),
            (text("a"), text("g"), text("c"))
        );
    }
}
