//! One run until it is judged: looks, patience with what is missing, the judgement.

use std::time::Duration;

use jiff::Timestamp;

use super::update::Change;
use crate::duration;
use crate::evidence::classify::{Evidence, Judgement, classify};
use crate::evidence::look::{Glimpse, Round, Sighting, Sources, Watched};
use crate::evidence::ours::stranger;
use crate::evidence::reader::Prospect;
use crate::evidence::{Case, Ended, Nowhere};
use crate::prow::gangway::Create;
use crate::record::{Cause, JobState};

/// How long what the server says is missing of a run that has ended is waited for (3 minutes): its
/// last files can come after the state. What could not be asked is waited for until the last look.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long a run must have been gone from Prow before that is believed (2 minutes), over more than
/// one look.
const GONE_FOR: Duration = Duration::from_secs(120);

/// A run that is looked at again and again.
#[derive(Debug)]
pub struct Watch {
    run: Watched,
    /// The job's name.
    pub job: String,
    /// The attempt's number.
    pub number: u32,
    /// The last sighting.
    pub sighting: Option<Sighting>,
    /// Why the last look showed nothing.
    pub trouble: Option<String>,
    url_problem: Option<String>,
    /// Since when it is known to have ended.
    ended_at: Option<Timestamp>,
    gone_since: Option<Timestamp>,
    gone: Option<String>,
    /// What is known of the run since it has ended.
    evidence: Option<Evidence>,
}

/// What the judgement of a run needs besides the run.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The run's order: image, job, and what it must show.
    pub case: Case<'a>,
    /// What it was launched with; `None` counts as anything.
    pub order: Option<&'a Create>,
    /// Whether there will be no further look.
    pub last: bool,
}

impl Watch {
    /// Watches an attempt.
    pub fn new(
        job: &str,
        number: u32,
        execution: &str,
        launched_at: Timestamp,
        url: Option<&str>,
    ) -> Self {
        let mut run = Watched::new(execution, launched_at);
        let url_problem = run.heard_url(url);
        Self {
            run,
            job: job.to_owned(),
            number,
            sighting: None,
            trouble: None,
            url_problem,
            ended_at: None,
            gone_since: None,
            gone: None,
            evidence: None,
        }
    }

    /// The hash of the job's definition as the run shows it, without what it was launched with.
    pub fn definition(&self, order: Option<&Create>) -> Option<String> {
        let definition = self.sighting.as_ref()?.definition.as_ref()?;
        definition.hash_without(|name| {
            order.is_some_and(|order| order.pod_spec_options.envs.contains_key(name))
        })
    }

    /// Looks once, and judges the run if it has ended and enough is known of it.
    pub async fn step(
        &mut self,
        sources: &Sources<'_>,
        round: &mut Round,
        question: Question<'_>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let ended = self
            .sighting
            .as_ref()
            .filter(|sighting| sighting.state.is_final())
            .cloned();
        let mut blind = None;
        let ended = match ended {
            Some(sighting) if self.run.folder.is_some() => {
                // Said again: the round in which it was seen may have been cut off by the deadline.
                changes.push(Change::Seen(sighting.clone()));
                Some(sighting)
            }
            // Still going on, or nobody has said yet where its artifacts are.
            ended => {
                let glimpse = sources.look(&mut self.run, round).await;
                if let Glimpse::Trouble(why) = &glimpse {
                    blind = Some(why.clone());
                }
                self.take(glimpse, sources.clock.now(), &mut changes).or(ended)
            }
        };
        let now = sources.clock.now();
        if let Some(sighting) = ended {
            let foreign = question.order.and_then(|order| stranger(&sighting, order));
            if let Some(why) = foreign.filter(|_| sighting.state == JobState::Success) {
                changes.push(Change::Judged(Judgement::new(Cause::Unproven, why)));
                return changes;
            }
            let since = *self.ended_at.get_or_insert(now);
            let (evidence, prospect) = {
                let nowhere = blind
                    .map(Nowhere::Unreachable)
                    .or(self.url_problem.clone().map(Nowhere::Unusable));
                let ended = Ended {
                    execution: &self.run.execution,
                    folder: self.run.folder.as_ref(),
                    sighting: &sighting,
                    nowhere,
                };
                ended.evidence(sources.bucket, question.case).await
            };
            let impatient = sources.clock.since(since) >= PATIENCE;
            let waiting_for = match prospect {
                Prospect::Complete => None,
                _ if question.last => None,
                Prospect::Unreachable(why) => Some(why),
                Prospect::Missing => {
                    (!impatient).then(|| "some of its artifacts are not there yet".to_owned())
                }
            };
            self.trouble = waiting_for;
            if self.trouble.is_none() {
                changes.push(Change::Judged(judge(&evidence, question)));
            }
            // Many runs may wait for their last files at the same time.
            self.evidence = Some(evidence.without_names());
        } else if let (Some(why), Some(since)) = (&self.gone, self.gone_since)
            && (sources.clock.since(since) >= GONE_FOR || question.last)
        {
            changes.push(Change::Judged(judge(&Evidence::Vanished(why.clone()), question)));
        }
        changes
    }

