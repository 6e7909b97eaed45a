//! A second look at runs that are said to have passed.
//!
//! Whoever can write the record can write `passed` into it, so its word alone promotes nothing.
//! Here the run itself is asked: Deck, or the bucket where Deck does not have it. It must be a run
//! of the job, carry the key of this very attempt, have the variables that were ordered, have
//! succeeded, and show what the rules ask for. Nothing of the record is believed on the way but the
//! id to ask about.

use std::time::Duration;

use futures::stream::{self, StreamExt};

use super::classify::classify;
use super::look::{Glimpse, Round, Sighting, Sources, Watched};
use super::ours::stranger;
use super::reader::Prospect;
use super::rules::Rules;
use super::{Case, Ended, Nowhere, Subject};
use crate::duration;
use crate::prow::gangway::Create;
use crate::prow::job_url::JobUrl;
use crate::record::{Attempt, Cause, JobRecord, JobState};
use crate::text;

/// How long what cannot be read is tried (10 minutes).
pub const PATIENCE: Duration = Duration::from_secs(600);

/// Between two tries (15, 30, then 60 seconds).
const PAUSES: [Duration; 3] =
    [Duration::from_secs(15), Duration::from_secs(30), Duration::from_secs(60)];

/// Runs whose folders are read at the same time. Deck is asked for one after another.
const AT_ONCE: usize = 4;

/// A run that the record calls passed.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    pub job: &'a JobRecord,
    /// The attempt that the record calls passed.
    pub attempt: &'a Attempt,
    /// What that attempt must have been launched with.
    pub order: Create,
}

/// What the run itself says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It passed.
    Confirmed,
    /// Nothing for now: why.
    Unreadable(String),
    /// It is another run, or did not pass: why.
    Contradicted(String),
}

/// Looks at runs again.
#[derive(Debug)]
pub struct Again<'a> {
    /// Where runs are looked at; Gangway is not asked.
    pub sources: Sources<'a>,
    /// Buckets that only Prow writes to. A run that Deck no longer has is read from one of these
    /// alone: where its artifacts are is then only the record's word.
    pub buckets: &'a [String],
    /// The image under test.
    pub subject: &'a Subject,
    /// What a run must show.
    pub rules: &'a Rules,
}

/// A run as it was seen, before its folder is read.
struct Seen {
    execution: String,
    sighting: Sighting,
    folder: Option<JobUrl>,
    nowhere: Option<Nowhere>,
}

