//! A thousand bisects over ranges of 3 to 200 Snapshots with flaky tests, broken Snapshots, two
//! culprits, and ranges that were never good or never bad. The figures are printed: `cargo test -p
//! gate --lib bisect::simulation -- --nocapture`.

use super::chance::{self, Before};
use super::{Answer, Next, Outcome, Rules, Unfound, next, plan};
use crate::support::random::Random;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// One change.
    One,
    /// Broken, mended, broken again.
    Two,
    /// A seventh of the Snapshots, or one stretch of them, shows nothing.
    Broken,
    /// The good end is bad.
    NeverGood,
    /// The bad end is good.
    NeverBad,
}

/// What is really so.
struct World {
    kind: Kind,
    bad: Vec<bool>,
    broken: Vec<bool>,
    flaky: u64,
    before: Before,
}

impl World {
    fn random(random: &mut Random, kind: Kind, flaky: u64) -> Self {
        let range = 3 + random.below(198) as usize;
        let mut culprits: Vec<_> =
            (0..3).map(|_| 1 + random.below(range as u64 - 1) as usize).collect();
        culprits.sort_unstable();
        let bad = (0..range)
            .map(|place| match kind {
                Kind::NeverGood => true,
                Kind::NeverBad => false,
                Kind::Two => {
                    (culprits[0]..culprits[1]).contains(&place)
                        || place >= culprits[2].max(culprits[1])
                }
                Kind::One | Kind::Broken => place >= culprits[0],
            })
            .collect();
        let stretch = random.below(range as u64) as usize;
        let length = random.below(range as u64 / 4 + 1) as usize;
        let scattered = random.below(100) < 50;
        let broken = (0..range)
            .map(|place| {
                let ends = place == 0 || place == range - 1;
                kind == Kind::Broken
                    && !ends
                    && if scattered {
                        random.below(100) < 14
                    } else {
                        (stretch..stretch + length).contains(&place)
                    }
            })
            .collect();
        // Thirty nights before the range.
        let failed = (0..30).filter(|_| random.below(100) < flaky).count() as u32;
        Self { kind, bad, broken, flaky, before: Before { failed, passed: 30 - failed } }
    }

    fn run(&self, random: &mut Random, place: usize) -> Outcome {
        // One run of twenty has no cluster.
        match (self.broken[place] || random.below(100) < 5, self.bad[place]) {
            (true, _) => Outcome::Inconclusive,
            (false, true) => Outcome::Failed,
            (false, false) if random.below(100) < self.flaky => Outcome::Failed,
            (false, false) => Outcome::Passed,
        }
    }

