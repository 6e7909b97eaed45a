//! What became of each job, in a line.

use super::words::ordinal;
use crate::gate::words;
use crate::record::{
    Attempt, Cause, Class, FailingTests, GateRecord, JobRecord, JobState, ProofLevel,
};
use crate::slack::Line;
use crate::text;

/// More passed jobs than this are named in one line without links.
const PASSED_ONE_BY_ONE: usize = 12;
/// So many jobs that did not pass have a line each; more are named with their cause alone.
const BAD_ONE_BY_ONE: usize = 25;
/// Bytes of a line that names many jobs.
const NAMES: usize = 1500;
/// Failing tests named for a job.
const TESTS: usize = 3;
/// Bytes of a foreign text in a line.
const FOREIGN: usize = 160;

/// A job with the name that people know it by.
struct Named<'a> {
    name: &'a str,
    job: &'a JobRecord,
}

fn named(record: &GateRecord) -> Vec<Named<'_>> {
    let names: Vec<&str> = record.jobs.iter().map(|job| job.name.as_str()).collect();
    text::short_names(&names)
        .into_iter()
        .zip(&record.jobs)
        .map(|(name, job)| Named { name, job })
        .collect()
}

fn passed(job: &JobRecord) -> bool {
    job.last().is_some_and(|attempt| attempt.cause == Some(Cause::Passed))
}

/// How many blocking jobs passed on a later try.
pub fn passed_on_rerun(record: &GateRecord) -> usize {
    record
        .jobs_of(Class::Blocking)
        .filter(|job| passed(job) && job.attempts.len() > 1)
        .count()
}

/// The blocking jobs that did not pass although they succeeded: their image is not proven.
pub fn unproven(record: &GateRecord) -> usize {
    ended_as(record, Cause::Unproven)
}

/// The blocking jobs that did not pass although they succeeded: their own artifacts contradict
/// them.
pub fn hollow(record: &GateRecord) -> usize {
    ended_as(record, Cause::Hollow)
}

fn ended_as(record: &GateRecord, cause: Cause) -> usize {
    let last = |job: &JobRecord| job.last().and_then(|attempt| attempt.cause);
    record
        .jobs_of(Class::Blocking)
        .filter(|job| last(job) == Some(cause))
        .count()
}

/// A line for each blocking job, those that did not pass first; many passed ones share a line.
pub fn blocking(record: &GateRecord) -> Vec<Line> {
    let jobs = named(record)
        .into_iter()
        .filter(|named| named.job.class == Class::Blocking);
    let (good, bad): (Vec<_>, Vec<_>) = jobs.partition(|named| passed(named.job));
    let (told, rest) = bad.split_at(bad.len().min(BAD_ONE_BY_ONE));
    let mut lines: Vec<Line> = told.iter().map(line).collect();
    let rest: Vec<_> = rest
        .iter()
        .map(|named| format!("{} ({})", named.name, word(named.job)))
        .collect();
    lines.extend(names_in_lines(&format!("{} more did not pass: ", rest.len()), &rest));
    let (plain, told): (Vec<_>, Vec<_>) = good
        .iter()
        .partition(|named| good.len() > PASSED_ONE_BY_ONE && is_plain(named.job));
    lines.extend(told.into_iter().map(line));
    let plain: Vec<_> = plain.iter().map(|named| named.name.to_owned()).collect();
    lines.extend(names_in_lines(&format!("{} passed: ", plain.len()), &plain));
    lines
}

/// Many names as lines that are not too long.
fn names_in_lines(lead: &str, names: &[String]) -> Vec<Line> {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.len() + name.len() < NAMES => *line += &format!(", {name}"),
            _ => lines.push(format!("{}{name}", if lines.is_empty() { lead } else { "" })),
        }
    }
    lines.into_iter().map(Line::of).collect()
}

/// What became of a job in a word.
fn word(job: &JobRecord) -> &'static str {
    match job.last().filter(|_| job.refusal.is_none()) {
        None => "not launched",
        Some(attempt) => attempt.cause.map_or_else(|| unfinished(attempt), Cause::as_str),
    }
}

/// The informing jobs in one line, with whom to ask about those that did not pass.
pub fn informing(record: &GateRecord) -> Option<Line> {
    let jobs: Vec<_> = named(record)
        .into_iter()
        .filter(|named| named.job.class == Class::Informing)
        .collect();
    if jobs.is_empty() {
        return None;
    }
    let (good, bad): (Vec<_>, Vec<_>) = jobs.iter().partition(|named| passed(named.job));
    let mut line = Line::of("informing: ");
    for (index, named) in bad.iter().take(10).enumerate() {
        line = line.text(if index == 0 { "" } else { " · " });
        line = match named.job.last().and_then(|attempt| attempt.job_url.as_deref()) {
            Some(url) => line.link(named.name, url),
            None => line.text(named.name),
        };
        line = line.text(format!(" {}", short_state(named.job)));
        if let Some(owner) = &named.job.owner {
            line = line.text(format!(" (owner: {})", text::one_line(owner, 60)));
        }
    }
    if bad.len() > 10 {
        line = line.text(format!(" and {} more not passed", bad.len() - 10));
    }
    if !good.is_empty() {
        let names: Vec<&str> = good.iter().map(|named| named.name).collect();
        let lead = if bad.is_empty() { "" } else { " · " };
        line = line.text(format!("{lead}{} passed", text::some_of(&names, 5)));
    }
    Some(line)
}

