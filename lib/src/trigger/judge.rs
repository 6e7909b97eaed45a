//! What speaks against a Snapshot.

use super::{Against, Brief};
use crate::image::{Digest, ImageRef};
use crate::verified::condition;

/// A Snapshot's image, or what speaks against it. Without a component's name its only one is meant.
///
/// # Errors
/// The first thing that speaks against it.
pub fn judge(snapshot: &Brief, component: Option<&str>) -> Result<Digest, Against> {
    if snapshot.metadata.deletion_timestamp.is_some() {
        return Err(Against::Deleted);
    }
    if !is_push(snapshot) {
        return Err(Against::NotPushed);
    }
    let conditions = &snapshot.status.conditions;
    // A run on an invalid Snapshot hides the condition for as long as it takes, so the image is
    // looked at as well.
    if condition(conditions, "AppStudioIntegrationStatus").is_some_and(|found| found.reason == "Invalid") {
        return Err(Against::Invalid);
    }
    if condition(conditions, "AutoReleased").is_some_and(|found| found.message == "Released in newer Snapshot") {
        return Err(Against::Superseded);
    }
    let mut found = snapshot.spec.components.iter().filter(|c| component.is_none_or(|name| c.name == name));
    let (Some(one), None) = (found.next(), found.next()) else { return Err(Against::NoComponent) };
    let image: ImageRef = one.container_image.parse().map_err(|_| Against::NoDigest)?;
    Ok(image.digest().clone())
}

/// integration-service's own rule: not from a merge queue, no group, and the event is a push, or
/// not told, or no pull request is named.
fn is_push(snapshot: &Brief) -> bool {
    let (labels, annotations) = (&snapshot.metadata.labels, &snapshot.metadata.annotations);
    let queue = annotations.source_branch.as_deref().is_some_and(|branch| branch.starts_with("gh-readonly-queue/"));
    let event = labels.event_type.as_deref();
    let requested = matches!(event, Some("pull_request" | "Merge Request" | "Merge_Request"));
    let pushed = matches!(event, None | Some("push" | "Push")) || labels.pull_request.is_none();
    pushed && !requested && !queue && labels.kind.as_deref() != Some("group")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &str = "hypershift-operator-main";

    fn captured(name: &str) -> Brief {
        let all: std::collections::BTreeMap<String, Brief> =
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
            assert_eq!(judge(&captured(name), Some(COMPONENT)).err(), against, "{name}");
        }
    }

    #[test]
    fn what_else_speaks_against_one() {
        let fit = captured("just-created-by-push-build");
        let with = |change: fn(&mut Brief)| {
            let mut snapshot = fit.clone();
            change(&mut snapshot);
            judge(&snapshot, Some(COMPONENT)).err()
        };
        assert_eq!(with(|s| s.spec.components.push(s.spec.components[0].clone())), Some(Against::NoComponent));
        assert_eq!(with(|s| s.spec.components.clear()), Some(Against::NoComponent));
        assert_eq!(
            with(|s| s.spec.components[0].container_image = "quay.io/a/b:latest".into()),
            Some(Against::NoDigest)
        );
        assert_eq!(with(|s| s.metadata.deletion_timestamp = s.metadata.creation_timestamp), Some(Against::Deleted));
        let queue = |s: &mut Brief| s.metadata.annotations.source_branch = Some("gh-readonly-queue/main/pr-1".into());
        assert_eq!(with(queue), Some(Against::NotPushed));
        assert_eq!(with(|s| s.metadata.labels.event_type = Some("Push".into())), None);
        assert_eq!(with(|s| s.metadata.labels.event_type = None), None);
        let merged = |s: &mut Brief| s.metadata.labels.pull_request = Some("7".into());
        assert_eq!(with(merged), None, "a push that names the pull request it merged");
    }
}
