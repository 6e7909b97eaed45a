//! Holding a server's answer against the captured one.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use standins::captured::{Answer, Exchange};
use standins::{Broken, Server, World};

/// Asks a server the same, and gives what it answered, in the captured headers' names only.
pub fn ask(world: &World, server: Server, exchange: &Exchange) -> Result<Answer, Broken> {
    let mut request = Request::builder()
        .method(exchange.method.as_str())
        .uri(&exchange.path);
    for (name, value) in &exchange.headers {
        request = request.header(name, value);
    }
    let named = exchange.headers.iter().any(|(name, _)| name == "content-type");
    if !exchange.body.is_empty() && !named {
        request = request.header("content-type", "application/json");
    }
    let body = match exchange
        .body
        .strip_suffix(" bytes>")
        .and_then(|text| text.strip_prefix('<')?.parse().ok())
    {
        Some(size) => vec![b' '; size],
        None => exchange.body.clone().into_bytes(),
    };
    let answer = world
        .direct(server)
        .ask_blocking(request.body(Bytes::from(body)).unwrap())?;
    let (parts, body) = answer.into_parts();
    let mut headers = BTreeMap::new();
    for name in exchange.answer.headers.keys() {
        let value = match name.as_str() {
            // what hyper adds on a socket
            "content-length" => Some(body.len().to_string()),
            _ => parts
                .headers
                .get(name)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        };
        headers.insert(name.clone(), value.unwrap_or_else(|| "(absent)".into()));
    }
    let body = String::from_utf8_lossy(&body).trim_end().to_owned();
    Ok(Answer { status: parts.status.as_u16(), headers, body })
}

/// The same answer with ids, times, build ids and the order of keys made alike.
pub fn alike(answer: Answer) -> Answer {
    let headers = answer
        .headers
        .into_iter()
        .map(|(name, value)| (name, plain(&value)))
        .collect();
    let body = plain(&answer.body);
    // the order of a map's keys is nobody's promise; the printing shows in the length
    let body =
        serde_json::from_str::<serde_json::Value>(&body).map_or(body, |value| value.to_string());
    Answer { headers, body, ..answer }
}

fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let shape = |model: &str| {
            rest.len() >= model.len()
                && rest.is_char_boundary(model.len())
                && rest.bytes().zip(model.bytes()).all(|(byte, kind)| match kind {
                    b'x' => byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase(),
                    b'0' => byte.is_ascii_digit(),
                    other => byte == other,
                })
        };
        let found = [
            ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "ID"),
            ("0000-00-00T00:00:00Z", "TIME"),
            ("0000000000000000000", "BUILD"),
        ]
        .into_iter()
        .find(|(model, _)| shape(model));
        match found {
            Some((model, word)) => {
                out.push_str(word);
                rest = &rest[model.len()..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}
