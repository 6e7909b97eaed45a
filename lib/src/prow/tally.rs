//! What the tests of a run come to, over all its files.
//!
//! - A test is suite, class and name **within a step**: the same name in another class or step is
//!   another test.
//! - One that passed and failed, in whatever order and whichever files of its step, is flaky and
//!   did not fail.
//! - A test whose lifecycle is `informing` never fails a run.
//! - A test of Go fails with its subtests: one whose subtest failed is not counted as well.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::junit::{Case, Ending};
use crate::text;

/// The tests of a run, by how they ended, and the files that tell. A test is counted once for each
/// step in which it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TestCounts {
    /// Tests that ran: those that passed, failed or did both, informing ones among them.
    pub run: usize,
    /// Tests that passed.
    #[serde(default)]
    pub passed: usize,
    /// Tests that failed, informing ones and mere parents of others left out.
    #[serde(default)]
    pub failed: usize,
    /// Tests that failed and passed.
    #[serde(default)]
    pub flaky: usize,
    /// Tests that were skipped and ran nowhere else in their step.
    #[serde(default)]
    pub skipped: usize,
    /// Informing tests that failed.
    #[serde(default)]
    pub informing_failed: usize,
    /// JUnit files that were read.
    #[serde(default)]
    pub files: usize,
    /// Files among them that break off or hold no JUnit.
    #[serde(default)]
    pub broken_files: usize,
}

/// The longest name kept, in bytes.
const MAX_NAME: usize = 300;

/// Failing tests beyond this many are counted without their names; so are flaky ones.
const MAX_NAMED: usize = 10_000;

/// So many passed tests are remembered (about 5 MiB) to tell a flake whose failure comes later. A
/// flake beyond them is called a failure, which is the safe side.
const MAX_PASSED: usize = 1 << 18;

/// So many skipped tests are remembered, to tell those that ran elsewhere in their step.
const MAX_SKIPPED: usize = 1 << 16;

/// A test nested deeper has no further parents.
const MAX_PARENTS: usize = 32;

/// No more tests of a run are told of by name. Those that failed go before the others.
const MAX_TOLD: usize = 20_000;

/// What is kept of what a failure says, in bytes.
const MAX_MESSAGE: usize = 300;

/// How a test of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// It failed.
    Failed,
    /// It failed and passed.
    Flaky,
    /// It passed.
    Passed,
    /// It was skipped.
    Skipped,
}

/// A test of a run. Each part is one line of 300 bytes at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldTest {
    /// Its suite.
    pub suite: String,
    /// Its class.
    pub class: String,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub end: End,
    /// Whether it is informing.
    pub informing: bool,
}

/// A test that failed, by all that tells it from others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailedTest {
    /// Its suite.
    pub suite: String,
    /// Its class.
    pub class: String,
    /// Its name.
    pub name: String,
    /// The first line of its failure that says something; may be empty.
    pub message: String,
}

/// The tests of a run.
#[derive(Debug, Default)]
pub struct Tests {
    step: u64,
    /// Tests that failed and have not passed.
    failing: HashMap<u64, Failing>,
    /// Informing tests that failed.
    informing: HashMap<u64, Parents>,
    flaky: HashMap<u64, Failing>,
    passed: HashSet<u64>,
    skipped: HashSet<u64>,
    /// What tests are called, in the order in which they came.
    called: HashMap<u64, Called>,
    /// Beyond what is remembered: how often a test ended so.
    more: More,
}

#[derive(Debug, Default)]
struct More {
    failing: usize,
    informing: usize,
    flaky: usize,
    passed: usize,
    skipped: usize,
}

type Parents = Box<[u64]>;

#[derive(Debug)]
struct Called {
    number: usize,
    suite: Box<str>,
    class: Box<str>,
    name: Box<str>,
    informing: bool,
}

#[derive(Debug)]
struct Failing {
    number: usize,
    name: String,
    suite: String,
    class: String,
    message: String,
    parents: Parents,
}

impl Tests {
    /// The tests that follow are those of this step.
    pub fn of_step(&mut self, step: &str) {
        let mut hasher = DefaultHasher::new();
        step.hash(&mut hasher);
        self.step = hasher.finish();
    }

