//! Storing small artifacts in a registry, and finding them again.
//!
//! Everything is named by its own SHA-256, so that each request may be sent again. A blob goes in
//! one piece to the address that the registry gives for it; credentials go along only if that is
//! the registry itself.
//!
//! Source: OCI distribution-spec, "Pushing Blobs", "Pushing Manifests", "Content Discovery".

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, LINK, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method};
use serde::Deserialize;
use url::Url;

use super::client::{MAX_BLOB, MAX_MANIFEST, Registry};
use super::error::{Failed, RegistryError};
use super::fetch::{Answer, TIMEOUT};
use super::login::Session;
use super::manifest;
use crate::http::Request;
use crate::image::Digest;

/// Pages of tags that are read; with 1000 tags each.
const MAX_PAGES: usize = 50;

/// An index's media type.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A manifest as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its digest, computed from the bytes.
    pub digest: Digest,
    pub media_type: String,
    pub bytes: Bytes,
}

/// What a registry said of a manifest that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether it keeps the list of referrers itself: it answered with `OCI-Subject`.
    pub lists_referrers: bool,
}

impl Registry {
    /// The manifest of a tag or digest; `None` where the registry says that there is none.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn find_manifest(
        &self,
        reference: &str,
    ) -> Result<Option<StoredManifest>, RegistryError> {
        let what = self.named(reference);
        let accept = manifest::ACCEPTED.join(", ");
        let asked = self.asked(&what, "manifests", reference, &accept, MAX_MANIFEST).await;
        let Some(answer) = found(asked)? else { return Ok(None) };
        let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type
            .and_then(|value| value.split(';').next())
            .unwrap_or_default();
        let media_type = media_type.trim().to_owned();
        let digest = match reference.parse::<Digest>() {
            Ok(digest) => {
                super::client::proven(what, answer.clone(), &digest)?;
                digest
            }
            Err(_) => Digest::of(&answer.body),
        };
        Ok(Some(StoredManifest { digest, media_type, bytes: answer.body }))
    }

    /// A blob, proven; `None` where the registry says that there is none.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn find_blob(&self, digest: &Digest) -> Result<Option<Bytes>, RegistryError> {
        found(self.blob(digest).await)
    }

    /// Stores a blob, unless it is there.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn put_blob(&self, digest: &Digest, bytes: &Bytes) -> Result<(), RegistryError> {
        self.retried(&self.named(digest.as_str()), || async {
            let session = self.session().await?;
            let place = session.url(&self.repository, "blobs", digest.as_str());
            let known = self.send(session, Method::HEAD, &place, None).await?;
            match known.status {
                200 => return Ok(()),
                404 => {}
                _ => return Err(Failed::of_answer(&known)),
            }
            let uploads = session.url(&self.repository, "blobs", "uploads");
            let uploads = with_slash(uploads);
            let begun = self
                .send(session, Method::POST, &uploads, Some(Content::NONE))
                .await?;
            if begun.status != 202 {
                return Err(Failed::of_answer(&begun));
            }
            let upload = begun.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let mut upload =
                upload.and_then(|upload| uploads.join(upload).ok()).ok_or_else(|| {
                    Failed::refused("it takes a blob without saying where to".to_owned())
                })?;
            upload.query_pairs_mut().append_pair("digest", digest.as_str());
            let content = Content { media_type: "application/octet-stream", bytes: bytes.clone() };
            let stored = self.send(session, Method::PUT, &upload, Some(content)).await?;
            match stored.status {
                200..=204 => Ok(()),
                _ => Err(Failed::of_answer(&stored)),
            }
        })
        .await
    }

    /// Stores a manifest under a tag or its digest.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn put_manifest(
        &self,
        reference: &str,
        media_type: &'static str,
        bytes: &Bytes,
    ) -> Result<Taken, RegistryError> {
        self.retried(&self.named(reference), || async {
            let session = self.session().await?;
            let place = session.url(&self.repository, "manifests", reference);
            let content = Content { media_type, bytes: bytes.clone() };
            let taken = self.send(session, Method::PUT, &place, Some(content)).await?;
            match taken.status {
                200..=204 => {
                    Ok(Taken { lists_referrers: taken.headers.contains_key("oci-subject") })
                }
                _ => Err(Failed::of_answer(&taken)),
            }
        })
        .await
    }

    /// The tags that begin with a text; none where there is no such repository.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn tags(&self, prefix: &str) -> Result<Vec<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let what = format!("the tags of {}/{}", self.host, self.repository);
        let listed = self
            .retried(&what, || async {
                let session = self.session().await?;
                let mut url = session.url(&self.repository, "tags", "list");
                url.set_query(Some("n=1000"));
                let mut tags = Vec::new();
                for _ in 0..MAX_PAGES {
                    let answer =
                        self.get(session, url.clone(), "application/json", MAX_BLOB).await?;
                    if answer.status != 200 {
                        return Err(Failed::of_answer(&answer));
                    }
                    let page: Page = serde_json::from_slice(&answer.body).map_err(|error| {
                        Failed::refused(format!("its list of tags cannot be read: {error}"))
                    })?;
                    let all = page.tags.unwrap_or_default().into_iter();
                    tags.extend(all.filter(|tag| tag.starts_with(prefix)));
                    match next_page(&answer, &url) {
                        Some(next) => url = next,
                        None => return Ok(tags),
                    }
                }
                Err(Failed::refused(format!("its list of tags has more than {MAX_PAGES} pages")))
            })
            .await;
        Ok(found(listed)?.unwrap_or_default())
    }

    /// The index of an image's referrers; `None` where the registry keeps none.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn referrers(&self, image: &Digest) -> Result<Option<Bytes>, RegistryError> {
        let what = format!("the referrers of {}", self.named(image.as_str()));
        self.retried(&what, || async {
            let session = self.session().await?;
            let url = session.url(&self.repository, "referrers", image.as_str());
            let answer = self.get(session, url, INDEX, MAX_MANIFEST).await?;
            match answer.status {
                200 => Ok(Some(answer.body)),
                404 | 405 | 501 => Ok(None),
                _ => Err(Failed::of_answer(&answer)),
            }
        })
        .await
    }

    /// One request that may write, without following its answer.
    async fn send(
        &self,
        session: &Session,
        method: Method,
        url: &Url,
        content: Option<Content>,
    ) -> Result<Answer, Failed> {
        let ours = url.origin() == session.base.origin();
        self.authorized(session, |authorization| {
            let mut request = Request {
                method: method.clone(),
                body: content.as_ref().map(|content| content.bytes.clone()),
                ..Request::get(url.clone(), TIMEOUT)
            };
            request = request.header(ACCEPT, HeaderValue::from_static("*/*"));
            if let Some(media_type) = content.as_ref().map(|content| content.media_type)
                && !media_type.is_empty()
            {
                request = request.header(CONTENT_TYPE, HeaderValue::from_static(media_type));
            }
            let authorization = authorization.filter(|_| ours);
            async move {
                let written = session
                    .fetcher
                    .write(request, authorization.as_ref(), MAX_MANIFEST)
                    .await;
                let mut answer = written?;
                if !ours {
                    // Another host has no say in where the credentials go.
                    answer.headers.remove(WWW_AUTHENTICATE);
                }
                Ok(answer)
            }
        })
        .await
    }

    /// What is asked for, for messages.
    fn named(&self, reference: &str) -> String {
        let mark = if reference.starts_with("sha256:") { '@' } else { ':' };
        format!("{}/{}{mark}{reference}", self.host, self.repository)
    }
}

/// A body with its media type.
struct Content {
    media_type: &'static str,
    bytes: Bytes,
}

impl Content {
    /// An empty one.
    const NONE: Self = Self { media_type: "", bytes: Bytes::new() };
}

fn found<T>(asked: Result<T, RegistryError>) -> Result<Option<T>, RegistryError> {
    match asked {
        Ok(answer) => Ok(Some(answer)),
        Err(RegistryError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Uploads begin at an address that ends in a slash.
fn with_slash(mut url: Url) -> Url {
    let path = format!("{}/", url.path());
    url.set_path(&path);
    url
}

/// Where a list goes on, as RFC 5988 says it: `</v2/…?last=x>; rel="next"`. Another host is not
/// asked.
fn next_page(answer: &Answer, url: &Url) -> Option<Url> {
    let link = answer.headers.get(LINK)?.to_str().ok()?;
    let (target, rel) = link.strip_prefix('<')?.split_once('>')?;
    let next = url.join(target).ok()?;
    (rel.contains("next") && next.origin() == url.origin()).then_some(next)
}
