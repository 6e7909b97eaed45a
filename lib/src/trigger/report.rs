//! What was chosen and why, for people and for programs.

use std::borrow::Cow;

use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Skip;
use crate::konflux::Choice;

/// How it ended for a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// A run has begun.
    Started { run: String },
    /// Rightly left alone.
    Skipped(Skip),
    /// A dry run would have started it.
    WouldStart,
    /// The plan has taken its image back: why.
    Refused(String),
    /// No run began: why.
    Failed(String),
}

/// A scenario and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioReport {
    pub scenario: String,
    /// How it ended.
    pub ending: Ending,
}

impl ScenarioReport {
    fn word(&self) -> &'static str {
        match self.ending {
            Ending::Started { .. } => "started",
            Ending::Skipped(_) => "skipped",
            Ending::WouldStart => "would start",
            Ending::Refused(_) => "refused",
            Ending::Failed(_) => "failed",
        }
    }

    /// The ending in words.
    pub fn words(&self) -> String {
        match &self.ending {
            Ending::Started { run } => format!("run {run}"),
            Ending::Skipped(skip) => skip.words(),
            Ending::WouldStart => "no reason to skip it".to_owned(),
            Ending::Refused(why) | Ending::Failed(why) => why.clone(),
        }
    }
}

/// All that happened.
#[derive(Debug, Clone)]
pub struct Report {
    /// The Snapshots looked at.
    pub choice: Choice,
    /// The scenarios, in the order asked for.
    pub scenarios: Vec<ScenarioReport>,
    /// What could not be looked at.
    pub notes: Vec<String>,
    /// Why there was nothing to look at.
    pub hint: Option<String>,
    dry_run: bool,
}

impl Report {
    /// A report in which no scenario has been tried.
    pub fn new(choice: Choice, dry_run: bool) -> Self {
        Self { choice, scenarios: Vec::new(), notes: Vec::new(), hint: None, dry_run }
    }

    /// What went wrong, if anything did: one line for each scenario.
    pub fn failures(&self) -> Vec<String> {
        if let Some(unjudged) = &self.choice.unjudged {
            return vec![format!(
                "Snapshot {} is the newest, and it {}. no older one is tested in its place; mend it, or name another one with --snapshot",
                unjudged.name,
                unjudged.against.words()
            )];
        }
        if let (None, Some(hint)) = (&self.choice.chosen, &self.hint) {
            return vec![format!("no usable Snapshot: {hint}")];
        }
        if self.choice.chosen.is_none() {
            return vec![format!(
                "no usable Snapshot among {}; trigger-gate --dry-run shows why for each",
                self.choice.looked_at
            )];
        }
        let failed = self
            .scenarios
            .iter()
            .filter(|one| matches!(one.ending, Ending::Failed(_) | Ending::Refused(_)));
        failed
            .map(|one| format!("{}: {}", one.scenario, one.words()))
            .collect()
    }

    /// Whether all that was not started was refused: trying again does not help.
    pub fn is_refused(&self) -> bool {
        let failed = |one: &ScenarioReport| matches!(one.ending, Ending::Failed(_));
        let refused = |one: &ScenarioReport| matches!(one.ending, Ending::Refused(_));
        self.scenarios.iter().any(refused) && !self.scenarios.iter().any(failed)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let scenario = |one: &super::ScenarioReport| {
            let mut value =
                json!({"scenario": one.scenario, "outcome": one.word(), "reason": one.words()});
            if let Ending::Started { run } = &one.ending {
                value["run"] = json!(run);
            }
            value
        };
        let mut value = json!({
            "snapshot": self.choice.chosen.as_ref().map(|chosen| &chosen.name),
            "digest": self.choice.chosen.as_ref().and_then(|chosen| chosen.digest.as_ref()).map(ToString::to_string),
            "unjudged": self.choice.unjudged.as_ref().map(|seen| json!({"snapshot": seen.name, "reason": seen.against.words()})),
            "looked_at": self.choice.looked_at,
            "scenarios": self.scenarios.iter().map(scenario).collect::<Vec<_>>(),
        });
        if self.dry_run {
            value["candidates"] = self
                .rows()
                .map(|(name, built, why)| {
                    json!({
                        "snapshot": name, "built_at": built, "reason": why,
                    })
                })
                .collect();
        }
        value
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.dry_run {
            let mut table = Table::new();
            table
                .load_style(presets::NOTHING)
                .set_header(["snapshot", "built", ""]);
            for row in self.rows() {
                table.add_row([row.0, &row.1, &row.2]);
            }
            text += &format!("{table}\n\n");
        } else if let Some(chosen) = &self.choice.chosen {
            text += &format!("{} of {} Snapshots looked at\n", chosen.name, self.choice.looked_at);
        }
        for one in &self.scenarios {
            text += &format!("{}  {}: {}\n", one.scenario, one.word(), one.words());
        }
        text
    }

    fn rows(&self) -> impl Iterator<Item = (&str, String, Cow<'static, str>)> {
        let time = |at: Option<Timestamp>| at.map(|at| format!("{at:.0}")).unwrap_or_default();
        let chosen = self.choice.chosen.iter().map(move |one| {
            (one.name.as_str(), time(one.built_at), Cow::Borrowed("chosen: the newest usable one"))
        });
        let others = self
            .choice
            .others
            .iter()
            .map(move |seen| (seen.name.as_str(), time(seen.built_at), seen.against.words()));
        chosen.chain(others)
    }
}
