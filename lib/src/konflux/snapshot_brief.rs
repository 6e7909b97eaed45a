//! A Snapshot in a list of a thousand: what is not needed is skipped while it is read.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::labels::{START_ANNOTATION, SnapshotAnnotations, SnapshotLabels};
use super::objects::{Condition, start_of_build};
use crate::null::or_default;
use crate::snapshot::Named;
use crate::text;

/// As much of a Snapshot as the choice needs.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct SnapshotBrief {
    /// Name, times, and the labels and annotations that count.
    pub metadata: Metadata,
    /// The components.
    #[serde(default, deserialize_with = "or_default")]
    pub spec: Spec,
    /// What integration-service says.
    #[serde(default, deserialize_with = "or_default")]
    pub status: Status,
}

/// An object's metadata.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub name: String,
    /// Changes with every write.
    #[serde(default)]
    pub resource_version: String,
    /// When it was created.
    #[serde(default)]
    pub creation_timestamp: Option<Timestamp>,
    /// When it was told to go.
    #[serde(default)]
    pub deletion_timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "or_default")]
    pub labels: SnapshotLabels,
    #[serde(default, deserialize_with = "or_default")]
    pub annotations: SnapshotAnnotations,
}

/// What it consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Spec {
    #[serde(default, deserialize_with = "or_default")]
    pub components: Vec<Component>,
}

/// A component's name and image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    pub name: String,
    /// The version, in a ComponentGroup that has several of one component.
    #[serde(default)]
    pub version: Option<String>,
    /// The image.
    #[serde(default)]
    pub container_image: String,
    /// What it was built from.
    #[serde(default, deserialize_with = "or_default")]
    pub source: Source,
}

/// What a component was built from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Source {
    #[serde(default, deserialize_with = "or_default")]
    pub git: Git,
}

/// A git repository and a revision of it, as far as told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Git {
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub revision: Option<String>,
}

impl Named for Component {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

/// What integration-service says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Status {
    #[serde(default, deserialize_with = "or_default")]
    pub conditions: Vec<Condition>,
}

impl SnapshotBrief {
    /// When its build began, as integration-service sorts Snapshots.
    pub fn built_at(&self) -> Option<Timestamp> {
        let annotated = self
            .metadata
            .annotations
            .start_time
            .as_deref()
            .and_then(start_of_build);
        annotated.or(self.metadata.creation_timestamp)
    }
}

/// A Snapshot that has not the form of one: as much as shows which, and how new it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its name; empty where even that cannot be read.
    pub name: String,
    /// When its build began, or it was created.
    pub built_at: Option<Timestamp>,
    /// What is wrong.
    pub problem: String,
}

/// An entry of a list.
///
/// # Errors
/// [`Unreadable`] where it has not the form of a Snapshot.
pub fn read(text: &str) -> Result<SnapshotBrief, Unreadable> {
    serde_json::from_str(text).map_err(|error| {
        let whole: Value = serde_json::from_str(text).unwrap_or_default();
        let metadata = &whole["metadata"];
        let start = metadata["annotations"][START_ANNOTATION].as_str();
        let created = || metadata["creationTimestamp"].as_str()?.parse().ok();
        Unreadable {
            name: text::one_line(metadata["name"].as_str().unwrap_or_default(), 80),
            built_at: start.and_then(start_of_build).or_else(created),
            problem: text::one_line(&error.to_string(), 200),
        }
    })
}
