//! What the trigger asks of the cluster.

use std::collections::BTreeSet;

use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Brief;
use super::brief::{self, Unreadable};
use super::known::Owner;
use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};
use crate::failure::Failure;
use crate::konflux::labels::{
    ID_LABEL, KEEP_ANNOTATION, OF_SNAPSHOT_LABEL, RUN_LABEL, SCENARIO_LABEL,
};
use crate::tekton::{self, PipelineRun};
use crate::verified::ReleaseBrief;

/// Snapshots on a page: of each little is kept.
const PAGE: u32 = 100;

/// How often a list is begun again when it has changed under our hands.
const RESTARTS: u32 = 5;

const SNAPSHOTS: (&str, &str) = ("appstudio.redhat.com/v1alpha1", "snapshots");
const RELEASES: (&str, &str) = ("appstudio.redhat.com/v1alpha1", "releases");
const RUNS: (&str, &str) = (tekton::GROUP_VERSION, tekton::RUNS);
const SCENARIOS: (&str, &str) = ("appstudio.redhat.com/v1beta2", "integrationtestscenarios");

/// Why nothing could be triggered.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// The cluster does not answer, or says no.
    #[error("cannot {action}{}", hint(source))]
    Cluster {
        /// What was tried.
        action: String,
        /// The answer.
        source: kube::Error,
    },
    /// The Snapshot named by the user is not there.
    #[error(
        "--snapshot: there is no Snapshot {name}; trigger-gate --dry-run lists those there are"
    )]
    NoSnapshot {
        /// Its name.
        name: String,
    },
    /// The Snapshot named by the user cannot be gated.
    #[error("--snapshot: {name} is not fit: {why}; --force takes it all the same")]
    Unfit {
        /// Its name.
        name: String,
        /// What speaks against it.
        why: String,
    },
}

fn hint(error: &kube::Error) -> &'static str {
    match cluster::code(error) {
        Some(401) => " (the credentials are not accepted)",
        Some(403) => " (the service account lacks the right)",
        _ => "",
    }
}

impl TriggerError {
    /// Whether the same question may be answered a moment later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Cluster { source, .. } if cluster::is_transient(source))
    }
}

impl From<TriggerError> for Failure {
    fn from(error: TriggerError) -> Self {
        Self::failed(error)
    }
}

/// The namespace that the Snapshots are in.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The cluster.
    pub cluster: Cluster,
    /// The time, for reads that are tried again.
    pub clock: SharedClock,
}

/// An object's name and labels.
#[derive(Deserialize)]
struct Labelled<T> {
    metadata: NameAndLabels<T>,
}

#[derive(Deserialize)]
struct NameAndLabels<T> {
    name: String,
    #[serde(default = "Option::default")]
    labels: Option<T>,
}

impl Tenant {
    /// The namespace of a cluster.
    pub fn new(cluster: Cluster, clock: SharedClock) -> Self {
        Self { cluster, clock }
    }

