//! Gates go first: they share Gangway's limit, and have a night to keep.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::failure::Chain;
use crate::record::{self, GateRecord, JobRecord, Whose};

/// How often it is looked whether a gate still has jobs to launch (1 minute).
const LOOK: Duration = Duration::from_secs(60);

/// A gate that has not launched its jobs for so long has died, and nothing is waited for longer
/// (2 hours).
const LAUNCHES_WITHIN: Duration = Duration::from_secs(2 * 3600);

/// Waits while a gate of the namespace has jobs to launch. Where that cannot be seen nothing is
/// waited for.
pub(super) async fn give_way(cluster: &Cluster, clock: &SharedClock) {
    let begun = Instant::now();
    let mut said = false;
    loop {
        let since = clock.before(clock.now(), LAUNCHES_WITHIN);
        let name = match busy(cluster, clock, since).await {
            Ok(None) => return,
            Ok(Some(name)) => name,
            Err(error) => {
                tracing::warn!("whether a gate launches its jobs is not known: {}", Chain(&error));
                return;
            }
        };
        if begun.elapsed() * clock.scale() >= LAUNCHES_WITHIN {
            tracing::warn!("{name} still has jobs to launch; it was waited for long enough");
            return;
        }
        if !said {
            tracing::info!("{name} still has jobs to launch, which go first");
            said = true;
        }
        clock.sleep(LOOK).await;
    }
}

/// A record of a gate that has jobs to launch.
async fn busy(
    cluster: &Cluster,
    clock: &SharedClock,
    since: Timestamp,
) -> Result<Option<String>, kube::Error> {
    let mut busy = None;
    record::each(cluster, clock, Whose::Anybody, Some(since), |meta, record| match record {
        Ok(record) if is_launching(&record, since) => {
            busy = Some(meta.name.clone().unwrap_or_default());
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    })
    .await?;
    Ok(busy)
}

/// Whether a gate is about to launch jobs.
fn is_launching(record: &GateRecord, since: Timestamp) -> bool {
    let open = |job: &JobRecord| job.attempts.is_empty() && job.refusal.is_none();
    record.created_at >= since
        && record.verdict.is_none()
        && record.stopped.is_none()
        && record.jobs.iter().any(open)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use standins::World;

    use super::*;
    use crate::clock::SystemClock;
    use crate::gate::matrix::tests::{at, attempt};
    use crate::record::{Class, ConfigMapStore, Store, labels};

    #[test]
    fn a_gate_with_jobs_to_launch_goes_first() {
        let mut record = GateRecord::begin("run", at(100));
        assert!(!is_launching(&record, at(0)), "without jobs it has not begun to launch");
        record.jobs.push(JobRecord {
            attempts: vec![attempt(1, 100, None)],
            ..JobRecord::named("a", Class::Blocking)
        });
        assert!(!is_launching(&record, at(0)));
        record.jobs.push(JobRecord::named("b", Class::Blocking));
        assert!(is_launching(&record, at(0)));
        assert!(!is_launching(&record, at(200)), "it has died");
    }

    /// A namespace with a gate that has launched its job, and one that has not.
    async fn namespace(clock: &SharedClock) -> (World, Cluster) {
        let world = World::builder().build();
        let cluster = crate::support::cluster(&world, "gates");
        for (name, attempts) in [("begun", vec![attempt(1, 100, None)]), ("late", Vec::new())] {
            let mut record = GateRecord::begin(name, clock.now());
            let job = JobRecord { attempts, ..JobRecord::named("a", Class::Blocking) };
            record.jobs.push(job);
            let store = ConfigMapStore::new(&cluster, name);
            let bytes = serde_json::to_vec(&record).unwrap();
            store.save(&bytes, &labels::of_record(&record), None).await.unwrap();
        }
        (world, cluster)
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_as_soon_as_no_gate_has_jobs_to_launch() {
        let clock: SharedClock = Arc::new(SystemClock::new(60));
        let (world, cluster) = namespace(&clock).await;
        let since = clock.before(clock.now(), LAUNCHES_WITHIN);
        let name = busy(&cluster, &clock, since).await.unwrap();
        assert_eq!(name.as_deref(), Some("late"));
        let begun = Instant::now();
        let launched = async {
            clock.sleep(LOOK * 9 / 2).await;
            assert!(world.kube().delete("configmaps", "gates", "late"));
        };
        tokio::join!(give_way(&cluster, &clock), launched);
        assert_eq!(begun.elapsed() * clock.scale(), LOOK * 5);
        assert_eq!(busy(&cluster, &clock, since).await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn two_hours_are_waited_by_the_gates_clock() {
        let clock: SharedClock = Arc::new(SystemClock::new(60));
        let (_, cluster) = namespace(&clock).await;
        let begun = Instant::now();
        let waited = tokio::time::timeout(LAUNCHES_WITHIN / 30, give_way(&cluster, &clock)).await;
        assert!(waited.is_ok());
        assert_eq!(begun.elapsed() * clock.scale(), LAUNCHES_WITHIN);
    }
}
