//! `attest-verdict --check`.

use super::{Options, Servers};
use crate::attest::artifact::tag_prefix;
use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::failure::Chain;
use crate::preflight::place::Seen;
use crate::preflight::prow::{self, Job};
use crate::preflight::rights::{self, KONFLUX, Right};
use crate::preflight::{Preflight, place};
use crate::record::{GateRecord, Identity, Location};

/// What the step needs in its namespace, for a record in a ConfigMap. It writes nothing there.
pub const RIGHTS: [Right; 3] = [
    Right { group: "", resource: "configmaps", verbs: &["get"], to: "to read the record" },
    Right {
        group: KONFLUX,
        resource: "releases",
        verbs: &["get"],
        to: "to see who accepted a job",
    },
    Right {
        group: KONFLUX,
        resource: "snapshots",
        verbs: &["get"],
        to: "to see of which image that was",
    },
];

/// Looks at the record, the key, Deck and the artifacts, and the repository of verdicts. Writes
/// nothing, so whether the repository takes a verdict shows when one is pushed.
pub async fn preflight(
    record: (&Location, &Identity),
    cluster: Option<&Cluster>,
    options: &Options,
    servers: Servers<'_>,
    clock: &SharedClock,
) -> Preflight {
    let mut checks = Preflight::default();
    if let Some(cluster) = cluster
        && !rights::review(cluster, &RIGHTS, &mut checks).await
    {
        return checks;
    }
    let (location, identity) = record;
    let seen = place::look(location, cluster, identity, clock, &mut checks).await;
    let record = match seen {
        Seen::Record(record) => Some(record),
        Seen::Nothing | Seen::Unreadable => None,
    };
    if let Some(key) = &options.key {
        match key.read() {
            Ok(key) => checks.passed(
                "sign-key",
                format_args!("can be opened; its public key's hint is {}", key.public().hint()),
            ),
            Err(error) => checks.failed("sign-key", Chain(&error)),
        }
    }
    if options.vouches() {
        let jobs = jobs(record.as_deref(), options);
        prow::look(servers.prow, None, &jobs, &mut checks).await;
    }
    if let Some(repository) = &options.push {
        look_at(repository, record.as_deref(), servers, &mut checks).await;
    }
    checks
}

/// The jobs whose runs would be asked again.
fn jobs(record: Option<&GateRecord>, options: &Options) -> Vec<Job> {
    let Some(record) = record else { return Vec::new() };
    let rules = options.given.rules.with(record.policy.as_ref()).unwrap_or_default();
    record
        .jobs
        .iter()
        .map(|job| Job::of(job, &rules.proof_logs))
        .collect()
}

async fn look_at(
    repository: &str,
    record: Option<&GateRecord>,
    servers: Servers<'_>,
    checks: &mut Preflight,
) {
    let store = match (servers.registry)(repository) {
        Ok(store) => store,
        Err(failure) => return checks.failed("repository", failure.error),
    };
    let image = record.and_then(|record| record.candidate.as_ref());
    let prefix = image.map_or_else(|| "verdict-".to_owned(), |image| tag_prefix(&image.digest));
    match store.tags(&prefix).await {
        Ok(tags) => checks.passed(
            "repository",
            format_args!(
                "{repository} answers, with {} verdicts{}; whether it takes one shows when it is pushed",
                tags.len(),
                if image.is_some() { " on this image" } else { "" }
            ),
        ),
        Err(error) => checks.failed("repository", Chain(&error)),
    }
}
