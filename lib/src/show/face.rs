//! A run in words: those of its message, and of collect-results' table.

use std::time::Duration;

use super::stage::facts;
use super::{Look, Stage, stage};
use crate::clock::Clock;
use crate::collect::table;
use crate::duration;
use crate::gate::{matrix, words};
use crate::notify::words::short;
use crate::notify::{Facts, Tone, compose, jobs};
use crate::record::{Attempt, Class, GateRecord, Standing};
use crate::slack::Line;
use crate::step::command::Command;
use crate::step::terminal::{NEXT, fitted};
use crate::text::{harmless, one_line};

/// Bytes of a foreign text in a line.
const FOREIGN: usize = 300;

/// All that there is to say of a run, in so many columns. Commands stay whole, to be copied.
pub fn face(look: &Look, clock: &dyn Clock, width: usize) -> String {
    let (record, stage) = (&look.record, stage(look));
    let facts = Facts { scale: clock.scale(), ..facts(look) };
    let (headline, why, release, next) = match stage {
        Stage::Over(outcome) => (
            format!("{} {}", Tone::of(outcome).sign(), compose::headline(&facts, outcome).words()),
            compose::why(&facts, outcome),
            compose::release_lines(&facts, record, outcome),
            compose::next(&facts, outcome),
        ),
        _ => (format!("🔵 {}", going_on(look, stage, clock)), Vec::new(), Vec::new(), watch(look)),
    };
    let mut paragraphs = vec![vec![headline], all(why)];
    paragraphs.push(table::rows(record, took(stage), clock, width));
    paragraphs.push(tries(record));
    paragraphs.push(matrix::line(record, look.now).into_iter().collect());
    paragraphs.push([all(release), accepted(record)].concat());
    paragraphs.push(all(compose::footer(&facts).into_iter().collect()));
    if let Some(last) = paragraphs.last_mut() {
        let age = duration::human(clock.since(record.updated_at));
        last.push(format!("record {}, last written {age} ago", look.place));
    }
    paragraphs.retain(|lines| !lines.is_empty());
    let paragraphs: Vec<String> = paragraphs.iter().map(|lines| lines.join("\n")).collect();
    let mut text = fitted(&paragraphs.join("\n\n"), width);
    for line in all(next) {
        text += &format!("\n{NEXT}{}\n", harmless(&line));
    }
    text
}

fn all(lines: Vec<Line>) -> Vec<String> {
    lines.iter().map(Line::words).collect()
}

/// How far a run is that has not ended.
fn going_on(look: &Look, stage: Stage, clock: &dyn Clock) -> String {
    let record = &look.record;
    let gate = facts(look).gate();
    let image = record.candidate.as_ref().map(|candidate| short(&candidate.digest));
    let image = image.unwrap_or_else(|| "its image".to_owned());
    let what = match stage {
        Stage::Starting => format!("{gate} gate has not launched a job yet for {image}"),
        Stage::Promoting => format!("{gate} gate passed {image} and promotes it"),
        Stage::Testing | Stage::Over(_) => format!("{gate} gate is testing {image}"),
    };
    let blocking: Vec<_> = record.jobs_of(Class::Blocking).collect();
    let passed = blocking.iter().filter(|job| job.passed()).count();
    let begun = record.first_intent().unwrap_or(record.created_at);
    let since = duration::human(clock.since(begun));
    let count = match blocking.len() {
        0 => String::new(),
        total => format!(" · {passed} of {total} blocking passed"),
    };
    format!("{what}{count} · {since} so far")
}

/// How long an attempt took; in a run that goes on, of one that has not ended, how long it has been.
fn took(stage: Stage) -> table::Took {
    fn until_now(attempt: &Attempt, clock: &dyn Clock) -> Option<Duration> {
        let runs = matches!(attempt.standing(), Standing::Running(_));
        let launched = attempt.launched_at.filter(|_| runs);
        table::took(attempt, clock).or_else(|| launched.map(|at| clock.since(at)))
    }
    match stage {
        Stage::Over(_) => table::took,
        _ => until_now,
    }
}

/// Every try of every job: what became of it, what proves its image, where it came from, its page.
fn tries(record: &GateRecord) -> Vec<String> {
    let names = words::names(&record.jobs);
    let mut lines = Vec::new();
    for (job, name) in record.jobs.iter().zip(&names) {
        for attempt in &job.attempts {
            let mut parts = vec![jobs::one_try(attempt)];
            // The table has said so.
            parts.retain(|words| words != words::outcome(job) || job.attempts.len() > 1);
            let proof = attempt.proof.as_ref().filter(|proof| !proof.note.is_empty());
            let said = proof.filter(|proof| !parts.concat().contains(&proof.note));
            parts.extend(said.map(|proof| one_line(&proof.note, FOREIGN)));
            parts.extend(attempt.reused_from.as_ref().map(|from| {
                let gate = from.gate.as_ref().map(|gate| format!(" of {gate}"));
                format!(
                    "taken over from try {} of {}{}",
                    from.attempt,
                    from.record,
                    gate.unwrap_or_default()
                )
            }));
            let number = match job.attempts.len() {
                1 => String::new(),
                _ => format!(" try {}", attempt.number),
            };
            let said =
                if parts.is_empty() { String::new() } else { format!(": {}", parts.join(" · ")) };
            lines.push(format!("{name}{number}{said}"));
            lines.extend(
                attempt
                    .job_url
                    .as_ref()
                    .map(|url| format!("  {}", one_line(url, 2_000))),
            );
        }
    }
    lines
}

/// What people accepted all the same.
fn accepted(record: &GateRecord) -> Vec<String> {
    let line = |accepted: &crate::record::Accepted| {
        let by = accepted.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        one_line(&format!("accepted{by}: {}: {}", accepted.job, accepted.reason), 2 * FOREIGN)
    };
    record.accepted.iter().map(line).collect()
}

/// The command that goes on looking.
fn watch(look: &Look) -> Vec<Line> {
    let command = Command::new("show-gate");
    let command = match (&look.record.run, look.place.strip_prefix("configmap:gate-")) {
        (Some(run), Some(name)) if run == name => command.word(run),
        _ => command.flag("--record", Some(&look.place)),
    };
    let in_cluster = look.place.starts_with("configmap:");
    let namespace = look.namespace.as_deref().filter(|_| in_cluster);
    let command = command.flag("--namespace", namespace).word("--watch");
    vec![Line::of("until it ends: ").code(command.text())]
}
