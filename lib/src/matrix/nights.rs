//! Ten thousand nights over random matrices: what the choice of sampled jobs promises. The figures
//! are printed: `cargo test -p gate --lib matrix::nights -- --nocapture`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::coverage::{Standing, standing};
use super::due::{Candidate, Ended, Night, Past, Pasts, Plan, Reason, plan, reason};
use super::{Cell, Days, Listed, Matrix, enough, nights};
use crate::support::random::Random;

struct World {
    names: Vec<String>,
    cells: Vec<Cell>,
    every: Vec<u64>,
    optional: usize,
    matrix: Matrix,
}

impl World {
    /// A matrix of which each required cell has one sampled job, and some more for other cells.
    fn random(random: &mut Random) -> Self {
        let required = 1 + random.below(30) as usize;
        let optional = random.below(8) as usize;
        let fresh = 1 + random.below(14);
        let count = required + optional;
        let cells: Vec<_> = (0..count)
            .map(|number| Cell::from([("cpo".to_owned(), number.to_string())]))
            .collect();
        let every = (0..count).map(|_| 1 + random.below(fresh)).collect();
        let matrix = Matrix {
            dimensions: Vec::new(),
            required: cells.iter().take(required).cloned().collect(),
            fresh: Some(Days::whole(fresh)),
            budget: Some(1 + random.below(8) as u32),
        };
        let names = (0..count).map(|number| format!("job-{number}")).collect();
        Self { names, cells, every, optional, matrix }
    }

    fn required(&self) -> usize {
        self.names.len() - self.optional
    }

    fn enough(&self) -> Result<(), String> {
        let jobs: Vec<_> = (0..self.names.len())
            .map(|job| Listed {
                name: &self.names[job],
                cell: Some(&self.cells[job]),
                every: Some(Days::whole(self.every[job])),
            })
            .collect();
        enough(&self.matrix, &jobs)
    }

    /// Chooses for a night.
    fn tonight(&self, pasts: &Pasts, now: Timestamp) -> Plan {
        let jobs: Vec<_> = (0..self.names.len())
            .map(|job| Candidate {
                name: &self.names[job],
                every: Some(Days::whole(self.every[job])),
                required: job < self.required(),
            })
            .collect();
        plan(&jobs, pasts, Night { now, budget: self.matrix.budget, all: false })
    }
}

#[derive(Debug, Default)]
struct Figures {
    nights: u32,
    matrices: u32,
    refused: u32,
    launches: u64,
    cells: u64,
    stale: u64,
    stale_crowded: u64,
    red_nights: u64,
    red_run: u64,
}

/// Begins a night up to half an hour early or late.
fn begin(random: &mut Random, night: i64) -> Timestamp {
    let jitter = SignedDuration::from_secs(random.below(3600) as i64 - 1800);
    Timestamp::from_second(1_780_000_000 + night * 86_400).unwrap() + jitter
}

#[test]
fn no_required_cell_gets_stale_while_green() {
    let mut random = Random::seeded(21);
    let mut green = Figures::default();
    let mut flaky = Figures::default();
    while green.nights < 5_000 {
        let mut world = World::random(&mut random);
        green.matrices += 1;
        if let Err(error) = world.enough() {
            // The error names a budget with which there is none, and below which there is one.
            let named: u32 = error.rsplit(' ').next().unwrap().parse().expect(&error);
            world.matrix.budget = Some(named);
            assert_eq!(world.enough(), Ok(()));
            world.matrix.budget = Some(named - 1);
            assert!(named == 1 || world.enough().is_err());
            world.matrix.budget = Some(named);
            green.refused += 1;
        }
        simulate(&world, &mut random, 100, 0, &mut green);
    }
    assert_eq!(green.stale, 0, "{green:?}");
    while flaky.nights < 5_000 {
        let world = World::random(&mut random);
        flaky.matrices += 1;
        if world.enough().is_ok() {
            simulate(&world, &mut random, 100, 10, &mut flaky);
        }
    }
    assert_eq!(flaky.stale, flaky.stale_crowded, "{flaky:?}");
    assert!(flaky.stale * 50 < flaky.cells, "{flaky:?}");
    assert!(green.matrices >= 50 && green.refused > 5);
    eprintln!("green: {green:?}\nred in one run of ten: {flaky:?}");
}

