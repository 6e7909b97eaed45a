//! When Tekton ends the tasks of a PipelineRun.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::PipelineRun;
use crate::duration;

/// What Tekton gives a PipelineRun that says nothing of timeouts (1 hour).
const TEKTON_DEFAULT: Duration = Duration::from_secs(3600);

impl PipelineRun {
    /// When Tekton ends this run's tasks, if it does and the run has begun.
    ///
    /// Unset timeouts are computed from the others as Tekton does; `0` means none.
    pub fn end_of_tasks(&self) -> Option<Timestamp> {
        let timeouts = &self.spec.timeouts;
        let read =
            |text: &Option<String>| text.as_deref().and_then(|text| duration::parse(text).ok());
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
        self.status
            .start_time?
            .checked_add(SignedDuration::try_from(tasks).ok()?)
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(timeouts: &str) -> Option<String> {
        let json = format!(
            r#"{{"metadata":{{"name":"r","uid":"u"}},"spec":{{"timeouts":{timeouts}}},"status":{{"startTime":"2026-08-20T00:00:00Z"}}}}"#
        );
        let run: PipelineRun = serde_json::from_str(&json).unwrap();
        run.end_of_tasks().map(|end| end.to_string())
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
        assert_eq!(PipelineRun::default().end_of_tasks(), None, "it has not begun");
    }
}
