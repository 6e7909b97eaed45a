//! Whether the matrix can be kept fresh at all: found out before the first night, not after weeks.

use std::time::Duration;

use super::{Days, Listed, Matrix, due, words};

/// A gate runs once a day: what `fresh`, `every` and `budget` are counted in.
pub const NIGHT: Duration = Duration::from_secs(86_400);

/// After how many nights at the latest a green job runs again so that its pass never gets older
/// than `fresh`. A pass counts from its run's begin, so that it is `n` nights old when it is
/// replaced.
pub fn nights(fresh: Days) -> u64 {
    fresh.duration().as_secs() / NIGHT.as_secs()
}

/// What keeps the required cells from staying fresh even if every job is green, with what would
/// mend it.
///
/// Sampled jobs of required cells go first, the oldest pass first ([`due::plan`]). With `n` of
/// them, a budget of `b` a night and `d` = [`nights`], each runs at least every `d` nights if and
/// only if `n <= b * d` and no `every` is longer than `fresh`:
///
/// - necessary, since in `d` nights each of the `n` must run at least once;
/// - sufficient, since at most `b` jobs ran on one night, so that at most `b` reach the age of `d`
///   nights at once; all of them are due then, and none is older.
///
/// # Errors
/// One sentence.
pub fn enough(matrix: &Matrix, jobs: &[Listed<'_>]) -> Result<(), String> {
    let Some(fresh) = matrix.fresh else { return Ok(()) };
    let required = |job: &&Listed<'_>| job.cell.is_some_and(|cell| matrix.required.contains(cell));
    let sampled: Vec<_> = jobs
        .iter()
        .filter(required)
        .filter(|job| job.every.is_some())
        .collect();
    let limit = nights(fresh);
    if limit == 0 && !sampled.is_empty() {
        return Err(format!(
            "fresh: {} is less than a day, but {} has every and runs once a night at most; expected at least 1d",
            fresh, sampled[0].name
        ));
    }
    for job in &sampled {
        let (Some(every), Some(cell)) = (job.every, job.cell) else { continue };
        if due::period(every) > limit {
            return Err(format!(
                "every: {} of {} is longer than fresh: {} allows, so that {} would be stale although it is green; expected at most {limit}d",
                every,
                job.name,
                fresh,
                words(cell)
            ));
        }
    }
    let Some(budget) = matrix.budget else { return Ok(()) };
    let count = sampled.len() as u64;
    if u64::from(budget) * limit < count {
        return Err(format!(
            "budget: {budget} a night cannot keep {count} sampled jobs of required cells within fresh: {}; expected at least {}",
            fresh,
            count.div_ceil(limit)
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Cell;
    use super::*;

    fn matrix(fresh: &str, budget: u32, cells: usize) -> (Matrix, Vec<Cell>) {
        let cells: Vec<Cell> = (0..cells)
            .map(|number| Cell::from([("cpo".to_owned(), number.to_string())]))
            .collect();
        let matrix = Matrix {
            dimensions: Vec::new(),
            required: cells.iter().cloned().collect(),
            fresh: Some(fresh.parse().unwrap()),
            budget: Some(budget),
        };
        (matrix, cells)
    }

    fn verdict(fresh: &str, budget: u32, cells: usize, every: &str) -> Result<(), String> {
        let (matrix, cells) = matrix(fresh, budget, cells);
        let every = Some(every.parse().unwrap());
        let jobs: Vec<_> = cells
            .iter()
            .map(|cell| Listed { name: "job", cell: Some(cell), every })
            .collect();
        enough(&matrix, &jobs)
    }

    #[test]
    fn the_budget_that_would_do_is_named() {
        assert_eq!(verdict("3d", 2, 6, "3d"), Ok(()));
        assert_eq!(
            verdict("3d", 2, 7, "3d").unwrap_err(),
            "budget: 2 a night cannot keep 7 sampled jobs of required cells within fresh: 3d; expected at least 3"
        );
        assert_eq!(verdict("3d", 3, 7, "3d"), Ok(()));
    }

    #[test]
    fn every_must_fit_into_fresh() {
        assert!(verdict("5d", 9, 1, "5d").is_ok() && verdict("5d", 9, 1, "6d").is_err());
        let error = verdict("5d", 9, 1, "7d").unwrap_err();
        assert_eq!(
            error,
            "every: 7d of job is longer than fresh: 5d allows, so that cpo=0 would be stale although it is green; expected at most 5d"
        );
        assert!(verdict("12h", 9, 1, "6h").unwrap_err().contains("less than a day"));
    }

    #[test]
    fn jobs_of_every_night_and_of_other_cells_cost_nothing() {
        let (matrix, cells) = matrix("3d", 1, 4);
        let other = Cell::from([("cpo".to_owned(), "x".to_owned())]);
        let every = Some("3d".parse().unwrap());
        let mut jobs: Vec<_> = cells
            .iter()
            .map(|cell| Listed { name: "a", cell: Some(cell), every: None })
            .collect();
        jobs.extend([Listed { name: "b", cell: Some(&other), every }; 9]);
        jobs.extend([Listed { name: "c", cell: None, every }; 9]);
        assert_eq!(enough(&matrix, &jobs), Ok(()));
    }
}
