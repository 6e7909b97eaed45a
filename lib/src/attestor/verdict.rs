//! What a record says, held against what the caller gives, as a verdict to be attested. No clients.

use std::collections::BTreeMap;

use super::Given;
use crate::attest::verdict::{Acceptance, End, Job, Verdict};
use crate::evidence::Subject;
use crate::failure::Failure;
use crate::gate::verdict::decide;
use crate::image::Digest;
use crate::jobs::blocking_difference;
use crate::launch::order;
use crate::record::{Candidate, Cause, Class, GateRecord, JobRecord, Standing};

/// The verdict of a record, if it holds a final one that its own jobs bear out, of the request that
/// the caller gives: that comes from who started the run, the record from whoever may write it.
/// `accepted` are the jobs that a person accepted, by name, as a Release bears out.
///
/// Nothing in it is taken from the surroundings, so the same record always makes the same verdict.
///
/// # Errors
/// Exit 2 where the record has no image or contradicts itself about it, or where the gate has no
/// name; exit 3 where there is no verdict, or none of this request.
pub fn of_record(
    record: &GateRecord,
    given: &Given,
    accepted: &BTreeMap<String, Acceptance>,
) -> Result<Verdict, Failure> {
    let candidate = candidate(record)?;
    let no = |why: String| Failure::refused(format!("{why}: nothing is attested"));
    let Some(verdict) = &record.verdict else {
        return Err(no("the record holds no verdict".to_owned()));
    };
    let again = decide(record, verdict.decided_at);
    if again.decision != verdict.decision {
        return Err(no(format!(
            "the record's verdict is {}, its jobs come to {}: it contradicts itself",
            verdict.decision.as_str(),
            again.decision.as_str()
        )));
    }
    let jobs = || blocking_difference(record, given.request.as_ref()?);
    let rules = || given.rules.difference(record.policy.as_ref()?);
    let difference = given.tested.difference(Some(candidate)).or_else(jobs).or_else(rules);
    if let Some(difference) = difference {
        return Err(no(format!(
            "the record is not of the request that this step was given: {difference}"
        )));
    }
    let gate = record.gate.as_ref().or(given.gate.as_ref()).ok_or_else(|| {
        Failure::misuse("expected --gate-label: the record does not name the gate, and a verdict is found by its name")
    })?;
    let of_class = |class| {
        let jobs = record.jobs_of(class);
        jobs.map(|found| job(found, accepted.get(&found.name)))
            .collect::<Vec<_>>()
    };
    let attested = Verdict {
        gate: gate.clone(),
        image: candidate.image.clone(),
        platforms: Subject::of(candidate).manifests().to_vec(),
        blocking: of_class(Class::Blocking),
        informing: of_class(Class::Informing),
        request: request(record),
        policy: policy(record),
        toolkit: env!("CARGO_PKG_VERSION").to_owned(),
        snapshot: candidate.snapshot.clone(),
        revision: candidate.revision.clone(),
        run: record.run.clone(),
        url: given.url.clone(),
        decided_at: verdict.decided_at,
    };
    attested.check().map_err(|why| no(why.to_string()))?;
    Ok(attested)
}

/// The image of a record.
///
/// # Errors
/// Exit 2 where there is none, or its two digests differ.
pub fn candidate(record: &GateRecord) -> Result<&Candidate, Failure> {
    let candidate = record
        .candidate
        .as_ref()
        .ok_or_else(|| Failure::misuse("the record holds no image; resolve-image writes it"))?;
    match candidate.digest == *candidate.image.digest() {
        true => Ok(candidate),
        false => Err(Failure::misuse(format!(
            "the record contradicts itself: image {}, digest {}",
            candidate.image, candidate.digest
        ))),
    }
}

/// How a job ended. A word for one that passed, or that does not decide, means nothing.
fn job(job: &JobRecord, accepted: Option<&Acceptance>) -> Job {
    let end = match job.standing() {
        _ if job.passed() => End::Passed,
        Standing::Judged(Cause::Product) => End::Failed,
        _ => End::Undecided,
    };
    let url = job.telling().and_then(|attempt| attempt.job_url.clone());
    let decides = job.class == Class::Blocking && end != End::Passed;
    let accepted = accepted.filter(|_| decides).cloned();
    Job { name: job.name.clone(), end, accepted, url }
}

/// The SHA-256 of the jobs with their variables, each by its name: what was asked of Prow, without
/// the keys that differ in every run.
fn request(record: &GateRecord) -> String {
    let asked: BTreeMap<&str, BTreeMap<String, String>> = record
        .jobs
        .iter()
        .filter_map(|job| {
            let envs = order(record, &job.name, 1)?.pod_spec_options.envs;
            Some((job.name.as_str(), envs))
        })
        .collect();
    Digest::of(serde_json::to_vec(&asked).unwrap_or_default())
        .hex()
        .to_owned()
}

/// By which rules was judged, by the names of the flags that set them.
fn policy(record: &GateRecord) -> BTreeMap<String, String> {
    let rules = record.policy.clone().unwrap_or_default();
    let rerun = rules
        .rerun
        .iter()
        .map(|(cause, times)| format!("{}={times}", cause.as_str()));
    let mut named = vec![
        ("hollow", rules.hollow.unwrap_or_default().as_str().to_owned()),
        ("proof", rules.proof.as_str().to_owned()),
        ("proof-log", rules.proof_logs.join(",")),
        ("rerun", rerun.collect::<Vec<_>>().join(",")),
    ];
    named.retain(|(_, value)| !value.is_empty());
    named
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
