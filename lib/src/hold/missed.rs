//! What a hold kept back: the newest pass of each gate that was not promoted.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::failure::Exit;
use crate::record::{Decision, GateRecord, Released, Whose, each};
use crate::step::command::Command;

/// A run that passed, and whose image was held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The gate.
    pub gate: String,
    /// The ConfigMap with its record.
    pub record: String,
    /// The ReleasePlan.
    pub plan: String,
    /// The short digest.
    pub image: String,
}

impl Missed {
    /// What promotes its image now, with every check.
    pub fn command(&self, namespace: &str) -> String {
        Command::new("create-release")
            .flag("--record", Some(&format!("configmap:{}", self.record)))
            .flag("--release-plan", Some(&self.plan))
            .flag("--namespace", Some(namespace))
            .text()
    }

    /// A record of this plan that passed since then and was not promoted.
    fn of(record: &GateRecord, name: &str, plan: &str, since: Timestamp) -> Option<Self> {
        let verdict = record.verdict.as_ref()?;
        let held = match &record.release {
            None => true,
            Some(noted) => {
                let refused = noted.exit == Exit::Refused as u8 && noted.name.is_none();
                noted.released == Released::False && (refused || noted.dry_run)
            }
        };
        let passed = verdict.decision == Decision::Passed && verdict.decided_at >= since;
        (passed && held).then(|| Self {
            gate: gate(record),
            record: name.to_owned(),
            plan: plan.to_owned(),
            image: record
                .candidate
                .as_ref()
                .map(|candidate| candidate.digest.short().to_owned())
                .unwrap_or_default(),
        })
    }
}

fn gate(record: &GateRecord) -> String {
    let name = record.gate.clone().or_else(|| record.scenario.clone());
    name.unwrap_or_else(|| "Release gate".to_owned())
}

/// The newest run of each gate of the plan that passed since then, where it was held back. A gate
/// whose newest pass was promoted missed nothing.
///
/// # Errors
/// The API server's answer.
pub async fn missed(
    cluster: &Cluster,
    clock: &SharedClock,
    plan: &str,
    since: Timestamp,
) -> Result<Vec<Missed>, kube::Error> {
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    each(cluster, clock, Whose::Anybody, None, |meta, record| {
        let Ok(record) = record else { return ControlFlow::Continue(()) };
        let bound = record
            .release
            .as_ref()
            .map(|noted| &noted.plan)
            .or(record.plan.as_ref());
        let passed = record
            .verdict
            .as_ref()
            .is_some_and(|verdict| verdict.decision == Decision::Passed);
        if passed && bound.is_some_and(|bound| bound == plan) && seen.insert(gate(&record)) {
            let name = meta.name.as_deref().unwrap_or_default();
            found.extend(Missed::of(&record, name, plan, since));
        }
        ControlFlow::Continue(())
    })
    .await?;
    Ok(found)
}
