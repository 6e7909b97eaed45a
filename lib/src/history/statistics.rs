//! The statistics of what is said from a history: Fisher's exact test, Benjamini and Hochberg's
//! correction, Wilson's interval.
//!
//! The hypergeometric distribution is that of statrs; the other two are formulas of a line.

use statrs::distribution::{DiscreteCDF, Hypergeometric};

/// How often something failed and passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Failures.
    pub failed: u32,
    /// Passes.
    pub passed: u32,
}

impl Counts {
    /// Counts one more.
    pub(super) fn count(&mut self, failed: bool) {
        let counted = if failed { &mut self.failed } else { &mut self.passed };
        *counted = counted.saturating_add(1);
    }

    /// All of them.
    pub fn total(self) -> u32 {
        self.failed.saturating_add(self.passed)
    }

    /// The share of failures, from 0 to 1; 0 of nothing.
    pub fn rate(self) -> f64 {
        if self.total() == 0 { 0.0 } else { f64::from(self.failed) / f64::from(self.total()) }
    }
}

/// The 97.5th percentile of the normal distribution: a two-sided interval of 95 %.
const Z_95: f64 = 1.959_963_984_540_054;

/// The chance of at least as many failures in the sample if sample and basis failed equally often:
/// Fisher's exact test, one-sided. 1 where one of them is empty.
pub fn fisher(sample: Counts, basis: Counts) -> f64 {
    let [sampled, based] = [sample.total(), basis.total()].map(u64::from);
    let failed = u64::from(sample.failed) + u64::from(basis.failed);
    if sample.failed == 0 || sampled == 0 || based == 0 {
        return 1.0;
    }
    // At least `failed` is more than one less.
    let more_than = u64::from(sample.failed) - 1;
    Hypergeometric::new(sampled + based, failed, sampled)
        .map_or(1.0, |distribution| distribution.sf(more_than).clamp(0.0, 1.0))
}

/// The chances of a family of tests, each as Benjamini and Hochberg (1995) adjust it: those under a
/// limit are such that the share of false ones among them is expected to be under that limit.
pub fn benjamini_hochberg(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|a, b| chances[*b].total_cmp(&chances[*a]));
    let mut adjusted = vec![1.0; chances.len()];
    let mut least: f64 = 1.0;
    for (from_last, number) in order.into_iter().enumerate() {
        let rank = (chances.len() - from_last) as f64;
        least = least.min(chances[number] * chances.len() as f64 / rank);
        adjusted[number] = least;
    }
    adjusted
}

