//! Following a Release to its end.

use std::time::Duration;

use jiff::Timestamp;

use super::choose::name_of;
use crate::clock::SharedClock;
use crate::cluster::{ApiError, Tenant};
use crate::image::Digest;
use crate::konflux::{Outcome, Release, Sight, outcome};

/// The pause before looking again where a watch cannot be had, or ended at once (gate time).
const PAUSE: Duration = Duration::from_secs(5);

/// The pause between looks where the rights to watch are missing (10 seconds, gate time).
const POLL: Duration = Duration::from_secs(10);

/// How the wait ended.
#[derive(Debug)]
pub enum Ended {
    /// The Release has ended.
    There(Box<Release>, Outcome),
    /// It is gone.
    Gone,
    /// It still runs, and the time is up.
    TimeUp {
        /// The Release as last seen.
        release: Box<Release>,
        /// The phase that runs.
        phase: String,
    },
    /// It cannot be seen, and the time is up or looking again cannot help.
    Blind { said: String },
}

/// Follows a Release until `deadline`; `changed` is called for every new phase.
pub async fn wait<F>(
    tenant: &Tenant,
    clock: &SharedClock,
    seen: Release,
    tested: &Digest,
    deadline: Timestamp,
    mut changed: impl FnMut(&Release, &str) -> F,
) -> Ended
where
    F: Future<Output = ()>,
{
    let name = name_of(&seen).to_owned();
    let mut release = Box::new(seen);
    let mut phase = None;
    let mut may_watch = true;
    let mut blind = None;
    loop {
        let running = match outcome(&release, tested) {
            Outcome::Running { phase } => phase,
            ended => return Ended::There(release, ended),
        };
        if phase.as_ref() != Some(&running) {
            changed(&release, &running).await;
            phase = Some(running.clone());
        }
        let left = clock.until(deadline);
        if left.is_zero() {
            return match blind {
                Some(said) => Ended::Blind { said },
                None => Ended::TimeUp { release, phase: running },
            };
        }
        let begun = clock.now();
        let sight = match may_watch {
            true => tenant.change(&release, left / clock.scale()).await,
            false => {
                clock.sleep(POLL.min(left)).await;
                Ok(None)
            }
        };
        let sight = match sight {
            Ok(Some(sight)) => Ok(sight),
            // Nothing has changed, or it was not seen: a watch alone is never believed.
            Ok(None) => {
                if may_watch && clock.since(begun) < Duration::from_secs(1) {
                    clock.sleep(PAUSE.min(left)).await;
                }
                tenant.look(&name).await
            }
            Err(ApiError::Forbidden { said, .. }) => {
                tracing::warn!(
                    "Releases cannot be watched, so they are looked at every {}s: {said}",
                    POLL.as_secs()
                );
                may_watch = false;
                tenant.look(&name).await
            }
            Err(error) => Err(error),
        };
        match sight {
            Ok(Sight::There(found)) => (release, blind) = (found, None),
            Ok(Sight::Gone) => return Ended::Gone,
            Ok(Sight::Unseen { said }) => {
                if blind.is_none() {
                    tracing::warn!("Release {name} cannot be seen at the moment: {said}");
                }
                blind = Some(said);
                clock.sleep(PAUSE.min(left)).await;
            }
            Err(error) => return Ended::Blind { said: crate::failure::Chain(&error).to_string() },
        }
    }
}
