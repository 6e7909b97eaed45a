//! Against the played cluster: accepted and promoted once, refused where it must be.

use super::*;
use crate::failure::{Exit, Failure};
use crate::gate::verdict::decide;
use crate::image::Digest;
use crate::launch::order;
use crate::promote::tests::harness::{JOBS, Setting};
use crate::prow::Servers;
use crate::record::{Identity, Journal, Notification, Outcome, Proof, ProofLevel, Released};
use crate::support::killer::{Deadly, Killer, NEVER};
use crate::support::memory::Memory;
use crate::support::network;
use standins::JobScript;

/// A record whose second job failed for the product, after people were told.
fn red() -> (Setting, Memory) {
    let setting = Setting::new(|_| ());
    setting.world.prow().job(JOBS[1], JobScript::fails(&["TestX"]));
    let memory = setting.memory("run");
    memory.change(|record| {
        let attempt = &mut record.jobs[1].attempts[0];
        attempt.state = crate::record::JobState::Failure;
        attempt.cause = Some(crate::record::Cause::Product);
        record.verdict = Some(decide(record, record.updated_at));
        record.notifications = vec![Notification {
            at: record.updated_at,
            delivered: true,
            outcome: Some(Outcome::Refused),
            headline: "refused".to_owned(),
            thread: None,
            detail: None,
        }];
    });
    (setting, memory)
}

fn options(setting: &Setting, jobs: &[&str]) -> Options {
    let jobs: Vec<String> = jobs.iter().map(|job| (*job).to_owned()).collect();
    let promotion = promote::Options { accepted: jobs.clone(), ..setting.options() };
    Options { jobs, reason: "known, tracked in OCPBUGS-1".to_owned(), promotion }
}

async fn process(
    setting: &Setting,
    memory: &Memory,
    options: &Options,
    point: u64,
) -> (Option<Result<Overruled, Failure>>, u64) {
    let killer = Killer::at(point);
    let tenant = setting.tenant(&killer);
    let process = async {
        let store = Box::new(Deadly(memory.clone(), killer.clone()));
        let clock = setting.clock.clone();
        let journal = Journal::existing(store, clock, &Identity::default()).await?;
        let prow = Servers::stand_in(network(&setting.world));
        run(options, &tenant, &prow, &journal, None, &setting.clock).await
    };
    let end = killer.run(process).await;
    (end, killer.passed())
}

#[tokio::test(start_paused = true)]
async fn a_job_is_accepted_and_the_image_promoted() {
    let (setting, memory) = red();
    // create-release knows nothing of it.
    let refused = setting.run(&memory, &setting.options()).await;
    assert_eq!(refused.exit, Exit::Refused);
    let ended = process(&setting, &memory, &options(&setting, &JOBS[1..]), NEVER)
        .await
        .0;
    let promotion = ended.unwrap().unwrap().promotion;
    assert_eq!((promotion.exit, promotion.released), (Exit::Done, Released::True), "{promotion:?}");
    let release = &setting.world.kube().releases()[0];
    let said = release["metadata"]["annotations"]["release-gate/accepted"]
        .as_str()
        .unwrap();
    assert_eq!(said, JOBS[1]);
    let author = &release["metadata"]["labels"]["release.appstudio.openshift.io/author"];
    assert_eq!(author, "system_serviceaccount_konflux-tenant_gate-client");
    let record = memory.record();
    assert_eq!(record.accepted[0].job, JOBS[1]);
    assert_eq!(record.accepted[0].by.as_deref(), Some(standins::USER));
    assert_eq!(crate::record::Ending::of(&record), crate::record::Ending::Known(Outcome::Promoted));
    let again = process(&setting, &memory, &options(&setting, &JOBS[1..]), NEVER)
        .await
        .0
        .unwrap();
    assert_eq!(again.unwrap_err().exit, Exit::Refused, "after promotion");
}

