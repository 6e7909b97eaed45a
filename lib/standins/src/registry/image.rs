//! Making images: manifests, configurations, an index.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Which family of media types an image uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/vnd.oci.…`
    Oci,
    /// `application/vnd.docker.…`
    Docker,
}

impl Media {
    fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    fn index(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.index.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    fn layer(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }
}

/// An image to be pushed.
#[derive(Debug, Clone)]
pub struct ImageBuilder {
    pub(super) repository: String,
    /// The repository that its content is made from, if another.
    content: Option<String>,
    pub(super) tags: Vec<String>,
    labels: BTreeMap<String, String>,
    platforms: Vec<(String, String)>,
    media: Media,
    always_index: bool,
}

impl ImageBuilder {
    /// An image in a repository such as `acme/hypershift-operator-main`: OCI, linux/amd64, no
    /// labels.
    pub fn new(repository: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            content: None,
            tags: Vec::new(),
            labels: BTreeMap::new(),
            platforms: vec![("linux".into(), "amd64".into())],
            media: Media::Oci,
            always_index: false,
        }
    }

    /// The same image in another repository, as a promotion leaves it.
    #[must_use]
    pub fn copied_to(mut self, repository: &str) -> Self {
        self.content.get_or_insert(self.repository);
        self.repository = repository.to_owned();
        self
    }

    /// Tags it.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.to_owned());
        self
    }

    /// Sets a label in its configuration.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets the three labels in which builds write the git revision.
    #[must_use]
    pub fn revision(self, revision: &str) -> Self {
        self.label("io.openshift.build.commit.id", revision)
            .label("vcs-ref", revision)
            .label("org.opencontainers.image.revision", revision)
    }

    /// Sets its platforms, such as `linux/amd64`; more than one make an index.
    #[must_use]
    pub fn platforms(mut self, platforms: &[&str]) -> Self {
        let parse = |text: &&str| {
            text.split_once('/')
                .map_or(("linux".into(), (*text).into()), |(os, arch)| (os.into(), arch.into()))
        };
        self.platforms = platforms.iter().map(parse).collect();
        self
    }

    /// Uses Docker's media types.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.media = Media::Docker;
        self
    }

    /// Makes an index even for a single platform.
    #[must_use]
    pub fn index(mut self) -> Self {
        self.always_index = true;
        self
    }

    /// The documents of the image: (digest, media type, bytes), the one that names it last, and
    /// which of them are blobs.
    pub(super) fn build(&self) -> Built {
        let mut built =
            Built { manifests: Vec::new(), blobs: Vec::new(), platforms: BTreeMap::new() };
        let mut entries = Vec::new();
        for (os, architecture) in &self.platforms {
            let from = self.content.as_ref().unwrap_or(&self.repository);
            let layer = format!("layer of {from} for {os}/{architecture}").into_bytes();
            let config = json!({
                "architecture": architecture,
                "os": os,
                "config": {"Labels": self.labels, "User": "65532"},
                "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
            })
            .to_string()
            .into_bytes();
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": self.media.manifest(),
                "config": descriptor(self.media.config(), &config),
                "layers": [descriptor(self.media.layer(), &layer)],
            })
            .to_string()
            .into_bytes();
            let mut entry = descriptor(self.media.manifest(), &manifest);
            entry["platform"] = json!({"architecture": architecture, "os": os});
            entries.push(entry);
            built
                .platforms
                .insert(format!("{os}/{architecture}"), digest(&manifest));
            built
                .manifests
                .push((digest(&manifest), self.media.manifest(), manifest));
            built.blobs.push((digest(&config), config));
            built.blobs.push((digest(&layer), layer));
        }
        if self.platforms.len() > 1 || self.always_index {
            let index =
                json!({"schemaVersion": 2, "mediaType": self.media.index(), "manifests": entries})
                    .to_string()
                    .into_bytes();
            built.manifests.push((digest(&index), self.media.index(), index));
        }
        built
    }
}

/// What [`ImageBuilder::build`] makes.
pub(super) struct Built {
    pub(super) manifests: Vec<(String, &'static str, Vec<u8>)>,
    pub(super) blobs: Vec<(String, Vec<u8>)>,
    pub(super) platforms: BTreeMap<String, String>,
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

/// `sha256:` and 64 hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::from("sha256:"), |text, byte| format!("{text}{byte:02x}"))
}
