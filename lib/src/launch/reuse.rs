//! Runs of other records that may be taken over instead of launching the same again (`--reuse`).
//!
//! A run of the same job on the same digest with the same variables answers the same question,
//! whichever gate asked. What a record says of it is a hint where to look and nothing more: the
//! adopting gate judges the run itself, and the key that the run must carry is computed from the
//! named record's id, the job, the digest and the attempt. So a forged record gains nothing.
//!
//! It is no way to roll dice: of a job that failed for the product twice on one digest, the last
//! such run is adopted, not a new one launched. [`choose`] decides, and is pure.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::order;
use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::failure::Chain;
use crate::record::{
    Attempt, Cause, Earlier, GateRecord, Intent, JobRecord, JobState, Journal, RecordError,
    ReusedFrom, Standing, Whose, each,
};

/// How long a run may be taken over after it ended, where nothing else is said.
pub const REUSE: Duration = Duration::from_secs(12 * 3600);

/// Records are read as far back as this (30 days), for the count of what failed.
const BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// No run that has not ended is older (10 hours): one that its gate lost sight of is not waited
/// for.
const LONGEST_JOB: SignedDuration = SignedDuration::from_hours(10);

/// So many failures for the product on one digest are enough: a pass after them would be luck.
pub const ENOUGH_FAILURES: u32 = 2;

/// A run of another record.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    from: ReusedFrom,
    attempt: Attempt,
}

/// What other records say of a job on this image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Elsewhere {
    /// Its runs, each once, the one launched last first.
    pub runs: Vec<Seen>,
}

impl Elsewhere {
    /// Adds what a record says of the job, if it is of the same image and variables.
    pub fn add(&mut self, name: &str, other: &GateRecord, wanted: &GateRecord, job: &str) {
        let same = same_order(wanted, other, job);
        let Some(found) = other.job(job).filter(|_| same) else { return };
        for attempt in &found.attempts {
            let from = attempt.reused_from.clone().unwrap_or_else(|| ReusedFrom {
                record: name.to_owned(),
                id: other.id.clone(),
                attempt: attempt.number,
                gate: other.gate.clone(),
            });
            let (Some(execution), false) = (attempt.run(), from.id == wanted.id) else { continue };
            match self
                .runs
                .iter_mut()
                .find(|seen| seen.attempt.run() == Some(execution))
            {
                // Of two records of one run the one that has judged it tells more.
                Some(seen) if seen.attempt.judged().is_none() => {
                    *seen = Seen { from, attempt: attempt.clone() };
                }
                Some(_) => {}
                None => self.runs.push(Seen { from, attempt: attempt.clone() }),
            }
        }
        self.runs
            .sort_by_key(|seen| std::cmp::Reverse(seen.attempt.launched_at));
    }

    /// How many runs there were, and how many of them failed for the product.
    pub fn count(&self) -> Earlier {
        let product = |seen: &&Seen| seen.attempt.judged() == Some(Cause::Product);
        let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
        Earlier {
            runs: count(self.runs.len()),
            product: count(self.runs.iter().filter(product).count()),
        }
    }
}

/// Whether two records would order the very same for a job, but for the key and what people read.
fn same_order(one: &GateRecord, other: &GateRecord, job: &str) -> bool {
    let digest =
        |record: &GateRecord| record.candidate.as_ref().map(|candidate| candidate.digest.clone());
    let envs = |record: &GateRecord| order(record, job, 1).map(|order| order.pod_spec_options.envs);
    digest(one).is_some() && digest(one) == digest(other) && envs(one) == envs(other)
}

