//! No duplicate Release, whatever is killed and whenever, and the work still comes to its end.

use std::time::Duration;

use standins::{Fault, Nth, ReleaseScript, Server, Trouble};

use super::harness::Setting;
use crate::failure::Exit;
use crate::promote::Options;
use crate::record::Released;
use crate::support::killer::NEVER;
use crate::support::memory::Memory;
use crate::support::random::Random;

/// Runs processes, killed at these points, until one lives to its end.
async fn carry_on(
    setting: &Setting,
    memory: &Memory,
    options: &Options,
    points: &[u64],
) -> (Exit, Released) {
    for point in points {
        match setting.process(memory, options, *point).await.0 {
            Some(end) => {
                let promotion = end.unwrap();
                return (promotion.exit, promotion.released);
            }
            None => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
    let promotion = setting.run(memory, options).await;
    (promotion.exit, promotion.released)
}

/// A point of a promotion; some are beyond its end.
fn point(random: &mut Random) -> u64 {
    1 + random.below(72)
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_request_and_every_write() {
    let setting = Setting::new(|_| ());
    let (_, all) = setting
        .process(&setting.memory("run"), &setting.options(), NEVER)
        .await;
    assert!((45..130).contains(&all), "{all} points to die at");
    for point in 1..=all {
        let setting = Setting::new(|_| ());
        let memory = setting.memory("run");
        let end = carry_on(&setting, &memory, &setting.options(), &[point]).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(end, (Exit::Done, Released::True), "killed at {point}");
        assert_eq!(setting.releases(), 1, "killed at {point}");
        let noted = memory.record().release.unwrap();
        assert!(noted.is_final && noted.created, "killed at {point}: {noted:?}");
    }
    eprintln!("{all} kills of a promotion");
}

#[tokio::test(start_paused = true)]
async fn killed_again_and_again() {
    for seed in 0..150 {
        let mut random = Random::seeded(seed);
        let points: Vec<u64> = (0..1 + random.below(5)).map(|_| point(&mut random)).collect();
        let setting = Setting::new(|_| ());
        let memory = setting.memory("run");
        let end = carry_on(&setting, &memory, &setting.options(), &points).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(end, (Exit::Done, Released::True), "seed {seed}: {points:?}");
        assert_eq!(setting.releases(), 1, "seed {seed}: {points:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn three_at_once_and_killed() {
    for seed in 0..100 {
        let mut random = Random::seeded(1_000_000 + seed);
        let setting = Setting::new(|_| ());
        let shared = setting.memory("shared");
        // Of one record, or each of its own.
        let memories: Vec<Memory> = (0..3)
            .map(|number| {
                if seed % 2 == 0 {
                    shared.clone()
                } else {
                    setting.memory(&format!("run-{number}"))
                }
            })
            .collect();
        let points: Vec<Vec<u64>> = (0..3)
            .map(|_| (0..random.below(4)).map(|_| point(&mut random)).collect())
            .collect();
        let options = setting.options();
        let (one, two, three) = tokio::join!(
            carry_on(&setting, &memories[0], &options, &points[0]),
            carry_on(&setting, &memories[1], &options, &points[1]),
            carry_on(&setting, &memories[2], &options, &points[2]),
        );
        tokio::time::sleep(Duration::from_secs(60)).await;
        for end in [one, two, three] {
            assert_eq!(end, (Exit::Done, Released::True), "seed {seed}: {points:?}");
        }
        assert_eq!(setting.releases(), 1, "seed {seed}: {points:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn killed_while_the_cluster_misbehaves() {
    let troubles = [
        Trouble::DropBefore,
        Trouble::DropAfter,
        Trouble::StatusBefore(503),
        Trouble::StatusAfter(504),
        Trouble::Truncate(40),
        Trouble::Html200,
        Trouble::TooMany(Some(1)),
        Trouble::StallAfter(Duration::from_secs(90)),
    ];
    for seed in 0..150 {
        let mut random = Random::seeded(2_000_000 + seed);
        let setting = Setting::new(|_| ());
        let memory = setting.memory("run");
        for _ in 0..1 + random.below(4) {
            let trouble = troubles[usize::try_from(random.below(8)).unwrap()].clone();
            let nth = Nth::Only(u32::try_from(random.below(4)).unwrap() + 1);
            let fault = Fault::on(Server::Kube, trouble).nth(nth);
            setting.world.fault(match random.below(2) {
                0 => fault.method("POST"),
                _ => fault,
            });
        }
        let points: Vec<u64> = (0..random.below(4)).map(|_| point(&mut random)).collect();
        let end = carry_on(&setting, &memory, &setting.options(), &points).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(setting.releases(), 1, "seed {seed}: {points:?}");
        assert_eq!(end, (Exit::Done, Released::True), "seed {seed}: {points:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_one_after_a_failure_is_made_once() {
    let mut point = 0;
    // To the end of the promotion.
    loop {
        point += 1;
        let setting = Setting::new(|night| {
            night.releases =
                vec![ReleaseScript::fails("push-snapshot", "push"), ReleaseScript::released()];
        });
        let memory = setting.memory("run");
        assert_eq!(setting.run(&memory, &setting.options()).await.exit, Exit::Failed);
        let again = Options { again: true, ..setting.options() };
        let lived = setting.process(&memory, &again, point).await.0.is_some();
        let end = carry_on(&setting, &memory, &again, &[]).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(end, (Exit::Done, Released::True), "killed at {point}");
        assert_eq!(setting.releases(), 2, "killed at {point}");
        if lived {
            break;
        }
    }
    assert!(point > 45, "{point} points to die at");
    eprintln!("{} kills of a second promotion", point - 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stays_lost_is_not_called_failed() {
    let setting = Setting::new(|_| ());
    let memory = setting.memory("run");
    // Every creation has no answer and no effect: nobody can tell from outside.
    setting
        .world
        .fault(Fault::on(Server::Kube, Trouble::DropBefore).method("POST"));
    let promotion = setting.run(&memory, &setting.options()).await;
    assert_eq!(
        (promotion.exit, promotion.released),
        (Exit::Unsafe, Released::Unknown),
        "{}",
        promotion.detail
    );
    assert!(promotion.detail.contains("the answer was lost"), "{}", promotion.detail);
    assert!(!memory.record().release.unwrap().is_final);
    setting.world.clear_faults();
    assert_eq!(setting.run(&memory, &setting.options()).await.exit, Exit::Done);
    assert_eq!(setting.releases(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_cannot_be_looked_up_is_not_forgotten() {
    let setting = Setting::new(|night| night.releases = vec![ReleaseScript::released()]);
    let memory = setting.memory("run");
    let brief = Options { wait: Duration::from_secs(60), ..setting.options() };
    assert_eq!(setting.run(&memory, &brief).await.released, Released::Unknown);
    for fault in [
        Fault::on(Server::Kube, Trouble::DropBefore),
        Fault::on(Server::Kube, Trouble::StatusBefore(403)),
    ] {
        setting.world.fault(fault);
        let promotion = setting.run(&memory, &setting.options()).await;
        assert_eq!(
            (promotion.exit, promotion.released),
            (Exit::Failed, Released::Unknown),
            "{}",
            promotion.detail
        );
        let noted = memory.record().release.unwrap();
        assert!(noted.created && noted.name.is_some() && !noted.is_final, "{noted:?}");
        setting.world.clear_faults();
    }
    assert_eq!(setting.run(&memory, &setting.options()).await.released, Released::True);
    assert_eq!(setting.releases(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_an_end_and_is_looked_at_again() {
    let setting = Setting::new(|_| ());
    let memory = setting.memory("run");
    let plan = setting.night.plan.clone();
    let set = |value: &str| {
        let value = value.to_owned();
        setting
            .world
            .kube()
            .change("releaseplans", &setting.namespace, &plan, |plan| {
                plan["metadata"]["labels"]["release.appstudio.openshift.io/auto-release"] =
                    value.into();
            });
    };
    set("true");
    assert_eq!(setting.run(&memory, &setting.options()).await.exit, Exit::Refused);
    let noted = memory.record().release.unwrap();
    assert!(noted.is_final && noted.name.is_none(), "{noted:?}");
    set("false");
    assert_eq!(setting.run(&memory, &setting.options()).await.exit, Exit::Done);
}
