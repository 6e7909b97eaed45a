//! Logs: on stderr, for people or as JSON lines, filtered by `RUST_LOG` (default: info).
//!
//! Whatever `RUST_LOG` says, libraries speak at info and above only: below that, they show requests
//! as they are sent, with the token or the webhook's address. What this project says of itself
//! holds no secret at any level.

use std::ffi::OsString;
use std::io::{self, Write};
use std::str::FromStr;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::terminal;
use crate::text;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// A line that a person reads.
    #[default]
    Human,
    /// One JSON object a line: `{"timestamp":…,"level":…,"message":…, fields…}`.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            other => Err(format!("--log-format: expected human or json, found {other:?}")),
        }
    }
}

/// What is logged where `RUST_LOG` does not say. The client of the API server logs what fails
/// besides returning it; the step says it itself, in its own words.
const DEFAULT_FILTER: &str = "info,kube_client=off";

/// RFC 3339 to the second in UTC, as every other timestamp of the gate.
struct Seconds;

impl FormatTime for Seconds {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{:.0}", jiff::Timestamp::now())
    }
}

/// Standard error, for lines that hold what others said: see [`text::harmless`]. A JSON line
/// escapes as JSON does.
struct Harmless {
    /// Whether the line's own colours go through.
    colour: bool,
    json: bool,
}

impl Harmless {
    fn line(&self, line: &str) -> String {
        let mut shown = String::with_capacity(line.len());
        let mut rest = line;
        while let Some(at) = rest.find(text::is_harmful) {
            let (before, from) = rest.split_at(at);
            shown.push_str(before);
            if let Some(length) = self.colour.then(|| colour_code(from)).flatten() {
                shown.push_str(&from[..length]);
                rest = &from[length..];
                continue;
            }
            let c = from.chars().next().unwrap_or_default();
            match self.json {
                true => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
                false => shown.extend(c.escape_unicode()),
            }
            rest = &from[c.len_utf8()..];
        }
        shown + rest
    }
}

/// How long the colour code is that a text begins with; what a terminal does besides colours is
/// none.
fn colour_code(text: &str) -> Option<usize> {
    let numbers = text.strip_prefix("\u{1b}[")?;
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    numbers[end..].starts_with('m').then_some("\u{1b}[".len() + end + 1)
}

impl Write for Harmless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        io::stderr().write_all(self.line(&line).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Starts logging for the rest of the process, of the binary `name`.
pub fn start(name: &str, format: LogFormat) {
    let (filter, problem) = filter(std::env::var_os(EnvFilter::DEFAULT_ENV));
    let program = name.replace('-', "_");
    let harmless = filter_fn(move |metadata| is_harmless(&program, metadata));
    let colour = format == LogFormat::Human && terminal::colour(&io::stderr());
    let writer = move || Harmless { colour, json: format == LogFormat::Json };
    let base = fmt::layer()
        .with_writer(writer)
        .with_timer(Seconds)
        .with_target(false)
        .with_ansi(colour);
    let all = tracing_subscriber::registry().with(filter).with(harmless);
    // A second start (tests of one process) keeps the first.
    let _ = match format {
        // Fields repeat what the line says, for machines; on a terminal they only make it longer.
        LogFormat::Human if terminal::can_redraw(&io::stderr()) => {
            let words = format::debug_fn(|writer, field, value| match field.name() {
                "message" => write!(writer, "{value:?}"),
                _ => Ok(()),
            });
            all.with(base.fmt_fields(words)).try_init()
        }
        LogFormat::Human => all.with(base).try_init(),
        LogFormat::Json => all
            .with(
                base.json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_span_list(false),
            )
            .try_init(),
    };
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
}

/// What `RUST_LOG` asks for, and what is wrong with it if the default stands in for it.
fn filter(given: Option<OsString>) -> (EnvFilter, Option<String>) {
    let default = || EnvFilter::new(DEFAULT_FILTER);
    let Some(given) = given.filter(|given| !given.to_string_lossy().trim().is_empty()) else {
        return (default(), None);
    };
    let expected = "expected a level (error, warn, info, debug, trace) or TARGET=LEVEL,…; going on with the default";
    match given.to_str().map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => {
            (default(), Some(format!("RUST_LOG: cannot use {given:?}: {error}; {expected}")))
        }
        None => (default(), Some(format!("RUST_LOG: cannot use {given:?}: {expected}"))),
    }
}

/// Whether something said can hold no secret: by this project's own code, or loud enough.
fn is_harmless(program: &str, metadata: &Metadata<'_>) -> bool {
    let speaker = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || [program, "gate", "release_gate"].contains(&speaker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_said_does_nothing_to_a_terminal() {
        let foreign = "\u{1b}[33mWARN\u{1b}[0m \u{1b}[2J\u{202e}x\u{9b}";
        let line = |colour, json| Harmless { colour, json }.line(foreign);
        assert_eq!(line(true, false), "\u{1b}[33mWARN\u{1b}[0m \\u{1b}[2J\\u{202e}x\\u{9b}");
        assert_eq!(line(false, false), "\\u{1b}[33mWARN\\u{1b}[0m \\u{1b}[2J\\u{202e}x\\u{9b}");
        let json =
            format!("\"{}\"", Harmless { colour: false, json: true }.line("\u{202e}x\u{9b}"));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), "\u{202e}x\u{9b}");
    }

    #[test]
    fn rust_log_is_used_where_it_says_something() {
        let asked = |text: &str| {
            let (filter, problem) = filter(Some(text.into()));
            (filter.to_string(), problem)
        };
        let default = EnvFilter::new(DEFAULT_FILTER).to_string();
        assert_eq!(asked("gate=debug"), ("gate=debug".to_owned(), None));
        assert_eq!(asked("off").1, None);
        for nothing in ["", " "] {
            assert_eq!(asked(nothing), (default.clone(), None), "{nothing:?}");
        }
        for wrong in ["gate=loud", "=,=", "info,x=y=z"] {
            let (filter, problem) = asked(wrong);
            assert_eq!(filter, default);
            let problem = problem.unwrap_or_default();
            assert!(
                problem.starts_with("RUST_LOG: cannot use ") && problem.contains(wrong),
                "{wrong}: {problem}"
            );
        }
        assert_eq!(filter(None).1, None);
    }
}
