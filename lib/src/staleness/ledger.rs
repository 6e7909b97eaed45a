//! What was reported when: an alert is repeated at most once per interval, and its end is reported.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Cause, Evidence, Finding};
use crate::record::{Store, StoreError, Version, labels};

/// The version of the ledger's form.
const SCHEMA_VERSION: u32 = 1;

/// A ledger holds some times, a line, and the automatic Releases that were told (16 KiB).
const MAX_BYTES: usize = 16 * 1024;

/// So many automatic Releases are remembered.
pub(super) const MOST_REMEMBERED: usize = 100;

/// A time that was written by another clock may be so far in the future (10 minutes); beyond it the
/// ledger is wrong, and does not silence anything.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It is something else, such as a gate's record, which must not be overwritten.
    #[error(
        "{place} is no staleness record, but one of kind {kind:?}; give check-staleness a --record of its own"
    )]
    Foreign {
        /// The store's name.
        place: String,
        /// What it is.
        kind: String,
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
    /// Nothing new was built for too long; told once.
    NoBuild,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
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
    /// When it was alerted that nothing new is built; absent when that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_build_told_at: Option<Timestamp>,
    /// When automatic Releases that stand were last alerted; absent when none stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic_told_at: Option<Timestamp>,
    /// Since when the newest of those has been out; absent when none stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic_since: Option<Timestamp>,
    /// The automatic Releases that were told, by uid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub automatic_told: Vec<String>,
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
            no_build_told_at: None,
            automatic_told_at: None,
            automatic_since: None,
            automatic_told: Vec::new(),
            found: String::new(),
            looked_at: None,
        }
    }
}

impl Told {
    /// Tells no end of an alarm by a clock that is behind what the cluster has stamped already: an
    /// image that is too old would seem young enough.
    pub fn by_clock(self, evidence: &Evidence, now: Timestamp) -> Self {
        match (&self, evidence.last_stamp()) {
            (Self::Recovery, Some(at)) if is_ahead(at, now) => Self::Nothing,
            _ => self,
        }
    }
}

impl Ledger {
    /// What is to be told of a finding now.
    pub fn due(&self, finding: &Finding, repeat: SignedDuration, now: Timestamp) -> Told {
        let told = [self.stale_told_at, self.blind_told_at, self.no_build_told_at];
        match finding {
            // Nobody can do much about it: once is enough.
            Finding::Stale { cause: Cause::NothingNewer { .. }, .. } => match self.no_build_told_at
            {
                None => Told::Alert(Alert::NoBuild),
                Some(at) if is_ahead(at, now) => Told::Alert(Alert::NoBuild),
                Some(_) => Told::Nothing,
            },
            Finding::Stale { .. } if is_due(self.stale_told_at, repeat, now) => {
                Told::Alert(Alert::Stale)
            }
            Finding::Blind { .. } if is_due(self.blind_told_at, repeat, now) => {
                Told::Alert(Alert::Blind)
            }
            Finding::Fresh { .. } if told.iter().any(Option::is_some) => Told::Recovery,
            _ => Told::Nothing,
        }
    }

    /// Notes that it was told. A source that answers again ends blindness also where the image is
    /// stale; staleness ends only with a fresh image.
    pub fn note(&mut self, told: Told, finding: &Finding, now: Timestamp) {
        match told {
            Told::Alert(Alert::Stale) => self.stale_told_at = Some(now),
            Told::Alert(Alert::Blind) => self.blind_told_at = Some(now),
            Told::Alert(Alert::NoBuild) => self.no_build_told_at = Some(now),
            Told::Recovery => {
                (self.stale_told_at, self.blind_told_at, self.no_build_told_at) = (None, None, None)
            }
            Told::Nothing => {}
        }
        if let Finding::Stale { silent, .. } = finding
            && silent.is_empty()
        {
            self.blind_told_at = None;
        }
        self.looked_at = Some(now);
    }

