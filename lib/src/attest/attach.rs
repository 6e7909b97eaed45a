//! The bundle beside the verified image, where `cosign verify-attestation` finds it.
//!
//! For the managed side, after the Release has landed: a promotion copies no referrers along, and only
//! that side may write there. Beside the candidate a bundle would make Conforma look for the build's
//! own signature in bundles only. The statement names the repository in which the image was tested,
//! and the key signed that: there nothing is attached, whoever asks for it.

use super::artifact::Artifact;
use super::beside::{BesideError, Hung, refer};
use super::statement::Statement;
use super::store::Store;
use crate::image::ImageRef;

/// Attaches a bundle, of which it is known that it holds, to the image that it is about.
///
/// # Errors
/// [`BesideError`]; [`BesideError::Candidate`] in the repository that the image was tested in.
pub async fn attach(
    store: &dyn Store,
    image: &ImageRef,
    bundle: Vec<u8>,
    statement: &Statement,
) -> Result<Hung, BesideError> {
    let tested = statement.subject.iter().map(|subject| subject.name.as_str());
    if tested
        .clone()
        .any(|name| name.eq_ignore_ascii_case(image.repository()))
    {
        return Err(BesideError::Candidate(image.repository().to_owned()));
    }
    let make = |subject: &_| Artifact::of_bundle_beside(bundle, statement, subject);
    refer(store, image.digest(), make).await
}
