//! The token bucket that all Gangway requests of a process share.
//!
//! Gangway's limit is small and shared by everybody behind one address, GET and POST alike. A
//! bucket of `burst` tokens that refills with `per_minute` lets through at most their sum in any
//! 60 seconds. Time is tokio's own, so that a clock that is set back cannot stop the bucket.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::SharedClock;

const MINUTE: Duration = Duration::from_secs(60);

/// A wait is made longer by up to this (1 second), so that gates that began together drift apart.
const JITTER: Duration = Duration::from_secs(1);

/// How many requests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `--requests-per-minute`, at least 1.
    pub per_minute: u32,
    /// `--burst`: how many may be made at once, at least 1.
    pub burst: u32,
}

impl Limits {
    /// The limits that `--requests-per-minute` and `--burst` give, or their defaults.
    ///
    /// # Errors
    /// What was expected of which flag.
    pub fn given(per_minute: Option<&str>, burst: Option<&str>) -> Result<Self, String> {
        let usual = Self::default();
        Ok(Self {
            per_minute: number("--requests-per-minute", per_minute, usual.per_minute)?,
            burst: number("--burst", burst, usual.burst)?,
        })
    }
}

fn number(flag: &str, given: Option<&str>, default: u32) -> Result<u32, String> {
    let Some(text) = given else { return Ok(default) };
    let wrong = || format!("{flag}: expected a whole number from 1 to 1000, found {text:?}");
    text.parse()
        .ok()
        .filter(|number| (1..=1000).contains(number))
        .ok_or_else(wrong)
}

impl Default for Limits {
    /// 6 a minute, 5 at once: the smallest limit that Gangway was ever seen with.
    fn default() -> Self {
        Self { per_minute: 6, burst: 5 }
    }
}

/// A token bucket.
#[derive(Debug)]
pub struct Budget {
    clock: SharedClock,
    limits: Limits,
    state: Mutex<State>,
    /// Whose turn it is: who waits first is served first.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    counted: Instant,
    /// No request is sent before this: the server said so.
    not_before: Instant,
    /// When the requests of the last minute were made.
    made: VecDeque<Instant>,
    /// Where the jitter comes from.
    random: u64,
}

