//! Writes that fail in every way.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::*;
use crate::clock::RuntimeClock;
use crate::support::memory::{Faring, Memory, Write};

/// A journal whose writes fare so, begun by a process that is gone.
async fn begun(writes: impl IntoIterator<Item = Write>) -> (Memory, Journal) {
    let memory = Memory::of(&GateRecord::begin("run", Timestamp::UNIX_EPOCH));
    let store = Box::new(Faring::over(&memory, writes));
    let clock: SharedClock = Arc::new(RuntimeClock::starting_at(Timestamp::UNIX_EPOCH));
    let journal = Journal::existing(store, clock, &Identity::default()).await.unwrap();
    (memory, journal)
}

#[tokio::test(start_paused = true)]
async fn a_change_is_written_once_however_its_write_fares() {
    for writes in [
        vec![],
        vec![Write::Conflicts],
        vec![Write::IsLost],
        vec![Write::IsUnanswered],
        vec![Write::IsLost, Write::Conflicts, Write::IsUnanswered],
    ] {
        let (memory, journal) = begun(writes.clone()).await;
        let update =
            |gate: &'static str| journal.update(move |record| record.gate = Some(gate.to_owned()));
        update("ARO HCP").await.unwrap();
        assert_eq!(memory.record(), journal.record().await, "{writes:?}");
        assert_eq!(memory.record().revision, 1, "{writes:?}");
        update("ROSA HCP").await.unwrap();
        assert_eq!(memory.record().revision, 2, "{writes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_is_begun_once_however_its_first_write_fares() {
    for writes in [
        vec![],
        vec![Write::Conflicts],
        vec![Write::IsLost],
        vec![Write::IsUnanswered],
        vec![Write::IsLost, Write::IsUnanswered],
    ] {
        let memory = Memory::default();
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(Timestamp::UNIX_EPOCH));
        let store = Box::new(Faring::over(&memory, writes.clone()));
        let journal = Journal::open(store, clock, &Identity::default()).await.unwrap();
        assert_eq!(memory.record(), journal.record().await, "{writes:?}");
        assert_eq!(memory.record().revision, 1, "{writes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_writers_are_given_way_to_and_no_more() {
    for (conflicts, written) in [(50, true), (51, false)] {
        let (memory, journal) = begun(vec![Write::Conflicts; conflicts]).await;
        let update = journal
            .update(|record| record.gate = Some("ARO HCP".to_owned()))
            .await;
        match update {
            Ok(()) => assert!(written, "{conflicts}"),
            Err(error) => {
                assert!(matches!(error, RecordError::Store(StoreError::Conflict)), "{error}");
                assert!(!written, "{conflicts}");
            }
        }
        assert_eq!(memory.record().gate.is_some(), written, "{conflicts}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_is_named_by_its_place() {
    let (memory, journal) = begun([]).await;
    assert_eq!(journal.place(), memory.place());
    assert_eq!(format!("{journal:?}"), format!("Journal({})", memory.place()));
}
