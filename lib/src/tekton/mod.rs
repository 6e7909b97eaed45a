//! Tekton's PipelineRuns, as far as the gate reads them: the one form and the one place that knows
//! the API's group and version.
//!
//! Source of the shapes: tekton.dev/v1, `pkg/apis/pipeline/v1/pipelinerun_types.go`. Everything
//! that a controller fills in may be absent or `null`; what the gate does not use is not read.

mod list;
mod read;
mod run;
mod timeouts;

pub use read::pipeline_run;
pub use run::{PipelineRun, RunMetadata, RunSpec, RunStatus, Timeouts};

use crate::cluster::Resource;

/// PipelineRuns, in the version that is read.
pub const RUNS: Resource =
    Resource { group: "tekton.dev", version: "v1", kind: "PipelineRun", plural: "pipelineruns" };
