//! Somebody who may write ConfigMaps, and nothing else, wants a promotion. The promotion runs with
//! what the pipeline gives it: run id, plan, jobs, variables and proof come from the PipelineRun.

use standins::{Fault, JobScript, RanImage, Server, Trouble};

use super::harness::{JOBS, Setting, VARIABLE};
use crate::evidence::GivenRules;
use crate::failure::{Exit, Failure};
use crate::gate::verdict::decide;
use crate::jobs::{self, Given};
use crate::launch::order;
use crate::promote::{Evidence, Options, Promotion};
use crate::record::{
    Cause, Class, GateRecord, JobState, PolicyRecord, ProofMode, Released, Tested,
};
use crate::support::killer::NEVER;
use crate::support::memory::Memory;

const LOG: &str = "artifacts/*/hypershift-install/build-log.txt";

/// What the pipeline gives.
fn given(setting: &Setting) -> Options {
    let names = serde_json::to_string(&JOBS).unwrap();
    let variable = [VARIABLE.to_owned()];
    let given = Given { blocking: Some(&names), override_env: &variable, ..Given::default() };
    let rules = GivenRules::read(Some("enforce"), &[LOG.to_owned()], Some("enforce")).unwrap();
    let tested = Tested {
        image: Some(setting.night.reference.parse().unwrap()),
        snapshot: Some(setting.night.snapshot.clone()),
    };
    Options { request: Some(jobs::read(&given).unwrap()), tested, rules, ..setting.options() }
}

/// A setting whose second job does as it is told, and the record of a run that says passed.
fn world(second: JobScript) -> (Setting, Memory) {
    let setting = Setting::new(|_| ());
    setting.world.prow().job(JOBS[1], second);
    let memory = setting.memory("run");
    memory.change(|record| {
        let proof_logs = vec![LOG.to_owned()];
        record.policy = Some(PolicyRecord {
            proof_logs,
            hollow: Some(ProofMode::Enforce),
            ..PolicyRecord::default()
        });
        record.plan = Some(setting.night.plan.clone());
    });
    (setting, memory)
}

async fn promote(setting: &Setting, memory: &Memory) -> Result<Promotion, Failure> {
    setting.process(memory, &given(setting), NEVER).await.0.unwrap()
}

/// The promotion says no, in these words, and nothing is released.
#[track_caller]
fn refused(setting: &Setting, promotion: Result<Promotion, Failure>, words: &str) {
    let promotion = promotion.unwrap();
    assert_eq!(
        (promotion.exit, promotion.released),
        (Exit::Refused, Released::False),
        "{}",
        promotion.detail
    );
    assert!(promotion.detail.contains(words), "{}", promotion.detail);
    assert_eq!(setting.releases(), 0);
}

fn decided(record: &mut GateRecord) {
    record.verdict = Some(decide(record, record.updated_at));
}

fn last(record: &mut GateRecord) -> &mut crate::record::Attempt {
    record.jobs[1].attempts.last_mut().unwrap()
}

#[tokio::test(start_paused = true)]
async fn without_a_forgery_it_is_promoted() {
    let (setting, memory) = world(JobScript::passes());
    let asked = || setting.world.requests_to(Server::Deck).len();
    let promotion = promote(&setting, &memory).await.unwrap();
    assert_eq!(
        (promotion.exit, promotion.released),
        (Exit::Done, Released::True),
        "{}",
        promotion.detail
    );
    assert_eq!(asked(), JOBS.len(), "one question for each blocking run");
    assert!(!memory.record().release.unwrap().unexamined);
}

/// 1: the attempts and the verdict say passed, the run failed, still runs, or never was.
#[tokio::test(start_paused = true)]
async fn a_failed_run_called_passed() {
    let (setting, memory) = world(JobScript::fails(&["TestX"]));
    refused(&setting, promote(&setting, &memory).await, "it did not succeed");
    let (setting, memory) = world(JobScript::never_ends());
    refused(&setting, promote(&setting, &memory).await, "it has not ended");
    let (setting, memory) = world(JobScript::passes());
    memory.change(|record| {
        last(record).execution = Some("00000000-0000-4000-8000-000000000000".to_owned())
    });
    let promotion = promote(&setting, &memory).await.unwrap();
    assert_eq!((promotion.exit, setting.releases()), (Exit::Failed, 0), "{}", promotion.detail);
    assert!(promotion.detail.contains("Prow no longer has this run"), "{}", promotion.detail);
}

