//! Whether a job's failure is nothing new: all its failing tests are known flakes or known issues.
//!
//! Such a failure may be rerun (`--rerun flaky=N`); it never passes by itself.

use jiff::Timestamp;

use super::document::{History, TestId};
use super::issues::{KnownIssue, KnownIssues};
use super::mark::Ended;
use super::past::{Seen, Tonight};
use super::trend::RECENT;
use crate::image::Digest;

/// How often a failure by known flakes is rerun where nothing else is said. In the simulated
/// seasons (`cargo test -p gate --test seasons`) such a rerun lets no fault through that always
/// shows, but most of those that show in half of the runs, in some night; up to 5 % would have made
/// this 1.
pub const DEFAULT_RERUNS: u32 = 0;

/// Fewer runs show no flake.
const FEW: usize = 10;

/// Fewer failures among the last 30 runs show none either.
const FAILURES: usize = 2;

/// More failing tests are looked at by people: `FailingTests` names no more.
const MOST_TESTS: usize = 50;

/// What is known of images when a flake is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    /// The images that were verified.
    pub verified: &'a [Digest],
    /// When the build of the newest verified image began.
    pub newest_verified_built_at: Option<Timestamp>,
    /// When the build of tonight's image began.
    pub candidate_built_at: Timestamp,
}

/// A test that is known to fail now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flake {
    /// How often it failed, if only once within a run.
    pub failed: usize,
    /// Of how many runs.
    pub of: usize,
}

/// Why a failing test is no known flake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoFlake {
    /// It ran too seldom.
    #[error("it ran in {0} runs before, a known flake in at least {FEW}")]
    TooFewRuns(usize),
    /// It failed too seldom.
    #[error("it failed in {failed} of the last {of} runs, a known flake in at least {FAILURES}")]
    TooFewFailures {
        /// How often.
        failed: usize,
        /// Of how many runs.
        of: usize,
    },
    /// It failed too often.
    #[error("it failed in {failed} of the last {of} runs, a known flake in at most a third")]
    TooManyFailures {
        /// How often.
        failed: usize,
        /// Of how many runs.
        of: usize,
    },
    /// All its failures may be those of images that came after the newest verified one.
    #[error("none of its failures was on a verified image or before the newest one was built")]
    NotBeforeVerified,
    /// It is failing.
    #[error("it did not pass in the last run before")]
    LastNotPassed,
}

/// Whether a test that failed tonight is a known flake.
///
/// - At least 10 runs ran it; it failed in at least 2 of the last 30, and in at most a third of
///   them.
/// - At least one of these failures was on a verified image, or before the build of the newest one
///   began: so it is no fault of what came since.
/// - It passed in the last run before tonight.
/// - A run of an unknown image counts only if it began before tonight's image was built: later ones
///   may have run that very image.
///
/// # Errors
/// The first condition that does not hold.
pub fn known_flake(
    history: &History,
    test: &TestId,
    tonight: Tonight<'_>,
    images: Images<'_>,
) -> Result<Flake, NoFlake> {
    let mut past = history.past(test, tonight);
    past.retain(|seen| {
        seen.run.digest.is_some() || seen.run.started_at < images.candidate_built_at
    });
    if past.len() < FEW {
        return Err(NoFlake::TooFewRuns(past.len()));
    }
    let recent = &past[past.len().saturating_sub(RECENT)..];
    let failures: Vec<&Seen<'_>> = recent.iter().filter(|seen| seen.has_failed()).collect();
    let (failed, of) = (failures.len(), recent.len());
    if failed < FAILURES {
        return Err(NoFlake::TooFewFailures { failed, of });
    }
    if failed * 3 > of {
        return Err(NoFlake::TooManyFailures { failed, of });
    }
    let is_old = |seen: &&Seen<'_>| {
        let run = seen.run;
        run.digest
            .as_ref()
            .is_some_and(|digest| images.verified.contains(digest))
            || images
                .newest_verified_built_at
                .is_some_and(|built| run.started_at < built)
    };
    if !failures.iter().any(is_old) {
        return Err(NoFlake::NotBeforeVerified);
    }
    match recent.last() {
        Some(last) if last.mark.ended == Ended::Passed => Ok(Flake { failed, of }),
        _ => Err(NoFlake::LastNotPassed),
    }
}

/// A test that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing<'a> {
    /// Which test.
    pub id: &'a TestId,
    /// The first line of its failure, where it is known.
    pub message: Option<&'a str>,
}

