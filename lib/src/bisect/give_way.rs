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
    use super::*;
    use crate::gate::matrix::tests::{at, attempt};
    use crate::record::Class;

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
}
