//! Prow's servers: where they are, and as they are opened.

use std::sync::Arc;

use super::bucket::Bucket;
use super::budget::{Budget, Limits};
use super::deck::Deck;
use super::gangway::Gangway;
use super::{ARTIFACTS_URL, DECK_URL, GANGWAY_URL, Tokens};
use crate::http::{BaseUrl, SharedTransport, with_token};
use crate::secret::{SecretError, SecretFile};
use crate::step::groups;

/// Where Prow's servers are, and with which tokens they are asked.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// `--gangway-url`.
    pub gangway: BaseUrl,
    /// `--gangway-token-file`.
    pub token: Option<SecretFile>,
    /// `--requests-per-minute`, `--burst`.
    pub limits: Limits,
    /// `--deck-url`.
    pub deck: BaseUrl,
    /// `--artifacts-url`.
    pub artifacts: BaseUrl,
    /// `--deck-token-file`, `--artifacts-token-file`.
    pub tokens: Tokens,
}

impl Addresses {
    /// Reads the flags; no file is read yet.
    ///
    /// # Errors
    /// What was expected of which flag.
    pub fn read(prow: &groups::Prow, gangway: &groups::Gangway) -> Result<Self, String> {
        let token = |flag: &'static str, path: &Option<std::path::PathBuf>| {
            path.as_ref().map(|path| SecretFile::new(flag, path))
        };
        let url = |flag: &'static str, given: &Option<String>, default: &str| {
            BaseUrl::given(flag, given.as_deref(), default)
        };
        Ok(Self {
            gangway: url("--gangway-url", &gangway.url, GANGWAY_URL)?,
            token: token("--gangway-token-file", &gangway.token_file),
            limits: Limits::given(
                gangway.requests_per_minute.as_deref(),
                gangway.burst.as_deref(),
            )?,
            deck: url("--deck-url", &prow.deck_url, DECK_URL)?,
            artifacts: url("--artifacts-url", &prow.artifacts_url, ARTIFACTS_URL)?,
            tokens: Tokens {
                deck: token("--deck-token-file", &prow.deck_token_file),
                artifacts: token("--artifacts-token-file", &prow.artifacts_token_file),
            },
        })
    }

    /// The servers behind a transport. Nothing is sent yet.
    ///
    /// # Errors
    /// [`SecretError`] when a token for Deck or the artifacts is named and cannot be read.
    pub fn open(&self, transport: SharedTransport) -> Result<Servers, SecretError> {
        for token in [&self.tokens.deck, &self.tokens.artifacts].into_iter().flatten() {
            token.read()?;
        }
        let deck = with_token(transport.clone(), self.tokens.deck.clone());
        let artifacts = with_token(transport.clone(), self.tokens.artifacts.clone());
        Ok(Servers {
            deck: Arc::new(Deck::new(self.deck.clone(), deck)),
            bucket: Arc::new(Bucket::new(self.artifacts.clone(), artifacts)),
            token: self.token.clone(),
            limits: self.limits,
            gangway: self.gangway.clone(),
            transport,
        })
    }
}

/// Prow's servers, opened: a step and its `--check` are given the same.
#[derive(Debug, Clone)]
pub struct Servers {
    pub deck: Arc<Deck>,
    /// The bucket's server.
    pub bucket: Arc<Bucket>,
    /// Gangway's token, where one is named.
    pub token: Option<SecretFile>,
    /// How many requests Gangway gets.
    pub limits: Limits,
    gangway: BaseUrl,
    transport: SharedTransport,
}

impl Servers {
    /// The stand-ins' Deck and bucket.
    #[cfg(test)]
    pub fn stand_in(transport: SharedTransport) -> Self {
        let prow = groups::Prow {
            deck_url: Some(standins::Server::Deck.base()),
            artifacts_url: Some(standins::Server::Bucket.base()),
            ..groups::Prow::default()
        };
        let addresses = Addresses::read(&prow, &groups::Gangway::default()).unwrap();
        addresses.open(transport).unwrap()
    }

    /// Gangway, asked with a token as far as the budget allows.
    pub fn gangway(&self, token: SecretFile, budget: Arc<Budget>) -> Arc<Gangway> {
        Arc::new(Gangway::new(self.gangway.clone(), token, self.transport.clone(), budget))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::InProcessTransport;

    #[test]
    fn a_wrong_flag_is_named() {
        let gangway = |url: &str, burst: &str| groups::Gangway {
            url: Some(url.to_owned()),
            burst: Some(burst.to_owned()),
            ..groups::Gangway::default()
        };
        let read = |gangway| Addresses::read(&groups::Prow::default(), &gangway);
        let known = read(groups::Gangway::default()).unwrap();
        assert_eq!(known.deck, DECK_URL.parse().unwrap());
        let error = read(gangway("nowhere", "1")).unwrap_err();
        assert!(error.starts_with("--gangway-url: "), "{error}");
        let error = read(gangway(GANGWAY_URL, "0")).unwrap_err();
        assert!(error.starts_with("--burst: "), "{error}");
    }

    #[test]
    fn a_token_that_is_named_is_there() {
        let none = InProcessTransport::new(|_| unreachable!("nothing is sent"));
        let prow = groups::Prow {
            deck_token_file: Some("/nowhere/token".into()),
            ..groups::Prow::default()
        };
        let addresses = Addresses::read(&prow, &groups::Gangway::default()).unwrap();
        let error = addresses.open(Arc::new(none)).unwrap_err().to_string();
        assert!(error.starts_with("--deck-token-file: "), "{error}");
    }
}
