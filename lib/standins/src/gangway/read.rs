//! `GET /v1/executions[/ID]`: one execution, or the list.

use bytes::Bytes;
use http::request::Parts;
use serde::Serialize;
use serde_json::Value;

use super::create::is_name;
use super::{STATUSES, TYPES, enumeration, ok, transcoder, unsupported};
use crate::World;
use crate::answer::{Answer, bad_resource_name, first, grpc, quoted};
use crate::prow::{Run, State, label_of};
use crate::time::seconds;

#[derive(Serialize)]
struct Execution {
    id: String,
    job_name: String,
    job_type: &'static str,
    job_status: &'static str,
    gcs_path: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_time: Option<String>,
    job_url: String,
}

#[derive(Serialize)]
struct List {
    job_execution: Vec<Execution>,
}

pub(super) fn get(
    world: &World,
    parts: &Parts,
    id: &str,
    pairs: &[(String, String)],
    body: &Bytes,
) -> Answer {
    if !pairs.is_empty() {
        return unsupported(parts);
    }
    if !body.is_empty() {
        // Envoy's filter takes the id for a job's name and asks for the list
        return match serde_json::from_slice::<Value>(body) {
            Ok(_) => listed(world, Some(id), None),
            Err(_) => transcoder([b"Unexpected token.\n".as_slice(), body, b"\n^"].concat()),
        };
    }
    if let Some(words) = bad_resource_name(id) {
        return grpc(500, 2, &words);
    }
    let now = world.now();
    let state = world.prow_state();
    if state.api_lost.is_some() {
        return grpc(
            500,
            2,
            &format!(
                "Get \"https://198.51.100.2:1/apis/prow.k8s.io/v1/namespaces/ci/prowjobs/{id}\": dial tcp 198.51.100.2:1: connect: connection refused"
            ),
        );
    }
    let Some(run) = state.run(id, now) else {
        return grpc(500, 2, &format!("prowjobs.prow.k8s.io {} not found", quoted(id)));
    };
    let look = run.look(now, &state.bucket);
    if state.old {
        return ok(&Execution {
            id: run.id.clone(),
            job_name: String::new(),
            job_type: TYPES[0],
            job_status: status(look.state, true),
            gcs_path: "",
            create_time: None,
            completion_time: None,
            job_url: String::new(),
        });
    }
    ok(&Execution {
        id: run.id.clone(),
        job_name: run.job.clone(),
        job_type: TYPES[1],
        job_status: status(look.state, false),
        gcs_path: "",
        create_time: Some(seconds(run.created())),
        completion_time: look.completed.map(seconds),
        job_url: look.url.unwrap_or_default(),
    })
}

pub(super) fn list(world: &World, parts: &Parts, pairs: &[(String, String)]) -> Answer {
    if pairs.iter().any(|(name, _)| name != "job_name" && name != "status") {
        return unsupported(parts);
    }
    let wanted = match first(pairs, "status") {
        None | Some("") => None,
        Some(given) => match enumeration(&Value::from(given), &STATUSES) {
            Some("JOB_EXECUTION_STATUS_UNSPECIFIED") => None,
            Some("SCHEDULING") if world.prow_state().old => None,
            Some(name) => Some(name),
            None => {
                return transcoder(format!(
                    "status: invalid value {given:?} for type type.googleapis.com/JobExecutionStatus"
                ));
            }
        },
    };
    if world.prow_state().old {
        return grpc(501, 12, "method ListJobExecutions not implemented");
    }
    listed(world, first(pairs, "job_name").filter(|name| !name.is_empty()), wanted)
}

/// The list; empty also where nothing could be read, which is how the real one is.
fn listed(world: &World, job: Option<&str>, wanted: Option<&str>) -> Answer {
    let now = world.now();
    let state = world.prow_state();
    let readable =
        state.api_lost.is_none() && job.is_none_or(|job| job.len() <= 63 && is_name(job));
    let label = |run: &Run| {
        run.labels
            .get("prow.k8s.io/job")
            .cloned()
            .unwrap_or_else(|| label_of(&run.job))
    };
    let mut runs: Vec<&Run> = state
        .runs
        .iter()
        .filter(|run| readable && run.exists(now) && job.is_none_or(|job| label(run) == job))
        .collect();
    runs.sort_by(|a, b| a.id.cmp(&b.id));
    let job_execution = runs
        .into_iter()
        .map(|run| (run, run.look(now, &state.bucket).state))
        .filter(|(_, state)| wanted.is_none_or(|wanted| state.gangway().0 == wanted))
        .map(|(run, state)| Execution {
            id: run.id.clone(),
            job_name: run.job.clone(),
            job_type: TYPES[1],
            job_status: status(state, false),
            gcs_path: "",
            create_time: None,
            completion_time: None,
            job_url: String::new(),
        })
        .collect();
    ok(&List { job_execution })
}

fn status(state: State, old: bool) -> &'static str {
    if old && state == State::Scheduling { STATUSES[0] } else { state.gangway().0 }
}
