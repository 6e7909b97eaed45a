//! Jobs that are launched again, and jobs that are not.

use standins::{Fault, JobScript, Server, Trouble};

use super::scene::{Scene, minutes};
use crate::gate::words;
use crate::record::samples::refusal;
use crate::record::{Attempt, Cause, Class, Decision, GateRecord};

fn causes(record: &GateRecord, job: usize) -> Vec<Cause> {
    record.jobs[job]
        .attempts
        .iter()
        .map(|attempt| attempt.cause.unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_lease_is_run_again_at_once_and_passes() {
    let scene = Scene::new().await;
    scene
        .launch_attempts(
            "periodic-a",
            Class::Blocking,
            vec![JobScript::no_lease(), JobScript::passes()],
        )
        .await;
    scene.launch("periodic-b", Class::Blocking, JobScript::passes()).await;
    let record = scene.run().await;
    assert_eq!(causes(&record, 0), [Cause::Infrastructure, Cause::Passed]);
    assert_eq!(record.verdict.as_ref().unwrap().decision, Decision::Passed);
    let [first, second] = &record.jobs[0].attempts[..] else { panic!("{record:?}") };
    let pause = second.intent.written_at.duration_since(first.judged_at.unwrap());
    assert!(pause.as_secs() < 5, "{pause:?}");
    assert_eq!(
        words::remarks(&record.jobs[0]),
        "proven by its log · 3 tests · second try, the first had no lease"
    );
    assert_eq!(scene.world.prow().launches().len(), 3);
    let passed = scene.passed();
    assert!(passed > minutes(165) && passed < minutes(169), "{passed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_used_up_and_a_product_failure_has_none() {
    let scene = Scene::new().await;
    scene.launch("setup", Class::Blocking, JobScript::setup_fails()).await;
    scene
        .launch("product", Class::Blocking, JobScript::fails(&["TestX"]))
        .await;
    scene.launch("aborted", Class::Informing, JobScript::aborted()).await;
    let record = scene.run().await;
    assert_eq!(causes(&record, 0), [Cause::Setup, Cause::Setup]);
    assert_eq!(causes(&record, 1), [Cause::Product]);
    assert_eq!(causes(&record, 2), [Cause::Infrastructure, Cause::Infrastructure]);
    assert_eq!(record.verdict.unwrap().decision, Decision::Failed);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_end_in_time_is_not_begun() {
    let mut scene = Scene::new().await;
    scene.policy.timeout = minutes(85);
    scene
        .launch("setup", Class::Blocking, JobScript::setup_fails().running(minutes(45)))
        .await;
    let record = scene.run().await;
    assert_eq!(causes(&record, 0), [Cause::Setup]);
    assert_eq!(scene.world.prow().launches().len(), 1);
    assert!(scene.passed() < minutes(50));
}

#[tokio::test(start_paused = true)]
async fn a_rerun_that_is_refused_is_said_and_ends_nothing() {
    let scene = Scene::new().await;
    scene.launch("setup", Class::Blocking, JobScript::setup_fails()).await;
    scene.launch("periodic-b", Class::Blocking, JobScript::passes()).await;
    scene
        .world
        .fault(Fault::on(Server::Gangway, Trouble::Html403).method("POST"));
    let record = scene.run().await;
    assert_eq!(record.jobs[0].attempts[0].cause, Some(Cause::Setup));
    assert_eq!(record.jobs[1].attempts[0].cause, Some(Cause::Passed));
    let verdict = record.verdict.as_ref().unwrap();
    assert_eq!(verdict.reasons, ["setup failed in setup: hypershift-install"]);
    assert!(
        words::remarks(&record.jobs[0]).contains("could not be run again"),
        "{}",
        words::remarks(&record.jobs[0])
    );
}

/// A job whose first attempt fails after 45 minutes and whose second passes.
async fn a_rerun() -> Scene {
    let scene = Scene::new().await;
    let first = JobScript::setup_fails().running(minutes(45));
    scene
        .launch_attempts("periodic-a", Class::Blocking, vec![first, JobScript::passes()])
        .await;
    scene
}

fn assert_passed_on_a_rerun(scene: &Scene, record: &GateRecord, words: &str) {
    assert_eq!(record.verdict.as_ref().unwrap().decision, Decision::Passed, "{words}: {record:?}");
    assert_eq!(causes(record, 0), [Cause::Setup, Cause::Passed], "{words}");
    assert_eq!(scene.world.prow().launches().len(), 2, "{words}");
}

#[tokio::test(start_paused = true)]
async fn a_rerun_outlasts_troubles_of_gangway() {
    for trouble in
        [Trouble::DropBefore, Trouble::TooMany(None), Trouble::StatusBefore(503), Trouble::NotFound]
    {
        let scene = a_rerun().await;
        let words = format!("{trouble:?}");
        let at = |count| scene.clock.after(scene.clock.now(), minutes(count));
        scene
            .world
            .fault(Fault::on(Server::Gangway, trouble).between(at(40), at(75)));
        let record = scene.run().await;
        assert_passed_on_a_rerun(&scene, &record, &words);
        assert!(scene.passed() < minutes(75 + 7 + 125), "{words}: {:?}", scene.passed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_rerun_outlasts_a_token_that_has_expired_or_is_not_there() {
    for lost in ["sha256~revoked", ""] {
        let scene = a_rerun().await;
        let renewal = async {
            scene.clock.sleep(minutes(40)).await;
            scene.write_token(lost);
            scene.clock.sleep(minutes(30)).await;
            scene.write_token("sha256~token");
        };
        let (record, ()) = tokio::join!(scene.run(), renewal);
        assert_passed_on_a_rerun(&scene, &record, lost);
        // Its launch, the one that succeeds, and one every three minutes from 46 to 70.
        let asked = scene.world.requests_to(Server::Gangway);
        let orders = asked.iter().filter(|asked| asked.method == "POST").count();
        assert!(orders <= 2 + 24 / 3, "{orders}");
    }
}

/// Which jobs run is what the launch decides: one that it left has no time here, and nobody would know
/// with which token.
#[tokio::test(start_paused = true)]
async fn what_the_launch_left_undone_is_not_done_here() {
    type Leave = fn(&mut Attempt);
    let leaves: [(&str, Leave); 3] = [
        ("announced", |attempt| (attempt.intent.sends, attempt.intent.sent_at) = (0, None)),
        ("in doubt", |_| ()),
        ("refused for its token", |attempt| attempt.refusal = Some(refusal(true))),
    ];
    for (what, leave) in leaves {
        let scene = Scene::new().await;
        scene.launch("periodic-a", Class::Blocking, JobScript::passes()).await;
        scene.launch("late", Class::Informing, JobScript::passes()).await;
        let change = |record: &mut GateRecord| {
            let attempt = &mut record.jobs[1].attempts[0];
            (attempt.execution, attempt.launched_at) = (None, None);
            leave(attempt);
        };
        scene.journal.update(change).await.unwrap();
        let before = scene.journal.record().await.jobs[1].clone();
        let launches = scene.world.prow().launches().len();
        let record = scene.run().await;
        assert_eq!(record.verdict.as_ref().unwrap().decision, Decision::Passed, "{what}");
        assert_eq!(record.jobs[1], before, "{what}");
        assert_eq!(scene.world.prow().launches().len(), launches, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rerun_in_doubt_is_found_later_and_not_sent_twice() {
    let scene = a_rerun().await;
    let at = |count| scene.clock.after(scene.clock.now(), minutes(count));
    scene.world.fault(
        Fault::on(Server::Gangway, Trouble::DropAfter)
            .method("POST")
            .between(at(40), at(80)),
    );
    scene
        .world
        .fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)).between(at(40), at(80)));
    scene.world.fault(
        Fault::on(Server::Gangway, Trouble::StatusBefore(503))
            .method("GET")
            .between(at(40), at(80)),
    );
    let record = scene.run().await;
    assert_passed_on_a_rerun(&scene, &record, "in doubt");
    assert!(record.jobs[0].attempts[1].adopted);
}

#[tokio::test(start_paused = true)]
async fn a_rerun_that_can_no_longer_end_in_time_is_given_up() {
    let mut scene = a_rerun().await;
    scene.policy.timeout = minutes(180);
    scene.write_token("sha256~revoked");
    let record = scene.run().await;
    assert_eq!(record.verdict.unwrap().decision, Decision::Undecided);
    let passed = scene.passed();
    assert!(passed > minutes(134) && passed < minutes(140), "{passed:?}");
}

#[tokio::test(start_paused = true)]
async fn wherever_it_is_killed_the_next_process_goes_on() {
    // The first attempt ends after ten minutes and a half; its rerun's launch is in doubt for some
    // time.
    for killed_at in [2, 9, 10, 11, 12, 13, 14, 20, 31, 40] {
        let scene = Scene::new().await;
        let attempts = vec![
            JobScript::no_lease().running(minutes(10)),
            JobScript::passes().running(minutes(25)),
        ];
        scene.launch_attempts("periodic-a", Class::Blocking, attempts).await;
        scene
            .launch("periodic-b", Class::Blocking, JobScript::passes().running(minutes(30)))
            .await;
        // The launch's answer is lost as well.
        scene.world.fault(
            Fault::on(Server::Gangway, Trouble::DropAfter)
                .method("POST")
                .nth(standins::Nth::Only(1)),
        );
        let until = scene.clock.after(scene.clock.now(), minutes(killed_at));
        {
            let collector = scene.collector();
            let mut reporter = crate::collect::progress::Reporter::new(false);
            tokio::select! {
                _ = collector.run(&mut reporter) => {}
                () = scene.clock.sleep(scene.clock.until(until)) => {}
            }
        }
        let record = scene.run().await;
        assert_eq!(record.verdict.unwrap().decision, Decision::Passed, "killed after {killed_at}m");
        assert_eq!(scene.world.prow().launches().len(), 3, "killed after {killed_at}m");
    }
}
