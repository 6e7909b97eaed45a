//! When a scenario is rightly left alone: its image is verified, or a gate is on its way.

use std::time::Duration;

use super::verified::{
    Releases, Verified, VerifiedBy, archive_may_tell, record_may_tell, recorded,
};
use super::{Options, TriggerError, Wanted};
use crate::clock::Clock;
use crate::cluster::Tenant;
use crate::konflux::Candidate;
use crate::kubearchive::KubeArchive;
use crate::record::{Limits, Past, PastRuns, Whose, past_runs};
use crate::tekton::PipelineRun;

/// From when on no Prow job of a record can be running, whatever the record says (10 hours): the
/// gate waits for at most 5h30m, and jobs have time limits of their own.
const LONGEST_JOB: Duration = Duration::from_secs(10 * 3600);

/// Age from which a record can have launched nothing recently (16 hours): the last rerun is
/// launched within the gate's own 5h30m.
const LONGEST_RUN: Duration = Duration::from_secs(16 * 3600);

/// Why a scenario is not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// The image was promoted by the plan.
    Verified {
        /// Where this was found.
        by: VerifiedBy,
    },
    /// A run of the scenario has not ended.
    InFlight { run: String, snapshot: Option<String> },
    /// A run is over or gone, and its jobs may still run.
    JobsRunning {
        record: String,
        /// How many.
        jobs: usize,
    },
}

/// Why it cannot be told whether a scenario is to be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// The jobs of a late run may still run.
    #[error(
        "configmap {record}, the record of a run of the last {} hours, cannot be read, and its jobs may still run: {why}; \
         repair or delete it, or use --force", LONGEST_RUN.as_secs() / 3600
    )]
    Jobs {
        record: String,
        /// What is wrong with it.
        why: String,
    },
    /// A record may tell that the image is verified.
    #[error(
        "configmap {record}, the record of a run since the Snapshot was built, cannot be read, and the image may be \
         verified: {why}; repair or delete it, or use --force"
    )]
    Record {
        record: String,
        /// What is wrong with it.
        why: String,
    },
    /// The archive may tell that.
    #[error(
        "a Release of the image may have landed and left the cluster, and that cannot be looked up: {why}; try again \
         later, or use --force"
    )]
    Archive {
        /// What is wrong with it.
        why: String,
    },
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
            Self::Verified { by } => by.words(),
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

/// What a decision is made from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The scenario's runs.
    pub runs: Vec<PipelineRun>,
    /// The records of its runs.
    pub records: PastRuns,
    /// The plan by which an image is verified; without one every image counts as new.
    pub plan: Option<String>,
    /// The images that Releases of the plan verify, as far as they may be the chosen one.
    pub verified: Vec<Verified>,
    /// Why the archive did not say all, where that could matter.
    pub archive: Option<String>,
}

/// Why to leave a scenario alone, if at all.
///
/// # Errors
/// [`Unclear`] where that cannot be told: to start then could launch every job twice, or test an
/// image that is verified.
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
    let PastRuns { runs, unreadable } = &evidence.records;
    // Not only the last one: a run that was forced beside it may have ended before.
    if let Some(record) = runs.iter().find(|record| may_run(record, clock)) {
        return Ok(Some(Skip::JobsRunning { record: record.name.clone(), jobs: record.open_jobs }));
    }
    let plan = evidence.plan.as_deref();
    let recorded = plan.map_or_else(Vec::new, |plan| recorded(runs, plan));
    let mut verified = evidence.verified.iter().chain(&recorded);
    if let Some(verified) = verified.find(|verified| verified.is_of(chosen)) {
        return Ok(Some(Skip::Verified { by: verified.by.clone() }));
    }
    // Creation times have whole seconds.
    let late = clock.before(clock.now(), LONGEST_RUN + Duration::from_secs(1));
    for record in unreadable {
        let (name, why) = (record.name.clone(), record.why.clone());
        if record.created_at >= late {
            return Err(Unclear::Jobs { record: name, why });
        }
        if plan.is_some() && record_may_tell(record, chosen) {
            return Err(Unclear::Record { record: name, why });
        }
    }
    match &evidence.archive {
        None => Ok(None),
        Some(why) => Err(Unclear::Archive { why: why.clone() }),
    }
}

