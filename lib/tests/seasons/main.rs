//! 300 seasons of 90 nights of a job whose truth is known: what does the history make of them?
//!
//! `cargo test -p gate --test seasons -- --show-output` prints the figures; `HISTORY_SEED=N` plays
//! the season of that seed alone.

#![allow(missing_docs)]

mod figures;
mod play;
#[path = "../support/mod.rs"]
mod support;
mod truth;

extern crate gate as library;

use figures::{Figures, percent};
use gate::history::flaky::DEFAULT_RERUNS;
use play::{Way, play};
use truth::Season;

const SEASONS: u64 = 300;

/// One in so many seasons is played a second time, with runs that must not count.
const WITH_EXTRAS: usize = 5;

fn seeds() -> Vec<u64> {
    let one = std::env::var("HISTORY_SEED").ok().and_then(|seed| seed.parse().ok());
    one.map_or_else(|| (0..SEASONS).collect(), |seed| vec![seed])
}

/// These seasons, on two cores.
fn all(seeds: &[u64], way: Way) -> Figures {
    let sum = |seeds: &[u64]| {
        let mut sum = Figures::default();
        seeds.iter().for_each(|seed| sum += play(&Season::of(*seed), way));
        sum
    };
    std::thread::scope(|scope| {
        let halves = seeds.chunks(seeds.len().div_ceil(2).max(1));
        let halves: Vec<_> = halves.map(|seeds| scope.spawn(move || sum(seeds))).collect();
        let mut figures = Figures::default();
        halves.into_iter().for_each(|half| figures += half.join().unwrap());
        figures
    })
}

#[test]
#[allow(clippy::print_stdout)]
fn what_the_history_makes_of_300_seasons() {
    let seeds = seeds();
    let figures = all(&seeds, Way::default());
    println!("{figures}");
    if seeds.len() == 1 {
        return;
    }
    assert!(figures.false_alarms() < 1.0);
    assert!(percent(figures.always.found, figures.always.shown) > 90.0);
    assert!(percent(figures.half.found, figures.half.shown) > 75.0);
    assert!(figures.precision() > 75.0);
    assert!(percent(figures.new_right, figures.first) > 99.0);
    assert!(percent(figures.hit_said, figures.hit) > 75.0);
    assert!(percent(figures.avoided, figures.red_by_flakes) > 50.0);
    // A rerun for flakes must not let a fault through that always shows; what it does with those
    // that show in half of the runs decides about the default.
    assert_eq!(figures.always.masked, 0);
    let may_rerun = percent(figures.half.masked, figures.half.all) <= 5.0;
    assert_eq!(DEFAULT_RERUNS, u32::from(may_rerun));
}

#[test]
fn probes_retests_and_reruns_change_no_figure() {
    let seeds: Vec<u64> = (0..SEASONS).step_by(WITH_EXTRAS).collect();
    assert_eq!(all(&seeds, Way { extras: true }), all(&seeds, Way::default()));
}
