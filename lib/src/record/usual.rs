//! How many tests the last successes of a job ran, and whether a success ran too few.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many successes the usual number is taken from.
pub const SUCCESSES: usize = 5;

/// How many tests ran in each of the job's last five successes by Prow's word, the oldest first.
/// Successes that the gate found hollow count, so that the number follows a job that was made
/// smaller. It is kept in the attempt that was judged by it: later looks use it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usual {
    /// Tests that ran, for each success.
    pub ran: [usize; SUCCESSES],
}

/// Too few tests ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooFew {
    /// None at all, where each success before had some.
    #[error("no test ran, usually {usual}; set tests: N or junit: ignore in its job list entry")]
    None {
        /// The median of the successes before.
        usual: usize,
    },
    /// Fewer than half of the usual number.
    #[error(
        "{ran} tests ran, usually {usual}; set tests: {ran} in its job list entry if that is right"
    )]
    Half {
        /// How many ran.
        ran: usize,
        /// The median of the successes before.
        usual: usize,
    },
}

impl Usual {
    /// The median.
    pub fn median(&self) -> usize {
        let mut sorted = self.ran;
        sorted.sort_unstable();
        sorted[SUCCESSES / 2]
    }

    /// Whether too few tests ran in a success.
    pub fn judge(&self, ran: usize) -> Option<TooFew> {
        let usual = self.median();
        if ran == 0 && self.ran.iter().all(|ran| *ran > 0) {
            return Some(TooFew::None { usual });
        }
        (ran * 2 < usual).then_some(TooFew::Half { ran, usual })
    }
}
