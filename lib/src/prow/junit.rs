//! JUnit files, read as a stream.
//!
//! The root is `<testsuites>` or a bare `<testsuite>`; suites nest. A test failed with `<failure>` or
//! `<error>`; a skipped one does not count. A test of the same suite and name that passed as well, in
//! whatever order, is flaky and did not fail. Tests whose lifecycle is `informing` never fail a run.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead};

use quick_xml::events::BytesStart;

use super::xml::{Tag, attributes, resolved, tags};
use crate::text;

/// Suites nested deeper than this are read as part of the one that holds them.
const MAX_DEPTH: usize = 64;

/// The longest name kept, in bytes.
const MAX_NAME: usize = 300;

/// Failing tests beyond this many are counted without their names.
const MAX_FAILING: usize = 10_000;

/// So many passed tests are remembered (about 5 MiB) to tell a flake whose failure comes later. A
/// flake beyond them is called a failure, which is the safe side.
const MAX_PASSED: usize = 1 << 18;

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Well.
    Passed,
    /// With a failure or an error.
    Failed,
    /// It was not run.
    Skipped,
}

/// A test of a file.
#[derive(Debug)]
pub struct Case<'a> {
    /// The suite that holds it.
    pub suite: &'a str,
    /// Its name.
    pub name: &'a str,
    /// How it ended.
    pub ending: Ending,
    /// Whether its lifecycle is `informing`.
    pub informing: bool,
}

/// What kind of file it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// JUnit to its end.
    Whole,
    /// JUnit that breaks off; what came before was read.
    Broken,
    /// Something else, or nothing.
    Foreign,
}