/// Whether a job of the record may still run. A launch that is yet to come is one of another clock,
/// and counts only where that is wrong by less than a job can last.
fn may_run(record: &Past, clock: &dyn Clock) -> bool {
    let near = |at| clock.since(at) < LONGEST_JOB && clock.until(at) < LONGEST_JOB;
    record.open_jobs > 0 && record.last_launch.is_some_and(near)
}

/// Reads what a decision is made from; the archive only where the rest does not decide.
///
/// # Errors
/// [`TriggerError`] when runs, records or Releases cannot be read: without them a gate could be
/// started twice, or beside the jobs of another night.
pub async fn evidence(
    tenant: &Tenant,
    wanted: &Wanted,
    options: &Options,
    archive: Option<&KubeArchive>,
    chosen: &Candidate,
) -> Result<Evidence, TriggerError> {
    let runs = tenant.runs_of(&wanted.scenario).await?;
    let records = records(tenant, &wanted.scenario, &runs).await?;
    let mut evidence = Evidence { runs, records, ..Evidence::default() };
    let Some(plan) = &wanted.plan else { return Ok(evidence) };
    evidence.plan = Some(plan.to_string());
    let clock = tenant.clock.as_ref();
    let mut releases = Releases::of(tenant, plan, options, chosen);
    evidence.verified = releases.live().await?;
    if let Some(archive) = archive
        && archive_may_tell(chosen, clock.now())
        && !matches!(skip(&evidence, chosen, clock), Ok(Some(_)))
    {
        let (verified, why) = releases.archived(archive).await?;
        evidence.verified.extend(verified);
        evidence.archive = why;
    }
    Ok(evidence)
}