    /// Takes one test into account.
    pub fn add(&mut self, case: &Case<'_>) {
        let id = self.identity(case, case.name);
        self.call(id, case);
        match case.ending {
            Ending::Skipped if self.skipped.contains(&id) || self.skipped.len() < MAX_SKIPPED => {
                self.skipped.insert(id);
            }
            Ending::Skipped => self.more.skipped += 1,
            Ending::Passed => self.passed(id),
            Ending::Failed if case.informing => {
                let parents = self.parents(case);
                if self.informing.len() < MAX_NAMED || self.informing.contains_key(&id) {
                    self.informing.insert(id, parents);
                } else {
                    self.more.informing += 1;
                }
            }
            Ending::Failed => self.failed(id, case),
        }
    }

    fn call(&mut self, id: u64, case: &Case<'_>) {
        let failed = case.ending == Ending::Failed;
        let most = if failed { MAX_TOLD + MAX_NAMED } else { MAX_TOLD };
        let number = self.called.len();
        if let Some(called) = self.called.get_mut(&id) {
            called.informing |= case.informing;
        } else if number < most {
            let part = |part: &str| text::one_line(part, MAX_NAME).into_boxed_str();
            let called = Called {
                number,
                suite: part(case.suite),
                class: part(case.class),
                name: part(named(case)),
                informing: case.informing,
            };
            self.called.insert(id, called);
        }
    }

    fn passed(&mut self, id: u64) {
        if let Some(failing) = self.failing.remove(&id) {
            self.flake(id, failing);
        } else if self.flaky.contains_key(&id) {
            // It is counted as that.
        } else if self.passed.len() < MAX_PASSED || self.passed.contains(&id) {
            self.passed.insert(id);
        } else {
            self.more.passed += 1;
        }
    }

    fn failed(&mut self, id: u64, case: &Case<'_>) {
        if self.failing.contains_key(&id) || self.flaky.contains_key(&id) {
            return;
        }
        let number = self.failing.len() + self.flaky.len();
        let failing = |tests: &Self| Failing {
            number,
            name: text::one_line(named(case), MAX_NAME),
            suite: text::one_line(case.suite, MAX_NAME),
            class: text::one_line(case.class, MAX_NAME),
            message: text::one_line(first_line(case.failure), MAX_MESSAGE),
            parents: tests.parents(case),
        };
        if self.passed.remove(&id) {
            let failing = failing(self);
            self.flake(id, failing);
        } else if self.failing.len() < MAX_NAMED {
            let failing = failing(self);
            self.failing.insert(id, failing);
        } else {
            self.more.failing += 1;
        }
    }

    fn flake(&mut self, id: u64, failing: Failing) {
        if self.flaky.len() < MAX_NAMED {
            self.flaky.insert(id, failing);
        } else {
            self.more.flaky += 1;
            self.passed.insert(id);
        }
    }

    /// The names of the tests that failed, in the order of the files.
    pub fn failing(&self) -> Vec<String> {
        names(self.failed_themselves().into_iter())
    }

    /// The same tests, by all that tells them from others, at most so many.
    pub fn failed_tests(&self, most: usize) -> Vec<FailedTest> {
        let mut failed = self.failed_themselves();
        failed.sort_by_key(|failing| failing.number);
        let told = |failing: &Failing| FailedTest {
            suite: failing.suite.clone(),
            class: failing.class.clone(),
            name: failing.name.clone(),
            message: failing.message.clone(),
        };
        failed.into_iter().take(most).map(told).collect()
    }

    /// Tests that did not fail through a subtest alone.
    fn failed_themselves(&self) -> Vec<&Failing> {
        let parents = self.parents_of_failed();
        let failing = self.failing.iter().filter(|(id, _)| !parents.contains(id));
        failing.map(|(_, failing)| failing).collect()
    }

    /// Tests that fail where one of their subtests does, blocking or not.
    fn parents_of_failed(&self) -> HashSet<u64> {
        let blocking = self.failing.values().flat_map(|failing| &failing.parents);
        blocking.chain(self.informing.values().flatten()).copied().collect()
    }

