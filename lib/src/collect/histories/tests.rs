//! What is asked of a job's history, what a run is kept as, and when no history is asked any more.

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::clock::RuntimeClock;
use crate::evidence::junits::AllTests;
use crate::history::ReadError;
use crate::history::samples::{day, nightly, with};
use crate::prow::tally::FailedTest;
use crate::record::samples::{attempt, job};
use crate::record::{Class, FailingTests, JobState, StoreError, TestCounts};

/// The night of which the tests tell, after five others.
const TONIGHT: i64 = 5;

fn clock() -> SharedClock {
    Arc::new(RuntimeClock::starting_at(day(TONIGHT)))
}

/// Histories in a folder, which is gone with the second value.
fn kept(issues: KnownIssues) -> (Histories, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::Folder(dir.path().to_owned());
    (Histories::new(Some(place), issues, clock()), dir)
}

/// A job whose attempt of tonight ended so, or goes on.
fn tonight(name: &str, number: u32, cause: Option<Cause>) -> JobRecord {
    let mut attempt = attempt(JobState::Failure, cause);
    (attempt.number, attempt.intent.written_at) = (number, day(TONIGHT));
    job(name, Class::Blocking, vec![attempt])
}

fn record(jobs: Vec<JobRecord>) -> GateRecord {
    GateRecord { jobs, ..GateRecord::begin("run", day(TONIGHT)) }
}

fn ended<'a>(job: &'a JobRecord, judgement: &'a Judgement) -> Ended<'a> {
    Ended { job, attempt: &job.attempts[0], judgement, definition: None }
}

/// A judgement by the tests that failed.
fn failing_in(cause: Cause, tests: &[&str]) -> Judgement {
    let names = tests.iter().map(|test| (*test).to_owned()).collect();
    let failed = |name: &&str| FailedTest {
        suite: "e2e".to_owned(),
        name: (*name).to_owned(),
        ..FailedTest::default()
    };
    let failing = tests.iter().map(failed).collect();
    Judgement {
        failing_tests: FailingTests { names, more: 0 },
        all: Arc::new(AllTests { failing, ..AllTests::default() }),
        ..Judgement::new(cause, "")
    }
}

