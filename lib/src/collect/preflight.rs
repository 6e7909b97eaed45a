//! `collect-results --check`.

use std::sync::Arc;

use super::{CollectError, Options};
use crate::cluster::Cluster;
use crate::http::{SharedTransport, UreqTransport, extra_certificates};
use crate::preflight::prow::{Job, Servers};
use crate::preflight::rights::{self, Right, TEKTON};
use crate::preflight::{Preflight, place, prow};
use crate::prow::bucket::Bucket;
use crate::prow::budget::Budget;
use crate::prow::deck::Deck;
use crate::prow::gangway::Gangway;
use crate::secret::SecretFile;
use crate::step::{Chain, Step};

/// What the step needs in its namespace, for a record in a ConfigMap.
pub const RIGHTS: [Right; 2] = [
    place::CONTINUE,
    Right { group: TEKTON, resource: "pipelineruns", verbs: &["get"], to: "to decide before Tekton ends the run" },
];

/// Looks at everything that collecting needs: the record, the token, Deck, the artifacts, and whether the
/// logs that are to prove the image exist in past runs of the record's jobs. The record may be missing, or
/// hold nothing that was launched. Waits for nothing and writes nothing.
///
/// # Errors
/// [`CollectError`] when the cluster or the authorities named cannot be used.
pub async fn preflight(options: Options, step: &Step) -> Result<Preflight, CollectError> {
    let mut checks = Preflight::default();
    let on_cluster = options.record.is_config_map();
    let cluster = if on_cluster { Some(Cluster::connect(&options.cluster).await?) } else { None };
    let extra = options.cluster.ca_file.as_deref().map(extra_certificates).transpose()?.unwrap_or_default();
    if let Some(cluster) = &cluster {
        let needed = if options.identity.run_name.is_some() { &RIGHTS[..] } else { &RIGHTS[..1] };
        rights::review(cluster, needed, &mut checks).await;
    }
    let record = place::look(&options.record, cluster.as_ref(), &options.identity, &step.clock, &mut checks).await;
    let transport: SharedTransport = Arc::new(UreqTransport::new(extra));
    let token = options.token_file.map(|path| SecretFile::new("--gangway-token-file", path));
    if let Some(Err(error)) = token.as_ref().map(SecretFile::read) {
        checks.failed("token", Chain(&error));
        return Ok(checks);
    }
    let gangway = token.map(|token| {
        let budget = Arc::new(Budget::new(Arc::clone(&step.clock), options.limits, true));
        Gangway::new(options.gangway_url, token, Arc::clone(&transport), budget)
    });
    let deck = Deck::new(options.deck_url, Arc::clone(&transport));
    let bucket = Bucket::new(options.artifacts_url, transport);
    let jobs = record.map(|record| record.jobs).unwrap_or_default();
    let jobs: Vec<Job> = jobs.iter().map(|job| Job::of(job, &options.policy.proof_logs)).collect();
    prow::look(Servers { gangway: gangway.as_ref(), deck: &deck, bucket: &bucket }, &jobs, &mut checks).await;
    Ok(checks)
}
