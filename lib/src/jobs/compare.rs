//! A request against the one that a record holds.

use super::Request;
use crate::record::{Class, GateRecord, JobRecord, LaunchOptions};
use crate::text;

/// In what a request differs from the one that the record was begun with, if it does: jobs, their
/// settings, and the variables of all. Of the sampled jobs those that were chosen for the night
/// count.
pub fn difference(record: &GateRecord, request: &Request) -> Option<String> {
    let request = request.tonight(record.matrix.as_ref());
    among(&record.jobs.iter().collect::<Vec<_>>(), record.launch.as_ref(), &request)
}

/// [`difference`], for the blocking jobs alone: they are what decides.
pub fn blocking_difference(record: &GateRecord, request: &Request) -> Option<String> {
    let mut request = request.tonight(record.matrix.as_ref());
    request.jobs.retain(|job| job.class == Class::Blocking);
    let blocking: Vec<_> = record.jobs_of(Class::Blocking).collect();
    among(&blocking, record.launch.as_ref(), &request)
}

fn among(
    recorded: &[&JobRecord],
    launch: Option<&LaunchOptions>,
    request: &Request,
) -> Option<String> {
    let asked: Vec<_> = request.jobs.iter().collect();
    let names = |of: &[&JobRecord], without: &[&JobRecord]| {
        let names = of
            .iter()
            .filter(|job| without.iter().all(|other| other.name != job.name));
        names.map(|job| job.name.clone()).collect::<Vec<_>>()
    };
    let (missing, added) = (names(recorded, &asked), names(&asked, recorded));
    if !missing.is_empty() {
        return Some(format!("{} is missing now", text::some_of(&missing, 3)));
    }
    if !added.is_empty() {
        return Some(format!("{} is new", text::some_of(&added, 3)));
    }
    let settings = |job: &JobRecord| {
        let JobRecord {
            name,
            class,
            owner,
            override_env,
            env,
            proof_log,
            proof_last,
            tests,
            junit,
            cell,
            every,
            ..
        } = job.clone();
        let proof = (proof_log, proof_last);
        (name, class, owner, override_env, env, proof, (tests, junit), (cell, every))
    };
    let same = |job: &&&JobRecord| {
        recorded
            .iter()
            .filter(|other| other.name == job.name)
            .all(|other| settings(other) == settings(job))
    };
    let changed: Vec<_> = asked
        .iter()
        .filter(|job| !same(job))
        .map(|job| job.name.clone())
        .collect();
    if !changed.is_empty() {
        return Some(format!("{} has other settings now", text::some_of(&changed, 3)));
    }
    if recorded.len() != asked.len() {
        return Some("a job is there twice".to_owned());
    }
    let same = launch.map_or(request.env.is_empty(), |launch| launch.env == request.env);
    (!same).then(|| "--env is another now".to_owned())
}
