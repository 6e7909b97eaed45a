//! Looking, telling, remembering.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::automatic::{Alarm, Automatic, automatic};
use super::gather::newest_build;
use super::judge::is_old;
use super::message::{Context, compose, compose_alarm, summary};
use super::{
    Build, Evidence, Finding, Ledger, LedgerError, Loaded, Quiet, Sources, Told, gather, judge,
    prune, prune_bisects, prune_histories,
};
use crate::clock::SharedClock;
use crate::failure::{Chain, Exit, Failure};
use crate::record::Store;
use crate::slack::{Payload, Runbook, Slack, SlackError};

/// How often an alarm that lasts is repeated where nothing else is said (24 hours).
pub const REPEAT: Duration = Duration::from_secs(24 * 3600);

/// What to look for.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--threshold-days`.
    pub threshold: SignedDuration,
    /// `--repeat`: how long before an alert is repeated. Real time, never scaled: it is compared
    /// with stored times.
    pub repeat: Duration,
    /// Time that does not count.
    pub quiet: Quiet,
    /// `--runbook-url`.
    pub runbook: Runbook,
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
    /// Automatic Releases that stand, or were to be told.
    pub automatic: Vec<Automatic>,
    /// Further remarks.
    pub remarks: Vec<String>,
}

/// Why the check is no success although it could look.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Nothing was verified for too long.
    #[error("{0}")]
    Stale(String),
    /// Nobody tested what the plan released by itself.
    #[error("{0}")]
    Automatic(String),
    /// A source did not answer.
    #[error("{0}")]
    Blind(String),
    /// The message was not delivered.
    #[error("the message was not delivered: {summary}")]
    NotDelivered {
        /// What it was about.
        summary: String,
        source: SlackError,
    },
    /// What was told cannot be remembered.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        let exit = match &error {
            CheckError::Stale(_) | CheckError::Automatic(_) => Exit::Refused,
            CheckError::Ledger(LedgerError::Foreign { .. }) => Exit::Misuse,
            CheckError::Blind(_) | CheckError::NotDelivered { .. } | CheckError::Ledger(_) => {
                Exit::Failed
            }
        };
        Self::new(exit, error)
    }
}

impl Checked {
    /// For programs.
    pub fn json(&self) -> Value {
        let (state, newest, cause) = match &self.finding {
            Finding::Fresh { newest, .. } => ("fresh", newest, None),
            Finding::Stale { newest, cause, .. } => ("stale", newest, Some(cause.word())),
            Finding::Blind { newest, .. } => ("blind", newest, None),
        };
        let newest = newest.as_ref().map(
            |newest| json!({"release": newest.release, "image": newest.image.words(), "verified_at": newest.at.to_string()}),
        );
        let automatic: Vec<_> = self
            .automatic
            .iter()
            .map(
                |one| json!({"release": one.release, "snapshot": one.snapshot, "state": one.state}),
            )
            .collect();
        let told = match self.told {
            Told::Alert(_) => "alert",
            Told::Recovery => "recovery",
            Told::Nothing => "nothing",
        };
        json!({
            "state": state, "newest": newest, "cause": cause, "due": told, "summary": self.summary,
            "automatic": automatic, "remarks": self.remarks,
        })
    }

