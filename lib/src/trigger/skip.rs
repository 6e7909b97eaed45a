//! When a scenario is rightly left alone: its image is verified, or a gate is on its way.

use std::time::Duration;

use super::client::Tenant;
use super::{Candidate, Run, TriggerError, Wanted, judge};
use crate::clock::Clock;
use crate::record::{Limits, Past, PastRuns, Whose, past_runs};
use crate::verified::ReleaseBrief;

/// After so long no Prow job of a record runs any more, whatever the record says (10 hours): the
/// gate waits for at most 5h30m, and jobs have time limits of their own.
const LONGEST_JOB: Duration = Duration::from_secs(10 * 3600);

/// A record that was begun so long ago has launched nothing lately (16 hours): the last rerun is
/// launched within the gate's own 5h30m.
const LONGEST_RUN: Duration = Duration::from_secs(16 * 3600);

/// So many of a plan's newest Releases are compared by the digest of their Snapshots.
const COMPARED: usize = 20;

/// Why a scenario is not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// The plan has a Release of that image.
    Verified {
        /// The Release.
        release: String,
    },
    /// A run of the scenario has not ended.
    InFlight {
        /// The run.
        run: String,
        /// Its Snapshot.
        snapshot: Option<String>,
    },
    /// A run is over or gone, and its jobs may still run.
    JobsRunning {
        /// The record.
        record: String,
        /// How many.
        jobs: usize,
    },
}

/// Why it cannot be told whether a gate is on its way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "configmap {record}, the record of a run of the last {} hours, cannot be read, and its jobs may still run: {why}; \
     repair or delete it, or use --force", LONGEST_RUN.as_secs() / 3600
)]
pub struct Unclear {
    /// The record.
    pub record: String,
    /// What is wrong with it.
    pub why: String,
}

impl Skip {
    /// Whether it is skipped because of another night: not once, but again and again, that is
    /// something to be told.
    pub fn is_of_another_night(&self) -> bool {
        match self {
            Self::Verified { .. } => false,
            Self::InFlight { .. } | Self::JobsRunning { .. } => true,
        }
    }

    /// The reason in words.
    pub fn words(&self) -> String {
        match self {
            Self::Verified { release } => format!("already verified: Release {release} has landed"),
            Self::InFlight { run, snapshot: Some(snapshot) } => format!("run {run} on {snapshot} has not ended"),
            Self::InFlight { run, snapshot: None } => format!("run {run} has not ended"),
            Self::JobsRunning { record, jobs } => {
                format!("{jobs} jobs of an earlier run may still be running, by its record {record}")
            }
        }
    }
}

/// A Release of the plan that has landed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Landed {
    /// Its name.
    pub name: String,
    /// Its Snapshot.
    pub snapshot: String,
    /// What it says it pushed; empty where it says nothing.
    pub pushed: Vec<String>,
    /// The component's digest in its Snapshot, where that could be read.
    pub digest: Option<String>,
}

/// What a decision is made from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The scenario's runs.
    pub runs: Vec<Run>,
    /// The records of its runs whose jobs may still run.
    pub records: PastRuns,
    /// The plan's Releases that have landed.
    pub landed: Vec<Landed>,
}

/// Why to leave a scenario alone, if at all.
///
/// # Errors
/// [`Unclear`] where a record cannot be read: to start then could launch every job twice.
pub fn skip(evidence: &Evidence, chosen: &Candidate, clock: &dyn Clock) -> Result<Option<Skip>, Unclear> {
    if let Some(run) = evidence.runs.iter().find(|run| run.is_in_flight()) {
        return Ok(Some(Skip::InFlight {
            run: run.metadata.name.clone(),
            snapshot: run.metadata.labels.snapshot.clone(),
        }));
    }
    // Not only the last one: a run that was forced beside it may have ended before.
    if let Some(record) = evidence.records.runs.iter().find(|record| may_run(record, clock)) {
        return Ok(Some(Skip::JobsRunning { record: record.name.clone(), jobs: record.open_jobs }));
    }
    if let Some(landed) = evidence.landed.iter().find(|landed| is_of(landed, chosen)) {
        return Ok(Some(Skip::Verified { release: landed.name.clone() }));
    }
    match evidence.records.unreadable.first() {
        None => Ok(None),
        Some(record) => Err(Unclear { record: record.name.clone(), why: record.why.clone() }),
    }
}

