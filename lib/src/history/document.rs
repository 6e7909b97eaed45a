//! The document: runs, oldest first, and for each test one letter per run.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bounds::Dropped;
use super::mark::{Ended, Mark};
use super::regression::OpenRegression;
use super::run::{Origin, Run};
use crate::text;

/// The longest part of a test's identity that is kept, in bytes.
const MAX_NAME: usize = 300;

/// What makes a test the same test in another run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct TestId {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suite: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub class: String,
    pub name: String,
}

impl TestId {
    /// The identity of a test, as JUnit has its parts; each becomes one line of 300 bytes at most.
    pub fn new(suite: &str, class: &str, name: &str) -> Self {
        let part = |text: &str| text::one_line(text, MAX_NAME);
        Self { suite: part(suite), class: part(class), name: part(name) }
    }
}

/// A test with its letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// Which test.
    #[serde(flatten)]
    id: TestId,
    /// One letter for each run of the document ([`Mark::letter`]).
    letters: String,
}

impl Test {
    /// Which test.
    pub fn id(&self) -> &TestId {
        &self.id
    }

    /// One letter for each run of the document, oldest first.
    pub fn letters(&self) -> &str {
        &self.letters
    }

    /// What the letters say, oldest first.
    pub fn marks(&self) -> impl DoubleEndedIterator<Item = Mark> + ExactSizeIterator + '_ {
        // Letters are checked when a document is read; another one is as good as unknown.
        let mark = |letter| Mark::from_letter(letter).unwrap_or(Mark::of(Ended::Unknown));
        self.letters.bytes().map(mark)
    }

    /// The number of the last run that tells of it.
    pub(super) fn last_seen(&self) -> Option<usize> {
        self.marks().rposition(|mark| mark.ended.is_seen())
    }

    /// Whether it was informing in the last run that tells of it.
    pub fn is_informing(&self) -> bool {
        let mut seen = self.marks().rev().filter(|mark| mark.ended.is_seen());
        seen.next().is_some_and(|mark| mark.informing)
    }

    pub(super) fn letters_mut(&mut self) -> &mut String {
        &mut self.letters
    }
}

/// How a test ended in the run that is added.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TestEnd {
    /// Which test.
    pub id: TestId,
    /// How it ended.
    pub mark: Mark,
}

/// A run with its tests, as a writer adds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    pub run: Run,
    /// Its tests, in any order; one that is told of twice is kept once, its failure first.
    pub tests: Vec<TestEnd>,
}

/// What became of an addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The run was not known.
    New,
    /// More is known of the run than before.
    Joined,
    /// All of it was known.
    Known,
    /// The run is older than what is kept, or Prow started it again later.
    Outdated,
}

/// What a job's runs left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The Prow job's name.
    job: String,
    pub(super) runs: Vec<Run>,
    pub(super) tests: Vec<Test>,
    pub(super) regressions: Vec<OpenRegression>,
    pub(super) dropped: Dropped,
}

impl History {
    /// The history of a job without any run.
    pub fn of_job(job: impl Into<String>) -> Self {
        Self {
            job: job.into(),
            runs: Vec::new(),
            tests: Vec::new(),
            regressions: Vec::new(),
            dropped: Dropped::default(),
        }
    }

    /// The Prow job's name.
    pub fn job(&self) -> &str {
        &self.job
    }

