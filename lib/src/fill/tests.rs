//! Filling from the stand-in bucket, on a clock that jumps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use standins::{Fault, JobScript, Server, TokioTime, Trouble, World};

use super::jobs::Source;
use super::meter::{Budget, Meter};
use super::{BUDGET, DAYS, Report, Sources, first_build_id};
use crate::clock::{RuntimeClock, SharedClock};
use crate::history::keep::{Place, read};
use crate::history::{History, Origin, Reading};
use crate::prow::JobState;
use crate::prow::bucket::Bucket;
use crate::support::killer::{Deadly, Killer};
use crate::support::network;

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Scene {
    world: World,
    clock: SharedClock,
    dir: tempfile::TempDir,
}

impl Scene {
    /// Jobs that ran so often, once a day, the last time yesterday; every tenth run fails a test.
    fn new(jobs: usize, runs: u32) -> Self {
        let start: Timestamp = "2026-08-20T00:30:00Z".parse().unwrap();
        let world = World::builder().clock(TokioTime::starting_at(start)).build();
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(start));
        for job in 0..jobs {
            for run in (1..=runs).rev() {
                let script = match run % 10 {
                    0 => JobScript::fails(&["TestX"]),
                    5 => JobScript::setup_fails(),
                    _ => JobScript::passes(),
                };
                world.prow().job(&name(job), script);
                let (envs, labels) = (BTreeMap::new(), BTreeMap::new());
                world.prow().launched_ago(&name(job), DAY * run, envs, labels);
            }
        }
        Self { world, clock, dir: tempfile::tempdir().unwrap() }
    }

    fn sources(&self, budget: Budget) -> Sources {
        self.through(network(&self.world), budget)
    }

    fn through(&self, transport: crate::http::SharedTransport, budget: Budget) -> Sources {
        let clock = Arc::clone(&self.clock);
        let meter = Arc::new(Meter::new(transport, Arc::clone(&clock), budget));
        let base = Server::Bucket.base().parse().unwrap();
        let bucket = Bucket::new(base, meter.clone());
        Sources { bucket, meter, place: Place::Folder(self.dir.path().to_owned()), clock }
    }

    async fn fill(&self, jobs: usize, budget: Budget) -> Report {
        self.sources(budget).fill(&sources(jobs), DAYS).await
    }

    async fn history(&self, job: usize) -> History {
        let place = Place::Folder(self.dir.path().to_owned());
        let job = name(job);
        read(place.store(&job).as_ref(), &job, &self.clock)
            .await
            .unwrap()
            .history
    }
}

fn name(job: usize) -> String {
    format!("periodic-ci-acme-main-e2e-{job:02}")
}

fn sources(jobs: usize) -> BTreeMap<String, Source> {
    let bucket = Some("test-platform-results-public".to_owned());
    (0..jobs)
        .map(|job| (name(job), Source { bucket: bucket.clone(), ..Source::default() }))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn runs_of_the_past_are_added_once() {
    let scene = Scene::new(1, 12);
    let report = scene.fill(1, BUDGET).await;
    assert_eq!((report.added(), report.troubled(), report.used_up), (12, 0, false), "{report:?}");
    let history = scene.history(0).await;
    assert_eq!(history.runs().len(), 12);
    for (run, days) in history.runs().iter().zip((1..=12).rev()) {
        let (result, reading) = match days {
            10 => (JobState::Failure, Reading::Complete),
            5 => (JobState::Failure, Reading::NotReached),
            _ => (JobState::Success, Reading::Complete),
        };
        assert_eq!((run.result, run.reading, run.origin), (result, reading, Origin::Schedule));
    }
    let letters: Vec<&str> = history.tests_named("TestX").map(|test| test.letters()).collect();
    assert_eq!(letters, ["AAFAAAAAAAAA"]);
    // Again: the folder is listed, and nothing else.
    let again = scene.fill(1, BUDGET).await;
    assert_eq!((again.added(), again.used.requests), (0, 1), "{again:?}");
    assert_eq!(scene.history(0).await, history);
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_where_its_budget_ended() {
    let scene = Scene::new(3, 20);
    let mut rounds = 0;
    loop {
        rounds += 1;
        let report = scene.fill(3, Budget { requests: 60, ..BUDGET }).await;
        assert!(report.used.requests <= 60 && report.troubled() == 0, "{report:?}");
        if !report.used_up {
            break;
        }
        assert!(rounds < 20, "it never ends");
    }
    for job in 0..3 {
        assert_eq!(scene.history(job).await.runs().len(), 20);
    }
    let whole = Scene::new(3, 20);
    whole.fill(3, BUDGET).await;
    assert_eq!(whole.history(2).await, scene.history(2).await);
    let few = Scene::new(1, 20);
    let report = few.fill(1, Budget { bytes: 20_000, ..BUDGET }).await;
    assert!(report.used_up && report.added() < 20 && report.used.bytes < 40_000, "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_request_it_goes_on() {
    for point in (1..200).step_by(7) {
        let scene = Scene::new(1, 12);
        let killer = Killer::at(point);
        let deadly = Arc::new(Deadly(network(&scene.world), Arc::clone(&killer)));
        let first = scene.through(deadly, BUDGET);
        killer.run(first.fill(&sources(1), DAYS)).await;
        let known = scene.history(0).await.runs().len();
        let report = scene.fill(1, BUDGET).await;
        assert_eq!(scene.history(0).await.runs().len(), 12, "killed at {point}");
        assert_eq!(report.added(), 12 - known);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_in_trouble_is_left_alone() {
    for trouble in [Trouble::StatusBefore(500), Trouble::TooMany(Some(7)), Trouble::Html403] {
        let scene = Scene::new(2, 12);
        scene.world.fault(Fault::on(Server::Bucket, trouble));
        let report = scene.fill(2, BUDGET).await;
        assert_eq!((report.added(), report.troubled()), (0, 2), "{report:?}");
        assert!(scene.world.requests_to(Server::Bucket).len() <= 2 * 9, "{report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn five_requests_a_second_at_most() {
    let scene = Scene::new(1, 12);
    let begun = scene.clock.now();
    let report = scene.fill(1, BUDGET).await;
    let took = scene.clock.since(begun);
    assert!(took >= Duration::from_millis(200) * (report.used.requests as u32 - 1), "{took:?}");
}

/// The figure of the issue: what a first fill of 12 jobs with 60 runs each costs.
#[tokio::test(start_paused = true)]
async fn a_first_fill_of_twelve_jobs_takes_two_nights() {
    let scene = Scene::new(12, 60);
    let (mut nights, mut requests, mut bytes) = (0, 0, 0);
    loop {
        let report = scene.fill(12, BUDGET).await;
        (nights, requests) = (nights + 1, requests + report.used.requests);
        bytes += report.used.bytes;
        if !report.used_up {
            break;
        }
    }
    // 2,760 requests and 3.4 MiB of the stand-in's small files.
    assert!(bytes < 10 << 20, "{bytes} bytes");
    assert!(nights <= 3 && requests < 12 * 60 * 6, "{requests} requests in {nights} nights");
    assert_eq!(scene.history(11).await.runs().len(), 60);
}

#[test]
fn build_ids_grow_with_time() {
    let at = |text: &str| first_build_id(text.parse().unwrap());
    assert_eq!(at("2010-11-04T01:42:54.657Z"), 0);
    assert_eq!(at("1970-01-01T00:00:00Z"), 0);
    // The run of a captured prowjob.json began at this time.
    let known = 2_094_357_209_625_399_296;
    assert!(at("2026-08-31T09:30:44Z") < known && known < at("2026-08-31T09:30:45Z"));
}
