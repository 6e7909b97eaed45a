//! Fresh, stale, or blind; and why.

use jiff::{SignedDuration, Timestamp};

use super::{Build, Evidence, Quiet, Reach, Source, SourceName, Verified};
use crate::record::{Outcome, Past};
use crate::verified::Image;

/// A nightly gate that was idle for this time, quiet time left out, missed a night (36 hours).
const MISSED: SignedDuration = SignedDuration::from_hours(36);

/// With nothing newer to verify an image may be so many times older.
const NOTHING_NEWER: i32 = 3;

/// The sources by which it is known how old a gate is.
const GATES_AGE: [SourceName; 4] =
    [SourceName::Releases, SourceName::Archive, SourceName::Runs, SourceName::Records];

/// Why there is no newer verified image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The gate did not run.
    DidNotRun {
        /// When it last did anything.
        last: Option<Timestamp>,
    },
    /// The last run ended without a word: it was cancelled outright, or deleted with its Snapshot.
    Killed { run: String, snapshot: Option<String> },
    /// It ran and did not pass.
    RanAndFailed {
        /// The end of the last run in words.
        words: String,
        /// How many runs since the image was verified did not pass.
        runs: usize,
    },
    /// It passed, and nothing was to be promoted, such as by a dry run.
    OnlyTried {
        /// The end of the last run in words.
        words: String,
    },
    /// It passed, and the Release certainly did not land.
    ReleaseFailed {
        /// The end of the last run in words.
        words: String,
    },
    /// It passed, and what became of its Release is not known, or not yet.
    ReleaseUnknown {
        /// The end of the last run in words.
        words: String,
    },
    /// A run is on its way.
    RunningNow { run: String },
    /// There is nothing newer to verify: the newest fit Snapshot has the verified image.
    NothingNewer {
        snapshot: String,
        /// When its build began.
        built_at: Option<Timestamp>,
    },
    /// The sources that would tell did not answer.
    NotKnown,
}

impl Cause {
    /// The cause as one word, for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::DidNotRun { .. } => "did-not-run",
            Self::Killed { .. } => "killed",
            Self::RanAndFailed { .. } => "ran-and-failed",
            Self::OnlyTried { .. } => "only-tried",
            Self::ReleaseFailed { .. } => "release-failed",
            Self::ReleaseUnknown { .. } => "release-unknown",
            Self::RunningNow { .. } => "running-now",
            Self::NothingNewer { .. } => "nothing-newer",
            Self::NotKnown => "not-known",
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The newest verified image is young enough, or the gate itself is, or there is nothing newer.
    Fresh {
        /// The image; none while the gate is younger than the threshold.
        newest: Option<Verified>,
        /// The Snapshot of that image, where the image is old and there is nothing newer to verify.
        nothing_newer: Option<String>,
        /// Sources that did not answer: nothing that they could tell would change this.
        silent: Vec<Source>,
    },
    /// It is too old.
    Stale {
        /// The image; none where none is known.
        newest: Option<Verified>,
        /// How far back one was looked for.
        reach: Reach,
        /// Why there is no newer one.
        cause: Cause,
        /// Sources that did not answer: the age is known without them.
        silent: Vec<Source>,
    },
    /// A source did not answer, and what it would tell could change the finding.
    Blind {
        /// The newest image among what could be read.
        newest: Option<Verified>,
        /// The sources.
        silent: Vec<Source>,
    },
}

/// Whether the newest verified image is too old for itself, so that it matters whether there is a
/// newer build.
pub fn is_old(
    evidence: &Evidence,
    threshold: SignedDuration,
    quiet: &Quiet,
    now: Timestamp,
) -> bool {
    evidence
        .newest()
        .is_some_and(|newest| quiet.age(newest.at, now) > threshold)
}

/// Decides. What the objects show that could be read is certain: they may be all that is needed.
/// Without the list of retracted images the newest one may be one of them.
pub fn judge(
    evidence: &Evidence,
    threshold: SignedDuration,
    quiet: &Quiet,
    now: Timestamp,
) -> Finding {
    match judged(evidence, threshold, quiet, now) {
        Finding::Fresh { newest, silent, .. } if evidence.ignores(SourceName::Retracted) => {
            Finding::Blind { newest, silent }
        }
        finding => finding,
    }
}

