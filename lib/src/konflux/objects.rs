//! Snapshots, ReleasePlans and Releases as values.

use kube::core::{ApiResource, Object};
use serde::{Deserialize, Serialize};

use crate::snapshot::SnapshotSpec;

/// The API group of all of them.
pub const GROUP: &str = "appstudio.redhat.com";
/// Its version.
pub const VERSION: &str = "v1alpha1";

/// A Snapshot.
pub type Snapshot = Object<SnapshotSpec, SnapshotStatus>;

/// What integration-service says of a Snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SnapshotStatus {
    /// Its conditions.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// A condition, as all of Konflux's objects have them.
///
/// Its transition time is not read: release-service and integration-service keep old values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default)]
    pub status: String,
    /// The one word that counts.
    #[serde(default)]
    pub reason: String,
    /// In words; often empty.
    #[serde(default)]
    pub message: String,
}

/// What is asked for: `Snapshot`, `snapshots`.
pub(super) fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: GROUP.to_owned(),
        version: VERSION.to_owned(),
        api_version: format!("{GROUP}/{VERSION}"),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}
