//! Snapshots, ReleasePlans and Releases as values.

use std::borrow::Cow;

use jiff::Timestamp;
use kube::api::{ObjectMeta, TypeMeta};
use kube::core::{NamespaceResourceScope, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::RELEASES;
use super::labels::{AUTOMATED_LABEL, START_ANNOTATION};
use crate::image::Digest;
use crate::null::or_default;
use crate::snapshot::SnapshotSpec;
use crate::text;

/// No more of a listed condition's message is kept (1 KiB): less is shown.
const LONGEST_MESSAGE: usize = 1024;

/// No more conditions, or attempts of the managed pipeline, are kept of a listed Release.
const MOST_LISTED: usize = 32;

/// No more images are kept of a listed Release, but for the tested one.
const MOST_IMAGES: usize = 50;

/// A Snapshot.
pub type Snapshot = Object<SnapshotSpec, SnapshotStatus>;
/// A ReleasePlan.
pub type ReleasePlan = Object<ReleasePlanSpec, ReleasePlanStatus>;
/// A Release: the one form in which it is read, in the cluster or in an archive. `null` is read as
/// absent, as Go does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Its API group and version, where it is told: an entry of a list need not.
    #[serde(flatten)]
    pub types: Option<TypeMeta>,
    /// Name, labels and times.
    pub metadata: ObjectMeta,
    /// What is released by which plan.
    #[serde(default, deserialize_with = "or_default")]
    pub spec: ReleaseSpec,
    /// How it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ReleaseStatus>,
}

impl kube::Resource for Release {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        RELEASES.kind.into()
    }

    fn group(_: &()) -> Cow<'_, str> {
        RELEASES.group.into()
    }

    fn version(_: &()) -> Cow<'_, str> {
        RELEASES.version.into()
    }

    fn plural(_: &()) -> Cow<'_, str> {
        RELEASES.plural.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// A condition, as all of Konflux's objects have them.
///
/// Its transition time is not read: both services keep old values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// The one word that counts.
    #[serde(default, deserialize_with = "or_default")]
    pub reason: String,
    /// In words; often empty.
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
}

/// What integration-service says of a Snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SnapshotStatus {
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// `spec` of a ReleasePlan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleasePlanSpec {
    /// The Application, unless it is a ComponentGroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The ComponentGroup, unless it is an Application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_group: Option<String>,
}

/// What release-service says of a ReleasePlan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleasePlanStatus {
    /// Its conditions: `Matched`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The admission that matches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_plan_admission: Option<MatchedAdmission>,
}

/// The ReleasePlanAdmission of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedAdmission {
    /// `namespace/name`.
    #[serde(default)]
    pub name: String,
    /// Whether it lets Releases through; absent while it has the block-releases label.
    #[serde(default)]
    pub active: bool,
}

/// `spec` of a Release; never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseSpec {
    /// The Snapshot's name.
    #[serde(default, deserialize_with = "or_default")]
    pub snapshot: String,
    /// The ReleasePlan's name.
    #[serde(default, deserialize_with = "or_default")]
    pub release_plan: String,
    /// How many days the Release is kept; the plan's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_period_days: Option<i64>,
}

/// What release-service says of a Release.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseStatus {
    /// Its phases and, as `Released`, the whole.
    #[serde(default, deserialize_with = "or_default")]
    pub conditions: Vec<Condition>,
    /// Whether integration-service made it by itself.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub automated: bool,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// The managed pipeline, in the form before there were attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_processing: Option<Processing>,
    /// The managed pipeline's attempts.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub managed_pipeline_attempts: Vec<ManagedAttempt>,
    /// What the managed pipeline says it did; free in form.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub artifacts: Value,
}

/// A pipeline of a Release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Processing {
    /// `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_run: Option<String>,
}

