//! One night in detail, opened in place.

use std::time::Duration;

use crate::duration::{ago, human};
use jiff::Timestamp;
use maud::{Markup, html};

use super::words::{minute, short};
use super::{decisions, time, word};
use crate::report::mark::{CellMark, Tone};
use crate::report::model::{Attempt, Cell, Gate, JobRow, Night};

/// A night: closed until a person or a link opens it.
pub fn night(gate: &Gate, index: usize, night: &Night, now: Timestamp) -> Markup {
    html! {
        details id=(night.id) {
            summary {
                (time(night.begun_at)) " "
                (word(night.mark.tone(), night.mark.sign(), night.mark.word()))
                @if let Some(digest) = &night.digest { " " code title=(digest) { (short(digest)) } }
                @if let Some(words) = &night.words { " " span.soft { bdi { (words) } } }
            }
            p.soft {
                a href={ "#" (night.id) } { "link to this night" }
                " · begun " (ago(night.begun_at, now)) ", last written " (time(night.updated_at))
                @if let Some(run) = &night.run { " · run " code { (run) } }
                " · record " code { (night.record) }
                @if let Some(name) = &night.snapshot { " · Snapshot " code { (name) } }
                @if let Some(revision) = &night.revision { " · revision " code { (revision) } }
                @if let Some(name) = &night.release { " · Release " code { (name) } }
            }
            (decisions::of_night(gate, night))
            @if !night.reasons.is_empty() {
                ul { @for reason in &night.reasons { li { bdi { (reason) } } } }
            }
            @let jobs = gate.jobs.iter().filter_map(|job| Some((job, job.cells[index].as_ref()?)));
            @let jobs = jobs.collect::<Vec<_>>();
            @if jobs.is_empty() { p { "No job is in its record." } }
            @let (plain, eventful) = jobs.into_iter().partition::<Vec<_>, _>(|(_, cell)| is_plain(cell));
            @if !eventful.is_empty() {
                @let name = format!("Jobs of {}, {}", gate.name, minute(night.begun_at));
                div.scroll tabindex="0" role="region" aria-label=(name) {
                    table.list aria-label=(name) {
                        thead { tr {
                            th scope="col" { "job" } th scope="col" { "end" }
                            th scope="col" { "took" } th scope="col" { "tests" }
                            th scope="col" { "what happened" } th scope="col" { "look" }
                        } }
                        tbody { @for (row, cell) in eventful { (job(night, row, cell)) } }
                    }
                }
            }
            @if !plain.is_empty() {
                p { (word(Tone::Good, CellMark::Passed.sign(), "passed at once:")) }
                ul { @for (row, cell) in plain { (passed(night, row, cell)) } }
            }
        }
    }
}

/// A job that passed on its first attempt: a line is enough.
fn is_plain(cell: &Cell) -> bool {
    cell.mark == CellMark::Passed && cell.attempts.len() == 1
}

fn passed(night: &Night, row: &JobRow, cell: &Cell) -> Markup {
    let attempt = &cell.attempts[0];
    html! {
        li id={ (night.id) (row.id) } {
            @match &attempt.url {
                Some(url) => a href=(url.as_str()) { bdi { (row.short) } },
                None => bdi { (row.short) },
            }
            @if let Some(seconds) = attempt.seconds { " " (human(Duration::from_secs(seconds))) }
            @if let Some(tests) = attempt.tests { ", " (tests) " tests" }
        }
    }
}

fn job(night: &Night, row: &JobRow, cell: &Cell) -> Markup {
    let id = format!("{}{}", night.id, row.id);
    html! {
        @if cell.attempts.is_empty() {
            tr id=(id) {
                th scope="row" { bdi { (row.short) } }
                (end(cell.mark))
                td {} td {} td {} td {}
            }
        }
        @for (number, attempt) in cell.attempts.iter().enumerate() {
            tr id=[(number == 0).then_some(&id)] {
                th scope="row" {
                    bdi { (row.short) }
                    @if cell.attempts.len() > 1 { " " span.soft { "attempt " (number + 1) } }
                    @if let Some(owner) = &row.owner { " " span.soft { bdi { (owner) } } }
                }
                (columns(attempt))
            }
        }
    }
}

fn end(mark: CellMark) -> Markup {
    html! { td class=(mark.tone().class()) { span aria-hidden="true" { (mark.sign()) } " " (mark.word()) } }
}

fn columns(attempt: &Attempt) -> Markup {
    html! {
        (end(attempt.mark))
        td { @if let Some(seconds) = attempt.seconds { (human(Duration::from_secs(seconds))) } }
        td { @if let Some(tests) = attempt.tests { (tests) } }
        td {
            @if let Some(detail) = &attempt.detail { bdi { (detail) } }
            @if !attempt.failing.is_empty() {
                ul {
                    @for test in &attempt.failing { li { bdi { (test) } } }
                    @if attempt.more_failing > 0 { li { "and " (attempt.more_failing) " more" } }
                }
            }
        }
        td { @if let Some(url) = &attempt.url {
            a href=(url.as_str()) { "job" }
        } }
    }
}
