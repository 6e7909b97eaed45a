//! Reruns: how often a job is run again, by the cause of its failure (`--rerun`).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::record::{Attempt, Cause, JobRecord, PolicyRecord};

/// Default of `--rerun`.
pub const RERUN: &str = "infrastructure=1,setup=1";

/// How often a job is run again, by the cause of its failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reruns(BTreeMap<Cause, u32>);

/// No cause is worth more reruns than this.
const MOST: u32 = 9;

impl Reruns {
    /// No reruns.
    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Those that a record holds.
    pub fn of_record(policy: &PolicyRecord) -> Self {
        Self(policy.rerun.clone())
    }

    /// As a record holds them.
    pub fn to_record(&self) -> BTreeMap<Cause, u32> {
        self.0.clone()
    }

    /// How many reruns a cause is worth.
    pub fn of(&self, cause: Cause) -> u32 {
        self.0.get(&cause).copied().unwrap_or(0)
    }

    /// Whether a job whose last attempt has failed is worth another one: its cause has a budget
    /// that earlier attempts with the same cause have not used up.
    pub fn allow(&self, job: &JobRecord) -> bool {
        let Some(cause) = job.last().and_then(Attempt::judged) else { return false };
        let same = |attempt: &&Attempt| attempt.judged() == Some(cause);
        job.attempts.iter().filter(same).count() as u64 <= u64::from(self.of(cause))
    }
}

impl Default for Reruns {
    fn default() -> Self {
        RERUN.parse().expect("the default is a list of causes")
    }
}

impl fmt::Display for Reruns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entries: Vec<_> = self
            .0
            .iter()
            .map(|(cause, number)| format!("{}={number}", cause.as_str()))
            .collect();
        entries.sort();
        f.write_str(if entries.is_empty() { "none" } else { "" })?;
        f.write_str(&entries.join(","))
    }
}

impl FromStr for Reruns {
    type Err = String;

    /// Reads `CAUSE=N,…`; what is not named has no rerun.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let causes = || Cause::ALL.into_iter().filter(|cause| cause.can_be_run_again());
        let names: Vec<&str> = causes().map(Cause::as_str).collect();
        let names = names.join(", ");
        let mut reruns = BTreeMap::new();
        for entry in text.split(',').map(str::trim) {
            let wrong = |problem: &str| {
                format!(
                    "--rerun: expected CAUSE=N such as {RERUN}, with a cause of {names} and N from 0 to {MOST}; found {entry:?}{problem}"
                )
            };
            let (cause, number) = entry.split_once('=').ok_or_else(|| wrong(""))?;
            let cause = causes()
                .find(|known| known.as_str() == cause.trim())
                .ok_or_else(|| wrong(""))?;
            let number = number
                .trim()
                .parse()
                .ok()
                .filter(|number| *number <= MOST)
                .ok_or_else(|| wrong(""))?;
            if reruns.insert(cause, number).is_some() {
                return Err(wrong(", which is there twice"));
            }
        }
        // No reruns for a cause is what not naming it means.
        reruns.retain(|_, number| *number > 0);
        Ok(Self(reruns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{attempt, job};
    use crate::record::{Class, JobState};

    #[test]
    fn reruns_are_read() {
        assert_eq!(RERUN.parse::<Reruns>().unwrap(), Reruns::default());
        let reruns: Reruns = " undetermined = 2 ,setup=0".parse().unwrap();
        assert_eq!(
            (
                reruns.of(Cause::Undetermined),
                reruns.of(Cause::Setup),
                reruns.of(Cause::Infrastructure)
            ),
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
            assert!(
                bad.parse::<Reruns>()
                    .unwrap_err()
                    .starts_with("--rerun: expected CAUSE=N"),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_cause_has_a_budget_of_its_own() {
        let reruns: Reruns = "infrastructure=2,setup=1".parse().unwrap();
        let attempts = |causes: &[Cause]| {
            let attempts = causes
                .iter()
                .map(|cause| attempt(JobState::Failure, Some(*cause)))
                .collect();
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
