//! What a run of a job left behind, and what that comes to.
//!
//! - [`look`]: one look at a run (Deck, the bucket, Gangway). [`reader`]: what its folder holds;
//!   [`junits`]: its JUnit files.
//! - [`ended`]: the evidence of a run that has ended. [`proof`]: which image it ran, of the
//!   [`subject`]. [`account`]: what its artifacts say, and what contradicts a success. [`reasons`]:
//!   ci-operator's own words.
//! - [`ours`]: whether a run is the one that was ordered. [`again`]: a second look at runs that are
//!   said to have passed, since whoever says so may be wrong.
//! - [`rules`]: what a run must show. [`classify`]: what the evidence comes to, a pure function.
//!
//! Nothing here waits or writes: [`collect`](crate::collect) does. To add a cause: a variant of
//! [`Cause`](crate::record::Cause) (the compiler asks for its word and whether it can be run again;
//! add it to `ALL`), a line in [`classify`], its words in [`causes`](crate::gate::causes), and a
//! row in `docs/runbook.md` and `docs/migration.md`.

pub mod account;
pub mod again;
pub mod classify;
pub mod ended;
pub mod junits;
pub mod look;
pub mod ours;
pub mod proof;
pub mod reader;
pub mod reasons;
pub mod rules;
pub mod subject;

pub use ended::{Case, Ended, Nowhere};
pub use rules::{GivenRules, ProofMode, Rules, Strictness, proof_logs};
pub use subject::Subject;
