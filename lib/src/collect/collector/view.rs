//! What is shown while the wait goes on.

use std::time::Duration;

use super::super::progress::{Line, View};
use super::{Collector, Wait};
use crate::gate::words;
use crate::record::{Attempt, JobRecord, JobState, Standing};

impl Collector {
    /// Everything that is to be seen now.
    pub(in crate::collect) fn view(&self, wait: &Wait, next_look: Option<Duration>) -> View {
        let first = wait.record.first_intent().unwrap_or(wait.record.created_at);
        let names = words::names(&wait.record.jobs);
        let line = |(job, name): (&JobRecord, String)| {
            let attempt = job.telling();
            let elapsed = attempt.and_then(|attempt| match attempt.is_running() {
                false => self.took(attempt),
                true => Some(self.clock.since(attempt.launched_at?)),
            });
            let watch =
                attempt.and_then(|attempt| wait.watches.get(&(job.name.clone(), attempt.number)));
            Line {
                job: job.name.clone(),
                name,
                execution: attempt.and_then(Attempt::run).map(str::to_owned),
                words: self.words(wait, job),
                ended: attempt.is_none_or(|attempt| !attempt.is_running()),
                unjudged: matches!(job.standing(), Standing::Running(state) if state.is_final()),
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
        if job.attempts.is_empty() {
            return "not launched".to_owned();
        }
        if let Some(words) = words::not_running(job) {
            return words;
        }
        let Standing::Running(state) = job.standing() else { return self.ended(wait, job) };
        let words = match state {
            JobState::Unknown => "launched, not seen yet",
            JobState::Scheduling | JobState::Triggered => "waiting to start",
            JobState::Pending => "running",
            JobState::Success => "done, looking for its proof",
            JobState::Failure | JobState::Aborted | JobState::Error => {
                "ended, looking for the reason"
            }
        };
        words.to_owned()
    }

    /// A job whose telling run was judged, and whether it is run again.
    fn ended(&self, wait: &Wait, job: &JobRecord) -> String {
        let again = match self.is_open(wait, job) {
            true if wait.rerun_after.contains_key(&job.name) => "trying again to run it again",
            true => "running it again",
            false => "",
        };
        let parts = [words::outcome(job).to_owned(), words::remarks(job), again.to_owned()];
        let said: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        said.join(" · ")
    }
}
