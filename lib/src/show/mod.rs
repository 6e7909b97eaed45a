//! A run as its record tells of it, for people: how it ended or how far it is, its jobs with every
//! try, the promotion, what people accepted, and the next command.
//!
//! It only reads, so it may be asked at any time, also while the run goes on and by somebody who may
//! change nothing.
//!
//! - [`find`] opens the record that is meant, [`Source::look`] reads it.
//! - [`stage`] tells how far the run is, [`face`] says it; both are pure. The words are those of the
//!   message and of collect-results.
//! - [`watch`] says it again until the run has ended.

mod face;
mod find;
mod look;
mod rights;
mod stage;
mod watch;

pub use face::face;
pub use find::{Wanted, find};
pub use look::{Look, RunSight, Source};
pub use rights::{MESSAGES, RIGHTS};
pub use stage::{Stage, stage};
pub use watch::{INTERVAL, WAIT, Watch, watch};

#[cfg(test)]
mod tests;
