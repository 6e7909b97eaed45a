//! Sixty days of twenty gates: every alert that should come comes, and none other.
//!
//! `data/histories.json` holds each history as nights from 2026-06-01 (a Monday) on: `P20 F2` is
//! twenty nights promoted, then two refused. A night's run begins at 03:00, ends at 06:00 and its
//! Release lands at 06:10. The check looks every six hours and repeats daily; the limit is 3 days.
//! Beside it stands, by day, what people should have been told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::*;
use crate::konflux::Condition;
use crate::record::{Outcome, Past};
use crate::trigger::Run;
use crate::verified::ReleaseBrief;

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
    alerts: BTreeMap<String, Vec<String>>,
}

fn at(day: i64, hour: i64, minute: i64) -> Timestamp {
    "2026-06-01T00:00:00Z".parse::<Timestamp>().unwrap()
        + SignedDuration::from_hours(24 * day + hour)
        + SignedDuration::from_mins(minute)
}

impl History {
    fn letters(&self) -> Vec<char> {
        let runs = self.nights.split_whitespace().map(|run| (run.chars().next().unwrap(), run[1..].parse().unwrap()));
        runs.flat_map(|(letter, count): (char, usize)| std::iter::repeat_n(letter, count)).collect()
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
            if letter == '-' || now < begun {
                continue;
            }
            evidence.records.insert(0, record(day, letter, begun, now >= ended + SignedDuration::from_mins(10)));
            let gone = if letter == 'K' { at(day, 4, 0) } else { at(day + 5, 0, 0) };
            if now < gone {
                evidence.runs.push(run(day, begun, (now >= ended).then_some(ended)));
            }
            let landed = ended + SignedDuration::from_mins(10);
            if matches!(letter, 'P' | 'L' | 'R') && now >= landed {
                let release = release(day, letter, landed);
                if now < landed + SignedDuration::from_hours(7 * 24) {
                    live.push(release.clone());
                }
                archived.push(release);
            }
        }
        let silent = |name: &str| {
            self.silent.get(name).is_some_and(|(from, to)| now >= at(*from, 0, 0) && now < at(to + 1, 0, 0))
        };
        for (word, name) in [
            ("releases", SourceName::Releases),
            ("archive", SourceName::Archive),
            ("runs", SourceName::Runs),
            ("records", SourceName::Records),
        ] {
            if silent(word) {
                evidence.silent.push(Source { name, why: "503".to_owned() });
                match name {
                    SourceName::Releases => live.clear(),
                    SourceName::Archive => archived.clear(),
                    SourceName::Runs => evidence.runs.clear(),
                    SourceName::Records => evidence.records.clear(),
                }
            }
        }
        evidence.releases = merge(live, archived);
        evidence
    }
}

fn record(day: i64, letter: char, begun: Timestamp, ended: bool) -> Past {
    let outcome = match letter {
        'P' | 'L' => Some(Outcome::Promoted),
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
        image: None,
        verified: None,
        open_jobs: 0,
        last_launch: None,
        words: None,
        thread: None,
    }
}

fn run(day: i64, begun: Timestamp, ended: Option<Timestamp>) -> Run {
    let mut run = Run::default();
    run.metadata.name = format!("run-{day}");
    run.metadata.creation_timestamp = Some(begun);
    (run.status.start_time, run.status.completion_time) = (Some(begun), ended);
    run
}

fn release(day: i64, letter: char, landed: Timestamp) -> ReleaseBrief {
    let (status, reason) = if letter == 'R' { ("False", "Failed") } else { ("True", "Succeeded") };
    let mut release = ReleaseBrief::default();
    (release.metadata.name, release.metadata.uid) = (format!("r-{day}"), format!("uid-{day}"));
    (release.metadata.creation_timestamp, release.status.completion_time) = (Some(landed), Some(landed));
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
        let now = at(0, 2 + 6 * look, 0);
        let finding = judge(&history.evidence(now), threshold, &quiet, now);
        let due = ledger.due(&finding, repeat, now);
        ledger.note(due, &finding, now);
        let words = match (due, &finding) {
            (Told::Alert(Alert::Stale), Finding::Stale { cause, .. }) => format!("stale {}", cause.word()),
            (Told::Alert(_), _) => "blind".to_owned(),
            (Told::Recovery, _) => "recovery".to_owned(),
            (Told::Nothing, _) => continue,
        };
        found.insert(((2 + 6 * look) / 24, words));
    }
    found
}

#[test]
fn every_alert_that_should_come_comes_and_none_other() {
    let histories: Vec<History> = serde_json::from_str(include_str!("data/histories.json")).unwrap();
    let (mut right, mut wrong, mut missed) = (0, 0, 0);
    let mut problems = Vec::new();
    for history in &histories {
        let (told, wanted) = (told(history), history.wanted());
        right += told.intersection(&wanted).count();
        wrong += told.difference(&wanted).count();
        missed += wanted.difference(&told).count();
        let list = |set: Vec<&(i64, String)>| {
            set.iter().map(|(day, alert)| format!("day {day}: {alert}")).collect::<Vec<_>>().join(", ")
        };
        if told != wanted {
            let (more, less) = (told.difference(&wanted).collect(), wanted.difference(&told).collect());
            problems.push(format!("{}: too many: [{}], missing: [{}]", history.name, list(more), list(less)));
        }
    }
    let share = |of: usize| f64::from(u32::try_from(right).unwrap()) / f64::from(u32::try_from(right + of).unwrap());
    let figures = format!(
        "{} histories of 60 days, {right} alerts: precision {:.3}, recall {:.3}",
        histories.len(),
        share(wrong),
        share(missed)
    );
    eprintln!("{figures}");
    assert!(problems.is_empty(), "{figures}\n{}", problems.join("\n"));
}
