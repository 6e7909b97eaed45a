//! `frame-step`: from WHAT IT READS to WHAT IT DOES.
//!
//! Results: none yet.
//! Exit codes: 0 done; 1 it could not be done; 2 bad input.

use std::process::ExitCode;

use gate::arguments;
use gate::failure::{Failure, OrExit};
use gate::step::{self, Step};

arguments! {
    groups: access;
    results:;

    #[argh(
        description = "Does nothing yet.",
        example = "{command_name}",
        note = "WHAT ELSE A READER MUST KNOW.",
        error_code(0, "done"),
        error_code(1, "it could not be done; try again"),
        error_code(2, "bad input; nothing was done")
    )]
    struct Args {
        /// what it is done to
        #[argh(option, arg_name = "NAME")]
        name: Option<String>,
    }
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let _ = (args.name.as_ref(), args.access());
    step.results.write(String::new).failed()
}

pub(crate) fn main() -> ExitCode {
    step::main("frame-step", run)
}
