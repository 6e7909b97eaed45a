//! A repository in memory, with the faults of real ones.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::artifact::{self, Descriptor, INDEX, MANIFEST};
use super::super::store::Store;
use crate::image::Digest;
use crate::registry::{RegistryError, StoredManifest, Taken};

/// How it behaves.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// Whether it keeps lists of referrers.
    pub referrers: bool,
    /// Which writes of a tag it takes and forgets, counted from 1.
    pub loses: fn(usize) -> bool,
    /// From which request on it fails, counted from 1.
    pub fails_at: Option<usize>,
    /// What somebody else puts at a tag right after each of our writes of it.
    pub rival: Option<fn(&str) -> Option<Bytes>>,
}

#[derive(Debug, Default)]
pub struct Content {
    pub blobs: BTreeMap<Digest, Bytes>,
    pub manifests: BTreeMap<Digest, (String, Bytes)>,
    pub tags: BTreeMap<String, Digest>,
    /// Writes as they came: `blob`, `manifest DIGEST`, `tag NAME`.
    pub writes: Vec<String>,
    requests: usize,
    tag_writes: usize,
}

#[derive(Debug)]
pub struct Memory {
    pub manners: Mutex<Manners>,
    pub content: Mutex<Content>,
}

impl Memory {
    pub fn new(referrers: bool) -> Self {
        Self::with(Manners { referrers, loses: |_| false, fails_at: None, rival: None })
    }

    pub fn with(manners: Manners) -> Self {
        Self { manners: Mutex::new(manners), content: Mutex::default() }
    }

    /// How it behaves at the moment.
    pub fn manners(&self) -> Manners {
        *self.manners.lock().unwrap()
    }

    /// An image as a build leaves it.
    pub fn with_image(self, image: &str) -> (Self, Digest) {
        let bytes =
            Bytes::from(json!({"mediaType": INDEX, "manifests": [], "n": image}).to_string());
        let digest = Digest::of(&bytes);
        let mut content = self.content.lock().unwrap();
        content.manifests.insert(digest.clone(), (INDEX.to_owned(), bytes));
        drop(content);
        (self, digest)
    }

    pub fn put_at(&self, tag: &str, bytes: Bytes) {
        let digest = Digest::of(&bytes);
        let mut content = self.content.lock().unwrap();
        content.manifests.insert(digest.clone(), (INDEX.to_owned(), bytes));
        content.tags.insert(tag.to_owned(), digest);
    }

    pub fn writes(&self) -> usize {
        self.content.lock().unwrap().writes.len()
    }

    pub fn requests(&self) -> usize {
        self.content.lock().unwrap().requests
    }

    pub fn tags_now(&self) -> Vec<String> {
        self.content.lock().unwrap().tags.keys().cloned().collect()
    }

    /// What refers to an image, by whichever list the registry has.
    pub fn referrers_now(&self, image: &Digest) -> Vec<Value> {
        let content = self.content.lock().unwrap();
        let list = if self.manners.lock().unwrap().referrers {
            Some(content.list(image))
        } else {
            let digest = content.tags.get(&artifact::referrers_tag(image));
            digest.map(|digest| serde_json::from_slice(&content.manifests[digest].1).unwrap())
        };
        list.map(|list: Value| list["manifests"].as_array().unwrap().clone())
            .unwrap_or_default()
    }

    /// A manifest as JSON, and the blob of its first layer.
    pub fn first_layer(&self, manifest: &Digest) -> (Value, Bytes) {
        let content = self.content.lock().unwrap();
        let manifest: Value = serde_json::from_slice(&content.manifests[manifest].1).unwrap();
        let layer = manifest["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
        (manifest, content.blobs[&layer].clone())
    }

    /// Every manifest that anyone could find, as JSON.
    pub fn manifests(&self) -> Vec<Value> {
        let content = self.content.lock().unwrap();
        let json = |(_, bytes): &(String, Bytes)| serde_json::from_slice(bytes).unwrap();
        content.manifests.values().map(json).collect()
    }

    fn asked(&self) -> Result<std::sync::MutexGuard<'_, Content>, RegistryError> {
        let mut content = self.content.lock().unwrap();
        content.requests += 1;
        match self.manners.lock().unwrap().fails_at {
            Some(limit) if content.requests >= limit => Err(RegistryError::Refused {
                host: "r.io".to_owned(),
                what: format!("request {}", content.requests),
                said: "made up".to_owned(),
            }),
            _ => Ok(content),
        }
    }
}

