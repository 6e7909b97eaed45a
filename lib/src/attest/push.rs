//! Bringing a bundle into a repository of its own, and finding it there.
//!
//! There is one artifact for an image and a gate: the newest verdict. The tag of the index is
//! written last, so that one that is there says that all are. A push that was killed is done again
//! from the beginning and comes out the same.

use super::artifact::{self, Artifact, MANIFEST};
use super::bundle::Signed;
use super::key::PublicKey;
use super::statement::Statement;
use super::store::Store;
use super::verify::statement_of;
use crate::image::Digest;
use crate::registry::RegistryError;
use jiff::Timestamp;

/// How often a tag is written that somebody else writes as well.
const TRIES: u32 = 5;

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// It is there now.
    Written {
        /// The artifact's manifest.
        digest: Digest,
    },
    /// It was there already.
    Already {
        /// The artifact's manifest.
        digest: Digest,
    },
    /// A newer verdict of this gate on this image is there, and stays.
    Newer {
        /// When that was final.
        at: Timestamp,
    },
}

/// Why it is not there.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It was written, and something else is there.
    #[error(
        "the tag {tag} was written {TRIES} times and shows something else each time; look who else writes there"
    )]
    Lost { tag: String },
    /// The statement has no image.
    #[error("the statement names no image by its SHA-256")]
    NoSubject,
}

/// What a tag shows at the moment.
enum Shown {
    /// Nothing, or nothing that counts.
    Nothing,
    /// This statement, signed with this key.
    This(Digest),
    /// A newer one, signed with this key.
    Newer(Timestamp),
}

/// Pushes a bundle.
///
/// # Errors
/// [`PushError`].
pub async fn push(
    store: &dyn Store,
    bundle: Vec<u8>,
    statement: &Statement,
    key: &PublicKey,
) -> Result<Pushed, PushError> {
    let gate = statement.gate().unwrap_or_default();
    let artifact = Artifact::of_bundle(bundle, statement);
    let subjects: Vec<Digest> = statement
        .subject
        .iter()
        .filter_map(|subject| format!("sha256:{}", subject.digest.get("sha256")?).parse().ok())
        .collect();
    let (index, platforms) = subjects.split_first().ok_or(PushError::NoSubject)?;
    let index = artifact::tag(index, gate);
    match shown(store, &index, statement, key).await? {
        Shown::This(digest) => return Ok(Pushed::Already { digest }),
        Shown::Newer(at) => return Ok(Pushed::Newer { at }),
        Shown::Nothing => {}
    }
    for (digest, bytes) in &artifact.blobs {
        store.put_blob(digest, bytes.clone()).await?;
    }
    for platform in platforms {
        // A newer verdict on a manifest that two indexes share stays.
        write(store, &artifact::tag(platform, gate), &artifact, statement, key).await?;
    }
    write(store, &index, &artifact, statement, key).await
}

/// Writes a tag until it shows the statement, or a newer one.
async fn write(
    store: &dyn Store,
    tag: &str,
    artifact: &Artifact,
    statement: &Statement,
    key: &PublicKey,
) -> Result<Pushed, PushError> {
    let mut written = false;
    for _ in 0..=TRIES {
        match shown(store, tag, statement, key).await? {
            Shown::This(digest) if written => return Ok(Pushed::Written { digest }),
            Shown::This(digest) => return Ok(Pushed::Already { digest }),
            Shown::Newer(at) => return Ok(Pushed::Newer { at }),
            Shown::Nothing => {
                store.put_manifest(tag, MANIFEST, artifact.manifest.clone()).await?;
                written = true;
            }
        }
    }
    Err(PushError::Lost { tag: tag.to_owned() })
}

/// What a tag shows. What is not signed with this key counts for nothing: it is of a key that was
/// replaced, or of somebody else.
async fn shown(
    store: &dyn Store,
    tag: &str,
    ours: &Statement,
    key: &PublicKey,
) -> Result<Shown, PushError> {
    let Some(found) = at_tag(store, tag).await? else { return Ok(Shown::Nothing) };
    let Some(bundle) = found.bundle else { return Ok(Shown::Nothing) };
    let Ok(signed) = Signed::read(&bundle) else { return Ok(Shown::Nothing) };
    if !signed.is_by(key) {
        return Ok(Shown::Nothing);
    }
    if signed.payload() == ours.bytes() {
        return Ok(Shown::This(found.digest));
    }
    let theirs = statement_of(signed.payload()).ok();
    // A tag can be pointed at another image's or gate's artifact.
    let theirs = theirs.filter(|theirs| {
        let same_image = theirs.subject.iter().any(|subject| ours.subject.contains(subject));
        same_image && theirs.gate() == ours.gate()
    });
    let theirs = theirs.and_then(|theirs| theirs.predicate.timestamp);
    Ok(match theirs {
        Some(at) if ours.predicate.timestamp.is_none_or(|ours| at > ours) => Shown::Newer(at),
        _ => Shown::Nothing,
    })
}

/// An artifact that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its manifest.
    pub digest: Digest,
    /// The bundle, not verified; `None` where the artifact holds none.
    pub bundle: Option<Vec<u8>>,
}

/// What a repository holds of a gate on an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// This.
    Found(Found),
    /// Nothing.
    Missing {
        /// The tags of other gates' verdicts on the image, without what they have in common.
        others: Vec<String>,
    },
}

/// Looks for the verdict of a gate on an image, the index or a platform's manifest.
///
/// # Errors
/// Those of the registry.
pub async fn find(store: &dyn Store, image: &Digest, gate: &str) -> Result<Lookup, RegistryError> {
    if let Some(found) = at_tag(store, &artifact::tag(image, gate)).await? {
        return Ok(Lookup::Found(found));
    }
    let prefix = artifact::tag_prefix(image);
    let tags = store.tags(&prefix).await?;
    let others = tags
        .iter()
        .filter_map(|tag| tag.strip_prefix(&prefix))
        .map(str::to_owned);
    let mut others: Vec<_> = others.collect();
    others.sort();
    Ok(Lookup::Missing { others })
}

async fn at_tag(store: &dyn Store, tag: &str) -> Result<Option<Found>, RegistryError> {
    let Some(stored) = store.manifest(tag).await? else { return Ok(None) };
    let layer = artifact::bundle_of(&stored.bytes);
    let bundle = match layer {
        Some(layer) => store.blob(&layer.digest).await?.map(|bytes| bytes.to_vec()),
        None => None,
    };
    Ok(Some(Found { digest: stored.digest, bundle }))
}
