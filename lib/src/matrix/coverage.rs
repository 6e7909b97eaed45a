//! How much of the matrix is covered: the required cells that are fresh, stale, or no job's.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::due::{Past, Pasts};
use super::{Cell, Days, Matrix, age, words};

/// Cells of a kind that a record names; the others are counted.
const KEPT: usize = 50;

/// Cells of a kind that a line names.
const NAMED: usize = 2;

/// A required cell whose last pass is too old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stale {
    /// The cell.
    pub cell: Cell,
    /// When the run of its last pass began; absent where it never passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub passed_at: Option<Timestamp>,
}

/// The required cells by how they are covered. What is in no list and not counted as unknown is
/// fresh.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// How many cells are required.
    pub required: usize,
    /// How many of them are fresh: each job of the cell has passed within `fresh`.
    pub fresh: usize,
    /// Those whose last pass is older or that never passed, the oldest first; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<Stale>,
    /// How many more are stale.
    #[serde(default, skip_serializing_if = "is_none")]
    pub stale_more: usize,
    /// Those that no job covers; at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<Cell>,
    /// How many more are holes.
    #[serde(default, skip_serializing_if = "is_none")]
    pub holes_more: usize,
    /// Those of which nothing is known, since the history of a job cannot be read.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unknown: usize,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// Where a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Every job of it has passed within `fresh`; since when.
    Fresh(Timestamp),
    /// A job of it has not; when that one passed last, if ever.
    Stale(Option<Timestamp>),
    /// Nothing is known of a job of it.
    Unknown,
    /// No job covers it.
    Hole,
}

/// Where a required cell stands, by the jobs that cover it. A cell of several jobs is as old as the
/// one of them that passed the longest time ago: one that is red must not hide behind another.
pub fn standing<'a>(
    jobs: impl IntoIterator<Item = &'a Past>,
    fresh: Option<Days>,
    now: Timestamp,
) -> Standing {
    let mut oldest: Option<Timestamp> = None;
    let (mut any, mut unknown, mut never) = (false, false, false);
    for past in jobs {
        any = true;
        match past {
            Past::Unknown => unknown = true,
            Past::Known { passed_at: None, .. } => never = true,
            Past::Known { passed_at: Some(at), .. } => {
                oldest = Some(oldest.map_or(*at, |oldest| oldest.min(*at)));
            }
        }
    }
    let bound = fresh.and_then(|fresh| SignedDuration::try_from(fresh.duration()).ok());
    let too_old = |at: Timestamp| bound.is_some_and(|bound| now.duration_since(at) > bound);
    match oldest {
        _ if !any => Standing::Hole,
        _ if never => Standing::Stale(None),
        Some(at) if too_old(at) => Standing::Stale(Some(at)),
        Some(at) if !unknown => Standing::Fresh(at),
        _ => Standing::Unknown,
    }
}

/// The coverage of a matrix by jobs, each with its cell, by what is known of them now.
pub fn coverage<'a>(
    matrix: &Matrix,
    jobs: impl IntoIterator<Item = (&'a str, &'a Cell)>,
    pasts: &Pasts,
    now: Timestamp,
) -> Coverage {
    let mut made = Coverage { required: matrix.required.len(), ..Coverage::default() };
    for (cell, standing) in standings(matrix, jobs, pasts, now) {
        match standing {
            Standing::Fresh(_) => made.fresh += 1,
            Standing::Stale(passed_at) => made.stale.push(Stale { cell, passed_at }),
            Standing::Unknown => made.unknown += 1,
            Standing::Hole => made.holes.push(cell),
        }
    }
    made.stale.sort_by_key(|stale| stale.passed_at);
    made.stale_more = cut(&mut made.stale);
    made.holes_more = cut(&mut made.holes);
    made
}

/// Where each required cell stands, in the order of the cells.
pub fn standings<'a>(
    matrix: &Matrix,
    jobs: impl IntoIterator<Item = (&'a str, &'a Cell)>,
    pasts: &Pasts,
    now: Timestamp,
) -> Vec<(Cell, Standing)> {
    let never = Past::Known { passed_at: None, last: None };
    let jobs: Vec<_> = jobs.into_iter().collect();
    let stands = |cell: &Cell| {
        let covering = jobs.iter().filter(|(_, of)| *of == cell);
        let pasts = covering.map(|(name, _)| pasts.get(*name).unwrap_or(&never));
        standing(pasts, matrix.fresh, now)
    };
    matrix
        .required
        .iter()
        .map(|cell| (cell.clone(), stands(cell)))
        .collect()
}

fn cut<T>(list: &mut Vec<T>) -> usize {
    let more = list.len().saturating_sub(KEPT);
    list.truncate(KEPT);
    more
}

