//! Prow as seen from outside: Gangway launches, Deck and the artifact bucket tell.

use crate::secret::SecretFile;

/// Where OpenShift's Gangway is.
pub const GANGWAY_URL: &str = "https://gangway-ci.apps.ci.l2s4.p1.openshiftapps.com";

/// Where OpenShift's Deck is.
pub const DECK_URL: &str = "https://prow.ci.openshift.org";

/// Where OpenShift's Prow keeps artifacts.
pub const ARTIFACTS_URL: &str = "https://storage.googleapis.com";

/// The buckets of OpenShift's Prow, the one in use first. Only Prow writes to their
/// `logs/JOB/BUILD`.
pub const BUCKETS: [&str; 4] = [
    "test-platform-results-public",
    "test-platform-results",
    "qe-private-deck",
    "origin-ci-private",
];

pub mod bucket;
pub mod budget;
#[cfg(test)]
pub(crate) mod canned;
#[cfg(test)]
mod captured;
pub mod deck;
pub mod finished;
pub mod gangway;
pub mod job_url;
pub mod junit;
pub mod key;
pub mod operator;
pub mod prowjob;
mod servers;
mod state;
pub mod tally;
mod xml;

pub use servers::{Addresses, Servers};
pub use state::JobState;
pub use tally::TestCounts;

/// The buckets that `--bucket` names, or those of OpenShift's Prow.
///
/// # Errors
/// What is no bucket's name.
pub fn buckets(given: &[String]) -> Result<Vec<String>, String> {
    let fits =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    match given
        .iter()
        .find(|name| name.is_empty() || name.len() > 222 || !name.chars().all(fits))
    {
        Some(name) => Err(format!(
            "--bucket: expected a bucket's name such as {}, found {name:?}",
            BUCKETS[0]
        )),
        None if given.is_empty() => Ok(BUCKETS.map(str::to_owned).to_vec()),
        None => Ok(given.to_vec()),
    }
}

/// Tokens for what Prow leaves behind, where that is not for everybody.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// `--deck-token-file`.
    pub deck: Option<SecretFile>,
    /// `--artifacts-token-file`.
    pub artifacts: Option<SecretFile>,
}
