//! The image under test, with the manifests that an index has for each platform.

use crate::image::{Digest, ImageRef};
use crate::record::Candidate;
use crate::registry::manifest::{self, Manifest};

/// The image that a run is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    image: ImageRef,
    manifests: Vec<Digest>,
}

impl Subject {
    /// A candidate. The manifests of its platforms are taken from its index, and only if that has
    /// the digest of the image: a record that names others proves nothing with them.
    pub fn of(candidate: &Candidate) -> Self {
        let index = candidate.index.as_deref().map(str::as_bytes);
        let proven =
            index.filter(|bytes| manifest::verify(bytes, candidate.image.digest()).is_ok());
        let manifests = match proven.map(manifest::read) {
            Some(Ok(Manifest::Index(children))) => {
                children.into_iter().map(|child| child.digest).collect()
            }
            _ => Vec::new(),
        };
        Self { image: candidate.image.clone(), manifests }
    }

    /// The image by its digest.
    pub fn image(&self) -> &ImageRef {
        &self.image
    }

    /// The manifests that its index has, one for each platform.
    pub fn manifests(&self) -> &[Digest] {
        &self.manifests
    }

    /// Whether a digest is that of the image, or of one of its platforms.
    pub fn is(&self, digest: &str) -> bool {
        self.image.digest().as_str() == digest
            || self.manifests.iter().any(|own| own.as_str() == digest)
    }
}

impl From<ImageRef> for Subject {
    /// An image of which nothing else is known.
    fn from(image: ImageRef) -> Self {
        Self { image, manifests: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: &str) -> String {
        format!("sha256:{}", digit.repeat(64))
    }

    /// A candidate whose index holds two images and an attestation.
    fn candidate() -> Candidate {
        let entry = |digit: &str, architecture: &str| {
            serde_json::json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1, "digest": digest(digit),
                "platform": {"os": if architecture == "unknown" { "unknown" } else { "linux" }, "architecture": architecture},
            })
        };
        let index = serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [entry("b", "amd64"), entry("c", "arm64"), entry("d", "unknown")],
        });
        let index = index.to_string();
        let image: ImageRef = format!("quay.io/acme/ho@{}", Digest::of(&index)).parse().unwrap();
        Candidate { index: Some(index), ..Candidate::of(image) }
    }

    #[test]
    fn the_manifests_of_its_index_are_the_image_too() {
        let candidate = candidate();
        let subject = Subject::of(&candidate);
        assert!(
            subject.is(candidate.digest.as_str())
                && subject.is(&digest("b"))
                && subject.is(&digest("c"))
        );
        assert!(!subject.is(&digest("d")) && !subject.is(&digest("e")));
    }

    #[test]
    fn an_index_of_another_digest_names_nothing() {
        let candidate = candidate();
        let other: ImageRef = format!("quay.io/acme/ho@{}", digest("a")).parse().unwrap();
        let forged = Candidate { index: candidate.index.clone(), ..Candidate::of(other) };
        assert!(!Subject::of(&forged).is(&digest("b")));
        let added = candidate.index.unwrap().replace(&digest("c"), &digest("e"));
        let forged = Candidate { index: Some(added), ..Candidate::of(candidate.image.clone()) };
        assert!(!Subject::of(&forged).is(&digest("e")) && !Subject::of(&forged).is(&digest("b")));
    }
}
