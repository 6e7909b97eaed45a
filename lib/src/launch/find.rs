//! Looking for a run by its key.
//!
//! Gangway lists runs by job name only, without labels; Deck shows the labels of a run whose id is
//! known, without Gangway's quota; where Deck cannot be read, the bucket's prowjob.json does. That
//! a run is *there* each of them can prove. That it is *not* there takes a list that was certainly
//! read: Gangway answers 200 and an empty list whenever it cannot reach its API server.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::failure::Chain;
use crate::prow::bucket::Bucket;
use crate::prow::deck::Deck;
use crate::prow::gangway::{Create, Gangway};
use crate::prow::job_url::JobUrl;
use crate::prow::key;
use crate::prow::prowjob::ProwJob;

/// No prowjob.json is larger (2 MiB).
const MAX_PROWJOB: u64 = 2 * 1024 * 1024;

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The run with the key; of several the oldest, since a person's rerun copies the key.
    Run {
        /// Prow's id of it.
        id: String,
        /// The variable that it lacks, if it is not as ordered.
        lacks: Option<String>,
    },
    /// At the time of the look there was certainly none.
    Missing,
    /// It could not be told: why.
    Unclear(String),
}

/// A run of the same record that is known: what shows that a list is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub job: String,
    /// Prow's id of it.
    pub id: String,
}

/// Looks for runs.
#[derive(Debug)]
pub struct Finder {
    gangway: Arc<Gangway>,
    deck: Arc<Deck>,
    bucket: Arc<Bucket>,
    /// Runs whose labels were read and are not ours; labels do not change.
    foreign: Mutex<BTreeSet<(String, String)>>,
}

impl Finder {
    /// Looks with these clients.
    pub fn new(gangway: Arc<Gangway>, deck: Arc<Deck>, bucket: Arc<Bucket>) -> Self {
        Self { gangway, deck, bucket, foreign: Mutex::default() }
    }

    /// Looks for the run of `order`. `known` are other runs of the record.
    pub(super) async fn look(&self, order: &Create, known: &[Known]) -> Found {
        match self.in_gangways_list(order, known).await {
            // Deck's list can prove that it is there, and only that.
            Err(why) => self.in_decks_list(order).await.unwrap_or(Found::Unclear(why)),
            Ok(found) => found,
        }
    }

    /// Looks in Gangway's list; fails when it is not certain that the list was read.
    async fn in_gangways_list(&self, order: &Create, known: &[Known]) -> Result<Found, String> {
        let job = &order.job_name;
        let mut listing = self.gangway.list(job).await.map_err(|error| error.to_string())?;
        if listing.is_empty() {
            // Once more, between two lists that are known to hold something.
            self.lists_truly(known).await?;
            listing = self.gangway.list(job).await.map_err(|error| error.to_string())?;
            if listing.is_empty() {
                return self.lists_truly(known).await.map(|()| Found::Missing);
            }
        }
        let known = |id: &str| known.iter().any(|known| known.id == id);
        let candidates = listing.of(job).map(|run| run.id.clone()).filter(|id| !known(id));
        Ok(self.among(order, candidates.collect()).await)
    }

    async fn in_decks_list(&self, order: &Create) -> Option<Found> {
        let listed = self.deck.listed(key::LABEL, wanted(order)).await;
        let candidates = listed.inspect_err(|error| tracing::debug!("{}", Chain(error))).ok()?;
        match self.among(order, candidates).await {
            found @ Found::Run { .. } => Some(found),
            _ => None,
        }
    }

