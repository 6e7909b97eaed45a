//! What a failing test's past says of its failure, in a few words.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::document::{History, TestId};
use super::mark::Ended;
use super::past::{Seen, Tonight};
use super::run::Origin;

/// Fewer runs say nothing.
const FEW: usize = 5;

/// How many of the last runs the rate of a flaky test is of.
pub(super) const RECENT: usize = 30;

/// What began at most so far apart began at about the same time (3 days): a schedule runs daily,
/// and a night may be missing.
const NEAR: SignedDuration = SignedDuration::from_hours(72);

/// What a failing test's past says. The first that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trend {
    /// It ran too seldom to say anything.
    TooFewRuns {
        /// In how many runs.
        runs: usize,
    },
    /// It fails in scheduled runs with other images as well, since about the same time.
    AlsoWithoutUs {
        /// The first of them.
        build_id: String,
        /// When that began.
        since: Timestamp,
    },
    /// It has failed in each run since.
    FailingSince {
        /// The first of them.
        build_id: String,
        /// When that began.
        since: Timestamp,
    },
    /// It fails now and then.
    Flaky {
        /// How often it failed, if only once within a run.
        failed: usize,
        /// Of how many runs: the last 30, or all where it failed in none of those.
        of: usize,
    },
    /// It never failed before.
    New {
        /// In how many runs it passed.
        passed: usize,
    },
}

impl Trend {
    /// In three words, more or less: for a place beside the test's name.
    pub fn brief(&self) -> String {
        let day = |at: &Timestamp| at.strftime("%Y-%m-%d").to_string();
        match self {
            Self::TooFewRuns { .. } => "too few runs".to_owned(),
            Self::AlsoWithoutUs { .. } => "also without us".to_owned(),
            Self::FailingSince { since, .. } => format!("failing since {}", day(since)),
            Self::Flaky { failed, of } => format!("flaky, {failed} of {of}"),
            Self::New { passed } => format!("new, passed {passed} before"),
        }
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |at: &Timestamp| at.strftime("%Y-%m-%d").to_string();
        match self {
            Self::TooFewRuns { runs } => write!(f, "too few runs ({runs})"),
            Self::AlsoWithoutUs { since, .. } => write!(f, "also without us since {}", day(since)),
            Self::FailingSince { build_id, since } => {
                write!(f, "failing since {} (run {build_id})", day(since))
            }
            Self::Flaky { failed, of } => write!(f, "flaky: {failed} of {of}"),
            Self::New { passed } => write!(f, "NEW: passed {passed} of {passed} before"),
        }
    }
}

/// What the past of a test that failed tonight says.
pub fn trend(history: &History, test: &TestId, tonight: Tonight<'_>) -> Trend {
    let past = history.past(test, tonight);
    if past.len() < FEW {
        return Trend::TooFewRuns { runs: past.len() };
    }
    let is_other = |seen: &&Seen<'_>| {
        seen.run.origin == Origin::Schedule
            && (seen.run.digest.is_none() || seen.run.digest.as_ref() != tonight.digest)
    };
    let (others, ours): (Vec<Seen<'_>>, Vec<Seen<'_>>) = past.iter().partition(is_other);
    let our_streak = streak(&ours);
    if let Some(first) = without_us(&past, &ours, &others, tonight) {
        return Trend::AlsoWithoutUs {
            build_id: first.run.build_id.clone(),
            since: first.run.started_at,
        };
    }
    // A scheduled pass with another image ends no row of failures of ours.
    let since = if ours.is_empty() { streak(&past).first() } else { our_streak.first() };
    if let Some(first) = since {
        return Trend::FailingSince {
            build_id: first.run.build_id.clone(),
            since: first.run.started_at,
        };
    }
    let recent = &past[past.len().saturating_sub(RECENT)..];
    let failures = |seen: &[Seen<'_>]| seen.iter().filter(|seen| seen.has_failed()).count();
    match (failures(recent), failures(&past)) {
        (0, 0) => Trend::New { passed: past.len() },
        (0, failed) => Trend::Flaky { failed, of: past.len() },
        (failed, _) => Trend::Flaky { failed, of: recent.len() },
    }
}

/// The last runs, as long as the test failed in each.
fn streak<'a, 'b>(seen: &'b [Seen<'a>]) -> &'b [Seen<'a>] {
    let failures = seen
        .iter()
        .rev()
        .take_while(|seen| seen.mark.ended == Ended::Failed)
        .count();
    &seen[seen.len() - failures..]
}

