//! A new gate: what an overlay and an admission need to know, asked or given, and written.
//!
//! - [`questions`]: what is asked, what is taken where nothing is said, and what an answer must be.
//! - [`ask`]: the questions put to a person, with what was [found](offers) to choose from.
//! - [`files`]: the overlay, the admission and the commands that remain, made of the answers; pure.
//! - [`write`](write()): all files or none, and none over another.
//!
//! Nothing is applied: the commands that remain are printed.

pub mod ask;
pub mod files;
pub mod offers;
mod proof_log;
pub mod questions;
mod write;

use std::collections::BTreeMap;

pub use write::write;

/// Answers by their flags.
pub type Answers = BTreeMap<&'static str, String>;