/// Why a failing test is nothing new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<'a> {
    /// It fails now and then.
    Flake(Flake),
    /// Somebody knows of it.
    Issue(&'a KnownIssue),
}

/// Why a job's failure is no known one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotKnown {
    /// No test failed.
    #[error("no failing test is named")]
    NoTest,
    /// Too many tests failed.
    #[error("{0} tests failed, and at most {MOST_TESTS} can be known")]
    TooMany(usize),
    /// One of them is new.
    #[error("{name}: {why}")]
    Test {
        name: String,
        /// Why it is no known flake; it is no known issue either.
        why: NoFlake,
    },
}

/// Whether all failing tests of a job are known flakes or known issues. `more` tests failed besides
/// those that are named.
///
/// # Errors
/// [`NotKnown`] for the first that is not.
pub fn all_known<'a>(
    history: &History,
    failing: &[Failing<'_>],
    more: usize,
    issues: &'a KnownIssues,
    tonight: Tonight<'_>,
    images: Images<'_>,
) -> Result<Vec<Known<'a>>, NotKnown> {
    if failing.is_empty() && more == 0 {
        return Err(NotKnown::NoTest);
    }
    if more > 0 || failing.len() > MOST_TESTS {
        return Err(NotKnown::TooMany(failing.len() + more));
    }
    let known = |test: &Failing<'_>| {
        if let Some(issue) = issues.of(&test.id.name, test.message, tonight.started_at) {
            return Ok(Known::Issue(issue));
        }
        let flake = known_flake(history, test.id, tonight, images);
        flake
            .map(Known::Flake)
            .map_err(|why| NotKnown::Test { name: test.id.name.clone(), why })
    };
    failing.iter().map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{day, digest, end, history, nightly, scheduled, test};
    use super::super::{Addition, Run};
    use super::*;

    /// The known flake `T` of a past, of which the images of the nights in `verified` were
    /// verified; tonight's was built 6 hours before.
    fn of(nightlies: &str, schedule: &str, verified: &[i64]) -> Result<Flake, NoFlake> {
        flake_of(&history(nightlies, schedule), nightlies.len() as i64, verified)
    }

    fn flake_of(history: &History, n: i64, verified: &[i64]) -> Result<Flake, NoFlake> {
        let built = |n: i64| day(n) - jiff::SignedDuration::from_hours(6);
        let digests: Vec<Digest> = verified.iter().map(|n| digest(*n)).collect();
        let images = Images {
            verified: &digests,
            newest_verified_built_at: verified.last().map(|n| built(*n)),
            candidate_built_at: built(n),
        };
        known_flake(history, &test("T"), Tonight::of(&nightly(n)), images)
    }

    #[test]
    fn a_table_of_pasts() {
        use NoFlake::{
            LastNotPassed, NotBeforeVerified, TooFewFailures, TooFewRuns, TooManyFailures,
        };
        let thirty = "P".repeat(30);
        let flake = |failed, of| Ok(Flake { failed, of });
        for (nightlies, verified, wanted) in [
            // At least ten runs.
            ("PFPFPPPPP", 8, Err(TooFewRuns(9))),
            ("PFPFPPPPSUAP", 8, Err(TooFewRuns(9))),
            ("PFPFPPPPPP", 9, flake(2, 10)),
            // At least two failures of the last 30, at most a third of them.
            ("PPPFPPPPPP", 9, Err(TooFewFailures { failed: 1, of: 10 })),
            (&format!("FF{thirty}"), 31, Err(TooFewFailures { failed: 0, of: 30 })),
            (&format!("FF{}", &thirty[..28]), 29, flake(2, 30)),
            (
                &format!("F{}F{}", &thirty[..15], &thirty[..15]),
                31,
                Err(TooFewFailures { failed: 1, of: 30 }),
            ),
            ("FPPFPPFPPFPP", 11, flake(4, 12)),
            ("FPPFPPFPFFPP", 11, Err(TooManyFailures { failed: 5, of: 12 })),
            ("PFPFPFPPPP", 9, flake(3, 10)),
            ("PFPFPFPKPP", 9, Err(TooManyFailures { failed: 4, of: 10 })),
            // A run in which it failed and passed is a failure.
            ("PKPKPPPPPP", 9, flake(2, 10)),
            // It passed in the last run.
            ("PFPPPPPPPPF", 9, Err(LastNotPassed)),
            ("PFPFPPPPPPK", 9, Err(LastNotPassed)),
            ("PFPFPPPPPPSU", 9, flake(2, 10)),
            // A failure before the build of the newest verified image, or on a verified one.
            ("PPPPPPPFPFP", 6, Err(NotBeforeVerified)),
            ("PPPPPPPFPFP", 7, flake(2, 11)),
            ("PPPPPPPFPFP", 8, flake(2, 11)),
        ] {
            assert_eq!(of(nightlies, "", &[verified]), wanted, "{nightlies} {verified}");
        }
        assert_eq!(of("PFPFPPPPPP", "", &[]), Err(NotBeforeVerified));
        // The newest verified image is older than the failures, but they were on another one of
        // them.
        assert_eq!(of("PPPPPPPFPFP", "", &[9, 2]), flake(2, 11));
    }

    #[test]
    fn a_run_of_an_unknown_image_counts_before_tonights_was_built() {
        // Scheduled runs are 12 hours after the nightly ones, and tonight's image was built 6 hours
        // ago: the last scheduled run, 12 hours ago, counts, one 3 hours ago does not.
        let nightlies = "PPPPPPPPP";
        let counted = |schedule: &str| of(nightlies, schedule, &[8]);
        assert_eq!(counted(" F F    P"), Ok(Flake { failed: 2, of: 12 }));
        assert_eq!(counted(" F F    F"), Err(NoFlake::LastNotPassed));
        // Nor does one that began when the build did.
        for hours in [3, 6] {
            let mut late = history(nightlies, " F F    P");
            let at = day(9) - jiff::SignedDuration::from_hours(hours);
            let run = Run { started_at: at, build_id: "late".into(), ..scheduled(9) };
            late.add(&Addition { run, tests: vec![end("T", 'F')] });
            assert_eq!(flake_of(&late, 9, &[8]), Ok(Flake { failed: 2, of: 12 }), "{hours}");
        }
    }

    #[test]
    fn a_run_that_began_with_the_build_is_not_before_it() {
        let history = history("PPPFPFPPPP", "");
        let of = |built: Timestamp| {
            let images = Images {
                verified: &[],
                newest_verified_built_at: Some(built),
                candidate_built_at: day(9),
            };
            known_flake(&history, &test("T"), Tonight::of(&nightly(10)), images)
        };
        assert_eq!(of(day(3)), Err(NoFlake::NotBeforeVerified));
        let later = day(3) + jiff::SignedDuration::from_secs(1);
        assert_eq!(of(later), Ok(Flake { failed: 2, of: 10 }));
    }

    fn issues() -> KnownIssues {
        let list =
            "- {test: Known*, reason: r, link: https://x.example/1, owner: o, until: 2027-01-01}";
        KnownIssues::read("--known-issues", list).unwrap()
    }

    #[test]
    fn a_failure_is_known_when_all_its_tests_are() {
        let mut history = history("PFPFPPPPPP", "");
        let known = test("KnownBug");
        let (t, new) = (test("T"), test("New"));
        for n in 0..10 {
            let tests = vec![end("T", if n == 1 || n == 3 { 'F' } else { 'P' }), end("New", 'P')];
            history.add(&Addition { run: nightly(n), tests });
        }
        let digests = [digest(9)];
        let images = Images {
            verified: &digests,
            newest_verified_built_at: Some(day(9)),
            candidate_built_at: day(10),
        };
        let issues = issues();
        let night = nightly(10);
        let all = |ids: &[&TestId], more: usize| {
            let failing: Vec<Failing<'_>> =
                ids.iter().map(|id| Failing { id, message: None }).collect();
            all_known(&history, &failing, more, &issues, Tonight::of(&night), images)
                .map(|known| known.len())
                .map_err(|why| why.to_string())
        };
        assert_eq!(all(&[&t, &known], 0), Ok(2));
        assert_eq!(all(&[&known], 0), Ok(1));
        assert_eq!(all(&[], 0).unwrap_err(), "no failing test is named");
        assert_eq!(all(&[&t], 1).unwrap_err(), "2 tests failed, and at most 50 can be known");
        assert_eq!(all(&[&t; 50], 0), Ok(50));
        assert_eq!(all(&[&t; 51], 0).unwrap_err(), "51 tests failed, and at most 50 can be known");
        assert_eq!(
            all(&[&t, &new], 0).unwrap_err(),
            "New: it failed in 0 of the last 10 runs, a known flake in at least 2"
        );
    }
}
