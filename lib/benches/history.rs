//! What a full history takes: 200 runs of 5,000 tests, a tenth of which flake.
//!
//! `cargo bench -p gate --bench history` prints its size, with fewer tests as well, and the time and
//! the most memory that reading it for one trend, adding a run, looking for regressions and packing
//! it take.

#![allow(missing_docs)]

use std::hint::black_box;
use std::sync::LazyLock;

use divan::{AllocProfiler, Bencher};
use gate::history::{
    Addition, Ended, History, Mark, Origin, Reading, Run, TestEnd, TestId, Tonight, regression,
    trend,
};
use gate::prow::{JobState, TestCounts};
use jiff::{SignedDuration, Timestamp};
use support::random::Random;

#[path = "../tests/support/mod.rs"]
mod support;

extern crate gate as library;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const RUNS: u64 = 200;
const TESTS: u64 = 5_000;
const JOB: &str = "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-aks";

/// The full history, and packed.
static FULL: LazyLock<(History, Vec<u8>)> = LazyLock::new(|| {
    let mut history = history(TESTS);
    let packed = history.pack().expect("it can be written");
    (history, packed)
});

fn history(tests: u64) -> History {
    let mut history = History::of_job(JOB);
    for number in 0..RUNS {
        history.add(&run(number, tests));
    }
    history
}

#[allow(clippy::print_stdout)]
fn main() {
    for tests in [10, 100, 1_000, TESTS] {
        let packed = history(tests).pack().expect("it can be written");
        println!("{RUNS} runs of {tests} tests: {} KiB packed", packed.len() / 1024);
    }
    divan::main();
}

fn now() -> Timestamp {
    at(RUNS)
}

fn at(number: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(12 * number as i64)
}

fn mix(part: u64, other: u64) -> u64 {
    Random::seeded(part << 32 | other).next()
}

/// A name as long as those of OpenShift's conformance tests, with words that differ.
fn id(test: u64) -> TestId {
    let word = |n: u64| format!("{:x}", mix(test, n) >> 36);
    let area = ["apps", "network", "node", "storage", "cli", "auth"][(test % 6) as usize];
    let name = format!(
        "[sig-{area}] {} should keep {} while {} is {} [Suite:openshift/conformance/parallel] #{test}",
        word(1),
        word(2),
        word(3),
        word(4)
    );
    TestId::new("openshift-tests", "", &name)
}

fn run(number: u64, tests: u64) -> Addition {
    let end = |test: u64| {
        let flakes = test.is_multiple_of(10);
        let chance = mix(test, number + 1000) % 1000;
        let ended = match chance {
            0..30 if flakes => Ended::Failed,
            30..50 if flakes => Ended::Flaky,
            _ if test.is_multiple_of(7) => Ended::Skipped,
            _ => Ended::Passed,
        };
        TestEnd { id: id(test), mark: Mark::of(ended) }
    };
    let counts = TestCounts { run: tests as usize, files: 20, ..TestCounts::default() };
    Addition {
        run: Run {
            execution: Some(format!("{:08x}-0000-4000-8000-{:012x}", number, mix(number, 1) >> 16)),
            digest: format!("sha256:{:016x}{:048x}", mix(number, 2), number).parse().ok(),
            snapshot: Some(format!("hypershift-operator-20260820-{number:06}-000")),
            revision: Some(format!("{:016x}{:024x}", mix(number, 3), number)),
            gate: Some("ARO HCP".to_owned()),
            origin: if number.is_multiple_of(2) { Origin::Nightly } else { Origin::Schedule },
            result: JobState::Success,
            reading: Reading::Complete,
            tests: Some(counts),
            ..Run::new(format!("20943572096{number:08}"), at(number))
        },
        tests: (0..tests).map(end).collect(),
    }
}

/// Reads the stored history and asks it for the trend of one test.
#[divan::bench]
fn read_and_ask_for_a_trend(bencher: Bencher) {
    let (_, packed) = &*FULL;
    let test = id(10);
    bencher.bench(|| {
        let history = History::unpack(black_box(packed), JOB, now()).expect("it can be read");
        let tonight = Tonight { build_id: None, started_at: now(), digest: None };
        trend(&history, &test, tonight)
    });
}

/// Asks for the trends of 50 tests of a history that was read.
#[divan::bench]
fn ask_for_fifty_trends(bencher: Bencher) {
    let (history, _) = &*FULL;
    let tests: Vec<TestId> = (0..50).map(|test| id(10 * test)).collect();
    let tonight = Tonight { build_id: None, started_at: now(), digest: None };
    bencher.bench(|| {
        tests
            .iter()
            .filter(|test| trend(history, test, tonight).to_string().is_empty())
            .count()
    });
}

/// Adds a run to a full history: the oldest goes.
#[divan::bench]
fn add_a_run(bencher: Bencher) {
    let addition = run(RUNS, TESTS);
    bencher
        .with_inputs(|| FULL.0.clone())
        .bench_refs(|history| history.add(black_box(&addition)));
}

#[divan::bench]
fn look_for_regressions(bencher: Bencher) {
    let (history, _) = &*FULL;
    bencher.bench(|| regression::look(black_box(history), now()));
}

#[divan::bench]
fn pack(bencher: Bencher) {
    bencher
        .with_inputs(|| FULL.0.clone())
        .bench_refs(|history| history.pack());
}
