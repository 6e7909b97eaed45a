//! Prow: whether Gangway takes the token and knows the jobs, and whether what they leave behind can
//! be read, tried on a run that has been.
//!
//! One request to Gangway, whatever the number of jobs: the list of all executions. It shows that the
//! token passes and that Gangway reads its own API server, and it names every job that has run lately
//! (Prow keeps the newest run of each active periodic). Whether the token may *start* a job it does not
//! show: Gangway asks that only of a launch.

use super::Preflight;
use crate::collect::evidence::Reader;
use crate::collect::glob::Glob;
use crate::prow::bucket::Bucket;
use crate::prow::deck::Deck;
use crate::prow::gangway::{Execution, Gangway, Listing, ReadError};
use crate::prow::job_url::JobUrl;
use crate::prow::prowjob::ProwJob;
use crate::record::{JobRecord, JobState};
use crate::step::Chain;
use crate::text;

/// The servers.
#[derive(Debug, Clone, Copy)]
pub struct Servers<'a> {
    /// Gangway.
    pub gangway: &'a Gangway,
    /// Deck.
    pub deck: &'a Deck,
    /// The bucket's server.
    pub bucket: &'a Bucket,
}

/// A job that is to be launched.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The logs that prove which image ran.
    pub proof_logs: Vec<Glob>,
}

impl Job {
    /// A job of a record, with its own proof log besides those of all jobs.
    pub fn of(job: &JobRecord, of_all: &[Glob]) -> Self {
        let own = job.proof_log.as_ref().and_then(|pattern| pattern.parse::<Glob>().ok());
        let own = own.filter(|own| !of_all.contains(own));
        Self { name: job.name.clone(), proof_logs: of_all.iter().cloned().chain(own).collect() }
    }
}

/// Looks at Prow, and at each job as far as a past run of it shows something.
pub async fn look(servers: Servers<'_>, jobs: &[Job], checks: &mut Preflight) {
    let Some(listing) = listing(servers.gangway, checks).await else { return };
    for job in jobs {
        name(&listing, job, checks);
    }
    let wanted = jobs.iter().filter(|job| !job.proof_logs.is_empty());
    let mut read = false;
    for job in wanted {
        match one_that_ended(listing.of(&job.name)) {
            Some(run) => {
                if let Some(folder) = follow(servers, run, !read, checks).await {
                    proof(servers.bucket, &folder, job, checks).await;
                }
                read = true;
            }
            None => checks.unknown("proof", format_args!("{}: no run of it has ended lately to look at", job.name)),
        }
    }
    if read {
        return;
    }
    let ours = jobs.iter().flat_map(|job| listing.of(&job.name));
    match one_that_ended(ours).or_else(|| one_that_ended(listing.all())) {
        Some(run) => drop(follow(servers, run, true, checks).await),
        None => checks.unknown("deck", "no run has ended lately to look at"),
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
                format_args!("{host} refused the token ({said}): {file} expired or lacks access; renew it"),
            );
            None
        }
        Err(error @ ReadError::CannotList(_)) => {
            checks
                .unknown("gangway", format_args!("{host} takes the token, but {error}; the jobs were not looked for"));
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

/// A run to learn from: one that succeeded has most to show.
fn one_that_ended<'a>(runs: impl Iterator<Item = &'a Execution>) -> Option<&'a Execution> {
    let ended = runs.filter(|run| matches!(run.state, JobState::Success | JobState::Failure));
    ended.max_by_key(|run| run.state == JobState::Success)
}

/// Reads a run as collect-results would: its state at Deck, its folder in the bucket.
async fn follow(servers: Servers<'_>, run: &Execution, told: bool, checks: &mut Preflight) -> Option<JobUrl> {
    let found: ProwJob = match servers.deck.prowjob(&run.id).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            checks.unknown("deck", format_args!("Prow has just removed run {} of {}; try again", run.id, run.job_name));
            return None;
        }
        Err(error) => {
            checks.failed("deck", Chain(&error));
            return None;
        }
    };
    if told {
        checks.passed("deck", format_args!("shows run {} of {} ({})", run.id, run.job_name, found.state_word));
    }
    let Some(url) = &found.job_url else {
        checks.unknown("artifacts", format_args!("run {} of {} has left none", run.id, run.job_name));
        return None;
    };
    let folder: JobUrl = match url.parse() {
        Ok(folder) => folder,
        Err(error) => {
            checks.failed("artifacts", error);
            return None;
        }
    };
    let read = servers.bucket.list(folder.bucket(), &folder.object(""), Some("/"), 100).await;
    match read {
        Ok(listing) if listing.objects.is_empty() => {
            checks
                .unknown("artifacts", format_args!("{folder} is empty: Prow has removed them, or never uploaded any"));
            None
        }
        Ok(_) => {
            if told {
                checks.passed("artifacts", format_args!("reads {folder}"));
            }
            Some(folder)
        }
        Err(error) => {
            checks.failed("artifacts", Chain(&error));
            None
        }
    }
}

/// Whether the logs that are to prove the image exist in a past run.
async fn proof(bucket: &Bucket, folder: &JobUrl, job: &Job, checks: &mut Preflight) {
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
    match found.is_empty() {
        false => checks.passed("proof", format_args!("{}: {} is in its past run", job.name, text::some_of(&found, 2))),
        true => {
            let patterns: Vec<String> = job.proof_logs.iter().map(ToString::to_string).collect();
            checks.failed(
                "proof",
                format_args!(
                    "{}: nothing in its past run {folder} fits {}; look there for a log that prints the image, and name that",
                    job.name,
                    text::some_of(&patterns, 3)
                ),
            );
        }
    }
}
