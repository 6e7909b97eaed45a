//! Reading Konflux's objects one by one, and the Releases of a plan.

use kube::Api;

use super::objects::{self, Release, ReleasePlan, Snapshot};
use super::{PLANS, RELEASES, SNAPSHOTS};
use crate::cluster::{ApiError, Tenant};
use crate::image::Digest;

/// How many Releases a page holds; one has 6 KB, or 90 KB with the artifacts of a large
/// Application.
const A_PAGE: u32 = 50;

impl Tenant {
    /// A Snapshot with all that the gate reads of it.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn snapshot(&self, name: &str) -> Result<Option<Snapshot>, ApiError> {
        self.get(SNAPSHOTS, name).await
    }

    /// A ReleasePlan.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn plan(&self, name: &str) -> Result<Option<ReleasePlan>, ApiError> {
        self.get(PLANS, name).await
    }

    /// All live Releases of a plan, by their specs (labels are set by a webhook, and one that was
    /// made without it counts as well), and those whose names begin with `prefix`. Of those of
    /// another Snapshot little more is kept than says whether they pushed the `tested` digest:
    /// there may be thousands.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn releases_of(
        &self,
        plan: &str,
        prefix: &str,
        snapshot: &str,
        tested: &Digest,
    ) -> Result<Vec<Release>, ApiError> {
        let keep = |release: Release| {
            let name = release.metadata.name.as_deref().unwrap_or_default();
            let is_near = name.starts_with(prefix);
            let whole = is_near || release.spec.snapshot == snapshot;
            (is_near || release.spec.release_plan == plan)
                .then(|| objects::slim(release, whole, tested))
        };
        self.list(RELEASES, "", A_PAGE, keep).await
    }

    /// Releases for what is more than reading: creating and watching.
    pub(super) fn releases(&self) -> Api<Release> {
        Api::namespaced(self.cluster.client.clone(), self.namespace())
    }
}
