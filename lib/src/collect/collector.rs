//! The long wait: rounds of looks, reruns, and the moment to decide.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::deadline::Deadline;
use super::policy::Policy;
use super::report::{Line, Reporter, View};
use super::status::{Round, Sources};
use super::update::{Change, Update};
use super::watch::{Question, Watch};
use super::{CollectError, outcome, words};
use crate::clock::SharedClock;
use crate::duration;
use crate::image::ImageRef;
use crate::launch::{LaunchError, Launched, Launcher};
use crate::prow::bucket::Bucket;
use crate::prow::deck::Deck;
use crate::prow::gangway::Gangway;
use crate::record::{Attempt, Class, GateRecord, JobRecord, JobState, Journal, RecordError, StoreError};
use crate::step::Chain;
use crate::verdict;

/// From the beginning of one round of looks to that of the next (40 seconds): a job's end is seen
/// within 20 on average, and Deck is asked as often as a person would reload its page.
const LOOK: Duration = Duration::from_secs(40);

/// The least pause after a round that took long (5 seconds).
const LEAST_PAUSE: Duration = Duration::from_secs(5);

/// Mere progress is saved this often (1 minute).
const SAVE: Duration = Duration::from_secs(60);

/// The last look may take this long (3 minutes of wall time).
const LAST_LOOK: Duration = Duration::from_secs(180);

/// How long the verdict waits for a record that cannot be reached (5 minutes): less than is left until
/// Tekton would cut the step off.
const RECORD_PATIENCE: Duration = Duration::from_secs(300);

/// After a rerun could not be launched for a reason that passes it is tried again (3 minutes): the
/// launch itself has been patient before.
const RERUN_PAUSE: Duration = Duration::from_secs(180);

/// Everything that the wait needs.
#[derive(Debug)]
pub struct Collector {
    /// The record.
    pub journal: Arc<Journal>,
    /// Deck.
    pub deck: Arc<Deck>,
    /// The bucket's server.
    pub bucket: Arc<Bucket>,
    /// Gangway; without a token there is none.
    pub gangway: Option<Arc<Gangway>>,
    /// Reruns; without a token there are none.
    pub launcher: Option<Arc<Launcher>>,
    /// The time.
    pub clock: SharedClock,
    /// What the caller decides.
    pub policy: Policy,
    /// When Tekton ends the tasks, if it is known.
    pub tekton_end: Option<Timestamp>,
}

/// Reruns that are being launched, as tasks of their own: one that holds the record while it waits
/// must go on whatever else is waited for. They end with the wait.
type Relaunches = JoinSet<Relaunched>;

/// Job, number of the attempt, and the run or why there is none.
type Relaunched = (String, u32, Result<Launched, LaunchError>);

/// What is remembered besides the record.
pub(super) struct Wait {
    record: GateRecord,
    image: ImageRef,
    deadline: Deadline,
    watches: BTreeMap<(String, u32), Watch>,
    unsaved: Vec<Update>,
    saved_at: Timestamp,
    relaunching: BTreeSet<(String, u32)>,
    /// Jobs that are not run again, whatever their budget says.
    no_rerun: BTreeSet<String>,
    /// Jobs whose rerun could not be launched, and when that is tried again.
    rerun_after: BTreeMap<String, Timestamp>,
    token_said: bool,
    last_round: Option<Round>,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Decide,
    WaitUntil(Timestamp),
}

impl Collector {
    /// Waits for the record's jobs, judges each, runs failed ones again as far as asked, and decides.
    /// The verdict is in the record when this returns.
    ///
    /// # Errors
    /// [`CollectError`] when there is nothing to wait for or the record fails.
    pub async fn run(&self, reporter: &mut Reporter) -> Result<GateRecord, CollectError> {
        let record = self.journal.record().await;
        if record.verdict.is_some() {
            return Ok(record);
        }
        let mut wait = self.begin(record)?;
        let mut relaunches = Relaunches::new();
        loop {
            let (begun, last) = (self.clock.now(), self.clock.now() >= wait.deadline.at);
            let limit = if last { LAST_LOOK } else { self.clock.until(wait.deadline.at) / self.clock.scale() };
            let mut ended = Vec::new();
            {
                let round = tokio::time::timeout(limit, self.round(&mut wait, last));
                if let Ok(result) = alongside(round, &mut relaunches, &mut ended).await {
                    result?;
                }
            }
            self.relaunched(&mut wait, ended);
            self.refresh(&mut wait).await;
            if wait.record.verdict.is_some() {
                // Another process on this record was faster.
                return Ok(wait.record);
            }
            self.relaunch(&mut wait, &mut relaunches, last);
            match self.next(&wait, begun) {
                Next::Decide => break,
                Next::WaitUntil(until) => {
                    let pause = self.clock.until(until);
                    self.save_progress(&mut wait).await?;
                    reporter.show(&self.view(&wait, Some(pause)));
                    let mut ended = Vec::new();
                    alongside(self.clock.sleep(pause), &mut relaunches, &mut ended).await;
                    self.relaunched(&mut wait, ended);
                }
            }
        }
        self.close(&mut wait);
        reporter.show(&self.view(&wait, None));
        self.decide(&mut wait).await
    }

