//! Asking the sources; one that does not answer is noted, and the others are asked all the same.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, timeout_at};

use super::{Build, Evidence, Reach, Source, SourceName};
use crate::cluster::Tenant;
use crate::failure::Chain;
use crate::image::Digest;
use crate::konflux::{self, Choice};
use crate::kubearchive::{self, KubeArchive, Listing};
use crate::lists::{self, Hold, List, Retraction};
use crate::name::ObjectName;
use crate::record::{Limits, Whose, past_runs};
use crate::snapshot::ComponentName;
use crate::verified::{self, ReleaseBrief, Snapshots, Standing, merge};

/// How far back the archive is asked at first (90 days), and at least so many thresholds.
const BACK: SignedDuration = SignedDuration::from_hours(90 * 24);
const THRESHOLDS_BACK: i32 = 4;

/// A Release created this much earlier than another one landed cannot have landed after it (2
/// days).
const LONGEST_RELEASE: SignedDuration = SignedDuration::from_hours(48);

/// So many Snapshots are looked up, to compare what their Releases pushed.
const COMPARED: usize = 20;

/// Where to ask, and what for.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The cluster.
    pub tenant: Tenant,
    /// The archive, where there is one.
    pub archive: Option<KubeArchive>,
    /// The ReleasePlan.
    pub plan: ObjectName,
    /// The threshold, by which it is known how far back an image may matter.
    pub threshold: SignedDuration,
    /// The Application of the Snapshots.
    pub application: Option<String>,
    /// The component that is gated; without one any image of a Snapshot may be the verified one.
    pub component: Option<ComponentName>,
    /// The scenario; without one no run is known.
    pub scenario: Option<ObjectName>,
    /// The gate's name, by which its records are labelled; without one none is known.
    pub gate: Option<String>,
    /// How long may be spent on what is verified, all in all (wall time): somebody waits for the
    /// answer.
    pub patience: Duration,
}

/// How long a step that nobody waits for may take over its reads (5 minutes).
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);

impl Sources {
    /// Whether it is known which Snapshots are the gate's.
    pub fn names_builds(&self) -> bool {
        self.application.is_some() || self.component.is_some()
    }
}

/// Asks all sources.
pub async fn gather(sources: &Sources, now: Timestamp) -> Evidence {
    let mut evidence = releases(sources, now).await;
    hold(sources, now, &mut evidence).await;
    match &sources.scenario {
        None => evidence.unasked.push(SourceName::Runs),
        Some(scenario) => match sources.tenant.runs_of(scenario).await {
            Ok(runs) => evidence.runs = runs,
            Err(error) => note(&mut evidence, SourceName::Runs, &error),
        },
    }
    match &sources.gate {
        None => evidence.unasked.push(SourceName::Records),
        Some(gate) => {
            let tenant = &sources.tenant;
            match past_runs(&tenant.cluster, &tenant.clock, Whose::Gate(gate), Limits::default())
                .await
            {
                Ok(found) => {
                    evidence.records = found.runs;
                    evidence.unreadable =
                        found.unreadable.iter().map(|record| record.created_at).collect();
                }
                Err(error) => note(&mut evidence, SourceName::Records, &error),
            }
        }
    }
    evidence
}

/// Asks for what is verified alone: the plan's Releases, live and archived, and the Snapshots that
/// they are compared with.
pub async fn releases(sources: &Sources, now: Timestamp) -> Evidence {
    let deadline = Instant::now() + sources.patience;
    let mut evidence =
        Evidence { snapshots: Snapshots::of(sources.component.clone()), ..Evidence::default() };
    let plan = sources.plan.as_str();
    let of_plan = |release: ReleaseBrief| {
        if release.spec.release_plan == plan {
            evidence.releases.push(release);
        }
    };
    // What was seen of a list that broke off is there all the same.
    let listed = timeout_at(deadline, sources.tenant.each_release(of_plan)).await;
    match listed {
        Ok(Ok(())) => {}
        Ok(Err(error)) => note(&mut evidence, SourceName::Releases, &error),
        Err(_) => too_slow(&mut evidence, SourceName::Releases, sources),
    }
    retracted(sources, deadline, &mut evidence).await;
    match &sources.archive {
        None => evidence.reach = Reach::Live,
        Some(archive) => {
            let back = BACK.max(sources.threshold.saturating_mul(THRESHOLDS_BACK));
            evidence.reach = Reach::Back(back);
            archived(sources, archive, Some(now - back), deadline, &mut evidence).await;
        }
    }
    compare(sources, deadline, &mut evidence).await;
    if let Some(archive) = &sources.archive
        && evidence.newest().is_none()
        && evidence.knows_releases()
    {
        beyond(sources, archive, deadline, &mut evidence).await;
    }
    evidence
}

