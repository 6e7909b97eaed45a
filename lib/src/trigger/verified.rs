//! Whether the chosen image is verified already.
//!
//! A live Release is asked first. It leaves the cluster after some days (`gracePeriodDays`, 7 by
//! default) and its image stays verified, so two more are asked: the records of the scenario's
//! runs, which outlive their Releases, and KubeArchive, where there is one. Each of them can only
//! say yes.
//!
//! What cannot be read counts only where its answer could be yes ([`record_may_tell`],
//! [`archive_may_tell`]), and then nothing is started (design: unknown is never taken for none):
//! the image would be tested for nothing, and a second Release of it be made. That a build of today
//! waits for an archive that is down would be worse; but of that the archive can know nothing.

use jiff::{SignedDuration, Timestamp};

use super::{Options, TriggerError};
use crate::cluster::Tenant;
use crate::failure::Chain;
use crate::image::Digest;
use crate::konflux::Candidate;
use crate::kubearchive::{self, ArchiveError, KubeArchive, Listing};
use crate::record::{Past, Unreadable};
use crate::verified::{Image, ReleaseBrief, Snapshots, Standing, archived, merge};

/// So many of a plan's newest Releases are compared by the digest of their Snapshots.
const COMPARED: usize = 20;

/// A Release stays in the cluster for at least a day: `gracePeriodDays` counts days, and
/// create-release takes none below 1. So no archive is needed for an image that was built later
/// than this ago.
const SHORTEST_STAY: SignedDuration = SignedDuration::from_hours(24);

/// How far back the archive is asked where it is not known when the image was built (90 days).
const BACK: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What tells that an image is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifiedBy {
    /// A Release in the cluster, by its name.
    Release(String),
    /// A Release that has left the cluster, by its name.
    Archived(String),
    /// The record of a run, by the ConfigMap's name.
    Record(String),
}

impl VerifiedBy {
    /// For people.
    pub fn words(&self) -> String {
        match self {
            Self::Release(name) => format!("already verified: Release {name} has landed"),
            Self::Archived(name) => {
                format!("already verified: Release {name} has landed, as KubeArchive shows")
            }
            Self::Record(name) => {
                format!("already verified: a Release of it has landed, by the record {name}")
            }
        }
    }
}

/// An image that is verified for the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Where this was found.
    pub by: VerifiedBy,
    pub snapshot: Option<String>,
    pub image: Image,
}

impl Verified {
    /// Whether it is the chosen one. Without a digest, of a Snapshot that a person named, its name
    /// is compared.
    pub fn is_of(&self, chosen: &Candidate) -> bool {
        let same_snapshot = self.snapshot.as_deref() == Some(chosen.name.as_str());
        match &chosen.digest {
            None => same_snapshot,
            Some(_) if matches!(self.image, Image::Snapshot(_)) => same_snapshot,
            Some(digest) => self.image.is(digest),
        }
    }
}

/// The images that were promoted by the plan, as the runs' own records have them.
pub fn recorded(runs: &[Past], plan: &str) -> Vec<Verified> {
    let of_plan = |run: &Past| {
        let verified = run.verified.as_ref().filter(|verified| verified.plan == plan)?;
        Some(Verified {
            by: VerifiedBy::Record(run.name.clone()),
            snapshot: run.snapshot.clone(),
            image: Image::Digest(verified.image.to_string()),
        })
    };
    runs.iter().filter_map(of_plan).collect()
}

/// Whether a record that cannot be read may tell that the image is verified: not one that was begun
/// before the image was built.
pub fn record_may_tell(record: &Unreadable, chosen: &Candidate) -> bool {
    chosen.built_at.is_none_or(|built| record.created_at >= built)
}

/// Whether a Release of the image may have left the cluster by now.
pub fn archive_may_tell(chosen: &Candidate, now: Timestamp) -> bool {
    chosen
        .built_at
        .is_none_or(|built| now.duration_since(built) >= SHORTEST_STAY)
}

/// The plan's Releases, and what their Snapshots have.
pub struct Releases<'a> {
    tenant: &'a Tenant,
    plan: &'a str,
    chosen: &'a Candidate,
    snapshots: Snapshots,
    live: Vec<ReleaseBrief>,
}

impl<'a> Releases<'a> {
    /// Of a plan; none read yet.
    pub fn of(tenant: &'a Tenant, plan: &'a str, options: &Options, chosen: &'a Candidate) -> Self {
        let snapshots = Snapshots::of(options.component.clone());
        Self { tenant, plan, chosen, snapshots, live: Vec::new() }
    }

    /// The images that live Releases verify, as far as they may be the chosen one.
    ///
    /// # Errors
    /// [`TriggerError`] when Releases or Snapshots cannot be read.
    pub async fn live(&mut self) -> Result<Vec<Verified>, TriggerError> {
        let mut live = Vec::new();
        let of_plan = |release: ReleaseBrief| {
            if release.spec.release_plan == self.plan {
                live.push(release);
            }
        };
        self.tenant.each_release(of_plan).await?;
        let verified = self.verified(&live, VerifiedBy::Release).await?;
        self.live = live;
        Ok(verified)
    }

