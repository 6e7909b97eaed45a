//! Two processes on one record, what it is bound to, and what is no record.

mod writes;

use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::clock::SystemClock;
use crate::failure::Exit;
use crate::record::{FileStore, Labels};

fn clock() -> SharedClock {
    Arc::new(SystemClock::default())
}

fn store(dir: &tempfile::TempDir) -> Box<dyn Store> {
    Box::new(FileStore::new(dir.path().join("gate.json")))
}

fn image(digit: char) -> ImageRef {
    format!("quay.io/acme/ho@sha256:{}", digit.to_string().repeat(64))
        .parse()
        .unwrap()
}

#[tokio::test]
async fn two_writers_keep_each_others_part() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity { run_id: Some("uid".to_owned()), ..Identity::default() };
    let one = Journal::open(store(&dir), clock(), &identity).await.unwrap();
    let two = Journal::open(store(&dir), clock(), &Identity::default())
        .await
        .unwrap();
    one.update(|record| record.run = Some("run".to_owned()))
        .await
        .unwrap();
    two.update(|record| record.gate = Some("ARO HCP".to_owned()))
        .await
        .unwrap();
    let record = one.refresh().await.unwrap();
    assert_eq!(
        (record.id.as_str(), record.run.as_deref(), record.gate.as_deref()),
        ("uid", Some("run"), Some("ARO HCP"))
    );
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(store(&dir), clock(), &Identity::default())
        .await
        .unwrap();
    let before = journal.record().await;
    journal.update(|_| ()).await.unwrap();
    assert_eq!(journal.refresh().await.unwrap(), before);
}

#[tokio::test]
async fn another_image_run_or_schema_is_misuse() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(store(&dir), clock(), &Identity::default())
        .await
        .unwrap();
    journal.bind(&Candidate::of(image('a'))).await.unwrap();
    let error = journal.bind(&Candidate::of(image('b'))).await.unwrap_err();
    assert!(matches!(error, RecordError::OtherImage { .. }));
    let other = Identity { run_id: Some("other".to_owned()), ..Identity::default() };
    assert!(matches!(
        Journal::open(store(&dir), clock(), &other).await,
        Err(RecordError::OtherRun { .. })
    ));
    let path = dir.path().join("gate.json");
    let newer = std::fs::read_to_string(&path)
        .unwrap()
        .replace("\"schema_version\":1", "\"schema_version\":2");
    std::fs::write(&path, newer).unwrap();
    assert!(matches!(
        Journal::open(store(&dir), clock(), &Identity::default()).await,
        Err(RecordError::Schema { found: 2, .. })
    ));
}

#[tokio::test]
async fn another_gate_or_scenario_is_misuse_and_none_is_the_records_own() {
    let dir = tempfile::tempdir().unwrap();
    let named = |gate: Option<&str>, scenario: Option<&str>| Identity {
        gate: gate.map(str::to_owned),
        scenario: scenario.map(str::to_owned),
        ..Identity::default()
    };
    Journal::open(store(&dir), clock(), &named(Some("ARO HCP"), None))
        .await
        .unwrap();
    // What the first step was not told, a later one adds.
    Journal::join(store(&dir), clock(), &named(None, Some("aro-hcp")))
        .await
        .unwrap();
    for (gate, scenario, wrong) in [
        (None, None, None),
        (Some("ARO HCP"), Some("aro-hcp"), None),
        (
            Some("ROSA HCP"),
            Some("aro-hcp"),
            Some("is of the gate \"ARO HCP\", not of --gate-label \"ROSA HCP\"; "),
        ),
        // Both would be one label.
        (
            Some("ARO-HCP"),
            None,
            Some("is of the gate \"ARO HCP\", not of --gate-label \"ARO-HCP\"; "),
        ),
        (
            None,
            Some("rosa-hcp"),
            Some("is of the scenario \"aro-hcp\", not of --scenario \"rosa-hcp\"; "),
        ),
    ] {
        let identity = named(gate, scenario);
        let before = std::fs::read(dir.path().join("gate.json")).unwrap();
        for opened in [
            Journal::open(store(&dir), clock(), &identity).await,
            Journal::join(store(&dir), clock(), &identity).await,
            Journal::existing(store(&dir), clock(), &identity).await,
        ] {
            match (opened, wrong) {
                (Ok(journal), None) => {
                    let record = journal.record().await;
                    assert_eq!(
                        (record.gate.as_deref(), record.scenario.as_deref()),
                        (Some("ARO HCP"), Some("aro-hcp"))
                    );
                }
                (Err(error), Some(wrong)) => {
                    assert!(error.to_string().contains(wrong), "{error}");
                    assert_eq!(Failure::from(error).exit, Exit::Misuse);
                }
                (opened, _) => panic!("{gate:?} {scenario:?}: {opened:?}"),
            }
        }
        assert_eq!(
            std::fs::read(dir.path().join("gate.json")).unwrap(),
            before,
            "nothing was written"
        );
    }
}

