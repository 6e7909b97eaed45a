//! The promotion with its clients: surveys, writes down, asks, follows.
//!
//! One round surveys what exists and decides ([`survey`](super::survey)). Only when a Release has
//! to be made, the blocking runs are asked ([`evidence`](super::evidence)), its name goes into the
//! record, plan and Snapshot are read once more, and it is asked for. Whatever the answer is, or if
//! there is none, the next round's survey tells what became of it. The name is the same in every
//! round and for every process, so that the cluster itself lets only one of several creations
//! through.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::end::{Doubt, End};
use super::{Evidence, Mode, Options, Promotion, Refusal, checks};
use crate::clock::SharedClock;
use crate::cluster::Tenant;
use crate::failure::{Chain, Exit, Failure};
use crate::image::Digest;
use crate::konflux::labels::{ACCEPTED_ANNOTATION, RUN_ANNOTATION};
use crate::konflux::{Creation, Draft, Release, created_at};
use crate::name::ObjectName;
use crate::prow::Servers;
use crate::record::{Candidate, GateRecord, Journal, RecordError, ReleaseRecord, Released};
use crate::retry::{Policy, Tries};

/// How often and how long a creation is tried that the cluster does not take: six tries, pauses of
/// 2, 4, 8, 16 and 30 seconds.
const CREATE: Policy = Policy {
    attempts: 6,
    first: Duration::from_secs(2),
    longest: Duration::from_secs(30),
    within: Duration::from_secs(5 * 60),
};

/// More rounds than this are a fight over names.
const MAX_ROUNDS: u32 = 50;

/// Promotes what the record holds, or looks whether that would be possible.
///
/// # Errors
/// Only for input that contradicts itself, and for a record that cannot be used; everything else
/// is a [`Promotion`] with its exit code.
pub async fn run(
    tenant: &Tenant,
    prow: &Servers,
    journal: &Journal,
    options: &Options,
    clock: &SharedClock,
) -> Result<Promotion, Failure> {
    let record = journal.record().await;
    of_plan(&record, &options.plan, &journal.place())?;
    let (candidate, snapshot) = subject(&record)?;
    if options.mode == Mode::Create
        && let Some(repeated) = repeated(&record, options)
    {
        return Ok(repeated);
    }
    let task = Task {
        tenant,
        prow,
        journal,
        options,
        clock,
        candidate: &candidate,
        snapshot: &snapshot,
        run: &record.id,
        automatic: Mutex::default(),
    };
    let end = match options.mode {
        Mode::Check => task.check(&tenant.cluster).await,
        Mode::Create | Mode::DryRun => task.promote(&record).await,
    };
    match end.unwrap_or_else(|end| end) {
        End::Record(error) => Err(error.into()),
        End::Open(promotion) => task.close(*promotion, false).await,
        End::Final(promotion) => task.close(*promotion, true).await,
    }
}

/// A record is promoted by the one plan that it is bound to.
fn of_plan(record: &GateRecord, plan: &str, place: &str) -> Result<(), RecordError> {
    let noted = record
        .release
        .as_ref()
        .filter(|noted| noted.name.is_some())
        .map(|noted| &noted.plan);
    match noted.or(record.plan.as_ref()).filter(|bound| *bound != plan) {
        None => Ok(()),
        Some(found) => {
            let (found, given) = (found.clone(), plan.to_owned());
            Err(RecordError::OtherPlan { place: place.to_owned(), found, given })
        }
    }
}

/// What is to be promoted.
fn subject(record: &GateRecord) -> Result<(Candidate, ObjectName), Failure> {
    let Some(candidate) = record.candidate.clone() else {
        return Err(Failure::misuse("the record holds no image; resolve-image writes it"));
    };
    if candidate.digest != *candidate.image.digest() {
        return Err(Failure::misuse(format!(
            "the record contradicts itself: image {}, digest {}",
            candidate.image, candidate.digest
        )));
    }
    match candidate.snapshot.as_deref().map(ObjectName::label) {
        Some(Ok(snapshot)) => Ok((candidate, snapshot)),
        Some(Err(error)) => {
            Err(Failure::misuse(format!("the record's Snapshot cannot be released: {error}")))
        }
        None => Err(Failure::misuse(
            "the record names no Snapshot, and a Release is made from one; give resolve-image --snapshot-name",
        )),
    }
}

