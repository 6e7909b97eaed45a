//! `collect-results --check`.

use std::sync::Arc;

use super::{CollectError, Options};
use crate::failure::Chain;
use crate::jobs::difference;
use crate::preflight::prow::Job;
use crate::preflight::rights::{self, Right, TEKTON};
use crate::preflight::{Preflight, place, prow};
use crate::prow::Servers;
use crate::prow::budget::Budget;
use crate::record::GateRecord;
use crate::site::Site;

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
/// [`CollectError`] when the cluster of the record cannot be reached.
pub async fn preflight(
    options: Options,
    site: &Site,
    servers: &Servers,
) -> Result<Preflight, CollectError> {
    let mut checks = Preflight::default();
    let (cluster, clock) = (site.cluster_of(Some(&options.record)).await?, site.clock());
    let mut answers = true;
    if let Some(cluster) = cluster {
        answers = rights::review(cluster, &RIGHTS[..1], &mut checks).await;
        if answers && options.identity.run_name.is_some() {
            rights::review_optional(cluster, &RIGHTS[1..], &mut checks).await;
        }
    }
    let seen = match answers {
        true => place::look(&options.record, cluster, &options.identity, clock, &mut checks).await,
        false => place::Seen::Unreadable,
    };
    let token = servers.token.clone();
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
        servers.gangway(token, Arc::new(Budget::new(clock.clone(), servers.limits, true)))
    });
    let (mut record, request) = match seen {
        place::Seen::Record(record) => (record, options.given.rest.request.as_ref()),
        place::Seen::Nothing | place::Seen::Unreadable => {
            (Box::new(GateRecord::begin("", clock.now())), None)
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
    prow::look(servers, gangway.as_deref(), &jobs, &mut checks).await;
    Ok(checks)
}
