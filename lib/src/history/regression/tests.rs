//! What is opened, followed and closed, night after night.

use super::super::run::Judged;
use super::super::samples::{day, end, history, nightly, scheduled, test, with};
use super::super::{Addition, Run};
use super::*;
use crate::record::Cause;

/// What is found in the night of the last letter; the job itself left out.
fn found(letters: &str, schedule: &str) -> Vec<OpenRegression> {
    let nights = letters.len() as i64;
    let found = look(&history(letters, schedule), day(nights - 1)).open;
    found.into_iter().filter(|open| open.test.is_some()).collect()
}

fn counts(failed: u32, passed: u32) -> Counts {
    Counts { failed, passed }
}

#[test]
fn a_table_of_months_and_weeks() {
    let months = "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPP";
    let ten_percent = "PPPPFPPPPPPPPPPPPFPPPPPPPPPPFP";
    for (month, week, wanted) in [
        (months, "PPPPPPP", None),
        // Fewer than three failures.
        (months, "PPPPPFF", None),
        (months, "PPPPFFF", Some(3)),
        (months, "PFPFPPF", Some(3)),
        // A flake counts as a pass.
        (months, "PPPKKFF", None),
        (months, "KKKKKKK", None),
        // Skipped, absent and unknown are no runs.
        (months, "ASUSFFF", Some(3)),
        // Of a basis that fails once in ten nights, three failures are p 0.068, four 0.015.
        (ten_percent, "PPPPFFF", None),
        (ten_percent, "PPPFFFF", Some(4)),
        // It failed as often before.
        ("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "FFFFFFF", None),
        // Without a basis nothing can be said.
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "FFFFFFF", None),
        ("                              ", "FFFFFFF", None),
    ] {
        let found = found(&format!("{month}{week}"), "");
        let failed = found.first().map(|open| open.sample.failed);
        assert_eq!(failed, wanted, "{month} {week}: {found:?}");
    }
}

#[test]
fn the_windows_end_where_they_should() {
    // Day 37 is tonight: days 31 to 37 are the sample, 1 to 30 the basis, 0 is too old.
    let letters = format!("F{}{}", "P".repeat(30), "PPPPFFF");
    let found = found(&letters, "");
    assert_eq!((found[0].sample, found[0].basis), (counts(3, 4), counts(0, 30)));
    assert_eq!(found[0].basis_to, day(30));
    assert!((found[0].p - 35.0 / 7770.0).abs() < 1e-12, "{}", found[0].p);
    assert_eq!(
        found[0].to_string(),
        "T failed 3 of 7 this week against 0 of 30 in the 30 days before, p 0.005, since 2026-07-08"
    );
    for (p, wanted) in [(0.0004, "p under 0.001,"), (0.001, "p 0.001,"), (0.0123, "p 0.012,")] {
        let words = OpenRegression { p, ..found[0].clone() }.to_string();
        assert!(words.contains(wanted), "{p}: {words}");
    }
}

#[test]
fn a_drop_of_five_points_is_not_enough() {
    let mut history = History::of_job("j");
    // 9 of 100 against 4 of 100 would be a drop of exactly 5 points; with these many runs p
    // alone would do.
    let mut add = |n: usize, start: Timestamp, failed: bool| {
        let run = Run { started_at: start, ..nightly(n as i64) };
        history.add(&Addition { run, tests: vec![end("T", if failed { 'F' } else { 'P' })] });
    };
    for n in 0..100 {
        add(n, day(1) + SignedDuration::from_mins(n as i64), false);
        add(n + 100, day(35) + SignedDuration::from_mins(n as i64), n < 5);
    }
    let test = history.tests()[0].clone();
    let windows = Windows::at(day(36));
    let Tally { sample, basis, .. } = of_test(&test, &windows.places(&history)).unwrap();
    assert_eq!((sample, basis), (counts(5, 95), counts(0, 100)));
    assert!(fisher(sample, basis) < OPENS);
    assert_eq!(look(&history, day(36)).open, []);
}

#[test]
fn a_drop_is_what_is_more_than_in_the_month_before() {
    let opened = |failed: u32| {
        let (sample, basis) = (counts(failed, 1000 - failed), counts(60, 940));
        assert!(fisher(sample, basis) < OPENS);
        let tally = Tally { sample, basis, ..Tally::default() };
        let night = day(36).to_zoned(TimeZone::UTC).date();
        open(vec![(None, tally)], day(36), &Windows::at(day(36)), night).len()
    };
    assert_eq!([opened(100), opened(120)], [0, 1], "6 % and 4 or 6 points more");
}

