//! Images that were taken back: none of them is tested, and those before them are kept for that.

use std::time::Duration;

use super::keep;
use crate::cluster::{ApiError, Tenant};
use crate::failure::Chain;
use crate::image::ImageRef;
use crate::konflux::Candidate;
use crate::lists::{self, List, Retraction};
use crate::snapshot::ComponentName;
use crate::verified::{Image, ReleaseBrief, Snapshots, Standing};

/// The Snapshots of so many verified images are kept, so that the tags can move back to them.
const KEPT: usize = 3;

/// No more Releases are looked at for them.
const LOOKED_AT: usize = 20;

/// How long they are kept (60 days), from when less than half of that is left.
const KEEP: Duration = Duration::from_secs(60 * 24 * 3600);

/// Why the chosen image is not to be tested, if the plan has taken it back.
///
/// # Errors
/// That cannot be read, in words.
pub(super) async fn retracted(
    tenant: &Tenant,
    plan: &str,
    chosen: &Candidate,
) -> Result<Option<String>, String> {
    let list = list(tenant, plan).await?;
    if list.digests().next().is_none() {
        return Ok(None);
    }
    let digests = match &chosen.digest {
        Some(digest) => vec![digest.clone()],
        // A person named the Snapshot, and no component: any of its images counts.
        None => {
            let found = tenant.snapshot_brief(&chosen.name).await;
            let found = found.map_err(|error| Chain(&error).to_string())?;
            let components = found.map(|found| found.spec.components).unwrap_or_default();
            let image = |image: &str| ImageRef::dropping_tag(image).ok();
            let images = components.iter().filter_map(|one| image(&one.container_image));
            images.map(|image| image.digest().clone()).collect()
        }
    };
    let found = digests.iter().find_map(|digest| list.of(digest));
    Ok(found.map(|retraction| {
        format!(
            "image {} of {} was {}; retract-image --undo allows it again",
            retraction.digest.short(),
            chosen.name,
            retraction.words()
        )
    }))
}

async fn list(tenant: &Tenant, plan: &str) -> Result<List<Retraction>, String> {
    let store = lists::store::<Retraction>(&tenant.cluster, plan);
    let list = lists::read::<Retraction>(store.as_ref(), &tenant.clock, plan).await;
    let list = list.map_err(|error| Chain(&error).to_string())?;
    Ok(list.unwrap_or_else(|| List::of_plan(plan)))
}

/// Keeps the Snapshots of the newest verified images of a plan, so that one of them can be taken
/// back. Best effort: no night fails for it.
pub(super) async fn keep_verified(tenant: &Tenant, plan: &str, component: Option<&ComponentName>) {
    let snapshots = match verified(tenant, plan, component).await {
        Ok(snapshots) => snapshots,
        Err(why) => {
            tracing::warn!("the Snapshots of plan {plan}'s verified images are not kept: {why}");
            return;
        }
    };
    for name in snapshots {
        if let Err(why) = keep_one(tenant, &name).await {
            tracing::warn!("Snapshot {name} of a verified image is not kept: {why}");
        }
    }
}

async fn keep_one(tenant: &Tenant, name: &str) -> Result<(), String> {
    let found = tenant
        .snapshot_brief(name)
        .await
        .map_err(|error| Chain(&error).to_string())?;
    let Some(found) = found else { return Ok(()) };
    let (annotations, created) = (&found.metadata.annotations, found.metadata.creation_timestamp);
    let (existing, now) = (annotations.keep.as_deref(), tenant.clock.now());
    if keep::wanted(existing, created, now, KEEP / 2).is_none() {
        return Ok(());
    }
    let Some(keep) = keep::wanted(existing, created, now, KEEP) else { return Ok(()) };
    tracing::info!("Snapshot {name} of a verified image is kept for {keep} from its creation");
    tenant
        .keep(&found, &keep)
        .await
        .map_err(|error| Chain(&error).to_string())
}