/// Reads a file and shows each of its tests. A test in which the file breaks off is shown only if it
/// has failed by then.
///
/// # Errors
/// When the file cannot be read.
pub fn read(input: &mut dyn BufRead, mut visit: impl FnMut(&Case<'_>)) -> io::Result<Quality> {
    let mut state = State::default();
    let ended = tags(input, |tag| state.take(tag, &mut visit))?;
    if state.case.as_ref().is_some_and(|case| case.ending == Ending::Failed) {
        state.finish(&mut visit);
    }
    Ok(match (state.suites_seen, ended && state.suites.is_empty() && state.beyond == 0) {
        (false, _) => Quality::Foreign,
        (true, true) => Quality::Whole,
        (true, false) => Quality::Broken,
    })
}

#[derive(Default)]
struct State {
    suites: Vec<Suite>,
    /// Suites beyond the deepest that is kept.
    beyond: usize,
    suites_seen: bool,
    case: Option<Open>,
    /// The name of the test that is open; kept apart so that its memory is used again and again.
    name: String,
}

struct Suite {
    name: String,
    informing: bool,
}

struct Open {
    ending: Ending,
    informing: bool,
}

impl State {
    fn take(&mut self, tag: Tag<'_>, visit: &mut impl FnMut(&Case<'_>)) {
        match tag {
            Tag::Start { element, empty } => match element.name().as_ref() {
                "testsuites" => self.suites_seen = true,
                "testsuite" => {
                    self.suites_seen = true;
                    if !empty {
                        self.open_suite(&element);
                    }
                }
                "testcase" => {
                    // One that was never closed ends where the next begins.
                    self.finish(visit);
                    self.name.clear();
                    let mut informing = self.suites.last().is_some_and(|suite| suite.informing);
                    attributes(&element, |key, value| match key {
                        "name" => self.name.push_str(&resolved(value)),
                        "lifecycle" => informing |= is_informing(value),
                        _ => {}
                    });
                    self.case = Some(Open { ending: Ending::Passed, informing });
                    if empty {
                        self.finish(visit);
                    }
                }
                "failure" | "error" => self.end_as(Ending::Failed),
                "skipped" => self.end_as(Ending::Skipped),
                "property" => self.property(&element),
                _ => {}
            },
            Tag::End("testcase") => self.finish(visit),
            Tag::End("testsuite") => {
                self.finish(visit);
                if self.beyond > 0 {
                    self.beyond -= 1;
                } else {
                    self.suites.pop();
                }
            }
            Tag::End(_) => {}
        }
    }

    fn open_suite(&mut self, element: &BytesStart<'_>) {
        if self.suites.len() == MAX_DEPTH {
            self.beyond += 1;
            return;
        }
        let informing = self.suites.last().is_some_and(|suite| suite.informing);
        let mut suite = Suite { name: String::new(), informing };
        attributes(element, |key, value| match key {
            "name" => suite.name = resolved(value).into_owned(),
            "lifecycle" => suite.informing |= is_informing(value),
            _ => {}
        });
        self.suites.push(suite);
    }

    fn end_as(&mut self, ending: Ending) {
        if let Some(case) = &mut self.case
            && case.ending != Ending::Failed
        {
            case.ending = ending;
        }
    }

    fn property(&mut self, element: &BytesStart<'_>) {
        let (mut lifecycle, mut informing) = (false, false);
        attributes(element, |key, value| match key {
            "name" => lifecycle = value.eq_ignore_ascii_case("lifecycle"),
            "value" => informing = is_informing(value),
            _ => {}
        });
        if lifecycle && informing {
            match (&mut self.case, self.suites.last_mut()) {
                (Some(case), _) => case.informing = true,
                (None, Some(suite)) => suite.informing = true,
                (None, None) => {}
            }
        }
    }

    fn finish(&mut self, visit: &mut impl FnMut(&Case<'_>)) {
        if let Some(Open { ending, informing }) = self.case.take() {
            let suite = self.suites.last().map_or("", |suite| &suite.name);
            visit(&Case { suite, name: &self.name, ending, informing });
        }
    }
}

fn is_informing(value: &str) -> bool {
    value.eq_ignore_ascii_case("informing")
}

/// The tests of a run, over all its files.
#[derive(Debug, Default)]
pub struct Tests {
    failing: HashMap<u64, Failing>,
    passed: HashSet<u64>,
    unnamed: usize,
    flaky: usize,
    informing: usize,
    passes: u64,
}

#[derive(Debug)]
struct Failing {
    number: usize,
    name: String,
}

impl Tests {
    /// Takes one test into account.
    pub fn add(&mut self, case: &Case<'_>) {
        match case.ending {
            Ending::Skipped => {}
            Ending::Failed if case.informing => self.informing += 1,
            Ending::Passed => {
                self.passes += 1;
                let id = identity(case);
                if self.failing.remove(&id).is_some() {
                    self.flaky += 1;
                    self.passed.insert(id);
                } else if self.passed.len() < MAX_PASSED {
                    self.passed.insert(id);
                }
            }
            Ending::Failed => {
                let id = identity(case);
                if self.passed.contains(&id) {
                    self.flaky += 1;
                } else if self.failing.len() < MAX_FAILING {
                    let number = self.failing.len() + self.flaky;
                    let name = || text::one_line(if case.name.is_empty() { case.suite } else { case.name }, MAX_NAME);
                    self.failing.entry(id).or_insert_with(|| Failing { number, name: name() });
                } else if !self.failing.contains_key(&id) {
                    self.unnamed += 1;
                }
            }
        }
    }

    /// The names of the tests that failed, those that tell most first: a test whose subtests failed
    /// too comes after them, and otherwise the order is that of the files.
    pub fn failing(&self) -> Vec<String> {
        let mut all: Vec<&Failing> = self.failing.values().collect();
        all.sort_by_key(|failing| failing.number);
        let parents: HashSet<&str> = all.iter().flat_map(|failing| parents(&failing.name)).collect();
        all.sort_by_key(|failing| parents.contains(failing.name.as_str()));
        all.into_iter().map(|failing| failing.name.clone()).collect()
    }

    /// How many failed besides, without their names.
    pub fn unnamed(&self) -> usize {
        self.unnamed
    }

    /// How many tests failed and passed.
    pub fn flaky(&self) -> usize {
        self.flaky
    }

    /// How many informing tests failed.
    pub fn informing(&self) -> usize {
        self.informing
    }

    /// How often a test passed.
    pub fn passes(&self) -> u64 {
        self.passes
    }
}

/// `A/B/C` has the parents `A/B` and `A`.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(at, _)| &name[..at])
}

