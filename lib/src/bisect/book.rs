//! Where a bisect's document is kept: read, changed and replaced only as it was read.

use std::sync::Arc;

use serde::Deserialize;

use super::document::{Document, KIND, SCHEMA_VERSION};
use crate::clock::SharedClock;
use crate::record::{self, Labels, MAX_BYTES, Store, StoreError, Version, labels};

/// Why a bisect's record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is not one.
    #[error("{place} cannot be read as the record of a bisect")]
    Malformed {
        /// The store's name.
        place: String,
        /// The parser's words.
        source: serde_json::Error,
    },
    /// It is something else, or of another version of the toolkit.
    #[error("{place} holds {found}; expected the record of a bisect, version {SCHEMA_VERSION}")]
    Other {
        /// The store's name.
        place: String,
        /// What it holds.
        found: String,
    },
    /// It is gone.
    #[error("{place} was deleted while it was in use")]
    Vanished {
        /// The store's name.
        place: String,
    },
    /// It is too large for a ConfigMap.
    #[error(
        "{place} would have {size} bytes, more than {MAX_BYTES}; choose --good and --bad that are closer to each other"
    )]
    TooLarge {
        /// The store's name.
        place: String,
        /// How large it would be.
        size: usize,
    },
    /// It cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where the document is kept.
#[derive(Debug, Clone)]
pub struct Book {
    store: Arc<dyn Store>,
    clock: SharedClock,
}

impl Book {
    /// A document at a store.
    pub fn new(store: Box<dyn Store>, clock: SharedClock) -> Self {
        Self { store: Arc::from(store), clock }
    }

    /// Its name in messages.
    pub fn place(&self) -> String {
        self.store.place()
    }

    /// The document; `None` where there is none yet. Trouble that may pass is waited for.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn load(&self) -> Result<Option<Document>, DocumentError> {
        let found = record::load(self.store.as_ref(), &self.clock).await?;
        found.map(|(bytes, _)| decode(&bytes, &self.place())).transpose()
    }

    /// The document with its version, asked for once.
    pub(super) async fn once(&self) -> Result<Option<(Document, Version)>, DocumentError> {
        let Some((bytes, version)) = self.store.load().await? else { return Ok(None) };
        Ok(Some((decode(&bytes, &self.place())?, version)))
    }

    /// Makes the document, or returns the one that is there already.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn begin(&self, document: Document) -> Result<Document, DocumentError> {
        self.swap(|page| page.get_or_insert_with(|| document.clone()).clone())
            .await
    }

    /// Changes the document, and returns it as it is then. `change` may be applied to a newer one
    /// again.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn change(&self, change: impl Fn(&mut Document)) -> Result<Document, DocumentError> {
        let changed = self.swap(|page| {
            let document = page.as_mut()?;
            change(document);
            Some(document.clone())
        });
        changed
            .await?
            .ok_or_else(|| DocumentError::Vanished { place: self.place() })
    }

    async fn swap<T>(
        &self,
        mut change: impl FnMut(&mut Option<Document>) -> T,
    ) -> Result<T, DocumentError> {
        let change = |Page(page): &mut Page| change(page);
        record::swap(self.store.as_ref(), &self.clock, &Page(None), change).await
    }

    /// Replaces the document of that version, tried once.
    pub(super) async fn save(
        &self,
        document: Document,
        replaces: &Version,
    ) -> Result<Version, DocumentError> {
        use crate::record::Document as _;
        let page = Page(Some(document));
        let bytes = page.encode(&self.place())?;
        Ok(self.store.save(&bytes, &page.labels(), Some(replaces)).await?)
    }
}

/// What a store holds of a bisect: nothing yet, or its document.
#[derive(Clone, PartialEq)]
struct Page(Option<Document>);

impl record::Document for Page {
    type Error = DocumentError;

    fn decode(&self, bytes: Option<&[u8]>, place: &str) -> Result<Self, DocumentError> {
        Ok(Self(bytes.map(|bytes| decode(bytes, place)).transpose()?))
    }

    fn encode(&self, place: &str) -> Result<Vec<u8>, DocumentError> {
        let place = || place.to_owned();
        let bytes = serde_json::to_vec(&self.0)
            .map_err(|source| DocumentError::Malformed { place: place(), source })?;
        match bytes.len() {
            size if size > MAX_BYTES => Err(DocumentError::TooLarge { place: place(), size }),
            _ => Ok(bytes),
        }
    }

    fn labels(&self) -> Labels {
        labels::of_kind(KIND)
    }
}

fn decode(bytes: &[u8], place: &str) -> Result<Document, DocumentError> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        schema_version: u32,
        #[serde(default)]
        kind: String,
    }
    let malformed = |source| DocumentError::Malformed { place: place.to_owned(), source };
    let head: Head = serde_json::from_slice(bytes).map_err(malformed)?;
    if head.kind != KIND || head.schema_version != SCHEMA_VERSION {
        let kind = crate::text::one_line(&head.kind, 40);
        let found = format!("kind {kind:?} of version {}", head.schema_version);
        return Err(DocumentError::Other { place: place.to_owned(), found });
    }
    serde_json::from_slice(bytes).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::super::document::tests::document;
    use super::*;
    use crate::clock::SystemClock;
    use crate::record::FileStore;

    #[tokio::test]
    async fn the_first_one_stands_and_one_that_is_gone_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bisect.json");
        let clock: SharedClock = Arc::new(SystemClock::new(1));
        let book = Book::new(Box::new(FileStore::new(&path)), clock);
        book.begin(document(5)).await.unwrap();
        let other = Document { id: "other".to_owned(), ..document(5) };
        assert_eq!(book.begin(other).await.unwrap().id, "bisect");
        std::fs::remove_file(&path).unwrap();
        let error = book.change(|document| document.runs.clear()).await.unwrap_err();
        assert!(matches!(error, DocumentError::Vanished { .. }) && !path.exists());
        let mut large = document(5);
        large.range[0].title = Some("x".repeat(MAX_BYTES));
        let error = book.begin(large).await.unwrap_err().to_string();
        assert!(error.contains("closer to each other") && !path.exists(), "{error}");
    }

    #[tokio::test]
    async fn what_is_no_bisect_is_refused() {
        let clock: SharedClock = Arc::new(SystemClock::new(1));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bisect.json");
        for (text, words) in [
            ("{\"kind\":\"gate\",\"schema_version\":1}", "kind \"gate\" of version 1"),
            ("{\"kind\":\"bisect\",\"schema_version\":2}", "kind \"bisect\" of version 2"),
            ("{\"kind\":\"bisect\"", "cannot be read"),
            ("{\"kind\":\"bisect\",\"schema_version\":1}", "cannot be read"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Book::new(Box::new(FileStore::new(&path)), clock.clone())
                .load()
                .await
                .unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
