//! Reading, waiting, sending, noting.

use std::time::Duration;

use jiff::Timestamp;

use super::compose::mentions;
use super::outcome::{is_settled, release_is_due};
use super::{
    Facts, History, LastVerified, Message, Options, Sight, VerifiedSight, compose, outcome_of,
};
use crate::clock::{Clock, SharedClock};
use crate::failure::{Chain, Exit, Failure, OrExit};
use crate::record::{
    Candidate, Health, Identity, Journal, Notification, Outcome, Past, RecordError, Store,
};
use crate::slack::{Slack, SlackError, Thread};
use crate::staleness;
use crate::step::results::print;
use crate::text;

/// How long a Release may take where nothing else is said (45 minutes).
pub const RELEASE_WAIT: Duration = Duration::from_secs(45 * 60);

/// How often the record is looked at for the Release's end (15 seconds).
const LOOK: Duration = Duration::from_secs(15);

/// Bytes of a message that are kept in the record when it was not delivered (16 KiB).
const KEPT: usize = 16 * 1024;

/// Why the step did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The message was composed and could not be sent.
    #[error("the message was not delivered; it is printed above{}", if *noted { " and kept in the record" } else { "" })]
    NotDelivered {
        /// Whether the record holds it.
        noted: bool,
        source: SlackError,
    },
}

impl From<NotifyError> for Failure {
    fn from(error: NotifyError) -> Self {
        Self::new(Exit::Failed, error)
    }
}

/// A record that does not exist yet and can be begun, so that a run that broke before its first
/// step is not forgotten.
#[derive(Debug)]
pub struct Begin {
    pub store: Box<dyn Store>,
    /// Whose.
    pub identity: Identity,
}

/// Where the message comes from and goes to.
#[derive(Debug)]
pub struct Sources {
    /// The record where it could be opened, or what is to be said instead.
    pub record: Result<Journal, Sight>,
    /// What to begin where there is none.
    pub begin: Option<Begin>,
    /// The gate's past runs, newest first, without this one; `None` where they could not be read.
    pub past: Option<Vec<Past>>,
    /// Where the plan's Releases are, which tell more of the newest verified image than records do.
    /// They are asked only for a message that names it.
    pub releases: Option<staleness::Sources>,
    /// Whether the run was cancelled, where that is known.
    pub cancelled: Option<bool>,
    /// Where to send to; `None` sends nothing and notes nothing.
    pub slack: Option<Slack>,
    pub clock: SharedClock,
}

