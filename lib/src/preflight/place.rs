//! The record: whether it can be kept where it is to be, and what is in it.

use std::path::Path;

use super::Preflight;
use super::rights::Right;
use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::failure::Chain;
use crate::record::{self, GateRecord, Identity, Journal, Location, RecordError};

/// Reading and writing a record in a ConfigMap, and beginning one.
pub const BEGIN: Right = Right {
    group: "",
    resource: "configmaps",
    verbs: &["get", "create", "update"],
    to: "to keep the record",
};

/// Reading and writing a record that another step has begun.
pub const CONTINUE: Right = Right {
    group: "",
    resource: "configmaps",
    verbs: &["get", "update"],
    to: "to keep the record",
};

/// What was seen of a record.
#[derive(Debug, PartialEq)]
pub enum Seen {
    Record(Box<GateRecord>),
    /// That there is none yet.
    Nothing,
    /// Nothing that could be used.
    Unreadable,
}

/// Looks at a record, which may not be there yet; the rights to a ConfigMap are asked for
/// elsewhere. Without a cluster that could be prepared, a ConfigMap is not looked at.
pub async fn look(
    location: &Location,
    cluster: Option<&Cluster>,
    identity: &Identity,
    clock: &SharedClock,
    checks: &mut Preflight,
) -> Seen {
    match (location, cluster) {
        (Location::ConfigMap(_), None) => return Seen::Unreadable,
        (Location::File(path), _) => {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            if let Err(error) = tempfile::NamedTempFile::new_in(folder) {
                checks.failed(
                    "record",
                    format_args!("cannot write in {}: {}", folder.display(), error.kind()),
                );
                return Seen::Unreadable;
            }
        }
        (Location::ConfigMap(_), Some(_)) => {}
    }
    let store = record::store_at(location, cluster);
    let place = store.place();
    match Journal::existing(store, clock.clone(), identity).await {
        Ok(journal) => {
            let record = journal.record().await;
            let image = record
                .candidate
                .as_ref()
                .map_or("no image yet".to_owned(), |found| found.image.to_string());
            checks.passed("record", format_args!("{place} is there, with {image}"));
            Seen::Record(Box::new(record))
        }
        Err(RecordError::Missing { .. }) => {
            checks.passed("record", format_args!("{place} is not there yet"));
            Seen::Nothing
        }
        Err(error) => {
            checks.failed("record", Chain(&error));
            Seen::Unreadable
        }
    }
}
