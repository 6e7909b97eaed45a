//! Prow: whether Gangway takes the token and knows the jobs, and whether what they leave behind can
//! be read, tried on a run that has been: one of the record's own rather than anybody's.
//!
//! One request to Gangway, whatever the number of jobs: the list of all executions. It shows that
//! the token passes and that Gangway reads its own API server, and it names every job that has run
//! lately (Prow keeps the newest run of each active periodic). Whether the token may *start* a job
//! it does not show: Gangway asks that only of a launch. A server that does not answer is not asked
//! again.

use super::Preflight;
use crate::evidence::proof_logs;
use crate::evidence::reader::Reader;
use crate::failure::Chain;
use crate::glob::Glob;
use crate::prow::Servers;
use crate::prow::bucket::Bucket;
use crate::prow::gangway::{Gangway, Listing, ReadError};
use crate::prow::job_url::JobUrl;
use crate::prow::prowjob::ProwJob;
use crate::record::{Attempt, JobRecord, JobState};
use crate::text;

/// A job that is to be launched.
#[derive(Debug, Clone)]
pub struct Job {
    pub name: String,
    /// The logs that prove which image ran.
    pub proof_logs: Vec<Glob>,
    /// The record's own run of it that ended last.
    pub ended: Option<String>,
}

impl Job {
    /// A job of a record, with its own proof log besides those of all jobs.
    pub fn of(job: &JobRecord, of_all: &[Glob]) -> Self {
        let runs = job.attempts.iter().filter(|attempt| attempt.run().is_some());
        let ended = most_to_show(runs, |attempt| attempt.state);
        Self {
            name: job.name.clone(),
            proof_logs: proof_logs(job, of_all).0,
            ended: ended.and_then(Attempt::run).map(str::to_owned),
        }
    }
}

/// Looks at Prow, and at each job as far as a past run of it shows something. Without a token there
/// is no Gangway.
pub async fn look(
    servers: &Servers,
    gangway: Option<&Gangway>,
    jobs: &[Job],
    checks: &mut Preflight,
) {
    let listing = match gangway {
        Some(gangway) => listing(gangway, checks).await,
        None => None,
    };
    if let Some(listing) = &listing {
        jobs.iter().for_each(|job| name(listing, job, checks));
    }
    let listed = |job: &Job| {
        most_to_show(listing.as_ref()?.of(&job.name), |run| run.state).map(|run| run.id.clone())
    };
    let past = |job: &Job| job.ended.clone().or_else(|| listed(job));
    let mut told = false;
    for job in jobs.iter().filter(|job| !job.proof_logs.is_empty()) {
        let Some(run) = past(job) else {
            checks.unknown(
                "proof",
                format_args!("{}: no run of it has ended lately to look at", job.name),
            );
            continue;
        };
        match follow(servers, &run, told, checks).await {
            Followed::To(found) => {
                told = true;
                proof(&servers.bucket, &found, job, checks).await;
            }
            Followed::Nowhere => {}
            Followed::Stuck => return,
        }
    }
    if told {
        return;
    }
    let anybodys =
        || most_to_show(listing.as_ref()?.all(), |run| run.state).map(|run| run.id.clone());
    match jobs.iter().find_map(past).or_else(anybodys) {
        Some(run) => drop(follow(servers, &run, told, checks).await),
        None => checks.unknown("deck", "no run that has ended is known to look at"),
    }
}

/// What Gangway lists, if it can be asked.
async fn listing(gangway: &Gangway, checks: &mut Preflight) -> Option<Listing> {
    let (host, file) = (gangway.host(), gangway.token_file().path().display());
    match gangway.list_all().await {
        Ok(listing) if listing.is_empty() => {
            checks.failed(
                "gangway",
                format_args!(
                    "{host} lists no execution at all: it cannot read its own API server, or has never run a job; try again, then ask its owners"
                ),
            );
            None
        }
        Ok(listing) => {
            let count = listing.all().count();
            checks.passed(
                "gangway",
                format_args!(
                    "{host} takes the token and knows {count} executions; whether it may start the jobs shows when they are launched"
                ),
            );
            Some(listing)
        }
        Err(ReadError::Token(said)) => {
            checks.failed(
                "gangway",
                format_args!(
                    "{host} refused the token ({said}): {file} expired or lacks access; renew it"
                ),
            );
            None
        }
        Err(error @ ReadError::CannotList(_)) => {
            checks.unknown(
                "gangway",
                format_args!("{host} takes the token, but {error}; the jobs were not looked for"),
            );
            None
        }
        Err(error) => {
            checks.failed("gangway", format_args!("{host}: {error}"));
            None
        }
    }
}

