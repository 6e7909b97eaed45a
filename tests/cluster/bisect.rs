//! A bisect over eight Snapshots as a PipelineRun: the shipped Task and sample, under the shipped
//! account, its pod deleted once.

use std::time::Duration;

use serde_json::{Value, json};
use standins::{JobScript, Night};

use crate::field::{Field, SCALE, needed, repository};
use crate::run::{constrain, set_parameter, succeeded};

const JOB: &str = "periodic-ci-acme-operator-main-e2e-upgrade";
const TEST: &str = "TestUpgradeControlPlane";
const VARIABLE: &str = "MULTISTAGE_PARAM_OVERRIDE_OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE";
/// The Snapshots that are probed, run by run, when of 0 to 7 the fifth is the first bad one.
const PROBED: [usize; 6] = [3, 3, 5, 5, 4, 4];
/// How long a run takes: six seconds here.
const HOUR: Duration = Duration::from_secs(3600);

fn name(number: usize) -> String {
    format!("bisect-2026082{number}-030000-000")
}

fn digest(number: usize) -> String {
    format!("sha256:{:064x}", 0xbeef_0000 + number)
}

fn snapshot(number: usize) -> Value {
    json!({
        "apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Snapshot",
        "metadata": {
            "name": name(number),
            "labels": {
                "appstudio.openshift.io/application": "acme",
                "appstudio.openshift.io/component": "acme-main",
                "pac.test.appstudio.openshift.io/event-type": "push",
                "test.appstudio.openshift.io/type": "component",
            },
            "annotations": {"test.appstudio.openshift.io/pipelinerunstarttime":
                (1_787_000_000_000_u64 + number as u64 * 86_400_000).to_string()},
        },
        "spec": {"application": "acme", "components": [{
            "name": "acme-main",
            "containerImage": format!("quay.io/acme/operator@{}", digest(number)),
            "source": {"git": {"url": "https://github.com/acme/operator",
                "revision": format!("{number:040x}")}},
        }]},
    })
}

#[test]
#[ignore = "needs a cluster"]
fn a_bisect_finds_the_first_bad_snapshot_though_its_pod_is_deleted() {
    let field = Field::new("bisect", &Night::aro_hcp());
    let (kubectl, prow) = (&field.kubectl, field.world.prow());
    (0..8).for_each(|number| drop(kubectl.create(&snapshot(number))));
    let script = |place: &usize| match *place >= 5 {
        true => JobScript::fails(&[TEST]).running(HOUR),
        false => JobScript::passes().running(HOUR),
    };
    prow.job_attempts(JOB, PROBED.iter().map(script).collect());
    kubectl.run(&["apply", "-f", &repository("tekton/tasks/bisect-gate/bisect-gate.yaml")]);
    let path = repository("tekton/tasks/bisect-gate/samples/bisect.yaml");
    let mut run: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    constrain(&mut run);
    set_parameter(&mut run, "image", needed("GATE_TEST_IMAGE"));
    set_parameter(&mut run, "good", name(0));
    set_parameter(&mut run, "bad", name(7));
    let given = run["spec"]["pipelineSpec"]["tasks"][0]["params"]
        .as_array_mut()
        .unwrap();
    let mut set = |name: &str, value: Value| {
        given.retain(|param| param["name"] != name);
        given.push(json!({"name": name, "value": value}));
    };
    let parameters = field.parameters();
    for name in ["gangway-url", "deck-url", "artifacts-url"] {
        let value = &parameters.iter().find(|param| param["name"] == name).unwrap()["value"];
        set(name, value.clone());
    }
    set("override-env", VARIABLE.into());
    set("proof-log", "artifacts/*/hypershift-install/build-log.txt".into());
    set("bisect-args", json!(["--time-scale", SCALE.to_string()]));
    let made = kubectl.create(&run);
    let run = made["metadata"]["name"].as_str().unwrap();

    let probed = || -> Vec<usize> {
        let launches = prow.launches();
        let ours = launches.iter().filter(|launch| launch.job == JOB);
        let place = |image: &str| (0..8).find(|number| image.ends_with(&digest(*number)));
        ours.map(|launch| place(&launch.envs[VARIABLE]).unwrap()).collect()
    };
    // While the second run is under way.
    let begun = std::time::Instant::now();
    while probed().len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(240), "nothing is launched");
        std::thread::sleep(Duration::from_millis(200));
    }
    let pod = format!("{run}-bisect-gate-pod");
    kubectl.run(&["delete", "pod", &pod, "--wait=false", "--grace-period=1"]);
    kubectl.run(&[
        "wait",
        "pipelinerun",
        run,
        "--for=jsonpath={.status.completionTime}",
        "--timeout=420s",
    ]);
    let ended = kubectl.get("pipelinerun", run);
    assert_eq!(succeeded(&ended), "True", "{}", ended["status"]["conditions"]);
    assert_eq!(ended["status"]["results"], json!([{"name": "first-bad", "value": name(5)}]));
    assert_eq!(probed(), PROBED, "each run was launched once");
    let task = kubectl.list("taskruns").into_iter().next().unwrap();
    assert_eq!(task["status"]["retriesStatus"].as_array().map(Vec::len), Some(1), "{task}");
    let record = kubectl.get("configmap", run);
    assert_eq!(record["metadata"]["labels"]["release-gate/kind"], "bisect");
    let messages = field.world.slack().messages();
    assert_eq!(messages.len(), 1);
    let words = messages[0].words();
    assert!(words.contains("found the first bad Snapshot after 6 runs"), "{words}");
    for (verb, resource, may) in [
        ("list", "snapshots", true),
        ("delete", "configmaps", false),
        ("create", "releases", false),
    ] {
        assert_eq!(field.can("gate-bisect", verb, resource), may, "{verb} {resource}");
    }
}
