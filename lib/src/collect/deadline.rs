//! When the gate must have decided: its own timeout, and the PipelineRun's.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::api::{Api, ApiResource, DynamicObject};
use serde::Deserialize;

use crate::clock::SharedClock;
use crate::cluster::{self, Cluster};
use crate::duration;
use crate::retry::Policy;

/// So long before Tekton would cut the step off it decides (10 minutes).
pub const MARGIN: Duration = Duration::from_secs(600);

/// What Tekton gives a PipelineRun that says nothing of timeouts (1 hour).
const TEKTON_DEFAULT: Duration = Duration::from_secs(3600);

/// When the gate decides at the latest, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// When.
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

#[derive(Debug, Deserialize)]
struct PipelineRun {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    uid: Option<String>,
}

#[derive(Debug, Deserialize, Default)]
struct Spec {
    timeouts: Option<Timeouts>,
}

#[derive(Debug, Deserialize, Default)]
struct Timeouts {
    pipeline: Option<String>,
    tasks: Option<String>,
    finally: Option<String>,
}

#[derive(Debug, Deserialize, Default)]
struct Status {
    #[serde(rename = "startTime")]
    start_time: Option<Timestamp>,
}

/// When Tekton ends the tasks of a PipelineRun, if it does.
///
/// Unset timeouts are computed from the others as Tekton does; `0` means none.
fn end_of_tasks(run: &PipelineRun) -> Option<Timestamp> {
    let none = Timeouts::default();
    let timeouts = run.spec.timeouts.as_ref().unwrap_or(&none);
    let read = |text: &Option<String>| text.as_deref().and_then(|text| duration::parse(text).ok());
    let (pipeline, finally) =
        (read(&timeouts.pipeline).unwrap_or(TEKTON_DEFAULT), read(&timeouts.finally));
    let tasks = match read(&timeouts.tasks) {
        Some(tasks) => tasks,
        // Without a limit for the whole there is none for the tasks.
        None if pipeline.is_zero() => Duration::ZERO,
        None => pipeline.saturating_sub(finally.unwrap_or_default()),
    };
    if tasks.is_zero() {
        return None;
    }
    run.status
        .start_time?
        .checked_add(SignedDuration::try_from(tasks).ok()?)
        .ok()
}

/// Reads when Tekton ends this run's tasks. Whatever stands in the way is a warning: the gate then
/// keeps its own timeout alone.
pub async fn tekton_end(
    cluster: &Cluster,
    name: &str,
    run_id: Option<&str>,
    clock: &SharedClock,
) -> Option<Timestamp> {
    let kind = ApiResource {
        group: "tekton.dev".to_owned(),
        version: "v1".to_owned(),
        api_version: "tekton.dev/v1".to_owned(),
        kind: "PipelineRun".to_owned(),
        plural: "pipelineruns".to_owned(),
    };
    let api: Api<DynamicObject> =
        Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &kind);
    let begun = clock.now();
    let mut failed = 0;
    let object = loop {
        match api.get(name).await {
            Ok(object) => break object,
            Err(error) => {
                failed += 1;
                let pause = Policy::READ.pause(failed, clock.since(begun), None);
                match pause.filter(|_| cluster::is_transient(&error)) {
                    Some(pause) => clock.sleep(pause).await,
                    None => {
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
                }
            }
        }
    };
    let run: Option<PipelineRun> = serde_json::to_value(object)
        .ok()
        .and_then(|value| serde_json::from_value(value).ok());
    let Some(run) = run else {
        tracing::warn!(
            "PipelineRun {}/{name} has another form than expected; only --timeout counts",
            cluster.namespace
        );
        return None;
    };
    if run_id.is_some() && run.metadata.uid.as_deref() != run_id {
        tracing::warn!(
            "PipelineRun {}/{name} is not the run of --run-id; only --timeout counts",
            cluster.namespace
        );
        return None;
    }
    end_of_tasks(&run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use std::sync::Arc;

    fn end(timeouts: &str) -> Option<String> {
        let json = format!(
            r#"{{"metadata":{{"uid":"u"}},"spec":{{"timeouts":{timeouts}}},"status":{{"startTime":"2026-08-20T00:00:00Z"}}}}"#
        );
        end_of_tasks(&serde_json::from_str(&json).unwrap()).map(|end| end.to_string())
    }

    #[test]
    fn tektons_end_of_the_tasks() {
        let at = |hour: &str| Some(format!("2026-08-20T{hour}:00Z"));
        assert_eq!(end(r#"{"pipeline":"7h","tasks":"6h","finally":"1h"}"#), at("06:00"));
        assert_eq!(end(r#"{"pipeline":"7h0m0s","finally":"1h"}"#), at("06:00"));
        assert_eq!(end(r#"{"pipeline":"4h"}"#), at("04:00"));
        assert_eq!(end("null"), at("01:00"));
        assert_eq!(end(r#"{"pipeline":"0","tasks":"0s"}"#), None);
        assert_eq!(end(r#"{"pipeline":"0s"}"#), None);
        assert_eq!(end_of_tasks(&serde_json::from_str(r#"{"metadata":{}}"#).unwrap()), None);
    }

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
