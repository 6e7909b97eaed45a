//! What a place for records must do.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;

/// What a document can be found by, where its store has labels.
pub type Labels = BTreeMap<String, String>;

/// Which stored state a document was read from; opaque to everybody but its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else has written since it was read: read again and apply one's own part again.
    #[error("the record was changed by somebody else")]
    Conflict,
    /// It may work a moment later; whether a write was carried out is not known.
    #[error("{place} cannot be reached")]
    Transient {
        /// The store's name.
        place: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It will not work without somebody's help.
    #[error("cannot {action} {place}")]
    Permanent {
        /// `read` or `write`.
        action: &'static str,
        /// The store's name.
        place: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Keeps one document and replaces it only when nobody else has in the meantime.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// The document's bytes and version, or `None` where there is none yet.
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError>;

    /// Replaces the document of that version (`None`: makes it, and it must not exist), durably.
    /// The labels are added to those that it has; a store without labels passes over them.
    async fn save(
        &self,
        bytes: &[u8],
        labels: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError>;

    /// The store's name in messages.
    fn place(&self) -> String;
}
