//! The shipped pipeline with `--check` in every step.

use rehearsal::document::{Document, ParamValue};
use rehearsal::run::Run;
use rehearsal::stage::Stage;
use rehearsal::task::TaskReport;
use rehearsal::{programs, scenario};
use serde_json::Value;
use xtask::repository;

use crate::support::{Dir, binary};

/// The shipped pipeline with `--check` as the last argument of every step: a night's whole way,
/// with nothing launched, promoted or posted at its end.
#[tokio::test]
async fn the_whole_pipeline_can_be_checked() {
    let stage = Stage::set(&scenario::named("pass").unwrap(), 1, 1).unwrap();
    let path = repository(".tekton/pipelines/ho-release-gate.yaml");
    let document =
        Document::parse(&std::fs::read_to_string(path).unwrap(), "ho-release-gate.yaml").unwrap();
    let mut request = stage.request();
    for name in ["launch-args", "collect-args", "release-args", "notify-args"] {
        request
            .params
            .insert(name.into(), ParamValue::Array(vec!["--check".into()]));
    }
    let dir = Dir::new();
    let binaries = programs::names(document.spec()).unwrap();
    let programs = binary("resolve-image").parent().unwrap().to_owned();
    let laptop = stage.laptop(programs, &dir.path(""), &binaries).unwrap();
    let report = Run::new(document.spec(), None, &request, laptop)
        .unwrap()
        .run(|_| ())
        .await
        .unwrap();
    let said = |task: &TaskReport| std::fs::read_to_string(&task.tries[0].steps[0].stdout).unwrap();
    assert!(
        report.succeeded,
        "{:?} {:?}",
        report.problems,
        report.tasks.values().map(said).collect::<Vec<_>>()
    );
    assert_eq!(report.results["verdict"], "undecided");
    for task in ["launch-prow", "collect-results", "create-release", "notify-slack"] {
        assert!(said(&report.tasks[task]).contains("\"checks\":["), "{task}");
    }
    let launches = stage.world.prow().launches();
    assert!(
        launches.iter().all(|launch| launch.at < stage.world.born()),
        "those that were there before: {launches:?}"
    );
    assert_eq!((stage.world.kube().releases(), stage.world.slack().messages()), (vec![], vec![]));
    let record: Value = serde_json::from_str(&stage.record().unwrap()).unwrap();
    assert!(
        record["verdict"].is_null() && record["jobs"].as_array().is_none_or(Vec::is_empty),
        "{record}"
    );
}
