//! Looking at one Release until something changes.

use std::time::Duration;

use futures::StreamExt;
use kube::api::{WatchEvent, WatchParams};

use super::objects::Release;
use crate::cluster::{self, ApiError, Tenant, words};

/// How long one watch lasts (25 seconds): shorter than the longest silence that a connection is
/// allowed, so that a watch that has died unnoticed ends as well.
pub const WATCH: Duration = Duration::from_secs(25);

/// What a look at a Release showed.
#[derive(Debug)]
pub enum Sight {
    /// It as it is now.
    There(Box<Release>),
    /// There is none of that name, or no longer.
    Gone,
    /// It could not be seen this time.
    Unseen { said: String },
}

impl Tenant {
    /// Looks at a Release once.
    ///
    /// # Errors
    /// [`ApiError`] when looking again cannot help.
    pub async fn look(&self, name: &str) -> Result<Sight, ApiError> {
        match self.releases().get_opt(name).await {
            Ok(Some(release)) => Ok(Sight::There(Box::new(release))),
            Ok(None) => Ok(Sight::Gone),
            Err(error) if cluster::is_transient(&error) => {
                Ok(Sight::Unseen { said: words(&error) })
            }
            Err(error) => Err(ApiError::of(
                "read",
                format!("Release {name} in namespace {}", self.namespace()),
                1,
                error,
            )),
        }
    }

    /// Waits until a Release is another than the one seen, for `longest` (wall time) at most.
    /// `None` when nothing changed, or it could not be watched: then it has to be looked at again.
    ///
    /// # Errors
    /// [`ApiError`] when the rights to watch are missing.
    pub async fn change(
        &self,
        seen: &Release,
        longest: Duration,
    ) -> Result<Option<Sight>, ApiError> {
        let name = seen.metadata.name.as_deref().unwrap_or_default();
        let version = seen.metadata.resource_version.as_deref().unwrap_or_default();
        let seconds = WATCH.min(longest).as_secs().max(1);
        let params = WatchParams::default()
            .fields(&format!("metadata.name={name}"))
            .timeout(u32::try_from(seconds).unwrap_or(1))
            .disable_bookmarks();
        let releases = self.releases();
        let watched = async {
            let mut events = match releases.watch(&params, version).await {
                Ok(events) => events.boxed(),
                Err(error) => return Err(error),
            };
            while let Some(event) = events.next().await {
                match event? {
                    WatchEvent::Added(release) | WatchEvent::Modified(release) => {
                        return Ok(Some(Sight::There(Box::new(release))));
                    }
                    WatchEvent::Deleted(_) => return Ok(Some(Sight::Gone)),
                    WatchEvent::Bookmark(_) => {}
                    // Too old a version: looking again brings a new one.
                    WatchEvent::Error(_) => return Ok(None),
                }
            }
            Ok(None)
        };
        match tokio::time::timeout(longest.min(WATCH + Duration::from_secs(3)), watched).await {
            Ok(Ok(sight)) => Ok(sight),
            Err(_) => Ok(None),
            Ok(Err(error)) => match ApiError::of("watch", "Releases", 1, error) {
                forbidden @ ApiError::Forbidden { .. } => Err(forbidden),
                other => {
                    tracing::debug!("watching Release {name}: {}", crate::failure::Chain(&other));
                    Ok(None)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use standins::{Fault, Server, Trouble};
    use tokio::time::Instant;

    use super::*;
    use crate::promote::tests::harness::Setting;
    use crate::support::killer::{Killer, NEVER};

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_unseen_and_what_stays_is_an_error() {
        let setting = Setting::new(|_| ());
        let tenant = setting.tenant(&Killer::at(NEVER));
        assert!(matches!(tenant.look("by-hand").await, Ok(Sight::Gone)));
        setting.release_by_hand();
        assert!(matches!(tenant.look("by-hand").await, Ok(Sight::There(_))));
        for (status, passes) in [(503, true), (500, true), (429, true), (403, false), (400, false)]
        {
            let fault = Fault::on(Server::Kube, Trouble::StatusBefore(status));
            setting.world.fault(fault.nth(standins::Nth::First(1)));
            let looked = tenant.look("by-hand").await;
            let unseen = matches!(looked, Ok(Sight::Unseen { .. }));
            assert_eq!((unseen, looked.is_err()), (passes, !passes), "{status}: {looked:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_lasts_its_time_and_ends_by_itself_where_the_server_is_silent() {
        let setting = Setting::new(|_| ());
        let tenant = setting.tenant(&Killer::at(NEVER));
        setting.release_by_hand();
        let Ok(Sight::There(seen)) = tenant.look("by-hand").await else { panic!() };
        for (longest, lasts) in [(3600, 25..=28), (10, 10..=10)] {
            let begun = Instant::now();
            let changed = tenant.change(&seen, Duration::from_secs(longest)).await.unwrap();
            let lasted = begun.elapsed().as_secs();
            assert!(changed.is_none() && lasts.contains(&lasted), "{longest}: {lasted} s");
        }
    }
}
