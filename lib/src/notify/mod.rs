//! The message of a run.