    /// The runs, oldest first.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// A run by its build id.
    pub fn run(&self, build_id: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.build_id == build_id)
    }

    /// The tests, by suite, class and name.
    pub fn tests(&self) -> &[Test] {
        &self.tests
    }

    pub fn test(&self, id: &TestId) -> Option<&Test> {
        let at = self.tests.binary_search_by(|test| test.id.cmp(id)).ok()?;
        self.tests.get(at)
    }

    /// The tests of that name, of whatever suite and class: for a name from a record.
    pub fn tests_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Test> {
        self.tests.iter().filter(move |test| test.id.name == name)
    }

    /// What was left out because of the document's bounds.
    pub fn dropped(&self) -> &Dropped {
        &self.dropped
    }

    /// The regressions that are open.
    pub fn regressions(&self) -> &[OpenRegression] {
        &self.regressions
    }

    /// Keeps what [`regression::look`](super::regression::look) found open.
    pub fn set_regressions(&mut self, open: Vec<OpenRegression>) {
        self.regressions = open;
    }

    /// Adds a run, or what is not known yet of one that is known. The order of additions does not
    /// matter, nor does adding the same again, but for which of too many are dropped.
    pub fn add(&mut self, addition: &Addition) -> Added {
        let mut run = addition.run.clone();
        run.tidy();
        let mut tests = told(&addition.tests);
        let known = self.runs.iter().position(|known| known.build_id == run.build_id);
        let before = known.map(|at| (self.runs[at].clone(), self.column(at)));
        if let Some(at) = known {
            self.remove_run(at);
        } else if self.dropped.covers(&run) || self.is_restarted(&run) {
            return Added::Outdated;
        }
        if let Some((known, column)) = &before {
            // The fuller reading stays; of two that are as full, the same one whoever came first.
            let first =
                (known.knowledge(), column.len(), column) > (run.knowledge(), tests.len(), &tests);
            run.join(known);
            if first {
                (run.reading, run.tests) = (known.reading, known.tests);
                tests.clone_from(column);
            }
        }
        let changed = before
            .as_ref()
            .is_none_or(|(known, old)| *known != run || *old != tests);
        self.forget_earlier_pods(&run);
        self.insert(run, &tests);
        self.keep_bounds();
        match before {
            None => Added::New,
            Some(_) if changed => Added::Joined,
            Some(_) => Added::Known,
        }
    }

    /// Of several first attempts on one image those after the first were made because something had
    /// failed: they are retests, whoever has added them and in whatever order.
    pub fn settle_origins(&mut self) {
        let mut tested = BTreeSet::new();
        for run in &mut self.runs {
            let Some(digest) = &run.digest else { continue };
            let is_first = matches!(run.origin, Origin::Nightly | Origin::Retest)
                && tested.insert(digest.clone());
            if run.origin == Origin::Nightly && !is_first {
                run.origin = Origin::Retest;
            }
        }
    }

    /// Whether Prow started the execution again, so that this is an earlier pod of it.
    fn is_restarted(&self, run: &Run) -> bool {
        self.pods(run).any(|other| other.key() > run.key())
    }

    fn pods<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = &'a Run> {
        let same = |other: &&Run| other.execution == run.execution;
        self.runs.iter().filter(same).filter(|_| run.execution.is_some())
    }

    fn forget_earlier_pods(&mut self, run: &Run) {
        let earlier: Vec<String> = self.pods(run).map(|other| other.build_id.clone()).collect();
        for build_id in earlier {
            if let Some(at) = self.runs.iter().position(|run| run.build_id == build_id) {
                self.remove_run(at);
            }
        }
    }

    /// The tests that a run tells of, in order.
    fn column(&self, at: usize) -> Vec<TestEnd> {
        let mark = |test: &Test| test.marks().nth(at).filter(|mark| mark.ended.is_seen());
        let end = |test: &Test| Some(TestEnd { id: test.id.clone(), mark: mark(test)? });
        self.tests.iter().filter_map(end).collect()
    }

    pub(super) fn remove_run(&mut self, at: usize) {
        self.runs.remove(at);
        for test in &mut self.tests {
            test.letters.remove(at);
        }
        self.tests.retain(|test| test.last_seen().is_some());
    }

    fn insert(&mut self, run: Run, tests: &[TestEnd]) {
        let at = self.runs.partition_point(|other| other.key() < run.key());
        let letter = |mark: Mark| char::from(mark.letter());
        let untold = letter(Mark::of(run.untold()));
        let runs = &self.runs;
        let first_seen = |end: &TestEnd| {
            let mut letters: String =
                runs.iter().map(|run| letter(Mark::of(run.untold()))).collect();
            letters.insert(at, letter(end.mark));
            Test { id: end.id.clone(), letters }
        };
        let mut ends = tests.iter().peekable();
        let mut merged = Vec::with_capacity(self.tests.len().max(tests.len()));
        for mut test in std::mem::take(&mut self.tests) {
            while let Some(end) = ends.next_if(|end| end.id < test.id) {
                merged.push(first_seen(end));
            }
            let told = ends.next_if(|end| end.id == test.id);
            test.letters.insert(at, told.map_or(untold, |end| letter(end.mark)));
            merged.push(test);
        }
        merged.extend(ends.map(first_seen));
        self.tests = merged;
        self.runs.insert(at, run);
    }

    pub(super) fn assembled(
        job: String,
        runs: Vec<Run>,
        tests: Vec<Test>,
        regressions: Vec<OpenRegression>,
        dropped: Dropped,
    ) -> Self {
        Self { job, runs, tests, regressions, dropped }
    }

    /// The start of the newest run.
    pub fn newest(&self) -> Option<Timestamp> {
        self.runs.last().map(|run| run.started_at)
    }
}

