//! The record while it is waited: trouble with its store, and other processes on it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;
use standins::{JobScript, Server};

use super::scene::{Scene, minutes};
use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::collect::CollectError;
use crate::collect::deadline::tekton_end;
use crate::collect::progress::Reporter;
use crate::gate::verdict::decide;
use crate::record::{
    Class, Decision, FileStore, GateRecord, Identity, Journal, Labels, Store, StoreError, Verdict,
    Version,
};

/// A store that cannot be reached for a while.
#[derive(Debug)]
struct Away {
    store: FileStore,
    clock: SharedClock,
    from: Timestamp,
    until: Timestamp,
}

impl Away {
    fn check(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        if now < self.from || now >= self.until {
            return Ok(());
        }
        Err(StoreError::Transient { place: self.place(), source: "connection refused".into() })
    }
}

#[async_trait]
impl Store for Away {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.check()?;
        self.store.load().await
    }

    async fn save(
        &self,
        bytes: &[u8],
        labels: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        self.check()?;
        self.store.save(bytes, labels, replaces).await
    }

    fn place(&self) -> String {
        self.store.place()
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_out_of_reach_for_a_while_ends_nothing() {
    // In the middle of the wait, and when a job ends.
    for (from, long) in [(30, 20), (118, 6)] {
        let mut scene = Scene::new().await;
        scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
        scene
            .launch("periodic-b", Class::Blocking, JobScript::passes().running(minutes(130)))
            .await;
        let from = scene.clock.after(scene.clock.now(), minutes(from));
        let until = scene.clock.after(from, minutes(long));
        let away = Away { store: scene.store(), clock: Arc::clone(&scene.clock), from, until };
        let journal =
            Journal::existing(Box::new(away), Arc::clone(&scene.clock), &Identity::default()).await;
        scene.journal = Arc::new(journal.unwrap());
        let record = scene.run().await;
        assert_eq!(record.verdict.unwrap().decision, Decision::Passed);
        assert!(scene.passed() < minutes(134), "{:?}", scene.passed());
    }
}

/// What happens when the gate first writes its verdict.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// Somebody else writes one just before.
    Decided(Decision),
    /// The store cannot be reached for so long.
    Away(Duration),
    /// It is closed to us for so long.
    Closed(Duration),
    /// The same, from when the first run was judged.
    ClosedEarlier(Duration),
}

/// What somebody else's verdict says.
const THEIRS: &str = "as somebody else says";

#[derive(Debug)]
struct AtTheVerdict {
    store: FileStore,
    clock: SharedClock,
    trouble: Trouble,
    /// When that was first written.
    since: OnceLock<Timestamp>,
}

impl AtTheVerdict {
    fn is_due(&self, record: &GateRecord) -> bool {
        let is_judged = record.jobs.iter().any(|job| job.attempts[0].cause.is_some());
        match self.trouble {
            Trouble::ClosedEarlier(_) => is_judged,
            _ => record.verdict.is_some(),
        }
    }

    async fn meet(&self) -> Result<(), StoreError> {
        let is_first = self.since.get().is_none();
        let since = self.clock.since(*self.since.get_or_init(|| self.clock.now()));
        let (place, source) = (self.place(), "not now".into());
        match self.trouble {
            Trouble::Decided(decision) if is_first => write_verdict(&self.store, decision).await,
            Trouble::Away(long) if since < long => {
                return Err(StoreError::Transient { place, source });
            }
            Trouble::Closed(long) | Trouble::ClosedEarlier(long) if since < long => {
                return Err(StoreError::Permanent { action: "write", place, source });
            }
            _ => {}
        }
        Ok(())
    }
}

async fn write_verdict(store: &FileStore, decision: Decision) {
    let (bytes, version) = store.load().await.unwrap().unwrap();
    let mut record: GateRecord = serde_json::from_slice(&bytes).unwrap();
    let reasons = vec![THEIRS.to_owned()];
    record.verdict = Some(Verdict { decision, reasons, ..decide(&record, record.updated_at) });
    let bytes = serde_json::to_vec(&record).unwrap();
    store.save(&bytes, &Labels::new(), Some(&version)).await.unwrap();
}

#[async_trait]
impl Store for AtTheVerdict {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.store.load().await
    }

    async fn save(
        &self,
        bytes: &[u8],
        labels: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        if self.is_due(&serde_json::from_slice(bytes).unwrap()) {
            self.meet().await?;
        }
        self.store.save(bytes, labels, replaces).await
    }

    fn place(&self) -> String {
        self.store.place()
    }
}

/// Waits for a job of ten minutes and one of twenty, and meets that trouble.
async fn decides(
    script: JobScript,
    trouble: Trouble,
) -> (Result<GateRecord, CollectError>, Duration) {
    let mut scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, script.running(minutes(10)))
        .await;
    scene
        .launch("periodic-b", Class::Blocking, JobScript::passes().running(minutes(20)))
        .await;
    let (store, clock) = (scene.store(), Arc::clone(&scene.clock));
    let store = AtTheVerdict { store, clock, trouble, since: OnceLock::new() };
    let identity = Identity::default();
    let journal = Journal::existing(Box::new(store), Arc::clone(&scene.clock), &identity).await;
    scene.journal = Arc::new(journal.unwrap());
    let result = scene.collector().run(&mut Reporter::new(false)).await;
    (result, scene.passed())
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_no_stands_and_their_pass_only_where_it_is_one() {
    let fails = || JobScript::fails(&["TestX"]);
    let ours = "periodic-a failed TestX";
    use Decision::{Failed, Passed, Undecided};
    for (script, theirs, decision, reason) in [
        (JobScript::passes(), Undecided, Undecided, THEIRS),
        (JobScript::passes(), Passed, Passed, THEIRS),
        (fails(), Undecided, Undecided, THEIRS),
        (fails(), Passed, Failed, ours),
    ] {
        let record = decides(script, Trouble::Decided(theirs)).await.0.unwrap();
        let verdict = record.verdict.unwrap();
        assert_eq!((verdict.decision, verdict.reasons), (decision, vec![reason.to_owned()]));
    }
}