/// 2: the job that failed is taken out of the record.
#[tokio::test(start_paused = true)]
async fn a_job_dropped() {
    let (setting, memory) = world(JobScript::fails(&["TestX"]));
    memory.change(|record| {
        record.jobs.truncate(1);
        decided(record);
    });
    refused(&setting, promote(&setting, &memory).await, "e2e-aks-upgrade is new");
}

/// 3: the job that failed is called informing.
#[tokio::test(start_paused = true)]
async fn a_blocking_job_turned_informing() {
    let (setting, memory) = world(JobScript::fails(&["TestX"]));
    memory.change(|record| {
        record.jobs[1].class = Class::Informing;
        decided(record);
    });
    refused(&setting, promote(&setting, &memory).await, "e2e-aks-upgrade is new");
}

/// 4: no proof is asked for, or the run's own tests do not count, and 5: another log is to prove
/// it.
#[tokio::test(start_paused = true)]
async fn the_proof_turned_off_or_swapped() {
    let (setting, memory) = world(JobScript::passes().ran_image(RanImage::NoLog));
    memory.change(|record| record.policy.as_mut().unwrap().proof = ProofMode::Off);
    refused(&setting, promote(&setting, &memory).await, "--proof is enforce, the record says off");
    memory.change(|record| {
        let policy = record.policy.as_mut().unwrap();
        (policy.proof, policy.hollow) = (ProofMode::Enforce, Some(ProofMode::Off));
    });
    refused(&setting, promote(&setting, &memory).await, "--hollow is enforce, the record says off");
    memory.change(|record| {
        let policy = record.policy.as_mut().unwrap();
        (policy.hollow, policy.proof_logs) =
            (Some(ProofMode::Enforce), vec!["build-log.txt".to_owned()]);
    });
    refused(&setting, promote(&setting, &memory).await, "the record says build-log.txt");
    // Of the one job alone.
    memory.change(|record| {
        record.policy = None;
        record.jobs[1].proof_log = Some("prowjob.json".to_owned());
    });
    refused(&setting, promote(&setting, &memory).await, "e2e-aks-upgrade has other settings now");
    memory.change(|record| record.jobs[1].proof_log = None);
    refused(&setting, promote(&setting, &memory).await, "the log that would prove it is missing");
}

/// 6: the plan of another platform.
#[tokio::test(start_paused = true)]
async fn the_plan_swapped() {
    let (setting, memory) = world(JobScript::passes());
    memory.change(|record| record.plan = Some("rosa".to_owned()));
    let failure = promote(&setting, &memory).await.unwrap_err();
    assert_eq!((failure.exit, setting.releases()), (Exit::Misuse, 0));
    assert!(
        failure
            .error
            .to_string()
            .contains("is bound to the ReleasePlan \"rosa\""),
        "{}",
        failure.error
    );
}

/// 7: the whole record of an earlier run that passed, under this run's id.
#[tokio::test(start_paused = true)]
async fn an_old_record_copied() {
    let (setting, memory) = world(JobScript::passes());
    memory.change(|record| record.id = "this-run".to_owned());
    refused(&setting, promote(&setting, &memory).await, "it carries another key");
}

