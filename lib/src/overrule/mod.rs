//! A person accepts blocking jobs that did not pass, and promotes the image.
//!
//! It happens after the run has ended, and under the caller's own rights: the proof of who did it is
//! the author label of the Release, which Konflux's webhook sets; the name in the record is
//! information. Every check of a promotion holds but for the jobs that are named. create-release
//! knows nothing of what is accepted here. [`judge`] decides, and is pure.

mod judge;
mod preflight;
mod run;
#[cfg(test)]
mod tests;

pub use judge::{Unfit, judge};
pub use preflight::{RIGHTS, preflight};
pub use run::{Overruled, run};

use crate::promote;

/// override-gate's options.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--job`: the jobs that are accepted, by their full names.
    pub jobs: Vec<String>,
    /// `--reason`.
    pub reason: String,
    /// The promotion; its mode says whether it is only tried.
    pub promotion: promote::Options,
}
