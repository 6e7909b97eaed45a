//! Launching against the stand-in servers: the straight way, refusals, doubt, two processes.

#![allow(missing_docs)]

mod simulation;
mod support;

extern crate gate as library;

use std::sync::Arc;
use std::time::Duration;

use gate::clock::RuntimeClock;
use gate::failure::{Exit, Failure};
use gate::launch::LaunchError;
use gate::prow::budget::Limits;
use jiff::SignedDuration;
use simulation::{Scene, VARIABLE};
use standins::{Fault, JobScript, Limit, Nth, Server, Trouble};
use support::memory::LateAcknowledgement;

const AKS: &str = "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks";
const LONG: &str =
    "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks-external-oidc-techpreview";
const AWS: &str = "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-aws";

/// Trouble for the n-th create.
fn create(nth: u32, trouble: Trouble) -> Fault {
    Fault::on(Server::Gangway, trouble).method("POST").nth(Nth::Only(nth))
}

fn exit(error: LaunchError) -> Exit {
    Failure::from(error).exit
}

#[tokio::test(start_paused = true)]
async fn every_job_is_launched_once_blocking_first() {
    let scene = Scene::new(&[AKS, LONG, AWS]);
    let ended = scene.launch(&[LONG, AKS], &[AWS]).await.unwrap();
    assert!(ended.error.is_none() && ended.launched == 3, "{ended:?}");
    let launches = scene.world.prow().launches();
    assert_eq!(
        launches.iter().map(|launch| launch.job.as_str()).collect::<Vec<_>>(),
        [LONG, AKS, AWS]
    );
    for launch in &launches {
        assert_eq!(Some(&launch.id), scene.execution(&launch.job).as_ref());
        assert!(launch.envs[VARIABLE].ends_with(&"4".repeat(64)));
        assert_eq!(launch.labels["release-gate/key"], launch.annotations["release-gate/key"]);
        assert_eq!(launch.annotations["release-gate/pipelinerun"], "run/uid");
        assert!(!launch.annotations.contains_key("release-gate/snapshot"));
    }
    assert_eq!(scene.asked(Server::Gangway), 3);
    assert!(ended.table.starts_with("3 of 3 jobs launched"));
}

#[tokio::test(start_paused = true)]
async fn a_second_run_repeats_the_answer_without_a_request() {
    let scene = Scene::new(&[AKS, AWS]);
    scene.launch(&[AKS], &[AWS, "periodic-unknown"]).await.unwrap();
    let (asked, record) = (scene.asked(Server::Gangway), scene.record.record());
    let again = scene.launch(&[AKS], &[AWS, "periodic-unknown"]).await.unwrap();
    assert!(again.error.is_none() && again.launched == 2);
    assert_eq!((scene.asked(Server::Gangway), scene.record.record()), (asked, record));
}

