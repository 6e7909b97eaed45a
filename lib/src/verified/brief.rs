//! As much of a Release as tells whether it verifies an image.

use jiff::Timestamp;
use serde::Deserialize;

use crate::cluster::{ApiError, Tenant};
use crate::konflux::{
    Condition, RELEASES, Release, ReleaseSpec, condition, created_at, is_automatic,
};
use crate::text;

/// What is kept of a [`Release`] where there may be thousands.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "Release")]
pub struct ReleaseBrief {
    /// Name, uid and times.
    pub metadata: ReleaseMetadata,
    /// What is released by which plan.
    pub spec: ReleaseSpec,
    /// How it went.
    pub status: ReleaseStatus,
}

/// A Release's metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseMetadata {
    pub name: String,
    /// Unlike the name, of one Release for ever; empty where it is not told.
    pub uid: String,
    /// When it was created.
    pub creation_timestamp: Option<Timestamp>,
}

/// A Release's status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseStatus {
    /// The whole: of its phases only `Released` is kept, and none of the words.
    pub conditions: Vec<Condition>,
    /// When it ended.
    pub completion_time: Option<Timestamp>,
    /// Whether integration-service made it by itself, by its status or its label.
    pub automated: bool,
    /// The digests that it says it pushed, an empty text for an image without one.
    pub pushed: Vec<String>,
}

impl From<Release> for ReleaseBrief {
    fn from(release: Release) -> Self {
        let automated = is_automatic(&release);
        let creation_timestamp = created_at(&release.metadata);
        let Release { metadata, spec, status, .. } = release;
        let status = status.unwrap_or_default();
        let whole = |found: &Condition| Condition { message: String::new(), ..found.clone() };
        let images = status.artifacts.get("images").and_then(serde_json::Value::as_array);
        let digest = |image: &serde_json::Value| {
            let digest = image.get("shasum").and_then(serde_json::Value::as_str);
            text::cut(digest.unwrap_or_default(), LONGEST_DIGEST)
        };
        Self {
            metadata: ReleaseMetadata {
                name: metadata.name.unwrap_or_default(),
                uid: metadata.uid.unwrap_or_default(),
                creation_timestamp,
            },
            spec,
            status: ReleaseStatus {
                conditions: condition(&status.conditions, "Released")
                    .map(whole)
                    .into_iter()
                    .collect(),
                completion_time: status.completion_time,
                automated,
                pushed: images.into_iter().flatten().take(MOST_IMAGES).map(digest).collect(),
            },
        }
    }
}

/// No more images of a Release are kept.
const MOST_IMAGES: usize = 500;

/// No digest is longer.
const LONGEST_DIGEST: usize = 160;

impl ReleaseBrief {
    /// Whether it ended well.
    pub fn has_landed(&self) -> bool {
        let released = condition(&self.status.conditions, "Released");
        released.is_some_and(|released| released.status == "True" && released.reason == "Succeeded")
    }

    /// When its image became usable.
    pub fn landed_at(&self) -> Option<Timestamp> {
        self.status
            .completion_time
            .or(self.metadata.creation_timestamp)
            .filter(|_| self.has_landed())
    }

    /// Whether integration-service made it by itself: of an image that nobody has tested.
    pub fn is_automatic(&self) -> bool {
        self.status.automated
    }

    /// The digests that it says it pushed, an empty text for an image without one; no entry where
    /// all had been pushed before.
    pub fn pushed(&self) -> Vec<String> {
        self.status.pushed.clone()
    }
}

/// Releases on a page.
const A_PAGE: u32 = 50;

impl Tenant {
    /// Shows every live Release; their labels are set by a webhook, so that plans are compared by
    /// the spec.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn each_release(&self, look: impl FnMut(ReleaseBrief)) -> Result<(), ApiError> {
        self.each(RELEASES, "", A_PAGE, look).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_has_landed_says_so_twice_and_its_words_are_not_kept() {
        for (status, reason, landed) in [
            ("True", "Succeeded", true),
            ("True", "Progressing", false),
            ("False", "Succeeded", false),
            ("Unknown", "Failed", false),
        ] {
            let condition = json!({
                "type": "Released", "status": status, "reason": reason,
                "message": "words ".repeat(1000),
            });
            let release: ReleaseBrief = serde_json::from_value(json!({
                "metadata": {"name": "r"},
                "spec": {"snapshot": "s", "releasePlan": "plan"},
                "status": {"conditions": [condition]},
            }))
            .unwrap();
            assert_eq!(release.has_landed(), landed, "{status} {reason}");
            assert!(release.status.conditions.iter().all(|kept| kept.message.is_empty()));
        }
    }
}
