//! How a verdict lies in a registry: manifests, tags and media types.
//!
//! In a repository of its own a bundle is an artifact of one layer without a subject, found by a
//! tag made of the image's digest and the gate's name. Everything in it comes from the verdict, so
//! the same verdict under the same key is the same artifact.
//!
//! Sources: OCI image-spec `manifest.md` (guidelines for artifacts), cosign `specs/BUNDLE_SPEC.md`.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::bundle;
use super::statement::{self, Statement};
use crate::image::{Digest, ImageRef};

/// The media type of an OCI manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The media type of an OCI index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The media type of a configuration that says nothing.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// That configuration.
const EMPTY_BYTES: &[u8] = b"{}";

/// How much of a gate's name a tag shows; a tag has 128 characters.
const SHOWN_OF_GATE: usize = 40;

/// A reference to content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// In an index: what the manifest is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What else is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    artifact_type: &'static str,
    config: Descriptor,
    layers: [Descriptor; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Descriptor>,
    annotations: &'a BTreeMap<String, String>,
}

/// A manifest of one layer, and what has to be in the registry before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub manifest: Bytes,
    pub digest: Digest,
    /// The configuration and the layer.
    pub blobs: Vec<(Digest, Bytes)>,
    artifact_type: &'static str,
    annotations: BTreeMap<String, String>,
}

impl Artifact {
    /// A bundle in a repository of its own.
    pub fn of_bundle(bundle: Vec<u8>, statement: &Statement) -> Self {
        Self::new(bundle::MEDIA_TYPE, bundle, None, about_bundle(statement))
    }

    /// A bundle as referrer of a verified image, as cosign writes and looks for it. Never of a
    /// candidate: [`attach`](super::attach) looks to that.
    pub(super) fn of_bundle_beside(
        bundle: Vec<u8>,
        statement: &Statement,
        image: &Descriptor,
    ) -> Self {
        Self::new(bundle::MEDIA_TYPE, bundle, Some(image), about_bundle(statement))
    }

    /// The plain statement as referrer of an image, as Konflux's ADR 48 has it.
    pub fn of_statement(statement: &Statement, image: &Descriptor) -> Self {
        let mut annotations = created(statement);
        for (name, value) in [
            ("predicateType", statement::PREDICATE_TYPE),
            ("testName", statement.gate().unwrap_or_default()),
        ] {
            annotations.insert(name.to_owned(), value.to_owned());
        }
        Self::new(statement::MEDIA_TYPE, statement.bytes(), Some(image), annotations)
    }

    fn new(
        artifact_type: &'static str,
        layer: Vec<u8>,
        subject: Option<&Descriptor>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        let config = Descriptor::of(EMPTY, EMPTY_BYTES);
        let content = Descriptor::of(artifact_type, &layer);
        let blobs = vec![
            (config.digest.clone(), Bytes::from_static(EMPTY_BYTES)),
            (content.digest.clone(), layer.into()),
        ];
        let manifest = serde_json::to_vec(&Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            artifact_type,
            config,
            layers: [content],
            subject,
            annotations: &annotations,
        })
        .unwrap_or_default();
        let digest = Digest::of(&manifest);
        Self { manifest: manifest.into(), digest, blobs, artifact_type, annotations }
    }

    /// How a list of referrers names it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            artifact_type: Some(self.artifact_type.to_owned()),
            annotations: self.annotations.clone(),
            ..Descriptor::of(MANIFEST, &self.manifest)
        }
    }
}

fn about_bundle(statement: &Statement) -> BTreeMap<String, String> {
    let mut annotations = created(statement);
    for (name, value) in [
        ("dev.sigstore.bundle.content", "dsse-envelope"),
        ("dev.sigstore.bundle.predicateType", statement::PREDICATE_TYPE),
        ("release-gate/gate", statement.gate().unwrap_or_default()),
        ("release-gate/result", &statement.predicate.result.to_string()),
    ] {
        annotations.insert(name.to_owned(), value.to_owned());
    }
    annotations
}

/// The time of the verdict, not of the push: the same verdict is the same artifact.
fn created(statement: &Statement) -> BTreeMap<String, String> {
    let at = statement.predicate.timestamp;
    at.map(|at| ("org.opencontainers.image.created".to_owned(), at.to_string()))
        .into_iter()
        .collect()
}

/// The layer with a bundle, if a manifest has one first.
pub fn bundle_of(manifest: &[u8]) -> Option<Descriptor> {
    #[derive(Deserialize)]
    struct Layers {
        layers: Vec<Descriptor>,
    }
    let read: Layers = serde_json::from_slice(manifest).ok()?;
    read.layers
        .into_iter()
        .next()
        .filter(|layer| layer.media_type == bundle::MEDIA_TYPE)
}

/// The tag of a gate's verdict on an image: `verdict-HEX.NAME`. cosign's own tags begin with
/// `sha256-`, so the two never meet. A name that a tag cannot show as it is gets 8 digits of its
/// SHA-256 behind what is left of it: two gates never share a tag.
pub fn tag(image: &Digest, gate: &str) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let shown: String = gate
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if fits(c) { c } else { '-' })
        .collect();
    let prefix = tag_prefix(image);
    if shown == gate && gate.len() <= SHOWN_OF_GATE {
        return format!("{prefix}{gate}");
    }
    let shown = &shown[..shown.len().min(SHOWN_OF_GATE)];
    format!("{prefix}{shown}_{}", &Digest::of(gate).hex()[..8])
}

/// What the tags of all verdicts on an image begin with.
pub fn tag_prefix(image: &Digest) -> String {
    format!("verdict-{}.", image.hex())
}

/// The tag of an image's list of referrers where the registry keeps none itself.
pub fn referrers_tag(image: &Digest) -> String {
    format!("sha256-{}", image.hex())
}

/// Whether bundles may go into a repository: a reason against it, in words.
///
/// Beside the candidate a bundle makes Conforma refuse the image; beside the verified image only
/// the managed side may write.
pub fn own_repository(
    repository: &str,
    candidate: &ImageRef,
    verified: &[String],
) -> Option<String> {
    let same = |other: &str| other.trim_end_matches('/') == repository.trim_end_matches('/');
    if same(candidate.repository()) {
        return Some(format!("{repository} is the candidate's own repository"));
    }
    let verified = verified.iter().any(|image| {
        let path = image.split_once('@').map_or(image.as_str(), |(path, _)| path);
        let slash = path.rfind('/').unwrap_or_default();
        same(path)
            || path[slash..]
                .find(':')
                .is_some_and(|colon| same(&path[..slash + colon]))
    });
    verified.then(|| format!("{repository} is a repository of verified images"))
}
