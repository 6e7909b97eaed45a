//! What is shown while the wait goes on.

use std::time::Duration;

use super::super::progress::{Line, View};
use super::{Collector, Wait, is_running};
use crate::gate::verdict;
use crate::gate::words;
use crate::record::{JobRecord, JobState};

impl Collector {
    /// Everything that is to be seen now.
    pub(in crate::collect) fn view(&self, wait: &Wait, next_look: Option<Duration>) -> View {
        let first = wait.record.first_intent().unwrap_or(wait.record.created_at);
        let names = words::names(&wait.record.jobs);
        let line = |(job, name): (&JobRecord, String)| {
            let attempt = verdict::telling(job);
            let elapsed = attempt.and_then(|attempt| match attempt.cause {
                Some(_) => self.took(attempt),
                None => Some(self.clock.since(attempt.launched_at?)),
            });
            let watch =
                attempt.and_then(|attempt| wait.watches.get(&(job.name.clone(), attempt.number)));
            Line {
                job: job.name.clone(),
                name,
                execution: attempt.and_then(|attempt| attempt.execution.clone()),
                words: self.words(wait, job),
                ended: attempt.is_none_or(|attempt| !is_running(attempt)),
                unjudged: attempt
                    .is_some_and(|attempt| is_running(attempt) && attempt.state.is_final()),
                elapsed,
                url: attempt.and_then(|attempt| attempt.job_url.clone()),
                trouble: watch.and_then(|watch| watch.trouble.clone()),
            }
        };
        View {
            elapsed: self.clock.since(first),
            of: self.clock.between(first, wait.deadline.at),
            next_look,
            requests: self.gangway.as_ref().map(|gangway| {
                let budget = gangway.budget();
                (budget.made_in_last_minute(), budget.limits().per_minute)
            }),
            lines: wait.record.jobs.iter().zip(names).map(line).collect(),
        }
    }

    pub(super) fn words(&self, wait: &Wait, job: &JobRecord) -> String {
        let Some(attempt) = verdict::telling(job) else { return "not launched".to_owned() };
        if let Some(words) = words::not_running(job) {
            return words;
        }
        match (attempt.cause, attempt.state) {
            (Some(_), _) => {
                let again = match self.is_open(wait, job) {
                    true if wait.rerun_after.contains_key(&job.name) => {
                        "trying again to run it again".to_owned()
                    }
                    true => "running it again".to_owned(),
                    false => String::new(),
                };
                let parts = [words::outcome(job).to_owned(), words::remarks(job), again];
                parts
                    .iter()
                    .filter(|part| !part.is_empty())
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(" · ")
            }
            (None, JobState::Unknown) => "launched, not seen yet".to_owned(),
            (None, JobState::Scheduling | JobState::Triggered) => "waiting to start".to_owned(),
            (None, JobState::Pending) => "running".to_owned(),
            (None, JobState::Success) => "done, looking for its proof".to_owned(),
            (None, _) => "ended, looking for the reason".to_owned(),
        }
    }
}
