//! Tekton's PipelineRuns, as far as the gate reads them: the one form and the one place that knows
//! the API's group and version.
//!
//! Source of the shapes: tekton.dev/v1, `pkg/apis/pipeline/v1/pipelinerun_types.go`. Everything that
//! a controller fills in may be absent or `null`; what the gate does not use is not read.

mod read;
mod run;
mod timeouts;

pub use read::pipeline_run;
pub use run::{PipelineRun, RunLabels, RunMetadata, RunSpec, RunStatus, Timeouts};

/// Tekton's API group.
pub const GROUP: &str = "tekton.dev";

/// The group with the version of PipelineRuns that is read.
pub const GROUP_VERSION: &str = "tekton.dev/v1";

/// The plural of PipelineRun in the API's paths.
pub const RUNS: &str = "pipelineruns";
