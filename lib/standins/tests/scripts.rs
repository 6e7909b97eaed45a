//! What each scripted job leaves behind.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use standins::{JobScript, ManualTime, RanImage, Server, World};

const JOB: &str = "periodic-ci-openshift-hypershift-main-e2e-aks";
const IMAGE: &str =
    "quay.io/acme/ho@sha256:4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1";

/// State, finished.json's result, reason line, failed phases, failed tests, and the install log's
/// image, in words.
fn outcome(script: JobScript) -> [String; 6] {
    let clock = ManualTime::starting_at("2026-08-20T03:20:11Z".parse().unwrap());
    let world = World::builder().clock(clock.clone()).build();
    world.prow().job(JOB, script);
    let body = json!({"job_name": JOB, "job_execution_type": "1", "pod_spec_options": {"envs": {"MULTISTAGE_PARAM_OVERRIDE_X": IMAGE}}});
    let request = Request::post("/v1/executions")
        .body(Bytes::from(body.to_string()))
        .unwrap();
    world.direct(Server::Gangway).ask_blocking(request).unwrap();
    let id = world.prow().launches()[0].id.clone();
    clock.advance(Duration::from_secs(6 * 3600));
    let prowjob = world.prow().prowjob(&id).unwrap();
    let state = prowjob["status"]["state"].as_str().unwrap().to_owned();
    let place = prowjob["status"]["url"]
        .as_str()
        .unwrap_or_default()
        .split("/view/gs")
        .nth(1)
        .unwrap_or("/none/none")
        .to_owned();
    let object = |name: &str| {
        let answer = world
            .direct(Server::Bucket)
            .ask_blocking(Request::get(format!("{place}/{name}")).body(Bytes::new()).unwrap())
            .unwrap();
        (answer.status() == 200).then(|| String::from_utf8(answer.into_body().to_vec()).unwrap())
    };
    let absent = || "-".to_owned();
    let finished = object("finished.json").map_or_else(absent, |text| {
        serde_json::from_str::<Value>(&text).unwrap()["result"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    let reason = object("build-log.txt").map_or_else(absent, |log| {
        let line = log.lines().find(|line| line.contains("Reporting job state")).unwrap();
        line.rsplit(' ').next().unwrap().trim_matches('\'').to_owned()
    });
    let failed = |name: &str| {
        let Some(xml) = object(name) else { return absent() };
        let cases = xml
            .split("<testcase ")
            .skip(1)
            .filter(|case| case.contains("<failure"));
        cases
            .map(|case| case.split('"').nth(1).unwrap())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let image =
        object("artifacts/e2e-aks/hypershift-install/build-log.txt").map_or_else(absent, |log| {
            log.lines()
                .find_map(|line| line.trim().strip_prefix("Override: "))
                .unwrap_or("none")
                .to_owned()
        });
    [
        state,
        finished,
        reason,
        failed("artifacts/junit_operator.xml"),
        failed("artifacts/e2e-aks/hypershift-azure-run-e2e/artifacts/junit.xml"),
        image,
    ]
}

#[test]
fn scripts() {
    let failed =
        "executing_graph:step_failed:utilizing_lease:executing_test:executing_multi_stage_test";
    let step = |name: &str| format!("Run multi-stage test e2e-aks - e2e-aks-{name} container test");
    let phase =
        |name: &str, phase: &str| format!("{}, Run multi-stage test {phase} phase", step(name));
    for (name, script, wanted) in [
        ("passes", JobScript::passes(), ["success", "SUCCESS", "succeeded", "", "", IMAGE]),
        (
            "fails",
            JobScript::fails(&["TestUpgradeControlPlane", "TestX"]),
            [
                "failure",
                "FAILURE",
                failed,
                &phase("hypershift-azure-run-e2e", "test"),
                "TestUpgradeControlPlane, TestX",
                IMAGE,
            ],
        ),
        (
            "setup",
            JobScript::setup_fails(),
            ["failure", "FAILURE", failed, &phase("hypershift-install", "pre"), "-", IMAGE],
        ),
        (
            "teardown",
            JobScript::teardown_fails(),
            ["failure", "FAILURE", failed, &phase("hypershift-destroy", "post"), "", IMAGE],
        ),
        (
            "lease",
            JobScript::no_lease(),
            [
                "failure",
                "FAILURE",
                "executing_graph:step_failed:utilizing_lease:acquiring_lease",
                "Acquire leases for the test e2e-aks",
                "-",
                "-",
            ],
        ),
        ("no pod", JobScript::never_starts(), ["error", "-", "-", "-", "-", "-"]),
        ("aborted", JobScript::aborted(), ["aborted", "aborted", "-", "-", "-", "-"]),
        ("endless", JobScript::never_ends(), ["pending", "-", "-", "-", "-", "-"]),
        (
            "no artifacts",
            JobScript::passes().without_artifacts(),
            ["success", "-", "-", "-", "-", "-"],
        ),
        (
            "another image",
            JobScript::passes().ran_image(RanImage::Other("quay.io/x@sha256:0".into())),
            ["success", "SUCCESS", "succeeded", "", "", "quay.io/x@sha256:0"],
        ),
        (
            "override ignored",
            JobScript::passes().ran_image(RanImage::None),
            ["success", "SUCCESS", "succeeded", "", "", "none"],
        ),
        (
            "options lost",
            JobScript::passes().losing_options(),
            ["success", "SUCCESS", "succeeded", "", "", "none"],
        ),
        (
            "no log",
            JobScript::passes().without("artifacts/*/hypershift-install/*"),
            ["success", "SUCCESS", "succeeded", "", "", "-"],
        ),
        (
            "an odd file",
            JobScript::passes().with("finished.json", "{\"result\":\"odd\"}"),
            ["success", "odd", "succeeded", "", "", IMAGE],
        ),
    ] {
        assert_eq!(outcome(script), wanted, "{name}");
    }
}

#[test]
fn attempts_follow_their_scripts() {
    let clock = ManualTime::starting_at("2026-08-20T03:20:11Z".parse().unwrap());
    let world = World::builder().clock(clock.clone()).time_scale(60).build();
    world
        .prow()
        .job_attempts(JOB, vec![JobScript::no_lease(), JobScript::passes()]);
    let ids: Vec<String> = (0..3).map(|_| world.prow().somebody_launches(JOB)).collect();
    // three hours of gate time
    clock.advance(Duration::from_secs(180));
    let states: Vec<&str> = ids.iter().map(|id| world.prow().state(id).unwrap().prow()).collect();
    assert_eq!(states, ["failure", "success", "success"]);
}
