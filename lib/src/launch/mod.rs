//! Launching each job exactly once.
