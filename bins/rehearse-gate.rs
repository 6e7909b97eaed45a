//! Rehearses the whole gate on a laptop: the tasks of the shipped pipeline file as child processes,
//! against stand-in servers, in a few seconds. It holds the steps as the image's program does, and
//! starts itself by their names.
//!
//! Reads the pipeline file; writes nothing but what `--keep` asks for. Exit codes: 0 promoted,
//! 1 it could not decide or promote, 2 misuse, 3 the gate said no.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use argh::{ArgsInfo, FromArgs};
use gate::clock::{SharedClock, SystemClock};
use gate::cluster::Tenant;
use gate::duration::parse_days;
use gate::failure::Exit;
use gate::record::{FileStore, KEPT};
use gate::report::{self, Given, Loader, Narrow, Sources};
use gate::site::Site;
use gate::step::args::{Parsed, parse};
use gate::step::flags::Boot;
use gate::step::groups::Access;
use gate::step::terminal;
use rehearsal::rehearse::{Options, RehearseError, TIME_SCALE, list_scenarios, rehearse};
use rehearsal::season::Season;
use rehearsal::serve;
use tokio::signal::unix::{SignalKind, signal};

#[expect(dead_code, reason = "its `main` is the image's")]
#[path = "release-gate.rs"]
mod steps;

/// Rehearses the whole gate on this machine: the tasks of the pipeline file as child processes of
/// the real binaries, by Tekton's rules, against stand-in servers. A night of hours takes seconds.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "Reaches nothing but loopback, and writes nothing but what --keep asks for. What it does not understand in the pipeline file is an error.",
    example = "rehearse-gate",
    example = "rehearse-gate --scenario blocking-failure --keep /tmp/night",
    example = "rehearse-gate --nights 60 --keep /tmp/season",
    error_code(0, "promoted"),
    error_code(1, "it could not decide or promote"),
    error_code(2, "bad input; nothing was run"),
    error_code(3, "the gate said no")
)]
struct Args {
    /// what happens in the night [default: pass]
    #[argh(option, arg_name = "NAME", default = "\"pass\".to_owned()")]
    scenario: String,

    /// print the scenarios with their exit codes, and end
    #[argh(switch)]
    list_scenarios: bool,

    /// pipeline or PipelineRun to rehearse [default: .tekton/pipelines/ho-release-gate.yaml]
    #[argh(option, arg_name = "FILE")]
    pipeline: Option<PathBuf>,

    /// what names and ids are drawn from [default: 0]
    #[argh(option, arg_name = "N", default = "0")]
    seed: u64,

    /// new or empty folder for the record, its page, the logs, the messages and all requests; with
    /// --nights for the page
    #[argh(option, arg_name = "DIR")]
    keep: Option<PathBuf>,

    /// play so many nights of three gates at once instead, 1 to 60, as what they leave in a namespace,
    /// and show the report of it; no step runs
    #[argh(option, arg_name = "N")]
    nights: Option<usize>,

    /// gate seconds that pass in a second [default: 1500, with --serve 90]
    #[argh(option, arg_name = "N")]
    time_scale: Option<u32>,

    /// only start the stand-in servers, print how to run each step against them, and write the same as
    /// night.sh; Ctrl-C ends
    #[argh(switch)]
    serve: bool,
}

