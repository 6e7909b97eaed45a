//! JUnit files, read as a stream.
//!
//! The root is `<testsuites>` or a bare `<testsuite>`; suites nest. A test failed with `<failure>`
//! or `<error>`; a skipped one did not run. What the tests of a run come to is in
//! [`tally`](super::tally).

use std::io::{self, BufRead};

use quick_xml::events::BytesStart;

use super::xml::{Tag, attributes, resolved, tags};

/// Suites nested deeper than this are read as part of the one that holds them.
const MAX_DEPTH: usize = 64;

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
    /// Its class; empty where it has none.
    pub class: &'a str,
    pub name: &'a str,
    /// How it ended.
    pub ending: Ending,
    /// Whether its lifecycle is `informing`.
    pub informing: bool,
    /// What its failure says, if that was asked for.
    pub failure: &'a str,
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

/// Reads a file and shows each of its tests. A test in which the file breaks off is shown only if
/// it has failed by then.
///
/// # Errors
/// When the file cannot be read.
pub fn read(input: &mut dyn BufRead, visit: impl FnMut(&Case<'_>)) -> io::Result<Quality> {
    read_with_failures(input, 0, visit)
}

/// The same, with so many bytes of what each failure says.
///
/// # Errors
/// When the file cannot be read.
pub fn read_with_failures(
    input: &mut dyn BufRead,
    most: usize,
    mut visit: impl FnMut(&Case<'_>),
) -> io::Result<Quality> {
    let mut state = State { most, ..State::default() };
    let ended = tags(input, most, |tag| state.take(tag, &mut visit))?;
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
    /// Name, class and failure of the test that is open; kept apart so that their memory is used
    /// again and again.
    name: String,
    class: String,
    failure: String,
    /// Bytes of a failure's text that are kept.
    most: usize,
    /// Whether the text that comes is a failure's.
    in_failure: bool,
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
                    self.in_failure = false;
                    for text in [&mut self.name, &mut self.class, &mut self.failure] {
                        text.clear();
                    }
                    let mut informing = self.suites.last().is_some_and(|suite| suite.informing);
                    attributes(&element, |key, value| match key {
                        "name" => self.name.push_str(&resolved(value)),
                        "classname" => self.class.push_str(&resolved(value)),
                        "lifecycle" => informing |= is_informing(value),
                        _ => {}
                    });
                    self.case = Some(Open { ending: Ending::Passed, informing });
                    if empty {
                        self.finish(visit);
                    }
                }
                "failure" | "error" => {
                    self.end_as(Ending::Failed);
                    if self.most > 0 && self.case.is_some() {
                        self.in_failure = !empty;
                        attributes(&element, |key, value| {
                            if key == "message" {
                                self.says(&resolved(value));
                            }
                        });
                    }
                }
                "skipped" => self.end_as(Ending::Skipped),
                "property" => self.property(&element),
                _ => {}
            },
            Tag::Text(text) if self.in_failure => self.says(&resolved(text)),
            Tag::Text(_) => {}
            Tag::End("failure" | "error") => self.in_failure = false,
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

    fn says(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() && self.failure.len() < self.most {
            if !self.failure.is_empty() {
                self.failure.push('\n');
            }
            self.failure.push_str(text);
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
            visit(&Case {
                suite,
                class: &self.class,
                name: &self.name,
                ending,
                informing,
                failure: &self.failure,
            });
        }
    }
}

fn is_informing(value: &str) -> bool {
    value.eq_ignore_ascii_case("informing")
}

#[cfg(test)]
mod tests {
    use super::super::tally::Tests;
    use super::*;
    use proptest::prelude::*;

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
            all(&[r#"<testsuite><testcase name="x &lt;y&gt;"><failure/></testcase></testsuite>"#])
                .failing(),
            ["x <y>"]
        );
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
            assert_eq!(
                (tests.failing().len(), tests.counts().informing_failed),
                (0, 1),
                "{informing}"
            );
        }
        let blocking = r#"<testsuite><testcase name="x" lifecycle="blocking"><failure/></testcase></testsuite>"#;
        assert_eq!(all(&[blocking]).failing(), ["x"]);
    }

    #[test]
    fn broken_and_foreign_files() {
        for foreign in ["", "{}", "<html><body/></html>", "\u{feff}", "<!DOCTYPE html>"] {
            assert_eq!(quality(foreign), Quality::Foreign, "{foreign}");
        }
        let broken =
            "<testsuite><testcase name='a'><failure/></testcase><testcase name='b'><failure>lo";
        assert_eq!(quality(broken), Quality::Broken);
        assert_eq!(all(&[broken]).failing(), ["a", "b"]);
        assert_eq!(all(&["<testsuite><testcase name='a'>lo"]).counts().run, 0);
        assert_eq!(
            all(&["<testsuite><testcase name='a'><failure/><testcase name='b'/></testsuite>"])
                .failing(),
            ["a"]
        );
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
        assert_eq!(
            (all(&[&deep]).failing(), quality(&deep)),
            (vec!["x".to_owned()], Quality::Whole)
        );
    }

    #[test]
    fn what_a_failure_says_is_read_if_asked_for() {
        let file = "<testsuite><testcase name='a'><failure message='Failed'>the &lt;pod&gt;\n  broke</failure>                    <system-out>log</system-out></testcase><testcase name='b'><error message='only this'/>                    </testcase><testcase name='c'>no failure</testcase></testsuite>";
        let said = |most| {
            let mut said = Vec::new();
            let take = |case: &Case<'_>| said.push(case.failure.to_owned());
            assert_eq!(
                read_with_failures(&mut file.as_bytes(), most, take).unwrap(),
                Quality::Whole
            );
            said
        };
        assert_eq!(said(100), ["Failed\nthe <pod>\n  broke", "only this", ""]);
        assert_eq!(said(0), [""; 3]);
    }

    /// Whatever is sent, it is read in the same way whatever the buffers are, and what failed for
    /// certain is not lost by what comes after it.
    fn any_file() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "<testsuite name='s'>",
            "</testsuite>",
            "<testsuites>",
            "<testcase name='a'>",
            "<testcase classname='c' name='a/b'/>",
            "<testcase name='x' lifecycle='informing'>",
            "</testcase>",
            "<failure message='m'>",
            "</failure>",
            "<failure/>",
            "<error>",
            "<skipped/>",
            "log > text",
            "<![CDATA[ <failure/> ]]>",
            "<!-- x -->",
            "&lt;",
            "<property name='lifecycle' value='informing'/>",
            "<",
            "\"",
            "<testcase name=\"",
            "<!DOCTYPE a [",
            "\u{fffd}",
            "<failure message=\"",
            "'/>",
        ]);
        prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_file_is_read(file in any_file(), size in 1usize..30, most in 0usize..20) {
            let read = |size| {
                let mut seen = Vec::new();
                let take = |case: &Case<'_>| seen.push(format!("{case:?}"));
                let mut input = std::io::BufReader::with_capacity(size, file.as_bytes());
                let quality = read_with_failures(&mut input, most, take).unwrap();
                (quality, seen)
            };
            prop_assert_eq!(read(size), read(4096));
            let before = format!("<testsuite name='s'><testcase name='sure'><failure/></testcase>{file}");
            prop_assert!(all(&[&before]).failing().iter().any(|name| name == "sure"));
        }
    }
}
