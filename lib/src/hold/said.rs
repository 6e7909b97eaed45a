//! What hold-gate did, for people, programs and Slack.

use serde_json::{Value, json};

use super::{Missed, What};
use crate::failure::Failure;
use crate::lists::Hold;
use crate::slack::{Colour, Line, Payload};
use crate::text;

/// What was done to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The ReleasePlan.
    pub name: String,
    /// The holds that were written, or lifted.
    pub holds: Vec<Hold>,
    /// What a lifted hold kept back.
    pub missed: Vec<Missed>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What was asked for.
    pub what: What,
    /// The plans, one by one.
    pub plans: Vec<Plan>,
    /// What could not be done.
    pub failures: Vec<String>,
    /// The namespace.
    pub namespace: String,
    /// Whether nothing was written.
    pub dry_run: bool,
}

impl Said {
    /// The commands that promote what was held back.
    pub fn commands(&self) -> Vec<String> {
        let missed = self.plans.iter().flat_map(|plan| &plan.missed);
        missed.map(|missed| missed.command(&self.namespace)).collect()
    }

    /// How the step ends.
    ///
    /// # Errors
    /// What could not be done.
    pub fn end(self) -> Result<(), Failure> {
        match self.failures.is_empty() {
            true => Ok(()),
            false => Err(Failure::failed(self.failures.join("; "))),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let plan = |plan: &Plan| {
            let missed = |missed: &Missed| {
                json!({"gate": missed.gate, "record": missed.record, "image": missed.image,
                    "command": missed.command(&self.namespace)})
            };
            json!({"plan": plan.name, "holds": plan.holds,
                "held_back": plan.missed.iter().map(missed).collect::<Vec<_>>()})
        };
        json!({
            "lifted": self.what == What::Lift,
            "plans": self.plans.iter().map(plan).collect::<Vec<_>>(),
            "dry_run": self.dry_run,
        })
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut table = String::new();
        for plan in &self.plans {
            for line in self.lines(plan) {
                table += &format!("{}  {line}\n", plan.name);
            }
        }
        for command in self.commands() {
            table += &format!("{}\n", text::harmless(&command));
        }
        table
    }

    fn lines(&self, plan: &Plan) -> Vec<String> {
        let would = if self.dry_run { "would be " } else { "" };
        let mut lines: Vec<String> = match (&self.what, plan.holds.as_slice()) {
            (What::Lift, []) => vec!["no hold was in force".to_owned()],
            (What::Lift, holds) => holds
                .iter()
                .map(|hold| format!("{would}lifted: {}", hold.words()))
                .collect(),
            (What::Hold { .. }, holds) => {
                holds.iter().map(|hold| format!("{would}{}", hold.words())).collect()
            }
        };
        lines.extend(plan.missed.iter().map(|missed| {
            format!("{} passed with image {}, and was held back", missed.gate, missed.image)
        }));
        lines
    }

    /// For the channel.
    pub fn message(&self) -> Payload {
        let names: Vec<&str> = self.plans.iter().map(|plan| plan.name.as_str()).collect();
        let plans = text::some_of(&names, 5);
        let (sign, colour, words) = match self.what {
            What::Hold { .. } => ("⏸️", Colour::Yellow, format!("promotion by {plans} is held")),
            What::Lift => ("▶️", Colour::Green, format!("promotion by {plans} goes on")),
        };
        let line = |plan: &Plan| self.lines(plan).into_iter().map(Line::of).collect::<Vec<_>>();
        let mut lines: Vec<Line> = self.plans.iter().flat_map(line).collect();
        lines.extend(
            self.commands()
                .into_iter()
                .map(|command| Line::of("promote it: ").code(command)),
        );
        if let What::Hold { .. } = self.what {
            lines.push(Line::of("tests go on; what passes is not promoted until the hold ends or hold-gate --lift ends it"));
        }
        let footer = Line::of(format!("namespace {}", self.namespace));
        Payload {
            headline: Line::of(format!("{sign} ")).bold(words),
            colour,
            body: vec![lines],
            footer: Some(footer),
        }
    }
}
