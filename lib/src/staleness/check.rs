//! Looking, telling, remembering.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::message::{Context, compose, summary};
use super::{Finding, Ledger, LedgerError, Quiet, Sources, Told, gather, judge, prune};
use crate::clock::SharedClock;
use crate::record::Store;
use crate::slack::{Slack, SlackError};
use crate::step::{Chain, Exit, Failure};

/// What to look for.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--threshold-days`.
    pub threshold: SignedDuration,
    /// `--repeat`: an alert is told again after so long. Real time, never scaled: it is compared
    /// with what is stored.
    pub repeat: Duration,
    /// Time that does not count.
    pub quiet: Quiet,
}

/// What came of it.
#[derive(Debug)]
pub struct Checked {
    /// What was found.
    pub finding: Finding,
    /// In one line.
    pub summary: String,
    /// What was to be told.
    pub told: Told,
}

/// Why the check is no success although it could look.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Nothing was verified for too long.
    #[error("{0}")]
    Stale(String),
    /// A source did not answer.
    #[error("{0}")]
    Blind(String),
    /// The message was not delivered.
    #[error("the message was not delivered: {summary}")]
    NotDelivered {
        /// What it was about.
        summary: String,
        /// Why.
        source: SlackError,
    },
    /// What was told cannot be remembered.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        let exit = match &error {
            CheckError::Stale(_) => Exit::Refused,
            CheckError::Ledger(LedgerError::Foreign { .. }) => Exit::Misuse,
            CheckError::Blind(_) | CheckError::NotDelivered { .. } | CheckError::Ledger(_) => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

impl Checked {
    /// For programs.
    pub fn json(&self) -> Value {
        let (state, newest, cause) = match &self.finding {
            Finding::Fresh { newest } => ("fresh", newest, None),
            Finding::Stale { newest, cause, .. } => ("stale", newest, Some(cause.word())),
            Finding::Blind { newest, .. } => ("blind", newest, None),
        };
        let newest = newest.as_ref().map(
            |newest| json!({"release": newest.release, "image": newest.image, "verified_at": newest.at.to_string()}),
        );
        let told = match self.told {
            Told::Alert(_) => "alert",
            Told::Recovery => "recovery",
            Told::Nothing => "nothing",
        };
        json!({"state": state, "newest": newest, "cause": cause, "due": told, "summary": self.summary})
    }

    /// The finding as the step's end.
    ///
    /// # Errors
    /// [`CheckError::Stale`] and [`CheckError::Blind`].
    pub fn end(&self) -> Result<(), CheckError> {
        match &self.finding {
            Finding::Fresh { .. } => Ok(()),
            Finding::Stale { .. } => Err(CheckError::Stale(self.summary.clone())),
            Finding::Blind { .. } => Err(CheckError::Blind(self.summary.clone())),
        }
    }
}

/// Looks, tells what is due, remembers what was told, and deletes old records.
///
/// # Errors
/// [`CheckError`] when a message or the ledger failed; what was found is in [`Checked`].
pub async fn check(
    options: &Options,
    sources: &Sources,
    ledger: Option<&dyn Store>,
    slack: Option<&Slack>,
    clock: &SharedClock,
) -> Result<Checked, CheckError> {
    // Before anything else: a record of another kind must not be overwritten after an hour's work.
    let mut remembered = match ledger {
        Some(store) => Some((store, Ledger::load(store).await)),
        None => None,
    };
    if let Some((_, Err(LedgerError::Foreign { place }))) = &remembered {
        return Err(LedgerError::Foreign { place: place.clone() }.into());
    }
    let evidence = gather(sources, clock.now()).await;
    let now = clock.now();
    let finding = judge(&evidence, options.threshold, &options.quiet, now);
    let summary = summary(&finding, now);
    let known = match &remembered {
        Some((_, Ok((ledger, _)))) => ledger.clone(),
        _ => Ledger::default(),
    };
    let repeat = SignedDuration::try_from(options.repeat).unwrap_or(SignedDuration::MAX);
    let told = known.due(&finding, repeat, now);
    let context = Context {
        gate: sources.gate.clone().or_else(|| sources.scenario.clone()).unwrap_or_else(|| sources.plan.clone()),
        plan: sources.plan.clone(),
        scenario: sources.scenario.clone(),
        namespace: sources.tenant.cluster.namespace.clone(),
        threshold: options.threshold,
    };
    if let (Some(slack), Told::Alert(_) | Told::Recovery) = (slack, told) {
        let payload = compose(&context, told, &finding, now);
        let sent = slack.send(&payload, None).await;
        sent.map_err(|source| CheckError::NotDelivered { summary: summary.clone(), source })?;
    }
    if let Some((store, read)) = remembered.take() {
        let (mut ledger, version) = read?;
        ledger.note(told, &finding, now);
        ledger.found = crate::text::cut(&summary, 1000);
        ledger.save(store, version.as_ref()).await?;
    }
    if let Some(gate) = &sources.gate {
        match prune(&sources.tenant.cluster, &sources.tenant.clock, gate).await {
            Ok(0) => {}
            Ok(count) => tracing::info!("{count} old records deleted"),
            Err(error) => tracing::warn!("old records could not be deleted: {}", Chain(&error)),
        }
    }
    Ok(Checked { finding, summary, told })
}
