//! What the caller of collect-results decides: times, reruns, and what a run must show.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use crate::evidence::Rules;
use crate::record::{Attempt, Cause, JobRecord};

/// How long the jobs have from the record's first intent (5h30m).
pub const TIMEOUT: Duration = Duration::from_secs(330 * 60);

/// How long informing jobs may go on when the last blocking one has ended (30m).
pub const INFORMING_GRACE: Duration = Duration::from_secs(30 * 60);

/// What the reruns are if nothing is said of them.
pub const RERUN: &str = "infrastructure=1,setup=1";

/// Everything that the caller decides.
#[derive(Debug, Clone)]
pub struct Policy {
    /// `--timeout`, from the record's first intent.
    pub timeout: Duration,
    /// `--informing-grace`, from the end of the last blocking job.
    pub informing_grace: Duration,
    /// `--rerun`.
    pub reruns: Reruns,
    /// What a run must show to have passed.
    pub rules: Rules,
    /// `--fail-fast`: decide as soon as one blocking job has finally failed.
    pub fail_fast: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: TIMEOUT,
            informing_grace: INFORMING_GRACE,
            reruns: Reruns::default(),
            rules: Rules::default(),
            fail_fast: false,
        }
    }
}

/// How often a job is run again, by the cause of its failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reruns(BTreeMap<Cause, u32>);

/// The causes for which a run can be repeated. One that passed or that ran out of time cannot.
const RERUNNABLE: [Cause; 6] =
    [Cause::Product, Cause::Setup, Cause::Teardown, Cause::Infrastructure, Cause::Unproven, Cause::Undetermined];

/// No cause is worth more reruns than this.
const MOST: u32 = 9;

impl Reruns {
    /// No reruns.
    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// How many reruns a cause is worth.
    pub fn of(&self, cause: Cause) -> u32 {
        self.0.get(&cause).copied().unwrap_or(0)
    }

    /// Whether a job whose last attempt has failed is worth another one: its cause has a budget that
    /// earlier attempts with the same cause have not used up.
    pub fn allow(&self, job: &JobRecord) -> bool {
        let Some(Attempt { cause: Some(cause), .. }) = job.last() else { return false };
        let same = job.attempts.iter().filter(|attempt| attempt.cause == Some(*cause)).count();
        same as u64 <= u64::from(self.of(*cause))
    }
}

impl Default for Reruns {
    fn default() -> Self {
        Self(BTreeMap::from([(Cause::Infrastructure, 1), (Cause::Setup, 1)]))
    }
}

impl FromStr for Reruns {
    type Err = String;

    /// Reads `CAUSE=N,…`; what is not named has no rerun.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = RERUNNABLE.map(Cause::as_str).join(", ");
        let mut reruns = BTreeMap::new();
        for entry in text.split(',').map(str::trim) {
            let wrong = |problem: &str| {
                format!(
                    "--rerun: expected CAUSE=N such as {RERUN}, with a cause of {names} and N from 0 to {MOST}; found {entry:?}{problem}"
                )
            };
            let (cause, number) = entry.split_once('=').ok_or_else(|| wrong(""))?;
            let cause = RERUNNABLE.into_iter().find(|known| known.as_str() == cause.trim()).ok_or_else(|| wrong(""))?;
            let number = number.trim().parse().ok().filter(|number| *number <= MOST).ok_or_else(|| wrong(""))?;
            if reruns.insert(cause, number).is_some() {
                return Err(wrong(", which is there twice"));
            }
        }
        Ok(Self(reruns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Class, JobState};
    use crate::verdict::tests::{attempt, job};

    #[test]
    fn reruns_are_read() {
        assert_eq!(RERUN.parse::<Reruns>().unwrap(), Reruns::default());
        let reruns: Reruns = " undetermined = 2 ,setup=0".parse().unwrap();
        assert_eq!(
            (reruns.of(Cause::Undetermined), reruns.of(Cause::Setup), reruns.of(Cause::Infrastructure)),
            (2, 0, 0)
        );
        for bad in [
            "infrastructure",
            "passed=1",
            "deadline=1",
            "setup=-1",
            "setup=10",
            "setup=1,setup=2",
            "x=1",
            ",",
            "setup=1;",
        ] {
            assert!(bad.parse::<Reruns>().unwrap_err().starts_with("--rerun: expected CAUSE=N"), "{bad}");
        }
    }

    #[test]
    fn a_cause_has_a_budget_of_its_own() {
        let reruns: Reruns = "infrastructure=2,setup=1".parse().unwrap();
        let attempts = |causes: &[Cause]| {
            let attempts = causes.iter().map(|cause| attempt(JobState::Failure, Some(*cause))).collect();
            reruns.allow(&job("a", Class::Blocking, attempts))
        };
        use Cause::{Infrastructure, Passed, Product, Setup};
        assert!(attempts(&[Infrastructure]) && attempts(&[Infrastructure, Infrastructure]));
        assert!(!attempts(&[Infrastructure; 3]));
        assert!(attempts(&[Infrastructure, Setup]) && !attempts(&[Setup, Setup]));
        assert!(!attempts(&[Product]) && !attempts(&[Passed]) && !attempts(&[]));
        assert!(!reruns.allow(&job("a", Class::Blocking, vec![attempt(JobState::Pending, None)])));
    }
}
