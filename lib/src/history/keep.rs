//! Where histories are kept, and how they are changed: read, add, write unless somebody else has
//! written meanwhile, then all again.
//!
//! No verdict depends on a history. Whoever decides asks within a time of his own and takes any error
//! here for a warning.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::document::History;
use super::pack::{JOB_ANNOTATION, KIND, ReadError, config_map_name};
use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::record::{ConfigMapStore, FileStore, Form, Labels, Store, StoreError, Version, labels};
use crate::retry::{Policy, Tries};
use crate::text;

/// The label with the day (UTC) of the newest run: old histories are found by it alone.
pub const NEWEST: &str = "release-gate/newest-run";

/// The key of the ConfigMap that holds the document.
const KEY: &str = "history.json.gz";

/// How often somebody else's write is given way to.
const MAX_CONFLICTS: u32 = 50;

/// A history is worth less patience than a record: three tries within 20 seconds.
const PATIENCE: Policy = Policy {
    attempts: 3,
    first: Duration::from_secs(1),
    longest: Duration::from_secs(5),
    within: Duration::from_secs(20),
};

/// Where the histories of all jobs are kept.
#[derive(Debug, Clone)]
pub enum Place {
    /// In ConfigMaps of the gate's namespace, `history-HASH`.
    ConfigMaps(Cluster),
    /// In files of a folder, `history-HASH.json.gz`.
    Folder(PathBuf),
}

impl Place {
    /// The store of a job's history.
    pub fn store(&self, job: &str) -> Box<dyn Store> {
        const WHAT: &str = "the history";
        let name = config_map_name(job);
        match self {
            Self::ConfigMaps(cluster) => {
                let form = Form { what: WHAT, key: KEY, is_binary: true };
                let annotations = Labels::from([(JOB_ANNOTATION.to_owned(), job.to_owned())]);
                Box::new(ConfigMapStore::of_form(cluster, name, form, annotations))
            }
            Self::Folder(folder) => {
                Box::new(FileStore::of(folder.join(format!("{name}.json.gz")), WHAT))
            }
        }
    }
}

/// What `--history` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// `configmap`: beside the gate records.
    ConfigMaps,
    /// `folder:PATH`.
    Folder(PathBuf),
    /// `off`: nothing is read or added.
    Off,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem: &str| {
            Err(format!(
                "--history: expected configmap, folder:PATH or off, found {:?}{problem}",
                text::cut(text, 100)
            ))
        };
        match text.split_once(':') {
            None if text == "configmap" => Ok(Self::ConfigMaps),
            None if text == "off" => Ok(Self::Off),
            Some(("folder", path)) if !path.is_empty() => {
                let path = PathBuf::from(path);
                if path.is_dir() { Ok(Self::Folder(path)) } else { wrong(": it is no folder") }
            }
            _ => wrong(""),
        }
    }
}

/// Why a history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// What is there is no history of the job, or of another version.
    #[error("{place} cannot be used")]
    Read {
        /// The store's name.
        place: String,
        /// Why.
        source: ReadError,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be packed.
    #[error("{place} cannot be written: {why}")]
    Pack {
        /// The store's name.
        place: String,
        /// Why.
        why: String,
    },
}

/// A history as it was found.
#[derive(Debug)]
pub struct Found {
    /// The history; empty where there is none.
    pub history: History,
    /// Which state of the store it is.
    version: Option<Version>,
    /// Why what was there is not used, and is replaced by the next write.
    pub wrong: Option<ReadError>,
}

/// Reads the history of a job. One that is damaged counts as none.
///
/// # Errors
/// [`KeepError`] when the store does not answer, or what it holds must not be replaced.
pub async fn read(store: &dyn Store, job: &str, clock: &SharedClock) -> Result<Found, KeepError> {
    let mut tries = Tries::begin(PATIENCE, clock);
    loop {
        match read_once(store, job, clock.now()).await {
            Err(KeepError::Store(error @ StoreError::Transient { .. })) => {
                let Some(pause) = tries.pause(None) else { return Err(error.into()) };
                tries.wait(pause).await;
            }
            other => return other,
        }
    }
}

