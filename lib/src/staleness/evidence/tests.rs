//! What the sources tell, each question by itself.

use super::*;
use crate::verified::merge;

fn release(uid: &str, reason: &str, completed: Option<&str>) -> ReleaseBrief {
    serde_json::from_value(serde_json::json!({
        "metadata": {"name": format!("r-{uid}"), "uid": uid, "creationTimestamp": "2026-08-20T09:00:00Z"},
        "status": {
            "completionTime": completed,
            "conditions": [{"type": "Released", "status": if reason == "Succeeded" { "True" } else { "False" }, "reason": reason}],
        },
    }))
    .unwrap()
}

#[test]
fn the_live_object_counts() {
    let live = vec![release("1", "Succeeded", Some("2026-08-20T09:06:00Z"))];
    let archived = vec![release("1", "Progressing", None), release("2", "Progressing", None)];
    let merged = merge(live, archived);
    assert_eq!(merged.len(), 2);
    let evidence = Evidence { releases: merged, ..Evidence::default() };
    assert_eq!(evidence.newest().unwrap().release, "r-1");
}

#[test]
fn an_archived_release_that_never_ended_is_no_verified_image() {
    let evidence =
        Evidence { releases: vec![release("2", "Progressing", None)], ..Evidence::default() };
    assert_eq!(evidence.newest(), None);
}

/// One that landed at that hour of the day, of that Snapshot.
fn landed(name: &str, snapshot: &str, hour: u8) -> ReleaseBrief {
    let at = format!("2026-08-20T{hour:02}:00:00Z");
    let mut release = release(name, "Succeeded", Some(at.as_str()));
    release.metadata.name = name.to_owned();
    release.metadata.creation_timestamp = Some(at.parse().unwrap());
    release.spec.snapshot = snapshot.to_owned();
    release.spec.release_plan = "p".into();
    release
}

fn digest(letter: &str) -> Digest {
    format!("sha256:{}", letter.repeat(64)).parse().unwrap()
}

/// The Snapshot `name` with an image of one letter.
fn know(snapshots: &mut Snapshots, name: &str, letter: &str) {
    let image = format!("quay.io/acme/ho@{}", digest(letter));
    let found = serde_json::from_value(serde_json::json!({
        "metadata": {"name": name},
        "spec": {"application": "a", "components": [{"name": "c", "containerImage": image}]},
    }));
    snapshots.note(name, Some(&found.unwrap()));
}

#[test]
fn a_snapshot_is_looked_up_once_and_only_for_what_landed() {
    let mut automatic = landed("auto", "s-1", 9);
    automatic.status.automated = true;
    let mut snapshots = Snapshots::default();
    for (releases, wanted) in [
        (vec![automatic, release("1", "Failed", Some("2026-08-20T09:00:00Z"))], None),
        (vec![landed("r", "", 9), landed("r-0", "s-0", 8)], None),
        (vec![landed("r", "s-1", 9), landed("r-0", "s-0", 8)], Some("s-1")),
    ] {
        let evidence = Evidence { releases, ..Evidence::default() };
        assert_eq!(evidence.to_compare().as_deref(), wanted, "{:?}", evidence.releases);
    }
    know(&mut snapshots, "s-1", "a");
    let releases = vec![landed("r", "s-1", 9), landed("r-0", "s-0", 8)];
    let evidence = Evidence { releases, snapshots, ..Evidence::default() };
    assert_eq!(evidence.to_compare(), None);
}

#[test]
fn an_image_is_certain_by_its_snapshot_or_by_its_releases_name() {
    let ours = format!("p-{}-1", "a".repeat(12));
    let mut known = Snapshots::default();
    know(&mut known, "s-1", "a");
    let silent = vec![Source::silent(SourceName::Snapshots, "503")];
    for (name, snapshots, compared) in [
        ("by-hand", Snapshots::default(), false),
        ("by-hand", known.clone(), true),
        (ours.as_str(), Snapshots::default(), true),
        (ours.as_str(), known, true),
    ] {
        let releases = vec![landed(name, "s-1", 9)];
        let mut evidence = Evidence { releases, snapshots, ..Evidence::default() };
        let newest = evidence.newest().unwrap();
        assert_eq!(newest.compared, compared, "{evidence:?}");
        assert!(!evidence.is_in_doubt(&newest), "all Snapshots can be read");
        evidence.silent.clone_from(&silent);
        assert_eq!(evidence.is_in_doubt(&newest), !compared, "{evidence:?}");
    }
}

#[test]
fn what_was_taken_back_is_not_the_newest_image() {
    let name = |letter: &str| format!("p-{}-1", letter.repeat(12));
    let releases = vec![landed(&name("b"), "", 9), landed(&name("a"), "", 8)];
    let evidence = Evidence { releases, ..Evidence::default() };
    assert_eq!(evidence.newest().unwrap().release, name("b"));
    let evidence = Evidence { retracted: vec![digest("b")], ..evidence };
    assert_eq!(evidence.newest().unwrap().release, name("a"));
}

#[test]
fn the_newest_stamp_is_of_a_run_or_of_a_release() {
    let run = |hour: u8| {
        let at = format!("2026-08-20T{hour:02}:00:00Z");
        serde_json::from_value(
            serde_json::json!({"metadata": {"name": "g", "creationTimestamp": at}}),
        )
        .unwrap()
    };
    let hour = |evidence: Evidence| evidence.last_stamp().map(|at| at.strftime("%H").to_string());
    let releases = || vec![landed("r", "", 8), landed("r-0", "", 9)];
    assert_eq!(hour(Evidence::default()), None);
    for (last, wanted) in [(7, "09"), (10, "10")] {
        let evidence =
            Evidence { runs: vec![run(6), run(last)], releases: releases(), ..Evidence::default() };
        assert_eq!(hour(evidence).as_deref(), Some(wanted));
    }
}
