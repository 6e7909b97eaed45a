//! The in-toto statement of a verdict: predicate `test-result/v0.1`, as Conforma's policy reads it.
//!
//! One statement is one invocation of a test suite, so the blocking jobs make one, under the gate's
//! name, and the informing jobs another, under the gate's name and `-informing`: a policy that
//! knows the second name as informative only warns of it. The same verdict always makes the same
//! bytes: lists are sorted, the time is that of the decision, and nothing is taken from the
//! surroundings.
//!
//! Sources: in-toto `spec/v1/statement.md`, `spec/v1/resource_descriptor.md` and
//! `spec/predicates/test-result.md`; conforma/policy `policy/release/test_attestation`.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use super::verdict::{End, Job, Verdict};
use crate::image::Digest;
use crate::text;

/// The type of a statement, as it is written.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The type of a statement before version 1, which is read as well.
pub const STATEMENT_TYPE_0_1: &str = "https://in-toto.io/Statement/v0.1";

/// The type of the predicate.
pub const PREDICATE_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// The media type of a statement.
pub const MEDIA_TYPE: &str = "application/vnd.in-toto+json";

/// What is behind the gate's name where the statement is of the informing jobs.
pub const INFORMING: &str = "-informing";

/// How much of a reason for an override is kept (500 bytes).
const REASON: usize = 500;

/// An in-toto statement of a test result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// The index, and the manifest of each platform: whoever has any of them finds the statement.
    #[serde(default)]
    pub subject: Vec<Subject>,
    /// [`PREDICATE_TYPE`].
    pub predicate_type: String,
    /// What was found.
    pub predicate: TestResult,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The repository. Nothing depends on it: a digest is the same in each.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Digests in hexadecimal, by algorithm.
    pub digest: BTreeMap<String, String>,
}

/// The predicate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// What came of it.
    pub result: ResultWord,
    /// The gate first: Conforma takes its name for the test's. Then policy and toolkit.
    pub configuration: Vec<Configuration>,
    /// Where people can look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Jobs that passed.
    #[serde(default)]
    pub passed_tests: Vec<String>,
    /// Jobs that did not pass and that a person accepted.
    #[serde(default)]
    pub warned_tests: Vec<String>,
    /// Jobs that failed because of the product.
    #[serde(default)]
    pub failed_tests: Vec<String>,
    /// When the verdict was final, to the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// How many passed.
    #[serde(default)]
    pub successes: u64,
    /// How many failed: Conforma denies for any, whatever the result says.
    #[serde(default)]
    pub failures: u64,
    /// How many were accepted: Conforma warns for any.
    #[serde(default)]
    pub warnings: u64,
}

/// A result as Conforma knows it; the predicate itself knows the first three.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ResultWord {
    /// Every job passed.
    Passed,
    /// Every job passed or was accepted by a person.
    Warned,
    /// A job failed because of the product.
    Failed,
    /// Not every job came to a result that counts, and none failed.
    Error,
    /// Another tool's word.
    #[serde(untagged)]
    Other(String),
}

impl std::fmt::Display for ResultWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Passed => "PASSED",
            Self::Warned => "WARNED",
            Self::Failed => "FAILED",
            Self::Error => "ERROR",
            Self::Other(word) => word,
        })
    }
}

/// in-toto's ResourceDescriptor: something that the result depends on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// What it is, exactly.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// Its bytes, where they are few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Of which media type these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What else is known of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, serde_json::Value>,
}

/// A job that a person accepted. The fields are in the order of their names: inside an annotation
/// another order would depend on how serde_json is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Who, as the cluster knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Which job.
    pub job: String,
    #[serde(default)]
    pub reason: String,
}

/// The annotation of jobs without a result that counts.
const UNDECIDED: &str = "undecided";
/// The annotation of accepted jobs.
const OVERRIDES: &str = "overrides";
/// The annotation with each job's address.
const JOBS: &str = "jobs";

impl Statement {
    /// The statement of the blocking jobs, which is that of the gate.
    pub fn of(verdict: &Verdict) -> Self {
        Self::about(verdict, verdict.gate.clone(), &verdict.blocking)
    }

    /// The statement of the informing jobs, if there are any.
    pub fn of_informing(verdict: &Verdict) -> Option<Self> {
        let name = format!("{}{INFORMING}", verdict.gate);
        let any = !verdict.informing.is_empty();
        any.then(|| Self::about(verdict, name, &verdict.informing))
    }

