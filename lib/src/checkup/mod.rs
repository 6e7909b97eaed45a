//! check-gate: a whole gate looked at before the night, as it will run.
//!
//! Each step's `--check` is only worth something under the step's own account, with its own secrets, on
//! its own cluster. So the run that the scenario would start is started as a check, and so is a Job of each
//! of its CronJobs; what the steps say is shown as it comes, and everything is removed again.
//!
//! - [`objects`] makes the check run and the check Jobs. [`rows`] reads what the steps say.
//! - [`run`] creates, follows and removes.

pub mod objects;
pub mod rows;
mod watch;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

pub use watch::{Sum, run};

use crate::name::ObjectName;

/// How long the checks may take where nothing else is said (10 minutes).
pub const TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// What is checked.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--scenario`.
    pub scenario: ObjectName,
    /// `--snapshot`: this one instead of the newest of a push.
    pub snapshot: Option<ObjectName>,
    /// `--run-file`, read: the PipelineRun that the scenario's resolver fetches.
    pub run: Value,
    /// `--wait`.
    pub timeout: Duration,
    /// `--keep`: the objects stay, for whoever wants to look at them.
    pub keep: bool,
}

/// The file that the scenario's resolver fetches, in a clone of the repository.
const RUN_FILE: &str = ".tekton/pipelines/ho-release-gate-run.yaml";

/// No PipelineRun's file is larger (4 MiB).
const LARGEST: u64 = 4 << 20;

/// Reads `--run-file`.
///
/// # Errors
/// Which file cannot be read, or is no YAML.
pub fn run_file(given: Option<&Path>) -> Result<Value, String> {
    let path = given.unwrap_or(Path::new(RUN_FILE));
    let wrong = |why: &dyn std::fmt::Display| {
        format!(
            "--run-file: expected the PipelineRun of the scenario's pathInRepo, from a clone of its repository; {}: {why}",
            path.display()
        )
    };
    let size = std::fs::metadata(path).map_err(|error| wrong(&error))?.len();
    if size > LARGEST {
        return Err(wrong(&format_args!("{size} bytes are more than {LARGEST}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    serde_saphyr::from_str(&text)
        .map_err(|error| wrong(&crate::text::one_line(&error.to_string(), 300)))
}