/// Whether a job of the record may still run. A launch that is yet to come is one of another clock,
/// and counts only where that is wrong by less than a job can last.
fn may_run(record: &Past, clock: &dyn Clock) -> bool {
    let near = |at| clock.since(at) < LONGEST_JOB && clock.until(at) < LONGEST_JOB;
    record.open_jobs > 0 && record.last_launch.is_some_and(near)
}

/// Whether a landed Release is one of this image. What it says it pushed counts most; where it
/// says nothing, all had been there before.
fn is_of(landed: &Landed, chosen: &Candidate) -> bool {
    let Some(digest) = chosen.digest.as_ref().map(|digest| digest.as_str()) else {
        return landed.snapshot == chosen.name;
    };
    if !landed.pushed.is_empty() {
        return landed.pushed.iter().any(|pushed| pushed == digest);
    }
    landed.snapshot == chosen.name || landed.digest.as_deref() == Some(digest)
}

/// Reads what a decision is made from.
///
/// # Errors
/// [`TriggerError`] when runs, records or Releases cannot be read: without them a gate could be
/// started twice, or beside the jobs of another night.
pub async fn evidence(tenant: &Tenant, wanted: &Wanted, component: Option<&str>) -> Result<Evidence, TriggerError> {
    let runs = tenant.runs_of(&wanted.scenario).await?;
    let records = records(tenant, &wanted.scenario, &runs).await?;
    let landed = match &wanted.plan {
        Some(plan) => landed(tenant, plan, component).await?,
        None => Vec::new(),
    };
    Ok(Evidence { runs, records, landed })
}

/// The records of the scenario's late runs. The runs themselves may be gone with their Snapshots.
async fn records(tenant: &Tenant, scenario: &str, runs: &[Run]) -> Result<PastRuns, TriggerError> {
    let clock = &tenant.clock;
    let uids: Vec<&str> = runs.iter().map(|run| run.metadata.uid.as_str()).filter(|uid| !uid.is_empty()).collect();
    let whose = Whose::Scenario { name: scenario, runs: &uids };
    // Creation times have whole seconds.
    let since = clock.before(clock.now(), LONGEST_RUN).checked_sub(jiff::SignedDuration::from_secs(1)).ok();
    past_runs(&tenant.cluster, clock, whose, Limits { since, ..Limits::default() }).await.map_err(|source| {
        let action = format!("read the records of earlier runs in namespace {}", tenant.cluster.namespace);
        TriggerError::Cluster { action, source }
    })
}

