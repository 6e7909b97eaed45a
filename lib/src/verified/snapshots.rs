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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_is_looked_up_once_whatever_came_of_it() {
        let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
        let one = |name: &str, image: &str| json!({"name": name, "containerImage": image});
        let of = |components: &[serde_json::Value]| -> SnapshotBrief {
            let spec = json!({"application": "ho", "components": components});
            serde_json::from_value(json!({"metadata": {"name": "s"}, "spec": spec})).unwrap()
        };
        let (ours, other) =
            (format!("quay.io/a/ho@{}", digest("a")), format!("quay.io/a/x@{}", digest("b")));
        let both = of(&[one("ho", &ours), one("x", &other)]);
        for (component, found, wanted) in [
            (Some("ho"), Some(&both), Some(vec![digest("a")])),
            (None, Some(&both), Some(vec![digest("a"), digest("b")])),
            (Some("none"), Some(&both), None),
            (Some("ho"), Some(&of(&[one("ho", "quay.io/a/ho:tag")])), None),
            (Some("ho"), None, None),
        ] {
            let mut snapshots = Snapshots::of(component.map(ComponentName::of));
            assert!(snapshots.is_empty() && !snapshots.knows("s"));
            snapshots.note("s", found);
            assert!((snapshots.len(), snapshots.is_empty()) == (1, false) && snapshots.knows("s"));
            snapshots.note("another", None);
            assert_eq!(snapshots.len(), 2);
            let told = snapshots.known["s"].as_ref();
            let told = told.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(told, wanted, "{component:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_cluster_is_asked_once_for_each() {
        let world = standins::World::builder().build();
        let cluster = crate::support::cluster(&world, "ns");
        let clock = crate::clock::RuntimeClock::starting_at(world.now());
        let tenant = Tenant::new(&cluster, std::sync::Arc::new(clock));
        let mut snapshots = Snapshots::of(None);
        for (name, asked) in [("", 0), ("gone", 1), ("gone", 1), ("", 1), ("other", 2)] {
            snapshots.look_up(&tenant, name).await.unwrap();
            assert_eq!(world.requests_to(standins::Server::Kube).len(), asked, "{name:?}");
        }
    }
}