fn line(named: &Named<'_>) -> Line {
    let job = named.job;
    let mut line = Line::default().bold(named.name).text(format!("  {}", state(job)));
    if let Some(owner) = job.owner.as_ref().filter(|_| !passed(job)) {
        line = line.text(format!(" · owner: {}", text::one_line(owner, 60)));
    }
    for attempt in &job.attempts {
        if let Some(url) = &attempt.job_url {
            let label = if job.attempts.len() > 1 {
                format!("try {}", attempt.number)
            } else {
                "job".to_owned()
            };
            line = line.text(" · ").link(label, url);
        }
    }
    line
}

/// What became of a job, with what happened to earlier tries.
fn state(job: &JobRecord) -> String {
    if let Some(refusal) = &job.refusal {
        return format!("could not be launched: {}", text::one_line(&refusal.reason, FOREIGN));
    }
    let Some((last, earlier)) = job.attempts.split_last() else { return "not launched".to_owned() };
    let mut words = outcome(last);
    if !earlier.is_empty() {
        let link = if last.cause == Some(Cause::Passed) { " on the" } else { ";" };
        let before = earlier
            .iter()
            .map(|attempt| format!("{}: {}", ordinal(attempt.number as usize), why(attempt)));
        let before = before.collect::<Vec<_>>().join("; ");
        words += &format!("{link} {} try ({before})", ordinal(job.attempts.len()));
    }
    words
}

fn outcome(attempt: &Attempt) -> String {
    let Some(cause) = attempt.cause else { return unfinished(attempt).to_owned() };
    match cause {
        Cause::Passed => match attempt.proof.as_ref().map(|proof| proof.level) {
            Some(ProofLevel::Requested) => {
                format!("passed (image requested, no log proves it){}", tested(attempt))
            }
            Some(ProofLevel::Unproven) => format!("passed (image not proven){}", tested(attempt)),
            _ => format!("passed{}", tested(attempt)),
        },
        Cause::Product => format!("failed, {}", why(attempt)),
        Cause::Setup | Cause::Teardown => format!("failed in {}", why(attempt)),
        Cause::Deadline => format!("not finished in time{}", detail(attempt)),
        Cause::Infrastructure => format!("no result, {}", why(attempt)),
        Cause::Unproven => {
            format!("succeeded, but it is not proven which image ran{}", proof(attempt))
        }
        Cause::Hollow => format!("succeeded, but {}", contradiction(attempt)),
        Cause::Undetermined => format!("ended, cause undetermined{}", detail(attempt)),
    }
}

fn unfinished(attempt: &Attempt) -> &'static str {
    match (attempt.execution.is_some(), attempt.state) {
        (false, _) => "launch not confirmed",
        (true, JobState::Pending) => "still running",
        (true, JobState::Scheduling | JobState::Triggered) => "still waiting to start",
        (true, state) if state.is_final() => "ended, not judged yet",
        (true, _) => "launched, no result yet",
    }
}

/// A cause with what is known of it: `product: TestA, TestB and 3 more`.
fn why(attempt: &Attempt) -> String {
    let Some(cause) = attempt.cause else { return unfinished(attempt).to_owned() };
    match (cause, tests(&attempt.failing_tests)) {
        (Cause::Passed, _) => "passed".to_owned(),
        (Cause::Product, Some(tests)) => format!("product: {tests}"),
        (Cause::Unproven, _) => format!("unproven{}", proof(attempt)),
        (Cause::Hollow, _) => format!("hollow: {}", contradiction(attempt)),
        (cause, _) => format!("{}{}", cause.as_str(), detail(attempt)),
    }
}

fn detail(attempt: &Attempt) -> String {
    let known = attempt
        .detail
        .as_deref()
        .or(attempt.reason.as_deref())
        .map(|text| text::one_line(text, FOREIGN));
    known
        .filter(|text| !text.is_empty())
        .map(|text| format!(": {text}"))
        .unwrap_or_default()
}

fn proof(attempt: &Attempt) -> String {
    match &attempt.proof {
        Some(proof) if !proof.note.is_empty() => {
            format!(": {}", text::one_line(&proof.note, FOREIGN))
        }
        _ => detail(attempt),
    }
}

/// Whether nothing is to be said of a job that passed.
fn is_plain(job: &JobRecord) -> bool {
    job.attempts.len() == 1
        && job
            .attempts
            .iter()
            .all(|attempt| attempt.detail.is_none() && words::warnings(attempt) == 0)
}

/// `, 1,204 tests, 2 flaky`, and what else is to be said of a run that passed.
fn tested(attempt: &Attempt) -> String {
    let detail = attempt.detail.as_deref().map(|text| text::one_line(text, FOREIGN));
    words::tests(attempt)
        .into_iter()
        .chain(detail)
        .map(|words| format!(", {words}"))
        .collect()
}

/// What contradicts a success.
fn contradiction(attempt: &Attempt) -> String {
    let known = attempt.detail.as_deref().map(|text| text::one_line(text, FOREIGN));
    known.unwrap_or_else(|| "its own artifacts contradict that".to_owned())
}

fn tests(tests: &FailingTests) -> Option<String> {
    let names: Vec<String> = tests
        .names
        .iter()
        .take(TESTS)
        .map(|name| text::one_line(name, FOREIGN))
        .collect();
    let more = tests.names.len() + tests.more - names.len();
    match (names.is_empty(), more) {
        (true, 0) => None,
        (true, more) => Some(format!("{more} tests")),
        (false, 0) => Some(names.join(", ")),
        (false, more) => Some(format!("{} and {more} more", names.join(", "))),
    }
}

fn short_state(job: &JobRecord) -> String {
    match job.last() {
        Some(attempt) if attempt.cause == Some(Cause::Product) => {
            format!("failed, {}", why(attempt))
        }
        _ => word(job).to_owned(),
    }
}
