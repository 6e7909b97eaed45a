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
    let warned = |error: &kube::Error| format!("the cluster: {}", Chain(error));
    repeated(clock, ask, warned).await.map_err(|(error, _)| error)
}

/// [`patiently`], with the words of the warning before another try; an error comes with the number
/// of tries made.
pub(super) async fn repeated<T, F, R>(
    clock: &SharedClock,
    ask: F,
    warned: impl Fn(&kube::Error) -> String,
) -> Result<T, (kube::Error, u32)>
where
    F: Fn() -> R,
    R: Future<Output = Result<T, kube::Error>>,
{
    let mut tries = Tries::begin(Policy::READ, clock);
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let (Some(pause), true) = (tries.pause(None), is_transient(&error)) else {
            return Err((error, tries.failed()));
        };
        let (attempt, pause_s) = (tries.failed(), pause.as_secs());
        tracing::warn!(attempt, pause_s, "{}; trying again", warned(&error));
        tries.wait(pause).await;
    }
}
