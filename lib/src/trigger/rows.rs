//! Nights skipped in a row because the jobs of another night still ran.
//!
//! One such night is nobody's trouble; the next one means that the gate takes longer than a day, or
//! hangs. Nothing that a trigger finds tells of the night before: a Snapshot, a run and a record
//! can all be gone by then, and names tell nothing. So it keeps a small document of its own (kind
//! `trigger`) in a ConfigMap or a file. Whatever is wrong with that never silences it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Ending, Report};
use crate::clock::Clock;
use crate::failure::Chain;
use crate::record::{Store, StoreError, Version, labels};
use crate::text;

/// The version of the document's form.
const SCHEMA_VERSION: u32 = 1;

/// The document holds a few words for each scenario (64 KiB).
const MAX_BYTES: usize = 64 * 1024;

/// A night that is skipped again so soon is the same night, tried again (1 hour).
const SAME_NIGHT: Duration = Duration::from_secs(3600);

/// From when on an unchanged row is forgotten (30 days).
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The message is sent from this night in a row on.
const TOLD_FROM: u32 = 2;

/// How often a write that another trigger's write has crossed is tried again.
const CONFLICTS: u32 = 10;

/// A row of skipped nights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// How many.
    pub nights: u32,
    /// When the first was skipped.
    pub since: Timestamp,
    /// When the last was.
    pub last: Timestamp,
    /// Why the last was.
    pub why: String,
}

/// A night that is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub scenario: String,
    /// Why it was skipped.
    pub why: String,
    /// The row that it is in; `None` where that is not known.
    pub row: Option<Row>,
}

