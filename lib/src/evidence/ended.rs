//! The evidence of a run that has ended.

use super::account::Account;
use super::classify::Evidence;
use super::look::Sighting;
use super::proof::Findings;
use super::reader::{Found, Prospect, Reader};
use super::rules::{Rules, Strictness, proof_logs};
use super::subject::Subject;
use crate::prow::bucket::Bucket;
use crate::prow::job_url::JobUrl;
use crate::record::{JobRecord, JobState, Usual};

/// What was ordered, and what is asked of it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The image under test.
    pub subject: &'a Subject,
    pub job: &'a JobRecord,
    /// What the run must show.
    pub rules: &'a Rules,
    /// How many tests the job's successes usually run, where its history tells.
    pub usual: Option<Usual>,
}

/// Why a run's folder is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nowhere {
    /// The server could not be asked, and why.
    Unreachable(String),
    /// Its job URL is missing or cannot be used: why.
    Unusable(String),
}

impl Nowhere {
    fn found<T>(self) -> Found<T> {
        match self {
            Self::Unreachable(why) => Found::Unreachable(why),
            Self::Unusable(why) => Found::Unreadable(why),
        }
    }
}

/// A run that has ended.
#[derive(Debug, Clone)]
pub struct Ended<'a> {
    /// Prow's id of the run.
    pub execution: &'a str,
    /// Its folder in the bucket; otherwise `nowhere` says why it is not known.
    pub folder: Option<&'a JobUrl>,
    /// How it ended.
    pub sighting: &'a Sighting,
    /// Why the folder is not known, where something is to be said of that.
    pub nowhere: Option<Nowhere>,
}

impl Ended<'_> {
    /// What is known of the run, and what a later look could show.
    pub async fn evidence(&self, bucket: &Bucket, case: Case<'_>) -> (Evidence, Prospect) {
        let reader = self.folder.map(|folder| Reader { bucket, folder });
        match self.sighting.state {
            JobState::Success => {
                let findings = self.findings(reader, case).await;
                let of_proof = match case.rules.proof {
                    Strictness::Off => Prospect::Complete,
                    Strictness::Warn => findings.prospect(case.subject).hurried(),
                    Strictness::Enforce => findings.prospect(case.subject),
                };
                let enforced = case.rules.proof == Strictness::Enforce;
                let account = match (case.rules.hollow(), reader) {
                    (Strictness::Off, _) => Account::default(),
                    // Another image ran: whatever else the run left does not matter.
                    _ if enforced && findings.contradiction(case.subject).is_some() => {
                        Account::default()
                    }
                    (_, Some(reader)) => reader.success(case.job.junit).await,
                    (_, None) => Account::nowhere(&self.nowhere().found()),
                };
                let of_account = account.prospect_of_success(case.rules.hollow());
                // What speaks against the run is enough.
                let prospect = match account.contradiction() {
                    Some(_) if case.rules.hollow() == Strictness::Enforce => Prospect::Complete,
                    _ => of_proof.or(of_account),
                };
                (Evidence::Success { findings, account }, prospect)
            }
            JobState::Failure => {
                let account = match reader {
                    Some(reader) => reader.failure(case.job.junit).await,
                    None => Account { graph: self.nowhere().found(), ..Account::default() },
                };
                let prospect = account.prospect_of_failure();
                (Evidence::Failure(account), prospect)
            }
            state => {
                let state = if state == JobState::Aborted { "aborted" } else { "error" };
                (
                    Evidence::Stopped { state, description: self.sighting.description.clone() },
                    Prospect::Complete,
                )
            }
        }
    }

    fn nowhere(&self) -> Nowhere {
        self.nowhere
            .clone()
            .unwrap_or_else(|| Nowhere::Unusable("it has no job URL".to_owned()))
    }

    async fn findings(
        &self,
        reader: Option<Reader<'_>>,
        Case { subject, job, rules, .. }: Case<'_>,
    ) -> Findings {
        if rules.proof == Strictness::Off {
            return Findings::default();
        }
        let (logs, wrong) = proof_logs(job, &rules.proof_logs);
        // A pattern that cannot be read names a log all the same: the job asks for that proof.
        let wrong = wrong.map(|problem| format!("its proof-log is no pattern: {problem}"));
        let log_named = !logs.is_empty() || wrong.is_some();
        let Some(reader) = reader else {
            let variables = self.sighting.envs.as_ref().map(|envs| given(envs, job));
            let (unreadable, unreachable) = match self.nowhere() {
                Nowhere::Unreachable(why) => (None, Some(why)),
                Nowhere::Unusable(why) => (Some(why), None),
            };
            return Findings {
                variables,
                log_named,
                unreadable,
                unreachable,
                ..Findings::default()
            };
        };
        let (variables, unreachable) = match &self.sighting.envs {
            Some(envs) => (Some(given(envs, job)), None),
            None => match reader.prowjob(self.execution).await {
                Found::Read(prowjob) => (Some(given(&prowjob.envs, job)), None),
                Found::Unreachable(why) => (None, Some(why)),
                _ => (None, None),
            },
        };
        let findings = reader.findings(subject, variables, &logs, job.proof_last).await;
        let unreachable = findings.unreachable.or(unreachable);
        Findings { log_named, unreadable: findings.unreadable.or(wrong), unreachable, ..findings }
    }
}

/// The values of the variables that carry the image. Where one of several is missing it counts as
/// empty, since the image then did not reach all that it was to reach.
fn given(envs: &[(String, String)], job: &JobRecord) -> Vec<String> {
    let of = |name: &String| {
        envs.iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .collect::<Vec<_>>()
    };
    let all: Vec<Vec<String>> = job.override_env.iter().map(of).collect();
    if all.iter().all(Vec::is_empty) {
        return Vec::new();
    }
    all.into_iter()
        .flat_map(|values| if values.is_empty() { vec![String::new()] } else { values })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Class;
    use crate::record::samples::job;

    #[test]
    fn a_variable_that_is_missing_counts_as_empty() {
        let mut job = job("a", Class::Blocking, Vec::new());
        job.override_env = vec!["ONE".to_owned(), "TWO".to_owned()];
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let given = |envs: &[(&str, &str)]| given(&envs.iter().map(pair).collect::<Vec<_>>(), &job);
        assert_eq!(given(&[("ONE", "x"), ("TWO", "y"), ("ONE", "z")]), ["x", "z", "y"]);
        assert_eq!(given(&[("ONE", "x")]), ["x", ""]);
        assert_eq!(given(&[("TWO", "x"), ("OTHER", "y")]), ["", "x"]);
        // None of them at all: the run says nothing about the image.
        assert!(given(&[("OTHER", "x")]).is_empty());
    }
}
