//! What a run must show to have passed.

use std::collections::BTreeSet;

use crate::glob::Glob;
use crate::record::{JobRecord, PolicyRecord};
use crate::step::args::list;
use crate::step::groups;
use crate::text;

pub use crate::record::{ProofMode, Strictness};

/// What is asked of every run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// `--proof`.
    pub proof: ProofMode,
    /// `--proof-log`: logs that prove, besides a job's own.
    pub proof_logs: Vec<Glob>,
    /// `--hollow`, if it was said.
    pub hollow: Option<Strictness>,
}

impl Rules {
    /// What follows when a run's artifacts contradict its success, or when fewer tests ran than its
    /// job asks for.
    pub fn hollow(&self) -> Strictness {
        self.hollow.unwrap_or_default()
    }

    /// What follows when a success ran fewer tests than its job usually does: it is said, unless
    /// `--hollow` says otherwise.
    pub fn counts(&self) -> Strictness {
        self.hollow.unwrap_or(Strictness::Warn)
    }

    /// The rules that a record holds.
    ///
    /// # Errors
    /// The pattern that is none.
    pub fn of(policy: &PolicyRecord) -> Result<Self, String> {
        let read =
            |pattern: &String| pattern.parse().map_err(|error| format!("proof-log: {error}"));
        let proof_logs = policy.proof_logs.iter().map(read).collect::<Result<_, String>>()?;
        Ok(Self { proof: policy.proof, proof_logs, hollow: policy.hollow })
    }
}

/// What a step is given of the rules with its flags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GivenRules {
    /// `--proof`, if given.
    pub proof: Option<ProofMode>,
    /// `--proof-log`, if given.
    pub proof_logs: Option<Vec<Glob>>,
    /// `--hollow`, if given.
    pub hollow: Option<Strictness>,
}

impl GivenRules {
    /// Those of a step's flags.
    ///
    /// # Errors
    /// Those of [`GivenRules::read`].
    pub fn of(given: &groups::Proof) -> Result<Self, String> {
        Self::read(given.proof.as_deref(), &list(&given.proof_log), given.hollow.as_deref())
    }

    /// Reads the flags; an empty list of patterns counts as not given.
    ///
    /// # Errors
    /// What was expected of which flag.
    pub fn read(
        proof: Option<&str>,
        proof_logs: &[String],
        hollow: Option<&str>,
    ) -> Result<Self, String> {
        let strictness = |flag: &str, text: Option<&str>| {
            let read = |text: &str| text.parse().map_err(|problem| format!("{flag}: {problem}"));
            text.map(read).transpose()
        };
        let pattern = |text: &String| text.parse().map_err(|error| format!("--proof-log: {error}"));
        let proof_logs = proof_logs
            .iter()
            .map(pattern)
            .collect::<Result<Vec<Glob>, String>>()?;
        Ok(Self {
            proof: strictness("--proof", proof)?,
            proof_logs: Some(proof_logs).filter(|logs| !logs.is_empty()),
            hollow: strictness("--hollow", hollow)?,
        })
    }

    /// The rules that hold: what is given, otherwise what the record holds, otherwise the defaults.
    ///
    /// # Errors
    /// A pattern of the record that is none.
    pub fn with(&self, recorded: Option<&PolicyRecord>) -> Result<Rules, String> {
        let recorded = recorded.map(Rules::of).transpose()?.unwrap_or_default();
        Ok(Rules {
            proof: self.proof.unwrap_or(recorded.proof),
            proof_logs: self.proof_logs.clone().unwrap_or(recorded.proof_logs),
            hollow: self.hollow.or(recorded.hollow),
        })
    }

