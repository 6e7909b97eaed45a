//! Prow as seen from outside: Gangway launches, Deck and the artifact bucket tell.

pub mod bucket;
pub mod budget;
#[cfg(test)]
mod canned;
pub mod deck;
pub mod gangway;
pub mod job_url;
pub mod junit;
pub mod key;
pub mod prowjob;
