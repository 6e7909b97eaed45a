//! Reading one PipelineRun.

use kube::core::Request;

use super::{PipelineRun, RUNS};
use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};

/// A PipelineRun by its name, as it is now; trouble with the server is waited out
/// ([`Policy::READ`](crate::retry::Policy::READ)).
///
/// # Errors
/// The API server's answer: 403 without the right, 404 where there is none of that name.
pub async fn pipeline_run(
    cluster: &Cluster,
    clock: &SharedClock,
    name: &str,
) -> kube::Result<PipelineRun> {
    let path = RUNS.path(&cluster.namespace);
    cluster::patiently(clock, || async {
        let request = Request::new(&path).get(name, &Default::default());
        cluster
            .client
            .request(request.map_err(kube::Error::BuildRequest)?)
            .await
    })
    .await
}