    pub(super) fn begin(&self, record: GateRecord) -> Result<Wait, CollectError> {
        let place = self.journal.place();
        let launched = record.jobs.iter().any(|job| job.attempts.iter().any(|attempt| attempt.execution.is_some()));
        let (Some(first_intent), true) = (record.first_intent(), launched) else {
            return Err(CollectError::NothingLaunched { place });
        };
        let Some(candidate) = &record.candidate else { return Err(CollectError::NoImage { place }) };
        let in_doubt = |job: &&JobRecord| {
            let open = |attempt: &Attempt| attempt.execution.is_none() && attempt.refusal.is_none();
            job.refusal.is_none() && job.last().is_some_and(|attempt| attempt.number == 1 && open(attempt))
        };
        // A launch stops at a blocking job that is refused, and only then leaves others unlaunched.
        let refused = |job: &JobRecord| job.refusal.is_some() || job.last().is_some_and(|last| last.refusal.is_some());
        let stopped = record.jobs_of(Class::Blocking).any(refused);
        let open = |job: &&JobRecord| in_doubt(job) || (!stopped && job.attempts.is_empty());
        if let Some(job) = record.jobs_of(Class::Blocking).find(open) {
            return Err(CollectError::LaunchUnfinished { place, job: job.name.clone() });
        }
        let image = candidate.image.clone();
        let deadline = Deadline::of(first_intent, self.policy.timeout, self.tekton_end, &self.clock);
        if deadline.tekton {
            tracing::warn!(
                "Tekton ends this run's tasks before --timeout: the gate decides at {:.0}, {} before that",
                deadline.at,
                duration::human(super::deadline::MARGIN)
            );
        }
        Ok(Wait {
            record,
            image,
            deadline,
            watches: BTreeMap::new(),
            unsaved: Vec::new(),
            saved_at: self.clock.now(),
            relaunching: BTreeSet::new(),
            no_rerun: BTreeSet::new(),
            rerun_after: BTreeMap::new(),
            token_said: false,
            last_round: None,
        })
    }

    /// Looks once at every run that is not judged, blocking jobs first, one after another.
    async fn round(&self, wait: &mut Wait, last: bool) -> Result<(), CollectError> {
        let sources = Sources {
            deck: &self.deck,
            bucket: &self.bucket,
            gangway: self.gangway.as_deref(),
            clock: Arc::clone(&self.clock),
        };
        let mut round = Round::after(wait.last_round.as_ref(), &sources, LOOK);
        let classes = [Class::Blocking, Class::Informing];
        let jobs: Vec<JobRecord> = classes.into_iter().flat_map(|class| wait.record.jobs_of(class)).cloned().collect();
        for job in &jobs {
            for attempt in job.attempts.iter().filter(|attempt| is_running(attempt)) {
                let Some(execution) = &attempt.execution else { continue };
                let watch = wait.watches.entry((job.name.clone(), attempt.number)).or_insert_with(|| {
                    let launched_at = attempt.launched_at.unwrap_or(attempt.intent.written_at);
                    Watch::new(&job.name, attempt.number, execution, launched_at, attempt.job_url.as_deref())
                });
                let question = Question { image: &wait.image, job, policy: &self.policy, last };
                let changes = watch.step(&sources, &mut round, question).await;
                let judged = changes.iter().any(|change| matches!(change, Change::Judged(_)));
                let at = self.clock.now();
                let update = |change| Update { job: job.name.clone(), number: attempt.number, change, at };
                for update in changes.into_iter().map(update) {
                    update.apply(&mut wait.record);
                    wait.unsaved.push(update);
                }
                if judged {
                    wait.watches.remove(&(job.name.clone(), attempt.number));
                    self.save(wait).await?;
                }
            }
        }
        match &round.token_refused {
            Some(words) if !wait.token_said => {
                wait.token_said = true;
                let file = self.gangway.as_ref().map(|gangway| gangway.token_file().path().display().to_string());
                tracing::error!(
                    "Gangway refused the token ({words}): {} expired or lacks access; renew it, it is read again on every request. Until then Deck and the artifacts alone tell how the jobs are, and none is run again",
                    file.unwrap_or_default()
                );
            }
            _ => {}
        }
        wait.last_round = Some(round);
        Ok(())
    }

