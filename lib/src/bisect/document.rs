//! The record of a bisect: one document of kind `bisect`, and in it a gate record for the run that
//! is under way, so that it is launched exactly once and judged as the gate's runs are.
//!
//! It has the label of its kind and none of a gate or a scenario, so that no gate counts its runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chance::Before;
use super::{Outcome, Rules};
use crate::image::ImageRef;
use crate::record::{GateRecord, JobRecord, Labels, Store, StoreError, Version, labels};

/// The version of the document's schema that this toolkit reads and writes.
pub const SCHEMA_VERSION: u32 = 1;

/// What the document is about.
pub const KIND: &str = "bisect";

/// How often somebody else's write is given way to.
const MAX_CONFLICTS: u32 = 50;

/// A Snapshot of the range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    pub snapshot: String,
    pub image: ImageRef,
    /// The git revision that the image was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The repository of that revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_url: Option<String>,
    /// When its build began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub built_at: Option<Timestamp>,
    /// The title of the change, where an annotation tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// A run of the job on a Snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// The place of the Snapshot in the range.
    pub place: usize,
    /// Which run of it, from 1.
    pub number: usize,
    /// What it showed; absent while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Prow's id of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// Where people look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_url: Option<String>,
    /// The gate record of the run while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub record: Option<Box<GateRecord>>,
}

/// How a bisect ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Whether somebody stopped it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// Whether the message was delivered; absent where none was to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<bool>,
}

/// All that is known of a bisect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// The version of this document's schema.
    pub schema_version: u32,
    /// What the document is about: `bisect`.
    pub kind: String,
    /// Its id. The intent keys of its runs are made from it.
    pub id: String,
    /// When it was begun.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// The job, with what it is launched with.
    pub job: JobRecord,
    /// Constant variables besides (`--env`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The test that is looked for; any product failure where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// How much evidence is asked for.
    pub rules: Rules,
    /// Earlier runs on good images.
    #[serde(default)]
    pub before: Before,
    /// The Snapshots, the good one first and the bad one last.
    pub range: Vec<Place>,
    /// The runs, in the order in which they were begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

impl Document {
    /// What was seen of each Snapshot: all that [`next`](super::next) asks for.
    pub fn seen(&self) -> Vec<Vec<Outcome>> {
        let mut seen = vec![Vec::new(); self.range.len()];
        for run in &self.runs {
            if let (Some(outcome), Some(place)) = (run.outcome, seen.get_mut(run.place)) {
                place.push(outcome);
            }
        }
        seen
    }

    /// The run of that number on that place.
    pub fn run(&self, slot: Slot) -> Option<&Run> {
        self.runs.iter().find(|run| slot.is(run))
    }

    /// Notes what a run showed; what is there already stays.
    pub fn note(&mut self, slot: Slot, shown: Run) {
        match self.runs.iter_mut().find(|run| slot.is(run)) {
            Some(run) if run.outcome.is_none() => *run = shown,
            Some(_) => {}
            None => self.runs.push(shown),
        }
    }
}

/// Which run: on which place of the range, and which one there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The place of the Snapshot in the range.
    pub place: usize,
    /// Which run of it, from 1.
    pub number: usize,
}

impl Slot {
    fn is(self, run: &Run) -> bool {
        run.place == self.place && run.number == self.number
    }

    /// The id of the run's own record.
    pub fn id(self, bisect: &str) -> String {
        format!("{bisect}/{}/{}", self.place, self.number)
    }
}

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
    /// It cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where the document is kept.
#[derive(Debug, Clone)]
pub struct Book(Arc<dyn Store>);

impl Book {
    /// A document at a store.
    pub fn new(store: Box<dyn Store>) -> Self {
        Self(Arc::from(store))
    }

    /// Its name in messages.
    pub fn place(&self) -> String {
        self.0.place()
    }

