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
use crate::prow::bucket::Bucket;
use crate::prow::deck::Deck;
use crate::record::{Class, GateRecord};

/// Who can tell how a run ended.
#[derive(Debug)]
pub struct Witnesses {
    /// Deck.
    pub deck: Deck,
    /// The bucket's server.
    pub bucket: Bucket,
}

impl Task<'_> {
    /// Asks each blocking job's run whether it passed, on this image and as this request asks for.
    pub(super) async fn bear_out(&self, record: &GateRecord) -> Result<(), End> {
        let rules = checks::rules(record, self.options)?;
        let mut claims = Vec::new();
        for job in record.jobs_of(Class::Blocking) {
            let attempt = job
                .last()
                .and_then(|attempt| Some((attempt, order(record, &job.name, attempt.number)?)));
            let Some((attempt, order)) = attempt else {
                return Err(Refusal::no(format!(
                    "the record holds no run of {}: nothing is promoted",
                    job.name
                ))
                .into());
            };
            claims.push(Claim { job, attempt, order });
        }
        let Witnesses { deck, bucket } = self.witnesses;
        let sources = Sources { deck, bucket, gangway: None, clock: self.clock.clone() };
        let subject = Subject::of(self.candidate);
        let again =
            Again { sources, buckets: &self.options.buckets, subject: &subject, rules: &rules };
        let answers = again.look(&claims, PATIENCE).await;
        let mut unreadable = None;
        for (claim, answer) in claims.iter().zip(answers) {
            let job = &claim.job.name;
            match answer {
                Answer::Confirmed => {}
                Answer::Contradicted(why) => {
                    return Err(Refusal::no(format!(
                        "the record says that {job} passed, and its run does not bear that out: {why}. nothing is promoted"
                    ))
                    .into());
                }
                Answer::Unreadable(why) => unreadable = unreadable.or(Some((job, why))),
            }
        }
        match unreadable {
            None => {
                tracing::info!("{} blocking runs were looked at again: all passed on this image", claims.len());
                Ok(())
            }
            Some((job, why)) => Err(Refusal::trouble(format!(
                "whether {job} passed could not be seen again in {}: {why}. nothing is promoted, run this step again when Deck and the artifacts answer",
                duration::human(PATIENCE)
            ))
            .into()),
        }
    }
}
