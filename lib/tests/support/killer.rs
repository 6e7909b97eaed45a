//! Kills a process at a chosen point: before, during or after any request and any access to the
//! record.
//!
//! At that point the process stops for ever, and whoever runs it drops it: what it had sent has
//! been sent, what it had stored is stored, and nothing else has happened. Just as a kill -9.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use library::http::{Request, Response, SharedTransport, Transport, TransportError};
use library::record::{Labels, Store, StoreError, Version};
use tokio::sync::Notify;

use super::random::Random;

/// The point of a process that lives.
pub const NEVER: u64 = 0;
/// When a request arrives whose sender died while it was under way: nobody waits any more.
const LATE: Duration = Duration::from_secs(30);

/// Counts the points of one run of a process, and stops it at one of them.
#[derive(Debug)]
pub struct Killer {
    /// The point, counted from 1, or [`NEVER`].
    at: u64,
    passed: AtomicU64,
    killed: Notify,
}

impl Killer {
    pub fn at(point: u64) -> Arc<Self> {
        Arc::new(Self { at: point, passed: AtomicU64::new(0), killed: Notify::new() })
    }

    /// How many points were passed.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Runs a process; `None` if it was killed.
    pub async fn run<T>(&self, process: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.killed.notified() => None,
            result = process => Some(result),
        }
    }

    /// One point.
    pub async fn point(&self) {
        if self.is_reached() {
            self.die().await
        }
    }

    /// Sends something, in three points: before it is sent; while it is under way, when it has its
    /// effect half a minute later; and when the answer is there.
    pub async fn send<T: Send + 'static>(
        &self,
        request: impl Future<Output = T> + Send + 'static,
    ) -> T {
        self.point().await;
        if self.is_reached() {
            tokio::spawn(async move {
                tokio::time::sleep(LATE).await;
                request.await
            });
            return self.die().await;
        }
        let answer = request.await;
        self.point().await;
        answer
    }

    /// Counts a point; whether it is the last one.
    fn is_reached(&self) -> bool {
        self.passed.fetch_add(1, Ordering::Relaxed) + 1 == self.at
    }

    async fn die<T>(&self) -> T {
        self.killed.notify_one();
        std::future::pending().await
    }
}

/// What a mortal process has: each request and each write in three points, each read after one.
#[derive(Debug)]
pub struct Deadly<T>(pub T, pub Arc<Killer>);

#[async_trait]
impl Transport for Deadly<SharedTransport> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let inner = self.0.clone();
        self.1.send(async move { inner.send(request).await }).await
    }
}

#[async_trait]
impl<S: Store + Clone + fmt::Debug + 'static> Store for Deadly<S> {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.1.point().await;
        self.0.load().await
    }

    async fn save(
        &self,
        bytes: &[u8],
        labels: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let (inner, bytes) = (self.0.clone(), bytes.to_vec());
        let (labels, replaces) = (labels.clone(), replaces.cloned());
        let write = async move { inner.save(&bytes, &labels, replaces.as_ref()).await };
        self.1.send(write).await
    }

    fn place(&self) -> String {
        self.0.place()
    }
}

/// A slow way to the servers. What was sent arrives, even if the sender gave up by then.
#[derive(Debug, Clone)]
pub struct Slow<T> {
    pub inner: T,
    /// The longest way there and back in milliseconds.
    pub longest: u64,
    random: Arc<Mutex<Random>>,
}

impl<T> Slow<T> {
    pub fn new(inner: T, longest: u64, seed: u64) -> Self {
        Self { inner, longest, random: Arc::new(Mutex::new(Random::seeded(seed))) }
    }

    /// How long the next way takes: mostly short, sometimes as long as it can.
    fn way(&self) -> Duration {
        let mut random = self.random.lock().unwrap();
        let longest = if random.once_in(4) { self.longest } else { self.longest / 20 };
        Duration::from_millis(random.below(longest + 1))
    }
}

#[async_trait]
impl Transport for Slow<SharedTransport> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let (there, back, inner) = (self.way(), self.way(), self.inner.clone());
        let after = request.timeout;
        let arrives = tokio::spawn(async move {
            tokio::time::sleep(there).await;
            let answer = inner.send(request).await;
            tokio::time::sleep(back).await;
            answer
        });
        let host = "a slow host".to_owned();
        tokio::time::timeout(after, arrives)
            .await
            .map_or(Err(TransportError::TimedOut { host, after }), Result::unwrap)
    }
}

#[async_trait]
impl<S: Store + fmt::Debug> Store for Slow<S> {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        tokio::time::sleep(self.way()).await;
        let result = self.inner.load().await;
        tokio::time::sleep(self.way()).await;
        result
    }

    async fn save(
        &self,
        bytes: &[u8],
        labels: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        tokio::time::sleep(self.way()).await;
        let result = self.inner.save(bytes, labels, replaces).await;
        tokio::time::sleep(self.way()).await;
        result
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}
