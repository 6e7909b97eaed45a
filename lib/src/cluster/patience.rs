//! Reads that are repeated as long as that may help.

use std::future::Future;

use super::is_transient;
use crate::clock::SharedClock;
use crate::failure::Chain;
use crate::retry::{Policy, Tries};

/// Asks until there is an answer that another try would not change: five times, within 2 minutes
/// ([`Policy::READ`]). Only for what may be asked twice.
///
/// # Errors
/// The last try's error.
pub async fn patiently<T, F, R>(clock: &SharedClock, ask: F) -> Result<T, kube::Error>
where
    F: Fn() -> R,
    R: Future<Output = Result<T, kube::Error>>,
{
    let mut tries = Tries::begin(Policy::READ, clock);
    loop {
        let error = match ask().await {
            Err(error) if is_transient(&error) => error,
            answer => return answer,
        };
        let Some(pause) = tries.pause(None) else { return Err(error) };
        tracing::warn!(
            attempt = tries.failed(),
            pause_s = pause.as_secs(),
            "the cluster: {}; trying again",
            Chain(&error)
        );
        tries.wait(pause).await;
    }
}
