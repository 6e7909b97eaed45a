//! Why a run ended before its tests, for the message.
//!
//! The first task of a run looks at what the later ones will need, so that a wrong plan or a
//! parameter that no step can read costs seconds. What it finds stands in its log, and here.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GateRecord, Journal};
use crate::clock::SharedClock;
use crate::failure::{Chain, Failure};
use crate::text;

/// Bytes of the words that are kept.
const KEPT: usize = 1000;

/// What ended a run before its first job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stopped {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The step that looked.
    pub step: String,
    /// The exit code that it ended with.
    pub exit: u8,
    /// Why, in words.
    pub why: String,
}

/// Notes how a look before the tests ended: why it stopped the run, or that it stops it no more.
/// Once jobs are launched a look says nothing of the run, and nothing is noted. Trouble with it is
/// a warning: the step ends as it would.
pub async fn note_stop(
    journal: &Journal,
    clock: &SharedClock,
    step: &str,
    failure: Option<&Failure>,
) {
    let stopped = failure.map(|failure| Stopped {
        at: clock.now(),
        step: step.to_owned(),
        exit: failure.exit as u8,
        why: text::one_line(&Chain(failure.error.as_ref()).to_string(), KEPT),
    });
    let written = journal.update(|record| note(record, step, stopped.clone())).await;
    if let Err(error) = written {
        tracing::warn!("{}; why the run stopped is not in the record", Chain(&error));
    }
}

fn note(record: &mut GateRecord, step: &str, stopped: Option<Stopped>) {
    let launched = record.jobs.iter().any(|job| !job.attempts.is_empty());
    let others = record.stopped.as_ref().is_some_and(|noted| noted.step != step);
    // What another step found stands until that one finds otherwise.
    if launched || record.verdict.is_some() || (stopped.is_none() && others) {
        return;
    }
    record.stopped = stopped;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Class;
    use crate::record::samples::{attempt, job};

    fn stopped(step: &str) -> Option<Stopped> {
        Some(Stopped {
            at: Timestamp::UNIX_EPOCH,
            step: step.to_owned(),
            exit: 1,
            why: "no plan".to_owned(),
        })
    }

    #[test]
    fn a_try_that_finds_nothing_takes_its_own_words_back() {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        note(&mut record, "create-release", stopped("create-release"));
        note(&mut record, "resolve-image", None);
        assert_eq!(record.stopped, stopped("create-release"));
        note(&mut record, "create-release", None);
        assert_eq!(record.stopped, None);
    }

    #[test]
    fn a_look_after_the_launch_says_nothing_of_the_run() {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        record.jobs.push(job(
            "a",
            Class::Blocking,
            vec![attempt(crate::record::JobState::Pending, None)],
        ));
        note(&mut record, "create-release", stopped("create-release"));
        assert_eq!(record.stopped, None);
    }

    #[tokio::test(start_paused = true)]
    async fn why_a_run_was_stopped_is_noted_and_taken_back() {
        use crate::clock::RuntimeClock;
        use crate::record::Identity;
        use crate::support::memory::Memory;
        let memory = Memory::default();
        let clock: SharedClock =
            std::sync::Arc::new(RuntimeClock::starting_at(Timestamp::UNIX_EPOCH));
        let journal = Journal::open(Box::new(memory.clone()), clock.clone(), &Identity::default())
            .await
            .unwrap();
        let failure = Failure::failed("no plan");
        note_stop(&journal, &clock, "create-release", Some(&failure)).await;
        assert_eq!(memory.record().stopped, stopped("create-release"));
        note_stop(&journal, &clock, "create-release", None).await;
        assert_eq!(memory.record().stopped, None);
    }
}