#[test]
fn tests_that_are_gone_hide_no_new_regression() {
    let mut history = History::of_job("j");
    for n in 0..37 {
        let gone = (0..60).filter(|_| n < 30);
        let mut tests: Vec<_> = gone
            .map(|t| end(&format!("T{t:02}"), if (n + t) % 10 == 0 { 'F' } else { 'P' }))
            .collect();
        tests.push(end("New", if n > 33 { 'F' } else { 'P' }));
        history.add(&Addition { run: nightly(n), tests });
    }
    // p 0.0045 is less than 0.05 of one test, and more than 0.05 of 61.
    let found = look(&history, day(36)).open;
    let tests: Vec<_> = found.iter().map(|open| open.test.clone()).collect();
    assert_eq!(tests, [Some(test("New"))]);
}

#[test]
fn one_of_many_tests_needs_more() {
    // 60 tests that fail three times in 37 nights by chance: each alone might be a regression.
    let mut history = History::of_job("j");
    for n in 0..37 {
        let mut tests: Vec<_> = (0..60)
            .map(|t| end(&format!("T{t:02}"), if (n + t) % 12 == 0 { 'F' } else { 'P' }))
            .collect();
        tests.push(end("New", if n > 33 { 'F' } else { 'P' }));
        history.add(&Addition { run: nightly(n), tests });
    }
    // p 0.0045 is more than 0.05 of 61.
    assert_eq!(look(&history, day(36)).open, []);
    let alone = found(&format!("{}FFF", "P".repeat(34)), "");
    assert_eq!(alone.len(), 1);
}

#[test]
fn an_open_one_keeps_its_basis_and_closes_after_five_quiet_nights() {
    let mut history = history(&format!("{}FFF", "P".repeat(34)), "");
    let opened = look(&history, day(36));
    assert_eq!((opened.open.len(), opened.new), (1, 1));
    history.set_regressions(opened.open);
    let mut story = String::new();
    let mut closed_at = None;
    // It goes on failing for a month, so that its own basis would be gone, and is then mended.
    for n in 37..90 {
        let letter = if n < 70 { 'F' } else { 'P' };
        history.add(&Addition { run: nightly(n), tests: vec![end("T", letter)] });
        let once = look(&history, day(n));
        assert_eq!(once.new, 0, "night {n}");
        history.set_regressions(once.open.clone());
        let twice = look(&history, day(n) + SignedDuration::from_hours(2));
        if once.closed.is_empty() {
            assert_eq!(twice.open, once.open, "night {n}");
        }
        let quiet = once.open.first().map(|open| {
            assert_eq!((open.basis, open.opened_at), (counts(0, 30), day(36)));
            open.quiet
        });
        story += &quiet.map_or("-".to_owned(), |quiet| quiet.to_string());
        closed_at = closed_at.or((!once.closed.is_empty()).then_some(n));
    }
    // Of 7 nights one failure is p 0.19 against 0 of 30, two are 0.03.
    assert_eq!(story, format!("{}1234{}", "0".repeat(38), "-".repeat(11)));
    assert_eq!(closed_at, Some(79));
}

#[test]
fn an_open_one_tells_of_this_week() {
    let month = "P".repeat(30);
    let mut history = history(&format!("{month}PPPPFFF"), &format!("{month}PPPPP"));
    let opened = look(&history, day(36)).open;
    assert_eq!((opened[0].sample, opened[0].without_us), (counts(3, 10), false));
    history.set_regressions(opened);
    for run in [scheduled(35), scheduled(36), nightly(37)] {
        history.add(&with(run, 'F'));
    }
    let open = &look(&history, day(37)).open[0];
    let (sample, basis) = (counts(6, 8), counts(0, 59));
    assert_eq!((open.sample, open.basis, open.without_us), (sample, basis, true));
    assert_eq!(open.p, fisher(sample, basis));
}

#[test]
fn a_night_of_reruns_alone_is_no_quiet_night() {
    let mut history = history(&format!("{}FFF", "P".repeat(34)), "");
    history.set_regressions(look(&history, day(36)).open);
    for n in 37..43 {
        history.add(&with(nightly(n), 'P'));
    }
    // One failure is left of those in the sample: it is quiet for the first time.
    history.set_regressions(look(&history, day(42)).open);
    for n in 43..48 {
        history.add(&with(Run { origin: Origin::Rerun, ..nightly(n) }, 'P'));
        let open = look(&history, day(n)).open;
        assert_eq!(open[0].quiet, 1, "night {n}");
        history.set_regressions(open);
    }
}

#[test]
fn a_missing_night_is_no_quiet_night() {
    let mut history = history(&format!("{}FFF", "P".repeat(34)), "");
    history.set_regressions(look(&history, day(36)).open);
    for n in 37..42 {
        let open = look(&history, day(n)).open;
        assert_eq!(open[0].quiet, 0, "night {n}");
        history.set_regressions(open);
    }
    // Nothing ran for two months: it stays as it was.
    let open = look(&history, day(100));
    assert_eq!((open.open.len(), open.closed.len()), (1, 0));
}

