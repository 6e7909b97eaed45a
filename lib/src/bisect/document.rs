//! The record of a bisect: one document of kind `bisect`, and in it a gate record for the run that
//! is under way, so that it is launched exactly once and judged as the gate's runs are.
//!
//! It has the label of its kind and none of a gate or a scenario, so that no gate counts its runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chance::Before;
use super::slot::Slot;
use super::{Outcome, Rules};
use crate::image::ImageRef;
use crate::record::{GateRecord, JobRecord, PolicyRecord, labels};

/// The version of the document's schema that this toolkit reads and writes.
pub const SCHEMA_VERSION: u32 = 1;

/// What the document is about.
pub const KIND: &str = labels::BISECT;

/// A Snapshot of the range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    pub snapshot: String,
    pub image: ImageRef,
    /// The git revision that the image was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The repository of that revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_url: Option<String>,
    /// When its build began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub built_at: Option<Timestamp>,
    /// The title of the change, where an annotation tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where the change is shown, where an annotation tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A run of the job on a Snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// The place of the Snapshot in the range.
    pub place: usize,
    /// Which run of it, from 1.
    pub number: usize,
    /// What it showed; absent while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Prow's id of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// Where people look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_url: Option<String>,
    /// The gate record of the run while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub record: Option<Box<GateRecord>>,
}

impl Run {
    /// One of which nothing is known yet.
    pub fn of(slot: Slot) -> Self {
        Self {
            place: slot.place,
            number: slot.number,
            outcome: None,
            words: None,
            execution: None,
            job_url: None,
            record: None,
        }
    }
}

/// How a bisect ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Whether somebody stopped it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// Whether the message was delivered; absent where none was to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<bool>,
}

/// All that is known of a bisect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// The version of this document's schema.
    pub schema_version: u32,
    /// What the document is about: `bisect`.
    pub kind: String,
    /// Its id. The intent keys of its runs are made from it.
    pub id: String,
    /// When it was begun.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// The job, with what it is launched with.
    pub job: JobRecord,
    /// Constant variables besides (`--env`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The test that is looked for; any product failure where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// How much evidence is asked for.
    pub rules: Rules,
    /// What a run must show to count.
    #[serde(default)]
    pub policy: PolicyRecord,
    /// Earlier runs on good images.
    #[serde(default)]
    pub before: Before,
    /// The Snapshots, the good one first and the bad one last.
    pub range: Vec<Place>,
    /// The runs, in the order in which they were begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

impl Document {
    /// What was seen of each Snapshot: all that [`next`](super::next) asks for.
    pub fn seen(&self) -> Vec<Vec<Outcome>> {
        let mut seen = vec![Vec::new(); self.range.len()];
        for run in &self.runs {
            if let (Some(outcome), Some(place)) = (run.outcome, seen.get_mut(run.place)) {
                place.push(outcome);
            }
        }
        seen
    }

    /// The run of that number on that place.
    pub fn run(&self, slot: Slot) -> Option<&Run> {
        self.runs.iter().find(|run| slot.is(run))
    }

    /// What the run of that number on that place showed, if it has ended.
    pub fn seen_of(&self, slot: Slot) -> Option<Outcome> {
        self.run(slot)?.outcome
    }

    /// Notes what a run showed; what is there already stays.
    pub fn note(&mut self, slot: Slot, shown: Run) {
        match self.runs.iter_mut().find(|run| slot.is(run)) {
            Some(run) if run.outcome.is_none() => *run = shown,
            Some(_) => {}
            None => self.runs.push(shown),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::Class;

    pub(crate) fn place(number: usize) -> Place {
        Place {
            snapshot: format!("snap-{number}"),
            image: format!("quay.io/acme/ho@sha256:{number:064x}").parse().unwrap(),
            revision: Some(format!("{number:040x}")),
            git_url: Some("https://github.com/acme/ho".to_owned()),
            built_at: Timestamp::from_second(number as i64 * 3600).ok(),
            title: None,
            link: None,
        }
    }

    pub(crate) fn document(range: usize) -> Document {
        Document {
            schema_version: SCHEMA_VERSION,
            kind: KIND.to_owned(),
            id: "bisect".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            job: JobRecord {
                override_env: vec!["IMAGE".to_owned()],
                ..JobRecord::named("periodic-a", Class::Blocking)
            },
            env: BTreeMap::new(),
            test: None,
            rules: Rules::default(),
            policy: PolicyRecord::default(),
            before: Before::default(),
            range: (0..range).map(place).collect(),
            runs: Vec::new(),
            ended: None,
        }
    }
}
