//! What a registry keeps under a digest: a manifest, an index of manifests, a configuration.
//!
//! OCI's and docker's media types are read alike; an unknown one is wrong content.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::image::Digest;

/// The labels that say from which commit an image was built, as builders set them.
pub const REVISION_LABELS: [&str; 3] =
    ["io.openshift.build.commit.id", "vcs-ref", "org.opencontainers.image.revision"];

/// More images than this in one index are not followed.
pub const MAX_IMAGES: usize = 32;

const MANIFESTS: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// The media types that are asked for.
pub const ACCEPTED: [&str; 4] = [MANIFESTS[0], MANIFESTS[1], INDEXES[0], INDEXES[1]];

/// Why content is not what its digest was thought to stand for.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The bytes have another SHA-256.
    #[error("the registry sent other content: expected {expected}, its SHA-256 is {actual}{}", header.as_deref().map(|header| format!(", its Docker-Content-Digest says {header:?}")).unwrap_or_default())]
    Digest {
        /// The digest asked for.
        expected: Digest,
        /// The digest of what came.
        actual: String,
        /// What the registry's header says, where that is neither of them.
        header: Option<String>,
    },
    /// It is no manifest.
    #[error("it is no image manifest: {problem}")]
    NoManifest {
        /// What is wrong.
        problem: String,
    },
    /// It is no configuration.
    #[error("its configuration cannot be read: {problem}")]
    NoConfiguration {
        /// What is wrong.
        problem: String,
    },
}

/// An image manifest or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manifest {
    /// One image.
    Image {
        /// Its configuration.
        config: Digest,
    },
    /// Several images; attestations, which name no platform, are left out.
    Index(Vec<Child>),
}

/// An image of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its manifest.
    pub digest: Digest,
    pub platform: Platform,
}

/// What an image runs on, shown as `linux/amd64` or `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Platform {
    /// The operating system.
    #[serde(default)]
    pub os: String,
    /// The processor.
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub variant: Option<String>,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match self.variant.as_deref() {
            None | Some("") => Ok(()),
            Some(variant) => write!(f, "/{variant}"),
        }
    }
}

impl Platform {
    /// Whether this is the platform asked for: `linux/arm64` also means `linux/arm64/v8`.
    pub fn is(&self, wanted: &str) -> bool {
        let whole = self.to_string();
        whole == wanted || format!("{}/{}", self.os, self.architecture) == wanted
    }
}

/// An image's configuration, as far as the gate reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// What it runs on.
    pub platform: Platform,
    pub labels: BTreeMap<String, String>,
}

impl Configuration {
    /// The revision labels that are set, with their values.
    pub fn revisions(&self) -> Vec<(&'static str, &str)> {
        let value = |label| {
            Some((label, self.labels.get(label)?.as_str())).filter(|(_, value)| !value.is_empty())
        };
        REVISION_LABELS.into_iter().filter_map(value).collect()
    }
}

/// Whether a label names a commit: the whole of it, or its beginning (7 digits or more).
pub fn is_revision(label: &str, revision: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let (label, revision) =
        (label.trim().to_ascii_lowercase(), revision.trim().to_ascii_lowercase());
    label == revision || (label.len() >= 7 && hex(&label) && revision.starts_with(&label))
}

/// Compares content with the digest that it was asked for by.
///
/// # Errors
/// [`ContentError::Digest`] when it is another.
pub fn verify(bytes: &[u8], expected: &Digest) -> Result<(), ContentError> {
    let actual = Digest::of(bytes);
    match actual == *expected {
        true => Ok(()),
        false => Err(ContentError::Digest {
            expected: expected.clone(),
            actual: actual.into(),
            header: None,
        }),
    }
}

/// Reads a manifest or an index.
///
/// # Errors
/// [`ContentError::NoManifest`] when it is neither.
pub fn read(bytes: &[u8]) -> Result<Manifest, ContentError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        schema_version: u32,
        media_type: Option<String>,
        config: Option<Descriptor>,
        manifests: Option<Vec<Descriptor>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Descriptor {
        digest: Digest,
        media_type: Option<String>,
        platform: Option<Platform>,
    }
    let wrong = |problem: String| ContentError::NoManifest { problem };
    let document: Document =
        serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
    if document.schema_version != 2 {
        return Err(wrong(format!(
            "its schema version is {}, expected 2",
            document.schema_version
        )));
    }
    let media_type = document.media_type.as_deref();
    match (document.config, document.manifests) {
        (Some(config), None) if media_type.is_none_or(|found| MANIFESTS.contains(&found)) => {
            Ok(Manifest::Image { config: config.digest })
        }
        (None, Some(manifests)) if media_type.is_none_or(|found| INDEXES.contains(&found)) => {
            let images = manifests.into_iter().filter_map(|descriptor| {
                let platform = descriptor
                    .platform
                    .filter(|p| p.os != "unknown" || p.architecture != "unknown")?;
                Some((Child { digest: descriptor.digest, platform }, descriptor.media_type))
            });
            let (images, media_types): (Vec<_>, Vec<_>) = images.unzip();
            if let Some(other) = media_types
                .iter()
                .flatten()
                .find(|found| !MANIFESTS.contains(&found.as_str()))
            {
                return Err(wrong(format!("it is an index that holds {other:?}")));
            }
            if images.is_empty() || images.len() > MAX_IMAGES {
                return Err(wrong(format!(
                    "it is an index of {} images, expected 1 to {MAX_IMAGES}",
                    images.len()
                )));
            }
            Ok(Manifest::Index(images))
        }
        _ => Err(wrong(format!("its media type is {:?}", media_type.unwrap_or_default()))),
    }
}

