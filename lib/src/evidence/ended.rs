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
    use super::super::ProofMode;
    use super::*;
    use crate::image::ImageRef;
    use crate::prow::canned::{Canned, FOLDER, exchange};
    use crate::record::Class;
    use crate::record::samples::job;

    fn image(letter: char) -> String {
        format!("quay.io/acme/ho@sha256:{}", letter.to_string().repeat(64))
    }

    /// The evidence of a success whose variable held this image, and which left these files.
    async fn success(
        of: char,
        nowhere: Option<Nowhere>,
        rules: &Rules,
        files: &[(&str, &str)],
    ) -> (Findings, Account, Prospect) {
        let canned = Canned::of_run(files).shared();
        let bucket = Bucket::new("http://localhost".parse().unwrap(), canned);
        let job = job("a", Class::Blocking, Vec::new());
        let envs = Some(vec![(job.override_env[0].clone(), image(of))]);
        let sighting = Sighting { state: JobState::Success, envs, ..Sighting::default() };
        let url = FOLDER.parse().unwrap();
        let folder = if files.is_empty() { None } else { Some(&url) };
        let ended = Ended { execution: "id", folder, sighting: &sighting, nowhere };
        let subject = Subject::from(image('a').parse::<ImageRef>().unwrap());
        let case = Case { subject: &subject, job: &job, rules, usual: None };
        match ended.evidence(&bucket, case).await {
            (Evidence::Success { findings, account }, prospect) => (findings, account, prospect),
            other => panic!("{other:?}"),
        }
    }

    fn rules(proof: ProofMode, hollow: Strictness) -> Rules {
        Rules { proof, hollow: Some(hollow), ..Rules::default() }
    }

    const FAILED: (&str, &str) = ("finished.json", r#"{"passed":false}"#);

    #[tokio::test]
    async fn without_a_folder_nothing_can_be_read() {
        let enforce = rules(ProofMode::Enforce, Strictness::Enforce);
        let no_url = || Some("it has no job URL".to_owned());
        let (findings, account, prospect) = success('a', None, &enforce, &[]).await;
        assert_eq!(account.unread().map(str::to_owned), no_url());
        assert_eq!((findings.unreadable, findings.unreachable), (no_url(), None));
        assert_eq!(findings.variables, Some(vec![image('a')]));
        assert_eq!(prospect, Prospect::Missing);
        let away = || Some("no answer".to_owned());
        let nowhere = away().map(Nowhere::Unreachable);
        let (findings, account, prospect) = success('a', nowhere, &enforce, &[]).await;
        assert_eq!(account.unread().map(str::to_owned), away());
        assert_eq!((findings.unreadable, findings.unreachable), (None, away()));
        assert_eq!(prospect, Prospect::Unreachable("no answer".to_owned()));
    }

    #[tokio::test]
    async fn what_did_not_succeed_needs_no_proof() {
        let bucket = Canned::default().shared();
        let bucket = Bucket::new("http://localhost".parse().unwrap(), bucket);
        let (job, rules) = (job("a", Class::Blocking, Vec::new()), Rules::default());
        let subject = Subject::from(image('a').parse::<ImageRef>().unwrap());
        let case = Case { subject: &subject, job: &job, rules: &rules, usual: None };
        for (state, word) in [
            (JobState::Failure, None),
            (JobState::Aborted, Some("aborted")),
            (JobState::Error, Some("error")),
        ] {
            let sighting = Sighting { state, ..Sighting::default() };
            let ended = Ended { execution: "id", folder: None, sighting: &sighting, nowhere: None };
            match ended.evidence(&bucket, case).await {
                (Evidence::Failure(account), prospect) => {
                    let why = "it has no job URL".to_owned();
                    assert_eq!((word, account.graph), (None, Found::Unreadable(why)));
                    assert_eq!(prospect, Prospect::Missing);
                }
                (Evidence::Stopped { state, .. }, prospect) => {
                    assert_eq!((Some(state), prospect), (word, Prospect::Complete));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// A pattern that cannot be read asks for a proof all the same.
    #[tokio::test]
    async fn a_proof_log_that_is_no_pattern_is_a_proof_that_is_missing() {
        let mut job = job("a", Class::Blocking, Vec::new());
        job.proof_log = Some("../x".to_owned());
        let (_, wrong) = proof_logs(&job, &[]);
        assert!(wrong.is_some());
        let bucket = Canned::default().shared();
        let bucket = Bucket::new("http://localhost".parse().unwrap(), bucket);
        let envs = Some(vec![(job.override_env[0].clone(), image('a'))]);
        let sighting = Sighting { state: JobState::Success, envs, ..Sighting::default() };
        let (url, rules) = (FOLDER.parse().unwrap(), Rules::default());
        let subject = Subject::from(image('a').parse::<ImageRef>().unwrap());
        let case = Case { subject: &subject, job: &job, rules: &rules, usual: None };
        let ended =
            Ended { execution: "id", folder: Some(&url), sighting: &sighting, nowhere: None };
        for reader in [None, Some(Reader { bucket: &bucket, folder: &url })] {
            let findings = ended.findings(reader, case).await;
            assert!(findings.log_named && findings.unreadable.is_some(), "{findings:?}");
        }
    }

    /// Its artifacts are read unless nothing that they say could matter.
    #[tokio::test]
    async fn artifacts_are_read_where_they_matter() {
        use Strictness::{Enforce, Off, Warn};
        for (of, proof, hollow, read) in [
            ('a', Enforce, Enforce, true),
            ('a', Enforce, Warn, true),
            ('a', Enforce, Off, false),
            ('a', Off, Enforce, true),
            // Another image ran.
            ('b', Enforce, Enforce, false),
            ('b', Warn, Enforce, true),
            ('b', Off, Enforce, true),
        ] {
            let (findings, account, _) = success(of, None, &rules(proof, hollow), &[FAILED]).await;
            let told = format!("{of} {proof:?} {hollow:?}");
            assert_eq!(account.contradiction().is_some(), read, "{told}");
            assert_eq!(account == Account::default(), !read, "{told}");
            assert_eq!(findings.variables.is_some(), proof != Off, "{told}");
        }
    }

    /// The log that is to prove the image may still come, and need not where the run is refused.
    #[tokio::test]
    async fn a_contradiction_that_is_enforced_is_not_waited_for() {
        for (hollow, wanted) in
            [(Strictness::Enforce, Prospect::Complete), (Strictness::Warn, Prospect::Missing)]
        {
            let logs = vec!["build-log.txt".parse().unwrap()];
            let rules = Rules { proof_logs: logs, ..rules(ProofMode::Enforce, hollow) };
            assert_eq!(success('a', None, &rules, &[FAILED]).await.2, wanted);
            let good = ("finished.json", r#"{"passed":true}"#);
            assert_eq!(success('a', None, &rules, &[good]).await.2, Prospect::Missing);
        }
    }

    /// What Deck does not tell of the variables is read from the run's own prowjob.json.
    #[tokio::test]
    async fn the_variables_are_read_from_the_folder_where_deck_has_none() {
        let job = job("a", Class::Blocking, Vec::new());
        let name = &job.override_env[0];
        let env = serde_json::json!([{"name": name, "value": image('a')}]);
        let prowjob = serde_json::json!({
            "metadata": {"name": "id"},
            "spec": {"job": "a", "pod_spec": {"containers": [{"env": env}]}},
            "status": {"state": "success"},
        });
        let path = "/b/logs/a/1/prowjob.json";
        let answer = exchange(200, "application/json", prowjob.to_string());
        let bucket = Canned::default().with(path, answer).shared();
        let bucket = Bucket::new("http://localhost".parse().unwrap(), bucket);
        let sighting = Sighting { state: JobState::Success, ..Sighting::default() };
        let url = FOLDER.parse().unwrap();
        let subject = Subject::from(image('a').parse::<ImageRef>().unwrap());
        let rules = Rules::default();
        let case = Case { subject: &subject, job: &job, rules: &rules, usual: None };
        for (execution, known) in [("id", Some(vec![image('a')])), ("other", None)] {
            let ended = Ended { execution, folder: Some(&url), sighting: &sighting, nowhere: None };
            let reader = Some(Reader { bucket: &bucket, folder: &url });
            assert_eq!(ended.findings(reader, case).await.variables, known);
        }
        // A page that came in its place tells nothing of the run.
        let page = exchange(200, "text/html", "<html>");
        let bucket = Canned::default().with(path, page).shared();
        let bucket = Bucket::new("http://localhost".parse().unwrap(), bucket);
        let ended =
            Ended { execution: "id", folder: Some(&url), sighting: &sighting, nowhere: None };
        let findings = ended
            .findings(Some(Reader { bucket: &bucket, folder: &url }), case)
            .await;
        assert!(findings.variables.is_none() && findings.unreachable.is_some(), "{findings:?}");
    }

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
