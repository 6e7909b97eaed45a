//! What a bisect will cost and how far it can be trusted, before it begins.

use super::Rules;
use super::chance::Before;

/// The chance of error that more confirmations are advised for (5 %).
pub const GOAL: f64 = 0.05;

/// No more confirmations are advised.
const MOST_CONFIRMATIONS: u32 = 9;

/// What a bisect costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Snapshots that are probed, if none has to be skipped and no end is probed.
    pub probes: u32,
    /// Runs if no test is flaky: the least.
    pub least: u32,
    /// Runs if every probe takes as many as it can: the most.
    pub most: u32,
}

/// The cost for a range of so many Snapshots, both ends included.
pub fn cost(range: usize, rules: &Rules) -> Cost {
    // As many places for the change as there are Snapshots after the good end.
    let places = range.saturating_sub(1).max(1);
    let probes = places.next_power_of_two().trailing_zeros();
    let (failures, passes) = (rules.failures(), rules.passes.max(1));
    Cost { probes, least: probes * failures.min(passes), most: probes * (failures + passes - 1) }
}

/// The chance that a good Snapshot counts as bad although it fails in a share `rate` of its runs
/// only: `c` failures come before `p` passes with `sum over k < p of C(c-1+k, k) * rate^c *
/// (1-rate)^k`.
pub fn false_alarm(rate: f64, rules: &Rules) -> f64 {
    let (failures, passes) = (rules.failures(), rules.passes.max(1));
    let mut ways = 1.0;
    let mut sum = 0.0;
    for k in 0..passes {
        if k > 0 {
            ways *= f64::from(failures - 1 + k) / f64::from(k);
        }
        sum += ways * (1.0 - rate).powi(k as i32);
    }
    sum * rate.powi(failures as i32)
}

/// The chance that the answer will be wrong, if a good Snapshot fails in a share `rate` of its runs
/// and a bad one always: half of the probes are on good Snapshots, `1 - (1 - false_alarm /
/// 2)^probes`.
pub fn expected_error(range: usize, rate: f64, rules: &Rules) -> f64 {
    let probes = cost(range, rules).probes;
    1.0 - (1.0 - false_alarm(rate, rules) / 2.0).powi(probes as i32)
}

/// How many confirmations keep the expected error under [`GOAL`]: the least number from the given
/// one on, or the most that is advised.
pub fn advised(range: usize, rate: f64, rules: &Rules) -> u32 {
    (rules.confirm..MOST_CONFIRMATIONS)
        .find(|confirm| expected_error(range, rate, &Rules { confirm: *confirm, ..*rules }) < GOAL)
        .unwrap_or(MOST_CONFIRMATIONS)
}

/// The share of failures among earlier runs on good images; `None` where there are fewer than five.
pub fn rate(before: Before) -> Option<f64> {
    let runs = before.failed + before.passed;
    (runs >= 5).then(|| f64::from(before.failed) / f64::from(runs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_grows_by_the_logarithm() {
        let rules = Rules::default();
        for (range, probes) in [(2, 0), (3, 1), (5, 2), (9, 3), (11, 4), (17, 4), (200, 8)] {
            let cost = cost(range, &rules);
            assert_eq!(cost.probes, probes, "{range}");
            assert_eq!((cost.least, cost.most), (probes * 2, probes * 3));
        }
        // Of three failures and two passes neither is reached with three runs: FFP.
        for (confirm, passes, least, most) in [(2, 2, 4, 8), (0, 4, 2, 8), (0, 1, 2, 2)] {
            let cost = cost(5, &Rules { confirm, passes, ..rules });
            assert_eq!((cost.least, cost.most), (least, most), "{confirm} {passes}");
        }
    }

    #[test]
    fn a_false_alarm_by_hand() {
        // Two failures before two passes: FF, FPF, PFF.
        let rules = Rules::default();
        let by_hand = 0.3_f64.powi(2) + 2.0 * 0.3_f64.powi(2) * 0.7;
        assert!((false_alarm(0.3, &rules) - by_hand).abs() < 1e-12);
        assert!(false_alarm(0.0, &rules) == 0.0 && (false_alarm(1.0, &rules) - 1.0).abs() < 1e-12);
        // Two before three: FPPF, PFPF and PPFF as well.
        let thrice = Rules { passes: 3, ..rules };
        let by_hand = by_hand + 3.0 * 0.3_f64.powi(2) * 0.7_f64.powi(2);
        assert!((false_alarm(0.3, &thrice) - by_hand).abs() < 1e-12);
        let once = Rules { confirm: 0, passes: 1, runs: 9 };
        assert!((false_alarm(0.3, &once) - 0.3).abs() < 1e-12);
    }

    #[test]
    fn half_of_the_probes_are_on_good_ones() {
        // Two probes, and a false alarm in 0.216 of those on good Snapshots.
        let error = expected_error(5, 0.3, &Rules::default());
        assert!((error - (1.0 - 0.892_f64.powi(2))).abs() < 1e-9, "{error}");
    }

    #[test]
    fn confirmations_are_advised_for_a_flaky_test() {
        let rules = Rules::default();
        assert_eq!(advised(20, 0.0, &rules), 1);
        let advised = advised(20, 0.3, &rules);
        let with = |confirm| expected_error(20, 0.3, &Rules { confirm, ..rules });
        assert!(with(advised) < GOAL && with(advised - 1) >= GOAL, "{advised}");
        assert_eq!(rate(Before { failed: 1, passed: 3 }), None);
        assert_eq!(rate(Before { failed: 1, passed: 4 }), Some(0.2));
    }
}
