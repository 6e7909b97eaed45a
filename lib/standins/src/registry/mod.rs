//! An OCI registry: manifests by digest and tag, blobs, basic and bearer authentication. Where a
//! test says so, it is written to as well.

mod image;
mod write;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde_json::{Value, json};

pub use image::{ImageBuilder, Media};
pub use write::Writes;

use crate::World;
use crate::answer::{Answer, answer, json_answer};

/// Who may read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Access {
    /// Everybody.
    #[default]
    Open,
    /// Who sends this base64 of `user:password`.
    Basic(String),
    /// Who fetched a token; with the base64 of `user:password` if there is one, otherwise
    /// anonymously.
    Bearer(Option<String>),
}

#[derive(Debug, Default)]
pub(crate) struct RegistryState {
    /// Repository and digest, to media type and bytes.
    manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    blobs: BTreeMap<(String, String), Vec<u8>>,
    tags: BTreeMap<(String, String), String>,
    access: Access,
    writes: Writes,
    uploads: usize,
    tokens: Tokens,
}

/// The token that is good at the moment.
#[derive(Debug, Default)]
struct Tokens {
    /// How many requests one is good for.
    lasts: Option<usize>,
    /// How many it was shown with.
    shown: usize,
    /// How many there were before.
    spent: usize,
}

impl Tokens {
    fn now(&self) -> String {
        match self.spent {
            0 => SESSION_TOKEN.to_owned(),
            spent => format!("{SESSION_TOKEN}-{spent}"),
        }
    }

    /// Whether a token is good for one more request.
    fn take(&mut self, token: Option<&str>) -> bool {
        let good = token == Some(self.now().as_str());
        self.shown += usize::from(good);
        if good && self.lasts.is_some_and(|lasts| self.shown > lasts) {
            self.spent += 1;
            self.shown = 0;
            return false;
        }
        good
    }
}

/// An image in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRef {
    /// `acme/hypershift-operator-main`.
    pub repository: String,
    /// `sha256:…` of the manifest or index.
    pub digest: String,
    /// Digest of the manifest of each platform, such as `linux/amd64`.
    pub platforms: BTreeMap<String, String>,
    /// Digests of configurations and layers.
    pub blobs: Vec<String>,
}

impl ImageRef {
    /// `HOST/REPOSITORY@sha256:…`
    pub fn at(&self, host: &str) -> String {
        format!("{host}/{}@{}", self.repository, self.digest)
    }
}

/// The registry as a test or rehearsal arranges it.
pub struct Registry(pub(crate) World);

impl Registry {
    /// Pushes an image.
    pub fn push(&self, image: &ImageBuilder) -> ImageRef {
        let built = image.build();
        let repository = image.repository.clone();
        let digest = built
            .manifests
            .last()
            .map(|(digest, _, _)| digest.clone())
            .unwrap_or_default();
        let blobs = built.blobs.iter().map(|(digest, _)| digest.clone()).collect();
        let mut state = self.0.registry_state();
        for (digest, media, bytes) in built.manifests {
            state
                .manifests
                .insert((repository.clone(), digest), (media.to_owned(), bytes));
        }
        for (digest, bytes) in built.blobs {
            state.blobs.insert((repository.clone(), digest), bytes);
        }
        for tag in &image.tags {
            state.tags.insert((repository.clone(), tag.clone()), digest.clone());
        }
        ImageRef { repository, digest, platforms: built.platforms, blobs }
    }

    /// Forgets a manifest or blob, in every repository.
    pub fn remove(&self, digest: &str) {
        let mut state = self.0.registry_state();
        state.manifests.retain(|(_, known), _| known != digest);
        state.blobs.retain(|(_, known), _| known != digest);
    }

    /// Changes one byte of a manifest or blob, so that it no longer has its digest.
    pub fn corrupt(&self, digest: &str) {
        let mut state = self.0.registry_state();
        let spoil = |bytes: &mut Vec<u8>| {
            // white space at the end keeps JSON readable: only the digest tells
            if let Some(last) = bytes.last_mut() {
                if *last == b'}' { bytes.push(b'\n') } else { *last ^= 1 }
            }
        };
        state
            .manifests
            .iter_mut()
            .filter(|((_, known), _)| known == digest)
            .for_each(|(_, (_, bytes))| spoil(bytes));
        state
            .blobs
            .iter_mut()
            .filter(|((_, known), _)| known == digest)
            .for_each(|(_, bytes)| spoil(bytes));
    }

    /// Lets a token of its token service be good for so many requests; the next one needs another.
    pub fn token_lasts(&self, requests: usize) {
        self.0.registry_state().tokens.lasts = Some(requests);
    }

    /// Sets whether it takes what is written.
    pub fn writes(&self, writes: Writes) {
        self.0.registry_state().writes = writes;
    }