    /// The same of Releases that are in the archive alone, and why some of them could not be read.
    ///
    /// # Errors
    /// [`TriggerError`] when Snapshots cannot be read.
    pub async fn archived(
        &mut self,
        archive: &KubeArchive,
    ) -> Result<(Vec<Verified>, Option<String>), TriggerError> {
        let clock = &self.tenant.clock;
        // A Release is made after the image that it is of.
        let after = self.chosen.built_at.or_else(|| clock.now().checked_sub(BACK).ok());
        let of = (self.tenant.cluster.namespace.as_str(), self.plan);
        let Listing { items, rest } =
            archived(archive, of, after, kubearchive::WITHIN, |_| false).await;
        let live = std::mem::take(&mut self.live);
        let known = live.len();
        let gone = merge(live, items).split_off(known);
        let why = rest.map(|error: ArchiveError| Chain(&error).to_string());
        Ok((self.verified(&gone, VerifiedBy::Archived).await?, why))
    }

    async fn verified(
        &mut self,
        releases: &[ReleaseBrief],
        by: impl Fn(String) -> VerifiedBy,
    ) -> Result<Vec<Verified>, TriggerError> {
        let may_tell =
            |release: &&ReleaseBrief| release.has_landed() && may_be_of(release, self.chosen);
        let mut releases = releases.iter().filter(may_tell).collect::<Vec<_>>();
        releases.sort_by_key(|release| std::cmp::Reverse(release.metadata.creation_timestamp));
        let mut found = Vec::new();
        for release in releases {
            if self.snapshots.len() < COMPARED {
                self.snapshots.look_up(self.tenant, &release.spec.snapshot).await?;
            }
            let standing = release.standing(&self.snapshots.made_for(release));
            let (name, snapshot) = (release.metadata.name.clone(), release.spec.snapshot.clone());
            match standing {
                Standing::Verified { image, .. } => {
                    found.push(Verified { by: by(name), snapshot: Some(snapshot), image });
                }
                Standing::Automatic => tracing::warn!(
                    "Release {name} of plan {} was made automatically, of an untested image; it verifies nothing",
                    self.plan
                ),
                Standing::OtherDigest { pushed, made_for } => tracing::warn!(
                    "Release {name} of plan {} pushed {pushed} instead of {made_for}; it verifies nothing",
                    self.plan
                ),
                Standing::NotLanded => {}
            }
        }
        Ok(found)
    }
}

/// Whether a Release is worth a look at its Snapshot: it says that it pushed the image, or does not
/// say what.
fn may_be_of(release: &ReleaseBrief, chosen: &Candidate) -> bool {
    let pushed = release.pushed();
    let has = |digest: &Digest| pushed.iter().any(|pushed| pushed == digest.as_str());
    pushed.is_empty()
        || release.spec.snapshot == chosen.name
        || chosen.digest.as_ref().is_some_and(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate() -> Candidate {
        let digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let built_at = Some("2026-08-20T03:00:00Z".parse().unwrap());
        Candidate { name: "s-1".into(), built_at, digest: Some(digest) }
    }

    fn verified(snapshot: &str, image: Image) -> Verified {
        Verified { by: VerifiedBy::Release("r".into()), snapshot: Some(snapshot.into()), image }
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
            assert_eq!(known.is_of(&candidate()), is_verified, "{known:?}");
        }
        let unknown = Candidate { digest: None, ..candidate() };
        assert!(verified("s-1", sha('b')).is_of(&unknown));
    }

    #[test]
    fn a_release_that_pushed_something_else_is_not_looked_at() {
        let release = |snapshot: &str, pushed: &[&str]| -> ReleaseBrief {
            let images = pushed.iter().map(|letter| {
                serde_json::json!({"name": "ho", "shasum": format!("sha256:{}", letter.repeat(64))})
            });
            serde_json::from_value(serde_json::json!({
                "metadata": {"name": "r"},
                "spec": {"snapshot": snapshot, "releasePlan": "plan"},
                "status": {"artifacts": {"images": images.collect::<Vec<_>>()}},
            }))
            .unwrap()
        };
        let unknown = Candidate { digest: None, ..candidate() };
        for (snapshot, pushed, of_it, of_unknown) in [
            ("s-0", &["a"][..], true, false),
            ("s-0", &["b", "a"], true, false),
            ("s-0", &["b"], false, false),
            ("s-1", &["b"], true, true),
            ("s-0", &[], true, true),
        ] {
            let release = release(snapshot, pushed);
            assert_eq!(may_be_of(&release, &candidate()), of_it, "{snapshot} {pushed:?}");
            assert_eq!(may_be_of(&release, &unknown), of_unknown, "{snapshot} {pushed:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_counts_only_where_it_could_say_yes() {
        let torn = |at: &str| Unreadable {
            name: "gate-x".into(),
            created_at: at.parse().unwrap(),
            why: "EOF".into(),
        };
        let undated = Candidate { built_at: None, ..candidate() };
        for (begun, may) in [("2026-08-20T02:59:59Z", false), ("2026-08-20T03:00:00Z", true)] {
            assert_eq!(record_may_tell(&torn(begun), &candidate()), may, "{begun}");
            assert!(record_may_tell(&torn(begun), &undated));
        }
        for (now, may) in [("2026-08-21T02:59:59Z", false), ("2026-08-21T03:00:00Z", true)] {
            assert_eq!(archive_may_tell(&candidate(), now.parse().unwrap()), may, "{now}");
            assert!(archive_may_tell(&undated, now.parse().unwrap()));
        }
    }
}
