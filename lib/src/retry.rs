//! Retry schedules as data, and the pauses that servers ask for.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use crate::clock::SharedClock;

/// How often and how long something is tried.
///
/// The pauses double from `first` up to `longest`: with 1 s and 30 s they are 1, 2, 4, 8, 16, 30,
/// 30 … seconds. The last try is the one after which `attempts` or `within` is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Tries in all; 1 means no retry.
    pub attempts: u32,
    /// The first pause.
    pub first: Duration,
    /// No pause is longer.
    pub longest: Duration,
    /// No try starts later than this after the first.
    pub within: Duration,
}

impl Policy {
    /// Reads from servers that are usually there: five tries, pauses of 1, 2, 4 and 8 seconds,
    /// within 2 minutes.
    pub const READ: Self = Self {
        attempts: 5,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(30),
        within: Duration::from_secs(120),
    };

    /// The pause after the given failed try (counted from 1), or `None` if that was the last.
    /// `spent` is the time since the first try began; `asked` is the server's Retry-After, which
    /// is kept when longer than the pause of the schedule.
    pub fn pause(&self, failed: u32, spent: Duration, asked: Option<Duration>) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let doubled = self
            .first
            .saturating_mul(1u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
        let pause = doubled.min(self.longest).max(asked.unwrap_or(Duration::ZERO));
        (spent.saturating_add(pause) <= self.within).then_some(pause)
    }
}

/// The tries of one request. Pauses count as gate time and the tries themselves as wall time, as
/// network timeouts are not scaled: a rehearsal tries as often as the real thing.
#[derive(Debug)]
pub struct Tries<'a> {
    policy: Policy,
    clock: &'a SharedClock,
    failed: u32,
    spent: Duration,
    begun: Timestamp,
}

impl<'a> Tries<'a> {
    /// The first try begins now.
    pub fn begin(policy: Policy, clock: &'a SharedClock) -> Self {
        Self { policy, clock, failed: 0, spent: Duration::ZERO, begun: clock.now() }
    }

    /// How many have failed.
    pub fn failed(&self) -> u32 {
        self.failed
    }

    /// Takes note that a try has failed; says how long to wait before the next one, or that there
    /// is none. `asked` is the server's Retry-After.
    pub fn pause(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.failed += 1;
        self.spent += self.clock.since(self.begun) / self.clock.scale();
        self.policy.pause(self.failed, self.spent, asked)
    }

    /// Waits for that pause; the next try begins.
    pub async fn wait(&mut self, pause: Duration) {
        self.clock.sleep(pause).await;
        self.spent += pause;
        self.begun = self.clock.now();
    }
}

/// The pause that a server asks for in seconds (`Retry-After: 7`), at most an hour. The form with
/// a date is used by none of the servers that the gate talks to and counts as absent.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds.min(3600)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let policy = Policy { attempts: 8, longest: Duration::from_secs(5), ..Policy::READ };
        let pauses: Vec<_> = (1..9)
            .map(|n| policy.pause(n, Duration::ZERO, None).map(|d| d.as_secs()))
            .collect();
        assert_eq!(pauses, [Some(1), Some(2), Some(4), Some(5), Some(5), Some(5), Some(5), None]);
    }

    #[test]
    fn the_deadline_and_the_servers_wish_are_kept() {
        let asked = Some(Duration::from_secs(7));
        assert_eq!(Policy::READ.pause(1, Duration::ZERO, asked), asked);
        assert_eq!(Policy::READ.pause(1, Duration::from_secs(119), asked), None);
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_counted_and_end() {
        let clock: SharedClock =
            std::sync::Arc::new(crate::clock::RuntimeClock::starting_at(Timestamp::UNIX_EPOCH));
        let mut tries = Tries::begin(Policy { attempts: 9, ..Policy::READ }, &clock);
        let mut pauses = Vec::new();
        while let Some(pause) = tries.pause(None) {
            pauses.push(pause.as_secs());
            tries.wait(pause).await;
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        // Each try after the first takes 20 seconds: the sixth fails after 131.
        assert_eq!(pauses, [1, 2, 4, 8, 16]);
        assert_eq!(tries.failed(), 6);
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        headers.insert("retry-after", "7".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
        headers.insert("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap());
        assert_eq!(retry_after(&headers), None);
    }
}
