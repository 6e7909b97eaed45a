//! What a job's history says of the run that was judged, all of it at once: for the record, the
//! message and a rerun.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::document::{History, TestId};
use super::flaky::{Failing, Images, all_known};
use super::issues::KnownIssues;
use super::past::Tonight;
use super::regression::OpenRegression;
use super::run::Origin;
use super::suspects::suspects;
use super::trend::{Trend, trend};
use crate::record::{HistoryNote, PastKind, SuspectRange, TestPast};
use crate::text;

/// No more regressions are told of a job.
const MOST_REGRESSIONS: usize = 5;

/// Bytes of a regression or a known issue in words.
const WORDS: usize = 300;

/// A failing test, as the record names it and as the history knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingTest {
    /// The name in the record.
    pub name: String,
    /// Which test.
    pub id: TestId,
    /// The first line of its failure.
    pub message: String,
}

/// What is known of the run.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The run.
    pub tonight: Tonight<'a>,
    /// Tests that failed, as far as they are named.
    pub failing: &'a [FailingTest],
    /// How many failed besides.
    pub more: usize,
    /// Failures that somebody knows of.
    pub issues: &'a KnownIssues,
    /// What is known of images; without it nothing counts as a known flake.
    pub images: Option<Images<'a>>,
    /// The git revision of tonight's image.
    pub revision: Option<&'a str>,
    /// Where that revision is from.
    pub repository: Option<&'a str>,
    /// The Snapshot of tonight's image.
    pub snapshot: Option<&'a str>,
    /// The hash of the job's definition.
    pub definition: Option<&'a str>,
}

/// What the runs before tonight say of it. `open` are the regressions that are open with tonight's run
/// taken into account.
pub fn tell(history: &History, open: &[OpenRegression], question: Question<'_>) -> HistoryNote {
    let Question { tonight, failing, .. } = question;
    let regression = |id: &TestId| {
        open.iter()
            .any(|open| open.test.as_ref() == Some(id) && !open.without_us)
    };
    let mut tests = Vec::new();
    let mut range = None;
    for test in failing {
        let trend = trend(history, &test.id, tonight);
        let kind = if regression(&test.id) { PastKind::Regression } else { kind(&trend) };
        let issue = question.issues.of(&test.name, said(test), tonight.started_at);
        tests.push(TestPast {
            name: test.name.clone(),
            kind,
            words: trend.brief(),
            issue: issue.map(|issue| text::one_line(&issue.to_string(), WORDS)),
        });
        let is_ours = matches!(kind, PastKind::Regression | PastKind::New | PastKind::FailingSince);
        if is_ours && issue.is_none() {
            range = range.or_else(|| suspect_range(history, test, question));
        }
    }
    let mut told: Vec<&OpenRegression> = open
        .iter()
        .filter(|open| match &open.test {
            Some(id) => failing.iter().any(|test| test.id == *id),
            None => !failing.is_empty(),
        })
        .collect();
    told.sort_by_key(|open| (open.without_us, Reverse(open.opened_at)));
    told.truncate(MOST_REGRESSIONS);
    let words = |open: &OpenRegression| text::one_line(&open.to_string(), WORDS);
    HistoryNote {
        tests,
        regressions: told.into_iter().map(words).collect(),
        suspects: range,
        job_changed: job_changed(history, question),
        all_known: is_known(history, question),
    }
}

fn kind(trend: &Trend) -> PastKind {
    match trend {
        Trend::TooFewRuns { .. } => PastKind::TooFewRuns,
        Trend::AlsoWithoutUs { .. } => PastKind::AlsoWithoutUs,
        Trend::FailingSince { .. } => PastKind::FailingSince,
        Trend::Flaky { .. } => PastKind::Flaky,
        Trend::New { .. } => PastKind::New,
    }
}

fn said(test: &FailingTest) -> Option<&str> {
    Some(test.message.as_str()).filter(|message| !message.is_empty())
}

fn is_known(history: &History, question: Question<'_>) -> bool {
    let failing: Vec<Failing<'_>> = question
        .failing
        .iter()
        .map(|test| Failing { id: &test.id, message: said(test) })
        .collect();
    // Of unknown images no failure is old, so that only known issues are left.
    let unknown = Images {
        verified: &[],
        newest_verified_built_at: None,
        candidate_built_at: Timestamp::MIN,
    };
    let images = question.images.unwrap_or(unknown);
    let Question { more, issues, tonight, .. } = question;
    all_known(history, &failing, more, issues, tonight, images).is_ok()
}

fn suspect_range(
    history: &History,
    test: &FailingTest,
    question: Question<'_>,
) -> Option<SuspectRange> {
    let Question { tonight, revision, repository, .. } = question;
    let found = suspects(history, &test.id, tonight, revision, repository, &[])?;
    let bad = match found.bad {
        Some(run) => run.snapshot.as_deref(),
        None => question.snapshot,
    };
    Some(SuspectRange {
        test: test.name.clone(),
        good: found.good.snapshot.clone(),
        bad: bad.map(str::to_owned),
        compare: found.compare,
    })
}

