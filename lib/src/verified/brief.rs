//! As much of a Release as tells whether it verifies an image.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::cluster::{ApiError, Tenant};
use crate::konflux::{Condition, RELEASES, condition};
use crate::null::or_default;
use crate::text;

/// As much of a Release as is needed. `null` is read as absent, as Go does.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ReleaseBrief {
    /// Name, uid and times.
    pub metadata: ReleaseMetadata,
    /// What is released by which plan.
    #[serde(default, deserialize_with = "or_default")]
    pub spec: ReleaseSpec,
    /// How it went.
    #[serde(default, deserialize_with = "or_default")]
    pub status: ReleaseStatus,
}

/// A Release's metadata.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseMetadata {
    /// The name.
    pub name: String,
    /// Unlike the name, of one Release for ever.
    #[serde(default, deserialize_with = "or_default")]
    pub uid: String,
    /// When it was created.
    #[serde(default)]
    pub creation_timestamp: Option<Timestamp>,
    /// The labels that count.
    #[serde(default, deserialize_with = "or_default")]
    pub labels: ReleaseLabels,
}

/// The labels that count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ReleaseLabels {
    /// `true` on a Release that integration-service made by itself.
    #[serde(default, rename = "release.appstudio.openshift.io/automated")]
    pub automated: Option<String>,
}

/// A Release's spec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseSpec {
    /// The Snapshot.
    #[serde(default, deserialize_with = "or_default")]
    pub snapshot: String,
    /// The plan.
    #[serde(default, deserialize_with = "or_default")]
    pub release_plan: String,
}

/// A Release's status.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseStatus {
    /// The whole: of its phases only `Released` is kept, and none of the words.
    #[serde(default, deserialize_with = "only_the_whole")]
    pub conditions: Vec<Condition>,
    /// When it ended.
    #[serde(default)]
    pub completion_time: Option<Timestamp>,
    /// Whether integration-service made it by itself.
    #[serde(default, deserialize_with = "or_default")]
    pub automated: bool,
    /// What the managed pipeline says it did.
    #[serde(default)]
    pub artifacts: Artifacts,
}

/// What a managed pipeline says it did: free in form, and only the digests of its images are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "serde_json::Value")]
pub struct Artifacts {
    /// The digests, an empty text for an image without one.
    pub digests: Vec<String>,
}

impl From<serde_json::Value> for Artifacts {
    fn from(artifacts: serde_json::Value) -> Self {
        let images = artifacts.get("images").and_then(serde_json::Value::as_array);
        let digest = |image: &serde_json::Value| {
            image
                .get("shasum")
                .and_then(serde_json::Value::as_str)
                .map(|digest| text::cut(digest, LONGEST_DIGEST))
        };
        let images = images.into_iter().flatten().take(MOST_IMAGES);
        Self { digests: images.map(|image| digest(image).unwrap_or_default()).collect() }
    }
}

/// No more images of a Release are kept.
const MOST_IMAGES: usize = 500;

/// No digest is longer.
const LONGEST_DIGEST: usize = 160;

fn only_the_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    let mut conditions = Option::<Vec<Condition>>::deserialize(deserializer)?.unwrap_or_default();
    conditions.retain(|condition| condition.kind == "Released");
    conditions
        .iter_mut()
        .for_each(|condition| condition.message = String::new());
    conditions.shrink_to_fit();
    Ok(conditions)
}

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
        self.status.automated || self.metadata.labels.automated.as_deref() == Some("true")
    }

    /// The digests that it says it pushed, an empty text for an image without one; no entry where
    /// all had been pushed before.
    pub fn pushed(&self) -> Vec<String> {
        self.status.artifacts.digests.clone()
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
