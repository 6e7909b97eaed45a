//! The decisions without a cluster.

use super::harness::Setting;
use crate::failure::Exit;
use crate::konflux::labels::RUN_ANNOTATION;
use crate::konflux::{Release, ReleasePlan, Snapshot, fit_plan};
use crate::promote::choose::{Choice, Wanted, choose, name_of};
use crate::promote::{Options, Refusal, checks};
use crate::record::{Candidate, ReleaseRecord, Released};
use crate::support::killer::NEVER;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

const DIGEST: &str = "sha256:1a0d7d21bf82908fb700e0a74975defe72b3141d503bbcb694dd26594e18b2a6";

/// A Release of plan `verified` and Snapshot `ho-1` with a captured status.
fn release(name: &str, status: &str, run: &str) -> Release {
    let cases: Value =
        serde_json::from_str(include_str!("../../konflux/data/releases.json")).unwrap();
    serde_json::from_value(json!({
        "apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Release",
        "metadata": {"name": name, "creationTimestamp": "2026-08-20T06:00:00Z", "annotations": {RUN_ANNOTATION: run}},
        "spec": {"releasePlan": "verified", "snapshot": "ho-1"},
        "status": cases[status]["status"],
    }))
    .unwrap()
}

fn chosen(releases: &[Release], again: bool) -> String {
    chosen_by(None, releases, again)
}

fn chosen_by(noted: Option<&ReleaseRecord>, releases: &[Release], again: bool) -> String {
    let digest = DIGEST.parse().unwrap();
    let wanted =
        Wanted { plan: "verified", snapshot: "ho-1", digest: &digest, run: "this", noted, again };
    match choose(&wanted, releases) {
        Choice::Done { release, .. } => format!("done {}", name_of(release)),
        Choice::Wait(release) => format!("wait {}", name_of(release)),
        Choice::Failed { release, .. } => format!("failed {}", name_of(release)),
        Choice::Unknown { name, .. } => format!("unknown {name}"),
        Choice::Make { name, .. } => format!("make {name}"),
    }
}

#[test]
fn what_exists_decides() {
    const FIRST: &str = "verified-1a0d7d21bf82-1";
    let failed = || release(FIRST, "failed", "another");
    let own = || release(FIRST, "failed", "this");
    let unknown =
        || release("verified-1a0d7d21bf82-2", "failed-snapshot-deleted-while-running", "another");
    assert_eq!(chosen(&[], false), "make verified-1a0d7d21bf82-1");
    assert_eq!(chosen(&[release("x", "progressing", "")], false), "wait x");
    assert_eq!(chosen(&[release("x", "create-response", "")], false), "wait x");
    assert_eq!(chosen(&[release("x", "released", "")], false), "done x");
    assert_eq!(chosen(&[failed()], false), "make verified-1a0d7d21bf82-2");
    assert_eq!(chosen(&[own()], false), format!("failed {FIRST}"));
    assert_eq!(chosen(&[own()], true), "make verified-1a0d7d21bf82-2");
    assert_eq!(
        chosen(&[release("x", "validation-blocked", "")], false),
        "make verified-1a0d7d21bf82-1"
    );
    assert_eq!(chosen(&[failed(), unknown()], true), "unknown verified-1a0d7d21bf82-2");
    assert_eq!(chosen(&[unknown(), release("x", "progressing", "")], false), "wait x");
    assert_eq!(chosen(&[unknown(), release("x", "released", "")], false), "done x");
}

#[test]
fn other_plans_and_snapshots_only_take_names() {
    let mut other = release("verified-1a0d7d21bf82-1", "released", "");
    other.spec.snapshot = "ho-2".to_owned();
    assert_eq!(chosen(std::slice::from_ref(&other), false), "make verified-1a0d7d21bf82-2");
    other.spec.release_plan = "verified-2".to_owned();
    assert_eq!(chosen(&[other], false), "make verified-1a0d7d21bf82-2");
}

#[test]
fn an_automatic_one_is_neither_adopted_nor_in_the_way() {
    for status in ["released", "progressing", "failed", "failed-snapshot-deleted-while-running"] {
        let mut by_label = release("ho-1-0c1d2e3-kq47h", status, "");
        by_label.metadata.labels = Some(
            [("release.appstudio.openshift.io/automated".to_owned(), "true".to_owned())].into(),
        );
        let mut by_status = release("ho-1-0c1d2e3-kq47h", status, "");
        by_status.status.as_mut().unwrap().automated = true;
        for automatic in [by_label.clone(), by_status] {
            assert_eq!(chosen(&[automatic], false), "make verified-1a0d7d21bf82-1", "{status}");
        }
        let ours = release("verified-1a0d7d21bf82-1", "released", "another");
        assert_eq!(chosen(&[by_label, ours], false), "done verified-1a0d7d21bf82-1", "{status}");
    }
    // A label that somebody gave to our own does not make a second one.
    let mut labelled = release("verified-1a0d7d21bf82-1", "progressing", "this");
    labelled.metadata.labels =
        Some([("release.appstudio.openshift.io/automated".to_owned(), "true".to_owned())].into());
    assert_eq!(chosen(&[labelled], false), "wait verified-1a0d7d21bf82-1");
}

