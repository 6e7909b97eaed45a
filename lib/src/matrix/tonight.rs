//! What a record keeps of the matrix: the choice of the night, and what the coverage is worked out
//! from.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::coverage::{Coverage, Standing, coverage, standings};
use super::due::{Candidate, Ended, Night, Past, Pasts, Plan, plan};
use super::{Cell, Days, Listed, Matrix};

/// The matrix on one night, as it was when the jobs of the night were chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tonight {
    /// Which sampled jobs run. Once written it is never worked out again.
    pub plan: Plan,
    /// The cells that must be covered.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub required: BTreeSet<Cell>,
    /// How old a required cell's last pass may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh: Option<Days>,
    /// The jobs of required cells, those that do not run tonight among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covering: Vec<Covered>,
}

/// A job that covers a required cell, by what was known before the night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Covered {
    /// Its name.
    pub job: String,
    /// Its cell.
    pub cell: Cell,
    /// When the last run that passed began; absent where none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub passed_at: Option<Timestamp>,
    /// Whether its history could be read.
    #[serde(default = "readable", skip_serializing_if = "Clone::clone")]
    pub known: bool,
}

fn readable() -> bool {
    true
}

impl Tonight {
    /// Chooses for a night; `None` where no job has `every` and there is no matrix.
    pub fn choose(
        matrix: Option<&Matrix>,
        jobs: &[Listed<'_>],
        pasts: &Pasts,
        (now, all): (Timestamp, bool),
    ) -> Option<Self> {
        if matrix.is_none() && jobs.iter().all(|job| job.every.is_none()) {
            return None;
        }
        let required = |cell: &Cell| matrix.is_some_and(|matrix| matrix.required.contains(cell));
        let candidates: Vec<_> = jobs
            .iter()
            .map(|job| Candidate {
                name: job.name,
                every: job.every,
                required: job.cell.is_some_and(required),
            })
            .collect();
        let budget = matrix.and_then(|matrix| matrix.budget);
        let covering = jobs.iter().filter_map(|job| {
            let cell = job.cell.filter(|cell| required(cell))?;
            let past = pasts.get(job.name);
            Some(Covered {
                job: job.name.to_owned(),
                cell: cell.clone(),
                passed_at: past.and_then(Past::passed_at),
                known: past != Some(&Past::Unknown),
            })
        });
        Some(Self {
            plan: plan(&candidates, pasts, Night { now, budget, all }),
            required: matrix.map(|matrix| matrix.required.clone()).unwrap_or_default(),
            fresh: matrix.and_then(|matrix| matrix.fresh),
            covering: covering.collect(),
        })
    }

    /// The coverage when these jobs have passed tonight, each in a run that began then. `None`
    /// where there is no matrix.
    pub fn coverage(
        &self,
        passed: impl Fn(&str) -> Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Coverage> {
        if self.required.is_empty() {
            return None;
        }
        let matrix = self.matrix();
        let pasts = self.pasts(passed);
        Some(coverage(&matrix, self.jobs(), &pasts, now))
    }

    /// Where each required cell stands then, as [`Tonight::coverage`] has them.
    pub fn standings(
        &self,
        passed: impl Fn(&str) -> Option<Timestamp>,
        now: Timestamp,
    ) -> Vec<(Cell, Standing)> {
        standings(&self.matrix(), self.jobs(), &self.pasts(passed), now)
    }

    fn matrix(&self) -> Matrix {
        Matrix {
            dimensions: Vec::new(),
            required: self.required.clone(),
            fresh: self.fresh,
            budget: self.plan.budget,
        }
    }

    fn jobs(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.covering
            .iter()
            .map(|covered| (covered.job.as_str(), &covered.cell))
    }

    /// What is known of the covering jobs when these have passed tonight.
    fn pasts(&self, passed: impl Fn(&str) -> Option<Timestamp>) -> Pasts {
        self.covering
            .iter()
            .map(|covered| {
                let at = passed(&covered.job).or(covered.passed_at);
                let past = match at {
                    None if !covered.known => Past::Unknown,
                    at => Past::of(at.map(|at| Ended { at, passed: true })),
                };
                (covered.job.clone(), past)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + day * 86_400).unwrap()
    }

    #[test]
    fn what_passes_tonight_counts_as_covered() {
        let cells: Vec<Cell> = ["1", "2", "3"]
            .map(|cpo| Cell::from([("cpo".to_owned(), cpo.to_owned())]))
            .into();
        let matrix = Matrix {
            dimensions: Vec::new(),
            required: cells.iter().cloned().collect(),
            fresh: Some(Days::whole(7)),
            budget: Some(1),
        };
        let job = |name, cell, every| Listed { name, cell: Some(&cells[cell]), every };
        let jobs = [job("a", 0, None), job("b", 1, Some(Days::whole(3)))];
        let pasts = Pasts::from([
            ("a".to_owned(), Past::Unknown),
            ("b".to_owned(), Past::of([Ended { at: day(1), passed: true }])),
        ]);
        let tonight = Tonight::choose(Some(&matrix), &jobs, &pasts, (day(10), false)).unwrap();
        assert!(tonight.plan.runs("a") && tonight.plan.runs("b"));
        let before = tonight.coverage(|_| None, day(10)).unwrap();
        assert_eq!((before.fresh, before.stale(), before.holes(), before.unknown), (0, 1, 1, 1));
        let after = tonight.coverage(|_| Some(day(10)), day(10)).unwrap();
        assert_eq!((after.fresh, after.stale(), after.holes(), after.unknown), (2, 0, 1, 0));
        let standings = tonight.standings(|job| (job == "b").then(|| day(10)), day(10));
        let told: Vec<_> = standings.iter().map(|(_, standing)| *standing).collect();
        assert_eq!(told, [Standing::Unknown, Standing::Fresh(day(10)), Standing::Hole]);
        let json = serde_json::to_string(&tonight).unwrap();
        assert_eq!(serde_json::from_str::<Tonight>(&json).unwrap(), tonight);
        assert!(json.contains(r#""known":false"#) && !json.contains(r#""known":true"#));
    }

    #[test]
    fn a_plain_list_has_nothing_to_choose() {
        let job = |every| [Listed { name: "a", cell: None, every }];
        let choose =
            |jobs: &[Listed<'_>]| Tonight::choose(None, jobs, &Pasts::new(), (day(10), false));
        assert_eq!(choose(&job(None)), None);
        let tonight = choose(&job(Some(Days::whole(3)))).unwrap();
        assert!(tonight.plan.runs("a"));
        assert_eq!(tonight.coverage(|_| None, day(10)), None);
    }
}
