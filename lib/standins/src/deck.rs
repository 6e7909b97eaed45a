//! Deck: `/prowjob` reads one ProwJob freshly, `/prowjobs.js` shows a list up to 30 s old.

use std::io::Write;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::request::Parts;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::World;
use crate::answer::{Answer, answer, bad_resource_name, first, go_error, query, quoted};
use crate::prow::{Run, yaml};

/// Smaller answers are never compressed.
const SMALLEST_GZIP: usize = 1400;

pub(crate) fn handle(world: &World, parts: &Parts, _body: &Bytes) -> Answer {
    let mut answer = match parts.uri.path() {
        "/prowjob" => prowjob(world, parts),
        "/prowjobs.js" => prowjobs(world, parts),
        _ => return go_error(404, "404 page not found\n"),
    };
    answer
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    answer
}

fn prowjob(world: &World, parts: &Parts) -> Answer {
    let pairs = query(parts.uri.query());
    let id = match first(&pairs, "prowjob") {
        Some(id) if !id.is_empty() => id,
        _ => {
            return go_error(400, "request did not provide the 'prowjob' query parameter\n");
        }
    };
    let now = world.now();
    let state = world.prow_state();
    let refuse = |why: String| go_error(404, format!("ProwJob not found: {why}\n"));
    if let Some(words) = bad_resource_name(id) {
        return refuse(words);
    }
    if state.api_lost.is_some() {
        return refuse(format!(
            "Get \"https://198.18.0.2:6443/apis/prow.k8s.io/v1/namespaces/ci/prowjobs/{id}\": dial tcp 198.18.0.2:6443: connect: connection refused"
        ));
    }
    let Some(run) = state.run(id, now) else {
        return refuse(format!("prowjobs.prow.k8s.io {} not found", quoted(id)));
    };
    let mut document = state.document(run, now);
    // Deck prints the object without its type
    if let Some(map) = document.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
    }
    found(parts, "text/plain", yaml::print(&document))
}

fn prowjobs(world: &World, parts: &Parts) -> Answer {
    let pairs = query(parts.uri.query());
    let state = world.prow_state();
    let at = list_time(world, state.api_lost.unwrap_or_else(|| world.now()));
    let mut runs: Vec<&Run> = state
        .runs
        .iter()
        .filter(|run| run.exists(at) && !run.hidden && run.tenant == "GlobalDefaultID")
        .collect();
    runs.sort_by_key(|run| std::cmp::Reverse((run.created(), run.number)));
    let omit = first(&pairs, "omit").unwrap_or_default();
    let items: Vec<Value> = runs
        .iter()
        .map(|run| without(state.document(run, at), omit))
        .collect();
    let body = json!({ "items": items }).to_string();
    let body = match first(&pairs, "var") {
        Some(name) if !name.is_empty() => format!("var {name} = {body};"),
        _ => body,
    };
    found(parts, "application/json", body)
}

/// When the list was read that Deck shows at `now`.
fn list_time(world: &World, now: Timestamp) -> Timestamp {
    let period = i128::try_from(world.prow().list_period().as_nanos())
        .unwrap_or(1)
        .max(1);
    let age = (now.as_nanosecond() - world.born().as_nanosecond()).rem_euclid(period);
    Timestamp::from_nanosecond(now.as_nanosecond() - age).unwrap_or(now)
}

fn without(mut document: Value, omit: &str) -> Value {
    for what in omit.split(',') {
        match what {
            "annotations" | "labels" => {
                document["metadata"]
                    .as_object_mut()
                    .map(|metadata| metadata.remove(what));
            }
            "decoration_config" => {
                document["spec"].as_object_mut().map(|spec| spec.remove(what));
            }
            "pod_spec" => {
                document["spec"]["pod_spec"] =
                    json!({"containers": [{"name": "", "resources": {}}]})
            }
            _ => {}
        }
    }
    document
}

fn found(parts: &Parts, content_type: &str, body: String) -> Answer {
    let headers = [
        ("cache-control", "no-store, must-revalidate"),
        ("content-type", content_type),
        ("expires", "0"),
    ];
    let accepts = parts
        .headers
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if parts.method == Method::HEAD || !accepts.contains("gzip") || body.len() < SMALLEST_GZIP {
        return answer(200, &headers, body);
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body.as_bytes()).expect("writing to memory");
    let mut answer = answer(200, &headers, encoder.finish().expect("writing to memory"));
    answer
        .headers_mut()
        .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    answer
}