fn identity(case: &Case<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (case.suite, case.name).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(files: &[&str]) -> Tests {
        let mut tests = Tests::default();
        for file in files {
            read(&mut file.as_bytes(), |case| tests.add(case)).unwrap();
        }
        tests
    }

    fn quality(file: &str) -> Quality {
        read(&mut file.as_bytes(), |_| {}).unwrap()
    }

    #[test]
    fn suites_nest_and_roots_vary() {
        let file = r#"<?xml version="1.0"?><testsuites><testsuite name="a"><testsuite name="b">
            <testcase name="one"><failure message="x">log</failure></testcase><testcase name="two"><error/></testcase>
            <testcase name="three"/><testcase name="four"><skipped/></testcase></testsuite>
            <testcase name="five"><failure/></testcase></testsuite></testsuites>"#;
        assert_eq!(all(&[file]).failing(), ["one", "two", "five"]);
        assert_eq!(quality(file), Quality::Whole);
        assert_eq!(
            all(&[r#"<testsuite><testcase name="x &lt;y&gt;"><failure/></testcase></testsuite>"#]).failing(),
            ["x <y>"]
        );
    }

    #[test]
    fn a_test_that_passed_as_well_is_flaky_in_any_order() {
        let pass = r#"<testcase name="x"/>"#;
        let fail = r#"<testcase name="x"><failure/></testcase>"#;
        for cases in [[pass, fail], [fail, pass]] {
            let tests = all(&[&format!("<testsuite name='s'>{}</testsuite>", cases.concat())]);
            assert_eq!((tests.failing().len(), tests.flaky()), (0, 1));
        }
        let apart = format!(
            "<testsuites><testsuite name='s'>{pass}</testsuite><testsuite name='t'>{fail}</testsuite></testsuites>"
        );
        assert_eq!(all(&[&apart]).failing(), ["x"]);
        let files =
            [format!("<testsuite name='s'>{fail}</testsuite>"), format!("<testsuite name='s'>{pass}</testsuite>")];
        assert_eq!(all(&[&files[0], &files[1]]).flaky(), 1);
    }

    #[test]
    fn informing_by_attribute_property_or_suite() {
        for informing in [
            r#"<testsuite><testcase name="x" lifecycle="informing"><failure/></testcase></testsuite>"#,
            r#"<testsuite><testcase name="x"><properties><property name="lifecycle" value="informing"/></properties><failure/></testcase></testsuite>"#,
            r#"<testsuite><testcase name="x"><failure/><properties><property name="lifecycle" value="informing"/></properties></testcase></testsuite>"#,
            r#"<testsuite lifecycle="informing"><testcase name="x"><failure/></testcase></testsuite>"#,
            r#"<testsuite><properties><property name="lifecycle" value="informing"/></properties><testcase name="x"><failure/></testcase></testsuite>"#,
        ] {
            let tests = all(&[informing]);
            assert_eq!((tests.failing().len(), tests.informing()), (0, 1), "{informing}");
        }
        let blocking = r#"<testsuite><testcase name="x" lifecycle="blocking"><failure/></testcase></testsuite>"#;
        assert_eq!(all(&[blocking]).failing(), ["x"]);
    }

    #[test]
    fn subtests_come_before_their_parents() {
        let failing = |name: &str| format!("<testcase name='{name}'><failure/></testcase>");
        let file = format!("<testsuite>{}{}{}</testsuite>", failing("A"), failing("A/B"), failing("C"));
        assert_eq!(all(&[&file]).failing(), ["A/B", "C", "A"]);
    }

    #[test]
    fn broken_and_foreign_files() {
        for foreign in ["", "{}", "<html><body/></html>", "\u{feff}", "<!DOCTYPE html>"] {
            assert_eq!(quality(foreign), Quality::Foreign, "{foreign}");
        }
        let broken = "<testsuite><testcase name='a'><failure/></testcase><testcase name='b'><failure>lo";
        assert_eq!(quality(broken), Quality::Broken);
        assert_eq!(all(&[broken]).failing(), ["a", "b"]);
        assert_eq!(all(&["<testsuite><testcase name='a'>lo"]).passes(), 0);
        assert_eq!(all(&["<testsuite><testcase name='a'><failure/><testcase name='b'/></testsuite>"]).failing(), ["a"]);
    }

    #[test]
    fn bombs_are_harmless() {
        let entities = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><testsuite><testcase name='&b;'><failure/></testcase></testsuite>";
        assert_eq!(all(&[entities]).failing(), ["&b;"]);
        let deep = format!(
            "{}<testcase name='x'><failure/></testcase>{}",
            "<testsuite name='d'>".repeat(100_000),
            "</testsuite>".repeat(100_000)
        );
        assert_eq!((all(&[&deep]).failing(), quality(&deep)), (vec!["x".to_owned()], Quality::Whole));
        let long = format!("<testsuite><testcase name='{}'><failure/></testcase></testsuite>", "n".repeat(5000));
        assert!(all(&[&long]).failing()[0].len() <= MAX_NAME);
        let many: String =
            (0..MAX_FAILING + 5).map(|n| format!("<testcase name='{n}'><failure/></testcase>")).collect();
        let tests = all(&[&format!("<testsuite>{many}</testsuite>")]);
        assert_eq!((tests.failing().len(), tests.unnamed()), (MAX_FAILING, 5));
    }
}
