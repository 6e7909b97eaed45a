//! The figures of a night: how soon the gate decides, and what it asks of Gangway.
//!
//! `cargo bench -p gate --bench figures` plays whole nights, from the first launch to the verdict,
//! with the real launcher and collector against the stand-in servers in this process, on a clock
//! that jumps: for 1, 3, 12 and 30 jobs, 400 nights each, and for 100 and 200 jobs, 20 nights each,
//! with durations and latencies drawn at random. A number as argument is another count of nights.

#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gate::clock::{RuntimeClock, SharedClock};
use gate::collect::collector::Collector;
use gate::collect::histories::Histories;
use gate::collect::policy::Policy;
use gate::collect::progress::Reporter;
use gate::evidence::Rules;
use gate::http::{InProcessTransport, SharedTransport};
use gate::image::ImageRef;
use gate::jobs;
use gate::launch::{Finder, Launcher, bind, launch_all};
use gate::prow::bucket::Bucket;
use gate::prow::budget::Limits;
use gate::prow::deck::Deck;
use gate::prow::gangway::Gangway;
use gate::record::{Candidate, Class, Decision, Identity, Journal, gangway_budget};
use gate::secret::SecretFile;
use jiff::Timestamp;
use standins::{Fault, JobScript, Server, TokioTime, Trouble, World};
use support::memory::Memory;
use support::random::Random;

#[path = "../tests/support/mod.rs"]
mod support;

extern crate gate as library;

/// The limit that Gangway was seen with most often.
const LIMITS: Limits = Limits { per_minute: 9, burst: 5 };

/// What a night came to, in seconds and requests.
#[derive(Debug, Clone, Copy)]
struct Night {
    lag: f64,
    requests: usize,
    busiest_minute: usize,
    last_launch: f64,
}

/// How long a server takes to answer, in milliseconds.
fn latency(server: &str, dice: &mut Random) -> Duration {
    Duration::from_millis(match server {
        "gangway" => dice.within(200, 2000),
        "deck" => dice.within(50, 600),
        _ => dice.within(30, 300),
    })
}

fn network(world: &World, seed: u64) -> SharedTransport {
    let (world, dice) = (world.clone(), Arc::new(Mutex::new(Random::seeded(seed))));
    Arc::new(InProcessTransport::new(move |request| {
        let (world, dice) = (world.clone(), Arc::clone(&dice));
        Box::pin(async move {
            let server = request
                .uri()
                .host()
                .unwrap_or_default()
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned();
            let wait = latency(&server, &mut dice.lock().expect("no user panics"));
            tokio::time::sleep(wait).await;
            // Packing and unpacking would be most of the work, and changes no figure.
            let mut request = request;
            request.headers_mut().remove(http::header::ACCEPT_ENCODING);
            world.network(request).await
        })
    }))
}

