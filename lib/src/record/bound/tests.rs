//! What is cut, what never is, and that it fits in the end.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::record::{
    Cause, Class, Decision, HistoryNote, Intent, JobRecord, JobState, LaunchRefusal, Notification,
    Outcome, PastKind, Proof, ProofLevel, ReleaseRecord, StateChange, SuspectRange, TestCounts,
    TestPast, Verdict,
};

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
        name: Some("plan-1".to_owned()),
        created: true,
        is_final: true,
        exit: 1,
        noted_at: Some(record.updated_at),
        tries_left: Some(1),
        phase: Some(words.to_owned()),
        detail: Some(words.to_owned()),
        ..ReleaseRecord::of_plan("plan")
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
    let env: std::collections::BTreeMap<_, _> = [("BIG".to_owned(), "x".repeat(100_000))].into();
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

#[test]
fn names_that_are_left_out_are_counted() {
    let mut tests =
        FailingTests { names: ["a", "b", "c", "d"].map(str::to_owned).to_vec(), more: 3 };
    for (most, kept, more) in [(9, 4, 3), (4, 4, 3), (2, 2, 5), (2, 2, 5), (0, 0, 7)] {
        keep_names(&mut tests, most);
        assert_eq!((tests.names.len(), tests.more), (kept, more), "{most}");
    }
}

#[test]
fn the_attempt_that_counts_is_not_among_the_older_ones() {
    let mut record = record(2, 3, "", 0);
    record.jobs.push(JobRecord::named("not launched", Class::Blocking));
    let (mut all, mut before) = (Vec::new(), Vec::new());
    each(&mut record, |attempt| all.push(attempt.number));
    older(&mut record, |attempt| before.push(attempt.number));
    assert_eq!(all, [1, 2, 3, 1, 2, 3]);
    assert_eq!(before, [1, 2, 1, 2]);
}

#[test]
fn of_the_history_what_a_rerun_depends_on_is_kept() {
    let past = TestPast {
        name: "Test".to_owned(),
        kind: PastKind::Flaky,
        words: "now and then".to_owned(),
        issue: None,
    };
    let whole = HistoryNote {
        tests: vec![past; 12],
        regressions: vec!["Test".to_owned(); 12],
        suspects: Some(SuspectRange {
            test: "Test".to_owned(),
            good: None,
            bad: None,
            compare: None,
        }),
        job_changed: Some(Timestamp::UNIX_EPOCH),
        all_known: true,
    };
    let kept = |most: usize, all_known: bool| {
        let mut attempt = attempt(1, "", 0);
        attempt.history = Some(Box::new(HistoryNote { all_known, ..whole.clone() }));
        keep_history(&mut attempt, most);
        attempt.history.map(|told| *told)
    };
    let shorter = HistoryNote {
        tests: whole.tests[..10].to_vec(),
        regressions: whole.regressions[..3].to_vec(),
        ..whole.clone()
    };
    assert_eq!(kept(10, true), Some(shorter));
    assert_eq!(kept(0, true), Some(HistoryNote { all_known: true, ..HistoryNote::default() }));
    assert_eq!(kept(0, false), None);
}

#[test]
fn how_an_attempt_ended_stays_when_its_details_go() {
    let before = attempt(2, "words", 3);
    let mut bare = before.clone();
    without_details(&mut bare);
    let wanted = Attempt {
        detail: None,
        reason: None,
        job_url: None,
        tests: None,
        states: Vec::new(),
        proof: Some(Proof { level: ProofLevel::Requested, note: String::new() }),
        ..before
    };
    assert_eq!(bare, wanted);
}

#[test]
fn a_url_of_a_thousand_bytes_is_kept_and_no_longer_one() {
    for (length, kept) in [(10, true), (1000, true), (1001, false), (5000, false)] {
        let mut attempt = Attempt { job_url: Some("u".repeat(length)), ..attempt(1, "", 0) };
        without_long_url(&mut attempt);
        assert_eq!(attempt.job_url.is_some(), kept, "{length}");
    }
}

#[test]
fn the_last_note_and_the_first_twenty_reasons_are_kept() {
    let reasons = |count: usize| {
        let mut record = record(count, 1, "", 0);
        record.notifications[9].headline = "the last".to_owned();
        few_notes(&mut record);
        let [note] = record.notifications.as_slice() else { panic!("{count}") };
        assert_eq!(note.headline, "the last");
        let reasons = record.verdict.unwrap().reasons;
        (reasons.len(), reasons.last().cloned().unwrap_or_default())
    };
    assert_eq!(reasons(3), (3, String::new()));
    assert_eq!(reasons(20), (20, String::new()));
    assert_eq!(reasons(21), (21, "and 1 more".to_owned()));
    assert_eq!(reasons(32), (21, "and 12 more".to_owned()));
}

#[test]
fn every_text_that_only_people_read_is_cut() {
    let words = "x".repeat(100);
    let mut record = record(1, 2, &words, 2);
    let json = |record: &GateRecord| serde_json::to_string(record).unwrap();
    assert!(json(&record).contains(&words));
    texts(&mut record, 60);
    assert!(!json(&record).contains(&"x".repeat(60)), "{}", json(&record));
    assert_eq!(record.jobs[0].attempts[1].execution, Some("e".repeat(36)));
}
