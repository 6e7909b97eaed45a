//! One record as the report needs it: small, so that the record itself need not stay in memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::api::ObjectMeta;

use super::covering;
use super::link::{Link, id};
use super::mark::{CellMark, NightMark};
use super::model::{Attempt, Cell, CellState, Coverage, Night, OpenCell};
use crate::gate::matrix::ended;
use crate::history::negatives;
use crate::image::Digest;
use crate::matrix::{Tonight, coverage, words};
use crate::record::{
    Accepted, Attempt as Recorded, Candidate, Cause, Class, Decision, GateRecord, JobRecord,
    Outcome, Past, Standing,
};
use crate::snapshot::ComponentName;
use crate::text::one_line;

/// The longest name that is shown, in bytes.
pub(super) const NAME: usize = 300;
/// The longest sentence that is shown, in bytes.
pub(super) const WORDS: usize = 500;
/// Failing tests named for an attempt.
const NAMED: usize = 50;
/// Reasons named for a night.
const REASONS: usize = 20;

/// A run of a gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// The gate's name for people, or its scenario's.
    pub gate: String,
    /// Its scenario.
    pub scenario: Option<String>,
    /// Its ReleasePlan.
    pub plan: Option<String>,
    /// The component that it tested.
    pub component: Option<ComponentName>,
    /// The run itself.
    pub night: Night,
    /// Its jobs.
    pub jobs: Vec<PlayedJob>,
    /// The image that it verified, and since when.
    pub verified: Option<(Digest, Timestamp)>,
    /// From the first job to the verified image, in seconds.
    pub lead: Option<u64>,
    /// What it tells of the version matrix.
    pub matrix: Option<Covering>,
    /// The jobs that did not pass and that a person accepted.
    pub accepted: Vec<Accepted>,
    /// What was decided of which image.
    pub decided: Option<(Digest, Decision)>,
}

/// A job of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayedJob {
    /// The Prow job's name.
    pub name: String,
    /// Whether it decides.
    pub blocking: bool,
    /// Whom to ask about it.
    pub owner: Option<String>,
    /// What became of it.
    pub cell: Cell,
}

/// What a run tells of the version matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Covering {
    tonight: Tonight,
    passed: BTreeMap<String, Timestamp>,
}

/// Gates whose records name neither a gate nor a scenario.
const UNNAMED: &str = "gate without a name";

/// What a record tells.
pub fn played(meta: &ObjectMeta, record: &GateRecord) -> Played {
    let past = Past::of(meta, record);
    let candidate = record.candidate.as_ref();
    let first = record.first_intent();
    let verified = past.verified.as_ref().map(|found| (found.image.clone(), found.at));
    let seconds = |(at, first): (Timestamp, Timestamp)| {
        u64::try_from(at.duration_since(first).as_secs()).ok()
    };
    let name = |name: &Option<String>| name.as_deref().map(|name| one_line(name, NAME));
    let stopped = record
        .stopped
        .as_ref()
        .map(|stopped| format!("{}: {}", stopped.step, stopped.why));
    let mark = match (past.outcome, &stopped) {
        (Some(Outcome::Promoted), _) if !record.accepted.is_empty() => NightMark::Overridden,
        (Some(outcome), _) => outcome.into(),
        (None, Some(_)) => NightMark::Broken,
        (None, None) => NightMark::Open,
    };
    let reasons = record
        .verdict
        .iter()
        .flat_map(|verdict| verdict.reasons.iter().take(REASONS));
    let night = Night {
        id: id('n', &format!("{}\n{}", past.name, record.id)),
        record: one_line(&past.name, NAME),
        run: name(&record.run),
        begun_at: record.created_at,
        updated_at: record.updated_at,
        mark,
        words: past.words.or(stopped).map(|words| one_line(&words, WORDS)),
        reasons: reasons.map(|reason| one_line(reason, WORDS)).collect(),
        snapshot: name(&past.snapshot),
        digest: candidate.map(|candidate| candidate.digest.to_string()),
        revision: candidate.and_then(|candidate| name(&candidate.revision)),
        release: record.release.as_ref().and_then(|release| name(&release.name)),
    };
    let gate = record
        .gate
        .as_deref()
        .or(record.scenario.as_deref())
        .unwrap_or(UNNAMED);
    Played {
        gate: one_line(gate, NAME),
        scenario: name(&record.scenario),
        plan: name(&record.plan),
        component: candidate.and_then(Candidate::component),
        night,
        jobs: record.jobs.iter().map(job).collect(),
        lead: verified.as_ref().map(|(_, at)| *at).zip(first).and_then(seconds),
        verified,
        accepted: record.accepted.iter().map(accepted).collect(),
        matrix: record.matrix.clone().map(|tonight| Covering {
            tonight,
            passed: record.jobs.iter().filter_map(passed).collect(),
        }),
        decided: candidate
            .map(|candidate| candidate.digest.clone())
            .zip(record.verdict.as_ref().map(|verdict| verdict.decision)),
    }
}

/// A record that is there and cannot be read, as a night of its gate.
pub fn unreadable(name: &str, created_at: Timestamp, why: &str, gate: Option<&str>) -> Played {
    let night = Night {
        id: id('n', name),
        record: one_line(name, NAME),
        run: None,
        begun_at: created_at,
        updated_at: created_at,
        mark: NightMark::Unreadable,
        words: Some(one_line(why, WORDS)),
        reasons: Vec::new(),
        snapshot: None,
        digest: None,
        revision: None,
        release: None,
    };
    Played {
        gate: one_line(gate.unwrap_or(UNNAMED), NAME),
        scenario: None,
        plan: None,
        component: None,
        night,
        jobs: Vec::new(),
        verified: None,
        lead: None,
        matrix: None,
        accepted: Vec::new(),
        decided: None,
    }
}

