//! What is really so in a season: which tests fail how often, since when, and why.

use gate::history::Ended;

use crate::support::random::Random;

/// The length of a season.
pub const NIGHTS: i64 = 90;

/// How many tests the job has.
const TESTS: usize = 40;

/// A time in which the product fails a test.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Its first night.
    pub from: i64,
    /// The first night with the fault mended.
    pub to: i64,
    /// In which share of runs it shows: 1 or 0.5.
    pub rate: f64,
}

/// A test and what is so.
#[derive(Debug, Clone)]
pub struct Truth {
    pub name: String,
    /// The nights in which it exists: a renamed test ends, and another begins.
    exists: (i64, i64),
    /// In which share of runs it flakes.
    pub flakes: f64,
    /// From which night on it fails a little more often each night.
    pub decays_from: Option<i64>,
    pub faults: Vec<Fault>,
}

/// A time in which something outside fails some tests, with whatever image.
#[derive(Debug, Clone)]
struct Outage {
    from: i64,
    to: i64,
    /// Which tests; none is an outage in which no test begins.
    tests: Vec<usize>,
}

/// A season of a job.
#[derive(Debug, Clone)]
pub struct Season {
    pub seed: u64,
    pub tests: Vec<Truth>,
    outages: Vec<Outage>,
}

/// What a run is for, so that each draws its own chances.
#[derive(Debug, Clone, Copy)]
pub enum Stream {
    Nightly,
    Schedule,
    Rerun,
    Extra(i64),
    Truth,
}

impl Season {
    /// The season of a seed.
    pub fn of(seed: u64) -> Self {
        let mut season = Self { seed, tests: Vec::new(), outages: Vec::new() };
        let draw = |number: usize, of: i64| season.pick(Stream::Truth, number as i64, of);
        let mut tests: Vec<Truth> = (0..TESTS)
            .map(|t| Truth {
                name: format!("Test{t:02}"),
                exists: (0, NIGHTS),
                // Every tenth flakes, in 1 to 10 % of its runs; the others in one of 5,000.
                flakes: if t % 10 == 0 {
                    0.01 + 0.09 * draw(t, 1000) as f64 / 1000.0
                } else {
                    0.0002
                },
                decays_from: None,
                faults: Vec::new(),
            })
            .collect();
        if seed.is_multiple_of(2) {
            tests[1].decays_from = Some(25 + draw(100, 30));
        }
        // Two are renamed, one of which flakes.
        for (t, number) in [(2, 110), (10, 111)] {
            let night = 20 + draw(number, 50);
            let renamed = Truth {
                name: format!("Renamed{t:02}"),
                exists: (night, NIGHTS),
                ..tests[t].clone()
            };
            tests[t].exists.1 = night;
            tests.push(renamed);
        }
        // Three faults, of which one shows in half of the runs; a quarter of them in flaky tests.
        for number in 0..3 {
            let flaky = draw(120 + number, 4) == 0;
            let t = if flaky { 20 + 10 * (number % 2) } else { 3 + 2 * number };
            let from = 14 + 25 * number as i64 + draw(130 + number, 20);
            let (rate, lasts) = if draw(150, 3) == number as i64 {
                (0.5, 8 + draw(140 + number, 18))
            } else {
                (1.0, 3 + draw(140 + number, 6))
            };
            tests[t].faults.push(Fault { from, to: from + lasts, rate });
        }
        // An outage every 45 nights, of one to three days; in half of them no test begins.
        let mut outages = Vec::new();
        for number in 0..2 {
            let from = 8 + 40 * number as i64 + draw(160 + number, 38);
            let lasts = [1, 1, 1, 1, 1, 1, 1, 2, 2, 3][draw(170 + number, 10) as usize];
            let first = draw(180 + number, TESTS as i64) as usize;
            let count =
                if draw(190 + number, 2) == 0 { 0 } else { 3 + draw(200 + number, 18) as usize };
            let tests = (first..first + count).map(|t| t % TESTS).collect();
            outages.push(Outage { from, to: from + lasts, tests });
        }
        season.tests = tests;
        season.outages = outages;
        season
    }

    /// A number from 0 up to `of`, the same one whenever it is asked for.
    fn pick(&self, stream: Stream, number: i64, of: i64) -> i64 {
        (self.chance(stream, number, 0) * of as f64) as i64
    }

    /// A chance from 0 up to 1, the same one whenever it is asked for.
    pub fn chance(&self, stream: Stream, night: i64, number: usize) -> f64 {
        let stream = match stream {
            Stream::Nightly => 0,
            Stream::Schedule => 1,
            Stream::Rerun => 2,
            Stream::Truth => 3,
            Stream::Extra(n) => 4 + n as u64,
        };
        let parts = [self.seed, stream, night as u64, number as u64];
        let mix = |state: u64, part| Random::seeded(state.wrapping_add(part)).next();
        let mixed = parts.into_iter().fold(0, mix);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something outside keeps all tests from beginning.
    pub fn is_out(&self, night: i64) -> bool {
        self.outages
            .iter()
            .any(|out| out.tests.is_empty() && out.from <= night && night < out.to)
    }

    /// Whether an outage fails a test.
    pub fn is_hit(&self, test: usize, night: i64) -> bool {
        let now = self.outages.iter().filter(|out| out.from <= night && night < out.to);
        now.into_iter().any(|out| out.tests.contains(&test))
    }

    /// Whether a test was hit by an outage within the last week.
    pub fn was_hit(&self, test: usize, night: i64) -> bool {
        (night - 7..=night).any(|night| self.is_hit(test, night))
    }

    /// How each test ends in a run. Only ours has the product's faults.
    pub fn run(&self, stream: Stream, night: i64) -> Vec<(usize, Ended)> {
        let is_ours = !matches!(stream, Stream::Schedule);
        let exists = |test: &Truth| test.exists.0 <= night && night < test.exists.1;
        let tests = self.tests.iter().enumerate().filter(|(_, test)| exists(test));
        tests
            .map(|(t, test)| {
                let drawn = |number: usize| self.chance(stream, night, 1000 * number + t);
                let fault = test
                    .faults
                    .iter()
                    .find(|fault| fault.from <= night && night < fault.to);
                let fails = is_ours && fault.is_some_and(|fault| drawn(1) < fault.rate);
                let decay = test.decayed(night);
                let decayed = is_ours && decay > 0.0 && drawn(2) < decay;
                let ended = if fails || decayed || self.is_hit(t, night) {
                    Ended::Failed
                } else if drawn(3) < test.flakes {
                    // Some flakes pass when the run tries them again.
                    if drawn(4) < 0.3 { Ended::Flaky } else { Ended::Failed }
                } else {
                    Ended::Passed
                };
                (t, ended)
            })
            .collect()
    }
}

impl Truth {
    /// The share of runs in which the slow decay shows: 1 % more each night, up to a half.
    pub fn decayed(&self, night: i64) -> f64 {
        self.decays_from
            .map_or(0.0, |from| ((night - from).max(0) as f64 / 100.0).min(0.5))
    }

    /// The fault that a finding of that night is right about: one of the last week, which is what
    /// is looked at.
    pub fn fault(&self, night: i64) -> Option<usize> {
        self.faults
            .iter()
            .position(|fault| fault.from <= night && night < fault.to + 7)
    }
}