/// Since when the job is another than in its last pass. Only nightly runs are compared: what a
/// scheduled run is given may differ without the job having changed.
fn job_changed(history: &History, question: Question<'_>) -> Option<Timestamp> {
    let Question { tonight, definition, failing, .. } = question;
    let now = definition.filter(|_| !failing.is_empty())?;
    let nightly = history.runs().iter().rev();
    let known = nightly.filter(|run| {
        run.origin == Origin::Nightly && tonight.is_after(run) && run.definition.is_some()
    });
    let mut since = tonight.started_at;
    for run in known {
        let same = run.definition.as_deref() == Some(now);
        match (same, run.passed()) {
            (true, true) => return None,
            (true, false) => since = run.started_at,
            (false, true) => return Some(since),
            // It may have changed more than once since it passed.
            (false, false) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::samples::{day, digest, history, nightly, test};
    use super::super::{Judged, regression};
    use super::*;
    use crate::record::Cause;

    fn failing() -> FailingTest {
        FailingTest { name: "T".to_owned(), id: test("T"), message: "boom".to_owned() }
    }

    fn told(history: &History, n: i64, issues: &str, images: Option<Images<'_>>) -> HistoryNote {
        let run = nightly(n);
        let failing = [failing()];
        let issues = KnownIssues::read("--known-issues", issues).unwrap();
        let revision = format!("{n:040x}");
        let question = Question {
            tonight: Tonight::of(&run),
            failing: &failing,
            more: 0,
            issues: &issues,
            images,
            revision: Some(&revision),
            repository: Some("https://github.com/acme/ho"),
            snapshot: Some("tonight"),
            definition: None,
        };
        let open = regression::look(history, day(n)).open;
        tell(history, &open, question)
    }

    #[test]
    fn a_new_failure_has_suspects() {
        let told = told(&history("PPPPPP", ""), 6, "", None);
        let past = &told.tests[0];
        assert_eq!((past.kind, past.words.as_str()), (PastKind::New, "new, passed 6 before"));
        let range = told.suspects.unwrap();
        assert_eq!((range.good.as_deref(), range.bad.as_deref()), (Some("s-5"), Some("tonight")));
        assert!(range.compare.unwrap().ends_with(&format!("{:040x}...{:040x}", 5, 6)));
        assert!(!told.all_known && told.regressions.is_empty());
    }

    #[test]
    fn a_regression_is_told_as_one() {
        let history = history(&format!("{}FFF", "P".repeat(34)), "");
        let told = told(&history, 37, "", None);
        assert_eq!(told.tests[0].kind, PastKind::Regression);
        assert!(told.regressions[0].starts_with("T failed 3 of"), "{:?}", told.regressions);
        assert_eq!(told.suspects.unwrap().good.as_deref(), Some("s-33"));
    }

    #[test]
    fn a_known_flake_needs_to_be_known_of_an_old_image() {
        let flaky = history(&"PPPFPPPPPPPPFPPP".repeat(2), "");
        let verified = [digest(3)];
        let images = Images {
            verified: &verified,
            newest_verified_built_at: None,
            candidate_built_at: day(31),
        };
        let known = told(&flaky, 32, "", Some(images));
        assert_eq!(
            (known.tests[0].kind, known.tests[0].words.as_str(), known.all_known),
            (PastKind::Flaky, "flaky, 4 of 30", true)
        );
        assert!(known.suspects.is_none());
        assert!(!told(&flaky, 32, "", None).all_known);
    }

    #[test]
    fn a_known_issue_is_named() {
        let list = "- {test: T, message: 'b*', reason: leak, link: 'https://issues.example/1', owner: me, until: 2026-12-01}";
        let known = told(&history("PPPPPP", ""), 6, list, None);
        assert!(known.all_known && known.suspects.is_none());
        assert!(known.tests[0].issue.as_ref().unwrap().starts_with("leak (me"));
    }

    #[test]
    fn a_job_that_changed_since_it_passed() {
        let run = |n: i64, definition: &str, cause: Cause| {
            let judged = Some(Judged { at: day(n), cause });
            let definition = Some(definition.to_owned());
            super::super::Run { judged, definition, ..nightly(n) }
        };
        use Cause::{Passed as P, Product as F};
        let changed = |runs: &[(&str, Cause)]| {
            let mut history = History::of_job("j");
            for (n, (definition, cause)) in (0..).zip(runs) {
                history.add(&super::super::Addition {
                    run: run(n, definition, *cause),
                    tests: Vec::new(),
                });
            }
            let tonight = nightly(9);
            let failing = [failing()];
            let question = Question {
                tonight: Tonight::of(&tonight),
                failing: &failing,
                more: 0,
                issues: &KnownIssues::default(),
                images: None,
                revision: None,
                repository: None,
                snapshot: None,
                definition: Some("b"),
            };
            tell(&history, &[], question).job_changed
        };
        assert_eq!(changed(&[("a", P), ("b", P)]), None);
        assert_eq!(changed(&[("a", P)]), Some(day(9)));
        assert_eq!(changed(&[("a", P), ("b", F), ("b", F)]), Some(day(1)));
        assert_eq!(changed(&[("a", F), ("b", F)]), None, "nothing is known of a pass");
        assert_eq!(changed(&[]), None);
    }
}
