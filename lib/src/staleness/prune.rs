//! Old records: the newest 60 of a gate are kept. And histories of jobs that run no more, and bisects
//! of long ago.

use std::ops::ControlFlow;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Preconditions};

use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};
use crate::history::{self, keep};
use crate::konflux::created_at;
use crate::record::{self, KEPT, Whose, labels};

/// A history whose newest run is older is of no use any more (90 days).
const HISTORY_AGE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A bisect of a hundred Snapshots takes some days; what is older is of no use any more (90 days).
const BISECT_AGE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Documents of a kind that are looked at, such as one history for each job of a namespace.
const MOST_DOCUMENTS: u32 = 500;

/// Deletes the oldest records of a gate beyond the newest 60; returns how many. One that cannot be
/// read counts for the gate whose label it carries.
///
/// # Errors
/// The API server's answer.
pub async fn prune(
    cluster: &Cluster,
    clock: &SharedClock,
    gate: &str,
) -> Result<usize, kube::Error> {
    let whose = Whose::Gate(gate);
    // Mostly there is nothing to do, and then no document is read.
    if record::count(cluster, clock, whose).await? <= KEPT {
        return Ok(0);
    }
    let (mut kept, mut old) = (0, Vec::new());
    record::each(cluster, clock, whose, None, |meta, _| {
        kept += 1;
        if kept > KEPT {
            old.extend(meta.name.clone().map(|name| (name, meta.uid.clone())));
        }
        ControlFlow::Continue(())
    })
    .await?;
    delete(cluster, old.into_iter().map(|(name, uid)| (name, uid, None))).await
}

/// Deletes the histories of jobs that have not run for 90 days, of whatever gate; returns how many.
///
/// # Errors
/// The API server's answer.
pub async fn prune_histories(cluster: &Cluster, clock: &SharedClock) -> Result<usize, kube::Error> {
    prune_kind(cluster, clock, history::KIND, is_over).await
}

/// Deletes the records of bisects that were begun 90 days ago, of whatever job; returns how many.
///
/// # Errors
/// The API server's answer.
pub async fn prune_bisects(cluster: &Cluster, clock: &SharedClock) -> Result<usize, kube::Error> {
    prune_kind(cluster, clock, labels::BISECT, |meta, now| {
        created_at(meta).is_some_and(|begun| now.duration_since(begun) > BISECT_AGE)
    })
    .await
}

async fn prune_kind(
    cluster: &Cluster,
    clock: &SharedClock,
    kind: &str,
    is_over: impl Fn(&ObjectMeta, Timestamp) -> bool,
) -> Result<usize, kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = ListParams::default()
        .labels(&format!("{}={kind}", labels::KIND))
        .limit(MOST_DOCUMENTS);
    let listed = cluster::patiently(clock, || api.list_metadata(&params)).await?;
    let now = clock.now();
    let metas = listed.items.into_iter().map(|object| object.metadata);
    let old = metas.filter(|meta| is_over(meta, now));
    // Not if somebody has added to it meanwhile.
    let old = old.filter_map(|meta| Some((meta.name?, meta.uid, Some(meta.resource_version?))));
    delete(cluster, old).await
}

/// Whether the newest run of a history is too old. One without a day that can be read stays: it is not
/// ours to judge.
fn is_over(meta: &ObjectMeta, now: Timestamp) -> bool {
    let newest = meta.labels.as_ref().and_then(|labels| labels.get(keep::NEWEST));
    let day: Option<Date> = newest.and_then(|day| day.parse().ok());
    let at = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    at.is_some_and(|at| now.duration_since(at.timestamp()) > HISTORY_AGE)
}

