//! Sixty days of many gates: every alert that should come comes, and none other.
//!
//! The files `data/*histories.json` hold each history as nights from 2026-06-01 (a Monday) on:
//! `P20 F2` is twenty nights promoted, then two refused. A night's Snapshot is built at 01:00, its
//! run begins at 03:00 and ends at 06:00, and its Release lands at 06:10. Releases are live for 7
//! days, runs for 5. The check looks every six hours and repeats daily; the limit is 3 days. Beside
//! it stands, by day, what people should have been told.
//!
//! The letters: P promoted, E promoted with nothing left to push, L promoted after a long run, F
//! refused, U undecided, B broken, C cancelled, K killed, R the Release failed, D it landed with
//! another digest, X its outcome is unknown, - no run although there is a new Snapshot, Q no new
//! Snapshot and no run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::*;
use crate::image::Digest;
use crate::konflux::Condition;
use crate::record::{Outcome, Past};
use crate::tekton::PipelineRun;
use crate::verified::ReleaseBrief;
use crate::verified::merge;

#[derive(Deserialize)]
struct History {
    name: String,
    nights: String,
    #[serde(default)]
    quiet_days: Vec<String>,
    #[serde(default)]
    quiet_windows: Vec<String>,
    /// Days from and to which a source does not answer.
    #[serde(default)]
    silent: BTreeMap<String, (i64, i64)>,
    /// Whether the check is told which Snapshots are the gate's.
    #[serde(default)]
    builds: bool,
    /// Whether there is no archive.
    #[serde(default)]
    no_archive: bool,
    /// Days from and to which only so many of the newest entries of the archive can be read.
    #[serde(default)]
    first_page: Option<(i64, i64, usize)>,
    /// Days at whose noon an automatic Release lands.
    #[serde(default)]
    automatic: Vec<i64>,
    /// Days at whose noon an automatic Release fails.
    #[serde(default)]
    automatic_failed: Vec<i64>,
    /// Days from and to whose records are of a newer schema.
    #[serde(default)]
    newer_records: Option<(i64, i64)>,
    /// What is wrong with the check's own record at the beginning of a day: torn, future.
    #[serde(default)]
    ledger: BTreeMap<String, String>,
    /// By how many days the check's clock is off on a day.
    #[serde(default)]
    clock: BTreeMap<String, i64>,
    alerts: BTreeMap<String, Vec<String>>,
}

fn at(day: i64, hour: i64, minute: i64) -> Timestamp {
    "2026-06-01T00:00:00Z".parse::<Timestamp>().unwrap()
        + SignedDuration::from_hours(24 * day + hour)
        + SignedDuration::from_mins(minute)
}

impl History {
    fn letters(&self) -> Vec<char> {
        let runs = self
            .nights
            .split_whitespace()
            .map(|run| (run.chars().next().unwrap(), run[1..].parse().unwrap()));
        runs.flat_map(|(letter, count): (char, usize)| std::iter::repeat_n(letter, count))
            .collect()
    }

    fn wanted(&self) -> BTreeSet<(i64, String)> {
        let mut wanted = BTreeSet::new();
        for (days, alerts) in &self.alerts {
            let (from, to) = days.split_once('-').unwrap_or((days, days));
            for day in from.parse::<i64>().unwrap()..=to.parse().unwrap() {
                wanted.extend(alerts.iter().map(|alert| (day, alert.clone())));
            }
        }
        wanted
    }

