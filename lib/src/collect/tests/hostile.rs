//! Answers that nobody should give: each has its words, none panics, none passes.

use standins::{Canned, Fault, JobScript, Nth, Server, Trouble};

use super::scene::{Scene, image, minutes};
use crate::record::{Attempt, Cause, Class, Decision, GateRecord};

fn canned(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Trouble {
    let headers = vec![("content-type".to_owned(), content_type.to_owned())];
    Trouble::Answer(Canned { status, headers, body: body.into() })
}

fn only(record: &GateRecord) -> &Attempt {
    record.jobs[0].last().unwrap()
}

/// A night with one job and one fault; ends after 150 minutes at the latest.
async fn night(script: JobScript, fault: Fault) -> GateRecord {
    let mut scene = Scene::new().await;
    scene.policy.timeout = minutes(150);
    scene.launch("periodic-a", Class::Blocking, script).await;
    scene.world.fault(fault);
    let record = scene.run().await;
    if record.verdict.as_ref().unwrap().decision != Decision::Passed {
        assert!(only(&record).detail.is_some(), "{record:#?}");
    }
    record
}

/// Deck's answer for the one job of a scene, with this status block.
async fn word_of_deck(scene: &Scene, status: &str) -> Fault {
    let attempt = scene.journal.record().await.jobs[0].attempts[0].clone();
    let (id, key) = (attempt.execution.unwrap(), attempt.intent.key);
    let body = format!(
        "metadata:\n  name: {id}\n  labels: {{release-gate/key: {key}}}\nspec:\n  job: periodic-a\nstatus:\n  {status}\n"
    );
    Fault::on(Server::Deck, canned(200, "text/plain", body))
}

async fn deck_says(status: &str) -> GateRecord {
    let mut scene = Scene::new().await;
    scene.policy.timeout = minutes(10);
    scene
        .launch("periodic-a", Class::Blocking, JobScript::passes().running(minutes(5)))
        .await;
    scene.world.fault(word_of_deck(&scene, status).await);
    scene.run().await
}

#[tokio::test(start_paused = true)]
async fn states_never_seen_before_are_no_end() {
    for status in
        ["state: bogus", "state: SUCCESS", "state: ''", "startTime: x", "state: succeeded"]
    {
        let record = deck_says(status).await;
        assert_eq!(only(&record).cause, Some(Cause::Deadline), "{status}");
    }
    let detail = only(&deck_says("state: bogus").await).detail.clone().unwrap();
    assert_eq!(detail, "not known to have ended after 10m: its state \"bogus\" is not known");
}

#[tokio::test(start_paused = true)]
async fn job_urls_of_another_shape_lead_nowhere() {
    for url in [
        "https://prow/view/gs/b/../c/1",
        "https://prow/logs/1",
        "javascript:x",
        "https://prow/view/gs/b",
    ] {
        let record = deck_says(&format!("state: success\n  url: {url}")).await;
        let attempt = only(&record);
        assert_eq!(attempt.cause, Some(Cause::Unproven), "{url}");
        assert!(
            attempt.detail.as_ref().unwrap().contains("expected a job URL"),
            "{:?}",
            attempt.detail
        );
        let record = deck_says(&format!("state: failure\n  url: {url}")).await;
        assert_eq!(only(&record).cause, Some(Cause::Undetermined), "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_without_a_place_is_asked_for_its_place() {
    let scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, JobScript::passes().running(minutes(1)))
        .await;
    let now = scene.clock.now();
    let placeless = word_of_deck(&scene, "state: success").await;
    scene
        .world
        .fault(placeless.between(now, scene.clock.after(now, minutes(2))));
    let record = scene.run().await;
    assert_eq!(only(&record).cause, Some(Cause::Passed), "{:?}", only(&record).detail);
    assert!(scene.passed() < minutes(3), "{:?}", scene.passed());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_no_list() {
    for body in ["<html>", "[]", "{\"items\":[{}]}", "{\"items\":", "null garbage"] {
        let fault =
            Fault::on(Server::Bucket, canned(200, "application/json", body)).path("/storage/*");
        let record = night(JobScript::passes(), fault).await;
        assert_eq!(only(&record).cause, Some(Cause::Unproven), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_gigabytes_announced_and_little_sent() {
    let headers = vec![("content-length".to_owned(), "10737418240".to_owned())];
    let answer = Trouble::Answer(Canned { status: 200, headers, body: b"sha256:".to_vec() });
    let record =
        night(JobScript::passes(), Fault::on(Server::Bucket, answer).path("*build-log.txt")).await;
    assert_eq!(only(&record).cause, Some(Cause::Unproven));
}

#[tokio::test(start_paused = true)]
async fn broken_artifacts_of_a_failure() {
    let junit = "artifacts/a/hypershift-azure-run-e2e/artifacts/junit.xml";
    for (path, bytes) in [
        ("artifacts/junit_operator.xml", &b""[..]),
        ("artifacts/junit_operator.xml", b"<html>"),
        (
            "artifacts/junit_operator.xml",
            b"<testsuites><testsuite><testcase name=\"Run multi-stage test test phase\"/>",
        ),
        ("artifacts/junit_operator.xml", b"\x1f\x8b\x08damaged"),
    ] {
        let fault = Fault::on(Server::Slack, Trouble::DropBefore);
        let record = night(JobScript::fails(&["TestX"]).with(path, bytes), fault).await;
        // Which phase failed is not known, but a test did.
        assert_eq!(only(&record).cause, Some(Cause::Product), "{}", String::from_utf8_lossy(bytes));
    }
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><testsuite><testcase name=\"&b;\"><failure/></testcase></testsuite>";
    let fault = Fault::on(Server::Slack, Trouble::DropBefore);
    let record = night(
        JobScript::fails(&["TestX"])
            .with(junit, bomb)
            .with("artifacts/a/junit-broken.xml", "<"),
        fault,
    )
    .await;
    assert_eq!(only(&record).cause, Some(Cause::Product));
    assert_eq!(only(&record).failing_tests.names, ["&b;"]);
}

#[tokio::test(start_paused = true)]
async fn another_runs_prowjob_proves_nothing() {
    let mut scene = Scene::new().await;
    scene.policy.rules.proof_logs.clear();
    scene.policy.timeout = minutes(150);
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    // Only Gangway tells the state, and the bucket holds somebody else's variables.
    scene.world.fault(Fault::on(Server::Deck, Trouble::StatusBefore(500)));
    let foreign = format!(
        r#"{{"metadata":{{"name":"other"}},"spec":{{"pod_spec":{{"containers":[{{"env":[{{"name":"OVERRIDE_IMAGE","value":"{}"}}]}}]}}}},"status":{{"state":"success"}}}}"#,
        image()
    );
    scene.world.fault(
        Fault::on(Server::Bucket, canned(200, "application/json", foreign)).path("*/prowjob.json"),
    );
    let record = scene.run().await;
    assert_eq!(only(&record).cause, Some(Cause::Unproven), "{:?}", only(&record).detail);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_page_in_place_of_artifacts() {
    for trouble in [Trouble::Html200, Trouble::Html403, Trouble::StatusBefore(401)] {
        let record = night(JobScript::passes(), Fault::on(Server::Bucket, trouble)).await;
        assert_eq!(only(&record).cause, Some(Cause::Unproven));
    }
    for trouble in [Trouble::Html200, Trouble::Html403] {
        let fault = Fault::on(Server::Bucket, trouble).nth(Nth::First(2));
        let record = night(JobScript::passes(), fault).await;
        assert_eq!(only(&record).cause, Some(Cause::Passed), "{:?}", only(&record).detail);
    }
    let log = Fault::on(Server::Bucket, Trouble::Html200)
        .path("*build-log.txt")
        .nth(Nth::Only(1));
    let record = night(JobScript::passes(), log).await;
    assert_eq!(only(&record).cause, Some(Cause::Passed), "{:?}", only(&record).detail);
}

#[tokio::test(start_paused = true)]
async fn a_jobs_own_log_pattern_counts_and_one_that_is_none_proves_nothing() {
    for (pattern, cause) in [
        ("artifacts/*/hypershift-install/build-log.txt", Cause::Passed),
        ("artifacts/**/build-log.txt", Cause::Passed),
        ("artifacts/a/hypershift-install/build-log.txt", Cause::Passed),
        ("artifacts/*/hypershift-install/build-log*", Cause::Passed),
        ("artifacts/*/elsewhere/build-log.txt", Cause::Unproven),
        ("../build-log.txt", Cause::Unproven),
    ] {
        let mut scene = Scene::new().await;
        scene.policy.rules.proof_logs.clear();
        scene
            .launch("periodic-a", Class::Blocking, JobScript::passes().running(minutes(5)))
            .await;
        scene
            .journal
            .update(|record| record.jobs[0].proof_log = Some(pattern.to_owned()))
            .await
            .unwrap();
        let record = scene.run().await;
        assert_eq!(only(&record).cause, Some(cause), "{pattern}: {:?}", only(&record).detail);
    }
}