async fn delete(
    cluster: &Cluster,
    old: impl Iterator<Item = (String, Option<String>, Option<String>)>,
) -> Result<usize, kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let mut deleted = 0;
    for (name, uid, resource_version) in old {
        // Only the very object that was seen: one of that name may have been made anew.
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid, resource_version }),
            ..Default::default()
        };
        match api.delete(&name, &params).await {
            Ok(_) => deleted += 1,
            Err(error) if matches!(cluster::code(&error), Some(404 | 409)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::RuntimeClock;
    use crate::history::{Addition, Run};

    #[test]
    fn a_history_is_over_after_its_age_and_never_without_a_day() {
        let midnight: Timestamp = "2026-11-30T00:00:00Z".parse().unwrap();
        let newest = |day: &str| ObjectMeta {
            labels: Some([(keep::NEWEST.to_owned(), day.to_owned())].into()),
            ..ObjectMeta::default()
        };
        let day = (midnight - HISTORY_AGE).strftime("%Y-%m-%d").to_string();
        assert!(!is_over(&newest(&day), midnight));
        assert!(is_over(&newest(&day), midnight + SignedDuration::from_secs(1)));
        for none in [newest("long ago"), ObjectMeta::default()] {
            assert!(!is_over(&none, midnight + HISTORY_AGE));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_was_seen_is_deleted_and_what_is_gone_is_no_failure() {
        let world = standins::World::builder().build();
        let cluster = crate::support::cluster(&world, "gates");
        for name in ["seen", "anew"] {
            let metadata = serde_json::json!({"name": name, "namespace": "gates"});
            world
                .kube()
                .put(serde_json::json!({"kind": "ConfigMap", "metadata": metadata}));
        }
        let there = |name: &str| world.kube().get("configmaps", "gates", name);
        let uid = |name: &str| {
            there(name).and_then(|found| found["metadata"]["uid"].as_str().map(str::to_owned))
        };
        let old = || {
            [
                ("gone".to_owned(), None, None),
                ("anew".to_owned(), Some("of-the-one-before".to_owned()), None),
                ("seen".to_owned(), uid("seen"), None),
            ]
            .into_iter()
        };
        assert_eq!(delete(&cluster, old()).await.unwrap(), 1);
        assert_eq!((there("seen"), there("anew").is_some()), (None, true));
        world.kube().deny("delete", "configmaps");
        assert_eq!(cluster::code(&delete(&cluster, old()).await.unwrap_err()), Some(403));
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_records_beyond_those_that_a_gate_keeps_are_deleted() {
        let world = standins::World::builder().build();
        let cluster = crate::support::cluster(&world, "gates");
        let begun: Timestamp = "2026-09-01T03:00:00Z".parse().unwrap();
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(begun));
        let night = |gate: &str, number: usize| {
            let hours = 24 * i64::try_from(number).unwrap();
            let at = begun + SignedDuration::from_hours(hours);
            let mut record = record::GateRecord::begin("id", at);
            record.gate = Some(gate.to_owned());
            let name = format!("{}-{number:02}", gate.to_lowercase());
            world.kube().put(serde_json::json!({
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": "gates",
                    "creationTimestamp": at.to_string(), "labels": labels::of_record(&record)},
                "data": {"record.json": serde_json::to_string(&record).unwrap()},
            }));
        };
        (0..KEPT).for_each(|number| night("ARO", number));
        (0..3).for_each(|number| night("ROSA", number));
        assert_eq!(prune(&cluster, &clock, "ARO").await.unwrap(), 0);
        (KEPT..KEPT + 2).for_each(|number| night("ARO", number));
        assert_eq!(prune(&cluster, &clock, "ARO").await.unwrap(), 2);
        let left: Vec<String> = world
            .kube()
            .all("configmaps")
            .iter()
            .map(|found| found["metadata"]["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(left.len(), KEPT + 3, "{left:?}");
        assert!(!left.iter().any(|name| ["aro-00", "aro-01"].contains(&name.as_str())), "{left:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn histories_of_jobs_that_run_no_more_are_deleted() {
        let world = standins::World::builder().build();
        let cluster = crate::support::cluster(&world, "gates");
        let now: Timestamp = "2026-11-30T03:00:00Z".parse().unwrap();
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(now));
        let place = keep::Place::ConfigMaps(cluster.clone());
        for (job, days) in [("runs", 89), ("ran", 92)] {
            let run = Run::new("1", now - SignedDuration::from_hours(24 * days));
            let addition = Addition { run, tests: Vec::new() };
            let store = place.store(job);
            keep::change(store.as_ref(), job, &clock, |history| history.add(&addition))
                .await
                .unwrap();
        }
        assert_eq!(prune_histories(&cluster, &clock).await.unwrap(), 1);
        assert_eq!(prune_histories(&cluster, &clock).await.unwrap(), 0);
        let there = |job| {
            let name = history::config_map_name(job);
            world.kube().get("configmaps", "gates", &name).is_some()
        };
        assert_eq!((there("runs"), there("ran")), (true, false));
    }

    #[tokio::test(start_paused = true)]
    async fn bisects_of_long_ago_are_deleted() {
        let world = standins::World::builder().build();
        let cluster = crate::support::cluster(&world, "gates");
        let now: Timestamp = "2026-11-30T03:00:00Z".parse().unwrap();
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(now));
        let second = SignedDuration::from_secs(1);
        for (name, kind, age) in [
            ("kept", labels::BISECT, BISECT_AGE),
            ("old", labels::BISECT, BISECT_AGE + second),
            ("list", "holds", BISECT_AGE + second),
        ] {
            world.kube().put(serde_json::json!({"kind": "ConfigMap", "metadata": {
                "name": name, "namespace": "gates", "creationTimestamp": (now - age).to_string(),
                "labels": labels::of_kind(kind),
            }}));
        }
        assert_eq!(prune_bisects(&cluster, &clock).await.unwrap(), 1);
        let there = |name| world.kube().get("configmaps", "gates", name).is_some();
        assert_eq!((there("kept"), there("old"), there("list")), (true, false, true));
    }
}