/// 8: another image in the place of the tested one, with the executions of the tested one.
#[tokio::test(start_paused = true)]
async fn the_candidate_swapped() {
    let (setting, memory) = world(JobScript::passes());
    let other = format!("quay.io/acme/hypershift-operator-main@sha256:{}", "7".repeat(64));
    let newer = "hypershift-operator-20260820-055900-000";
    let kube = setting.world.kube();
    let mut snapshot = kube
        .get("snapshots", &setting.namespace, &setting.night.snapshot)
        .unwrap();
    snapshot["metadata"]["name"] = newer.into();
    for component in snapshot["spec"]["components"].as_array_mut().unwrap() {
        if component["name"] == "hypershift-operator-main" {
            component["containerImage"] = other.clone().into();
        }
    }
    kube.put(snapshot);
    memory.change(|record| {
        let candidate = record.candidate.as_mut().unwrap();
        candidate.image = other.parse().unwrap();
        candidate.digest = candidate.image.digest().clone();
        candidate.snapshot = Some(newer.to_owned());
    });
    refused(&setting, promote(&setting, &memory).await, "the image under test is");
    // By hand, without the flags, the executions tell.
    let unsaid = Options { tested: Tested::default(), ..given(&setting) };
    let promotion = setting.process(&memory, &unsaid, NEVER).await.0.unwrap();
    refused(&setting, promotion, "it carries another key");
}

/// 8: another Snapshot with the tested image, and with other components that nobody has tested.
#[tokio::test(start_paused = true)]
async fn the_snapshot_swapped() {
    let (setting, memory) = world(JobScript::passes());
    let other = "hypershift-operator-20260820-055900-000";
    let kube = setting.world.kube();
    let mut snapshot = kube
        .get("snapshots", &setting.namespace, &setting.night.snapshot)
        .unwrap();
    snapshot["metadata"]["name"] = other.into();
    kube.put(snapshot);
    memory.change(|record| record.candidate.as_mut().unwrap().snapshot = Some(other.to_owned()));
    refused(&setting, promote(&setting, &memory).await, "the Snapshot under test is");
}

/// 9: the execution of another job of this run, and one that somebody else has launched.
#[tokio::test(start_paused = true)]
async fn the_execution_of_another_job() {
    let (setting, memory) = world(JobScript::fails(&["TestX"]));
    memory.change(|record| last(record).execution = record.jobs[0].attempts[0].execution.clone());
    refused(&setting, promote(&setting, &memory).await, "it is a run of \"e2e-aks\"");
    setting.world.prow().job(JOBS[1], JobScript::passes());
    let ago = std::time::Duration::from_secs(4 * 3600);
    let cron =
        setting
            .world
            .prow()
            .launched_ago(JOBS[1], ago, Default::default(), Default::default());
    memory.change(|record| last(record).execution = Some(cron));
    refused(&setting, promote(&setting, &memory).await, "it carries no key of ours");
}

/// 10: the intent key in the record is that of the foreign run, or the attempt has another number.
#[tokio::test(start_paused = true)]
async fn the_key_or_the_number_forged() {
    let (setting, memory) = world(JobScript::fails(&["TestX"]));
    setting.world.prow().job(JOBS[1], JobScript::passes());
    // A run of another record, which passed: same job, same image.
    let mut other = memory.record();
    other.id = "other-run".to_owned();
    let theirs = order(&other, JOBS[1], 1).unwrap().pod_spec_options;
    let key = theirs.labels[crate::prow::key::LABEL].clone();
    let ago = std::time::Duration::from_secs(4 * 3600);
    let passed = setting
        .world
        .prow()
        .launched_ago(JOBS[1], ago, theirs.envs, theirs.labels);
    memory.change(|record| {
        let attempt = last(record);
        (attempt.intent.key, attempt.execution) = (key, Some(passed));
    });
    refused(&setting, promote(&setting, &memory).await, "it carries another key");
    memory.change(|record| last(record).number = 2);
    refused(&setting, promote(&setting, &memory).await, "it carries another key");
}

/// 11: fields that no version knows, such as a run taken over from elsewhere, change nothing.
#[tokio::test(start_paused = true)]
async fn fields_that_nobody_knows() {
    let (setting, memory) = world(JobScript::fails(&["TestX"]));
    let mut document = serde_json::to_value(memory.record()).unwrap();
    document["override"] = serde_json::json!({"job": JOBS[1], "reason": "fine"});
    document["jobs"][1]["attempts"][0]["trusted"] = true.into();
    memory.replace(document.to_string());
    refused(&setting, promote(&setting, &memory).await, "it did not succeed");
}

