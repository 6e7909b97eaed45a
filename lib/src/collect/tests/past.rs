//! What the jobs' histories add to a night, and that a bad one takes nothing from it.

use jiff::{SignedDuration, Timestamp};
use standins::{Fault, JobScript, Server, Trouble};

use super::scene::{Scene, image, minutes};
use crate::collect::histories::KnownImages;
use crate::evidence::Strictness;
use crate::gate::words;
use crate::history::issues::KnownIssues;
use crate::history::keep::{Place, change, read};
use crate::history::{Addition, Ended, History, Mark, Origin, Reading, Run, TestEnd, TestId};
use crate::image::Digest;
use crate::prow::{JobState, TestCounts};
use crate::record::{Cause, Class, Decision, GateRecord, Labels, PastKind};

const JOB: &str = "periodic-a";
const TEST: &str = "TestX";
/// The suite of the stand-in's runs.
const SUITE: &str = "github.com/openshift/hypershift/test/e2e";

fn past_image(night: i64) -> Digest {
    format!("sha256:{night:064x}").parse().unwrap()
}

/// When the nightly run of so many days ago began.
fn ago(scene: &Scene, days: i64) -> Timestamp {
    scene.clock.now() - SignedDuration::from_hours(24 * days)
}

/// Nights before tonight, the last one yesterday: a letter each for the test, and how many tests ran.
async fn nights(scene: &Scene, letters: &str, ran: usize) {
    let place = scene.place.as_ref().unwrap();
    let days = letters.len() as i64;
    let add = |history: &mut History| {
        for (n, letter) in (0..).zip(letters.bytes()) {
            let mark = Mark::from_letter(letter).unwrap();
            let failed = mark.ended == Ended::Failed;
            let run = Run {
                digest: Some(past_image(n)),
                snapshot: Some(format!("ho-{n}")),
                origin: Origin::Nightly,
                result: if failed { JobState::Failure } else { JobState::Success },
                reading: Reading::Complete,
                tests: Some(TestCounts { run: ran, files: 1, ..TestCounts::default() }),
                ..Run::new(format!("past-{n}"), ago(scene, days - n))
            };
            let tests = vec![TestEnd { id: TestId::new(SUITE, "", TEST), mark }];
            history.add(&Addition { run, tests });
        }
    };
    change(place.store(JOB).as_ref(), JOB, &scene.clock, add)
        .await
        .unwrap();
}

async fn history(scene: &Scene) -> History {
    let place = scene.place.as_ref().unwrap();
    read(place.store(JOB).as_ref(), JOB, &scene.clock)
        .await
        .unwrap()
        .history
}

fn decision(record: &GateRecord) -> Decision {
    record.verdict.as_ref().unwrap().decision
}

#[tokio::test(start_paused = true)]
async fn what_was_judged_is_added_and_what_is_known_is_told() {
    let mut scene = Scene::new().await;
    scene.place = Some(scene.folder());
    nights(&scene, "PPPPPPP", 3).await;
    scene.launch(JOB, Class::Blocking, JobScript::fails(&[TEST])).await;
    let record = scene.run().await;
    let attempt = record.jobs[0].last().unwrap();
    let told = attempt.history.as_ref().expect("the history tells of the failure");
    assert_eq!(told.tests.len(), 1);
    assert_eq!((told.tests[0].name.as_str(), told.tests[0].kind), (TEST, PastKind::New));
    assert!(attempt.definition.is_some());

    let history = history(&scene).await;
    let run = history.runs().last().unwrap();
    assert_eq!((run.origin, run.cause()), (Origin::Nightly, Some(Cause::Product)));
    assert_eq!((run.reading, run.digest.as_ref()), (Reading::Complete, Some(image().digest())));
    assert_eq!((&run.execution, &run.definition), (&attempt.execution, &attempt.definition));
    assert!(attempt.job_url.as_ref().unwrap().ends_with(&run.build_id));
    let test = history.tests_named(TEST).find(|test| test.letters().ends_with('F'));
    assert_eq!(test.unwrap().letters(), "PPPPPPPF");
    assert!(history.tests().len() > 2, "passed tests are kept as well");

    // The same night looked at again adds nothing.
    let mut again = record.clone();
    again.verdict = None;
    again.jobs[0].attempts[0].cause = None;
    scene.journal.update(|record| *record = again.clone()).await.unwrap();
    scene.run().await;
    assert_eq!(self::history(&scene).await, history);
}

