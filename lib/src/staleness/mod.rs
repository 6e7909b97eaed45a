//! The alarm: how old is the newest verified image, and why is there no newer one.
//!
//! It runs on a schedule of its own, beside the gate, so that a gate that does not run at all is
//! noticed as well.
//!
//! - [`Evidence`] is what the sources tell ([`gather`]), each of which may not answer.
//! - [`judge`] decides from it: fresh, stale with its [`Cause`], or blind. It is pure.
//! - [`Ledger`] remembers what was told, so that an alert is repeated at most once per interval and
//!   its end is told; [`Ledger::due`] is pure too.
//! - [`Quiet`] is the time that does not count: weekends, block windows.

mod automatic;
mod check;
mod evidence;
mod gather;
mod judge;
mod ledger;
mod message;
mod preflight;
mod prune;
mod quiet;
#[cfg(test)]
pub(crate) mod samples;

pub use automatic::{Alarm, Automatic, automatic};
pub use check::{CheckError, Checked, Options, REPEAT, check};
pub use evidence::{Build, Evidence, Reach, Source, SourceName, Verified};
pub use gather::{PATIENCE, Sources, gather, releases};
pub use judge::{Cause, Finding, judge};
pub use ledger::{Alert, Ledger, LedgerError, Loaded, Told};
pub use message::{Context, compose, summary};
pub use preflight::{RIGHTS, preflight};
pub use prune::{prune, prune_bisects, prune_histories};
pub use quiet::{Quiet, QuietError};

#[cfg(test)]
mod histories;
