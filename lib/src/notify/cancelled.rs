//! Whether somebody stopped the run: its PipelineRun says so.

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;

use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};
use crate::failure::Chain;

/// Reads the run's PipelineRun; `None` where that is not possible (no right, no such run). It is
/// only for the message's words: trouble with it is no error.
pub async fn is_cancelled(cluster: &Cluster, clock: &SharedClock, run: &str) -> Option<bool> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("tekton.dev", "v1", "PipelineRun"));
    let runs: Api<DynamicObject> =
        Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource);
    match cluster::patiently(clock, || runs.get(run)).await {
        Ok(run) => Some(says_cancelled(&run.data)),
        Err(error) => {
            tracing::debug!("cannot read PipelineRun {run}: {}", Chain(&error));
            None
        }
    }
}

/// `spec.status` of a PipelineRun that was stopped is `Cancelled`, `CancelledRunFinally` or
/// `StoppedRunFinally`. (tekton.dev, PipelineRuns, "Cancelling a PipelineRun")
fn says_cancelled(run: &Value) -> bool {
    let status = run
        .pointer("/spec/status")
        .and_then(Value::as_str)
        .unwrap_or_default();
    matches!(status, "Cancelled" | "CancelledRunFinally" | "StoppedRunFinally")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn three_words_mean_stopped() {
        for (status, stopped) in [
            ("CancelledRunFinally", true),
            ("StoppedRunFinally", true),
            ("PipelineRunPending", false),
        ] {
            assert_eq!(says_cancelled(&json!({"spec": {"status": status}})), stopped);
        }
        assert!(!says_cancelled(&json!({"spec": {}})));
    }
}
