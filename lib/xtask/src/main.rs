//! `cargo xtask`: see `cargo xtask --help`.

#![expect(clippy::print_stdout, reason = "its answers are for people")]

use std::process::ExitCode;

use argh::FromArgs;
use xtask::release::{self, Release};
use xtask::tree::{self, git};
use xtask::version::Version;
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
    Release(ReleaseArgs),
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

/// Writes a version into every place that names one, dates the changelog, and pins the image into the
/// manifests; says what is left to do. The working tree must be clean.
#[derive(FromArgs)]
#[argh(subcommand, name = "release")]
struct ReleaseArgs {
    /// leave the working tree alone: make the release of the commit in target/release-VERSION
    #[argh(switch)]
    dry_run: bool,
    /// the image of the steps, NAME:TAG@sha256:DIGEST, that the manifests name
    #[argh(option)]
    image: Option<String>,
    /// the version, MAJOR.MINOR.PATCH
    #[argh(positional)]
    version: Version,
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
        Task::Release(args) => released(args).map(|()| true),
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

/// Makes a release, or only shows it.
fn released(args: ReleaseArgs) -> Result<(), String> {
    let root = repository("");
    let date = git(&root, &["show", "-s", "--format=%cs", "HEAD"])?;
    let release = Release { version: args.version, date, image: args.image };
    let changed = if args.dry_run {
        let folder = root.join("target").join(format!("release-{}", release.version));
        let made = tree::make(&root, &folder, &release)?;
        println!("made: {}", folder.display());
        match made.no_bill {
            None => println!("made: {}", folder.join(tree::BILL).display()),
            Some(why) => println!("left out: the bill of materials; {why}"),
        }
        made.changed
    } else {
        if !git(&root, &["status", "--porcelain"])?.is_empty() {
            return Err("the working tree has changes: commit or stash them".to_owned());
        }
        release::prepare(&root, &release)?
    };
    for file in &changed {
        println!("changed: {}", file.display());
    }
    println!("{}", tree::left(&release));
    Ok(())
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
