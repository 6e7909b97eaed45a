//! What a Release's status means, by reasons, never by statuses alone.
//!
//! The traps, as observed on the real release-service: `Released` is `False` while it runs and
//! when it failed; after a refused validation `ManagedPipelineProcessed` is `True` with reason
//! `Skipped`; a Release is validated again at every reconcile, so that it can fail while its
//! managed pipeline pushes; a failed managed pipeline is explained by its attempts alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::objects::{ManagedAttempt, Release, ReleaseStatus, condition};
use crate::image::Digest;
use crate::text;

/// How much of release-service's words is kept.
const QUOTED: usize = 600;

/// More pushed images than this are not kept.
const MAX_IMAGES: usize = 20;

/// How a Release stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has not ended.
    Running {
        /// The phase that runs, in release-service's words; empty before the first.
        phase: String,
    },
    /// It has landed, with the digest asked for or with nothing left to push.
    Released {
        /// What was pushed; empty where everything had been there before.
        images: Vec<PushedImage>,
    },
    /// It failed and certainly pushed nothing.
    Failed {
        /// Why: phase, task, step, PipelineRun.
        why: String,
    },
    /// It has ended, and what became of the image is not known.
    Unknown { why: String },
}

/// An image that the managed pipeline pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PushedImage {
    /// The component.
    pub name: String,
    pub digest: String,
    /// Where it can be pulled from.
    pub urls: Vec<String>,
}

const SUCCEEDED: &str = "Succeeded";
const FAILED: &str = "Failed";
const PROGRESSING: &str = "Progressing";
const MANAGED: &str = "ManagedPipelineProcessed";

/// The phases in their order, with their names for people.
const PHASES: [(&str, &str); 6] = [
    ("Validated", "validation"),
    ("TenantCollectorsPipelineProcessed", "tenant collectors pipeline"),
    ("ManagedCollectorsPipelineProcessed", "managed collectors pipeline"),
    ("TenantPipelineProcessed", "tenant pipeline"),
    (MANAGED, "managed pipeline"),
    ("FinalPipelineProcessed", "final pipeline"),
];

/// How a Release stands, where `tested` is the digest that it was made for.
pub fn outcome(release: &Release, tested: &Digest) -> Outcome {
    let empty = ReleaseStatus::default();
    let status = release.status.as_ref().unwrap_or(&empty);
    let reason = condition(&status.conditions, "Released").map(|released| released.reason.as_str());
    match reason {
        None | Some(PROGRESSING) => Outcome::Running { phase: running_phase(status) },
        Some(SUCCEEDED) => released(status, tested),
        Some(FAILED) => failed(status),
        Some(other) => Outcome::Unknown {
            why: format!(
                "release-service says Released for the reason {other:?}, which this toolkit does not know"
            ),
        },
    }
}

/// The managed PipelineRun of the last attempt, `namespace/name`.
pub fn pipeline_run(release: &Release) -> Option<&str> {
    let status = release.status.as_ref()?;
    let last = status
        .managed_pipeline_attempts
        .last()
        .map(|attempt| attempt.pipeline_run.as_str());
    let old = || status.managed_processing.as_ref()?.pipeline_run.as_deref();
    last.or_else(old).filter(|name| !name.is_empty())
}

fn running_phase(status: &ReleaseStatus) -> String {
    let runs = |kind: &str| {
        condition(&status.conditions, kind).is_some_and(|found| found.reason == PROGRESSING)
    };
    let running = PHASES.iter().rev().find(|(kind, _)| runs(kind));
    running.map(|(kind, _)| (*kind).to_owned()).unwrap_or_default()
}

fn released(status: &ReleaseStatus, tested: &Digest) -> Outcome {
    let mut images = pushed(&status.artifacts);
    let is_tested = |image: &PushedImage| image.digest == tested.as_str();
    // Among many it must not be the one that is cut off.
    images.sort_by_key(|image| !is_tested(image));
    images.truncate(MAX_IMAGES);
    if images.is_empty() || images.iter().any(is_tested) {
        return Outcome::Released { images };
    }
    let digests: Vec<_> = images
        .iter()
        .map(|image| format!("{} {}", image.name, image.digest))
        .collect();
    Outcome::Unknown {
        why: format!(
            "it says that it pushed {}, not the tested {tested}",
            text::some_of(&digests, 3)
        ),
    }
}