impl From<&RecordError> for Sight {
    /// Whatever is wrong with a record is only something to be said.
    fn from(error: &RecordError) -> Self {
        match error {
            RecordError::Missing { .. } => Self::Missing,
            other => Self::Unreadable(Chain(other).to_string()),
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Delivery {
    pub message: Message,
    /// How the run ended.
    pub outcome: Outcome,
    /// `None`: it was not to be sent.
    pub sent: Option<Result<(), NotifyError>>,
}

impl Delivery {
    /// How the step ends. A message that did not go out is printed.
    ///
    /// # Errors
    /// It was not delivered.
    pub fn end(self) -> Result<(), Failure> {
        match self.sent {
            Some(Ok(())) => tracing::info!("sent: {}", self.message.headline.plain()),
            Some(Err(error)) => {
                print(&self.message.text()).failed()?;
                return Err(error.into());
            }
            None => print(&self.message.text()).failed()?,
        }
        Ok(())
    }
}

/// How long may be spent on the line that names the newest verified image, with all that is asked
/// for it (20 seconds of wall time).
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for the Release where one is due, composes the message, sends it and notes it.
pub async fn run(options: Options, sources: Sources) -> Delivery {
    let Sources { record, begin, past, releases, cancelled, slack, clock } = sources;
    if let Ok(journal) = &record
        && !wait_for_release(journal, &options, clock.as_ref()).await
    {
        tracing::warn!("the Release has not ended in time; the message says so");
    }
    let sight = match &record {
        Ok(journal) => Sight::Read(Box::new(journal.record().await)),
        Err(sight) => sight.clone(),
    };
    let begun = sight.record().map_or_else(|| clock.now(), |record| record.created_at);
    let history = past.map(|runs| History::of(&runs, begun));
    let (now, scale) = (clock.now(), clock.scale());
    let mut facts = Facts { sight, options, history, verified: None, cancelled, now, scale };
    if let Some(mut releases) = releases.filter(|_| outcome_of(&facts).health() != Health::Green) {
        let candidate = facts.sight.record().and_then(|record| record.candidate.as_ref());
        releases.component = candidate.and_then(Candidate::component);
        facts.verified = Some(verified(&releases, clock.now()).await);
    }
    let (message, outcome) = (compose(&facts), outcome_of(&facts));
    let thread = thread_of(&facts, outcome);
    let sent = match slack {
        None => None,
        Some(slack) => {
            let journal = match (record, begin) {
                (Ok(journal), _) => Some(journal),
                (Err(Sight::Missing), Some(begin)) => begin_record(begin, &clock).await,
                (Err(_), _) => None,
            };
            Some(
                deliver(
                    &message,
                    outcome,
                    thread.as_ref(),
                    &slack,
                    journal.as_ref(),
                    clock.as_ref(),
                )
                .await,
            )
        }
    };
    Delivery { message, outcome, sent }
}

/// The newest verified image, as check-staleness counts it.
async fn verified(releases: &staleness::Sources, now: Timestamp) -> VerifiedSight {
    let evidence = staleness::releases(releases, now).await;
    let newest = evidence
        .newest()
        .map(|newest| LastVerified { image: newest.image.words(), at: newest.at });
    let unseen = evidence
        .silent
        .iter()
        .map(|source| format!("{}: {}", source.name.words(), source.why));
    VerifiedSight {
        newest,
        unseen: Some(unseen.collect::<Vec<_>>().join("; ")).filter(|unseen| !unseen.is_empty()),
    }
}

/// Reads the record again until create-release, which runs at the same time, has written how the
/// Release ended; where none is due, or `--release-wait` is zero, that is at once. Whether it did.
pub async fn wait_for_release(journal: &Journal, options: &Options, clock: &dyn Clock) -> bool {
    let begun = clock.now();
    let mut record = journal.record().await;
    while release_is_due(options, &record) && !is_settled(&record, clock) {
        let left = options.patience().saturating_sub(clock.since(begun));
        if left.is_zero() {
            return false;
        }
        if clock.since(begun).is_zero() {
            let limit = crate::duration::human(options.patience());
            tracing::info!("waiting up to {limit} for create-release to say how the Release ended");
        }
        clock.sleep(LOOK.min(left)).await;
        match journal.refresh().await {
            Ok(read) => record = read,
            Err(error) => tracing::warn!("{}; waiting on", Chain(&error)),
        }
    }
    true
}

/// A row of red runs has one thread, which also gets the message that ends it. The channel sees a
/// reply only where somebody is mentioned, or where the row has ended.
fn thread_of(facts: &Facts, outcome: Outcome) -> Option<Thread> {
    let id = facts.history.as_ref()?.thread.clone()?;
    let broadcast = outcome.health() == Health::Green || !mentions(facts, outcome).is_empty();
    Some(Thread { id, broadcast })
}

async fn begin_record(begin: Begin, clock: &SharedClock) -> Option<Journal> {
    let opened = Journal::open(begin.store, clock.clone(), &begin.identity).await;
    opened
        .inspect_err(|error| tracing::warn!("{}; the message is not in the record", Chain(error)))
        .ok()
}

async fn deliver(
    message: &Message,
    outcome: Outcome,
    thread: Option<&Thread>,
    slack: &Slack,
    journal: Option<&Journal>,
    clock: &dyn Clock,
) -> Result<(), NotifyError> {
    let sent = slack.send(&message.payload(), thread).await;
    let detail = match &sent {
        Ok(_) => None,
        Err(error) => Some(text::cut(&format!("{}\n\n{}", Chain(error), message.text()), KEPT)),
    };
    let note = Notification {
        at: clock.now(),
        delivered: sent.is_ok(),
        outcome: Some(outcome),
        headline: message.headline.plain(),
        thread: sent.as_ref().ok().and_then(|receipt| receipt.thread.clone()),
        detail,
    };
    let noted = match journal {
        None => false,
        Some(journal) => {
            let written = journal
                .update(|record| note_once(&mut record.notifications, &note))
                .await;
            written
                .inspect_err(|error| {
                    tracing::warn!("{}; the message is not in the record", Chain(error))
                })
                .is_ok()
        }
    };
    sent.map(drop)
        .map_err(|source| NotifyError::NotDelivered { noted, source })
}

/// Adds a note; of many failed tries only the last ten are kept.
fn note_once(notes: &mut Vec<Notification>, note: &Notification) {
    if notes.last() != Some(note) {
        notes.push(note.clone());
    }
    let surplus = notes.len().saturating_sub(10);
    notes.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::SignedDuration;
    use standins::{Server, TokioTime, World};
    use tokio::time::Instant;

    use super::*;
    use crate::clock::RuntimeClock;
    use crate::cluster::{Cluster, Tenant};
    use crate::http::InProcessTransport;
    use crate::kubearchive::KubeArchive;

    /// A locked table: the connection is there, and no byte comes.
    #[tokio::test(start_paused = true)]
    async fn an_archive_that_never_answers_keeps_the_message_for_twenty_seconds() {
        let start: Timestamp = "2026-08-01T00:00:00Z".parse().unwrap();
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(start));
        let world = World::builder().clock(TokioTime::starting_at(start)).build();
        let cluster = Cluster {
            client: kube::Client::new(world.direct(Server::Kube), "tenant"),
            namespace: "tenant".to_owned(),
        };
        let archive = KubeArchive {
            base: "https://archive.example".parse().unwrap(),
            bearer: None,
            transport: Arc::new(InProcessTransport::new(|_| Box::pin(std::future::pending()))),
            clock: clock.clone(),
        };
        let sources = staleness::Sources {
            tenant: Tenant::new(&cluster, clock.clone()),
            archive: Some(archive),
            plan: crate::name::ObjectName::label("plan").unwrap(),
            threshold: SignedDuration::from_hours(72),
            application: None,
            component: None,
            scenario: None,
            gate: None,
            patience: PATIENCE,
        };
        let begun = Instant::now();
        let sight = verified(&sources, clock.now()).await;
        assert_eq!(begun.elapsed().as_secs(), 20);
        assert!(sight.newest.is_none());
        let unseen = sight.unseen.unwrap();
        assert!(unseen.starts_with("KubeArchive: ") && unseen.contains("20s"), "{unseen}");
    }
}
