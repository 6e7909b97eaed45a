//! A transport to servers in this process, for simulations and tests: no socket, and with tokio's
//! paused time no waiting either.

use std::fmt;
use std::io::{self, Cursor, Read};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::read::GzDecoder;
use futures::future::BoxFuture;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH};

use super::base_url::host_of;
use super::{Body, Request, Response, Transport, TransportError};

/// Answers a request, or `None`: the connection ended after the request was sent and before any
/// answer.
type Server =
    dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, Option<http::Response<Bytes>>> + Send + Sync;

/// Hands requests to a function instead of a network, which answers as a server would; for
/// simulations and tests.
///
/// As over the network, an answer that does not come within the request's timeout is
/// [`TransportError::TimedOut`] (by tokio's clock), a gzipped body is unpacked, and a body shorter
/// than its Content-Length breaks off when it is read. The request carries its whole address, so
/// that one function can be several servers.
#[derive(Clone)]
pub struct InProcessTransport(Arc<Server>);

impl InProcessTransport {
    /// A transport whose server is `answer`.
    pub fn new<F>(answer: F) -> Self
    where
        F: Fn(http::Request<Bytes>) -> BoxFuture<'static, Option<http::Response<Bytes>>>
            + Send
            + Sync
            + 'static,
    {
        Self(Arc::new(answer))
    }
}

impl fmt::Debug for InProcessTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcessTransport")
    }
}

#[async_trait]
impl Transport for InProcessTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let Request { method, url, headers, token, body, timeout } = request;
        let host = host_of(&url);
        let mut builder = http::Request::builder().method(method).uri(url.as_str());
        for (name, value) in &headers {
            builder = builder.header(name, value);
        }
        if let Some(token) = &token {
            builder = builder.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let request = builder
            .header(ACCEPT_ENCODING, "gzip")
            .body(body.unwrap_or_default())
            .map_err(|source| TransportError::NotSent {
                host: host.clone(),
                source: source.into(),
            })?;
        match tokio::time::timeout(timeout, (self.0)(request)).await {
            Err(_) => Err(TransportError::TimedOut { host, after: timeout }),
            Ok(None) => {
                Err(TransportError::Lost { host, source: "closed before an answer came".into() })
            }
            Ok(Some(answer)) => Ok(received(answer)),
        }
    }
}

fn received(answer: http::Response<Bytes>) -> Response {
    let (head, bytes) = answer.into_parts();
    let promised = head
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let cut_off = promised.is_some_and(|promised| promised > bytes.len());
    let gzipped = head
        .headers
        .get(CONTENT_ENCODING)
        .is_some_and(|value| value == "gzip");
    let body = match (cut_off, gzipped) {
        (false, false) => Body::Bytes(bytes),
        (true, false) => Body::Reader(Box::new(Cursor::new(bytes).chain(BrokenOff))),
        (false, true) => Body::Reader(Box::new(GzDecoder::new(Cursor::new(bytes)))),
        (true, true) => Body::Reader(Box::new(GzDecoder::new(Cursor::new(bytes).chain(BrokenOff)))),
    };
    Response { status: head.status.as_u16(), headers: head.headers, body }
}

/// What is read where a connection ended too early.
struct BrokenOff;

impl Read for BrokenOff {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from(io::ErrorKind::UnexpectedEof))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;
    use std::time::Duration;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn server() -> InProcessTransport {
        InProcessTransport::new(|request| {
            Box::pin(async move {
                let text = |text: &str| http::Response::new(Bytes::from(text.to_owned()));
                match request.uri().path() {
                    "/dropped" => None,
                    "/stalled" => std::future::pending().await,
                    "/gzip" => {
                        let answer = http::Response::builder().header("content-encoding", "gzip");
                        Some(answer.body(gzip("unpacked").into()).unwrap())
                    }
                    "/cut" => Some(
                        http::Response::builder()
                            .header("content-length", "9")
                            .body("begin".into())
                            .unwrap(),
                    ),
                    "/token" => Some(text(request.headers()["authorization"].to_str().unwrap())),
                    other => {
                        Some(text(&format!("{} {other} {:?}", request.method(), request.body())))
                    }
                }
            })
        })
    }

    async fn ask(path: &str) -> Result<String, TransportError> {
        let url = format!("http://host.test{path}").parse().unwrap();
        let request =
            Request::get(url, Duration::from_secs(30)).bearer(Some(Secret::new("sha256~x")));
        let bytes = server().send(request).await?.bytes(1000).await?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn answers_as_a_connection_would() {
        assert_eq!(ask("/x").await.unwrap(), "GET /x b\"\"");
        assert_eq!(ask("/token").await.unwrap(), "Bearer sha256~x");
        assert_eq!(ask("/gzip").await.unwrap(), "unpacked");
        assert!(matches!(ask("/dropped").await, Err(TransportError::Lost { .. })));
        assert!(matches!(ask("/stalled").await, Err(TransportError::TimedOut { .. })));
        assert!(matches!(ask("/cut").await, Err(TransportError::Lost { .. })));
    }
}
