//! A look before the launch: whether what the jobs will leave behind can be read at all.
//!
//! A Deck or a bucket that is closed to us would be found out when the jobs have ended, hours
//! later. Deck's list shows where the jobs' last runs are; what it does not show, or does not
//! answer, says nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::failure::Chain;
use crate::prow::bucket::{Bucket, BucketError};
use crate::prow::deck::Deck;
use crate::prow::job_url::JobUrl;

/// No look takes longer (20 seconds, wall time): it must not delay a launch for nothing.
const WITHIN: Duration = Duration::from_secs(20);

/// What is closed, with what to do; `None` where nothing is known to be.
pub async fn closed(deck: &Deck, bucket: &Bucket, jobs: &[&str]) -> Option<String> {
    tokio::time::timeout(WITHIN, look(deck, bucket, jobs))
        .await
        .unwrap_or(None)
}

async fn look(deck: &Deck, bucket: &Bucket, jobs: &[&str]) -> Option<String> {
    let urls = match deck.last_urls(jobs).await {
        Ok(urls) => urls,
        Err(error) if error.is_closed() => return Some(error.in_words()),
        Err(error) => {
            tracing::debug!("nothing is known of past runs: {}", Chain(&error));
            return None;
        }
    };
    // One folder for each bucket.
    let folders = urls.iter().filter_map(|url| url.parse::<JobUrl>().ok());
    let folders: BTreeMap<String, JobUrl> =
        folders.map(|folder| (folder.bucket().to_owned(), folder)).collect();
    for folder in folders.values() {
        if let Err(error @ BucketError::NoAccess { .. }) =
            bucket.get(folder, "finished.json", 1 << 20).await
        {
            return Some(Chain(&error).to_string());
        }
    }
    None
}