/// A record that names an automatic Release as its own is forged or wrong: the annotation is not on
/// that Release.
#[test]
fn a_record_does_not_make_an_automatic_one_ours() {
    let noted = serde_json::from_value(json!({
        "plan": "verified", "name": "ho-1-0c1d2e3-kq47h", "created": true, "released": "unknown",
    }));
    let noted: ReleaseRecord = noted.unwrap();
    for status in ["released", "progressing", "failed", "failed-snapshot-deleted-while-running"] {
        let mut automatic = release("ho-1-0c1d2e3-kq47h", status, "");
        automatic.status.as_mut().unwrap().automated = true;
        let made = chosen_by(Some(&noted), &[automatic], false);
        assert_eq!(made, "make verified-1a0d7d21bf82-1", "{status}");
    }
    assert_eq!(chosen_by(Some(&noted), &[], false), "unknown ho-1-0c1d2e3-kq47h");
}

#[tokio::test(start_paused = true)]
async fn ours_is_made_beside_an_automatic_one_which_is_named() {
    for (reason, status) in [("Succeeded", "True"), ("Progressing", "False")] {
        let setting = Setting::new(|_| ());
        setting.automatic(reason, status);
        let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
        assert_eq!(
            (promotion.exit, promotion.released),
            (Exit::Done, Released::True),
            "{}",
            promotion.detail
        );
        assert_ne!(promotion.release.as_deref(), Some("auto-0c1d2e3-kq47h"));
        assert!(
            promotion
                .detail
                .contains("Release auto-0c1d2e3-kq47h was made automatically"),
            "{}",
            promotion.detail
        );
        assert_eq!(setting.releases(), 2);
        let check = Options { mode: crate::promote::Mode::Check, ..setting.options() };
        let table = setting.run(&setting.memory("run"), &check).await.table();
        assert!(table.contains("auto-0c1d2e3-kq47h was made automatically"), "{table}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_in_flight_counts_for_the_order() {
    // Built in 2030 and in 2017; the night's own Snapshot in between.
    const NEWER: i64 = 1_900_000_000_000;
    const OLDER: i64 = 1_500_000_000_000;
    for (built, state, exit, words) in [
        (
            NEWER,
            "progressing",
            Exit::Refused,
            "is being released at this moment, by Release r-other",
        ),
        (NEWER, "create-response", Exit::Refused, "is being released at this moment"),
        (NEWER, "failed-snapshot-deleted-while-running", Exit::Refused, "may have been released"),
        (NEWER, "failed", Exit::Done, ""),
        (OLDER, "progressing", Exit::Done, ""),
    ] {
        let setting = Setting::new(|_| ());
        setting.released_before("other", Some(built));
        setting.has_status("r-other", state);
        let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
        assert_eq!(promotion.exit, exit, "{state}: {}", promotion.detail);
        assert!(promotion.detail.contains(words), "{state}: {}", promotion.detail);
        if exit == Exit::Refused {
            let allowed = Options { allow_older: true, ..setting.options() };
            assert_eq!(
                setting.run(&setting.memory("run"), &allowed).await.exit,
                Exit::Done,
                "{state}"
            );
        }
    }
    // An automatic one of a newer Snapshot keeps no tested image back.
    let setting = Setting::new(|_| ());
    setting.released_before("other", Some(NEWER));
    setting
        .world
        .kube()
        .change("releases", &setting.namespace, "r-other", |release| {
            release["status"]["automated"] = json!(true);
        });
    assert_eq!(setting.run(&setting.memory("run"), &setting.options()).await.exit, Exit::Done);
}

#[test]
fn one_that_is_being_deleted_is_not_adopted() {
    let mut leaving = release("x", "progressing", "");
    leaving
        .metadata
        .deletion_timestamp
        .clone_from(&leaving.metadata.creation_timestamp);
    assert_eq!(chosen(&[leaving], false), "unknown x");
}

#[test]
fn plans_as_they_are() {
    let plan = |text: &str| serde_json::from_str::<ReleasePlan>(text).unwrap();
    let exit = |plan: Option<&ReleasePlan>| {
        fit_plan("verified", plan).map_err(|problem| Refusal::from(problem).exit)
    };
    assert_eq!(
        exit(Some(&plan(include_str!("../../konflux/data/releaseplan-matched.json")))),
        Ok(())
    );
    assert_eq!(
        exit(Some(&plan(include_str!("../../konflux/data/releaseplan-unmatched.json")))),
        Err(Exit::Failed)
    );
    assert_eq!(
        exit(Some(&plan(include_str!("../../konflux/data/releaseplan-blocked-admission.json")))),
        Err(Exit::Refused)
    );
    assert_eq!(exit(None), Err(Exit::Failed));
    let mut unlabelled = plan(include_str!("../../konflux/data/releaseplan-matched.json"));
    unlabelled.metadata.labels = None;
    assert_eq!(exit(Some(&unlabelled)), Err(Exit::Refused));
}

#[test]
fn groups_are_compared_although_release_service_does_not() {
    let mut plan: ReleasePlan =
        serde_json::from_str(include_str!("../../konflux/data/releaseplan-matched.json")).unwrap();
    let mut snapshot: Snapshot =
        serde_json::from_str(include_str!("../../konflux/data/snapshot.json")).unwrap();
    checks::same_owner(&plan, &snapshot).unwrap();
    (plan.spec.application, snapshot.spec.application) = (None, None);
    (plan.spec.component_group, snapshot.spec.component_group) =
        (Some("a".to_owned()), Some("b".to_owned()));
    assert_eq!(checks::same_owner(&plan, &snapshot).unwrap_err().exit, Exit::Failed);
}

#[tokio::test(start_paused = true)]
async fn order_is_kept() {
    // The night's Snapshot was built before 2026-08-20T06:00:00Z.
    let cases = [
        ("newer", Some(1_900_000_000_000), Exit::Refused),
        ("older", Some(1_500_000_000_000), Exit::Done),
        ("seconds", Some(1_900_000_000), Exit::Refused),
        ("hypershift-operator-20300101-000000-000", None, Exit::Refused),
        ("hypershift-operator-20200101-000000-000", None, Exit::Done),
        // Gone, and the name tells nothing: its Release is as young as can be.
        ("gone", None, Exit::Refused),
    ];
    for (snapshot, built, exit) in cases {
        let setting = Setting::new(|_| ());
        setting.released_before(snapshot, built);
        let promotion = setting.run(&setting.memory("run"), &setting.options()).await;
        assert_eq!(promotion.exit, exit, "{snapshot}: {}", promotion.detail);
        assert_eq!(setting.releases(), if exit == Exit::Done { 2 } else { 1 }, "{snapshot}");
        if exit == Exit::Refused {
            assert_eq!(promotion.released, Released::False);
            let allowed = Options { allow_older: true, ..setting.options() };
            assert_eq!(setting.run(&setting.memory("run"), &allowed).await.exit, Exit::Done);
        }
    }
}

#[test]
fn a_snapshot_that_is_being_deleted_is_gone() {
    let mut found: Snapshot =
        serde_json::from_str(include_str!("../../konflux/data/snapshot.json")).unwrap();
    let component = found.spec.components.as_ref().unwrap()[0].clone();
    let candidate = Candidate {
        component: Some(component.name.clone()),
        ..Candidate::of(component.image().unwrap())
    };
    checks::snapshot(&candidate, "ho-1", Some(&found)).unwrap();
    found.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
    let refusal = checks::snapshot(&candidate, "ho-1", Some(&found)).unwrap_err();
    assert_eq!(refusal.exit, Exit::Failed);
    assert!(refusal.why.contains("is gone"), "{}", refusal.why);
}

/// What contradicts the record stops before anything is asked of the cluster.
#[tokio::test(start_paused = true)]
async fn a_record_of_another_plan_or_two_images_is_misuse() {
    let setting = Setting::new(|_| ());
    let memory = setting.memory("run");
    assert_eq!(setting.run(&memory, &setting.options()).await.exit, Exit::Done);
    let other =
        Options { plan: crate::name::ObjectName::label("another").unwrap(), ..setting.options() };
    let failure = setting.process(&memory, &other, NEVER).await.0.unwrap().unwrap_err();
    assert_eq!(failure.exit, Exit::Misuse);
    assert!(failure.error.to_string().contains("another"), "{}", failure.error);

    let setting = Setting::new(|_| ());
    let memory = setting.memory("run");
    memory.change(|record| record.candidate.as_mut().unwrap().digest = DIGEST.parse().unwrap());
    let failure = setting
        .process(&memory, &setting.options(), NEVER)
        .await
        .0
        .unwrap()
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Misuse);
    assert!(failure.error.to_string().contains("contradicts itself"), "{}", failure.error);
    assert_eq!(setting.releases(), 0);
}