/// The run to take over for a job, if there is one: one that passed and ended no longer than `age`
/// ago, or one that runs. After enough failures for the product, the last of them.
pub fn choose(elsewhere: &Elsewhere, age: Duration, now: Timestamp) -> Option<&Seen> {
    let failed = |seen: &&Seen| seen.attempt.judged() == Some(Cause::Product);
    if elsewhere.count().product >= ENOUGH_FAILURES {
        return elsewhere.runs.iter().find(failed);
    }
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    let within = |at: Option<Timestamp>, span: SignedDuration| {
        at.is_some_and(|at| now.duration_since(at) <= span)
    };
    let passed = |seen: &&Seen| {
        let ended = seen.attempt.completed_at.or(seen.attempt.judged_at);
        seen.attempt.passed() && within(ended, age)
    };
    let runs = |seen: &&Seen| {
        let open =
            matches!(seen.attempt.standing(), Standing::Running(state) if !has_failed(state));
        open && within(seen.attempt.launched_at, LONGEST_JOB)
    };
    elsewhere
        .runs
        .iter()
        .find(passed)
        .or_else(|| elsewhere.runs.iter().find(runs))
}

fn has_failed(state: JobState) -> bool {
    matches!(state, JobState::Failure | JobState::Aborted | JobState::Error)
}

impl Seen {
    /// The attempt as the adopting record begins it: nothing of the other's judgement.
    fn adopted(&self, key: String, now: Timestamp) -> Attempt {
        let intent = Intent {
            key,
            written_at: now,
            holder: self.from.record.clone(),
            sent_at: None,
            sends: 0,
            certainly_not_created: true,
        };
        Attempt {
            execution: self.attempt.execution.clone(),
            launched_at: self.attempt.launched_at,
            job_url: self.attempt.job_url.clone(),
            adopted: true,
            reused_from: Some(self.from.clone()),
            ..Attempt::intended(1, intent)
        }
    }
}

