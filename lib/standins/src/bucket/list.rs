//! `GET /storage/v1/b/BUCKET/o`: names under a prefix, page by page.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{etag, exists};
use crate::World;
use crate::answer::{Answer, first, query, text};
use crate::prow::Stored;

/// Items and prefixes on a page unless `maxResults` says less.
const PAGE: usize = 1000;

pub(super) fn list(world: &World, bucket: &str, asked: Option<&str>) -> Answer {
    if !exists(world, bucket) {
        let error = json!({"error": {"code": 404, "message": "Not Found", "errors": [
            {"domain": "global", "reason": "notFound", "message": "Not Found"}]}});
        return lines(404, &error);
    }
    let pairs = query(asked);
    let prefix = first(&pairs, "prefix").unwrap_or_default();
    let delimiter = first(&pairs, "delimiter").filter(|delimiter| !delimiter.is_empty());
    let token = first(&pairs, "pageToken").unwrap_or_default();
    let start = first(&pairs, "startOffset").unwrap_or_default();
    let most = first(&pairs, "maxResults")
        .and_then(|n| n.parse().ok())
        .filter(|n| (1..=PAGE).contains(n))
        .unwrap_or(PAGE);
    let objects = world.prow_state().objects(bucket, prefix, world.now());
    let mut items: Vec<Value> = Vec::new();
    let mut prefixes: BTreeSet<String> = BTreeSet::new();
    let mut next = None;
    for (name, stored) in &objects {
        if name.as_str() < token || name.as_str() < start {
            continue;
        }
        let folder = delimiter.and_then(|delimiter| {
            let end = name[prefix.len()..].find(delimiter)? + prefix.len() + delimiter.len();
            Some(name[..end].to_owned())
        });
        if folder.as_ref().is_some_and(|folder| prefixes.contains(folder)) {
            continue;
        }
        if items.len() + prefixes.len() == most {
            next = Some(name.clone());
            break;
        }
        match folder {
            Some(folder) => {
                prefixes.insert(folder);
            }
            None => items.push(item(bucket, name, stored)),
        }
    }
    let mut page = json!({"kind": "storage#objects"});
    if !items.is_empty() {
        page["items"] = json!(items);
    }
    if !prefixes.is_empty() {
        page["prefixes"] = json!(prefixes);
    }
    if let Some(next) = next {
        page["nextPageToken"] = json!(next);
    }
    lines(200, &page)
}

/// Compact JSON and a newline.
fn lines(status: u16, body: &Value) -> Answer {
    text(status, "application/json", format!("{body}\n"))
}

fn item(bucket: &str, name: &str, stored: &Stored) -> Value {
    let updated = stored.updated.to_string();
    let mut item = json!({
        "kind": "storage#object",
        "name": name,
        "id": format!("{bucket}/{name}"),
        "bucket": bucket,
        "size": stored.bytes.len().to_string(),
        "contentType": stored.content_type,
        "etag": etag(stored),
        "storageClass": "STANDARD",
        "timeCreated": updated,
        "updated": updated,
        "generation": stored.updated.as_microsecond().to_string(),
        "metageneration": "1",
    });
    if stored.gzip {
        item["contentEncoding"] = json!("gzip");
    }
    item
}
