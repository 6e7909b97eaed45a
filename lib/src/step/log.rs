//! Logs: on stderr, for people or as JSON lines, filtered by `RUST_LOG` (default: info).

use std::io;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{self, format::Writer};

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

/// RFC 3339 to the second in UTC, as every other timestamp of the gate.
struct Seconds;

impl FormatTime for Seconds {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{:.0}", jiff::Timestamp::now())
    }
}

/// Starts logging for the rest of the process.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let base = fmt::fmt().with_env_filter(filter).with_writer(io::stderr).with_timer(Seconds).with_target(false);
    // A second start (tests of one process) keeps the first.
    let _ = match format {
        LogFormat::Human => base.try_init(),
        LogFormat::Json => base.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
}
