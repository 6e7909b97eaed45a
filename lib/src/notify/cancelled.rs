//! Whether somebody stopped the run: its PipelineRun says so.

use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::failure::Chain;
use crate::tekton;

/// Reads the run's PipelineRun; `None` where that is not possible (no right, no such run). It is
/// only for the message's words: trouble with it is no error.
pub async fn is_cancelled(cluster: &Cluster, clock: &SharedClock, run: &str) -> Option<bool> {
    match tekton::pipeline_run(cluster, clock, run).await {
        Ok(run) => Some(run.is_stopped()),
        Err(error) => {
            tracing::debug!("cannot read PipelineRun {run}: {}", Chain(&error));
            None
        }
    }
}
