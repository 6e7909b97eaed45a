//! The message of a run: what became of it, and what to do next.
//!
//! - [`Facts`] is all that the message is made from: the record as far as it could be read, what
//!   the flags say, and the runs before this one ([`History`]).
//! - [`outcome_of`] decides how the run ended, [`compose`](compose()) what to say: both are pure.
//! - A [`Message`] is rendered for Slack ([`Message::payload`]) and for a terminal
//!   ([`Message::text`]).
//! - [`run`] reads, waits for the Release, composes, sends, and notes in the record what was sent.

mod cancelled;
pub mod compose;
mod facts;
mod history;
pub mod jobs;
mod ladder;
mod message;
mod open;
mod outcome;
mod past;
mod preflight;
mod run;
pub mod words;

use cancelled::is_cancelled;
pub use compose::compose;
pub use facts::{Facts, Options, Sight, TaskStatus, VerifiedSight, run_url};
pub use history::{History, LastVerified};
pub use ladder::{Rung, RungError, whom};
pub use message::{Message, Tone};
pub use open::{Named, open};
pub use outcome::outcome_of;
pub use preflight::{RIGHTS, preflight};
pub use run::{
    Begin, Delivery, NotifyError, PATIENCE, RELEASE_WAIT, Sources, run, wait_for_release,
};

#[cfg(test)]
mod goldens;
#[cfg(test)]
mod headlines;
#[cfg(test)]
mod nights;
#[cfg(test)]
pub(crate) mod samples;
