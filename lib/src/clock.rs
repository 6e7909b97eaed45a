//! Time as a parameter: what the time is, how to wait, and how gate time maps to wall time.
//!
//! Timestamps are always wall clock. Durations that a step is given (deadlines, pauses, rates) are
//! *gate time*: with `--time-scale N` one wall second holds N gate seconds, so that a night of
//! three hours can be rehearsed in seconds.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

/// A clock that many owners share.
pub type SharedClock = Arc<dyn Clock>;

/// Tells the time and waits.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// The wall clock's time.
    fn now(&self) -> Timestamp;

    /// How many seconds of gate time pass in a second of wall time; at least 1.
    fn scale(&self) -> u32;

    /// Waits for a span of gate time.
    async fn sleep(&self, gate: Duration);

    /// The wall clock's time at which `gate` has passed since `from`.
    fn after(&self, from: Timestamp, gate: Duration) -> Timestamp {
        let wall = SignedDuration::try_from(gate / self.scale()).unwrap_or(SignedDuration::MAX);
        from.checked_add(wall).unwrap_or(Timestamp::MAX)
    }

    /// The wall clock's time since which `gate` has passed at `to`.
    fn before(&self, to: Timestamp, gate: Duration) -> Timestamp {
        let wall = SignedDuration::try_from(gate / self.scale()).unwrap_or(SignedDuration::MAX);
        to.checked_sub(wall).unwrap_or(Timestamp::MIN)
    }

    /// The gate time from `from` until now; zero if `from` is yet to come.
    fn since(&self, from: Timestamp) -> Duration {
        self.between(from, self.now())
    }

    /// The gate time from now until `to`; zero if that has passed.
    fn until(&self, to: Timestamp) -> Duration {
        self.between(self.now(), to)
    }

    /// The gate time between two timestamps; zero if they are in the wrong order.
    fn between(&self, from: Timestamp, to: Timestamp) -> Duration {
        let wall = Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO);
        wall.saturating_mul(self.scale())
    }
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    scale: u32,
}

impl SystemClock {
    /// A clock on which `scale` seconds of gate time pass in a second; 0 is taken as 1.
    pub fn new(scale: u32) -> Self {
        Self { scale: scale.max(1) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new(1)
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn scale(&self) -> u32 {
        self.scale
    }

    async fn sleep(&self, gate: Duration) {
        tokio::time::sleep(gate / self.scale).await;
    }
}

/// A clock that follows the runtime's own time: under a paused runtime it jumps over every wait,
/// so tests and simulations of hours take milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeClock {
    start: Timestamp,
    started: tokio::time::Instant,
}

impl RuntimeClock {
    /// A clock that reads `start` now. Must be made inside a runtime.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { start, started: tokio::time::Instant::now() }
    }
}

#[async_trait]
impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        let passed =
            SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    fn scale(&self) -> u32 {
        1
    }

    async fn sleep(&self, gate: Duration) {
        tokio::time::sleep(gate).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gate_time_is_scaled_and_timestamps_are_not() {
        let clock = SystemClock::new(60);
        let from: Timestamp = "2026-08-20T03:00:00Z".parse().unwrap();
        assert_eq!(
            clock.after(from, Duration::from_secs(3600)).to_string(),
            "2026-08-20T03:01:00Z"
        );
        assert_eq!(
            clock.before(from, Duration::from_secs(3600)).to_string(),
            "2026-08-20T02:59:00Z"
        );
        let to: Timestamp = "2026-08-20T03:00:30Z".parse().unwrap();
        assert_eq!(clock.between(from, to), Duration::from_secs(1800));
        assert_eq!(clock.between(to, from), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_runtime_jumps_over_waits() {
        let clock = RuntimeClock::starting_at("2026-08-20T03:00:00Z".parse().unwrap());
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now().to_string(), "2026-08-20T04:00:00Z");
    }
}
