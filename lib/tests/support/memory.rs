//! A record in memory that several processes share and that outlives them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use library::record::{GateRecord, Labels, Store, StoreError, Version};

/// How often it was written, and what it holds.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<(u64, Option<Vec<u8>>)>>);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl Memory {
    /// One that holds a record.
    pub fn of(record: &GateRecord) -> Self {
        let memory = Self::default();
        memory.replace(serde_json::to_vec(record).unwrap());
        memory
    }

    /// The record, if a step has begun one.
    pub fn begun(&self) -> Option<GateRecord> {
        let state = self.0.lock().unwrap();
        state.1.as_ref().map(|bytes| serde_json::from_slice(bytes).unwrap())
    }

    /// The record that a step has begun.
    pub fn record(&self) -> GateRecord {
        self.begun().expect("a step has begun the record")
    }

    /// Changes the record behind everybody's back.
    pub fn change(&self, change: impl FnOnce(&mut GateRecord)) {
        let mut record = self.record();
        change(&mut record);
        self.replace(serde_json::to_vec(&record).unwrap());
    }

    /// Replaces the document behind everybody's back.
    pub fn replace(&self, document: impl Into<Vec<u8>>) {
        let mut state = self.0.lock().unwrap();
        *state = (state.0 + 1, Some(document.into()));
    }
}

#[async_trait]
impl Store for Memory {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let state = self.0.lock().unwrap();
        Ok(state.1.clone().map(|bytes| (bytes, Version(state.0.to_string()))))
    }

    async fn save(
        &self,
        bytes: &[u8],
        _: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let mut state = self.0.lock().unwrap();
        let current = state.1.as_ref().map(|_| Version(state.0.to_string()));
        if current.as_ref() != replaces {
            return Err(StoreError::Conflict);
        }
        *state = (state.0 + 1, Some(bytes.to_vec()));
        Ok(Version(state.0.to_string()))
    }

    fn place(&self) -> String {
        "the record in memory".to_owned()
    }
}

/// A record whose n-th write is stored at once and acknowledged only long after.
#[derive(Debug)]
pub struct LateAcknowledgement {
    pub record: Memory,
    pub write: u64,
    pub delay: Duration,
    pub writes: AtomicU64,
}

#[async_trait]
impl Store for LateAcknowledgement {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.record.load().await
    }

    async fn save(
        &self,
        bytes: &[u8],
        labels: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let saved = self.record.save(bytes, labels, replaces).await;
        if self.writes.fetch_add(1, Ordering::Relaxed) + 1 == self.write {
            tokio::time::sleep(self.delay).await;
        }
        saved
    }

    fn place(&self) -> String {
        self.record.place()
    }
}

/// What becomes of a write.
#[derive(Debug, Clone, Copy)]
pub enum Write {
    /// Somebody else was faster.
    Conflicts,
    /// It never arrives, and nobody says so.
    IsLost,
    /// It is stored, and its answer is lost.
    IsUnanswered,
}

/// A record whose next writes fare so, and all after them well.
#[derive(Debug)]
pub struct Faring(Memory, Mutex<VecDeque<Write>>);

impl Faring {
    pub fn over(memory: &Memory, writes: impl IntoIterator<Item = Write>) -> Self {
        Self(memory.clone(), Mutex::new(writes.into_iter().collect()))
    }
}

#[async_trait]
impl Store for Faring {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.0.load().await
    }

    async fn save(
        &self,
        bytes: &[u8],
        labels: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let next = self.1.lock().unwrap().pop_front();
        match next {
            Some(Write::Conflicts) => return Err(StoreError::Conflict),
            Some(Write::IsLost) => {}
            Some(Write::IsUnanswered) => {
                self.0.save(bytes, labels, replaces).await?;
            }
            None => return self.0.save(bytes, labels, replaces).await,
        }
        Err(StoreError::Transient { place: self.place(), source: "no answer".into() })
    }

    fn place(&self) -> String {
        self.0.place()
    }
}
