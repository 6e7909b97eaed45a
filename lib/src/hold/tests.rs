//! Held, refused, lifted, promoted: against the played cluster.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::failure::Exit;
use crate::promote::tests::harness::Setting;
use crate::promote::{self, Mode};
use crate::record::Released;
use crate::support::killer::Killer;

fn options(setting: &Setting, what: What) -> Options {
    Options { plans: vec![setting.night.plan.clone()], what, dry_run: false }
}

fn for_a_day(setting: &Setting) -> What {
    let clock = setting.clock.as_ref();
    What::given(Some("24h"), Some("freeze"), false, clock).unwrap()
}

#[test]
fn until_is_a_time_to_come() {
    let now: Timestamp = "2026-08-20T06:00:00Z".parse().unwrap();
    let read = |given: &str| until(given, now).map(|at| at.to_string());
    assert_eq!(read("12h").as_deref(), Ok("2026-08-20T18:00:00Z"));
    assert_eq!(read("2026-08-21T06:00:00Z").as_deref(), Ok("2026-08-21T06:00:00Z"));
    for (bad, words) in [
        ("2026-08-20T06:00:00Z", "it has passed"),
        ("2027-08-20T06:00:00Z", "no longer than 90 days"),
        ("2161h", "no longer than 90 days"),
        ("tomorrow", "found \"tomorrow\""),
        ("", "found \"\""),
        ("0s", "found \"0s\""),
    ] {
        assert!(read(bad).unwrap_err().contains(words), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_and_its_reason_stop_the_promotion_until_it_is_lifted() {
    let setting = Setting::new(|_| ());
    let memory = setting.memory("run");
    let tenant = setting.tenant(&Killer::at(0));
    let held = options(&setting, for_a_day(&setting));
    let said = run(&held, &tenant, None).await.unwrap();
    assert!(said.failures.is_empty(), "{said:?}");
    assert!(said.table().contains("held until 2026-08-21T06:00:00Z"), "{}", said.table());

    let promotion = setting.run(&memory, &setting.options()).await;
    assert_eq!((promotion.exit, promotion.released), (Exit::Refused, Released::False));
    assert!(promotion.detail.contains("held until 2026-08-21T06:00:00Z"), "{}", promotion.detail);
    assert!(promotion.detail.contains(": freeze. nothing is promoted"), "{}", promotion.detail);
    // Before the tests it is no reason not to run them.
    let check = promote::Options { mode: Mode::Check, ..setting.options() };
    let checked = setting.run(&memory, &check).await;
    assert_eq!(checked.exit, Exit::Done);
    let table = checked.checks.unwrap().table();
    assert!(table.contains("? hold") && table.contains("the tests run all the same"), "{table}");

    // The gate's record is in the cluster: lifting says what promotes it.
    let document = serde_json::to_string(&memory.record()).unwrap();
    setting
        .world
        .kube()
        .put(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "gate-x", "namespace": setting.namespace,
            "labels": {"release-gate/kind": "gate"}},
        "data": {"record.json": document}}));
    let lift = options(&setting, What::Lift);
    let dry = run(&Options { dry_run: true, ..lift.clone() }, &tenant, None)
        .await
        .unwrap();
    assert!(dry.table().contains("would be lifted: held until"), "{}", dry.table());
    let lifted = run(&lift, &tenant, None).await.unwrap();
    let plan = &setting.night.plan;
    let command = format!(
        "create-release --record configmap:gate-x --release-plan {plan} --namespace {}",
        setting.namespace
    );
    assert_eq!(lifted.commands(), [command]);
    let again = run(&lift, &tenant, None).await.unwrap();
    assert!(again.table().contains("no hold was in force"), "{}", again.table());
    let promotion = setting.run(&memory, &setting.options()).await;
    assert_eq!((promotion.exit, promotion.released), (Exit::Done, Released::True));
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_comes_while_the_runs_are_looked_at_still_holds() {
    let setting = Setting::new(|_| ());
    let memory = setting.memory("run");
    let (_, all) = setting.process(&memory, &setting.options(), 0).await;
    // Set after any of the requests of a promotion: either it was made by then, or never is.
    for point in (1..all).step_by(3) {
        let setting = Setting::new(|_| ());
        let memory = setting.memory("run");
        setting.process(&memory, &setting.options(), point).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let before = setting.releases();
        let held = options(&setting, for_a_day(&setting));
        run(&held, &setting.tenant(&Killer::at(0)), None).await.unwrap();
        let promotion = setting.run(&memory, &setting.options()).await;
        assert_eq!(setting.releases(), before, "killed at {point}");
        let wanted = if before == 1 { Exit::Done } else { Exit::Refused };
        assert_eq!(promotion.exit, wanted, "killed at {point}: {}", promotion.detail);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_trusted_promotes_nothing() {
    for list in ["holds", "retracted"] {
        for damaged in [
            "{\"schema_version\":1,\"kind\":",
            "{\"schema_version\":9,\"kind\":\"holds\",\"plan\":\"aro-hcp\",\"entries\":[]}",
        ] {
            let setting = Setting::new(|_| ());
            let name = format!("{list}-{}", setting.night.plan);
            setting
                .world
                .kube()
                .change("configmaps", &setting.namespace, &name, |object| {
                    object["data"] = json!({"list.json": damaged});
                });
            let memory = setting.memory("run");
            let promotion = setting.run(&memory, &setting.options()).await;
            assert_eq!(promotion.exit, Exit::Failed, "{list} {damaged}: {}", promotion.detail);
            assert_eq!(setting.releases(), 0, "{list} {damaged}");
            let check = promote::Options { mode: Mode::Check, ..setting.options() };
            assert_eq!(setting.run(&memory, &check).await.exit, Exit::Failed, "{list} {damaged}");
        }
        let setting = Setting::new(|_| ());
        let name = format!("{list}-{}", setting.night.plan);
        setting.world.kube().deny("get", "configmaps");
        let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
        assert_eq!((promotion.exit, setting.releases()), (Exit::Failed, 0), "{list}: not readable");
        setting.world.kube().allow_all();
        assert!(setting.world.kube().delete("configmaps", &setting.namespace, &name));
        let memory = setting.memory("run");
        let check = promote::Options { mode: Mode::Check, ..setting.options() };
        let checked = setting.run(&memory, &check).await;
        assert_eq!(checked.exit, Exit::Done, "{}", checked.detail);
        let table = checked.checks.unwrap().table();
        assert!(
            table.contains(&format!("✗ lists          the ConfigMap {name} is missing")),
            "{table}"
        );
        let promotion = setting.run(&memory, &setting.options()).await;
        assert_eq!(promotion.exit, Exit::Done, "a missing list is empty: {}", promotion.detail);
    }
}
