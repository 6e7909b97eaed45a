//! Kills a step at a chosen point: before or after any request and any access to the record.
//!
//! At that point the step stops for ever, and whoever runs it drops it: what it had sent has been
//! sent, what it had stored is stored, and nothing else has happened. Just as a kill -9.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gate::http::{Request, Response, SharedTransport, Transport, TransportError};
use gate::record::{Labels, Store, StoreError, Version};
use tokio::sync::Notify;

/// Counts the points of one run of a step, and stops it at one of them.
#[derive(Debug)]
pub struct Killer {
    /// The point, counted from 1; 0 lets it live.
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

    /// Runs a step; `None` if it was killed.
    pub async fn run<T>(&self, step: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.killed.notified() => None,
            result = step => Some(result),
        }
    }

    async fn point(&self) {
        if self.passed.fetch_add(1, Ordering::Relaxed) + 1 == self.at {
            self.killed.notify_one();
            std::future::pending().await
        }
    }
}

/// A transport whose every request has a point before and one after.
#[derive(Debug)]
pub struct Deadly<T>(pub T, pub Arc<Killer>);

#[async_trait]
impl Transport for Deadly<SharedTransport> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.1.point().await;
        let result = self.0.send(request).await;
        self.1.point().await;
        result
    }
}

#[async_trait]
impl<S: Store + fmt::Debug> Store for Deadly<S> {
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
        self.1.point().await;
        let result = self.0.save(bytes, labels, replaces).await;
        self.1.point().await;
        result
    }

    fn place(&self) -> String {
        self.0.place()
    }
}

/// A slow way to the servers. What was sent arrives, even if the sender is dead by then.
#[derive(Debug, Clone)]
pub struct Slow<T> {
    pub inner: T,
    /// The longest way there and back in milliseconds.
    pub longest: u64,
    random: Arc<Mutex<Random>>,
    /// Kills the sender while its request is under way.
    killer: Arc<Killer>,
}

impl<T> Slow<T> {
    pub fn new(inner: T, longest: u64, seed: u64, killer: &Arc<Killer>) -> Self {
        Self {
            inner,
            longest,
            random: Arc::new(Mutex::new(Random::seeded(seed))),
            killer: killer.clone(),
        }
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
        self.killer.point().await;
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

/// Numbers that depend on the seed alone (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
