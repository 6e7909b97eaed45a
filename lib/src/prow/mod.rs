//! Prow as seen from outside: Gangway launches, Deck and the artifact bucket tell.

/// Where OpenShift's Gangway is.
pub const GANGWAY_URL: &str = "https://gangway-ci.apps.ci.l2s4.p1.openshiftapps.com";

/// Where OpenShift's Deck is.
pub const DECK_URL: &str = "https://prow.ci.openshift.org";

/// Where OpenShift's Prow keeps artifacts.
pub const ARTIFACTS_URL: &str = "https://storage.googleapis.com";

pub mod bucket;
pub mod budget;
#[cfg(test)]
mod canned;
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
mod xml;
