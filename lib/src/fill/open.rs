//! What the step is given, and what it opens.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::jobs::{self, Source};
use super::meter::{Budget, Meter};
use super::{BUDGET, DAYS, Report, Sources, preflight as checks};
use crate::cluster::Cluster;
use crate::failure::{Failure, OrExit};
use crate::history::keep::{Choice, Place};
use crate::preflight::Preflight;
use crate::prow::{self, Addresses, Servers};
use crate::record::Whose;
use crate::site::Site;

/// No more days are looked back (a year).
const MOST_DAYS: u32 = 366;

/// Everything that collect-history is given.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--job`.
    pub jobs: Vec<String>,
    /// `--bucket`.
    pub bucket: Option<String>,
    /// `--gate-label`.
    pub gate: Option<String>,
    /// `--history`.
    pub history: Option<Choice>,
    /// `--days`.
    pub days: u32,
    /// `--max-requests`, `--max-bytes`.
    pub budget: Budget,
    /// `--deck-url`, `--artifacts-url` and their tokens.
    pub addresses: Addresses,
}

/// The records, which name the jobs, cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the gate records, which name the jobs, cannot be read")]
struct RecordsError(#[from] kube::Error);

/// Reads `--days`.
///
/// # Errors
/// What was expected.
pub fn days(given: Option<&str>) -> Result<u32, String> {
    let Some(text) = given else { return Ok(DAYS) };
    let wrong = || format!("--days: expected a number from 1 to {MOST_DAYS}, found {text:?}");
    text.parse()
        .ok()
        .filter(|days| (1..=MOST_DAYS).contains(days))
        .ok_or_else(wrong)
}

/// Reads `--max-requests` and `--max-bytes`.
///
/// # Errors
/// What was expected of which flag.
pub fn budget(requests: Option<&str>, bytes: Option<&str>) -> Result<Budget, String> {
    let requests = match requests {
        None => BUDGET.requests,
        Some(text) => text.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
            format!("--max-requests: expected a number such as 2000, found {text:?}")
        })?,
    };
    let bytes = match bytes {
        None => BUDGET.bytes,
        Some(text) => size(text).filter(|bytes| *bytes > 0).ok_or_else(|| {
            format!("--max-bytes: expected a size such as 500MiB or 1GiB, found {text:?}")
        })?,
    };
    Ok(Budget { requests, bytes })
}

fn size(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let shift = match unit {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// What is open: where runs and histories are, and which jobs there are.
struct Opened {
    sources: Sources,
    cluster: Option<Cluster>,
    jobs: BTreeMap<String, Source>,
}

/// Fills the histories.
///
/// # Errors
/// Misuse for what cannot be opened; exit 1 when the records cannot be read.
pub async fn run(options: &Options, site: &Site) -> Result<Report, Failure> {
    let Opened { sources, jobs, .. } = open(options, site).await?;
    if jobs.is_empty() {
        tracing::info!("no record names a job yet; --job names one");
    }
    Ok(sources.fill(&jobs, options.days).await)
}

/// Looks at everything that is needed, and changes nothing.
///
/// # Errors
/// Those of [`run`].
pub async fn preflight(options: &Options, site: &Site) -> Result<Preflight, Failure> {
    let Opened { sources, cluster, jobs } = open(options, site).await?;
    Ok(checks::preflight(&sources, cluster.as_ref(), &jobs).await)
}

async fn open(options: &Options, site: &Site) -> Result<Opened, Failure> {
    if let Some(bucket) = &options.bucket {
        prow::buckets(std::slice::from_ref(bucket)).misuse()?;
    }
    let clock = site.clock();
    let place = match &options.history {
        None | Some(Choice::ConfigMaps) => {
            Place::ConfigMaps(site.cluster().await.misuse()?.clone())
        }
        Some(Choice::Folder(folder)) => Place::Folder(folder.clone()),
        Some(Choice::Off) => {
            let why = "--history: expected configmap or folder:PATH, where histories can be kept";
            return Err(Failure::misuse(why));
        }
    };
    let cluster = match (&place, options.jobs.is_empty()) {
        (Place::ConfigMaps(cluster), _) => Some(cluster.clone()),
        (Place::Folder(_), true) => Some(site.cluster().await.misuse()?.clone()),
        (Place::Folder(_), false) => None,
    };
    let meter = Arc::new(Meter::new(site.transport().misuse()?, clock.clone(), options.budget));
    let Servers { deck, bucket, .. } = options.addresses.open(meter.clone()).misuse()?;
    let whose = options.gate.as_deref().map_or(Whose::Anybody, Whose::Gate);
    let mut jobs = match &cluster {
        Some(cluster) => jobs::of_records(cluster, clock, whose)
            .await
            .map_err(RecordsError)
            .failed()?,
        None => BTreeMap::new(),
    };
    if !options.jobs.is_empty() {
        jobs.retain(|job, _| options.jobs.contains(job));
        for job in &options.jobs {
            jobs.entry(job.clone()).or_default();
        }
    }
    if let Some(bucket) = &options.bucket {
        jobs.values_mut()
            .for_each(|source| source.bucket = Some(bucket.clone()));
    }
    if let Err(why) = jobs::ask_deck(&deck, &mut jobs).await {
        tracing::warn!("Deck's list, which would name the buckets of some jobs: {why}");
    }
    let sources = Sources { bucket: (*bucket).clone(), meter, place, clock: clock.clone() };
    Ok(Opened { sources, cluster, jobs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read() {
        assert_eq!(budget(None, None), Ok(BUDGET));
        let given = budget(Some("5"), Some("2MiB")).unwrap();
        assert_eq!(given, Budget { requests: 5, bytes: 2 << 20 });
        assert_eq!(budget(None, Some("77")).unwrap().bytes, 77);
        for bad in ["", "0", "1GB", "MiB", "-1", "99999999999999GiB"] {
            assert!(budget(None, Some(bad)).unwrap_err().starts_with("--max-bytes: "), "{bad}");
        }
        assert!(
            budget(Some("none"), None)
                .unwrap_err()
                .starts_with("--max-requests: ")
        );
        assert_eq!(days(None), Ok(60));
        assert!(days(Some("0")).is_err() && days(Some("400")).is_err() && days(Some("7")) == Ok(7));
    }
}
