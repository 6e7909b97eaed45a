//! launch-prow and collect-results: Gangway, Deck, the artifacts, and what past runs left.

use serde_json::{Value, json};
use standins::{Fault, Server, Trouble};

use super::{PROOF, Tenant, fails, of, passes};
use crate::support::Tool;

#[test]
fn launch_prow_finds_that_everything_is_there() {
    let tenant = Tenant::new();
    let output = tenant
        .launch_all()
        .args(["--result-launched", tenant.dir.path("launched").to_str().unwrap()])
        .run();
    passes(
        &output,
        &["cluster", "rights", "record", "request", "gangway", "job", "deck", "artifacts"],
    );
    assert_eq!(of(&output, "job").len(), 3);
    assert!(of(&output, "cluster")[0].1.contains(standins::USER));
    assert_eq!(tenant.dir.read("launched"), "0");
    let gangway = tenant.world.requests_to(Server::Gangway);
    assert_eq!(gangway.len(), 1, "one request, whatever the number of jobs: {gangway:?}");
    tenant.unchanged();
}

/// Not after the jobs have run for hours.
#[test]
fn a_launch_finds_first_that_its_end_could_not_be_seen() {
    let tenant = Tenant::new();
    let launch = || {
        Tool::new("launch-prow")
            .args([
                "--gangway-url",
                &tenant.servers.gangway_url(),
                "--deck-url",
                &tenant.servers.deck_url(),
            ])
            .args([
                "--artifacts-url",
                &tenant.servers.artifacts_url(),
                "--blocking",
                &tenant.night.blocking,
            ])
            .args([
                "--image",
                &tenant.night.reference,
                "--override-env",
                "OPERATOR_IMAGE",
                "--time-scale",
                "1000",
            ])
            .args([
                "--record",
                &format!("file:{}", tenant.dir.path("gate.json").display()),
                "--gangway-token-file",
            ])
            .arg(tenant.dir.path("token"))
    };
    let closed = [
        (Server::Deck, Trouble::StatusBefore(401), "--deck-token-file"),
        (Server::Deck, Trouble::Html403, "--deck-token-file"),
        (Server::Bucket, Trouble::StatusBefore(403), "--artifacts-token-file"),
        (Server::Bucket, Trouble::StatusBefore(401), "--artifacts-token-file"),
    ];
    for (server, trouble, words) in closed {
        tenant.world.fault(Fault::on(server, trouble));
        let output = launch().run();
        assert_eq!(output.code, 1, "{output:?}");
        assert!(
            output.stderr.contains("nothing was launched") && output.stderr.contains(words),
            "{}",
            output.stderr
        );
        tenant.world.clear_faults();
    }
    assert!(tenant.world.requests_to(Server::Gangway).is_empty());
    // What is no refusal says nothing of what it will be like in hours.
    tenant
        .world
        .fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)).path("/prowjobs.js"));
    let missing = launch().args(["--deck-token-file", "/no/such/token"]).run();
    assert_eq!(missing.code, 2, "{missing:?}");
    assert_eq!(launch().run().code, 0);
}