/// The Snapshots of the newest verified images, one for each image.
async fn verified(
    tenant: &Tenant,
    plan: &str,
    component: Option<&ComponentName>,
) -> Result<Vec<String>, String> {
    let words = |error: ApiError| Chain(&error).to_string();
    let list = list(tenant, plan).await?;
    let mut landed: Vec<ReleaseBrief> = Vec::new();
    let of_plan = |release: ReleaseBrief| {
        if release.spec.release_plan == plan && release.has_landed() {
            landed.push(release);
        }
    };
    tenant.each_release(of_plan).await.map_err(words)?;
    landed.sort_by_key(|release| std::cmp::Reverse(release.landed_at()));
    let mut snapshots = Snapshots::of(component.cloned());
    let (mut images, mut kept): (Vec<Image>, Vec<String>) = (Vec::new(), Vec::new());
    for release in landed.iter().take(LOOKED_AT) {
        snapshots
            .look_up(tenant, &release.spec.snapshot)
            .await
            .map_err(words)?;
        let standing = release.standing(&snapshots.made_for(release));
        let Standing::Verified { image, .. } = standing else { continue };
        if list.digests().any(|digest| image.is(digest)) || images.contains(&image) {
            continue;
        }
        images.push(image);
        kept.push(release.spec.snapshot.clone());
        if images.len() == KEPT {
            break;
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::RuntimeClock;
    use serde_json::json;
    use standins::{Server, World};

    /// A Release that landed in that minute, or has not, with the Snapshot that it was made from.
    fn put(world: &World, name: &str, plan: &str, image: &str, minute: Option<u8>) {
        let digest = format!("sha256:{}", image.repeat(64));
        let component =
            json!({"name": "ho", "containerImage": format!("quay.io/acme/ho@{digest}")});
        let snapshot = format!("s-{name}");
        let metadata = |name: &str| json!({"name": name, "namespace": "ns"});
        world.kube().put(json!({
            "kind": "Snapshot", "metadata": metadata(&snapshot),
            "spec": {"application": "ho", "components": [component]},
        }));
        let status = minute.map(|minute| {
            json!({
                "completionTime": format!("2026-08-20T03:{minute:02}:00Z"),
                "conditions": [{"type": "Released", "status": "True", "reason": "Succeeded",
                    "lastTransitionTime": "2026-08-20T03:00:00Z", "message": ""}],
                "artifacts": {"images": [{"name": "ho", "shasum": digest}]},
            })
        });
        world.kube().put(json!({
            "kind": "Release", "metadata": metadata(name),
            "spec": {"snapshot": snapshot, "releasePlan": plan},
            "status": status.unwrap_or_else(|| json!({})),
        }));
    }

    fn tenant(world: &World) -> Tenant {
        let cluster = crate::support::cluster(world, "ns");
        Tenant::new(&cluster, Arc::new(RuntimeClock::starting_at(world.now())))
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_verified_images_of_the_plan_are_kept() {
        let world = World::builder().build();
        for (name, plan, image, minute) in [
            ("oldest", "plan", "e", Some(1)),
            ("d", "plan", "d", Some(2)),
            ("c", "plan", "c", Some(3)),
            // The same image once more.
            ("again", "plan", "a", Some(4)),
            ("a", "plan", "a", Some(5)),
            ("runs", "plan", "b", None),
            ("other", "other", "f", Some(6)),
        ] {
            put(&world, name, plan, image, minute);
        }
        let kept = verified(&tenant(&world), "plan", None).await.unwrap();
        assert_eq!(kept, ["s-a", "s-c", "s-d"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_for_long_enough_is_left_as_it_is() {
        for (days, left) in [(None, false), (Some(1), false), (Some(40), true)] {
            let world = World::builder().build();
            put(&world, "a", "plan", "a", Some(1));
            if let Some(days) = days {
                world.kube().change("snapshots", "ns", "s-a", |snapshot| {
                    let keep = format!("{}h", days * 24);
                    let annotations = json!({crate::konflux::labels::KEEP_ANNOTATION: keep});
                    snapshot["metadata"]["annotations"] = annotations;
                });
            }
            keep_one(&tenant(&world), "s-a").await.unwrap();
            let asked = world.requests_to(Server::Kube);
            assert_eq!(asked.iter().all(|asked| asked.method != "PATCH"), left, "{days:?}");
        }
    }
}
