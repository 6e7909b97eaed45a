//! The bisect from its record to its end: one run of the job at a time.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::document::{Book, Document, DocumentError, Ended, Run, Slot, SlotStore};
use super::{Next, next, outcome};
use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::collect::CollectError;
use crate::collect::collector::Collector;
use crate::collect::histories::Histories;
use crate::collect::policy::Policy;
use crate::collect::progress::Reporter;
use crate::failure::{Chain, Exit, Failure};
use crate::gate::reruns::Reruns;
use crate::jobs::Request;
use crate::launch::{Finder, LaunchError, Launcher, bind};
use crate::prow::Servers;
use crate::record::{
    Candidate, GateRecord, Identity, Journal, RecordError, StoreError, Whose, gangway_budget,
};
use crate::secret::SecretFile;

/// How often it is looked whether a gate still has jobs to launch (1 minute).
const LOOK: Duration = Duration::from_secs(60);

/// A gate that has not launched its jobs for so long has died (2 hours).
const GATE_LAUNCHES_WITHIN: Duration = Duration::from_secs(2 * 3600);

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
    #[error("{place} is of another bisect: {difference}; give each bisect a record of its own")]
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
    /// Prow. Gangway gets no more than a few requests a minute, and no fewer than two: a launch
    /// whose answer was lost is looked for with several.
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
    /// called again: a run that was begun is found and waited for.
    ///
    /// # Errors
    /// [`BisectError`] when it cannot go on now; called again it may.
    pub async fn run(&self) -> Result<Document, BisectError> {
        loop {
            let Some((document, _)) = self.book.load().await? else {
                return Err(DocumentError::Vanished { place: self.book.place() }.into());
            };
            if document.ended.is_some() {
                return Ok(document);
            }
            let Next::Run { snapshot, number, left, .. } = next(&document.seen(), &document.rules)
            else {
                let ended = Ended { at: self.clock.now(), stopped: false, told: None };
                return Ok(self
                    .book
                    .change(|document| {
                        document.ended.get_or_insert_with(|| ended.clone());
                    })
                    .await?);
            };
            let slot = Slot { place: snapshot, number };
            tracing::info!(
                snapshot = document.range[snapshot].snapshot,
                run = number,
                "run {number} on {}; the first bad one is one of {}",
                document.range[snapshot].snapshot,
                left.count()
            );
            let shown = self.probe(&document, slot).await?;
            tracing::info!(
                snapshot = document.range[snapshot].snapshot,
                run = number,
                "{}: {}",
                document.range[snapshot].snapshot,
                shown.words.as_deref().unwrap_or_default()
            );
            self.book
                .change(|document| document.note(slot, shown.clone()))
                .await?;
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
        if begun.is_none_or(|record| record.first_intent().is_none()) {
            self.give_way().await;
        }
        let store = Box::new(SlotStore::new(self.book.clone(), slot));
        let journal = Arc::new(Journal::open(store, self.clock.clone(), &identity).await?);
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
        let budget = gangway_budget(&journal, self.clock.clone(), self.prow.limits).await?;
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

    /// Waits while a gate has jobs to launch: it shares Gangway's limit, and goes first. Where that
    /// cannot be seen nothing is waited for.
    async fn give_way(&self) {
        let Some(cluster) = &self.cluster else { return };
        let mut said = false;
        loop {
            let mut busy = None;
            let since = self.clock.before(self.clock.now(), GATE_LAUNCHES_WITHIN);
            let looked = crate::record::each(
                cluster,
                &self.clock,
                Whose::Anybody,
                Some(since),
                |meta, record| match record {
                    Ok(record) if is_launching(&record, since) => {
                        busy = meta.name.clone();
                        ControlFlow::Break(())
                    }
                    _ => ControlFlow::Continue(()),
                },
            );
            match (looked.await, busy) {
                (Err(error), _) => {
                    tracing::warn!(
                        "whether a gate launches its jobs is not known: {}",
                        Chain(&error)
                    );
                    return;
                }
                (Ok(()), None) => return,
                (Ok(()), Some(name)) => {
                    if !said {
                        tracing::info!("{name} still has jobs to launch, which go first");
                        said = true;
                    }
                    self.clock.sleep(LOOK).await;
                }
            }
        }
    }
}

/// Whether a gate is about to launch jobs.
fn is_launching(record: &GateRecord, since: Timestamp) -> bool {
    let open = |job: &crate::record::JobRecord| job.attempts.is_empty() && job.refusal.is_none();
    record.created_at >= since
        && record.verdict.is_none()
        && record.stopped.is_none()
        && record.jobs.iter().any(open)
}

/// What a judged run shows.
fn shown(record: &GateRecord, document: &Document, slot: Slot) -> Run {
    let attempt = record.jobs.first().and_then(|job| job.last());
    let (outcome, words) = match attempt {
        Some(attempt) => outcome(attempt, document.test.as_deref()),
        None => (super::Outcome::Inconclusive, "not launched".to_owned()),
    };
    Run {
        place: slot.place,
        number: slot.number,
        outcome: Some(outcome),
        words: Some(crate::text::one_line(&words, 300)),
        execution: attempt.and_then(|attempt| attempt.execution.clone()),
        job_url: attempt.and_then(|attempt| attempt.job_url.clone()),
        record: None,
    }
}

/// In what a record differs from what was asked for, if it does. The range is the record's, once it
/// is begun: Snapshots come and go.
pub fn difference(found: &Document, asked: &Document) -> Option<String> {
    let ends = |document: &Document| {
        let names = [document.range.first(), document.range.last()];
        names.map(|place| place.map(|place| place.snapshot.clone()))
    };
    let table = [
        ("its job", found.job == asked.job && found.env == asked.env),
        ("its --test", found.test == asked.test),
        ("its --good or --bad", ends(found) == ends(asked)),
        ("its --confirm, --passes or --runs", found.rules == asked.rules),
    ];
    table
        .iter()
        .find(|(_, same)| !same)
        .map(|(what, _)| format!("{what} differs"))
}

/// Whether the answer is one: what the step's exit code is made from.
pub fn exit(document: &Document) -> Exit {
    match next(&document.seen(), &document.rules) {
        Next::Found(_) => Exit::Done,
        Next::Unfound { .. } => Exit::Refused,
        Next::Run { .. } => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::tests::document;
    use super::*;
    use crate::gate::matrix::tests::{at, attempt};
    use crate::record::{Class, JobRecord};

    #[test]
    fn a_gate_with_jobs_to_launch_goes_first() {
        let mut record = GateRecord::begin("run", at(100));
        assert!(!is_launching(&record, at(0)), "without jobs it has not begun to launch");
        record.jobs.push(JobRecord {
            attempts: vec![attempt(1, 100, None)],
            ..JobRecord::named("a", Class::Blocking)
        });
        assert!(!is_launching(&record, at(0)));
        record.jobs.push(JobRecord::named("b", Class::Blocking));
        assert!(is_launching(&record, at(0)));
        assert!(!is_launching(&record, at(200)), "it has died");
    }

    #[test]
    fn another_bisect_is_told_in_words() {
        let one = document(5);
        assert_eq!(difference(&one, &one), None);
        let mut more = one.clone();
        more.range.remove(2);
        assert_eq!(difference(&one, &more), None, "Snapshots come and go");
        more.range.remove(0);
        assert_eq!(difference(&one, &more).unwrap(), "its --good or --bad differs");
        let test = Document { test: Some("TestA".to_owned()), ..one.clone() };
        assert_eq!(difference(&one, &test).unwrap(), "its --test differs");
    }
}
