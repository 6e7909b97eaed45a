//! `collect-results --check`.

use std::sync::Arc;

use super::{CollectError, Options};
use crate::cluster::Cluster;
use crate::failure::Chain;
use crate::http::{SharedTransport, UreqTransport, extra_certificates, with_token};
use crate::jobs::difference;
use crate::preflight::prow::{Job, Servers};
use crate::preflight::rights::{self, Right, TEKTON};
use crate::preflight::{Preflight, place, prow};
use crate::prow::bucket::Bucket;
use crate::prow::budget::Budget;
use crate::prow::deck::Deck;
use crate::prow::gangway::Gangway;
use crate::record::GateRecord;
use crate::secret::SecretFile;
use crate::step::Step;

/// What the step needs in its namespace, for a record in a ConfigMap.
pub const RIGHTS: [Right; 2] = [
    place::CONTINUE,
    Right {
        group: TEKTON,
        resource: "pipelineruns",
        verbs: &["get"],
        to: "to decide before Tekton ends the run",
    },
];

/// Looks at everything that collecting needs: the record, the token, Deck, the artifacts, and
/// whether the logs that are to prove the image exist in past runs of the record's jobs. The record
/// may be missing, or hold nothing that was launched. Waits for nothing and writes nothing.
///
/// # Errors
/// [`CollectError`] when the cluster or the authorities named cannot be used.
pub async fn preflight(options: Options, step: &Step) -> Result<Preflight, CollectError> {
    let mut checks = Preflight::default();
    let on_cluster = options.record.is_config_map();
    let cluster = if on_cluster { Some(Cluster::connect(&options.cluster).await?) } else { None };
    let extra = options
        .cluster
        .ca_file
        .as_deref()
        .map(extra_certificates)
        .transpose()?
        .unwrap_or_default();
    let mut answers = true;
    if let Some(cluster) = &cluster {
        answers = rights::review(cluster, &RIGHTS[..1], &mut checks).await;
        if answers && options.identity.run_name.is_some() {
            rights::review_optional(cluster, &RIGHTS[1..], &mut checks).await;
        }
    }
    let seen = match answers {
        true => {
            place::look(
                &options.record,
                cluster.as_ref(),
                &options.identity,
                &step.clock,
                &mut checks,
            )
            .await
        }
        false => place::Seen::Unreadable,
    };
    let transport: SharedTransport = Arc::new(UreqTransport::new(extra));
    let token = options
        .token_file
        .map(|path| SecretFile::new("--gangway-token-file", path));
    if token.is_none() {
        let why = "no --gangway-token-file: Deck and the artifacts tell how the jobs are, and none is run again";
        checks.unknown("gangway", why);
    }
    let token = token.filter(|token| match token.read() {
        Ok(_) => true,
        Err(error) => {
            checks.failed("token", Chain(&error));
            false
        }
    });
    let gangway = token.map(|token| {
        let budget = Arc::new(Budget::new(Arc::clone(&step.clock), options.limits, true));
        Gangway::new(options.gangway_url, token, Arc::clone(&transport), budget)
    });
    let deck = Deck::new(options.deck_url, with_token(Arc::clone(&transport), options.tokens.deck));
    let bucket =
        Bucket::new(options.artifacts_url, with_token(transport, options.tokens.artifacts));
    let (mut record, request) = match seen {
        place::Seen::Record(record) => (record, options.given.rest.request.as_ref()),
        place::Seen::Nothing | place::Seen::Unreadable => {
            (Box::new(GateRecord::begin("", step.clock.now())), None)
        }
    };
    let differs = request
        .filter(|_| !record.jobs.is_empty())
        .and_then(|request| difference(&record, request));
    if let Some(difference) = differs {
        checks.failed(
            "request",
            format_args!("the record holds other jobs than given: {difference}"),
        );
    }
    let logs = match options.given.bind(&mut record) {
        Ok(policy) => policy.rules.proof_logs,
        Err(mismatch) => {
            checks.failed("policy", mismatch);
            Vec::new()
        }
    };
    let jobs: Vec<Job> = record.jobs.iter().map(|job| Job::of(job, &logs)).collect();
    prow::look(
        Servers { gangway: gangway.as_ref(), deck: &deck, bucket: &bucket },
        &jobs,
        &mut checks,
    )
    .await;
    Ok(checks)
}