/// An attempt of the managed pipeline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedAttempt {
    /// `namespace/name`.
    #[serde(default, deserialize_with = "or_default")]
    pub pipeline_run: String,
    /// `Progressing`, `Succeeded` or `Failed`.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// `Error`, `OOMKill`, `PipelineRunTimeout` or `TaskRunTimeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// The task that failed; absent where none ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_task: Option<String>,
    /// Its step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_step: Option<String>,
}

/// What the gate reads of a Release that was listed: no managers of fields, no foreign annotations
/// (a build's are many), words where something failed. Of what it pushed there is all that is shown
/// of `whole` ones, and of others whether that was the `tested` digest.
pub(super) fn slim(mut release: Release, whole: bool, tested: &Digest) -> Release {
    let own = |key: &str| {
        key.starts_with("release-gate/") || key.starts_with("release.appstudio.openshift.io/")
    };
    let labels = [&mut release.metadata.labels, &mut release.metadata.annotations];
    labels
        .into_iter()
        .flatten()
        .for_each(|map| map.retain(|key, _| own(key)));
    release.metadata.managed_fields = None;
    release.metadata.owner_references = None;
    let Some(status) = &mut release.status else { return release };
    status.conditions.truncate(MOST_LISTED);
    for condition in &mut status.conditions {
        condition.message = match condition.reason == "Failed" {
            true => text::cut(&condition.message, LONGEST_MESSAGE),
            false => String::new(),
        };
    }
    let first =
        status
            .managed_pipeline_attempts
            .len()
            .saturating_sub(if whole { MOST_LISTED } else { 1 });
    status.managed_pipeline_attempts.drain(..first);
    let mut artifacts = std::mem::take(&mut status.artifacts);
    if let Some(Value::Array(mut images)) = artifacts.get_mut("images").map(Value::take) {
        let mut most = if whole { MOST_IMAGES } else { 1 };
        images.retain(|image| {
            let is_first = most > 0;
            most = most.saturating_sub(1);
            is_first || image["shasum"] == tested.as_str()
        });
        status.artifacts = json!({"images": images});
    }
    release
}

/// A condition by its type.
pub fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// An object's annotation.
pub fn annotation<'a>(metadata: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

/// An object's label.
pub fn label<'a>(metadata: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    metadata.labels.as_ref()?.get(name).map(String::as_str)
}

/// Whether integration-service made a Release by itself: by its label, or its status.
pub fn is_automatic(release: &Release) -> bool {
    let by_status = release.status.as_ref().is_some_and(|status| status.automated);
    by_status || label(&release.metadata, AUTOMATED_LABEL) == Some("true")
}

