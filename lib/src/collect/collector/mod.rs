//! The long wait: rounds of looks (`rounds`), reruns (`reruns`), and the moment to decide. A pass
//! that somebody else has written is looked at again first (`vouch`).

mod reruns;
mod rounds;
mod view;
mod vouch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::reruns::{Relaunches, alongside};
use self::rounds::may_pass;
use self::vouch::{Pass, unvouched};
use super::CollectError;
use super::deadline::Deadline;
use super::histories::Histories;
use super::policy::Policy;
use super::progress::Reporter;
use super::update::{Change, Update};
use super::watch::{Question, Watch};
use crate::clock::SharedClock;
use crate::duration;
use crate::evidence::look::Round;
use crate::evidence::{Case, Subject};
use crate::failure::Chain;
use crate::gate::verdict;
use crate::jobs::{Request, difference};
use crate::launch::{Launcher, order};
use crate::prow::bucket::Bucket;
use crate::prow::deck::Deck;
use crate::prow::gangway::Gangway;
use crate::record::{
    Attempt, Class, Decision, GateRecord, JobRecord, Journal, Standing, Tested, Usual,
};

/// From the beginning of one round of looks to that of the next (40 seconds): a job's end is seen
/// within 20 on average, and Deck is asked as often as a person would reload its page.
const LOOK: Duration = Duration::from_secs(40);

/// The least pause after a round that took long (5 seconds).
const LEAST_PAUSE: Duration = Duration::from_secs(5);

/// Mere progress is saved this often (1 minute).
const SAVE: Duration = Duration::from_secs(60);

/// The last look may take this long (3 minutes of wall time).
const LAST_LOOK: Duration = Duration::from_secs(180);

/// How long the verdict waits for a record that cannot be reached (5 minutes): less than is left
/// until Tekton would cut the step off.
const RECORD_PATIENCE: Duration = Duration::from_secs(300);

/// Everything that the wait needs.
#[derive(Debug)]
pub struct Collector {
    /// The record.
    pub journal: Arc<Journal>,
    pub deck: Arc<Deck>,
    /// The bucket's server.
    pub bucket: Arc<Bucket>,
    /// Gangway; without a token there is none.
    pub gangway: Option<Arc<Gangway>>,
    /// Reruns; without a token there are none.
    pub launcher: Option<Arc<Launcher>>,
    pub clock: SharedClock,
    /// What the caller decides.
    pub policy: Policy,
    /// The jobs' histories.
    pub histories: Histories,
    /// When Tekton ends the tasks, if it is known.
    pub tekton_end: Option<Timestamp>,
}

/// What is remembered besides the record.
pub(super) struct Wait {
    record: GateRecord,
    subject: Subject,
    deadline: Deadline,
    watches: BTreeMap<(String, u32), Watch>,
    unsaved: Vec<Update>,
    saved_at: Timestamp,
    relaunching: BTreeSet<(String, u32)>,
    /// Jobs that are not run again, whatever their budget says.
    no_rerun: BTreeSet<String>,
    /// Jobs whose rerun could not be launched, and when that is tried again.
    rerun_after: BTreeMap<String, Timestamp>,
    /// The jobs that are to be decided over: the record must not hold others.
    asked: Request,
    /// What is under test: the record must not come to say another.
    tested: Tested,
    /// Passes that this process has seen for itself.
    vouched: BTreeSet<Pass>,
    /// How often passes that did not hold were taken out of the record.
    strikes: u32,
    token_said: bool,
    /// How many tests the successes of each job usually run, as their histories tell.
    usual: BTreeMap<String, Usual>,
    last_round: Option<Round>,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Decide,
    WaitUntil(Timestamp),
}

/// What came of deciding.
enum Decided {
    /// The record holds the verdict.
    Yes,
    /// It holds a pass that nobody has vouched for.
    Unvouched,
    /// It holds other jobs than asked for.
    Differs(String),
}

