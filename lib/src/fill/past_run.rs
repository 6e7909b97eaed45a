//! One run in the bucket, as its job's history keeps it.

use std::collections::BTreeSet;

use crate::evidence::junits::TestReport;
use crate::evidence::reader::{Found, Reader};
use crate::history::{Addition, Mark, Origin, Reading, Run, TestEnd, TestId};
use crate::image::Digest;
use crate::prow::JobState;
use crate::prow::bucket::Bucket;
use crate::prow::finished::Finished;
use crate::prow::job_url::JobUrl;
use crate::prow::key;
use crate::prow::prowjob::ProwJob;
use crate::prow::tally::ToldTest;

/// No key is made for a later attempt than this.
const ATTEMPTS: u32 = 20;

/// What a folder of the bucket showed.
#[derive(Debug, PartialEq)]
pub enum Shown {
    /// A run that has ended.
    Ended(Box<Addition>),
    /// Nothing that is kept: it still runs, or is no run of the job.
    Nothing,
    /// It could not be read: why. It is tried again another time.
    Unreadable(String),
}

/// Reads a run. `set` are the variables that gates give to the job besides the overrides.
pub async fn read(
    bucket: &Bucket,
    folder: &JobUrl,
    job: &str,
    build_id: &str,
    set: &BTreeSet<String>,
) -> Shown {
    let reader = Reader { bucket, folder };
    let prowjob = match reader.prowjob_of_anybody().await {
        Found::Read(prowjob) if prowjob.job == job => prowjob,
        Found::Unreachable(why) => return Shown::Unreadable(why),
        _ => return Shown::Nothing,
    };
    let state = match prowjob.state {
        state if state.is_final() => state,
        // What was uploaded when the pod began; that it ended may have come later.
        _ => match reader.finished().await {
            Found::Read(Finished { passed: Some(true), .. }) => JobState::Success,
            Found::Read(Finished { passed: Some(false), .. }) => JobState::Failure,
            Found::Unreachable(why) => return Shown::Unreadable(why),
            _ => return Shown::Nothing,
        },
    };
    let Some(started_at) = prowjob.started.or(prowjob.created) else { return Shown::Nothing };
    let mut run = Run {
        execution: Some(prowjob.id.clone()),
        ended_at: prowjob.completed,
        result: state,
        origin: origin(&prowjob),
        definition: prowjob.definition.hash_without(|name| set.contains(name)),
        ..Run::new(build_id, started_at)
    };
    if run.origin != Origin::Schedule {
        let note = |name: &str| prowjob.annotations.get(name).filter(|text| !text.is_empty());
        run.digest = note("release-gate/digest").and_then(|text| text.parse::<Digest>().ok());
        run.snapshot = note("release-gate/snapshot").cloned();
        run.gate = note("release-gate/gate").cloned();
    }
    let mut tests = Vec::new();
    if matches!(state, JobState::Success | JobState::Failure) {
        match report(&reader).await {
            Ok(Some(report)) => {
                run.reading = reading(&report, state);
                run.tests = Some(report.counts);
                tests = report.all.tests.iter().map(end).collect();
            }
            Ok(None) => {}
            Err(why) => return Shown::Unreadable(why),
        }
    }
    Shown::Ended(Box::new(Addition { run, tests }))
}

/// What the tests of a run did; `None` where that cannot be read now or later.
async fn report(reader: &Reader<'_>) -> Result<Option<TestReport>, String> {
    let graph = reader.graph().await;
    if let Some(why) = graph.unreachable() {
        return Err(why.to_owned());
    }
    match reader.tests(graph.read()).await {
        Found::Read(report) => Ok(Some(report)),
        Found::Unreachable(why) => Err(why),
        _ => Ok(None),
    }
}

fn reading(report: &TestReport, state: JobState) -> Reading {
    match report.counts.files {
        0 if state == JobState::Failure => Reading::NotReached,
        _ if report.all.is_complete => Reading::Complete,
        _ => Reading::Partial,
    }
}

fn end(test: &ToldTest) -> TestEnd {
    TestEnd {
        id: TestId::new(&test.suite, &test.class, &test.name),
        mark: Mark { ended: test.end.into(), informing: test.informing },
    }
}

/// Why it was started. A gate's runs carry a key that is made from its PipelineRun, the image and the
/// attempt; those of a bisect name it besides; what carries another key was started by hand, and what
/// overrides a step's variable or names an executor was not started by Prow's schedule.
fn origin(prowjob: &ProwJob) -> Origin {
    let notes = &prowjob.annotations;
    let Some(carried) = prowjob.labels.get(key::LABEL) else {
        let by_hand = prowjob
            .envs
            .iter()
            .any(|(name, _)| name.starts_with("MULTISTAGE_PARAM_"))
            || notes.keys().any(|name| name.ends_with("executor"));
        return if by_hand { Origin::Other } else { Origin::Schedule };
    };
    if notes.contains_key(key::BISECT) {
        return Origin::Bisect;
    }
    let id = notes
        .get("release-gate/pipelinerun")
        .and_then(|run| run.rsplit('/').next());
    let digest = notes
        .get("release-gate/digest")
        .and_then(|text| text.parse::<Digest>().ok());
    let (Some(id), Some(digest)) = (id, digest) else { return Origin::Other };
    let made = |attempt: &u32| key::of(id, &prowjob.job, &digest, *attempt) == *carried;
    match (1..=ATTEMPTS).find(made) {
        Some(1) => Origin::Nightly,
        Some(_) => Origin::Rerun,
        None => Origin::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_tells_why_it_was_started() {
        let digest: Digest = format!("sha256:{}", "4".repeat(64)).parse().unwrap();
        let of = |key: Option<String>, more: &[(&str, &str)], envs: &[(&str, &str)]| {
            let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
                pairs
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect()
            };
            origin(&ProwJob {
                job: "j".to_owned(),
                labels: key.map(|key| (key::LABEL.to_owned(), key)).into_iter().collect(),
                annotations: pairs(more).into_iter().collect(),
                envs: pairs(envs),
                ..ProwJob::default()
            })
        };
        let image = digest.to_string();
        let notes = [("release-gate/pipelinerun", "ns/name/uid"), ("release-gate/digest", &image)];
        let key = |attempt| Some(key::of("uid", "j", &digest, attempt));
        assert_eq!(of(key(1), &notes, &[]), Origin::Nightly);
        assert_eq!(of(key(3), &notes, &[]), Origin::Rerun);
        assert_eq!(of(Some("k".to_owned()), &notes, &[]), Origin::Other);
        assert_eq!(of(key(1), &notes[1..], &[]), Origin::Other);
        let probe = [notes[1], (key::BISECT, "id")];
        assert_eq!(of(Some("k".to_owned()), &probe, &[]), Origin::Bisect);
        assert_eq!(of(None, &[], &[("OWN", "1")]), Origin::Schedule);
        assert_eq!(of(None, &[], &[("MULTISTAGE_PARAM_OVERRIDE_X", "1")]), Origin::Other);
        assert_eq!(of(None, &[("ci.openshift.io/executor", "gangway")], &[]), Origin::Other);
    }
}
