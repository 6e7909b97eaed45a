//! What a run of a job left behind, and what that comes to.
//!
//! - [`look`]: one look at a run (Deck, the bucket, Gangway). [`reader`]: what its folder holds.
//! - [`ended`]: the evidence of a run that has ended. [`proof`]: which image it ran.
//! - [`ours`]: whether a run is the one that was ordered. [`again`]: a second look at runs that are said to
//!   have passed, since whoever says so may be wrong.
//! - [`rules`]: what a run must show. [`classify`]: what the evidence comes to, a pure function.
//!
//! Nothing here waits or writes: [`collect`](crate::collect) does. To add a cause: a variant of
//! [`Cause`](crate::record::Cause), a line in [`classify`], its words in `collect::words`.

pub mod again;
pub mod classify;
pub mod ended;
pub mod look;
pub mod ours;
pub mod proof;
pub mod reader;
pub mod rules;

pub use ended::{Case, Ended, Nowhere};
pub use rules::{GivenRules, ProofMode, Rules, proof_logs};