#[tokio::test(start_paused = true)]
async fn who_may_not_release_is_noted_nowhere() {
    let (setting, memory) = red();
    setting.world.kube().deny("create", "releases");
    let ended = process(&setting, &memory, &options(&setting, &JOBS[1..]), NEVER)
        .await
        .0
        .unwrap();
    let failure = ended.unwrap_err();
    assert_eq!(failure.exit, Exit::Failed);
    assert!(failure.error.to_string().contains("gate-overrider"), "{}", failure.error);
    assert_eq!(memory.record().accepted, []);
}

#[tokio::test(start_paused = true)]
async fn killed_anywhere_it_is_one_release() {
    let (setting, memory) = red();
    let (_, all) = process(&setting, &memory, &options(&setting, &JOBS[1..]), NEVER).await;
    for point in (1..=all).step_by(2) {
        let (setting, memory) = red();
        let options = options(&setting, &JOBS[1..]);
        let first = process(&setting, &memory, &options, point).await.0;
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        if first.is_none() && memory.record().release.is_none_or(|it| it.released != Released::True)
        {
            let ended = process(&setting, &memory, &options, NEVER).await.0.unwrap().unwrap();
            assert_eq!(ended.promotion.exit, Exit::Done, "killed at {point}");
        }
        assert_eq!(setting.releases(), 1, "killed at {point}");
        assert_eq!(memory.record().accepted.len(), 1, "killed at {point}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_accepted() {
    let (setting, memory) = red();
    let record = memory.record();
    let judged = |record: &crate::record::GateRecord, jobs: &[&str]| {
        let jobs: Vec<String> = jobs.iter().map(|job| (*job).to_owned()).collect();
        judge(record, &jobs, setting.clock.as_ref())
    };
    assert_eq!(judged(&record, &JOBS[1..]), Ok(()));
    let words = |record: &crate::record::GateRecord, jobs: &[&str]| {
        let failure = Failure::from(judged(record, jobs).unwrap_err());
        (failure.exit, failure.error.to_string())
    };
    let (exit, said) = words(&record, &JOBS[..1]);
    assert!(exit == Exit::Misuse && said.contains("there is nothing to accept"), "{said}");
    let (exit, said) = words(&record, &["e2e-other"]);
    assert!(exit == Exit::Misuse && said.contains(JOBS[1]), "{said}");
    let mut changed = record.clone();
    changed.verdict = None;
    assert_eq!(words(&changed, &JOBS[1..]).0, Exit::Misuse);
    let mut changed = record.clone();
    changed.notifications.clear();
    changed.verdict.as_mut().unwrap().decided_at = setting.clock.now();
    let (exit, said) = words(&changed, &JOBS[1..]);
    assert!(exit == Exit::Misuse && said.contains("wait for its message"), "{said}");
    let mut changed = record.clone();
    let other: Digest = format!("sha256:{}", "7".repeat(64)).parse().unwrap();
    changed.jobs[1].attempts[0].proof = Some(Proof {
        level: ProofLevel::Unproven,
        note: format!("build-log.txt shows {other} of quay.io/acme/ho"),
    });
    let (exit, said) = words(&changed, &JOBS[1..]);
    assert!(exit == Exit::Refused && said.contains("ran another image"), "{said}");
    let mut changed = record.clone();
    changed.jobs[0].attempts[0].cause = Some(crate::record::Cause::Infrastructure);
    let (exit, said) = words(&changed, &JOBS[1..]);
    assert!(exit == Exit::Refused && said.contains("did not pass either"), "{said}");
    // The record's word for the other job is not believed.
    let (setting, memory) = red();
    setting.world.prow().job(JOBS[0], JobScript::fails(&["TestY"]));
    let failed = order(&memory.record(), JOBS[0], 1).unwrap().pod_spec_options;
    let ago = std::time::Duration::from_secs(4 * 3600);
    let run = setting
        .world
        .prow()
        .launched_ago(JOBS[0], ago, failed.envs, failed.labels);
    memory.change(|record| record.jobs[0].attempts[0].execution = Some(run));
    let ended = process(&setting, &memory, &options(&setting, &JOBS[1..]), NEVER)
        .await
        .0;
    let promotion = ended.unwrap().unwrap().promotion;
    assert_eq!((promotion.exit, setting.releases()), (Exit::Refused, 0), "{}", promotion.detail);
}