    /// Reads it; an empty one where there is none. One that is torn, emptied or of another version
    /// counts as none, since it must never silence an alert; the reason is returned with it.
    ///
    /// # Errors
    /// [`LedgerError::Foreign`] for a whole record of another kind, [`LedgerError::Store`].
    pub async fn load(store: &dyn Store) -> Result<Loaded, LedgerError> {
        let Some((bytes, version)) = store.load().await? else { return Ok(Loaded::default()) };
        let (ledger, wrong) = match read(&bytes) {
            Ok(ledger) => (ledger, None),
            Err(Unread::Foreign(kind)) => {
                return Err(LedgerError::Foreign { place: store.place(), kind });
            }
            Err(Unread::Torn(why)) => (
                Self::default(),
                Some(format!(
                    "{} could not be used: {why}; what was told before is not known",
                    store.place()
                )),
            ),
        };
        Ok(Loaded { ledger, version: Some(version), wrong })
    }

    /// What is wrong with its times, in words: one from the future silences nothing.
    pub fn ahead(&self, now: Timestamp) -> Option<String> {
        let times = [
            self.stale_told_at,
            self.blind_told_at,
            self.no_build_told_at,
            self.automatic_told_at,
            self.looked_at,
        ];
        let ahead = times.into_iter().flatten().filter(|at| is_ahead(*at, now)).max()?;
        Some(format!(
            "what it remembers is of {ahead:.0}, which is still to come: a clock is or was wrong"
        ))
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

/// Whether an alert that was told then is to be told again. A time from the future was never.
pub(super) fn is_due(told: Option<Timestamp>, repeat: SignedDuration, now: Timestamp) -> bool {
    told.is_none_or(|at| is_ahead(at, now) || now.duration_since(at) >= repeat)
}

fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at.duration_since(now) > SKEW
}

/// A ledger as it was found.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// What it says.
    pub ledger: Ledger,
    /// Its version, where there is one.
    pub version: Option<Version>,
    /// Why it says nothing, where it could not be used.
    pub wrong: Option<String>,
}

enum Unread {
    Foreign(String),
    Torn(String),
}