/// Notes which images the plan has taken back; a missing list is empty.
async fn retracted(sources: &Sources, deadline: Instant, evidence: &mut Evidence) {
    let (tenant, plan) = (&sources.tenant, sources.plan.as_str());
    let store = lists::store::<Retraction>(&tenant.cluster, plan);
    let read = lists::read::<Retraction>(store.as_ref(), &tenant.clock, plan);
    match timeout_at(deadline, read).await {
        Ok(Ok(list)) => {
            let list = list.unwrap_or_else(|| List::of_plan(plan));
            evidence.retracted = list.digests().cloned().collect();
            let back = list.entries.iter().flat_map(|entry| &entry.back);
            evidence.moved_back = back.map(|back| back.release.clone()).collect();
        }
        Ok(Err(error)) => note(evidence, SourceName::Retracted, &error),
        Err(_) => too_slow(evidence, SourceName::Retracted, sources),
    }
}

/// Remarks that somebody holds the plan's promotions, or that this cannot be seen.
async fn hold(sources: &Sources, now: Timestamp, evidence: &mut Evidence) {
    let (tenant, plan) = (&sources.tenant, sources.plan.as_str());
    let store = lists::store::<Hold>(&tenant.cluster, plan);
    let remark = match lists::read::<Hold>(store.as_ref(), &tenant.clock, plan).await {
        Ok(list) => list.as_ref().and_then(|list| list.in_force(now)).map(|hold| {
            format!("promotion by plan {plan} is {}; hold-gate --lift ends it", hold.words())
        }),
        Err(error) => Some(format!("whether promotion is held cannot be seen: {}", Chain(&error))),
    };
    evidence.remarks.extend(remark);
}

fn too_slow(evidence: &mut Evidence, name: SourceName, sources: &Sources) {
    let why = format!("no answer within {}", crate::duration::human(sources.patience));
    tracing::warn!("{}: {why}", name.words());
    evidence.silent.push(Source::silent(name, why));
}

/// Adds what the archive has, as far as it can be read.
async fn archived(
    sources: &Sources,
    archive: &KubeArchive,
    after: Option<Timestamp>,
    deadline: Instant,
    evidence: &mut Evidence,
) {
    let of = (sources.tenant.cluster.namespace.as_str(), sources.plan.as_str());
    let snapshots = evidence.snapshots.clone();
    let enough = |seen: &[ReleaseBrief]| newest_is_among(seen, &snapshots);
    let within = kubearchive::WITHIN.min(deadline.saturating_duration_since(Instant::now()));
    let Listing { items, rest } = verified::archived(archive, of, after, within, enough).await;
    if let Some(error) = &rest {
        note(evidence, SourceName::Archive, error);
        // Lists are ordered by creation, newest first.
        let oldest = items
            .last()
            .and_then(|release: &ReleaseBrief| release.metadata.creation_timestamp);
        if let Some(source) = evidence.silent.last_mut() {
            source.rest_before = oldest.map(|oldest| oldest + LONGEST_RELEASE);
        }
    }
    evidence.releases = merge(std::mem::take(&mut evidence.releases), items);
}

