//! The Releases of a plan, as far as a retraction needs them.

use jiff::Timestamp;

use super::{Options, Sources};
use crate::cluster::ApiError;
use crate::failure::Chain;
use crate::image::Digest;
use crate::konflux::{Outcome, RELEASES, Release, SnapshotBrief, outcome};
use crate::kubearchive;
use crate::verified::{Image, ReleaseBrief, Snapshots, Standing, archived, merge};

/// Releases on a page.
const A_PAGE: u32 = 50;

/// How far back the archive is asked (90 days).
const BACK: jiff::SignedDuration = jiff::SignedDuration::from_hours(90 * 24);

/// So many of the newest Releases are compared with their Snapshots.
const COMPARED: usize = 60;

/// How a Release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has not ended.
    Running,
    /// It has landed.
    Landed,
    /// It failed, and pushed nothing.
    Failed,
    /// It has ended, and may have pushed its image.
    Unknown,
}

/// A Release of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub release: String,
    pub snapshot: String,
    pub state: State,
    /// Whether it is still in the cluster.
    pub is_live: bool,
    /// When it ended, or else was created.
    pub at: Option<Timestamp>,
    /// The images that it is of, as far as that is known.
    pub digests: Vec<Digest>,
    /// The first digits of its image, by its name.
    pub digits: Option<String>,
    /// The image that it verifies: one whose Snapshot is still there with that digest.
    pub verifies: Option<Digest>,
    /// When that Snapshot was built.
    pub built_at: Option<Timestamp>,
}

impl Seen {
    /// Whether it is, or may be, of that image.
    pub fn is_of(&self, digest: &Digest) -> bool {
        self.digests.contains(digest) || self.digits.as_deref() == Some(digest.short())
    }
}

/// Reads the plan's Releases, live and archived, with their Snapshots; the one that ended last first,
/// those that have not ended before all.
///
/// # Errors
/// [`ApiError`] when Releases or Snapshots cannot be read; an archive that does not answer is a
/// warning, since it can only add images to go back to.
pub async fn releases(
    options: &Options,
    sources: &Sources,
    plan: &str,
) -> Result<Vec<Seen>, ApiError> {
    let tenant = &sources.tenant;
    let of_plan = |release: Release| {
        let state = match outcome(&release, &options.digest) {
            Outcome::Running { .. } => State::Running,
            Outcome::Failed { .. } => State::Failed,
            Outcome::Released { .. } => State::Landed,
            Outcome::Unknown { .. } => State::Unknown,
        };
        (release.spec.release_plan == plan).then(|| (ReleaseBrief::from(release), state))
    };
    let listed = tenant.list(RELEASES, "", A_PAGE, of_plan).await?;
    let live: Vec<ReleaseBrief> = listed.iter().map(|(brief, _)| brief.clone()).collect();
    let known = live.len();
    let all = match &sources.archive {
        None => live,
        Some(archive) => {
            let after = tenant.clock.now().checked_sub(BACK).ok();
            let of = (tenant.namespace(), plan);
            let listing = archived(archive, of, after, kubearchive::WITHIN, |_| false).await;
            if let Some(error) = &listing.rest {
                tracing::warn!("KubeArchive: {}; older images may not be seen", Chain(error));
            }
            merge(live, listing.items)
        }
    };
    let mut order: Vec<usize> = (0..all.len()).collect();
    let at =
        |brief: &ReleaseBrief| brief.status.completion_time.or(brief.metadata.creation_timestamp);
    order.sort_by_key(|index| std::cmp::Reverse(at(&all[*index])));
    let mut snapshots = Snapshots::of(options.component.clone());
    let mut found = Vec::new();
    for index in order {
        let brief = &all[index];
        let is_live = index < known;
        // What pushed another digest than the one retracted has landed all the same.
        let state = match listed.get(index).map(|(_, state)| *state) {
            Some(State::Unknown) | None if brief.has_landed() => State::Landed,
            Some(state) => state,
            // The archive keeps what has ended.
            None => State::Failed,
        };
        let snapshot = match snapshots.len() < COMPARED {
            true => snapshot(sources, brief, &mut snapshots).await?,
            false => None,
        };
        found.push(seen(brief, state, is_live, &snapshots, snapshot.as_ref()));
    }
    found.sort_by_key(|seen| seen.state != State::Running);
    Ok(found)
}

async fn snapshot(
    sources: &Sources,
    brief: &ReleaseBrief,
    snapshots: &mut Snapshots,
) -> Result<Option<SnapshotBrief>, ApiError> {
    let name = &brief.spec.snapshot;
    if name.is_empty() {
        return Ok(None);
    }
    let found = sources.tenant.snapshot_brief(name).await?;
    snapshots.note(name, found.as_ref());
    Ok(found.filter(|found| found.metadata.deletion_timestamp.is_none()))
}

fn seen(
    brief: &ReleaseBrief,
    state: State,
    is_live: bool,
    snapshots: &Snapshots,
    snapshot: Option<&SnapshotBrief>,
) -> Seen {
    let made_for = snapshots.made_for(brief);
    let pushed = brief
        .pushed()
        .into_iter()
        .filter_map(|digest| digest.parse::<Digest>().ok());
    let has = |digest: &Digest| {
        made_for
            .digests
            .as_ref()
            .is_some_and(|digests| digests.contains(digest))
    };
    let verifies = match brief.standing(&made_for) {
        Standing::Verified { image: Image::Digest(digest), .. } => digest
            .parse::<Digest>()
            .ok()
            .filter(|digest| snapshot.is_some() && has(digest)),
        _ => None,
    };
    let mut digests: Vec<Digest> = made_for.digests.clone().unwrap_or_default();
    digests.extend(pushed);
    Seen {
        release: brief.metadata.name.clone(),
        snapshot: brief.spec.snapshot.clone(),
        state,
        is_live,
        at: brief.status.completion_time.or(brief.metadata.creation_timestamp),
        digests,
        digits: made_for.digits,
        verifies,
        built_at: snapshot.and_then(SnapshotBrief::built_at),
    }
}

#[cfg(test)]
mod tests;