    /// Every test with its end: those that failed first, then in the order of the files, no more than
    /// 20,000. A test that failed only through a subtest says nothing of its own and is left out.
    pub fn told(&self) -> Vec<ToldTest> {
        let parents = self.parents_of_failed();
        let end = |id: &u64| match id {
            id if self.flaky.contains_key(id) => Some(End::Flaky),
            id if self.failing.contains_key(id) => (!parents.contains(id)).then_some(End::Failed),
            id if self.informing.contains_key(id) => match self.passed.contains(id) {
                true => Some(End::Flaky),
                false => (!parents.contains(id)).then_some(End::Failed),
            },
            id if self.passed.contains(id) => Some(End::Passed),
            id if self.skipped.contains(id) => Some(End::Skipped),
            _ => None,
        };
        let mut told: Vec<(End, &Called)> = self
            .called
            .iter()
            .filter_map(|(id, called)| Some((end(id)?, called)))
            .collect();
        told.sort_unstable_by_key(|(end, called)| (*end > End::Flaky, called.number));
        told.truncate(MAX_TOLD);
        let test = |(end, called): (End, &Called)| ToldTest {
            suite: called.suite.clone().into(),
            class: called.class.clone().into(),
            name: called.name.clone().into(),
            end,
            informing: called.informing,
        };
        told.into_iter().map(test).collect()
    }

    /// How many failed besides, without their names.
    pub fn unnamed(&self) -> usize {
        self.more.failing
    }

    /// The names of the tests that failed and passed.
    pub fn flaky(&self) -> Vec<String> {
        names(self.flaky.values())
    }

    /// How many tests did what; the files are not counted here.
    pub fn counts(&self) -> TestCounts {
        let passed = self
            .passed
            .iter()
            .filter(|id| !self.informing.contains_key(id))
            .count()
            + self.more.passed;
        let failed = self.failing().len() + self.more.failing;
        let flaky = self.flaky.len() + self.more.flaky;
        let mended = self.informing.keys().filter(|id| self.passed.contains(id)).count();
        let informing_failed = self.informing.len() + self.more.informing - mended;
        let passed = passed + mended;
        let ran = |id: &u64| {
            [&self.failing, &self.flaky]
                .iter()
                .any(|tests| tests.contains_key(id))
                || self.informing.contains_key(id)
                || self.passed.contains(id)
        };
        TestCounts {
            // With the parents that failed through others.
            run: passed + self.failing.len() + self.more.failing + flaky + informing_failed,
            passed,
            failed,
            flaky,
            skipped: self.skipped.iter().filter(|id| !ran(id)).count() + self.more.skipped,
            informing_failed,
            files: 0,
            broken_files: 0,
        }
    }

    fn identity(&self, case: &Case<'_>, name: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.step, case.suite, case.class, name).hash(&mut hasher);
        hasher.finish()
    }

    /// `A/B/C` has the parents `A/B` and `A`.
    fn parents(&self, case: &Case<'_>) -> Parents {
        let parents = case
            .name
            .match_indices('/')
            .take(MAX_PARENTS)
            .map(|(at, _)| &case.name[..at]);
        parents.map(|parent| self.identity(case, parent)).collect()
    }
}

/// What a test is called: one without a name by its suite.
fn named<'a>(case: &Case<'a>) -> &'a str {
    if case.name.is_empty() { case.suite } else { case.name }
}

/// The first line of a failure that says something: Go's files have `Failed` as the message of all.
fn first_line(failure: &str) -> &str {
    let mut lines = failure.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    if first.eq_ignore_ascii_case("failed") { lines.next().unwrap_or(first) } else { first }
}

