//! Captured exchanges: reading them, and holding a server's answer against them.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use standins::{Broken, Server, World};

/// One exchange as it was captured.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    pub name: String,
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub answer: Answer,
}

/// What is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// Reads `# name`, `>>> METHOD PATH`, `>>> header: value`, body, `<<<`, the answer; and again.
pub fn read(text: &str) -> Vec<Exchange> {
    let mut found: Vec<Exchange> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("# ") else { continue };
        let mut exchange = Exchange { name: name.to_owned(), ..Exchange::default() };
        let first = lines
            .next()
            .and_then(|line| line.strip_prefix(">>> "))
            .expect("a request line");
        (exchange.method, exchange.path) = first
            .split_once(' ')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        while let Some((key, value)) = lines
            .peek()
            .and_then(|line| line.strip_prefix(">>> ")?.split_once(": "))
        {
            exchange.headers.push((key.to_lowercase(), value.to_owned()));
            lines.next();
        }
        let body: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("<<<")).collect();
        exchange.body = body.join("\n");
        let status = lines.next().expect("a status line");
        exchange.answer.status = status
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .expect("a status code");
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let (key, value) = line.split_once(':').expect("a header");
            exchange
                .answer
                .headers
                .insert(key.to_lowercase(), value.trim().to_owned());
        }
        let mut body = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("# ")) {
            body.push(line);
        }
        exchange.answer.body = body.join("\n").trim_end().to_owned();
        found.push(exchange);
    }
    found
}

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
