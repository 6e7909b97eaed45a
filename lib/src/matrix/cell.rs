//! Cells: one value of each dimension.

use std::collections::BTreeMap;

/// One combination: dimension → value.
pub type Cell = BTreeMap<String, String>;

/// A cell as people read it: `cpo=4.19.z management=4.20`.
pub fn words(cell: &Cell) -> String {
    let parts: Vec<_> = cell.iter().map(|(name, value)| format!("{name}={value}")).collect();
    parts.join(" ")
}

/// Every combination of these values.
pub(super) fn product(dimensions: &[(String, Vec<String>)]) -> Vec<Cell> {
    let start = vec![Cell::new()];
    dimensions.iter().fold(start, |cells, (name, values)| {
        let with = |cell: &Cell, value: &String| {
            let mut cell = cell.clone();
            cell.insert(name.clone(), value.clone());
            cell
        };
        cells
            .iter()
            .flat_map(|cell| values.iter().map(move |value| with(cell, value)))
            .collect()
    })
}

/// How many combinations there are; as many as fit where there are more.
pub(super) fn count(dimensions: &[(String, Vec<String>)]) -> usize {
    dimensions
        .iter()
        .fold(1, |count: usize, (_, values)| count.saturating_mul(values.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_once() {
        let list = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        let dimensions = [("a".to_owned(), list(&["1", "2"])), ("b".to_owned(), list(&["x", "y"]))];
        let cells: Vec<_> = product(&dimensions).iter().map(words).collect();
        assert_eq!(cells, ["a=1 b=x", "a=1 b=y", "a=2 b=x", "a=2 b=y"]);
        assert_eq!(count(&dimensions), 4);
    }
}
