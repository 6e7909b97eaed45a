//! Setting the label for one scenario and staying until a run has begun, or the label is back off.

use std::time::Duration;

use super::invalid::{Invalid, creation_failure};
use super::{Ending, Look, Observation, Options, Skip, Wanted, keep, known, observe};
use crate::clock::SharedClock;
use crate::cluster::{self, ApiError, Tenant};
use crate::duration::human;
use crate::failure::Chain;
use crate::konflux::SnapshotBrief;
use crate::step::LastWords;

/// How often the Snapshot and its runs are looked at (2 seconds).
const LOOK: Duration = Duration::from_secs(2);

/// From when on another trigger's unchanged label counts as stuck (10 minutes): integration-service
/// makes a run within seconds, or retries for ever.
const STUCK: Duration = Duration::from_secs(10 * 60);

/// Other triggers are waited for no longer than this (30 minutes).
const OTHERS: Duration = Duration::from_secs(30 * 60);

/// How long to wait after our label was overwritten (1 minute): integration-service may already be
/// creating our run.
const OVERWRITTEN: Duration = Duration::from_secs(60);

/// How often the label is set: once more when it vanished without a run, or was overwritten.
const TRIES: u32 = 3;

/// How often a write that somebody else's write has crossed is tried again at once.
const CONFLICTS: u32 = 20;

/// Starts a scenario on a Snapshot.
pub(super) async fn fire(
    options: &Options,
    tenant: &Tenant,
    (clock, last_words): (&SharedClock, &LastWords),
    snapshot: &str,
    wanted: &Wanted,
) -> Ending {
    let trigger =
        Trigger { options, tenant, clock, last_words, snapshot, scenario: &wanted.scenario };
    let ending = trigger.start().await.unwrap_or_else(|ending| ending);
    last_words.clear();
    ending
}

struct Trigger<'a> {
    options: &'a Options,
    tenant: &'a Tenant,
    clock: &'a SharedClock,
    last_words: &'a LastWords,
    snapshot: &'a str,
    scenario: &'a str,
}

