//! A record in use: read once, changed by compare-and-swap, durable before every change returns.

use std::fmt;

use serde::Deserialize;
use tokio::sync::Mutex;

use super::bound::TooLarge;
use super::swap::{self, MAX_CONFLICTS};
use super::{
    Candidate, GateRecord, Kind, MAX_BYTES, SCHEMA_VERSION, Store, StoreError, Version, bound,
    labels,
};
use crate::clock::SharedClock;
use crate::failure::Failure;
use crate::image::ImageRef;
use crate::retry::{Policy, Tries};
use crate::step::groups;
use crate::text;

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is none, and this step does not begin one.
    #[error("{place} does not exist; expected one that launch-prow has begun")]
    Missing {
        /// The store's name.
        place: String,
    },
    /// It is not a record.
    #[error("{place} cannot be read as a gate record")]
    Malformed {
        /// The store's name.
        place: String,
        /// What the parser says, with line and column.
        source: serde_json::Error,
    },
    /// It is something else.
    #[error(
        "{place} is no gate record: it holds {found}; expected what a step of the gate has written there"
    )]
    NoRecord {
        /// The store's name.
        place: String,
        /// What it is instead.
        found: String,
    },
    /// It is of another version of the toolkit.
    #[error(
        "{place} has schema version {found}, this toolkit reads {SCHEMA_VERSION}; use the version of the toolkit that wrote it"
    )]
    Schema {
        /// The store's name.
        place: String,
        /// The version found.
        found: u64,
    },
    /// It belongs to another run.
    #[error(
        "{place} belongs to run {found}, not to --run-id {given}; give each run a record of its own"
    )]
    OtherRun {
        /// The store's name.
        place: String,
        /// The id in it.
        found: String,
        /// The id given.
        given: String,
    },
    /// It is bound to another gate or scenario.
    #[error(
        "{place} is of the {what} {found:?}, not of {flag} {given:?}; leave {flag} out, or give each run a record of its own"
    )]
    OtherName {
        /// The store's name.
        place: String,
        /// What is another: `gate` or `scenario`.
        what: &'static str,
        /// Its flag.
        flag: &'static str,
        /// The name in it.
        found: String,
        /// The name given.
        given: String,
    },
    /// It is bound to another ReleasePlan.
    #[error(
        "{place} is bound to the ReleasePlan {found:?}, not to --release-plan {given:?}; give each plan a record of its own"
    )]
    OtherPlan {
        /// The store's name.
        place: String,
        /// The plan in it.
        found: String,
        /// The plan given.
        given: String,
    },
    /// It is bound to another image.
    #[error("{place} is bound to {found}, not to {given}; give each image a record of its own")]
    OtherImage {
        /// The store's name.
        place: String,
        /// The image in it.
        found: ImageRef,
        /// The image given.
        given: ImageRef,
    },
    /// It would be too large, although all that only people read was cut.
    #[error(
        "{place} would have {bytes} bytes, and no more than {MAX_BYTES} can be kept; give fewer jobs, shorter names and \
         variables, or fewer reruns"
    )]
    TooLarge {
        /// The store's name.
        place: String,
        /// Its size.
        bytes: usize,
    },
    /// It is bound to another Snapshot.
    #[error(
        "{place} is bound to Snapshot {found}, not to {given}; give each Snapshot a record of its own"
    )]
    OtherSnapshot {
        /// The store's name.
        place: String,
        /// The Snapshot in it.
        found: String,
        /// The Snapshot given.
        given: String,
    },
    /// It was there and is gone.
    #[error("{place} was deleted while it was in use")]
    Vanished {
        /// The store's name.
        place: String,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(_) | RecordError::Vanished { .. } => Self::failed(error),
            _ => Self::misuse(error),
        }
    }
}

/// Whose record it is.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// `--run-id`.
    pub run_id: Option<String>,
    /// `--run-name`.
    pub run_name: Option<String>,
    /// `--gate-label`.
    pub gate: Option<String>,
    /// `--scenario`.
    pub scenario: Option<String>,
    /// The namespace, where there is a cluster.
    pub namespace: Option<String>,
}

impl From<groups::Run> for Identity {
    /// The namespace is not among these flags.
    fn from(run: groups::Run) -> Self {
        let groups::Run { run_id, run_name, scenario, gate_label } = run;
        Self { run_id, run_name, gate: gate_label, scenario, namespace: None }
    }
}

impl Identity {
    /// Whether a record may be this run's, as far as both say.
    ///
    /// # Errors
    /// [`RecordError::OtherRun`] and [`RecordError::OtherName`].
    pub fn agrees_with(&self, record: &GateRecord, place: &str) -> Result<(), RecordError> {
        if let Some(given) = self.run_id.as_ref().filter(|given| **given != record.id) {
            let (found, given) = (record.id.clone(), given.clone());
            return Err(RecordError::OtherRun { place: place.to_owned(), found, given });
        }
        let names = [
            ("gate", "--gate-label", &record.gate, &self.gate),
            ("scenario", "--scenario", &record.scenario, &self.scenario),
        ];
        for (what, flag, found, given) in names {
            if let (Some(found), Some(given)) = (found, given)
                && found != given
            {
                let (found, given) = (found.clone(), given.clone());
                return Err(RecordError::OtherName {
                    place: place.to_owned(),
                    what,
                    flag,
                    found,
                    given,
                });
            }
        }
        Ok(())
    }

