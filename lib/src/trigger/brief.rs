//! A Snapshot in a list of a thousand: what is not needed is skipped while it is read.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::konflux::Condition;
use crate::null::or_default;
use crate::snapshot::Named;
use crate::text;

/// As much of a Snapshot as the choice needs.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Brief {
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
    #[serde(default, deserialize_with = "or_default")]
    pub labels: Labels,
    /// Annotations.
    #[serde(default, deserialize_with = "or_default")]
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
    #[serde(default, deserialize_with = "or_default")]
    pub components: Vec<Component>,
}

/// A component's name and image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// The name.
    pub name: String,
    /// The version, in a ComponentGroup that has several of one component.
    #[serde(default)]
    pub version: Option<String>,
    /// The image.
    #[serde(default)]
    pub container_image: String,
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
    /// Its conditions.
    #[serde(default, deserialize_with = "or_default")]
    pub conditions: Vec<Condition>,
}

impl Brief {
    /// When its build began, as integration-service sorts Snapshots.
    pub fn built_at(&self) -> Option<Timestamp> {
        let annotated = self.metadata.annotations.start_time.as_deref().and_then(build_start);
        annotated.or(self.metadata.creation_timestamp)
    }
}

fn build_start(text: &str) -> Option<Timestamp> {
    match text.trim().parse::<i64>() {
        Ok(seconds @ 1..=10_000_000_000) => Timestamp::from_second(seconds).ok(),
        Ok(milliseconds) if milliseconds > 0 => Timestamp::from_millisecond(milliseconds).ok(),
        _ => None,
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
pub fn read(text: &str) -> Result<Brief, Unreadable> {
    serde_json::from_str(text).map_err(|error| {
        let whole: Value = serde_json::from_str(text).unwrap_or_default();
        let metadata = &whole["metadata"];
        let start =
            metadata["annotations"]["test.appstudio.openshift.io/pipelinerunstarttime"].as_str();
        let created = || metadata["creationTimestamp"].as_str()?.parse().ok();
        Unreadable {
            name: text::one_line(metadata["name"].as_str().unwrap_or_default(), 80),
            built_at: start.and_then(build_start).or_else(created),
            problem: text::one_line(&error.to_string(), 200),
        }
    })
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
    /// It holds the component in other versions alone.
    OtherVersion,
    /// It cannot be told which image it has, or whether that is fit: why.
    Unjudged(String),
    /// A newer one is fit.
    Older,
    /// It is fit, and a newer one cannot be judged.
    Behind,
}

impl Against {
    /// The reason in words.
    pub fn words(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NotPushed => "not built by a push (pull request, merge queue, or group)",
            Self::Deleted => "is being deleted",
            Self::Superseded => "superseded: a newer Snapshot was released",
            Self::Invalid => "integration-service calls it invalid",
            Self::OtherVersion => "the component is in it in other versions alone",
            Self::Unjudged(why) => return Cow::Owned(format!("cannot be judged: {why}")),
            Self::Older => "older than the chosen one",
            Self::Behind => "fit, but a newer one cannot be judged",
        })
    }
}