/// Reads an image's configuration.
///
/// # Errors
/// [`ContentError::NoConfiguration`] when it is none.
pub fn configuration(bytes: &[u8]) -> Result<Configuration, ContentError> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(flatten)]
        platform: Platform,
        #[serde(default)]
        config: Option<Inner>,
    }
    #[derive(Default, Deserialize)]
    struct Inner {
        #[serde(default, rename = "Labels")]
        labels: Option<BTreeMap<String, String>>,
    }
    let document: Document = serde_json::from_slice(bytes)
        .map_err(|error| ContentError::NoConfiguration { problem: error.to_string() })?;
    if document.platform.os.is_empty() || document.platform.architecture.is_empty() {
        return Err(ContentError::NoConfiguration {
            problem: "it names no os and architecture".to_owned(),
        });
    }
    let labels = document.config.unwrap_or_default().labels.unwrap_or_default();
    Ok(Configuration { platform: document.platform, labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    #[test]
    fn both_families_of_media_types() {
        for media_type in MANIFESTS {
            let text = format!(
                r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{{"digest":"{}"}},"layers":[]}}"#,
                hex('a')
            );
            assert_eq!(
                read(text.as_bytes()).unwrap(),
                Manifest::Image { config: hex('a').parse().unwrap() }
            );
        }
        for media_type in INDEXES {
            let text = format!(
                r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[
                {{"digest":"{}","platform":{{"os":"linux","architecture":"arm64","variant":"v8"}}}},
                {{"digest":"{}","platform":{{"os":"unknown","architecture":"unknown"}}}}]}}"#,
                hex('a'),
                hex('b')
            );
            let Manifest::Index(images) = read(text.as_bytes()).unwrap() else { panic!() };
            assert_eq!(images.len(), 1);
            assert!(
                images[0].platform.is("linux/arm64") && images[0].platform.is("linux/arm64/v8")
            );
            assert!(!images[0].platform.is("linux/arm"));
        }
    }

    #[test]
    fn anything_else_is_wrong_content() {
        let nested = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"digest":"{}","mediaType":"{}","platform":{{"os":"linux","architecture":"amd64"}}}}]}}"#,
            hex('a'),
            INDEXES[0]
        );
        for text in [
            "null",
            "<html>",
            r#"{"schemaVersion":1}"#,
            r#"{"schemaVersion":2}"#,
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#,
            r#"{"schemaVersion":2,"mediaType":"application/vnd.cncf.helm","config":{"digest":"sha256:a"}}"#,
            &nested,
        ] {
            assert!(
                matches!(read(text.as_bytes()), Err(ContentError::NoManifest { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn labels_of_a_configuration() {
        let text = r#"{"os":"linux","architecture":"amd64","config":{"Labels":{"vcs-ref":"3EE96155aa","x":"y"}}}"#;
        let configuration = configuration(text.as_bytes()).unwrap();
        assert_eq!(configuration.revisions(), [("vcs-ref", "3EE96155aa")]);
        let bare = super::configuration(br#"{"os":"linux","architecture":"amd64","config":null}"#)
            .unwrap();
        assert!(bare.revisions().is_empty());
        assert!(super::configuration(b"{}").is_err());
    }

    #[test]
    fn a_commit_or_its_beginning() {
        assert!(is_revision("3ee96155aa", "3EE96155AA"));
        assert!(is_revision("3ee96155", "3ee96155aabbcc"));
        assert!(!is_revision("3ee961", "3ee96155aabbcc"));
        assert!(!is_revision("", "3ee96155aabbcc"));
        assert!(!is_revision("3ee96155aabbcc", "3ee96155"));
    }

    #[test]
    fn content_is_proven() {
        let digest: Digest =
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
                .parse()
                .unwrap();
        verify(b"abc", &digest).unwrap();
        assert!(verify(b"abd", &digest).is_err());
    }
}