impl Again<'_> {
    /// Asks about each claim; what cannot be read is tried again for `patience`, unless another
    /// claim is contradicted, which decides. One answer for each claim, in order.
    pub async fn look(&self, claims: &[Claim<'_>], patience: Duration) -> Vec<Answer> {
        let clock = &self.sources.clock;
        let begun = clock.now();
        let mut answers = vec![Answer::Unreadable("it was not looked at".to_owned()); claims.len()];
        for failed in 0.. {
            self.once(claims, &mut answers).await;
            let unread = answers.iter().zip(claims).find_map(|(answer, claim)| match answer {
                Answer::Unreadable(why) => Some((&claim.job.name, why)),
                _ => None,
            });
            let contradicted =
                answers.iter().any(|answer| matches!(answer, Answer::Contradicted(_)));
            let pause = PAUSES[failed.min(PAUSES.len() - 1)];
            match unread {
                Some((job, why)) if !contradicted && clock.since(begun) + pause <= patience => {
                    tracing::warn!(
                        job,
                        "{job} cannot be looked at again ({why}); trying for up to {}",
                        duration::human(patience)
                    );
                    clock.sleep(pause).await;
                }
                _ => break,
            }
        }
        answers
    }

    /// One round over the claims that have no answer yet.
    async fn once(&self, claims: &[Claim<'_>], answers: &mut [Answer]) {
        let mut round = Round::after(None, &self.sources, Duration::ZERO);
        let mut seen = Vec::new();
        for (index, claim) in claims.iter().enumerate() {
            if matches!(answers[index], Answer::Unreadable(_)) {
                match self.sight(claim, &mut round).await {
                    Ok(run) => seen.push((index, run)),
                    Err(answer) => answers[index] = answer,
                }
            }
        }
        let reads = seen
            .iter()
            .map(|(index, run)| async move { (*index, self.judge(&claims[*index], run).await) });
        let read: Vec<(usize, Answer)> =
            stream::iter(reads).buffer_unordered(AT_ONCE).collect().await;
        for (index, answer) in read {
            answers[index] = answer;
        }
    }

    /// The run as Deck or the bucket shows it, if it is the one that was ordered and has succeeded.
    async fn sight(&self, claim: &Claim<'_>, round: &mut Round) -> Result<Seen, Answer> {
        let Some(execution) = &claim.attempt.execution else {
            return Err(Answer::Contradicted("the record names no run".to_owned()));
        };
        let launched_at = claim.attempt.launched_at.unwrap_or(claim.attempt.intent.written_at);
        let mut run = Watched::new(execution, launched_at);
        let told = claim
            .attempt
            .job_url
            .as_deref()
            .and_then(|url| url.parse::<JobUrl>().ok());
        run.folder = told.filter(|folder| self.is_prows(folder, &claim.job.name));
        let sighting = match self.sources.look(&mut run, round).await {
            Glimpse::Run(sighting) => sighting,
            Glimpse::Gone(why) | Glimpse::Trouble(why) => return Err(Answer::Unreadable(why)),
        };
        if sighting.job.is_none() {
            return Err(Answer::Unreadable("its witness does not show whose run it is".to_owned()));
        }
        if let Some(why) = stranger(&sighting, &claim.order) {
            return Err(Answer::Contradicted(format!(
                "execution {}: {why}",
                text::one_line(execution, 60)
            )));
        }
        match sighting.state {
            JobState::Success => {}
            JobState::Unknown => {
                return Err(Answer::Unreadable("its state is not known".to_owned()));
            }
            JobState::Scheduling | JobState::Triggered | JobState::Pending
                if sighting.from_bucket =>
            {
                let why = "Deck does not tell, and prowjob.json does not show its end yet";
                return Err(Answer::Unreadable(why.to_owned()));
            }
            JobState::Scheduling | JobState::Triggered | JobState::Pending => {
                return Err(Answer::Contradicted("it has not ended".to_owned()));
            }
            JobState::Failure | JobState::Aborted | JobState::Error => {
                return Err(Answer::Contradicted("it did not succeed".to_owned()));
            }
        }
        if let Some(lacked) = sighting.envs.as_ref().and_then(|envs| claim.order.lacked_by(envs)) {
            return Err(Answer::Contradicted(format!(
                "it was not given {lacked} as this request says"
            )));
        }
        let problem = run.heard_url(sighting.job_url.as_deref());
        let execution = execution.clone();
        Ok(Seen {
            execution,
            sighting,
            folder: run.folder,
            nowhere: problem.map(Nowhere::Unusable),
        })
    }

    /// Whether only Prow itself can have put something there for a periodic job. Below a run's
    /// `artifacts/` its tests write what they like.
    fn is_prows(&self, folder: &JobUrl, job: &str) -> bool {
        let build = folder
            .prefix()
            .strip_prefix("logs/")
            .and_then(|rest| rest.strip_prefix(job)?.strip_prefix('/'));
        self.buckets.iter().any(|bucket| bucket == folder.bucket())
            && build.is_some_and(|build| {
                !build.is_empty() && build.bytes().all(|byte| byte.is_ascii_digit())
            })
    }

    /// What the run's folder shows.
    async fn judge(&self, claim: &Claim<'_>, run: &Seen) -> Answer {
        let Seen { execution, sighting, folder, nowhere } = run;
        let ended =
            Ended { execution, folder: folder.as_ref(), sighting, nowhere: nowhere.clone() };
        let case = Case {
            subject: self.subject,
            job: claim.job,
            rules: self.rules,
            usual: claim.attempt.usual,
        };
        let (evidence, prospect) = ended.evidence(self.sources.bucket, case).await;
        let judgement = classify(&evidence, case);
        match (judgement.cause, prospect) {
            (Cause::Passed, _) => Answer::Confirmed,
            (_, Prospect::Unreachable(why)) => Answer::Unreadable(why),
            (cause, _) if judgement.detail.is_empty() => {
                Answer::Contradicted(cause.as_str().to_owned())
            }
            (_, _) => Answer::Contradicted(judgement.detail),
        }
    }
}
