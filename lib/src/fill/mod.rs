//! Filling the jobs' histories from what their runs left in the artifact bucket: runs of other images
//! and of the time before the gate among them (`collect-history`).
//!
//! It goes on where it stopped: a run that is known costs no request. It asks the bucket for one thing
//! after another, five a second at most, within a budget of requests and bytes; what is left is for the
//! next time. Newest runs come first.

pub mod jobs;
pub mod meter;
mod open;
pub mod past_run;
mod preflight;
#[cfg(test)]
mod tests;

pub use open::{Options, budget, days, preflight, run};
pub use preflight::RIGHTS;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use self::jobs::Source;
use self::meter::{Budget, Meter};
use self::past_run::Shown;
use crate::clock::SharedClock;
use crate::failure::{Chain, Failure};
use crate::history::keep::{self, KeepError, Place};
use crate::history::{Addition, MAX_RUNS, Reading, Run};
use crate::prow::JobState;
use crate::prow::bucket::{Bucket, BucketError};
use crate::prow::job_url::JobUrl;

/// How many days back runs are looked for: the month before last week, and some to spare.
pub const DAYS: u32 = 60;

/// What a fill may use: 2,000 requests and 1 GiB.
pub const BUDGET: Budget = Budget { requests: 2_000, bytes: 1 << 30 };

/// So many runs are added with one write: what was read is kept when the step is killed.
const BATCH: usize = 10;

/// So many runs in a row that cannot be read end the look at a job.
const FAILURES: u32 = 3;

/// Runs that a job's folder may list (200 a day would be many).
const MOST_LISTED: usize = 20_000;

/// When Prow's build ids begin to count, in milliseconds: an id holds the time since then above its
/// lowest 22 bits.
const BUILD_EPOCH: i64 = 1_288_834_974_657;

/// Where the runs and the histories are.
#[derive(Debug)]
pub struct Sources {
    /// The bucket's server, behind the meter.
    pub bucket: Bucket,
    /// What was used.
    pub meter: Arc<Meter>,
    /// Where the histories are.
    pub place: Place,
    /// The time.
    pub clock: SharedClock,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobReport {
    /// Runs that were added, or of which more is known now.
    pub added: usize,
    /// Runs that were known already.
    pub known: usize,
    /// Runs that still go on, or whose folder tells nothing.
    pub nothing: usize,
    /// Runs that could not be read.
    pub unreadable: usize,
    /// Runs that are left for the next time.
    pub left: usize,
    /// Why it could not be looked at to its end.
    pub trouble: Option<String>,
}

/// What came of it all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The jobs.
    pub jobs: BTreeMap<String, JobReport>,
    /// What was used.
    pub used: Budget,
    /// Whether the budget was used up.
    pub used_up: bool,
}

impl Report {
    /// Runs that were added.
    pub fn added(&self) -> usize {
        self.jobs.values().map(|job| job.added).sum()
    }

    /// Jobs that could not be looked at to their end, though the budget was not used up.
    pub fn troubled(&self) -> usize {
        self.jobs.values().filter(|job| job.trouble.is_some()).count()
    }

    /// The step's end.
    ///
    /// # Errors
    /// Exit 1 where a job could not be read to its end.
    pub fn end(&self) -> Result<(), Failure> {
        match self.troubled() {
            0 => Ok(()),
            _ => Err(Failure::failed(self.summary())),
        }
    }

    /// In one line.
    pub fn summary(&self) -> String {
        let left: usize = self.jobs.values().map(|job| job.left).sum();
        let mut words = format!(
            "{} runs of {} jobs added with {} requests and {} MiB",
            self.added(),
            self.jobs.len(),
            self.used.requests,
            self.used.bytes.div_ceil(1 << 20)
        );
        if left > 0 {
            let _ = write!(words, "; {left} are left for the next time");
        }
        if self.troubled() > 0 {
            let _ = write!(words, "; {} jobs could not be read to their end", self.troubled());
        }
        words
    }

    /// A line for each job, and the sum.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for (job, report) in &self.jobs {
            let JobReport { added, known, left, unreadable, .. } = report;
            let _ = write!(text, "{job}: {added} added, {known} known");
            for (count, word) in [(left, "left"), (unreadable, "not readable")] {
                if *count > 0 {
                    let _ = write!(text, ", {count} {word}");
                }
            }
            if let Some(trouble) = &report.trouble {
                let _ = write!(text, "; {trouble}");
            }
            text.push('\n');
        }
        text + &self.summary() + "\n"
    }
}

impl Sources {
    /// Fills the histories of all jobs, those first that hold the fewest runs.
    pub async fn fill(&self, jobs: &BTreeMap<String, Source>, days: u32) -> Report {
        let mut report = BTreeMap::new();
        let mut order = Vec::new();
        for (job, source) in jobs {
            match keep::read(self.place.store(job).as_ref(), job, &self.clock).await {
                Ok(found) => order.push((found.history.runs().len(), job, source)),
                Err(error) => {
                    let trouble = Some(Chain(&error).to_string());
                    report.insert(job.clone(), JobReport { trouble, ..JobReport::default() });
                }
            }
        }
        order.sort_by_key(|(runs, job, _)| (*runs, *job));
        let back = SignedDuration::from_hours(24 * i64::from(days));
        let since = self.clock.now().checked_sub(back).unwrap_or(Timestamp::UNIX_EPOCH);
        for (_, job, source) in order {
            let done = self.fill_job(job, source, since).await;
            tracing::info!(job, added = done.added, left = done.left, "{job} was looked at");
            report.insert(job.clone(), done);
        }
        Report { jobs: report, used: self.meter.used(), used_up: self.meter.is_used_up() }
    }

