//! What `cargo xtask new-step` begins with must fit the library: it is built here.

use std::process::ExitCode;

#[path = "../lib/xtask/src/frame_step.rs"]
mod frame_step;

#[test]
fn the_frame_of_a_step_builds() {
    let _: fn() -> ExitCode = frame_step::main;
}
