//! Old records: the newest 60 of a gate are kept.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, Preconditions};

use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};

/// How many records of a gate are kept.
const KEPT: usize = 60;

/// Deletes the oldest records of a gate beyond the newest 60; returns how many.
///
/// # Errors
/// The API server's answer.
pub async fn prune(cluster: &Cluster, clock: &SharedClock, gate: &str) -> Result<usize, kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let selector = format!("release-gate/kind=gate,release-gate/gate={}", cluster::label_value(gate));
    let mut params = ListParams::default().labels(&selector).limit(100);
    let mut found = Vec::new();
    loop {
        let page = cluster::patiently(clock, || api.list_metadata(&params)).await?;
        found.extend(page.items.into_iter().map(|object| object.metadata));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    let created = |meta: &kube::core::ObjectMeta| meta.creation_timestamp.as_ref().map(|time| time.0);
    found.sort_by_key(|meta| std::cmp::Reverse(created(meta)));
    let mut deleted = 0;
    for old in found.into_iter().skip(KEPT) {
        let (Some(name), uid) = (old.name, old.uid) else { continue };
        // Only the very object that was seen: a record of that name may have been made anew.
        let params =
            DeleteParams { preconditions: Some(Preconditions { uid, resource_version: None }), ..Default::default() };
        match api.delete(&name, &params).await {
            Ok(_) => deleted += 1,
            Err(error) if matches!(cluster::code(&error), Some(404 | 409)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(deleted)
}