/// Whether a job's name is one that Prow knows.
fn name(listing: &Listing, job: &Job, checks: &mut Preflight) {
    let runs = listing.of(&job.name).count();
    match runs {
        0 => checks.failed(
            "job",
            format_args!(
                "{}: none of the executions that Gangway knows is of it; is the name right? (a job that has never run looks like this as well)",
                job.name
            ),
        ),
        1 => checks.passed("job", format_args!("{}: 1 run is known", job.name)),
        runs => checks.passed("job", format_args!("{}: {runs} runs are known", job.name)),
    }
}

/// A run to learn from, of those that went through their phases: one that succeeded has most to
/// show, of several the last.
fn most_to_show<T>(runs: impl Iterator<Item = T>, state: impl Fn(&T) -> JobState) -> Option<T> {
    let ended = runs.filter(|run| matches!(state(run), JobState::Success | JobState::Failure));
    ended.max_by_key(|run| state(run) == JobState::Success)
}

/// Where following a run led.
enum Followed {
    /// To its folder.
    To(Past),
    /// To nothing, which says something of this run only.
    Nowhere,
    /// To a server that does not answer.
    Stuck,
}

/// A past run whose folder can be read.
struct Past {
    folder: JobUrl,
    succeeded: bool,
}

/// Reads a run as collect-results would: its state at Deck, its folder in the bucket. What goes
/// well is told of the first run only.
async fn follow(servers: &Servers, run: &str, told: bool, checks: &mut Preflight) -> Followed {
    let found: ProwJob = match servers.deck.prowjob(run).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            checks.unknown("deck", format_args!("Prow no longer has run {run}"));
            return Followed::Nowhere;
        }
        Err(error) => {
            checks.failed("deck", error.in_words());
            return Followed::Stuck;
        }
    };
    if !told {
        checks.passed(
            "deck",
            format_args!("shows run {run} of {} ({})", found.job, found.state_word),
        );
    }
    let Some(url) = &found.job_url else {
        checks.unknown("artifacts", format_args!("run {run} of {} has left none", found.job));
        return Followed::Nowhere;
    };
    let folder: JobUrl = match url.parse() {
        Ok(folder) => folder,
        Err(error) => {
            checks.failed("artifacts", error);
            return Followed::Nowhere;
        }
    };
    match servers
        .bucket
        .list(folder.bucket(), &folder.object(""), Some("/"), 100)
        .await
    {
        Ok(listing) if listing.objects.is_empty() => {
            checks.unknown(
                "artifacts",
                format_args!("{folder} is empty: Prow has removed them, or never uploaded any"),
            );
            Followed::Nowhere
        }
        Ok(_) => {
            if !told {
                checks.passed("artifacts", format_args!("reads {folder}"));
            }
            Followed::To(Past { folder, succeeded: found.state == JobState::Success })
        }
        Err(error) => {
            checks.failed("artifacts", Chain(&error));
            Followed::Stuck
        }
    }
}

/// Whether the logs that are to prove the image exist in a past run.
async fn proof(bucket: &Bucket, past: &Past, job: &Job, checks: &mut Preflight) {
    let folder = &past.folder;
    let reader = Reader { bucket, folder };
    let mut found = Vec::new();
    for pattern in &job.proof_logs {
        match reader.existing(pattern).await {
            Ok(paths) => found.extend(paths),
            Err(error) => {
                checks.failed("proof", format_args!("{}: {}", job.name, Chain(&error)));
                return;
            }
        }
    }
    let patterns: Vec<String> = job.proof_logs.iter().map(ToString::to_string).collect();
    let patterns = text::some_of(&patterns, 3);
    match (found.is_empty(), past.succeeded) {
        (false, _) => {
            checks.passed("proof", format_args!("{}: {} is in its past run", job.name, text::some_of(&found, 2)));
        }
        (true, true) => checks.failed(
            "proof",
            format_args!(
                "{}: nothing in its past run {folder} fits {patterns}; look there for a log that prints the image, and name that",
                job.name
            ),
        ),
        (true, false) => checks.unknown(
            "proof",
            format_args!("{}: nothing in its past run {folder} fits {patterns}, but that run failed", job.name),
        ),
    }
}
