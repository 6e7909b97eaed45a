//! One round: a look at every run that is not judged, and what comes of it into the record.

use std::sync::Arc;

use super::super::CollectError;
use super::super::histories::Ended;
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
                let usual = attempt.usual.or_else(|| wait.usual.get(&job.name).copied());
                let case = Case { subject: &wait.subject, job, rules: &self.policy.rules, usual };
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
                    let watch = wait.watches.remove(&(job.name.clone(), attempt.number));
                    let definition = watch.and_then(|watch| watch.definition(order.as_ref()));
                    // The judgement stands before its history is asked, however long that takes.
                    self.note(wait, job, attempt.number, definition).await;
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

    /// Adds a run that was judged just now to its job's history, and notes what that says of it.
    async fn note(
        &self,
        wait: &mut Wait,
        job: &JobRecord,
        number: u32,
        definition: Option<String>,
    ) {
        let ours = |update: &&Update| update.job == job.name && update.number == number;
        let judgement =
            wait.unsaved
                .iter()
                .rev()
                .filter(ours)
                .find_map(|update| match &update.change {
                    Change::Judged(judgement) => Some(judgement.clone()),
                    _ => None,
                });
        let attempt = wait
            .record
            .job(&job.name)
            .and_then(|job| job.attempts.iter().find(|attempt| attempt.number == number));
        let (Some(judgement), Some(attempt)) = (judgement, attempt) else { return };
        let ended =
            Ended { job, attempt, judgement: &judgement, definition: definition.as_deref() };
        let told = self.histories.note(&wait.record, ended).await;
        let change = Change::History(Box::new(told), definition);
        let at = self.clock.now();
        let update = Update { job: job.name.clone(), number, change, at };
        update.apply(&mut wait.record);
        wait.unsaved.push(update);
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