impl Coverage {
    /// How many required cells are stale.
    pub fn stale(&self) -> usize {
        self.stale.len() + self.stale_more
    }

    /// How many required cells no job covers.
    pub fn holes(&self) -> usize {
        self.holes.len() + self.holes_more
    }

    /// The coverage in one line:
    /// `matrix: 7 of 9 required cells fresh; stale: cpo=4.18.z (9 days); no job: cpo=4.20.z`.
    pub fn line(&self, now: Timestamp) -> String {
        let mut parts = vec![format!("{} of {} required cells fresh", self.fresh, self.required)];
        if self.fresh == self.required {
            parts = vec![format!("all {} required cells fresh", self.required)];
        }
        if self.stale() > 0 {
            let named = self.stale.iter().take(NAMED).map(|stale| {
                let old = stale
                    .passed_at
                    .map_or("never passed".to_owned(), |at| age(now.duration_since(at)));
                format!("{} ({old})", words(&stale.cell))
            });
            parts.push(format!("stale: {}", list(named, self.stale())));
        }
        if self.holes() > 0 {
            let named = self.holes.iter().take(NAMED).map(words);
            parts.push(format!("no job: {}", list(named, self.holes())));
        }
        if self.unknown > 0 {
            parts.push(format!("{} not known, their history cannot be read", self.unknown));
        }
        format!("matrix: {}", parts.join("; "))
    }
}

fn list(named: impl Iterator<Item = String>, count: usize) -> String {
    let named: Vec<_> = named.collect();
    match count.saturating_sub(named.len()) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::due::Ended;
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + day * 86_400).unwrap()
    }

    fn cell(cpo: &str) -> Cell {
        Cell::from([("cpo".to_owned(), cpo.to_owned())])
    }

    fn passed(at: i64) -> Past {
        Past::of([Ended { at: day(at), passed: true }])
    }

    fn matrix(cells: &[&str]) -> Matrix {
        Matrix {
            dimensions: Vec::new(),
            required: cells.iter().map(|cpo| cell(cpo)).collect(),
            fresh: Some(Days::whole(7)),
            budget: None,
        }
    }

    #[test]
    fn a_cell_is_as_old_as_the_oldest_of_its_jobs() {
        let fresh = Some(Days::whole(7));
        let (never, unknown) = (Past::of([]), Past::Unknown);
        let table: [(Vec<Past>, Standing); 9] = [
            (vec![], Standing::Hole),
            (vec![passed(9)], Standing::Fresh(day(9))),
            (vec![passed(9), passed(4)], Standing::Fresh(day(4))),
            (vec![passed(9), passed(2)], Standing::Stale(Some(day(2)))),
            (vec![passed(3)], Standing::Fresh(day(3))),
            (vec![passed(9), never], Standing::Stale(None)),
            (vec![unknown.clone()], Standing::Unknown),
            (vec![unknown.clone(), passed(9)], Standing::Unknown),
            (vec![unknown, passed(1)], Standing::Stale(Some(day(1)))),
        ];
        for (jobs, expected) in table {
            assert_eq!(standing(&jobs, fresh, day(10)), expected, "{jobs:?}");
        }
        assert_eq!(standing([&passed(-900)], None, day(10)), Standing::Fresh(day(-900)));
    }

    #[test]
    fn a_line_says_what_is_missing() {
        let cells = [cell("1"), cell("2"), cell("3"), cell("4"), cell("optional")];
        let jobs = [("a", &cells[0]), ("b", &cells[1]), ("c", &cells[2]), ("o", &cells[4])];
        let pasts = Pasts::from([
            ("a".to_owned(), passed(9)),
            ("b".to_owned(), passed(1)),
            ("c".to_owned(), Past::Unknown),
        ]);
        let made = coverage(&matrix(&["1", "2", "3", "4"]), jobs, &pasts, day(10));
        assert_eq!((made.required, made.fresh, made.unknown), (4, 1, 1));
        assert_eq!(
            made.line(day(10)),
            "matrix: 1 of 4 required cells fresh; stale: cpo=2 (9 days); no job: cpo=4; 1 not known, their history cannot be read"
        );
        let made = coverage(&matrix(&["1"]), jobs, &pasts, day(10));
        assert_eq!(made.line(day(10)), "matrix: all 1 required cells fresh");
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let names: Vec<_> = (0..70).map(|number| number.to_string()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let made = coverage(&matrix(&names), [], &Pasts::new(), day(10));
        assert_eq!((made.holes.len(), made.holes_more, made.holes()), (50, 20, 70));
        assert!(made.line(day(10)).ends_with("no job: cpo=0, cpo=1 and 68 more"));
        let back: Coverage = serde_json::from_str(&serde_json::to_string(&made).unwrap()).unwrap();
        assert_eq!(back, made);
    }
}
