//! Compare-and-swap of a whole document: read, change, write unless somebody else has written
//! meanwhile, then all again.

use super::{Labels, Store, StoreError, Version};
use crate::clock::SharedClock;
use crate::retry::{Policy, Tries};

/// How often somebody else's write is given way to before that is called an error.
pub(super) const MAX_CONFLICTS: u32 = 50;

/// A document as bytes and back.
pub trait Document: Clone + PartialEq + Sized {
    /// Why it cannot be used.
    type Error: From<StoreError>;

    /// The document that the store holds; of `None` the one that a first write begins with.
    ///
    /// # Errors
    /// What is there is no such document.
    fn decode(&self, bytes: Option<&[u8]>, place: &str) -> Result<Self, Self::Error>;

    /// The document as it is stored.
    ///
    /// # Errors
    /// It cannot be stored.
    fn encode(&self, place: &str) -> Result<Vec<u8>, Self::Error>;

    /// By what it is found.
    fn labels(&self) -> Labels;
}

/// What a store holds, with its version; trouble that may pass is waited for.
///
/// # Errors
/// The store's last answer.
pub async fn load(
    store: &dyn Store,
    clock: &SharedClock,
) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
    let mut tries = Tries::begin(Policy::READ, clock);
    loop {
        match store.load().await {
            Err(error @ StoreError::Transient { .. }) => again(&mut tries, error).await?,
            other => return other,
        }
    }
}

/// Changes a document and returns what `change` made of it once that is durable. `change` may be
/// applied to a newer state again, and after a write whose answer was lost: it must come to the
/// same. What changes nothing is not written.
///
/// # Errors
/// The document's own.
pub async fn swap<D: Document, T>(
    store: &dyn Store,
    clock: &SharedClock,
    begin: &D,
    mut change: impl FnMut(&mut D) -> T,
) -> Result<T, D::Error> {
    let place = store.place();
    let mut tries = Tries::begin(Policy::READ, clock);
    let mut conflicts = 0;
    loop {
        let (bytes, version) = load(store, clock).await?.unzip();
        let mut document = begin.decode(bytes.as_deref(), &place)?;
        let before = document.clone();
        let made = change(&mut document);
        if document == before {
            return Ok(made);
        }
        let encoded = document.encode(&place)?;
        match store.save(&encoded, &document.labels(), version.as_ref()).await {
            Ok(_) => return Ok(made),
            Err(StoreError::Conflict) if conflicts < MAX_CONFLICTS => conflicts += 1,
            Err(error @ StoreError::Transient { .. }) => again(&mut tries, error).await?,
            Err(error) => return Err(error.into()),
        }
    }
}

pub(super) async fn again(tries: &mut Tries<'_>, error: StoreError) -> Result<(), StoreError> {
    let Some(pause) = tries.pause(None) else { return Err(error) };
    let (attempt, pause_s) = (tries.failed(), pause.as_secs());
    tracing::warn!(attempt, pause_s, "{error}; trying again");
    tries.wait(pause).await;
    Ok(())
}