#[tokio::test(start_paused = true)]
async fn a_bad_history_changes_no_verdict() {
    let mut other = History::of_job("another");
    let now: Timestamp = "2026-08-20T00:30:00Z".parse().unwrap();
    let addition = |at| Addition { run: Run::new("1", at), tests: Vec::new() };
    other.add(&addition(now));
    let mut ahead = History::of_job(JOB);
    ahead.add(&addition(now + SignedDuration::from_hours(48)));
    let mut torn = ahead.pack().unwrap();
    torn.truncate(40);
    let bad = [torn, ahead.pack().unwrap(), other.pack().unwrap(), vec![1; 2_000_000], vec![]];
    let mut took = Vec::new();
    for document in std::iter::once(None).chain(bad.into_iter().map(Some)) {
        let mut scene = Scene::new().await;
        if let Some(document) = document {
            scene.place = Some(scene.folder());
            let store = scene.place.as_ref().unwrap().store(JOB);
            store.save(&document, &Labels::new(), None).await.unwrap();
        }
        scene.launch(JOB, Class::Blocking, JobScript::passes()).await;
        assert_eq!(decision(&scene.run().await), Decision::Passed);
        took.push(scene.passed());
    }
    assert!(took.iter().all(|time| *time <= took[0] + minutes(2)), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_history_that_hangs_or_fails_delays_nothing_for_long() {
    let mut took = Vec::new();
    for trouble in [
        None,
        Some(Trouble::StallBefore(minutes(60))),
        Some(Trouble::StatusBefore(500)),
        Some(Trouble::Html200),
    ] {
        let mut scene = Scene::new().await;
        if let Some(trouble) = &trouble {
            let cluster = crate::support::cluster(&scene.world, "gates");
            scene.place = Some(Place::ConfigMaps(cluster));
            scene.world.fault(Fault::on(Server::Kube, trouble.clone()));
        }
        for number in 0..20 {
            let name = format!("periodic-{number}");
            scene.launch(&name, Class::Blocking, JobScript::passes()).await;
        }
        assert_eq!(decision(&scene.run().await), Decision::Passed, "{trouble:?}");
        took.push(scene.passed());
        let asked = scene.asked(Server::Kube);
        assert!(asked < 30, "{asked} requests with {trouble:?}");
    }
    assert!(took.iter().all(|time| *time <= took[0] + minutes(2)), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn fewer_tests_than_usual_are_said_or_are_hollow() {
    for (hollow, usual, cause) in [
        (None, 100, Cause::Passed),
        (Some(Strictness::Warn), 100, Cause::Passed),
        (Some(Strictness::Enforce), 100, Cause::Hollow),
        (Some(Strictness::Off), 100, Cause::Passed),
        (Some(Strictness::Enforce), 4, Cause::Passed),
    ] {
        let mut scene = Scene::new().await;
        scene.place = Some(scene.folder());
        scene.policy.rules.hollow = hollow;
        nights(&scene, "PPPPP", usual).await;
        scene.launch(JOB, Class::Blocking, JobScript::passes()).await;
        let record = scene.run().await;
        let attempt = record.jobs[0].last().unwrap();
        assert_eq!(attempt.cause, Some(cause), "{hollow:?} {usual}: {attempt:?}");
        assert_eq!(attempt.usual.unwrap().ran, [usual; 5]);
        let said = attempt.detail.as_deref().unwrap_or_default().contains("usually 100");
        assert_eq!(said, usual == 100 && hollow != Some(Strictness::Off), "{attempt:?}");

        // Looked at again it is judged by the same numbers, whatever the history says by then.
        nights(&scene, "PPPPPPPPP", 3).await;
        if cause == Cause::Passed {
            assert_eq!(decision(&scene.run().await), Decision::Passed);
            let attempt = scene.journal.record().await.jobs[0].attempts[0].clone();
            assert_eq!(attempt.usual.unwrap().ran, [usual; 5]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_flake_is_run_again_where_that_is_asked_for() {
    for (rerun, letters, attempts) in [
        ("flaky=1", "PPPFPPPPFPPPPP", 2),
        ("flaky=0", "PPPFPPPPFPPPPP", 1),
        // One failure is no flake yet, and a test that fails is none any more.
        ("flaky=1", "PPPFPPPPPPPPPP", 1),
        ("flaky=1", "PPPFPPPPFPPPPF", 1),
    ] {
        let mut scene = Scene::new().await;
        scene.place = Some(scene.folder());
        scene.policy.reruns = rerun.parse().unwrap();
        scene.images = Some(KnownImages {
            verified: vec![past_image(3)],
            newest_verified_built_at: None,
            candidate_built_at: scene.clock.now(),
        });
        nights(&scene, letters, 3).await;
        let scripts = vec![JobScript::fails(&[TEST]), JobScript::passes()];
        scene.launch_attempts(JOB, Class::Blocking, scripts).await;
        let record = scene.run().await;
        assert_eq!(record.jobs[0].attempts.len(), attempts, "{rerun} {letters}");
        let passed = decision(&record) == Decision::Passed;
        assert_eq!(passed, attempts == 2);
        let origins: Vec<Origin> = history(&scene)
            .await
            .runs()
            .iter()
            .skip(14)
            .map(|run| run.origin)
            .collect();
        assert_eq!(origins, [Origin::Nightly, Origin::Rerun][..attempts]);
        if passed {
            let remarks = words::remarks(&record.jobs[0]);
            assert!(
                remarks.ends_with("second try, the first failed only what is known: TestX"),
                "{remarks}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_issue_is_named_and_never_passes() {
    let list = "- {test: 'Test?', reason: leak, link: 'https://issues.example/1', owner: me, until: 2026-12-01}";
    for (place, rerun) in [(false, "flaky=1"), (true, "flaky=1"), (true, "setup=1")] {
        let mut scene = Scene::new().await;
        scene.place = place.then(|| scene.folder());
        scene.policy.reruns = rerun.parse().unwrap();
        scene.issues = KnownIssues::read("--known-issues", list).unwrap();
        scene.launch(JOB, Class::Blocking, JobScript::fails(&[TEST])).await;
        let record = scene.run().await;
        assert_eq!(decision(&record), Decision::Failed);
        let attempts = &record.jobs[0].attempts;
        assert_eq!(attempts.len(), if rerun == "flaky=1" { 2 } else { 1 });
        let told = attempts[0].history.as_ref().unwrap();
        assert!(told.tests[0].issue.as_ref().unwrap().starts_with("leak (me, "));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_judged_at_the_last_look_is_in_its_history_too() {
    let mut scene = Scene::new().await;
    scene.place = Some(scene.folder());
    scene.policy.timeout = minutes(60);
    nights(&scene, "PPPPPPP", 3).await;
    let script = JobScript::fails(&[TEST]).running(minutes(10));
    scene.launch(JOB, Class::Blocking, script).await;
    // One of its artifacts could still come, until no time is left.
    let away = Fault::on(Server::Bucket, Trouble::StatusBefore(503)).path("*/junit_operator.xml");
    scene.world.fault(away);
    let record = scene.run().await;
    assert!(scene.passed() >= minutes(60), "{:?}", scene.passed());
    let told = record.jobs[0].last().unwrap().history.as_ref();
    assert_eq!(told.expect("the history tells of it").tests[0].name, TEST);
    assert_eq!(history(&scene).await.runs().last().unwrap().cause(), Some(Cause::Product));
}
