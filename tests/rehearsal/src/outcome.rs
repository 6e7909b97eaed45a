//! How a rehearsal ends: its exit code and its last words.

use std::collections::BTreeMap;

use crate::order::Outcome;
use crate::record::Record;
use crate::run::RunReport;
use crate::screen::{self, WIDTH, last_exit, short, short_image, wrap};

/// Promoted.
pub const PROMOTED: u8 = 0;
/// It could not decide or promote.
pub const UNDECIDED: u8 = 1;
/// The gate said no.
pub const REFUSED: u8 = 3;

/// The exit code of a run, and what is said last; `errors` are the failed tasks' last words.
pub fn of(report: &RunReport, record: &Record, errors: &BTreeMap<String, String>) -> (u8, Vec<String>) {
    let result = |task: &str, name: &str| {
        report.tasks.get(task).and_then(|task| task.finished.results.get(name)).map(String::as_str)
    };
    let failed: Vec<&String> = report
        .tasks
        .iter()
        .filter(|(_, task)| task.finished.outcome == Outcome::Failed)
        .map(|(name, _)| name)
        .collect();
    let said = |task: &str| match errors.get(task) {
        Some(error) => format!("{task}: {error}"),
        None => format!("{task} failed"),
    };
    let decision = record.verdict.as_ref().map(|verdict| verdict.decision.as_str());

    if result("create-release", "released") == Some("true") {
        let image = result("resolve-image", "image").map(short_image).unwrap_or_default();
        let plan = record_plan(report);
        return match failed.first() {
            None if report.succeeded => (PROMOTED, vec![format!("promoted: {image}{plan}")]),
            Some(task) => (UNDECIDED, wrap(&format!("promoted: {image}{plan}, but {}", said(task)), WIDTH)),
            None => (UNDECIDED, vec![format!("promoted: {image}{plan}, but {}", report.problems.join(", "))]),
        };
    }
    if decision == Some("failed") {
        return (REFUSED, refusal(record));
    }
    if decision.is_none()
        && let Some(task) = failed.iter().find(|task| last_exit(&report.tasks[**task]) == Some(3))
    {
        return (REFUSED, wrap(&format!("refused: {}", said(task)), WIDTH));
    }
    let words = match (decision, failed.first()) {
        (Some("passed"), _) => {
            let task = failed.iter().find(|task| task.as_str() == "create-release").or(failed.first());
            let why = task.map_or("no task created a Release".to_owned(), |task| said(task));
            format!("not promoted: the gate passed, but {why}")
        }
        (Some(_), _) => return (UNDECIDED, undecided(record)),
        (None, Some(task)) => format!("not decided: {}", said(task)),
        (None, None) => format!("not decided: {}", report.problems.join(", ")),
    };
    (UNDECIDED, wrap(&words, WIDTH))
}

fn record_plan(report: &RunReport) -> String {
    let release = report.tasks.get("create-release").and_then(|task| task.finished.results.get("release"));
    // A Release is named PLAN-DIGEST-NUMBER.
    let plan = release.map(|name| name.rsplitn(3, '-').last().unwrap_or(name));
    plan.map(|plan| format!(" for {plan}")).unwrap_or_default()
}

fn blocking_that_did_not_pass(record: &Record) -> impl Iterator<Item = (&str, Option<&crate::record::Attempt>)> {
    record
        .jobs
        .iter()
        .filter(|job| job.class == "blocking")
        .map(|job| (short(&job.name), job.attempts.last()))
        .filter(|(_, last)| last.is_none_or(|last| last.cause.as_deref() != Some("passed")))
}

fn refusal(record: &Record) -> Vec<String> {
    lines(record, "refused", |last| match screen::tests(last) {
        tests if tests.is_empty() => format!("did not pass, {}", screen::cause(last)),
        tests => format!("failed {tests}"),
    })
}

fn undecided(record: &Record) -> Vec<String> {
    lines(record, "not decided", |last| format!("did not pass, {}", screen::cause(last)))
}

fn lines(record: &Record, word: &str, what: fn(&crate::record::Attempt) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, last) in blocking_that_did_not_pass(record) {
        let text = last.map_or("was not launched".to_owned(), what);
        let head = if lines.is_empty() { format!("{word}: ") } else { String::new() };
        lines.extend(wrap(&format!("{head}{name} {text}"), WIDTH));
        lines.extend(last.and_then(|last| last.job_url.as_ref()).map(|url| format!("  {url}")));
    }
    if lines.is_empty() {
        lines.push(word.to_owned());
    }
    lines
}
