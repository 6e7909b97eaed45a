//! Whether a bundle says that an image passed a gate: a pure decision, as a consumer would make it.
//!
//! Only what the key signed counts. "No" is an answer of its own beside "cannot tell": the first
//! is about the image or the bundle, the second about what cannot be judged here at all.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::bundle::{Flaw, Signed, Unjudgeable};
use super::key::PublicKey;
use super::statement::{
    self, Accepted, PREDICATE_TYPE, ResultWord, STATEMENT_TYPE, STATEMENT_TYPE_0_1, Statement,
};
use crate::image::Digest;
use crate::text;

/// Clocks differ by no more (5 minutes): a verdict from further ahead is refused.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How many names a reason shows.
const SHOWN: usize = 5;

/// How much of a foreign word a reason shows (120 bytes).
const QUOTED: usize = 120;

/// What a consumer wants of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The digest that will be used: the index's, or that of a platform's manifest.
    pub image: Digest,
    /// The gate that has to have passed it.
    pub gate: String,
    /// Jobs that have to be among those that passed.
    pub jobs: Vec<String>,
    /// How old the verdict may be.
    pub max_age: Option<Duration>,
    /// Whether a job may have been accepted by a person instead of passing.
    pub overrides: Overrides,
}

/// What is thought of overrides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overrides {
    /// A job that was accepted by a person has not passed.
    Refused,
    /// It is as good as passed.
    Accepted,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The image passed, in every respect that was asked for.
    Holds(Found),
    /// It did not, or nothing that can be believed says so.
    No {
        /// What the statement says, where the key signed one.
        found: Option<Found>,
        /// Why not: at least one reason.
        why: Vec<No>,
    },
    /// It cannot be judged.
    CannotTell(CannotTell),
}

/// A reason against it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum No {
    /// The signature is missing.
    #[error("the bundle has no signature")]
    Unsigned,
    /// The signature is not this key's.
    #[error("the signature is not of this key{}", if *another { "; the bundle names another key itself" } else { ": the statement was changed, or another key signed it" })]
    Signature {
        /// Whether the bundle itself names another key.
        another: bool,
    },
    /// It holds something else.
    #[error("the signed content is {found:?}, expected {}", statement::MEDIA_TYPE)]
    PayloadType {
        /// What.
        found: String,
    },
    /// It states something else.
    #[error("it states {found:?}, expected {PREDICATE_TYPE}")]
    PredicateType {
        /// What.
        found: String,
    },
    /// It is about another image.
    #[error("it is about another image ({found}), expected {expected}")]
    Image {
        /// What was asked for.
        expected: Digest,
        /// What it is about.
        found: String,
    },
    /// It is another gate's.
    #[error("it is of the gate {found:?}, expected {expected:?}")]
    Gate {
        /// What was asked for.
        expected: String,
        /// Whose it is.
        found: String,
    },
    /// The gate did not pass it.
    #[error("the result is {result}{}", jobs_in_words(failed, undecided))]
    Result {
        result: ResultWord,
        /// Jobs that failed.
        failed: Vec<String>,
        /// Jobs without a result that counts.
        undecided: Vec<String>,
    },
    /// A person accepted what did not pass.
    #[error("a person accepted what did not pass: {}", text::some_of(jobs, SHOWN))]
    Overridden {
        /// Which jobs.
        jobs: Vec<String>,
    },
    /// Jobs that were asked for are not among those that passed.
    #[error("not among the jobs that passed: {}", text::some_of(jobs, SHOWN))]
    Jobs { jobs: Vec<String> },
    /// It says two things at once.
    #[error("it contradicts itself: {0}")]
    Contradiction(String),
    /// An age was asked for, and it has no time.
    #[error("it does not say when the verdict was final")]
    NoTime,
    /// It is too old.
    #[error("the verdict is from {at}, more than {} ago", crate::duration::human(*limit))]
    TooOld {
        /// When it was final.
        at: Timestamp,
        /// How old it may be.
        limit: Duration,
    },
    /// It comes from the future.
    #[error("the verdict is from {at}, which is yet to come")]
    FromTheFuture {
        /// When it says that it was final.
        at: Timestamp,
    },
}

