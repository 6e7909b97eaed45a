//! Whether a Snapshot can be gated, or what speaks against it.

use std::borrow::Cow;

use super::objects::condition;
use super::snapshot_brief::{Component, SnapshotBrief};
use crate::image::{Digest, ImageRef};
use crate::snapshot::{self, ComponentName, SnapshotError};

/// Why a Snapshot cannot be tested.
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

/// A Snapshot's image, or why it cannot be used. Without a component's name its only one is meant.
///
/// # Errors The first reason why it cannot be used.
pub fn judge(
    snapshot: &SnapshotBrief,
    component: Option<&ComponentName>,
) -> Result<Digest, Against> {
    judge_build(snapshot)?;
    if condition(&snapshot.status.conditions, "AutoReleased")
        .is_some_and(|found| found.message == "Released in newer Snapshot")
    {
        return Err(Against::Superseded);
    }
    Ok(image(snapshot, component)?.1.digest().clone())
}

/// Whether a Snapshot is the build of a push and as it should be, whatever was released since.
///
/// # Errors
/// The first reason why it is not.
pub fn judge_build(snapshot: &SnapshotBrief) -> Result<(), Against> {
    if snapshot.metadata.deletion_timestamp.is_some() {
        return Err(Against::Deleted);
    }
    if !is_push(snapshot) {
        return Err(Against::NotPushed);
    }
    // A run on an invalid Snapshot hides the condition for as long as it takes, so the image is
    // looked at as well.
    match condition(&snapshot.status.conditions, "AppStudioIntegrationStatus") {
        Some(found) if found.reason == "Invalid" => Err(Against::Invalid),
        _ => Ok(()),
    }
}

/// A Snapshot's component with its image. Without a name its only one is meant.
///
/// # Errors
/// Why it cannot be told which image is meant.
pub fn image<'a>(
    snapshot: &'a SnapshotBrief,
    component: Option<&ComponentName>,
) -> Result<(&'a Component, ImageRef), Against> {
    let all = &snapshot.spec.components;
    let one = match (component, all.as_slice()) {
        (Some(wanted), all) => snapshot::choose(all, wanted).map_err(|error| match error {
            SnapshotError::NoVersion { .. } => Against::OtherVersion,
            other => Against::Unjudged(bare(&other)),
        })?,
        (None, [only]) => only,
        (None, _) => {
            return Err(Against::Unjudged(format!(
                "it has {} components; --component chooses one",
                all.len()
            )));
        }
    };
    let image = ImageRef::dropping_tag(&one.container_image)
        .map_err(|error| Against::Unjudged(error.to_string()))?;
    Ok((one, image))
}

/// The words of an error without the parameter that it names: no SNAPSHOT was given here.
fn bare(error: &SnapshotError) -> String {
    let words = error.to_string();
    words
        .strip_prefix("SNAPSHOT: ")
        .map_or_else(|| words.clone(), str::to_owned)
}

