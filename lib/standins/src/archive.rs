//! KubeArchive: objects that are no longer in the cluster, with its own ways of saying so.
//!
//! As observed on the real one: 400 without a token and 401 for everything refused, 200 with
//! nothing for a wrong group or version, lists newest first, a page's token that holds nothing but
//! a place, and lists that break off as a regular 200.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde_json::{Value, json};

use crate::World;
use crate::answer::{Answer, first, json_answer, query, text};

const OBJECTS: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct ArchiveState {
    objects: Vec<Value>,
    /// Tokens with the right to list; any token has it while there is none.
    tokens: BTreeMap<String, bool>,
    breaking_off: u32,
    /// Row ids: later archived, higher.
    rows: u64,
}

/// KubeArchive as a test sees it.
pub struct Archive(pub(crate) World);

impl Archive {
    /// Archives an object. One with the uid of an archived one takes its place.
    ///
    /// # Panics
    /// If it has no kind, apiVersion, name or uid.
    pub fn put(&self, mut object: Value) {
        for field in ["kind", "apiVersion"] {
            assert!(object[field].is_string(), "an archived object needs {field}");
        }
        let uid = object["metadata"]["uid"]
            .as_str()
            .expect("an archived object needs a uid")
            .to_owned();
        assert!(object["metadata"]["name"].is_string(), "an archived object needs a name");
        let mut state = self.0.archive_state();
        state.rows += 1;
        let row = state.rows;
        match state
            .objects
            .iter_mut()
            .find(|known| known["metadata"]["uid"] == uid.as_str())
        {
            Some(known) => {
                object["row"] = known["row"].clone();
                *known = object;
            }
            None => {
                object["row"] = json!(row);
                state.objects.push(object);
            }
        }
    }

    /// Lets a token list objects, or not; other tokens are not known any more.
    pub fn token(&self, token: &str, may_list: bool) {
        self.0.archive_state().tokens.insert(token.to_owned(), may_list);
    }

    /// Breaks the next so many lists off after their first object: a regular 200 all the same.
    pub fn break_off(&self, lists: u32) {
        self.0.archive_state().breaking_off = lists;
    }
}

fn says(status: u16, message: &str) -> Answer {
    text(status, "application/json; charset=utf-8", json!({"message": message}).to_string())
}

pub(crate) fn handle(world: &World, parts: &Parts, _: &Bytes) -> Answer {
    let path: Vec<&str> = parts.uri.path().split('/').collect();
    let ["", "apis", group, version, "namespaces", namespace, plural] = path.as_slice() else {
        return text(404, "text/plain", "404 page not found");
    };
    if parts.method != Method::GET {
        return text(404, "text/plain", "404 page not found");
    }
    let mut state = world.archive_state();
    let header = parts
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let Some((_, token)) = header.split_once(' ') else {
        return says(400, "empty authorization bearer token given");
    };
    match state.tokens.get(token) {
        None if !state.tokens.is_empty() => return says(401, "authentication failed"),
        Some(false) => return says(401, "unauthorized"),
        _ => {}
    }
    let pairs = query(parts.uri.query());
    let limit = match first(&pairs, "limit").map(str::parse::<usize>) {
        None => OBJECTS,
        Some(Ok(limit @ 1..=1000)) => limit,
        Some(_) => return says(400, "bad limit parameter"),
    };
    let after = match first(&pairs, "continue").filter(|token| !token.is_empty()) {
        None => None,
        Some(token) => match place(token) {
            Some(place) => Some(place),
            None => return says(400, "bad continue token"),
        },
    };
    let labels = match terms(first(&pairs, "labelSelector").unwrap_or_default()) {
        Ok(labels) => labels,
        Err(message) => return says(400, &message),
    };
    let since = first(&pairs, "creationTimestampAfter").unwrap_or_default();
    let is_time = since.len() >= 20 && since.as_bytes()[10] == b'T';
    if !since.is_empty() && !is_time {
        return says(
            400,
            &format!(
                "invalid creationTimestampAfter format: {since}. Expected RFC3339 format (e.g., 2023-01-01T12:00:00Z)"
            ),
        );
    }
    let kind_of = |object: &Value| {
        object["kind"]
            .as_str()
            .map(|kind| kind.to_lowercase() + "s")
            .unwrap_or_default()
    };
    let created = |object: &Value| {
        object["metadata"]["creationTimestamp"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let mut found: Vec<&Value> = state
        .objects
        .iter()
        .filter(|object| kind_of(object) == *plural)
        // Only the exact version that was archived; another one is an empty list.
        .filter(|object| object["apiVersion"] == format!("{group}/{version}"))
        .filter(|object| object["metadata"]["namespace"] == **namespace)
        .filter(|object| {
            labels
                .iter()
                .all(|(key, value)| object["metadata"]["labels"][key] == value.as_str())
        })
        // Compared as text, whatever zone it names.
        .filter(|object| since.is_empty() || created(object).as_str() > since)
        .collect();
    let order = |object: &Value| (created(object), object["row"].as_u64().unwrap_or(0));
    found.sort_by_key(|object| std::cmp::Reverse(order(object)));
    if let Some(after) = &after {
        found.retain(|object| order(object) < *after);
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| more)
        .map(|object| hex(&order(object)))
        .unwrap_or_default();
    let items: Vec<Value> = found
        .into_iter()
        .map(|object| {
            let mut object = object.clone();
            object.as_object_mut().expect("an object").remove("row");
            object
        })
        .collect();
    if state.breaking_off > 0 {
        state.breaking_off -= 1;
        let head = items.first().map(ToString::to_string).unwrap_or_default();
        return text(
            200,
            "application/json",
            format!("{{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [{head}"),
        );
    }
    json_answer(
        200,
        &json!({"kind": "List", "apiVersion": "v1", "items": items, "metadata": {"continue": next}}),
    )
}

/// Single `key=value` terms; of two with one key the last counts, as in the real one.
fn terms(selector: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for term in selector.split(',').filter(|term| !term.is_empty()) {
        match term.split_once('=') {
            Some((_, value)) if value.starts_with('=') => {
                return Err("unsupported label filter ==".to_owned());
            }
            Some((key, value)) => found.insert(key.to_owned(), value.to_owned()),
            None => return Err(format!("the stand-in reads key=value only, not {term:?}")),
        };
    }
    Ok(found)
}

fn hex((created, row): &(String, u64)) -> String {
    format!("{row} {created}")
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn place(token: &str) -> Option<(String, u64)> {
    let pairs = (0..token.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(token.get(at..at + 2)?, 16).ok());
    let text = String::from_utf8(pairs.collect::<Option<Vec<_>>>()?).ok()?;
    let (row, created) = text.split_once(' ')?;
    Some((created.to_owned(), row.parse().ok()?))
}
