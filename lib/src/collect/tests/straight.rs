//! Nights on which the servers do what they should.

use standins::{Fault, JobScript, RanImage, Server, Trouble};

use super::scene::{Scene, minutes};
use crate::record::{Cause, Class, Decision, GateRecord, ProofLevel};

fn causes(record: &GateRecord) -> Vec<Cause> {
    record
        .jobs
        .iter()
        .map(|job| job.last().unwrap().cause.unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn everything_passes_and_gangway_is_not_asked() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    scene
        .launch("periodic-b", Class::Blocking, JobScript::passes().running(minutes(160)))
        .await;
    let launches = scene.asked(Server::Gangway);
    let record = scene.run().await;
    let verdict = record.verdict.as_ref().unwrap();
    assert_eq!((verdict.decision, &verdict.reasons), (Decision::Passed, &vec![]));
    assert_eq!(causes(&record), [Cause::Passed, Cause::Passed]);
    let attempt = record.jobs[0].last().unwrap();
    assert_eq!(attempt.proof.as_ref().unwrap().level, ProofLevel::Proven);
    assert_eq!(scene.asked(Server::Gangway), launches);
    let lag = scene.passed() - minutes(160);
    assert!(lag < minutes(2), "{lag:?}");
}

#[tokio::test(start_paused = true)]
async fn a_product_failure_names_its_tests() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    scene
        .launch(
            "periodic-b",
            Class::Blocking,
            JobScript::fails(&["TestNodePool", "TestNodePool/Main"]),
        )
        .await;
    scene
        .launch("periodic-i", Class::Informing, JobScript::fails(&["TestX"]))
        .await;
    let record = scene.run().await;
    assert_eq!(causes(&record), [Cause::Passed, Cause::Product, Cause::Product]);
    assert_eq!(record.jobs[1].last().unwrap().failing_tests.names, ["TestNodePool/Main"]);
    let verdict = record.verdict.unwrap();
    assert_eq!(verdict.decision, Decision::Failed);
    assert_eq!(verdict.reasons, ["periodic-b failed TestNodePool/Main"]);
}

#[tokio::test(start_paused = true)]
async fn each_cause_is_told_from_the_others() {
    let scene = Scene::new().await;
    for (name, script) in [
        ("setup", JobScript::setup_fails()),
        ("teardown", JobScript::teardown_fails()),
        ("lease", JobScript::no_lease()),
        ("never", JobScript::never_starts()),
        ("aborted", JobScript::aborted()),
        (
            "other-image",
            JobScript::passes()
                .ran_image(RanImage::Other(format!("quay.io/acme/ho@sha256:{}", "b".repeat(64)))),
        ),
        ("ignored", JobScript::passes().ran_image(RanImage::None)),
        ("no-log", JobScript::passes().ran_image(RanImage::NoLog)),
        ("no-artifacts", JobScript::fails(&["TestX"]).without_artifacts()),
        ("not-given", JobScript::passes().losing_options().ran_image(RanImage::NoLog)),
    ] {
        scene.launch(name, Class::Blocking, script).await;
    }
    let record = scene.run().await;
    use Cause::{Infrastructure, Setup, Teardown, Undetermined, Unproven};
    assert_eq!(
        causes(&record),
        [
            Setup,
            Teardown,
            Infrastructure,
            Infrastructure,
            Infrastructure,
            Unproven,
            Unproven,
            Unproven,
            Undetermined,
            Unproven
        ]
    );
    let detail = |index: usize| record.jobs[index].last().unwrap().detail.clone().unwrap();
    assert_eq!(detail(0), "hypershift-install");
    assert_eq!(detail(2), "no cluster lease");
    assert_eq!(detail(3), "Pod scheduling timeout.");
    assert!(detail(5).contains("sha256:bbbb"), "{}", detail(5));
    assert_eq!(record.verdict.unwrap().decision, Decision::Undecided);
}