#[test]
fn a_job_is_looked_at_by_its_causes() {
    let judged = |n: i64, cause: Cause, origin: Origin| {
        let judged = Some(Judged { at: day(n), cause });
        Addition { run: Run { judged, origin, ..nightly(n) }, tests: Vec::new() }
    };
    let all = |week: [Cause; 7], origin: Origin| {
        let mut history = History::of_job("j");
        for n in 0..30 {
            history.add(&judged(n, Cause::Passed, Origin::Nightly));
        }
        for (n, cause) in (30..).zip(week) {
            history.add(&judged(n, cause, origin));
        }
        look(&history, day(36)).open
    };
    use Cause::{Infrastructure as I, Passed as P, Product as F};
    let open = all([P, P, I, I, F, F, F], Origin::Nightly);
    assert_eq!(open[0].test, None);
    assert_eq!(open[0].sample, counts(3, 2));
    assert!(open[0].to_string().starts_with("the job itself failed 3 of 5"), "{}", open[0]);
    assert_eq!(all([P, P, I, I, I, I, I], Origin::Nightly), []);
    // Probes of a bisect fail on purpose.
    assert_eq!(all([F; 7], Origin::Bisect), []);
    assert_eq!(all([F; 7], Origin::Retest), []);
    assert_eq!(all([F; 7], Origin::Rerun), []);
    assert_eq!(all([F; 7], Origin::Schedule).len(), 1);
}

#[test]
fn scheduled_runs_count_too() {
    let nightly = format!("{}PPPPFFP", "P".repeat(30));
    let schedule = format!("{}PPPPFFP", "P".repeat(30));
    assert_eq!(found(&nightly, ""), []);
    let found = found(&nightly, &schedule);
    assert_eq!(found[0].test, Some(test("T")));
    assert_eq!((found[0].sample, found[0].basis), (counts(4, 10), counts(0, 59)));
    assert!(found[0].without_us && found[0].to_string().ends_with(", also without us"));
}

#[test]
fn what_scheduled_runs_alone_show_is_said() {
    let month = "P".repeat(30);
    for (nightly, schedule, wanted) in [
        ("PPPPFFF", "PPPPPPP", false),
        ("PPPPFFF", "PPPPPPF", false),
        // A single failure may be chance.
        ("PPPPFFF", "PPPPPFP", false),
        // The scheduled run of the last day is still to come.
        ("PPPPFFF", "PPPPFFP", true),
        ("PPPPPPF", "PPPPFFP", true),
        // Ours fails clearly more often.
        ("FFFFFFF", "PPPPFFP", false),
        ("PPPPFFF", "       ", false),
    ] {
        let found = found(&format!("{month}{nightly}"), &format!("{month}{schedule}"));
        assert_eq!(found[0].without_us, wanted, "{nightly} {schedule}: {}", found[0]);
    }
    // Scheduled runs fail as often as before.
    let often = format!("{}FPPPFPP", "FPP".repeat(10));
    let found = found(&format!("{month}PPFFFFF"), &often);
    assert!(!found[0].without_us, "{}", found[0]);
    // Once it was seen, it stays said.
    let mut history = history(&format!("{month}PPPPPPF"), &format!("{month}PPPPFFP"));
    history.set_regressions(look(&history, day(36)).open);
    for n in 37..44 {
        history.add(&Addition { run: nightly(n), tests: vec![end("T", 'F')] });
    }
    assert!(look(&history, day(43)).open[0].without_us);
}

#[test]
fn ours_may_not_fail_clearly_more_often_than_theirs() {
    for (ours, theirs, before, wanted) in [
        (counts(20, 20), counts(20, 20), counts(0, 60), true),
        (counts(30, 10), counts(20, 20), counts(0, 60), false),
        // A drop of exactly 5 points, and one of 6.
        (counts(5, 95), counts(5, 95), counts(0, 100), false),
        (counts(5, 95), counts(6, 94), counts(0, 100), true),
        // Theirs alone, with a failure that may be chance.
        (counts(0, 0), counts(1, 2), counts(0, 10), false),
        (counts(0, 0), counts(2, 2), counts(0, 10), true),
    ] {
        let tally = Tally {
            sample: counts(ours.failed + theirs.failed, ours.passed + theirs.passed),
            scheduled_sample: theirs,
            scheduled_basis: before,
            ..Tally::default()
        };
        assert_eq!(tally.is_without_us(), wanted, "{ours:?} {theirs:?} {before:?}");
    }
}
