//! `collect-history --check`.

use std::collections::BTreeMap;

use super::Sources;
use super::jobs::Source;
use crate::cluster::Cluster;
use crate::failure::Chain;
use crate::preflight::Preflight;
use crate::preflight::rights::{self, Right};

/// What the step needs in its namespace.
pub const RIGHTS: [Right; 1] = [Right {
    group: "",
    resource: "configmaps",
    verbs: &["get", "list", "create", "update"],
    to: "to find the jobs in the gate records, and to keep their histories",
}];

/// Looks at the cluster, at the histories that are there and at each job's folder. Writes nothing.
pub async fn preflight(
    sources: &Sources,
    cluster: Option<&Cluster>,
    jobs: &BTreeMap<String, Source>,
) -> Preflight {
    let mut checks = Preflight::default();
    if let Some(cluster) = cluster
        && !rights::review(cluster, &RIGHTS, &mut checks).await
    {
        return checks;
    }
    if jobs.is_empty() {
        checks.unknown("jobs", "no record names a job yet; --job names one");
    }
    for (job, source) in jobs {
        let Some(bucket) = &source.bucket else {
            checks.unknown("bucket", format!("{job}: not known; --bucket names it"));
            continue;
        };
        match sources.bucket.folders(bucket, &format!("logs/{job}/"), "", 1).await {
            Ok(listed) if listed.prefixes.is_empty() => {
                checks.unknown("bucket", format!("{job}: no run in {bucket}"));
            }
            Ok(_) => checks.passed("bucket", format!("{job}: its runs in {bucket} can be listed")),
            Err(error) => checks.failed("bucket", format!("{job}: {}", Chain(&error))),
        }
        match crate::history::keep::read(sources.place.store(job).as_ref(), job, &sources.clock)
            .await
        {
            Ok(found) => match found.wrong {
                Some(wrong) => checks.unknown("history", format!("{job}: {wrong}; begun anew")),
                None => {
                    let runs = found.history.runs().len();
                    checks.passed("history", format!("{job}: {runs} runs are known"));
                }
            },
            Err(error) => checks.failed("history", format!("{job}: {}", Chain(&error))),
        }
    }
    checks
}
