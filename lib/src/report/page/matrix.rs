//! The version matrix as a grid: each required cell with its state.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::duration::ago;
use crate::report::mark::Tone;
use crate::report::model::{CoverageGrid, Gate, GridCell, GridRow, GridState};

/// The grid, where the gate has one.
pub fn grid(gate: &Gate, now: Timestamp) -> Markup {
    let Some(grid) = gate.coverage.as_ref().and_then(|coverage| coverage.grid.as_ref()) else {
        return html! {};
    };
    let name = "Version matrix";
    html! {
        h3 { (name) }
        div.scroll tabindex="0" role="region" aria-label={ (name) " of " (gate.name) } {
            table.grid {
                caption.hidden { (name) " of " (gate.name) ": required cells" }
                thead { tr {
                    th scope="col" { bdi { (grid.down) } " \\ " bdi { (grid.across) } }
                    @for column in &grid.columns { th scope="col" { bdi { (column) } } }
                } }
                tbody { @for row in &grid.rows { (cells(grid, row, now)) } }
            }
        }
    }
}

fn cells(grid: &CoverageGrid, row: &GridRow, now: Timestamp) -> Markup {
    let name = if row.name.is_empty() { "required" } else { row.name.as_str() };
    html! { tr {
        th scope="row" { bdi { (name) } }
        @for (cell, column) in row.cells.iter().zip(&grid.columns) {
            @match cell {
                Some(cell) => (one(name, column, *cell, now)),
                None => td { span.hidden { "not required" } },
            }
        }
    } }
}

fn one(row: &str, column: &str, cell: GridCell, now: Timestamp) -> Markup {
    let (tone, sign, word) = match cell.state {
        GridState::Fresh => (Tone::Good, "✓", "fresh"),
        GridState::Stale => (Tone::Doubtful, "!", "stale"),
        GridState::Hole => (Tone::Bad, "✗", "no job covers it"),
        GridState::Unknown => (Tone::Quiet, "?", "not known"),
    };
    let since = match (cell.state, cell.passed_at) {
        (_, Some(at)) => format!(", passed {}", ago(at, now)),
        (GridState::Stale, None) => ", never passed".to_owned(),
        _ => String::new(),
    };
    html! {
        td class=(tone.class()) title={ (row) " " (column) ": " (word) (since) } {
            span aria-hidden="true" { (sign) }
            span.hidden { (word) (since) }
        }
    }
}