#[tokio::test(start_paused = true)]
async fn informing_jobs_have_their_grace_and_no_more() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    scene
        .launch("periodic-i", Class::Informing, JobScript::passes().running(minutes(140)))
        .await;
    scene
        .launch("periodic-late", Class::Informing, JobScript::never_ends())
        .await;
    let record = scene.run().await;
    assert_eq!(causes(&record), [Cause::Passed, Cause::Passed, Cause::Deadline]);
    assert_eq!(record.verdict.unwrap().decision, Decision::Passed);
    let passed = scene.passed();
    assert!(passed > minutes(150) && passed < minutes(153), "{passed:?}");
    assert_eq!(record.jobs[2].last().unwrap().detail.as_deref(), Some("still running after 2h30m"));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_absolute_and_looks_once_more() {
    let mut scene = Scene::new().await;
    scene.policy.timeout = minutes(180);
    // Ends 10 seconds before the deadline, after the last ordinary look.
    scene
        .launch(
            "periodic-a",
            Class::Blocking,
            JobScript::passes().running(minutes(179) + minutes(1) / 3),
        )
        .await;
    scene
        .launch("periodic-b", Class::Blocking, JobScript::never_ends())
        .await;
    let record = scene.run().await;
    assert_eq!(causes(&record), [Cause::Passed, Cause::Deadline]);
    let passed = scene.passed();
    assert!(passed >= minutes(180) && passed < minutes(181), "{passed:?}");
    assert_eq!(
        record.verdict.unwrap().reasons,
        ["periodic-b had not ended in time: still running after 3h00m"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_look_that_the_deadline_cuts_off_is_repeated_as_the_last_one() {
    let mut scene = Scene::new().await;
    scene.policy.timeout = minutes(30);
    // Seen to have ended before the deadline, and its log is read beyond it.
    let running = minutes(29) - std::time::Duration::from_secs(10);
    scene
        .launch("periodic-a", Class::Blocking, JobScript::passes().running(running))
        .await;
    let slow = Trouble::StallBefore(std::time::Duration::from_secs(29));
    scene.world.fault(Fault::on(Server::Bucket, slow));
    let record = scene.run().await;
    assert_eq!(record.verdict.unwrap().reasons, [""; 0]);
    assert!(scene.passed() > minutes(30), "{:?}", scene.passed());
}

#[tokio::test(start_paused = true)]
async fn fail_fast_leaves_the_others_running() {
    let mut scene = Scene::new().await;
    scene.policy.fail_fast = true;
    scene
        .launch("periodic-a", Class::Blocking, JobScript::never_ends())
        .await;
    scene
        .launch("periodic-b", Class::Blocking, JobScript::fails(&["TestX"]).running(minutes(20)))
        .await;
    scene
        .launch("periodic-i", Class::Informing, JobScript::never_ends())
        .await;
    let record = scene.run().await;
    assert_eq!(record.verdict.as_ref().unwrap().decision, Decision::Failed);
    for open in [0, 2] {
        assert_eq!(record.jobs[open].last().unwrap().cause, None);
    }
    assert!(scene.passed() < minutes(23));
}

#[tokio::test(start_paused = true)]
async fn a_second_process_repeats_a_no_without_a_request() {
    let scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, JobScript::fails(&["TestX"]))
        .await;
    let record = scene.run().await;
    let asked = scene.world.requests().len();
    assert_eq!(scene.run().await, record);
    assert_eq!(scene.world.requests().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_second_process_repeats_a_pass_after_a_look_at_each_blocking_run() {
    let scene = Scene::new().await;
    scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
    scene
        .launch("periodic-i", Class::Informing, JobScript::passes())
        .await;
    let record = scene.run().await;
    let (deck, gangway) = (scene.asked(Server::Deck), scene.asked(Server::Gangway));
    assert_eq!(scene.run().await, record, "nothing is written either");
    assert_eq!((scene.asked(Server::Deck), scene.asked(Server::Gangway)), (deck + 1, gangway));
}
