//! What the jobs' histories say while the gate waits, and what is added to them.
//!
//! No verdict waits for them: each access may take 20 seconds, all together 2 minutes; one that hangs,
//! or three that fail in a row, are the last. What is lost then is a warning.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::SharedClock;
use crate::evidence::classify::Judgement;
use crate::failure::Chain;
use crate::history::flaky::Images;
use crate::history::issues::KnownIssues;
use crate::history::keep::{self, KeepError, Place};
use crate::history::tell::{FailingTest, Question, tell};
use crate::history::{
    Addition, History, Judged, Mark, Origin, Reading, Run, TestEnd, TestId, Tonight, regression,
};
use crate::image::Digest;
use crate::prow::job_url::JobUrl;
use crate::prow::tally::ToldTest;
use crate::record::{Attempt, Cause, GateRecord, HistoryNote, JobRecord, Junit, Usual};

/// How long one access may take, in wall time.
const ONE: Duration = Duration::from_secs(20);

/// How long all of them may take, in wall time.
const ALL: Duration = Duration::from_secs(120);

/// So many failures in a row are the last.
const FAILURES: u32 = 3;

/// The histories of a gate's jobs, and what is known besides.
#[derive(Debug)]
pub struct Histories {
    place: Option<Place>,
    issues: KnownIssues,
    images: Option<KnownImages>,
    clock: SharedClock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spent: Duration,
    failures: u32,
    given_up: bool,
}

/// What is known of images, for known flakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownImages {
    /// Those that were verified.
    pub verified: Vec<Digest>,
    /// When the build of the newest verified one began.
    pub newest_verified_built_at: Option<Timestamp>,
    /// When the build of the image under test began.
    pub candidate_built_at: Timestamp,
}

/// A run that was judged.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// The job.
    pub job: &'a JobRecord,
    /// The attempt, with its end.
    pub attempt: &'a Attempt,
    /// What it was judged to be.
    pub judgement: &'a Judgement,
    /// The hash of its job's definition.
    pub definition: Option<&'a str>,
}

impl Histories {
    /// Histories at a place; without one nothing is read or added, and known issues alone are told.
    pub fn new(place: Option<Place>, issues: KnownIssues, clock: SharedClock) -> Self {
        Self { place, issues, images: None, clock, state: Mutex::default() }
    }

    /// No histories.
    pub fn none(clock: SharedClock) -> Self {
        Self::new(None, KnownIssues::default(), clock)
    }

    /// With what is known of images.
    #[must_use]
    pub fn knowing(self, images: Option<KnownImages>) -> Self {
        Self { images, ..self }
    }

    /// How many tests the last successes of each job ran, for jobs that are judged by it.
    pub async fn usual(&self, record: &GateRecord) -> BTreeMap<String, Usual> {
        let mut usual = BTreeMap::new();
        for job in &record.jobs {
            let open = job.attempts.iter().any(|attempt| attempt.cause.is_none());
            if job.tests.is_some() || job.junit == Junit::Ignore || !open {
                continue;
            }
            let tonight = Tonight {
                build_id: None,
                started_at: record.first_intent().unwrap_or(self.clock.now()),
                digest: None,
            };
            if let Some(found) = self.read(&job.name).await {
                usual.extend(Usual::of(&found, tonight).map(|usual| (job.name.clone(), usual)));
            }
        }
        usual
    }

    async fn read(&self, job: &str) -> Option<History> {
        let place = self.place.as_ref()?;
        let store = place.store(job);
        let found = self.within(keep::read(store.as_ref(), job, &self.clock)).await?;
        if let Some(wrong) = &found.wrong {
            tracing::warn!(job, "{}: {wrong}; it counts as none", store.place());
        }
        Some(found.history)
    }

    /// Adds a run to its job's history, and says what the runs before tell of it.
    pub async fn note(&self, record: &GateRecord, ended: Ended<'_>) -> HistoryNote {
        let Some(run) = run_of(record, ended) else { return HistoryNote::default() };
        let failing = failing(ended);
        let mut told = None;
        if let Some(place) = &self.place {
            let job = ended.job.name.as_str();
            let store = place.store(job);
            let addition = Addition { run, tests: tests(ended.judgement) };
            let now = self.clock.now();
            let change = |history: &mut History| {
                history.add(&addition);
                history.settle_origins();
                let look = regression::look(history, now);
                told = Some(self.tell(history, &look.open, record, ended, &addition.run, &failing));
                history.set_regressions(look.open);
            };
            self.within(keep::change(store.as_ref(), job, &self.clock, change))
                .await;
            return told.unwrap_or_else(|| self.unknown(record, ended, &addition.run, &failing));
        }
        self.unknown(record, ended, &run, &failing)
    }

    /// What is said without a history: known issues.
    fn unknown(
        &self,
        record: &GateRecord,
        ended: Ended<'_>,
        run: &Run,
        failing: &[FailingTest],
    ) -> HistoryNote {
        let history = History::of_job(&ended.job.name);
        let mut told = self.tell(&history, &[], record, ended, run, failing);
        told.tests.retain(|test| test.issue.is_some());
        told
    }

