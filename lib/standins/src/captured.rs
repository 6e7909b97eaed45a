//! What real servers were seen to answer: Gangway behind Envoy and nginx, Deck, a bucket, the API
//! server with Konflux's webhooks. Kept in `data/`, read by the tests of the stand-ins and of the
//! clients.
//!
//! `others.txt` beside the answers of a server holds what the clients must understand and no
//! stand-in gives, such as a proxy's page.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;

/// One exchange as it was captured.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    /// Its name, once for each file
    pub name: String,
    /// The request's method
    pub method: String,
    /// Path and query
    pub path: String,
    /// The request's headers, in order, names in lower case
    pub headers: Vec<(String, String)>,
    /// The request's body; `<N bytes>` for so many spaces
    pub body: String,
    /// What came back
    pub answer: Answer,
}

/// A captured answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code
    pub status: u16,
    /// Headers by name in lower case
    pub headers: BTreeMap<String, String>,
    /// The body without the white space at its end
    pub body: String,
}

impl Answer {
    /// The same as a client gets it. Its length is left out, as the end of the body was cut.
    ///
    /// # Panics
    /// The file has a header that HTTP does not allow.
    pub fn response(&self) -> Response<Bytes> {
        let headers = self.headers.iter().filter(|(name, _)| *name != "content-length");
        headers
            .fold(Response::builder().status(self.status), |response, (name, value)| {
                response.header(name, value)
            })
            .body(self.body.clone().into())
            .expect("a captured answer is one of HTTP")
    }
}

/// A captured file by its path below `data/`, such as `deck/prowjob-success.yaml`.
///
/// # Panics
/// There is no such file; only tests read them.
pub fn file(path: &str) -> String {
    let whole = format!("{}/data/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{whole}: {error}"))
}

/// The exchanges of a file below `data/`, such as `gangway/create.txt`.
///
/// Each is `# name`, `>>> METHOD PATH`, `>>> header: value`, the body, `<<<`, status line, headers,
/// an empty line, the body; an answer's body `@PATH` is another captured file.
///
/// # Panics
/// There is no such file, or it is written otherwise.
pub fn exchanges(path: &str) -> Vec<Exchange> {
    let text = file(path);
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
            .map(|(method, path)| (method.to_owned(), path.to_owned()))
            .expect("a method and a path");
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
        let body = body.join("\n").trim_end().to_owned();
        exchange.answer.body = body
            .strip_prefix('@')
            .map_or(body.clone(), |other| file(other).trim_end().to_owned());
        found.push(exchange);
    }
    found
}
