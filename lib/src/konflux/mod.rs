//! Konflux's objects in the cluster, as far as the gate reads them, and the requests for them.
//!
//! Source of the shapes: application-api and release-service, `api/v1alpha1`. Everything that a
//! controller fills in may be absent; what the gate does not use is not read.

mod client;
mod error;
mod objects;

pub use client::Konflux;
pub use error::KonfluxError;
pub use objects::{Condition, Snapshot, SnapshotStatus};
