//! A transport for tests that answers from a table and remembers what was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::http::{Body, Request, Response, SharedTransport, Transport, TransportError};

/// A run whose folder [`Canned::of_run`] serves.
pub const FOLDER: &str = "https://prow/view/gs/b/logs/a/1";

/// Answers by path (and query, where a key has one); what is not in the table is a plain 404.
#[derive(Debug, Default)]
pub struct Canned {
    answers: HashMap<String, Exchange>,
    /// What was asked, path and query, in order.
    pub asked: Mutex<Vec<String>>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

/// An answer.
pub fn exchange(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Exchange {
    Exchange { status, content_type, body: body.into() }
}

impl Canned {
    /// These objects of the run's folder [`FOLDER`], each by its path there.
    pub fn of_run(files: &[(&str, &str)]) -> Self {
        files.iter().fold(Self::default(), |canned, (path, content)| {
            let path = format!("/b/logs/a/1/{path}");
            canned.with(&path, exchange(200, "application/json", *content))
        })
    }

    /// One more answer.
    pub fn with(mut self, path: &str, answer: Exchange) -> Self {
        self.answers.insert(path.to_owned(), answer);
        self
    }

    /// As clients take it.
    pub fn shared(self) -> SharedTransport {
        Arc::new(self)
    }
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let path = request.url.path().to_owned();
        let whole = request
            .url
            .query()
            .map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        self.asked.lock().unwrap().push(whole.clone());
        let missing = exchange(404, "text/plain", "Not Found\n");
        let Exchange { status, content_type, body } = self
            .answers
            .get(&whole)
            .or_else(|| self.answers.get(&path))
            .cloned()
            .unwrap_or(missing);
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", content_type.parse().unwrap());
        Ok(Response { status, headers, body: Body::Bytes(body.into()) })
    }
}
