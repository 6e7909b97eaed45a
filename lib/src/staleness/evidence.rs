//! What the sources tell, before anything is decided.

use jiff::{SignedDuration, Timestamp};

use crate::image::Digest;
use crate::record::Past;
use crate::tekton::PipelineRun;
use crate::verified::{Image, ReleaseBrief, Snapshots, Standing};

/// Where something was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceName {
    /// The cluster's Releases.
    Releases,
    /// KubeArchive's.
    Archive,
    /// The cluster's PipelineRuns.
    Runs,
    /// The gate's records.
    Records,
    /// The cluster's Snapshots.
    Snapshots,
    /// The plan's list of retracted images.
    Retracted,
}

impl SourceName {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Releases => "the cluster's Releases",
            Self::Archive => "KubeArchive",
            Self::Runs => "the cluster's PipelineRuns",
            Self::Records => "the gate's records",
            Self::Snapshots => "the cluster's Snapshots",
            Self::Retracted => "the list of retracted images",
        }
    }
}

/// A source that did not answer, or not to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub name: SourceName,
    pub why: String,
    /// Where a part was read: nothing of the rest landed later than this.
    pub rest_before: Option<Timestamp>,
}

impl Source {
    /// One that told nothing.
    pub fn silent(name: SourceName, why: impl Into<String>) -> Self {
        Self { name, why: why.into(), rest_before: None }
    }
}

/// How far back Releases were looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// As far as there are any.
    #[default]
    All,
    /// In the cluster alone: there is no archive to ask.
    Live,
    /// How old the newest archived one is.
    Back(SignedDuration),
}

/// The newest image that a Release verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub release: String,
    pub image: Image,
    pub at: Timestamp,
    /// Whether what it pushed was compared with what it was made for.
    pub compared: bool,
}

/// The newest Snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Build {
    /// It is fit to be tested.
    Fit {
        snapshot: String,
        /// Its image.
        digest: Digest,
        /// When its build began.
        built_at: Option<Timestamp>,
        /// When the oldest fit one was built that is newer than the verified image; none where this
        /// one has that.
        waiting_since: Option<Timestamp>,
    },
    /// It cannot be judged, so that trigger-gate starts nothing.
    Unjudged {
        snapshot: String,
        /// Why, in words.
        why: String,
    },
}

/// What the sources tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The plan's Releases, live and archived, each once.
    pub releases: Vec<ReleaseBrief>,
    /// The images that the plan has taken back.
    pub retracted: Vec<Digest>,
    /// The Releases that were made to move the tags back: their images were verified before.
    pub moved_back: Vec<String>,
    /// What their Snapshots have, as far as that was needed.
    pub snapshots: Snapshots,
    /// How far back the Releases go.
    pub reach: Reach,
    /// The newest Snapshot, where it was looked for.
    pub build: Option<Build>,
    /// The scenario's runs that are in the cluster.
    pub runs: Vec<PipelineRun>,
    /// The gate's records, newest first.
    pub records: Vec<Past>,
    /// When the gate's records were made that cannot be read: they are there, and what they tell is
    /// not known.
    pub unreadable: Vec<Timestamp>,
    /// Sources that did not answer.
    pub silent: Vec<Source>,
    /// Sources that were not asked, since no flag says for what.
    pub unasked: Vec<SourceName>,
    /// What else people should know.
    pub remarks: Vec<String>,
}

impl Evidence {
    /// The newest verified image.
    pub fn newest(&self) -> Option<Verified> {
        self.landed().into_iter().find_map(|release| self.verifies(release))
    }

    /// The Releases that landed and were not made automatically, newest first.
    pub(super) fn landed(&self) -> Vec<&ReleaseBrief> {
        let mut landed: Vec<&ReleaseBrief> = self
            .releases
            .iter()
            .filter(|release| release.has_landed() && !release.is_automatic())
            .filter(|release| !self.moved_back.contains(&release.metadata.name))
            .collect();
        landed.sort_by_key(|release| std::cmp::Reverse(release.landed_at()));
        landed
    }

