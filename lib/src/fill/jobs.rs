//! Which jobs are looked at, and where their runs leave what they leave.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::prow::deck::Deck;
use crate::prow::job_url::JobUrl;
use crate::record::{self, GateRecord, Whose};

/// So many of the newest records tell which jobs there are.
const RECORDS: usize = 40;

/// A job, as far as records tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The bucket of its newest run.
    pub bucket: Option<String>,
    /// The variables that gates give to it.
    pub set: BTreeSet<String>,
}

/// The jobs of a gate's records, or of all in the namespace.
///
/// # Errors
/// The API server's answer.
pub async fn of_records(
    cluster: &Cluster,
    clock: &SharedClock,
    whose: Whose<'_>,
) -> Result<BTreeMap<String, Source>, kube::Error> {
    let mut jobs = BTreeMap::new();
    let mut read = 0;
    record::each(cluster, clock, whose, None, |_, record| {
        if let Ok(record) = record {
            take(&mut jobs, &record);
        }
        read += 1;
        if read < RECORDS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .await?;
    Ok(jobs)
}

/// The newest record comes first.
fn take(jobs: &mut BTreeMap<String, Source>, record: &GateRecord) {
    for job in &record.jobs {
        let source: &mut Source = jobs.entry(job.name.clone()).or_default();
        let urls = job
            .attempts
            .iter()
            .rev()
            .filter_map(|attempt| attempt.job_url.as_deref());
        let bucket = urls.filter_map(|url| url.parse::<JobUrl>().ok()).next();
        source.bucket = source
            .bucket
            .take()
            .or(bucket.map(|folder| folder.bucket().to_owned()));
        source.set.extend(job.override_env.iter().cloned());
        source.set.extend(job.env.keys().cloned());
        source
            .set
            .extend(record.launch.iter().flat_map(|launch| launch.env.keys().cloned()));
    }
}

/// Adds the buckets that Deck's list of runs names, for jobs of which none is known.
///
/// # Errors
/// Why Deck does not tell, in words.
pub async fn ask_deck(deck: &Deck, jobs: &mut BTreeMap<String, Source>) -> Result<(), String> {
    let unknown: Vec<&str> = jobs
        .iter()
        .filter(|(_, source)| source.bucket.is_none())
        .map(|(job, _)| job.as_str())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let urls = deck
        .last_urls(&unknown)
        .await
        .map_err(|error| crate::failure::Chain(&error).to_string())?;
    for folder in urls.iter().filter_map(|url| url.parse::<JobUrl>().ok()) {
        let job = folder
            .prefix()
            .strip_prefix("logs/")
            .and_then(|rest| rest.split('/').next());
        if let Some(source) = job.and_then(|job| jobs.get_mut(job)) {
            source.bucket.get_or_insert_with(|| folder.bucket().to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{attempt, job};
    use crate::record::{Class, JobState, LaunchOptions};
    use jiff::Timestamp;

    #[test]
    fn the_newest_run_tells_the_bucket() {
        let record = |bucket: &str, env: &str| {
            let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
            let mut run = attempt(JobState::Success, None);
            run.job_url = Some(format!("https://prow.example/view/gs/{bucket}/logs/a/1"));
            let mut job = job("a", Class::Blocking, vec![run]);
            job.override_env = vec!["IMAGE".to_owned()];
            record.jobs.push(job);
            let env = [(env.to_owned(), "1".to_owned())].into();
            record.launch = Some(LaunchOptions { env });
            record
        };
        let mut jobs = BTreeMap::new();
        take(&mut jobs, &record("new", "TESTS"));
        take(&mut jobs, &record("old", "MORE"));
        let source = &jobs["a"];
        assert_eq!(source.bucket.as_deref(), Some("new"));
        assert_eq!(source.set.iter().collect::<Vec<_>>(), ["IMAGE", "MORE", "TESTS"]);
    }
}
