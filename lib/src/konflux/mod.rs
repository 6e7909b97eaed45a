//! Konflux's objects in the cluster, as far as the gate reads them, and the requests for them.
//!
//! Source of the shapes: application-api and release-service, `api/v1alpha1`. Everything that a
//! controller fills in may be absent; what the gate does not use is not read.

mod client;
mod create;
mod fit;
pub mod labels;
mod newest;
mod objects;
mod plan;
pub mod release_name;
mod release_state;
mod snapshot_brief;
mod snapshots;
mod watch;

pub use create::{Creation, Draft};
pub use fit::{Against, image, judge, judge_build};
pub use labels::{AUTO_RELEASE_LABEL, PLAN_LABEL};
pub use newest::{Candidate, Choice, Seen, newest};
pub use objects::{
    Condition, ManagedAttempt, MatchedAdmission, Processing, Release, ReleasePlan, ReleasePlanSpec,
    ReleasePlanStatus, ReleaseSpec, ReleaseStatus, Snapshot, SnapshotStatus, annotation, built_at,
    built_at_by_name, condition, created_at, is_automatic, label,
};
pub use plan::{PlanProblem, fit_plan};
pub use release_state::{Outcome, PushedImage, outcome, pipeline_run};
pub use snapshot_brief::{Component, SnapshotBrief, Unreadable};
pub use watch::Sight;

use crate::cluster::Resource;

pub const SNAPSHOTS: Resource = appstudio("v1alpha1", "Snapshot", "snapshots");
/// ReleasePlans.
pub const PLANS: Resource = appstudio("v1alpha1", "ReleasePlan", "releaseplans");
pub const RELEASES: Resource = appstudio("v1alpha1", "Release", "releases");
/// IntegrationTestScenarios.
pub const SCENARIOS: Resource =
    appstudio("v1beta2", "IntegrationTestScenario", "integrationtestscenarios");

const fn appstudio(version: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    Resource { group: "appstudio.redhat.com", version, kind, plural }
}
