//! The grids: jobs by nights and tests by nights, each cell a link to its night.

use maud::{Markup, html};

use super::words::minute;
use crate::report::mark::{Letter, Tone};
use crate::report::model::{Cell, Gate, JobRow, Night, TestRow};

/// Jobs by nights.
pub fn jobs(gate: &Gate) -> Markup {
    html! {
        h3 { "Jobs" }
        (grid(gate, "Jobs", &["job", "passed"], html! {
            @for job in &gate.jobs {
                tr id={ (gate.id) (job.id) } {
                    th scope="row" title=(job.name) {
                        bdi { (job.short) }
                        @if !job.blocking { span.soft { " informing" } }
                    }
                    td.plain title={ (job.passed) " of " (job.ended) " nights" } {
                        (super::rate(job.passed, job.ended))
                    }
                    @for (cell, night) in job.cells.iter().zip(&gate.nights) {
                        @match cell {
                            Some(cell) => (job_cell(job, cell, night)),
                            None => td { span.hidden { "not asked for" } },
                        }
                    }
                }
            }
        }))
    }
}

fn job_cell(job: &JobRow, cell: &Cell, night: &Night) -> Markup {
    let tries = cell.attempts.len();
    let date = night.begun_at.strftime("%Y-%m-%d");
    let said = format!("{} {date}: {}", job.short, cell.mark.word());
    html! {
        td class=(cell.mark.tone().class()) {
            a.mark href={ "#" (night.id) (job.id) } aria-label=(said) {
                (cell.mark.sign()) @if tries > 1 { (tries) }
            }
        }
    }
}

/// Tests that failed, by nights.
pub fn tests(gate: &Gate) -> Markup {
    html! {
        @if !gate.tests.is_empty() {
            h3 { "Tests that failed" }
            (grid(gate, "Tests that failed", &["test", "trend"], html! {
                @for test in &gate.tests { (test_row(gate, test)) }
            }))
            @if gate.more_tests > 0 {
                p.soft { "and " (gate.more_tests) " more failures of tests that are not shown" }
            }
        }
    }
}

fn test_row(gate: &Gate, test: &TestRow) -> Markup {
    let job = gate.jobs.iter().find(|job| job.name == test.job);
    html! {
        tr id={ (gate.id) (test.id) } {
            th scope="row" {
                a href={ "#" (gate.id) (test.id) } { bdi { (test.name) } }
                br;
                span.soft { bdi { (test.job_short) } }
            }
            td.trend { (test.trend.as_deref().unwrap_or("–")) }
            @for (column, (letter, night)) in test.letters.iter().zip(&gate.nights).enumerate() {
                @let cell = job.and_then(|job| job.cells[column].as_ref());
                @let failed = matches!(letter, Letter::F | Letter::K);
                td class=(letter.tone().class()) {
                    @if let (true, Some(job), Some(_)) = (failed, job, cell) {
                        a.mark href={ "#" (night.id) (job.id) }
                            aria-label={ (minute(night.begun_at)) ": " (letter.word()) } {
                            (letter.sign())
                        }
                    } @else {
                        (letter.sign())
                    }
                }
            }
        }
    }
}

/// A table with a column for each night, in a region that scrolls by itself.
fn grid(gate: &Gate, name: &str, first: &[&str], rows: Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label={ (name) " of " (gate.name) } {
            table.grid {
                caption.hidden { (name) " of " (gate.name) ", a column for each night" }
                thead { tr {
                    @for column in first { th scope="col" { (column) } }
                    @for night in &gate.nights {
                        th scope="col" class=[marked(night)] {
                            a href={ "#" (night.id) } title=(minute(night.begun_at)) {
                                (night.begun_at.strftime("%m-%d").to_string())
                            }
                        }
                    }
                } }
                tbody { (rows) }
            }
        }
    }
}

fn marked(night: &Night) -> Option<&'static str> {
    let tone = night.mark.tone();
    (tone == Tone::Bad).then(|| tone.class())
}
