//! The PipelineRuns of a scenario.

use super::{PipelineRun, RUNS};
use crate::cluster::{ApiError, Tenant};
use crate::konflux::labels::{ID_LABEL, OF_SNAPSHOT_LABEL, SCENARIO_LABEL};

/// PipelineRuns on a page.
const A_PAGE: u32 = 50;

impl Tenant {
    /// All runs of a scenario, on whichever Snapshot.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn runs_of(&self, scenario: &str) -> Result<Vec<PipelineRun>, ApiError> {
        let selector = format!("{SCENARIO_LABEL}={scenario}");
        self.list(RUNS, &selector, A_PAGE, Some::<PipelineRun>).await
    }

    /// The runs of a scenario on a Snapshot that carry a trigger's id.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn runs_with(
        &self,
        snapshot: &str,
        scenario: &str,
        id: &str,
    ) -> Result<Vec<PipelineRun>, ApiError> {
        let selector =
            format!("{OF_SNAPSHOT_LABEL}={snapshot},{SCENARIO_LABEL}={scenario},{ID_LABEL}={id}");
        self.list(RUNS, &selector, A_PAGE, Some::<PipelineRun>).await
    }
}
