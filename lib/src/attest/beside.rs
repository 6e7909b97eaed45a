//! The plain statement beside the candidate: an unsigned referrer, as Konflux's ADR 48 has it.
//!
//! Its trust comes from the provenance that Tekton Chains signs for it. Only a good result goes
//! there: Conforma denies an image for any failed statement that it can verify, however old.
//!
//! A registry that keeps lists of referrers says so when it takes the manifest (`OCI-Subject`). For
//! another the list is an index at the tag `sha256-HEX`, which everybody reads, completes and
//! writes back: what was written is read again, and written again where somebody else's write came
//! between.
//!
//! Sources: OCI distribution-spec "Pushing Manifests with Subject" and "Referrers Tag Schema";
//! conforma/policy `policy/lib/intoto/intoto.rego`.

use serde_json::{Value, json};

use super::artifact::{self, Artifact, Descriptor, INDEX, MANIFEST};
use super::statement::{ResultWord, Statement};
use super::store::Store;
use crate::image::Digest;
use crate::registry::RegistryError;

/// How often the list is written.
const TRIES: u32 = 5;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hung {
    /// It hangs there now.
    Written {
        /// The referrer's manifest.
        digest: Digest,
    },
    /// It did already.
    Already {
        /// The referrer's manifest.
        digest: Digest,
    },
}

/// Why it does not hang there.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The result is not good.
    #[error(
        "the result is {0}; only PASSED and WARNED go beside a candidate, since Conforma would refuse the image for any other"
    )]
    NotPassed(ResultWord),
    /// It is where the gate found the image.
    #[error(
        "{0} is where the image was tested; a bundle there would make Conforma refuse it. expected the repository that the Release pushed it to"
    )]
    Candidate(String),
    /// The image is not there.
    #[error("{0} is not in the repository, so nothing can be hung beside it")]
    NoImage(Digest),
    /// The list cannot be read.
    #[error("the tag {tag} holds no list of referrers: {problem}; it was left as it is")]
    NoList {
        tag: String,
        /// What is wrong.
        problem: String,
    },
    /// The list does not keep what is written.
    #[error(
        "the list of referrers at {tag} was written {TRIES} times and does not show {digest}; somebody else writes it as well, try again"
    )]
    Lost {
        tag: String,
        /// The referrer.
        digest: Digest,
    },
}

/// Hangs a statement beside the image that it is about.
///
/// # Errors
/// [`BesideError`].
pub async fn hang(
    store: &dyn Store,
    image: &Digest,
    statement: &Statement,
) -> Result<Hung, BesideError> {
    let result = &statement.predicate.result;
    if !matches!(result, ResultWord::Passed | ResultWord::Warned) {
        return Err(BesideError::NotPassed(result.clone()));
    }
    refer(store, image, |subject| Artifact::of_statement(statement, subject)).await
}

/// Makes an artifact a referrer of an image.
pub(super) async fn refer(
    store: &dyn Store,
    image: &Digest,
    make: impl FnOnce(&Descriptor) -> Artifact + Send,
) -> Result<Hung, BesideError> {
    let subject = store.manifest(image.as_str()).await?;
    let subject = subject.ok_or_else(|| BesideError::NoImage(image.clone()))?;
    let subject = Descriptor {
        media_type: subject.media_type,
        digest: subject.digest,
        size: subject.bytes.len() as u64,
        artifact_type: None,
        annotations: Default::default(),
    };
    let artifact = make(&subject);
    let digest = artifact.digest.clone();
    let tag = artifact::referrers_tag(image);
    let known = match store.referrers(image).await? {
        Some(list) => Some(list),
        None => store.manifest(&tag).await?.map(|stored| stored.bytes),
    };
    if let Some(list) = &known
        && names(&list_of(&tag, list)?, &digest)
    {
        return Ok(Hung::Already { digest });
    }
    for (digest, bytes) in &artifact.blobs {
        store.put_blob(digest, bytes.clone()).await?;
    }
    let written = store
        .put_manifest(digest.as_str(), MANIFEST, artifact.manifest.clone())
        .await?;
    match written.lists_referrers {
        true => Ok(Hung::Written { digest }),
        false => listed(store, &tag, &artifact).await,
    }
}

/// Keeps the list where the registry does not.
async fn listed(store: &dyn Store, tag: &str, artifact: &Artifact) -> Result<Hung, BesideError> {
    let digest = artifact.digest.clone();
    let mut written = false;
    for _ in 0..=TRIES {
        let mut list = match store.manifest(tag).await? {
            Some(stored) => list_of(tag, &stored.bytes)?,
            None => json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}),
        };
        if names(&list, &digest) {
            return Ok(if written { Hung::Written { digest } } else { Hung::Already { digest } });
        }
        if let Some(manifests) = list["manifests"].as_array_mut() {
            manifests.push(json!(artifact.descriptor()));
        }
        store.put_manifest(tag, INDEX, list.to_string().into()).await?;
        written = true;
    }
    Err(BesideError::Lost { tag: tag.to_owned(), digest })
}

/// A list as it is, with all that others wrote into it.
fn list_of(tag: &str, bytes: &[u8]) -> Result<Value, BesideError> {
    let no_list = |problem: String| BesideError::NoList { tag: tag.to_owned(), problem };
    let list: Value = serde_json::from_slice(bytes).map_err(|error| no_list(error.to_string()))?;
    let kind = list["mediaType"].as_str().unwrap_or(INDEX);
    if kind != INDEX {
        return Err(no_list(format!("it is a {kind}, expected {INDEX}")));
    }
    if !list["manifests"].is_array() {
        return Err(no_list("it has no manifests".to_owned()));
    }
    Ok(list)
}

fn names(list: &Value, digest: &Digest) -> bool {
    let mut manifests = list["manifests"].as_array().into_iter().flatten();
    manifests.any(|manifest| manifest["digest"].as_str() == Some(digest.as_str()))
}
