//! One attempt of one job, from the record's state to a run or a reason why there is none.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{self, Due};
use super::find::{Finder, Found, Known};
use super::{LaunchError, order};
use crate::clock::SharedClock;
use crate::duration::human;
use crate::image::ImageRef;
use crate::jobs::{Request, difference};
use crate::prow::gangway::{Create, Gangway, Outcome};
use crate::record::{GateRecord, Intent, JobRecord, Journal, LaunchRefusal};
use crate::retry::Policy;

/// What was announced is sent within this or not at all (10 seconds).
const ANNOUNCED_FOR: Duration = Duration::from_secs(10);

/// However time is scaled, an announcement is good for a second, and another process's is given
/// two: what is on the wire is not scaled.
const SCALED_LEAST: Duration = Duration::from_secs(1);

/// How long the same intent must have been seen before a missing run counts as missing (100
/// seconds): 90 until every proxy between here and Gangway has given up, and the time between
/// announcing and sending.
const SETTLED_AFTER: Duration = Duration::from_secs(100);

/// The first look, which can only find (15 seconds): most lost answers are of runs that are there.
const FIRST_LOOK: Duration = Duration::from_secs(15);

/// Between two looks (30 seconds).
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);

/// How often the record is read while another process may be at work (5 seconds).
const REREAD: Duration = Duration::from_secs(5);

/// No look takes longer (3 minutes, wall time): some candidates are read one after another.
const LOOK_TIMEOUT: Duration = Duration::from_secs(180);

/// Looks that must miss before the order is sent again.
const MISSES: u32 = 2;

/// How long an outcome is looked for (10 minutes).
const PATIENCE_IN_DOUBT: Duration = Duration::from_secs(10 * 60);

/// How long Gangway may be too busy (10 minutes): many share its limit.
const PATIENCE_LIMITED: Duration = Duration::from_secs(10 * 60);

/// Tries while Gangway cannot be reached: pauses of 1, 2, 4, 8, 16 and then 30 seconds, for 3
/// minutes.
const UNREACHABLE: Policy = Policy {
    attempts: u32::MAX,
    first: Duration::from_secs(1),
    longest: Duration::from_secs(30),
    within: Duration::from_secs(3 * 60),
};

/// An attempt that runs, or has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// Prow's id of the run.
    pub execution: String,
    /// Whether it was found by its key rather than told by the answer.
    pub adopted: bool,
}

impl Launched {
    pub(super) fn log(&self, job: &JobRecord, place: &str) {
        let what = if self.adopted { "runs already, adopted by its key" } else { "is launched" };
        let (name, class) = (&job.name, job.class.as_str());
        tracing::info!(job = name, class, execution = self.execution, "{name} {what} ({place})");
    }
}

/// Launches attempts of the record's jobs.
#[derive(Debug)]
pub struct Launcher {
    pub(super) journal: Arc<Journal>,
    pub(super) gangway: Arc<Gangway>,
    finder: Finder,
    pub(super) clock: SharedClock,
    /// This process, among others on the same record.
    holder: String,
    /// What is to be launched, where the caller knows it: the record must say the same.
    asked: Option<(ImageRef, Request)>,
}

/// What one call knows besides the record.
struct Course {
    begun: Instant,
    doubt: Option<Doubt>,
    /// Since when it has been doubtful, over several intents.
    doubtful_since: Option<Instant>,
    failed: u32,
    /// Why the last answer was lost.
    lost: String,
}

/// An intent in doubt, as this process has watched it.
struct Doubt {
    intent: Intent,
    since: Instant,
    next_look: Instant,
    misses: u32,
    unclear: String,
}

impl Launcher {
    /// A launcher for that record.
    pub fn new(
        journal: Arc<Journal>,
        gangway: Arc<Gangway>,
        finder: Finder,
        clock: SharedClock,
    ) -> Self {
        Self {
            journal,
            gangway,
            finder,
            clock,
            holder: uuid::Uuid::new_v4().to_string(),
            asked: None,
        }
    }

