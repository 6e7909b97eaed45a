//! What is asked of a repository in a registry: so little that tests can stand in for it.

use async_trait::async_trait;
use bytes::Bytes;

use crate::image::Digest;
use crate::registry::{Registry, RegistryError, StoredManifest, Taken};

/// One repository. Every question and every write may be sent again: the same bytes have the same
/// name.
#[async_trait]
pub trait Store: Send + Sync {
    /// The manifest of a tag or digest; `None` where the registry says that there is none.
    async fn manifest(&self, reference: &str) -> Result<Option<StoredManifest>, RegistryError>;

    /// A blob, proven by its digest; `None` where the registry says that there is none.
    async fn blob(&self, digest: &Digest) -> Result<Option<Bytes>, RegistryError>;

    /// Stores a blob, unless it is there.
    async fn put_blob(&self, digest: &Digest, bytes: Bytes) -> Result<(), RegistryError>;

    /// Stores a manifest under a tag or its digest.
    async fn put_manifest(
        &self,
        reference: &str,
        media_type: &'static str,
        bytes: Bytes,
    ) -> Result<Taken, RegistryError>;

    /// The tags that begin with a text; the registry's pages are read to their end.
    async fn tags(&self, prefix: &str) -> Result<Vec<String>, RegistryError>;

    /// The index of an image's referrers; `None` where the registry does not keep one.
    async fn referrers(&self, image: &Digest) -> Result<Option<Bytes>, RegistryError>;
}

#[async_trait]
impl Store for Registry {
    async fn manifest(&self, reference: &str) -> Result<Option<StoredManifest>, RegistryError> {
        self.find_manifest(reference).await
    }

    async fn blob(&self, digest: &Digest) -> Result<Option<Bytes>, RegistryError> {
        self.find_blob(digest).await
    }

    async fn put_blob(&self, digest: &Digest, bytes: Bytes) -> Result<(), RegistryError> {
        Self::put_blob(self, digest, &bytes).await
    }

    async fn put_manifest(
        &self,
        reference: &str,
        media_type: &'static str,
        bytes: Bytes,
    ) -> Result<Taken, RegistryError> {
        Self::put_manifest(self, reference, media_type, &bytes).await
    }

    async fn tags(&self, prefix: &str) -> Result<Vec<String>, RegistryError> {
        Self::tags(self, prefix).await
    }

    async fn referrers(&self, image: &Digest) -> Result<Option<Bytes>, RegistryError> {
        Self::referrers(self, image).await
    }
}