    fn about(verdict: &Verdict, name: String, jobs: &[Job]) -> Self {
        let sorted = |wanted: &dyn Fn(&Job) -> bool| -> Vec<String> {
            let names = jobs.iter().filter(|job| wanted(job)).map(|job| job.name.clone());
            names.collect::<BTreeSet<_>>().into_iter().collect()
        };
        let stands = |job: &Job, end: End| job.end == end && job.accepted.is_none();
        let passed = sorted(&|job| job.end == End::Passed);
        let warned = sorted(&|job| job.end != End::Passed && job.accepted.is_some());
        let failed = sorted(&|job| stands(job, End::Failed));
        let undecided = sorted(&|job| stands(job, End::Undecided));
        let result = match () {
            () if !failed.is_empty() => ResultWord::Failed,
            () if !undecided.is_empty() => ResultWord::Error,
            () if !warned.is_empty() => ResultWord::Warned,
            () => ResultWord::Passed,
        };
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: subjects(verdict),
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: TestResult {
                result,
                configuration: vec![
                    gate(verdict, name, jobs, &undecided),
                    policy(verdict),
                    toolkit(verdict),
                ],
                url: verdict.url.clone(),
                successes: passed.len() as u64,
                failures: failed.len() as u64,
                warnings: warned.len() as u64,
                passed_tests: passed,
                warned_tests: warned,
                failed_tests: failed,
                timestamp: Some(to_the_second(verdict.decided_at)),
            },
        }
    }

    /// Its bytes: one line of JSON.
    pub fn bytes(&self) -> Vec<u8> {
        // Strings, lists, numbers and maps with text as keys: there is nothing that JSON cannot
        // hold.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The test's name, as Conforma takes it: the first configuration's.
    pub fn gate(&self) -> Option<&str> {
        self.predicate.configuration.first().map(|first| first.name.as_str())
    }

    /// Whether it is about a digest.
    pub fn is_about(&self, digest: &crate::image::Digest) -> bool {
        let hex = |subject: &Subject| subject.digest.get("sha256").cloned();
        self.subject
            .iter()
            .any(|subject| hex(subject).is_some_and(|hex| hex.eq_ignore_ascii_case(digest.hex())))
    }

    /// Jobs without a result that counts.
    pub fn undecided(&self) -> Vec<String> {
        self.annotation(UNDECIDED)
    }

    /// Who accepted which job, and why.
    pub fn overrides(&self) -> Vec<Accepted> {
        self.annotation(OVERRIDES)
    }

    /// The address of each job's run, where it is known.
    pub fn job_urls(&self) -> BTreeMap<String, String> {
        self.annotation(JOBS)
    }

    /// An annotation of the first configuration; one of another shape is another tool's.
    fn annotation<T: serde::de::DeserializeOwned + Default>(&self, name: &str) -> T {
        let first = self.predicate.configuration.first();
        first
            .and_then(|first| first.annotations.get(name))
            .and_then(|value| T::deserialize(value).ok())
            .unwrap_or_default()
    }
}

fn subjects(verdict: &Verdict) -> Vec<Subject> {
    let index = verdict.image.digest();
    let others: BTreeSet<_> = verdict.platforms.iter().filter(|digest| *digest != index).collect();
    let subject = |digest: &crate::image::Digest| Subject {
        name: verdict.image.repository().to_owned(),
        digest: sha256(digest.hex()),
    };
    std::iter::once(index).chain(others).map(subject).collect()
}

fn gate(verdict: &Verdict, name: String, jobs: &[Job], undecided: &[String]) -> Configuration {
    let mut annotations = BTreeMap::new();
    let mut note = |name: &str, value: serde_json::Value| {
        annotations.insert(name.to_owned(), value);
    };
    let urls: BTreeMap<&str, &str> = jobs
        .iter()
        .filter_map(|job| Some((job.name.as_str(), job.url.as_deref()?)))
        .collect();
    let mut accepted: Vec<_> = jobs
        .iter()
        .filter(|job| job.end != End::Passed)
        .filter_map(|job| Some((job, job.accepted.as_ref()?)))
        .map(|(job, accepted)| Accepted {
            by: accepted.by.clone(),
            job: job.name.clone(),
            reason: text::one_line(&accepted.reason, REASON),
        })
        .collect();
    accepted.sort_by(|a, b| a.job.cmp(&b.job));
    if !urls.is_empty() {
        note(JOBS, serde_json::json!(urls));
    }
    if !accepted.is_empty() {
        note(OVERRIDES, serde_json::json!(accepted));
    }
    if !undecided.is_empty() {
        note(UNDECIDED, serde_json::json!(undecided));
    }
    let also =
        [("revision", &verdict.revision), ("run", &verdict.run), ("snapshot", &verdict.snapshot)];
    for (name, value) in also {
        if let Some(value) = value {
            note(name, serde_json::json!(value));
        }
    }
    Configuration {
        name,
        digest: sha256(&verdict.request),
        annotations,
        ..Configuration::default()
    }
}

/// By which rules the gate judged, with all of their text.
fn policy(verdict: &Verdict) -> Configuration {
    let content = serde_json::to_vec(&verdict.policy).unwrap_or_default();
    Configuration {
        name: "policy".to_owned(),
        digest: sha256(Digest::of(&content).hex()),
        content: Some(STANDARD.encode(&content)),
        media_type: Some("application/json".to_owned()),
        ..Configuration::default()
    }
}

/// Which version of these tools judged.
fn toolkit(verdict: &Verdict) -> Configuration {
    let version = serde_json::json!(verdict.toolkit);
    Configuration {
        name: "release-gate".to_owned(),
        // A descriptor needs an address, a digest or content: a package URL is an address.
        uri: Some(format!("pkg:generic/release-gate@{}", verdict.toolkit)),
        annotations: BTreeMap::from([("version".to_owned(), version)]),
        ..Configuration::default()
    }
}

fn sha256(hex: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("sha256".to_owned(), hex.to_owned())])
}

/// in-toto's timestamps are RFC 3339 in UTC; a fraction of a second would say nothing.
fn to_the_second(at: Timestamp) -> Timestamp {
    let whole = jiff::TimestampRound::new()
        .smallest(Unit::Second)
        .mode(jiff::RoundMode::Trunc);
    at.round(whole).unwrap_or(at)
}