    /// Takes a glimpse in; the run if it has ended.
    fn take(
        &mut self,
        glimpse: Glimpse,
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Option<Sighting> {
        if !matches!(glimpse, Glimpse::Gone(_)) {
            (self.gone, self.gone_since) = (None, None);
        }
        match glimpse {
            Glimpse::Run(sighting) => {
                self.url_problem = self
                    .run
                    .heard_url(sighting.job_url.as_deref())
                    .or(self.url_problem.take());
                if sighting.job_url.is_some() && self.run.folder.is_some() {
                    self.url_problem = None;
                }
                self.trouble = match (&sighting.strange_word, &self.url_problem) {
                    (Some(word), _) => Some(format!("its state {word:?} is not known")),
                    (None, problem) => problem.clone(),
                };
                changes.push(Change::Seen(sighting.clone()));
                let ended = sighting.state.is_final();
                self.sighting = Some(sighting.clone());
                ended.then_some(sighting)
            }
            Glimpse::Gone(why) => {
                self.gone_since.get_or_insert(now);
                self.trouble = Some(why.clone());
                self.gone = Some(why);
                None
            }
            Glimpse::Trouble(why) => {
                self.trouble = Some(why);
                None
            }
        }
    }

    /// The words for a run that has not been judged when time is up.
    pub fn out_of_time(
        &self,
        state: JobState,
        waited: Duration,
        question: Question<'_>,
    ) -> Judgement {
        let waited = duration::human(waited);
        if let Some(evidence) = &self.evidence {
            return judge(evidence, question);
        }
        let how_far = match (&self.trouble, state) {
            (Some(trouble), _) => format!("not known to have ended after {waited}: {trouble}"),
            (None, JobState::Pending) => format!("still running after {waited}"),
            (None, JobState::Scheduling | JobState::Triggered) => {
                format!("still waiting to start after {waited}")
            }
            (None, _) => format!("not known to have ended after {waited}"),
        };
        judge(&Evidence::OutOfTime(how_far), question)
    }
}

fn judge(evidence: &Evidence, question: Question<'_>) -> Judgement {
    classify(evidence, question.case)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prow::gangway::PodSpecOptions;
    use crate::prow::prowjob::ProwJob;

    #[test]
    fn a_job_is_known_by_its_definition_without_what_it_was_launched_with() {
        let envs = [("IMAGE".to_owned(), "tonight".to_owned())].into();
        let order = Create::new("a", PodSpecOptions { envs, ..PodSpecOptions::default() });
        let watch = || Watch::new("a", 1, "id", Timestamp::UNIX_EPOCH, None);
        let definition = |cluster: &str, image: &str| {
            let yaml = format!(
                "{{metadata: {{name: id}}, spec: {{job: a, pod_spec: {{containers: [{{image: ci-operator, env: [{{name: CLUSTER, value: {cluster}}}, {{name: IMAGE, value: {image}}}]}}]}}}}}}"
            );
            let sighting = Some(ProwJob::from_yaml(&yaml).unwrap().into());
            Watch { sighting, ..watch() }.definition(Some(&order))
        };
        let known = definition("aws", "tonight");
        assert!(known.is_some());
        assert_eq!(definition("aws", "yesterday"), known);
        assert_ne!(definition("azure", "tonight"), known);
        assert_eq!(watch().definition(Some(&order)), None, "nobody has seen it yet");
    }
}
