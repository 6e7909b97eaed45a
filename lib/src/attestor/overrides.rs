//! Whether a person accepted what did not pass, by the Release that says so.
//!
//! Whoever can write the record can write a person's word into it. What counts is the Release that
//! `override-gate` made under the person's own rights: Konflux's webhook wrote its author, which
//! nobody can change.

use std::collections::BTreeMap;

use super::verdict::candidate;
use crate::attest::verdict::Acceptance;
use crate::cluster::Tenant;
use crate::failure::{Chain, Failure};
use crate::image::Digest;
use crate::konflux::labels::{ACCEPTED_ANNOTATION, AUTHOR_LABEL};
use crate::konflux::{self, Outcome, RELEASES, Release, Snapshot, annotation, is_automatic, label};
use crate::record::{Candidate, GateRecord};
use crate::text;

/// What accounts of the cluster have before their names, as the webhook writes an author
/// (`system:serviceaccount:` with `_` for `:`).
const ACCOUNT: &str = "system_serviceaccount_";

/// The blocking jobs that a person accepted, by name. Of a word that no Release bears out nothing is
/// left but a warning: the jobs are stated as they ended.
///
/// # Errors
/// The Release or its Snapshot cannot be read.
pub(super) async fn accepted(
    record: &GateRecord,
    tenant: Option<&Tenant>,
) -> Result<BTreeMap<String, Acceptance>, Failure> {
    let made = record.release.as_ref().and_then(|release| release.name.as_deref());
    let (false, Some(name)) = (record.accepted.is_empty(), made) else {
        return Ok(BTreeMap::new());
    };
    let unborne = |why: &str| {
        tracing::warn!(
            "the record says that a person accepted jobs; {why}. they are stated as they ended"
        );
    };
    let Some(tenant) = tenant else {
        unborne("the cluster with the Release of that is not at hand");
        return Ok(BTreeMap::new());
    };
    let unread = |error: crate::cluster::ApiError| {
        let said = Chain(&error);
        Failure::failed(format!(
            "the Release of an override cannot be read: {said}. nothing is attested, run this again"
        ))
    };
    let release: Option<Release> = tenant.get(RELEASES, name).await.map_err(unread)?;
    let Some(release) = release else {
        unborne(&format!("Release {} is not there", text::one_line(name, 100)));
        return Ok(BTreeMap::new());
    };
    let snapshot = match has_pushed(&release, candidate(record)?) {
        true => None,
        false => tenant.snapshot(&release.spec.snapshot).await.map_err(unread)?,
    };
    match of_release(record, &release, snapshot.as_ref()) {
        Ok(found) => Ok(found),
        Err(why) => {
            unborne(&why);
            Ok(BTreeMap::new())
        }
    }
}

/// What a Release says of accepted jobs, for the record's image.
fn of_release(
    record: &GateRecord,
    release: &Release,
    snapshot: Option<&Snapshot>,
) -> Result<BTreeMap<String, Acceptance>, String> {
    let candidate = candidate(record).map_err(|failure| failure.error.to_string())?;
    let plan = record.release.as_ref().map(|release| release.plan.as_str());
    let author = label(&release.metadata, AUTHOR_LABEL).unwrap_or_default();
    let is_of_image = has_pushed(release, candidate)
        || snapshot.is_some_and(|snapshot| holds(snapshot, &candidate.digest));
    let jobs = annotation(&release.metadata, ACCEPTED_ANNOTATION).unwrap_or_default();
    let wrong = match () {
        () if plan != Some(release.spec.release_plan.as_str()) => "its Release is of another plan",
        () if !is_of_image => "its Release is of another image",
        () if !matches!(konflux::outcome(release, &candidate.digest), Outcome::Released { .. }) => {
            "its Release has not landed"
        }
        () if is_automatic(release) || author.is_empty() => "its Release has no author",
        () if author.starts_with(ACCOUNT) => "the author of its Release is no person",
        () if jobs.is_empty() => "its Release accepts no job",
        () => {
            let of = |job: &str| {
                let word = record.accepted.iter().rev().find(|accepted| accepted.job == job);
                let reason = word.map(|accepted| accepted.reason.clone()).unwrap_or_default();
                (job.to_owned(), Acceptance { by: Some(author.to_owned()), reason })
            };
            return Ok(jobs.split(',').map(of).collect());
        }
    };
    Err(wrong.to_owned())
}

/// Whether it says that it pushed the image.
fn has_pushed(release: &Release, candidate: &Candidate) -> bool {
    let images = release
        .status
        .as_ref()
        .and_then(|status| status.artifacts["images"].as_array());
    let mut images = images.into_iter().flatten();
    images.any(|image| image["shasum"] == candidate.digest.as_str())
}

fn holds(snapshot: &Snapshot, digest: &Digest) -> bool {
    let mut images = snapshot.spec.components.iter().flatten();
    images.any(|component| component.image().is_ok_and(|image| image.digest() == digest))
}
