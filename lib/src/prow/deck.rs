//! Deck: what Prow says of a run, without Gangway quota and without a token.
//!
//! Deck answers 404 for every failure to read, so only one exact text means that a run is gone. All
//! its visitors share a throttle of five reads a second, so runs are read one after another, with a
//! timeout long enough to hear why it could not read (30 s until its API server's own timeout).

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;

use super::prowjob::{Malformed, ProwJob};
use crate::failure::Chain;
use crate::http::{BaseUrl, Request, Response, SharedTransport, TransportError};

/// How long an answer may take (35 seconds): Deck gives up on its API server after 30.
const TIMEOUT: Duration = Duration::from_secs(35);

/// A ProwJob has a few KiB; etcd keeps none above 1.5 MiB.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// The list of a large Prow's runs stays below this (64 MiB).
const MAX_LIST: u64 = 64 * 1024 * 1024;

/// Why nothing is known of a run for now. None of these is an end: ask again later.
#[derive(Debug, thiserror::Error)]
pub enum DeckError {
    /// There was no whole answer.
    #[error("Deck cannot be read")]
    Transport(#[from] TransportError),
    /// A page for people: a sign-in page or a proxy's.
    #[error("Deck answered {status} with a page for people (a sign-in page or a proxy's)")]
    Page {
        /// The status code.
        status: u16,
    },
    /// 404, but not because the run is gone. Deck's own words hold internal addresses and stay out.
    #[error(
        "Deck answered 404 because it cannot read ProwJobs itself ({problem}), not because the run is gone"
    )]
    Blind {
        /// The kind of trouble.
        problem: &'static str,
    },
    /// Another status.
    #[error("Deck answered {status}")]
    Status {
        /// The status code.
        status: u16,
    },
    /// 200, but no ProwJob.
    #[error("Deck's answer for {id} is no ProwJob")]
    Malformed {
        /// The execution asked for.
        id: String,
        /// What the parser says.
        source: Malformed,
    },
    /// 200, but no list of ProwJobs.
    #[error("Deck's list is no list of ProwJobs")]
    MalformedList {
        /// What the parser says.
        source: serde_json::Error,
    },
    /// Another run than asked for.
    #[error("Deck was asked for {id} and answered with {found:?}")]
    OtherRun {
        /// The execution asked for.
        id: String,
        /// The one found.
        found: String,
    },
}

impl DeckError {
    /// Whether it is closed to us, so that asking again does not help: 401, 403, or on to a sign-in
    /// page.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Status { status } | Self::Page { status } => {
                matches!(status, 401 | 403 | 300..=399)
            }
            _ => false,
        }
    }

    /// What it says, and what to do where Deck is closed to us.
    pub fn in_words(&self) -> String {
        let text = Chain(self).to_string();
        match self.is_closed() {
            true => format!(
                "{text}: it is closed to us; name a token for it with --deck-token-file, or another Deck with --deck-url"
            ),
            false => text,
        }
    }
}

#[derive(Debug)]
pub struct Deck {
    base: BaseUrl,
    transport: SharedTransport,
    turn: Mutex<()>,
}

impl Deck {
    /// Deck at that address.
    pub fn new(base: BaseUrl, transport: SharedTransport) -> Self {
        Self { base, transport, turn: Mutex::new(()) }
    }

    /// A run by its execution id, read freshly; `None` if Prow no longer has it (or never had).
    ///
    /// # Errors
    /// [`DeckError`] when that cannot be told for now.
    pub async fn prowjob(&self, id: &str) -> Result<Option<ProwJob>, DeckError> {
        let mut url = self.base.join(["prowjob"]);
        url.query_pairs_mut().append_pair("prowjob", id);
        let _turn = self.turn.lock().await;
        let answer = self.transport.send(Request::get(url, TIMEOUT)).await?;
        let (status, is_page) = (answer.status, answer.is_html());
        if is_page {
            return Err(DeckError::Page { status });
        }
        let text = text_of(answer).await?;
        match status {
            200 => {
                let malformed = |source| DeckError::Malformed { id: id.to_owned(), source };
                let job = ProwJob::from_yaml(&text).map_err(malformed)?;
                if job.id != id {
                    return Err(DeckError::OtherRun { id: id.to_owned(), found: job.id });
                }
                Ok(Some(job))
            }
            404 if text.trim_end() == gone(id) => Ok(None),
            404 => Err(DeckError::Blind { problem: problem_in(&text) }),
            status => Err(DeckError::Status { status }),
        }
    }