async fn landed(tenant: &Tenant, plan: &str, component: Option<&str>) -> Result<Vec<Landed>, TriggerError> {
    let mut releases = Vec::new();
    tenant
        .each_release(|release: ReleaseBrief| {
            if release.spec.release_plan == plan && release.has_landed() {
                releases.push(release);
            }
        })
        .await?;
    releases.sort_by_key(|release| std::cmp::Reverse(release.metadata.creation_timestamp));
    let mut found = Vec::new();
    for release in releases {
        let mut landed = Landed { pushed: release.pushed(), ..Landed::default() };
        (landed.name, landed.snapshot) = (release.metadata.name, release.spec.snapshot);
        if landed.pushed.is_empty() && found.len() < COMPARED {
            let snapshot = tenant.snapshot(&landed.snapshot).await?;
            landed.digest =
                snapshot.and_then(|snapshot| judge(&snapshot, component).ok()).map(|digest| digest.to_string());
        }
        found.push(landed);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::record::Unreadable;

    fn candidate() -> Candidate {
        let digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        Candidate { name: "s-1".into(), built_at: None, digest: Some(digest) }
    }

    fn landed(snapshot: &str, pushed: &[&str], digest: Option<char>) -> Landed {
        let sha = |letter: char| format!("sha256:{}", letter.to_string().repeat(64));
        Landed {
            name: "r".into(),
            snapshot: snapshot.into(),
            pushed: pushed.iter().map(|p| sha(p.chars().next().unwrap())).collect(),
            digest: digest.map(sha),
        }
    }

    #[test]
    fn verified_is_the_digest_not_the_snapshot() {
        for (release, verified) in [
            (landed("s-1", &["a"], None), true),
            (landed("s-0", &["b", "a"], None), true),
            (landed("s-1", &["b"], None), false),
            (landed("s-1", &[], None), true),
            (landed("s-0", &[], Some('a')), true),
            (landed("s-0", &[], Some('b')), false),
            (landed("s-0", &[], None), false),
        ] {
            assert_eq!(is_of(&release, &candidate()), verified, "{release:?}");
        }
        let unknown = Candidate { digest: None, ..candidate() };
        assert!(is_of(&landed("s-1", &["b"], None), &unknown));
    }

    fn clock() -> crate::clock::SystemClock {
        crate::clock::SystemClock::default()
    }

    #[test]
    fn a_run_in_flight_comes_first() {
        let run: Run =
            serde_json::from_str(r#"{"metadata":{"name":"g-1"},"status":{"startTime":"2026-08-20T03:00:00Z"}}"#)
                .unwrap();
        let mut evidence = Evidence { landed: vec![landed("s-1", &["a"], None)], ..Evidence::default() };
        let decided = |evidence: &Evidence| skip(evidence, &candidate(), &clock());
        assert!(matches!(decided(&evidence), Ok(Some(Skip::Verified { .. }))));
        evidence.runs.push(run);
        assert!(matches!(decided(&evidence), Ok(Some(Skip::InFlight { .. }))));
        evidence.runs[0].status.completion_time = Some(Timestamp::UNIX_EPOCH);
        evidence.landed.clear();
        assert_eq!(decided(&evidence), Ok(None));
    }

    fn record(name: &str, open_jobs: usize, hours_ago: i64) -> Past {
        let mut record = crate::record::GateRecord::begin(name, Timestamp::UNIX_EPOCH);
        record.run = Some(name.to_owned());
        let mut past = Past::of(&kube::api::ObjectMeta::default(), &record);
        past.name = name.to_owned();
        (past.open_jobs, past.last_launch) =
            (open_jobs, Some(Timestamp::now() - SignedDuration::from_hours(hours_ago)));
        past
    }

    #[test]
    fn jobs_of_any_late_record_count_and_an_unreadable_one_is_none_of_nothing() {
        for (records, blocking) in [
            (vec![record("new", 0, 1), record("killed", 2, 3)], Some("killed")),
            (vec![record("killed", 2, 11)], None),
            // A clock that is a little ahead, and one that tells nothing.
            (vec![record("ahead", 1, -1)], Some("ahead")),
            (vec![record("future", 1, -24 * 365)], None),
        ] {
            let evidence =
                Evidence { records: PastRuns { runs: records.clone(), unreadable: Vec::new() }, ..Evidence::default() };
            let wanted = blocking.map(|record| Skip::JobsRunning {
                record: record.to_owned(),
                jobs: if record == "killed" { 2 } else { 1 },
            });
            assert_eq!(skip(&evidence, &candidate(), &clock()), Ok(wanted), "{records:?}");
        }
        let torn = Unreadable { name: "gate-x".into(), created_at: Timestamp::now(), why: "EOF".into() };
        let records = PastRuns { runs: Vec::new(), unreadable: vec![torn] };
        let mut evidence = Evidence { records, landed: vec![landed("s-1", &["a"], None)], ..Evidence::default() };
        assert!(matches!(skip(&evidence, &candidate(), &clock()), Ok(Some(Skip::Verified { .. }))));
        evidence.landed.clear();
        let error = skip(&evidence, &candidate(), &clock()).unwrap_err().to_string();
        assert!(
            error.starts_with("configmap gate-x, the record of a run of the last 16 hours, cannot be read"),
            "{error}"
        );
    }
}