#[tokio::test(start_paused = true)]
async fn a_refused_blocking_job_stops_the_launch_with_the_servers_words() {
    let scene = Scene::new(&[AKS, AWS]);
    for _ in 0..2 {
        let ended = scene.launch(&["periodic-unknown", AKS], &[AWS]).await.unwrap();
        let error = ended.error.unwrap();
        let text = error.to_string();
        assert!(
            text.contains("failed to find associated periodic job \"periodic-unknown\""),
            "{text}"
        );
        assert_eq!(
            (exit(error), ended.launched, scene.asked(Server::Gangway)),
            (Exit::Failed, 0, 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_tenants_job_is_refused() {
    let scene = Scene::new(&[AKS]);
    scene.world.prow().foreign(AKS);
    let error = scene.launch(&[AKS], &[]).await.unwrap().error.unwrap().to_string();
    assert!(error.contains("client is not authorized to execute the given job"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_renewed_token_carries_on() {
    let scene = Scene::new(&[AKS]);
    scene.set_token("sha256~expired");
    let error = scene.launch(&[AKS], &[]).await.unwrap().error.unwrap();
    let text = error.to_string();
    assert!(
        text.contains("refused the token (403, a page titled") && text.contains("renew it"),
        "{text}"
    );
    assert!(!text.contains("sha256~expired") && exit(error) == Exit::Failed);
    scene.set_token(simulation::TOKEN);
    let ended = scene.launch(&[AKS], &[]).await.unwrap();
    assert!(ended.error.is_none() && ended.launched == 1 && scene.launches(AKS) == 1);
    assert_eq!(scene.record.record().jobs[0].refusal, None);
}

#[tokio::test(start_paused = true)]
async fn an_informing_job_never_fails_the_step() {
    let scene = Scene::new(&[AKS, AWS]);
    let ended = scene.launch(&[AKS], &["periodic-unknown", AWS]).await.unwrap();
    assert!(ended.error.is_none() && ended.launched == 2);
    let record = scene.record.record();
    let refusal = record.job("periodic-unknown").unwrap().refusal.clone().unwrap();
    assert!(refusal.reason.contains("no periodic job of this name"));
}

#[tokio::test(start_paused = true)]
async fn lost_options_are_a_failure_of_ours_and_not_repeated() {
    let scene = Scene::new(&[AWS]);
    scene.world.prow().job(AKS, JobScript::passes().losing_options());
    for _ in 0..2 {
        let ended = scene.launch(&[AKS, AWS], &[]).await.unwrap();
        let error = ended.error.unwrap();
        assert!(error.to_string().contains("it lacks the variable OVERRIDE_IMAGE"), "{error}");
        assert_eq!(
            (exit(error), ended.launched, scene.launches(AKS), scene.launches(AWS)),
            (Exit::Failed, 0, 1, 0)
        );
    }
    assert_eq!(scene.execution(AKS), None);
}

#[tokio::test(start_paused = true)]
async fn the_rate_limit_is_waited_out() {
    let names: Vec<_> = (0..12).map(|number| format!("periodic-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let scene = Scene::new(&names);
    scene
        .world
        .prow()
        .limit(Some(Limit { per_minute: 4, burst: 2, retry_after: Some(7) }));
    let ended = scene.launch(&names, &[]).await.unwrap();
    assert!(ended.error.is_none() && ended.launched == 12, "{:?}", ended.error);
    assert!(names.iter().all(|name| scene.launches(name) == 1));
}

#[tokio::test(start_paused = true)]
async fn as_fast_as_the_limit_allows_and_no_faster() {
    for (count, most) in [(12, 50), (30, 170)] {
        let names: Vec<_> = (0..count).map(|number| format!("periodic-{number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut scene = Scene::new(&names);
        scene.limits = Limits { per_minute: 9, burst: 5 };
        assert!(scene.launch(&names, &[]).await.unwrap().error.is_none());
        assert!(scene.seconds() <= most, "{count} jobs in {} s", scene.seconds());
        assert_eq!(scene.asked(Server::Gangway), count);
        assert!(scene.most_in_a_minute() <= 14);
    }
}

#[tokio::test(start_paused = true)]
async fn gangway_out_of_reach_is_no_doubt() {
    let scene = Scene::new(&[AKS, AWS]);
    scene.world.prow().api_server(false);
    let ended = scene.launch(&[AKS], &[AWS]).await.unwrap();
    let error = ended.error.unwrap();
    assert!(error.to_string().contains("connection refused, "), "{error}");
    assert_eq!(exit(error), Exit::Failed);
    assert!((150..=200).contains(&scene.seconds()), "{}", scene.seconds());
    // Ever more rarely, not as often as the limit lets it.
    let asked = scene.world.requests_to(Server::Gangway).len();
    assert!((5..=15).contains(&asked), "{asked}");
    scene.world.prow().api_server(true);
    assert_eq!(scene.launch(&[AKS], &[AWS]).await.unwrap().launched, 2);
    assert_eq!((scene.launches(AKS), scene.launches(AWS)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_found_by_its_key() {
    for trouble in [
        Trouble::DropAfter,
        Trouble::StatusAfter(504),
        Trouble::StatusAfter(502),
        Trouble::Truncate(20),
    ] {
        let scene = Scene::new(&[AKS, LONG]);
        // Runs of the same name and of names that share its label, from cron.
        for job in [AKS, LONG, AKS] {
            scene.world.prow().somebody_launches(job);
        }
        scene.world.fault(create(1, trouble.clone()));
        let ended = scene.launch(&[LONG, AKS], &[]).await.unwrap();
        assert!(ended.error.is_none() && ended.launched == 2, "{trouble:?}: {:?}", ended.error);
        assert_eq!((scene.launches(LONG), scene.launches(AKS)), (2, 3), "{trouble:?}");
        let record = scene.record.record();
        assert!(
            record.jobs[0].attempts[0].adopted && !record.jobs[1].attempts[0].adopted,
            "{trouble:?}"
        );
        assert!(
            scene.seconds() < 60 && scene.most_in_a_minute() <= 11,
            "{trouble:?}: {}",
            scene.seconds()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_never_arrived_is_sent_again_after_two_clean_misses() {
    for trouble in [
        Trouble::DropBefore,
        Trouble::StatusBefore(503),
        Trouble::StallBefore(Duration::from_secs(300)),
    ] {
        let scene = Scene::new(&[AKS]);
        scene.world.prow().somebody_launches(AKS);
        scene.world.fault(create(1, trouble.clone()));
        let ended = scene.launch(&[AKS], &[]).await.unwrap();
        assert!(ended.error.is_none(), "{trouble:?}: {:?}", ended.error);
        assert_eq!(scene.launches(AKS), 2, "{trouble:?}: one of cron, one of ours");
        assert!(scene.seconds() >= 130, "{trouble:?}: {}", scene.seconds());
        assert_eq!(scene.record.record().jobs[0].attempts[0].intent.sends, 2);
        assert!(scene.most_in_a_minute() <= 11);
    }
}

#[tokio::test(start_paused = true)]
async fn what_never_arrives_ends_in_doubt() {
    let scene = Scene::new(&[AKS]);
    scene.world.prow().somebody_launches(AKS);
    scene
        .world
        .fault(Fault::on(Server::Gangway, Trouble::DropBefore).method("POST"));
    let error = scene.launch(&[AKS], &[]).await.unwrap().error.unwrap();
    assert_eq!(exit(error), Exit::Unsafe);
    assert!((600..800).contains(&scene.seconds()), "{}", scene.seconds());
    assert!(scene.record.record().jobs[0].attempts[0].intent.sends <= 5);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_proves_nothing() {
    let scene = Scene::new(&[AKS]);
    scene.world.fault(create(1, Trouble::DropAfter));
    scene
        .world
        .fault(Fault::on(Server::Gangway, Trouble::EmptyList).method("GET"));
    scene.world.fault(Fault::on(Server::Deck, Trouble::EmptyList));
    let error = scene.launch(&[AKS], &[]).await.unwrap().error.unwrap();
    assert!(error.to_string().contains("which proves nothing"), "{error}");
    assert_eq!((exit(error), scene.launches(AKS)), (Exit::Unsafe, 1));
    // When it can be read again, the next run finds it.
    scene.world.clear_faults();
    let ended = scene.launch(&[AKS], &[]).await.unwrap();
    assert!(ended.error.is_none() && scene.launches(AKS) == 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_counts_beside_one_that_shows_a_known_run() {
    let scene = Scene::new(&[AWS, AKS]);
    scene.world.fault(create(2, Trouble::DropBefore));
    let ended = scene.launch(&[AWS, AKS], &[]).await.unwrap();
    assert!(ended.error.is_none(), "{:?}", ended.error);
    assert_eq!((scene.launches(AWS), scene.launches(AKS)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_gangway_that_cannot_list_leaves_it_open() {
    let scene = Scene::new(&[AKS]);
    scene.world.prow().old_gangway(true);
    scene.world.fault(create(1, Trouble::DropBefore));
    let error = scene.launch(&[AKS], &[]).await.unwrap().error.unwrap();
    assert!(error.to_string().contains("cannot list"), "{error}");
    assert_eq!((exit(error), scene.launches(AKS)), (Exit::Unsafe, 0));
    assert!((600..700).contains(&scene.seconds()), "{}", scene.seconds());
}

#[tokio::test(start_paused = true)]
async fn informing_jobs_in_doubt_take_no_more_than_one_patience() {
    let scene = Scene::new(&[AKS, LONG, AWS]);
    scene
        .world
        .fault(Fault::on(Server::Gangway, Trouble::StatusBefore(503)).nth(Nth::From(2)));
    let ended = scene.launch(&[AKS], &[LONG, AWS]).await.unwrap();
    assert!(ended.error.is_none() && ended.launched == 1, "{:?}", ended.error);
    assert!((600..700).contains(&scene.seconds()), "{}", scene.seconds());
    let record = scene.record.record();
    let reason = |job: &str| record.job(job).unwrap().refusal.clone().unwrap().reason;
    assert!(reason(LONG).contains("its outcome is not known") && reason(AWS) == reason(LONG));
    // What is given up stays so: nobody knows whether it runs.
    scene.world.clear_faults();
    assert_eq!(scene.launch(&[AKS], &[LONG, AWS]).await.unwrap().launched, 1);
}

#[tokio::test(start_paused = true)]
async fn decks_list_shows_what_gangway_cannot_list() {
    for old in [true, false] {
        let scene = Scene::new(&[AKS]);
        scene.world.prow().old_gangway(old);
        if !old {
            scene
                .world
                .fault(Fault::on(Server::Gangway, Trouble::EmptyList).method("GET"));
        }
        scene.world.fault(create(1, Trouble::DropAfter));
        let ended = scene.launch(&[AKS], &[]).await.unwrap();
        assert!(ended.error.is_none(), "{:?}", ended.error);
        assert!(scene.launches(AKS) == 1 && scene.record.record().jobs[0].attempts[0].adopted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_appears_late_is_not_launched_twice() {
    for seconds in [1, 20, 60, 95] {
        let scene = Scene::new(&[AWS]);
        scene
            .world
            .prow()
            .job(AKS, JobScript::passes().appears_after(Duration::from_secs(seconds)));
        scene.world.prow().somebody_launches(AKS);
        scene.world.fault(create(1, Trouble::DropAfter));
        let ended = scene.launch(&[AKS, AWS], &[]).await.unwrap();
        assert!(ended.error.is_none(), "{seconds}: {:?}", ended.error);
        assert_eq!(scene.launches(AKS), 2, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_deck_the_artifacts_tell() {
    let scene = Scene::new(&[AKS]);
    scene.world.fault(create(1, Trouble::DropAfter));
    scene.world.fault(Fault::on(Server::Deck, Trouble::StatusBefore(502)));
    let ended = scene.launch(&[AKS], &[]).await.unwrap();
    assert!(ended.error.is_none(), "{:?}", ended.error);
    assert_eq!(scene.launches(AKS), 1);
    assert!(scene.record.record().jobs[0].attempts[0].adopted);
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_with_our_key_the_oldest_is_ours() {
    let scene = Scene::new(&[AKS]);
    scene.world.fault(create(1, Trouble::DropAfter));
    scene.world.fault(
        Fault::on(Server::Gangway, Trouble::StatusBefore(503))
            .method("GET")
            .nth(Nth::First(2)),
    );
    let launch = scene.launch(&[AKS], &[]);
    let rerun = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let ours = scene.world.prow().launches()[0].id.clone();
        (ours.clone(), scene.world.prow().somebody_reruns(&ours))
    };
    let (ended, (ours, copy)) = tokio::join!(launch, rerun);
    assert!(ended.unwrap().error.is_none());
    assert_eq!(scene.execution(AKS), Some(ours.clone()));
    assert_ne!(ours, copy);
}

#[tokio::test(start_paused = true)]
async fn two_processes_on_one_record_launch_each_job_once() {
    for trouble in [
        None,
        Some(Trouble::DropAfter),
        Some(Trouble::DropBefore),
        Some(Trouble::StallAfter(Duration::from_secs(80))),
    ] {
        let scene = Scene::new(&[AKS, LONG, AWS]);
        scene.world.prow().somebody_launches(AWS);
        scene.world.prow().somebody_launches(AKS);
        if let Some(trouble) = trouble.clone() {
            scene.world.fault(create(2, trouble));
        }
        let (one, two) =
            tokio::join!(scene.launch(&[AKS, LONG], &[AWS]), scene.launch(&[AKS, LONG], &[AWS]));
        for ended in [one.unwrap(), two.unwrap()] {
            assert!(ended.error.is_none() && ended.launched == 3, "{trouble:?}: {:?}", ended.error);
        }
        assert_eq!(
            (scene.launches(AKS), scene.launches(LONG), scene.launches(AWS)),
            (2, 1, 2),
            "{trouble:?}"
        );
    }
}

/// A process that is told much too late that its announcement is stored must not send any more:
/// another one has waited, looked, and launched the job.
#[tokio::test(start_paused = true)]
async fn who_is_held_up_after_announcing_does_not_send() {
    for write in 1..8 {
        let scene = Scene::new(&[AKS]);
        scene.world.prow().somebody_launches(AKS);
        let delay = Duration::from_secs(400);
        let held_up =
            LateAcknowledgement { record: scene.record.clone(), write, delay, writes: 0.into() };
        let (one, other) = tokio::join!(scene.launch_with(Box::new(held_up), &[AKS]), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            scene.launch(&[AKS], &[]).await
        });
        for ended in [one.unwrap(), other.unwrap()] {
            assert!(
                ended.error.is_none() && ended.launched == 1,
                "held up at {write}: {:?}",
                ended.error
            );
        }
        assert_eq!(scene.launches(AKS), 2, "held up at {write}: one of cron, one of ours");
    }
}

#[tokio::test(start_paused = true)]
async fn other_jobs_or_another_image_are_misuse() {
    let scene = Scene::new(&[AKS, AWS]);
    scene.launch(&[AKS], &[]).await.unwrap();
    let failure = scene.launch(&[AKS, AWS], &[]).await.unwrap_err();
    assert!(
        failure.exit == Exit::Misuse
            && failure.error.to_string().contains("was begun with other jobs")
    );
    assert_eq!(scene.asked(Server::Gangway), 1);
}

/// The intent of a process whose clock is five minutes slow looks old. Its request may be on its
/// way all the same: only what this process has seen for long enough is settled.
#[tokio::test(start_paused = true)]
async fn the_clock_of_another_process_settles_nothing() {
    for slow in [0, 300] {
        let mut scene = Scene::new(&[]);
        let late = JobScript::passes().appears_after(Duration::from_secs(95));
        scene.world.prow().job_attempts(AKS, vec![JobScript::passes(), late]);
        scene.world.prow().somebody_launches(AKS);
        scene
            .world
            .fault(create(1, Trouble::StallAfter(Duration::from_secs(300))));
        let ours = scene.clock.clone();
        scene.clock = Arc::new(RuntimeClock::starting_at(
            simulation::beginning() - SignedDuration::from_secs(slow),
        ));
        let killed = tokio::time::timeout(Duration::from_secs(1), scene.launch(&[AKS], &[])).await;
        assert!(killed.is_err() && scene.launches(AKS) == 2, "{slow}: its request is on its way");
        scene.clock = ours;
        let ended = scene.launch(&[AKS], &[]).await.unwrap();
        assert!(ended.error.is_none(), "{slow}: {:?}", ended.error);
        assert_eq!(scene.launches(AKS), 2, "{slow}: one of cron, one of ours");
        assert!(scene.record.record().jobs[0].attempts[0].adopted, "{slow}");
    }
}
