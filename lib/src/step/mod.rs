//! What every binary does before and after its own work: one generic `main`.
//!
//! In this order: TLS provider, panic hook, arguments, logging, results, the step itself (ended
//! early by SIGINT and SIGTERM), the error with its chain, the exit code.

pub mod args;
mod arguments;
pub mod command;
pub mod flags;
pub mod generate;
pub mod groups;
pub mod help;
mod last_words;
pub mod log;
pub mod results;
mod similar;
pub mod terminal;

use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

pub use arguments::Arguments;
pub use last_words::LastWords;
pub use log::LogFormat;
pub use results::{Results, ResultsError};

use self::args::ForBoot;
use self::flags::Boot;
use crate::clock::{SharedClock, SystemClock};
use crate::failure::{Chain, Exit, Failure};
use crate::text;

/// What the boot hands to a step.
#[derive(Debug)]
pub struct Step {
    /// The time, scaled by `--time-scale`.
    pub clock: SharedClock,
    /// Whether a person watches stderr, so that progress may be drawn.
    pub progress: bool,
    /// What is still to be done when the step is asked to stop.
    pub last_words: LastWords,
    /// The step's results, none of them set yet.
    pub results: Results,
}

/// Runs a binary: `run` gets the parsed arguments, and what it returns becomes the exit code.
///
/// On SIGINT and SIGTERM the step's future is dropped where it waits: whatever a step must not
/// lose is in the record before it waits for anything.
pub fn main<A, F, R>(name: &'static str, run: F) -> ExitCode
where
    A: Arguments,
    F: FnOnce(A, Step) -> R,
    R: Future<Output = Result<(), Failure>>,
{
    let _ = rustls::crypto::ring::default_provider().install_default();
    std::panic::set_hook(Box::new(move |info| {
        eprint_line(&format!(
            "error: a bug in {name}: {}; please report it with this line",
            text::harmless(&info.to_string()).replace('\n', ": ")
        ));
    }));
    let given: Vec<String> = match std::env::args_os()
        .skip(1)
        .map(std::ffi::OsString::into_string)
        .collect()
    {
        Ok(given) => given,
        Err(argument) => {
            return end(
                &Failure::misuse(format!("expected arguments in UTF-8, found {argument:?}")),
                LogFormat::Human,
            );
        }
    };
    let (args, boot) = match args::parse::<A>(name, Boot::of::<A>(), &given) {
        args::Parsed::Run(args, boot) => (args, boot),
        args::Parsed::Print(text) => {
            return match print(&mut io::stdout().lock(), &text) {
                Ok(()) => Exit::Done.into(),
                Err(error) => end(
                    &Failure::failed(format!("stdout: cannot write: {error}")),
                    LogFormat::Human,
                ),
            };
        }
        args::Parsed::Wrong(problem) => return end(&Failure::misuse(problem), LogFormat::Human),
    };
    let (format, clock) = match (log_format(&boot), clock(&boot)) {
        (Ok(format), Ok(clock)) => (format, clock),
        (Err(problem), _) | (_, Err(problem)) => {
            return end(&Failure::misuse(problem), LogFormat::Human);
        }
    };
    log::start(name, format);
    let path = |result| boot.value(&flags::of_result(result)).map(PathBuf::from);
    let results = match Results::declare(A::RESULTS.iter().map(|result| (*result, path(result)))) {
        Ok(results) => results,
        Err(error) => return end(&Failure::misuse(error), format),
    };
    let last_words = LastWords::default();
    let progress = terminal::can_redraw(&io::stderr()) && format == LogFormat::Human;
    let step = Step { clock, progress, last_words: last_words.clone(), results };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(&Failure::failed(error), format),
    };
    let result = runtime.block_on(async {
        let result = until_signalled(run(args, step)).await;
        if matches!(&result, Err(failure) if matches!(failure.exit, Exit::Interrupted | Exit::Terminated)) {
            last_words.say().await;
        }
        result
    });
    // A blocking read may still hang in the background; nothing waits for it.
    runtime.shutdown_background();
    match result {
        Ok(()) => Exit::Done.into(),
        Err(failure) => end(&failure, format),
    }
}

async fn until_signalled(step: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let listen = |kind| signal(kind).map_err(Failure::failed);
    let (mut interrupt, mut terminate) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tokio::select! {
        biased;
        _ = interrupt.recv() => Err(Failure::new(Exit::Interrupted, "interrupted; what was done is saved, run this step again to go on")),
        _ = terminate.recv() => Err(Failure::new(Exit::Terminated, "terminated; what was done is saved, run this step again to go on")),
        result = step => result,
    }
}

fn log_format(boot: &ForBoot) -> Result<LogFormat, String> {
    boot.value(flags::LOG_FORMAT)
        .map_or(Ok(LogFormat::default()), str::parse)
}

fn clock(boot: &ForBoot) -> Result<SharedClock, String> {
    let scale = match boot.value(flags::TIME_SCALE) {
        None => 1,
        Some(text) => {
            let wrong = || {
                format!("--time-scale: expected a whole number from 1 to 100000, found {text:?}")
            };
            text.parse()
                .ok()
                .filter(|scale| (1..=100_000).contains(scale))
                .ok_or_else(wrong)?
        }
    };
    Ok(Arc::new(SystemClock::new(scale)))
}

fn end(failure: &Failure, format: LogFormat) -> ExitCode {
    let text = Chain(failure.error.as_ref()).to_string();
    match format {
        LogFormat::Human => {
            let error = terminal::painted("error:", terminal::RED, terminal::colour(&io::stderr()));
            eprint_line(&format!("{error} {}", text::harmless(&text)));
        }
        LogFormat::Json => tracing::error!(exit = failure.exit as u8, "{text}"),
    }
    failure.exit.into()
}

/// Writes a page. A reader who has seen enough (`| head`) is no failure.
fn print(stdout: &mut impl Write, text: &str) -> io::Result<()> {
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

fn eprint_line(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