/// Names in the order in which they came, with the class where a name alone is not enough.
fn names<'a>(tests: impl Iterator<Item = &'a Failing>) -> Vec<String> {
    let mut tests: Vec<&Failing> = tests.collect();
    tests.sort_by_key(|test| test.number);
    let mut seen: HashMap<&str, usize> = HashMap::new();
    tests
        .iter()
        .for_each(|test| *seen.entry(&test.name).or_default() += 1);
    let name = |test: &&Failing| match (seen[test.name.as_str()], test.class.as_str()) {
        (1, _) | (_, "") => test.name.clone(),
        (_, class) => text::cut(&format!("{class} {}", test.name), MAX_NAME),
    };
    tests.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::super::junit::read;
    use super::*;

    /// The tests of files of one step.
    fn all(files: &[&str]) -> Tests {
        let mut tests = Tests::default();
        for file in files {
            read(&mut file.as_bytes(), |case| tests.add(case)).unwrap();
        }
        tests
    }

    fn suite(cases: &str) -> String {
        format!("<testsuite name='s'>{cases}</testsuite>")
    }

    fn case(name: &str, inner: &str) -> String {
        format!("<testcase name='{name}'>{inner}</testcase>")
    }

    const FAIL: &str = "<failure/>";

    #[test]
    fn a_test_that_passed_as_well_is_flaky_in_any_order() {
        let (pass, fail) = (case("x", ""), case("x", FAIL));
        for cases in [[&pass, &fail], [&fail, &pass]] {
            let both = all(&[&suite(&format!("{}{}", cases[0], cases[1]))]);
            assert_eq!((both.failing().len(), both.flaky()), (0, vec!["x".to_owned()]));
            let files = all(&[&suite(cases[0]), &suite(cases[1]), &suite(&fail), &suite(&pass)]);
            assert_eq!(
                (files.failing().len(), files.counts().flaky, files.counts().run),
                (0, 1, 1)
            );
        }
    }

    #[test]
    fn another_suite_class_or_step_is_another_test() {
        let test = |suite: &str, class: &str, inner: &str| {
            format!(
                "<testsuite name='{suite}'><testcase classname='{class}' name='x'>{inner}</testcase></testsuite>"
            )
        };
        let failing = |tests: &Tests| (tests.failing(), tests.counts().flaky);
        let one = |name: &str| (vec![name.to_owned()], 0);
        assert_eq!(failing(&all(&[&test("s", "", FAIL), &test("t", "", "")])), one("x"));
        assert_eq!(failing(&all(&[&test("s", "a.B", FAIL), &test("s", "a.C", "")])), one("x"));
        assert_eq!(
            failing(&all(&[&test("s", "a.B", FAIL), &test("s", "a.C", FAIL)])).0,
            ["a.B x", "a.C x"]
        );
        let mut steps = Tests::default();
        for (step, inner) in [("run", FAIL), ("run-again", "")] {
            steps.of_step(step);
            read(&mut test("s", "", inner).as_bytes(), |case| steps.add(case)).unwrap();
        }
        assert_eq!((failing(&steps), steps.counts().run), (one("x"), 2));
    }

    #[test]
    fn long_names_stay_apart() {
        let named = |end: &str, inner: &str| case(&format!("{}{end}", "x".repeat(70_000)), inner);
        let tests = all(&[&suite(&format!("{}{}", named("1", FAIL), named("2", "")))]);
        assert_eq!((tests.failing().len(), tests.counts().flaky), (1, 0));
        assert!(tests.failing()[0].len() <= MAX_NAME);
        let message = format!("<failure message='{}'>log</failure>", "m".repeat(70_000));
        assert_eq!(all(&[&suite(&case("x", &message))]).failing(), ["x"]);
    }

    #[test]
    fn parents_that_fail_through_a_subtest_are_not_counted() {
        let fails = |name: &str| case(name, FAIL);
        let nested = all(&[&suite(&["A", "A/B", "A/B/C", "D", "D/E"].map(fails).concat())]);
        assert_eq!(
            (nested.failing(), nested.counts().failed, nested.counts().run),
            (vec!["A/B/C".into(), "D/E".into()], 2, 5)
        );
        // A subtest that passed, or that is a flake, explains nothing.
        let own = all(&[&suite(&format!("{}{}", fails("A"), case("A/B", "")))]);
        assert_eq!(own.failing(), ["A"]);
        let flake = all(&[&suite(&format!("{}{}{}", fails("A"), fails("A/B"), case("A/B", "")))]);
        assert_eq!(
            (flake.failing(), flake.flaky()),
            (vec!["A".to_owned()], vec!["A/B".to_owned()])
        );
        // Nor does one of another class.
        let other = "<testcase classname='c' name='A/B'><failure/></testcase>";
        assert_eq!(all(&[&suite(&format!("{}{other}", fails("A")))]).failing().len(), 2);
    }

    #[test]
    fn informing_tests_fail_nothing_and_neither_do_their_parents() {
        let informing = |name: &str, inner: &str| {
            format!("<testcase name='{name}' lifecycle='informing'>{inner}</testcase>")
        };
        let tests = all(&[&suite(&format!(
            "{}{}{}",
            informing("A/B", FAIL),
            case("A", FAIL),
            informing("C", FAIL)
        ))]);
        assert_eq!((tests.failing().len(), tests.counts().informing_failed), (0, 2));
        let passed = all(&[&suite(&format!("{}{}", informing("A", FAIL), informing("A", "")))]);
        let counts = passed.counts();
        assert_eq!((counts.run, counts.passed, counts.informing_failed), (1, 1, 0));
    }

    #[test]
    fn every_test_is_counted_once() {
        let cases = [
            case("passes", ""),
            case("passes", ""),
            case("fails", FAIL),
            case("fails", FAIL),
            case("skipped", "<skipped/>"),
            case("skipped", "<skipped/>"),
            case("passes", "<skipped/>"),
            case("flaky", FAIL),
            case("flaky", ""),
        ];
        let counts = all(&[&suite(&cases.concat())]).counts();
        assert_eq!(
            (counts.run, counts.passed, counts.failed, counts.flaky, counts.skipped),
            (3, 1, 1, 1, 1)
        );
    }

    #[test]
    fn every_test_is_told_with_its_end() {
        let informing = "<testcase name='i' lifecycle='informing'><failure/></testcase>";
        let file = [
            &case("passes", ""),
            &case("A", FAIL),
            &case("A/B", FAIL),
            &case("skipped", "<skipped/>"),
            &case("flaky", FAIL),
            &case("flaky", ""),
            informing,
        ];
        let told = all(&[&suite(&file.concat())]).told();
        let told: Vec<_> = told
            .iter()
            .map(|test| (test.name.as_str(), test.end, test.informing))
            .collect();
        assert_eq!(
            told,
            [
                ("A/B", End::Failed, false),
                ("flaky", End::Flaky, false),
                ("i", End::Failed, true),
                ("passes", End::Passed, false),
                ("skipped", End::Skipped, false),
            ]
        );
    }

    #[test]
    fn a_failure_that_comes_late_is_told_all_the_same() {
        let many: String = (0..MAX_TOLD + 5).map(|n| case(&n.to_string(), "")).collect();
        let told = all(&[&suite(&format!("{many}{}", case("late", FAIL)))]).told();
        assert_eq!((told.len(), told[0].name.as_str()), (MAX_TOLD, "late"));
    }

    #[test]
    fn what_a_failure_says_is_told_by_its_first_line() {
        let said = |failure: &str| {
            let mut tests = Tests::default();
            let file = suite(&case("x", failure));
            super::super::junit::read_with_failures(&mut file.as_bytes(), 1000, |case| {
                tests.add(case)
            })
            .unwrap();
            tests.failed_tests(1)[0].message.clone()
        };
        assert_eq!(said("<failure message='timed out&#10;after'>log</failure>"), "timed out");
        assert_eq!(
            said("<failure message='Failed'>\n  x_test.go:1: boom\nmore</failure>"),
            "x_test.go:1: boom"
        );
        assert_eq!(said("<failure message='Failed'/>"), "Failed");
        assert_eq!(said("<failure/>"), "");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let many: String = (0..MAX_NAMED + 5).map(|n| case(&n.to_string(), FAIL)).collect();
        let tests = all(&[&suite(&many)]);
        assert_eq!(
            (tests.failing().len(), tests.unnamed(), tests.counts().failed),
            (MAX_NAMED, 5, MAX_NAMED + 5)
        );
        let first = case("0", "");
        let flaky = all(&[&suite(&format!("{many}{first}"))]);
        assert_eq!((flaky.failing().len(), flaky.flaky()), (MAX_NAMED - 1, vec!["0".to_owned()]));
    }
}
