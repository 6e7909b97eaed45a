//! Records that are named one by one: files on a laptop, or ConfigMaps.

use jiff::Timestamp;
use kube::api::ObjectMeta;

use super::build::{Read, report};
use super::model::Report;
use super::played::{Played, played, unreadable};
use crate::failure::Chain;
use crate::record::{Store, decode};

/// Records that are named.
#[derive(Debug, Default)]
pub struct Given {
    played: Vec<Played>,
    missing: Vec<String>,
}

impl Given {
    /// Adds the record at a place. One that cannot be read is a night of an unknown gate; none at all
    /// is said to be missing.
    pub async fn add(&mut self, store: &dyn Store, now: Timestamp) {
        let place = store.place();
        let bytes = match store.load().await {
            Ok(Some((bytes, _))) => bytes,
            Ok(None) => return self.missing.push(format!("{place}: there is none")),
            Err(error) => return self.missing.push(Chain(&error).to_string()),
        };
        let meta = ObjectMeta { name: Some(place.clone()), ..ObjectMeta::default() };
        self.played.push(match decode(bytes.as_slice(), &place) {
            Ok(record) => played(&meta, &record),
            Err(error) => unreadable(&place, now, &Chain(&error).to_string(), None),
        });
    }

    /// The report of these records.
    pub fn report(&self, now: Timestamp) -> Report {
        let read = Read {
            played: self.played.iter().collect(),
            missing: self.missing.clone(),
            ..Read::default()
        };
        report(&read, now)
    }
}