fn failed(status: &ReleaseStatus) -> Outcome {
    let words = words_of_failure(status);
    let last = status.managed_pipeline_attempts.last();
    match (last, old_run(status)) {
        (Some(attempt), _) if attempt.status == FAILED => Outcome::Failed { why: words },
        (Some(attempt), _) => Outcome::Unknown {
            why: format!(
                "{words}; but its managed PipelineRun {} was last said to be {}, so the image may have been pushed",
                attempt.pipeline_run, attempt.status
            ),
        },
        (None, None) => Outcome::Failed { why: words },
        // A release-service that does not list attempts yet.
        (None, Some(run)) => {
            match condition(&status.conditions, MANAGED).map(|managed| managed.reason.as_str()) {
                Some(FAILED) => Outcome::Failed { why: words },
                _ => Outcome::Unknown {
                    why: format!(
                        "{words}; but its managed PipelineRun {run} had begun, so the image may have been pushed"
                    ),
                },
            }
        }
    }
}

fn old_run(status: &ReleaseStatus) -> Option<&str> {
    status
        .managed_processing
        .as_ref()?
        .pipeline_run
        .as_deref()
        .filter(|run| !run.is_empty())
}

fn words_of_failure(status: &ReleaseStatus) -> String {
    let failed = PHASES.iter().find_map(|(kind, name)| {
        let found = condition(&status.conditions, kind).filter(|found| found.reason == FAILED)?;
        Some((*kind, *name, text::one_line(&found.message, QUOTED)))
    });
    match failed {
        Some(("Validated", _, message)) => format!("release-service refused it: {message}"),
        Some((MANAGED, name, message)) => match status.managed_pipeline_attempts.last() {
            Some(attempt) => managed_failure(attempt, status.managed_pipeline_attempts.len()),
            None => format!("its {name} failed: {message}"),
        },
        Some((_, name, message)) => format!("its {name} failed: {message}"),
        None => {
            let message =
                condition(&status.conditions, "Released").map(|found| found.message.as_str());
            text::one_line(
                message
                    .filter(|text| !text.is_empty())
                    .unwrap_or("it failed without a reason"),
                QUOTED,
            )
        }
    }
}

fn managed_failure(attempt: &ManagedAttempt, attempts: usize) -> String {
    let place = match (&attempt.last_task, &attempt.last_step) {
        (Some(task), Some(step)) => format!("in task {task}, step {step}"),
        (Some(task), None) => format!("in task {task}"),
        _ => "before any task ran".to_owned(),
    };
    let reason = attempt.failure_reason.as_deref().unwrap_or("no reason given");
    let times =
        if attempts > 1 { format!(", the last of {attempts} attempts") } else { String::new() };
    text::one_line(
        &format!(
            "its managed pipeline failed {place} ({reason}), PipelineRun {}{times}",
            attempt.pipeline_run
        ),
        QUOTED,
    )
}