/// The tests that are told of, in order, each once.
fn told(tests: &[TestEnd]) -> Vec<TestEnd> {
    let mut told: Vec<TestEnd> =
        tests.iter().filter(|end| end.mark.ended.is_seen()).cloned().collect();
    told.sort_unstable_by(|a, b| (&a.id, b.mark).cmp(&(&b.id, a.mark)));
    told.dedup_by(|next, kept| next.id == kept.id);
    told
}

#[cfg(test)]
mod tests {
    use super::super::bounds::{MAX_RUNS, MAX_TESTS};
    use super::super::run::{Judged, Origin, Reading};
    use super::super::samples::{day, digest, end, nightly, scheduled, test, with};
    use super::*;
    use crate::prow::{JobState, TestCounts};
    use crate::record::Cause;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    fn letters(history: &History, name: &str) -> String {
        history
            .test(&test(name))
            .map(|test| test.letters().to_owned())
            .unwrap_or_default()
    }

    fn ids(history: &History) -> Vec<&str> {
        history.runs().iter().map(|run| run.build_id.as_str()).collect()
    }

    #[test]
    fn runs_are_in_order_and_letters_beside_them() {
        let mut history = History::of_job("j");
        for (n, letter) in [(3, 'F'), (1, 'P'), (2, 'K'), (0, 'S')] {
            assert_eq!(history.add(&with(nightly(n), letter)), Added::New);
        }
        assert_eq!(ids(&history), ["n0000", "n0001", "n0002", "n0003"]);
        assert_eq!(letters(&history, "T"), "SPKF");
    }

    #[test]
    fn a_test_is_absent_where_others_were_read_and_unknown_where_nothing_was() {
        let mut history = History::of_job("j");
        for (n, reading) in
            [Reading::Complete, Reading::Unknown, Reading::Partial, Reading::NotReached]
                .into_iter()
                .enumerate()
        {
            let run = Run { reading, ..nightly(n as i64) };
            let tests = if reading == Reading::Complete { vec![end("A", 'P')] } else { vec![] };
            history.add(&Addition { run, tests });
        }
        history.add(&Addition { run: nightly(4), tests: vec![end("B", 'f')] });
        assert_eq!(
            (letters(&history, "A").as_str(), letters(&history, "B").as_str()),
            ("PUUAA", "AUUAf")
        );
        assert!(history.test(&test("B")).unwrap().is_informing());
        assert!(!history.test(&test("A")).unwrap().is_informing());
        assert_eq!(history.tests_named("B").count(), 1);
    }

    #[test]
    fn a_test_that_is_told_of_twice_is_kept_once() {
        let mut history = History::of_job("j");
        let tests =
            ["P", "F", "K", "S", "A"].map(|letter| end("T", letter.chars().next().unwrap()));
        history.add(&Addition { run: nightly(0), tests: tests.to_vec() });
        assert_eq!((letters(&history, "T").as_str(), history.tests().len()), ("F", 1));
    }

