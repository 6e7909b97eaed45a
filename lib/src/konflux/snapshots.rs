//! Listing Snapshots, and the label of a Snapshot that starts a scenario.

use std::collections::BTreeSet;

use kube::api::{Patch, PatchParams};
use kube::core::Request;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::labels::{
    APPLICATION_LABEL, COMPONENT_GROUP_LABEL, COMPONENT_LABEL, ID_LABEL, KEEP_ANNOTATION, Owner,
    RUN_LABEL,
};
use super::snapshot_brief::{self, SnapshotBrief, Unreadable};
use super::{SCENARIOS, SNAPSHOTS};
use crate::cluster::{ApiError, Tenant};
use crate::null::or_default;

/// Snapshots on a page: of each little is kept.
const SNAPSHOTS_A_PAGE: u32 = 100;

/// Scenarios on a page.
const SCENARIOS_A_PAGE: u32 = 50;

/// An object's name and its labels.
#[derive(Deserialize)]
struct Labelled<T: Default> {
    #[serde(bound(deserialize = "T: Deserialize<'de>"))]
    metadata: NameAndLabels<T>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Default + Deserialize<'de>"))]
struct NameAndLabels<T> {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    labels: T,
}

impl Tenant {
    /// As much of a Snapshot as the choice needs.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn snapshot_brief(&self, name: &str) -> Result<Option<SnapshotBrief>, ApiError> {
        self.get(SNAPSHOTS, name).await
    }

    /// Shows every Snapshot of an application's component, a page at a time; in memory is one page.
    /// An entry that has not the form of a Snapshot is shown as one that cannot be read.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn each_snapshot(
        &self,
        application: Option<&str>,
        component: Option<&str>,
        mut look: impl FnMut(Result<&SnapshotBrief, &Unreadable>),
    ) -> Result<(), ApiError> {
        let of = |key: &str, value: Option<&str>| value.map(|value| format!("{key}={value}"));
        let mut seen = 0;
        // A Snapshot belongs to an Application or to a ComponentGroup.
        for owner in [APPLICATION_LABEL, COMPONENT_GROUP_LABEL] {
            let selector: Vec<_> = of(owner, application)
                .into_iter()
                .chain(of(COMPONENT_LABEL, component))
                .collect();
            let show = |entry: Box<RawValue>| {
                seen += 1;
                look(snapshot_brief::read(entry.get()).as_ref());
            };
            self.each(SNAPSHOTS, &selector.join(","), SNAPSHOTS_A_PAGE, show)
                .await?;
            if seen > 0 || application.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// To whom Snapshots belong, each owner once.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn owners(&self) -> Result<BTreeSet<Owner>, ApiError> {
        let mut owners = BTreeSet::new();
        let add = |snapshot: Labelled<Owner>| owners.extend([snapshot.metadata.labels]);
        self.each(SNAPSHOTS, "", SNAPSHOTS_A_PAGE, add).await?;
        Ok(owners)
    }

    /// An IntegrationTestScenario as the cluster has it.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn scenario(&self, name: &str) -> Result<Option<Value>, ApiError> {
        self.get(SCENARIOS, name).await
    }

    /// Whether a scenario exists; `None` where that may not be read.
    pub async fn scenario_exists(&self, name: &str) -> Option<bool> {
        self.scenario(name).await.ok().map(|found| found.is_some())
    }

    /// The names of all scenarios.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn scenario_names(&self) -> Result<BTreeSet<String>, ApiError> {
        let mut names = BTreeSet::new();
        let add = |scenario: Labelled<Option<IgnoredAny>>| names.extend([scenario.metadata.name]);
        self.each(SCENARIOS, "", SCENARIOS_A_PAGE, add).await?;
        Ok(names)
    }

    /// Sets the label that starts a scenario, with an id, and keeps the Snapshot: all in one patch
    /// that is refused (409) if the Snapshot has changed since it was read. Not repeated: what came
    /// of it is seen by looking.
    ///
    /// # Errors
    /// The API server's answer.
    pub async fn label(
        &self,
        read: &SnapshotBrief,
        scenario: &str,
        id: &str,
        keep: Option<&str>,
    ) -> Result<(), kube::Error> {
        let mut change = json!({"metadata": {
            "resourceVersion": read.metadata.resource_version,
            "labels": {RUN_LABEL: scenario, ID_LABEL: id},
        }});
        if let Some(keep) = keep {
            change["metadata"]["annotations"] = json!({KEEP_ANNOTATION: keep});
        }
        self.patch_snapshot(&read.metadata.name, &change).await
    }

    /// Takes the label away, if the Snapshot has not changed since it was read.
    ///
    /// # Errors
    /// The API server's answer.
    pub async fn unlabel(&self, read: &SnapshotBrief) -> Result<(), kube::Error> {
        let change = json!({"metadata": {
            "resourceVersion": read.metadata.resource_version,
            "labels": {RUN_LABEL: null},
        }});
        self.patch_snapshot(&read.metadata.name, &change).await
    }

    /// Keeps a Snapshot for so long from its creation, if it has not changed since it was read.
    ///
    /// # Errors
    /// The API server's answer.
    pub async fn keep(&self, read: &SnapshotBrief, keep: &str) -> Result<(), kube::Error> {
        let change = json!({"metadata": {
            "resourceVersion": read.metadata.resource_version,
            "annotations": {KEEP_ANNOTATION: keep},
        }});
        self.patch_snapshot(&read.metadata.name, &change).await
    }

    async fn patch_snapshot(&self, name: &str, change: &Value) -> Result<(), kube::Error> {
        let params =
            PatchParams { field_manager: Some("trigger-gate".into()), ..Default::default() };
        let request = Request::new(SNAPSHOTS.path(self.namespace()))
            .patch(name, &params, &Patch::Merge(change))
            .map_err(kube::Error::BuildRequest)?;
        self.cluster.client.request::<IgnoredAny>(request).await.map(drop)
    }
}