#[test]
fn what_is_no_record_is_named() {
    for (text, found) in [
        ("null", "null"),
        ("[]", "a JSON array"),
        ("\"x\"", "a JSON text"),
        ("7", "a single JSON value"),
        (" \n", "nothing"),
        ("{}", "a JSON object without a kind"),
        (r#"{"kind":"staleness","schema_version":1}"#, "an object of kind \"staleness\""),
    ] {
        let error = decode(text.as_bytes(), "gate.json").unwrap_err().to_string();
        let wanted = format!(
            "gate.json is no gate record: it holds {found}; expected what a step of the gate"
        );
        assert!(error.starts_with(&wanted), "{error}");
    }
    // Damaged, with the place; of a newer toolkit, with the version.
    for text in [r#"{"kind":"gate","#, r#"{"kind":"gate"}"#, "kind: gate"] {
        assert!(
            matches!(decode(text.as_bytes(), "x"), Err(RecordError::Malformed { .. })),
            "{text}"
        );
    }
    let newer = r#"{"kind":"gate","schema_version":2}"#;
    assert!(matches!(decode(newer.as_bytes(), "x"), Err(RecordError::Schema { found: 2, .. })));
}

/// A file that looks missing the first time: another process makes it meanwhile.
#[derive(Debug)]
struct Late(FileStore, std::sync::atomic::AtomicBool);

#[async_trait::async_trait]
impl Store for Late {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        if self.1.swap(true, std::sync::atomic::Ordering::Relaxed) {
            self.0.load().await
        } else {
            Ok(None)
        }
    }

    async fn save(
        &self,
        bytes: &[u8],
        labels: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        self.0.save(bytes, labels, replaces).await
    }

    fn place(&self) -> String {
        self.0.place()
    }
}

#[tokio::test]
async fn two_beginners_share_one_record() {
    let dir = tempfile::tempdir().unwrap();
    let first = Journal::open(store(&dir), clock(), &Identity::default())
        .await
        .unwrap();
    let late = || Box::new(Late(FileStore::new(dir.path().join("gate.json")), false.into()));
    let second = Journal::open(late(), clock(), &Identity::default()).await.unwrap();
    assert_eq!(first.record().await.id, second.record().await.id);
    let other = Identity { run_id: Some("other".to_owned()), ..Identity::default() };
    assert!(matches!(
        Journal::open(late(), clock(), &other).await,
        Err(RecordError::OtherRun { .. })
    ));
}

#[tokio::test]
async fn a_record_that_must_be_there_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        Journal::existing(store(&dir), clock(), &Identity::default()).await,
        Err(RecordError::Missing { .. })
    ));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_record_that_is_gone_or_anothers_is_not_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(store(&dir), clock(), &Identity::default())
        .await
        .unwrap();
    let path = dir.path().join("gate.json");
    let own = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let change = |record: &mut GateRecord| record.gate = Some("ARO HCP".to_owned());
    for error in [
        journal.refresh().await.map(|_| ()).unwrap_err(),
        journal.update(change).await.unwrap_err(),
    ] {
        assert!(matches!(error, RecordError::Vanished { .. }), "{error}");
    }
    assert!(!path.exists(), "no other one is begun in its place");
    let other = GateRecord::begin("other", Timestamp::UNIX_EPOCH);
    std::fs::write(&path, serde_json::to_vec(&other).unwrap()).unwrap();
    for error in [
        journal.refresh().await.map(|_| ()).unwrap_err(),
        journal.update(change).await.unwrap_err(),
    ] {
        assert!(matches!(error, RecordError::OtherRun { .. }), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), serde_json::to_vec(&other).unwrap());
    std::fs::write(&path, own).unwrap();
    journal.update(change).await.unwrap();
}

#[tokio::test]
async fn an_image_is_bound_with_its_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(store(&dir), clock(), &Identity::default())
        .await
        .unwrap();
    let of = |snapshot: Option<&str>| Candidate {
        snapshot: snapshot.map(str::to_owned),
        ..Candidate::of(image('a'))
    };
    for snapshot in [None, Some("ho-1"), Some("ho-1"), None] {
        journal.bind(&of(snapshot)).await.unwrap();
    }
    let error = journal.bind(&of(Some("ho-2"))).await.unwrap_err();
    assert!(matches!(error, RecordError::OtherSnapshot { .. }), "{error}");
    assert_eq!(journal.record().await.candidate, Some(of(Some("ho-1"))));
}

#[test]
fn a_store_that_fails_is_no_misuse() {
    let place = || "gate.json".to_owned();
    for (error, exit) in [
        (RecordError::Store(StoreError::Conflict), Exit::Failed),
        (RecordError::Vanished { place: place() }, Exit::Failed),
        (RecordError::Missing { place: place() }, Exit::Misuse),
        (RecordError::TooLarge { place: place(), bytes: 1 }, Exit::Misuse),
    ] {
        let failure = Failure::from(error);
        assert_eq!(failure.exit, exit, "{}", failure.error);
    }
}

#[test]
fn the_flags_say_whose_record_it_is() {
    let text = |text: &str| Some(text.to_owned());
    let identity = Identity::from(groups::Run {
        run_id: text("uid"),
        run_name: text("gate-1"),
        scenario: text("aro-hcp"),
        gate_label: text("ARO HCP"),
    });
    let mut record = GateRecord::begin("uid", Timestamp::UNIX_EPOCH);
    identity.complete(&mut record);
    assert_eq!(
        (identity.run_id, record.run, record.scenario, record.gate),
        (text("uid"), text("gate-1"), text("aro-hcp"), text("ARO HCP"))
    );
}