#[test]
fn launch_prow_finds_a_name_that_prow_does_not_know() {
    let tenant = Tenant::new();
    let output = tenant
        .launch()
        .args(["--blocking", r#"["periodic-ci-openshift-hypershift-main-e2e-asks"]"#])
        .run();
    fails(&output, "job", "periodic-ci-openshift-hypershift-main-e2e-asks: none of the executions");
    tenant.unchanged();
}

#[test]
fn launch_prow_finds_what_is_wrong_with_gangway() {
    let tenant = Tenant::new();
    tenant.world.prow().api_server(false);
    fails(&tenant.launch_all().run(), "gangway", "lists no execution at all");
    tenant.world.prow().api_server(true);
    tenant.world.prow().old_gangway(true);
    let old = tenant.launch_all().run();
    assert_eq!((old.code, of(&old, "gangway")[0].0.as_str()), (0, "unknown"), "{old:?}");
    tenant.world.prow().old_gangway(false);
    tenant.world.prow().revoke(&tenant.night.token);
    fails(&tenant.launch_all().run(), "gangway", "refused the token");
    std::fs::remove_file(tenant.dir.path("token")).unwrap();
    fails(&tenant.launch_all().run(), "token", "--gangway-token-file");
    tenant.unchanged();
}

#[test]
fn launch_prow_finds_what_collecting_would_stumble_over() {
    let tenant = Tenant::new();
    let jobs = |pattern: &str| {
        format!("[{{name: periodic-ci-openshift-hypershift-main-e2e-aks, proof-log: {pattern}}}]")
    };
    passes(&tenant.launch().args(["--jobs", &jobs(PROOF)]).run(), &["deck", "artifacts", "proof"]);
    let output = tenant
        .launch()
        .args(["--jobs", &jobs("artifacts/*/install/build-log.txt")])
        .run();
    fails(&output, "proof", "fits artifacts/*/install/build-log.txt");
    tenant.world.fault(Fault::on(Server::Deck, Trouble::Html403));
    fails(&tenant.launch_all().run(), "deck", "Deck answered 403 with a page");
    tenant.world.clear_faults();
    tenant
        .world
        .fault(Fault::on(Server::Bucket, Trouble::StatusBefore(403)));
    fails(&tenant.launch_all().run(), "artifacts", "no access (403)");
    tenant.unchanged();
}

#[test]
fn a_record_of_another_image_and_a_missing_right_are_found() {
    let tenant = Tenant::new();
    tenant.record(&["periodic-other"]);
    fails(&tenant.launch_all().run(), "request", "gate-check");
    tenant.world.kube().deny("update", "configmaps");
    let output = tenant.launch_all().run();
    fails(&output, "rights", "may not update configmaps");
    assert!(output.stderr.contains("tekton/rbac"), "{}", output.stderr);
    tenant.unchanged();
}

#[test]
fn collect_results_looks_for_the_logs_that_are_to_prove() {
    let tenant = Tenant::new();
    let none = tenant.collect().args(["--proof-log", PROOF]).run();
    passes(&none, &["cluster", "rights", "record", "gangway", "deck", "artifacts"]);
    tenant.record(&["periodic-ci-openshift-hypershift-main-e2e-aks"]);
    let verdict = tenant.dir.path("verdict");
    let output_file = tenant.dir.path("output");
    let good = tenant.collect().args(["--proof-log", PROOF]);
    let good = good
        .arg("--result-verdict")
        .arg(&verdict)
        .arg("--result-test-output")
        .arg(&output_file)
        .run();
    passes(&good, &["job", "deck", "artifacts", "proof"]);
    assert_eq!(tenant.dir.read("verdict"), "undecided", "a check must never be taken for a pass");
    let test_output: Value = serde_json::from_str(&tenant.dir.read("output")).unwrap();
    assert_eq!((&test_output["result"], &test_output["failures"]), (&json!("ERROR"), &json!(1)));
    // Without a token, the record's own run is looked at.
    let execution = tenant.world.prow().launches()[0].id.clone();
    let mut record = tenant.recorded();
    let intent = json!({"key": "k", "written_at": "2026-08-20T03:00:00Z", "holder": "launch-prow"});
    // The second was aborted, and has nothing to show.
    record["jobs"][0]["attempts"] = json!([
        {"number": 1, "execution": execution, "state": "success", "intent": intent},
        {"number": 2, "execution": "aborted-and-gone", "state": "aborted", "intent": intent},
    ]);
    tenant.put(&record);
    let own = Tool::new("collect-results").args([
        "--check",
        "--record",
        "configmap:gate-check",
        "--proof-log",
        PROOF,
    ]);
    let own = own.args([
        "--deck-url",
        &tenant.servers.deck_url(),
        "--artifacts-url",
        &tenant.servers.artifacts_url(),
    ]);
    let own = own.arg("--kubeconfig").arg(tenant.dir.path("kubeconfig")).run();
    passes(&own, &["deck", "artifacts", "proof"]);
    assert_eq!(of(&own, "gangway")[0].0, "unknown");
    fails(
        &tenant.collect().args(["--proof-log", "artifacts/nothing.log"]).run(),
        "proof",
        "artifacts/nothing.log",
    );
    tenant.world.kube().deny("get", "pipelineruns");
    let without = tenant.collect().run();
    assert!(
        of(&without, "rights").iter().any(|(result, _)| result == "unknown"),
        "the step goes on without: {without:?}"
    );
    assert_eq!(without.code, 0, "{without:?}");
    tenant.world.kube().deny("update", "configmaps");
    fails(&tenant.collect().run(), "rights", "may not update configmaps");
    tenant.unchanged();
}

#[test]
fn a_server_that_does_not_answer_is_asked_once() {
    let tenant = Tenant::new();
    let jobs: Vec<String> = serde_json::from_str(&tenant.night.blocking).unwrap();
    let jobs: Vec<String> = jobs
        .iter()
        .map(|job| format!("{{name: {job}, proof-log: {PROOF}}}"))
        .collect();
    tenant.world.fault(Fault::on(Server::Deck, Trouble::DropBefore));
    let output = tenant
        .launch()
        .args(["--jobs", &format!("[{}]", jobs.join(", "))])
        .run();
    fails(&output, "deck", "Deck cannot be read");
    assert_eq!(
        (of(&output, "deck").len(), tenant.world.requests_to(Server::Deck).len()),
        (1, 1),
        "{output:?}"
    );
}
