//! The decisions in tables, and the whole promotion against the stand-in cluster in paused time,
//! killed wherever a process can be killed.

mod crashes;
mod decisions;
mod forged;
pub(crate) mod harness;
mod noted;
mod waiting;
