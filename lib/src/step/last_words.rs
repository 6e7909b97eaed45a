//! What a step still does when it is asked to stop: something that it has begun in the world, and
//! that would go on without it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// No longer than this: a pod is killed 30 seconds after it was told to stop.
const LIMIT: Duration = Duration::from_secs(20);

type Deed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// At most one thing to do at SIGTERM and SIGINT; clones share it.
#[derive(Clone, Default)]
pub struct LastWords(Arc<Mutex<Option<Deed>>>);

impl fmt::Debug for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastWords")
    }
}

impl LastWords {
    /// From now on this is to be done, instead of what was before.
    pub fn set(&self, deed: impl Future<Output = ()> + Send + 'static) {
        self.put(Some(Box::pin(deed)));
    }

    /// Nothing is to be done any more.
    pub fn clear(&self) {
        self.put(None);
    }

    fn put(&self, deed: Option<Deed>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = deed;
    }

    /// Does it, for 20 seconds at most.
    pub(super) async fn say(&self) {
        let deed = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(deed) = deed
            && tokio::time::timeout(LIMIT, deed).await.is_err()
        {
            tracing::warn!("what was begun could not be ended in time");
        }
    }
}
