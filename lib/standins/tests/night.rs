//! A whole night through the servers, over sockets and in process.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use standins::{Broken, Fault, JobScript, ManualTime, Night, Nth, Server, Trouble, World};

const DIGEST_ENV: &str = "MULTISTAGE_PARAM_OVERRIDE_OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE";

fn world() -> (World, ManualTime) {
    let clock = ManualTime::starting_at("2026-08-20T03:20:11Z".parse().unwrap());
    (World::builder().clock(clock.clone()).build(), clock)
}

fn ask(world: &World, server: Server, method: &str, path: &str, body: &str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", "Bearer sha256~find-me-token-of-gangway");
    let request =
        if body.is_empty() { request } else { request.header("content-type", "application/json") };
    let answer = world
        .direct(server)
        .ask_blocking(request.body(Bytes::from(body.to_owned())).unwrap())
        .unwrap();
    (answer.status().as_u16(), String::from_utf8(answer.into_body().to_vec()).unwrap())
}

fn launch(world: &World, job: &str, image: &str) -> String {
    let body = json!({"job_name": job, "job_execution_type": "1", "pod_spec_options": {
        "envs": {DIGEST_ENV: image}, "labels": {"release-gate/key": "k3f9"}}});
    let (status, answer) = ask(world, Server::Gangway, "POST", "/v1/executions", &body.to_string());
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["pod_spec_options"]["envs"][DIGEST_ENV], image);
    answer["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_job_from_launch_to_artifacts() {
    let (world, clock) = world();
    let night = Night::aro_hcp().install(&world, "127.0.0.1:5000");
    let job = "periodic-ci-openshift-hypershift-main-e2e-aks";
    let id = launch(&world, job, &night.reference);
    let status = |at: u64| {
        let (_, body) = ask(&world, Server::Gangway, "GET", &format!("/v1/executions/{id}"), "");
        let status = serde_json::from_str::<Value>(&body).unwrap()["job_status"]
            .as_str()
            .unwrap()
            .to_owned();
        clock.advance(Duration::from_secs(at));
        status
    };
    assert_eq!(
        [status(6), status(30), status(161 * 60), status(0)],
        ["SCHEDULING", "TRIGGERED", "PENDING", "SUCCESS"]
    );

    let (code, yaml) = ask(&world, Server::Deck, "GET", &format!("/prowjob?prowjob={id}"), "");
    assert_eq!(code, 200);
    let prowjob: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(prowjob["metadata"]["labels"]["release-gate/key"], "k3f9");
    assert_eq!(prowjob["spec"]["pod_spec"]["containers"][0]["env"][0]["value"], night.reference);
    let url = prowjob["status"]["url"].as_str().unwrap();
    let prefix = url
        .strip_prefix("https://prow.ci.openshift.org/view/gs/test-platform-results-public/")
        .unwrap();

    let (_, list) = ask(
        &world,
        Server::Bucket,
        "GET",
        &format!("/storage/v1/b/test-platform-results-public/o?prefix={prefix}/"),
        "",
    );
    let list: Value = serde_json::from_str(&list).unwrap();
    let names: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["name"].as_str()?.strip_prefix(prefix))
        .collect();
    assert_eq!(
        names,
        [
            "/artifacts/ci-operator.log",
            "/artifacts/e2e-aks/hypershift-azure-run-e2e/artifacts/junit.xml",
            "/artifacts/e2e-aks/hypershift-azure-run-e2e/build-log.txt",
            "/artifacts/e2e-aks/hypershift-azure-run-e2e/finished.json",
            "/artifacts/e2e-aks/hypershift-install/build-log.txt",
            "/artifacts/e2e-aks/hypershift-install/finished.json",
            "/artifacts/junit_operator.xml",
            "/build-log.txt",
            "/finished.json",
            "/podinfo.json",
            "/prowjob.json",
            "/started.json",
        ]
    );
    let object = |name: &str| {
        ask(
            &world,
            Server::Bucket,
            "GET",
            &format!("/test-platform-results-public/{prefix}/{name}"),
            "",
        )
        .1
    };
    assert!(
        object("artifacts/e2e-aks/hypershift-install/build-log.txt")
            .contains(&format!("  Override: {}\n", night.reference))
    );
    let finished: Value = serde_json::from_str(&object("finished.json")).unwrap();
    assert_eq!(
        (finished["passed"].as_bool(), finished["result"].as_str()),
        (Some(true), Some("SUCCESS"))
    );
    assert!(object("artifacts/junit_operator.xml").contains("Run multi-stage test test phase"));
    assert_eq!(world.prow().launches().len(), 1);
}

#[test]
fn dropped_after_the_effect() {
    let (world, _) = world();
    world.prow().job("periodic-x", JobScript::passes());
    world.fault(
        Fault::on(Server::Gangway, Trouble::DropAfter)
            .method("POST")
            .nth(Nth::Only(1)),
    );
    let request = || {
        Request::post("/v1/executions")
            .body(Bytes::from(r#"{"job_name":"periodic-x","job_execution_type":"1"}"#))
            .unwrap()
    };
    assert_eq!(world.direct(Server::Gangway).ask_blocking(request()).unwrap_err(), Broken::Dropped);
    assert_eq!(world.prow().launches().len(), 1);
    assert_eq!(
        world
            .direct(Server::Gangway)
            .ask_blocking(request())
            .unwrap()
            .status(),
        200
    );
    assert_eq!(world.prow().launches().len(), 2);
    let log = world.requests();
    assert_eq!((log[0].status, log[0].fault.as_deref()), (None, Some("drop after")));
    assert_eq!((log[1].status, log[1].fault.as_deref()), (Some(200), None));
}

/// The same faults as a client sees them over a socket.
#[test]
fn over_sockets() {
    let world = World::default();
    world.prow().job("periodic-x", JobScript::passes());
    let servers = world.serve().unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let url = format!("{}/v1/executions", servers.gangway_url());
    let body = r#"{"job_name":"periodic-x","job_execution_type":"1"}"#;

    let mut answer = agent.post(&url).send(body).unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.body_mut().read_to_string().unwrap().contains("TRIGGERED"));

    world.fault(Fault::on(Server::Gangway, Trouble::DropBefore).nth(Nth::Only(1)));
    agent.post(&url).send(body).unwrap_err();
    assert_eq!(world.prow().launches().len(), 1);

    world.clear_faults();
    world.fault(Fault::on(Server::Gangway, Trouble::DropAfter).nth(Nth::Only(1)));
    agent.post(&url).send(body).unwrap_err();
    assert_eq!(world.prow().launches().len(), 2);

    world.clear_faults();
    world.fault(Fault::on(Server::Gangway, Trouble::Truncate(10)));
    let mut answer = agent.get(&url).call().unwrap();
    assert_eq!(answer.status(), 200);
    answer.body_mut().read_to_string().unwrap_err();

    world.clear_faults();
    assert_eq!(agent.get(&url).call().unwrap().status(), 200);
    servers.close(Server::Gangway);
    // the closing reaches the server's thread a moment later: until then a request may still be
    // answered
    while agent.get(&url).call().is_ok() {
        std::thread::yield_now();
    }
    assert_eq!(agent.get(servers.deck_url() + "/nothing").call().unwrap().status(), 404);
}
