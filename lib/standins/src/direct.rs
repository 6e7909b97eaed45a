//! Calling a server in process, without sockets, with broken connections as errors.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response};
use tower::{Service, ServiceExt};

use crate::enter::{Dropped, Stalled};
use crate::{Server, World};

/// How a connection to a stand-in can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It ended without an answer.
    Dropped,
    /// The answer would have come so much later; in process nobody waits for it.
    Stalled(Duration),
    /// It ended in the middle of the body.
    Cut,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dropped => f.write_str("the connection was closed without an answer"),
            Self::Stalled(time) => write!(f, "no answer for {time:?}"),
            Self::Cut => f.write_str("the connection was closed in the middle of the answer"),
        }
    }
}

impl std::error::Error for Broken {}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Marks a request that came without a socket: it is told of a stall instead of waiting through it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InProcess;

/// One server as a tower service: what a socket would show as a broken connection is an error here.
///
/// `kube::Client::new(world.direct(Server::Kube), "namespace")` works with it.
#[derive(Debug, Clone)]
pub struct Direct(pub(crate) Router);

impl<B> Service<Request<B>> for Direct
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response<Body>;
    type Error = Broken;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Broken>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let router = self.0.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(InProcess);
        Box::pin(async move {
            let answer = router.oneshot(request).await?;
            if answer.extensions().get::<Dropped>().is_some() {
                return Err(Broken::Dropped);
            }
            if let Some(Stalled(time)) = answer.extensions().get::<Stalled>() {
                return Err(Broken::Stalled(*time));
            }
            Ok(answer)
        })
    }
}

impl World {
    /// Answers a request with a whole address: the server is the first word of its host, see
    /// [`Server::base`].
    ///
    /// This is a network for code that can be given one: none means that the connection ended
    /// without an answer, a stall takes tokio's time, and a body that was cut is shorter than its
    /// `Content-Length`.
    pub async fn network(&self, request: Request<Bytes>) -> Option<Response<Bytes>> {
        let word = request
            .uri()
            .host()
            .unwrap_or_default()
            .split('.')
            .next()
            .unwrap_or_default();
        let server = Server::ALL.into_iter().find(|server| server.name() == word)?;
        let answer = self.router(server).oneshot(request.map(Body::from)).await.ok()?;
        if answer.extensions().get::<Dropped>().is_some() {
            return None;
        }
        let (mut parts, body) = answer.into_parts();
        if let Some(length) = body.size_hint().exact() {
            parts
                .headers
                .insert("content-length", http::HeaderValue::from(length));
        }
        let mut bytes = Vec::new();
        let mut chunks = body.into_data_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            bytes.extend_from_slice(&chunk);
        }
        Some(Response::from_parts(parts, bytes.into()))
    }
}

impl Server {
    /// The base URL under which [`World::network`] finds this server.
    pub fn base(self) -> String {
        format!("https://{}.standins.test", self.name())
    }
}

impl Direct {
    /// Asks and reads the whole body.
    ///
    /// # Errors
    /// The connection broke, before the answer or within it.
    pub async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Broken> {
        let answer = self.clone().oneshot(request.map(Body::from)).await?;
        let (parts, body) = answer.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX)
            .await
            .map_err(|_| Broken::Cut)?;
        Ok(Response::from_parts(parts, body))
    }

    /// [`Direct::ask`] for code without a runtime; not to be called from within one.
    ///
    /// # Errors
    /// As [`Direct::ask`].
    pub fn ask_blocking(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Broken> {
        // no answer waits in process, watches aside, and those are for asynchronous callers
        futures::executor::block_on(self.ask(request))
    }
}