fn read(bytes: &[u8]) -> Result<Ledger, Unread> {
    let torn = |why: String| Err(Unread::Torn(why));
    if bytes.trim_ascii().is_empty() {
        return torn("it is empty".to_owned());
    }
    // Without reading it all: a gate's record may have 900 KiB.
    #[derive(Deserialize)]
    struct Head {
        kind: String,
        schema_version: Option<u32>,
    }
    match serde_json::from_slice::<Head>(bytes) {
        Ok(head) if head.kind != "staleness" => {
            return Err(Unread::Foreign(crate::text::one_line(&head.kind, 40)));
        }
        Ok(Head { schema_version: Some(version), .. }) if version != SCHEMA_VERSION => {
            return torn(format!(
                "it is of version {version}, this check-staleness writes {SCHEMA_VERSION}"
            ));
        }
        _ => {}
    }
    if bytes.len() > MAX_BYTES {
        return torn(format!("it has {} bytes, more than any right one", bytes.len()));
    }
    serde_json::from_slice(bytes).or_else(|error| torn(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::{Reach, Source, SourceName};
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_clock_may_be_a_little_behind() {
        let (day, second) = (SignedDuration::from_hours(24), SignedDuration::from_secs(1));
        for (told, due) in [
            (None, true),
            (Some(at(0)), true),
            (Some(at(0) + second), false),
            (Some(at(24)), false),
            (Some(at(24) + SKEW), false),
            (Some(at(24) + SKEW + second), true),
        ] {
            assert_eq!(is_due(told, day, at(24)), due, "{told:?}");
        }
    }

    #[test]
    fn a_ledger_has_a_largest_size() {
        let text = serde_json::to_string(&Ledger::default()).unwrap();
        let of = |bytes: usize| read(format!("{text:<bytes$}").as_bytes());
        assert!(of(MAX_BYTES).is_ok());
        assert!(matches!(of(MAX_BYTES + 1), Err(Unread::Torn(_))));
    }

    #[test]
    fn once_per_interval_and_the_end_once() {
        let day = SignedDuration::from_hours(24);
        let fresh = Finding::Fresh { newest: None, nothing_newer: None, silent: vec![] };
        let stale = Finding::Stale {
            newest: None,
            reach: Reach::All,
            cause: Cause::NotKnown,
            silent: vec![],
        };
        let silent = vec![Source::silent(SourceName::Archive, "503")];
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
            (6, &blind),
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
            Nothing,
            A(Alert::Stale),
            Recovery,
            Nothing,
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn that_nothing_is_built_is_told_once() {
        let repeat = SignedDuration::from_hours(24);
        let cause = Cause::NothingNewer { snapshot: "s".into(), built_at: None };
        let quiet = Finding::Stale { newest: None, reach: Reach::All, cause, silent: vec![] };
        let fresh = Finding::Fresh { newest: None, nothing_newer: None, silent: vec![] };
        let mut ledger = Ledger::default();
        let mut look = |finding: &Finding, hour: i64| {
            let due = ledger.due(finding, repeat, at(hour));
            ledger.note(due, finding, at(hour));
            due
        };
        assert_eq!(look(&quiet, 0), Told::Alert(Alert::NoBuild));
        assert_eq!((look(&quiet, 30), look(&quiet, 900)), (Told::Nothing, Told::Nothing));
        assert_eq!((look(&fresh, 901), look(&fresh, 902)), (Told::Recovery, Told::Nothing));
    }

    #[test]
    fn a_time_from_the_future_silences_nothing() {
        let (day, now) = (SignedDuration::from_hours(24), at(100));
        assert!(
            is_due(Some(at(101)), day, now)
                && is_due(Some(at(100_000)), day, now)
                && is_due(None, day, now)
        );
        assert!(
            !is_due(Some(now + SignedDuration::from_mins(5)), day, now),
            "two clocks may differ a little"
        );
        let ledger = Ledger { stale_told_at: Some(at(101)), ..Ledger::default() };
        assert!(ledger.ahead(now).is_some() && Ledger::default().ahead(now).is_none());
        let cause = Cause::NothingNewer { snapshot: "s".into(), built_at: None };
        let quiet = Finding::Stale { newest: None, reach: Reach::All, cause, silent: vec![] };
        for (told, due) in [(99, Told::Nothing), (101, Told::Alert(Alert::NoBuild))] {
            let ledger = Ledger { no_build_told_at: Some(at(told)), ..Ledger::default() };
            assert_eq!(ledger.due(&quiet, day, now), due, "told at {told}");
        }
    }

    #[test]
    fn a_clock_that_is_behind_ends_no_alarm() {
        let run = |at: Timestamp| {
            serde_json::from_value(
                serde_json::json!({"metadata": {"name": "g", "creationTimestamp": at.to_string()}}),
            )
            .unwrap()
        };
        for (told, stamp, wanted) in [
            (Told::Recovery, at(100), Told::Recovery),
            (Told::Recovery, at(100) + SKEW, Told::Recovery),
            (Told::Recovery, at(101), Told::Nothing),
            (Told::Alert(Alert::Stale), at(101), Told::Alert(Alert::Stale)),
        ] {
            let evidence = Evidence { runs: vec![run(stamp)], ..Evidence::default() };
            assert_eq!(told.by_clock(&evidence, at(100)), wanted, "{told:?} {stamp}");
        }
        assert_eq!(Told::Recovery.by_clock(&Evidence::default(), at(100)), Told::Recovery);
    }

    #[test]
    fn what_cannot_be_read_is_none_and_what_is_anothers_is_refused() {
        for (bytes, wanted) in [
            ("", "it is empty"),
            (" \n", "it is empty"),
            ("{\"schema_version\":1,\"kind\":\"stale", "EOF"),
            ("null", "expected struct"),
            ("{\"schema_version\":2,\"kind\":\"staleness\",\"told\":{}}", "it is of version 2"),
            ("{\"schema_version\":1,\"kind\":\"staleness\",\"stale_told_at\":7}", "stale_told_at"),
        ] {
            match read(bytes.as_bytes()) {
                Err(Unread::Torn(why)) => {
                    assert!(why.contains(wanted) || wanted == "stale_told_at", "{bytes}: {why}")
                }
                _ => panic!("{bytes}"),
            }
        }
        assert!(
            matches!(read(br#"{"schema_version":1,"kind":"gate","id":"x"}"#), Err(Unread::Foreign(kind)) if kind == "gate")
        );
        let mut ledger = serde_json::to_value(Ledger::default()).unwrap();
        ledger["found"] = serde_json::json!("x".repeat(20_000));
        assert!(matches!(read(ledger.to_string().as_bytes()), Err(Unread::Torn(_))));
    }
}
