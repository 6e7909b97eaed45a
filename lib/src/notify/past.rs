//! What the jobs' histories say of the night, in a few lines: regressions first, then one link to
//! what changed.

use crate::gate::past::{Night, night};
use crate::record::{GateRecord, SuspectRange};
use crate::slack::Line;
use crate::text;

/// So many regressions have a line each.
const REGRESSIONS: usize = 3;

/// So many jobs are named that are others than before.
const CHANGED: usize = 5;

/// So many known issues are named that have no effect any more.
const ENDED: usize = 3;

/// Bytes of a foreign text in a line.
const FOREIGN: usize = 300;

/// The lines; none where nothing is said.
pub fn lines(record: &GateRecord) -> Vec<Line> {
    let Night { regressions, suspects, changed } = night(record);
    let mut lines: Vec<Line> = regressions
        .iter()
        .take(REGRESSIONS)
        .map(|(job, told)| {
            Line::default()
                .bold("regression")
                .text(format!(" in {job}: {}", text::one_line(told, FOREIGN)))
        })
        .collect();
    let more = regressions.len().saturating_sub(REGRESSIONS);
    lines.extend((more > 0).then(|| Line::of(format!("and {more} more regressions"))));
    lines.extend(suspects.map(|(job, range)| suspects_line(job, range)));
    let jobs: Vec<String> = changed
        .iter()
        .take(CHANGED)
        .map(|(job, day)| format!("{job} since {day}"))
        .collect();
    let more = changed.len().saturating_sub(CHANGED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let said = format!("the job itself changed since it last passed: {}{more}", jobs.join(", "));
    lines.extend((!jobs.is_empty()).then(|| Line::of(said)));
    let ended = record.policy.iter().flat_map(|policy| &policy.ended_issues);
    lines.extend(ended.take(ENDED).map(|issue| {
        Line::of(format!(
            "a known issue has ended and has no effect any more: {}",
            text::one_line(issue, FOREIGN)
        ))
    }));
    lines
}

/// Between which images a test began to fail, and the page that compares them.
fn suspects_line(job: &str, range: &SuspectRange) -> Line {
    let test = text::one_line(&range.test, FOREIGN);
    let line = Line::of(format!("{test} in {job} last passed"));
    let snapshot = |name: &Option<String>| name.as_deref().map(|name| text::one_line(name, 100));
    let line = match (snapshot(&range.good), snapshot(&range.bad)) {
        (Some(good), Some(bad)) => line.text(format!(" on {good}, first failed on {bad}")),
        (Some(good), None) => line.text(format!(" on {good}")),
        _ => line.text(" on an earlier image"),
    };
    match &range.compare {
        Some(compare) => line.text(": ").link("what changed", compare.clone()),
        None => line,
    }
}
