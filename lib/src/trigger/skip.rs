//! When a scenario is rightly left alone: its image is verified, or a gate is on its way.

use std::time::Duration;

use super::client::Tenant;
use super::{Candidate, Options, Run, TriggerError, Wanted};
use crate::clock::Clock;
use crate::record::{Limits, Past, PastRuns, Whose, past_runs};
use crate::verified::{Image, ReleaseBrief, Snapshots, Standing};

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
            Self::InFlight { run, snapshot: Some(snapshot) } => {
                format!("run {run} on {snapshot} has not ended")
            }
            Self::InFlight { run, snapshot: None } => format!("run {run} has not ended"),
            Self::JobsRunning { record, jobs } => {
                format!(
                    "{jobs} jobs of an earlier run may still be running, by its record {record}"
                )
            }
        }
    }
}

/// An image that a Release of the plan verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The Release, or the record that tells of it.
    pub by: String,
    /// Its Snapshot.
    pub snapshot: Option<String>,
    /// The image.
    pub image: Image,
}

/// What a decision is made from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The scenario's runs.
    pub runs: Vec<Run>,
    /// The records of its runs whose jobs may still run.
    pub records: PastRuns,
    /// The images that are verified for the plan, as far as they may be the chosen one.
    pub verified: Vec<Verified>,
}

