//! The artifact bucket: objects by path, and the JSON API's list.

mod list;

use std::io::Read;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT_ENCODING, RANGE};
use http::request::Parts;
use sha2::{Digest, Sha256};

use crate::World;
use crate::answer::{Answer, answer, decode, go_error};
use crate::prow::Stored;

pub(crate) fn handle(world: &World, parts: &Parts, _body: &Bytes) -> Answer {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return go_error(405, "Method Not Allowed\n");
    }
    let path = parts.uri.path();
    if let Some(rest) = path.strip_prefix("/storage/v1/b/") {
        return match rest.split_once('/') {
            Some((bucket, "o")) => list::list(world, bucket, parts.uri.query()),
            _ => go_error(404, "404 page not found\n"),
        };
    }
    let Some((bucket, name)) = path.trim_start_matches('/').split_once('/') else {
        return go_error(404, "Not Found\n");
    };
    let Some(name) = decode(name) else {
        return go_error(400, "Bad Request\n");
    };
    let objects = world.prow_state().objects(bucket, &name, world.now());
    match objects.get(&name) {
        Some(stored) => object(parts, stored),
        None => go_error(404, "Not Found\n"),
    }
}

/// Whether anything ever was in a bucket, or Prow uploads to it.
fn exists(world: &World, bucket: &str) -> bool {
    let state = world.prow_state();
    state.bucket == bucket || state.stored.keys().any(|(of, _)| of == bucket)
}

fn etag(stored: &Stored) -> String {
    Sha256::digest(&stored.bytes)
        .iter()
        .take(12)
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn object(parts: &Parts, stored: &Stored) -> Answer {
    let header =
        |name: http::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let accepts = header(ACCEPT_ENCODING).unwrap_or_default().contains("gzip");
    let unpack = stored.gzip && !accepts;
    let bytes = if unpack { unpacked(&stored.bytes) } else { stored.bytes.clone() };
    let tag = format!("\"{}\"", etag(stored));
    let length = stored.bytes.len().to_string();
    let modified = stored.updated.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let generation = stored.updated.as_microsecond().to_string();
    let mut headers = vec![
        ("accept-ranges", "bytes"),
        ("access-control-allow-origin", "*"),
        ("content-type", stored.content_type),
        ("etag", tag.as_str()),
        ("last-modified", modified.as_str()),
        ("x-goog-generation", generation.as_str()),
        ("x-goog-stored-content-encoding", if stored.gzip { "gzip" } else { "identity" }),
        ("x-goog-stored-content-length", length.as_str()),
    ];
    if stored.gzip && accepts {
        headers.push(("content-encoding", "gzip"));
    }
    // a range of something that is unpacked on the way is ignored
    let Some(range) = header(RANGE).filter(|_| !unpack) else {
        return answer(200, &headers, bytes);
    };
    let total = bytes.len();
    match slice(range, total) {
        Some((from, to)) => {
            let span = format!("bytes {from}-{}/{total}", to.saturating_sub(1));
            headers.push(("content-range", span.as_str()));
            answer(206, &headers, bytes[from..to].to_vec())
        }
        None => {
            let span = format!("bytes */{total}");
            let body = format!(
                "<?xml version='1.0' encoding='UTF-8'?><Error><Code>InvalidRange</Code><Message>The requested range cannot be satisfied.</Message><Details>{range}</Details></Error>"
            );
            headers.retain(|(name, _)| {
                *name != "content-type" && *name != "x-goog-stored-content-encoding"
            });
            headers.extend([
                ("content-type", "application/xml; charset=UTF-8"),
                ("content-range", span.as_str()),
            ]);
            answer(416, &headers, body)
        }
    }
}

/// The bytes that a range header names, if there are any.
fn slice(range: &str, total: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    match (from, to) {
        ("", last) => Some((total.saturating_sub(last.parse().ok()?), total)),
        (from, "") => Some((from.parse().ok()?, total)),
        (from, to) => Some((from.parse().ok()?, (to.parse::<usize>().ok()? + 1).min(total))),
    }
    .filter(|(from, to)| from < to)
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .read_to_end(&mut out)
        .expect("our own gzip");
    out
}
