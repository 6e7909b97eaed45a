//! The runs of a gate that left a record, newest first: what rows of red runs, the age of the
//! newest verified image and the state of the last run are read from.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams};

use super::journal::decode;
use super::{Attempt, Cause, Decision, GateRecord, Outcome, ReleaseRecord, Released};
use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};
use crate::image::Digest;

/// Records asked for at once: each may have 900 KiB.
const PAGE: u32 = 5;

/// No gate has more records; older ones are not read (they are pruned to 60).
const MOST: usize = 200;

/// What is kept of a record when many are looked through.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The ConfigMap's name.
    pub name: String,
    /// The run's id.
    pub id: String,
    /// The PipelineRun's name.
    pub run: Option<String>,
    /// When the record was begun.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How the run ended; `None` while it runs, or when it was killed.
    pub outcome: Option<Outcome>,
    /// The Snapshot tested.
    pub snapshot: Option<String>,
    /// The image tested.
    pub image: Option<Digest>,
    /// The image verified, if so.
    pub verified: Option<Verified>,
    /// Jobs that may have been launched and had not ended when they were last looked at.
    pub open_jobs: usize,
    /// When a job was last launched.
    pub last_launch: Option<Timestamp>,
    /// The end in words: the last message's first line, or the verdict's first reason.
    pub words: Option<String>,
    /// The thread of its message.
    pub thread: Option<String>,
}

/// An image that was promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The image.
    pub image: Digest,
    /// When its Release ended.
    pub at: Timestamp,
}

impl Past {
    /// What is kept of a record.
    pub fn of(name: &str, record: &GateRecord) -> Self {
        let note = record.notifications.last();
        let reason = record.verdict.as_ref().and_then(|verdict| verdict.reasons.first());
        let attempts = record.jobs.iter().filter_map(|job| job.last());
        let candidate = record.candidate.as_ref();
        Self {
            name: name.to_owned(),
            id: record.id.clone(),
            run: record.run.clone(),
            created_at: record.created_at,
            updated_at: record.updated_at,
            outcome: outcome(record),
            snapshot: candidate.and_then(|candidate| candidate.snapshot.clone()),
            image: candidate.map(|candidate| candidate.digest.clone()),
            verified: verified(record),
            open_jobs: attempts.filter(|attempt| is_open(attempt)).count(),
            last_launch: record.jobs.iter().flat_map(|job| &job.attempts).map(|a| a.intent.written_at).max(),
            words: note.map(|note| note.headline.clone()).or_else(|| reason.cloned()),
            thread: record.notifications.iter().find_map(|note| note.thread.clone()),
        }
    }
}

/// Whether the job may still run: it was launched, or that is not known, and Prow has not said that
/// it ended. A job that was not finished in time goes on in Prow.
fn is_open(attempt: &Attempt) -> bool {
    !attempt.state.is_final()
        && !attempt.intent.certainly_not_created
        && matches!(attempt.cause, None | Some(Cause::Deadline))
}

/// How a past run ended. A Release that landed after people were told that it had not counts.
fn outcome(record: &GateRecord) -> Option<Outcome> {
    let release = record.release.as_ref().filter(|release| release.is_final);
    let tried = release.is_some_and(|release| release.dry_run && release.exit == 0);
    let released = release.map(|release| release.released);
    let told = record.notifications.iter().rev().find_map(|note| note.outcome);
    let decision = record.verdict.as_ref().map(|verdict| verdict.decision);
    match (decision, released) {
        (Some(Decision::Passed), _) if tried => Some(Outcome::Passed),
        (Some(Decision::Passed), Some(Released::True)) => Some(Outcome::Promoted),
        (Some(Decision::Passed), Some(Released::False)) => Some(Outcome::NotReleased),
        (Some(Decision::Passed), Some(Released::Unknown)) => Some(Outcome::ReleaseUnknown),
        (Some(Decision::Passed), None) => told.or(Some(Outcome::ReleasePending)),
        (Some(Decision::Failed), _) => Some(Outcome::Refused),
        (Some(Decision::Undecided), _) => Some(Outcome::Undecided),
        (None, _) => told,
    }
}

fn verified(record: &GateRecord) -> Option<Verified> {
    let release: &ReleaseRecord =
        record.release.as_ref().filter(|release| release.released == Released::True && !release.dry_run)?;
    let image = record.candidate.as_ref()?.digest.clone();
    Some(Verified { image, at: release.completed_at.unwrap_or(record.updated_at) })
}

/// The run whose record has that name, or `None` where there is none.
///
/// # Errors
/// The API server's answer after some tries; what cannot be read as a record counts as none, with a warning.
pub async fn past_run(cluster: &Cluster, clock: &SharedClock, name: &str) -> Result<Option<Past>, kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let Some(object) = cluster::patiently(clock, || api.get_opt(name)).await? else { return Ok(None) };
    let document = object.data.and_then(|mut data| data.remove(super::configmap::KEY)).unwrap_or_default();
    let read = decode(document.as_bytes(), name);
    Ok(read.inspect_err(|error| tracing::warn!("{error}")).ok().map(|record| Past::of(name, &record)))
}

/// The names of all gates' records in the namespace with the time of their creation.
///
/// # Errors
/// The API server's answer after some tries.
pub async fn record_names(cluster: &Cluster, clock: &SharedClock) -> Result<Vec<(String, Timestamp)>, kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let mut params = ListParams::default().labels("release-gate/kind=gate").limit(100);
    let mut names = Vec::new();
    loop {
        let page = cluster::patiently(clock, || api.list_metadata(&params)).await?;
        let named = |meta: kube::core::ObjectMeta| Some((meta.name?, meta.creation_timestamp?.0));
        names.extend(page.items.into_iter().filter_map(|object| named(object.metadata)));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(names),
        }
    }
}

/// The past runs of a gate in the cluster's namespace, newest first, the run `except` left out.
/// A record that cannot be read as one is left out too, with a warning.
///
/// # Errors
/// The API server's answer after some tries, where the records cannot be listed.
pub async fn past_runs(
    cluster: &Cluster,
    clock: &SharedClock,
    gate: &str,
    except: Option<&str>,
) -> Result<Vec<Past>, kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let selector = format!("release-gate/kind=gate,release-gate/gate={}", cluster::label_value(gate));
    let mut params = ListParams::default().labels(&selector).limit(PAGE);
    let mut runs = Vec::new();
    loop {
        let page = cluster::patiently(clock, || api.list(&params)).await?;
        for object in page.items {
            let name = object.metadata.name.unwrap_or_default();
            let document = object.data.and_then(|mut data| data.remove(super::configmap::KEY)).unwrap_or_default();
            match decode(document.as_bytes(), &name) {
                Ok(record) if except == Some(record.id.as_str()) => {}
                Ok(record) => runs.push(Past::of(&name, &record)),
                Err(error) => tracing::warn!("{error}; it is left out of the gate's history"),
            }
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) if runs.len() < MOST => params = params.continue_token(&token),
            _ => break,
        }
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.created_at));
    Ok(runs)
}