/// When the object was created, by the server's clock.
pub fn created_at(metadata: &ObjectMeta) -> Option<Timestamp> {
    metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// When a Snapshot's build began: its annotation, else its creation, as `SortSnapshots` has it.
pub fn built_at(snapshot: &Snapshot) -> Option<Timestamp> {
    annotation(&snapshot.metadata, START_ANNOTATION)
        .and_then(start_of_build)
        .or_else(|| created_at(&snapshot.metadata))
}

/// The start of a build as its annotation says it: milliseconds, or seconds up to 10^10, as
/// integration-service reads it.
pub(super) fn start_of_build(text: &str) -> Option<Timestamp> {
    match text.trim().parse::<i64>() {
        Ok(seconds @ 1..=10_000_000_000) => Timestamp::from_second(seconds).ok(),
        Ok(milliseconds) if milliseconds > 0 => Timestamp::from_millisecond(milliseconds).ok(),
        _ => None,
    }
}

/// The start of the build that a Snapshot's name tells: `app-YYYYMMDD-HHMMSS-mmm[-xx]`.
pub fn built_at_by_name(name: &str) -> Option<Timestamp> {
    let parts: Vec<&str> = name.split('-').collect();
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let found = parts
        .windows(3)
        .rev()
        .find(|w| digits(w[0], 8) && digits(w[1], 6) && digits(w[2], 3))?;
    let (day, time) = (found[0], found[1]);
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &day[..4],
        &day[4..6],
        &day[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    );
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::labels::PLAN_LABEL;
    use super::*;

    #[test]
    fn the_start_of_a_build() {
        let mut snapshot: Snapshot =
            serde_json::from_str(include_str!("data/snapshot.json")).unwrap();
        let milliseconds = built_at(&snapshot).unwrap();
        assert_eq!(milliseconds.to_string(), "2026-11-22T15:08:55Z");
        let name = snapshot.metadata.name.clone().unwrap();
        assert_eq!(built_at_by_name(&name), Some(milliseconds));
        let annotations = snapshot.metadata.annotations.as_mut().unwrap();
        annotations.insert(START_ANNOTATION.to_owned(), "1795360135".to_owned());
        assert_eq!(built_at(&snapshot), Some(milliseconds));
        snapshot.metadata.annotations = None;
        assert_eq!(built_at(&snapshot).unwrap().to_string(), "2026-11-22T15:09:00Z");
    }

    #[test]
    fn null_is_absent_in_a_release() {
        let bare = json!({"metadata": {"name": "r"}, "status": {}});
        let nulls = json!({
            "metadata": {"name": "r", "labels": null, "annotations": null, "creationTimestamp": null},
            "spec": {"snapshot": null, "releasePlan": null, "gracePeriodDays": null},
            "status": {
                "conditions": null, "automated": null, "completionTime": null, "managedProcessing": null,
                "managedPipelineAttempts": null, "artifacts": null,
            },
        });
        let read = |value| serde_json::from_value::<Release>(value).unwrap();
        assert_eq!(read(nulls), read(bare));
        let condition =
            json!({"type": "Released", "status": null, "reason": null, "message": null});
        let ended = json!({"metadata": {}, "spec": null, "status": {"conditions": [condition]}});
        assert_eq!(read(ended).status.unwrap().conditions[0].status, "");
        assert_eq!(read(json!({"metadata": {}, "status": null})).status, None);
    }

    #[test]
    fn a_listed_release_is_slim_and_means_the_same() {
        let tested: Digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let image =
            |shasum: &str| json!({"name": "n", "shasum": shasum, "urls": ["quay.io/acme/n:1"]});
        let mut images = vec![image("sha256:b"); 80];
        images.push(image(tested.as_str()));
        let text = json!({
            "apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Release",
            "metadata": {
                "name": "r", "labels": {PLAN_LABEL: "p", "x": "y"}, "managedFields": [{"manager": "m"}],
                "annotations": {"release-gate/run-id": "id", "build.appstudio.openshift.io/x": "y".repeat(1000)},
            },
            "spec": {"snapshot": "s", "releasePlan": "p"},
            "status": {
                "conditions": [
                    {"type": "Validated", "reason": "Failed", "message": "m".repeat(5000)},
                    {"type": "Released", "status": "True", "reason": "Succeeded", "message": "x"},
                ],
                "artifacts": {"images": images, "log": "l".repeat(1000)},
            },
        });
        let whole: Release = serde_json::from_value(text).unwrap();
        for (near, kept) in [(true, 51), (false, 2)] {
            let slim = slim(whole.clone(), near, &tested);
            assert_eq!(label(&slim.metadata, PLAN_LABEL), Some("p"));
            assert_eq!(annotation(&slim.metadata, "release-gate/run-id"), Some("id"));
            assert!(serde_json::to_string(&slim).unwrap().len() < 8000);
            let status = slim.status.as_ref().unwrap();
            assert_eq!(status.artifacts["images"].as_array().unwrap().len(), kept);
            let outcome = crate::konflux::outcome(&slim, &tested);
            assert!(
                matches!(&outcome, crate::konflux::Outcome::Released { images } if images[0].digest == tested.as_str())
            );
        }
    }

    #[test]
    fn names_without_a_time() {
        for name in ["s-auto", "ho-20261399-150855-000", "ho-20261122-1508-000", ""] {
            assert_eq!(built_at_by_name(name), None, "{name}");
        }
        assert!(built_at_by_name("ho-20261122-150855-000-x1").is_some());
    }
}
