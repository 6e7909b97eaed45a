//! How a test ended in a run, as one letter.

use crate::prow::tally::End;

/// How a test ended in a run. In the order of which wins where one test is told of twice, as by two
/// steps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ended {
    /// It was not among the run's tests.
    Absent,
    /// The run's JUnit files could not be read.
    Unknown,
    /// It was skipped.
    Skipped,
    /// It passed.
    Passed,
    /// It failed and passed.
    Flaky,
    /// It failed.
    Failed,
}

impl Ended {
    /// Whether the test ran.
    pub fn ran(self) -> bool {
        self >= Self::Passed
    }

    /// Whether it failed, if only once: the failure of a flaky test is one.
    pub fn has_failed(self) -> bool {
        self >= Self::Flaky
    }

    /// Whether the run's files tell of the test.
    pub fn is_seen(self) -> bool {
        self >= Self::Skipped
    }
}

impl From<End> for Ended {
    fn from(end: End) -> Self {
        match end {
            End::Failed => Self::Failed,
            End::Flaky => Self::Flaky,
            End::Passed => Self::Passed,
            End::Skipped => Self::Skipped,
        }
    }
}

/// One letter of a test: how it ended, and whether it was informing then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// How it ended.
    pub ended: Ended,
    /// Whether it was informing: such a test never fails a run.
    pub informing: bool,
}

impl Mark {
    /// A test that blocks.
    pub fn of(ended: Ended) -> Self {
        Self { ended, informing: false }
    }

    /// The letter: `P` passed, `F` failed, `K` flaky, `S` skipped, in lower case where the test was
    /// informing; `A` absent, `U` unknown.
    pub fn letter(self) -> u8 {
        let upper = match self.ended {
            Ended::Absent => return b'A',
            Ended::Unknown => return b'U',
            Ended::Skipped => b'S',
            Ended::Passed => b'P',
            Ended::Flaky => b'K',
            Ended::Failed => b'F',
        };
        if self.informing { upper.to_ascii_lowercase() } else { upper }
    }

    /// What a letter says.
    pub fn from_letter(letter: u8) -> Option<Self> {
        let ended = match letter {
            b'A' => Ended::Absent,
            b'U' => Ended::Unknown,
            b'S' | b's' => Ended::Skipped,
            b'P' | b'p' => Ended::Passed,
            b'K' | b'k' => Ended::Flaky,
            b'F' | b'f' => Ended::Failed,
            _ => return None,
        };
        Some(Self { ended, informing: letter.is_ascii_lowercase() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_read_as_it_was_written() {
        let read: Vec<u8> = (0..=255).filter(|l| Mark::from_letter(*l).is_some()).collect();
        assert_eq!(String::from_utf8(read.clone()).unwrap(), "AFKPSUfkps");
        for letter in read {
            assert_eq!(Mark::from_letter(letter).unwrap().letter(), letter);
        }
    }

    #[test]
    fn what_counts_as_run_failed_and_seen() {
        for (letter, ran, failed, seen) in [
            (b'A', false, false, false),
            (b'U', false, false, false),
            (b'S', false, false, true),
            (b'P', true, false, true),
            (b'K', true, true, true),
            (b'F', true, true, true),
        ] {
            let ended = Mark::from_letter(letter).unwrap().ended;
            assert_eq!((ended.ran(), ended.has_failed(), ended.is_seen()), (ran, failed, seen));
        }
    }
}
