//! `bisect-gate --check`.

use std::sync::Arc;

use super::begin::{begin, known};
use super::run::LIMITS;
use super::step::{Options, Outside};
use super::words;
use crate::cluster::Cluster;
use crate::evidence::Rules;
use crate::failure::{Chain, Failure, OrExit};
use crate::preflight::prow::Job;
use crate::preflight::rights::{self, KONFLUX, Right};
use crate::preflight::{Preflight, place, prow, speakers};
use crate::prow::budget::Budget;

/// What the step needs in its namespace. Without the last one it gives way to no gate.
pub const RIGHTS: [Right; 3] = [
    Right {
        group: KONFLUX,
        resource: "snapshots",
        verbs: &["list"],
        to: "to find the Snapshots between --good and --bad",
    },
    place::BEGIN,
    Right {
        group: "",
        resource: "configmaps",
        verbs: &["list"],
        to: "to give way to gates that launch their jobs",
    },
];

/// Looks at everything that a bisect needs: rights, its record or the Snapshots of a new one, the
/// job's history, the token, the job and its artifacts, Slack. Sends no order and writes nothing.
///
/// # Errors
/// Misuse when no token is named.
pub async fn preflight(
    options: &Options,
    outside: &Outside,
    in_cluster: bool,
) -> Result<Preflight, Failure> {
    let missing = || {
        Failure::misuse("--gangway-token-file: expected a file with Gangway's token, found none")
    };
    let token = outside.prow.token.clone().ok_or_else(missing)?;
    let mut checks = Preflight::default();
    if rights(&outside.tenant.cluster, in_cluster, &mut checks).await {
        record(options, outside, &mut checks).await;
    }
    match token.read() {
        Err(error) => checks.failed("token", Chain(&error)),
        Ok(_) => {
            let budget = Arc::new(Budget::new(outside.clock.clone(), LIMITS, true));
            let gangway = outside.prow.gangway(token, budget);
            let request = options.asked.request.as_ref();
            let rules: Rules = options.asked.proof.with(None).misuse()?;
            let jobs: Vec<Job> = request
                .into_iter()
                .flat_map(|request| &request.jobs)
                .map(|job| Job::of(job, &rules.proof_logs))
                .collect();
            prow::look(&outside.prow, Some(&gangway), &jobs, &mut checks).await;
        }
    }
    if let Some(slack) = &outside.slack {
        speakers::slack(slack, &mut checks).await;
    }
    Ok(checks)
}

async fn rights(cluster: &Cluster, in_cluster: bool, checks: &mut Preflight) -> bool {
    let needed = if in_cluster { &RIGHTS[..2] } else { &RIGHTS[..1] };
    let answers = rights::review(cluster, needed, checks).await;
    if answers {
        rights::review_optional(cluster, &RIGHTS[2..], checks).await;
    }
    answers
}

/// The record and what it says, or what a new one would.
async fn record(options: &Options, outside: &Outside, checks: &mut Preflight) {
    let place = outside.book.place();
    let document = match outside.book.load().await {
        Err(error) => return checks.failed("record", Chain(&error)),
        Ok(Some(found)) => {
            match options.asked.difference(&found) {
                None => {
                    checks.passed("record", format_args!("{place} is there, and of this bisect"))
                }
                Some(difference) => {
                    checks.failed(
                        "record",
                        format_args!("{place} is of another bisect: {difference}"),
                    );
                }
            }
            found
        }
        Ok(None) => {
            checks.passed("record", format_args!("{place} is not there yet"));
            match begin(options, outside).await {
                Ok((document, _)) => document,
                Err(failure) => {
                    return checks.failed("snapshots", Chain(failure.error.as_ref()));
                }
            }
        }
    };
    checks.passed("snapshots", words::cost_of(&document));
    if outside.histories.is_none() {
        return;
    }
    let past = known(&document, outside).await;
    match past.before.failed + past.before.passed {
        0 => checks.unknown(
            "history",
            "it holds no run on a good image: how flaky the failure is shows in the probes alone",
        ),
        runs => checks.passed(
            "history",
            format_args!("{} of {runs} runs on good images failed", past.before.failed),
        ),
    }
}
