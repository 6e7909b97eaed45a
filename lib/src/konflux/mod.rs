//! Konflux's objects in the cluster, as far as the gate reads them, and the requests for them.
//!
//! Source of the shapes: application-api and release-service, `api/v1alpha1`. Everything that a
//! controller fills in may be absent; what the gate does not use is not read.

mod client;
mod create;
mod error;
pub mod labels;
mod objects;
mod plan;
pub mod release_name;
mod release_state;
mod watch;

pub use client::Konflux;
pub use create::{Creation, Draft};
pub use error::KonfluxError;
pub use labels::{AUTO_RELEASE_LABEL, PLAN_LABEL};
pub use objects::{
    Condition, GROUP, ManagedAttempt, MatchedAdmission, Processing, Release, ReleasePlan,
    ReleasePlanSpec, ReleasePlanStatus, ReleaseSpec, ReleaseStatus, Snapshot, SnapshotStatus,
    annotation, built_at, built_at_by_name, condition, created_at, is_automatic, label,
};
pub use plan::{PlanProblem, fit_plan};
pub use release_state::{Outcome, PushedImage, outcome, pipeline_run};
pub use watch::Sight;