    /// Adds to a record what it does not say.
    pub fn complete(&self, record: &mut GateRecord) {
        let known = [
            (&mut record.run, &self.run_name),
            (&mut record.gate, &self.gate),
            (&mut record.scenario, &self.scenario),
            (&mut record.namespace, &self.namespace),
        ];
        for (field, given) in known {
            if field.is_none() {
                field.clone_from(given);
            }
        }
    }
}

/// The record of this run.
pub struct Journal {
    store: Box<dyn Store>,
    clock: SharedClock,
    state: Mutex<State>,
}

struct State {
    record: GateRecord,
    version: Option<Version>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Journal({})", self.store.place())
    }
}

impl Journal {
    /// Opens the record, and begins one where there is none. What `identity` says and the record
    /// does not is added.
    ///
    /// # Errors
    /// [`RecordError`] when it is no record of this version and run, or cannot be reached.
    pub async fn open(
        store: Box<dyn Store>,
        clock: SharedClock,
        identity: &Identity,
    ) -> Result<Self, RecordError> {
        match load(store.as_ref(), &clock, identity.run_id.as_deref()).await? {
            Some(state) => {
                let journal = Self { store, clock, state: Mutex::new(state) };
                journal.identify(identity).await?;
                Ok(journal)
            }
            None => {
                let id = identity
                    .run_id
                    .clone()
                    .unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
                let record = GateRecord::begin(id, clock.now());
                let journal =
                    Self { store, clock, state: Mutex::new(State { record, version: None }) };
                match journal.identify(identity).await {
                    // Another process was faster, and no id was asked for: its record is the one.
                    Err(RecordError::OtherRun { .. }) if identity.run_id.is_none() => {
                        Self::existing(journal.store, journal.clock, identity).await
                    }
                    other => other.map(|()| journal),
                }
            }
        }
    }

    /// Opens a record that must be there.
    ///
    /// # Errors
    /// [`RecordError`]; [`RecordError::Missing`] when there is none.
    pub async fn existing(
        store: Box<dyn Store>,
        clock: SharedClock,
        identity: &Identity,
    ) -> Result<Self, RecordError> {
        let loaded = load(store.as_ref(), &clock, identity.run_id.as_deref()).await?;
        let state = loaded.ok_or_else(|| RecordError::Missing { place: store.place() })?;
        identity.agrees_with(&state.record, &store.place())?;
        Ok(Self { store, clock, state: Mutex::new(state) })
    }

    /// Opens a record that must be there, and adds what `identity` says and the record does not.
    ///
    /// # Errors
    /// [`RecordError`]; [`RecordError::Missing`] when there is none.
    pub async fn join(
        store: Box<dyn Store>,
        clock: SharedClock,
        identity: &Identity,
    ) -> Result<Self, RecordError> {
        let journal = Self::existing(store, clock, identity).await?;
        journal.identify(identity).await?;
        Ok(journal)
    }

    async fn identify(&self, identity: &Identity) -> Result<(), RecordError> {
        // Another process may have written its own meanwhile: compared again where it is written.
        self.update(|record| {
            identity.agrees_with(record, &self.place())?;
            identity.complete(record);
            Ok(())
        })
        .await?
    }

    /// The record's name in messages.
    pub fn place(&self) -> String {
        self.store.place()
    }

    /// The record as this process last saw it.
    pub async fn record(&self) -> GateRecord {
        self.state.lock().await.record.clone()
    }

    /// Reads the record again: another process may have changed it.
    ///
    /// # Errors
    /// [`RecordError`]; [`RecordError::Vanished`] when it is gone.
    pub async fn refresh(&self) -> Result<GateRecord, RecordError> {
        let mut state = self.state.lock().await;
        self.reload(&mut state).await?;
        Ok(state.record.clone())
    }

    /// Changes the record and returns when the change is durable.
    ///
    /// When somebody else has written meanwhile, or it is not known whether a write was carried
    /// out, the record is read again and `change` applied to what is there: it must do no harm the
    /// second time. A change that changes nothing is not written.
    ///
    /// # Errors
    /// [`RecordError`] when the change could not be made durable.
    pub async fn update<T>(
        &self,
        mut change: impl FnMut(&mut GateRecord) -> T,
    ) -> Result<T, RecordError> {
        let mut state = self.state.lock().await;
        let mut tries = Tries::begin(Policy::READ, &self.clock);
        let mut conflicts = 0;
        loop {
            let mut changed = state.record.clone();
            let result = change(&mut changed);
            if changed == state.record && state.version.is_some() {
                return Ok(result);
            }
            changed.updated_at = self.clock.now();
            changed.revision += 1;
            let bytes = bound::encode(&mut changed).map_err(|TooLarge { bytes }| {
                RecordError::TooLarge { place: self.place(), bytes }
            })?;
            match self
                .store
                .save(&bytes, &labels::of_record(&changed), state.version.as_ref())
                .await
            {
                Ok(version) => {
                    *state = State { record: changed, version: Some(version) };
                    return Ok(result);
                }
                Err(StoreError::Conflict) if conflicts < MAX_CONFLICTS => conflicts += 1,
                Err(error @ StoreError::Transient { .. }) => {
                    swap::again(&mut tries, error).await?;
                }
                Err(error) => return Err(error.into()),
            }
            self.reload(&mut state).await?;
        }
    }

