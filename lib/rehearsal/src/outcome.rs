//! How a rehearsal ends: its exit code and its last words.

use crate::order::Outcome;
use crate::record::{Attempt, Record};
use crate::run::RunReport;
use crate::screen::{self, last_exit, short, short_image, wrap};

pub const PROMOTED: u8 = 0;
/// It could not decide or promote.
pub const UNDECIDED: u8 = 1;
/// The gate said no.
pub const REFUSED: u8 = 3;

/// The exit code of a run, and what is said last.
///
/// The record's verdict and the promotion's result decide; where there is no verdict, a step that
/// exited 3 said no, and any other end is none. No line is wider than `width` unless a word is.
pub fn of(report: &RunReport, record: &Record, width: usize) -> (u8, Vec<String>) {
    let result = |task: &str, name: &str| {
        report
            .tasks
            .get(task)
            .and_then(|task| task.finished.results.get(name))
            .map(String::as_str)
    };
    let failed: Vec<&str> = report
        .tasks
        .iter()
        .filter(|(_, task)| task.finished.outcome == Outcome::Failed)
        .map(|(name, _)| name.as_str())
        .collect();
    let why = || match failed.first() {
        Some(task) => format!("{task} failed"),
        None => report.problems.join(", "),
    };

    if result("create-release", "released") == Some("true") {
        let image = result("resolve-image", "image").map(short_image).unwrap_or_default();
        let plan = record
            .release
            .as_ref()
            .map(|release| format!(" for {}", release.plan))
            .unwrap_or_default();
        let promoted = format!("promoted: {image}{plan}");
        return if report.succeeded {
            (PROMOTED, vec![promoted])
        } else {
            (UNDECIDED, wrap(&format!("{promoted}, but {}", why()), width))
        };
    }
    let said_no = |task: &&str| last_exit(&report.tasks[*task]) == Some(3);
    // Stopped to stay safe: what is not known is not told as a no.
    let not_known = |task: &&str| last_exit(&report.tasks[*task]) == Some(4);
    match record.verdict.as_ref().map(|verdict| verdict.decision.as_str()) {
        Some("failed") => (REFUSED, jobs(record, "refused", width)),
        Some("passed") => match failed.contains(&"create-release") {
            true if said_no(&"create-release") => {
                (REFUSED, vec!["refused: create-release said no".to_owned()])
            }
            true if not_known(&"create-release") => {
                let words = "not known: the jobs passed, and whether the image was pushed could not be found out";
                (UNDECIDED, wrap(words, width))
            }
            true if result("create-release", "released") == Some("unknown") => {
                let words =
                    "not promoted yet: the jobs passed, and the Release had not ended in time";
                (UNDECIDED, wrap(words, width))
            }
            true => (
                UNDECIDED,
                vec!["not promoted: the jobs passed, but create-release failed".to_owned()],
            ),
            false => {
                (UNDECIDED, wrap(&format!("not promoted: the jobs passed, but {}", why()), width))
            }
        },
        Some(_) => (UNDECIDED, jobs(record, "not decided", width)),
        None => match failed.iter().find(|task| said_no(task)) {
            Some(task) => (REFUSED, vec![format!("refused: {task} said no")]),
            None => match failed.iter().find(|task| not_known(task)) {
                Some(task) => {
                    let words = format!(
                        "not known: {task} stopped so that nothing is done twice{}",
                        launched(record)
                    );
                    (UNDECIDED, wrap(&words, width))
                }
                None => {
                    (UNDECIDED, wrap(&format!("not decided: {}{}", why(), launched(record)), width))
                }
            },
        },
    }
}

fn launched(record: &Record) -> String {
    match record
        .jobs
        .iter()
        .filter(|job| job.attempts.iter().any(|attempt| attempt.launched_at.is_some()))
        .count()
    {
        0 => ", no job was launched".to_owned(),
        1 => ", 1 job was launched".to_owned(),
        jobs => format!(", {jobs} jobs were launched"),
    }
}

/// The blocking jobs that did not pass, each with its page.
fn jobs(record: &Record, word: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for job in record.jobs.iter().filter(|job| job.class == "blocking") {
        let last = job.attempts.last();
        if last.is_some_and(|last| last.cause.as_deref() == Some("passed")) {
            continue;
        }
        let head = if lines.is_empty() { format!("{word}: ") } else { String::new() };
        lines.extend(wrap(
            &format!("{head}{} {}", short(&job.name), last.map_or("was not launched".into(), what)),
            width,
        ));
        lines.extend(
            last.and_then(|last| last.job_url.as_ref())
                .map(|url| format!("  {url}")),
        );
    }
    if lines.is_empty() {
        lines.push(word.to_owned());
    }
    lines
}

