//! The version matrix: which combinations of versions must be tested, how often, and which are not.
//!
//! The job list names the **dimensions** (control plane, management cluster, platform, …) with
//! their values, and a job says in `cell` which combination it tests. A job with `every` is
//! **sampled**: it does not run every night, only when it is [due]. Such a job decides by its class
//! on a night on which it runs, and is no part of the request on the others: a pass on one image
//! says nothing of another. What the nights together have covered is the [coverage].
//!
//! Everything here is pure: the list, what is known of earlier runs, and the time go in.
//!
//! ```yaml
//! matrix:
//!   dimensions:
//!     cpo: ["4.19.z", "4.20.z"]     # quoted: 4.20 is a number, and the number 4.2
//!     management: ["4.19", "4.20"]
//!   required:                       # every combination if absent; a dimension left out: all its values
//!     - {cpo: "4.20.z"}
//!     - {cpo: "4.19.z", management: ["4.19"]}
//!   except:                         # taken away from the required ones
//!     - {cpo: "4.20.z", management: "4.19"}
//!   fresh: 7d                       # a required cell whose last pass is older is stale
//!   budget: 2                       # sampled jobs in one night
//! ```

mod cell;
mod check;
pub mod coverage;
pub mod due;
#[cfg(test)]
mod nights;
mod raw;
mod span;
mod tonight;

use std::collections::BTreeSet;

pub use cell::{Cell, words};
pub use check::{NIGHT, enough, nights};
pub use raw::{RawCell, RawMatrix, Wrong};
pub use span::{Days, SpanError, age};
pub use tonight::{Covered, Tonight};

/// What must be covered, and at what cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// The dimensions with their values, in the order of their names.
    pub dimensions: Vec<(String, Vec<String>)>,
    /// The cells that must be covered.
    pub required: BTreeSet<Cell>,
    /// How old a required cell's last pass may be; no bound where absent.
    pub fresh: Option<Days>,
    /// How many sampled jobs one night runs; all that are due where absent.
    pub budget: Option<u32>,
}

/// A job of the list, as far as the matrix asks.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its cell.
    pub cell: Option<&'a Cell>,
    /// Its `every`.
    pub every: Option<Days>,
}
