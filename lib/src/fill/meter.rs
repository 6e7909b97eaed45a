//! A budget of requests and bytes, and a pace that leaves the bucket to others.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::clock::SharedClock;
use crate::http::{Body, Request, Response, SharedTransport, Transport, TransportError};
use crate::retry::retry_after;

/// From one request to the next (200 ms): five a second at most.
const PACE: Duration = Duration::from_millis(200);

/// A server that is asked for too much is asked again so often.
const TRIES: u32 = 3;

/// What is waited where a server does not say how long.
const PAUSE: Duration = Duration::from_secs(10);

/// No server is waited for longer, whatever it asks for.
const LONGEST: Duration = Duration::from_secs(60);

/// What may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Requests.
    pub requests: u64,
    /// Bytes of answers, unpacked.
    pub bytes: u64,
}

/// Counts what is asked and what comes, and stops at the budget.
#[derive(Debug)]
pub struct Meter {
    inner: SharedTransport,
    clock: SharedClock,
    budget: Budget,
    requests: AtomicU64,
    bytes: Arc<AtomicU64>,
    next: Mutex<Timestamp>,
}

impl Meter {
    /// A way to servers that nothing was sent on yet.
    pub fn new(inner: SharedTransport, clock: SharedClock, budget: Budget) -> Self {
        let next = Mutex::new(clock.now());
        Self { inner, clock, budget, requests: AtomicU64::new(0), bytes: Arc::default(), next }
    }

    /// What was used.
    pub fn used(&self) -> Budget {
        Budget {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Whether nothing more may be asked.
    pub fn is_used_up(&self) -> bool {
        let used = self.used();
        used.requests >= self.budget.requests || used.bytes >= self.budget.bytes
    }

    /// Waits for its turn.
    async fn pace(&self) {
        let mut next = self.next.lock().await;
        self.clock.sleep(self.clock.until(*next)).await;
        *next = self.clock.after(self.clock.now(), PACE);
    }
}

#[async_trait]
impl Transport for Meter {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        for tried in 1.. {
            if self.is_used_up() {
                return Err(TransportError::body(used_up()));
            }
            self.pace().await;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let answer = self.inner.send(request.clone()).await?;
            if !matches!(answer.status, 429 | 503) || tried == TRIES {
                let (bytes, most) = (Arc::clone(&self.bytes), self.budget.bytes);
                let body =
                    Body::Reader(Box::new(Counted { inner: open(answer.body), bytes, most }));
                return Ok(Response { body, ..answer });
            }
            let pause = retry_after(&answer.headers).unwrap_or(PAUSE).min(LONGEST);
            self.clock.sleep(pause).await;
        }
        unreachable!("the last try returns")
    }
}

fn open(body: Body) -> Box<dyn Read + Send> {
    match body {
        Body::Bytes(bytes) => Box::new(io::Cursor::new(bytes)),
        Body::Reader(reader) => reader,
    }
}

fn used_up() -> io::Error {
    io::Error::other("the budget of --max-requests and --max-bytes is used up")
}

struct Counted {
    inner: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
    most: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.load(Ordering::Relaxed) >= self.most {
            return Err(used_up());
        }
        let read = self.inner.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