fn what(last: &Attempt) -> String {
    match screen::tests(last) {
        tests if tests.is_empty() => format!("did not pass, {}", screen::cause(last)),
        tests => format!("failed {tests}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::child::Ended;
    use crate::order::Finished;
    use crate::task::{StepReport, TaskReport, Try};

    /// Tasks as name, exit code and results.
    type Told<'a> = (&'a str, i32, &'a [(&'a str, &'a str)]);

    fn report(tasks: &[Told]) -> RunReport {
        let task = |(name, code, results): &Told| {
            let step = StepReport {
                name: (*name).into(),
                line: crate::pod::CommandLine::default(),
                ended: Ended::Exited(*code),
                stdout: PathBuf::new(),
                stderr: PathBuf::new(),
            };
            let outcome = if *code == 0 { Outcome::Succeeded } else { Outcome::Failed };
            let results = results
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect();
            let report = TaskReport {
                name: (*name).into(),
                finished: Finished { outcome, results },
                tries: vec![Try { steps: vec![step], failure: None, took: Duration::ZERO }],
            };
            ((*name).to_owned(), report)
        };
        let tasks: BTreeMap<String, TaskReport> = tasks.iter().map(task).collect();
        RunReport {
            succeeded: tasks.values().all(|task| task.finished.outcome == Outcome::Succeeded),
            results: BTreeMap::new(),
            state: BTreeMap::new(),
            problems: Vec::new(),
            tasks,
        }
    }

    fn record(verdict: &str) -> Record {
        let record = Record::read(&format!(
            r#"{{"release": {{"plan": "aro-hcp"}}, "verdict": {verdict}, "jobs": [
  {{"name": "periodic-x-e2e-a", "class": "blocking", "attempts": [{{"launched_at": "2026-08-20T03:20:00Z",
    "cause": "passed"}}]}},
  {{"name": "periodic-x-e2e-b", "class": "blocking", "attempts": [{{"launched_at": "2026-08-20T03:20:00Z",
    "cause": "product", "failing_tests": {{"names": ["TestB"]}}, "job_url": "https://prow/b"}}]}},
  {{"name": "periodic-x-e2e-c", "class": "informing", "attempts": [{{"cause": "deadline"}}]}}]}}"#
        ));
        assert_eq!(record.jobs.len(), 3, "the text above is read");
        record
    }

    #[test]
    fn every_end_has_its_code_and_words() {
        let image = ("resolve-image", 0, &[("image", "q/ho@sha256:4be1f0c2d7aa")][..]);
        let released = ("create-release", 0, &[("released", "true")][..]);
        let decided = |word: &str| format!(r#"{{"decision": "{word}"}}"#);
        let b = "e2e-b failed TestB\n  https://prow/b";
        let cases: [(&str, &[Told], String, u8, String); 12] = [
            ("promoted", &[image, released], decided("passed"), 0, "promoted: ho@sha256:4be1f0c2… for aro-hcp".into()),
            (
                "promoted, not told",
                &[image, released, ("notify-slack", 1, &[])],
                decided("passed"),
                1,
                "promoted: ho@sha256:4be1f0c2… for aro-hcp, but notify-slack failed".into(),
            ),
            ("failed", &[("collect-results", 3, &[])], decided("failed"), 3, format!("refused: {b}")),
            ("undecided", &[("collect-results", 3, &[])], decided("undecided"), 1, format!("not decided: {b}")),
            (
                "release failed",
                &[("create-release", 1, &[("released", "false")])],
                decided("passed"),
                1,
                "not promoted: the jobs passed, but create-release failed".into(),
            ),
            (
                "release refused",
                &[("create-release", 3, &[])],
                decided("passed"),
                3,
                "refused: create-release said no".into(),
            ),
            ("wrong content", &[("resolve-image", 3, &[])], "null".into(), 3, "refused: resolve-image said no".into()),
            (
                "no token",
                &[("launch-prow", 2, &[])],
                "null".into(),
                1,
                "not decided: launch-prow failed, 2 jobs were launched".into(),
            ),
            (
                "unknown",
                &[("launch-prow", 4, &[])],
                "null".into(),
                1,
                "not known: launch-prow stopped so that nothing is done twice, 2 jobs were launched".into(),
            ),
            (
                "release unknown",
                &[("create-release", 4, &[("released", "unknown")])],
                decided("passed"),
                1,
                "not known: the jobs passed, and whether the image was pushed could not be found out".into(),
            ),
            (
                "release pending",
                &[("create-release", 1, &[("released", "unknown")])],
                decided("passed"),
                1,
                "not promoted yet: the jobs passed, and the Release had not ended in time".into(),
            ),
            (
                "promotion skipped",
                &[("notify-slack", 1, &[])],
                decided("passed"),
                1,
                "not promoted: the jobs passed, but notify-slack failed".into(),
            ),
        ];
        for (name, tasks, verdict, code, words) in cases {
            let (got, lines) = of(&report(tasks), &record(&verdict), crate::screen::WIDTH);
            assert_eq!((got, lines.join("\n")), (code, words), "{name}");
        }
    }
}
