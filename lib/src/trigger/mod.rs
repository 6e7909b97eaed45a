//! Starting the gate: which Snapshot, for which scenarios, and whether a run really began.
//!
//! integration-service starts a run when a Snapshot gets the label
//! `test.appstudio.openshift.io/run=SCENARIO`. The label is one key for everybody, it is taken away
//! without a word when nothing can be started, and it stays for ever (and starts a run some day)
//! when starting fails. So it is set for one scenario at a time, with an id of its own, and what
//! counts is a PipelineRun with that id that has begun.
//!
//! - [`skip`] says why a scenario is rightly left alone.
//! - [`note`] remembers nights that were skipped in a row, so that they can be told of.
//! - [`observe`] decides what a look at the label and the runs means; [`run`] starts the scenarios, and
//!   [`night`] is a whole call, with what people are told.

mod choose;
mod error;
mod fire;
mod invalid;
mod keep;
mod known;
mod listed;
mod night;
mod observe;
mod preflight;
mod report;
mod rows;
mod skip;
mod tell;
mod verified;
mod wanted;

use std::collections::BTreeSet;
use std::time::Duration;

pub use choose::choose;
pub use error::TriggerError;
use known::Known;
pub use known::{no_scenario, no_snapshots};
pub use night::{Sources, Started, night};
pub use observe::{Look, Observation, observe};
pub use preflight::{RIGHTS, preflight};
pub use report::{Ending, Report, ScenarioReport};
pub use rows::{Due, Row, note};
pub use skip::{Evidence, Skip, Unclear, skip};
use tell::tell;
#[cfg(test)]
pub(crate) use tell::tests::samples as tell_samples;
pub use tell::unwatched;
pub use verified::{Verified, VerifiedBy};
pub use wanted::{named, wanted};

use crate::clock::SharedClock;
use crate::cluster::Tenant;
use crate::konflux::Candidate;
use crate::kubearchive::KubeArchive;
use crate::name::ObjectName;
use crate::snapshot::ComponentName;
use crate::step::LastWords;

/// How long a run may take to begin.
pub const WAIT: Duration = Duration::from_secs(15 * 60);

/// How long the Snapshot is kept.
pub const KEEP: Duration = Duration::from_secs(72 * 3600);

/// A scenario to start, and the plan that its image would be released by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The IntegrationTestScenario.
    pub scenario: ObjectName,
    /// The ReleasePlan; without one it is not known what is verified.
    pub plan: Option<ObjectName>,
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--application`.
    pub application: Option<ObjectName>,
    /// `--component` with `--component-version`.
    pub component: Option<ComponentName>,
    /// `--snapshot`: this one instead of the newest.
    pub snapshot: Option<ObjectName>,
    /// `--scenario` with `--release-plan`, in order.
    pub wanted: Vec<Wanted>,
    /// `--wait`: how long a run may take to begin, per scenario.
    pub wait: Duration,
    /// `--keep`: how long from now a Snapshot is to be kept.
    pub keep: Duration,
    /// `--dry-run`.
    pub dry_run: bool,
    /// `--force`.
    pub force: bool,
}

#[cfg(test)]
impl Options {
    /// As if no flag were given.
    fn plain() -> Self {
        Self {
            application: None,
            component: None,
            snapshot: None,
            wanted: Vec::new(),
            wait: WAIT,
            keep: WAIT,
            dry_run: false,
            force: false,
        }
    }
}

/// Picks the Snapshot and starts the scenarios on it, one after another. A label that is set when
/// the step is told to stop is taken back as its last words. The archive is asked where a Release
/// of the image may have left the cluster.
///
/// # Errors
/// [`TriggerError`] when the Snapshots cannot be read or none is fit; what happened to a scenario
/// is in the [`Report`].
pub async fn run(
    options: &Options,
    tenant: &Tenant,
    archive: Option<&KubeArchive>,
    clock: &SharedClock,
    last_words: &LastWords,
) -> Result<Report, TriggerError> {
    let choice = choose(options, tenant).await?;
    let mut report = Report::new(choice, options.dry_run);
    let Some(chosen) = report.choice.chosen.clone() else {
        if report.choice.looked_at == 0 {
            report.hint = no_snapshots(options, tenant).await;
        }
        return Ok(report);
    };
    let mut known = Vec::new();
    for wanted in &options.wanted {
        known.push(known::scenario(tenant, &wanted.scenario).await);
    }
    for (wanted, known) in options.wanted.iter().zip(known) {
        if known == Ok(Known::MayNotRead) {
            let name = &wanted.scenario;
            report.notes.push(format!(
                "this account may not look whether the IntegrationTestScenario {name} exists"
            ));
        }
        let ending = match known {
            Ok(_) => one(options, tenant, archive, (clock, last_words), &chosen, wanted).await,
            Err(why) => Ending::Failed(why),
        };
        report
            .scenarios
            .push(ScenarioReport { scenario: wanted.scenario.to_string(), ending });
    }
    if !options.dry_run {
        let plans: BTreeSet<&ObjectName> = options
            .wanted
            .iter()
            .filter_map(|wanted| wanted.plan.as_ref())
            .collect();
        for plan in plans {
            listed::keep_verified(tenant, plan, options.component.as_ref()).await;
        }
    }
    Ok(report)
}

async fn one(
    options: &Options,
    tenant: &Tenant,
    archive: Option<&KubeArchive>,
    (clock, last_words): (&SharedClock, &LastWords),
    chosen: &Candidate,
    wanted: &Wanted,
) -> Ending {
    // An image that was taken back is not tested again either, by force or not.
    if let Some(plan) = &wanted.plan {
        match listed::retracted(tenant, plan, chosen).await {
            Ok(None) => {}
            Ok(Some(why)) => return Ending::Refused(why),
            Err(why) => return Ending::Failed(why),
        }
    }
    if !options.force {
        let evidence = match skip::evidence(tenant, wanted, options, archive, chosen).await {
            Err(error) => return Ending::Failed(crate::failure::Chain(&error).to_string()),
            Ok(evidence) => evidence,
        };
        match skip(&evidence, chosen, clock.as_ref()) {
            Err(unclear) => return Ending::Failed(unclear.to_string()),
            Ok(Some(skip)) => return Ending::Skipped(skip),
            Ok(None) => {}
        }
    }
    if options.dry_run {
        return Ending::WouldStart;
    }
    fire::fire(options, tenant, (clock, last_words), &chosen.name, wanted).await
}