impl Trigger<'_> {
    async fn start(&self) -> Result<Ending, Ending> {
        let mut last = Ending::Failed("the label was never set".to_owned());
        let mut ids = Vec::new();
        for attempt in 1..=TRIES {
            // An id of its own for every try: a run of an earlier one is not this one's.
            let id = uuid::Uuid::new_v4().to_string();
            ids.push(id.clone());
            self.last_words.set(take_back_at_the_end(
                self.tenant.clone(),
                self.snapshot.to_owned(),
                self.scenario.to_owned(),
                id,
            ));
            let set = self.set(&ids).await?;
            let (observation, why) = match self.wait(&set).await? {
                Wait::Over(ending) => return Ok(ending),
                Wait::Lost(observation) => self.explain_loss(observation).await,
            };
            let again = attempt < TRIES
                && (attempt == 1 || matches!(observation, Observation::Overwritten { .. }));
            last = Ending::Failed(why.clone());
            if !again || self.tenant.scenario_exists(self.scenario).await == Some(false) {
                break;
            }
            tracing::warn!("{why}; setting the label once more");
        }
        Err(last)
    }

    /// Sets the label with the last of these ids as soon as nobody else's is there, unless a run of
    /// the scenario has begun by then. Which id is to be waited for: an earlier one, if its run was
    /// made after all.
    async fn set(&self, ids: &[String]) -> Result<Set, Ending> {
        let id = ids.last().cloned().unwrap_or_default();
        for _ in 0..CONFLICTS {
            let read = self.free().await?;
            let noted = creation_failure(&read, self.scenario);
            if let Some(id) = self.begun(ids).await? {
                return Ok(Set { id, noted });
            }
            let now = self.clock.now();
            let created = read.metadata.creation_timestamp;
            let keep = keep::wanted(
                read.metadata.annotations.keep.as_deref(),
                created,
                now,
                self.options.keep,
            );
            match self.tenant.label(&read, self.scenario, &id, keep.as_deref()).await {
                Ok(()) => {
                    let (scenario, snapshot) = (self.scenario, self.snapshot);
                    tracing::info!(scenario, snapshot, id, "label set, waiting for a run");
                    return Ok(Set { id, noted });
                }
                Err(error) if cluster::code(&error) == Some(409) => {}
                Err(error) if cluster::is_transient(&error) => {
                    // It may have been carried out: then the id is there.
                    tracing::warn!("{}; looking what came of it", Chain(&error));
                    self.clock.sleep(LOOK).await;
                    match self.look(&id, noted.as_ref()).await {
                        Ok(look) if look.gone => return Err(self.deleted()),
                        Ok(look) if look.id.as_ref() == Some(&id) || !look.runs.is_empty() => {
                            return Ok(Set { id, noted });
                        }
                        Ok(_) => {}
                        Err(error) => return Err(self.abandon(&id, &error).await),
                    }
                }
                Err(error) => {
                    let name = self.snapshot;
                    return Err(Ending::Failed(format!(
                        "cannot label Snapshot {name}: {}",
                        Chain(&error)
                    )));
                }
            }
        }
        Err(Ending::Failed(format!(
            "Snapshot {} changes faster than it can be labelled",
            self.snapshot
        )))
    }

    /// The Snapshot once its label is free. A value that is there is another trigger at work,
    /// whichever it is; one that stays is stuck and taken away.
    async fn free(&self) -> Result<SnapshotBrief, Ending> {
        let begun = self.clock.now();
        let mut seen: Option<(String, jiff::Timestamp)> = None;
        loop {
            let read = self.read().await?;
            let Some(value) = read.metadata.labels.run.clone() else { return Ok(read) };
            let since = match &seen {
                Some((same, since)) if *same == value => *since,
                _ => {
                    tracing::info!(
                        "the label of {} is {value}: another trigger is at work, waiting",
                        self.snapshot
                    );
                    self.clock.now()
                }
            };
            seen = Some((value.clone(), since));
            if self.clock.since(since) >= STUCK {
                tracing::warn!(
                    "the label of {} has been {value} for {}: taking it away",
                    self.snapshot,
                    human(STUCK)
                );
                match self.tenant.unlabel(&read).await {
                    Err(error)
                        if cluster::code(&error) != Some(409) && !cluster::is_transient(&error) =>
                    {
                        let why =
                            format!("cannot take the stuck label {value} away: {}", Chain(&error));
                        return Err(Ending::Failed(why));
                    }
                    _ => {}
                }
            } else if self.clock.since(begun) >= OTHERS {
                let limit = human(OTHERS);
                return Err(Ending::Failed(format!(
                    "other triggers kept the label of {} for {limit}",
                    self.snapshot
                )));
            }
            self.clock.sleep(LOOK).await;
        }
    }

    /// What has begun since the scenario was last looked at, asked after the Snapshot was read
    /// without a label: a run is made before its label goes, so that every trigger before us has
    /// left its run, and a later one changes the Snapshot and our patch is refused. A run of an
    /// earlier try of ours is the one wanted: its id. One of somebody else leaves the scenario
    /// alone.
    async fn begun(&self, ids: &[String]) -> Result<Option<String>, Ending> {
        let runs = self.tenant.runs_of(self.scenario).await.map_err(failed)?;
        let own = runs
            .iter()
            .find_map(|run| run.metadata.labels.id.as_ref().filter(|id| ids.contains(id)));
        if let Some(id) = own {
            return Ok(Some(id.clone()));
        }
        match runs
            .iter()
            .find(|run| run.is_in_flight())
            .filter(|_| !self.options.force)
        {
            None => Ok(None),
            Some(run) => Err(Ending::Skipped(Skip::InFlight {
                run: run.metadata.name.clone(),
                snapshot: run.metadata.labels.snapshot.clone(),
            })),
        }
    }

    async fn wait(&self, set: &Set) -> Result<Wait, Ending> {
        let begun = self.clock.now();
        let mut overwritten = None;
        // Why the label was taken back, once it was: a run may have been made at that very moment.
        let mut given_up: Option<String> = None;
        loop {
            let looked = self.look(&set.id, set.noted.as_ref()).await;
            let left = self.options.wait.saturating_sub(self.clock.since(begun));
            let look = match (looked, &given_up) {
                (Ok(look), _) => look,
                (Err(error), _) if error.is_transient() && !left.is_zero() => {
                    tracing::warn!("{}; looking again", Chain(&error));
                    self.clock.sleep(LOOK.min(left)).await;
                    continue;
                }
                (Err(error), None) => return Err(self.abandon(&set.id, &error).await),
                (Err(error), Some(why)) => {
                    let error = Chain(&error);
                    return Err(Ending::Failed(format!(
                        "{why} (whether one was made at that moment is not known: {error})"
                    )));
                }
            };
            let observation = observe(&look, self.scenario, &set.id);
            match (&observation, &given_up) {
                (Observation::Started { run }, _) => {
                    return Ok(Wait::Over(Ending::Started { run: run.clone() }));
                }
                (Observation::FailedAtOnce { run, why }, _) => {
                    return Err(Ending::Failed(format!(
                        "run {run} failed before any task of it began: {why}"
                    )));
                }
                (Observation::Gone, _) => return Err(self.deleted()),
                (Observation::NotBegun { run }, _) if left.is_zero() => {
                    let limit = human(self.options.wait);
                    return Err(Ending::Failed(format!(
                        "run {run} was made and has not begun in {limit}; it still may: look at kubectl describe pipelinerun {run}"
                    )));
                }
                (Observation::NotBegun { .. }, _) => {}
                (_, Some(why)) => return Err(Ending::Failed(why.clone())),
                (Observation::Vanished, _) => return Ok(Wait::Lost(observation)),
                (Observation::Overwritten { .. }, _) => {
                    let since = *overwritten.get_or_insert_with(|| self.clock.now());
                    if self.clock.since(since) >= OVERWRITTEN {
                        return Ok(Wait::Lost(observation));
                    }
                }
                (Observation::Labelled | Observation::Invalid { .. }, _) => {}
            }
            if let Some(why) = self.reason_to_give_up(observation, left) {
                self.take_back(&set.id).await?;
                given_up = Some(why);
                continue;
            }
            self.clock.sleep(LOOK.min(left)).await;
        }
    }

    /// Why the label is to come off, if so.
    fn reason_to_give_up(&self, observation: Observation, left: Duration) -> Option<String> {
        match observation {
            Observation::NotBegun { .. } => None,
            // It is tried again for ever, and would start some day: whoever mends the cause starts
            // it.
            Observation::Invalid { why } => Some(format!(
                "integration-service could not make the run: {why}. the label was taken back; mend that, then start it again"
            )),
            _ if left.is_zero() => {
                let silent = "integration-service did not act on the label; is it running?";
                let limit = human(self.options.wait);
                Some(format!("no run began in {limit}, and the label was taken back. {silent}"))
            }
            _ => None,
        }
    }

    /// Ends the step when the label's effect cannot be seen: takes the label back, so that no run
    /// starts unattended.
    async fn abandon(&self, id: &str, error: &ApiError) -> Ending {
        let error = Chain(error);
        match self.take_back(id).await {
            Ok(()) => Ending::Failed(format!(
                "it cannot be seen whether a run began: {error}. the label is off; a run that was made before goes on"
            )),
            Err(ending) => ending,
        }
    }

    async fn take_back(&self, id: &str) -> Result<(), Ending> {
        let mut last = "it changes all the time".to_owned();
        for _ in 0..CONFLICTS {
            let read = match self.tenant.snapshot_brief(self.snapshot).await {
                Ok(Some(read)) => read,
                Ok(None) => return Err(self.deleted()),
                // Each read was tried again for minutes.
                Err(error) => {
                    last = Chain(&error).to_string();
                    break;
                }
            };
            let labels = &read.metadata.labels;
            if labels.run.as_deref() != Some(self.scenario) || labels.id.as_deref() != Some(id) {
                return Ok(());
            }
            match self.tenant.unlabel(&read).await {
                Ok(()) => return Ok(()),
                Err(error) => last = Chain(&error).to_string(),
            }
            self.clock.sleep(Duration::from_millis(200)).await;
        }
        let (name, label) = (self.snapshot, crate::konflux::labels::RUN_LABEL);
        Err(Ending::Failed(format!(
            "no run is seen, and the label could not be taken back ({last}): a run may start later. take it away by \
             hand: kubectl label snapshot {name} {label}-"
        )))
    }

    async fn look(&self, id: &str, noted: Option<&Invalid>) -> Result<Look, ApiError> {
        let Some(read) = self.tenant.snapshot_brief(self.snapshot).await? else {
            return Ok(Look { gone: true, ..Look::default() });
        };
        let runs = self.tenant.runs_with(self.snapshot, self.scenario, id).await?;
        let invalid = creation_failure(&read, self.scenario).filter(|entry| noted != Some(entry));
        let (label, id) = (read.metadata.labels.run, read.metadata.labels.id);
        Ok(Look { gone: false, label, id, runs, invalid: invalid.map(|entry| entry.words()) })
    }

    async fn read(&self) -> Result<SnapshotBrief, Ending> {
        let read = self.tenant.snapshot_brief(self.snapshot).await.map_err(failed)?;
        read.ok_or_else(|| self.deleted())
    }

    fn deleted(&self) -> Ending {
        Ending::Failed(format!("Snapshot {} was deleted meanwhile", self.snapshot))
    }

    async fn explain_loss(&self, observation: Observation) -> (Observation, String) {
        let scenario = self.scenario;
        let why = match &observation {
            Observation::Overwritten { by } => format!(
                "another trigger set the label to {by} before integration-service had acted on {scenario}; no run was \
                 made"
            ),
            _ => match self.tenant.scenario_exists(scenario).await {
                Some(false) => known::no_scenario(self.tenant, scenario).await,
                _ => format!(
                    "integration-service took the label away without a run: it does not know the scenario {scenario}, \
                     or believes that it is running, or another label was set at the same time"
                ),
            },
        };
        (observation, why)
    }
}

/// Removes our label when interrupted, so that no run starts unattended. A run that exists by then
/// goes on.
async fn take_back_at_the_end(tenant: Tenant, snapshot: String, scenario: String, id: String) {
    for _ in 0..CONFLICTS {
        let Ok(Some(read)) = tenant.snapshot_brief(&snapshot).await else { return };
        let labels = &read.metadata.labels;
        if labels.run.as_deref() != Some(scenario.as_str())
            || labels.id.as_deref() != Some(id.as_str())
        {
            return;
        }
        if tenant.unlabel(&read).await.is_ok() {
            tracing::warn!(scenario, snapshot, "told to stop: the label was taken back");
            return;
        }
    }
}

/// A label that was set.
struct Set {
    id: String,
    /// What stood in the status annotation before it.
    noted: Option<Invalid>,
}

/// How waiting ended.
enum Wait {
    Over(Ending),
    Lost(Observation),
}

fn failed(error: ApiError) -> Ending {
    Ending::Failed(Chain(&error).to_string())
}

#[cfg(test)]
mod tests;
