//! Keeping a record within its size, whatever is written into it.
//!
//! What a decision depends on is never cut: the request, the intents and executions, states, causes
//! and proof levels. What only people read gives way, least useful first, until the rest fits:
//! names of tests (with a count, never silently), then the length of texts, then what older
//! attempts say besides how they ended. A request that is too large by itself is refused before
//! anything is sent.

use super::{Attempt, FailingTests, GateRecord, MAX_BYTES};

/// A record is too large although all that only people read was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// How large it is at its smallest, in bytes.
    pub bytes: usize,
}

/// Bytes of a job's URL; one that is longer leads nowhere, and can be asked for again.
const LONGEST_URL: usize = 1000;

/// What is cut, in this order, until the record fits. Each step includes those before it.
const STEPS: [fn(&mut GateRecord); 18] = [
    |record| each(record, |attempt| keep_names(&mut attempt.flaky_tests, 10)),
    |record| each(record, |attempt| keep_names(&mut attempt.flaky_tests, 0)),
    |record| older(record, |attempt| keep_history(attempt, 0)),
    |record| each(record, |attempt| keep_history(attempt, 10)),
    |record| each(record, |attempt| keep_names(&mut attempt.failing_tests, 25)),
    |record| texts(record, 400),
    |record| each(record, |attempt| keep_names(&mut attempt.failing_tests, 10)),
    |record| each(record, |attempt| keep_names(&mut attempt.failing_tests, 5)),
    |record| each(record, |attempt| keep_history(attempt, 0)),
    |record| texts(record, 200),
    |record| older(record, |attempt| keep_names(&mut attempt.failing_tests, 0)),
    |record| each(record, |attempt| keep_names(&mut attempt.failing_tests, 2)),
    |record| texts(record, 100),
    |record| older(record, without_details),
    |record| each(record, |attempt| keep_names(&mut attempt.failing_tests, 0)),
    |record| texts(record, 40),
    few_notes,
    |record| each(record, without_long_url),
];

/// A record as it is stored, no larger than [`MAX_BYTES`].
///
/// # Errors
/// [`TooLarge`] when what must be kept does not fit.
pub fn encode(record: &mut GateRecord) -> Result<Vec<u8>, TooLarge> {
    // Never more than 50 names, however much room there is.
    each(record, |attempt| {
        keep_names(&mut attempt.failing_tests, 50);
        keep_names(&mut attempt.flaky_tests, 50);
    });
    let mut bytes = serde_json::to_vec(record).expect("a record is JSON");
    for cut in STEPS {
        if bytes.len() <= MAX_BYTES {
            return Ok(bytes);
        }
        cut(record);
        bytes = serde_json::to_vec(record).expect("a record is JSON");
    }
    if bytes.len() <= MAX_BYTES { Ok(bytes) } else { Err(TooLarge { bytes: bytes.len() }) }
}

fn each(record: &mut GateRecord, change: impl FnMut(&mut Attempt)) {
    record
        .jobs
        .iter_mut()
        .flat_map(|job| &mut job.attempts)
        .for_each(change);
}

/// All attempts but each job's last, which is the one that counts.
fn older(record: &mut GateRecord, mut change: impl FnMut(&mut Attempt)) {
    for job in &mut record.jobs {
        let count = job.attempts.len().saturating_sub(1);
        job.attempts[..count].iter_mut().for_each(&mut change);
    }
}

fn keep_names(tests: &mut FailingTests, most: usize) {
    let surplus = tests.names.len().saturating_sub(most);
    tests.names.truncate(most);
    tests.more += surplus;
}

/// What the history says is for people; whether a rerun is worth it stays.
fn keep_history(attempt: &mut Attempt, most: usize) {
    let Some(told) = &mut attempt.history else { return };
    told.tests.truncate(most);
    told.regressions.truncate(most.min(3));
    if most == 0 {
        (told.suspects, told.job_changed) = (None, None);
    }
    attempt.history.take_if(|told| told.is_empty());
}

/// How an attempt ended stays; what was said of it goes.
fn without_details(attempt: &mut Attempt) {
    (attempt.detail, attempt.reason, attempt.job_url, attempt.tests) = (None, None, None, None);
    attempt.states.clear();
    if let Some(proof) = &mut attempt.proof {
        proof.note.clear();
    }
}

fn without_long_url(attempt: &mut Attempt) {
    attempt.job_url.take_if(|url| url.len() > LONGEST_URL);
}

/// The last message is kept, which is what later ones go by; and the verdict's first reasons.
fn few_notes(record: &mut GateRecord) {
    let surplus = record.notifications.len().saturating_sub(1);
    record.notifications.drain(..surplus);
    if let Some(verdict) = &mut record.verdict {
        let more = verdict.reasons.len().saturating_sub(20);
        verdict.reasons.truncate(20);
        verdict.reasons.extend((more > 0).then(|| format!("and {more} more")));
    }
    if let Some(release) = &mut record.release {
        release.images.iter_mut().for_each(|image| image.urls.truncate(1));
    }
}

