//! What reruns and retests buy: seasons of nights, played with chance alone.
//!
//! `cargo test -p gate --test retests -- --nocapture` prints the table of docs/comparison.md.

#![allow(missing_docs)]

#[path = "support/random.rs"]
#[allow(dead_code, reason = "a part of it is enough")]
mod random;

use random::Random;

const SEASONS: u64 = 1000;
const NIGHTS: u32 = 90;
/// A real regression comes every so many nights, and is mended in the build of the third night.
const REGRESSION_EVERY: u64 = 20;
const MENDED_AFTER: u32 = 3;
/// Of a hundred failures that are not the product's fault so many show it by their cause.
const BY_CAUSE: u64 = 40;
/// Hours that a job takes, and after which its rerun or retest is done.
const JOB: f64 = 2.5;

/// What is done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// The next night tests the next build.
    Nothing,
    /// Reruns of what failed by its cause for another reason (`infrastructure=1,setup=1`).
    Causes,
    /// Besides, reruns of known flakes (`flaky=1`), where each failure by chance is one.
    Flakes,
    /// Reruns by cause, and one retest of what failed, in the morning.
    Retests,
    /// All of it.
    Both,
}

const WAYS: [Way; 5] = [Way::Nothing, Way::Causes, Way::Flakes, Way::Retests, Way::Both];

#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    verified: f64,
    hours: f64,
    /// Of each night: how old the newest verified build is, in days.
    age: f64,
    nights: f64,
}

/// One job on one image: whether it ends green, how many runs that took, and how many of them
/// failed as the product's own.
fn job(random: &mut Random, way: Way, flake: u64, broken: bool) -> (bool, u32, u32) {
    let (mut runs, mut product) = (0, 0);
    loop {
        runs += 1;
        if broken {
            return (false, runs, product + 1);
        }
        if random.below(100) >= flake {
            return (true, runs, product);
        }
        let by_cause = random.below(100) < BY_CAUSE;
        product += u32::from(!by_cause);
        let again = match (by_cause, way) {
            (_, Way::Nothing) => false,
            (true, _) => runs < 2,
            (false, Way::Causes | Way::Retests) => false,
            // Two failures for the product are enough, whatever is known of them.
            (false, Way::Flakes | Way::Both) => runs < 2 && product < 2,
        };
        if !again {
            return (false, runs, product);
        }
    }
}

fn season(seed: u64, way: Way, jobs: usize, flake: u64) -> Sum {
    let mut random = Random::seeded(seed);
    let (mut sum, mut bad_until, mut newest) = (Sum::default(), 0, 0.0);
    for night in 1..=NIGHTS {
        if night >= bad_until && random.once_in(REGRESSION_EVERY) {
            bad_until = night + MENDED_AFTER;
        }
        let broken_job = (night < bad_until).then(|| random.below(jobs as u64) as usize);
        let mut red: Vec<(usize, u32)> = Vec::new();
        let mut runs = 0;
        for index in 0..jobs {
            let (green, made, product) = job(&mut random, way, flake, broken_job == Some(index));
            runs += made;
            if !green {
                red.push((index, product));
            }
        }
        if matches!(way, Way::Retests | Way::Both) && !red.is_empty() {
            // What passed is taken over; what failed twice for the product is not tested again.
            let mut left = Vec::new();
            for (index, product) in red {
                if product >= 2 {
                    left.push((index, product));
                    continue;
                }
                let (green, made, more) = job(&mut random, way, flake, broken_job == Some(index));
                runs += made;
                if !green {
                    left.push((index, product + more));
                }
            }
            red = left;
        }
        sum.hours += f64::from(runs) * JOB;
        sum.nights += 1.0;
        if red.is_empty() {
            sum.verified += 1.0;
            newest = f64::from(night);
        }
        sum.age += f64::from(night) - newest;
    }
    sum
}

fn figures(way: Way, jobs: usize, flake: u64) -> (f64, f64, f64) {
    let mut all = Sum::default();
    for seed in 0..SEASONS {
        let sum = season(seed, way, jobs, flake);
        all.verified += sum.verified;
        all.hours += sum.hours;
        all.age += sum.age;
        all.nights += sum.nights;
    }
    let verified = all.verified.max(1.0);
    (all.verified / all.nights * 100.0, all.age / all.nights, all.hours / verified)
}

#[test]
fn what_it_buys() {
    eprintln!(
        "| jobs, chance | | nothing | reruns by cause | and of flakes | by cause, and a retest | all |"
    );
    eprintln!("|---|---|---|---|---|---|---|");
    for jobs in [3, 12, 30] {
        for flake in [2, 5, 10] {
            let found: Vec<_> = WAYS.iter().map(|way| figures(*way, jobs, flake)).collect();
            let row = |what: &str, cell: &dyn Fn(&(f64, f64, f64)) -> String| {
                let cells: Vec<String> = found.iter().map(cell).collect();
                eprintln!("| {jobs}, {flake} % | {what} | {} |", cells.join(" | "));
            };
            row("nights verified", &|cell| format!("{:.0} %", cell.0));
            row("days since the newest verified build", &|cell| format!("{:.1}", cell.1));
            row("job hours for each verified image", &|cell| format!("{:.0}", cell.2));
            // Whatever is added, no fewer nights are verified.
            for (less, more) in [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)] {
                assert!(found[more].0 >= found[less].0 - 0.5, "{less} {more}: {found:?}");
            }
            // A regression keeps every image back for as long as it is there, whatever is done.
            assert!(found.iter().all(|cell| cell.0 < 88.0), "{found:?}");
        }
    }
}
