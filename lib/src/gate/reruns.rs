//! Reruns: how often a job is run again, by the cause of its failure (`--rerun`).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::record::{Attempt, Cause, JobRecord, PolicyRecord};

/// Default of `--rerun`.
pub const RERUN: &str = "infrastructure=1,setup=1";

/// How often a job is run again, by the cause of its failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reruns {
    causes: BTreeMap<Cause, u32>,
    flaky: u32,
}

/// The word for a failure of the product by known flakes and known issues alone.
const FLAKY: &str = "flaky";

/// No cause is worth more reruns than this.
const MOST: u32 = 9;

impl Reruns {
    /// No reruns.
    pub fn none() -> Self {
        Self { causes: BTreeMap::new(), flaky: 0 }
    }

    /// Those that a record holds.
    pub fn of_record(policy: &PolicyRecord) -> Self {
        Self { causes: policy.rerun.clone(), flaky: policy.rerun_flaky }
    }

    /// As a record holds them.
    pub fn to_record(&self) -> BTreeMap<Cause, u32> {
        self.causes.clone()
    }

    /// How many reruns a failure by known flakes and known issues alone is worth.
    pub fn flaky(&self) -> u32 {
        self.flaky
    }

    /// How many reruns a cause is worth.
    pub fn of(&self, cause: Cause) -> u32 {
        self.causes.get(&cause).copied().unwrap_or(0)
    }

    /// Whether a job whose last attempt has failed is worth another one: its cause has a budget
    /// that earlier attempts with the same cause have not used up. A failure of the product by known
    /// flakes and issues alone has a budget of its own besides.
    ///
    /// A run that was taken over and did not decide is launched anew whatever the budget: it stood
    /// in for a launch that was never made.
    pub fn allow(&self, job: &JobRecord) -> bool {
        let Some(last) = job.last() else { return false };
        let Some(cause) = last.judged() else { return false };
        if last.reused_from.is_some() {
            return !matches!(cause, Cause::Passed | Cause::Product);
        }
        let spent = |fits: &dyn Fn(&Attempt) -> bool| {
            let own = job.attempts.iter().filter(|attempt| attempt.reused_from.is_none());
            own.filter(|attempt| fits(attempt)).count() as u64
        };
        spent(&|attempt| attempt.judged() == Some(cause)) <= u64::from(self.of(cause))
            || (is_known(last) && spent(&is_known) <= u64::from(self.flaky))
    }
}

/// Whether the product failed, and by nothing new.
pub fn is_known(attempt: &Attempt) -> bool {
    attempt.judged() == Some(Cause::Product)
        && attempt.history.as_ref().is_some_and(|told| told.all_known)
}

impl Default for Reruns {
    fn default() -> Self {
        RERUN.parse().expect("the default is a list of causes")
    }
}

impl fmt::Display for Reruns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entries: Vec<_> = self
            .causes
            .iter()
            .map(|(cause, number)| format!("{}={number}", cause.as_str()))
            .collect();
        entries.extend((self.flaky > 0).then(|| format!("{FLAKY}={}", self.flaky)));
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
        let (mut reruns, mut flaky) = (BTreeMap::new(), None);
        for entry in text.split(',').map(str::trim) {
            let wrong = |problem: &str| {
                format!(
                    "--rerun: expected CAUSE=N such as {RERUN}, with a cause of {names}, or {FLAKY}, and N from 0 to {MOST}; found {entry:?}{problem}"
                )
            };
            let (cause, number) = entry.split_once('=').ok_or_else(|| wrong(""))?;
            let number = number
                .trim()
                .parse()
                .ok()
                .filter(|number| *number <= MOST)
                .ok_or_else(|| wrong(""))?;
            if cause.trim() == FLAKY {
                if flaky.replace(number).is_some() {
                    return Err(wrong(", which is there twice"));
                }
                continue;
            }
            let cause = causes()
                .find(|known| known.as_str() == cause.trim())
                .ok_or_else(|| wrong(""))?;
            if reruns.insert(cause, number).is_some() {
                return Err(wrong(", which is there twice"));
            }
        }
        // No reruns for a cause is what not naming it means.
        reruns.retain(|_, number| *number > 0);
        Ok(Self { causes: reruns, flaky: flaky.unwrap_or(0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{attempt, job};
    use crate::record::{Class, HistoryNote, JobState, ReusedFrom};

    #[test]
    fn a_run_that_was_taken_over_costs_no_rerun() {
        let reused = |cause, state| Attempt {
            reused_from: Some(ReusedFrom {
                record: "gate-x".to_owned(),
                id: "x".to_owned(),
                attempt: 1,
                gate: None,
            }),
            ..attempt(state, Some(cause))
        };
        let none = Reruns::none();
        for cause in Cause::ALL {
            let state = match cause {
                Cause::Passed => JobState::Success,
                _ => JobState::Failure,
            };
            let job = job("a", Class::Blocking, vec![reused(cause, state)]);
            let anew = !matches!(cause, Cause::Passed | Cause::Product);
            assert_eq!(none.allow(&job), anew, "{cause:?}");
        }
        // The launch in its place has all of its own budget.
        let one: Reruns = "infrastructure=1".parse().unwrap();
        let failed = || attempt(JobState::Failure, Some(Cause::Infrastructure));
        let taken = || reused(Cause::Infrastructure, JobState::Failure);
        let of = |attempts| job("a", Class::Blocking, attempts);
        assert!(one.allow(&of(vec![taken(), failed()])));
        assert!(!one.allow(&of(vec![taken(), failed(), failed()])));
        assert!(!none.allow(&of(vec![taken(), failed()])));
    }

    #[test]
    fn reruns_are_read() {
        assert_eq!(RERUN.parse::<Reruns>().unwrap(), Reruns::default());
        assert_eq!(Reruns::none().to_string(), "none");
        for said in [RERUN, "setup=1", "flaky=2,setup=1"] {
            let reruns: Reruns = said.parse().unwrap();
            assert_eq!(reruns.to_string(), said);
            let (rerun, rerun_flaky) = (reruns.to_record(), reruns.flaky());
            let policy = PolicyRecord { rerun, rerun_flaky, ..PolicyRecord::default() };
            assert_eq!(Reruns::of_record(&policy), reruns);
        }
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
    fn what_is_known_has_a_budget_of_its_own() {
        let failed = |known: bool| {
            let mut failed = attempt(JobState::Failure, Some(Cause::Product));
            failed.history =
                known.then(|| Box::new(HistoryNote { all_known: true, ..HistoryNote::default() }));
            failed
        };
        let allow = |reruns: &str, known: &[bool]| {
            let attempts = known.iter().map(|known| failed(*known)).collect();
            let reruns: Reruns = reruns.parse().unwrap();
            assert_eq!(reruns.to_string().parse::<Reruns>().unwrap(), reruns);
            reruns.allow(&job("a", Class::Blocking, attempts))
        };
        assert!(allow("flaky=1", &[true]) && !allow("flaky=1", &[true, true]));
        assert!(!allow("flaky=1", &[false]) && !allow("setup=1,flaky=0", &[true]));
        assert!(allow("flaky=1", &[false, true]) && !allow("flaky=9", &[true, false]));
        assert!(allow("product=1", &[false]) && !allow("product=1", &[true, true]));
        assert!("flaky=1,flaky=1".parse::<Reruns>().is_err());
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