/// Runs nights of one matrix; a job fails in so many of a hundred runs.
fn simulate(world: &World, random: &mut Random, count: i64, red: u64, figures: &mut Figures) {
    let budget = world.matrix.budget.unwrap() as usize;
    let fresh = world.matrix.fresh.unwrap();
    // Until each job has had its turn once.
    let settled = world.required().div_ceil(budget) as i64;
    let mut runs: BTreeMap<String, Vec<Ended>> = BTreeMap::new();
    for night in 0..count {
        let now = begin(random, night);
        let pasts: Pasts = runs
            .iter()
            .map(|(name, runs)| (name.clone(), Past::of(runs.iter().copied())))
            .collect();
        let plan = world.tonight(&pasts, now);
        let chosen: Vec<_> = plan.choices.iter().filter(|choice| choice.runs).collect();
        assert!(chosen.len() <= budget);
        for choice in &plan.choices {
            let job = world.names.iter().position(|name| *name == choice.name).unwrap();
            let never = Past::of([]);
            let past = pasts.get(&choice.name).unwrap_or(&never);
            let why = reason(Days::whole(world.every[job]), past, now);
            assert!(why != Reason::NotDue || !choice.runs, "{choice:?}");
            if why == Reason::NotPassedLast {
                figures.red_nights += 1;
                figures.red_run += u64::from(choice.runs);
            }
        }
        for choice in &chosen {
            let passed = random.below(100) >= red;
            runs.entry(choice.name.clone())
                .or_default()
                .push(Ended { at: now, passed });
        }
        figures.launches += chosen.len() as u64;
        figures.nights += 1;
        if night < settled {
            continue;
        }
        // The night is over: every job has run that was to.
        let end = now + SignedDuration::from_hours(3);
        for job in 0..world.required() {
            let past = Past::of(runs[&world.names[job]].iter().copied());
            let Past::Known { last: Some(Ended { passed: true, .. }), .. } = past else { continue };
            figures.cells += 1;
            if let Standing::Stale(_) = standing([&past], Some(fresh), end) {
                figures.stale += 1;
                // Only because the whole budget went to jobs that are red or as old.
                let full = chosen.len() == budget;
                let rightly = chosen.iter().all(|choice| {
                    choice.passed_at <= past.passed_at() || choice.reason == Reason::NotPassedLast
                });
                figures.stale_crowded += u64::from(full && rightly);
            }
        }
    }
    assert!(nights(fresh) >= 1);
}

/// Some jobs that never pass take their part of the budget every night; the others stay fresh with
/// what is left of it.
#[test]
fn jobs_that_stay_red_do_not_make_green_ones_stale() {
    let mut random = Random::seeded(7);
    for _ in 0..40 {
        let mut world = World::random(&mut random);
        let broken = random.below(4) as usize;
        let limit = nights(world.matrix.fresh.unwrap()) as usize;
        let green = world.required().saturating_sub(broken);
        let budget = broken.min(world.required()) + green.div_ceil(limit).max(1);
        world.matrix.budget = Some(budget as u32);
        let mut runs: BTreeMap<String, Vec<Ended>> = BTreeMap::new();
        for night in 0..60 {
            let now = begin(&mut random, night);
            let pasts: Pasts = runs
                .iter()
                .map(|(name, runs)| (name.clone(), Past::of(runs.iter().copied())))
                .collect();
            let plan = world.tonight(&pasts, now);
            for choice in plan.choices.iter().filter(|choice| choice.runs) {
                let job = world.names.iter().position(|name| *name == choice.name).unwrap();
                let ended = Ended { at: now, passed: job >= broken };
                runs.entry(choice.name.clone()).or_default().push(ended);
            }
            if night < limit as i64 {
                continue;
            }
            for job in broken..world.required() {
                let past = Past::of(runs[&world.names[job]].iter().copied());
                let fresh = world.matrix.fresh;
                let end = now + SignedDuration::from_hours(3);
                let found = standing([&past], fresh, end);
                assert!(matches!(found, Standing::Fresh(_)), "night {night}, {found:?}");
            }
            // Once every job has had its turn, a red one runs every night.
            for job in 0..broken.min(world.required()) {
                assert_eq!(runs[&world.names[job]].last().map(|run| run.at), Some(now));
            }
        }
    }
}