impl Due {
    /// For people: `ho-release-gate-aro-hcp: 3 nights in a row since …: run … has not ended`.
    pub fn words(&self) -> String {
        let (scenario, why) = (&self.scenario, &self.why);
        match &self.row {
            Some(row) => {
                format!("{scenario}: {} nights in a row since {:.0}: {why}", row.nights, row.since)
            }
            None => format!("{scenario}: {why}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Document {
    schema_version: u32,
    kind: String,
    #[serde(default)]
    scenarios: BTreeMap<String, Row>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            kind: "trigger".to_owned(),
            scenarios: BTreeMap::new(),
        }
    }
}

/// Why the document could not be used.
#[derive(Debug, thiserror::Error)]
enum RowsError {
    #[error(
        "{place} is no record of trigger-gate (version {SCHEMA_VERSION}); give it a --record of its own"
    )]
    Foreign { place: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Notes how the scenarios ended, and returns the nights that are to be told of: those skipped for
/// another night from the second in a row on. Without a store, or with one that cannot be used,
/// each one: that it was the first is then not known.
pub async fn note(report: &Report, store: Option<&dyn Store>, clock: &dyn Clock) -> Vec<Due> {
    let unknown = || {
        skipped(report)
            .map(|(scenario, why)| Due { scenario: scenario.to_owned(), why, row: None })
            .collect::<Vec<_>>()
    };
    let Some(store) = store else { return unknown() };
    match write(report, store, clock).await {
        Ok(rows) => skipped(report)
            .filter_map(|(scenario, why)| {
                let row = rows.get(scenario).cloned();
                let told = row.as_ref().is_none_or(|row| row.nights >= TOLD_FROM);
                told.then(|| Due { scenario: scenario.to_owned(), why, row })
            })
            .collect(),
        Err(error) => {
            tracing::warn!(
                "{}; whether this was the first night in a row is not known",
                Chain(&error)
            );
            unknown()
        }
    }
}

fn skipped(report: &Report) -> impl Iterator<Item = (&str, String)> {
    report.scenarios.iter().filter_map(|one| match &one.ending {
        Ending::Skipped(skip) if skip.is_of_another_night() => {
            Some((one.scenario.as_str(), skip.words()))
        }
        _ => None,
    })
}

async fn write(
    report: &Report,
    store: &dyn Store,
    clock: &dyn Clock,
) -> Result<BTreeMap<String, Row>, RowsError> {
    let mut conflicts = 0;
    loop {
        let (document, version) = load(store).await?;
        let mut changed = document.clone();
        add(&mut changed.scenarios, report, clock);
        // Mostly nothing is skipped, and then there is nothing to remember.
        if changed == document {
            return Ok(changed.scenarios);
        }
        let bytes = serde_json::to_vec(&changed).unwrap_or_default();
        match store
            .save(&bytes, &labels::of_kind("trigger"), version.as_ref())
            .await
        {
            Ok(_) => return Ok(changed.scenarios),
            Err(StoreError::Conflict) if conflicts < CONFLICTS => conflicts += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn load(store: &dyn Store) -> Result<(Document, Option<Version>), RowsError> {
    let Some((bytes, version)) = store.load().await? else {
        return Ok((Document::default(), None));
    };
    // Emptied by hand, or by a write that broke off: there is nothing in it that could be
    // another's.
    if bytes.trim_ascii().is_empty() {
        tracing::warn!("{} is empty; the nights skipped before are not known", store.place());
        return Ok((Document::default(), Some(version)));
    }
    let foreign = || RowsError::Foreign { place: store.place() };
    if bytes.len() > MAX_BYTES {
        return Err(foreign());
    }
    let read: Document = serde_json::from_slice(&bytes).map_err(|_| foreign())?;
    if read.schema_version != SCHEMA_VERSION || read.kind != "trigger" {
        return Err(foreign());
    }
    Ok((read, Some(version)))
}

/// A night that was started ends the row, and so does one that was rightly skipped for its image.
/// One that failed is told anyway, and does neither.
fn add(rows: &mut BTreeMap<String, Row>, report: &Report, clock: &dyn Clock) {
    let now = clock.now();
    // A row from the future is none that this clock can count on.
    rows.retain(|_, row| row.last <= now && now.duration_since(row.last) < FORGOTTEN);
    for one in &report.scenarios {
        match &one.ending {
            Ending::Skipped(skip) if skip.is_of_another_night() => {
                let why = text::cut(&skip.words(), 300);
                let row = rows.entry(one.scenario.clone()).or_insert_with(|| Row {
                    nights: 0,
                    since: now,
                    last: now,
                    why: String::new(),
                });
                if row.nights == 0 || clock.since(row.last) >= SAME_NIGHT {
                    row.nights += 1;
                    row.last = now;
                }
                row.why = why;
            }
            Ending::Started { .. } | Ending::Skipped(_) => {
                rows.remove(&one.scenario);
            }
            Ending::WouldStart | Ending::Refused(_) | Ending::Failed(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::RuntimeClock;
    use crate::konflux::Choice;
    use crate::record::{FileStore, Labels};
    use crate::support::memory::{Faring, Memory, Write};
    use crate::trigger::{ScenarioReport, Skip, VerifiedBy};

    #[tokio::test(start_paused = true)]
    async fn writes_that_cross_are_tried_again_so_often() {
        let clock = RuntimeClock::starting_at("2026-08-20T00:00:00Z".parse().unwrap());
        for (conflicts, known) in [(1, true), (CONFLICTS, true), (CONFLICTS + 1, false)] {
            let store =
                Faring::over(&Memory::default(), vec![Write::Conflicts; conflicts as usize]);
            // The first night in a row is not told of, but where that is not known.
            let due = note(&report(&[("aro", in_flight())]), Some(&store), &clock).await;
            assert_eq!(due.is_empty(), known, "{conflicts}");
        }
    }

    fn report(endings: &[(&str, Ending)]) -> Report {
        let mut report = Report::new(Choice::default(), false);
        for (scenario, ending) in endings {
            report
                .scenarios
                .push(ScenarioReport { scenario: (*scenario).to_owned(), ending: ending.clone() });
        }
        report
    }

    fn in_flight() -> Ending {
        Ending::Skipped(Skip::InFlight { run: "ho-release-gate-x7k2p".into(), snapshot: None })
    }

    async fn told(store: Option<&dyn Store>, clock: &RuntimeClock, ending: Ending) -> Option<u32> {
        let due = note(&report(&[("aro", ending)]), store, clock).await;
        clock.sleep(Duration::from_secs(24 * 3600)).await;
        due.first().map(|due| due.row.as_ref().map_or(0, |row| row.nights))
    }

    #[tokio::test(start_paused = true)]
    async fn told_from_the_second_night_in_a_row_on() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path().join("trigger.json"));
        let clock = RuntimeClock::starting_at("2026-08-20T00:00:00Z".parse().unwrap());
        let verified = || Ending::Skipped(Skip::Verified { by: VerifiedBy::Release("r".into()) });
        let started = || Ending::Started { run: "x".into() };
        let failed = || Ending::Failed("no such scenario".into());
        for (night, (ending, wanted)) in [
            (in_flight(), None),
            (started(), None),
            (in_flight(), None),
            (in_flight(), Some(2)),
            (failed(), None),
            (in_flight(), Some(3)),
            (verified(), None),
            (in_flight(), None),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(told(Some(&store), &clock, ending).await, wanted, "night {night}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_night_counts_once_and_each_scenario_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path().join("trigger.json"));
        let clock = RuntimeClock::starting_at("2026-08-20T00:00:00Z".parse().unwrap());
        let both = report(&[("aro", in_flight()), ("rosa", in_flight())]);
        let one = report(&[("aro", in_flight()), ("rosa", Ending::Started { run: "x".into() })]);
        assert_eq!(note(&both, Some(&store), &clock).await, []);
        clock.sleep(Duration::from_secs(600)).await;
        assert_eq!(note(&both, Some(&store), &clock).await, [], "a job that was run again");
        clock.sleep(Duration::from_secs(24 * 3600)).await;
        let due = note(&one, Some(&store), &clock).await;
        assert_eq!(due.len(), 1);
        assert_eq!(
            due[0].words(),
            "aro: 2 nights in a row since 2026-08-20T00:00:00Z: run ho-release-gate-x7k2p has not ended"
        );
        assert_eq!(load(&store).await.unwrap().0.scenarios.keys().collect::<Vec<_>>(), ["aro"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_remembered_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let clock = RuntimeClock::starting_at("2026-08-20T00:00:00Z".parse().unwrap());
        assert_eq!(told(None, &clock, in_flight()).await, Some(0));
        for torn in [
            "{",
            "null",
            r#"{"schema_version":1,"kind":"staleness"}"#,
            r#"{"schema_version":9,"kind":"trigger"}"#,
        ] {
            let store = FileStore::new(dir.path().join("trigger.json"));
            let version = store.load().await.unwrap().map(|(_, version)| version);
            store
                .save(torn.as_bytes(), &Labels::new(), version.as_ref())
                .await
                .unwrap();
            assert_eq!(told(Some(&store), &clock, in_flight()).await, Some(0), "{torn:?}");
            assert_eq!(
                store.load().await.unwrap().unwrap().0,
                torn.as_bytes(),
                "it is nobody's to overwrite"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_that_is_old_or_of_the_future_is_begun_anew() {
        let clock = RuntimeClock::starting_at("2026-08-20T00:00:00Z".parse().unwrap());
        let (second, now) = (SignedDuration::from_secs(1), clock.now());
        for (last, nights) in [
            (now + second, 1),
            (now, 7),
            (now - SignedDuration::from_hours(24), 8),
            (now - FORGOTTEN + second, 8),
            (now - FORGOTTEN, 1),
        ] {
            let row = Row { nights: 7, since: last, last, why: String::new() };
            let mut rows = BTreeMap::from([("aro".to_owned(), row)]);
            add(&mut rows, &report(&[("aro", in_flight())]), &clock);
            assert_eq!(rows["aro"].nights, nights, "{last}");
        }
    }

    #[tokio::test]
    async fn a_record_that_is_too_large_is_none_of_ours() {
        let dir = tempfile::tempdir().unwrap();
        for (bytes, ours) in [(MAX_BYTES, true), (MAX_BYTES + 1, false), (MAX_BYTES * 2, false)] {
            let store = FileStore::new(dir.path().join(format!("{bytes}.json")));
            let mut text = serde_json::to_string(&Document::default()).unwrap();
            text.push_str(&" ".repeat(bytes - text.len()));
            store.save(text.as_bytes(), &Labels::new(), None).await.unwrap();
            assert_eq!(load(&store).await.is_ok(), ours, "{bytes}");
        }
    }

    /// Otherwise every night would be told as one of which it is not known whether it is the first.
    #[tokio::test(start_paused = true)]
    async fn an_emptied_record_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path().join("trigger.json"));
        let clock = RuntimeClock::starting_at("2026-08-20T00:00:00Z".parse().unwrap());
        store.save(b" \n", &Labels::new(), None).await.unwrap();
        assert_eq!(told(Some(&store), &clock, in_flight()).await, None, "the first that is known");
        assert_eq!(told(Some(&store), &clock, in_flight()).await, Some(2));
    }
}