    /// Whether Gangway lists what must be there: a run of ours, or anybody's at all.
    async fn lists_truly(&self, known: &[Known]) -> Result<(), String> {
        if let Some(known) = known.last() {
            let listing = self
                .gangway
                .list(&known.job)
                .await
                .map_err(|error| error.to_string())?;
            if listing.of(&known.job).any(|run| run.id == known.id) {
                return Ok(());
            }
        }
        match self.gangway.list_all().await {
            Ok(listing) if listing.is_empty() => {
                Err("Gangway's lists are empty, which proves nothing".to_owned())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Looks at each of these runs.
    async fn among(&self, order: &Create, candidates: Vec<String>) -> Found {
        let wanted = wanted(order);
        let (mut ours, mut unread): (Vec<ProwJob>, Vec<String>) = (Vec::new(), Vec::new());
        for id in candidates.into_iter().filter(|id| !self.is_foreign(id, wanted)) {
            match self.read(&id).await {
                Ok(job) if job.labels.get(key::LABEL).is_some_and(|value| value == wanted) => {
                    ours.push(job)
                }
                Ok(_) => self.set_foreign(id, wanted.to_owned()),
                Err(why) => unread.push(why),
            }
        }
        ours.sort_by_key(|job| (job.created.unwrap_or(Timestamp::MAX), job.id.clone()));
        match (ours.into_iter().next(), unread.into_iter().next()) {
            (Some(job), _) => Found::Run { lacks: lacking(order, &job), id: job.id },
            (None, Some(why)) => Found::Unclear(why),
            (None, None) => Found::Missing,
        }
    }

    /// A run with its labels: from Deck, otherwise from the bucket.
    async fn read(&self, id: &str) -> Result<ProwJob, String> {
        let why = match self.deck.prowjob(id).await {
            Ok(Some(job)) => return Ok(job),
            Ok(None) => format!("Gangway lists {id}, Deck does not know it"),
            Err(error) => Chain(&error).to_string(),
        };
        match self.read_artifact(id).await {
            Ok(job) => Ok(job),
            Err(also) => Err(format!("{why}; {also}")),
        }
    }

    async fn read_artifact(&self, id: &str) -> Result<ProwJob, String> {
        let run = self.gangway.status(id).await.map_err(|error| error.to_string())?;
        let url = run.job_url.ok_or_else(|| format!("{id} has no artifacts yet"))?;
        let folder: JobUrl = url.parse().map_err(|error| Chain(&error).to_string())?;
        let json = self.bucket.get(&folder, "prowjob.json", MAX_PROWJOB).await;
        let json = json.map_err(|error| Chain(&error).to_string())?;
        let json = json.ok_or_else(|| format!("{id} has no prowjob.json yet"))?;
        let job = ProwJob::from_json(&json).map_err(|error| Chain(&error).to_string())?;
        if job.id == id {
            Ok(job)
        } else {
            Err(format!("prowjob.json of {id} is that of {:?}", job.id))
        }
    }

    fn is_foreign(&self, id: &str, key: &str) -> bool {
        let foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        foreign.contains(&(id.to_owned(), key.to_owned()))
    }

    fn set_foreign(&self, id: String, key: String) {
        self.foreign
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((id, key));
    }
}

/// The key that a run of the order carries.
fn wanted(order: &Create) -> &str {
    order
        .pod_spec_options
        .labels
        .get(key::LABEL)
        .map(String::as_str)
        .unwrap_or_default()
}

/// What the run does not have as ordered, if anything.
fn lacking(order: &Create, job: &ProwJob) -> Option<String> {
    order
        .lacked_by(&job.envs)
        .map(|name| format!("it lacks the variable {name}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::clock::{RuntimeClock, SharedClock};
    use crate::http::{InProcessTransport, SharedTransport};
    use crate::prow::budget::{Budget, Limits};
    use crate::prow::gangway::PodSpecOptions;
    use crate::secret::SecretFile;

    const KEY: &str = "our-key";

    /// A finder whose Gangway gives these lists one after another, and whose Deck knows these runs:
    /// id, key, second of creation.
    fn finder(lists: &[&[&str]], runs: &[(&str, &str, u32)]) -> (Finder, tempfile::NamedTempFile) {
        let item = |id: &&str| json!({"id": id, "job_name": "a", "job_status": "PENDING"});
        let list = |ids: &&[&str]| {
            json!({"job_execution": ids.iter().map(item).collect::<Vec<_>>()}).to_string()
        };
        let lists = Mutex::new(lists.iter().map(list).collect::<Vec<_>>().into_iter());
        let run = |(id, key, second): &(&str, &str, u32)| {
            let created = format!("2026-08-20T03:00:{second:02}Z");
            let metadata = json!({"name": id, "labels": {"release-gate/key": key}, "creationTimestamp": created});
            (
                format!("prowjob={id}"),
                json!({"metadata": metadata, "spec": {"job": "a"}}).to_string(),
            )
        };
        let runs: std::collections::HashMap<_, _> = runs.iter().map(run).collect();
        let transport: SharedTransport = Arc::new(InProcessTransport::new(move |request| {
            let uri = request.uri().clone();
            let found = match uri.host().unwrap() {
                "gangway.test" => lists.lock().unwrap().next(),
                "deck.test" => uri.query().and_then(|query| runs.get(query).cloned()),
                _ => None,
            };
            let answer = match found {
                Some(body) => http::Response::new(body.into()),
                None => http::Response::builder().status(503).body("".into()).unwrap(),
            };
            Box::pin(async move { Some(answer) })
        }));
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(Timestamp::UNIX_EPOCH));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "token").unwrap();
        let budget = Arc::new(Budget::new(clock, Limits { per_minute: 600, burst: 600 }, true));
        let token = SecretFile::new("--gangway-token-file", file.path());
        let base = |host: &str| format!("https://{host}.test").parse().unwrap();
        let gangway =
            Arc::new(Gangway::new(base("gangway"), token, Arc::clone(&transport), budget));
        let deck = Arc::new(Deck::new(base("deck"), Arc::clone(&transport)));
        (Finder::new(gangway, deck, Arc::new(Bucket::new(base("bucket"), transport))), file)
    }

    fn order() -> Create {
        let labels = [(key::LABEL.to_owned(), KEY.to_owned())].into();
        Create::new("a", PodSpecOptions { labels, ..PodSpecOptions::default() })
    }

    async fn look(lists: &[&[&str]], known: &[Known], runs: &[(&str, &str, u32)]) -> Found {
        let (finder, _token) = finder(lists, runs);
        let order = order();
        let look = finder.look(&order, known);
        tokio::time::timeout(Duration::from_secs(60), look).await.unwrap()
    }

    /// Nobody else's run is in these lists, so that only the control can tell an empty list from
    /// one that could not be read: before and after, since Gangway can lose its API server in
    /// between.
    #[tokio::test(start_paused = true)]
    async fn missing_takes_a_true_list_before_and_after() {
        let anybody: &[&str] = &["somebody"];
        let missing = look(&[&[], anybody, &[], anybody], &[], &[]).await;
        assert_eq!(missing, Found::Missing);
        for lists in [[&[], &[], anybody, anybody], [&[], anybody, &[], &[]]] {
            let found = look(&lists, &[], &[]).await;
            assert!(
                matches!(&found, Found::Unclear(why) if why.contains("proves nothing")),
                "{lists:?}: {found:?}"
            );
        }
        // A run of ours that is listed is as good as anybody's.
        let ours = [Known { job: "a".to_owned(), id: "ours".to_owned() }];
        assert_eq!(look(&[&[], &["ours"], &[], &["ours"]], &ours, &[]).await, Found::Missing);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_cannot_be_read_may_be_ours() {
        assert_eq!(look(&[&["other"]], &[], &[("other", "another-key", 1)]).await, Found::Missing);
        let found = look(&[&["other", "unread"]], &[], &[("other", "another-key", 1)]).await;
        assert!(matches!(found, Found::Unclear(_)), "{found:?}");
        let found = look(&[&["unread", "x"]], &[], &[("x", KEY, 1)]).await;
        assert!(matches!(&found, Found::Run { id, .. } if id == "x"), "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_of_somebody_else_is_read_once() {
        let listed: &[&str] = &["other"];
        let (finder, _token) = finder(&[listed, listed], &[("other", "another-key", 1)]);
        assert!(!finder.is_foreign("other", KEY));
        for _ in 0..2 {
            assert_eq!(finder.look(&order(), &[]).await, Found::Missing);
            assert!(finder.is_foreign("other", KEY));
        }
        // It may be that of another order.
        assert!(!finder.is_foreign("other", "another-key"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_is_ours_wherever_it_is_listed() {
        let runs = [("a", KEY, 30), ("b", KEY, 10), ("c", KEY, 20)];
        for listed in [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]] {
            let found = look(&[&listed], &[], &runs).await;
            assert!(matches!(&found, Found::Run { id, .. } if id == "b"), "{listed:?}: {found:?}");
        }
    }

    #[test]
    fn a_run_lacks_what_one_of_its_containers_lacks() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let envs = [pair("IMAGE", "a@sha256:4")].into();
        let order = Create::new("a", PodSpecOptions { envs, ..PodSpecOptions::default() });
        let lacks = |envs: &[(String, String)]| {
            lacking(&order, &ProwJob { envs: envs.to_vec(), ..ProwJob::default() })
        };
        assert_eq!(lacks(&[pair("X", "1"), pair("IMAGE", "a@sha256:4")]), None);
        assert_eq!(lacks(&[pair("X", "1")]).as_deref(), Some("it lacks the variable IMAGE"));
        assert!(lacks(&[pair("IMAGE", "a@sha256:4"), pair("IMAGE", "a@sha256:5")]).is_some());
    }
}
