//! The clock that every server reads; state is computed from it when somebody asks.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

/// What [`Time::wait`] gives: done when the moment has come.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A clock that the servers read.
///
/// Nothing runs in the background: a job's state, a Release's phase, the age of Deck's list are
/// functions of `now`.
pub trait Time: Send + Sync + 'static {
    /// The present moment, as the servers write it into their documents.
    fn now(&self) -> Timestamp;

    /// Waits until `until`, or for ever; needs a tokio runtime. Only an open watch calls it.
    fn wait(&self, until: Option<Timestamp>) -> Wait {
        let left = until.map(|at| self.now().duration_until(at));
        Box::pin(async move {
            match left.map(|left| Duration::try_from(left).unwrap_or(Duration::ZERO)) {
                // a millisecond more, so that rounding never wakes us too early for ever
                Some(left) => tokio::time::sleep(left + Duration::from_millis(1)).await,
                None => std::future::pending().await,
            }
        })
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wall;

impl Time for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Tokio's clock on top of a fixed beginning, so that a test with paused time moves the servers
/// too.
#[derive(Debug, Clone, Copy)]
pub struct TokioTime {
    base: Timestamp,
    start: tokio::time::Instant,
}

impl TokioTime {
    /// A clock that shows `base` now.
    pub fn starting_at(base: Timestamp) -> Self {
        Self { base, start: tokio::time::Instant::now() }
    }
}

impl Time for TokioTime {
    fn now(&self) -> Timestamp {
        let gone = SignedDuration::try_from(self.start.elapsed()).unwrap_or(SignedDuration::MAX);
        self.base.saturating_add(gone).unwrap_or(Timestamp::MAX)
    }
}

/// A clock that stands still until a test moves it. Clones show the same time.
#[derive(Debug, Clone)]
pub struct ManualTime(Arc<(Mutex<Timestamp>, Notify)>);

impl ManualTime {
    /// A clock that shows `at` until it is moved.
    pub fn starting_at(at: Timestamp) -> Self {
        Self(Arc::new((Mutex::new(at), Notify::new())))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.set(self.now().saturating_add(by).unwrap_or(Timestamp::MAX));
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, to: Timestamp) {
        *self.0.0.lock().expect("the clock's lock") = to;
        self.0.1.notify_waiters();
    }
}

impl Time for ManualTime {
    fn now(&self) -> Timestamp {
        *self.0.0.lock().expect("the clock's lock")
    }

    fn wait(&self, until: Option<Timestamp>) -> Wait {
        let clock = self.clone();
        Box::pin(async move {
            loop {
                let moved = clock.0.1.notified();
                if until.is_some_and(|at| clock.now() >= at) {
                    return;
                }
                moved.await;
            }
        })
    }
}

/// A clock made of a function, for callers with a clock trait of their own.
pub struct FnTime<F>(pub F);

impl<F: Fn() -> Timestamp + Send + Sync + 'static> Time for FnTime<F> {
    fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// Looks again every 20 ms of tokio's time, since nobody says when the function's answer
    /// changes.
    fn wait(&self, _until: Option<Timestamp>) -> Wait {
        Box::pin(tokio::time::sleep(Duration::from_millis(20)))
    }
}

/// `at` plus `by`, which may be as long as it likes.
pub(crate) fn after(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// A timestamp as Kubernetes and Prow write it: whole seconds, `Z`.
pub(crate) fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