impl Budget {
    /// A bucket that is full, or (`full` is false) holds one token.
    pub fn new(clock: SharedClock, limits: Limits, full: bool) -> Self {
        let limits = Limits { per_minute: limits.per_minute.max(1), burst: limits.burst.max(1) };
        let now = Instant::now();
        let tokens = if full { f64::from(limits.burst) } else { 1.0 };
        let random = uuid::Uuid::new_v4().as_u64_pair().0;
        let state = State { tokens, counted: now, not_before: now, made: VecDeque::new(), random };
        Self { clock, limits, state: Mutex::new(state), turn: tokio::sync::Mutex::default() }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Waits until a request may be made, and counts it. `waiting` is called for each wait (gate
    /// time) before it begins.
    pub async fn acquire(&self, mut waiting: impl FnMut(Duration)) {
        let _turn = self.turn.lock().await;
        let mut jitter = None;
        loop {
            let wait = {
                let mut state = self.state();
                let now = Instant::now();
                self.refill(&mut state, now);
                match self.missing(&state, now) {
                    None => return self.spend(&mut state, now),
                    // Before the token is taken, so that what is taken is also sent: the sum holds.
                    Some(wait) => wait + *jitter.get_or_insert_with(|| state.jitter()),
                }
            };
            waiting(wait);
            self.clock.sleep(wait).await;
        }
    }

    /// Blocks all requests for `pause` after a 429 and empties the bucket: others share the limit.
    pub fn hold_off(&self, pause: Duration) {
        let mut state = self.state();
        let now = Instant::now();
        self.refill(&mut state, now);
        state.tokens = state.tokens.min(0.0);
        state.not_before = state.not_before.max(now + pause / self.clock.scale());
    }

    /// How many requests were made in the last minute of gate time.
    pub fn made_in_last_minute(&self) -> usize {
        let mut state = self.state();
        self.forget(&mut state, Instant::now());
        state.made.len()
    }

    /// The time until a request may be made, if that is not now.
    fn missing(&self, state: &State, now: Instant) -> Option<Duration> {
        let scale = self.clock.scale();
        let held = state.not_before.saturating_duration_since(now) * scale;
        // A billionth less, since adding up fractions never reaches the whole exactly.
        let short = if state.tokens >= 1.0 - 1e-9 { 0.0 } else { 1.0 - state.tokens };
        let refill = MINUTE.mul_f64(short / f64::from(self.limits.per_minute));
        Some(held.max(refill)).filter(|wait| !wait.is_zero())
    }

    fn refill(&self, state: &mut State, now: Instant) {
        let gone = now.saturating_duration_since(state.counted) * self.clock.scale();
        let gained = gone.as_secs_f64() / 60.0 * f64::from(self.limits.per_minute);
        state.tokens = (state.tokens + gained).min(f64::from(self.limits.burst));
        state.counted = now;
    }

    fn spend(&self, state: &mut State, now: Instant) {
        state.tokens -= 1.0;
        state.made.push_back(now);
        self.forget(state, now);
    }

    fn forget(&self, state: &mut State, now: Instant) {
        let minute = MINUTE / self.clock.scale();
        while state
            .made
            .front()
            .is_some_and(|made| now.saturating_duration_since(*made) >= minute)
        {
            state.made.pop_front();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn jitter(&mut self) -> Duration {
        // Knuth's 64-bit linear congruential generator: good enough to drift apart.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        JITTER.mul_f64((self.random >> 11) as f64 / (1u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{RuntimeClock, SystemClock};
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn budget(per_minute: u32, burst: u32, full: bool) -> Budget {
        let clock = Arc::new(RuntimeClock::starting_at(Timestamp::UNIX_EPOCH));
        Budget::new(clock, Limits { per_minute, burst }, full)
    }

    /// When each of so many requests is made, in seconds.
    async fn times(budget: &Budget, count: usize) -> Vec<f64> {
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..count {
            budget.acquire(|_| ()).await;
            times.push(start.elapsed().as_secs_f64());
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn as_fast_as_the_limit_allows() {
        let twelve = times(&budget(9, 5, true), 12).await;
        assert!(twelve[4] == 0.0 && twelve[5] > 6.6, "{twelve:?}");
        assert!((46.6..=50.0).contains(&twelve[11]), "{twelve:?}");
        let thirty = times(&budget(9, 5, true), 30).await;
        assert!((166.6..=170.0).contains(&thirty[29]), "{thirty:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_process_begins_with_one_token() {
        let times = times(&budget(6, 5, false), 2).await;
        assert!(times[0] == 0.0 && (10.0..=11.1).contains(&times[1]), "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_told_and_the_servers_wish_kept() {
        let budget = budget(60, 5, true);
        budget.acquire(|_| ()).await;
        budget.hold_off(Duration::from_secs(7));
        let mut waits = Vec::new();
        let start = Instant::now();
        budget.acquire(|wait| waits.push(wait)).await;
        assert!(start.elapsed() >= Duration::from_secs(7));
        assert!(waits.len() == 1 && waits[0] < Duration::from_secs(9), "{waits:?}");
        assert_eq!(budget.made_in_last_minute(), 2);
        tokio::time::sleep(MINUTE).await;
        assert_eq!(budget.made_in_last_minute(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_come_in_meanwhile_shortens_the_wait() {
        let budget = budget(6, 5, false);
        budget.acquire(|_| ()).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        let mut waits = Vec::new();
        budget.acquire(|wait| waits.push(wait.as_secs_f64())).await;
        assert!(waits.len() == 1 && (5.9..=7.1).contains(&waits[0]), "{waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn on_a_fast_clock_a_minute_and_the_servers_wish_are_as_much_shorter() {
        let limits = Limits { per_minute: 6, burst: 2 };
        let budget = Budget::new(Arc::new(SystemClock::new(60)), limits, true);
        assert_eq!(budget.limits(), limits);
        // The third waits for 10 to 11 seconds of gate time.
        let made = times(&budget, 3).await;
        assert!(made[1] == 0.0 && (0.166..=0.186).contains(&made[2]), "{made:?}");
        budget.hold_off(Duration::from_secs(30));
        let (begun, mut waits) = (Instant::now(), Vec::new());
        budget.acquire(|wait| waits.push(wait.as_secs_f64())).await;
        assert!(waits.len() == 1 && (29.9..=31.1).contains(&waits[0]), "{waits:?}");
        let took = begun.elapsed().as_secs_f64();
        assert!((0.499..=0.52).contains(&took), "{took}");
        assert_eq!(budget.made_in_last_minute(), 4);
        tokio::time::sleep(MINUTE / 60).await;
        assert_eq!(budget.made_in_last_minute(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_are_longer_by_parts_of_a_second_that_differ() {
        let budget = budget(6, 5, true);
        let mut state = budget.state();
        state.random = 7;
        let drawn: Vec<_> = (0..20).map(|_| state.jitter()).collect();
        assert!(drawn.iter().all(|jitter| *jitter < JITTER), "{drawn:?}");
        assert!(drawn.iter().max().unwrap() > &(JITTER / 2), "{drawn:?}");
        assert!(drawn.iter().min().unwrap() < &(JITTER / 2), "{drawn:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn never_more_than_rate_and_burst_in_a_minute(
            per_minute in 1u32..30, burst in 1u32..12, pauses in prop::collection::vec(0u64..40, 1..60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let budget = budget(per_minute, burst, true);
                let start = Instant::now();
                let mut made = Vec::new();
                for pause in pauses {
                    tokio::time::sleep(Duration::from_secs(pause)).await;
                    budget.acquire(|_| ()).await;
                    made.push(start.elapsed());
                }
                for from in &made {
                    let within = made.iter().filter(|at| *at >= from && **at - *from < MINUTE).count();
                    assert!(within <= (per_minute + burst) as usize, "{within} in a minute");
                }
            });
        }
    }
}