    /// Where the last runs of some jobs left their artifacts, in Deck's list of all runs; of a job
    /// that it does not show, nothing.
    ///
    /// # Errors
    /// [`DeckError`] when there is no list.
    pub async fn last_urls(&self, jobs: &[&str]) -> Result<Vec<String>, DeckError> {
        // The newest come first.
        let mut found = BTreeMap::new();
        for item in self.items("annotations,labels,decoration_config,pod_spec").await? {
            let (job, url) = (item.spec.job, item.status.url.filter(|url| !url.is_empty()));
            if let Some(url) = url.filter(|_| jobs.contains(&job.as_str())) {
                found.entry(job).or_insert(url);
            }
        }
        Ok(found.into_values().collect())
    }

    /// The ids of the runs with a label, in Deck's list of all runs. **What is missing proves
    /// nothing**: the list is up to 30 seconds old, older still when Deck cannot read, and leaves
    /// out hidden jobs. What is in it exists, or did.
    ///
    /// # Errors
    /// [`DeckError`] when there is no list.
    pub async fn listed(&self, label: &str, value: &str) -> Result<Vec<String>, DeckError> {
        let items = self.items("annotations,decoration_config,pod_spec").await?;
        Ok(items
            .into_iter()
            .filter(|item| item.has(label, value))
            .map(|item| item.metadata.name)
            .collect())
    }

    async fn items(&self, omit: &str) -> Result<Vec<Item>, DeckError> {
        let mut url = self.base.join(["prowjobs.js"]);
        url.query_pairs_mut().append_pair("omit", omit);
        let _turn = self.turn.lock().await;
        let answer = self.transport.send(Request::get(url, TIMEOUT)).await?;
        match answer.status {
            status if answer.is_html() => return Err(DeckError::Page { status }),
            200 => {}
            status => return Err(DeckError::Status { status }),
        }
        // Some MB on a large Prow, of which little is kept.
        let read = |reader: &mut dyn Read| {
            serde_json::from_reader::<_, List>(BufReader::new(reader.take(MAX_LIST)))
        };
        let list = answer.body.read_with(read).await;
        let malformed = |source| DeckError::MalformedList { source };
        Ok(list.map_err(malformed)?.items)
    }
}

/// What is read of Deck's list.
#[derive(Deserialize)]
struct List {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
    #[serde(default)]
    spec: ItemSpec,
    #[serde(default)]
    status: ItemStatus,
}

#[derive(Default, Deserialize)]
struct ItemSpec {
    #[serde(default)]
    job: String,
}

#[derive(Default, Deserialize)]
struct ItemStatus {
    #[serde(default)]
    url: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl Item {
    fn has(&self, label: &str, value: &str) -> bool {
        self.metadata.labels.get(label).is_some_and(|found| found == value)
    }
}

/// The one text that means that a run is gone.
fn gone(id: &str) -> String {
    format!("ProwJob not found: prowjobs.prow.k8s.io \"{id}\" not found")
}

/// The kind of trouble in Deck's words, without the addresses in them.
fn problem_in(text: &str) -> &'static str {
    let known = [
        ("connection refused", "its API server refuses connections"),
        ("timeout", "its API server does not answer"),
        ("could not find the requested resource", "its API server has no ProwJobs"),
        ("forbidden", "its API server does not let it"),
        ("404 page not found", "there is no such page; is --deck-url right?"),
    ];
    known
        .iter()
        .find(|(words, _)| text.contains(words))
        .map_or("for an unknown reason", |(_, problem)| problem)
}