/// The end of a Release that the record already holds. A refusal, which has no Release, is looked
/// at again: somebody may have changed what it was about.
fn repeated(record: &GateRecord, options: &Options) -> Option<Promotion> {
    let noted = record
        .release
        .as_ref()
        .filter(|noted| noted.is_final && noted.name.is_some())?;
    let exit = match noted.exit {
        0 => Exit::Done,
        1 => Exit::Failed,
        3 => Exit::Refused,
        _ => Exit::Unsafe,
    };
    // What was not known then may be known now: somebody may have released by hand.
    if options.again && matches!(exit, Exit::Failed | Exit::Unsafe) {
        return None;
    }
    Some(Promotion {
        release: noted.name.clone(),
        images: noted.images.clone(),
        pipeline_run: noted.pipeline_run.clone(),
        completed_at: noted.completed_at,
        ..Promotion::ended(exit, noted.released, noted.detail.clone().unwrap_or_default())
    })
}

/// What a survey came to, if the work goes on.
pub(super) enum Surveyed {
    Make(String),
    Follow(Box<Release>),
}

/// What came of asking for a Release.
enum Asked {
    Made(Box<Release>),
    Taken,
    NotNow(String),
    Lost(String),
}

pub(super) struct Task<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) prow: &'a Servers,
    pub(super) journal: &'a Journal,
    pub(super) options: &'a Options,
    pub(super) clock: &'a SharedClock,
    pub(super) candidate: &'a Candidate,
    pub(super) snapshot: &'a ObjectName,
    pub(super) run: &'a str,
    /// Releases of this Snapshot that were made automatically, in words.
    pub(super) automatic: Mutex<Option<String>>,
}