async fn read_once(store: &dyn Store, job: &str, now: Timestamp) -> Result<Found, KeepError> {
    let Some((packed, version)) = store.load().await? else {
        return Ok(Found { history: History::of_job(job), version: None, wrong: None });
    };
    let version = Some(version);
    match History::unpack(&packed, job, now) {
        Ok(history) => Ok(Found { history, version, wrong: None }),
        Err(wrong) if wrong.may_be_replaced() => {
            Ok(Found { history: History::of_job(job), version, wrong: Some(wrong) })
        }
        Err(source) => Err(KeepError::Read { place: store.place(), source }),
    }
}

/// Changes the history of a job, and returns what `change` made of it when that is durable. Where
/// somebody else has written meanwhile it is read again and `change` applied again: additions may be
/// made twice. What changes nothing is not written.
///
/// # Errors
/// [`KeepError`]; what `change` made is lost then.
pub async fn change<T>(
    store: &dyn Store,
    job: &str,
    clock: &SharedClock,
    mut change: impl FnMut(&mut History) -> T,
) -> Result<T, KeepError> {
    let mut tries = Tries::begin(PATIENCE, clock);
    let mut conflicts = 0;
    loop {
        let Found { mut history, version, wrong } = read(store, job, clock).await?;
        let before = history.clone();
        let made = change(&mut history);
        if history == before {
            return Ok(made);
        }
        if let Some(wrong) = wrong {
            tracing::warn!("{}: {wrong}; a new one is begun", store.place());
        }
        let packed = history
            .pack()
            .map_err(|why| KeepError::Pack { place: store.place(), why })?;
        match store.save(&packed, &labels_of(&history), version.as_ref()).await {
            Ok(_) => return Ok(made),
            Err(StoreError::Conflict) if conflicts < MAX_CONFLICTS => conflicts += 1,
            Err(error @ StoreError::Transient { .. }) => {
                let Some(pause) = tries.pause(None) else { return Err(error.into()) };
                tries.wait(pause).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn labels_of(history: &History) -> Labels {
    let mut labels = labels::of_kind(KIND);
    let newest = history.runs().last().map(|run| run.started_at);
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date().to_string();
    labels.extend(newest.map(|at| (NEWEST.to_owned(), day(at))));
    labels
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::samples::{day, end, nightly};
    use super::super::{Added, Addition, MAX_PACKED};
    use super::*;
    use crate::clock::RuntimeClock;
    use crate::support::killer::{Deadly, Killer};
    use crate::support::memory::Memory;

    fn clock() -> SharedClock {
        Arc::new(RuntimeClock::starting_at(day(40)))
    }

    fn run(number: i64) -> Addition {
        Addition { run: nightly(number), tests: vec![end("T", 'P')] }
    }

    async fn add(store: &dyn Store, number: i64) -> Result<Added, KeepError> {
        change(store, "j", &clock(), |history| history.add(&run(number))).await
    }

    async fn runs(store: &dyn Store) -> usize {
        read(store, "j", &clock()).await.unwrap().history.runs().len()
    }

    #[tokio::test(start_paused = true)]
    async fn two_writers_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().to_owned());
        let memory = Memory::default();
        for stores in [
            [place.store("j"), place.store("j")],
            [Box::new(memory.clone()) as Box<dyn Store>, Box::new(memory)],
        ] {
            let [one, other] = &stores;
            for number in 0..10 {
                // Both have read the same state before either writes.
                let found = read(one.as_ref(), "j", &clock()).await.unwrap();
                let mut late = found.history.clone();
                late.add(&run(2 * number));
                add(other.as_ref(), 2 * number + 1).await.unwrap();
                let packed = late.pack().unwrap();
                let refused = one.save(&packed, &Labels::new(), found.version.as_ref()).await;
                assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
                let (a, b) = tokio::join!(
                    add(one.as_ref(), 2 * number),
                    add(other.as_ref(), 2 * number + 1)
                );
                assert_eq!((a.unwrap(), b.unwrap()), (Added::New, Added::Known));
            }
            assert_eq!(runs(one.as_ref()).await, 20);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn killed_anywhere_it_stays_readable() {
        let mut written = 0;
        for point in 1..=10 {
            let memory = Memory::default();
            add(&memory, 0).await.unwrap();
            let killer = Killer::at(point);
            let store = Deadly(memory.clone(), Arc::clone(&killer));
            let ended = killer.run(add(&store, 1)).await;
            let seen = runs(&memory).await;
            assert!(seen == 1 || seen == 2, "killed at {point}");
            written += usize::from(seen == 2 && ended.is_none());
            // What was under way arrives late, and the next process makes it whole.
            tokio::time::sleep(Duration::from_secs(60)).await;
            add(&memory, 1).await.unwrap();
            add(&memory, 2).await.unwrap();
            assert_eq!(runs(&memory).await, 3, "killed at {point}");
        }
        assert!(written > 0, "no kill came after a write");
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_one_is_replaced_or_left_alone() {
        let mut ahead = History::of_job("j");
        ahead.add(&run(41));
        let mut other = History::of_job("another");
        other.add(&run(1));
        let gz = |json: &str| {
            use std::io::Write as _;
            let level = flate2::Compression::fast();
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), level);
            packed.write_all(json.as_bytes()).unwrap();
            packed.finish().unwrap()
        };
        let mut torn = other.pack().unwrap();
        torn.truncate(30);
        for (document, is_replaced) in [
            (torn, true),
            (Vec::new(), true),
            (b"<html>".to_vec(), true),
            (ahead.pack().unwrap(), true),
            (vec![0; MAX_PACKED + 1], true),
            (other.pack().unwrap(), false),
            (gz(r#"{"kind":"history","schema_version":2,"job":"j"}"#), false),
            (gz(r#"{"kind":"gate","schema_version":1}"#), false),
        ] {
            let memory = Memory::default();
            memory.replace(document);
            match add(&memory, 1).await {
                Ok(_) => assert!(is_replaced && runs(&memory).await == 1),
                Err(error) => assert!(!is_replaced, "{error}"),
            }
        }
    }

    #[test]
    fn where_histories_are_is_read() {
        let read = |text: &str| text.parse::<Choice>();
        assert_eq!(read("configmap"), Ok(Choice::ConfigMaps));
        assert_eq!(read("off"), Ok(Choice::Off));
        let folder = tempfile::tempdir().unwrap();
        let given = format!("folder:{}", folder.path().display());
        assert_eq!(read(&given), Ok(Choice::Folder(folder.path().to_owned())));
        for bad in ["", "on", "folder:", "folder:/nowhere/at/all", "configmap:x", "file:x"] {
            assert!(read(bad).unwrap_err().starts_with("--history: expected configmap"), "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Place::Folder(folder.path().to_owned()).store("j");
        add(store.as_ref(), 1).await.unwrap();
        let path = folder.path().join(format!("{}.json.gz", config_map_name("j")));
        let changed = std::fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(add(store.as_ref(), 1).await.unwrap(), Added::Known);
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), changed);
        assert!(store.place().starts_with("the history "), "{}", store.place());
    }

    #[tokio::test(start_paused = true)]
    async fn a_config_map_holds_it_packed_and_is_found_by_its_labels() {
        let world = standins::World::builder().build();
        let place = Place::ConfigMaps(crate::support::cluster(&world, "gates"));
        // Each writer has a store of its own, as processes have.
        for number in [3, 4] {
            add(place.store("j").as_ref(), number).await.unwrap();
        }
        assert_eq!(runs(place.store("j").as_ref()).await, 2);
        let name = config_map_name("j");
        let object = world.kube().get("configmaps", "gates", &name).unwrap();
        let text = |path: &str| object.pointer(path).and_then(|value| value.as_str());
        assert_eq!(text("/metadata/labels/release-gate~1kind"), Some("history"));
        assert_eq!(text("/metadata/labels/release-gate~1newest-run"), Some("2026-06-05"));
        assert_eq!(text("/metadata/annotations/release-gate~1job"), Some("j"));
        assert!(text("/binaryData/history.json.gz").is_some() && object.get("data").is_none());
    }
}