/// Why it cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotTell {
    /// The bundle is of a form that a key does not judge.
    #[error("{0}")]
    Bundle(#[from] Unjudgeable),
    /// The key signed it, and it is no statement that can be read.
    #[error("the key signed a statement that cannot be read: {problem}")]
    Statement {
        /// What is wrong.
        problem: String,
    },
}

/// What a signed statement says, for people and machines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    pub gate: String,
    pub result: ResultWord,
    /// Digests that it is about, the index first.
    pub images: Vec<String>,
    /// When the verdict was final.
    pub decided_at: Option<Timestamp>,
    /// Jobs that passed.
    pub passed: Vec<String>,
    /// Jobs that a person accepted.
    pub overridden: Vec<String>,
    /// Who accepted which, and why.
    pub overrides: Vec<Accepted>,
    /// Jobs that failed.
    pub failed: Vec<String>,
    /// Jobs without a result that counts.
    pub undecided: Vec<String>,
    /// The run's page of each job.
    pub job_urls: BTreeMap<String, String>,
    /// The rules of the judgement.
    pub policy: BTreeMap<String, String>,
    /// The toolkit's version.
    pub toolkit: Option<String>,
    /// Where people can look.
    pub url: Option<String>,
}

/// Judges a bundle.
pub fn verify(bundle: &[u8], key: &PublicKey, expected: &Expected, now: Timestamp) -> Answer {
    let no = |why: No| Answer::No { found: None, why: vec![why] };
    let signed = match Signed::read(bundle) {
        Ok(signed) => signed,
        Err(Flaw::Unsigned) => return no(No::Unsigned),
        Err(Flaw::Unjudgeable(why)) => return Answer::CannotTell(why.into()),
    };
    if !signed.is_by(key) {
        return no(No::Signature { another: signed.names_another(key) });
    }
    if signed.payload_type() != statement::MEDIA_TYPE {
        return no(No::PayloadType { found: text::one_line(signed.payload_type(), QUOTED) });
    }
    let statement = match statement_of(signed.payload()) {
        Ok(statement) => statement,
        Err(StatementError::Predicate(found)) => return no(No::PredicateType { found }),
        Err(StatementError::Unreadable(problem)) => {
            return Answer::CannotTell(CannotTell::Statement { problem });
        }
    };
    let why = judge(&statement, expected, now);
    let found = Found::of(statement);
    if why.is_empty() { Answer::Holds(found) } else { Answer::No { found: Some(found), why } }
}

/// Why signed bytes are no statement of a test result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StatementError {
    /// It states something else.
    Predicate(String),
    /// It cannot be read.
    Unreadable(String),
}

/// Reads a payload. Its types come first: another predicate has other fields.
pub(super) fn statement_of(payload: &[u8]) -> Result<Statement, StatementError> {
    let unreadable = |problem: String| StatementError::Unreadable(problem);
    let json: serde_json::Value =
        serde_json::from_slice(payload).map_err(|error| unreadable(error.to_string()))?;
    let word = |name: &str| json.get(name).and_then(serde_json::Value::as_str);
    let kind = word("_type").unwrap_or_default();
    if ![STATEMENT_TYPE, STATEMENT_TYPE_0_1].contains(&kind) {
        let found = text::one_line(kind, QUOTED);
        return Err(unreadable(format!("its _type is {found:?}, expected {STATEMENT_TYPE}")));
    }
    match word("predicateType") {
        Some(PREDICATE_TYPE) => {}
        other => {
            let found = text::one_line(other.unwrap_or_default(), QUOTED);
            return Err(StatementError::Predicate(found));
        }
    }
    serde_json::from_slice(payload).map_err(|error| unreadable(error.to_string()))
}

