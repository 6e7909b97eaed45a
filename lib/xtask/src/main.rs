//! `cargo xtask`: see `cargo xtask --help`.

#![expect(clippy::print_stdout, reason = "its answers are for people")]

use std::process::ExitCode;

use argh::FromArgs;
use xtask::{generate, new_step, repository};

/// What a developer runs on this repository.
#[derive(FromArgs)]
struct Args {
    #[argh(subcommand)]
    task: Task,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Task {
    Generate(Generate),
    Check(Check),
    NewStep(NewStep),
}

/// Writes every generated file that is stale: help pages, screens of the rehearsal, messages, Tasks
/// with their READMEs, the PipelineRun file, the record's schema.
#[derive(FromArgs)]
#[argh(subcommand, name = "generate")]
struct Generate {}

/// Says which generated files are stale, and exits 1 if there is one. Plain cargo test fails on
/// them as well.
#[derive(FromArgs)]
#[argh(subcommand, name = "check")]
struct Check {}

/// Lays out a new step: its binary, its entries, its help page; says what is left to fill in.
#[derive(FromArgs)]
#[argh(subcommand, name = "new-step")]
struct NewStep {
    /// the binary's name: lower-case words joined by hyphens, such as tag-image
    #[argh(positional)]
    name: String,
}

fn main() -> ExitCode {
    let args: Args = argh::from_env();
    let done = match args.task {
        Task::Generate(_) => generated(true),
        Task::Check(_) => generated(false),
        Task::NewStep(NewStep { name }) => new_step::lay_out(&repository(""), &name).map(|left| {
            println!("{left}");
            true
        }),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything is current and the tests that hold it pass.
fn generated(write: bool) -> Result<bool, String> {
    let report = generate::run(write).map_err(|error| format!("run the tests: {error}"))?;
    let word = if write { "written" } else { "stale" };
    for file in &report.files {
        println!("{word}: {file}");
    }
    if report.files.is_empty() && report.passed {
        println!("every generated file is current");
    }
    if !report.passed {
        println!("a test that holds generated files fails for another reason, see above");
    }
    Ok(report.passed && (write || report.files.is_empty()))
}
