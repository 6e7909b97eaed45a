//! The gate record of the run that is under way, inside the bisect's document.

use async_trait::async_trait;

use super::book::{Book, DocumentError};
use super::document::{Document, Run};
use crate::record::{GateRecord, Labels, Store, StoreError, Version};

/// Which run: on which place of the range, and which one there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The place of the Snapshot in the range.
    pub place: usize,
    /// Which run of it, from 1.
    pub number: usize,
}

impl Slot {
    pub(super) fn is(self, run: &Run) -> bool {
        run.place == self.place && run.number == self.number
    }

    /// The id of the run's own record.
    pub fn id(self, bisect: &str) -> String {
        format!("{bisect}/{}/{}", self.place, self.number)
    }
}

/// The gate record of one run inside the document, as a store of its own.
#[derive(Debug)]
pub struct SlotStore {
    book: Book,
    slot: Slot,
}

impl SlotStore {
    /// The record of that run.
    pub fn new(book: Book, slot: Slot) -> Self {
        Self { book, slot }
    }

    fn permanent(
        &self,
        action: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError::Permanent { action, place: self.place(), source: source.into() }
    }

    async fn document(&self, action: &'static str) -> Result<(Document, Version), StoreError> {
        match self.book.once().await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(self.permanent(action, "it is gone")),
            Err(DocumentError::Store(error)) => Err(error),
            Err(error) => Err(self.permanent(action, error)),
        }
    }
}

#[async_trait]
impl Store for SlotStore {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let (document, version) = self.document("read").await?;
        let Some(run) = document.run(self.slot) else { return Ok(None) };
        let Some(record) = &run.record else {
            return Err(self.permanent("read", "another process has ended this run"));
        };
        let bytes = serde_json::to_vec(record).map_err(|error| self.permanent("read", error))?;
        Ok(Some((bytes, version)))
    }

    async fn save(
        &self,
        bytes: &[u8],
        _: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let record: GateRecord =
            serde_json::from_slice(bytes).map_err(|error| self.permanent("write", error))?;
        let (mut document, version) = self.document("write").await?;
        match (document.runs.iter_mut().find(|run| self.slot.is(run)), replaces) {
            (Some(run), Some(replaces)) => {
                // Whatever has changed in the document: the record that was read may not be this
                // one.
                if version != *replaces || run.record.is_none() {
                    return Err(StoreError::Conflict);
                }
                run.record = Some(Box::new(record));
            }
            (None, None) => {
                let record = Some(Box::new(record));
                document.runs.push(Run { record, ..Run::of(self.slot) });
            }
            _ => return Err(StoreError::Conflict),
        }
        match self.book.save(document, &version).await {
            Ok(version) => Ok(version),
            Err(DocumentError::Store(error)) => Err(error),
            Err(error) => Err(self.permanent("write", error)),
        }
    }

    fn place(&self) -> String {
        format!("{}, run {} on place {}", self.book.place(), self.slot.number, self.slot.place)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Outcome;
    use super::super::document::tests::document;
    use super::*;
    use crate::clock::{SharedClock, SystemClock};
    use crate::record::{FileStore, Identity, Journal};

    fn shown(slot: Slot, outcome: Outcome) -> Run {
        Run { outcome: Some(outcome), ..Run::of(slot) }
    }

    #[test]
    fn a_run_is_known_by_its_place_and_its_number() {
        let slot = |place, number| Slot { place, number };
        let mut found = document(5);
        found.runs = vec![
            Run::of(slot(2, 1)),
            shown(slot(2, 2), Outcome::Passed),
            shown(slot(3, 1), Outcome::Failed),
        ];
        for (place, number, wanted) in [
            (2, 1, None),
            (2, 2, Some(Outcome::Passed)),
            (3, 1, Some(Outcome::Failed)),
            (3, 2, None),
            (4, 1, None),
        ] {
            assert_eq!(found.seen_of(slot(place, number)), wanted, "{place} {number}");
        }
        // The keys of its launches are made from it, and are looked for by later processes.
        assert_eq!(slot(2, 1).id("bisect"), "bisect/2/1");
    }

    #[tokio::test]
    async fn a_run_has_a_record_of_its_own_until_it_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let clock: SharedClock = Arc::new(SystemClock::new(1));
        let path = folder.path().join("bisect.json");
        let book = Book::new(Box::new(FileStore::new(&path)), clock.clone());
        book.begin(document(5)).await.unwrap();
        let slot = Slot { place: 2, number: 1 };
        let identity = Identity { run_id: Some(slot.id("bisect")), ..Identity::default() };
        let open = || {
            let store = Box::new(SlotStore::new(book.clone(), slot));
            Journal::open(store, clock.clone(), &identity)
        };
        let journal = open().await.unwrap();
        journal.update(|record| record.gangway_processes = 7).await.unwrap();
        // Another process on the same run finds its record, and the change of either is kept.
        let second = open().await.unwrap();
        assert_eq!(second.record().await.gangway_processes, 7);
        second.update(|record| record.gangway_processes += 1).await.unwrap();
        journal.update(|record| record.gangway_processes += 1).await.unwrap();
        assert_eq!(second.refresh().await.unwrap().gangway_processes, 9);
        assert_eq!(book.load().await.unwrap().unwrap().seen(), vec![Vec::new(); 5]);

        let ended = book
            .change(|document| document.note(slot, shown(slot, Outcome::Failed)))
            .await
            .unwrap();
        assert_eq!(ended.seen()[2], [Outcome::Failed]);
        let late = book.change(|document| document.note(slot, shown(slot, Outcome::Passed)));
        assert_eq!(late.await.unwrap().seen()[2], [Outcome::Failed], "what is there stays");
        // A run that has ended is not begun again by one who comes late.
        let error = journal
            .update(|record| record.gangway_processes = 1)
            .await
            .unwrap_err();
        let error = crate::failure::Chain(&error).to_string();
        assert!(error.contains("another process"), "{error}");
        assert!(error.contains(&format!("{}, run 1 on place 2", book.place())), "{error}");
        assert!(open().await.is_err());
    }
}