    /// Launches nothing but this request for this image, whatever the record comes to say
    /// meanwhile.
    pub fn asked(self, image: ImageRef, request: Request) -> Self {
        Self { asked: Some((image, request)), ..self }
    }

    /// The record.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Launches an attempt of a job exactly once (see the [module](super)), or tells what already
    /// became of it. `number` is 1 for the launch and one more for each rerun.
    ///
    /// # Errors
    /// [`LaunchError`]; a refusal is then in the record.
    pub async fn launch_attempt(&self, job: &str, number: u32) -> Result<Launched, LaunchError> {
        let mut course = Course {
            begun: Instant::now(),
            doubt: None,
            doubtful_since: None,
            failed: 0,
            lost: String::new(),
        };
        let mut record = self.journal.record().await;
        loop {
            let missing = || LaunchError::NoSuchAttempt { job: job.to_owned(), number };
            self.compare(&record)?;
            let order = order(&record, job, number).ok_or_else(missing)?;
            match attempt::due(&record, job, number).ok_or_else(missing)? {
                Due::Nothing(launched) => return Ok(launched),
                Due::Refused(LaunchRefusal { reason, token, .. }) => {
                    return Err(LaunchError::Refused { job: job.to_owned(), reason, token });
                }
                Due::Announce(found) => {
                    course.doubt = None;
                    self.send(&order, number, found.as_ref(), &mut course).await?;
                }
                Due::Look(intent) => {
                    self.resolve(&record, &order, number, intent, &mut course).await?
                }
            }
            record = self.journal.refresh().await?;
        }
    }

    /// An order is made from the record, which others can write: it must still be what was asked
    /// for.
    fn compare(&self, record: &GateRecord) -> Result<(), LaunchError> {
        let Some((image, request)) = &self.asked else { return Ok(()) };
        let found = record.candidate.as_ref().map(|candidate| &candidate.image);
        let difference = match found.filter(|found| *found != image) {
            Some(found) => Some(format!("its image is {found}, not {image}")),
            None => difference(record, request),
        };
        difference.map_or(Ok(()), |difference| {
            Err(LaunchError::Differs { place: self.journal.place(), difference })
        })
    }

    /// Notes in the record that a job's launch is given up, unless it is known what became of it.
    pub(super) async fn give_up(&self, job: &str, why: &str) -> Result<(), LaunchError> {
        let refusal = LaunchRefusal { at: self.clock.now(), reason: why.to_owned(), token: false };
        let key = key_of(&order(&self.journal.record().await, job, 1));
        self.journal
            .update(|record| attempt::given_up(record, job, 1, &key, &self.holder, &refusal))
            .await?;
        Ok(())
    }

    /// Announces and sends an order, and records what came back.
    async fn send(
        &self,
        order: &Create,
        number: u32,
        found: Option<&Intent>,
        course: &mut Course,
    ) -> Result<(), LaunchError> {
        let job = order.job_name.as_str();
        let limits = self.gangway.budget().limits();
        let waiting = |wait: Duration| {
            tracing::info!(
                job,
                wait_s = wait.as_secs(),
                "waiting {} before launching {job}: {} requests a minute are allowed",
                human(wait),
                limits.per_minute
            );
        };
        self.gangway.budget().acquire(waiting).await;
        let began = Instant::now();
        let intent = attempt::announcement(
            found,
            key_of(&Some(order.clone())),
            &self.holder,
            self.clock.now(),
        );
        if !self
            .journal
            .update(|record| attempt::announce(record, job, number, found, &intent))
            .await?
        {
            // Somebody else has: what is there now decides.
            return Ok(());
        }
        if Instant::now() > self.gate(began, ANNOUNCED_FOR).max(began + SCALED_LEAST) {
            tracing::warn!(
                job,
                "announcing the launch of {job} in the record took too long; announcing it again"
            );
            return self
                .note(|record| attempt::not_created(record, job, number, &intent))
                .await;
        }
        let outcome = match self.gangway.create(order).await {
            Ok(outcome) => outcome,
            Err(error) => {
                self.note(|record| attempt::not_created(record, job, number, &intent))
                    .await?;
                return Err(error.into());
            }
        };
        match outcome {
            Outcome::Created { id } => {
                let launched = Launched { execution: id, adopted: false };
                self.note_launched(job, number, &launched).await
            }
            Outcome::Differs { id, lacks } => self.note_difference(job, number, &id, &lacks).await,
            Outcome::Refused(refusal) => self.refused(job, number, &intent, &refusal).await,
            Outcome::NotCreated { why, limited, pause } => {
                self.note(|record| attempt::not_created(record, job, number, &intent))
                    .await?;
                self.back_off(job, why, limited.then(|| pause.unwrap_or_default()), course)
                    .await
            }
            Outcome::Unknown { why } => {
                tracing::warn!(
                    job,
                    "it is not known whether {job} was launched ({why}); looking for it"
                );
                course.lost = why;
                course.doubt = Some(Doubt::new(intent, began, self.gate(began, FIRST_LOOK)));
                Ok(())
            }
        }
    }

