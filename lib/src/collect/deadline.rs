//! When the gate must have decided: its own timeout, and the PipelineRun's.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};
use crate::tekton;

/// So long before Tekton would cut the step off it decides (10 minutes).
pub const MARGIN: Duration = Duration::from_secs(600);

/// When the gate decides at the latest, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    pub at: Timestamp,
    /// Whether it is Tekton's limit rather than `--timeout`.
    pub tekton: bool,
}

impl Deadline {
    /// The earlier of `--timeout` after the first intent and Tekton's end of the tasks less the
    /// margin.
    pub fn of(
        first_intent: Timestamp,
        timeout: Duration,
        cut: Option<Timestamp>,
        clock: &SharedClock,
    ) -> Self {
        let own = clock.after(first_intent, timeout);
        let margin =
            SignedDuration::try_from(MARGIN / clock.scale()).unwrap_or(SignedDuration::ZERO);
        match cut.and_then(|cut| cut.checked_sub(margin).ok()) {
            Some(tekton) if tekton < own => Self { at: tekton, tekton: true },
            _ => Self { at: own, tekton: false },
        }
    }
}

/// Reads when Tekton ends this run's tasks. Whatever stands in the way is a warning: the gate then
/// keeps its own timeout alone.
pub async fn tekton_end(
    cluster: &Cluster,
    name: &str,
    run_id: Option<&str>,
    clock: &SharedClock,
) -> Option<Timestamp> {
    let run = match tekton::pipeline_run(cluster, clock, name).await {
        Ok(run) => run,
        Err(error) => {
            let why = match cluster::code(&error) {
                Some(403) => "not allowed".to_owned(),
                Some(404) => "there is none of that name".to_owned(),
                _ => error.to_string(),
            };
            tracing::warn!(
                "the timeouts of PipelineRun {}/{name} cannot be read ({why}); only --timeout counts",
                cluster.namespace
            );
            return None;
        }
    };
    if run_id.is_some_and(|id| run.metadata.uid != id) {
        tracing::warn!(
            "PipelineRun {}/{name} is not the run of --run-id; only --timeout counts",
            cluster.namespace
        );
        return None;
    }
    run.end_of_tasks()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use std::sync::Arc;

    #[test]
    fn the_earlier_limit_counts() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let of = |scale, cut: Option<&str>| {
            let clock: SharedClock = Arc::new(SystemClock::new(scale));
            let timeout = Duration::from_secs(5 * 3600);
            let deadline =
                Deadline::of(time("2026-08-20T00:00:00Z"), timeout, cut.map(time), &clock);
            (deadline.at.to_string(), deadline.tekton)
        };
        assert_eq!(of(1, None), ("2026-08-20T05:00:00Z".to_owned(), false));
        assert_eq!(of(1, Some("2026-08-20T05:00:00Z")), ("2026-08-20T04:50:00Z".to_owned(), true));
        assert_eq!(of(1, Some("2026-08-20T05:10:00Z")), ("2026-08-20T05:00:00Z".to_owned(), false));
        assert_eq!(
            of(60, Some("2026-08-20T05:00:00Z")),
            ("2026-08-20T00:05:00Z".to_owned(), false)
        );
    }
}