fn judged(
    evidence: &Evidence,
    threshold: SignedDuration,
    quiet: &Quiet,
    now: Timestamp,
) -> Finding {
    let newest = evidence.newest();
    let young = |from: Timestamp| quiet.age(from, now) <= threshold;
    let is_fresh = match &newest {
        Some(verified) => young(verified.at),
        // A new gate has as long as an old one for its first image.
        None => evidence.first_activity().is_some_and(young),
    };
    if is_fresh {
        let in_doubt = match &newest {
            Some(newest) => evidence.is_in_doubt(newest),
            // What did not answer may know of an older gate, and of an image that is too old.
            None => GATES_AGE.into_iter().any(|name| evidence.lacks(name)),
        };
        let silent = evidence.silent.clone();
        return match in_doubt {
            true => Finding::Blind { newest, silent },
            false => Finding::Fresh { newest, nothing_newer: None, silent },
        };
    }
    let silent = evidence.silent.clone();
    let cause = cause(evidence, newest.as_ref(), quiet, now);
    let waits = newest
        .as_ref()
        .and_then(|newest| nothing_newer(evidence, newest, &cause, quiet, now));
    // Whatever a source could tell: nothing waits to be verified.
    if let (Some(Cause::NothingNewer { snapshot, .. }), true) =
        (&waits, within(newest.as_ref(), threshold, quiet, now))
    {
        return Finding::Fresh { newest, nothing_newer: Some(snapshot.clone()), silent };
    }
    if might_be_fresh(evidence, newest.as_ref(), threshold, &young, quiet, now) {
        return Finding::Blind { newest, silent: evidence.unanswered() };
    }
    let cause = waits.unwrap_or(cause);
    let silent = if cause == Cause::NotKnown { evidence.unanswered() } else { silent };
    Finding::Stale { newest, reach: evidence.reach, cause, silent }
}

/// Whether the age is one that is allowed with nothing newer to verify.
fn within(
    newest: Option<&Verified>,
    threshold: SignedDuration,
    quiet: &Quiet,
    now: Timestamp,
) -> bool {
    let longest = threshold.saturating_mul(NOTHING_NEWER);
    newest.is_some_and(|newest| quiet.age(newest.at, now) <= longest)
}

/// Whether what did not answer could have shown that all is well.
fn might_be_fresh(
    evidence: &Evidence,
    newest: Option<&Verified>,
    threshold: SignedDuration,
    young: &impl Fn(Timestamp) -> bool,
    quiet: &Quiet,
    now: Timestamp,
) -> bool {
    let by_releases = evidence.silent.iter().any(|source| match source.name {
        SourceName::Releases | SourceName::Archive => source.rest_before.is_none_or(young),
        _ => false,
    });
    // A gate of which nothing is known may have begun yesterday.
    let by_youth = newest.is_none()
        && evidence.first_activity().is_none()
        && [SourceName::Runs, SourceName::Records]
            .into_iter()
            .any(|name| match name {
                SourceName::Records => evidence.lacks(name),
                other => evidence.ignores(other),
            });
    let something_newer = newest.is_some_and(|newest| {
        let newer = |record: &Past| {
            record.created_at > newest.at
                && record.image.as_ref().is_some_and(|image| !newest.image.is(image))
        };
        evidence.records.iter().any(newer)
    });
    let by_quiet = evidence.build.is_none()
        && evidence.lacks(SourceName::Snapshots)
        && !something_newer
        && within(newest, threshold, quiet, now);
    by_releases || by_youth || by_quiet
}

/// That there is nothing to verify that the gate has had time for: the newest Snapshot has the
/// verified image, or the first one after it is so young that no night has come yet.
fn nothing_newer(
    evidence: &Evidence,
    newest: &Verified,
    cause: &Cause,
    quiet: &Quiet,
    now: Timestamp,
) -> Option<Cause> {
    let Some(Build::Fit { snapshot, digest, built_at, waiting_since }) = &evidence.build else {
        return None;
    };
    let same = match &newest.image {
        Image::Snapshot(name) => name == snapshot,
        image => image.is(digest),
    };
    let just_built = matches!(cause, Cause::DidNotRun { .. })
        && waiting_since.is_some_and(|since| quiet.age(since, now) <= MISSED);
    (same || just_built)
        .then(|| Cause::NothingNewer { snapshot: snapshot.clone(), built_at: *built_at })
}