/// Why to leave a scenario alone, if at all.
///
/// # Errors
/// [`Unclear`] where a record cannot be read: to start then could launch every job twice.
pub fn skip(
    evidence: &Evidence,
    chosen: &Candidate,
    clock: &dyn Clock,
) -> Result<Option<Skip>, Unclear> {
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
    if let Some(verified) = evidence.verified.iter().find(|verified| is_of(verified, chosen)) {
        return Ok(Some(Skip::Verified { release: verified.by.clone() }));
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

/// Whether a verified image is this one. Without a digest, of a Snapshot that a person named, its
/// name is compared.
fn is_of(verified: &Verified, chosen: &Candidate) -> bool {
    let same_snapshot = verified.snapshot.as_deref() == Some(chosen.name.as_str());
    match &chosen.digest {
        None => same_snapshot,
        Some(_) if matches!(verified.image, Image::Snapshot(_)) => same_snapshot,
        Some(digest) => verified.image.is(digest),
    }
}

/// Reads what a decision is made from.
///
/// # Errors
/// [`TriggerError`] when runs, records or Releases cannot be read: without them a gate could be
/// started twice, or beside the jobs of another night.
pub async fn evidence(
    tenant: &Tenant,
    wanted: &Wanted,
    options: &Options,
    chosen: &Candidate,
) -> Result<Evidence, TriggerError> {
    let runs = tenant.runs_of(&wanted.scenario).await?;
    let records = records(tenant, &wanted.scenario, &runs).await?;
    let verified = match &wanted.plan {
        Some(plan) => verified(tenant, plan, options, chosen).await?,
        None => Vec::new(),
    };
    Ok(Evidence { runs, records, verified })
}

/// The records of the scenario's late runs. The runs themselves may be gone with their Snapshots.
async fn records(tenant: &Tenant, scenario: &str, runs: &[Run]) -> Result<PastRuns, TriggerError> {
    let clock = &tenant.clock;
    let uids: Vec<&str> = runs
        .iter()
        .map(|run| run.metadata.uid.as_str())
        .filter(|uid| !uid.is_empty())
        .collect();
    let whose = Whose::Scenario { name: scenario, runs: &uids };
    // Creation times have whole seconds.
    let since = clock
        .before(clock.now(), LONGEST_RUN)
        .checked_sub(jiff::SignedDuration::from_secs(1))
        .ok();
    past_runs(&tenant.cluster, clock, whose, Limits { since, ..Limits::default() })
        .await
        .map_err(|source| {
            let action = format!(
                "read the records of earlier runs in namespace {}",
                tenant.cluster.namespace
            );
            TriggerError::Cluster { action, source }
        })
}

/// The images that live Releases of the plan verify, as far as they may be the chosen one.
async fn verified(
    tenant: &Tenant,
    plan: &str,
    options: &Options,
    chosen: &Candidate,
) -> Result<Vec<Verified>, TriggerError> {
    let mut releases = Vec::new();
    let of_plan = |release: ReleaseBrief| {
        if release.spec.release_plan == plan && release.has_landed() {
            releases.push(release);
        }
    };
    tenant.each_release(of_plan).await?;
    releases.sort_by_key(|release| std::cmp::Reverse(release.metadata.creation_timestamp));
    let mut snapshots = Snapshots::of(options.component.clone());
    let mut found = Vec::new();
    for release in releases.into_iter().filter(|release| may_be_of(release, chosen)) {
        if snapshots.len() < COMPARED {
            snapshots.look_up(tenant, &release.spec.snapshot).await?;
        }
        let (name, snapshot) = (release.metadata.name.clone(), release.spec.snapshot.clone());
        match release.standing(&snapshots.made_for(&release)) {
            Standing::Verified { image, .. } => {
                found.push(Verified { by: name, snapshot: Some(snapshot), image })
            }
            Standing::Automatic => tracing::warn!(
                "Release {name} of plan {plan} was made automatically, of an untested image; it verifies nothing"
            ),
            Standing::OtherDigest { pushed, made_for } => {
                tracing::warn!(
                    "Release {name} of plan {plan} pushed {pushed} instead of {made_for}; it verifies nothing"
                );
            }
            Standing::NotLanded => {}
        }
    }
    Ok(found)
}

/// Whether a Release is worth a look at its Snapshot: it says that it pushed the image, or does not
/// say what.
fn may_be_of(release: &ReleaseBrief, chosen: &Candidate) -> bool {
    let pushed = release.pushed();
    let has = |digest: &crate::image::Digest| pushed.iter().any(|pushed| pushed == digest.as_str());
    pushed.is_empty()
        || release.spec.snapshot == chosen.name
        || chosen.digest.as_ref().is_some_and(has)
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

    fn verified(snapshot: &str, image: Image) -> Verified {
        Verified { by: "r".into(), snapshot: Some(snapshot.into()), image }
    }

    #[test]
    fn verified_is_the_digest_not_the_snapshot() {
        let sha = |letter: char| Image::Digest(format!("sha256:{}", letter.to_string().repeat(64)));
        for (known, is_verified) in [
            (verified("s-1", sha('a')), true),
            (verified("s-0", sha('a')), true),
            (verified("s-1", sha('b')), false),
            (verified("s-1", Image::Snapshot("s-1".into())), true),
            (verified("s-0", Image::Short("aaaaaaaaaaaa".into())), true),
            (verified("s-0", Image::Short("bbbbbbbbbbbb".into())), false),
            (verified("s-0", Image::Snapshot("s-0".into())), false),
        ] {
            assert_eq!(is_of(&known, &candidate()), is_verified, "{known:?}");
        }
        let unknown = Candidate { digest: None, ..candidate() };
        assert!(is_of(&verified("s-1", sha('b')), &unknown));
    }

    fn clock() -> crate::clock::SystemClock {
        crate::clock::SystemClock::default()
    }

    #[test]
    fn a_run_in_flight_comes_first() {
        let run: Run = serde_json::from_str(
            r#"{"metadata":{"name":"g-1"},"status":{"startTime":"2026-08-20T03:00:00Z"}}"#,
        )
        .unwrap();
        let mut evidence = Evidence {
            verified: vec![verified("s-1", Image::Snapshot("s-1".into()))],
            ..Evidence::default()
        };
        let decided = |evidence: &Evidence| skip(evidence, &candidate(), &clock());
        assert!(matches!(decided(&evidence), Ok(Some(Skip::Verified { .. }))));
        evidence.runs.push(run);
        assert!(matches!(decided(&evidence), Ok(Some(Skip::InFlight { .. }))));
        evidence.runs[0].status.completion_time = Some(Timestamp::UNIX_EPOCH);
        evidence.verified.clear();
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
            let evidence = Evidence {
                records: PastRuns { runs: records.clone(), unreadable: Vec::new() },
                ..Evidence::default()
            };
            let wanted = blocking.map(|record| Skip::JobsRunning {
                record: record.to_owned(),
                jobs: if record == "killed" { 2 } else { 1 },
            });
            assert_eq!(skip(&evidence, &candidate(), &clock()), Ok(wanted), "{records:?}");
        }
        let torn =
            Unreadable { name: "gate-x".into(), created_at: Timestamp::now(), why: "EOF".into() };
        let records = PastRuns { runs: Vec::new(), unreadable: vec![torn] };
        let mut evidence = Evidence {
            records,
            verified: vec![verified("s-1", Image::Snapshot("s-1".into()))],
            ..Evidence::default()
        };
        assert!(matches!(skip(&evidence, &candidate(), &clock()), Ok(Some(Skip::Verified { .. }))));
        evidence.verified.clear();
        let error = skip(&evidence, &candidate(), &clock()).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "configmap gate-x, the record of a run of the last 16 hours, cannot be read"
            ),
            "{error}"
        );
    }
}
