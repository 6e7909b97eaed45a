//! What to do next, from the runs that were seen.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::{Finding, INCONCLUSIVE, Outcome, Rules, SKIPS, finding_within};

/// Why a Snapshot is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It halves what is left.
    Half,
    /// It stands in for a neighbour that shows nothing.
    Neighbour,
    /// It is the good end, and nothing after it was found good.
    GoodEnd,
    /// It is the bad end, and nothing before it was found bad.
    BadEnd,
}

/// The Snapshots on both sides of the change, by their places in the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The first bad one.
    pub bad: usize,
    /// The last good one, just before it.
    pub good: usize,
    /// Whether both were seen to be so; an end that shows nothing is taken at its word.
    pub seen: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfound {
    /// The good end fails as well: the change is older.
    NeverGood,
    /// The bad end does not fail: the failure does not come with the image, or seldom.
    NeverBad,
    /// What is left shows nothing.
    Inconclusive,
    /// No more runs are allowed.
    RunsUsedUp,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Run the job once more on this Snapshot.
    Run {
        /// Its place in the range.
        snapshot: usize,
        /// Which run of it this is, from 1.
        number: usize,
        why: Why,
        /// Where the first bad one still may be.
        left: RangeInclusive<usize>,
    },
    /// The first bad one is found.
    Found(Answer),
    /// It cannot be found.
    Unfound {
        why: Unfound,
        /// Where the first bad one may be, as far as it was narrowed.
        left: RangeInclusive<usize>,
    },
}

/// What to do next, when these runs were seen of each Snapshot, oldest Snapshot first. A range of
/// fewer than two has no answer.
pub fn next(seen: &[Vec<Outcome>], rules: &Rules) -> Next {
    let last = seen.len().saturating_sub(1);
    if last == 0 {
        return Next::Unfound { why: Unfound::Inconclusive, left: 0..=0 };
    }
    let mut state = State { seen, rules, good: 0, bad: last };
    let mut next = state.halve(INCONCLUSIVE);
    if next.is_none() && (1..=SKIPS + 1).contains(&(state.bad - state.good - 1)) {
        // Few are left and all were skipped: bad luck may be mended, a broken image costs little
        // more.
        next = state.halve(INCONCLUSIVE * 2);
    }
    next.unwrap_or_else(|| state.end())
}

/// What the runs have come to.
struct State<'a> {
    seen: &'a [Vec<Outcome>],
    rules: &'a Rules,
    good: usize,
    bad: usize,
}

impl State<'_> {
    /// Narrows as far as the runs go. Returns the next run, or nothing where no Snapshot is left
    /// between the two, or too many were skipped in a row.
    fn halve(&mut self, patience: usize) -> Option<Next> {
        let mut skipped = BTreeSet::new();
        let mut row = 0;
        while let Some(place) = pick(self.good, self.bad, &skipped, row) {
            match finding_within(&self.seen[place], self.rules, patience) {
                Finding::Good => (self.good, row) = (place, 0),
                Finding::Bad => (self.bad, row) = (place, 0),
                Finding::Skipped => {
                    skipped.insert(place);
                    row += 1;
                    if row >= SKIPS {
                        return None;
                    }
                }
                Finding::Open => {
                    let why = if row == 0 { Why::Half } else { Why::Neighbour };
                    return Some(self.run(place, why));
                }
            }
        }
        None
    }

    /// Looks at the ends, where the answer rests on them.
    fn end(&self) -> Next {
        let left = self.good + 1..=self.bad;
        if self.bad > self.good + 1 {
            return Next::Unfound { why: Unfound::Inconclusive, left };
        }
        let mut all_seen = true;
        for (place, why, expected, otherwise) in [
            (self.bad, Why::BadEnd, Finding::Bad, Unfound::NeverBad),
            (self.good, Why::GoodEnd, Finding::Good, Unfound::NeverGood),
        ] {
            match finding_within(&self.seen[place], self.rules, INCONCLUSIVE * 2) {
                Finding::Open => return self.run(place, why),
                Finding::Skipped => all_seen = false,
                found if found == expected => {}
                _ => return Next::Unfound { why: otherwise, left },
            }
        }
        Next::Found(Answer { bad: self.bad, good: self.good, seen: all_seen })
    }

    fn run(&self, snapshot: usize, why: Why) -> Next {
        let left = self.good + 1..=self.bad;
        let runs: usize = self.seen.iter().map(Vec::len).sum();
        if runs >= self.rules.runs as usize {
            return Next::Unfound { why: Unfound::RunsUsedUp, left };
        }
        Next::Run { snapshot, number: self.seen[snapshot].len() + 1, why, left }
    }
}