    /// Takes over what others, reruns among them, have written, with what is not saved yet on top.
    async fn refresh(&self, wait: &mut Wait) {
        let mut record = self.journal.record().await;
        wait.unsaved.iter().for_each(|update| update.apply(&mut record));
        wait.record = record;
    }

    /// Makes what was found durable. A record that cannot be reached for a while ends nothing: what
    /// was found is kept, and could be found again.
    async fn save(&self, wait: &mut Wait) -> Result<(), CollectError> {
        let unsaved = &wait.unsaved;
        match self.journal.update(|record| unsaved.iter().for_each(|update| update.apply(record))).await {
            Ok(()) => {
                wait.unsaved.clear();
                wait.saved_at = self.clock.now();
            }
            Err(error) if may_pass(&error) => {
                tracing::warn!("{}; what was found is saved later", Chain(&error));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn save_progress(&self, wait: &mut Wait) -> Result<(), CollectError> {
        if !wait.unsaved.is_empty() && self.clock.since(wait.saved_at) >= SAVE {
            self.save(wait).await?;
        }
        Ok(())
    }

    /// Begins the reruns that are due, and goes on with those that an earlier process announced.
    fn relaunch(&self, wait: &mut Wait, relaunches: &mut Relaunches, last: bool) {
        let Some(launcher) = self.launcher.as_ref().filter(|_| !last) else { return };
        let due: Vec<(String, u32)> = wait.record.jobs.iter().filter_map(|job| self.due(wait, job)).collect();
        let now = self.clock.now();
        for (job, number) in due {
            if wait.rerun_after.get(&job).is_some_and(|after| now < *after)
                || !wait.relaunching.insert((job.clone(), number))
            {
                continue;
            }
            let launcher = Arc::clone(launcher);
            relaunches.spawn(async move {
                let result = launcher.launch_attempt(&job, number).await;
                (job, number, result)
            });
        }
    }

    /// The attempt that a job is due for, if it is.
    fn due(&self, wait: &Wait, job: &JobRecord) -> Option<(String, u32)> {
        let last = job.attempts.last()?;
        if wait.no_rerun.contains(&job.name) {
            return None;
        }
        let again = || (job.name.clone(), last.number);
        match (&last.refusal, &last.execution) {
            // With another token it may work.
            (Some(refusal), _) => (refusal.token && last.number > 1 && self.fits(wait, job)).then(again),
            // It may run already: that is found out whatever the time.
            (None, None) if last.number > 1 && !last.intent.certainly_not_created => Some(again()),
            (None, None) => (last.number > 1 && self.fits(wait, job)).then(again),
            (None, Some(_)) => {
                let ready = self.policy.reruns.allow(job) && self.fits(wait, job);
                ready.then(|| (job.name.clone(), last.number + 1))
            }
        }
    }

    /// Whether another attempt that takes as long as the longest so far would end in time: before the
    /// deadline, and for an informing job before the grace is over, once only such jobs are left.
    fn fits(&self, wait: &Wait, job: &JobRecord) -> bool {
        let longest = job.attempts.iter().filter_map(|attempt| self.took(attempt)).max().unwrap_or_default();
        let blocking = wait.record.jobs_of(Class::Blocking).any(|blocking| {
            blocking.last().is_some_and(is_running) || wait.relaunching.iter().any(|(name, _)| *name == blocking.name)
        });
        let end = match job.class == Class::Informing && !blocking {
            true => self.grace_ends(wait).min(wait.deadline.at),
            false => wait.deadline.at,
        };
        self.clock.until(end) > longest
    }

    fn took(&self, attempt: &Attempt) -> Option<Duration> {
        outcome::took(attempt, self.clock.as_ref())
    }

    fn relaunched(&self, wait: &mut Wait, ended: Vec<Relaunched>) {
        for (job, number, result) in ended {
            wait.relaunching.remove(&(job.clone(), number));
            match result {
                Ok(Launched { execution, .. }) => {
                    wait.rerun_after.remove(&job);
                    tracing::info!(
                        job,
                        execution,
                        attempt = number,
                        "{job} runs again ({} try)",
                        words::ordinal(number)
                    );
                }
                Err(error) if is_final(&error) => {
                    tracing::error!(job, attempt = number, "{job} is not run again: {error}");
                    wait.no_rerun.insert(job);
                }
                Err(error) => {
                    let again = self.clock.after(self.clock.now(), RERUN_PAUSE);
                    let pause = duration::human(RERUN_PAUSE);
                    let error = Chain(&error);
                    if wait.rerun_after.insert(job.clone(), again).is_none() {
                        tracing::error!(
                            job,
                            attempt = number,
                            "{job} could not be run again: {error}. This step tries again every {pause}, as long as the run could end in time"
                        );
                    } else {
                        tracing::info!(job, attempt = number, "{job} could not be run again yet: {error}");
                    }
                }
            }
        }
    }

    /// Whether a job may still change.
    fn is_open(&self, wait: &Wait, job: &JobRecord) -> bool {
        let Some(last) = job.attempts.last() else { return false };
        let rerun = self.launcher.is_some() && self.due(wait, job).is_some();
        is_running(last) || rerun || wait.relaunching.iter().any(|(name, _)| *name == job.name)
    }

    fn next(&self, wait: &Wait, round_begun: Timestamp) -> Next {
        let now = self.clock.now();
        let open = |class| wait.record.jobs_of(class).any(|job| self.is_open(wait, job));
        let failed = |job: &JobRecord| !self.is_open(wait, job) && !verdict::passed(job);
        if round_begun >= wait.deadline.at
            || (self.policy.fail_fast && wait.record.jobs_of(Class::Blocking).any(failed))
        {
            return Next::Decide;
        }
        let pause = self.clock.after(now, LEAST_PAUSE).max(self.clock.after(round_begun, LOOK)).min(wait.deadline.at);
        if open(Class::Blocking) {
            return Next::WaitUntil(pause);
        }
        let grace_ends = self.grace_ends(wait);
        match open(Class::Informing) && round_begun < grace_ends {
            true => Next::WaitUntil(pause.min(grace_ends)),
            false => Next::Decide,
        }
    }

    /// Until when informing jobs may go on: the grace after the last blocking job was judged.
    fn grace_ends(&self, wait: &Wait) -> Timestamp {
        let judged = wait.record.jobs_of(Class::Blocking).flat_map(|job| &job.attempts).filter_map(|a| a.judged_at);
        let from = judged.max().or(wait.record.first_intent()).unwrap_or(wait.deadline.at);
        self.clock.after(from, self.policy.informing_grace)
    }

    /// Says of every run that was not judged that time is up; with `--fail-fast` they are left as
    /// they are, since they had time left.
    fn close(&self, wait: &mut Wait) {
        let at = self.clock.now();
        let time_is_up = at >= wait.deadline.at;
        let blocking_done = !wait.record.jobs_of(Class::Blocking).any(|job| self.is_open(wait, job));
        let mut updates = Vec::new();
        for job in &wait.record.jobs {
            if !(time_is_up || (blocking_done && job.class == Class::Informing)) {
                continue;
            }
            for attempt in job.attempts.iter().filter(|attempt| is_running(attempt)) {
                let question = Question { image: &wait.image, job, policy: &self.policy, last: true };
                let launched_at = attempt.launched_at.unwrap_or(attempt.intent.written_at);
                let waited = self.clock.since(launched_at);
                let judgement = match wait.watches.get(&(job.name.clone(), attempt.number)) {
                    Some(watch) => watch.out_of_time(attempt.state, waited, question),
                    None => Watch::new(&job.name, attempt.number, "", launched_at, None).out_of_time(
                        attempt.state,
                        waited,
                        question,
                    ),
                };
                updates.push(Update {
                    job: job.name.clone(),
                    number: attempt.number,
                    change: Change::Judged(judgement),
                    at,
                });
            }
        }
        updates.iter().for_each(|update| update.apply(&mut wait.record));
        wait.unsaved.extend(updates);
    }

    /// Decides over what is in the record; a verdict that is there already stands. The record has to
    /// hold it before anybody is told, so a record that cannot be reached is waited for.
    async fn decide(&self, wait: &mut Wait) -> Result<GateRecord, CollectError> {
        let now = self.clock.now();
        loop {
            let unsaved = &wait.unsaved;
            let decide = |record: &mut GateRecord| {
                unsaved.iter().for_each(|update| update.apply(record));
                if record.verdict.is_none() {
                    record.verdict = Some(verdict::decide(record, now));
                }
            };
            match self.journal.update(decide).await {
                Ok(()) => return Ok(self.journal.record().await),
                Err(error) if may_pass(&error) && self.clock.since(now) < RECORD_PATIENCE => {
                    tracing::warn!("{}; the verdict waits for it", Chain(&error));
                    self.clock.sleep(LEAST_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(super) fn view(&self, wait: &Wait, next_look: Option<Duration>) -> View {
        let first = wait.record.first_intent().unwrap_or(wait.record.created_at);
        let names = words::names(&wait.record.jobs);
        let line = |(job, name): (&JobRecord, String)| {
            let attempt = verdict::telling(job);
            let elapsed = attempt.and_then(|attempt| match attempt.cause {
                Some(_) => self.took(attempt),
                None => Some(self.clock.since(attempt.launched_at?)),
            });
            let watch = attempt.and_then(|attempt| wait.watches.get(&(job.name.clone(), attempt.number)));
            Line {
                job: job.name.clone(),
                name,
                execution: attempt.and_then(|attempt| attempt.execution.clone()),
                words: self.words(wait, job),
                ended: attempt.is_none_or(|attempt| !is_running(attempt)),
                unjudged: attempt.is_some_and(|attempt| is_running(attempt) && attempt.state.is_final()),
                elapsed,
                url: attempt.and_then(|attempt| attempt.job_url.clone()),
                trouble: watch.and_then(|watch| watch.trouble.clone()),
            }
        };
        View {
            elapsed: self.clock.since(first),
            of: self.clock.between(first, wait.deadline.at),
            next_look,
            requests: self.gangway.as_ref().map(|gangway| {
                let budget = gangway.budget();
                (budget.made_in_last_minute(), budget.limits().per_minute)
            }),
            lines: wait.record.jobs.iter().zip(names).map(line).collect(),
        }
    }

    fn words(&self, wait: &Wait, job: &JobRecord) -> String {
        let Some(attempt) = verdict::telling(job) else { return "not launched".to_owned() };
        if let Some(words) = words::not_running(job) {
            return words;
        }
        match (attempt.cause, attempt.state) {
            (Some(_), _) => {
                let again = match self.is_open(wait, job) {
                    true if wait.rerun_after.contains_key(&job.name) => "trying again to run it again".to_owned(),
                    true => "running it again".to_owned(),
                    false => String::new(),
                };
                let parts = [words::outcome(job).to_owned(), words::remarks(job), again];
                parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" · ")
            }
            (None, JobState::Unknown) => "launched, not seen yet".to_owned(),
            (None, JobState::Scheduling | JobState::Triggered) => "waiting to start".to_owned(),
            (None, JobState::Pending) => "running".to_owned(),
            (None, JobState::Success) => "done, looking for its proof".to_owned(),
            (None, _) => "ended, looking for the reason".to_owned(),
        }
    }
}

/// Whether a launch that failed would fail again: a server's word on the job, but not on the token.
fn is_final(error: &LaunchError) -> bool {
    match error {
        LaunchError::Refused { token, .. } => !token,
        LaunchError::NoSuchAttempt { .. } => true,
        LaunchError::Unreachable { .. }
        | LaunchError::Undecided { .. }
        | LaunchError::Secret(_)
        | LaunchError::Record(_) => false,
    }
}

/// Whether an attempt is a run that counts and is not judged yet.
fn is_running(attempt: &Attempt) -> bool {
    attempt.execution.is_some() && attempt.refusal.is_none() && attempt.cause.is_none()
}

/// Whether the record may be reached again a moment later.
fn may_pass(error: &RecordError) -> bool {
    matches!(error, RecordError::Store(StoreError::Transient { .. }))
}

/// Waits for a future while the relaunches go on; what ends meanwhile is kept.
async fn alongside<T>(future: impl Future<Output = T>, relaunches: &mut Relaunches, ended: &mut Vec<Relaunched>) -> T {
    let mut future = pin!(future);
    loop {
        tokio::select! {
            biased;
            result = &mut future => return result,
            Some(relaunch) = relaunches.join_next() => match relaunch {
                Ok(relaunch) => ended.push(relaunch),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
        }
    }
}