/// 11a: a run is said to be taken over from another record: its key must be of that launch, of this
/// job and this digest, and the run itself is judged all the same.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_called_taken_over() {
    let from = |id: &str| crate::record::ReusedFrom {
        record: "gate-other".to_owned(),
        id: id.to_owned(),
        attempt: 1,
        gate: None,
    };
    // Our own run, under the id of another: it carries another key.
    let (setting, memory) = world(JobScript::passes());
    memory.change(|record| last(record).reused_from = Some(from("another")));
    refused(&setting, promote(&setting, &memory).await, "it carries another key");
    // The other record's run, which was launched so and failed.
    let (setting, memory) = world(JobScript::fails(&["TestX"]));
    memory.change(|record| last(record).reused_from = Some(from("another")));
    let order = order(&memory.record(), JOBS[1], 1).unwrap().pod_spec_options;
    let ago = std::time::Duration::from_secs(4 * 3600);
    let prow = setting.world.prow();
    let failed = prow.launched_ago(JOBS[1], ago, order.envs.clone(), order.labels.clone());
    memory.change(|record| last(record).execution = Some(failed));
    refused(&setting, promote(&setting, &memory).await, "it did not succeed");
    // One that passed on this image for this request is as good as our own.
    let (setting, memory) = world(JobScript::passes());
    let prow = setting.world.prow();
    let passed = prow.launched_ago(JOBS[1], ago, order.envs, order.labels);
    memory.change(|record| {
        last(record).reused_from = Some(from("another"));
        last(record).execution = Some(passed);
    });
    let promotion = promote(&setting, &memory).await.unwrap();
    assert_eq!(promotion.exit, Exit::Done, "{}", promotion.detail);
}

/// 12: the variables: constants that the request does not have, or a launch with others.
#[tokio::test(start_paused = true)]
async fn other_variables() {
    let (setting, memory) = world(JobScript::passes());
    memory.change(|record| {
        record.launch.as_mut().unwrap().env = [("SKIP".to_owned(), "all".to_owned())].into()
    });
    refused(&setting, promote(&setting, &memory).await, "--env is another now");

    // Launched with another image in the variable, under the very key, and the record set right
    // again.
    let (setting, memory) = world(JobScript::passes());
    let mut theirs = order(&memory.record(), JOBS[1], 1).unwrap().pod_spec_options;
    theirs
        .envs
        .insert(VARIABLE.to_owned(), format!("quay.io/acme/ho@sha256:{}", "7".repeat(64)));
    let ago = std::time::Duration::from_secs(4 * 3600);
    let run = setting
        .world
        .prow()
        .launched_ago(JOBS[1], ago, theirs.envs, theirs.labels);
    memory.change(|record| last(record).execution = Some(run));
    refused(
        &setting,
        promote(&setting, &memory).await,
        "it was not given OVERRIDE_IMAGE as this request says",
    );
}

/// 13: a run made up in a bucket of one's own, which Deck does not know.
#[tokio::test(start_paused = true)]
async fn a_run_made_up_in_a_bucket() {
    let (setting, memory) = world(JobScript::fails(&["TestX"]));
    let theirs = order(&memory.record(), JOBS[1], 1).unwrap().pod_spec_options;
    let run = serde_json::json!({"metadata": {"name": "made-up", "labels": theirs.labels},
        "spec": {"job": JOBS[1], "pod_spec": {"containers": [{"env": theirs.envs.iter()
            .map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect::<Vec<_>>()}]}},
        "status": {"state": "success"}});
    let folder = format!("logs/{}/1", JOBS[1]);
    setting
        .world
        .prow()
        .put_object("mine", &format!("{folder}/prowjob.json"), run.to_string());
    memory.change(|record| {
        last(record).execution = Some("made-up".to_owned());
        last(record).job_url = Some(format!("https://prow.ci.openshift.org/view/gs/mine/{folder}"));
    });
    let promotion = promote(&setting, &memory).await.unwrap();
    assert_eq!((promotion.exit, setting.releases()), (Exit::Failed, 0), "{}", promotion.detail);
}