/// Nothing verified was found so far back: whether there is anything before, and whether the
/// archive has anything of this namespace at all. What comes of it is no finding, only what is
/// said.
async fn beyond(
    sources: &Sources,
    archive: &KubeArchive,
    deadline: Instant,
    evidence: &mut Evidence,
) {
    let asked = archive.holds_any(konflux::RELEASES, &sources.tenant.cluster.namespace);
    let unknown = |why: &str| format!("what is older is not known: {why}");
    match timeout_at(deadline, asked).await {
        Ok(Ok(true)) => {
            let known = evidence.silent.len();
            archived(sources, archive, None, deadline, evidence).await;
            match evidence.silent.split_off(known).pop() {
                None => evidence.reach = Reach::All,
                Some(source) => evidence.remarks.push(unknown(&source.why)),
            }
            compare(sources, deadline, evidence).await;
        }
        Ok(Ok(false)) => evidence.remarks.push(kubearchive::NOTHING.to_owned()),
        Ok(Err(error)) => evidence.remarks.push(unknown(&Chain(&error).to_string())),
        Err(_) => evidence.remarks.push(unknown("KubeArchive takes too long")),
    }
}

/// Looks up the Snapshots of the newest Releases that landed, until one is found to verify an
/// image.
async fn compare(sources: &Sources, deadline: Instant, evidence: &mut Evidence) {
    for _ in 0..COMPARED {
        let Some(snapshot) = evidence.to_compare() else { return };
        match timeout_at(deadline, evidence.snapshots.look_up(&sources.tenant, &snapshot)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return note(evidence, SourceName::Snapshots, &error),
            Err(_) => return too_slow(evidence, SourceName::Snapshots, sources),
        }
    }
}

/// Looks for the newest Snapshot: with nothing newer to verify, an old image is no alarm.
pub async fn newest_build(sources: &Sources, evidence: &mut Evidence) {
    let Some(verified) = evidence.newest() else { return };
    let mut builds = Builds::default();
    let look = |built_at, digest: &Digest| builds.add(built_at, verified.image.is(digest));
    let (application, component) = (sources.application.as_deref(), sources.component.as_ref());
    match konflux::newest(&sources.tenant, application, component, look).await {
        Ok(Choice { unjudged: Some(seen), .. }) => {
            evidence.build = Some(Build::Unjudged {
                snapshot: seen.name,
                why: seen.against.words().into_owned(),
            });
        }
        Ok(Choice { chosen: Some(chosen), .. }) => {
            let (snapshot, built_at) = (chosen.name, chosen.built_at);
            let waiting_since = builds.oldest_newer(verified.at);
            evidence.build = chosen.digest.map(|digest| Build::Fit {
                snapshot,
                digest,
                built_at,
                waiting_since,
            });
        }
        Ok(Choice { looked_at, .. }) => {
            evidence.remarks.push(format!("no usable Snapshot among {looked_at}"));
        }
        Err(error) => note(evidence, SourceName::Snapshots, &error),
    }
}

/// When the fit Snapshots were built.
#[derive(Debug, Default)]
struct Builds {
    /// The newest build of the verified image.
    verified: Option<Timestamp>,
    others: Vec<Timestamp>,
}

impl Builds {
    fn add(&mut self, built_at: Option<Timestamp>, is_verified: bool) {
        match is_verified {
            true => self.verified = self.verified.max(built_at),
            false => self.others.extend(built_at),
        }
    }

    /// When the oldest one was built that is newer than the verified image; where that has no
    /// Snapshot any more, the oldest one built since it was verified.
    fn oldest_newer(&self, verified_at: Timestamp) -> Option<Timestamp> {
        let since = self.verified.unwrap_or(verified_at);
        self.others.iter().copied().filter(|built| *built > since).min()
    }
}

fn note(evidence: &mut Evidence, name: SourceName, error: &(dyn std::error::Error + 'static)) {
    let why = Chain(error).to_string();
    tracing::warn!("{}: {why}", name.words());
    evidence.silent.push(Source::silent(name, why));
}

/// Whether no later page can hold a newer verified image: lists are ordered by creation, newest
/// first.
fn newest_is_among(seen: &[ReleaseBrief], snapshots: &Snapshots) -> bool {
    let verified =
        seen.iter()
            .filter_map(|release| match release.standing(&snapshots.made_for(release)) {
                Standing::Verified { at, .. } => Some(at),
                _ => None,
            });
    let oldest = seen.last().and_then(|release| release.metadata.creation_timestamp);
    matches!((verified.max(), oldest), (Some(at), Some(oldest)) if at.duration_since(oldest) > LONGEST_RELEASE)
}
