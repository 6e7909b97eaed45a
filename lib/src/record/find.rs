//! Finding the records of a gate or a scenario: by their labels, and then by what they say
//! themselves. Names tell nothing: the runs of all platforms may have names of one shape.

use std::ops::ControlFlow;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, ObjectMeta};

use super::configmap::KEY;
use super::journal::decode;
use super::{GateRecord, Past, RecordError, labels};
use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};

/// Records named at once; only their metadata comes.
const PAGE: u32 = 200;

/// No more records are read than these: a gate's are pruned to 60, and several gates may share a
/// namespace.
const MOST: usize = 500;

/// The records of all gates.
const KINDS: &str = "release-gate/kind=gate";

/// How often the list is begun again when it has changed under our hands.
const RESTARTS: u32 = 5;

/// Whose records.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// A gate's, by its name for people.
    Gate(&'a str),
    /// A scenario's. Records of steps that were told no scenario are known by their PipelineRuns.
    Scenario {
        /// Its name.
        name: &'a str,
        /// The UIDs of its PipelineRuns.
        runs: &'a [&'a str],
    },
    /// All of the namespace.
    Anybody,
}

impl Whose<'_> {
    fn label(self, meta: &ObjectMeta) -> Option<&str> {
        let key = match self {
            Self::Gate(_) => labels::GATE,
            Self::Scenario { .. } => labels::SCENARIO,
            Self::Anybody => return None,
        };
        meta.labels.as_ref()?.get(key).map(String::as_str)
    }

    fn name(&self) -> &str {
        match self {
            Self::Gate(name) | Self::Scenario { name, .. } => name,
            Self::Anybody => "",
        }
    }

    fn has_label(self, meta: &ObjectMeta) -> bool {
        self.label(meta) == Some(labels::value(self.name()).as_str())
    }

    /// What a record says itself decides: a label holds less than a name, and may be gone.
    fn owns(self, meta: &ObjectMeta, record: &GateRecord) -> bool {
        let said = match self {
            Self::Gate(_) => &record.gate,
            Self::Scenario { .. } => &record.scenario,
            Self::Anybody => return true,
        };
        match (said, self) {
            (Some(said), _) => said == self.name(),
            (None, Self::Scenario { runs, .. }) if self.label(meta).is_none() => {
                runs.contains(&record.id.as_str())
            }
            (None, _) => self.has_label(meta),
        }
    }
}

/// A record that is there and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The ConfigMap's name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Why.
    pub why: String,
}

/// Past runs, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PastRuns {
    /// Those whose records can be read.
    pub runs: Vec<Past>,
    /// Records that carry the label and cannot be read: not known, which is not the same as none.
    pub unreadable: Vec<Unreadable>,
}

/// How many are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// No more than so many of the newest.
    pub most: usize,
    /// None whose ConfigMap was created before.
    pub since: Option<Timestamp>,
    /// Not the run of that id.
    pub except: Option<&'a str>,
}

impl Default for Limits<'_> {
    /// As many as a gate keeps.
    fn default() -> Self {
        Self { most: super::KEPT, since: None, except: None }
    }
}

/// The past runs in the cluster's namespace, newest first. A record that cannot be read is named
/// with a warning.
///
/// # Errors
/// The API server's answer, where it still does not show the records after some tries.
pub async fn past_runs(
    cluster: &Cluster,
    clock: &SharedClock,
    whose: Whose<'_>,
    limits: Limits<'_>,
) -> Result<PastRuns, kube::Error> {
    let mut found = PastRuns::default();
    each(cluster, clock, whose, limits.since, |meta, record| {
        match record {
            Ok(record) if limits.except == Some(record.id.as_str()) => {}
            Ok(record) => found.runs.push(Past::of(meta, &record)),
            Err(error) => {
                tracing::warn!("{error}");
                let (name, why) = (
                    meta.name.clone().unwrap_or_default(),
                    crate::failure::Chain(&error).to_string(),
                );
                found
                    .unreadable
                    .push(Unreadable { name, created_at: created(meta), why });
            }
        }
        if found.runs.len() < limits.most {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })
    .await?;
    found.runs.sort_by_key(|run| std::cmp::Reverse(run.created_at));
    Ok(found)
}

/// Shows each record of a gate or a scenario, the one created last first, until told to stop.
///
/// # Errors
/// The API server's answer.
pub async fn each(
    cluster: &Cluster,
    clock: &SharedClock,
    whose: Whose<'_>,
    since: Option<Timestamp>,
    mut look: impl FnMut(&ObjectMeta, Result<GateRecord, RecordError>) -> ControlFlow<()>,
) -> Result<(), kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let fits = |meta: &ObjectMeta| {
        (whose.label(meta).is_none() || whose.has_label(meta))
            && since.is_none_or(|since| created(meta) >= since)
    };
    let listed = documents(cluster, clock, KINDS).await?;
    for seen in listed.iter().filter(|meta| fits(meta)).take(MOST) {
        let Some(name) = &seen.name else { continue };
        let Some(object) = cluster::patiently(clock, || api.get_opt(name)).await? else { continue };
        let (meta, data) = (object.metadata, object.data);
        let document = data.and_then(|mut data| data.remove(KEY)).unwrap_or_default();
        let record = decode(document.as_bytes(), &format!("the record configmap:{name}"));
        let ours = match &record {
            Ok(record) => whose.owns(&meta, record),
            Err(_) => matches!(whose, Whose::Anybody) || whose.has_label(&meta),
        };
        if ours && look(&meta, record).is_break() {
            break;
        }
    }
    Ok(())
}

/// How many records carry the label, as their metadata alone tells.
///
/// # Errors
/// The API server's answer.
pub async fn count(
    cluster: &Cluster,
    clock: &SharedClock,
    whose: Whose<'_>,
) -> Result<usize, kube::Error> {
    Ok(documents(cluster, clock, KINDS)
        .await?
        .iter()
        .filter(|meta| whose.has_label(meta))
        .count())
}

/// The metadata of the namespace's ConfigMaps that a selector fits, the one created last first.
///
/// # Errors
/// The API server's answer.
pub async fn documents(
    cluster: &Cluster,
    clock: &SharedClock,
    selector: &str,
) -> Result<Vec<ObjectMeta>, kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let first = ListParams::default().labels(selector).limit(PAGE);
    let (mut params, mut found, mut restarts) = (first.clone(), Vec::new(), 0);
    loop {
        let page = match cluster::patiently(clock, || api.list_metadata(&params)).await {
            Err(error) if cluster::code(&error) == Some(410) && restarts < RESTARTS => {
                restarts += 1;
                found.clear();
                params = first.clone();
                continue;
            }
            page => page?,
        };
        found.extend(page.items.into_iter().map(|object| object.metadata));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    found.sort_by_key(|meta| std::cmp::Reverse(created(meta)));
    Ok(found)
}

fn created(meta: &ObjectMeta) -> Timestamp {
    meta.creation_timestamp
        .as_ref()
        .map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}

#[cfg(test)]
mod tests;
