//! Old records: the newest 60 of a gate are kept.

use std::ops::ControlFlow;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, Preconditions};

use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};
use crate::record::{self, KEPT, Whose};

/// Deletes the oldest records of a gate beyond the newest 60; returns how many. One that cannot be
/// read counts for the gate whose label it carries.
///
/// # Errors
/// The API server's answer.
pub async fn prune(
    cluster: &Cluster,
    clock: &SharedClock,
    gate: &str,
) -> Result<usize, kube::Error> {
    let whose = Whose::Gate(gate);
    // Mostly there is nothing to do, and then no document is read.
    if record::count(cluster, clock, whose).await? <= KEPT {
        return Ok(0);
    }
    let (mut kept, mut old) = (0, Vec::new());
    record::each(cluster, clock, whose, None, |meta, _| {
        kept += 1;
        if kept > KEPT {
            old.extend(meta.name.clone().map(|name| (name, meta.uid.clone())));
        }
        ControlFlow::Continue(())
    })
    .await?;
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let mut deleted = 0;
    for (name, uid) in old {
        // Only the very object that was seen: a record of that name may have been made anew.
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid, resource_version: None }),
            ..Default::default()
        };
        match api.delete(&name, &params).await {
            Ok(_) => deleted += 1,
            Err(error) if matches!(cluster::code(&error), Some(404 | 409)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(deleted)
}
