//! Gangway as it answers through Envoy, nginx and oauth-proxy.
//!
//! Order of the layers: sign-in (403, a page), limit (429), Envoy (413, 415, 400 without
//! `grpc-status`), Gangway.

mod create;
mod limit;
mod read;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderValue, Method};
use serde::Serialize;

use crate::World;
use crate::answer::{self, Answer, answer, decode, grpc, query, text};

/// Larger bodies are refused by Envoy.
const LARGEST_BODY: usize = 1 << 20; // 1 MiB

pub(crate) fn handle(world: &World, parts: &Parts, body: &Bytes) -> Answer {
    let token = bearer(parts);
    if !let_in(world, token) {
        return answer::sign_in(403);
    }
    if body.len() > LARGEST_BODY {
        return closing(text(413, "text/plain", "Payload Too Large"));
    }
    if let Some(refusal) = limit::refuse(world) {
        return refusal;
    }
    let path = parts.uri.path();
    if parts.method == Method::POST && path == "/v1/bulk-job-status-update" {
        // nobody but Prow's own people may use it
        return grpc(403, 7, "client is not authorized to execute the given job");
    }
    let Some(rest) = path.strip_prefix("/v1/executions") else {
        return answer(404, &[("server", "envoy")], "");
    };
    let rest = match rest.strip_prefix('/') {
        Some(rest) => rest,
        None if rest.is_empty() => "",
        None => return unsupported(parts),
    };
    if rest.contains('/') {
        return unsupported(parts);
    }
    let Some(name) = decode(rest) else {
        return closing(text(400, "text/plain", "bad escape"));
    };
    let pairs = query(parts.uri.query());
    match parts.method {
        Method::POST => create::create(world, parts, &name, &pairs, body, token),
        Method::GET if name.is_empty() => read::list(world, parts, &pairs),
        Method::GET => read::get(world, parts, &name, &pairs, body),
        _ => unsupported(parts),
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    parts
        .headers
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

fn let_in(world: &World, token: Option<&str>) -> bool {
    let state = world.prow_state();
    state.tokens.is_empty()
        || token.is_some_and(|token| {
            !token.is_empty() && state.tokens.iter().any(|known| known == token)
        })
}

/// What Envoy's transcoder does not know it passes on, and gRPC refuses its content type.
fn unsupported(parts: &Parts) -> Answer {
    let kind = parts
        .headers
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    grpc(415, 3, &format!("invalid gRPC request content-type {kind:?}"))
}

/// Envoy ends the connection after its own refusals.
fn closing(mut answer: Answer) -> Answer {
    answer
        .headers_mut()
        .insert("connection", HeaderValue::from_static("close"));
    answer
        .headers_mut()
        .insert("server", HeaderValue::from_static("envoy"));
    answer
}

/// A refusal of Envoy's transcoder: text, no `grpc-status`.
fn transcoder(words: impl Into<Bytes>) -> Answer {
    closing(text(400, "text/plain", words))
}

/// 200 with a body as Envoy prints it: one space of indent, a final newline.
fn ok(value: &impl Serialize) -> Answer {
    let mut out = Vec::new();
    let printer = serde_json::ser::PrettyFormatter::with_indent(b" ");
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut out, printer))
        .expect("plain data");
    let body = String::from_utf8(out).expect("JSON is UTF-8");
    let body = body.replace('<', "\\u003c").replace('>', "\\u003e") + "\n";
    answer(
        200,
        &[
            ("content-type", "application/json"),
            ("x-envoy-upstream-service-time", "5"),
            ("grpc-status", "0"),
            ("grpc-message", ""),
            ("server", "envoy"),
        ],
        body,
    )
}

/// Number and name of an enumeration's value, given as number, number in quotes, or name.
fn enumeration(given: &serde_json::Value, names: &[&'static str]) -> Option<&'static str> {
    match given {
        serde_json::Value::Number(number) => {
            names.get(usize::try_from(number.as_u64()?).ok()?).copied()
        }
        serde_json::Value::String(text) => match text.parse::<usize>() {
            Ok(number) => names.get(number).copied(),
            Err(_) => names.iter().find(|name| *name == text).copied(),
        },
        _ => None,
    }
}

const TYPES: [&str; 5] =
    ["JOB_EXECUTION_TYPE_UNSPECIFIED", "PERIODIC", "POSTSUBMIT", "PRESUBMIT", "BATCH"];
const STATUSES: [&str; 8] = [
    "JOB_EXECUTION_STATUS_UNSPECIFIED",
    "TRIGGERED",
    "PENDING",
    "SUCCESS",
    "FAILURE",
    "ABORTED",
    "ERROR",
    "SCHEDULING",
];
