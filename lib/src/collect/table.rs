//! The verdict with a row for each job, for people.

use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::summary::headline;
use crate::clock::Clock;
use crate::duration;
use crate::gate::words;
use crate::record::{Attempt, Class, Decision, GateRecord, Verdict};

/// The verdict and every job, in so many columns.
pub fn table(record: &GateRecord, verdict: &Verdict, clock: &dyn Clock, width: usize) -> String {
    let mut lines = vec![headline(verdict)];
    lines.extend(rows(record, took, clock, width));
    if verdict.decision != Decision::Passed {
        lines.extend(links(record));
    }
    lines.join("\n")
}

/// How long an attempt took, or has been going on, where that is known.
pub type Took = fn(&Attempt, &dyn Clock) -> Option<Duration>;

/// Every job, those that decide first, in so many columns.
pub fn rows(record: &GateRecord, took: Took, clock: &dyn Clock, width: usize) -> Vec<String> {
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    let names = words::names(&record.jobs);
    for class in [Class::Blocking, Class::Informing] {
        for (job, name) in record.jobs.iter().zip(&names).filter(|(job, _)| job.class == class) {
            let took = job
                .telling()
                .and_then(|attempt| took(attempt, clock))
                .map(duration::human)
                .unwrap_or_default();
            table.add_row([
                class.as_str(),
                name.as_str(),
                words::outcome(job),
                &took,
                &words::remarks(job),
            ]);
        }
    }
    if let Some(column) = table.column_mut(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// How long an attempt took, from its launch to its end.
pub fn took(attempt: &Attempt, clock: &dyn Clock) -> Option<Duration> {
    let end = attempt.completed_at.or(attempt.judged_at)?;
    Some(clock.between(attempt.launched_at?, end))
}

/// Where to look at the blocking jobs that did not pass: the first few.
fn links(record: &GateRecord) -> Vec<String> {
    let open = record.jobs_of(Class::Blocking).filter(|job| !job.passed());
    open.filter_map(|job| job.telling()?.job_url.clone())
        .take(5)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_output::tests::many;
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn two_hundred_jobs_fit_into_80_columns() {
        let record = many(200, 50);
        let verdict = record.verdict.as_ref().unwrap();
        let table = table(&record, verdict, &SystemClock::default(), 80);
        for line in table.lines() {
            assert!(line.chars().count() <= 80 || line.starts_with("https://"), "{line}");
        }
        assert!(table.lines().count() < 200 * 4, "{} lines", table.lines().count());
        assert!(table.contains("upgrade-199") && table.contains("2h51m"));
    }
}
