//! One look at a run: Deck, or the bucket, or Gangway, in this order.
//!
//! Deck and the bucket cost no Gangway quota. Gangway is asked only where these do not answer, and
//! then rarely: once for the job URL, once to confirm what the bucket hints at.

use std::time::Duration;

use jiff::Timestamp;

use super::reader::{Found, Reader};
use crate::clock::SharedClock;
use crate::failure::Chain;
use crate::prow::bucket::Bucket;
use crate::prow::deck::{Deck, DeckError};
use crate::prow::finished::Finished;
use crate::prow::gangway::{Execution, Gangway, ReadError};
use crate::prow::job_url::JobUrl;
use crate::prow::key;
use crate::prow::prowjob::{Definition, ProwJob};
use crate::record::JobState;
use crate::text;

/// After so many failures to reach Deck in one round the others are not tried (2): each would wait
/// for its timeout while other jobs end unseen.
const DECK_FAILURES: u32 = 2;

/// Before a run is this old (90 s) it has no job URL yet, so Gangway is not asked for it.
const YOUNG: Duration = Duration::from_secs(90);

/// Between two questions to Gangway about one run: 2, 4, 8, then 10 minutes.
const GANGWAY_PAUSES: [Duration; 4] = [
    Duration::from_secs(120),
    Duration::from_secs(240),
    Duration::from_secs(480),
    Duration::from_secs(600),
];

/// Where runs are looked at.
#[derive(Debug)]
pub struct Sources<'a> {
    pub deck: &'a Deck,
    /// The bucket's server.
    pub bucket: &'a Bucket,
    /// Gangway; without a token there is none.
    pub gangway: Option<&'a Gangway>,
    pub clock: SharedClock,
}

/// A run as one of its witnesses shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sighting {
    pub state: JobState,
    /// The state's word, where it is not a known one.
    pub strange_word: Option<String>,
    /// Prow's words for the state.
    pub description: Option<String>,
    /// Where people look at it.
    pub job_url: Option<String>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The job's name; `None` where the witness does not show whose run it is.
    pub job: Option<String>,
    /// The intent key that it carries as label, if any.
    pub key: Option<String>,
    /// Whether this is the bucket's word while Deck did not tell: it may be behind.
    pub from_bucket: bool,
    /// The run's variables, one list entry for each container; `None` where the witness has none.
    pub envs: Option<Vec<(String, String)>>,
    /// What the job is; `None` where the witness does not show it.
    pub definition: Option<Box<Definition>>,
}

impl From<ProwJob> for Sighting {
    fn from(job: ProwJob) -> Self {
        let strange = job.state == JobState::Unknown && !job.state_word.is_empty();
        Self {
            state: job.state,
            strange_word: strange.then(|| text::one_line(&job.state_word, 60)),
            description: job.description.map(|words| text::one_line(&words, 400)),
            job_url: job.job_url,
            started_at: job.started,
            completed_at: job.completed,
            key: job.labels.get(key::LABEL).cloned(),
            job: Some(job.job),
            envs: Some(job.envs),
            definition: Some(Box::new(job.definition)),
            from_bucket: false,
        }
    }
}

impl From<Execution> for Sighting {
    fn from(execution: Execution) -> Self {
        Self {
            state: execution.state,
            job_url: execution.job_url,
            started_at: execution.started_at,
            completed_at: execution.completed_at,
            ..Self::default()
        }
    }
}

/// What a look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glimpse {
    Run(Sighting),
    /// Prow no longer has the run, and the bucket does not say how it ended: what it does say.
    Gone(String),
    /// Nothing, for now: why. The run counts as going on.
    Trouble(String),
}

/// A run that is being looked at, and what is remembered of it between looks.
#[derive(Debug, Clone)]
pub struct Watched {
    pub execution: String,
    /// When it was launched.
    pub launched_at: Timestamp,
    /// Its folder, as last heard.
    pub folder: Option<JobUrl>,
    /// How often Gangway was asked about it, and when last.
    asked: usize,
    asked_at: Option<Timestamp>,
    /// Whether Gangway was asked since the bucket first hinted at the end.
    confirmed: bool,
}

impl Watched {
    /// A run by its id.
    pub fn new(execution: impl Into<String>, launched_at: Timestamp) -> Self {
        Self {
            execution: execution.into(),
            launched_at,
            folder: None,
            asked: 0,
            asked_at: None,
            confirmed: false,
        }
    }

    /// Sets the artifact folder from a job URL; returns the problem if it is unusable.
    pub fn heard_url(&mut self, url: Option<&str>) -> Option<String> {
        match url?.parse::<JobUrl>() {
            Ok(folder) => {
                self.folder = Some(folder);
                None
            }
            Err(error) => Some(error.to_string()),
        }
    }
}

/// What is remembered within one round of looks.
#[derive(Debug)]
pub struct Round {
    deck_failures: u32,
    gangway_left: u32,
    /// Whether Gangway refused the token.
    pub token_refused: Option<String>,
}

