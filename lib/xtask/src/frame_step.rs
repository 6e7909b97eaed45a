//! `frame-step`: from WHAT IT READS to WHAT IT DOES.
//!
//! Results: none yet.
//! Exit codes: 0 done; 1 it could not be done; 2 bad input.

use std::process::ExitCode;

use argh::{ArgsInfo, FromArgs};
use gate::failure::Failure;
use gate::step::{self, Results, Step};

#[derive(FromArgs, ArgsInfo)]
#[argh(
    description = "Does nothing yet.",
    example = "{command_name}",
    error_code(0, "done"),
    error_code(1, "it could not be done; try again"),
    error_code(2, "bad input; nothing was done")
)]
struct Args {
    /// how logs look [default: human]
    #[argh(option, arg_name = "human|json")]
    log_format: Option<String>,
    /// divide durations by this, for rehearsals [default: 1]
    #[argh(option, arg_name = "N")]
    time_scale: Option<String>,
}

impl step::Arguments for Args {
    fn log_format(&self) -> Option<&str> {
        self.log_format.as_deref()
    }

    fn time_scale(&self) -> Option<&str> {
        self.time_scale.as_deref()
    }
}

async fn run(_args: Args, _step: Step) -> Result<(), Failure> {
    let results = Results::declare([]).map_err(Failure::misuse)?;
    results.write(String::new).map_err(Failure::failed)
}

pub(crate) fn main() -> ExitCode {
    step::main::<Args, _, _>("frame-step", run)
}
