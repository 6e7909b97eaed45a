//! Konflux's objects in the cluster, as far as the gate reads them, and the requests for them.
//!
//! Source of the shapes: application-api and release-service, `api/v1alpha1`. Everything that a
//! controller fills in may be absent; what the gate does not use is not read.

mod client;
mod create;
mod error;
mod objects;
mod outcome;
mod watch;

pub use client::Konflux;
pub use create::{Creation, Draft};
pub use error::KonfluxError;
pub use objects::{
    AUTO_RELEASE_LABEL, AUTOMATED_LABEL, Condition, ManagedAttempt, MatchedAdmission, PLAN_LABEL,
    Processing, Release, ReleasePlan, ReleasePlanSpec, ReleasePlanStatus, ReleaseSpec,
    ReleaseStatus, SNAPSHOT_LABEL, Snapshot, SnapshotStatus, annotation, built_at,
    built_at_by_name, condition, created_at, is_automatic, label,
};
pub use outcome::{Outcome, outcome, pipeline_run};
pub use watch::Sight;