    /// The tags of a repository, with what each shows at the moment.
    pub fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        let state = self.0.registry_state();
        let tags = state.tags.iter().filter(|((known, _), _)| known == repository);
        tags.map(|((_, tag), digest)| (tag.clone(), digest.clone())).collect()
    }

    /// The manifests of a repository, as JSON.
    pub fn manifests(&self, repository: &str) -> Vec<Value> {
        let state = self.0.registry_state();
        let all = state.manifests.iter().filter(|((known, _), _)| known == repository);
        all.filter_map(|(_, (_, bytes))| serde_json::from_slice(bytes).ok())
            .collect()
    }

    /// Sets who may read.
    pub fn access(&self, access: Access) {
        self.0.registry_state().access = access;
    }
}

/// The token that the registry's token service hands out.
pub const SESSION_TOKEN: &str = "session-token-of-the-standin-registry";

pub(crate) fn handle(world: &World, parts: &Parts, body: &Bytes) -> Answer {
    let mut state = world.registry_state();
    let path = parts.uri.path();
    let sent = parts
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if path == "/token" {
        return match &state.access {
            Access::Bearer(Some(wanted)) if sent.strip_prefix("Basic ") != Some(wanted) => {
                error(401, "UNAUTHORIZED", "authentication required", json!(null))
            }
            _ => {
                let token = state.tokens.now();
                json_answer(200, &json!({"token": token, "access_token": token, "expires_in": 300}))
            }
        };
    }
    let Some(rest) = path.strip_prefix("/v2/") else {
        return answer(
            404,
            &[("content-type", "text/plain; charset=utf-8")],
            "404 page not found\n",
        );
    };
    let host = parts
        .headers
        .get("host")
        .and_then(|host| host.to_str().ok())
        .unwrap_or("registry");
    let place = place(rest);
    let scope = place
        .as_ref()
        .map(|(repository, _, _)| *repository)
        .unwrap_or_default();
    let challenge = match state.access.clone() {
        Access::Open => None,
        Access::Basic(wanted) => {
            (sent.strip_prefix("Basic ") != Some(wanted.as_str())).then(|| "Basic realm=\"standin\"".to_owned())
        }
        Access::Bearer(_) => (!state.tokens.take(sent.strip_prefix("Bearer "))).then(|| {
            format!("Bearer realm=\"http://{host}/token\",service=\"standin\",scope=\"repository:{scope}:pull\"")
        }),
    };
    if let Some(challenge) = challenge {
        let mut refusal = error(401, "UNAUTHORIZED", "authentication required", json!(null));
        refusal
            .headers_mut()
            .insert("www-authenticate", challenge.parse().expect("a header value"));
        return refusal;
    }
    if let Some(answer) = write::handle(&mut state, parts, body, rest) {
        return answer;
    }
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return error(405, "UNSUPPORTED", "The operation is unsupported.", json!(null));
    }
    if rest.is_empty() {
        return json_answer(200, &json!({}));
    }
    let Some((repository, what, reference)) = place else {
        return error(
            404,
            "NAME_UNKNOWN",
            "repository name not known to registry",
            json!({"name": rest}),
        );
    };
    match what {
        "manifests" => {
            let key = (repository.to_owned(), reference.to_owned());
            let digest = state.tags.get(&key).cloned().unwrap_or(key.1);
            match state.manifests.get(&(repository.to_owned(), digest.clone())) {
                Some((media, bytes)) => answer(
                    200,
                    &[
                        ("content-type", media.as_str()),
                        ("docker-content-digest", &digest),
                        ("docker-distribution-api-version", "registry/2.0"),
                    ],
                    bytes.clone(),
                ),
                None => error(
                    404,
                    "MANIFEST_UNKNOWN",
                    "manifest unknown",
                    json!({"name": repository, "revision": digest}),
                ),
            }
        }
        _ => match state.blobs.get(&(repository.to_owned(), reference.to_owned())) {
            Some(bytes) => answer(
                200,
                &[
                    ("content-type", "application/octet-stream"),
                    ("docker-content-digest", reference),
                ],
                bytes.clone(),
            ),
            None => {
                error(404, "BLOB_UNKNOWN", "blob unknown to registry", json!({"digest": reference}))
            }
        },
    }
}

/// Repository, `manifests` or `blobs`, and reference.
fn place(rest: &str) -> Option<(&str, &str, &str)> {
    let (before, reference) = rest.rsplit_once('/')?;
    let (repository, what) = before.rsplit_once('/')?;
    matches!(what, "manifests" | "blobs").then_some((repository, what, reference))
}

fn error(status: u16, code: &str, message: &str, detail: Value) -> Answer {
    let mut refusal = json_answer(
        status,
        &json!({"errors": [{"code": code, "message": message, "detail": detail}]}),
    );
    refusal
        .headers_mut()
        .insert("docker-distribution-api-version", http::HeaderValue::from_static("registry/2.0"));
    refusal
}
