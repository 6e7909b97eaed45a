//! Waiting for the launched jobs, finding out what happened, and deciding.
//!
//! - [`collector`]: the wait itself. [`watch`]: one run until it is judged by its
//!   [`evidence`](crate::evidence).
//! - [`policy`], [`deadline`]: what the caller decides, and until when; the record is bound to it.
//! - [`histories`]: what the jobs' histories say, and what is added to them.
//! - [`update`]: what changes in the record. [`progress`]: what people see meanwhile.
//! - [`table`], [`summary`], [`test_output`]: the verdict for people and for Konflux; [`end`] has all.
//!
//! The verdict itself is in [`verdict`](crate::gate::verdict).

pub mod collector;
pub mod deadline;
pub mod end;
pub mod histories;
mod images;
pub mod policy;
pub mod preflight;
pub mod progress;
pub mod summary;
pub mod table;
pub mod test_output;
#[cfg(test)]
mod tests;
pub mod update;
pub mod watch;

use std::sync::Arc;

use self::collector::Collector;
use self::histories::Histories;
use self::policy::{Given, Mismatch, Policy};
use self::progress::Reporter;
use crate::cluster::ClusterError;
use crate::failure::Failure;
use crate::gate::reruns::Reruns;
use crate::history::keep::Choice;
use crate::launch::{Finder, Launcher};
use crate::prow::Servers;
use crate::record::{
    Decision, GateRecord, Identity, Journal, Location, RecordError, gangway_budget,
};
use crate::secret::SecretError;
use crate::site::Site;

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The record holds no run.
    #[error(
        "nothing was launched: {place} holds no execution; expected one in which launch-prow has launched jobs"
    )]
    NothingLaunched {
        /// The record.
        place: String,
    },
    /// The record does not say which image was tested.
    #[error(
        "{place} names no image; expected one in which launch-prow has launched jobs for an image"
    )]
    NoImage {
        /// The record.
        place: String,
    },
    /// A launch was announced and its outcome is open.
    #[error(
        "the launch of {job} in {place} is not finished: run launch-prow again with this record, then this step"
    )]
    LaunchUnfinished {
        /// The record.
        place: String,
        job: String,
    },
    /// The record holds another request or other rules than this step was given. The flags come
    /// from who started the run, the record from whoever may write it.
    #[error(
        "{place} is not what this step was given: {difference}. nothing is decided over it; start a new run if that is meant"
    )]
    Differs {
        /// The record.
        place: String,
        /// In what.
        difference: String,
    },
    /// The record was begun with other reruns.
    #[error(
        "{place} was begun with --rerun {found}, not with {given}; leave the flag out to go on with it"
    )]
    OtherReruns {
        /// The record.
        place: String,
        /// The reruns in it.
        found: Reruns,
        /// The reruns given.
        given: Reruns,
    },
    /// A run that the record calls passed cannot be looked at.
    #[error(
        "the record says that {job} passed, and its run cannot be looked at again ({why}); the verdict stays as it is, run this step again when Deck and the artifacts answer"
    )]
    Unreadable { job: String, why: String },
    /// Somebody writes passes again and again that the runs do not bear out.
    #[error(
        "{place} is changed by somebody else while it is in use: passes that no run bears out come back again and again; find out who writes it before a new run"
    )]
    Meddled {
        /// The record.
        place: String,
    },
    /// The record cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The cluster that holds the record cannot be reached.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The token cannot be read.
    #[error(transparent)]
    Token(#[from] SecretError),
}

impl CollectError {
    /// Whether this is the gate's no rather than trouble or misuse.
    pub fn says_no(&self) -> bool {
        matches!(self, Self::Differs { .. } | Self::Meddled { .. })
    }
}

impl From<CollectError> for Failure {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Record(error) => error.into(),
            error if error.says_no() => Self::refused(error),
            CollectError::Unreadable { .. } => Self::failed(error),
            other => Self::misuse(other),
        }
    }
}

