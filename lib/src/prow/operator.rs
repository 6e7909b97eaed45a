//! What ci-operator says of a run: `artifacts/junit_operator.xml` and the end of `build-log.txt`.

use std::io::{self, BufRead, Read};

use super::junit::{self, Case, Ending, Quality};
use crate::text;

/// Names and reasons beyond this many are left out.
const MOST: usize = 20;

/// Steps beyond this many are left out.
const MOST_STEPS: usize = 500;

/// Bytes of what a failure says.
const MAX_SAID: usize = 4 * 1024;

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

/// A step of a multi-stage test. Its artifacts are in `artifacts/TEST/STEP/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Step {
    /// The multi-stage test, `e2e-aks`.
    pub test: String,
    /// The step, `hypershift-azure-run-e2e`.
    pub name: String,
}

/// Something of the step graph that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failed {
    /// Its name in ci-operator's words.
    pub name: String,
    /// What the failure says.
    pub says: String,
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
    /// The steps of the test phase that ran.
    pub test_steps: Vec<Step>,
    /// The steps of set-up and teardown that ran.
    pub other_steps: Vec<Step>,
    /// Steps of a multi-stage test that failed, by name.
    pub failed_steps: Vec<String>,
    /// What the failures of phases say: set-up, tests, teardown.
    pub phases_say: [String; 3],
    /// Everything else that failed.
    pub failed_otherwise: Vec<Failed>,
}

impl StepGraph {
    /// Reads `junit_operator.xml`; `None` if the file is something else or breaks off, since a
    /// phase that is not in it could have failed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(input: &mut dyn BufRead) -> io::Result<Option<Self>> {
        let mut graph = Self::default();
        // Steps since the last phase: theirs comes after them.
        let mut open = Vec::new();
        let quality =
            junit::read_with_failures(input, MAX_SAID, |case| graph.take(case, &mut open))?;
        Ok((quality == Quality::Whole).then_some(graph))
    }

    /// Whether a multi-stage test was begun.
    pub fn has_phases(&self) -> bool {
        [self.pre, self.test, self.post]
            .iter()
            .any(|phase| *phase != Phase::Absent)
    }

    /// Whether the tests themselves failed.
    pub fn tests_failed(&self) -> bool {
        self.test == Phase::Failed || self.failed_test().is_some()
    }

    /// The test that failed of a job without phases, which has its tests as a step of its own:
    /// `Run test unit`.
    pub fn failed_test(&self) -> Option<&Failed> {
        self.failed_otherwise
            .iter()
            .find(|failed| failed.name.starts_with("Run test "))
    }

    fn take(&mut self, case: &Case<'_>, open: &mut Vec<Step>) {
        let failed = match case.ending {
            Ending::Skipped => return,
            Ending::Passed => false,
            Ending::Failed => true,
        };
        let multi_stage = case.name.strip_prefix("Run multi-stage test ");
        let phase = match multi_stage.and_then(|rest| rest.strip_suffix(" phase")) {
            Some("pre") => Some(0),
            Some("test") => Some(1),
            Some("post") => Some(2),
            _ => None,
        };
        if let Some(number) = phase {
            let phase = match number {
                0 => &mut self.pre,
                1 => &mut self.test,
                _ => &mut self.post,
            };
            // One job can run several multi-stage tests; the worst counts.
            *phase = if failed || *phase == Phase::Failed { Phase::Failed } else { Phase::Passed };
            if failed {
                append(&mut self.phases_say[number], case.failure);
            }
            // ci-operator lists the steps of a phase, then the phase.
            let steps = std::mem::take(open);
            if number == 1 { &mut self.test_steps } else { &mut self.other_steps }.extend(steps);
        } else if let Some(step) = multi_stage.and_then(step_of) {
            if failed && self.failed_steps.len() < MOST {
                self.failed_steps.push(text::one_line(&step.name, MAX_TEXT));
            }
            let known = open.len() + self.test_steps.len() + self.other_steps.len();
            if known < MOST_STEPS && !open.contains(&step) {
                open.push(step);
            }
        } else if failed && self.failed_otherwise.len() < MOST {
            let says = text::cut(case.failure, MAX_SAID);
            self.failed_otherwise
                .push(Failed { name: text::one_line(case.name, MAX_TEXT), says });
        }
    }
}

/// `e2e-aks - e2e-aks-run-e2e container test`
fn step_of(rest: &str) -> Option<Step> {
    let (test, pod) = rest.split_once(" - ")?;
    // The pod is named after the test and the step.
    let pod = pod.rsplit_once(" container ").map_or(pod, |(pod, _)| pod);
    let own = pod.strip_prefix(test).and_then(|step| step.strip_prefix('-'));
    Some(Step { test: test.to_owned(), name: own.unwrap_or(pod).to_owned() })
}

fn append(said: &mut String, more: &str) {
    if said.len() < MAX_SAID && !more.is_empty() {
        if !said.is_empty() {
            said.push('\n');
        }
        said.push_str(&text::cut(more, MAX_SAID));
    }
}

/// Why ci-operator could not begin, as `junit_job.xml` says: the first case of it that failed.
///
/// # Errors
/// When the file cannot be read.
pub fn never_began(input: &mut dyn BufRead) -> io::Result<Option<String>> {
    let mut why = None;
    junit::read_with_failures(input, MAX_SAID, |case| {
        if case.ending == Ending::Failed && why.is_none() {
            let said = case
                .failure
                .lines()
                .find(|line| !line.trim().is_empty())
                .unwrap_or_default();
            why = Some(
                text::one_line(&format!("{}: {said}", case.name), MAX_TEXT)
                    .trim_end_matches([':', ' '])
                    .to_owned(),
            );
        }
    })?;
    Ok(why)
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
mod tests;
