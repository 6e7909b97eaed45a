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
