//! The retraction with its clients: writes, looks, acts, and looks again until the tags are right.

use std::collections::BTreeMap;
use std::time::Duration;

use super::said::{Ended, Plan, Said};
use super::seen::{Seen, releases};
use super::{Next, Options, Sources, What, decide};
use crate::cluster::ApiError;
use crate::failure::{Chain, Exit, Failure};
use crate::image::Digest;
use crate::konflux::labels::INSTEAD_ANNOTATION;
use crate::konflux::{Creation, Draft, Outcome, Release, Sight, fit_plan, release_name as name};
use crate::lists::{self, Back, BackEnd, List, ListError, Retraction};
use crate::name::ObjectName;
use crate::preflight::rights;
use crate::promote::{Waited, wait};
use crate::record::Store;
use crate::retry::{Policy, Tries};

/// More rounds than this are a fight over the plan.
const MAX_ROUNDS: u32 = 50;

/// How often and how long a Release is asked for that the cluster does not take.
const CREATE: Policy = Policy {
    attempts: 6,
    first: Duration::from_secs(2),
    longest: Duration::from_secs(30),
    within: Duration::from_secs(5 * 60),
};

/// Takes the image back in each plan, or undoes that, and tells Slack.
///
/// # Errors
/// Nothing was done at all: no plan is known.
pub async fn run(options: &Options, sources: &Sources) -> Result<Said, Failure> {
    let tenant = &sources.tenant;
    let plans = lists::plans::<Retraction>(&options.plans, tenant).await?;
    let by = rights::whoami(&tenant.cluster).await;
    let mut said = Said::new(options, tenant.namespace());
    for name in plans {
        let one = One { options, sources, plan: &name, by: by.as_deref() };
        let ended = match &options.what {
            What::Retract { reason } => one.retract(reason).await,
            What::Undo => one.undo().await,
        };
        let ended = ended.unwrap_or_else(|ended| ended);
        said.plans.push(Plan { name, ended });
    }
    if let Some(slack) = &sources.slack
        && !options.dry_run
        && let Err(error) = slack.send(&said.message(), None).await
    {
        said.undelivered = Some(Chain(&error).to_string());
    }
    Ok(said)
}

impl From<ApiError> for Ended {
    fn from(error: ApiError) -> Self {
        Self::failed(Exit::Failed, Chain(&error).to_string())
    }
}

impl From<ListError> for Ended {
    fn from(error: ListError) -> Self {
        Self::failed(Exit::Failed, Chain(&error).to_string())
    }
}

struct One<'a> {
    options: &'a Options,
    sources: &'a Sources,
    plan: &'a str,
    by: Option<&'a str>,
}