    /// What the sources tell at a moment.
    fn evidence(&self, now: Timestamp) -> Evidence {
        let mut evidence = Evidence::default();
        let (mut live, mut archived) = (Vec::new(), Vec::new());
        for (day, letter) in self.letters().into_iter().enumerate() {
            let day = day as i64;
            let (begun, ended) = (at(day, 3, 0), at(day, if letter == 'L' { 20 } else { 6 }, 0));
            if matches!(letter, '-' | 'Q') || now < begun {
                continue;
            }
            match self
                .newer_records
                .is_some_and(|(from, to)| (from..=to).contains(&day))
            {
                true => evidence.unreadable.push(begun),
                false => evidence.records.insert(
                    0,
                    record(day, letter, begun, now >= ended + SignedDuration::from_mins(10)),
                ),
            }
            let gone = if letter == 'K' { at(day, 4, 0) } else { at(day + 5, 0, 0) };
            if now < gone {
                evidence.runs.push(run(day, begun, (now >= ended).then_some(ended)));
            }
            let landed = ended + SignedDuration::from_mins(10);
            if matches!(letter, 'P' | 'E' | 'L' | 'R' | 'D' | 'X') && now >= landed {
                let release = release(day, letter, landed);
                if now < landed + SignedDuration::from_hours(7 * 24) {
                    live.push(release.clone());
                }
                archived.push(release);
            }
        }
        for (days, state) in [(&self.automatic, 'P'), (&self.automatic_failed, 'R')] {
            for day in days.iter().filter(|day| now >= at(**day, 12, 0)) {
                let mut release = release(*day, state, at(*day, 12, 0));
                release.metadata.name = format!("s-{day}-0c1d2e3-kq47h");
                release.metadata.uid = format!("uid-auto-{day}");
                release.status.automated = true;
                live.extend((now < at(day + 7, 12, 0)).then(|| release.clone()));
                archived.push(release);
            }
        }
        archived.sort_by_key(|release| std::cmp::Reverse(release.metadata.creation_timestamp));
        if self.no_archive {
            archived.clear();
            evidence.reach = Reach::Live;
        }
        if let Some((from, to, most)) = self.first_page
            && now >= at(from, 0, 0)
            && now < at(to + 1, 0, 0)
            && archived.len() > most
        {
            archived.truncate(most);
            let oldest = archived
                .last()
                .and_then(|release| release.metadata.creation_timestamp);
            let rest_before = oldest.map(|oldest| oldest + SignedDuration::from_hours(48));
            evidence
                .silent
                .push(Source { rest_before, ..Source::silent(SourceName::Archive, "503") });
        }
        let silent = |name: &str| {
            self.silent
                .get(name)
                .is_some_and(|(from, to)| now >= at(*from, 0, 0) && now < at(to + 1, 0, 0))
        };
        for (word, name) in [
            ("releases", SourceName::Releases),
            ("archive", SourceName::Archive),
            ("runs", SourceName::Runs),
            ("records", SourceName::Records),
            ("snapshots", SourceName::Snapshots),
            ("retracted", SourceName::Retracted),
        ] {
            if silent(word) {
                evidence.silent.push(Source::silent(name, "503"));
                match name {
                    SourceName::Releases => live.clear(),
                    SourceName::Archive => archived.clear(),
                    SourceName::Runs => evidence.runs.clear(),
                    SourceName::Records => evidence.records.clear(),
                    SourceName::Snapshots | SourceName::Retracted => {}
                }
            }
        }
        evidence.releases = merge(live, archived);
        if self.builds && !silent("snapshots") {
            evidence.build = self.build(&evidence, now);
        }
        evidence
    }

    /// The newest Snapshot, as the check finds it.
    fn build(&self, evidence: &Evidence, now: Timestamp) -> Option<Build> {
        let verified = evidence.newest()?;
        let built = |day: i64| at(day, 1, 0);
        let letters = self
            .letters()
            .into_iter()
            .enumerate()
            .map(|(day, letter)| (day as i64, letter));
        let days: Vec<i64> = letters
            .filter(|(day, letter)| *letter != 'Q' && built(*day) <= now)
            .map(|(day, _)| day)
            .collect();
        let of_verified = days.iter().filter(|day| verified.image.is(&digest(**day))).max();
        let since = of_verified.map_or(verified.at, |day| built(*day));
        let newest = days.iter().max()?;
        Some(Build::Fit {
            snapshot: format!("s-{newest}"),
            digest: digest(*newest),
            built_at: Some(built(*newest)),
            waiting_since: days.iter().map(|day| built(*day)).filter(|at| *at > since).min(),
        })
    }
}

fn digest(day: i64) -> Digest {
    format!("sha256:{day:08}{:056}", 0).parse().unwrap()
}

fn record(day: i64, letter: char, begun: Timestamp, ended: bool) -> Past {
    let outcome = match letter {
        'P' | 'E' | 'L' => Some(Outcome::Promoted),
        'D' | 'X' => Some(Outcome::ReleaseUnknown),
        'F' => Some(Outcome::Refused),
        'U' => Some(Outcome::Undecided),
        'R' => Some(Outcome::NotReleased),
        'B' => Some(Outcome::Broken),
        'C' => Some(Outcome::Cancelled),
        'K' => None,
        other => panic!("{other}"),
    };
    Past {
        name: format!("gate-{day}"),
        uid: String::new(),
        id: day.to_string(),
        run: Some(format!("run-{day}")),
        created_at: begun,
        updated_at: begun,
        outcome: outcome.filter(|_| ended),
        snapshot: None,
        image: Some(digest(day)),
        verified: None,
        open_jobs: 0,
        last_launch: None,
        words: None,
        thread: None,
    }
}

fn run(day: i64, begun: Timestamp, ended: Option<Timestamp>) -> PipelineRun {
    let mut run = PipelineRun::default();
    run.metadata.name = format!("run-{day}");
    run.metadata.creation_timestamp = Some(begun);
    (run.status.start_time, run.status.completion_time) = (Some(begun), ended);
    run
}