/// Takes over what may be taken over for the jobs that have no attempt yet, in one write, and notes
/// how often each has run on this image before. Without other records nothing is taken over.
///
/// # Errors
/// [`RecordError`] when our own record cannot be written.
pub async fn adopt(
    journal: &Journal,
    cluster: &Cluster,
    clock: &SharedClock,
    age: Duration,
) -> Result<(), RecordError> {
    let record = journal.record().await;
    let open = |job: &&JobRecord| job.attempts.is_empty() && job.refusal.is_none();
    let names: BTreeSet<String> =
        record.jobs.iter().filter(open).map(|job| job.name.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let mut elsewhere: BTreeMap<&str, Elsewhere> = BTreeMap::new();
    let since = clock.now().checked_sub(BACK).ok();
    let read = each(cluster, clock, Whose::Anybody, since, |meta, other| {
        match other {
            Ok(other) if other.id == record.id => {}
            Ok(other) => {
                let name = meta.name.as_deref().unwrap_or_default();
                for job in &names {
                    elsewhere.entry(job).or_default().add(name, &other, &record, job);
                }
            }
            // It can only hide a run: then that is launched again.
            Err(error) => tracing::debug!("{error}"),
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = read.await {
        tracing::warn!(
            "other records cannot be read, so that every job is launched: {}",
            Chain(&error)
        );
        return Ok(());
    }
    let now = clock.now();
    journal
        .update(|record| {
            for job in &names {
                let Some(found) = elsewhere.get(job.as_str()) else { continue };
                take_over(record, job, found, age, now);
            }
        })
        .await?;
    for job in journal
        .record()
        .await
        .jobs
        .iter()
        .filter(|job| names.contains(&job.name))
    {
        let from = job.attempts.first().and_then(|attempt| attempt.reused_from.as_ref());
        if let Some(from) = from {
            tracing::info!(
                job = job.name,
                execution = job.attempts[0].execution,
                "{} is not launched: its run of {} on the same image is taken over",
                job.name,
                from.record
            );
        }
    }
    Ok(())
}

/// The change of the record; made again where somebody else has written in between.
fn take_over(record: &mut GateRecord, job: &str, found: &Elsewhere, age: Duration, now: Timestamp) {
    let seen = choose(found, age, now);
    let key = record.candidate.as_ref().zip(seen).map(|(candidate, seen)| {
        crate::prow::key::of(&seen.from.id, job, &candidate.digest, seen.from.attempt)
    });
    let Some(job) = record.job_mut(job) else { return };
    if !job.attempts.is_empty() || job.refusal.is_some() {
        return;
    }
    let earlier = found.count();
    job.earlier = (earlier.runs > 0).then_some(earlier);
    if let (Some(seen), Some(key)) = (seen, key) {
        job.attempts.push(seen.adopted(key, now));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use standins::{TokioTime, World};

    use super::*;
    use crate::clock::RuntimeClock;
    use crate::record::samples::{attempt, job, refusal};
    use crate::record::{Candidate, Class, ConfigMapStore, Identity, Store, labels};

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn record(id: &str, digit: char, attempts: Vec<Attempt>) -> GateRecord {
        let mut record = GateRecord::begin(id, at(0));
        let image = format!("quay.io/acme/ho@sha256:{}", digit.to_string().repeat(64));
        record.candidate = Some(Candidate::of(image.parse().unwrap()));
        record.jobs = vec![JobRecord {
            override_env: vec!["IMAGE".to_owned()],
            ..job("a", Class::Blocking, attempts)
        }];
        record
    }

    fn run(execution: &str, state: JobState, cause: Option<Cause>, hour: i64) -> Attempt {
        Attempt {
            execution: Some(execution.to_owned()),
            launched_at: Some(at(hour)),
            completed_at: cause.map(|_| at(hour + 2)),
            ..attempt(state, cause)
        }
    }

    /// As a record has it that took it over from the first one.
    fn taken_over(attempt: Attempt) -> Attempt {
        let (record, id) = ("gate-0".to_owned(), "one".to_owned());
        Attempt { reused_from: Some(ReusedFrom { record, id, attempt: 1, gate: None }), ..attempt }
    }

    fn elsewhere(others: &[GateRecord]) -> Elsewhere {
        let wanted = record("ours", '4', Vec::new());
        let mut elsewhere = Elsewhere::default();
        for (number, other) in others.iter().enumerate() {
            elsewhere.add(&format!("gate-{number}"), other, &wanted, "a");
        }
        elsewhere
    }

    fn chosen(others: &[GateRecord], hours: u64) -> Option<String> {
        let elsewhere = elsewhere(others);
        let age = Duration::from_secs(hours * 3600);
        choose(&elsewhere, age, at(20)).and_then(|seen| seen.attempt.execution.clone())
    }

    #[test]
    fn what_runs_or_has_passed_on_the_same_image_is_taken_over() {
        use JobState::{Failure, Pending, Success};
        let passed = |name: &str, hour| run(name, Success, Some(Cause::Passed), hour);
        let other = |attempts| record("theirs", '4', attempts);
        assert_eq!(chosen(&[other(vec![passed("p", 10)])], 12).as_deref(), Some("p"));
        assert_eq!(chosen(&[other(vec![passed("p", 5)])], 12), None, "it ended 13 hours ago");
        assert_eq!(chosen(&[record("theirs", '5', vec![passed("p", 10)])], 12), None);
        let mut variables = other(vec![passed("p", 10)]);
        variables.jobs[0].env.insert("TESTS".to_owned(), "other".to_owned());
        assert_eq!(chosen(&[variables], 12), None, "other variables");
        assert_eq!(chosen(&[record("ours", '4', vec![passed("p", 10)])], 12), None, "our own");
        let pending = run("r", Pending, None, 15);
        assert_eq!(chosen(&[other(vec![pending.clone()])], 12).as_deref(), Some("r"));
        assert_eq!(chosen(&[other(vec![run("r", Pending, None, 5)])], 12), None, "lost sight of");
        let both = [other(vec![pending]), record("third", '4', vec![passed("p", 10)])];
        assert_eq!(chosen(&both, 12).as_deref(), Some("p"), "a pass before one that runs");
        for (state, cause) in [
            (Failure, Some(Cause::Product)),
            (Failure, Some(Cause::Infrastructure)),
            (Pending, Some(Cause::Deadline)),
            (Success, Some(Cause::Unproven)),
            (Failure, None),
        ] {
            assert_eq!(chosen(&[other(vec![run("x", state, cause, 15)])], 12), None, "{cause:?}");
        }
        let refused = Attempt { refusal: Some(refusal(false)), ..passed("p", 10) };
        assert_eq!(chosen(&[other(vec![refused])], 12), None);
    }

    #[test]
    fn two_failures_for_the_product_are_not_tested_to_a_pass() {
        let failed = |name: &str, hour| run(name, JobState::Failure, Some(Cause::Product), hour);
        let passed = run("p", JobState::Success, Some(Cause::Passed), 15);
        let first = record("one", '4', vec![failed("f1", 1)]);
        assert_eq!(chosen(std::slice::from_ref(&first), 12), None, "once may be a flake");
        let second = record("two", '4', vec![failed("f2", 5), passed]);
        assert_eq!(chosen(&[first.clone(), second], 12).as_deref(), Some("f2"));
        // The same run in two records is one failure.
        let again = record("three", '4', vec![taken_over(failed("f1", 1))]);
        assert_eq!(chosen(&[first, again], 12), None);
    }

    #[test]
    fn of_two_records_of_one_run_the_one_that_judged_it_counts() {
        let judged = run("f", JobState::Failure, Some(Cause::Product), 1);
        let open = Attempt { cause: None, ..judged.clone() };
        for (one, two) in [(judged.clone(), open.clone()), (open, judged)] {
            let records =
                [record("one", '4', vec![one]), record("two", '4', vec![taken_over(two)])];
            let count = elsewhere(&records).count();
            assert_eq!(count, Earlier { runs: 1, product: 1 }, "{records:?}");
        }
    }

    #[test]
    fn only_the_same_image_with_the_same_variables_is_the_same_order() {
        let with = |digit, variables: &[&str]| {
            let mut record = record("any", digit, Vec::new());
            record.jobs[0].override_env = variables.iter().map(|&name| name.to_owned()).collect();
            record
        };
        let without_image = || GateRecord { candidate: None, ..record("any", '4', Vec::new()) };
        for (one, other, same) in [
            (with('4', &["IMAGE"]), with('4', &["IMAGE"]), true),
            (with('4', &["IMAGE"]), with('4', &["OTHER"]), false),
            // No variable names the image.
            (with('4', &[]), with('5', &[]), false),
            (without_image(), without_image(), false),
        ] {
            assert_eq!(same_order(&one, &other, "a"), same, "{one:?} and {other:?}");
        }
    }

    #[test]
    fn only_a_job_that_was_not_tried_is_given_a_run() {
        let passed = run("p", JobState::Success, Some(Cause::Passed), 10);
        let found = elsewhere(&[record("theirs", '4', vec![passed])]);
        let after = |attempts: Vec<Attempt>, refused: bool, found: &Elsewhere| {
            let mut ours = record("ours", '4', attempts);
            ours.jobs[0].refusal = refused.then(|| refusal(false));
            take_over(&mut ours, "a", found, REUSE, at(20));
            let job = &ours.jobs[0];
            let runs: Vec<String> = job
                .attempts
                .iter()
                .filter_map(|attempt| attempt.execution.clone())
                .collect();
            (runs, job.earlier)
        };
        let own = || run("own", JobState::Pending, None, 15);
        let earlier = Some(Earlier { runs: 1, product: 0 });
        assert_eq!(after(Vec::new(), false, &found), (vec!["p".to_owned()], earlier));
        assert_eq!(after(vec![own()], false, &found), (vec!["own".to_owned()], None));
        assert_eq!(after(Vec::new(), true, &found), (Vec::new(), None));
        // Nothing is known of it: no count of nothing.
        assert_eq!(after(Vec::new(), false, &Elsewhere::default()), (Vec::new(), None));
    }

    #[tokio::test(start_paused = true)]
    async fn the_other_records_are_read_while_a_job_was_not_tried() {
        let world = World::builder().clock(TokioTime::starting_at(at(20))).build();
        let cluster = crate::support::cluster(&world, "gates");
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(at(20)));
        let passed = |name: &str| run(name, JobState::Success, Some(Cause::Passed), 10);
        let jobs = |attempts: [Vec<Attempt>; 3]| {
            let names = ["a", "tried", "refused"].into_iter();
            let jobs = names.zip(attempts);
            jobs.map(|(name, attempts)| job(name, Class::Blocking, attempts))
                .collect()
        };
        let mut theirs = record("theirs", '4', Vec::new());
        theirs.jobs = jobs([vec![passed("p")], vec![passed("q")], vec![passed("r")]]);
        let mut ours = record("ours", '4', Vec::new());
        ours.jobs = jobs([Vec::new(), vec![run("own", JobState::Pending, None, 15)], Vec::new()]);
        ours.jobs[2].refusal = Some(refusal(false));
        let store = |name: &str| Box::new(ConfigMapStore::new(&cluster, name));
        for (name, record) in [("gate-theirs", &theirs), ("gate-ours", &ours)] {
            let bytes = serde_json::to_vec(record).unwrap();
            store(name)
                .save(&bytes, &labels::of_record(record), None)
                .await
                .unwrap();
        }
        let identity = Identity::default();
        let journal = Journal::existing(store("gate-ours"), clock.clone(), &identity)
            .await
            .unwrap();
        adopt(&journal, &cluster, &clock, REUSE).await.unwrap();
        let record = journal.record().await;
        let attempts = &record.jobs[0].attempts;
        assert_eq!(attempts.len(), 1, "{record:?}");
        assert_eq!(attempts[0].execution.as_deref(), Some("p"));
        assert_eq!(attempts[0].reused_from.as_ref().unwrap().record, "gate-theirs");
        assert_eq!(record.jobs[1..], ours.jobs[1..]);
        // Every job has been tried now: nothing is asked.
        let asked = world.requests().len();
        adopt(&journal, &cluster, &clock, REUSE).await.unwrap();
        assert_eq!((world.requests().len(), journal.record().await), (asked, record));
    }

    #[test]
    fn what_is_taken_over_keeps_the_key_of_its_launch_and_no_judgement() {
        let other =
            record("theirs", '4', vec![run("p", JobState::Success, Some(Cause::Passed), 10)]);
        let mut ours = record("ours", '4', Vec::new());
        let mut elsewhere = Elsewhere::default();
        elsewhere.add("gate-0", &other, &ours, "a");
        take_over(&mut ours, "a", &elsewhere, REUSE, at(20));
        let attempt = &ours.jobs[0].attempts[0];
        assert_eq!(attempt.standing(), Standing::Running(JobState::Unknown));
        let key = |record: &GateRecord| {
            order(record, "a", 1).unwrap().pod_spec_options.labels[crate::prow::key::LABEL].clone()
        };
        assert_eq!(key(&ours), key(&other));
        assert_eq!(attempt.intent.key, key(&other));
        // A later launch of ours has a key of ours.
        let next = order(&ours, "a", 2).unwrap().pod_spec_options.labels;
        assert_ne!(next[crate::prow::key::LABEL], key(&other));
        // A third record that takes it over from us names where it was launched.
        let third = record("third", '4', Vec::new());
        let mut from_us = Elsewhere::default();
        let mut judged = ours.clone();
        judged.jobs[0].attempts[0].state = JobState::Pending;
        judged.jobs[0].attempts[0].launched_at = Some(at(15));
        from_us.add("gate-1", &judged, &third, "a");
        assert_eq!(from_us.runs[0].from.id, "theirs");
        assert_eq!(ours.jobs[0].earlier, Some(Earlier { runs: 1, product: 0 }));
    }
}
