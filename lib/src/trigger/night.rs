//! A whole call of trigger-gate: the scenarios started, skipped nights remembered, Slack told.

use super::{Options, Report, note, run, tell};
use crate::clock::SharedClock;
use crate::cluster::Tenant;
use crate::failure::{Chain, Failure};
use crate::kubearchive::KubeArchive;
use crate::record::Store;
use crate::slack::{Runbook, Slack};
use crate::step::LastWords;

/// What a call asks and tells.
#[derive(Debug)]
pub struct Sources {
    pub tenant: Tenant,
    /// Where Releases are that have left the cluster.
    pub archive: Option<KubeArchive>,
    /// Where skipped nights are remembered.
    pub store: Option<Box<dyn Store>>,
    pub slack: Option<Slack>,
    /// `--gate-label`: the platform's name for people.
    pub gate: Option<String>,
    /// `--runbook-url`.
    pub runbook: Runbook,
}

/// What came of a call.
#[derive(Debug)]
pub struct Started {
    /// What was chosen and started; none where not even the Snapshots could be read.
    pub report: Option<Report>,
    failures: Vec<String>,
    /// Whether Slack took what was to be told.
    was_told: bool,
}

impl Started {
    /// How the step ends.
    ///
    /// # Errors
    /// What was not started, or not told.
    pub fn end(self) -> Result<(), Failure> {
        let refused = self.report.as_ref().is_some_and(Report::is_refused) && self.was_told;
        match self.failures.is_empty() {
            true => Ok(()),
            false if refused => Err(Failure::refused(self.failures.join("; "))),
            false => Err(Failure::failed(self.failures.join("; "))),
        }
    }
}

/// Starts the scenarios; remembers and tells what people must know, unless it is a dry run.
pub async fn night(
    options: &Options,
    sources: &Sources,
    clock: &SharedClock,
    last_words: &LastWords,
) -> Started {
    let Sources { tenant, archive, store, slack, gate, runbook } = sources;
    let (report, mut failures) =
        match run(options, tenant, archive.as_ref(), clock, last_words).await {
            Ok(report) => {
                let failures = report.failures();
                (Some(report), failures)
            }
            Err(error) => (None, vec![Chain(&error).to_string()]),
        };
    for note in report.iter().flat_map(|report| &report.notes) {
        tracing::warn!("{note}");
    }
    let mut was_told = true;
    if !options.dry_run {
        let due = match &report {
            Some(report) => note(report, store.as_deref(), clock.as_ref()).await,
            None => Vec::new(),
        };
        for due in &due {
            tracing::warn!("skipped, and not for the image: {}", due.words());
        }
        if let Some(slack) = slack {
            let undelivered = tell(slack, gate.as_deref(), runbook, &failures, &due).await;
            was_told = undelivered.is_empty();
            failures.extend(undelivered);
        }
    }
    Started { report, failures, was_told }
}
