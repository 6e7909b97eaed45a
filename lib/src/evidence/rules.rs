//! What a run must show to have passed.

use std::str::FromStr;

use crate::glob::Glob;
use crate::record::JobRecord;

/// What is asked of every run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// `--proof`.
    pub proof: ProofMode,
    /// `--proof-log`: logs that prove, besides a job's own.
    pub proof_logs: Vec<Glob>,
}

/// What follows when it is not proven which image ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProofMode {
    /// The run did not pass: it is unproven. Where a log is named it must hold the digest, otherwise
    /// the run's variables must.
    #[default]
    Enforce,
    /// It is said, and the run passes.
    Warn,
    /// Nobody looks.
    Off,
}

impl FromStr for ProofMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "enforce" => Ok(Self::Enforce),
            "warn" => Ok(Self::Warn),
            "off" => Ok(Self::Off),
            other => Err(format!("--proof: expected enforce, warn or off, found {other:?}")),
        }
    }
}

/// The logs that prove which image a job ran: those of all jobs, then its own; and what is wrong with its
/// own pattern, if that cannot be read.
pub fn proof_logs(job: &JobRecord, of_all: &[Glob]) -> (Vec<Glob>, Option<String>) {
    let own = job.proof_log.as_ref().map(|pattern| pattern.parse::<Glob>()).transpose();
    let wrong = own.as_ref().err().cloned();
    let own = own.ok().flatten().filter(|own| !of_all.contains(own));
    (of_all.iter().cloned().chain(own).collect(), wrong)
}
