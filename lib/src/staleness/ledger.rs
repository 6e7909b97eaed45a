//! What was told when: an alert is repeated at most once per interval, and its end is told.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Finding;
use crate::record::{Store, StoreError, Version, labels};

/// The version of the ledger's form.
const SCHEMA_VERSION: u32 = 1;

/// A ledger holds two times and a word (16 KiB).
const MAX_BYTES: usize = 16 * 1024;

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It is something else: a gate's record, or of another version.
    #[error("{place} is no staleness record of version {SCHEMA_VERSION}; give check-staleness a --record of its own")]
    Foreign {
        /// The store's name.
        place: String,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The kinds of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alert {
    /// Nothing was verified for too long.
    Stale,
    /// A source does not answer.
    Blind,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// An alert.
    Alert(Alert),
    /// The end of one or both.
    Recovery,
    /// Nothing: all is well, or the alert was told within the interval.
    Nothing,
}

/// What was told when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The version of this form.
    pub schema_version: u32,
    /// `staleness`.
    pub kind: String,
    /// When staleness was last alerted; absent when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_told_at: Option<Timestamp>,
    /// When blindness was last alerted; absent when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind_told_at: Option<Timestamp>,
    /// What the last look found, in words.
    #[serde(default)]
    pub found: String,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            kind: "staleness".to_owned(),
            stale_told_at: None,
            blind_told_at: None,
            found: String::new(),
            looked_at: None,
        }
    }
}

impl Ledger {
    /// What is to be told of a finding now.
    pub fn due(&self, finding: &Finding, repeat: SignedDuration, now: Timestamp) -> Told {
        let old = |told: Option<Timestamp>| told.is_none_or(|at| now.duration_since(at) >= repeat);
        match finding {
            Finding::Stale { .. } if old(self.stale_told_at) => Told::Alert(Alert::Stale),
            Finding::Blind { .. } if old(self.blind_told_at) => Told::Alert(Alert::Blind),
            Finding::Fresh { .. } if self.stale_told_at.or(self.blind_told_at).is_some() => Told::Recovery,
            _ => Told::Nothing,
        }
    }

    /// Notes that it was told. A source that answers again ends blindness also where the image is
    /// stale; staleness ends only with a fresh image.
    pub fn note(&mut self, told: Told, finding: &Finding, now: Timestamp) {
        match told {
            Told::Alert(Alert::Stale) => self.stale_told_at = Some(now),
            Told::Alert(Alert::Blind) => self.blind_told_at = Some(now),
            Told::Recovery => (self.stale_told_at, self.blind_told_at) = (None, None),
            Told::Nothing => {}
        }
        if let Finding::Stale { silent, .. } = finding
            && silent.is_empty()
        {
            self.blind_told_at = None;
        }
        self.looked_at = Some(now);
    }

    /// Reads it; an empty one where there is none.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn load(store: &dyn Store) -> Result<(Self, Option<Version>), LedgerError> {
        let Some((bytes, version)) = store.load().await? else { return Ok((Self::default(), None)) };
        let foreign = || LedgerError::Foreign { place: store.place() };
        if bytes.len() > MAX_BYTES {
            return Err(foreign());
        }
        let read: Self = serde_json::from_slice(&bytes).map_err(|_| foreign())?;
        if read.schema_version != SCHEMA_VERSION || read.kind != "staleness" {
            return Err(foreign());
        }
        Ok((read, Some(version)))
    }

    /// Writes it over the version that was read.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn save(&self, store: &dyn Store, read: Option<&Version>) -> Result<(), LedgerError> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        store.save(&bytes, &labels::of_kind("staleness"), read).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cause, Source, SourceName};
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn once_per_interval_and_the_end_once() {
        let day = SignedDuration::from_hours(24);
        let fresh = Finding::Fresh { newest: None };
        let stale = Finding::Stale { newest: None, cause: Cause::NotKnown, silent: vec![] };
        let silent = vec![Source { name: SourceName::Archive, why: "503".into() }];
        let blind = Finding::Blind { newest: None, silent };
        let mut ledger = Ledger::default();
        let mut told = Vec::new();
        let looks = [
            (0, &fresh),
            (1, &stale),
            (2, &stale),
            (3, &blind),
            (4, &stale),
            (5, &blind),
            (26, &stale),
            (27, &fresh),
            (28, &fresh),
        ];
        for (hour, finding) in looks {
            let due = ledger.due(finding, day, at(hour));
            ledger.note(due, finding, at(hour));
            told.push(due);
        }
        use Told::{Alert as A, Nothing, Recovery};
        let wanted = [
            Nothing,
            A(Alert::Stale),
            Nothing,
            A(Alert::Blind),
            Nothing,
            A(Alert::Blind),
            A(Alert::Stale),
            Recovery,
            Nothing,
        ];
        assert_eq!(told, wanted);
    }
}