async fn text_of(answer: Response) -> Result<String, TransportError> {
    let bytes = answer.bytes(MAX_BYTES).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::canned::{Canned, exchange};
    use super::*;
    use crate::prow::JobState;

    const ID: &str = "855c7797-f74e-4c73-8d5d-68cece05a59b";

    async fn ask(
        status: u16,
        content_type: &'static str,
        body: &str,
        id: &str,
    ) -> Result<Option<ProwJob>, DeckError> {
        let canned = Canned::default().with("/prowjob", exchange(status, content_type, body));
        Deck::new("http://localhost/".parse().unwrap(), canned.shared())
            .prowjob(id)
            .await
    }

    const TEXT: &str = "text/plain; charset=utf-8";

    #[tokio::test]
    async fn a_run_is_read_by_its_id() {
        let success = &standins::captured::file("deck/prowjob-success.yaml");
        let job = ask(200, "text/plain", success, ID).await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Success);
        assert!(matches!(
            ask(200, "text/plain", success, "other").await,
            Err(DeckError::OtherRun { .. })
        ));
    }

    #[tokio::test]
    async fn only_the_exact_404_means_gone() {
        let gone = format!("ProwJob not found: prowjobs.prow.k8s.io \"{ID}\" not found\n");
        assert_eq!(ask(404, TEXT, &gone, ID).await.unwrap(), None);
        for (text, word) in [
            (
                "ProwJob not found: Get \"https://198.18.0.2:6443/apis/prow.k8s.io/v1/namespaces/x/prowjobs/y\": dial tcp 198.18.0.2:6443: connect: connection refused",
                "refuses connections",
            ),
            (
                "ProwJob not found: Get \"https://198.18.0.2:6443/x\": dial tcp: i/o timeout",
                "does not answer",
            ),
            (
                "ProwJob not found: the server could not find the requested resource (get prowjobs.prow.k8s.io y)",
                "has no ProwJobs",
            ),
            ("404 page not found", "--deck-url"),
            (&gone.replace("855c", "955c"), "unknown reason"),
            ("", "unknown reason"),
        ] {
            let error = ask(404, TEXT, text, ID).await.unwrap_err().to_string();
            assert!(error.contains(word) && !error.contains("198.18"), "{error}");
        }
    }

    #[tokio::test]
    async fn pages_and_broken_answers_are_trouble() {
        let success = &standins::captured::file("deck/prowjob-success.yaml");
        let page = "<html><title>Log In</title></html>";
        assert!(matches!(
            ask(200, "text/html; charset=utf-8", page, ID).await,
            Err(DeckError::Page { status: 200 })
        ));
        assert!(matches!(
            ask(403, "text/html", page, ID).await,
            Err(DeckError::Page { status: 403 })
        ));
        assert!(matches!(ask(200, "text/plain", page, ID).await, Err(DeckError::Malformed { .. })));
        assert!(matches!(ask(200, "text/plain", "", ID).await, Err(DeckError::Malformed { .. })));
        assert!(matches!(
            ask(200, "text/plain", &success[..400], ID).await,
            Err(DeckError::Malformed { .. }) | Ok(Some(_))
        ));
        assert!(matches!(
            ask(503, "text/plain", "upstream", ID).await,
            Err(DeckError::Status { status: 503 })
        ));
        let endless = "a".repeat(MAX_BYTES as usize + 1);
        assert!(matches!(ask(200, "text/plain", &endless, ID).await, Err(DeckError::Transport(_))));
    }

    #[tokio::test]
    async fn the_list_is_searched_by_label() {
        let list = |status, content_type, body: &str| {
            let canned =
                Canned::default().with("/prowjobs.js", exchange(status, content_type, body));
            Deck::new("http://localhost/".parse().unwrap(), canned.shared())
        };
        let items = r#"{"items":[{"metadata":{"name":"a","labels":{"release-gate/key":"k"}}},{"metadata":{"name":"b","labels":{"release-gate/key":"other"}}},{"metadata":{"name":"c"}}]}"#;
        let deck = list(200, "application/javascript", items);
        assert_eq!(deck.listed("release-gate/key", "k").await.unwrap(), ["a"]);
        let empty = list(200, "application/javascript", r#"{"items":[]}"#);
        assert!(empty.listed("release-gate/key", "k").await.unwrap().is_empty());
        for (status, content_type, body) in [
            (200, "application/javascript", "{}"),
            (200, "text/html", "<html>"),
            (502, "text/plain", ""),
            (200, "application/javascript", "{\"items\":[{"),
        ] {
            list(status, content_type, body)
                .listed("release-gate/key", "k")
                .await
                .unwrap_err();
        }
    }
}
