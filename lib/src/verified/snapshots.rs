//! What Snapshots have, to compare with what their Releases pushed.

use std::collections::BTreeMap;

use super::{MadeFor, ReleaseBrief};
use crate::cluster::{ApiError, Tenant};
use crate::image::{Digest, ImageRef};
use crate::konflux::SnapshotBrief;
use crate::snapshot::{self, ComponentName};

/// The digests of Snapshots, as far as these were looked up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshots {
    component: Option<ComponentName>,
    known: BTreeMap<String, Option<Vec<Digest>>>,
}

impl Snapshots {
    /// None looked up yet; of each the component's digest counts, or any where no component is
    /// named.
    pub fn of(component: Option<ComponentName>) -> Self {
        Self { component, known: BTreeMap::new() }
    }

    /// How many were looked up.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none was looked up.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether this one was looked up.
    pub fn knows(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// Notes what a Snapshot has, or that it is gone.
    pub fn note(&mut self, name: &str, found: Option<&SnapshotBrief>) {
        let digests = found.and_then(|found| digests(found, self.component.as_ref()));
        self.known.insert(name.to_owned(), digests);
    }

    /// Looks a Snapshot up, once.
    ///
    /// # Errors
    /// [`ApiError`] when it cannot be read.
    pub async fn look_up(&mut self, tenant: &Tenant, name: &str) -> Result<(), ApiError> {
        if !name.is_empty() && !self.knows(name) {
            let found = tenant.snapshot_brief(name).await?;
            self.note(name, found.as_ref());
        }
        Ok(())
    }

    /// What a Release was made for, as far as that is known.
    pub fn made_for(&self, release: &ReleaseBrief) -> MadeFor {
        MadeFor::of(release, self.known.get(&release.spec.snapshot).cloned().flatten())
    }
}

/// `None` where it does not tell: then there is nothing to compare with.
fn digests(snapshot: &SnapshotBrief, component: Option<&ComponentName>) -> Option<Vec<Digest>> {
    let components = &snapshot.spec.components;
    let digest =
        |image: &str| ImageRef::dropping_tag(image).ok().map(|image| image.digest().clone());
    let digests: Vec<Digest> = match component {
        Some(wanted) => snapshot::choose(components, wanted)
            .ok()
            .and_then(|one| digest(&one.container_image))
            .into_iter()
            .collect(),
        None => components
            .iter()
            .filter_map(|one| digest(&one.container_image))
            .collect(),
    };
    (!digests.is_empty()).then_some(digests)
}