/// integration-service's own rule: not from a merge queue, no group, and the event is a push, or
/// not told, or no pull request is named.
fn is_push(snapshot: &SnapshotBrief) -> bool {
    let (labels, annotations) = (&snapshot.metadata.labels, &snapshot.metadata.annotations);
    let queue = annotations
        .source_branch
        .as_deref()
        .is_some_and(|branch| branch.starts_with("gh-readonly-queue/"));
    let event = labels.event_type.as_deref();
    let requested = matches!(event, Some("pull_request" | "Merge Request" | "Merge_Request"));
    let pushed = matches!(event, None | Some("push" | "Push")) || labels.pull_request.is_none();
    pushed && !requested && !queue && labels.kind.as_deref() != Some("group")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component() -> ComponentName {
        ComponentName::of("hypershift-operator-main")
    }

    fn captured(name: &str) -> SnapshotBrief {
        let all: std::collections::BTreeMap<String, SnapshotBrief> =
            serde_json::from_str(include_str!("data/snapshots.json")).unwrap();
        all[name].clone()
    }

    #[test]
    fn captured_snapshots() {
        for (name, against) in [
            ("just-created-by-push-build", None),
            ("after-run-label-finished", None),
            ("required-test-failed", None),
            ("pull-request", Some(Against::NotPushed)),
            ("superseded", Some(Against::Superseded)),
            ("invalid", Some(Against::Invalid)),
            ("componentgroup", None),
        ] {
            assert_eq!(judge(&captured(name), Some(&component())).err(), against, "{name}");
        }
    }

    #[test]
    fn what_else_speaks_against_one() {
        let fit = captured("just-created-by-push-build");
        let with = |change: fn(&mut SnapshotBrief)| {
            let mut snapshot = fit.clone();
            change(&mut snapshot);
            judge(&snapshot, Some(&component())).err()
        };
        assert_eq!(
            with(|s| s.metadata.deletion_timestamp = s.metadata.creation_timestamp),
            Some(Against::Deleted)
        );
        let queue = |s: &mut SnapshotBrief| {
            s.metadata.annotations.source_branch = Some("gh-readonly-queue/main/pr-1".into())
        };
        assert_eq!(with(queue), Some(Against::NotPushed));
        assert_eq!(with(|s| s.metadata.labels.event_type = Some("Push".into())), None);
        assert_eq!(with(|s| s.metadata.labels.event_type = None), None);
        let merged = |s: &mut SnapshotBrief| s.metadata.labels.pull_request = Some("7".into());
        assert_eq!(with(merged), None, "a push that names the pull request it merged");
    }

    #[test]
    fn what_cannot_be_judged_says_why() {
        let fit = captured("just-created-by-push-build");
        let why = |change: &dyn Fn(&mut SnapshotBrief)| {
            let mut snapshot = fit.clone();
            change(&mut snapshot);
            match judge(&snapshot, Some(&component())) {
                Err(Against::Unjudged(why)) => why,
                other => panic!("{other:?}"),
            }
        };
        let image = |image: &'static str| {
            move |s: &mut SnapshotBrief| s.spec.components[0].container_image = image.into()
        };
        let twice = why(&|s: &mut SnapshotBrief| {
            s.spec.components[0].version = Some("main".into());
            let other = super::super::snapshot_brief::Component {
                version: Some("release-4.22".into()),
                ..s.spec.components[0].clone()
            };
            s.spec.components.push(other);
        });
        assert!(
            twice.ends_with(
                "expected it once: --component-version chooses one of main, release-4.22"
            ),
            "{twice}"
        );
        assert!(
            why(&|s: &mut SnapshotBrief| s.spec.components.clear())
                .contains("is not in it; it has: no components")
        );
        assert!(why(&image("quay.io/a/b:latest")).contains("has no digest"));
        const HOST: &str = "registry.example.com@sha256:4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1";
        assert!(why(&image(HOST)).contains("names no repository, only \"registry.example.com\""));
        let mut tagged = fit.clone();
        let image = &mut tagged.spec.components[0].container_image;
        *image = image.replace('@', ":v1@");
        assert_eq!(judge(&tagged, Some(&component())), judge(&fit, Some(&component())));
    }

    #[test]
    fn a_version_chooses_and_other_versions_are_another_gates() {
        let mut both = captured("componentgroup");
        let one = both.spec.components[0].clone();
        both.spec.components[0].version = Some("main".into());
        both.spec.components.push(super::super::snapshot_brief::Component {
            version: Some("release-4.22".into()),
            ..one
        });
        let of = |version: &str| {
            judge(&both, Some(&ComponentName { version: Some(version.to_owned()), ..component() }))
        };
        assert!(of("main").is_ok() && of("release-4.22").is_ok());
        assert_eq!(of("release-4.21"), Err(Against::OtherVersion));
    }
}