#[tokio::test(start_paused = true)]
async fn the_verdict_waits_five_minutes_for_a_record_that_cannot_be_reached() {
    let waits = async |trouble| decides(JobScript::passes(), trouble).await;
    let (result, passed) = waits(Trouble::Away(minutes(4))).await;
    assert_eq!(result.unwrap().verdict.unwrap().decision, Decision::Passed);
    assert!(passed >= minutes(24) && passed < minutes(26), "{passed:?}");

    let (result, passed) = waits(Trouble::Away(minutes(60))).await;
    assert!(matches!(result, Err(CollectError::Record(_))), "{result:?}");
    assert!(passed >= minutes(25) && passed < minutes(27), "{passed:?}");

    for (trouble, until) in
        [(Trouble::Closed(minutes(2)), 22), (Trouble::ClosedEarlier(minutes(2)), 12)]
    {
        let (result, passed) = waits(trouble).await;
        assert!(matches!(result, Err(CollectError::Record(_))), "{trouble:?}: {result:?}");
        assert!(passed < minutes(until), "{trouble:?}: {passed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn mere_progress_is_written_at_most_once_a_minute() {
    let scene = Scene::new().await;
    let seconds = Duration::from_secs;
    for job in 0..6 {
        // For eight minutes each look, every 40 seconds, shows one of them in another state.
        let script = JobScript::passes()
            .waiting(seconds(20 + 80 * job), seconds(40))
            .running(minutes(10 + job));
        scene
            .launch(&format!("periodic-{job}"), Class::Blocking, script)
            .await;
    }
    let before = scene.journal.record().await.revision;
    let record = scene.run().await;
    let written = record.revision - before;
    // Six outcomes, the verdict, and progress in eight minutes.
    assert!((6 + 1 + 5..=6 + 1 + 8).contains(&written), "{written} writes");
}

#[tokio::test(start_paused = true)]
async fn a_verdict_of_another_process_is_taken_over() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    scene
        .launch("periodic-b", Class::Blocking, JobScript::passes().running(minutes(200)))
        .await;
    let other =
        Journal::existing(Box::new(scene.store()), Arc::clone(&scene.clock), &Identity::default())
            .await
            .unwrap();
    let late = {
        let collector = scene.collector();
        let wait = async move { collector.run(&mut Reporter::new(false)).await.unwrap() };
        let decide = async {
            scene.clock.sleep(minutes(60)).await;
            let decided = |record: &mut GateRecord| {
                record.verdict = Some(decide(record, scene.clock.now()));
            };
            other.update(decided).await.unwrap();
        };
        tokio::join!(wait, decide).0
    };
    assert_eq!(late.verdict.unwrap().decision, Decision::Undecided);
    // The end of the first job is written down, which shows what others have written.
    assert!(scene.passed() < minutes(125), "{:?}", scene.passed());
    assert_eq!(other.refresh().await.unwrap().verdict.unwrap().decision, Decision::Undecided);
}

#[tokio::test(start_paused = true)]
async fn tektons_end_is_read_and_a_403_is_a_warning() {
    let scene = Scene::new().await;
    let kube = scene.world.direct(Server::Kube);
    let cluster =
        Cluster { client: kube::Client::new(kube, "gates"), namespace: "gates".to_owned() };
    scene.world.kube().put(json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {"name": "run-x", "namespace": "gates"},
        "spec": {"timeouts": {"pipeline": "7h", "tasks": "6h", "finally": "1h"}},
        "status": {"startTime": "2026-08-20T00:20:00Z"},
    }));
    let uid = scene.world.kube().get("pipelineruns", "gates", "run-x").unwrap()["metadata"]["uid"]
        .clone();
    let read =
        async |name: &str, id: Option<&str>| tekton_end(&cluster, name, id, &scene.clock).await;
    let end: Timestamp = "2026-08-20T06:20:00Z".parse().unwrap();
    assert_eq!(read("run-x", uid.as_str()).await, Some(end));
    assert_eq!(read("run-x", Some("another")).await, None);
    assert_eq!(read("missing", None).await, None);
    scene.world.kube().deny("get", "pipelineruns");
    assert_eq!(read("run-x", None).await, None);
}

#[tokio::test(start_paused = true)]
async fn tekton_cuts_off_nothing_that_is_not_decided() {
    let scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, JobScript::never_ends())
        .await;
    let mut collector = scene.collector();
    collector.tekton_end = Some(scene.clock.after(scene.clock.now(), minutes(60)));
    collector.run(&mut Reporter::new(false)).await.unwrap();
    let passed = scene.passed();
    assert!(passed >= minutes(50) && passed < minutes(51), "{passed:?}");
}
