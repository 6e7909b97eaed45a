//! What the caller of collect-results decides: times, reruns, and what a run must show. What the
//! decision depends on is written into the record, so that a step run again decides by the same
//! rules.

use std::time::Duration;

use jiff::Timestamp;

use crate::evidence::{GivenRules, Rules};
use crate::gate::reruns::Reruns;
use crate::history::issues::KnownIssues;
use crate::jobs::Request;
use crate::record::{GateRecord, PolicyRecord, Tested};
use crate::text;

/// How long the jobs have from the record's first intent (5h30m).
pub const TIMEOUT: Duration = Duration::from_secs(330 * 60);

/// How long informing jobs may go on when the last blocking one has ended (30m).
pub const INFORMING_GRACE: Duration = Duration::from_secs(30 * 60);

/// So many known issues are noted that have ended.
const MOST_ENDED: usize = 10;

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
    /// The jobs as the caller gives them; without them those of the record count, as first read.
    pub request: Option<Request>,
    /// `--image`, if given; without it the record's counts, as first read.
    pub tested: Tested,
    /// Buckets that only Prow writes to.
    pub buckets: Vec<String>,
    /// `--known-issues`.
    pub issues: KnownIssues,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: TIMEOUT,
            informing_grace: INFORMING_GRACE,
            reruns: Reruns::default(),
            rules: Rules::default(),
            fail_fast: false,
            request: None,
            tested: Tested::default(),
            buckets: crate::prow::BUCKETS.map(str::to_owned).to_vec(),
            issues: KnownIssues::default(),
        }
    }
}

/// What the flags say of the policy. What is not given is the record's, or the default.
#[derive(Debug, Clone)]
pub struct Given {
    /// `--rerun`.
    pub reruns: Option<Reruns>,
    /// `--proof`, `--proof-log` and `--hollow`.
    pub rules: GivenRules,
    /// Everything that no record is bound to; its reruns and rules are replaced.
    pub rest: Policy,
}

/// In what the record's policy is another than the one given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Other reruns.
    #[error("--rerun is {given}, the record says {found}")]
    Reruns {
        /// Those of the record.
        found: Reruns,
        /// Those given.
        given: Reruns,
    },
    /// Other rules for what has passed: in words.
    #[error("{0}")]
    Rules(String),
}

impl Given {
    /// Known issues that have no effect any more, in words.
    fn ended_issues(&self, now: Timestamp) -> Vec<String> {
        let ended = self.rest.issues.ended(now).take(MOST_ENDED);
        ended.map(|issue| text::one_line(&issue.to_string(), 300)).collect()
    }

    /// The policy for a record, which is written down where the record holds none. A record that
    /// holds a verdict already is left as it is.
    ///
    /// # Errors
    /// [`Mismatch`] when the record's policy is another one.
    pub fn bind(&self, record: &mut GateRecord) -> Result<Policy, Mismatch> {
        let recorded = record.policy.as_ref();
        if let Some(difference) = recorded.and_then(|recorded| self.rules.difference(recorded)) {
            return Err(Mismatch::Rules(difference));
        }
        let rules = self
            .rules
            .with(recorded)
            .map_err(|wrong| Mismatch::Rules(format!("the record's {wrong}")))?;
        let found = recorded.map(Reruns::of_record);
        let reruns = match (&self.reruns, found) {
            (Some(given), Some(found)) if *given != found => {
                return Err(Mismatch::Reruns { found, given: given.clone() });
            }
            (given, found) => given.clone().or(found).unwrap_or_default(),
        };
        if record.policy.is_none() && record.verdict.is_none() {
            let proof_logs = rules.proof_logs.iter().map(ToString::to_string).collect();
            record.policy = Some(PolicyRecord {
                proof: rules.proof,
                proof_logs,
                hollow: rules.hollow,
                rerun: reruns.to_record(),
                rerun_flaky: reruns.flaky(),
                ended_issues: self.ended_issues(record.updated_at),
            });
        }
        Ok(Policy { reruns, rules, ..self.rest.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Cause;

    fn given(reruns: Option<&str>, proof: Option<&str>, logs: &[&str]) -> Given {
        let logs: Vec<String> = logs.iter().map(|log| (*log).to_owned()).collect();
        Given {
            reruns: reruns.map(|text| text.parse().unwrap()),
            rules: GivenRules::read(proof, &logs, None).unwrap(),
            rest: Policy::default(),
        }
    }

    #[test]
    fn what_is_given_first_is_written_down_and_holds() {
        let mut record = GateRecord::begin("run", jiff::Timestamp::UNIX_EPOCH);
        let first = given(Some("setup=2,product=0"), None, &["a/*.txt"])
            .bind(&mut record)
            .unwrap();
        assert_eq!(first.reruns, "setup=2,product=0".parse().unwrap());
        assert_eq!(first.rules.proof_logs, ["a/*.txt".parse().unwrap()]);
        let written = record.policy.clone().unwrap();
        assert_eq!(
            (written.proof_logs.as_slice(), written.rerun[&Cause::Setup]),
            (&["a/*.txt".to_owned()][..], 2)
        );
        let later = given(None, None, &[]).bind(&mut record).unwrap();
        assert_eq!((&later.rules, &later.reruns), (&first.rules, &first.reruns));
        assert!(
            given(Some("setup=2"), Some("enforce"), &["a/*.txt"])
                .bind(&mut record)
                .is_ok()
        );

        let other = given(Some("setup=1"), None, &[]).bind(&mut record).unwrap_err();
        let (found, given_now) = ("setup=2".parse().unwrap(), "setup=1".parse().unwrap());
        assert_eq!(other, Mismatch::Reruns { found, given: given_now });
        let Err(Mismatch::Rules(words)) = given(None, Some("off"), &[]).bind(&mut record) else {
            panic!()
        };
        assert_eq!(words, "--proof is off, the record says enforce");
        assert!(matches!(given(None, None, &["b"]).bind(&mut record), Err(Mismatch::Rules(_))));
        assert_eq!(record.policy, Some(written));
    }

    #[test]
    fn what_was_decided_already_is_given_no_policy() {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        record.verdict = Some(crate::gate::verdict::decide(&record, Timestamp::UNIX_EPOCH));
        let policy = given(Some("setup=1"), None, &[]).bind(&mut record).unwrap();
        assert_eq!(policy.reruns, "setup=1".parse().unwrap());
        assert_eq!(record.policy, None);
    }

    #[test]
    fn known_issues_that_had_ended_when_it_began_are_noted_once() {
        let issue = |until: &str| {
            format!(
                "- {{test: T, reason: leak, link: 'https://issues.example/1', owner: me, until: {until}}}\n"
            )
        };
        let list = issue("2026-08-20") + &issue("2026-08-21");
        let mut given = given(None, None, &[]);
        given.rest.issues = KnownIssues::read("--known-issues", &list).unwrap();
        let mut record = GateRecord::begin("run", "2026-08-20T00:30:00Z".parse().unwrap());
        given.bind(&mut record).unwrap();
        let ended = ["leak (me, https://issues.example/1, until 2026-08-20)"];
        assert_eq!(record.policy.as_ref().unwrap().ended_issues, ended);
        record.updated_at = "2026-08-22T00:30:00Z".parse().unwrap();
        given.bind(&mut record).unwrap();
        assert_eq!(record.policy.unwrap().ended_issues, ended, "as of the first step");
    }
}
