//! Holding a plan's promotions, and lifting that: tests go on, nothing is released.
//!
//! [`run`] writes the hold into the list of each plan, under the caller's own rights, and tells Slack.
//! [`missed`] finds what a hold kept back.

mod missed;
mod preflight;
mod run;
mod said;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;

pub use missed::{Missed, missed};
pub use preflight::{LIST, RIGHTS, preflight};
pub use run::run;
pub use said::{Plan, Said};

use crate::clock::Clock;
use crate::duration;

/// A hold lasts no longer (90 days): one that nobody remembers keeps every image back.
pub const LONGEST: Duration = Duration::from_secs(90 * 24 * 3600);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nothing is promoted until then.
    Hold { until: Timestamp, reason: String },
    /// Promotions go on.
    Lift,
}

impl What {
    /// By `--until`, `--reason` and `--lift`.
    ///
    /// # Errors
    /// What was expected.
    pub fn given(
        until: Option<&str>,
        reason: Option<&str>,
        lift: bool,
        clock: &dyn Clock,
    ) -> Result<Self, String> {
        match (until, reason, lift) {
            (None, None, true) => Ok(Self::Lift),
            (Some(given), Some(reason), false) => Ok(Self::Hold {
                until: self::until(given, clock.now())?,
                reason: crate::lists::reason(reason)?,
            }),
            _ => Err("expected --until TIME and --reason TEXT, or --lift alone".to_owned()),
        }
    }
}

/// Reads `--until`: a time, or how long from now. Real time, never scaled: it is stored.
fn until(given: &str, now: Timestamp) -> Result<Timestamp, String> {
    let wrong = |problem: &str| {
        Err(format!(
            "--until: expected a time such as 2026-12-01T08:00:00Z, or how long from now such as 12h, found {given:?}{problem}"
        ))
    };
    let until = match (given.parse::<Timestamp>(), duration::parse_positive(given)) {
        (Ok(at), _) => at,
        (_, Ok(span)) => match now.checked_add(span) {
            Ok(at) => at,
            Err(_) => return wrong(": it is too long"),
        },
        _ => return wrong(""),
    };
    if until <= now {
        return wrong(": it has passed");
    }
    match now.checked_add(LONGEST) {
        Ok(last) if until <= last => Ok(until),
        _ => wrong(": a hold lasts no longer than 90 days"),
    }
}

/// hold-gate's options.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--release-plan`; none for every plan that has a list.
    pub plans: Vec<String>,
    pub what: What,
    /// `--dry-run`.
    pub dry_run: bool,
}
