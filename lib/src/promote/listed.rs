//! What people have written down about the plan: a hold, and retracted images.

use super::Refusal;
use super::run::Task;
use crate::failure::Chain;
use crate::lists::{self, Hold, List, ListError, Retraction};

impl Task<'_> {
    /// People let this image be promoted now.
    ///
    /// # Errors
    /// It was taken back, or somebody holds the plan's promotions, or that cannot be read.
    pub(super) async fn allowed(&self) -> Result<(), Refusal> {
        self.not_retracted().await?;
        self.not_held().await
    }

    /// The image is not one that was taken back. A Release of it that is on its way is followed all
    /// the same: its end is the truth.
    ///
    /// # Errors
    /// It is, or that cannot be read.
    pub(super) async fn not_retracted(&self) -> Result<(), Refusal> {
        let found = self.retraction().await?.flatten();
        found.map_or(Ok(()), |retraction| Err(retracted(&retraction)))
    }

    /// Nobody holds the plan's promotions now.
    ///
    /// # Errors
    /// Somebody does, or that cannot be read.
    async fn not_held(&self) -> Result<(), Refusal> {
        let plan = &self.options.plan;
        let Some(hold) = self.hold().await?.flatten() else { return Ok(()) };
        Err(Refusal::no(format!(
            "promotion by plan {plan} is {}. nothing is promoted; hold-gate --lift ends the hold and prints the command that promotes this image",
            hold.words()
        )))
    }

    /// All images that the plan has taken back; a missing list is empty.
    pub(super) async fn retracted(&self) -> Result<List<Retraction>, Refusal> {
        let plan = &self.options.plan;
        let store = lists::store::<Retraction>(&self.tenant.cluster, plan);
        let list = lists::read::<Retraction>(store.as_ref(), self.clock, plan).await;
        Ok(list
            .map_err(|error| unread(&error))?
            .unwrap_or_else(|| List::of_plan(plan)))
    }

    /// The image's retraction, if it stands; the outer `None` where there is no list.
    pub(super) async fn retraction(&self) -> Result<Option<Option<Retraction>>, Refusal> {
        let plan = &self.options.plan;
        let store = lists::store::<Retraction>(&self.tenant.cluster, plan);
        let list = lists::read::<Retraction>(store.as_ref(), self.clock, plan).await;
        let list = list.map_err(|error| unread(&error))?;
        Ok(list.map(|list| list.of(self.digest()).cloned()))
    }

    /// The hold that is in force; the outer `None` where there is no list.
    pub(super) async fn hold(&self) -> Result<Option<Option<Hold>>, Refusal> {
        let plan = &self.options.plan;
        let store = lists::store::<Hold>(&self.tenant.cluster, plan);
        let list = lists::read::<Hold>(store.as_ref(), self.clock, plan).await;
        let list = list.map_err(|error| unread(&error))?;
        Ok(list.map(|list| list.in_force(self.clock.now()).cloned()))
    }
}

/// An image that was taken back is not promoted again.
pub(super) fn retracted(retraction: &Retraction) -> Refusal {
    Refusal::no(format!(
        "image {} was {}. it is not promoted; retract-image --undo allows it again",
        retraction.digest.short(),
        retraction.words()
    ))
}

/// What cannot be read may say no.
fn unread(error: &ListError) -> Refusal {
    Refusal::trouble(format!("{}. nothing is promoted", Chain(error)))
}
