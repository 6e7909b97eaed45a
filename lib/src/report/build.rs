//! The report, made of what was read: a pure function.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::decisions::{self, Lists};
use super::histories::Histories;
use super::link::id;
use super::mark::NightMark;
use super::model::{Gate, Kind, LeadTime, Report, SCHEMA_VERSION, Source, Verified};
use super::played::Played;
use super::{histories, rows};
use crate::record::{KEPT, labels};

/// No run of a gate takes longer: a record that has not changed for so long (16 hours) and tells no
/// end is of one that was killed.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(16);

/// Everything that was read.
#[derive(Debug, Clone, Default)]
pub struct Read<'a> {
    /// The namespace, if any.
    pub namespace: Option<String>,
    /// The runs, in any order. Of one that cannot be read the gate is its label, which holds less
    /// than a name.
    pub played: Vec<&'a Played>,
    /// What is known of gates besides their records, by name. A gate that stands only here has no
    /// record yet.
    pub around: BTreeMap<String, Around>,
    /// The histories of jobs, by name.
    pub histories: Histories<'a>,
    /// What people wrote down about a ReleasePlan, by its name.
    pub lists: BTreeMap<String, Lists<'a>>,
    /// What could not be read, in words.
    pub missing: Vec<String>,
}

/// What is known of a gate besides its records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Around {
    /// Its IntegrationTestScenario.
    pub scenario: Option<String>,
    /// Its ReleasePlan.
    pub plan: Option<String>,
    /// The newest verified image that Releases tell of, in the cluster or in the archive.
    pub verified: Option<Verified>,
    /// From which age on it is stale, in seconds.
    pub stale_after: Option<u64>,
}

/// The report of all gates, in the order of their names.
pub fn report(read: &Read<'_>, now: Timestamp) -> Report {
    let mut gates: BTreeMap<&str, Vec<&Played>> = BTreeMap::new();
    for name in read.around.keys() {
        gates.entry(name).or_default();
    }
    let (unreadable, readable): (Vec<&Played>, Vec<&Played>) = read
        .played
        .iter()
        .partition(|run| run.night.mark == NightMark::Unreadable);
    for run in readable {
        gates.entry(&run.gate).or_default().push(run);
    }
    for run in unreadable {
        let labelled = |name: &&&str| labels::value(name) == run.gate;
        let name = gates.keys().find(labelled).copied().unwrap_or(&run.gate);
        gates.entry(name).or_default().push(run);
    }
    Report {
        schema_version: SCHEMA_VERSION,
        kind: Kind::Report,
        made_at: now,
        namespace: read.namespace.clone(),
        gates: gates
            .into_iter()
            .map(|(name, runs)| gate(name, runs, read, now))
            .collect(),
        missing: read.missing.clone(),
    }
}

fn gate(name: &str, mut runs: Vec<&Played>, read: &Read<'_>, now: Timestamp) -> Gate {
    let newest_first =
        |run: &&Played| (std::cmp::Reverse(run.night.begun_at), run.night.record.clone());
    runs.sort_by_cached_key(newest_first);
    runs.truncate(KEPT);
    let around = read.around.get(name).cloned().unwrap_or_default();
    let plan = newest(&runs, |run| run.plan.clone()).or(around.plan);
    let lists = plan.as_ref().and_then(|plan| read.lists.get(plan));
    let lists = lists.copied().unwrap_or_default();
    let jobs = rows::jobs(&runs);
    let (tests, more_tests) = rows::tests(&runs, &jobs, &read.histories);
    let attempts = jobs
        .iter()
        .flat_map(|job| job.cells.iter().flatten())
        .flat_map(|cell| &cell.attempts);
    Gate {
        name: name.to_owned(),
        id: id('g', name),
        scenario: newest(&runs, |run| run.scenario.clone()).or(around.scenario),
        verified: newest_of(around.verified, recorded(&runs, lists)),
        stale_after: around.stale_after,
        promoted: runs.iter().filter(|run| run.night.mark.is_promoted()).count(),
        lead_time: lead_time(&runs),
        job_seconds: attempts.filter_map(|attempt| attempt.seconds).sum(),
        regressions: histories::regressions(&jobs, &read.histories, now),
        false_negatives: histories::false_negatives(&runs, &read.histories),
        coverage: runs
            .iter()
            .find_map(|run| run.matrix.as_ref())
            .and_then(|matrix| matrix.coverage(now)),
        nights: runs.iter().map(|run| night(run, now)).collect(),
        decisions: decisions::decisions(&runs, lists, now),
        plan,
        jobs,
        tests,
        more_tests,
    }
}

/// What the newest run tells that tells it.
fn newest<T>(runs: &[&Played], told: impl Fn(&Played) -> Option<T>) -> Option<T> {
    runs.iter().find_map(|run| told(run))
}

fn night(run: &Played, now: Timestamp) -> super::model::Night {
    let mut night = run.night.clone();
    if night.mark == NightMark::Open && now.duration_since(night.updated_at) > LONGEST_RUN {
        night.mark = NightMark::Lost;
    }
    night
}

/// The newest verified image that the records tell of and that was not taken back.
fn recorded(runs: &[&Played], lists: Lists<'_>) -> Option<Verified> {
    let told = runs.iter().filter_map(|run| run.verified.as_ref());
    let told = told.filter(|(image, _)| !decisions::is_retracted(lists, image));
    let (image, at) = told.max_by_key(|(_, at)| *at)?;
    Some(Verified { image: image.to_string(), at: *at, source: Source::Record })
}

fn newest_of(one: Option<Verified>, other: Option<Verified>) -> Option<Verified> {
    match (one, other) {
        (Some(one), Some(other)) if other.at > one.at => Some(other),
        (Some(one), _) => Some(one),
        (None, other) => other,
    }
}

fn lead_time(runs: &[&Played]) -> Option<LeadTime> {
    let promoted = runs.iter().filter(|run| run.night.mark.is_promoted());
    let mut times = promoted.filter_map(|run| run.lead).collect::<Vec<_>>();
    times.sort_unstable();
    let median = *times.get(times.len().checked_sub(1)? / 2)?;
    Some(LeadTime { median, nights: times.len() })
}