impl One<'_> {
    fn store(&self) -> Box<dyn Store> {
        lists::store::<Retraction>(&self.sources.tenant.cluster, self.plan)
    }

    async fn change<T>(
        &self,
        change: impl FnMut(&mut List<Retraction>) -> T,
    ) -> Result<T, ListError> {
        let store = self.store();
        lists::change(store.as_ref(), &self.sources.tenant.clock, self.plan, change).await
    }

    async fn list(&self) -> Result<List<Retraction>, ListError> {
        let store = self.store();
        let found = lists::read(store.as_ref(), &self.sources.tenant.clock, self.plan).await?;
        Ok(found.unwrap_or_else(|| List::of_plan(self.plan)))
    }

    fn entry(&self, reason: &str) -> Retraction {
        Retraction {
            digest: self.options.digest.clone(),
            reason: reason.to_owned(),
            by: self.by.map(str::to_owned),
            at: self.sources.tenant.clock.now(),
            undone_at: None,
            undone_by: None,
            back: Vec::new(),
        }
    }

    async fn undo(&self) -> Result<Ended, Ended> {
        let (digest, now) = (&self.options.digest, self.sources.tenant.clock.now());
        let list = self.list().await?;
        if list.of(digest).is_none() {
            return Ok(Ended::done("it was not retracted"));
        }
        if self.options.dry_run {
            return Ok(Ended::done("its retraction would be undone"));
        }
        self.change(|list| {
            if let Some(found) = list.of_mut(digest) {
                found.undone_at = Some(now);
                found.undone_by = self.by.map(str::to_owned);
            }
        })
        .await?;
        Ok(Ended::done(
            "it may be promoted again; the tags stay where they are until a Release moves them",
        ))
    }

    async fn retract(&self, reason: &str) -> Result<Ended, Ended> {
        let entry = self.entry(reason);
        let mut planned = self.list().await?;
        planned.retract(entry.clone());
        if self.options.dry_run {
            let releases = releases(self.options, self.sources, self.plan).await?;
            return Ok(Ended::would(&decide(&self.options.digest, &releases, &planned)));
        }
        // First of all: whatever asks for a Release of it from now on is refused.
        self.change(|list| list.retract(entry.clone())).await?;
        let mut moved = None;
        for _ in 0..MAX_ROUNDS {
            let releases = releases(self.options, self.sources, self.plan).await?;
            let list = self.list().await?;
            match decide(&self.options.digest, &releases, &list) {
                Next::Follow { release, digest } => {
                    tracing::info!(
                        "Release {release} of the retracted image is in flight: it is followed to its end"
                    );
                    let end = self.follow(&release, &digest).await?;
                    tracing::info!("Release {release} has ended: {}", end.words());
                }
                Next::Back { snapshot, digest } => {
                    self.announce(&snapshot, &digest, &releases).await?
                }
                Next::GoOn(back) => moved = self.go_on(&back).await?.or(moved),
                Next::NoneLeft { release } => return Err(Ended::none_left(&release)),
                Next::Done { release, digests } => {
                    return Ok(Ended::settled(moved, release, &digests));
                }
            }
        }
        let why = format!(
            "after {MAX_ROUNDS} rounds the tags are still not where they belong; run this again"
        );
        Err(Ended::failed(Exit::Failed, why))
    }

    /// Writes down which Release will be asked for. Of several calls at once the first is obeyed.
    async fn announce(
        &self,
        snapshot: &str,
        digest: &Digest,
        releases: &[Seen],
    ) -> Result<(), Ended> {
        let found = self.sources.tenant.plan(self.plan).await?;
        fit_plan(self.plan, found.as_ref())
            .map_err(|problem| Ended::failed(Exit::Failed, problem.to_string()))?;
        let prefix = name::prefix(self.plan, digest);
        let live = releases.iter().filter(|seen| seen.is_live);
        let list = self.list().await?;
        let announced = list.entries.iter().flat_map(|entry| &entry.back);
        let taken = live
            .map(|seen| seen.release.as_str())
            .chain(announced.map(|back| back.release.as_str()));
        let back = Back {
            release: name::next(&prefix, taken),
            snapshot: snapshot.to_owned(),
            digest: digest.clone(),
            ended: None,
        };
        self.change(|list| {
            let Some(entry) = list.of_mut(&self.options.digest) else { return };
            if entry.back.last().is_none_or(|last| last.ended.is_some()) {
                entry.back.push(back.clone());
            }
        })
        .await?;
        Ok(())
    }

    /// Asks for the Release that was announced, unless it is there, and follows it. What has landed.
    async fn go_on(&self, back: &Back) -> Result<Option<Back>, Ended> {
        let tenant = &self.sources.tenant;
        let mut tries = Tries::begin(CREATE, &tenant.clock);
        loop {
            let said = match tenant.look(&back.release).await? {
                Sight::There(found) if is_of(&found, self.plan, &back.snapshot) => {
                    return self.end(back).await;
                }
                // Somebody has taken the name for something else: the next name.
                Sight::There(_) => {
                    self.note(back, BackEnd::Failed).await?;
                    return Ok(None);
                }
                Sight::Unseen { said } => said,
                Sight::Gone => match self.ask(back).await? {
                    None => continue,
                    Some(said) => said,
                },
            };
            let Some(pause) = tries.pause(None) else {
                let why = format!(
                    "Release {} could not be made or seen: {said}. run this again: it goes on with the same one",
                    back.release
                );
                return Err(Ended::failed(Exit::Failed, why));
            };
            tracing::warn!("Release {}: {said}; looking, then trying again", back.release);
            tries.wait(pause).await;
        }
    }

    /// Asks for the Release once. `None` if it is there now; otherwise why that is not known.
    async fn ask(&self, back: &Back) -> Result<Option<String>, Ended> {
        let tenant = &self.sources.tenant;
        let name = |text: &str| {
            ObjectName::label(text)
                .map_err(|error| Ended::failed(Exit::Failed, format!("{text}: {error}")))
        };
        let instead = self.options.digest.to_string();
        let draft = Draft {
            name: back.release.clone(),
            plan: name(self.plan)?,
            snapshot: name(&back.snapshot)?,
            grace_period_days: None,
            annotations: BTreeMap::from([(INSTEAD_ANNOTATION.to_owned(), instead)]),
        };
        match tenant.create(&draft, false).await {
            Creation::Made(_) | Creation::Taken => Ok(None),
            Creation::NotNow { said } | Creation::Lost { said } => Ok(Some(said)),
            Creation::Refused { said } => {
                let why = format!("Release {} was not made: {said}", back.release);
                Err(Ended::failed(Exit::Failed, why))
            }
        }
    }

    /// Follows the Release that moves the tags back, and notes its end.
    async fn end(&self, back: &Back) -> Result<Option<Back>, Ended> {
        match self.follow(&back.release, &back.digest).await? {
            Followed::Ended(Outcome::Released { .. }) => {
                self.note(back, BackEnd::Landed).await?;
                Ok(Some(back.clone()))
            }
            Followed::Ended(Outcome::Failed { why }) => {
                self.note(back, BackEnd::Failed).await?;
                let why = format!(
                    "Release {} of the image before failed: {why}. the tags are still at the retracted image; run this again: it makes the next one",
                    back.release
                );
                Err(Ended::failed(Exit::Failed, why))
            }
            Followed::Ended(Outcome::Unknown { why }) => {
                let why = format!(
                    "what became of Release {} of the image before is not known: {why}. look where the tags are",
                    back.release
                );
                Err(Ended::failed(Exit::Unsafe, why))
            }
            Followed::Ended(Outcome::Running { .. }) => Ok(None),
            Followed::Gone => {
                self.note(back, BackEnd::Failed).await?;
                Ok(None)
            }
        }
    }

    async fn note(&self, back: &Back, end: BackEnd) -> Result<(), ListError> {
        self.change(|list| {
            let entry = list.of_mut(&self.options.digest);
            let noted = entry.and_then(|entry| {
                entry.back.iter_mut().find(|noted| noted.release == back.release)
            });
            if let Some(noted) = noted {
                noted.ended = Some(end);
            }
        })
        .await
    }

    async fn follow(&self, release: &str, digest: &Digest) -> Result<Followed, Ended> {
        let (tenant, clock) = (&self.sources.tenant, &self.sources.tenant.clock);
        let found = match tenant.look(release).await? {
            Sight::There(found) => *found,
            Sight::Gone => return Ok(Followed::Gone),
            Sight::Unseen { said } => {
                let why = format!("Release {release} cannot be seen: {said}; run this again");
                return Err(Ended::failed(Exit::Failed, why));
            }
        };
        let deadline = clock.after(clock.now(), self.options.wait);
        let quiet = |_: &Release, _: &str| std::future::ready(());
        match wait(tenant, clock, found, digest, deadline, quiet).await {
            Waited::There(_, outcome) => Ok(Followed::Ended(outcome)),
            Waited::Gone => Ok(Followed::Gone),
            Waited::TimeUp { phase, .. } => {
                let why = format!(
                    "Release {release} still runs ({phase}); it goes on by itself, run this again to see its end and go on"
                );
                Err(Ended::failed(Exit::Failed, why))
            }
            Waited::Blind { said } => {
                let why = format!(
                    "the end of Release {release} could not be seen: {said}; run this again"
                );
                Err(Ended::failed(Exit::Failed, why))
            }
        }
    }
}

/// How a Release ended that was followed.
enum Followed {
    Ended(Outcome),
    Gone,
}

impl Followed {
    fn words(&self) -> &'static str {
        match self {
            Self::Ended(Outcome::Released { .. }) => "it has landed",
            Self::Ended(Outcome::Failed { .. }) => "it failed",
            Self::Ended(Outcome::Unknown { .. }) => "it may have pushed its image",
            Self::Ended(Outcome::Running { .. }) => "it still runs",
            Self::Gone => "it was deleted",
        }
    }
}

fn is_of(release: &Release, plan: &str, snapshot: &str) -> bool {
    release.spec.release_plan == plan && release.spec.snapshot == snapshot
}

#[cfg(test)]
mod tests;
