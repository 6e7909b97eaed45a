//! One round: a look at every run that is not judged, and what comes of it into the record.

use std::sync::Arc;

use super::super::CollectError;
use super::super::update::{Change, Update};
use super::super::watch::{Question, Watch};
use super::{Collector, LOOK, SAVE, Wait};
use crate::evidence::Case;
use crate::evidence::look::{Round, Sources};
use crate::failure::Chain;
use crate::launch::order;
use crate::record::{Cause, Class, JobRecord, RecordError, StoreError};

impl Collector {
    /// Looks once at every run that is not judged, blocking jobs first, one after another.
    pub(super) async fn round(&self, wait: &mut Wait, last: bool) -> Result<(), CollectError> {
        let sources = Sources {
            deck: &self.deck,
            bucket: &self.bucket,
            gangway: self.gangway.as_deref(),
            clock: Arc::clone(&self.clock),
        };
        let mut round = Round::after(wait.last_round.as_ref(), &sources, LOOK);
        let classes = [Class::Blocking, Class::Informing];
        let jobs: Vec<JobRecord> = classes
            .into_iter()
            .flat_map(|class| wait.record.jobs_of(class))
            .cloned()
            .collect();
        for job in &jobs {
            for attempt in job.attempts.iter().filter(|attempt| attempt.is_running()) {
                let Some(execution) = attempt.run() else { continue };
                let watch =
                    wait.watches
                        .entry((job.name.clone(), attempt.number))
                        .or_insert_with(|| {
                            let launched_at =
                                attempt.launched_at.unwrap_or(attempt.intent.written_at);
                            Watch::new(
                                &job.name,
                                attempt.number,
                                execution,
                                launched_at,
                                attempt.job_url.as_deref(),
                            )
                        });
                let order = order(&wait.record, &job.name, attempt.number);
                let case = Case { subject: &wait.subject, job, rules: &self.policy.rules };
                let question = Question { case, order: order.as_ref(), last };
                let changes = watch.step(&sources, &mut round, question).await;
                let judged = changes.iter().any(|change| matches!(change, Change::Judged(_)));
                let passed = |change: &Change| matches!(change, Change::Judged(judgement) if judgement.cause == Cause::Passed);
                if changes.iter().any(passed) {
                    wait.vouched
                        .insert((job.name.clone(), attempt.number, execution.to_owned()));
                }
                let at = self.clock.now();
                let update =
                    |change| Update { job: job.name.clone(), number: attempt.number, change, at };
                for update in changes.into_iter().map(update) {
                    update.apply(&mut wait.record);
                    wait.unsaved.push(update);
                }
                if judged {
                    wait.watches.remove(&(job.name.clone(), attempt.number));
                    self.save(wait).await?;
                }
            }
        }
        match &round.token_refused {
            Some(words) if !wait.token_said => {
                wait.token_said = true;
                let file = self
                    .gangway
                    .as_ref()
                    .map(|gangway| gangway.token_file().path().display().to_string());
                tracing::error!(
                    "Gangway refused the token ({words}): {} expired or lacks access; renew it, it is read again on every request. Until then Deck and the artifacts alone tell how the jobs are, and none is run again",
                    file.unwrap_or_default()
                );
            }
            _ => {}
        }
        wait.last_round = Some(round);
        Ok(())
    }

    /// Takes over what others, reruns among them, have written, with what is not saved yet on top.
    pub(super) async fn refresh(&self, wait: &mut Wait) {
        let mut record = self.journal.record().await;
        wait.unsaved.iter().for_each(|update| update.apply(&mut record));
        wait.record = record;
    }

    /// Makes what was found durable. A record that cannot be reached for a while ends nothing: what
    /// was found is kept, and could be found again.
    pub(super) async fn save(&self, wait: &mut Wait) -> Result<(), CollectError> {
        let unsaved = &wait.unsaved;
        match self
            .journal
            .update(|record| unsaved.iter().for_each(|update| update.apply(record)))
            .await
        {
            Ok(()) => {
                wait.unsaved.clear();
                wait.saved_at = self.clock.now();
            }
            Err(error) if may_pass(&error) => {
                tracing::warn!("{}; what was found is saved later", Chain(&error));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    pub(super) async fn save_progress(&self, wait: &mut Wait) -> Result<(), CollectError> {
        if !wait.unsaved.is_empty() && self.clock.since(wait.saved_at) >= SAVE {
            self.save(wait).await?;
        }
        Ok(())
    }
}

/// Whether the record may be reached again a moment later.
pub(super) fn may_pass(error: &RecordError) -> bool {
    matches!(error, RecordError::Store(StoreError::Transient { .. }))
}