async fn night(count: usize, seed: u64, deck_answers: bool, token: SecretFile) -> Night {
    let start: Timestamp = "2026-08-20T00:30:00Z".parse().expect("a time");
    let world = World::builder()
        .clock(TokioTime::starting_at(start))
        .seed(seed)
        .build();
    let clock: SharedClock = Arc::new(RuntimeClock::starting_at(start));
    let mut dice = Random::seeded(seed);
    let names: Vec<String> = (0..count)
        .map(|job| format!("periodic-ci-x-periodics-e2e-{job}"))
        .collect();
    for name in &names {
        let running = Duration::from_secs(dice.within(8 * 60, 24 * 60));
        let triggered = Duration::from_secs(dice.within(5, 90));
        world.prow().job(
            name,
            JobScript::passes()
                .running(running)
                .waiting(Duration::from_secs(5), triggered),
        );
    }
    if !deck_answers {
        world.fault(Fault::on(Server::Deck, Trouble::StatusBefore(500)));
    }
    let image: ImageRef = format!("quay.io/acme/ho@sha256:{}", "a".repeat(64))
        .parse()
        .expect("an image");
    let blocking = serde_json::to_string(&names).expect("names are JSON");
    let override_env = ["OVERRIDE_IMAGE".to_owned()];
    let given = jobs::Given {
        blocking: Some(&blocking),
        informing: None,
        jobs: None,
        override_env: &override_env,
        env: None,
    };
    let request = jobs::read(&given).expect("a request");

    let identity = Identity { run_id: Some(format!("run-{seed}")), ..Identity::default() };
    let journal = Journal::open(Box::new(Memory::default()), Arc::clone(&clock), &identity)
        .await
        .expect("a record");
    let journal = Arc::new(journal);
    journal.bind(&Candidate::of(image)).await.expect("a new record");
    bind(&journal, &request, None)
        .await
        .expect("a record")
        .expect("a new record");

    let transport = network(&world, seed);
    let base = |server: Server| server.base().parse().expect("an address");
    let deck = Arc::new(Deck::new(base(Server::Deck), Arc::clone(&transport)));
    let bucket = Arc::new(Bucket::new(base(Server::Bucket), Arc::clone(&transport)));
    let process = async || {
        let budget = gangway_budget(&journal, Arc::clone(&clock), LIMITS)
            .await
            .expect("a record");
        let gangway = Arc::new(Gangway::new(
            base(Server::Gangway),
            token.clone(),
            Arc::clone(&transport),
            budget,
        ));
        let finder = Finder::new(Arc::clone(&gangway), Arc::clone(&deck), Arc::clone(&bucket));
        let launcher =
            Launcher::new(Arc::clone(&journal), Arc::clone(&gangway), finder, Arc::clone(&clock));
        (gangway, Arc::new(launcher))
    };

    // Two processes, as in the pipeline: the second begins when the first has ended.
    let (_, launcher) = process().await;
    launch_all(&launcher).await.expect("every job is known");
    let last_launch = clock.since(start).as_secs_f64();
    let (gangway, launcher) = process().await;
    let policy = Policy {
        rules: Rules {
            proof_logs: vec![
                "artifacts/*/hypershift-install/build-log.txt"
                    .parse()
                    .expect("a pattern"),
            ],
            ..Rules::default()
        },
        ..Policy::default()
    };
    let collector = Collector {
        journal: Arc::clone(&journal),
        deck: Arc::clone(&deck),
        bucket: Arc::clone(&bucket),
        gangway: Some(gangway),
        launcher: Some(launcher),
        clock: Arc::clone(&clock),
        policy,
        histories: Histories::none(Arc::clone(&clock)),
        tekton_end: None,
    };
    let record = collector
        .run(&mut Reporter::new(false))
        .await
        .expect("a record in memory");

    let decided = record.verdict.as_ref().expect("it was decided");
    assert_eq!(decided.decision, Decision::Passed, "{:?}", decided.reasons);
    let ended = record
        .jobs_of(Class::Blocking)
        .filter_map(|job| job.telling()?.completed_at)
        .max();
    let asked: Vec<Timestamp> = world
        .requests_to(Server::Gangway)
        .iter()
        .map(|asked| asked.at)
        .collect();
    Night {
        lag: clock
            .between(ended.expect("it ended"), decided.decided_at)
            .as_secs_f64(),
        requests: asked.len(),
        busiest_minute: busiest_minute(&asked),
        last_launch,
    }
}

/// The most requests within any 60 seconds.
fn busiest_minute(asked: &[Timestamp]) -> usize {
    let within = |from: usize| {
        asked[from..]
            .iter()
            .take_while(|at| at.duration_since(asked[from]).as_secs_f64() < 60.0)
            .count()
    };
    (0..asked.len()).map(within).max().unwrap_or(0)
}

fn at(sorted: &[f64], percent: usize) -> f64 {
    sorted
        .get((sorted.len() * percent).div_ceil(100).saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

fn main() {
    let nights: u64 = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(400);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.expect("a runtime");
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("token"), "token").expect("a file");
    let token = SecretFile::new("--gangway-token-file", dir.path().join("token"));
    println!(
        "{nights} nights each, a twentieth from 100 jobs on, {} requests a minute, burst {}; seconds, in brackets the figures of the design\n",
        LIMITS.per_minute, LIMITS.burst
    );
    println!("jobs  Deck    last end to verdict   Gangway requests     busiest   last job");
    println!("              p50    p95 (60)      most                  60 s (14) launched, p95");
    let counts = [(1, ""), (3, ""), (12, "(50)"), (30, "(170)"), (100, ""), (200, "")];
    for (count, launched) in counts {
        let nights = if count < 100 { nights } else { nights.div_ceil(20) };
        for deck_answers in [true, false] {
            let all: Vec<Night> = (0..nights)
                .map(|seed| runtime.block_on(night(count, seed, deck_answers, token.clone())))
                .collect();
            let sorted = |of: fn(&Night) -> f64| {
                let mut values: Vec<f64> = all.iter().map(of).collect();
                values.sort_by(f64::total_cmp);
                values
            };
            let (lag, last) = (sorted(|night| night.lag), sorted(|night| night.last_launch));
            let most = |of: fn(&Night) -> usize| all.iter().map(of).max().unwrap_or(0);
            let aim = if deck_answers { count + 5 } else { 3 * count + 5 };
            println!(
                "{count:4}  {:6}  {:5.1}  {:5.1}         {:3} ({aim})             {:3}       {:5.1} {launched}",
                if deck_answers { "yes" } else { "no" },
                at(&lag, 50),
                at(&lag, 95),
                most(|night| night.requests),
                most(|night| night.busiest_minute),
                at(&last, 95),
            );
        }
    }
}