    fn tell(
        &self,
        history: &History,
        open: &[regression::OpenRegression],
        record: &GateRecord,
        ended: Ended<'_>,
        run: &Run,
        failing: &[FailingTest],
    ) -> HistoryNote {
        if ended.judgement.cause == Cause::Passed {
            return HistoryNote::default();
        }
        let candidate = record.candidate.as_ref();
        let question = Question {
            tonight: Tonight::of(run),
            failing,
            more: ended.judgement.failing_tests.more,
            issues: &self.issues,
            images: self.images.as_ref().map(KnownImages::borrowed),
            revision: candidate.and_then(|candidate| candidate.revision.as_deref()),
            repository: candidate.and_then(|candidate| candidate.git_url.as_deref()),
            snapshot: candidate.and_then(|candidate| candidate.snapshot.as_deref()),
            definition: ended.definition,
        };
        tell(history, open, question)
    }

    /// Does something with a history within the time that is left for them; `None` if that fails.
    async fn within<T>(&self, access: impl Future<Output = Result<T, KeepError>>) -> Option<T> {
        let left = {
            let state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if state.given_up {
                return None;
            }
            ALL.saturating_sub(state.spent).min(ONE)
        };
        let begun = Instant::now();
        let result = tokio::time::timeout(left, access).await;
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        state.spent += begun.elapsed();
        let why = match result {
            Ok(Ok(value)) => {
                state.failures = 0;
                return Some(value);
            }
            Ok(Err(error)) => {
                // One that is of another version or job says nothing about the others.
                state.failures += u32::from(!matches!(error, KeepError::Read { .. }));
                Chain(&error).to_string()
            }
            Err(_) => {
                state.given_up = true;
                format!("no answer in {}s", left.as_secs())
            }
        };
        state.given_up |= state.failures >= FAILURES || state.spent >= ALL;
        let rest = if state.given_up { "; no further history is asked in this run" } else { "" };
        tracing::warn!("a history is left out, which changes no verdict: {why}{rest}");
        None
    }
}

impl KnownImages {
    fn borrowed(&self) -> Images<'_> {
        Images {
            verified: &self.verified,
            newest_verified_built_at: self.newest_verified_built_at,
            candidate_built_at: self.candidate_built_at,
        }
    }
}

/// The run as its job's history keeps it; `None` for one that nothing is known of.
fn run_of(record: &GateRecord, ended: Ended<'_>) -> Option<Run> {
    let Ended { attempt, judgement, .. } = ended;
    let execution = attempt.execution.clone()?;
    let folder = attempt.job_url.as_deref().and_then(|url| url.parse::<JobUrl>().ok());
    let build = folder.and_then(|folder| Some(folder.prefix().rsplit_once('/')?.1.to_owned()));
    let candidate = record.candidate.as_ref();
    let started_at = attempt
        .started_at
        .or(attempt.launched_at)
        .unwrap_or(attempt.intent.written_at);
    let judged_at = attempt.judged_at.unwrap_or(record.updated_at);
    Some(Run {
        execution: Some(execution.clone()),
        ended_at: attempt.completed_at,
        result: attempt.state,
        digest: candidate.map(|candidate| candidate.digest.clone()),
        snapshot: candidate.and_then(|candidate| candidate.snapshot.clone()),
        revision: candidate.and_then(|candidate| candidate.revision.clone()),
        gate: record.gate.clone(),
        origin: if attempt.number > 1 { Origin::Rerun } else { Origin::Nightly },
        judged: Some(Judged { at: judged_at, cause: judgement.cause }),
        definition: ended.definition.map(str::to_owned),
        reading: reading(judgement),
        tests: judgement.tests,
        ..Run::new(build.unwrap_or(execution), started_at)
    })
}

fn reading(judgement: &Judgement) -> Reading {
    match judgement.tests {
        None => Reading::Unknown,
        Some(counts)
            if counts.files == 0
                && matches!(judgement.cause, Cause::Setup | Cause::Infrastructure) =>
        {
            Reading::NotReached
        }
        Some(_) if judgement.all.is_complete => Reading::Complete,
        Some(_) => Reading::Partial,
    }
}

fn tests(judgement: &Judgement) -> Vec<TestEnd> {
    let end = |test: &ToldTest| TestEnd {
        id: TestId::new(&test.suite, &test.class, &test.name),
        mark: Mark { ended: test.end.into(), informing: test.informing },
    };
    judgement.all.tests.iter().map(end).collect()
}

/// The failing tests by the names of the record.
fn failing(ended: Ended<'_>) -> Vec<FailingTest> {
    let names = &ended.judgement.failing_tests.names;
    let tests = names.iter().zip(&ended.judgement.all.failing);
    tests
        .map(|(name, test)| FailingTest {
            name: name.clone(),
            id: TestId::new(&test.suite, &test.class, &test.name),
            message: test.message.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
