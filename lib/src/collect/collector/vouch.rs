//! No pass on trust: whoever may write the record can write `passed` into it, mid-run or before a
//! try begins. What this process has not judged itself is looked at again before it counts.

use super::super::CollectError;
use super::{Collector, Wait, changed};
use crate::evidence::again::{Again, Answer, Claim, PATIENCE};
use crate::evidence::look::Sources;
use crate::gate::verdict;
use crate::launch::order;
use crate::record::{Attempt, Decision, FailingTests, GateRecord, JobRecord, JobState};

/// So often a pass is struck before the step gives up: somebody writes it again and again.
const STRIKES: u32 = 5;

/// A pass of a job: its name, the attempt, the run.
pub(super) type Pass = (String, u32, String);

impl Collector {
    /// The record, if it says `passed` and each of its blocking runs says so too; otherwise that
    /// verdict is struck from the record, with the passes that are none.
    ///
    /// # Errors
    /// [`CollectError`]; [`CollectError::Unreadable`] when a run cannot be read: then the verdict
    /// stays.
    pub async fn repeated(&self, record: GateRecord) -> Result<Option<GateRecord>, CollectError> {
        let mut wait = self.begin(record)?;
        let confirmed = self.vouch(&mut wait).await?;
        Ok(confirmed
            .then_some(wait.record)
            .filter(|record| record.verdict.is_some()))
    }

    /// Looks again at every pass of a blocking job that this process has not judged. True if all of
    /// them, and the verdict where there is one, hold. Otherwise what does not hold is struck from
    /// the record.
    pub(super) async fn vouch(&self, wait: &mut Wait) -> Result<bool, CollectError> {
        self.journal.refresh().await?;
        self.refresh(wait).await;
        if let Some(difference) = changed(&wait.record, &wait.asked, &wait.tested) {
            return Err(CollectError::Differs { place: self.journal.place(), difference });
        }
        let claimed = wait
            .record
            .verdict
            .as_ref()
            .is_some_and(|verdict| verdict.decision == Decision::Passed);
        let contradictory =
            claimed && verdict::decide(&wait.record, self.clock.now()).decision != Decision::Passed;
        let passes: Vec<Pass> = unvouched(&wait.record, &wait.vouched).collect();
        let claims: Vec<Claim<'_>> =
            passes.iter().filter_map(|pass| claim(&wait.record, pass)).collect();
        // A pass of which no order can be told must not be left out: it would count unseen.
        if claims.len() != passes.len() {
            let difference = "what its passes were launched with can no longer be told".to_owned();
            return Err(CollectError::Differs { place: self.journal.place(), difference });
        }
        let sources = Sources {
            deck: &self.deck,
            bucket: &self.bucket,
            gangway: None,
            clock: std::sync::Arc::clone(&self.clock),
        };
        let rules = &self.policy.rules;
        let again = Again { sources, buckets: &self.policy.buckets, subject: &wait.subject, rules };
        let answers = again.look(&claims, PATIENCE).await;
        let (mut confirmed, mut struck, mut unreadable) = (Vec::new(), Vec::new(), None);
        for (claim, answer) in claims.iter().zip(answers) {
            let pass = pass_of(claim.job, claim.attempt);
            match answer {
                Answer::Confirmed => confirmed.extend(pass),
                Answer::Unreadable(why) => {
                    unreadable = unreadable.or(Some((claim.job.name.clone(), why)))
                }
                Answer::Contradicted(why) => {
                    let job = &claim.job.name;
                    tracing::error!(
                        job,
                        "the record says that {job} passed, and its run does not: {why}; it is judged anew"
                    );
                    struck.extend(pass);
                }
            }
        }
        wait.vouched.extend(confirmed);
        if !struck.is_empty() || contradictory {
            self.strike(wait, &struck).await?;
            return Ok(false);
        }
        match unreadable {
            Some((job, why)) => Err(CollectError::Unreadable { job, why }),
            None => Ok(true),
        }
    }

    /// Takes a verdict and passes that do not hold out of the record.
    async fn strike(&self, wait: &mut Wait, passes: &[Pass]) -> Result<(), CollectError> {
        wait.strikes += 1;
        if wait.strikes > STRIKES {
            return Err(CollectError::Meddled { place: self.journal.place() });
        }
        if wait.record.verdict.is_some() {
            tracing::error!(
                "{} holds a verdict that its runs do not bear out; it is struck",
                self.journal.place()
            );
        }
        self.journal
            .update(|record| {
                record.verdict.take_if(|verdict| verdict.decision == Decision::Passed);
                for (job, number, execution) in passes {
                    let job = record.job_mut(job);
                    let attempt = job.and_then(|job| {
                        job.attempts.iter_mut().find(|attempt| attempt.number == *number)
                    });
                    if let Some(attempt) =
                        attempt.filter(|attempt| attempt.execution.as_ref() == Some(execution))
                    {
                        reopen(attempt);
                    }
                }
            })
            .await?;
        wait.unsaved.retain(|update| {
            !passes
                .iter()
                .any(|(job, number, _)| *job == update.job && *number == update.number)
        });
        self.refresh(wait).await;
        Ok(())
    }
}

/// Forgets what became of a run, so that it is watched and judged.
fn reopen(attempt: &mut Attempt) {
    attempt.state = JobState::Unknown;
    (attempt.cause, attempt.judged_at, attempt.detail, attempt.proof) = (None, None, None, None);
    (attempt.failing_tests, attempt.flaky_tests) =
        (FailingTests::default(), FailingTests::default());
    (attempt.tests, attempt.history) = (None, None);
}

/// The passes of blocking jobs that nobody has vouched for.
pub(super) fn unvouched<'a>(
    record: &'a GateRecord,
    vouched: &'a std::collections::BTreeSet<Pass>,
) -> impl Iterator<Item = Pass> + 'a {
    use crate::record::Class::Blocking;
    let passed = record.jobs_of(Blocking).filter(|job| job.passed());
    passed
        .filter_map(|job| pass_of(job, job.last()?))
        .filter(|pass| !vouched.contains(pass))
}

fn pass_of(job: &JobRecord, attempt: &Attempt) -> Option<Pass> {
    let run = attempt.run().filter(|_| attempt.passed())?;
    Some((job.name.clone(), attempt.number, run.to_owned()))
}

fn claim<'a>(record: &'a GateRecord, (name, number, _): &Pass) -> Option<Claim<'a>> {
    let job = record
        .jobs_of(crate::record::Class::Blocking)
        .find(|job| job.name == *name)?;
    let attempt = job.last().filter(|attempt| attempt.number == *number)?;
    Some(Claim { job, attempt, order: order(record, name, *number)? })
}