    /// Waits for another process, looks for the run, adopts it, or finds that it is certainly
    /// missing and takes the intent back.
    async fn resolve(
        &self,
        record: &GateRecord,
        order: &Create,
        number: u32,
        intent: Intent,
        course: &mut Course,
    ) -> Result<(), LaunchError> {
        let job = order.job_name.as_str();
        let now = Instant::now();
        let since = *course.doubtful_since.get_or_insert(now);
        let doubt = match course.doubt.take() {
            Some(doubt) if doubt.intent == intent => doubt,
            _ => self.begin_doubt(intent, now),
        };
        let doubt = course.doubt.insert(doubt);
        if now < doubt.next_look {
            self.clock.sleep(self.gate_until(doubt.next_look).min(REREAD)).await;
            return Ok(());
        }
        let known = known(record);
        // What is missing now was missing after everything announced had arrived, if it had by now.
        let settled_at = self.settled_at(doubt);
        let settled = now >= settled_at;
        let look = tokio::time::timeout(LOOK_TIMEOUT, self.finder.look(order, &known)).await;
        match look.unwrap_or_else(|_| {
            Found::Unclear(format!("looking took longer than {}", human(LOOK_TIMEOUT)))
        }) {
            Found::Run { id, lacks: None } => {
                return self
                    .note_launched(job, number, &Launched { execution: id, adopted: true })
                    .await;
            }
            Found::Run { id, lacks: Some(lacks) } => {
                return self.note_difference(job, number, &id, &lacks).await;
            }
            Found::Missing if settled => {
                doubt.misses += 1;
                doubt.unclear = "it was missing when last looked for".to_owned();
                tracing::info!(
                    job,
                    misses = doubt.misses,
                    "{job} does not run (look {} of {MISSES})",
                    doubt.misses
                );
            }
            Found::Missing => doubt.unclear = "it may yet appear".to_owned(),
            Found::Unclear(why) => {
                tracing::warn!(job, "cannot tell yet whether {job} runs: {why}");
                doubt.unclear = why;
            }
        }
        if doubt.misses >= MISSES {
            tracing::warn!(job, "{job} was certainly not launched; launching it again");
            let intent = doubt.intent.clone();
            course.doubt = None;
            return self.send(order, number, Some(&intent), course).await;
        }
        let settled_late = self.gate(since + 2 * SCALED_LEAST, PATIENCE_IN_DOUBT - SETTLED_AFTER);
        if now >= self.gate(since, PATIENCE_IN_DOUBT).max(settled_late) {
            return Err(LaunchError::Undecided {
                job: job.to_owned(),
                sent_at: doubt
                    .intent
                    .sent_at
                    .map_or_else(|| "an unknown time".to_owned(), |at| format!("{at:.0}")),
                lost: if course.lost.is_empty() {
                    "its sender has ended".to_owned()
                } else {
                    course.lost.clone()
                },
                patience: human(PATIENCE_IN_DOUBT),
                why: doubt.unclear.clone(),
            });
        }
        // Before it is settled one early look is enough.
        doubt.next_look =
            if settled { self.gate(Instant::now(), BETWEEN_LOOKS) } else { settled_at };
        Ok(())
    }