/// The Snapshot to probe between two: the middle one, and after `row` others that were skipped one
/// a little further away, on one side and on the other. `None` when there is none left.
fn pick(good: usize, bad: usize, skipped: &BTreeSet<usize>, row: usize) -> Option<usize> {
    let middle = (good + bad) / 2;
    // 0, 1, 1, 3, 3, 9, 9, …: out of a stretch that is broken as a whole.
    let distance = if row == 0 { 0 } else { 3usize.saturating_pow((row as u32 - 1) / 2) };
    let target = if row % 2 == 1 {
        middle.saturating_add(distance)
    } else {
        middle.saturating_sub(distance)
    };
    (good + 1..bad)
        .filter(|place| !skipped.contains(place))
        .min_by_key(|place| place.abs_diff(target))
}

#[cfg(test)]
mod tests {
    use super::super::finding;
    use super::super::tests::runs;
    use super::*;
    use proptest::prelude::*;

    fn seen(letters: &[&str]) -> Vec<Vec<Outcome>> {
        letters.iter().map(|letters| runs(letters)).collect()
    }

    fn step(letters: &[&str]) -> Next {
        next(&seen(letters), &Rules::default())
    }

    fn run(snapshot: usize, number: usize, why: Why, left: RangeInclusive<usize>) -> Next {
        Next::Run { snapshot, number, why, left }
    }

    #[test]
    fn halves_until_two_neighbours_are_left() {
        assert_eq!(step(&["", "", "", "", ""]), run(2, 1, Why::Half, 1..=4));
        assert_eq!(step(&["", "", "F", "", ""]), run(2, 2, Why::Half, 1..=4));
        assert_eq!(step(&["", "", "FF", "", ""]), run(1, 1, Why::Half, 1..=2));
        let found = Next::Found(Answer { bad: 2, good: 1, seen: true });
        assert_eq!(step(&["", "PP", "FF", "", ""]), found);
        assert_eq!(step(&["", "", "PP", "", ""]), run(3, 1, Why::Half, 3..=4));
    }

    #[test]
    fn an_end_that_is_part_of_the_answer_is_probed() {
        let ends = ["", "FF", "FF", "", ""];
        assert_eq!(step(&ends), run(0, 1, Why::GoodEnd, 1..=1));
        let found = Next::Found(Answer { bad: 1, good: 0, seen: true });
        assert_eq!(step(&["PP", "FF", "FF", "", ""]), found);
        let never = Next::Unfound { why: Unfound::NeverGood, left: 1..=1 };
        assert_eq!(step(&["FF", "FF", "FF", "", ""]), never);
        assert_eq!(step(&["", "", "PP", "PP", ""]), run(4, 1, Why::BadEnd, 4..=4));
        let never = Next::Unfound { why: Unfound::NeverBad, left: 4..=4 };
        assert_eq!(step(&["", "", "PP", "PP", "PP"]), never);
        let found = Next::Found(Answer { bad: 4, good: 3, seen: false });
        assert_eq!(step(&["", "", "PP", "PP", "????"]), found);
        assert_eq!(step(&["", ""]), run(1, 1, Why::BadEnd, 1..=1));
        assert_eq!(step(&["", "FF"]), run(0, 1, Why::GoodEnd, 1..=1));
        assert!(
            matches!(step(&[""]), Next::Unfound { .. })
                && matches!(step(&[]), Next::Unfound { .. })
        );
    }

