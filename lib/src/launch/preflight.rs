//! `launch-prow --check`.

use std::sync::Arc;

use super::{Options, dry_run};
use crate::failure::{Chain, Failure, OrExit};
use crate::preflight::prow::Job;
use crate::preflight::rights::{self, Right};
use crate::preflight::{Preflight, place, prow};
use crate::prow::Servers;
use crate::prow::budget::Budget;
use crate::record::{Class, Location};
use crate::site::Site;

/// What the step needs in its namespace, for a record in a ConfigMap.
pub const RIGHTS: [Right; 2] = [
    place::BEGIN,
    Right {
        group: "",
        resource: "configmaps",
        verbs: &["list"],
        to: "to know which jobs with every are due; without it all are",
    },
];

/// Looks at everything that a launch needs: the record, the token, the jobs, and what past runs of
/// them left. Sends no order and writes nothing.
///
/// # Errors
/// Misuse when no token is named, or the cluster of the record cannot be reached.
pub async fn preflight(
    options: &Options,
    location: &Location,
    site: &Site,
    servers: &Servers,
) -> Result<Preflight, Failure> {
    let cluster = site.cluster_of(Some(location)).await.misuse()?;
    let clock = site.clock();
    let Some(token) = servers.token.clone() else {
        return Err(Failure::misuse(
            "--gangway-token-file: expected a file with Gangway's token, found none",
        ));
    };
    let mut checks = Preflight::default();
    let sampled = options.request.jobs.iter().any(|job| job.every.is_some());
    let answers = match cluster {
        Some(cluster) => rights::review(cluster, &RIGHTS[..1], &mut checks).await,
        None => true,
    };
    if let Some(cluster) = cluster.filter(|_| answers && sampled) {
        rights::review_optional(cluster, &RIGHTS[1..], &mut checks).await;
    }
    let seen = match answers {
        true => place::look(location, cluster, &options.identity, clock, &mut checks).await,
        false => place::Seen::Unreadable,
    };
    if let place::Seen::Record(_) = seen {
        let store = site.store(location).await.misuse()?;
        match dry_run(options, store, None, clock.clone()).await {
            Ok(preview) => checks.passed(
                "request",
                format_args!("{} of its jobs are still to be launched", preview.orders.len()),
            ),
            Err(failure) => checks.failed("request", Chain(failure.error.as_ref())),
        }
    } else if seen == place::Seen::Nothing {
        let jobs = &options.request.jobs;
        let blocking = jobs.iter().filter(|job| job.class == Class::Blocking).count();
        checks.passed(
            "request",
            format_args!(
                "{} would be launched, {blocking} of them blocking",
                match jobs.len() {
                    1 => "1 job".to_owned(),
                    many => format!("{many} jobs"),
                }
            ),
        );
    }
    if let Err(error) = token.read() {
        // Nothing past is known without Gangway.
        checks.failed("token", Chain(&error));
        return Ok(checks);
    }
    let gangway =
        servers.gangway(token, Arc::new(Budget::new(clock.clone(), servers.limits, true)));
    let jobs: Vec<Job> = options.request.jobs.iter().map(|job| Job::of(job, &[])).collect();
    prow::look(servers, Some(&gangway), &jobs, &mut checks).await;
    Ok(checks)
}
