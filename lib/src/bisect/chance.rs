//! How likely the answer is wrong, from the runs that were seen.
//!
//! Tests are flaky: a good Snapshot fails now and then, a bad one may pass. Neither rate is known,
//! only what was seen. For each place `c` of `0..=n` where the change may be (`0`: before the
//! range, `n`: after it; each as likely as the others beforehand) the runs are split into those on
//! Snapshots before `c`, with `f` failures and `p` passes, and those from `c` on, with `F` and `P`.
//! With a beta distribution for either rate, the runs have the likelihood
//!
//! ```text
//! L(c) = B(a+f, b+p) / B(a, b)  *  B(b'+F, a'+P) / B(b', a')
//! ```
//!
//! (`B`: the beta function), and the chance that the answer `c` is wrong is `1 - L(c) / sum of all
//! L`. Before anything is seen a good Snapshot is taken to fail in about 1 of 6 runs (`a` = 0.5,
//! `b` = 2.5) and a bad one to pass as seldom; what earlier runs of the job on images before the
//! range have shown is added to `a` and `b`. Inconclusive runs say nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Outcome;

/// Weight of what is expected of a rate, in runs: half a run on the unexpected side, and this on
/// the other.
const UNEXPECTED: f64 = 0.5;
const EXPECTED: f64 = 2.5;

/// Earlier runs of the job or the test on images that are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Before {
    /// How many of them failed as the one looked for.
    pub failed: u32,
    /// How many passed.
    pub passed: u32,
}

/// How likely each place is the first bad Snapshot: `n + 1` shares for a range of `n`, whose sum is
/// 1.
pub fn shares(seen: &[Vec<Outcome>], before: Before) -> Vec<f64> {
    let count = |runs: &[Outcome], what| runs.iter().filter(|run| **run == what).count();
    let counts: Vec<(usize, usize)> = seen
        .iter()
        .map(|runs| (count(runs, Outcome::Failed), count(runs, Outcome::Passed)))
        .collect();
    let sum = |part: &[(usize, usize)]| {
        part.iter()
            .fold((0, 0), |(failed, passed), (f, p)| (failed + f, passed + p))
    };
    let (a, b) = (UNEXPECTED + f64::from(before.failed), EXPECTED + f64::from(before.passed));
    let logs: Vec<f64> = (0..=counts.len())
        .map(|place| {
            let (good, bad) = counts.split_at(place);
            let ((f, p), (failed, passed)) = (sum(good), sum(bad));
            ln_beta_ratio(a, b, f, p) + ln_beta_ratio(EXPECTED, UNEXPECTED, failed, passed)
        })
        .collect();
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

/// The chance that `bad` is not the first bad Snapshot.
pub fn of_error(seen: &[Vec<Outcome>], before: Before, bad: usize) -> f64 {
    let shares = shares(seen, before);
    let others = shares.iter().enumerate().filter(|(place, _)| *place != bad);
    others.map(|(_, share)| share).sum()
}

/// `ln(B(a+x, b+y) / B(a, b))`, as a product of its factors.
fn ln_beta_ratio(a: f64, b: f64, x: usize, y: usize) -> f64 {
    let rising = |from: f64, count: usize| (0..count).map(move |k| (from + k as f64).ln());
    rising(a, x).sum::<f64>() + rising(b, y).sum::<f64>() - rising(a + b, x + y).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::super::tests::runs;
    use super::*;

    fn seen(letters: &[&str]) -> Vec<Vec<Outcome>> {
        letters.iter().map(|letters| runs(letters)).collect()
    }

    #[test]
    fn the_formula_by_hand() {
        // One Snapshot, one failure: before the change 0.5/3, from it on 2.5/3.
        let shares = shares(&seen(&["F"]), Before::default());
        assert!((shares[0] - 5.0 / 6.0).abs() < 1e-9 && (shares[1] - 1.0 / 6.0).abs() < 1e-9);
        // Two failures: (0.5 * 1.5) / (3 * 4) against (2.5 * 3.5) / (3 * 4).
        let error = of_error(&seen(&["FF"]), Before::default(), 0);
        assert!((error - 0.75 / (0.75 + 8.75)).abs() < 1e-9, "{error}");
    }

    #[test]
    fn nothing_seen_says_nothing() {
        let shares = shares(&seen(&["", "??", ""]), Before::default());
        assert!(shares.iter().all(|share| (share - 0.25).abs() < 1e-9), "{shares:?}");
    }

    #[test]
    fn more_runs_make_it_surer_and_a_flaky_past_less_sure() {
        let few = of_error(&seen(&["PP", "FF"]), Before::default(), 1);
        let many = of_error(&seen(&["PPPP", "FFFF"]), Before::default(), 1);
        let calm = of_error(&seen(&["PP", "FF"]), Before { failed: 0, passed: 20 }, 1);
        let flaky = of_error(&seen(&["PP", "FF"]), Before { failed: 10, passed: 10 }, 1);
        assert!(many < few && calm < few && few < flaky, "{many} {calm} {few} {flaky}");
    }
}
