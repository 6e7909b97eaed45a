//! Regressions, and the version matrix.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{time, word};
use crate::duration::ago;
use crate::report::mark::Tone;
use crate::report::model::{CellState, Gate, Regression};

/// What fails more often than it did.
pub fn regressions(gate: &Gate, now: Timestamp) -> Markup {
    let row = |each: &Regression| {
        html! { tr {
            th scope="row" { bdi { (each.test.as_deref().unwrap_or("the job itself")) } }
            td { bdi { (each.job_short) } }
            td { @match each.since {
                Some(since) => { (time(since)) " (" (ago(since, now)) ")" }
                None => "now",
            } }
            td { (each.failed) " of " (each.ran) " failed" }
            td { (each.basis_failed) " of " (each.basis_ran) " failed" }
            td {
                (chance(each.p))
                @if each.without_us { span.soft { " also without us" } }
            }
        } }
    };
    let head = ["test", "job", "since", "last 7 days", "30 days before", "by chance"];
    html! {
        @if !gate.regressions.is_empty() {
            (table(gate, "Regressions", &head, html! {
                @for each in &gate.regressions { (row(each)) }
            }))
        }
    }
}

fn chance(p: f64) -> String {
    if p < 0.001 { "p under 0.001".to_owned() } else { format!("p {p:.3}") }
}

/// Required cells of the version matrix that are not fresh.
pub fn coverage(gate: &Gate, now: Timestamp) -> Markup {
    let Some(coverage) = &gate.coverage else { return html! {} };
    let shown = coverage.open.len();
    let all = coverage.stale + coverage.holes;
    html! {
        @if shown > 0 {
            (table(gate, "Cells that are not fresh", &["cell", "state", "last pass"], html! {
                @for cell in &coverage.open { tr {
                    th scope="row" { bdi { (cell.name) } }
                    td { (state(cell.state)) }
                    td { @match cell.passed_at {
                        Some(at) => { (time(at)) " (" (ago(at, now)) ")" }
                        None => "never",
                    } }
                } }
            }))
        }
        @if all > shown { p.soft { "and " (all - shown) " more" } }
        @if coverage.unknown > 0 {
            p.soft { "Of " (coverage.unknown) " cells nothing is known: the history of a job cannot be read." }
        }
    }
}

fn state(state: CellState) -> Markup {
    match state {
        CellState::Stale => word(Tone::Doubtful, "!", "stale"),
        CellState::Hole => word(Tone::Bad, "✗", "no job covers it"),
    }
}

pub(super) fn table(gate: &Gate, name: &str, head: &[&str], rows: Markup) -> Markup {
    html! {
        h3 { (name) }
        div.scroll tabindex="0" role="region" aria-label={ (name) " of " (gate.name) } {
            table.list {
                caption.hidden { (name) " of " (gate.name) }
                thead { tr { @for column in head { th scope="col" { (column) } } } }
                tbody { (rows) }
            }
        }
    }
}