    #[test]
    fn two_writers_know_more_together() {
        let bare = Run {
            digest: None,
            snapshot: None,
            revision: None,
            origin: Origin::Schedule,
            ..nightly(0)
        };
        let read = Addition {
            run: Run { execution: Some("e".into()), ..bare },
            tests: vec![end("T", 'P')],
        };
        let judged = |hours: i64, cause| {
            Some(Judged { at: day(0) + SignedDuration::from_hours(hours), cause })
        };
        let unread =
            Run { reading: Reading::Unknown, tests: None, gate: Some("g".into()), ..nightly(0) };
        let first = Addition {
            run: Run { judged: judged(1, Cause::Passed), ..unread.clone() },
            tests: vec![],
        };
        let later =
            Addition { run: Run { judged: judged(2, Cause::Hollow), ..unread }, tests: vec![] };
        let mut history = History::of_job("j");
        let said = [&first, &read, &later, &read, &first].map(|addition| history.add(addition));
        assert_eq!(said, [Added::New, Added::Joined, Added::Joined, Added::Known, Added::Known]);
        let run = &history.runs()[0];
        assert_eq!((run.cause(), run.origin), (Some(Cause::Hollow), Origin::Nightly));
        assert_eq!((run.gate.as_deref(), run.execution.as_deref()), (Some("g"), Some("e")));
        assert_eq!((run.digest.clone(), letters(&history, "T").as_str()), (Some(digest(0)), "P"));
    }

    #[test]
    fn a_pod_that_was_started_again_replaces_the_first() {
        let pod = |build_id: &str, hours: i64, letter: char| {
            let started_at = day(0) + SignedDuration::from_hours(hours);
            let execution = Some("e".to_owned());
            with(Run { build_id: build_id.to_owned(), execution, started_at, ..nightly(0) }, letter)
        };
        let (first, second) = (pod("b1", 0, 'F'), pod("b2", 1, 'P'));
        for order in [[&first, &second, &first], [&second, &first, &second]] {
            let mut history = History::of_job("j");
            order.iter().for_each(|addition| {
                history.add(addition);
            });
            assert_eq!((ids(&history), letters(&history, "T").as_str()), (vec!["b2"], "P"));
        }
    }

    #[test]
    fn the_oldest_runs_go_and_are_not_taken_again() {
        let mut history = History::of_job("j");
        for n in 0..MAX_RUNS as i64 + 5 {
            let mut addition = with(nightly(n), 'P');
            addition.tests.extend((n == 2).then(|| end("Old", 'P')));
            history.add(&addition);
        }
        assert_eq!(
            (history.runs().len(), history.dropped().runs, history.dropped().tests),
            (MAX_RUNS, 5, 1)
        );
        assert_eq!(history.runs()[0].build_id, "n0005");
        assert_eq!(letters(&history, "T"), "P".repeat(MAX_RUNS));
        let before = history.clone();
        assert_eq!(history.add(&with(nightly(4), 'F')), Added::Outdated);
        assert_eq!(history, before);
    }

    #[test]
    fn tests_that_were_not_seen_for_the_longest_time_go() {
        let mut history = History::of_job("j");
        let tests =
            |from: usize, to: usize| (from..to).map(|n| end(&format!("T{n:05}"), 'P')).collect();
        history.add(&Addition { run: nightly(0), tests: tests(0, 10) });
        history.add(&Addition { run: nightly(1), tests: tests(5, MAX_TESTS) });
        assert_eq!((history.tests().len(), history.dropped().tests), (MAX_TESTS, 0));
        history.add(&Addition { run: nightly(2), tests: tests(9, MAX_TESTS + 3) });
        assert_eq!((history.tests().len(), history.dropped().tests), (MAX_TESTS, 3));
        assert_eq!(
            (letters(&history, "T00001").as_str(), letters(&history, "T00002").as_str()),
            ("PAA", "")
        );
        assert_eq!(letters(&history, "T00005"), "PPA");
    }

