//! The blocking runs themselves, asked again under the account that promotes: the record can be
//! written by others, the runs cannot.

use super::end::End;
use super::run::Task;
use super::{Refusal, checks};
use crate::duration;
use crate::evidence::Subject;
use crate::evidence::again::{Again, Answer, Claim, PATIENCE};
use crate::evidence::look::Sources;
use crate::launch::order;
use crate::record::{Class, GateRecord, JobRecord};

/// A job whose run does not bear out what the record says of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unborne {
    /// There is no run to ask.
    #[error("the record holds no run of {job}")]
    NoRun {
        /// The job.
        job: String,
    },
    /// The run says something else.
    #[error("the record says that {job} passed, and its run does not bear that out: {why}")]
    Contradicted {
        /// The job.
        job: String,
        /// Why.
        why: String,
    },
    /// The run could not be read.
    #[error("whether {job} passed could not be seen again in {}: {why}", duration::human(PATIENCE))]
    Unreadable {
        /// The job.
        job: String,
        /// Why.
        why: String,
    },
}

/// Asks the last run of each job whether it passed, on this image and as this request asks for.
///
/// # Errors
/// The first job whose run says otherwise, or else the first that could not be read.
pub async fn bear_out(
    record: &GateRecord,
    jobs: &[&JobRecord],
    again: &Again<'_>,
) -> Result<(), Unborne> {
    let mut claims = Vec::new();
    for job in jobs {
        let last = job.last();
        let ordered =
            last.and_then(|attempt| Some((attempt, order(record, &job.name, attempt.number)?)));
        let Some((attempt, order)) = ordered else {
            return Err(Unborne::NoRun { job: job.name.clone() });
        };
        claims.push(Claim { job, attempt, order });
    }
    let answers = again.look(&claims, PATIENCE).await;
    let mut unreadable = None;
    for (claim, answer) in claims.iter().zip(answers) {
        let job = || claim.job.name.clone();
        match answer {
            Answer::Confirmed => {}
            Answer::Contradicted(why) => return Err(Unborne::Contradicted { job: job(), why }),
            Answer::Unreadable(why) => {
                unreadable = unreadable.or(Some(Unborne::Unreadable { job: job(), why }));
            }
        }
    }
    unreadable.map_or(Ok(()), Err)
}

impl Task<'_> {
    /// Asks each blocking job's run whether it passed, on this image and as this request asks for.
    pub(super) async fn bear_out(&self, record: &GateRecord) -> Result<(), End> {
        let rules = checks::rules(record, self.options)?;
        let accepted = &self.options.accepted;
        let jobs: Vec<_> = record
            .jobs_of(Class::Blocking)
            .filter(|job| !accepted.contains(&job.name))
            .collect();
        let (deck, bucket) = (&self.prow.deck, &self.prow.bucket);
        let sources = Sources { deck, bucket, gangway: None, clock: self.clock.clone() };
        let subject = Subject::of(self.candidate);
        let again =
            Again { sources, buckets: &self.options.buckets, subject: &subject, rules: &rules };
        match bear_out(record, &jobs, &again).await {
            Ok(()) => {
                let count = jobs.len();
                tracing::info!("{count} blocking runs were looked at again: all passed on this image");
                Ok(())
            }
            Err(unborne @ Unborne::Unreadable { .. }) => Err(Refusal::trouble(format!(
                "{unborne}. nothing is promoted, run this step again when Deck and the artifacts answer"
            ))
            .into()),
            Err(unborne) => Err(Refusal::no(format!("{unborne}. nothing is promoted")).into()),
        }
    }
}
