//! What the sources tell, before anything is decided.

use jiff::Timestamp;

use crate::record::Past;
use crate::trigger::Run;
use crate::verified::ReleaseBrief;

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
}

impl SourceName {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Releases => "the cluster's Releases",
            Self::Archive => "KubeArchive",
            Self::Runs => "the cluster's PipelineRuns",
            Self::Records => "the gate's records",
        }
    }
}

/// A source that did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which.
    pub name: SourceName,
    /// Why.
    pub why: String,
}

/// The newest image that a Release landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The Release.
    pub release: String,
    /// The image in words.
    pub image: String,
    /// When.
    pub at: Timestamp,
}

/// What the sources tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The plan's Releases, live and archived, each once.
    pub releases: Vec<ReleaseBrief>,
    /// The scenario's runs that are in the cluster.
    pub runs: Vec<Run>,
    /// The gate's records, newest first.
    pub records: Vec<Past>,
    /// Sources that did not answer.
    pub silent: Vec<Source>,
}

impl Evidence {
    /// The newest verified image.
    pub fn newest(&self) -> Option<Verified> {
        let landed = self.releases.iter().filter_map(|release| Some((release.landed_at()?, release)));
        let (at, release) = landed.max_by_key(|(at, _)| *at)?;
        Some(Verified { release: release.metadata.name.clone(), image: release.image_words(), at })
    }

    /// When the gate last did anything that is known of, a run that is in flight included.
    pub fn last_activity(&self) -> Option<Timestamp> {
        let runs = self.runs.iter().filter_map(|run| run.metadata.creation_timestamp);
        runs.chain(self.records.iter().map(|record| record.created_at)).max()
    }

    /// When the gate first did anything that is known of.
    pub fn first_activity(&self) -> Option<Timestamp> {
        let runs = self.runs.iter().filter_map(|run| run.metadata.creation_timestamp);
        let releases = self.releases.iter().filter_map(|release| release.metadata.creation_timestamp);
        runs.chain(releases).chain(self.records.iter().map(|record| record.created_at)).min()
    }

    /// Whether all sources that can tell what is verified answered.
    pub fn knows_releases(&self) -> bool {
        !self.silent.iter().any(|source| matches!(source.name, SourceName::Releases | SourceName::Archive))
    }

    /// Whether a source did not answer.
    pub fn lacks(&self, name: SourceName) -> bool {
        self.silent.iter().any(|source| source.name == name)
    }
}

/// Live Releases and archived ones, each once: the live object is the newer one.
pub fn merge(live: Vec<ReleaseBrief>, archived: Vec<ReleaseBrief>) -> Vec<ReleaseBrief> {
    let mut merged = live;
    for release in archived {
        if !merged.iter().any(|known| !known.metadata.uid.is_empty() && known.metadata.uid == release.metadata.uid) {
            merged.push(release);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(uid: &str, reason: &str, completed: Option<&str>) -> ReleaseBrief {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": format!("r-{uid}"), "uid": uid, "creationTimestamp": "2026-08-20T09:00:00Z"},
            "status": {
                "completionTime": completed,
                "conditions": [{"type": "Released", "status": if reason == "Succeeded" { "True" } else { "False" }, "reason": reason}],
            },
        }))
        .unwrap()
    }

    #[test]
    fn the_live_object_counts() {
        let live = vec![release("1", "Succeeded", Some("2026-08-20T09:06:00Z"))];
        let archived = vec![release("1", "Progressing", None), release("2", "Progressing", None)];
        let merged = merge(live, archived);
        assert_eq!(merged.len(), 2);
        let evidence = Evidence { releases: merged, ..Evidence::default() };
        assert_eq!(evidence.newest().unwrap().release, "r-1");
    }

    #[test]
    fn an_archived_release_that_never_ended_is_no_verified_image() {
        let evidence = Evidence { releases: vec![release("2", "Progressing", None)], ..Evidence::default() };
        assert_eq!(evidence.newest(), None);
    }
}
