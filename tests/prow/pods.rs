//! The shipped pipeline as pods, over TLS, with this Prow; registry, release-service and Slack are
//! played as in the cluster tests.

use serde_json::{Value, json};
use standins::{JobScript, Night};

use crate::build::Ending;
use crate::field::Field;
use crate::player::Player;
use crate::prow::{AKS, HIDDEN, Prow, SHORT, id_of, job_of, text};
use crate::release_service::{Fate, ReleaseService};
use crate::run::{set_parameter, succeeded};

/// Gate seconds in a second: the jobs have five and a half minutes.
const SCALE: &str = "60";

fn night() -> Night {
    let job = |name: &str| (name.to_owned(), vec![JobScript::passes()]);
    Night { blocking: vec![job(AKS), job(SHORT)], informing: vec![job(HIDDEN)], ..Night::aro_hcp() }
}

#[test]
#[ignore = "needs a Gangway"]
fn the_shipped_pipeline_launches_waits_and_promotes() {
    let prow = Prow::here();
    let field = Field::with_prow("realprow", &night(), Some(prow.for_pods()));
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    let run = field.start_with(|run| {
        for switches in ["launch-args", "collect-args", "release-args", "notify-args"] {
            set_parameter(run, switches, json!(["--time-scale", SCALE]));
        }
    });
    let id = text(&field.kubectl.get("pipelinerun", &run.name), "/metadata/uid").to_owned();
    let player = Player::start(&prow, &id, |job, number| match (job, number) {
        (SHORT, 1) => Ending::Error("Pod scheduling timeout."),
        _ => Ending::Passed,
    });
    let ended = run.ended();
    drop(player);
    let runs = prow.runs_of(&id);
    prow.remove(&runs.iter().map(|run| id_of(run).to_owned()).collect::<Vec<_>>());
    assert_eq!(succeeded(&ended), "True", "{}", ended["status"]["conditions"]);
    // Each job once, and the one that Prow could not run once again.
    let mut launched: Vec<_> = runs.iter().map(job_of).collect();
    launched.sort_unstable();
    assert_eq!(launched, [AKS, HIDDEN, SHORT, SHORT]);
    let record = run.record();
    let known: Vec<&Value> = record["jobs"].as_array().unwrap().iter().flat_map(attempts).collect();
    assert_eq!(known.len(), runs.len());
    for attempt in known {
        assert!(runs.iter().any(|run| id_of(run) == attempt["execution"]), "{attempt}");
        assert!(
            attempt["cause"] == "infrastructure" || attempt["proof"]["level"] == "proven",
            "{attempt}"
        );
    }
    assert_eq!(record["verdict"]["decision"], "passed");
    assert_eq!(field.kubectl.list("releases").len(), 1);
    assert_eq!(field.world.slack().messages().len(), 1);
    assert!(field.world.prow().launches().is_empty(), "the stand-in must not be asked");
}

fn attempts(job: &Value) -> &[Value] {
    job["attempts"].as_array().map(Vec::as_slice).unwrap_or_default()
}
