//! Writing into the registry: uploads, manifests, tags, lists of referrers.

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde_json::{Value, json};

use super::image::digest;
use super::{RegistryState, error};
use crate::answer::{Answer, answer, json_answer};

/// Tags on a page, whatever is asked for: so that pages are followed.
const PAGE: usize = 2;

/// How the registry takes what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writes {
    /// Not at all.
    #[default]
    Refused,
    /// It does, and knows nothing of referrers.
    Taken,
    /// It does, and keeps lists of referrers.
    WithReferrers,
}

/// What reading does not answer: a write, a list. `None` for everything else.
pub(super) fn handle(
    state: &mut RegistryState,
    parts: &Parts,
    body: &Bytes,
    rest: &str,
) -> Option<Answer> {
    let query = |name: &str| {
        crate::answer::query(parts.uri.query())
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    };
    if state.writes == Writes::Refused {
        return None;
    }
    if let Some((repository, upload)) = rest.split_once("/blobs/uploads/") {
        return Some(match (&parts.method, query("digest")) {
            (&Method::POST, _) if upload.is_empty() => {
                state.uploads += 1;
                // Relative, and with a query already, as registries have it.
                let place = format!("/v2/{repository}/blobs/uploads/{}?_state=open", state.uploads);
                answer(202, &[("location", &place), ("range", "0-0")], "")
            }
            (&Method::PUT, Some(named)) if named == digest(body) => {
                state
                    .blobs
                    .insert((repository.to_owned(), named.clone()), body.to_vec());
                answer(201, &[("docker-content-digest", &named)], "")
            }
            (&Method::PUT, named) => {
                error(400, "DIGEST_INVALID", "digest does not match", json!({"digest": named}))
            }
            _ => error(405, "UNSUPPORTED", "The operation is unsupported.", json!(null)),
        });
    }
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        return Some(tags(state, repository, query("last")));
    }
    if let Some((repository, image)) = rest.split_once("/referrers/") {
        let lists = state.writes == Writes::WithReferrers;
        return lists.then(|| json_answer(200, &state.referrers(repository, image)));
    }
    if let Some((repository, reference)) = rest.split_once("/manifests/")
        && parts.method == Method::PUT
    {
        return Some(put_manifest(state, parts, body, repository, reference));
    }
    None
}

fn put_manifest(
    state: &mut RegistryState,
    parts: &Parts,
    body: &Bytes,
    repository: &str,
    reference: &str,
) -> Answer {
    let invalid = |why: &str| error(400, "MANIFEST_INVALID", why, json!(null));
    let Ok(manifest) = serde_json::from_slice::<Value>(body) else {
        return invalid("no JSON");
    };
    let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
    for part in layers
        .iter()
        .chain([&manifest["config"]])
        .filter(|part| part.is_object())
    {
        let named = part["digest"].as_str().unwrap_or_default();
        let blob = state.blobs.get(&(repository.to_owned(), named.to_owned()));
        if blob.map(|bytes| bytes.len() as u64) != part["size"].as_u64() {
            return error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown", json!({"digest": named}));
        }
    }
    let actual = digest(body);
    if reference.starts_with("sha256:") && reference != actual {
        return error(400, "DIGEST_INVALID", "digest does not match", json!(null));
    }
    let media = parts
        .headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    let media = media.unwrap_or_default().to_owned();
    state
        .manifests
        .insert((repository.to_owned(), actual.clone()), (media, body.to_vec()));
    if !reference.starts_with("sha256:") {
        state
            .tags
            .insert((repository.to_owned(), reference.to_owned()), actual.clone());
    }
    let mut headers = vec![("docker-content-digest", actual.as_str())];
    if let Some(subject) = manifest["subject"]["digest"].as_str()
        && state.writes == Writes::WithReferrers
    {
        headers.push(("oci-subject", subject));
    }
    answer(201, &headers, "")
}

fn tags(state: &RegistryState, repository: &str, last: Option<String>) -> Answer {
    let all = state.tags.keys().filter(|(known, _)| known == repository);
    let rest: Vec<&String> = all
        .map(|(_, tag)| tag)
        .filter(|tag| last.as_ref().is_none_or(|last| *tag > last))
        .collect();
    let page: Vec<_> = rest.iter().take(PAGE).collect();
    let body = json!({"name": repository, "tags": page}).to_string();
    match page.last() {
        Some(last) if rest.len() > page.len() => {
            let next = format!("</v2/{repository}/tags/list?n={PAGE}&last={last}>; rel=\"next\"");
            answer(200, &[("content-type", "application/json"), ("link", &next)], body)
        }
        _ => answer(200, &[("content-type", "application/json")], body),
    }
}

impl RegistryState {
    /// The index of what refers to an image.
    pub(super) fn referrers(&self, repository: &str, image: &str) -> Value {
        let mut found = Vec::new();
        for ((known, digest), (media, bytes)) in &self.manifests {
            let manifest: Value = serde_json::from_slice(bytes).unwrap_or_default();
            if known == repository && manifest["subject"]["digest"] == image {
                found.push(json!({
                    "mediaType": media,
                    "digest": digest,
                    "size": bytes.len(),
                    "artifactType": manifest["artifactType"],
                    "annotations": manifest["annotations"],
                }));
            }
        }
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": found,
        })
    }
}