fn main() -> ExitCode {
    if let (_, Some(step)) = steps::called() {
        return step();
    }
    let given: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let args = match parse::<Args>("rehearse-gate", Boot::default(), &given) {
        Parsed::Run(args, _) => args,
        Parsed::Print(text) => {
            let _ = io::stdout().write_all(text.as_bytes());
            return Exit::Done.into();
        }
        Parsed::Wrong(problem) => return end(Exit::Misuse, problem),
    };
    if args.list_scenarios {
        let mut list = Vec::new();
        let listed = list_scenarios(&mut list);
        let list = terminal::fitted(&String::from_utf8_lossy(&list), terminal::width());
        return match listed.and_then(|()| io::stdout().write_all(list.as_bytes())) {
            Ok(()) => Exit::Done.into(),
            Err(error) => end(Exit::Failed, error),
        };
    }
    let nights = args.nights;
    let options = Options {
        steps: steps::STEPS.iter().map(|(name, _)| *name).collect(),
        scenario: args.scenario,
        pipeline: args.pipeline,
        seed: args.seed,
        keep: args.keep,
        time_scale: args
            .time_scale
            .unwrap_or(if args.serve { serve::TIME_SCALE } else { TIME_SCALE })
            .max(1),
        serve: args.serve,
        colour: terminal::colour(&io::stdout()),
        width: terminal::width(),
        redraw: terminal::can_redraw(&io::stderr()),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Exit::Failed, error),
    };
    runtime.block_on(until_signalled(&options, nights))
}

/// The rehearsal, ended by a signal; its children end with it.
async fn until_signalled(options: &Options, nights: Option<usize>) -> ExitCode {
    let [interrupt, terminate, hangup] =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (interrupt, terminate, hangup)
    else {
        return end(Exit::Failed, "the system gives no signals");
    };
    tokio::select! {
        ended = play(options, nights) => match ended {
            Ok(code) => code.into(),
            Err(RehearseError::Misuse(problem)) => end(Exit::Misuse, problem),
            Err(RehearseError::Failed(problem)) => end(Exit::Failed, problem),
        },
        // Ctrl-C is how the stand-ins are meant to end.
        _ = interrupt.recv() => if options.serve { Exit::Done.into() } else { end(Exit::Interrupted, "interrupted") },
        _ = terminate.recv() => end(Exit::Terminated, "terminated"),
        // The terminal was closed: its folder goes as well.
        _ = hangup.recv() => end(Exit::Terminated, "the terminal has gone"),
    }
}

async fn play(options: &Options, nights: Option<usize>) -> Result<u8, RehearseError> {
    let failed = |error: &dyn std::fmt::Display| RehearseError::Failed(error.to_string());
    let clock: SharedClock = Arc::new(SystemClock::new(1));
    let Some(nights) = nights else {
        let code = rehearse(options).await?;
        if let Some(folder) = options.keep.as_ref().filter(|_| !options.serve) {
            let mut given = Given::default();
            given
                .add(&FileStore::new(folder.join("record.json")), clock.now())
                .await;
            report::write(&given.report(clock.now()), folder).map_err(|error| failed(&error))?;
        }
        return Ok(code);
    };
    if options.serve || !(1..=KEPT).contains(&nights) {
        let expected = format!("--nights: expected 1 to {KEPT}, without --serve; found {nights}");
        return Err(RehearseError::Misuse(expected));
    }
    let season = Season { nights, ..Season::new(options.seed, clock.now()) };
    let standing = season.serve("acme-tenant").map_err(|error| failed(&error))?;
    let access = Access { kubeconfig: Some(standing.kubeconfig.clone()), ..Access::default() };
    let site = Site::new(access, clock.clone());
    let tenant = Tenant::new(site.cluster().await.map_err(|error| failed(&error))?, clock);
    let threshold = parse_days("3").map_err(|error| failed(&error))?;
    let report = Loader::new(Sources { tenant, archive: None, threshold }).load().await;
    let shown = match &options.keep {
        None => report::table(&report, &Narrow::default()),
        Some(folder) => {
            report::write(&report, folder).map_err(|error| failed(&error))?;
            format!("the report is in {}\n", folder.join("index.html").display())
        }
    };
    io::stdout()
        .write_all(shown.as_bytes())
        .map_err(|error| failed(&error))?;
    Ok(Exit::Done as u8)
}

fn end(exit: Exit, problem: impl std::fmt::Display) -> ExitCode {
    let error = terminal::painted("error:", terminal::RED, terminal::colour(&io::stderr()));
    let _ = writeln!(io::stderr(), "{error} {problem}");
    exit.into()
}
