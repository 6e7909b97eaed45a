//! Which Snapshot broke it: halving the range between one that is good and one that is bad.
//!
//! The range is a list of Snapshots, oldest first; its first is said to be good and its last to be
//! bad. One Snapshot at a time is **probed** with the one job, run after run, until it counts as
//! good or bad ([`finding`]). All that is ever kept are the runs that were seen: [`next`] works out
//! from them alone what to do, so that a process that was killed goes on where it was.
//!
//! - A failure is confirmed (`--confirm`, once by default): a Snapshot is bad after 1 + confirm
//!   failures, good after `--passes` passes (2 by default), whichever comes first.
//! - A run that shows neither (no cluster, the named test did not run) is inconclusive. A Snapshot
//!   with two of these is skipped, and its neighbours are probed instead, in growing distance. When
//!   only skipped ones are left and they are few, each gets two more runs.
//! - The ends are taken at their word as long as another Snapshot stands between them and the
//!   answer; one that would be a part of the answer is probed as well: so a range that was never
//!   good or never bad is found out, and costs nothing where it is both.
//! - How likely the answer is wrong is worked out from all runs ([`chance`]).

mod asked;
mod begin;
pub mod book;
pub mod chance;
mod course;
pub mod document;
mod give_way;
mod outcome;
mod past;
pub mod plan;
mod preflight;
pub mod range;
pub mod run;
#[cfg(test)]
mod simulation;
mod slot;
mod step;
pub mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use asked::{Asked, numbers, request};
pub use course::{Answer, Next, Unfound, Why, next};
pub use outcome::outcome;
pub use preflight::{RIGHTS, preflight};
pub use slot::{Slot, SlotStore};
pub use step::{Ended, Options, Outside, Preview, dry_run, run, stop};

/// What a run of the job shows of the Snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The failure that is looked for.
    Failed,
    /// The job passed, or the named test did.
    Passed,
    /// Neither: no cluster, another failure, the test did not run.
    Inconclusive,
}

/// What a Snapshot counts as, by its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Another run is needed.
    Open,
    /// It passed as often as asked.
    Good,
    /// It failed, and that was confirmed.
    Bad,
    /// It shows nothing.
    Skipped,
}

/// How much evidence is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rules {
    /// How often a failure is confirmed.
    pub confirm: u32,
    /// How many passes make a Snapshot good; at least 1.
    pub passes: u32,
    /// After how many runs it ends whatever is left.
    pub runs: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { confirm: 1, passes: 2, runs: 60 }
    }
}

impl Rules {
    /// How many failures make a Snapshot bad.
    pub fn failures(&self) -> u32 {
        self.confirm + 1
    }
}

/// Inconclusive runs after which a Snapshot is skipped: one may have been bad luck.
pub const INCONCLUSIVE: usize = 2;

/// Snapshots that are skipped one after another before it is given up.
pub const SKIPS: usize = 9;

/// What a Snapshot counts as. What comes after it was decided changes nothing.
pub fn finding(runs: &[Outcome], rules: &Rules) -> Finding {
    finding_within(runs, rules, INCONCLUSIVE)
}

/// [`finding`], with so many inconclusive runs before it is skipped.
fn finding_within(runs: &[Outcome], rules: &Rules, patience: usize) -> Finding {
    let (mut failed, mut passed, mut inconclusive) = (0, 0, 0);
    for run in runs {
        match run {
            Outcome::Failed => failed += 1,
            Outcome::Passed => passed += 1,
            Outcome::Inconclusive => inconclusive += 1,
        }
        if failed >= rules.failures() {
            return Finding::Bad;
        }
        if passed >= rules.passes.max(1) {
            return Finding::Good;
        }
        if inconclusive >= patience {
            return Finding::Skipped;
        }
    }
    Finding::Open
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Runs by their letters: `F`, `P`, `?`.
    pub(crate) fn runs(letters: &str) -> Vec<Outcome> {
        letters
            .chars()
            .map(|letter| match letter {
                'F' => Outcome::Failed,
                'P' => Outcome::Passed,
                _ => Outcome::Inconclusive,
            })
            .collect()
    }

    #[test]
    fn a_failure_is_confirmed_and_a_pass_repeated() {
        use Finding::{Bad, Good, Open, Skipped};
        let table = [
            ("", Open),
            ("F", Open),
            ("P", Open),
            ("FF", Bad),
            ("PP", Good),
            ("FPF", Bad),
            ("PFP", Good),
            ("PF", Open),
            ("?", Open),
            ("F?F", Bad),
            ("??", Skipped),
            ("F?P?", Skipped),
            ("FFPP", Bad),
            ("PP??", Good),
        ];
        for (letters, expected) in table {
            assert_eq!(finding(&runs(letters), &Rules::default()), expected, "{letters}");
        }
        let once = Rules { confirm: 0, passes: 1, runs: 9 };
        assert_eq!(finding(&runs("F"), &once), Bad);
        assert_eq!(finding(&runs("P"), &once), Good);
        let often = Rules { confirm: 3, passes: 1, runs: 9 };
        assert_eq!(finding(&runs("FFF"), &often), Open);
    }
}
