//! What became of each job, in a line.

use crate::gate::causes::told;
use crate::gate::{counts, words};
use crate::jobs::short_names;
use crate::record::{Attempt, Cause, Class, GateRecord, JobRecord, JobState, Standing};
use crate::slack::Line;
use crate::text;

/// A launch of which nobody knows what became.
const IN_DOUBT: &str = "launch not confirmed";
/// More passed jobs than this are named in one line without links.
const PASSED_ONE_BY_ONE: usize = 12;
/// So many jobs that did not pass have a line each; more are named with their cause alone.
const BAD_ONE_BY_ONE: usize = 25;
/// Bytes of a line that names many jobs.
const NAMES: usize = 1500;
/// Bytes of a foreign text in a line.
const FOREIGN: usize = 160;

/// A job with the name that people know it by.
struct Named<'a> {
    name: &'a str,
    job: &'a JobRecord,
}

fn named(record: &GateRecord) -> Vec<Named<'_>> {
    let names: Vec<&str> = record.jobs.iter().map(|job| job.name.as_str()).collect();
    short_names(&names)
        .into_iter()
        .zip(&record.jobs)
        .map(|(name, job)| Named { name, job })
        .collect()
}

/// How many blocking jobs passed on a later try.
pub fn passed_on_rerun(record: &GateRecord) -> usize {
    record
        .jobs_of(Class::Blocking)
        .filter(|job| job.passed() && job.attempts.len() > 1)
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
    record
        .jobs_of(Class::Blocking)
        .filter(|job| job.standing() == Standing::Judged(cause))
        .count()
}

/// A line for each blocking job, those that did not pass first; many passed ones share a line.
pub fn blocking(record: &GateRecord) -> Vec<Line> {
    let jobs = named(record)
        .into_iter()
        .filter(|named| named.job.class == Class::Blocking);
    let (good, bad): (Vec<_>, Vec<_>) = jobs.partition(|named| named.job.passed());
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
    match job.standing() {
        Standing::Free | Standing::Refused(..) => "not launched",
        Standing::InDoubt => IN_DOUBT,
        Standing::Running(state) => unfinished(state),
        Standing::Judged(cause) => cause.as_str(),
        Standing::Contradictory => "contradictory",
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
    let (good, bad): (Vec<_>, Vec<_>) = jobs.iter().partition(|named| named.job.passed());
    let mut line = Line::of("informing: ");
    for (index, named) in bad.iter().take(10).enumerate() {
        line = line.text(if index == 0 { "" } else { " · " });
        line = match named.job.telling().and_then(|attempt| attempt.job_url.as_deref()) {
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
    if let Some(owner) = job.owner.as_ref().filter(|_| !job.passed()) {
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

/// What became of a job, with what happened to earlier tries, and to a rerun that has no run.
fn state(job: &JobRecord) -> String {
    let Some(telling) = job.telling() else { return of(None, job.standing()) };
    let mut words = of(Some(telling), job.standing());
    let earlier = job.attempts.iter().filter(|attempt| attempt.number < telling.number);
    let earlier: Vec<_> = earlier
        .map(|attempt| format!("{}: {}", nth(attempt), earlier_try(attempt)))
        .collect();
    if !earlier.is_empty() {
        let link = if job.passed() { " on the" } else { ";" };
        words += &format!("{link} {} try ({})", nth(telling), earlier.join("; "));
    }
    if let Some(rerun) = job.missing_rerun() {
        words += &format!("; {} try: {}", nth(rerun), of(Some(rerun), rerun.standing()));
    }
    words
}

/// One try, as it stands.
pub fn one_try(attempt: &Attempt) -> String {
    of(Some(attempt), attempt.standing())
}

fn nth(attempt: &Attempt) -> String {
    text::ordinal(attempt.number as usize)
}

/// How an attempt stands, and what is known of it.
fn of(attempt: Option<&Attempt>, standing: Standing<'_>) -> String {
    match (standing, attempt) {
        (Standing::Judged(cause), Some(attempt)) => told(attempt, cause).message,
        (Standing::Judged(cause), None) => cause.as_str().to_owned(),
        (Standing::Refused(refusal, _), _) => {
            format!("could not be launched: {}", text::one_line(&refusal.reason, FOREIGN))
        }
        (Standing::Free, _) => "not launched".to_owned(),
        (Standing::InDoubt, _) => IN_DOUBT.to_owned(),
        (Standing::Running(state), _) => unfinished(state).to_owned(),
        (Standing::Contradictory, _) => words::CONTRADICTORY.to_owned(),
    }
}

/// What is said of a try before the telling one.
fn earlier_try(attempt: &Attempt) -> String {
    match attempt.judged() {
        Some(cause) => told(attempt, cause).message_earlier,
        None => of(Some(attempt), attempt.standing()),
    }
}

fn unfinished(state: JobState) -> &'static str {
    match state {
        JobState::Pending => "still running",
        JobState::Scheduling | JobState::Triggered => "still waiting to start",
        JobState::Unknown => "launched, no result yet",
        JobState::Success | JobState::Failure | JobState::Aborted | JobState::Error => {
            "ended, not judged yet"
        }
    }
}

/// Whether nothing is to be said of a job that passed.
fn is_plain(job: &JobRecord) -> bool {
    job.attempts.len() == 1
        && job
            .attempts
            .iter()
            .all(|attempt| attempt.detail.is_none() && counts::warnings(attempt) == 0)
}

fn short_state(job: &JobRecord) -> String {
    match (job.standing(), job.telling()) {
        (Standing::Judged(Cause::Product), Some(attempt)) => told(attempt, Cause::Product).message,
        _ => word(job).to_owned(),
    }
}

#[cfg(test)]
mod tests;
