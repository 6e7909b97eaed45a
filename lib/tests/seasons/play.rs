//! Plays a season: a gate that fills the history night by night and asks it.

use gate::history::flaky::{Failing, Images, all_known};
use gate::history::issues::KnownIssues;
use gate::history::{
    Addition, Ended, History, Judged, Mark, Origin, Reading, Run, TestEnd, TestId, Tonight, Trend,
    regression, trend,
};
use gate::image::Digest;
use gate::prow::{JobState, TestCounts};
use gate::record::Cause;
use jiff::{SignedDuration, Timestamp};

use crate::figures::{Faults, Figures};
use crate::truth::{NIGHTS, Season, Stream};

/// How a season is played.
#[derive(Debug, Clone, Copy, Default)]
pub struct Way {
    /// Whether probes of bisects, retests and runs by hand stand in the history as well.
    pub extras: bool,
}

/// What became of a fault.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    shown: usize,
    began: bool,
    found: Option<i64>,
    /// An image with the fault was promoted.
    passed: bool,
    masked: bool,
    masked_first: bool,
}

struct Player<'a> {
    season: &'a Season,
    way: Way,
    history: History,
    fates: Vec<Vec<Fate>>,
    verified: Vec<Digest>,
    newest_built_at: Option<Timestamp>,
    ids: Vec<TestId>,
    figures: Figures,
}

fn hours(night: i64, hours: i64) -> Timestamp {
    let first: Timestamp = "2026-06-01T03:00:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * night + hours)
}

fn digest(night: i64) -> Digest {
    format!("sha256:{night:064x}").parse().unwrap()
}

/// Plays a season to its end.
pub fn play(season: &Season, way: Way) -> Figures {
    let fates = season
        .tests
        .iter()
        .map(|test| vec![Fate::default(); test.faults.len()])
        .collect();
    let history = History::of_job("periodic-x");
    let ids = season
        .tests
        .iter()
        .map(|test| TestId::new("e2e", "", &test.name))
        .collect();
    let mut player = Player {
        season,
        way,
        history,
        fates,
        verified: Vec::new(),
        newest_built_at: None,
        ids,
        figures: Figures::default(),
    };
    for night in 0..NIGHTS {
        player.schedule(night);
        player.night(night);
    }
    player.end()
}