fn cause(evidence: &Evidence, newest: Option<&Verified>, quiet: &Quiet, now: Timestamp) -> Cause {
    if let Some(run) = evidence.runs.iter().find(|run| run.is_in_flight()) {
        return Cause::RunningNow { run: run.metadata.name.clone() };
    }
    if evidence.lacks(SourceName::Runs) {
        return Cause::NotKnown;
    }
    let last = evidence.last_activity();
    let missed = last.is_none_or(|at| quiet.age(at, now) > MISSED);
    if missed && !evidence.lacks(SourceName::Records) {
        // What was not asked for may well have run.
        return match evidence.unasked.contains(&SourceName::Runs) {
            true => Cause::NotKnown,
            false => Cause::DidNotRun { last },
        };
    }
    let since = |record: &&Past| newest.is_none_or(|verified| record.created_at > verified.at);
    let record = evidence.records.iter().find(since);
    // The last word was in a record that cannot be read.
    if evidence.unreadable.iter().max() > record.map(|record| &record.created_at)
        && evidence.unreadable.iter().max() > newest.map(|newest| &newest.at)
    {
        return Cause::NotKnown;
    }
    let Some(record) = record else { return last_run_without_record(evidence) };
    let failures = evidence
        .records
        .iter()
        .filter(since)
        .filter(|record| is_failure(record))
        .count();
    let words = || {
        record
            .words
            .clone()
            .unwrap_or_else(|| format!("run {}", run_of(record)))
    };
    match record.outcome {
        // It has begun and not ended: without the runs it may be on its way.
        None if evidence.unasked.contains(&SourceName::Runs) => Cause::NotKnown,
        // No run of it is in flight.
        None => Cause::Killed { run: run_of(record), snapshot: record.snapshot.clone() },
        Some(Outcome::Refused | Outcome::Undecided | Outcome::Broken | Outcome::Cancelled) => {
            Cause::RanAndFailed { words: words(), runs: failures.max(1) }
        }
        Some(Outcome::Passed) => Cause::OnlyTried { words: words() },
        Some(Outcome::NotReleased) => Cause::ReleaseFailed { words: words() },
        // One that its record calls promoted is seen nowhere, or pushed something else.
        Some(Outcome::ReleaseUnknown | Outcome::ReleasePending | Outcome::Promoted) => {
            Cause::ReleaseUnknown { words: words() }
        }
    }
}

fn run_of(record: &Past) -> String {
    record.run.clone().unwrap_or_else(|| record.name.clone())
}

fn is_failure(record: &Past) -> bool {
    !matches!(record.outcome, Some(Outcome::Promoted | Outcome::Passed))
}

/// A run that left no record: it broke before its first step, or records cannot be read.
fn last_run_without_record(evidence: &Evidence) -> Cause {
    let last = evidence.runs.iter().max_by_key(|run| run.metadata.creation_timestamp);
    match last {
        Some(run) if !evidence.ignores(SourceName::Records) => {
            let words = run.failed_at_once().unwrap_or_else(|| "it left no record".to_owned());
            Cause::RanAndFailed { words: format!("run {}: {words}", run.metadata.name), runs: 1 }
        }
        _ => Cause::NotKnown,
    }
}

#[cfg(test)]
mod tests {
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
        let (idle, runs) =
            (Cause::DidNotRun { last: None }, Cause::RunningNow { run: "r".to_owned() });
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
            let nothing =
                Cause::NothingNewer { snapshot: "s-2".to_owned(), built_at: Some(at(900)) };
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
        let old = |age: i64| Evidence {
            releases: vec![verified("a", 1000 - age)],
            ..Evidence::default()
        };
        let tested = |letter: &str, age: i64| Past {
            image: Some(format!("sha256:{}", letter.repeat(64)).parse().unwrap()),
            ..past(1000 - age, Some(Outcome::Refused))
        };
        let without = |names: &[SourceName], evidence: Evidence| Evidence {
            silent: silent(names),
            ..evidence
        };
        let with = |records: Vec<Past>, evidence: Evidence| Evidence { records, ..evidence };
        let unjudged =
            Build::Unjudged { snapshot: "s-2".to_owned(), why: "no component".to_owned() };
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
            (
                without(&[Snapshots], with(vec![tested("b", 30)], old(100))),
                "ran-and-failed, 1 silent",
            ),
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
            (
                without(&[Runs], with(vec![tested("a", 90)], Evidence::default())),
                "not-known, 1 silent",
            ),
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
}