    /// Shows every Snapshot of an application's component, a page at a time; in memory is one page.
    /// An entry that has not the form of a Snapshot is shown as one that cannot be read.
    pub async fn each_snapshot(
        &self,
        application: Option<&str>,
        component: Option<&str>,
        mut look: impl FnMut(Result<&Brief, &Unreadable>),
    ) -> Result<(), TriggerError> {
        let of = |key: &str, value: Option<&str>| {
            value.map(|value| format!("appstudio.openshift.io/{key}={value}"))
        };
        let mut seen = 0;
        // A Snapshot belongs to an Application or to a ComponentGroup.
        for owner in ["application", "component-group"] {
            let selector: Vec<_> = of(owner, application)
                .into_iter()
                .chain(of("component", component))
                .collect();
            self.each(SNAPSHOTS, &selector.join(","), PAGE, |entry: Box<RawValue>| {
                seen += 1;
                look(brief::read(entry.get()).as_ref());
            })
            .await?;
            if seen > 0 || application.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// A Snapshot by its name.
    pub async fn snapshot(&self, name: &str) -> Result<Option<Brief>, TriggerError> {
        self.get(SNAPSHOTS, name).await
    }

    /// A scenario.
    pub async fn scenario(&self, name: &str) -> Result<Option<Value>, TriggerError> {
        self.get(SCENARIOS, name).await
    }

    /// Whether a scenario exists; `None` where that may not be read.
    pub async fn scenario_exists(&self, name: &str) -> Option<bool> {
        self.scenario(name).await.ok().map(|found| found.is_some())
    }

    /// The names of all scenarios.
    pub async fn scenario_names(&self) -> Result<BTreeSet<String>, TriggerError> {
        let mut names = BTreeSet::new();
        let add = |scenario: Labelled<IgnoredAny>| names.extend([scenario.metadata.name]);
        self.each(SCENARIOS, "", 50, add).await?;
        Ok(names)
    }

    /// To whom Snapshots belong, each owner once.
    pub async fn owners(&self) -> Result<BTreeSet<Owner>, TriggerError> {
        let mut owners = BTreeSet::new();
        let add = |snapshot: Labelled<Owner>| {
            owners.extend([snapshot.metadata.labels.unwrap_or_default()])
        };
        self.each(SNAPSHOTS, "", PAGE, add).await?;
        Ok(owners)
    }

    /// All runs of a scenario, on whichever Snapshot.
    pub async fn runs_of(&self, scenario: &str) -> Result<Vec<PipelineRun>, TriggerError> {
        let mut runs = Vec::new();
        self.each(RUNS, &format!("{SCENARIO_LABEL}={scenario}"), 50, |run: PipelineRun| {
            runs.push(run)
        })
        .await?;
        Ok(runs)
    }

    /// Shows every live Release; their labels are set by a webhook, so that plans are compared by
    /// the spec.
    pub async fn each_release(&self, look: impl FnMut(ReleaseBrief)) -> Result<(), TriggerError> {
        self.each(RELEASES, "", 50, look).await
    }

    /// The runs of a scenario on a Snapshot that carry a trigger's id.
    pub async fn runs_with(
        &self,
        snapshot: &str,
        scenario: &str,
        id: &str,
    ) -> Result<Vec<PipelineRun>, TriggerError> {
        let selector =
            format!("{OF_SNAPSHOT_LABEL}={snapshot},{SCENARIO_LABEL}={scenario},{ID_LABEL}={id}");
        let mut runs = Vec::new();
        self.each(RUNS, &selector, 10, |run: PipelineRun| runs.push(run))
            .await?;
        Ok(runs)
    }

    /// Sets the label that starts a scenario, with an id, and keeps the Snapshot: all in one patch
    /// that is refused (409) if the Snapshot has changed since it was read. Not repeated: what came
    /// of it is seen by looking.
    pub async fn label(
        &self,
        read: &Brief,
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
        self.patch(&read.metadata.name, &change).await
    }

    /// Takes the label away, if the Snapshot has not changed since it was read.
    pub async fn unlabel(&self, read: &Brief) -> Result<(), kube::Error> {
        let change = json!({"metadata": {
            "resourceVersion": read.metadata.resource_version,
            "labels": {RUN_LABEL: null},
        }});
        self.patch(&read.metadata.name, &change).await
    }

    async fn patch(&self, name: &str, change: &Value) -> Result<(), kube::Error> {
        let params = kube::api::PatchParams {
            field_manager: Some("trigger-gate".into()),
            ..Default::default()
        };
        let request = Request::new(self.path(SNAPSHOTS)).patch(
            name,
            &params,
            &kube::api::Patch::Merge(change),
        );
        let request = request.map_err(kube::Error::BuildRequest)?;
        self.cluster.client.request::<IgnoredAny>(request).await.map(drop)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        kind: (&str, &str),
        name: &str,
    ) -> Result<Option<T>, TriggerError> {
        let action = format!("read {} {name} in namespace {}", kind.1, self.cluster.namespace);
        let ask = || async {
            let request = Request::new(self.path(kind)).get(name, &Default::default());
            self.cluster
                .client
                .request::<T>(request.map_err(kube::Error::BuildRequest)?)
                .await
        };
        match cluster::patiently(&self.clock, ask).await {
            Ok(found) => Ok(Some(found)),
            Err(error)
                if cluster::code(&error) == Some(404) && !cluster::is_missing_namespace(&error) =>
            {
                Ok(None)
            }
            Err(source) => Err(TriggerError::Cluster { action, source }),
        }
    }

    async fn each<T: DeserializeOwned>(
        &self,
        kind: (&str, &str),
        selector: &str,
        limit: u32,
        mut look: impl FnMut(T),
    ) -> Result<(), TriggerError> {
        let failed = |source| TriggerError::Cluster {
            action: format!("list {} in namespace {}", kind.1, self.cluster.namespace),
            source,
        };
        let mut token: Option<String> = None;
        let mut restarts = 0;
        loop {
            let params = ListParams::default().labels(selector).limit(limit);
            let params = token
                .iter()
                .fold(params, |params, token| params.continue_token(token));
            let path = self.path(kind);
            let ask = || cluster::page(&self.cluster.client, &path, &params, Some::<T>);
            let page = match cluster::patiently(&self.clock, ask).await {
                Ok(page) => page,
                // Seen Snapshots are seen again: to look at one twice does no harm.
                Err(error) if cluster::code(&error) == Some(410) && restarts < RESTARTS => {
                    restarts += 1;
                    token = None;
                    continue;
                }
                Err(error) => return Err(failed(error)),
            };
            page.kept.into_iter().for_each(&mut look);
            token = page.next;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    fn path(&self, (group_version, plural): (&str, &str)) -> String {
        format!("/apis/{group_version}/namespaces/{}/{plural}", self.cluster.namespace)
    }
}
