//! Fresh, stale, blind, and why, in tables.

use super::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour)
}

/// A record that was begun at that hour.
fn past(hour: i64, outcome: Option<Outcome>) -> Past {
    let record = crate::record::GateRecord::begin("id", at(hour));
    let past = Past::of(&kube::api::ObjectMeta::default(), &record);
    Past { outcome, ..past }
}

fn why(evidence: &Evidence) -> String {
    let image = Image::Snapshot("s".to_owned());
    let newest = Verified { release: "r".to_owned(), image, at: at(900), compared: true };
    match cause(evidence, Some(&newest), &Quiet::parse(&[], &[]).unwrap(), at(1000)) {
        Cause::RanAndFailed { runs, .. } => format!("failed {runs}"),
        other => other.word().to_owned(),
    }
}

#[test]
fn why_nothing_newer_was_verified() {
    use Outcome::{NotReleased, Passed, Promoted, Refused, Undecided};
    let refused = |hour| past(hour, Some(Refused));
    for (records, wanted) in [
        (vec![], "did-not-run"),
        (vec![refused(990)], "failed 1"),
        (vec![refused(990), past(980, Some(Undecided)), refused(890)], "failed 2"),
        (vec![refused(990), past(985, Some(Passed))], "failed 1"),
        // A night was missed, or just not yet.
        (vec![refused(964)], "failed 1"),
        (vec![refused(963)], "did-not-run"),
        (vec![past(990, None)], "killed"),
        (vec![past(990, Some(Passed))], "only-tried"),
        (vec![past(990, Some(NotReleased))], "release-failed"),
        (vec![past(990, Some(Promoted))], "release-unknown"),
    ] {
        let told = format!("{records:?}");
        assert_eq!(why(&Evidence { records, ..Evidence::default() }), wanted, "{told}");
    }
}

#[test]
fn what_could_not_be_read_may_tell_otherwise() {
    let refused = || past(990, Some(Outcome::Refused));
    let silent =
        |name| Evidence { silent: vec![Source::silent(name, "503")], ..Evidence::default() };
    let run: crate::tekton::PipelineRun = serde_json::from_value(serde_json::json!({
        "metadata": {"name": "g-1", "creationTimestamp": at(990).to_string()},
        "status": {"startTime": at(990).to_string(), "completionTime": at(991).to_string()},
    }))
    .unwrap();
    let unasked = || Evidence { unasked: vec![SourceName::Runs], ..Evidence::default() };
    for (evidence, wanted) in [
        (Evidence { records: vec![refused()], ..silent(SourceName::Runs) }, "not-known"),
        (silent(SourceName::Records), "not-known"),
        (unasked(), "not-known"),
        (Evidence { records: vec![past(990, None)], ..unasked() }, "not-known"),
        (Evidence { records: vec![refused()], ..unasked() }, "failed 1"),
    ] {
        assert_eq!(why(&evidence), wanted, "{evidence:?}");
    }
    // The last word may be in a record that cannot be read.
    for (unreadable, records, wanted) in [
        (995, vec![refused()], "not-known"),
        (990, vec![refused()], "failed 1"),
        (985, vec![refused()], "failed 1"),
        (901, vec![], "not-known"),
        (900, vec![], "failed 1"),
        // Begun when the image was verified: the run since then is another.
        (899, vec![past(900, None)], "failed 1"),
        (899, vec![], "failed 1"),
    ] {
        let unreadable = vec![at(unreadable)];
        let runs = vec![run.clone()];
        let evidence = Evidence { unreadable, records, runs, ..Evidence::default() };
        assert_eq!(why(&evidence), wanted, "{:?}", evidence.unreadable);
    }
}

