//! The bisect from its record to its end: one run of the job at a time.

use std::sync::Arc;
use std::time::Duration;

use super::book::{Book, DocumentError};
use super::document::{Document, Ended, Run};
use super::give_way::give_way;
use super::slot::{Slot, SlotStore};
use super::{Next, next, outcome, words};
use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::collect::CollectError;
use crate::collect::collector::Collector;
use crate::collect::histories::Histories;
use crate::collect::policy::Policy;
use crate::collect::progress::Reporter;
use crate::failure::Failure;
use crate::gate::reruns::Reruns;
use crate::jobs::Request;
use crate::launch::{Finder, LaunchError, Launcher, bind};
use crate::prow::Servers;
use crate::prow::budget::Limits;
use crate::record::{
    Candidate, GateRecord, Identity, Journal, RecordError, StoreError, gangway_budget,
};
use crate::secret::SecretFile;

/// How often Gangway is asked at most: twice a minute. Usually it is asked once for each run; a launch
/// whose answer was lost is looked for with several requests, and with one a minute no such look
/// would end in time.
pub const LIMITS: Limits = Limits { per_minute: 2, burst: 1 };

/// How often it is looked whether the bisect was stopped (1 minute).
const LOOK: Duration = Duration::from_secs(60);

/// Why a bisect does not go on.
#[derive(Debug, thiserror::Error)]
pub enum BisectError {
    /// Its record cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The record of a run cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The job was not launched.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The run could not be judged.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The record of a run was begun with another job.
    #[error("{0}")]
    Differs(String),
    /// The record is of another bisect.
    #[error(
        "{place} is of another bisect: {difference}; leave that flag out, or give each bisect a record of its own"
    )]
    Other {
        /// The record.
        place: String,
        /// In what it differs.
        difference: String,
    },
}

impl From<BisectError> for Failure {
    fn from(error: BisectError) -> Self {
        match error {
            BisectError::Record(error) => error.into(),
            BisectError::Launch(error) => error.into(),
            BisectError::Collect(error) => error.into(),
            BisectError::Document(
                DocumentError::Store(StoreError::Transient { .. } | StoreError::Conflict)
                | DocumentError::Vanished { .. },
            ) => Self::failed(error),
            error => Self::misuse(error),
        }
    }
}

/// Everything that a bisect needs.
#[derive(Debug)]
pub struct Bisect {
    /// Its record.
    pub book: Book,
    /// Prow; how often Gangway is asked is [`LIMITS`].
    pub prow: Servers,
    /// Gangway's token.
    pub token: SecretFile,
    pub clock: SharedClock,
    /// Where the gates' records are, if they are in a cluster: they go first.
    pub cluster: Option<Cluster>,
    /// What a run must show, and how long it may take.
    pub policy: Policy,
    /// The namespace, for the annotations of the runs.
    pub namespace: Option<String>,
}

impl Bisect {
    /// Goes on to the end, from wherever the record stands. It can be stopped at any moment and
    /// called again: a run that was begun is found and waited for. Several may go on at once.
    ///
    /// # Errors
    /// [`BisectError`] when it cannot go on now; called again it may.
    pub async fn run(&self) -> Result<Document, BisectError> {
        loop {
            let document = self.document().await?;
            if document.ended.is_some() {
                return Ok(document);
            }
            let Next::Run { snapshot, number, left, .. } = next(&document.seen(), &document.rules)
            else {
                return self.end().await;
            };
            let slot = Slot { place: snapshot, number };
            let name = document.range[snapshot].snapshot.as_str();
            tracing::info!(
                snapshot = name,
                run = number,
                "run {number} on {name}; the first bad one is one of {}",
                left.count()
            );
            let probed = tokio::select! {
                probed = self.probe(&document, slot) => probed,
                () = self.stopped() => continue,
            };
            let shown = match probed {
                Ok(shown) => shown,
                // Another process may have ended the run, or somebody the bisect.
                Err(error) => match self.document().await {
                    Ok(now) if now.ended.is_some() || now.seen_of(slot).is_some() => continue,
                    _ => return Err(error),
                },
            };
            let document = self
                .book
                .change(|document| document.note(slot, shown.clone()))
                .await?;
            let said = document.run(slot).and_then(|run| run.words.as_deref());
            tracing::info!(
                snapshot = name,
                run = number,
                "{name}: {}; {}",
                said.unwrap_or_default(),
                words::standing(&document, snapshot)
            );
        }
    }