fn release(day: i64, letter: char, landed: Timestamp) -> ReleaseBrief {
    let (status, reason) =
        if matches!(letter, 'R' | 'X') { ("False", "Failed") } else { ("True", "Succeeded") };
    let mut release = ReleaseBrief::default();
    // As create-release names them.
    (release.spec.release_plan, release.spec.snapshot) = ("plan".to_owned(), format!("s-{day}"));
    (release.metadata.name, release.metadata.uid) =
        (format!("plan-{}-1", digest(day).short()), format!("uid-{day}"));
    let pushed = if letter == 'D' { digest(1000 + day) } else { digest(day) };
    if letter != 'E' {
        release.status.pushed = vec![pushed.to_string()];
    }
    (release.metadata.creation_timestamp, release.status.completion_time) =
        (Some(landed), Some(landed));
    release.status.conditions = vec![Condition {
        kind: "Released".to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: String::new(),
    }];
    release
}

/// What people are told, by day.
fn told(history: &History) -> BTreeSet<(i64, String)> {
    let quiet = Quiet::parse(&history.quiet_days, &history.quiet_windows).unwrap();
    let (threshold, repeat) = (SignedDuration::from_hours(72), SignedDuration::from_hours(24));
    let mut ledger = Ledger::default();
    let mut found = BTreeSet::new();
    for look in 1..(60 * 4) {
        let (day, hour) = ((2 + 6 * look) / 24, (2 + 6 * look) % 24);
        let off = history.clock.get(&day.to_string()).copied().unwrap_or_default();
        let (real, now) = (at(day, hour, 0), at(day + off, hour, 0));
        if hour == 2 {
            match history.ledger.get(&day.to_string()).map(String::as_str) {
                Some("torn") => ledger = Ledger::default(),
                Some("future") => ledger.stale_told_at = Some(at(4000, 0, 0)),
                Some(other) => panic!("{other}"),
                None => {}
            }
        }
        let evidence = history.evidence(real);
        let finding = judge(&evidence, threshold, &quiet, now);
        let due = ledger.due(&finding, repeat, now).by_clock(&evidence, now);
        ledger.note(due, &finding, now);
        let words = match (due, &finding) {
            (Told::Alert(Alert::Stale), Finding::Stale { cause, .. }) => {
                Some(format!("stale {}", cause.word()))
            }
            (Told::Alert(Alert::NoBuild), _) => Some("no-build".to_owned()),
            (Told::Alert(_), _) => Some("blind".to_owned()),
            (Told::Recovery, _) => Some("recovery".to_owned()),
            (Told::Nothing, _) => None,
        };
        let untested = automatic(&evidence, now);
        let alarm = ledger.alarm(&evidence, &untested, repeat, now);
        ledger.note_alarm(&alarm, &evidence, &untested, now);
        let alarm = match alarm {
            Alarm::None => None,
            Alarm::Raised(_) => Some("automatic".to_owned()),
            Alarm::Over => Some("automatic over".to_owned()),
        };
        found.extend(words.into_iter().chain(alarm).map(|words| (day, words)));
    }
    found
}

#[test]
fn every_alert_that_should_come_comes_and_none_other() {
    let mut histories: Vec<History> =
        serde_json::from_str(include_str!("data/histories.json")).unwrap();
    for more in
        [include_str!("data/more-histories.json"), include_str!("data/on-call-histories.json")]
    {
        histories.extend(serde_json::from_str::<Vec<History>>(more).unwrap());
    }
    let (mut right, mut wrong, mut missed) = (0, 0, 0);
    let mut problems = Vec::new();
    for history in &histories {
        let (told, wanted) = (told(history), history.wanted());
        right += told.intersection(&wanted).count();
        wrong += told.difference(&wanted).count();
        missed += wanted.difference(&told).count();
        let list = |set: Vec<&(i64, String)>| {
            set.iter()
                .map(|(day, alert)| format!("day {day}: {alert}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        if told != wanted {
            let (more, less) =
                (told.difference(&wanted).collect(), wanted.difference(&told).collect());
            problems.push(format!(
                "{}: too many: [{}], missing: [{}]",
                history.name,
                list(more),
                list(less)
            ));
        }
    }
    let share = |of: usize| {
        f64::from(u32::try_from(right).unwrap()) / f64::from(u32::try_from(right + of).unwrap())
    };
    let figures = format!(
        "{} histories of 60 days, {right} alerts: precision {:.3}, recall {:.3}",
        histories.len(),
        share(wrong),
        share(missed)
    );
    eprintln!("{figures}");
    assert!(problems.is_empty(), "{figures}\n{}", problems.join("\n"));
}