    /// The document with its version; `None` where there is none yet.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn load(&self) -> Result<Option<(Document, Version)>, DocumentError> {
        let Some((bytes, version)) = self.0.load().await? else { return Ok(None) };
        Ok(Some((decode(&bytes, &self.place())?, version)))
    }

    /// Makes the document, or returns the one that is there already.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn begin(&self, document: Document) -> Result<Document, DocumentError> {
        match self.save(&document, None).await {
            Ok(_) => Ok(document),
            Err(DocumentError::Store(StoreError::Conflict)) => {
                let found = self.load().await?;
                found
                    .map(|(found, _)| found)
                    .ok_or(DocumentError::Vanished { place: self.place() })
            }
            Err(error) => Err(error),
        }
    }

    /// Changes the document, and returns it as it is then. `change` may be applied to a newer one
    /// again.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn change(&self, change: impl Fn(&mut Document)) -> Result<Document, DocumentError> {
        let mut conflicts = 0;
        loop {
            let Some((mut document, version)) = self.load().await? else {
                return Err(DocumentError::Vanished { place: self.place() });
            };
            let before = document.clone();
            change(&mut document);
            if document == before {
                return Ok(document);
            }
            match self.save(&document, Some(&version)).await {
                Ok(_) => return Ok(document),
                Err(DocumentError::Store(StoreError::Conflict)) if conflicts < MAX_CONFLICTS => {
                    conflicts += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn save(
        &self,
        document: &Document,
        replaces: Option<&Version>,
    ) -> Result<Version, DocumentError> {
        let bytes = serde_json::to_vec(document)
            .map_err(|source| DocumentError::Malformed { place: self.place(), source })?;
        Ok(self.0.save(&bytes, &labels::of_kind(KIND), replaces).await?)
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
        match self.book.load().await {
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
            (None, None) => document.runs.push(Run {
                place: self.slot.place,
                number: self.slot.number,
                outcome: None,
                words: None,
                execution: None,
                job_url: None,
                record: Some(Box::new(record)),
            }),
            _ => return Err(StoreError::Conflict),
        }
        match self.book.save(&document, Some(&version)).await {
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
pub(crate) mod tests {
    use super::*;
    use crate::clock::{SharedClock, SystemClock};
    use crate::record::{Class, FileStore, Identity, Journal};

    pub(crate) fn place(number: usize) -> Place {
        Place {
            snapshot: format!("snap-{number}"),
            image: format!("quay.io/acme/ho@sha256:{number:064x}").parse().unwrap(),
            revision: Some(format!("{number:040x}")),
            git_url: Some("https://github.com/acme/ho".to_owned()),
            built_at: Timestamp::from_second(number as i64 * 3600).ok(),
            title: None,
        }
    }

    pub(crate) fn document(range: usize) -> Document {
        Document {
            schema_version: SCHEMA_VERSION,
            kind: KIND.to_owned(),
            id: "bisect".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            job: JobRecord {
                override_env: vec!["IMAGE".to_owned()],
                ..JobRecord::named("periodic-a", Class::Blocking)
            },
            env: BTreeMap::new(),
            test: None,
            rules: Rules::default(),
            before: Before::default(),
            range: (0..range).map(place).collect(),
            runs: Vec::new(),
            ended: None,
        }
    }

    fn shown(slot: Slot, outcome: Outcome) -> Run {
        Run {
            place: slot.place,
            number: slot.number,
            outcome: Some(outcome),
            words: None,
            execution: None,
            job_url: None,
            record: None,
        }
    }

    #[tokio::test]
    async fn a_run_has_a_record_of_its_own_until_it_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bisect.json");
        let book = Book::new(Box::new(FileStore::new(&path)));
        book.begin(document(5)).await.unwrap();
        let other = Document { id: "other".to_owned(), ..document(5) };
        assert_eq!(book.begin(other).await.unwrap().id, "bisect", "the first one stands");
        let clock: SharedClock = Arc::new(SystemClock::new(1));
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
        assert_eq!(book.load().await.unwrap().unwrap().0.seen(), vec![Vec::new(); 5]);

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
        assert!(crate::failure::Chain(&error).to_string().contains("another process"), "{error}");
        assert!(open().await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_bisect_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bisect.json");
        for (text, words) in [
            ("{\"kind\":\"gate\",\"schema_version\":1}", "kind \"gate\" of version 1"),
            ("{\"kind\":\"bisect\",\"schema_version\":2}", "kind \"bisect\" of version 2"),
            ("{\"kind\":\"bisect\"", "cannot be read"),
            ("{\"kind\":\"bisect\",\"schema_version\":1}", "cannot be read"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Book::new(Box::new(FileStore::new(&path))).load().await.unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