#[test]
fn a_run_without_a_record_has_failed_only_where_records_were_read() {
    let run = serde_json::from_str(r#"{"metadata":{"name":"g-1"}}"#).unwrap();
    let mut evidence = Evidence { runs: vec![run], ..Evidence::default() };
    let cause = last_run_without_record(&evidence);
    assert!(matches!(cause, Cause::RanAndFailed { runs: 1, .. }), "{cause:?}");
    evidence.unasked = vec![SourceName::Records];
    assert_eq!(last_run_without_record(&evidence), Cause::NotKnown);
    assert_eq!(last_run_without_record(&Evidence::default()), Cause::NotKnown);
}

#[test]
fn an_image_is_old_beyond_the_threshold() {
    let release: crate::verified::ReleaseBrief = serde_json::from_value(serde_json::json!({
        "metadata": {"name": "r", "creationTimestamp": at(0).to_string()},
        "spec": {"snapshot": "s", "releasePlan": "p"},
        "status": {
            "completionTime": at(0).to_string(),
            "conditions": [{"type": "Released", "status": "True", "reason": "Succeeded"}],
        },
    }))
    .unwrap();
    let quiet = Quiet::parse(&[], &[]).unwrap();
    let (threshold, second) = (SignedDuration::from_hours(48), SignedDuration::from_secs(1));
    let old = |releases: Vec<crate::verified::ReleaseBrief>, now| {
        let evidence = Evidence { releases, ..Evidence::default() };
        is_old(&evidence, threshold, &quiet, now)
    };
    assert!(!old(vec![release.clone()], at(48)));
    assert!(old(vec![release], at(48) + second));
    assert!(!old(Vec::new(), at(480)), "there is none");
}

/// There is nothing newer where the newest Snapshot is of the verified image, or so young that
/// no night has come yet, unless the gate ran since.
#[test]
fn when_there_is_nothing_newer() {
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let quiet = Quiet::parse(&[], &[]).unwrap();
    let (idle, runs) = (Cause::DidNotRun { last: None }, Cause::RunningNow { run: "r".to_owned() });
    for (image, waits, cause, wanted) in [
        (Image::Snapshot("s-2".to_owned()), None, &runs, true),
        (Image::Snapshot("s-1".to_owned()), None, &idle, false),
        (Image::Digest(digest("a")), None, &runs, true),
        (Image::Digest(digest("b")), None, &idle, false),
        (Image::Digest(digest("b")), Some(36), &idle, true),
        (Image::Digest(digest("b")), Some(37), &idle, false),
        (Image::Digest(digest("b")), Some(1), &runs, false),
    ] {
        let build = Build::Fit {
            snapshot: "s-2".to_owned(),
            digest: digest("a").parse().unwrap(),
            built_at: Some(at(900)),
            waiting_since: waits.map(|hours| at(1000 - hours)),
        };
        let evidence = Evidence { build: Some(build), ..Evidence::default() };
        let newest = Verified { release: "r".to_owned(), image, at: at(0), compared: true };
        let told = nothing_newer(&evidence, &newest, cause, &quiet, at(1000));
        let nothing = Cause::NothingNewer { snapshot: "s-2".to_owned(), built_at: Some(at(900)) };
        assert_eq!(told, wanted.then_some(nothing), "{newest:?} {waits:?} {cause:?}");
    }
}

const THRESHOLD: SignedDuration = SignedDuration::from_hours(48);

/// A Release that verified an image of one letter at that hour, as create-release names it.
fn verified(letter: &str, hour: i64) -> crate::verified::ReleaseBrief {
    serde_json::from_value(serde_json::json!({
        "metadata": {"name": format!("p-{}-1", letter.repeat(12)), "creationTimestamp": at(hour).to_string()},
        "spec": {"snapshot": "", "releasePlan": "p"},
        "status": {
            "completionTime": at(hour).to_string(),
            "conditions": [{"type": "Released", "status": "True", "reason": "Succeeded"}],
        },
    }))
    .unwrap()
}

/// The finding at hour 1000, in words.
fn found(evidence: &Evidence) -> String {
    match judge(evidence, THRESHOLD, &Quiet::default(), at(1000)) {
        Finding::Fresh { nothing_newer: None, .. } => "fresh".to_owned(),
        Finding::Fresh { nothing_newer: Some(snapshot), .. } => format!("fresh, of {snapshot}"),
        Finding::Stale { cause, silent, .. } => {
            format!("{}, {} silent", cause.word(), silent.len())
        }
        Finding::Blind { silent, .. } => format!("blind, {} silent", silent.len()),
    }
}

fn silent(names: &[SourceName]) -> Vec<Source> {
    names.iter().map(|name| Source::silent(*name, "503")).collect()
}

/// With nothing newer to verify an image may be three times as old.
#[test]
fn an_image_is_fresh_for_longer_while_nothing_newer_waits() {
    let second = SignedDuration::from_secs(1);
    for (age, wanted) in [
        (48, "fresh"),
        (49, "fresh, of s-2"),
        (144, "fresh, of s-2"),
        (145, "nothing-newer, 0 silent"),
    ] {
        let build = Build::Fit {
            snapshot: "s-2".to_owned(),
            digest: format!("sha256:{}", "a".repeat(64)).parse().unwrap(),
            built_at: None,
            waiting_since: None,
        };
        let releases = vec![verified("a", 1000 - age)];
        let evidence = Evidence { releases, build: Some(build), ..Evidence::default() };
        assert_eq!(found(&evidence), wanted, "{age} hours");
    }
    let newest = |at| Verified {
        release: "r".to_owned(),
        image: Image::Snapshot("s".to_owned()),
        at,
        compared: true,
    };
    let is_within =
        |at_: Timestamp| within(Some(&newest(at_)), THRESHOLD, &Quiet::default(), at(1000));
    assert!(is_within(at(1000 - 144)) && !is_within(at(1000 - 144) - second));
    assert!(!within(None, THRESHOLD, &Quiet::default(), at(1000)), "there is none");
}

/// What did not answer could have shown that all is well: then nobody is told that it is not.
#[test]
fn blind_is_only_who_could_have_found_it_fresh() {
    use SourceName::{Records, Retracted, Runs, Snapshots};
    let old =
        |age: i64| Evidence { releases: vec![verified("a", 1000 - age)], ..Evidence::default() };
    let tested = |letter: &str, age: i64| Past {
        image: Some(format!("sha256:{}", letter.repeat(64)).parse().unwrap()),
        ..past(1000 - age, Some(Outcome::Refused))
    };
    let without =
        |names: &[SourceName], evidence: Evidence| Evidence { silent: silent(names), ..evidence };
    let with = |records: Vec<Past>, evidence: Evidence| Evidence { records, ..evidence };
    let unjudged = Build::Unjudged { snapshot: "s-2".to_owned(), why: "no component".to_owned() };
    for (evidence, wanted) in [
        // Without the list of retracted images the newest one may be one of them.
        (without(&[Retracted], old(1)), "blind, 1 silent"),
        (Evidence { unasked: vec![Retracted], ..old(1) }, "blind, 0 silent"),
        (without(&[Runs], old(1)), "fresh"),
        // The Snapshots may show that nothing newer waits.
        (without(&[Snapshots], old(100)), "blind, 1 silent"),
        (without(&[Snapshots], old(144)), "blind, 1 silent"),
        (without(&[Snapshots], old(145)), "did-not-run, 1 silent"),
        (
            without(&[Snapshots], Evidence { build: Some(unjudged), ..old(100) }),
            "did-not-run, 1 silent",
        ),
        // A newer one was tested since.
        (without(&[Snapshots], with(vec![tested("b", 30)], old(100))), "ran-and-failed, 1 silent"),
        (without(&[Snapshots], with(vec![tested("a", 30)], old(100))), "blind, 1 silent"),
        (without(&[Snapshots], with(vec![tested("b", 100)], old(100))), "blind, 1 silent"),
        (without(&[Snapshots], with(vec![tested("b", 101)], old(100))), "blind, 1 silent"),
        (
            without(&[Snapshots], with(vec![past(970, Some(Outcome::Refused))], old(100))),
            "blind, 1 silent",
        ),
        // A gate of which nothing is known may have begun yesterday.
        (without(&[Records], Evidence::default()), "blind, 1 silent"),
        (Evidence { unasked: vec![Runs], ..Evidence::default() }, "blind, 1 silent"),
        (without(&[Records], old(200)), "not-known, 1 silent"),
        (without(&[Runs], with(vec![tested("a", 90)], Evidence::default())), "not-known, 1 silent"),
        // Whoever was not asked is named only where the cause is not known.
        (Evidence { unasked: vec![Runs], ..old(200) }, "not-known, 1 silent"),
        (
            with(vec![tested("b", 30)], Evidence { unasked: vec![Runs], ..old(200) }),
            "ran-and-failed, 0 silent",
        ),
    ] {
        assert_eq!(found(&evidence), wanted, "{evidence:?}");
    }
}
