//! The token bucket for Gangway, with what the record knows of earlier processes.

use std::sync::Arc;

use super::{Journal, RecordError};
use crate::clock::SharedClock;
use crate::prow::budget::{Budget, Limits};

/// The bucket of one more process that will ask Gangway for this record: only the first finds it
/// full, since the others may follow one another quickly. Counts the process in the record.
///
/// # Errors
/// [`RecordError`] when the record cannot be written.
pub async fn gangway_budget(
    journal: &Journal,
    clock: SharedClock,
    limits: Limits,
) -> Result<Arc<Budget>, RecordError> {
    let before = journal.update(|record| {
        let before = record.gangway_processes;
        record.gangway_processes = before.saturating_add(1);
        before
    });
    Ok(Arc::new(Budget::new(clock, limits, before.await? == 0)))
}