    /// When everything that an intent announced has arrived.
    fn settled_at(&self, doubt: &Doubt) -> Instant {
        let settled_at = self.gate(doubt.since, SETTLED_AFTER);
        if doubt.intent.holder == self.holder {
            settled_at
        } else {
            settled_at.max(doubt.since + 2 * SCALED_LEAST)
        }
    }

    fn begin_doubt(&self, intent: Intent, now: Instant) -> Doubt {
        // Its sender may still be at work: it knows the outcome first. What was sent long ago is
        // looked for at once.
        let age = intent.sent_at.map_or(Duration::ZERO, |sent| self.clock.since(sent));
        let wait = FIRST_LOOK.saturating_sub(age);
        if intent.holder != self.holder {
            let job_wait = human(wait);
            tracing::info!(
                "another process has announced this launch; looking for its outcome in {job_wait}"
            );
        }
        Doubt::new(intent, now, self.gate(now, wait))
    }

    /// Waits before the next try. `asked` is the pause that Gangway asks for when it is too busy;
    /// the budget keeps it.
    async fn back_off(
        &self,
        job: &str,
        why: String,
        asked: Option<Duration>,
        course: &mut Course,
    ) -> Result<(), LaunchError> {
        let spent = course.begun.elapsed() * self.clock.scale();
        if let Some(pause) = asked {
            if spent + pause > PATIENCE_LIMITED {
                let more = if pause.is_zero() {
                    String::new()
                } else {
                    format!(" and asks for {} more", human(pause))
                };
                let why = format!("Gangway was too busy for {}{more} ({why})", human(spent));
                return Err(LaunchError::Unreachable { job: job.to_owned(), why });
            }
            tracing::warn!(job, "Gangway is too busy ({why}); trying again when it said so");
            return Ok(());
        }
        course.failed += 1;
        match UNREACHABLE.pause(course.failed, spent, None) {
            None => {
                let why = format!("{why}, {} tries in {}", course.failed, human(spent));
                Err(LaunchError::Unreachable { job: job.to_owned(), why })
            }
            Some(pause) => {
                tracing::warn!(
                    job,
                    pause_s = pause.as_secs(),
                    "{why}; trying again in {}",
                    human(pause)
                );
                self.clock.sleep(pause).await;
                Ok(())
            }
        }
    }

    /// The instant so much gate time after another.
    fn gate(&self, from: Instant, gate: Duration) -> Instant {
        from + gate / self.clock.scale()
    }

    /// The gate time until an instant.
    fn gate_until(&self, to: Instant) -> Duration {
        to.saturating_duration_since(Instant::now()) * self.clock.scale()
    }
}

impl Doubt {
    fn new(intent: Intent, since: Instant, next_look: Instant) -> Self {
        Self { intent, since, next_look, misses: 0, unclear: "nothing could be read".to_owned() }
    }
}

/// The other runs of the record, the one launched last at the end.
fn known(record: &GateRecord) -> Vec<Known> {
    let runs = record
        .jobs
        .iter()
        .flat_map(|job| job.attempts.iter().map(move |attempt| (job, attempt)));
    let mut runs: Vec<_> = runs
        .filter_map(|(job, attempt)| Some((attempt.launched_at, job, attempt.run()?)))
        .collect();
    runs.sort_by_key(|(at, ..)| *at);
    runs.into_iter()
        .map(|(_, job, id)| Known { job: job.name.clone(), id: id.to_owned() })
        .collect()
}

fn key_of(order: &Option<Create>) -> String {
    let key = order
        .as_ref()
        .and_then(|order| order.pod_spec_options.labels.get(crate::prow::key::LABEL));
    key.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
