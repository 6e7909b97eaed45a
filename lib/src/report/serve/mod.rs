//! The report shown live: `/`, `/report.json`, `/metrics` and `/healthz`, for reading alone.
//!
//! What is shown is at most a minute old where the cluster answers within ten seconds; else what was
//! last read is shown with its time, until the cluster has answered. However many look, the cluster
//! is asked once a minute at most.

mod address;
mod answer;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::answer::{Asked, Door, answer};
use super::faces::Faces;
use super::load::Loader;

pub use address::{Address, AddressError};

/// Nothing is asked of the cluster more often (1 minute).
const FRESH: Duration = Duration::from_secs(60);

/// So long a reader waits for the cluster where there is something older to show (10 seconds).
const WAIT: Duration = Duration::from_secs(10);

/// Connections at once.
const CONNECTIONS: usize = 64;

/// A request's head must have come within (10 seconds), and no connection lasts longer (5 minutes).
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// A head is never larger (16 KiB).
const HEAD: usize = 16 * 1024;

/// A report that is read again when it has become old.
#[derive(Debug)]
pub struct Live {
    loader: tokio::sync::Mutex<Loader>,
    shown: Mutex<Option<(Instant, Arc<Faces>)>>,
}

impl Live {
    /// Nothing is read yet.
    pub fn new(loader: Loader) -> Arc<Self> {
        Arc::new(Self { loader: tokio::sync::Mutex::new(loader), shown: Mutex::default() })
    }

    /// The faces to be shown now.
    pub async fn faces(self: &Arc<Self>) -> Arc<Faces> {
        if let Some(fresh) = self.fresh() {
            return fresh;
        }
        // It goes on when nobody waits for it any more.
        let this = Arc::clone(self);
        let reading = tokio::spawn(async move { this.read().await });
        match self.last() {
            Some(old) => match tokio::time::timeout(WAIT, reading).await {
                Ok(read) => read.unwrap_or(old),
                Err(_) => old,
            },
            None => match reading.await {
                Ok(read) => read,
                Err(_) => self.read().await,
            },
        }
    }

    async fn read(&self) -> Arc<Faces> {
        let mut loader = self.loader.lock().await;
        // Another one may have read it while this one waited.
        if let Some(fresh) = self.fresh() {
            return fresh;
        }
        let report = loader.load().await;
        for missing in &report.missing {
            tracing::warn!("{missing}");
        }
        let faces = Arc::new(Faces::of(&report));
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), Arc::clone(&faces)));
        faces
    }

    fn fresh(&self) -> Option<Arc<Faces>> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, faces) = shown.as_ref()?;
        (at.elapsed() < FRESH).then(|| Arc::clone(faces))
    }

    fn last(&self) -> Option<Arc<Faces>> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.as_ref().map(|(_, faces)| Arc::clone(faces))
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    live: Arc<Live>,
    open: Arc<Open>,
}

/// The connections that are open.
#[derive(Default)]
struct Open(Mutex<Option<GracefulShutdown>>);

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Open")
    }
}

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system's.
    pub async fn listen(address: &Address, live: Arc<Live>) -> io::Result<Self> {
        let listener = TcpListener::bind(address.socket()).await?;
        let open = Arc::new(Open(Mutex::new(Some(GracefulShutdown::new()))));
        Ok(Self { listener, live, open })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Lets requests that have begun come to their end, and takes no others; for when the server
    /// itself has been dropped.
    pub fn end(&self) -> impl Future<Output = ()> + Send + 'static {
        let open = Arc::clone(&self.open);
        async move {
            let open = open.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(open) = open {
                open.shutdown().await;
            }
        }
    }

    /// Serves until it is dropped.
    pub async fn serve(self) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let door = match self.address() {
            Ok(address) if !address.ip().is_loopback() => Door::Open,
            _ => Door::Loopback,
        };
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Such as too many open files: a moment later it may be otherwise.
                    tracing::warn!("a connection could not be taken: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let live = Arc::clone(&self.live);
            let service = service_fn(move |request: http::Request<Incoming>| {
                let live = Arc::clone(&live);
                async move {
                    let asked = Asked::of(&request);
                    let answered = answer(&asked, door, || live.faces()).await;
                    Ok::<_, std::convert::Infallible>(answered.map(BodyExt::boxed))
                }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_WITHIN)
                .max_buf_size(HEAD)
                .serve_connection(TokioIo::new(stream), service);
            let watched = {
                let open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(open) = open.as_ref() else { return };
                open.watch(connection)
            };
            tokio::spawn(async move {
                // What a reader does wrong is not the server's trouble.
                let _ = tokio::time::timeout(LONGEST, watched).await;
                drop(place);
            });
        }
    }
}