    /// Binds the record to an image; what is known of it besides is added.
    ///
    /// # Errors
    /// [`RecordError::OtherImage`] and [`RecordError::OtherSnapshot`] when it is bound to another
    /// one.
    pub async fn bind(&self, candidate: &Candidate) -> Result<(), RecordError> {
        self.update(|record| bind(record, candidate, &self.place())).await?
    }

    async fn reload(&self, state: &mut State) -> Result<(), RecordError> {
        match load(self.store.as_ref(), &self.clock, Some(&state.record.id)).await? {
            Some(read) => *state = read,
            // The first write never arrived.
            None if state.version.is_none() => {}
            None => return Err(RecordError::Vanished { place: self.place() }),
        }
        Ok(())
    }
}

fn bind(record: &mut GateRecord, candidate: &Candidate, place: &str) -> Result<(), RecordError> {
    let bound = record.candidate.get_or_insert_with(|| candidate.clone());
    let place = || place.to_owned();
    if bound.image != candidate.image {
        let (found, given) = (bound.image.clone(), candidate.image.clone());
        return Err(RecordError::OtherImage { place: place(), found, given });
    }
    // A Release is made from the Snapshot: another one with the same image has other components.
    if let (Some(found), Some(given)) = (&bound.snapshot, &candidate.snapshot)
        && found != given
    {
        let (found, given) = (found.clone(), given.clone());
        return Err(RecordError::OtherSnapshot { place: place(), found, given });
    }
    let fill = |field: &mut Option<String>, known: &Option<String>| {
        if field.is_none() {
            field.clone_from(known);
        }
    };
    fill(&mut bound.snapshot, &candidate.snapshot);
    if bound.component.is_none() {
        bound.component_version.clone_from(&candidate.component_version);
    }
    fill(&mut bound.component, &candidate.component);
    fill(&mut bound.revision, &candidate.revision);
    fill(&mut bound.git_url, &candidate.git_url);
    if bound.platforms.is_empty() {
        bound.platforms.clone_from(&candidate.platforms);
    }
    if bound.manifests.is_empty() {
        bound.manifests.clone_from(&candidate.manifests);
    }
    fill(&mut bound.index, &candidate.index);
    Ok(())
}

async fn load(
    store: &dyn Store,
    clock: &SharedClock,
    id: Option<&str>,
) -> Result<Option<State>, RecordError> {
    let loaded = swap::load(store, clock).await?;
    let Some((bytes, version)) = loaded else { return Ok(None) };
    let record = decode(&bytes, &store.place())?;
    match id {
        Some(given) if given != record.id => Err(RecordError::OtherRun {
            place: store.place(),
            found: record.id,
            given: given.to_owned(),
        }),
        _ => Ok(Some(State { record, version: Some(version) })),
    }
}

/// Reads a stored document.
///
/// # Errors
/// [`RecordError::NoRecord`], [`RecordError::Malformed`] and [`RecordError::Schema`].
pub fn decode(bytes: &[u8], place: &str) -> Result<GateRecord, RecordError> {
    #[derive(Deserialize)]
    struct Head {
        schema_version: u64,
        #[serde(rename = "kind")]
        _kind: Kind,
    }
    let malformed = |source| RecordError::Malformed { place: place.to_owned(), source };
    let head: Head =
        serde_json::from_slice(bytes).map_err(|error| match something_else(bytes) {
            Some(found) => RecordError::NoRecord { place: place.to_owned(), found },
            None => malformed(error),
        })?;
    if head.schema_version != u64::from(SCHEMA_VERSION) {
        return Err(RecordError::Schema { place: place.to_owned(), found: head.schema_version });
    }
    serde_json::from_slice(bytes).map_err(malformed)
}

/// What a document is that is no gate record; `None` for one that only looks damaged.
fn something_else(bytes: &[u8]) -> Option<String> {
    use serde_json::Value;
    if bytes.trim_ascii().is_empty() {
        return Some("nothing".to_owned());
    }
    let found = match serde_json::from_slice(bytes).ok()? {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => "a single JSON value".to_owned(),
        Value::String(_) => "a JSON text".to_owned(),
        Value::Array(_) => "a JSON array".to_owned(),
        Value::Object(object) => match object.get("kind").and_then(Value::as_str) {
            Some("gate") => return None,
            Some(kind) => format!("an object of kind {:?}", text::cut(kind, 60)),
            None => "a JSON object without a kind".to_owned(),
        },
    };
    Some(found)
}

#[cfg(test)]
mod tests;