/// Every reason that a statement gives against what is expected.
fn judge(statement: &Statement, expected: &Expected, now: Timestamp) -> Vec<No> {
    let mut why = Vec::new();
    if !statement.is_about(&expected.image) {
        let found = images(statement);
        let found = if found.is_empty() { "none".to_owned() } else { text::some_of(&found, 3) };
        why.push(No::Image { expected: expected.image.clone(), found });
    }
    let gate = statement.gate().unwrap_or_default();
    if gate != expected.gate {
        let found = text::one_line(gate, QUOTED);
        why.push(No::Gate { expected: expected.gate.clone(), found });
    }
    why.extend(result(statement, expected));
    let test = &statement.predicate;
    let counts = |job: &&String| match expected.overrides {
        Overrides::Refused => !test.passed_tests.contains(job),
        Overrides::Accepted => !test.passed_tests.contains(job) && !test.warned_tests.contains(job),
    };
    let missing: Vec<_> = expected.jobs.iter().filter(counts).cloned().collect();
    if !missing.is_empty() {
        why.push(No::Jobs { jobs: missing });
    }
    why.extend(age(test.timestamp, expected.max_age, now));
    why
}

/// What the result says against it. The lists are looked at as well as the word.
fn result(statement: &Statement, expected: &Expected) -> Option<No> {
    let test = &statement.predicate;
    let undecided = statement.undecided();
    let bad = !test.failed_tests.is_empty() || test.failures > 0 || !undecided.is_empty();
    let warned = !test.warned_tests.is_empty() || test.warnings > 0;
    let contradiction = |said: &str| Some(No::Contradiction(said.to_owned()));
    match test.result {
        ResultWord::Passed | ResultWord::Warned if bad => {
            contradiction("its result is good, and it names jobs that did not pass")
        }
        ResultWord::Passed if warned => {
            contradiction("its result is PASSED, and it names jobs that a person accepted")
        }
        ResultWord::Passed | ResultWord::Warned
            if test.passed_tests.is_empty() && test.warned_tests.is_empty() =>
        {
            contradiction("its result is good, and it names no job")
        }
        ResultWord::Passed => None,
        ResultWord::Warned if expected.overrides == Overrides::Accepted => None,
        ResultWord::Warned => Some(No::Overridden { jobs: test.warned_tests.clone() }),
        _ => Some(No::Result {
            result: test.result.clone(),
            failed: test.failed_tests.clone(),
            undecided,
        }),
    }
}

fn age(at: Option<Timestamp>, limit: Option<Duration>, now: Timestamp) -> Option<No> {
    let Some(at) = at else { return limit.map(|_| No::NoTime) };
    if at.duration_since(now) > SKEW {
        return Some(No::FromTheFuture { at });
    }
    let limit = limit?;
    let age = Duration::try_from(now.duration_since(at)).unwrap_or_default();
    (age > limit).then_some(No::TooOld { at, limit })
}

fn images(statement: &Statement) -> Vec<String> {
    let digest = |subject: &statement::Subject| {
        let hex = subject.digest.get("sha256")?;
        Some(format!("sha256:{}", text::one_line(hex, QUOTED)))
    };
    statement.subject.iter().filter_map(digest).collect()
}

fn jobs_in_words(failed: &[String], undecided: &[String]) -> String {
    let part = |name: &str, jobs: &[String]| match jobs {
        [] => String::new(),
        jobs => format!("; {name}: {}", text::some_of(jobs, SHOWN)),
    };
    part("failed", failed) + &part("without a result that counts", undecided)
}

impl Found {
    fn of(statement: Statement) -> Self {
        let configuration = |name: &str| {
            statement
                .predicate
                .configuration
                .iter()
                .skip(1)
                .find(|known| known.name == name)
        };
        let policy = configuration("policy")
            .and_then(|policy| STANDARD.decode(policy.content.as_deref()?).ok())
            .and_then(|content| serde_json::from_slice(&content).ok());
        let toolkit = configuration("release-gate")
            .and_then(|toolkit| toolkit.annotations.get("version")?.as_str().map(str::to_owned));
        Self {
            gate: statement.gate().unwrap_or_default().to_owned(),
            images: images(&statement),
            decided_at: statement.predicate.timestamp,
            overrides: statement.overrides(),
            undecided: statement.undecided(),
            job_urls: statement.job_urls(),
            policy: policy.unwrap_or_default(),
            toolkit,
            result: statement.predicate.result,
            passed: statement.predicate.passed_tests,
            overridden: statement.predicate.warned_tests,
            failed: statement.predicate.failed_tests,
            url: statement.predicate.url,
        }
    }
}