/// While Deck does not tell, a prowjob.json that is behind says nothing against a run.
#[tokio::test(start_paused = true)]
async fn a_file_that_is_behind_is_no_contradiction() {
    let (setting, memory) = world(JobScript::passes());
    let theirs = order(&memory.record(), JOBS[1], 1).unwrap().pod_spec_options;
    let run = serde_json::json!({"metadata": {"name": "behind", "labels": theirs.labels},
        "spec": {"job": JOBS[1], "pod_spec": {"containers": [{"env": theirs.envs.iter()
            .map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect::<Vec<_>>()}]}},
        "status": {"state": "pending"}});
    let (bucket, folder) = (crate::prow::BUCKETS[0], format!("logs/{}/1", JOBS[1]));
    setting
        .world
        .prow()
        .put_object(bucket, &format!("{folder}/prowjob.json"), run.to_string());
    setting
        .world
        .fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)));
    memory.change(|record| {
        last(record).execution = Some("behind".to_owned());
        last(record).job_url =
            Some(format!("https://prow.ci.openshift.org/view/gs/{bucket}/{folder}"));
    });
    let promotion = promote(&setting, &memory).await.unwrap();
    assert_eq!((promotion.exit, setting.releases()), (Exit::Failed, 0), "{}", promotion.detail);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_tried_for_ten_minutes() {
    let (setting, memory) = world(JobScript::passes());
    setting
        .world
        .fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)));
    let begun = setting.clock.now();
    let promotion = promote(&setting, &memory).await.unwrap();
    assert_eq!(
        (promotion.exit, promotion.released),
        (Exit::Failed, Released::False),
        "{}",
        promotion.detail
    );
    assert!(promotion.detail.contains("Deck answered 503"), "{}", promotion.detail);
    let minutes = setting.clock.since(begun).as_secs() / 60;
    assert!((8..=12).contains(&minutes), "{minutes} minutes");
    assert_eq!((setting.releases(), memory.record().release.unwrap().is_final), (0, false));

    setting.world.clear_faults();
    setting
        .world
        .fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)).nth(standins::Nth::First(3)));
    assert_eq!(promote(&setting, &memory).await.unwrap().exit, Exit::Done);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_is_there_is_followed_whatever_deck_says() {
    let (setting, memory) = world(JobScript::passes());
    // Killed as soon as the Release is made.
    for at in 1.. {
        setting.process(&memory, &given(&setting), at).await;
        if setting.releases() > 0 {
            break;
        }
    }
    setting
        .world
        .fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)));
    let promotion = promote(&setting, &memory).await.unwrap();
    assert_eq!((promotion.exit, setting.releases()), (Exit::Done, 1), "{}", promotion.detail);
}

#[tokio::test(start_paused = true)]
async fn on_the_records_word_alone_where_that_is_asked_for_and_said() {
    let (setting, memory) = world(JobScript::passes());
    setting
        .world
        .fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)));
    let options = Options { evidence: Evidence::Record, ..given(&setting) };
    let promotion = setting.run(&memory, &options).await;
    assert_eq!(promotion.released, Released::True, "{}", promotion.detail);
    assert!(memory.record().release.unwrap().unexamined);
}

/// Nothing that a record can say of a failed run promotes it: states, causes and counts in any
/// mixture.
#[tokio::test(start_paused = true)]
async fn no_mixture_of_words_promotes_a_failed_run() {
    let states = [JobState::Success, JobState::Failure, JobState::Pending];
    for state in states {
        for cause in [None, Some(Cause::Passed), Some(Cause::Product)] {
            let (setting, memory) = world(JobScript::fails(&["TestX"]));
            memory.change(|record| {
                (last(record).state, last(record).cause) = (state, cause);
            });
            assert_eq!(
                promote(&setting, &memory).await.unwrap().exit,
                Exit::Refused,
                "{state:?} {cause:?}"
            );
            assert_eq!(setting.releases(), 0);
        }
    }
}
