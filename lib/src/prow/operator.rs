//! What ci-operator says of a run: `artifacts/junit_operator.xml` and the end of `build-log.txt`.

use std::io::{self, BufRead, Read};

use super::junit::{self, Case, Ending, Quality};
use crate::text;

/// Names and reasons beyond this many are left out.
const MOST: usize = 20;

/// A line is read up to here; ci-operator's own are short.
const MAX_LINE: u64 = 16 * 1024;

/// The longest name or reason kept, in bytes.
const MAX_TEXT: usize = 200;

/// A phase of a multi-stage test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// It was not begun.
    #[default]
    Absent,
    /// It ended well.
    Passed,
    /// It failed.
    Failed,
}

/// The phases and steps of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepGraph {
    /// Set-up.
    pub pre: Phase,
    /// The tests.
    pub test: Phase,
    /// Teardown.
    pub post: Phase,
    /// Steps of a multi-stage test that failed, by name.
    pub failed_steps: Vec<String>,
    /// Everything else that failed, in ci-operator's words.
    pub failed_otherwise: Vec<String>,
}

impl StepGraph {
    /// Reads `junit_operator.xml`; `None` if the file is something else or breaks off, since a phase
    /// that is not in it could have failed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(input: &mut dyn BufRead) -> io::Result<Option<Self>> {
        let mut graph = Self::default();
        let quality = junit::read(input, |case| graph.take(case))?;
        Ok((quality == Quality::Whole).then_some(graph))
    }

    fn take(&mut self, case: &Case<'_>) {
        let failed = match case.ending {
            Ending::Skipped => return,
            Ending::Passed => false,
            Ending::Failed => true,
        };
        let multi_stage = case.name.strip_prefix("Run multi-stage test ");
        let phase = match multi_stage.and_then(|rest| rest.strip_suffix(" phase")) {
            Some("pre") => Some(&mut self.pre),
            Some("test") => Some(&mut self.test),
            Some("post") => Some(&mut self.post),
            _ => None,
        };
        if let Some(phase) = phase {
            // One job can run several multi-stage tests; the worst counts.
            *phase = if failed || *phase == Phase::Failed { Phase::Failed } else { Phase::Passed };
        } else if failed {
            let (list, name) = match multi_stage.and_then(|rest| rest.split_once(" - ")) {
                Some((test, step)) => {
                    let step = step.strip_suffix(" container test").unwrap_or(step);
                    let own = step.strip_prefix(test).and_then(|step| step.strip_prefix('-'));
                    (&mut self.failed_steps, own.unwrap_or(step))
                }
                None => (&mut self.failed_otherwise, case.name),
            };
            if list.len() < MOST {
                list.push(text::one_line(name, MAX_TEXT));
            }
        }
    }
}

/// The reasons that ci-operator reports at the end of `build-log.txt`, such as
/// `executing_graph:step_failed:utilizing_lease:acquiring_lease`.
///
/// # Errors
/// When the log cannot be read.
pub fn reasons(input: &mut dyn BufRead) -> io::Result<Vec<String>> {
    const BEFORE: &[u8] = b"Reporting job state 'failed' with reason '";
    let finder = memchr::memmem::Finder::new(BEFORE);
    let mut reasons: Vec<String> = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if Read::take(&mut *input, MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(reasons);
        }
        let Some(at) = finder.find(&line) else { continue };
        let rest = &line[at + BEFORE.len()..];
        let reason = &rest[..memchr::memchr(b'\'', rest).unwrap_or(rest.len())];
        let reason = text::one_line(&String::from_utf8_lossy(reason), MAX_TEXT);
        if !reason.is_empty() && !reasons.contains(&reason) {
            if reasons.len() == MOST {
                reasons.remove(0);
            }
            reasons.push(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, failed: bool) -> String {
        let failure = if failed { "<failure message=\"x\">log</failure>" } else { "" };
        format!("<testcase name=\"{name}\">{failure}</testcase>")
    }

    fn graph(cases: &[(&str, bool)]) -> StepGraph {
        let cases: String = cases.iter().map(|(name, failed)| case(name, *failed)).collect();
        let file = format!("<testsuites><testsuite name=\"step graph\">{cases}</testsuite></testsuites>");
        StepGraph::read(&mut file.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn phases_and_steps() {
        let graph = graph(&[
            ("Find the input image root and tag it into the pipeline", false),
            ("Run multi-stage test e2e-aks - e2e-aks-hypershift-install container test", false),
            ("Run multi-stage test pre phase", false),
            ("Run multi-stage test e2e-aks - e2e-aks-hypershift-azure-run-e2e container test", true),
            ("Run multi-stage test test phase", true),
            ("Run multi-stage test post phase", false),
        ]);
        assert_eq!((graph.pre, graph.test, graph.post), (Phase::Passed, Phase::Failed, Phase::Passed));
        assert_eq!(graph.failed_steps, ["hypershift-azure-run-e2e"]);
        assert_eq!(graph.failed_otherwise, [""; 0]);
    }

    #[test]
    fn what_fails_before_the_phases() {
        let graph = graph(&[("Acquire leases for the test e2e-aks", true)]);
        assert_eq!((graph.pre, graph.test), (Phase::Absent, Phase::Absent));
        assert_eq!(graph.failed_otherwise, ["Acquire leases for the test e2e-aks"]);
    }

    #[test]
    fn a_file_that_breaks_off_tells_nothing() {
        let broken = "<testsuites><testsuite><testcase name=\"Run multi-stage test pre phase\"><failure/></testcase>";
        assert_eq!(StepGraph::read(&mut broken.as_bytes()).unwrap(), None);
        assert_eq!(StepGraph::read(&mut &b""[..]).unwrap(), None);
    }

    #[test]
    fn reasons_are_found_between_colours_and_long_lines() {
        let log = format!(
            "\u{1b}[36mINFO\u{1b}[0m[2026-08-20T03:20:11Z] Running\n{}\n\u{1b}[36mINFO\u{1b}[0m[x] Reporting job state 'failed' with reason 'executing_graph:step_failed:utilizing_lease:acquiring_lease'\nReporting job state 'succeeded'\n",
            "x".repeat(100_000)
        );
        assert_eq!(
            reasons(&mut log.as_bytes()).unwrap(),
            ["executing_graph:step_failed:utilizing_lease:acquiring_lease"]
        );
        assert!(reasons(&mut &b"Reporting job state 'failed'\n"[..]).unwrap().is_empty());
    }
}