impl Played {
    /// The night as [`negatives`] counts it, where it was decided.
    pub(super) fn counted(&self) -> Option<negatives::Night<'_>> {
        let (digest, decision) = self.decided.as_ref()?;
        let failed = self
            .jobs
            .iter()
            .filter(|job| job.blocking && job.cell.mark != CellMark::Passed);
        let failed = failed.filter_map(|job| {
            let last = job.cell.attempts.last()?;
            let build_id = last.build_id();
            Some(negatives::FailedJob { job: &job.name, build_id, started_at: last.started_at })
        });
        Some(negatives::Night {
            digest,
            decision: *decision,
            failed: failed.collect(),
            confirmed: false,
        })
    }
}

impl From<Outcome> for NightMark {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Promoted => Self::Promoted,
            Outcome::Passed => Self::Passed,
            Outcome::Refused => Self::Refused,
            Outcome::Undecided => Self::Undecided,
            Outcome::NotReleased => Self::NotReleased,
            Outcome::ReleaseUnknown => Self::ReleaseUnknown,
            Outcome::ReleasePending => Self::ReleasePending,
            Outcome::Broken => Self::Broken,
            Outcome::Cancelled => Self::Cancelled,
        }
    }
}

fn accepted(accepted: &Accepted) -> Accepted {
    Accepted {
        job: one_line(&accepted.job, NAME),
        reason: one_line(&accepted.reason, WORDS),
        by: accepted.by.as_deref().map(|by| one_line(by, NAME)),
        at: accepted.at,
    }
}

fn job(job: &JobRecord) -> PlayedJob {
    PlayedJob {
        name: one_line(&job.name, NAME),
        blocking: job.class == Class::Blocking,
        owner: job.owner.as_deref().map(|owner| one_line(owner, NAME)),
        cell: Cell {
            mark: job.standing().into(),
            attempts: job.attempts.iter().map(attempt).collect(),
        },
    }
}

fn attempt(attempt: &Recorded) -> Attempt {
    let refused = attempt.refusal.as_ref().map(|refusal| refusal.reason.as_str());
    let detail = attempt.detail.as_deref().or(refused).or(attempt.reason.as_deref());
    let took = attempt.started_at.zip(attempt.completed_at);
    let (failing, more_failing) = named(&attempt.failing_tests);
    let (flaky, more_flaky) = named(&attempt.flaky_tests);
    Attempt {
        mark: attempt.standing().into(),
        detail: detail
            .map(|detail| one_line(detail, WORDS))
            .filter(|detail| !detail.is_empty()),
        seconds: took
            .and_then(|(start, end)| u64::try_from(end.duration_since(start).as_secs()).ok()),
        started_at: attempt
            .started_at
            .or(attempt.launched_at)
            .unwrap_or(attempt.intent.written_at),
        url: attempt.job_url.as_deref().and_then(Link::of),
        execution: attempt.run().map(|run| one_line(run, 100)),
        tests: attempt.tests.map(|tests| tests.run),
        failing,
        more_failing,
        flaky,
        more_flaky,
    }
}

fn named(tests: &crate::record::FailingTests) -> (Vec<String>, usize) {
    let names = tests
        .names
        .iter()
        .take(NAMED)
        .map(|name| one_line(name, NAME))
        .collect();
    (names, tests.names.len().saturating_sub(NAMED) + tests.more)
}

impl From<Standing<'_>> for CellMark {
    fn from(standing: Standing<'_>) -> Self {
        match standing {
            Standing::Free => Self::Waiting,
            Standing::InDoubt => Self::Doubtful,
            Standing::Refused(..) => Self::Refused,
            Standing::Running(_) => Self::Running,
            Standing::Contradictory => Self::Contradictory,
            Standing::Judged(cause) => match cause {
                Cause::Passed => Self::Passed,
                Cause::Product => Self::Product,
                Cause::Setup => Self::Setup,
                Cause::Teardown => Self::Teardown,
                Cause::Infrastructure => Self::Infrastructure,
                Cause::Deadline => Self::Deadline,
                Cause::Unproven => Self::Unproven,
                Cause::Hollow => Self::Hollow,
                Cause::Undetermined => Self::Undetermined,
            },
        }
    }
}

fn passed(job: &JobRecord) -> Option<(String, Timestamp)> {
    let ended = ended(job).filter(|ended| ended.passed)?;
    Some((job.name.clone(), ended.at))
}

impl Covering {
    /// How the matrix is covered after the run; `None` where there is none.
    pub(super) fn coverage(&self, now: Timestamp) -> Option<Coverage> {
        let passed = |job: &str| self.passed.get(job).copied();
        let found = self.tonight.coverage(passed, now)?;
        let grid = covering::grid(&self.tonight.standings(passed, now));
        Some(Coverage { grid, ..covered(&found) })
    }
}

fn covered(found: &coverage::Coverage) -> Coverage {
    let cell =
        |cell, state, passed_at| OpenCell { name: one_line(&words(cell), NAME), state, passed_at };
    let stale = found
        .stale
        .iter()
        .map(|stale| cell(&stale.cell, CellState::Stale, stale.passed_at));
    let holes = found.holes.iter().map(|hole| cell(hole, CellState::Hole, None));
    Coverage {
        required: found.required,
        fresh: found.fresh,
        stale: found.stale(),
        holes: found.holes(),
        unknown: found.unknown,
        open: stale.chain(holes).collect(),
        grid: None,
    }
}
