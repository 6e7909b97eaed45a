//! `attest-verdict`: states the final verdict of a record, signs it, and brings it where consumers
//! find it.
//!
//! Whoever can write the record can write a verdict into it, so a statement that is signed, or that
//! goes beside the candidate, calls no job passed on the record's word: its run is asked again, as
//! before a promotion. [`verdict`] decides without clients, [`run`] asks and writes.
//!
//! A bundle goes into a repository of its own and never beside the candidate.

mod options;
mod overrides;
mod preflight;
mod run;
mod said;
pub mod verdict;

use crate::attest::store::Store;
use crate::cluster::Tenant;
use crate::failure::Failure;
use crate::prow;

pub use options::{Attest, Given, Options};
pub use preflight::{RIGHTS, preflight};
pub use run::run;
pub use said::Attested;

/// Opens a repository for reading and writing.
pub type Open<'a> = &'a (dyn Fn(&str) -> Result<Box<dyn Store>, Failure> + Sync);

/// Whom it asks.
#[derive(Clone, Copy)]
pub struct Servers<'a> {
    /// Deck and the artifact bucket.
    pub prow: &'a prow::Servers,
    /// Registries.
    pub registry: Open<'a>,
    /// The cluster with the Release of an override, where it is at hand.
    pub tenant: Option<&'a Tenant>,
}

impl std::fmt::Debug for Servers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Servers({:?})", self.prow)
    }
}

#[cfg(test)]
mod tests;