impl Round {
    /// A round after another. Gangway is asked no more often than its limit allows within the
    /// round, so that waiting for the budget does not keep the other jobs from being looked at.
    pub fn after(previous: Option<&Self>, sources: &Sources<'_>, takes: Duration) -> Self {
        let unreachable = previous.is_some_and(|round| round.deck_failures >= DECK_FAILURES);
        let per_minute = sources
            .gangway
            .map_or(0, |gangway| gangway.budget().limits().per_minute);
        let share = u64::from(per_minute) * takes.as_secs() / 60;
        Self {
            // Where Deck did not answer before, one failure is enough.
            deck_failures: if unreachable { DECK_FAILURES - 1 } else { 0 },
            gangway_left: u32::try_from(share).unwrap_or(u32::MAX).max(1),
            token_refused: None,
        }
    }
}

impl Sources<'_> {
    /// Looks at a run.
    pub async fn look(&self, run: &mut Watched, round: &mut Round) -> Glimpse {
        let trouble = if round.deck_failures < DECK_FAILURES {
            match self.deck.prowjob(&run.execution).await {
                Ok(Some(job)) => return Glimpse::Run(job.into()),
                Ok(None) => return self.gone(run).await,
                Err(error) => {
                    round.deck_failures += u32::from(matches!(error, DeckError::Transport(_)));
                    said(&error)
                }
            }
        } else {
            "Deck does not answer".to_owned()
        };
        self.elsewhere(run, round, trouble).await
    }

    /// The run is gone from Prow: what the bucket has of it.
    async fn gone(&self, run: &Watched) -> Glimpse {
        const GONE: &str = "Prow no longer has this run";
        let Some(folder) = &run.folder else {
            return Glimpse::Gone(format!("{GONE}, and it had no artifacts yet"));
        };
        let reader = Reader { bucket: self.bucket, folder };
        match reader.prowjob(&run.execution).await {
            Found::Read(job) if job.state.is_final() => return Glimpse::Run(job.into()),
            Found::Unreadable(why) | Found::Unreachable(why) => {
                return Glimpse::Trouble(format!("{GONE}, and {why}"));
            }
            _ => {}
        }
        Glimpse::Gone(match reader.finished().await {
            Found::Read(Finished { passed: Some(false), result }) => {
                format!("{GONE}; its pod ended with {}", result.as_deref().unwrap_or("a failure"))
            }
            Found::Read(_) => {
                format!("{GONE}; its pod ended, and nothing shows that the run succeeded")
            }
            Found::Unreadable(why) | Found::Broken(why) | Found::Unreachable(why) => {
                return Glimpse::Trouble(format!("{GONE}, and {why}"));
            }
            Found::Missing | Found::Unasked => {
                format!("{GONE}, and its artifacts do not show an end")
            }
        })
    }

    /// Deck does not tell: the bucket, then Gangway.
    async fn elsewhere(&self, run: &mut Watched, round: &mut Round, deck: String) -> Glimpse {
        let mut seen = None;
        let mut hint = false;
        let mut bucket_trouble = None;
        if let Some(folder) = run.folder.clone() {
            let reader = Reader { bucket: self.bucket, folder: &folder };
            match reader.prowjob(&run.execution).await {
                Found::Read(job) if job.state.is_final() => return Glimpse::Run(job.into()),
                Found::Read(job) => {
                    seen = Some(Sighting { from_bucket: true, ..Sighting::from(job) })
                }
                Found::Unreadable(why) | Found::Unreachable(why) => bucket_trouble = Some(why),
                Found::Missing | Found::Unasked | Found::Broken(_) => {}
            }
            hint = bucket_trouble.is_none() && matches!(reader.finished().await, Found::Read(_));
        }
        let needed = run.folder.is_none() || bucket_trouble.is_some() || hint;
        if needed {
            match self.ask_gangway(run, round, hint && !run.confirmed).await {
                Some(Ok(execution)) => return Glimpse::Run(execution.into()),
                Some(Err(ReadError::Token(words))) => {
                    round.token_refused = Some(words);
                    return Glimpse::Trouble(format!("{deck}, and Gangway refused the token"));
                }
                Some(Err(error)) => {
                    return Glimpse::Trouble(format!("{deck}, and {}", said(&error)));
                }
                None => {}
            }
        }
        match (seen, bucket_trouble) {
            (Some(sighting), _) => Glimpse::Run(sighting),
            (None, Some(why)) => Glimpse::Trouble(format!("{deck}, and {why}")),
            (None, None) => Glimpse::Trouble(deck),
        }
    }

    /// Asks Gangway if it is time to; `urgent` the first time that the end is hinted at.
    async fn ask_gangway(
        &self,
        run: &mut Watched,
        round: &mut Round,
        urgent: bool,
    ) -> Option<Result<Execution, ReadError>> {
        let gangway = self.gangway?;
        let due = match run.asked_at {
            None => self.clock.since(run.launched_at) >= YOUNG,
            Some(at) => {
                self.clock.since(at) >= GANGWAY_PAUSES[run.asked.clamp(1, GANGWAY_PAUSES.len()) - 1]
            }
        };
        if !(due || urgent) || round.gangway_left == 0 {
            return None;
        }
        round.gangway_left -= 1;
        run.asked += 1;
        run.asked_at = Some(self.clock.now());
        run.confirmed |= urgent;
        Some(gangway.status(&run.execution).await)
    }
}

fn said(error: &(dyn std::error::Error + 'static)) -> String {
    text::one_line(&Chain(error).to_string(), 300)
}

#[cfg(test)]
mod tests;