/// The scheduled run with which the test began to fail without our image, where it did so at about
/// the same time as with it. A single such failure may be chance where the test has failed before.
fn without_us<'a>(
    past: &[Seen<'_>],
    ours: &[Seen<'_>],
    others: &[Seen<'a>],
    tonight: Tonight<'_>,
) -> Option<Seen<'a>> {
    let (our_streak, their_streak) = (streak(ours), streak(others));
    let first = *their_streak.first()?;
    let began = first.run.started_at;
    let ours_began = our_streak
        .first()
        .map_or(tonight.started_at, |seen| seen.run.started_at);
    // Ours may have begun at any time since the last run of ours that did not fail.
    let last_good = ours[..ours.len() - our_streak.len()]
        .last()
        .map(|seen| seen.run.started_at);
    let is_near = last_good.is_none_or(|good| good.duration_since(began) <= NEAR)
        && began.duration_since(ours_began) <= NEAR;
    let failures = past.iter().filter(|seen| seen.has_failed()).count();
    let is_first = failures == our_streak.len() + their_streak.len();
    (is_near && (their_streak.len() > 1 || is_first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::Run;
    use super::super::samples::{day, digest, history, nightly, scheduled, test, with};
    use super::*;

    /// The trend of `T`, which failed in the night after the last letter.
    fn of(nightlies: &str, schedule: &str) -> String {
        let n = nightlies.len() as i64;
        let history = history(nightlies, schedule);
        let tonight = digest(n);
        let tonight = Tonight { build_id: Some("x"), started_at: day(n), digest: Some(&tonight) };
        trend(&history, &test("T"), tonight).to_string()
    }

    #[test]
    fn a_table_of_pasts() {
        let long = "P".repeat(60);
        for (nightlies, schedule, wanted) in [
            // Too few runs: what did not run does not count.
            ("", "", "too few runs (0)"),
            ("PPPP", "", "too few runs (4)"),
            ("FFFF", "", "too few runs (4)"),
            ("PPPPSAU", "", "too few runs (4)"),
            ("PPP", "P", "too few runs (4)"),
            // New.
            ("PPPPP", "", "NEW: passed 5 of 5 before"),
            ("PPPPPSAU", "", "NEW: passed 5 of 5 before"),
            ("PPP", "PP", "NEW: passed 5 of 5 before"),
            // Flaky: a failure within a run is one, and it is of the last 30 where there is one.
            ("PPPFPP", "", "flaky: 1 of 6"),
            ("PPPKPP", "", "flaky: 1 of 6"),
            ("PPFPFPKPP", "", "flaky: 3 of 9"),
            (&format!("FF{long}"), "", "flaky: 2 of 62"),
            (&format!("F{long}FP"), "", "flaky: 1 of 30"),
            // A flake ended the row.
            ("PPPFFKPP", "", "flaky: 3 of 8"),
            ("PPPPFFK", "", "flaky: 3 of 7"),
            // Failing since.
            ("PPPPPF", "", "failing since 2026-06-06 (run n0005)"),
            ("PPPPFFF", "", "failing since 2026-06-05 (run n0004)"),
            ("PPPPFSUAF", "", "failing since 2026-06-05 (run n0004)"),
            ("FFFFF", "", "failing since 2026-06-01 (run n0000)"),
            // Scheduled passes with other images do not end it, nor do they make it flaky.
            ("PPPPFF", "PPPPPP", "failing since 2026-06-05 (run n0004)"),
            // Only scheduled runs are known: it has failed for long before ours began.
            ("          ", "PPPPPPFFFF", "also without us since 2026-06-07"),
            ("          ", "PPPPPPPPPP", "NEW: passed 10 of 10 before"),
            // Also without us.
            ("PPPPPP", "PPPPPF", "also without us since 2026-06-06"),
            ("PPPPPP", "PPPFFF", "also without us since 2026-06-04"),
            ("PPPPFF", "PPPPFF", "also without us since 2026-06-05"),
            ("PPPPFF", "PPPFFF", "also without us since 2026-06-04"),
            ("PPPFFF", "PPPPPF", "also without us since 2026-06-06"),
            // Not at the same time: theirs began long before ours last passed, or long after.
            ("PPPPPPPPP", "PPFFFFFFF", "flaky: 7 of 18"),
            ("PPPFFFFFF", "PPPPPPPFF", "failing since 2026-06-04 (run n0003)"),
            // Theirs passed again.
            ("PPPPPF", "PPPPFP", "failing since 2026-06-06 (run n0005)"),
            // A single failure of a test that failed before may be chance; two in a row are not.
            ("PPFPPP", "PPPPPF", "flaky: 2 of 12"),
            ("PPFPPP", "PPPPFF", "also without us since 2026-06-05"),
        ] {
            assert_eq!(of(nightlies, schedule), wanted, "{nightlies:?} {schedule:?}");
        }
    }

    #[test]
    fn a_scheduled_run_with_our_image_is_one_of_ours() {
        let mut history = history("PPPPP", "");
        let ours = Run { digest: Some(digest(5)), ..scheduled(4) };
        history.add(&with(ours, 'F'));
        let trend_with = |image: i64| {
            let digest = digest(image);
            let tonight = Tonight { build_id: None, started_at: day(5), digest: Some(&digest) };
            trend(&history, &test("T"), tonight).to_string()
        };
        assert_eq!(trend_with(5), "failing since 2026-06-05 (run s0004)");
        assert_eq!(trend_with(6), "also without us since 2026-06-05");
    }

    #[test]
    fn tonight_itself_and_what_came_later_are_left_out() {
        let history = history("PPPPPFFF", "");
        for (night, wanted) in
            [(5, "NEW: passed 5 of 5 before"), (6, "failing since 2026-06-06 (run n0005)")]
        {
            let run = nightly(night);
            assert_eq!(trend(&history, &test("T"), Tonight::of(&run)).to_string(), wanted);
        }
        assert_eq!(
            trend(&history, &test("Renamed"), Tonight::of(&nightly(5))),
            Trend::TooFewRuns { runs: 0 }
        );
    }

    #[test]
    fn reruns_retests_and_probes_change_nothing() {
        for nightlies in ["PPPPP", "PPFPPP", "PPPPF", "PPP"] {
            let mut other = history(nightlies, "");
            for (n, origin) in [Origin::Rerun, Origin::Retest, Origin::Bisect, Origin::Other]
                .into_iter()
                .enumerate()
            {
                let n = n as i64;
                let build_id = format!("extra{n}");
                other.add(&with(Run { origin, build_id, ..nightly(n) }, 'F'));
            }
            let night = nightly(nightlies.len() as i64);
            let tonight = Tonight::of(&night);
            let plain = history(nightlies, "");
            assert_eq!(trend(&other, &test("T"), tonight), trend(&plain, &test("T"), tonight));
        }
    }
}
