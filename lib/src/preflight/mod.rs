//! `--check`: what a step needs of the systems around it, looked at before it matters.
//!
//! A token that has expired, a webhook that was revoked, a right that is missing, a job name with a
//! typing error: each of them costs a night when it is found by the gate itself. Every step that
//! talks to something has `--check`, which asks the same servers with the same secrets and changes
//! nothing. What is looked at, and in which order, is with each step; here is what they share: the
//! table ([`Preflight`]), the cluster and its rights ([`rights`]), the record ([`place`]), Prow
//! ([`prow`]), plans ([`konflux`]), Slack and KubeArchive ([`speakers`]).

pub mod input;
pub mod konflux;
pub mod lists;
pub mod place;
pub mod prow;
pub mod rights;
pub mod speakers;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, IsTerminal};

use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::step::Results;
use crate::text;

/// Columns of what was looked at.
const COLUMN: usize = 13;

/// What came of looking at one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is as the step needs it.
    Passed,
    /// The step would fail on it.
    Failed,
    /// It could not be told, which is no reason to fail.
    Unknown,
}

impl Outcome {
    fn mark(self) -> char {
        match self {
            Self::Passed => '✓',
            Self::Failed => '✗',
            Self::Unknown => '?',
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The thing, in a word or two.
    pub what: &'static str,
    /// What came of it.
    pub result: Outcome,
    /// In words; what to do, where it failed.
    pub detail: String,
}

/// Everything that was looked at, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preflight(Vec<Check>);

impl Preflight {
    /// It is as needed.
    pub fn passed(&mut self, what: &'static str, detail: impl fmt::Display) {
        self.add(what, Outcome::Passed, &detail);
    }

    /// The step would fail on it.
    pub fn failed(&mut self, what: &'static str, detail: impl fmt::Display) {
        self.add(what, Outcome::Failed, &detail);
    }

    /// It could not be told.
    pub fn unknown(&mut self, what: &'static str, detail: impl fmt::Display) {
        self.add(what, Outcome::Unknown, &detail);
    }

    fn add(&mut self, what: &'static str, result: Outcome, detail: &dyn fmt::Display) {
        self.0
            .push(Check { what, result, detail: text::one_line(&detail.to_string(), 600) });
    }

    /// What was looked at.
    pub fn checks(&self) -> &[Check] {
        &self.0
    }

    /// What failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.0.iter().filter(|check| check.result == Outcome::Failed)
    }

    /// The list for machines: `[{"what":…,"result":"passed|failed|unknown","detail":…}]`.
    pub fn json(&self) -> Value {
        serde_json::json!(self.0)
    }

    /// The table for people.
    pub fn table(&self) -> String {
        let width = self
            .0
            .iter()
            .map(|check| check.what.chars().count())
            .max()
            .unwrap_or(0)
            .max(COLUMN);
        let row = |check: &Check| {
            format!("{} {:<width$}  {}\n", check.result.mark(), check.what, check.detail)
        };
        let rows: String = self.0.iter().map(row).collect();
        let unknown = self.0.iter().filter(|check| check.result == Outcome::Unknown).count();
        let rest = match unknown {
            0 => String::new(),
            count => format!(", {count} could not be told"),
        };
        let (failed, all) = (self.failures().count(), self.0.len());
        let end = match failed {
            0 => format!("{} of {all} checks passed{rest}", all - unknown),
            failed => format!("{failed} of {all} checks failed{rest}"),
        };
        format!("{rows}{end}; nothing was changed\n")
    }

    /// Shows everything on stdout, as results are shown, and ends the step.
    ///
    /// # Errors
    /// Exit 1 if something failed: with what it was, unless the table has just shown it.
    pub fn end(&self, results: &Results) -> Result<(), Failure> {
        results
            .write_with(&[("checks", self.json())], || self.table())
            .map_err(Failure::failed)?;
        self.judged(io::stdout().is_terminal())
    }

    fn judged(&self, shown: bool) -> Result<(), Failure> {
        let failed: Vec<String> = self
            .failures()
            .map(|check| format!("{}: {}", check.what, check.detail))
            .collect();
        let count = format!("{} of {} checks failed", failed.len(), self.0.len());
        match failed.as_slice() {
            [] => Ok(()),
            _ if shown => Err(Failure::failed(count)),
            failed => Err(Failure::failed(format!("{count}: {}", failed.join("; ")))),
        }
    }
}