impl Collector {
    /// Waits for the record's jobs, judges each, runs failed ones again as far as asked, and
    /// decides. The verdict is in the record when this returns. A `passed` that is there already is
    /// returned only if its runs say so too; any other verdict is, since it promotes nothing.
    ///
    /// # Errors
    /// [`CollectError`] when there is nothing to wait for or the record fails.
    pub async fn run(&self, reporter: &mut Reporter) -> Result<GateRecord, CollectError> {
        let mut record = self.journal.record().await;
        if says(&record, |decision| decision == Decision::Passed) {
            if let Some(record) = self.repeated(record).await? {
                return Ok(record);
            }
            record = self.journal.record().await;
        }
        if record.verdict.is_some() {
            return Ok(record);
        }
        let mut wait = self.begin(record)?;
        wait.usual = self.histories.usual(&wait.record).await;
        let mut relaunches = Relaunches::new();
        loop {
            let (begun, last) = (self.clock.now(), self.clock.now() >= wait.deadline.at);
            let limit = if last {
                LAST_LOOK
            } else {
                self.clock.until(wait.deadline.at) / self.clock.scale()
            };
            let mut ended = Vec::new();
            {
                let round = tokio::time::timeout(limit, self.round(&mut wait, last));
                if let Ok(result) = alongside(round, &mut relaunches, &mut ended).await {
                    result?;
                }
            }
            self.relaunched(&mut wait, ended);
            self.refresh(&mut wait).await;
            // Another process on this record was faster, or somebody meddles.
            if says(&wait.record, |decision| decision != Decision::Passed)
                || (says(&wait.record, |decision| decision == Decision::Passed)
                    && self.vouch(&mut wait).await?)
            {
                return Ok(wait.record);
            }
            self.relaunch(&mut wait, &mut relaunches, last);
            match self.next(&wait, begun) {
                Next::Decide => {
                    self.close(&mut wait);
                    reporter.show(&self.view(&wait, None));
                    if let Some(record) = self.decide(&mut wait).await? {
                        return Ok(record);
                    }
                    // What holds is vouched for then, what does not is watched again.
                    self.vouch(&mut wait).await?;
                }
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
    }

    pub(super) fn begin(&self, record: GateRecord) -> Result<Wait, CollectError> {
        let place = self.journal.place();
        let launched = record.jobs.iter().any(JobRecord::has_run);
        let (Some(first_intent), true) = (record.first_intent(), launched) else {
            return Err(CollectError::NothingLaunched { place });
        };
        let Some(candidate) = &record.candidate else {
            return Err(CollectError::NoImage { place });
        };
        // A launch stops at a blocking job that is refused, and only then leaves others unlaunched.
        let refused = |job: &JobRecord| {
            let last = job.last().map_or_else(|| job.standing(), Attempt::standing);
            matches!(last, Standing::Refused(..))
        };
        let stopped = record.jobs_of(Class::Blocking).any(refused);
        let open = |job: &&JobRecord| {
            let begun = !job.attempts.is_empty();
            matches!(job.standing(), Standing::Free | Standing::InDoubt) && (begun || !stopped)
        };
        if let Some(job) = record.jobs_of(Class::Blocking).find(open) {
            return Err(CollectError::LaunchUnfinished { place, job: job.name.clone() });
        }
        let subject = Subject::of(candidate);
        // Without flags: what the record holds now, so that nobody takes a job away while this step
        // waits.
        let recorded = || Request {
            jobs: record.jobs.clone(),
            env: record.launch.clone().unwrap_or_default().env,
            matrix: None,
        };
        let asked = self.policy.request.clone().unwrap_or_else(recorded);
        let tested = self.policy.tested.clone().or(candidate);
        if let Some(difference) = changed(&record, &asked, &tested) {
            return Err(CollectError::Differs { place, difference });
        }
        let deadline =
            Deadline::of(first_intent, self.policy.timeout, self.tekton_end, &self.clock);
        if deadline.tekton {
            tracing::warn!(
                "Tekton ends this run's tasks before --timeout: the gate decides at {:.0}, {} before that",
                deadline.at,
                duration::human(super::deadline::MARGIN)
            );
        }
        Ok(Wait {
            record,
            subject,
            deadline,
            watches: BTreeMap::new(),
            unsaved: Vec::new(),
            saved_at: self.clock.now(),
            relaunching: BTreeSet::new(),
            no_rerun: BTreeSet::new(),
            rerun_after: BTreeMap::new(),
            asked,
            tested,
            vouched: BTreeSet::new(),
            strikes: 0,
            token_said: false,
            usual: BTreeMap::new(),
            last_round: None,
        })
    }

    fn next(&self, wait: &Wait, round_begun: Timestamp) -> Next {
        let now = self.clock.now();
        let open = |class| wait.record.jobs_of(class).any(|job| self.is_open(wait, job));
        let failed = |job: &JobRecord| !self.is_open(wait, job) && !job.passed();
        if round_begun >= wait.deadline.at
            || (self.policy.fail_fast && wait.record.jobs_of(Class::Blocking).any(failed))
        {
            return Next::Decide;
        }
        let pause = self
            .clock
            .after(now, LEAST_PAUSE)
            .max(self.clock.after(round_begun, LOOK))
            .min(wait.deadline.at);
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
        let judged = wait
            .record
            .jobs_of(Class::Blocking)
            .flat_map(|job| &job.attempts)
            .filter_map(|a| a.judged_at);
        let from = judged
            .max()
            .or(wait.record.first_intent())
            .unwrap_or(wait.deadline.at);
        self.clock.after(from, self.policy.informing_grace)
    }

    /// Says of every run that was not judged that time is up; with `--fail-fast` they are left as
    /// they are, since they had time left.
    fn close(&self, wait: &mut Wait) {
        let at = self.clock.now();
        let time_is_up = at >= wait.deadline.at;
        let blocking_done = !wait
            .record
            .jobs_of(Class::Blocking)
            .any(|job| self.is_open(wait, job));
        let mut updates = Vec::new();
        for job in &wait.record.jobs {
            if !(time_is_up || (blocking_done && job.class == Class::Informing)) {
                continue;
            }
            for attempt in job.attempts.iter().filter(|attempt| attempt.is_running()) {
                let order = order(&wait.record, &job.name, attempt.number);
                let usual = attempt.usual.or_else(|| wait.usual.get(&job.name).copied());
                let case = Case { subject: &wait.subject, job, rules: &self.policy.rules, usual };
                let question = Question { case, order: order.as_ref(), last: true };
                let launched_at = attempt.launched_at.unwrap_or(attempt.intent.written_at);
                let waited = self.clock.since(launched_at);
                let judgement = match wait.watches.get(&(job.name.clone(), attempt.number)) {
                    Some(watch) => watch.out_of_time(attempt.state, waited, question),
                    None => Watch::new(&job.name, attempt.number, "", launched_at, None)
                        .out_of_time(attempt.state, waited, question),
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

    /// Decides over what is in the record; a verdict of no that is there already stands. The record
    /// has to hold it before anybody is told, so a record that cannot be reached is waited for.
    /// `None` when a pass in it has yet to be vouched for.
    async fn decide(&self, wait: &mut Wait) -> Result<Option<GateRecord>, CollectError> {
        let now = self.clock.now();
        loop {
            let Wait { unsaved, asked, tested, vouched, .. } = &*wait;
            let decide = |record: &mut GateRecord| {
                unsaved.iter().for_each(|update| update.apply(record));
                if let Some(difference) = changed(record, asked, tested) {
                    return Decided::Differs(difference);
                }
                if says(record, |decision| decision != Decision::Passed) {
                    return Decided::Yes;
                }
                let verdict = verdict::decide(record, now);
                if verdict.decision == Decision::Passed
                    && unvouched(record, vouched).next().is_some()
                {
                    return Decided::Unvouched;
                }
                if record
                    .verdict
                    .as_ref()
                    .is_none_or(|found| found.decision != verdict.decision)
                {
                    record.verdict = Some(verdict);
                }
                Decided::Yes
            };
            match self.journal.update(decide).await {
                Ok(Decided::Yes) => return Ok(Some(self.journal.record().await)),
                Ok(Decided::Unvouched) => return Ok(None),
                Ok(Decided::Differs(difference)) => {
                    return Err(CollectError::Differs { place: self.journal.place(), difference });
                }
                Err(error) if may_pass(&error) && self.clock.since(now) < RECORD_PATIENCE => {
                    tracing::warn!("{}; the verdict waits for it", Chain(&error));
                    self.clock.sleep(LEAST_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// In what a record is of another request or another image, if it is.
fn changed(record: &GateRecord, asked: &Request, tested: &Tested) -> Option<String> {
    difference(record, asked).or_else(|| tested.difference(record.candidate.as_ref()))
}

/// Whether the record holds a verdict of that kind.
fn says(record: &GateRecord, kind: impl Fn(Decision) -> bool) -> bool {
    record.verdict.as_ref().is_some_and(|verdict| kind(verdict.decision))
}
