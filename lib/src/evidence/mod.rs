//! What a run of a job left behind, and what that comes to.
//!
//! - [`look`]: one look at a run (Deck, the bucket, Gangway). [`reader`]: what its folder holds.
//! - [`ended`]: the evidence of a run that has ended. [`proof`]: which image it ran.
//! - [`rules`]: what a run must show. [`classify`]: what the evidence comes to, a pure function.
//!
//! Nothing here waits or writes: [`collect`](crate::collect) does. To add a cause: a variant of
//! [`Cause`](crate::record::Cause), a line in [`classify`], its words in `collect::words`.

pub mod classify;
pub mod ended;
pub mod look;
pub mod proof;
pub mod reader;
pub mod rules;

pub use ended::{Case, Ended, Nowhere};
pub use rules::{ProofMode, Rules, proof_logs};
