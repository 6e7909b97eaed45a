//! The labels and annotations of Konflux's objects that the gate reads or sets, in one place.
//!
//! Sources: integration-service `pkg/metadata` and `gitops`, release-service `metadata/labels.go`.

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
/// A label of a Release: `true` where integration-service made it by itself, of an untested image.
pub const AUTOMATED_LABEL: &str = "release.appstudio.openshift.io/automated";
/// An annotation of a Release: the record that it was made for, known even if the answer was lost.
pub const RUN_ANNOTATION: &str = "release-gate/run-id";