    async fn document(&self) -> Result<Document, BisectError> {
        let missing = || DocumentError::Vanished { place: self.book.place() };
        Ok(self.book.load().await?.ok_or_else(missing)?)
    }

    async fn end(&self) -> Result<Document, BisectError> {
        let ended = Ended { at: self.clock.now(), stopped: false, told: None };
        let end = |document: &mut Document| {
            document.ended.get_or_insert_with(|| ended.clone());
        };
        Ok(self.book.change(end).await?)
    }

    /// Waits until somebody has stopped the bisect. It ends no later than what it waits beside.
    async fn stopped(&self) {
        loop {
            self.clock.sleep(LOOK).await;
            // What cannot be read now is the probe's concern.
            if let Ok(Some(Document { ended: Some(_), .. })) = self.book.load().await {
                return;
            }
        }
    }

    /// One run of the job on one Snapshot, launched exactly once and judged.
    async fn probe(&self, document: &Document, slot: Slot) -> Result<Run, BisectError> {
        let place = &document.range[slot.place];
        let identity = Identity {
            run_id: Some(slot.id(&document.id)),
            namespace: self.namespace.clone(),
            ..Identity::default()
        };
        let begun = document.run(slot).and_then(|run| run.record.as_ref());
        let is_begun = begun.is_some_and(|record| record.first_intent().is_some());
        if let Some(cluster) = self.cluster.as_ref().filter(|_| !is_begun) {
            give_way(cluster, &self.clock).await;
        }
        let store = Box::new(SlotStore::new(self.book.clone(), slot));
        let journal = Arc::new(Journal::open(store, self.clock.clone(), &identity).await?);
        journal
            .update(|record| record.bisect = Some(document.id.clone()))
            .await?;
        journal
            .bind(&Candidate {
                snapshot: Some(place.snapshot.clone()),
                revision: place.revision.clone(),
                git_url: place.git_url.clone(),
                ..Candidate::of(place.image.clone())
            })
            .await?;
        let request =
            Request { jobs: vec![document.job.clone()], env: document.env.clone(), matrix: None };
        bind(&journal, &request, None)
            .await?
            .map_err(|mismatch| BisectError::Differs(mismatch.to_string()))?;
        let budget = gangway_budget(&journal, self.clock.clone(), LIMITS).await?;
        let gangway = self.prow.gangway(self.token.clone(), budget);
        let (deck, bucket) = (self.prow.deck.clone(), self.prow.bucket.clone());
        let finder = Finder::new(gangway.clone(), deck.clone(), bucket.clone());
        let launcher = Launcher::new(journal.clone(), gangway.clone(), finder, self.clock.clone())
            .asked(place.image.clone(), request.clone());
        launcher.launch_attempt(&document.job.name, 1).await?;
        let collector = Collector {
            journal,
            deck,
            bucket,
            gangway: Some(gangway),
            launcher: None,
            clock: self.clock.clone(),
            policy: Policy {
                reruns: Reruns::none(),
                request: Some(request),
                ..self.policy.clone()
            },
            // A probe fails on purpose and is no part of any trend.
            histories: Histories::none(self.clock.clone()),
            tekton_end: None,
        };
        let mut reporter = Reporter::new(false);
        let record = collector.run(&mut reporter).await;
        reporter.finish();
        Ok(shown(&record?, document, slot))
    }
}

/// What a judged run shows.
fn shown(record: &GateRecord, document: &Document, slot: Slot) -> Run {
    let attempt = record.jobs.first().and_then(|job| job.last());
    let (outcome, words) = match attempt {
        Some(attempt) => outcome(attempt, document.test.as_deref()),
        None => (super::Outcome::Inconclusive, "not launched".to_owned()),
    };
    Run {
        outcome: Some(outcome),
        words: Some(crate::text::one_line(&words, 300)),
        execution: attempt.and_then(|attempt| attempt.execution.clone()),
        job_url: attempt.and_then(|attempt| attempt.job_url.clone()),
        ..Run::of(slot)
    }
}