/// The records of the scenario's runs. The runs themselves may be gone with their Snapshots.
async fn records(
    tenant: &Tenant,
    scenario: &str,
    runs: &[PipelineRun],
) -> Result<PastRuns, TriggerError> {
    let uids: Vec<&str> = runs
        .iter()
        .map(|run| run.metadata.uid.as_str())
        .filter(|uid| !uid.is_empty())
        .collect();
    let whose = Whose::Scenario { name: scenario, runs: &uids };
    past_runs(&tenant.cluster, &tenant.clock, whose, Limits::default())
        .await
        .map_err(|source| TriggerError::Records {
            namespace: tenant.namespace().to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::record::Unreadable;
    use crate::verified::Image;

    fn candidate() -> Candidate {
        let digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        Candidate { name: "s-1".into(), built_at: None, digest: Some(digest) }
    }

    fn verified(snapshot: &str, image: Image) -> Verified {
        Verified { by: VerifiedBy::Release("r".into()), snapshot: Some(snapshot.into()), image }
    }

    fn clock() -> crate::clock::SystemClock {
        crate::clock::SystemClock::default()
    }

    #[test]
    fn a_run_in_flight_comes_first() {
        let run: PipelineRun = serde_json::from_str(
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

    #[tokio::test(start_paused = true)]
    async fn jobs_may_run_for_so_long_by_either_clock() {
        let now: Timestamp = "2026-08-20T03:00:00Z".parse().unwrap();
        let clock = crate::clock::RuntimeClock::starting_at(now);
        let (second, longest) = (Duration::from_secs(1), LONGEST_JOB);
        for (last_launch, runs) in [
            (now - longest, false),
            (now - (longest - second), true),
            (now, true),
            (now + (longest - second), true),
            (now + longest, false),
        ] {
            let past = Past { last_launch: Some(last_launch), ..record("r", 1, 0) };
            assert_eq!(may_run(&past, &clock), runs, "{last_launch}");
            assert!(!may_run(&Past { open_jobs: 0, ..past }, &clock));
        }
        assert!(!may_run(&Past { last_launch: None, ..record("r", 1, 0) }, &clock));
        // The creation of a record is told in whole seconds.
        for (age, unclear) in
            [(LONGEST_RUN + second, true), (LONGEST_RUN + second * 2, false), (second, true)]
        {
            let torn = Unreadable { name: "torn".into(), created_at: now - age, why: "EOF".into() };
            let records = PastRuns { runs: Vec::new(), unreadable: vec![torn] };
            let evidence = Evidence { records, ..Evidence::default() };
            let told = skip(&evidence, &candidate(), &clock);
            assert_eq!(matches!(told, Err(Unclear::Jobs { .. })), unclear, "{age:?}");
        }
    }

    /// Records outlive the Releases that they tell of; what tells nothing is in doubt only where it
    /// could have said yes.
    #[test]
    fn a_promotion_that_is_only_on_record_counts_for_its_plan() {
        let mut promoted = record("promoted", 0, 24 * 20);
        promoted.verified = Some(crate::record::Verified {
            image: candidate().digest.unwrap(),
            plan: "plan".into(),
            at: Timestamp::UNIX_EPOCH,
        });
        let now = Timestamp::now();
        let torn = |days: i64| Unreadable {
            name: format!("torn-{days}"),
            created_at: now - SignedDuration::from_hours(24 * days),
            why: "EOF".into(),
        };
        let chosen =
            Candidate { built_at: Some(now - SignedDuration::from_hours(24 * 20)), ..candidate() };
        let decided = |plan: Option<&str>, runs: &[Past], torn: &[Unreadable], archive: &str| {
            let evidence = Evidence {
                plan: plan.map(str::to_owned),
                records: PastRuns { runs: runs.to_vec(), unreadable: torn.to_vec() },
                archive: Some(archive.to_owned()).filter(|why| !why.is_empty()),
                ..Evidence::default()
            };
            match skip(&evidence, &chosen, &clock()) {
                Ok(skip) => skip.map_or_else(|| "start".to_owned(), |skip| skip.words()),
                Err(unclear) => unclear.to_string(),
            }
        };
        let promoted = &[promoted][..];
        let by = "already verified: a Release of it has landed, by the record promoted";
        assert_eq!(decided(Some("plan"), promoted, &[torn(2)], "it is down"), by);
        assert_eq!(decided(Some("other"), promoted, &[], ""), "start");
        assert_eq!(decided(None, promoted, &[torn(2)], ""), "start", "nothing tells of no plan");
        let told = decided(Some("plan"), &[], &[torn(2)], "");
        assert!(told.starts_with("configmap torn-2, the record of a run since"), "{told}");
        assert_eq!(decided(Some("plan"), &[], &[torn(30)], ""), "start", "older than the image");
        let told = decided(Some("plan"), &[], &[torn(30)], "it is down");
        assert!(told.contains("cannot be looked up: it is down"), "{told}");
    }

    /// The tests have not begun, so no record tells of it yet.
    #[tokio::test(start_paused = true)]
    async fn a_run_in_the_cluster_is_seen() {
        let now: Timestamp = "2026-08-20T03:00:00Z".parse().unwrap();
        let world = standins::World::builder()
            .clock(standins::TokioTime::starting_at(now))
            .build();
        let clock: crate::clock::SharedClock =
            std::sync::Arc::new(crate::clock::RuntimeClock::starting_at(now));
        let cluster = crate::support::cluster(&world, "gates");
        let tenant = Tenant::new(&cluster, clock);
        let name = |name: &str| crate::name::ObjectName::label(name).unwrap();
        for scenario in ["ours", "another"] {
            let labels = json!({crate::konflux::labels::SCENARIO_LABEL: scenario});
            let metadata = json!({"name": format!("run-of-{scenario}"), "namespace": "gates", "labels": labels});
            let status = json!({"startTime": now.to_string()});
            world
                .kube()
                .put(json!({"kind": "PipelineRun", "metadata": metadata, "status": status}));
        }
        let wanted = Wanted { scenario: name("ours"), plan: Some(name("plan")) };
        let options = Options::plain();
        let seen = evidence(&tenant, &wanted, &options, None, &candidate())
            .await
            .unwrap();
        let skip = skip(&seen, &candidate(), tenant.clock.as_ref()).unwrap();
        let in_flight = Skip::InFlight { run: "run-of-ours".to_owned(), snapshot: None };
        assert_eq!((skip, seen.plan.as_deref()), (Some(in_flight), Some("plan")));
    }
}
