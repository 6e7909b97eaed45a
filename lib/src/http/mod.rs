//! One way to speak HTTP: requests and answers as values, and what a failure says about whether the
//! server saw the request.
//!
//! Clients take a [`SharedTransport`], so that they can be run against a server in the same process
//! ([`InProcessTransport`]) as well as against a real one ([`UreqTransport`]).

mod base_url;
mod in_process;
mod roots;
mod ureq_transport;
mod with_token;

use std::fmt;
use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

pub use base_url::{BaseUrl, BaseUrlError};
pub(crate) use base_url::{host_of, is_loopback};
pub use in_process::InProcessTransport;
pub use roots::{RootsError, extra_certificates, usual_certificates};
pub use ureq_transport::UreqTransport;
pub use with_token::with_token;

use crate::secret::Secret;

/// A transport that many clients share.
pub type SharedTransport = Arc<dyn Transport>;

/// A request. Redirects are never followed, since they would carry the token to another host.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    /// The whole address.
    pub url: Url,
    /// Headers besides the credentials.
    pub headers: HeaderMap,
    /// The bearer token, if one goes along.
    pub token: Option<Secret>,
    pub body: Option<Bytes>,
    /// How long the whole exchange may take; wall time, never scaled.
    pub timeout: Duration,
}

impl Request {
    /// A GET that may take `timeout`.
    pub fn get(url: Url, timeout: Duration) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            token: None,
            body: None,
            timeout,
        }
    }

    /// A POST of JSON that may take `timeout`.
    pub fn post_json(url: Url, body: impl Into<Bytes>, timeout: Duration) -> Self {
        let request =
            Self { method: Method::POST, body: Some(body.into()), ..Self::get(url, timeout) };
        request.header(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// The same request with a bearer token.
    pub fn bearer(self, token: Option<Secret>) -> Self {
        Self { token, ..self }
    }

    /// The same request with one more header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// An answer, its body yet to be read.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    pub headers: HeaderMap,
    /// The body; unpacked where the server sent it gzipped.
    pub body: Body,
}

impl Response {
    /// A header's text, or "" where it is absent or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether the answer calls itself a page for people: a sign-in page or a proxy's error page.
    pub fn is_html(&self) -> bool {
        self.header("content-type").starts_with("text/html")
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// [`TransportError::TooLarge`] beyond `limit` bytes, [`TransportError::Lost`] when it breaks
    /// off.
    pub async fn bytes(self, limit: u64) -> Result<Bytes, TransportError> {
        match self.body {
            Body::Bytes(bytes) if bytes.len() as u64 <= limit => Ok(bytes),
            body => body.read_with(move |reader| read_limited(reader, limit)).await,
        }
    }
}

impl Response {
    /// Reads the beginning of the body, `limit` bytes at most; what comes after it is left.
    ///
    /// # Errors
    /// [`TransportError::Lost`] when it breaks off before.
    pub async fn beginning(self, limit: u64) -> Result<Bytes, TransportError> {
        let read = move |reader: &mut dyn Read| {
            let mut bytes = Vec::new();
            reader
                .take(limit)
                .read_to_end(&mut bytes)
                .map_err(TransportError::body)?;
            Ok(bytes.into())
        };
        self.body.read_with(read).await
    }
}

fn read_limited(reader: &mut dyn Read, limit: u64) -> Result<Bytes, TransportError> {
    let mut bytes = Vec::new();
    reader
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(TransportError::body)?;
    if bytes.len() as u64 > limit {
        return Err(TransportError::TooLarge { limit });
    }
    Ok(bytes.into())
}

/// A body: at hand, or still to come from the connection.
pub enum Body {
    /// All of it is here.
    Bytes(Bytes),
    /// It is read from the connection; reading blocks.
    Reader(Box<dyn Read + Send>),
}

impl Body {
    /// Runs a reader over the body on a thread where it may block, so that a large body is never
    /// in memory as a whole.
    ///
    /// # Errors
    /// Those of `read`; a panic in it is passed on.
    pub async fn read_with<T, F>(self, read: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Read) -> T + Send + 'static,
    {
        let task = tokio::task::spawn_blocking(move || match self {
            Self::Bytes(bytes) => read(&mut Cursor::new(bytes)),
            Self::Reader(mut reader) => read(&mut reader),
        });
        match task.await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Reader(_) => f.write_str("to be read"),
        }
    }
}

/// Why there is no (whole) answer. Names the host, never the address with its parameters.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No byte of the request was sent: the server certainly did not see it.
    #[error("cannot connect to {host}")]
    NotSent {
        /// Host and port.
        host: String,
        /// The system's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The time was up; the server may have seen the request and may still act on it.
    #[error("no answer from {host} within {}", crate::duration::human(*after))]
    TimedOut {
        /// Host and port.
        host: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection broke; the server may have seen the request.
    #[error("the connection to {host} broke off")]
    Lost {
        /// Host and port, or "the server" where only the body was being read.
        host: String,
        /// The system's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is larger than any right one.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge { limit: u64 },
}

impl TransportError {
    /// A failure while a body was read.
    pub fn body(source: io::Error) -> Self {
        Self::Lost { host: "the server".to_owned(), source: Box::new(source) }
    }

    /// Whether the server's certificate was refused: asking again shows the same one.
    pub fn is_untrusted(&self) -> bool {
        fn refused(error: &rustls::Error) -> bool {
            matches!(error, rustls::Error::InvalidCertificate(_))
        }
        let Self::NotSent { source, .. } = self else { return false };
        if let Some(ureq::Error::Rustls(error)) = source.downcast_ref::<ureq::Error>() {
            return refused(error);
        }
        let io = source.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        io.and_then(|inner| inner.downcast_ref::<rustls::Error>())
            .is_some_and(refused)
    }

    /// Whether the server certainly saw nothing, so that sending again cannot do a thing twice.
    pub fn certainly_not_sent(&self) -> bool {
        matches!(self, Self::NotSent { .. })
    }
}

/// Sends requests.
#[async_trait]
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends a request and waits for the head of the answer, whatever its status.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}
