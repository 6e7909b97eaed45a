//! The rows of the grids: jobs by nights, and tests that failed by nights.

use std::collections::HashMap;

use super::histories::{Histories, TestPast};
use super::link::id;
use super::mark::{CellMark, Letter};
use super::model::{Cell, JobRow, TestRow};
use super::played::Played;
use crate::jobs::short_names;

/// Tests shown of a gate.
const TESTS: usize = 100;

/// One row for each job of any night: blocking ones first, then in the order in which the newest
/// night has them.
pub(super) fn jobs(runs: &[&Played]) -> Vec<JobRow> {
    let mut rows: Vec<JobRow> = Vec::new();
    let mut place: HashMap<&str, usize> = HashMap::new();
    for (night, run) in runs.iter().enumerate() {
        for job in &run.jobs {
            let row = *place.entry(&job.name).or_insert_with(|| {
                rows.push(JobRow {
                    name: job.name.clone(),
                    short: String::new(),
                    id: id('j', &job.name),
                    blocking: job.blocking,
                    owner: job.owner.clone(),
                    cells: vec![None; runs.len()],
                    passed: 0,
                    ended: 0,
                });
                rows.len() - 1
            });
            rows[row].cells[night] = Some(job.cell.clone());
        }
    }
    let names = rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
    let names = names.iter().map(String::as_str).collect::<Vec<_>>();
    for (row, short) in rows.iter_mut().zip(short_names(&names)) {
        row.short = short.to_owned();
        let cells = || row.cells.iter().flatten();
        row.passed = cells().filter(|cell| cell.mark == CellMark::Passed).count();
        row.ended = cells().filter(|cell| cell.mark.has_ended()).count();
    }
    rows.sort_by_key(|row| !row.blocking);
    rows
}

/// One row for each test that failed in a first attempt of a night: those of the newest nights
/// first. Returns how many are left out.
pub(super) fn tests(
    runs: &[&Played],
    jobs: &[JobRow],
    histories: &Histories<'_>,
) -> (Vec<TestRow>, usize) {
    let mut found: HashMap<(&str, &str), ()> = HashMap::new();
    let mut rows: Vec<TestRow> = Vec::new();
    for night in 0..runs.len() {
        for job in jobs {
            let first = job.cells[night].as_ref().and_then(|cell| cell.attempts.first());
            for test in first.into_iter().flat_map(|first| &first.failing) {
                let is_new = found.insert((job.name.as_str(), test.as_str()), ()).is_none();
                if is_new && rows.len() < TESTS {
                    rows.push(row(job, test, histories));
                }
            }
        }
    }
    (rows, found.len().saturating_sub(TESTS))
}

fn row(job: &JobRow, test: &str, histories: &Histories<'_>) -> TestRow {
    let past = TestPast::of(histories, &job.name, test);
    let letter = |cell: &Option<Cell>| {
        let Some(first) = cell.as_ref().and_then(|cell| cell.attempts.first()) else {
            return Letter::Absent;
        };
        let told = past.as_ref().and_then(|past| past.letter(first));
        told.unwrap_or_else(|| alone(first, test))
    };
    TestRow {
        job: job.name.clone(),
        job_short: job.short.clone(),
        name: test.to_owned(),
        id: id('t', &format!("{}\n{test}", job.name)),
        letters: job.cells.iter().map(letter).collect(),
        trend: past.map(|past| past.words()),
    }
}

/// What a record alone tells of a test: that it failed, or, in a run whose tests were read and whose
/// names were not cut, that it did not.
fn alone(first: &super::model::Attempt, test: &str) -> Letter {
    let is_cut = first.more_failing + first.more_flaky > 0;
    match first.mark {
        _ if first.failing.iter().any(|name| name == test) => Letter::F,
        _ if first.flaky.iter().any(|name| name == test) => Letter::K,
        CellMark::Passed | CellMark::Product if !is_cut && first.tests.is_some() => {
            Letter::NotFailed
        }
        _ => Letter::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Attempt;
    use super::*;
    use jiff::Timestamp;

    fn attempt(mark: CellMark, tests: Option<usize>) -> Attempt {
        Attempt {
            mark,
            detail: None,
            seconds: None,
            started_at: Timestamp::UNIX_EPOCH,
            url: None,
            execution: None,
            tests,
            failing: vec!["F".to_owned()],
            more_failing: 0,
            flaky: vec!["K".to_owned()],
            more_flaky: 0,
        }
    }

    #[test]
    fn a_record_alone_says_no_more_than_it_knows() {
        let read = attempt(CellMark::Product, Some(9));
        for (test, letter) in [("F", Letter::F), ("K", Letter::K), ("T", Letter::NotFailed)] {
            assert_eq!(alone(&read, test), letter, "{test}");
        }
        for unknown in [
            attempt(CellMark::Product, None),
            attempt(CellMark::Infrastructure, Some(9)),
            Attempt { more_failing: 1, ..read.clone() },
            Attempt { more_flaky: 1, ..read },
        ] {
            assert_eq!(alone(&unknown, "T"), Letter::Unknown, "{unknown:?}");
            assert_eq!(alone(&unknown, "F"), Letter::F);
        }
    }
}