/// Everything that collect-results is given.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--record`.
    pub record: Location,
    /// `--run-id`, `--run-name`, `--gate-label`.
    pub identity: Identity,
    /// What the caller decides.
    pub given: Given,
    /// `--history`.
    pub history: Option<Choice>,
}

/// Waits and decides; the record that comes back holds the verdict.
///
/// # Errors
/// [`CollectError`]. A verdict that is not `passed` is no error here.
pub async fn run(
    options: Options,
    site: &Site,
    prow: &Servers,
    progress: bool,
) -> Result<GateRecord, CollectError> {
    let Options { record, identity, given, history } = options;
    let clock = Arc::clone(site.clock());
    let store = site.store(&record).await?;
    let journal = Arc::new(Journal::join(store, Arc::clone(&clock), &identity).await?);
    let policy = bind(&journal, &given).await?;
    let found = journal.record().await;
    let passed = found
        .verdict
        .as_ref()
        .map(|verdict| verdict.decision == Decision::Passed);
    if passed == Some(false) {
        tracing::info!("{} holds the verdict already; nothing was asked", journal.place());
        return Ok(found);
    }
    let token = prow.token.clone();
    if let Some(token) = &token {
        token.read()?;
    }
    let (deck, bucket) = (Arc::clone(&prow.deck), Arc::clone(&prow.bucket));
    let looking = Collector {
        journal,
        deck,
        bucket,
        gangway: None,
        launcher: None,
        clock,
        policy,
        histories: Histories::none(Arc::clone(site.clock())),
        tekton_end: None,
    };
    if passed == Some(true) {
        tracing::info!(
            "{} says passed already; its runs are looked at again",
            looking.journal.place()
        );
        if let Some(record) = looking.repeated(found.clone()).await? {
            return Ok(record);
        }
    }
    let Collector { journal, deck, bucket, clock, policy, .. } = looking;
    let gangway = match token {
        Some(token) => {
            let budget = gangway_budget(&journal, Arc::clone(&clock), prow.limits).await?;
            Some(prow.gangway(token, budget))
        }
        None => {
            tracing::info!(
                "no --gangway-token-file: Deck and the artifacts tell how the jobs are, and none is run again"
            );
            None
        }
    };
    let launcher = gangway.as_ref().map(|gangway| {
        let finder = Finder::new(Arc::clone(gangway), Arc::clone(&deck), Arc::clone(&bucket));
        let launcher =
            Launcher::new(Arc::clone(&journal), Arc::clone(gangway), finder, Arc::clone(&clock));
        let image = found.candidate.as_ref().map(|candidate| candidate.image.clone());
        Arc::new(match (image, policy.request.clone()) {
            (Some(image), Some(request)) => launcher.asked(image, request),
            _ => launcher,
        })
    });
    let tekton_end = match (site.cluster_of(Some(&record)).await?, &identity.run_name) {
        (Some(cluster), Some(name)) => {
            deadline::tekton_end(cluster, name, identity.run_id.as_deref(), &clock).await
        }
        _ => None,
    };
    let place = site.histories(history.as_ref(), &record).await?;
    let images = match (site.cluster_of(Some(&record)).await?, policy.reruns.flaky()) {
        (Some(cluster), 1..) => images::known(cluster, &clock, &found).await,
        _ => None,
    };
    let issues = policy.issues.clone();
    let histories = Histories::new(place, issues, Arc::clone(&clock)).knowing(images);
    let collector = Collector {
        journal,
        deck,
        bucket,
        gangway,
        launcher,
        clock,
        policy,
        histories,
        tekton_end,
    };
    let mut reporter = Reporter::new(progress);
    let record = collector.run(&mut reporter).await;
    reporter.finish();
    record
}

/// The policy of this record, written down where it is the first.
async fn bind(journal: &Journal, given: &Given) -> Result<Policy, CollectError> {
    let place = journal.place();
    journal
        .update(|record| given.bind(record))
        .await?
        .map_err(|mismatch| match mismatch {
            Mismatch::Reruns { found, given } => CollectError::OtherReruns { place, found, given },
            Mismatch::Rules(difference) => CollectError::Differs { place, difference },
        })
}