    #[test]
    fn foreign_texts_are_bounded() {
        let mut history = History::of_job("j");
        let long = "x\n".repeat(10_000);
        let run = Run {
            gate: Some(long.clone()),
            execution: Some(long.clone()),
            build_id: long.clone(),
            ..nightly(0)
        };
        let tests =
            vec![TestEnd { id: TestId::new(&long, &long, &long), mark: Mark::of(Ended::Passed) }];
        let addition = Addition { run, tests };
        assert_eq!((history.add(&addition), history.add(&addition)), (Added::New, Added::Known));
        assert!(history.pack().unwrap().len() < 1000);
        assert!(
            history.tests()[0].id().name.len() <= 300 && history.runs()[0].build_id.len() <= 253
        );
    }

    fn additions() -> impl Strategy<Value = Vec<Addition>> {
        let letter = prop::sample::select("PFKSAUpfks".chars().collect::<Vec<_>>());
        let tests = prop::collection::vec((0..6_u8, letter), 0..6);
        let what = (0..8_i64, 0..3_i64, any::<bool>(), 0..6_u8, 0..3_usize, tests);
        let addition = what.prop_map(|(n, image, other, known, reading, tests)| {
            let run = if other { scheduled(n) } else { nightly(n) };
            let reading = [Reading::Unknown, Reading::Partial, Reading::Complete][reading];
            let causes = [Cause::Passed, Cause::Product, Cause::Hollow];
            let at = day(n) + SignedDuration::from_hours(image);
            let judged = causes
                .get(usize::from(known))
                .map(|cause| Judged { at, cause: *cause });
            let tests: Vec<TestEnd> = tests
                .into_iter()
                .map(|(t, letter)| end(&format!("T{t}"), letter))
                .collect();
            let run = Run {
                digest: (known > 1).then(|| digest(image)),
                gate: (known > 2).then(|| format!("g{known}")),
                result: if known > 3 { JobState::Failure } else { JobState::Pending },
                started_at: run.started_at + SignedDuration::from_hours(image),
                judged,
                reading,
                tests: (reading > Reading::Unknown)
                    .then(|| TestCounts { run: tests.len(), ..TestCounts::default() }),
                ..run
            };
            Addition { run, tests }
        });
        prop::collection::vec(addition, 0..14)
    }

    fn after(additions: &[Addition]) -> History {
        let mut history = History::of_job("j");
        additions.iter().for_each(|addition| {
            history.add(addition);
        });
        history
    }

    proptest! {
        /// Whatever the order of two writers' additions, and however often each is made.
        #[test]
        fn order_and_repetition_do_not_matter(
            (additions, other) in additions()
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
            again in 0..14_usize
        ) {
            let history = after(&additions);
            prop_assert_eq!(&after(&other), &history);
            let mut twice = other;
            twice.extend(additions.iter().take(again).cloned());
            prop_assert_eq!(&after(&twice), &history);
            // A document that was stored and read again takes further additions as well.
            let mut stored = after(&additions[..additions.len() / 2]);
            let packed = stored.pack().unwrap();
            let mut stored = History::unpack(&packed, "j", day(100)).unwrap();
            additions[additions.len() / 2..].iter().for_each(|addition| {
                stored.add(addition);
            });
            prop_assert_eq!(&stored, &history);
        }

        /// Letters beside runs, tests and runs in order: what reading insists on.
        #[test]
        fn it_stays_whole(additions in additions()) {
            let mut history = History::of_job("j");
            for addition in &additions {
                history.add(addition);
                let packed = history.pack().unwrap();
                prop_assert_eq!(&History::unpack(&packed, "j", day(100)).unwrap(), &history);
            }
        }

        /// A reading that is added last is kept if it is the only one of its run.
        #[test]
        fn what_was_added_is_there(additions in additions(), n in 100..200_i64) {
            let mut history = after(&additions);
            let tests = vec![end("T1", 'F'), end("New", 'p')];
            history.add(&Addition { run: nightly(n), tests });
            prop_assert!(letters(&history, "T1").ends_with('F'));
            prop_assert!(letters(&history, "New").ends_with('p'));
        }
    }
}
