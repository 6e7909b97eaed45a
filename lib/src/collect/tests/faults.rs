//! Nights with faults drawn at random: whatever they do, what did not pass does not pass, and what
//! passed does once the faults are over.

use std::time::Duration;

use standins::{Fault, JobScript, Nth, RanImage, Server, Trouble};

use super::scene::{Scene, minutes};
use crate::record::{Class, Decision};
use crate::support::random::Random;

fn script(random: &mut Random) -> (JobScript, bool) {
    let other = format!("quay.io/acme/ho@sha256:{}", "b".repeat(64));
    let (script, good) = match random.below(10) {
        0 => (JobScript::fails(&["TestX"]), false),
        1 => (JobScript::setup_fails(), false),
        2 => (JobScript::no_lease(), false),
        3 => (JobScript::aborted(), false),
        4 => (JobScript::passes().ran_image(RanImage::Other(other)), false),
        5 => (JobScript::passes().ran_image(RanImage::None), false),
        6 => (JobScript::passes().new_build_after(minutes(5)), true),
        _ => (JobScript::passes(), true),
    };
    (script.running(minutes(10 + random.below(20))), good)
}

fn trouble(random: &mut Random) -> Trouble {
    match random.below(12) {
        0 => Trouble::DropBefore,
        1 => Trouble::DropAfter,
        2 => Trouble::StallBefore(Duration::from_secs(50)),
        3 => Trouble::Truncate(random.below(3000) as usize),
        4 => Trouble::Html403,
        5 => Trouble::Html200,
        6 => Trouble::NotFound,
        7 => Trouble::TooMany(Some(7)),
        8 => Trouble::StatusBefore(500),
        9 => Trouble::StatusAfter(504),
        10 => Trouble::EmptyList,
        _ => Trouble::StatusBefore(403),
    }
}

fn nth(random: &mut Random) -> Nth {
    match random.below(4) {
        0 => Nth::Each,
        1 => Nth::Every(2),
        2 => Nth::Every(3),
        _ => Nth::From(1 + random.below(20) as u32),
    }
}

async fn night(seed: u64) {
    let mut random = Random::seeded(seed);
    let mut scene = Scene::new().await;
    scene.policy.timeout = minutes(120);
    let jobs = 1 + random.below(3);
    let mut all_good = true;
    for job in 0..jobs {
        let (script, good) = script(&mut random);
        all_good &= good;
        scene
            .launch(&format!("periodic-{job}"), Class::Blocking, script)
            .await;
    }
    // Some faults last for ever, some are over before any patience is.
    let lasting = random.below(2) == 0;
    let from = scene.clock.after(scene.clock.now(), minutes(random.below(25)));
    let until = scene
        .clock
        .after(from, if lasting { minutes(1000) } else { minutes(2) });
    for server in [Server::Deck, Server::Bucket, Server::Gangway] {
        if random.below(2) == 0 {
            scene.world.fault(
                Fault::on(server, trouble(&mut random))
                    .nth(nth(&mut random))
                    .between(from, until),
            );
        }
    }
    let record = scene.run().await;
    let decision = record.verdict.as_ref().unwrap().decision;
    if !all_good {
        assert_ne!(decision, Decision::Passed, "seed {seed}: {record:#?}");
    } else if !lasting {
        assert_eq!(decision, Decision::Passed, "seed {seed}: {record:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_fault_makes_a_pass_of_what_did_not_and_none_that_ends_undoes_one() {
    for seed in 0..30 {
        night(seed).await;
    }
}
