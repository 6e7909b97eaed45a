//! What there is in the cluster, and what follows from it.

use super::choose::{Choice, Wanted, automatic, choose, is_made_by, name_of};
use super::end::End;
use super::newer;
use super::run::{Surveyed, Task};
use super::{Promotion, Refusal, checks};
use crate::cluster::ApiError;
use crate::image::Digest;
use crate::konflux::release_name as name;
use crate::konflux::{Release, ReleasePlan, Snapshot, built_at, created_at, fit_plan};
use crate::record::{RecordError, Released};
use crate::text;

impl Task<'_> {
    /// Looks at all Releases of the plan and decides; the record learns of one that is there.
    pub(super) async fn survey(&self) -> Result<Surveyed, End> {
        let record = self.journal.record().await;
        let wanted = self.wanted(record.release.as_ref());
        let releases = self.releases().await?;
        let found = self.tenant.snapshot(self.snapshot).await?;
        self.name_automatic(&automatic(&wanted, &releases));
        let choice = choose(&wanted, &releases);
        // A Release that is there may outlive its Snapshot; one that is made may not.
        if found.is_some() || matches!(choice, Choice::Make { .. }) {
            checks::snapshot(self.candidate, self.snapshot, found.as_ref())?;
        }
        match choice {
            Choice::Wait(release) => {
                self.adopt(release, is_made_by(&wanted, release)).await?;
                Ok(Surveyed::Follow(Box::new(release.clone())))
            }
            Choice::Done { release, images } => {
                if let Err(refusal) = self.not_retracted().await {
                    let promotion = Promotion::from(refusal).named(name_of(release));
                    return Err(End::Final(Box::new(promotion)));
                }
                let made = is_made_by(&wanted, release);
                self.adopt(release, made).await?;
                Err(End::Final(Box::new(self.landed(release, images, !made))))
            }
            Choice::Unknown { name, release, why } => {
                Err(End::Final(Box::new(self.unknown(&name, release, &why))))
            }
            Choice::Failed { release, why } => {
                Err(End::Final(Box::new(self.failed(release, &why))))
            }
            Choice::Make { name, after } => {
                if let Some((release, why)) = after {
                    tracing::warn!(
                        "Release {} failed: {why}; {name} is the next",
                        name_of(release)
                    );
                }
                let plan = self.tenant.plan(&self.options.plan).await?;
                self.fit(plan.as_ref(), found.as_ref())?;
                self.order(&releases, found.as_ref()).await?;
                Ok(Surveyed::Make(name))
            }
        }
    }

    /// Right before the creation: plan, Snapshot and lists as they are now.
    pub(super) async fn ready(&self) -> Result<(), End> {
        self.allowed().await?;
        let plan = self.tenant.plan(&self.options.plan).await?;
        let snapshot = self.tenant.snapshot(self.snapshot).await?;
        Ok(self.fit(plan.as_ref(), snapshot.as_ref())?)
    }

    /// Names the Releases that were made of the untested image, in the log and at the end.
    fn name_automatic(&self, releases: &[&Release]) {
        let names: Vec<_> = releases.iter().map(|release| name_of(release)).collect();
        let named = match names.as_slice() {
            [] => None,
            [one] => Some(format!(
                "Release {one} was made automatically, before anything was tested: it counts for nothing"
            )),
            many => Some(format!(
                "Releases {} were made automatically, before anything was tested: they count for nothing",
                text::some_of(many, 3)
            )),
        };
        let mut automatic = self
            .automatic
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(words) = named.as_ref().filter(|_| *automatic != named) {
            tracing::warn!("{words}");
        }
        *automatic = named;
    }

    pub(super) fn wanted<'a>(
        &'a self,
        noted: Option<&'a crate::record::ReleaseRecord>,
    ) -> Wanted<'a> {
        Wanted {
            plan: &self.options.plan,
            snapshot: self.snapshot,
            digest: self.digest(),
            run: self.run,
            noted,
            again: self.options.again,
        }
    }

    pub(super) async fn releases(&self) -> Result<Vec<Release>, ApiError> {
        let plan = &self.options.plan;
        self.tenant
            .releases_of(plan, &name::prefix(plan, self.digest()), self.snapshot, self.digest())
            .await
    }

    fn fit(&self, plan: Option<&ReleasePlan>, snapshot: Option<&Snapshot>) -> Result<(), Refusal> {
        fit_plan(&self.options.plan, plan)?;
        checks::snapshot(self.candidate, self.snapshot, snapshot)?;
        match (plan, snapshot) {
            (Some(plan), Some(snapshot)) => checks::same_owner(plan, snapshot),
            _ => Ok(()),
        }
    }

    pub(super) async fn order(
        &self,
        releases: &[Release],
        ours: Option<&Snapshot>,
    ) -> Result<(), End> {
        if self.options.allow_older {
            return Ok(());
        }
        let mut released = Vec::new();
        let retracted = self.retracted().await?;
        // What moved the tags back, and what they were moved away from, keep nothing back.
        let counts = |release: &&Release| {
            let digits = name::digits(&self.options.plan, name_of(release));
            !retracted.made(name_of(release))
                && !retracted.digests().any(|digest| digits == Some(digest.short()))
        };
        let releases: Vec<Release> = releases.iter().filter(counts).cloned().collect();
        for other in
            newer::other_snapshots(&releases, &self.options.plan, self.snapshot, self.digest())
        {
            let found = self.tenant.snapshot(other.snapshot).await?;
            if found
                .as_ref()
                .is_some_and(|found| self.has_any(found, retracted.digests()))
            {
                continue;
            }
            let same = |snapshot: &Snapshot| {
                checks::snapshot(self.candidate, other.snapshot, Some(snapshot)).is_ok()
            };
            released.extend(newer::built(&other, found.as_ref(), same));
        }
        if released.is_empty() {
            tracing::info!(
                "cannot check the order: no other Snapshot has a Release of plan {} in the cluster that landed or runs",
                self.options.plan
            );
        }
        match newer::older(ours.and_then(built_at), &released) {
            None => Ok(()),
            Some(why) => Err(Refusal::no(why).into()),
        }
    }

    /// Whether the gated component of a Snapshot has one of these images.
    fn has_any<'d>(
        &self,
        snapshot: &Snapshot,
        mut digests: impl Iterator<Item = &'d Digest>,
    ) -> bool {
        let component = self.candidate.component();
        let found = component.and_then(|component| snapshot.spec.component(&component).ok());
        let image = found.and_then(|component| component.image().ok());
        image.is_some_and(|image| digests.any(|digest| image.digest() == digest))
    }

    async fn adopt(&self, release: &Release, made: bool) -> Result<(), RecordError> {
        if !self.writes() {
            return Ok(());
        }
        tracing::info!(release = name_of(release), "Release {} is there already", name_of(release));
        self.note(|noted| {
            noted.name = Some(name_of(release).to_owned());
            noted.created = made;
            noted.created_at = created_at(&release.metadata);
            noted.released = Released::Unknown;
            noted.is_final = false;
        })
        .await
    }
}
