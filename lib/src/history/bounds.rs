//! How much a history holds: what goes first, and that it is counted.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::History;
use super::run::Run;

/// No history holds more runs.
pub const MAX_RUNS: usize = 200;

/// No history holds more tests.
pub const MAX_TESTS: usize = 20_000;

/// No history is larger when it is packed (900 KiB): a ConfigMap holds 1 MiB.
pub const MAX_PACKED: usize = 900 * 1024;

/// No history is larger before it is packed (24 MiB).
pub(super) const MAX_UNPACKED: usize = 24 << 20;

/// What was left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dropped {
    /// Runs, the oldest first.
    #[serde(default)]
    pub runs: usize,
    /// Tests, those first that were not seen for the longest time.
    #[serde(default)]
    pub tests: usize,
    /// The newest run that was left out: neither it nor an older one is taken again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<(Timestamp, String)>,
}

impl Dropped {
    /// Whether a run is older than what is kept.
    pub(super) fn covers(&self, run: &Run) -> bool {
        self.up_to
            .as_ref()
            .is_some_and(|(at, id)| run.key() <= (*at, id.as_str()))
    }
}

impl History {
    /// Drops what is too much in number.
    pub(super) fn keep_bounds(&mut self) {
        self.drop_runs(self.runs.len().saturating_sub(MAX_RUNS));
        self.drop_tests(self.tests.len().saturating_sub(MAX_TESTS));
    }

    /// Makes it smaller, `size` being how large it is and `wanted` how large it may be: first tests
    /// that the newest run does not tell of, then runs, and at last any test.
    pub(super) fn shrink(&mut self, size: usize, wanted: usize) {
        // A little more than the surplus, so that few rounds are needed.
        let surplus = |count: usize| {
            let share = 1.05 - wanted as f64 / size.max(1) as f64;
            ((count as f64 * share.max(0.05)).ceil() as usize).clamp(1, count.max(1))
        };
        let newest = self.tests.iter().filter_map(|test| test.last_seen()).max();
        let stale = self.tests.iter().filter(|test| test.last_seen() < newest).count();
        if stale > 0 {
            self.drop_tests(surplus(self.tests.len()).min(stale));
        } else if self.runs.len() > 1 {
            self.drop_runs(surplus(self.runs.len()).min(self.runs.len() - 1));
        } else {
            self.drop_tests(surplus(self.tests.len()));
        }
    }

    fn drop_runs(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let newest = &self.runs[count - 1];
        let up_to = Some((newest.started_at, newest.build_id.clone()));
        self.dropped.up_to = self.dropped.up_to.take().max(up_to);
        self.dropped.runs += count;
        self.runs.drain(..count);
        for test in &mut self.tests {
            test.letters_mut().drain(..count);
        }
        let before = self.tests.len();
        self.tests.retain(|test| test.last_seen().is_some());
        self.dropped.tests += before - self.tests.len();
        self.close_lost_regressions();
    }

    fn drop_tests(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        // Of tests that were last seen in the same run, the last by name go first.
        let mut order: Vec<(Option<usize>, Reverse<usize>)> = self
            .tests
            .iter()
            .enumerate()
            .map(|(number, test)| (test.last_seen(), Reverse(number)))
            .collect();
        order.sort_unstable();
        let mut gone = vec![false; self.tests.len()];
        order
            .iter()
            .take(count)
            .for_each(|(_, Reverse(number))| gone[*number] = true);
        let mut gone = gone.into_iter();
        self.tests.retain(|_| !gone.next().unwrap_or_default());
        self.dropped.tests += count.min(order.len());
        self.close_lost_regressions();
    }

    /// A regression of a test that is no longer kept cannot be followed.
    fn close_lost_regressions(&mut self) {
        let mut regressions = std::mem::take(&mut self.regressions);
        regressions.retain(|open| open.test.as_ref().is_none_or(|id| self.test(id).is_some()));
        self.regressions = regressions;
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{day, end, nightly, with};
    use super::super::{Added, Addition};
    use super::*;

    /// A history of runs that each tell of the tests from one number to before another.
    fn of(runs: &[(usize, usize)]) -> History {
        let mut history = History::of_job("j");
        for (n, (from, to)) in (0..).zip(runs) {
            let tests = (*from..*to).map(|t| end(&format!("T{t:02}"), 'P')).collect();
            history.add(&Addition { run: nightly(n), tests });
        }
        history
    }

    #[test]
    fn the_surplus_goes_at_once_and_the_newest_run_stays() {
        for (runs, wanted, why) in [
            (&[(0, 90)][..], (1, 40), "a twentieth more than half of the tests"),
            (&[(0, 90), (10, 90)], (2, 80), "no more than the newest run does not tell of"),
            (&[(0, 60), (60, 90)], (2, 40), "some of those"),
            (&[(0, 90), (0, 90)], (1, 90), "a run before any test of the newest one"),
            (&[(0, 1), (0, 1), (0, 1), (0, 1)], (1, 1), "a twentieth more than half of the runs"),
        ] {
            let mut history = of(runs);
            let tests = history.tests().len();
            history.shrink(200, 100);
            assert_eq!((history.runs().len(), history.tests().len()), wanted, "{why}");
            let dropped = (runs.len() - wanted.0, tests - wanted.1);
            assert_eq!((history.dropped().runs, history.dropped().tests), dropped, "{why}");
        }
    }

    #[test]
    fn runs_that_went_do_not_come_back_and_those_after_them_do() {
        let mut history = of(&[(0, 1), (0, 1), (0, 1), (0, 1)]);
        history.drop_runs(2);
        assert_eq!(history.dropped().up_to, Some((day(1), "n0001".to_owned())));
        history.remove_run(0);
        let added = [1, 2].map(|n| history.add(&with(nightly(n), 'P')));
        assert_eq!(added, [Added::Outdated, Added::New]);
    }
}
