//! What attest-verdict is told.

use std::path::PathBuf;
use std::str::FromStr;

use crate::attest::key::SigningKeyFile;
use crate::evidence::GivenRules;
use crate::failure::Failure;
use crate::jobs::Request;
use crate::notify;
use crate::record::Tested;

/// `--attest`: what becomes of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attest {
    /// Nothing.
    Off,
    /// It is stated.
    Bundle,
}

impl FromStr for Attest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "bundle" => Ok(Self::Bundle),
            other => Err(format!("--attest: expected off or bundle, found {other:?}")),
        }
    }
}

/// What the record has to be of, each as far as given, and what it may not say itself.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// `--image` and `--snapshot-name`.
    pub tested: Tested,
    /// The jobs with their variables.
    pub request: Option<Request>,
    /// `--proof`, `--proof-log`, `--hollow`.
    pub rules: GivenRules,
    /// `--gate-label`.
    pub gate: Option<String>,
    /// `--run-url`, whole.
    pub url: Option<String>,
}

/// What is to be stated, and where it goes.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What the record has to be of.
    pub given: Given,
    /// Buckets that only Prow writes to.
    pub buckets: Vec<String>,
    /// `--task-status` and `--release-wait`: whether a Release is due, and how long it is waited for.
    pub waiting: notify::Options,
    /// `--sign-key` and `--sign-password-file`.
    pub key: Option<SigningKeyFile>,
    /// `--out`: the statement, or the bundle where there is a key.
    pub out: Option<PathBuf>,
    /// `--informing-out`: the same of the informing jobs.
    pub informing_out: Option<PathBuf>,
    /// `--push`: the repository of verdicts.
    pub push: Option<String>,
    /// `--beside-candidate`.
    pub beside_candidate: bool,
    /// `--dry-run`.
    pub dry_run: bool,
}

impl Options {
    /// Whether all of it can be done together.
    ///
    /// # Errors
    /// Exit 2, with the flag that is missing or too much.
    pub fn check(&self) -> Result<(), Failure> {
        let nowhere = self.out.is_none() && self.push.is_none() && !self.beside_candidate;
        let repository = self.push.as_deref();
        let unnamed = repository.filter(|repository| !is_repository(repository));
        match unnamed {
            _ if nowhere => Err(Failure::misuse(
                "expected where the statement goes: --out FILE, --push REPOSITORY or --beside-candidate",
            )),
            Some(other) => Err(Failure::misuse(format!(
                "--push: expected a repository such as quay.io/acme/verdicts, without tag or digest, found {other:?}"
            ))),
            None if repository.is_some() && self.key.is_none() => Err(Failure::misuse(
                "expected --sign-key with --push: only a signed verdict can be told from somebody else's",
            )),
            None => Ok(()),
        }
    }

    /// Whether others are to believe what is stated: it is signed, or goes beside the candidate.
    pub fn vouches(&self) -> bool {
        self.key.is_some() || self.beside_candidate
    }
}

/// Whether a text is `HOST/PATH`.
fn is_repository(text: &str) -> bool {
    let path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    text.split_once('/').is_some_and(|(host, rest)| {
        !host.is_empty() && rest.split('/').all(|part| !part.is_empty()) && rest.chars().all(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn what_cannot_be_done_together_is_refused() {
        let key = Some(SigningKeyFile::new("--sign-key", "cosign.key"));
        let push = |repository: &str| Options {
            push: Some(repository.to_owned()),
            key: key.clone(),
            ..Options::default()
        };
        for (options, words) in [
            (Options::default(), "expected where the statement goes"),
            (Options { informing_out: Some("x".into()), ..Options::default() }, "--out FILE"),
            (Options { key: None, ..push("quay.io/acme/verdicts") }, "--sign-key with --push"),
            (push("quay.io"), "--push: "),
            (push("quay.io/acme/verdicts:tag"), "--push: "),
            (push("quay.io/acme/verdicts@sha256:abc"), "--push: "),
            (push("https://quay.io/acme/verdicts"), "--push: "),
        ] {
            let failure = options.check().unwrap_err();
            assert_eq!(failure.exit, Exit::Misuse);
            assert!(failure.error.to_string().contains(words), "{words}: {}", failure.error);
        }
        push("127.0.0.1:5000/acme/verdicts").check().unwrap();
        let beside = Options { beside_candidate: true, ..Options::default() };
        beside.check().unwrap();
        assert!(beside.vouches() && push("quay.io/a/b").vouches());
        let plain = Options { out: Some("statement.json".into()), ..Options::default() };
        plain.check().unwrap();
        assert!(!plain.vouches());
    }
}
