//! The whole wait against the stand-in servers, in process, on a clock that jumps.

mod faults;
mod forged;
mod green;
mod hostile;
mod past;
mod record;
mod reruns;
mod scene;
mod straight;
mod trouble;