impl Player<'_> {
    fn addition(&self, stream: Stream, night: i64) -> (Addition, Vec<(usize, Ended)>) {
        let ends = self.season.run(stream, night);
        let count = |wanted: Ended| ends.iter().filter(|(_, ended)| *ended == wanted).count();
        let (passed, failed, flaky) =
            (count(Ended::Passed), count(Ended::Failed), count(Ended::Flaky));
        let is_ours = !matches!(stream, Stream::Schedule);
        let (origin, at, name) = match stream {
            Stream::Schedule => (Origin::Schedule, hours(night, -12), "a".to_owned()),
            Stream::Nightly => (Origin::Nightly, hours(night, 0), "b".to_owned()),
            Stream::Rerun => (Origin::Rerun, hours(night, 3), "c".to_owned()),
            Stream::Truth => unreachable!("it is no run"),
            Stream::Extra(n) => {
                let origin =
                    [Origin::Bisect, Origin::Retest, Origin::Rerun, Origin::Other][n as usize % 4];
                (origin, hours(night, 4 + n), format!("d{n}"))
            }
        };
        let run = Run {
            ended_at: Some(at + SignedDuration::from_hours(2)),
            result: if failed > 0 { JobState::Failure } else { JobState::Success },
            digest: is_ours.then(|| digest(night)),
            origin,
            judged: is_ours.then_some(Judged {
                at,
                cause: if failed > 0 { Cause::Product } else { Cause::Passed },
            }),
            reading: Reading::Complete,
            tests: Some(TestCounts {
                run: ends.len(),
                passed,
                failed,
                flaky,
                files: 1,
                ..TestCounts::default()
            }),
            ..Run::new(format!("{night:03}{name}"), at)
        };
        let end = |(t, ended): &(usize, Ended)| TestEnd {
            id: self.ids[*t].clone(),
            mark: Mark::of(*ended),
        };
        (Addition { run, tests: ends.iter().map(end).collect() }, ends)
    }

    /// Whether a run is missing; its tests never began; its files cannot be read.
    fn mishap(&self, stream: Stream, night: i64) -> (bool, bool, bool) {
        let drawn = self.season.chance(stream, night, 9999);
        let is_out = self.season.is_out(night);
        (drawn < 0.05, is_out || drawn < 0.10, drawn < 0.11)
    }

    fn schedule(&mut self, night: i64) {
        let (missing, out, unread) = self.mishap(Stream::Schedule, night);
        if missing {
            return;
        }
        let (addition, _) = self.addition(Stream::Schedule, night);
        self.history.add(&spoilt(addition, out, unread));
    }

    fn night(&mut self, night: i64) {
        let (missing, out, unread) = self.mishap(Stream::Nightly, night);
        if missing {
            return;
        }
        let (addition, ends) = self.addition(Stream::Nightly, night);
        let tonight = addition.run.clone();
        let addition = spoilt(addition, out, unread);
        let is_read = addition.run.reading == Reading::Complete;
        self.history.add(&addition);
        if !out {
            self.figures.nights += 1;
            let failing: Vec<usize> = ends
                .iter()
                .filter(|(_, ended)| *ended == Ended::Failed)
                .map(|(t, _)| *t)
                .collect();
            if is_read {
                self.tell(night, &tonight, &failing);
            }
            self.look(night);
            self.decide(night, &tonight, &failing, is_read);
        }
        if self.way.extras && night % 11 == 5 {
            for n in 0..3 {
                let (addition, _) = self.addition(Stream::Extra(n), night);
                self.history.add(&addition);
            }
        }
    }

    /// Asks for the trend of each failing test.
    fn tell(&mut self, night: i64, tonight: &Run, failing: &[usize]) {
        for t in failing {
            let truth = &self.season.tests[*t];
            let id = &self.ids[*t];
            let past = self.history.past(id, Tonight::of(tonight));
            let failed_before = past.iter().any(|seen| seen.has_failed());
            let said = trend(&self.history, id, Tonight::of(tonight));
            let fault = truth
                .faults
                .iter()
                .position(|fault| fault.from <= night && night < fault.to);
            let is_new = matches!(said, Trend::New { .. });
            self.figures.new += usize::from(is_new);
            if let Some(fate) = fault.map(|fault| &mut self.fates[*t][fault]) {
                fate.shown += 1;
                let is_first = !fate.began && !failed_before && past.len() >= 5;
                fate.began = true;
                self.figures.first += usize::from(is_first);
                self.figures.new_right += usize::from(is_first && is_new);
            } else if self.season.is_hit(*t, night) && past.len() >= 5 {
                self.figures.hit += 1;
                self.figures.hit_said += usize::from(matches!(said, Trend::AlsoWithoutUs { .. }));
            }
        }
    }

    /// Looks for regressions.
    fn look(&mut self, night: i64) {
        let look = regression::look(&self.history, hours(night, 2));
        let mut is_alarm = false;
        for open in &look.open[look.open.len() - look.new..] {
            let Some(id) = &open.test else { continue };
            let Some(t) = self.season.tests.iter().position(|test| test.name == id.name) else {
                continue;
            };
            let truth = &self.season.tests[t];
            if let Some(fault) = truth.fault(night) {
                self.figures.right += 1;
                let fate = &mut self.fates[t][fault];
                fate.found = fate.found.or(Some(night - truth.faults[fault].from + 1));
            } else if truth.decayed(night) > 0.05 {
                self.figures.right += 1;
                self.figures.decays_found += 1;
            } else if open.without_us {
                self.figures.without_us += 1;
            } else if self.season.was_hit(t, night) {
                self.figures.of_outages += 1;
                is_alarm = true;
            } else {
                self.figures.of_nothing += 1;
                is_alarm = true;
            }
        }
        self.figures.alarm_nights += usize::from(is_alarm);
        self.history.set_regressions(look.open);
    }

    /// Decides about the image, with one rerun for known flakes.
    fn decide(&mut self, night: i64, tonight: &Run, failing: &[usize], is_read: bool) {
        let built = hours(night, -6);
        let mut passed = failing.is_empty();
        if !passed {
            self.figures.red += 1;
            let fails = |t: &usize| {
                let test = &self.season.tests[*t];
                test.faults
                    .iter()
                    .any(|fault| fault.from <= night && night < fault.to)
                    || test.decayed(night) > 0.0
                    || self.season.was_hit(*t, night)
            };
            self.figures.red_by_flakes += usize::from(!failing.iter().any(fails));
            if is_read && self.is_known(tonight, built, failing) {
                self.figures.rerun += 1;
                let (addition, ends) = self.addition(Stream::Rerun, night);
                if self.way.extras {
                    self.history.add(&addition);
                }
                passed = ends.iter().all(|(_, ended)| *ended != Ended::Failed);
                self.figures.avoided += usize::from(passed);
            }
        }
        if !passed {
            return;
        }
        self.verified.push(digest(night));
        self.newest_built_at = Some(built);
        for (test, fates) in self.season.tests.iter().zip(&mut self.fates) {
            for (fault, fate) in test.faults.iter().zip(fates) {
                if fault.from > night || night >= fault.to {
                    continue;
                }
                let name = |t: &usize| self.season.tests[*t].name == test.name;
                if failing.iter().any(name) {
                    fate.masked_first |= !fate.passed;
                    fate.masked = true;
                }
                fate.passed = true;
            }
        }
    }

    fn is_known(&self, tonight: &Run, built: Timestamp, failing: &[usize]) -> bool {
        let failing: Vec<Failing<'_>> = failing
            .iter()
            .map(|t| &self.ids[*t])
            .map(|id| Failing { id, message: None })
            .collect();
        let images = Images {
            verified: &self.verified,
            newest_verified_built_at: self.newest_built_at,
            candidate_built_at: built,
        };
        let none = KnownIssues::default();
        all_known(&self.history, &failing, 0, &none, Tonight::of(tonight), images).is_ok()
    }

    fn end(self) -> Figures {
        let mut figures = self.figures;
        for (test, fates) in self.season.tests.iter().zip(self.fates) {
            figures.decays += usize::from(test.decays_from.is_some());
            for (fault, fate) in test.faults.iter().zip(fates) {
                let sum = if fault.rate < 1.0 { &mut figures.half } else { &mut figures.always };
                *sum += Faults {
                    all: 1,
                    shown: usize::from(fate.shown >= 3),
                    found: usize::from(fate.found.is_some()),
                    nights: fate.found.into_iter().collect(),
                    masked: usize::from(fate.masked),
                    masked_first: usize::from(fate.masked_first),
                };
            }
        }
        figures
    }
}

/// A run in which something went wrong besides.
fn spoilt(addition: Addition, out: bool, unread: bool) -> Addition {
    let Addition { run, tests } = addition;
    if out {
        let judged = run
            .judged
            .map(|judged| Judged { cause: Cause::Infrastructure, ..judged });
        let result = JobState::Failure;
        let run = Run { reading: Reading::NotReached, tests: None, judged, result, ..run };
        return Addition { run, tests: Vec::new() };
    }
    if unread {
        let run = Run { reading: Reading::Unknown, tests: None, ..run };
        return Addition { run, tests: Vec::new() };
    }
    Addition { run, tests }
}