#[tokio::test(start_paused = true)]
async fn the_usual_number_is_read_for_open_jobs_that_are_judged_by_it() {
    let (histories, _dir) = kept(KnownIssues::default());
    let own_number = JobRecord { tests: Some(3), ..tonight("own-number", 1, None) };
    let ignored = JobRecord { junit: Junit::Ignore, ..tonight("ignored", 1, None) };
    let closed = tonight("closed", 1, Some(Cause::Product));
    let record = record(vec![tonight("open", 1, None), own_number, ignored, closed]);
    for job in &record.jobs {
        let add = |history: &mut History| {
            for n in 0..TONIGHT {
                history.add(&with(nightly(n), 'P'));
            }
        };
        let store = histories.place.as_ref().unwrap().store(&job.name);
        keep::change(store.as_ref(), &job.name, &histories.clock, add)
            .await
            .unwrap();
    }
    let usual = histories.usual(&record).await;
    assert_eq!(usual.keys().collect::<Vec<_>>(), ["open"]);
    assert_eq!(usual["open"].ran, [1; 5]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_of_with_its_known_issues_whether_a_history_is_kept_or_not() {
    let list = "- {test: TestX, reason: leak, link: 'https://issues.example/1', owner: me, until: 2026-12-01}";
    let issues = KnownIssues::read("--known-issues", list).unwrap();
    let (kept, _dir) = kept(issues.clone());
    let job = tonight("a", 1, Some(Cause::Product));
    let record = record(vec![job.clone()]);
    let judgement = failing_in(Cause::Product, &["TestX", "TestY"]);
    let told = async |histories: &Histories| {
        let told = histories.note(&record, ended(&job, &judgement)).await;
        let tests = told.tests.into_iter();
        tests
            .map(|test| (test.name, test.issue.is_some()))
            .collect::<Vec<_>>()
    };
    let (known, unknown) = (("TestX".to_owned(), true), ("TestY".to_owned(), false));
    assert_eq!(told(&kept).await, [known.clone(), unknown]);
    assert_eq!(told(&Histories::new(None, issues, clock())).await, [known]);
    // Of a pass there is nothing to tell.
    let passed = Judgement { cause: Cause::Passed, ..judgement.clone() };
    assert_eq!(kept.note(&record, ended(&job, &passed)).await, HistoryNote::default());
}

#[test]
fn a_further_try_is_kept_as_a_rerun() {
    for (number, origin) in [(1, Origin::Nightly), (2, Origin::Rerun), (3, Origin::Rerun)] {
        let job = tonight("a", number, Some(Cause::Setup));
        let judgement = Judgement::new(Cause::Setup, "");
        let run = run_of(&record(vec![job.clone()]), ended(&job, &judgement)).unwrap();
        assert_eq!((run.origin, run.cause()), (origin, Some(Cause::Setup)), "{number}");
    }
}

#[test]
fn how_far_the_tests_of_a_run_are_known() {
    use Cause::{Infrastructure, Passed, Product, Setup};
    for (files, cause, is_complete, known) in [
        (None, Passed, true, Reading::Unknown),
        (Some(0), Setup, true, Reading::NotReached),
        (Some(0), Infrastructure, false, Reading::NotReached),
        (Some(0), Product, true, Reading::Complete),
        (Some(0), Product, false, Reading::Partial),
        (Some(2), Setup, true, Reading::Complete),
        (Some(2), Infrastructure, false, Reading::Partial),
        (Some(2), Passed, true, Reading::Complete),
        (Some(2), Product, false, Reading::Partial),
    ] {
        let judgement = Judgement {
            tests: files.map(|files| TestCounts { files, ..TestCounts::default() }),
            all: Arc::new(AllTests { is_complete, ..AllTests::default() }),
            ..Judgement::new(cause, "")
        };
        assert_eq!(reading(&judgement), known, "{files:?} {cause:?} {is_complete}");
    }
}

/// An access to a history that takes so many seconds and fails.
async fn fails(takes: u64) -> Result<(), KeepError> {
    tokio::time::sleep(Duration::from_secs(takes)).await;
    Err(StoreError::Conflict.into())
}

/// One that takes so many seconds and succeeds.
async fn answers(takes: u64) -> Result<(), KeepError> {
    tokio::time::sleep(Duration::from_secs(takes)).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn three_failures_in_a_row_are_the_last() {
    let histories = Histories::none(clock());
    for _ in 0..3 {
        // A success between them begins the row anew.
        assert_eq!(histories.within(fails(1)).await, None);
        assert_eq!(histories.within(fails(1)).await, None);
        assert_eq!(histories.within(answers(1)).await, Some(()));
    }
    for _ in 0..FAILURES {
        assert_eq!(histories.within(fails(1)).await, None);
    }
    assert_eq!(histories.within(answers(0)).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_history_of_another_job_says_nothing_of_the_others() {
    let histories = Histories::none(clock());
    for _ in 0..2 * FAILURES {
        let source = ReadError::OtherJob { job: "b".to_owned() };
        let other = KeepError::Read { place: "a".to_owned(), source };
        assert_eq!(histories.within(async { Err::<(), _>(other) }).await, None);
    }
    assert_eq!(histories.within(answers(0)).await, Some(()));
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_is_the_last() {
    let (histories, begun) = (Histories::none(clock()), Instant::now());
    assert_eq!(histories.within(answers(3600)).await, None);
    assert_eq!(begun.elapsed(), ONE);
    assert_eq!(histories.within(answers(0)).await, None);
}

#[tokio::test(start_paused = true)]
async fn all_of_them_take_two_minutes_at_most() {
    let (histories, begun) = (Histories::none(clock()), Instant::now());
    for _ in 0..6 {
        assert_eq!(histories.within(answers(19)).await, Some(()));
    }
    // Six seconds are left.
    assert_eq!(histories.within(answers(19)).await, None);
    assert_eq!(begun.elapsed(), ALL);
    // One failure that uses them up is the last as well.
    let (histories, begun) = (Histories::none(clock()), Instant::now());
    for _ in 0..6 {
        assert_eq!(histories.within(answers(19)).await, Some(()));
    }
    assert_eq!(histories.within(fails(6)).await, None);
    assert_eq!(histories.within(answers(0)).await, None);
    assert_eq!(begun.elapsed(), ALL);
}