    #[test]
    fn what_shows_nothing_is_skipped_for_its_neighbour() {
        assert_eq!(step(&["", "", "??", "", ""]), run(3, 1, Why::Neighbour, 1..=4));
        assert_eq!(step(&["", "", "??", "FF", ""]), run(1, 1, Why::Half, 1..=3));
        // The last ones left get another chance.
        assert_eq!(step(&["", "PP", "??", "FF", ""]), run(2, 3, Why::Half, 2..=3));
        let found = Next::Found(Answer { bad: 3, good: 2, seen: true });
        assert_eq!(step(&["", "PP", "??P?P", "FF", ""]), found);
        let left = Next::Unfound { why: Unfound::Inconclusive, left: 2..=3 };
        assert_eq!(step(&["", "PP", "????", "FF", ""]), left);
        // Out of a broken stretch, in growing distance.
        let mut broken = vec![""; 101];
        let mut places = Vec::new();
        for _ in 0..SKIPS {
            let Next::Run { snapshot, .. } = step(&broken) else { panic!("{places:?}") };
            places.push(snapshot);
            broken[snapshot] = "??";
        }
        assert_eq!(places, [50, 51, 49, 53, 47, 59, 41, 77, 23]);
        let left = Next::Unfound { why: Unfound::Inconclusive, left: 1..=100 };
        assert_eq!(step(&broken), left);
    }

    #[test]
    fn no_more_than_ten_that_were_skipped_get_another_chance() {
        let skipped = |count: usize| {
            let mut range = vec!["??"; count + 2];
            (range[0], range[count + 1]) = ("", "");
            step(&range)
        };
        assert_eq!(skipped(10), run(5, 3, Why::Half, 1..=11));
        assert_eq!(skipped(11), Next::Unfound { why: Unfound::Inconclusive, left: 1..=12 });
        // As many as are left count, wherever in the range they are.
        let mut range = vec![""; 21];
        (range[10], range[15]) = ("PP", "FF");
        range[11..15].fill("??");
        assert_eq!(step(&range), run(12, 3, Why::Half, 11..=15));
    }

    #[test]
    fn it_ends_when_the_runs_are_used_up() {
        let rules = Rules { runs: 3, ..Rules::default() };
        let seen = seen(&["", "", "FF", "", "F"]);
        assert_eq!(next(&seen, &rules), Next::Unfound { why: Unfound::RunsUsedUp, left: 1..=2 });
    }

    proptest! {
        /// Whatever was seen, in whatever order it was written: nothing panics, what is left is
        /// inside the range, and no Snapshot is run again that is decided.
        #[test]
        fn anything_can_be_resumed(
            letters in prop::collection::vec("[FP?]{0,4}", 2..40),
            confirm in 0u32..3,
            passes in 1u32..4,
        ) {
            let rules = Rules { confirm, passes, runs: 500 };
            let letters: Vec<_> = letters.iter().map(String::as_str).collect();
            let seen = seen(&letters);
            match next(&seen, &rules) {
                Next::Run { snapshot, number, left, .. } => {
                    prop_assert!(matches!(
                        finding(&seen[snapshot], &rules),
                        Finding::Open | Finding::Skipped
                    ));
                    prop_assert_eq!(number, seen[snapshot].len() + 1);
                    prop_assert!(!left.is_empty() && *left.end() < seen.len());
                }
                Next::Found(Answer { bad, good, seen: all }) => {
                    prop_assert_eq!(bad, good + 1);
                    if all {
                        prop_assert_eq!(finding_within(&seen[bad], &rules, 4), Finding::Bad);
                        prop_assert_eq!(finding_within(&seen[good], &rules, 4), Finding::Good);
                    }
                }
                Next::Unfound { left, .. } => prop_assert!(*left.end() < seen.len()),
            }
        }
    }
}
