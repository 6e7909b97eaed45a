//! Looking again until the run has ended.

use std::time::Duration;

use super::{Look, Source, Stage, stage};
use crate::clock::Clock;
use crate::duration;
use crate::failure::{Chain, Exit, Failure};
use crate::record::Health;

/// How often it is looked where nothing else is said (30 seconds).
pub const INTERVAL: Duration = Duration::from_secs(30);

/// How long it is looked at most where nothing else is said (8 hours): longer than a run may take.
pub const WAIT: Duration = Duration::from_secs(8 * 3600);

/// How long and how often it is looked.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    pub interval: Duration,
    pub wait: Duration,
}

/// Shows the run, and shows it again until it has ended. A look that fails is told of and made again.
///
/// # Errors
/// The first look's; refused when the run ended and its image cannot be used; failed when it has not
/// ended in time.
pub async fn watch(
    source: &Source,
    times: Watch,
    clock: &dyn Clock,
    mut show: impl FnMut(&Look) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let begun = clock.now();
    let mut look = source.look().await?;
    loop {
        show(&look)?;
        if let Stage::Over(outcome) = stage(&look) {
            return match outcome.health() {
                Health::Green => Ok(()),
                Health::Red | Health::Neither => Err(Failure::new(
                    Exit::Refused,
                    "the run has ended, and did not promote its image",
                )),
            };
        }
        look = loop {
            let left = times.wait.saturating_sub(clock.since(begun));
            if left.is_zero() {
                return Err(Failure::failed(format!(
                    "the run has not ended within {}; look on with --wait, or see what it waits for",
                    duration::human(times.wait)
                )));
            }
            clock.sleep(times.interval.min(left)).await;
            match source.look().await {
                Ok(look) => break look,
                Err(failure) => tracing::warn!("{}; looking on", Chain(failure.error.as_ref())),
            }
        };
    }
}