    /// In what the record's rules are others than those given, if they are.
    pub fn difference(&self, recorded: &PolicyRecord) -> Option<String> {
        if let Some(proof) = self.proof.filter(|proof| *proof != recorded.proof) {
            return Some(format!(
                "--proof is {}, the record says {}",
                proof.as_str(),
                recorded.proof.as_str()
            ));
        }
        if let Some(hollow) = self.hollow.filter(|hollow| Some(*hollow) != recorded.hollow) {
            let recorded = recorded.hollow.map_or("nothing", Strictness::as_str);
            return Some(format!("--hollow is {}, the record says {recorded}", hollow.as_str()));
        }
        let given: Vec<String> =
            self.proof_logs.as_ref()?.iter().map(ToString::to_string).collect();
        let named = |patterns: &[String]| match text::some_of(patterns, 3) {
            patterns if patterns.is_empty() => "none".to_owned(),
            patterns => text::one_line(&patterns, 300),
        };
        let differs = given.iter().collect::<BTreeSet<_>>() != recorded.proof_logs.iter().collect();
        differs.then(|| {
            format!(
                "--proof-log is {}, the record says {}",
                named(&given),
                named(&recorded.proof_logs)
            )
        })
    }
}

/// The logs that prove which image a job ran: those of all jobs, then its own, or its own alone
/// where the image must be the last in it; and what is wrong with its own pattern, if that cannot
/// be read.
pub fn proof_logs(job: &JobRecord, of_all: &[Glob]) -> (Vec<Glob>, Option<String>) {
    let own = job
        .proof_log
        .as_ref()
        .map(|pattern| pattern.parse::<Glob>())
        .transpose();
    let wrong = own.as_ref().err().cloned();
    let of_all = if job.proof_last { &[] } else { of_all };
    let own = own.ok().flatten().filter(|own| !of_all.contains(own));
    (of_all.iter().cloned().chain(own).collect(), wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(proof: Option<&str>, logs: &[&str]) -> GivenRules {
        let logs: Vec<String> = logs.iter().map(|log| (*log).to_owned()).collect();
        GivenRules::read(proof, &logs, None).unwrap()
    }

    #[test]
    fn a_missing_flag_means_the_records_value() {
        let record = PolicyRecord {
            proof: ProofMode::Warn,
            proof_logs: vec!["a/*.txt".to_owned()],
            ..PolicyRecord::default()
        };
        let rules = given(None, &[]).with(Some(&record)).unwrap();
        assert_eq!(rules, Rules::of(&record).unwrap());
        assert_eq!(
            given(Some("off"), &["b"]).with(Some(&record)).unwrap(),
            given(Some("off"), &["b"]).with(None).unwrap()
        );
        assert_eq!(given(None, &[]).with(None).unwrap(), Rules::default());
        let broken =
            PolicyRecord { proof_logs: vec!["../x".to_owned()], ..PolicyRecord::default() };
        assert!(
            given(None, &[])
                .with(Some(&broken))
                .unwrap_err()
                .starts_with("proof-log: expected a pattern")
        );
    }

    #[test]
    fn another_value_is_told_and_the_same_is_none() {
        let record = PolicyRecord {
            proof_logs: vec!["a".to_owned(), "b".to_owned()],
            ..PolicyRecord::default()
        };
        let told = |proof, logs: &[&str]| given(proof, logs).difference(&record);
        assert_eq!(told(None, &[]), None);
        assert_eq!(told(Some("enforce"), &["b", "a"]), None);
        assert_eq!(told(Some("off"), &[]).unwrap(), "--proof is off, the record says enforce");
        assert_eq!(told(None, &["a"]).unwrap(), "--proof-log is a, the record says a, b");
        let strict = GivenRules { hollow: Some(Strictness::Enforce), ..GivenRules::default() };
        assert_eq!(
            strict.difference(&record).unwrap(),
            "--hollow is enforce, the record says nothing"
        );
        let off = PolicyRecord { hollow: Some(Strictness::Off), ..PolicyRecord::default() };
        assert_eq!(strict.difference(&off).unwrap(), "--hollow is enforce, the record says off");
        assert_eq!(given(None, &[]).with(Some(&off)).unwrap().hollow(), Strictness::Off);
        let none = PolicyRecord::default();
        assert_eq!(
            given(None, &["a"]).difference(&none).unwrap(),
            "--proof-log is a, the record says none"
        );
    }
}