/// The Wilson interval of 95 % for a share of which `k` of `n` were seen, from 0 to 1; all of it
/// where nothing was seen. E. B. Wilson, Journal of the American Statistical Association 22 (1927).
pub fn wilson(k: u32, n: u32) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (k, n) = (f64::from(k.min(n)), f64::from(n));
    let middle = (k + Z_95 * Z_95 / 2.0) / (n + Z_95 * Z_95);
    let half = Z_95 / (n + Z_95 * Z_95) * (k * (n - k) / n + Z_95 * Z_95 / 4.0).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(failed: u32, passed: u32) -> Counts {
        Counts { failed, passed }
    }

    /// Tables whose chance is published.
    #[test]
    fn fisher_as_published() {
        for (sample, basis, p) in [
            // The lady tasting tea (Fisher 1935): 17 of 70.
            ((3, 1), (1, 3), 17.0 / 70.0),
            ((4, 0), (0, 4), 1.0 / 70.0),
            // Convictions of like-sex twins (Fisher 1970), as in R's manual of fisher.test.
            ((10, 3), (2, 15), 0.000_465_2),
            // Wikipedia's students, "Fisher's exact test", one-tailed.
            ((9, 3), (1, 11), 0.001_379_728),
            // SciPy's manual of fisher_exact, alternative greater.
            ((6, 2), (1, 4), 0.086_2),
        ] {
            let found = fisher(counts(sample.0, sample.1), counts(basis.0, basis.1));
            assert!((found - p).abs() < 5e-5_f64.min(p / 500.0), "{sample:?} {basis:?}: {found}");
        }
    }

    /// Values of exact rational arithmetic (Python 3.12, `fractions` and `math.comb`).
    const EXACT: &[([u32; 4], f64)] = &[
        ([3, 4, 2, 28], 0.03738497856144915),
        ([3, 4, 3, 27], 0.06794695765284),
        ([4, 3, 3, 27], 0.014709961816223676),
        ([3, 3, 3, 27], 0.04513110229429015),
        ([2, 5, 0, 30], 0.03153153153153153),
        ([1, 6, 0, 30], 0.1891891891891892),
        ([7, 0, 0, 30], 9.713007815474609e-08),
        ([7, 0, 30, 0], 1.0),
        ([5, 9, 1, 59], 0.000664628758984051),
        ([14, 0, 0, 60], 2.1929702536881663e-15),
        ([2, 12, 6, 54], 0.47148385249838026),
        ([30, 70, 5, 95], 1.7738477276577934e-06),
        ([40, 160, 12, 188], 2.0977780173789846e-05),
        ([1, 0, 0, 1], 0.5),
        ([50, 150, 10, 1990], 6.784822171708231e-45),
        ([3, 197, 0, 200], 0.12406015037593984),
    ];

    #[test]
    fn fisher_as_another_implementation_has_it() {
        for ([a, b, c, d], p) in EXACT {
            let found = fisher(counts(*a, *b), counts(*c, *d));
            assert!((found / p - 1.0).abs() < 1e-9, "{a} {b} {c} {d}: {found} is not {p}");
        }
    }

    /// Every table of at most 14 nights against at most 40, by whole numbers.
    #[test]
    fn fisher_is_exact() {
        let choose = |n: u32, k: u32| {
            (0..k).fold(1_u128, |c, i| c * u128::from(n - i) / u128::from(i + 1)) as f64
        };
        let mut tables = 0;
        for (sampled, based) in [(1, 40), (5, 30), (7, 30), (7, 9), (14, 40)] {
            for (failed, before) in (0..=sampled).flat_map(|a| (0..=based).map(move |c| (a, c))) {
                let all = failed + before;
                let most = sampled.min(all);
                let ways = (failed..=most).filter(|i| all - i <= based);
                let ways: f64 = ways.map(|i| choose(sampled, i) * choose(based, all - i)).sum();
                let wanted = ways / choose(sampled + based, all);
                let sample = counts(failed, sampled - failed);
                let found = fisher(sample, counts(before, based - before));
                assert!((found / wanted - 1.0).abs() < 1e-9, "{failed} {before}: {found} {wanted}");
                tables += 1;
            }
        }
        assert_eq!(tables, 2 * 41 + 6 * 31 + 8 * 31 + 8 * 10 + 15 * 41);
    }

    #[test]
    fn nothing_is_no_evidence() {
        for (sample, basis) in
            [((0, 0), (0, 0)), ((3, 0), (0, 0)), ((0, 0), (3, 1)), ((0, 7), (0, 30))]
        {
            assert_eq!(fisher(counts(sample.0, sample.1), counts(basis.0, basis.1)), 1.0);
        }
        let huge = counts(u32::MAX, u32::MAX);
        assert!((0.0..=1.0).contains(&fisher(counts(3, 4), counts(0, u32::MAX))));
        assert_eq!(huge.total(), u32::MAX);
    }

    /// The example of Benjamini and Hochberg (1995), section 3.1: four of fifteen are found, where
    /// Bonferroni finds three.
    #[test]
    fn benjamini_hochberg_as_published() {
        let chances = [
            0.0344, 0.0001, 0.4262, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0459, 0.3240,
            0.5719, 0.6528, 0.7590, 1.000,
        ];
        let adjusted = benjamini_hochberg(&chances);
        let found: Vec<f64> = chances
            .iter()
            .zip(&adjusted)
            .filter(|(_, p)| **p < 0.05)
            .map(|(p, _)| *p)
            .collect();
        assert_eq!(found, [0.0001, 0.0004, 0.0019, 0.0095]);
        // R: p.adjust(p, "BH").
        for (number, wanted) in
            [(1, 0.0015), (5, 0.035625), (6, 0.0603), (7, 0.063857), (8, 0.063857)]
        {
            assert!((adjusted[number] - wanted).abs() < 1e-6, "{number}: {}", adjusted[number]);
        }
        assert!(benjamini_hochberg(&[]).is_empty());
        assert_eq!(benjamini_hochberg(&[0.04]), [0.04]);
    }

    /// R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3; and statsmodels'
    /// `proportion_confint` of the last two.
    #[test]
    fn wilson_as_published() {
        for (k, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0000, 0.1611),
            (1, 29, 0.0061, 0.1718),
            (25, 100, 0.1755, 0.3430),
            (2, 60, 0.0092, 0.1136),
        ] {
            let found = wilson(k, n);
            assert!(
                (found.0 - low).abs() < 5e-5 && (found.1 - high).abs() < 5e-5,
                "{k} {n}: {found:?}"
            );
        }
        assert_eq!((wilson(0, 0), wilson(3, 3).1), ((0.0, 1.0), 1.0));
    }
}