    /// The finding as the step's end.
    ///
    /// # Errors
    /// [`CheckError::Stale`], [`CheckError::Automatic`] and [`CheckError::Blind`].
    pub fn end(&self) -> Result<(), CheckError> {
        match &self.finding {
            _ if !self.automatic.is_empty() => Err(CheckError::Automatic(self.summary.clone())),
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
    let remembered = match ledger {
        Some(store) => Some((store, Ledger::load(store).await)),
        None => None,
    };
    if let Some((_, Err(LedgerError::Foreign { place, kind }))) = &remembered {
        return Err(LedgerError::Foreign { place: place.clone(), kind: kind.clone() }.into());
    }
    let evidence = look(options, sources, clock).await;
    let now = clock.now();
    let finding = judge(&evidence, options.threshold, &options.quiet, now);
    let Loaded { ledger: known, wrong, .. } = match &remembered {
        Some((_, Ok(loaded))) => loaded.clone(),
        _ => Loaded::default(),
    };
    let mut remarks = evidence.remarks.clone();
    remarks.extend(evidence.discounted());
    if let (Finding::Stale { .. }, Some(Build::Unjudged { snapshot, why })) =
        (&finding, &evidence.build)
    {
        remarks
            .push(format!("the newest Snapshot, {snapshot}, {why}; trigger-gate starts nothing until that is mended"));
    }
    let untested = automatic(&evidence, now);
    remarks.extend(
        wrong
            .into_iter()
            .chain(known.ahead(now))
            .chain(known.lost_sight(&evidence, &untested)),
    );
    remarks.iter().for_each(|remark| tracing::warn!("{remark}"));

    let repeat = SignedDuration::try_from(options.repeat).unwrap_or(SignedDuration::MAX);
    let told = known.due(&finding, repeat, now).by_clock(&evidence, now);
    let alarm = known.alarm(&evidence, &untested, repeat, now);
    let summary = summary(&finding, &untested, &alarm, now);
    let scenario = sources.scenario.as_ref().map(ToString::to_string);
    let context = Context {
        gate: sources
            .gate
            .clone()
            .or_else(|| scenario.clone())
            .unwrap_or_else(|| sources.plan.to_string()),
        plan: sources.plan.to_string(),
        scenario,
        application: sources.application.clone(),
        component: sources.component.clone(),
        namespace: sources.tenant.cluster.namespace.clone(),
        threshold: options.threshold,
        remarks: remarks.clone(),
        runbook: options.runbook.clone(),
    };
    let mut ledger = known;
    let mut undelivered = None;
    if alarm == Alarm::None {
        ledger.note_alarm(&alarm, &evidence, &untested, now);
    } else {
        match deliver(slack, || compose_alarm(&context, &alarm, now)).await {
            Ok(()) => ledger.note_alarm(&alarm, &evidence, &untested, now),
            Err(error) => undelivered = Some(error),
        }
    }
    match told {
        Told::Nothing => ledger.note(told, &finding, now),
        Told::Alert(_) | Told::Recovery => {
            match deliver(slack, || compose(&context, told, &finding, now)).await {
                Ok(()) => ledger.note(told, &finding, now),
                Err(error) => undelivered = Some(error),
            }
        }
    }
    // What was delivered is remembered also where another message was not.
    if let Some((store, read)) = remembered {
        let read = read?;
        ledger.found = crate::text::cut(&summary, 1000);
        ledger.save(store, read.version.as_ref()).await?;
    }
    if let Some(source) = undelivered {
        return Err(CheckError::NotDelivered { summary, source });
    }
    if let Some(gate) = &sources.gate {
        let (cluster, clock) = (&sources.tenant.cluster, &sources.tenant.clock);
        let told = |count: Result<usize, kube::Error>, deleted: &str, left: &str| match count {
            Ok(0) => {}
            Ok(count) => tracing::info!("{count} {deleted} deleted"),
            Err(error) => tracing::warn!("{left} could not be deleted: {}", Chain(&error)),
        };
        told(prune(cluster, clock, gate).await, "old records", "old records");
        let histories = prune_histories(cluster, clock).await;
        told(histories, "histories of jobs that run no more", "old histories");
        let bisects = prune_bisects(cluster, clock).await;
        told(bisects, "records of bisects of long ago", "old bisects");
    }
    let told_now =
        |one: &Automatic| matches!(&alarm, Alarm::Raised(raised) if raised.contains(one));
    let automatic = untested
        .into_iter()
        .filter(|one| one.stands || told_now(one))
        .collect();
    Ok(Checked { finding, summary, told, automatic, remarks })
}

/// Asks the sources; for builds only where it matters whether there is a newer one.
async fn look(options: &Options, sources: &Sources, clock: &SharedClock) -> Evidence {
    let mut evidence = gather(sources, clock.now()).await;
    if sources.names_builds() && is_old(&evidence, options.threshold, &options.quiet, clock.now()) {
        newest_build(sources, &mut evidence).await;
    }
    evidence
}

async fn deliver(
    slack: Option<&Slack>,
    message: impl FnOnce() -> Payload,
) -> Result<(), SlackError> {
    match slack {
        None => Ok(()),
        Some(slack) => slack.send(&message(), None).await.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image that nobody tested and everybody has is the worse news.
    #[test]
    fn an_automatic_release_is_the_end_whatever_else_was_found() {
        let fresh = || Finding::Fresh { newest: None, nothing_newer: None, silent: Vec::new() };
        let stale = || Finding::Stale {
            newest: None,
            reach: Default::default(),
            cause: super::super::Cause::NotKnown,
            silent: Vec::new(),
        };
        let blind = || Finding::Blind { newest: None, silent: Vec::new() };
        let untested = || Automatic {
            release: "auto".to_owned(),
            id: "1".to_owned(),
            snapshot: "s".to_owned(),
            created: None,
            state: "landed",
            since: None,
            stands: true,
        };
        let end = |finding, automatic| {
            let checked = Checked {
                finding,
                automatic,
                summary: "what".to_owned(),
                told: Told::Nothing,
                remarks: Vec::new(),
            };
            checked.end()
        };
        for finding in [fresh(), stale(), blind()] {
            let ended = end(finding, vec![untested()]);
            assert!(
                matches!(&ended, Err(CheckError::Automatic(what)) if what == "what"),
                "{ended:?}"
            );
        }
        assert!(matches!(end(fresh(), Vec::new()), Ok(())));
        assert!(matches!(end(stale(), Vec::new()), Err(CheckError::Stale(_))));
        assert!(matches!(end(blind(), Vec::new()), Err(CheckError::Blind(_))));
    }
}