impl Content {
    fn list(&self, image: &Digest) -> Value {
        let mut found = vec![];
        for (digest, (_, bytes)) in &self.manifests {
            let json: Value = serde_json::from_slice(bytes).unwrap();
            if json["subject"]["digest"] == image.as_str() {
                found.push(json!(Descriptor {
                    media_type: MANIFEST.to_owned(),
                    digest: digest.clone(),
                    size: bytes.len() as u64,
                    artifact_type: json["artifactType"].as_str().map(str::to_owned),
                    annotations: BTreeMap::new(),
                }));
            }
        }
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": found})
    }
}

#[async_trait]
impl Store for Memory {
    async fn manifest(&self, reference: &str) -> Result<Option<StoredManifest>, RegistryError> {
        // Somebody else may come between.
        tokio::task::yield_now().await;
        let content = self.asked()?;
        let digest = match reference.parse::<Digest>() {
            Ok(digest) => Some(digest),
            Err(_) => content.tags.get(reference).cloned(),
        };
        Ok(digest.and_then(|digest| {
            let (media_type, bytes) = content.manifests.get(&digest)?.clone();
            Some(StoredManifest { digest, media_type, bytes })
        }))
    }

    async fn blob(&self, digest: &Digest) -> Result<Option<Bytes>, RegistryError> {
        Ok(self.asked()?.blobs.get(digest).cloned())
    }

    async fn put_blob(&self, digest: &Digest, bytes: Bytes) -> Result<(), RegistryError> {
        let mut content = self.asked()?;
        assert_eq!(Digest::of(&bytes), *digest);
        content.writes.push("blob".to_owned());
        content.blobs.insert(digest.clone(), bytes);
        Ok(())
    }

    async fn put_manifest(
        &self,
        reference: &str,
        media_type: &'static str,
        bytes: Bytes,
    ) -> Result<Taken, RegistryError> {
        let mut content = self.asked()?;
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        // As a registry checks it: what a manifest names has to be there before it.
        let parts = [&json["config"], &json["layers"][0]];
        for part in parts.into_iter().filter(|part| part.is_object()) {
            let digest: Digest = part["digest"].as_str().unwrap().parse().unwrap();
            let size = content.blobs.get(&digest).map(Bytes::len);
            assert_eq!(size.map(|size| size as u64), part["size"].as_u64(), "{reference}");
        }
        let digest = Digest::of(&bytes);
        let manners = *self.manners.lock().unwrap();
        content
            .manifests
            .insert(digest.clone(), (media_type.to_owned(), bytes));
        if reference == digest.as_str() {
            content.writes.push(format!("manifest {digest}"));
        } else {
            content.writes.push(format!("tag {reference}"));
            content.tag_writes += 1;
            if !(manners.loses)(content.tag_writes) {
                content.tags.insert(reference.to_owned(), digest);
            }
            if let Some(bytes) = manners.rival.and_then(|rival| rival(reference)) {
                let digest = Digest::of(&bytes);
                content.manifests.insert(digest.clone(), (INDEX.to_owned(), bytes));
                content.tags.insert(reference.to_owned(), digest);
            }
        }
        Ok(Taken { lists_referrers: manners.referrers && json["subject"].is_object() })
    }

    async fn tags(&self, prefix: &str) -> Result<Vec<String>, RegistryError> {
        let content = self.asked()?;
        Ok(content
            .tags
            .keys()
            .filter(|tag| tag.starts_with(prefix))
            .cloned()
            .collect())
    }

    async fn referrers(&self, image: &Digest) -> Result<Option<Bytes>, RegistryError> {
        let content = self.asked()?;
        let keeps = self.manners.lock().unwrap().referrers;
        Ok(keeps.then(|| content.list(image).to_string().into()))
    }
}
