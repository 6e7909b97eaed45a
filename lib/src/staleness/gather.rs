//! Asking the sources; one that does not answer is noted, and the others are asked all the same.

use jiff::{SignedDuration, Timestamp};

use super::evidence::merge;
use super::{Evidence, Source, SourceName};
use crate::kubearchive::{self, KubeArchive};
use crate::record::{Limits, Whose, past_runs};
use crate::step::Chain;
use crate::trigger::Tenant;
use crate::verified::ReleaseBrief;

/// How far back the archive is asked (90 days): what is older is stale however it ended.
const BACK: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A Release that was created so long before another one landed cannot have landed later (2 days).
const LONGEST_RELEASE: SignedDuration = SignedDuration::from_hours(48);

/// Where to ask, and what for.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The cluster.
    pub tenant: Tenant,
    /// The archive, where there is one.
    pub archive: Option<KubeArchive>,
    /// The ReleasePlan.
    pub plan: String,
    /// The scenario; without one no run is known.
    pub scenario: Option<String>,
    /// The gate's name, by which its records are labelled; without one none is known.
    pub gate: Option<String>,
}

/// Asks all sources.
pub async fn gather(sources: &Sources, now: Timestamp) -> Evidence {
    let mut evidence = Evidence::default();
    let mut live = Vec::new();
    let plan = sources.plan.as_str();
    let listed = sources.tenant.each_release(|release: ReleaseBrief| {
        if release.spec.release_plan == plan {
            live.push(release);
        }
    });
    note(&mut evidence, SourceName::Releases, listed.await.err());

    let mut archived = Vec::new();
    if let Some(archive) = &sources.archive {
        let label = ("release.appstudio.openshift.io/releasePlan", plan);
        let namespace = &sources.tenant.cluster.namespace;
        let listed = archive.list(kubearchive::RELEASES, namespace, label, now - BACK, newest_is_among).await;
        match listed {
            Ok(releases) => archived = releases,
            Err(error) => note(&mut evidence, SourceName::Archive, Some(error)),
        }
    }
    evidence.releases = merge(live, archived);

    if let Some(scenario) = &sources.scenario {
        match sources.tenant.runs_of(scenario).await {
            Ok(runs) => evidence.runs = runs,
            Err(error) => note(&mut evidence, SourceName::Runs, Some(error)),
        }
    }
    if let Some(gate) = &sources.gate {
        let tenant = &sources.tenant;
        match past_runs(&tenant.cluster, &tenant.clock, Whose::Gate(gate), Limits::default()).await {
            Ok(found) => evidence.records = found.runs,
            Err(error) => note(&mut evidence, SourceName::Records, Some(error)),
        }
    }
    evidence
}

fn note<E: std::error::Error + 'static>(evidence: &mut Evidence, name: SourceName, error: Option<E>) {
    if let Some(error) = error {
        let why = Chain(&error).to_string();
        tracing::warn!("{}: {why}", name.words());
        evidence.silent.push(Source { name, why });
    }
}

/// Whether no later page can hold a newer verified image: lists are ordered by creation, newest
/// first.
fn newest_is_among(seen: &[ReleaseBrief]) -> bool {
    let landed = seen.iter().filter_map(ReleaseBrief::landed_at).max();
    let oldest = seen.last().and_then(|release| release.metadata.creation_timestamp);
    matches!((landed, oldest), (Some(landed), Some(oldest)) if landed.duration_since(oldest) > LONGEST_RELEASE)
}
