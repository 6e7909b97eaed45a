//! The required cells of the version matrix as a grid: one dimension across, the others down.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{CoverageGrid, GridCell, GridRow, GridState};
use super::played::NAME;
use crate::matrix::Cell;
use crate::matrix::coverage::Standing;
use crate::text::one_line;

/// A matrix with more required cells is no grid that anybody would look at.
const MOST: usize = 600;

/// The grid of these cells; `None` where there are none, or too many. Across goes the dimension with
/// the most values, of several the first by its name.
pub(super) fn grid(cells: &[(Cell, Standing)]) -> Option<CoverageGrid> {
    if cells.is_empty() || cells.len() > MOST {
        return None;
    }
    let mut dimensions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (dimension, value) in cells.iter().flat_map(|(cell, _)| cell) {
        dimensions.entry(dimension).or_default().insert(value);
    }
    let most = dimensions.values().map(BTreeSet::len).max()?;
    let (across, values) = dimensions.iter().find(|(_, values)| values.len() == most)?;
    let mut rows: BTreeMap<Vec<&str>, BTreeMap<&str, GridCell>> = BTreeMap::new();
    for (cell, standing) in cells {
        let others = cell.iter().filter(|(name, _)| name.as_str() != *across);
        let row = others.map(|(_, value)| value.as_str()).collect();
        let value = cell.get(*across).map_or("", String::as_str);
        rows.entry(row).or_default().insert(value, told(*standing));
    }
    let text = |text: &str| one_line(text, NAME);
    let row = |(name, cells): (Vec<&str>, BTreeMap<&str, GridCell>)| GridRow {
        name: text(&name.join(" · ")),
        cells: values.iter().map(|value| cells.get(value).copied()).collect(),
    };
    Some(CoverageGrid {
        across: text(across),
        down: text(
            &dimensions
                .keys()
                .filter(|name| *name != across)
                .copied()
                .collect::<Vec<_>>()
                .join(" · "),
        ),
        columns: values.iter().map(|value| text(value)).collect(),
        rows: rows.into_iter().map(row).collect(),
    })
}

fn told(standing: Standing) -> GridCell {
    let (state, passed_at) = match standing {
        Standing::Fresh(at) => (GridState::Fresh, Some(at)),
        Standing::Stale(at) => (GridState::Stale, at),
        Standing::Unknown => (GridState::Unknown, None),
        Standing::Hole => (GridState::Hole, None),
    };
    GridCell { state, passed_at }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn cell(cpo: &str, test: &str) -> Cell {
        [("cpo", cpo), ("test", test)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn the_longest_dimension_goes_across_and_what_is_not_required_is_empty() {
        let at = Timestamp::UNIX_EPOCH;
        let cells = [
            (cell("4.19", "e2e"), Standing::Fresh(at)),
            (cell("4.20", "e2e"), Standing::Hole),
            (cell("4.21", "upgrade"), Standing::Stale(None)),
            (cell("4.20", "upgrade"), Standing::Unknown),
        ];
        let made = grid(&cells).unwrap();
        assert_eq!((made.across.as_str(), made.down.as_str()), ("cpo", "test"));
        assert_eq!(made.columns, ["4.19", "4.20", "4.21"]);
        let states = |row: &GridRow| {
            row.cells
                .iter()
                .map(|cell| cell.map(|cell| cell.state))
                .collect::<Vec<_>>()
        };
        use GridState::{Fresh, Hole, Stale, Unknown};
        assert_eq!(made.rows[0].name, "e2e");
        assert_eq!(states(&made.rows[0]), [Some(Fresh), Some(Hole), None]);
        assert_eq!(states(&made.rows[1]), [None, Some(Unknown), Some(Stale)]);
        assert_eq!(made.rows[0].cells[0].unwrap().passed_at, Some(at));
    }

    #[test]
    fn none_and_too_many_are_no_grid() {
        assert_eq!(grid(&[]), None);
        let many: Vec<_> = (0..=MOST)
            .map(|number| (cell(&number.to_string(), "e2e"), Standing::Hole))
            .collect();
        assert_eq!(grid(&many), None);
        assert_eq!(grid(&many[1..]).unwrap().columns.len(), MOST);
        // One dimension alone is one row.
        let alone: Cell = [("cpo".to_owned(), "4.20".to_owned())].into();
        let made = grid(&[(alone, Standing::Hole)]).unwrap();
        assert_eq!((made.rows.len(), made.down.as_str()), (1, ""));
    }
}