/// Cuts every text that only people read.
fn texts(record: &mut GateRecord, limit: usize) {
    let cut = |text: &mut String| shorten(text, limit);
    for job in &mut record.jobs {
        job.refusal.iter_mut().for_each(|refusal| cut(&mut refusal.reason));
        for attempt in &mut job.attempts {
            attempt.detail.iter_mut().for_each(cut);
            attempt.reason.iter_mut().for_each(cut);
            attempt
                .refusal
                .iter_mut()
                .for_each(|refusal| cut(&mut refusal.reason));
            attempt.proof.iter_mut().for_each(|proof| cut(&mut proof.note));
            attempt
                .failing_tests
                .names
                .iter_mut()
                .chain(&mut attempt.flaky_tests.names)
                .for_each(cut);
        }
    }
    record
        .verdict
        .iter_mut()
        .flat_map(|verdict| &mut verdict.reasons)
        .for_each(cut);
    for note in &mut record.notifications {
        cut(&mut note.headline);
        note.detail.iter_mut().for_each(cut);
    }
    if let Some(release) = &mut record.release {
        release.detail.iter_mut().chain(&mut release.phase).for_each(cut);
    }
}

/// Cuts a text, which may have been cut before: what was left out is counted from its whole.
fn shorten(text: &mut String, limit: usize) {
    if text.len() <= limit {
        return;
    }
    let before = text
        .strip_suffix(" bytes)")
        .and_then(|head| head.rsplit_once(" … (+"));
    let before = before.and_then(|(kept, count)| Some((kept, count.parse::<usize>().ok()?)));
    let (kept, gone) = before.unwrap_or((text, 0));
    // The mark is part of the limit: ten digits are more than a record has bytes.
    let at = kept.floor_char_boundary(limit.saturating_sub(" … (+1234567890 bytes)".len()));
    let gone = gone + kept.len() - at;
    *text = format!("{} … (+{gone} bytes)", &kept[..at]);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::super::{
        Cause, Class, Decision, Intent, JobRecord, JobState, LaunchRefusal, Notification, Outcome,
        Proof, ProofLevel, ReleaseRecord, Released, StateChange, TestCounts, Verdict,
    };
    use super::*;

    fn attempt(number: u32, words: &str, names: usize) -> Attempt {
        let intent = Intent {
            key: "k".repeat(40),
            written_at: Timestamp::UNIX_EPOCH,
            holder: "h".repeat(36),
            sent_at: Some(Timestamp::UNIX_EPOCH),
            sends: 1,
            certainly_not_created: false,
        };
        let names = || FailingTests { names: vec![words.to_owned(); names], more: 3 };
        let change = StateChange { state: JobState::Pending, at: Timestamp::UNIX_EPOCH };
        Attempt {
            execution: Some("e".repeat(36)),
            launched_at: Some(Timestamp::UNIX_EPOCH),
            state: JobState::Failure,
            states: vec![change; 8],
            reason: Some(words.to_owned()),
            job_url: Some(format!("https://prow.example/view/gs/b/logs/{}", "j".repeat(120))),
            started_at: Some(Timestamp::UNIX_EPOCH),
            completed_at: Some(Timestamp::UNIX_EPOCH),
            cause: Some(Cause::Infrastructure),
            judged_at: Some(Timestamp::UNIX_EPOCH),
            detail: Some(words.to_owned()),
            failing_tests: names(),
            flaky_tests: names(),
            tests: Some(TestCounts { run: 900, ..TestCounts::default() }),
            proof: Some(Proof { level: ProofLevel::Requested, note: words.to_owned() }),
            ..Attempt::intended(number, intent)
        }
    }

    /// A record in which everything is as large as it gets.
    fn record(jobs: usize, attempts: u32, words: &str, names: usize) -> GateRecord {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        for number in 0..jobs {
            let refusal = LaunchRefusal {
                at: Timestamp::UNIX_EPOCH,
                reason: words.to_owned(),
                token: number % 2 == 0,
            };
            record.jobs.push(JobRecord {
                override_env: vec![
                    "MULTISTAGE_PARAM_OVERRIDE_OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE".to_owned(),
                ],
                attempts: (1..=attempts).map(|number| attempt(number, words, names)).collect(),
                refusal: Some(refusal),
                ..JobRecord::named(
                    format!("periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-{number}"),
                    Class::Blocking,
                )
            });
        }
        record.verdict = Some(Verdict {
            decision: Decision::Failed,
            decided_at: Timestamp::UNIX_EPOCH,
            reasons: vec![words.to_owned(); jobs],
            blocking_passed: 0,
            blocking_total: jobs,
        });
        let note = Notification {
            at: Timestamp::UNIX_EPOCH,
            delivered: false,
            outcome: Some(Outcome::Refused),
            headline: words.to_owned(),
            thread: Some("1".to_owned()),
            detail: Some(words.to_owned()),
        };
        record.notifications = vec![note; 10];
        record.release = Some(ReleaseRecord {
            plan: "plan".to_owned(),
            name: Some("plan-1".to_owned()),
            intended_at: None,
            created: true,
            released: Released::False,
            is_final: true,
            exit: 1,
            dry_run: false,
            unexamined: false,
            noted_at: Some(record.updated_at),
            tries_left: Some(1),
            phase: Some(words.to_owned()),
            detail: Some(words.to_owned()),
            pipeline_run: None,
            images: Vec::new(),
            created_at: None,
            completed_at: None,
        });
        record
    }

    /// All that a decision depends on: the record without what only people read.
    fn essence(record: &GateRecord) -> GateRecord {
        let mut record = record.clone();
        record.notifications = record.notifications.pop().into_iter().collect();
        texts(&mut record, 0);
        for job in &mut record.jobs {
            job.refusal.iter_mut().for_each(|refusal| refusal.reason.clear());
            for attempt in &mut job.attempts {
                without_details(attempt);
                for tests in [&mut attempt.failing_tests, &mut attempt.flaky_tests] {
                    keep_names(tests, 0);
                }
            }
        }
        record.verdict.iter_mut().for_each(|verdict| verdict.reasons.clear());
        for note in &mut record.notifications {
            (note.headline, note.detail) = (String::new(), None);
        }
        record
            .release
            .iter_mut()
            .for_each(|release| (release.detail, release.phase) = (None, None));
        record
    }

    /// Texts that grow when they are written as JSON, and such that may be cut only between
    /// characters.
    const WORDS: [&str; 5] = ["Test", "\"\\\n", "ü", "漢字", "\u{1f6a8}\u{0}"];

    #[test]
    fn two_hundred_jobs_with_three_attempts_of_the_longest_texts_fit() {
        for words in WORDS {
            // 400 bytes is what writers keep of a foreign text.
            let mut record = record(200, 3, &words.repeat(400 / words.len()), 12);
            let before = essence(&record);
            let bytes = encode(&mut record).unwrap();
            assert!(bytes.len() <= MAX_BYTES, "{words:?}: {}", bytes.len());
            assert_eq!(essence(&record), before, "{words:?}");
            let tests = &record.jobs[0].attempts[0].failing_tests;
            assert_eq!(tests.names.len() + tests.more, 15);
            assert_eq!(encode(&mut record).unwrap(), bytes, "a record that fits is left as it is");
        }
    }

    #[test]
    fn the_last_attempt_is_the_last_to_lose_its_words() {
        let mut record = record(200, 3, &"Test".repeat(20), 50);
        encode(&mut record).unwrap();
        let [first, .., last] = record.jobs[7].attempts.as_slice() else { panic!() };
        assert!(last.failing_tests.names.len() >= first.failing_tests.names.len());
        assert!(last.job_url.is_some() && last.detail.is_some());
    }

    #[test]
    fn a_text_that_is_cut_again_counts_from_its_whole() {
        let mut text = "x".repeat(1000);
        shorten(&mut text, 400);
        shorten(&mut text, 100);
        let kept = text.bytes().take_while(|byte| *byte == b'x').count();
        assert_eq!(text, format!("{} … (+{} bytes)", "x".repeat(kept), 1000 - kept));
        assert!(text.len() <= 100);
    }

    #[test]
    fn a_request_that_is_too_large_by_itself_is_refused() {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        let env: std::collections::BTreeMap<_, _> =
            [("BIG".to_owned(), "x".repeat(100_000))].into();
        for number in 0..10 {
            record.jobs.push(JobRecord {
                env: env.clone(),
                ..JobRecord::named(format!("e2e-{number}"), Class::Blocking)
            });
        }
        assert!(encode(&mut record).unwrap_err().bytes > MAX_BYTES);
        assert_eq!(record.jobs[9].env, env, "nothing of the request is cut");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn whatever_is_in_it_it_fits_and_nothing_that_decides_is_lost(
            (jobs, names, times) in prop_oneof![
                (100usize..=200, 0usize..=12, 0usize..100),
                // A writer that cuts nothing.
                (1usize..5, 0usize..5, 0usize..20_000),
            ],
            attempts in 1u32..4, word in prop::sample::select(&WORDS[..]),
        ) {
            let mut record = record(jobs, attempts, &word.repeat(times), names);
            let before = essence(&record);
            let bytes = encode(&mut record).unwrap();
            prop_assert!(bytes.len() <= MAX_BYTES);
            prop_assert_eq!(&serde_json::from_slice::<GateRecord>(&bytes).unwrap(), &record);
            prop_assert_eq!(essence(&record), before);
        }
    }
}
