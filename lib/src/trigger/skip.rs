//! When a scenario is rightly left alone: its image is verified, or a gate is on its way.

use jiff::{SignedDuration, Timestamp};

use super::client::Tenant;
use super::{Candidate, Run, TriggerError, Wanted, judge};
use crate::record::{Past, past_run, record_names};
use crate::verified::ReleaseBrief;

/// After so long no Prow job of a record runs any more, whatever the record says (10 hours): the
/// gate waits for at most 5h30m, and jobs have time limits of their own.
const LONGEST_JOB: SignedDuration = SignedDuration::from_hours(10);

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

impl Skip {
    /// The reason in words.
    pub fn words(&self) -> String {
        match self {
            Self::Verified { release } => format!("already verified: Release {release} has landed"),
            Self::InFlight { run, snapshot: Some(snapshot) } => format!("run {run} on {snapshot} has not ended"),
            Self::InFlight { run, snapshot: None } => format!("run {run} has not ended"),
            Self::JobsRunning { record, jobs } => {
                format!("{jobs} jobs of the last run may still be running, by its record {record}")
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
    /// The record of its last run.
    pub record: Option<Past>,
    /// The plan's Releases that have landed.
    pub landed: Vec<Landed>,
    /// What could not be looked at, in words.
    pub notes: Vec<String>,
}

/// Why to leave a scenario alone, if at all.
pub fn skip(evidence: &Evidence, chosen: &Candidate, now: Timestamp) -> Option<Skip> {
    if let Some(run) = evidence.runs.iter().find(|run| run.is_in_flight()) {
        return Some(Skip::InFlight { run: run.metadata.name.clone(), snapshot: run.metadata.labels.snapshot.clone() });
    }
    let open = evidence.record.as_ref().filter(|record| record.open_jobs > 0);
    if let Some(record) =
        open.filter(|record| record.last_launch.is_some_and(|at| now.duration_since(at) < LONGEST_JOB))
    {
        return Some(Skip::JobsRunning { record: record.name.clone(), jobs: record.open_jobs });
    }
    let verified = evidence.landed.iter().find(|landed| is_of(landed, chosen))?;
    Some(Skip::Verified { release: verified.name.clone() })
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
/// [`TriggerError`] when runs, Releases or records cannot be read: without them a gate could be
/// started twice, or beside the jobs of the last one.
pub async fn evidence(
    tenant: &Tenant,
    wanted: &Wanted,
    component: Option<&str>,
    now: Timestamp,
) -> Result<Evidence, TriggerError> {
    let runs = tenant.runs_of(&wanted.scenario).await?;
    let record = last_record(tenant, &wanted.scenario, &runs).await.map_err(|source| TriggerError::Cluster {
        action: format!("read the records of earlier runs in namespace {}", tenant.cluster.namespace),
        source,
    })?;
    let record = record.filter(|record| record.last_launch.is_none_or(|at| at <= now));
    let landed = match &wanted.plan {
        Some(plan) => landed(tenant, plan, component).await?,
        None => Vec::new(),
    };
    Ok(Evidence { runs, record, landed, notes: Vec::new() })
}

/// The record of the scenario's last run. The run itself may be gone with its Snapshot, so records
/// are found by their names, `gate-<run>`: the names of the scenario's runs are made of a beginning
/// (the scenario's own name unless existing runs show another) and five characters.
async fn last_record(tenant: &Tenant, scenario: &str, runs: &[Run]) -> Result<Option<Past>, kube::Error> {
    let mut beginnings = vec![scenario.to_owned(), format!("{scenario}-")];
    beginnings.extend(runs.iter().filter_map(|run| run.metadata.generate_name.clone()));
    let known = |name: &str| runs.iter().any(|run| run.metadata.name == name);
    let ours = |record: &str| {
        let Some(run) = record.strip_prefix("gate-") else { return false };
        known(run) || beginnings.iter().any(|start| run.strip_prefix(start.as_str()).is_some_and(is_suffix))
    };
    let names = record_names(&tenant.cluster, &tenant.clock).await?;
    match names.into_iter().filter(|(name, _)| ours(name)).max_by_key(|(_, created)| *created) {
        Some((name, _)) => past_run(&tenant.cluster, &tenant.clock, &name).await,
        None => Ok(None),
    }
}

/// What Kubernetes appends to `generateName`.
fn is_suffix(text: &str) -> bool {
    text.len() == 5 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
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
    use super::*;

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

    #[test]
    fn a_run_in_flight_comes_first() {
        let run: Run =
            serde_json::from_str(r#"{"metadata":{"name":"g-1"},"status":{"startTime":"2026-08-20T03:00:00Z"}}"#)
                .unwrap();
        let mut evidence = Evidence { landed: vec![landed("s-1", &["a"], None)], ..Evidence::default() };
        let now = Timestamp::UNIX_EPOCH;
        assert!(matches!(skip(&evidence, &candidate(), now), Some(Skip::Verified { .. })));
        evidence.runs.push(run);
        assert!(matches!(skip(&evidence, &candidate(), now), Some(Skip::InFlight { .. })));
        evidence.runs[0].status.completion_time = Some(now);
        evidence.landed.clear();
        assert_eq!(skip(&evidence, &candidate(), now), None);
    }

    #[test]
    fn what_kubernetes_appends() {
        assert!(is_suffix("x7k2p") && !is_suffix("-x7k2p") && !is_suffix("rosa-x7k2p") && !is_suffix("X7k2p"));
    }
}