    /// The Snapshot to look up next, so that the newest verified image is certain.
    pub(super) fn to_compare(&self) -> Option<String> {
        for release in self.landed() {
            let snapshot = &release.spec.snapshot;
            if !snapshot.is_empty() && !self.snapshots.knows(snapshot) {
                return Some(snapshot.clone());
            }
            if self.verifies(release).is_some() {
                return None;
            }
        }
        None
    }

    fn verifies(&self, release: &ReleaseBrief) -> Option<Verified> {
        let made_for = self.snapshots.made_for(release);
        let compared = made_for.digests.is_some() || made_for.digits.is_some();
        match release.standing(&made_for) {
            Standing::Verified { image, .. }
                if self.retracted.iter().any(|digest| image.is(digest)) =>
            {
                None
            }
            Standing::Verified { image, at } => {
                Some(Verified { release: release.metadata.name.clone(), image, at, compared })
            }
            _ => None,
        }
    }

    /// Releases that landed with another digest than their Snapshot's since the newest verified
    /// image, in words.
    pub fn discounted(&self) -> Vec<String> {
        let newest = self.newest().map(|newest| newest.at);
        let later = self
            .landed()
            .into_iter()
            .filter(|release| release.landed_at() > newest);
        let words = |release: &ReleaseBrief| match release
            .standing(&self.snapshots.made_for(release))
        {
            Standing::OtherDigest { pushed, made_for } => Some(format!(
                "Release {} landed and pushed {pushed} instead of {made_for}: it verifies nothing",
                release.metadata.name
            )),
            _ => None,
        };
        later.filter_map(words).collect()
    }

    /// When the gate last did anything that is known of, a run that is in flight included.
    pub fn last_activity(&self) -> Option<Timestamp> {
        let runs = self.runs.iter().filter_map(|run| run.metadata.creation_timestamp);
        runs.chain(self.recorded()).max()
    }

    /// The newest time by the API server's clock.
    pub fn last_stamp(&self) -> Option<Timestamp> {
        let runs = self.runs.iter().filter_map(|run| run.metadata.creation_timestamp);
        let made = self.releases.iter();
        runs.chain(made.filter_map(|release| release.metadata.creation_timestamp))
            .max()
    }

    /// When the gate first did anything that is known of.
    pub fn first_activity(&self) -> Option<Timestamp> {
        let runs = self.runs.iter().filter_map(|run| run.metadata.creation_timestamp);
        let made = self.releases.iter().filter(|release| !release.is_automatic());
        let releases = made.filter_map(|release| release.metadata.creation_timestamp);
        runs.chain(releases).chain(self.recorded()).min()
    }

    /// When the gate's records were made, those that cannot be read among them.
    fn recorded(&self) -> impl Iterator<Item = Timestamp> {
        self.records
            .iter()
            .map(|record| record.created_at)
            .chain(self.unreadable.iter().copied())
    }

    /// Whether all sources that can tell what is verified answered.
    pub fn knows_releases(&self) -> bool {
        !self
            .silent
            .iter()
            .any(|source| matches!(source.name, SourceName::Releases | SourceName::Archive))
    }

    /// Whether it is not certain that an image is verified, since its Snapshot cannot be read.
    pub fn is_in_doubt(&self, newest: &Verified) -> bool {
        !newest.compared && self.lacks(SourceName::Snapshots)
    }

    /// Whether a source did not answer.
    pub fn lacks(&self, name: SourceName) -> bool {
        self.silent.iter().any(|source| source.name == name)
    }

    /// Whether a source did not answer, or was not asked.
    pub fn ignores(&self, name: SourceName) -> bool {
        self.lacks(name) || self.unasked.contains(&name)
    }

    /// All sources that told nothing, those that were not asked among them.
    pub fn unanswered(&self) -> Vec<Source> {
        let unasked = self.unasked.iter().map(|name| {
            let flag = match name {
                SourceName::Runs => "--scenario",
                SourceName::Records => "--gate-label",
                SourceName::Archive => "--kubearchive-url",
                SourceName::Releases | SourceName::Snapshots | SourceName::Retracted => {
                    "--component"
                }
            };
            Source::silent(*name, format!("not asked, since {flag} was not given"))
        });
        self.silent.iter().cloned().chain(unasked).collect()
    }
}

#[cfg(test)]
mod tests;