/// The images that a managed pipeline says it pushed. Entries of another shape count as pushed with
/// an unknown digest.
fn pushed(artifacts: &Value) -> Vec<PushedImage> {
    let images = artifacts.get("images").and_then(Value::as_array);
    let image = |entry: &Value| {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        let urls = entry
            .get("urls")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        PushedImage {
            name: text::cut(text("name"), 80),
            digest: text::cut(text("shasum"), 80),
            urls: urls.take(5).map(|url| text::cut(url, 300)).collect(),
        }
    };
    images.into_iter().flatten().map(image).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn tested() -> Digest {
        "sha256:1a0d7d21bf82908fb700e0a74975defe72b3141d503bbcb694dd26594e18b2a6"
            .parse()
            .unwrap()
    }

    /// Statuses as the real release-service wrote them, by what had happened.
    fn captured(case: &str) -> Release {
        let mut cases: BTreeMap<String, Release> =
            serde_json::from_str(include_str!("data/releases.json")).unwrap();
        cases.remove(case).unwrap_or_else(|| panic!("{case}"))
    }

    fn of(case: &str) -> Outcome {
        outcome(&captured(case), &tested())
    }

    fn failure(case: &str) -> String {
        match of(case) {
            Outcome::Failed { why } => why,
            other => panic!("{case}: {other:?}"),
        }
    }

    fn unknown(outcome: Outcome) -> String {
        match outcome {
            Outcome::Unknown { why } => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_one_and_a_running_one() {
        assert_eq!(of("create-response"), Outcome::Running { phase: String::new() });
        assert_eq!(of("progressing"), Outcome::Running { phase: MANAGED.to_owned() });
        assert_eq!(pipeline_run(&captured("progressing")), Some("konflux-managed/managed-pxhtp"));
    }

    #[test]
    fn a_released_one_names_its_images() {
        let Outcome::Released { images } = of("released") else { panic!() };
        assert_eq!(images[0].digest, tested().as_str());
        let mut bare = captured("released");
        bare.status.as_mut().unwrap().artifacts = Value::Null;
        assert_eq!(outcome(&bare, &tested()), Outcome::Released { images: Vec::new() });
    }

    #[test]
    fn another_image_or_one_without_digest_is_unknown() {
        let other: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
        assert!(
            unknown(outcome(&captured("released"), &other)).contains("not the tested sha256:0000")
        );
        let mut odd = captured("released");
        odd.status.as_mut().unwrap().artifacts = serde_json::json!({"images": ["x", {"name": 1}]});
        unknown(outcome(&odd, &tested()));
    }

    #[test]
    fn a_failure_names_task_and_step() {
        assert_eq!(
            failure("failed"),
            "its managed pipeline failed in task push-snapshot, step push (Error), PipelineRun konflux-managed/managed-r8wl2"
        );
        assert!(failure("retried-attempts").ends_with("managed-m9ddc, the last of 2 attempts"));
        assert!(
            failure("failed-pipeline-parameter-missing").contains("before any task ran (Error)")
        );
        assert!(failure("managed-pipelinerun-deleted").contains("(Error)"));
        assert!(
            failure("failed-tenant-pipeline")
                .starts_with("its tenant pipeline failed: task push-snapshot failed")
        );
    }

    #[test]
    fn a_refused_validation_pushed_nothing() {
        let why = failure("validation-blocked");
        assert_eq!(
            why,
            "release-service refused it: found ReleasePlanAdmission 'blocked' with block-releases label set to true"
        );
        assert!(failure("validation-no-snapshot").contains("\"no-such-snapshot\" not found"));
    }

    #[test]
    fn validated_again_while_it_pushed_is_unknown() {
        let why = unknown(of("failed-snapshot-deleted-while-running"));
        assert!(why.contains("managed-27bnp was last said to be Progressing"), "{why}");
        let mut final_failed = captured("released");
        for condition in &mut final_failed.status.as_mut().unwrap().conditions {
            if ["Released", "FinalPipelineProcessed"].contains(&condition.kind.as_str()) {
                (condition.status, condition.reason) = ("False".to_owned(), FAILED.to_owned());
            }
        }
        assert!(unknown(outcome(&final_failed, &tested())).contains("final pipeline failed"));
    }

    #[test]
    fn a_release_service_without_attempts() {
        let without = |case: &str| {
            let mut release = captured(case);
            release.status.as_mut().unwrap().managed_pipeline_attempts.clear();
            outcome(&release, &tested())
        };
        assert!(matches!(without("failed"), Outcome::Failed { .. }));
        unknown(without("failed-snapshot-deleted-while-running"));
    }

    /// What each event of a captured watch is taken for, repetitions left out.
    fn course(case: &str) -> Vec<&'static str> {
        #[derive(serde::Deserialize)]
        struct Event {
            status: ReleaseStatus,
        }
        let mut cases: BTreeMap<String, Vec<Event>> =
            serde_json::from_str(include_str!("data/sequences.json")).unwrap();
        let mut release = captured("create-response");
        let mut course = Vec::new();
        for event in cases.remove(case).unwrap() {
            release.status = Some(event.status);
            course.push(match outcome(&release, &tested()) {
                Outcome::Running { phase } if phase == MANAGED => "managed",
                Outcome::Running { .. } => "running",
                Outcome::Released { .. } => "released",
                Outcome::Failed { .. } => "failed",
                Outcome::Unknown { .. } => "unknown",
            });
        }
        course.dedup();
        course
    }

    #[test]
    fn no_event_of_a_real_course_is_misread() {
        assert_eq!(course("succeeded"), ["running", "managed", "running", "released"]);
        assert_eq!(course("failed"), ["running", "managed", "failed"]);
        assert_eq!(course("retried"), ["running", "managed", "failed"]);
        assert_eq!(course("validation-failed"), ["running", "failed"]);
        assert_eq!(course("blocked-while-running"), ["running", "managed", "unknown"]);
    }

    #[test]
    fn an_unknown_reason_is_unknown() {
        let mut release = captured("released");
        release.status.as_mut().unwrap().conditions[0].reason = "Postponed".to_owned();
        unknown(outcome(&release, &tested()));
    }
}