    async fn fill_job(&self, job: &str, source: &Source, since: Timestamp) -> JobReport {
        let mut report = JobReport::default();
        let Some(bucket) = &source.bucket else {
            report.trouble = Some("its bucket is not known; name it with --bucket".to_owned());
            return report;
        };
        let wanted = match self.wanted(bucket, job, since, &mut report).await {
            Ok(wanted) => wanted,
            Err(why) => {
                report.trouble = self.trouble(why);
                return report;
            }
        };
        let (mut batch, mut failures) = (Vec::new(), 0);
        for (place, build) in wanted.iter().enumerate() {
            if self.meter.is_used_up() {
                report.left = wanted.len() - place;
                break;
            }
            let address = format!("https://gs/view/gs/{bucket}/logs/{job}/{build}");
            let Ok(folder) = address.parse::<JobUrl>() else { continue };
            match past_run::read(&self.bucket, &folder, job, build, &source.set).await {
                Shown::Ended(addition) => {
                    failures = 0;
                    batch.push(*addition);
                }
                Shown::Nothing => report.nothing += 1,
                Shown::Unreadable(_) if self.meter.is_used_up() => {
                    report.left = wanted.len() - place;
                    break;
                }
                Shown::Unreadable(why) => {
                    tracing::warn!(job, build, "run {build} of {job} cannot be read: {why}");
                    (failures, report.unreadable) = (failures + 1, report.unreadable + 1);
                    if failures == FAILURES {
                        report.left = wanted.len() - place - 1;
                        report.trouble = Some(why);
                        break;
                    }
                }
            }
            if batch.len() == BATCH && !self.add(job, &mut batch, &mut report).await {
                report.left = wanted.len() - place - 1;
                return report;
            }
        }
        self.add(job, &mut batch, &mut report).await;
        report
    }

    /// The builds of a job that are not known yet, the newest first.
    async fn wanted(
        &self,
        bucket: &str,
        job: &str,
        since: Timestamp,
        report: &mut JobReport,
    ) -> Result<Vec<String>, String> {
        let builds = self.builds(bucket, job, since).await;
        let builds = builds.map_err(|error| Chain(&error).to_string())?;
        let store = self.place.store(job);
        let found = keep::read(store.as_ref(), job, &self.clock).await;
        let history = found.map_err(|error| said(&error))?.history;
        let is_known = |build: &String| history.run(build).is_some_and(is_read);
        let (known, wanted): (Vec<String>, Vec<String>) =
            builds.into_iter().take(MAX_RUNS).partition(is_known);
        report.known = known.len();
        Ok(wanted)
    }

    /// What went wrong, unless it is only that the budget is used up.
    fn trouble(&self, why: String) -> Option<String> {
        (!self.meter.is_used_up()).then_some(why)
    }

    /// Adds what was read; whether that worked.
    async fn add(&self, job: &str, batch: &mut Vec<Addition>, report: &mut JobReport) -> bool {
        let additions = std::mem::take(batch);
        if additions.is_empty() {
            return true;
        }
        let store = self.place.store(job);
        let added = keep::change(store.as_ref(), job, &self.clock, |history| {
            additions.iter().for_each(|addition| {
                history.add(addition);
            });
            history.settle_origins();
        });
        match added.await {
            Ok(()) => {
                report.added += additions.len();
                true
            }
            Err(error) => {
                report.trouble = Some(said(&error));
                false
            }
        }
    }

    /// The build ids of a job's runs since some time, the newest first.
    async fn builds(
        &self,
        bucket: &str,
        job: &str,
        since: Timestamp,
    ) -> Result<Vec<String>, BucketError> {
        let prefix = format!("logs/{job}/");
        let start = format!("{prefix}{}", first_build_id(since));
        let listed = self.bucket.folders(bucket, &prefix, &start, MOST_LISTED).await?;
        if listed.cut {
            tracing::warn!(job, "{job} has more than {MOST_LISTED} runs; the oldest are looked at");
        }
        let id = |folder: &String| {
            let id = folder.strip_prefix(&prefix)?.strip_suffix('/')?;
            let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
            is_id.then(|| id.to_owned())
        };
        let mut builds: Vec<String> = listed.prefixes.iter().filter_map(id).collect();
        builds.sort_by(|a, b| (b.len(), b).cmp(&(a.len(), a)));
        Ok(builds)
    }
}

fn said(error: &KeepError) -> String {
    Chain(error).to_string()
}

/// Whether nothing more can be learnt of a run.
fn is_read(run: &Run) -> bool {
    let no_tests = matches!(run.result, JobState::Error | JobState::Aborted);
    run.result.is_final() && (run.reading != Reading::Unknown || no_tests)
}

/// The least build id that Prow gives at a time.
pub fn first_build_id(at: Timestamp) -> u64 {
    let milliseconds = at.as_millisecond().saturating_sub(BUILD_EPOCH);
    u64::try_from(milliseconds).unwrap_or(0) << 22
}
