//! A record with launched jobs, and servers that know them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use standins::{JobScript, Server, TokioTime, World};

use crate::clock::{RuntimeClock, SharedClock};
use crate::collect::collector::Collector;
use crate::collect::histories::{Histories, KnownImages};
use crate::collect::policy::Policy;
use crate::collect::progress::Reporter;
use crate::evidence::Rules;
use crate::history::issues::KnownIssues;
use crate::history::keep::Place;
use crate::http::{BaseUrl, SharedTransport};
use crate::image::ImageRef;
use crate::launch::{Finder, Launcher};
use crate::prow::bucket::Bucket;
use crate::prow::budget::{Budget, Limits};
use crate::prow::deck::Deck;
use crate::prow::gangway::{Create, Gangway, Outcome, PodSpecOptions};
use crate::prow::key;
use crate::record::{
    Attempt, Candidate, Class, FileStore, GateRecord, Identity, Intent, JobRecord, Journal,
    LaunchOptions,
};
use crate::secret::SecretFile;
use crate::support::network;

/// The variable that carries the image.
pub const VARIABLE: &str = "OVERRIDE_IMAGE";

/// Everything around a [`Collector`].
pub struct Scene {
    pub world: World,
    pub clock: SharedClock,
    pub policy: Policy,
    pub journal: Arc<Journal>,
    pub gangway: Arc<Gangway>,
    /// Where the jobs' histories are; `None`: nowhere.
    pub place: Option<Place>,
    pub issues: KnownIssues,
    pub images: Option<KnownImages>,
    transport: SharedTransport,
    dir: tempfile::TempDir,
}

pub fn image() -> ImageRef {
    format!("quay.io/acme/ho@sha256:{}", "a".repeat(64)).parse().unwrap()
}

/// 64 digits of a digest.
pub fn digest(digit: &str) -> String {
    digit.repeat(64)
}

pub fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

impl Scene {
    /// A scene at half past midnight in which nothing is launched.
    pub async fn new() -> Self {
        let start: Timestamp = "2026-08-20T00:30:00Z".parse().unwrap();
        let world = World::builder().clock(TokioTime::starting_at(start)).build();
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(start));
        let transport = network(&world);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "sha256~token").unwrap();
        world.prow().token("sha256~token");
        let token = SecretFile::new("--gangway-token-file", dir.path().join("token"));
        let budget =
            Arc::new(Budget::new(Arc::clone(&clock), Limits { per_minute: 600, burst: 600 }, true));
        let gangway =
            Arc::new(Gangway::new(base(Server::Gangway), token, Arc::clone(&transport), budget));
        let store = Box::new(FileStore::new(dir.path().join("gate.json")));
        let identity = Identity { run_id: Some("run".to_owned()), ..Identity::default() };
        let journal = Arc::new(Journal::open(store, Arc::clone(&clock), &identity).await.unwrap());
        journal.bind(&Candidate::of(image())).await.unwrap();
        journal
            .update(|record| record.launch = Some(LaunchOptions::default()))
            .await
            .unwrap();
        let policy = Policy {
            rules: Rules {
                proof_logs: vec!["artifacts/*/hypershift-install/build-log.txt".parse().unwrap()],
                ..Rules::default()
            },
            ..Policy::default()
        };
        let (place, issues, images) = (None, KnownIssues::default(), None);
        Self { world, clock, policy, journal, gangway, place, issues, images, transport, dir }
    }

    /// Launches a job that does what its script says.
    pub async fn launch(&self, name: &str, class: Class, script: JobScript) {
        self.launch_attempts(name, class, vec![script]).await;
    }

    /// Launches a job whose n-th launch does what the n-th script says.
    pub async fn launch_attempts(&self, name: &str, class: Class, scripts: Vec<JobScript>) {
        self.world.prow().job_attempts(name, scripts);
        let attempt = self.order(name, 1).await;
        let job = JobRecord {
            override_env: vec![VARIABLE.to_owned()],
            attempts: vec![attempt],
            ..JobRecord::named(name, class)
        };
        self.journal
            .update(|record| record.jobs.push(job.clone()))
            .await
            .unwrap();
    }

    /// An attempt that Gangway was told of.
    pub async fn order(&self, name: &str, number: u32) -> Attempt {
        let envs = BTreeMap::from([(VARIABLE.to_owned(), image().to_string())]);
        let key = key::of("run", name, image().digest(), number);
        let labels = BTreeMap::from([(key::LABEL.to_owned(), key.clone())]);
        let order = Create::new(name, PodSpecOptions { envs, labels, ..PodSpecOptions::default() });
        let id = match self.gangway.create(&order).await.unwrap() {
            Outcome::Created { id } | Outcome::Differs { id, .. } => id,
            other => panic!("{other:?}"),
        };
        let now = self.clock.now();
        let intent = Intent {
            key,
            written_at: now,
            holder: "test".to_owned(),
            sent_at: Some(now),
            sends: 1,
            certainly_not_created: false,
        };
        Attempt { execution: Some(id), launched_at: Some(now), ..Attempt::intended(number, intent) }
    }

    /// The collector of this scene.
    pub fn collector(&self) -> Collector {
        let deck = Arc::new(Deck::new(base(Server::Deck), Arc::clone(&self.transport)));
        let bucket = Arc::new(Bucket::new(base(Server::Bucket), Arc::clone(&self.transport)));
        let gangway = Arc::clone(&self.gangway);
        let finder = Finder::new(Arc::clone(&gangway), Arc::clone(&deck), Arc::clone(&bucket));
        let (journal, clock) = (Arc::clone(&self.journal), Arc::clone(&self.clock));
        Collector {
            journal: Arc::clone(&self.journal),
            deck,
            bucket,
            launcher: Some(Arc::new(Launcher::new(journal, Arc::clone(&gangway), finder, clock))),
            gangway: Some(gangway),
            clock: Arc::clone(&self.clock),
            policy: self.policy.clone(),
            histories: Histories::new(
                self.place.clone(),
                self.issues.clone(),
                Arc::clone(&self.clock),
            )
            .knowing(self.images.clone()),
            tekton_end: None,
        }
    }

    /// Waits to the verdict.
    pub async fn run(&self) -> GateRecord {
        self.collector().run(&mut Reporter::new(false)).await.unwrap()
    }

    /// Time since the scene began.
    pub fn passed(&self) -> Duration {
        self.clock.since(self.world.born())
    }

    /// The record's store.
    pub fn store(&self) -> FileStore {
        FileStore::new(self.dir.path().join("gate.json"))
    }

    /// A folder for the jobs' histories.
    pub fn folder(&self) -> Place {
        Place::Folder(self.dir.path().to_owned())
    }

    /// Replaces the token that the gate sends.
    pub fn write_token(&self, token: &str) {
        std::fs::write(self.dir.path().join("token"), token).unwrap();
    }

    /// How often a server was asked.
    pub fn asked(&self, server: Server) -> usize {
        self.world.requests_to(server).len()
    }
}

fn base(server: Server) -> BaseUrl {
    server.base().parse().unwrap()
}