    /// Whether the Snapshot at this place is bad and the one before it good.
    fn is_change(&self, place: usize) -> bool {
        place > 0 && self.bad[place] && !self.bad[place - 1]
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    bisects: u32,
    /// Ended with the truth: the first bad Snapshot, or that there is none.
    right: u32,
    /// Ended with a Snapshot that is not the first bad one.
    wrong: u32,
    /// Ended without one although there is one, and what is left holds it.
    left: u32,
    /// Ended without one, and the truth is elsewhere.
    lost: u32,
    found: u32,
    runs: u64,
    least: u64,
    printed: f64,
    expected: f64,
}

/// Runs one to its end. What it knows is read again from what was written after every run, as after
/// a kill; a run whose outcome was not written yet is made again.
fn bisect(world: &World, rules: &Rules, random: &mut Random, figures: &mut Figures) {
    let mut written = serde_json::to_string(&vec![Vec::<Outcome>::new(); world.bad.len()]).unwrap();
    let end = loop {
        let mut seen: Vec<Vec<Outcome>> = serde_json::from_str(&written).unwrap();
        match next(&seen, rules) {
            Next::Run { snapshot, number, .. } => {
                assert_eq!(number, seen[snapshot].len() + 1);
                seen[snapshot].push(world.run(random, snapshot));
                written = serde_json::to_string(&seen).unwrap();
            }
            end => break end,
        }
    };
    let seen: Vec<Vec<Outcome>> = serde_json::from_str(&written).unwrap();
    assert_eq!(next(&seen, rules), end, "an end stays the end");
    let cost = plan::cost(world.bad.len(), rules);
    figures.bisects += 1;
    figures.runs += seen.iter().map(Vec::len).sum::<usize>() as u64;
    figures.least += u64::from(cost.least);
    match end {
        Next::Found(Answer { bad, .. }) => {
            figures.found += 1;
            figures.printed += chance::of_error(&seen, world.before, bad);
            let rate = plan::rate(world.before).unwrap();
            figures.expected += plan::expected_error(world.bad.len(), rate, rules);
            if world.is_change(bad) { figures.right += 1 } else { figures.wrong += 1 }
        }
        Next::Unfound { why, left } => match (world.kind, why) {
            (Kind::NeverGood, Unfound::NeverGood) | (Kind::NeverBad, Unfound::NeverBad) => {
                figures.right += 1;
            }
            _ if left.clone().any(|place| world.is_change(place)) => figures.left += 1,
            _ => figures.lost += 1,
        },
        Next::Run { .. } => unreachable!(),
    }
}

#[test]
fn a_thousand_bisects() {
    let mut random = Random::seeded(2026);
    let mut total = 0;
    eprintln!(
        "kind       flaky confirm  bisects right wrong left lost  runs (least)  error: expected printed true"
    );
    let mut calm = Figures::default();
    let mut advised = Figures::default();
    for (kind, count) in [
        (Kind::One, 90),
        (Kind::Two, 30),
        (Kind::Broken, 30),
        (Kind::NeverGood, 15),
        (Kind::NeverBad, 15),
    ] {
        for flaky in [0, 10, 30] {
            for advise in [false, true] {
                if flaky == 0 && advise {
                    continue;
                }
                let mut figures = Figures::default();
                let mut confirms = 0;
                for _ in 0..count * if flaky == 0 { 2 } else { 1 } {
                    let world = World::random(&mut random, kind, flaky);
                    let mut rules = Rules { runs: 150, ..Rules::default() };
                    if advise {
                        let rate = plan::rate(world.before).unwrap();
                        rules.confirm = plan::advised(world.bad.len(), rate, &rules);
                    }
                    confirms += rules.confirm;
                    bisect(&world, &rules, &mut random, &mut figures);
                }
                total += figures.bisects;
                print(kind, flaky, f64::from(confirms), &figures);
                if flaky == 0 {
                    assert_eq!((figures.wrong, figures.lost), (0, 0), "{kind:?} {figures:?}");
                    add(&mut calm, &figures);
                }
                if advise {
                    add(&mut advised, &figures);
                }
            }
        }
    }
    eprintln!("{total} bisects\nno flaky tests: {calm:?}\nas advised: {advised:?}");
    assert!(total >= 1000);
    // Where no test is flaky only a stretch that is broken as a whole keeps one from its answer.
    assert!(calm.left * 20 < calm.bisects, "{calm:?}");
    // About log2 of the range times two runs, and the ends and the inconclusive ones besides.
    assert!(calm.runs * 4 < calm.least * 5, "{calm:?}");
    // With as many confirmations as are advised few are wrong, and the chance of error that is
    // printed is the true one or a little more.
    let of = |sum: f64| sum / f64::from(advised.found);
    let (printed, wrong) = (of(advised.printed), of(f64::from(advised.wrong)));
    assert!(wrong < 0.08, "{advised:?}");
    assert!((wrong - 0.02..wrong + 0.06).contains(&printed), "{printed} {wrong}");
}

fn add(to: &mut Figures, from: &Figures) {
    to.bisects += from.bisects;
    to.right += from.right;
    to.wrong += from.wrong;
    to.left += from.left;
    to.lost += from.lost;
    to.found += from.found;
    to.runs += from.runs;
    to.least += from.least;
    to.printed += from.printed;
    to.expected += from.expected;
}

fn print(kind: Kind, flaky: u64, confirms: f64, figures: &Figures) {
    let of = |sum: f64, count: u32| if count == 0 { f64::NAN } else { sum / f64::from(count) };
    eprintln!(
        "{:<10} {flaky:>4}% {:>7.1} {:>8} {:>5} {:>5} {:>4} {:>4} {:>5.1} ({:>4.1}) {:>14.1}% {:>6.1}% {:>4.1}%",
        format!("{kind:?}"),
        of(confirms, figures.bisects),
        figures.bisects,
        figures.right,
        figures.wrong,
        figures.left,
        figures.lost,
        of(figures.runs as f64, figures.bisects),
        of(figures.least as f64, figures.bisects),
        100.0 * of(figures.expected, figures.found),
        100.0 * of(figures.printed, figures.found),
        100.0 * of(f64::from(figures.wrong), figures.found),
    );
}
