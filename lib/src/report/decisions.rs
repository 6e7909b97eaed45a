//! What people decided in writing about a gate: overrides, holds and retracted images.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::played::{NAME, Played, WORDS};
use crate::image::Digest;
use crate::lists::{Hold, List, Retraction};
use crate::text::one_line;

/// No more of them are shown for a gate.
const SHOWN: usize = 100;

/// Overrides younger than this are counted at the top of the page (30 days).
const LATELY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The lists of a ReleasePlan as they were read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lists<'a> {
    /// When nothing is promoted.
    pub holds: Option<&'a List<Hold>>,
    /// Which images are promoted no more.
    pub retracted: Option<&'a List<Retraction>>,
}

/// Something that a person decided. The names in it are information: only a Release's author is
/// proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// What kind of decision it is.
    pub kind: DecisionKind,
    /// What it is about: a job, or an image. Absent for a hold, which is about the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Why, in the person's words.
    pub reason: String,
    /// Who, as the cluster said then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// When a hold ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// When a hold was lifted, or a retraction undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ended_at: Option<Timestamp>,
    /// Who did that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// Whether it keeps something from being promoted now.
    pub in_force: bool,
    /// The night that it is about, by its id; absent where that is not one decision's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub night: Option<String>,
}

/// What a person can decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecisionKind {
    /// A blocking job that did not pass was accepted (`override-gate`).
    Override,
    /// Nothing is promoted until a time (`hold-gate`).
    Hold,
    /// A verified image was taken back (`retract-image`).
    Retraction,
}

impl DecisionKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Override, Self::Hold, Self::Retraction];

    /// In a word, as JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Hold => "hold",
            Self::Retraction => "retraction",
        }
    }
}

impl Decision {
    /// One of which no more is known.
    fn of(kind: DecisionKind, at: Timestamp, reason: &str) -> Self {
        Self {
            kind,
            what: None,
            reason: one_line(reason, WORDS),
            by: None,
            at,
            until: None,
            ended_at: None,
            ended_by: None,
            in_force: false,
            night: None,
        }
    }
}

/// The decisions of a gate, those in force first, then the newest ones.
pub(super) fn decisions(runs: &[&Played], lists: Lists<'_>, now: Timestamp) -> Vec<Decision> {
    let name = |name: &Option<String>| name.as_deref().map(|name| one_line(name, NAME));
    let overrides = runs.iter().flat_map(|run| {
        run.accepted.iter().map(|accepted| Decision {
            what: Some(accepted.job.clone()),
            by: accepted.by.clone(),
            night: Some(run.night.id.clone()),
            ..Decision::of(DecisionKind::Override, accepted.at, &accepted.reason)
        })
    });
    let holds = lists.holds.into_iter().flat_map(|list| &list.entries);
    let holds = holds.map(|hold| Decision {
        by: name(&hold.by),
        until: Some(hold.until),
        ended_at: hold.lifted_at,
        ended_by: name(&hold.lifted_by),
        in_force: hold.holds(now),
        ..Decision::of(DecisionKind::Hold, hold.at, &hold.reason)
    });
    let retracted = lists.retracted.into_iter().flat_map(|list| &list.entries);
    let retracted = retracted.map(|entry| Decision {
        what: Some(entry.digest.to_string()),
        by: name(&entry.by),
        ended_at: entry.undone_at,
        ended_by: name(&entry.undone_by),
        in_force: entry.undone_at.is_none(),
        ..Decision::of(DecisionKind::Retraction, entry.at, &entry.reason)
    });
    let mut found: Vec<_> = overrides.chain(holds).chain(retracted).collect();
    found.sort_by_key(|decision| std::cmp::Reverse((decision.in_force, decision.at)));
    found.truncate(SHOWN);
    found
}

/// Whether the plan's list says that an image was taken back.
pub(super) fn is_retracted(lists: Lists<'_>, digest: &Digest) -> bool {
    lists.retracted.is_some_and(|list| list.of(digest).is_some())
}

/// How many jobs were accepted in the last 30 days.
pub(super) fn overrides_lately(decisions: &[Decision], now: Timestamp) -> usize {
    let is_late = |decision: &&Decision| {
        decision.kind == DecisionKind::Override && now.duration_since(decision.at) < LATELY
    };
    decisions.iter().filter(is_late).count()
}
