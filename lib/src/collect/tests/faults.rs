//! Nights with faults drawn at random: whatever they do, what did not pass does not pass, and what
//! passed does once the faults are over.

use std::time::Duration;

use standins::{Fault, JobScript, Nth, RanImage, Server, Trouble};

use super::scene::{Scene, minutes};
use crate::record::{Class, Decision};

/// A small generator whose sequence is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // The multiplier and increment of MMIX.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn script(&mut self) -> (JobScript, bool) {
        let other = format!("quay.io/acme/ho@sha256:{}", "b".repeat(64));
        let (script, good) = match self.roll(10) {
            0 => (JobScript::fails(&["TestX"]), false),
            1 => (JobScript::setup_fails(), false),
            2 => (JobScript::no_lease(), false),
            3 => (JobScript::aborted(), false),
            4 => (JobScript::passes().ran_image(RanImage::Other(other)), false),
            5 => (JobScript::passes().ran_image(RanImage::None), false),
            6 => (JobScript::passes().new_build_after(minutes(5)), true),
            _ => (JobScript::passes(), true),
        };
        (script.running(minutes(10 + self.roll(20) as u64)), good)
    }

    fn trouble(&mut self) -> Trouble {
        match self.roll(12) {
            0 => Trouble::DropBefore,
            1 => Trouble::DropAfter,
            2 => Trouble::StallBefore(Duration::from_secs(50)),
            3 => Trouble::Truncate(self.roll(3000)),
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

    fn nth(&mut self) -> Nth {
        match self.roll(4) {
            0 => Nth::Each,
            1 => Nth::Every(2),
            2 => Nth::Every(3),
            _ => Nth::From(1 + self.roll(20) as u32),
        }
    }
}

async fn night(seed: u64) {
    let mut dice = Dice(seed);
    let mut scene = Scene::new().await;
    scene.policy.timeout = minutes(120);
    let jobs = 1 + dice.roll(3);
    let mut all_good = true;
    for job in 0..jobs {
        let (script, good) = dice.script();
        all_good &= good;
        scene
            .launch(&format!("periodic-{job}"), Class::Blocking, script)
            .await;
    }
    // Some faults last for ever, some are over before any patience is.
    let lasting = dice.roll(2) == 0;
    let from = scene.clock.after(scene.clock.now(), minutes(dice.roll(25) as u64));
    let until = scene
        .clock
        .after(from, if lasting { minutes(1000) } else { minutes(2) });
    for server in [Server::Deck, Server::Bucket, Server::Gangway] {
        if dice.roll(2) == 0 {
            scene
                .world
                .fault(Fault::on(server, dice.trouble()).nth(dice.nth()).between(from, until));
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
