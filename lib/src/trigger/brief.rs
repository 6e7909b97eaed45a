//! A Snapshot in a list of a thousand: what is not needed is skipped while it is read.

use jiff::Timestamp;
use serde::Deserialize;

use crate::konflux::Condition;

/// As much of a Snapshot as the choice needs.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Brief {
    /// Name, times, and the labels and annotations that count.
    pub metadata: Metadata,
    /// The components.
    #[serde(default)]
    pub spec: Spec,
    /// What integration-service says.
    #[serde(default)]
    pub status: Status,
}

/// An object's metadata.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The name.
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
    /// Labels.
    #[serde(default)]
    pub labels: Labels,
    /// Annotations.
    #[serde(default)]
    pub annotations: Annotations,
}

/// The labels that count.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Labels {
    /// What made integration-service build it: `push`, `Push`, `pull_request` …
    #[serde(default, rename = "pac.test.appstudio.openshift.io/event-type")]
    pub event_type: Option<String>,
    /// The pull request it belongs to.
    #[serde(default, rename = "pac.test.appstudio.openshift.io/pull-request")]
    pub pull_request: Option<String>,
    /// `component`, `override` or `group`.
    #[serde(default, rename = "test.appstudio.openshift.io/type")]
    pub kind: Option<String>,
    /// The label that starts a run.
    #[serde(default, rename = "test.appstudio.openshift.io/run")]
    pub run: Option<String>,
    /// The id of the trigger that set it.
    #[serde(default, rename = "custom.appstudio.openshift.io/gate-trigger-id")]
    pub id: Option<String>,
}

/// The annotations that count.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Annotations {
    /// When its build began: milliseconds, or seconds up to 10^10.
    #[serde(default, rename = "test.appstudio.openshift.io/pipelinerunstarttime")]
    pub start_time: Option<String>,
    /// The branch it was built from.
    #[serde(default, rename = "pac.test.appstudio.openshift.io/source-branch")]
    pub source_branch: Option<String>,
    /// How long it is kept.
    #[serde(default, rename = "test.appstudio.openshift.io/keep-snapshot")]
    pub keep: Option<String>,
    /// What integration-service says of each scenario, as JSON; only ever quoted.
    #[serde(default, rename = "test.appstudio.openshift.io/status")]
    pub status: Option<String>,
}

/// What it consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Spec {
    /// The components.
    #[serde(default)]
    pub components: Vec<Component>,
}

/// A component's name and image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// The name.
    pub name: String,
    /// The image.
    #[serde(default)]
    pub container_image: String,
}

/// What integration-service says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Status {
    /// Its conditions.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

impl Brief {
    /// When its build began, as integration-service sorts Snapshots.
    pub fn built_at(&self) -> Option<Timestamp> {
        let number = self.metadata.annotations.start_time.as_deref().and_then(|text| text.trim().parse::<i64>().ok());
        let annotated = match number {
            Some(seconds @ 1..=10_000_000_000) => Timestamp::from_second(seconds).ok(),
            Some(milliseconds) if milliseconds > 0 => Timestamp::from_millisecond(milliseconds).ok(),
            _ => None,
        };
        annotated.or(self.metadata.creation_timestamp)
    }
}

/// What speaks against a Snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// It was built for a pull request or a merge queue, or for several pull requests together.
    NotPushed,
    /// It is being deleted.
    Deleted,
    /// A newer one was released instead.
    Superseded,
    /// integration-service calls it invalid.
    Invalid,
    /// The component is not in it exactly once.
    NoComponent,
    /// The component's image names no digest.
    NoDigest,
    /// A newer one is fit.
    Older,
}

impl Against {
    /// The reason in words.
    pub fn words(&self) -> &'static str {
        match self {
            Self::NotPushed => "not built by a push (pull request, merge queue, or group)",
            Self::Deleted => "is being deleted",
            Self::Superseded => "superseded: a newer Snapshot was released",
            Self::Invalid => "integration-service calls it invalid",
            Self::NoComponent => "the component is not in it exactly once",
            Self::NoDigest => "the component's image names no digest",
            Self::Older => "older than the chosen one",
        }
    }
}