impl Task<'_> {
    pub(super) fn digest(&self) -> &Digest {
        self.candidate.image.digest()
    }

    pub(super) fn writes(&self) -> bool {
        self.options.mode == Mode::Create
    }

    async fn promote(&self, record: &GateRecord) -> Result<End, End> {
        checks::verdict(record, &self.options.accepted)?;
        checks::request(record, self.options)?;
        let mut borne_out = self.options.evidence == Evidence::Record;
        let mut tries = Tries::begin(CREATE, self.clock);
        let mut doubt = Doubt::of(record.release.as_ref());
        for _ in 0..MAX_ROUNDS {
            let name = match self.survey().await {
                Ok(Surveyed::Follow(release)) => return self.follow(*release).await,
                Ok(Surveyed::Make(name)) => name,
                Err(end) => return Err(doubt.about(end)),
            };
            doubt = doubt.surveyed();
            if let Err(refusal) = self.allowed().await {
                return Err(doubt.about(refusal.into()));
            }
            if !borne_out {
                if let Err(end) = self.bear_out(record).await {
                    return Err(doubt.about(end));
                }
                borne_out = true;
                // The creation has all of its time, however long the look took.
                tries = Tries::begin(CREATE, self.clock);
                // That may have taken minutes: what there is now is looked at once more.
                continue;
            }
            let said = match self.ask(&name).await {
                Ok(Asked::Made(release)) if !self.writes() => {
                    let detail = format!("a dry run: Release {name} would be made");
                    let promotion =
                        Promotion::ended(Exit::Done, Released::False, detail).named(name);
                    return Ok(End::Final(Box::new(Promotion {
                        object: Some(release),
                        ..promotion
                    })));
                }
                Ok(Asked::Made(release)) => return self.follow(*release).await,
                // Somebody else was quicker, with this Snapshot or another: the next survey tells.
                Ok(Asked::Taken) => continue,
                Ok(Asked::NotNow(said)) => said,
                Ok(Asked::Lost(said)) => {
                    doubt = Doubt::Lost(name.clone());
                    said
                }
                Err(end) => return Err(doubt.about(end)),
            };
            let Some(pause) = tries.pause(None) else {
                let why = format!(
                    "Release {name} could not be made, after {} tries: {said}. nothing was made, run this step again",
                    tries.failed()
                );
                return Err(doubt.about(Refusal::trouble(why).into()));
            };
            tracing::warn!(
                attempt = tries.failed(),
                pause_s = pause.as_secs(),
                "Release {name}: {said}; looking, then trying again"
            );
            tries.wait(pause).await;
        }
        let why = format!(
            "{MAX_ROUNDS} times the name for the Release was taken by another; run this step again"
        );
        Err(doubt.about(Refusal::trouble(why).into()))
    }

    /// Writes down that a Release will be asked for, and asks once.
    async fn ask(&self, name: &str) -> Result<Asked, End> {
        if self.writes() {
            self.note(|noted| {
                if noted.name.as_deref() != Some(name) {
                    let plan = std::mem::take(&mut noted.plan);
                    *noted = ReleaseRecord {
                        name: Some(name.to_owned()),
                        ..ReleaseRecord::of_plan(&plan)
                    };
                    noted.intended_at = Some(self.clock.now());
                }
                noted.released = Released::Unknown;
                noted.unexamined = self.options.evidence == Evidence::Record;
            })
            .await?;
        }
        self.ready().await?;
        let draft = Draft {
            name: name.to_owned(),
            plan: self.options.plan.clone(),
            snapshot: self.snapshot.clone(),
            grace_period_days: self.options.grace_period_days,
            annotations: self.annotations(),
        };
        match self.tenant.create(&draft, !self.writes()).await {
            Creation::Made(release) => {
                if self.writes() {
                    tracing::info!(release = name, "Release {name} is made");
                    self.note(|noted| {
                        noted.created = true;
                        noted.created_at = created_at(&release.metadata);
                    })
                    .await?;
                }
                Ok(Asked::Made(release))
            }
            Creation::Taken => Ok(Asked::Taken),
            Creation::NotNow { said } => Ok(Asked::NotNow(said)),
            Creation::Lost { said } => Ok(Asked::Lost(said)),
            Creation::Refused { said } => {
                Err(Refusal::cannot(format!("Release {name} was not made. {said}")).into())
            }
        }
    }

    /// What the Release says of where it comes from.
    fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::from([(RUN_ANNOTATION.to_owned(), self.run.to_owned())]);
        if !self.options.accepted.is_empty() {
            let jobs = self.options.accepted.join(",");
            annotations.insert(ACCEPTED_ANNOTATION.to_owned(), jobs);
        }
        annotations
    }

    /// Changes what the record says of the Release.
    pub(super) async fn note(
        &self,
        mut change: impl FnMut(&mut ReleaseRecord),
    ) -> Result<(), RecordError> {
        let plan = &self.options.plan;
        self.journal
            .update(|record| {
                let noted = record.release.get_or_insert_with(|| ReleaseRecord::of_plan(plan));
                if noted.plan != plan.as_str() {
                    *noted = ReleaseRecord::of_plan(plan);
                }
                change(noted);
                if noted.name.is_some() {
                    record.plan.get_or_insert_with(|| plan.to_string());
                }
            })
            .await
    }

    /// A plan that stood the check before the tests is the one that the record is bound to.
    async fn bind_plan(&self) {
        let plan = &self.options.plan;
        let bind = |record: &mut GateRecord| {
            record.plan.get_or_insert_with(|| plan.to_string());
        };
        let bound = self.journal.update(bind).await;
        if let Err(error) = bound {
            tracing::warn!("the record is not bound to plan {plan}: {}", Chain(&error));
        }
    }

    /// Writes the end into the record.
    async fn close(&self, mut promotion: Promotion, is_final: bool) -> Result<Promotion, Failure> {
        let automatic = self.automatic.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(words) = automatic {
            promotion.detail += &format!(". {words}");
        }
        let written = match self.options.mode {
            Mode::Check => {
                if promotion.exit == Exit::Done {
                    self.bind_plan().await;
                }
                Ok(())
            }
            Mode::DryRun => self.close_dry(&promotion, is_final).await,
            Mode::Create => self.close_real(&promotion, is_final).await,
        };
        written.map(|()| promotion.clone()).map_err(|error| {
            tracing::error!("{}; this could not be written into the record", promotion.detail);
            error.into()
        })
    }

    async fn close_real(&self, promotion: &Promotion, is_final: bool) -> Result<(), RecordError> {
        self.note(|noted| {
            // Without a name there is no Release: one that was announced was never asked for, or
            // refused.
            noted.name.clone_from(&promotion.release);
            noted.created &= promotion.release.is_some();
            if promotion.pipeline_run.is_some() {
                noted.pipeline_run.clone_from(&promotion.pipeline_run);
            }
            noted.released = promotion.released;
            noted.exit = promotion.exit as u8;
            noted.is_final = is_final;
            noted.noted_at = Some(self.clock.now());
            if promotion.release.is_none() && promotion.released == Released::False {
                // Nothing was made. Whether anything more happens depends on whether Tekton tries
                // again.
                noted.is_final = self.options.tries_left.map_or(is_final, |left| left == 0);
                noted.tries_left = self.options.tries_left;
            } else {
                noted.tries_left = None;
            }
            noted.dry_run = false;
            noted.detail = Some(promotion.detail.clone());
            noted.images.clone_from(&promotion.images);
            noted.completed_at = promotion.completed_at;
        })
        .await
    }

    /// Notes that it was only tried, so that nobody waits for a Release. What the record knows of a
    /// promotion in earnest stays.
    async fn close_dry(&self, promotion: &Promotion, is_final: bool) -> Result<(), RecordError> {
        let tried = ReleaseRecord {
            is_final,
            exit: promotion.exit as u8,
            dry_run: true,
            detail: Some(promotion.detail.clone()),
            ..ReleaseRecord::of_plan(&self.options.plan)
        };
        self.journal
            .update(|record| {
                if record.release.as_ref().is_none_or(|noted| noted.dry_run) {
                    record.release = Some(tried.clone());
                }
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn the_end_that_is_on_record_is_repeated_as_it_was() {
        let plan = ObjectName::label("plan").unwrap();
        let pushed = |name: &str| crate::konflux::PushedImage {
            name: name.to_owned(),
            digest: String::new(),
            urls: Vec::new(),
        };
        let noted = |exit: u8| ReleaseRecord {
            name: Some("r-1".to_owned()),
            is_final: true,
            exit,
            detail: Some("why".to_owned()),
            images: vec![pushed("ho")],
            pipeline_run: Some("ns/run".to_owned()),
            completed_at: Some(Timestamp::UNIX_EPOCH),
            ..ReleaseRecord::of_plan("plan")
        };
        let of = |release: ReleaseRecord, again: bool| {
            let record = GateRecord {
                release: Some(release),
                ..GateRecord::begin("run", Timestamp::UNIX_EPOCH)
            };
            repeated(&record, &Options { again, ..Options::of(plan.clone()) })
        };
        for (exit, wanted, looked_at_again) in [
            (0, Exit::Done, false),
            (1, Exit::Failed, true),
            (3, Exit::Refused, false),
            (4, Exit::Unsafe, true),
            (7, Exit::Unsafe, true),
        ] {
            let told = of(noted(exit), false).unwrap();
            assert_eq!((told.exit, told.detail.as_str()), (wanted, "why"), "{exit}");
            assert_eq!((told.release.as_deref(), told.images), (Some("r-1"), vec![pushed("ho")]));
            assert_eq!(told.pipeline_run.as_deref(), Some("ns/run"));
            assert_eq!(told.completed_at, Some(Timestamp::UNIX_EPOCH));
            assert_eq!(of(noted(exit), true).is_none(), looked_at_again, "{exit}");
        }
        assert!(of(ReleaseRecord { is_final: false, ..noted(0) }, false).is_none());
        assert!(of(ReleaseRecord { name: None, ..noted(3) }, false).is_none());
    }
}
