//! The report in a terminal.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::mark::Letter;
use super::model::{Gate, JobRow, Report, TestRow};
use super::page::words::{share, short};
use crate::duration::{ago, days};
use crate::text::{harmless, some_of};

/// Nights shown in a line of letters.
const NIGHTS: usize = 30;

/// No name takes more columns.
const WIDEST: usize = 38;

/// Names listed where one is wrong.
const LISTED: usize = 8;

/// What the table is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrow {
    /// The job, by its name or what people call it.
    pub job: Option<String>,
    /// The test, by its name or a part of it.
    pub test: Option<String>,
}

impl Narrow {
    /// Whether anything is left.
    ///
    /// # Errors
    /// A text that names the flag, and what there is.
    pub fn check(&self, report: &Report) -> Result<(), String> {
        let jobs = || report.gates.iter().flat_map(|gate| &gate.jobs);
        if let Some(job) = self.job.as_ref().filter(|_| !jobs().any(|job| self.fits(job))) {
            let mut names: Vec<&str> = jobs().map(|job| job.short.as_str()).collect();
            names.dedup();
            let there = match names.is_empty() {
                true => "there is none at all".to_owned(),
                false => format!("there are {}", some_of(&names, LISTED)),
            };
            return Err(format!("--job: {job:?} is in no record; {there}"));
        }
        let mut tests = report.gates.iter().flat_map(|gate| &gate.tests);
        match &self.test {
            Some(test) if !tests.any(|row| self.fits_test(row)) => Err(format!(
                "--test: no test that failed is called {test:?}, or by a name with that in it"
            )),
            _ => Ok(()),
        }
    }

    fn fits(&self, job: &JobRow) -> bool {
        self.job
            .as_deref()
            .is_none_or(|wanted| job.name == wanted || job.short == wanted)
    }

    fn fits_test(&self, row: &TestRow) -> bool {
        let job = self.job.as_deref();
        job.is_none_or(|wanted| row.job == wanted || row.job_short == wanted)
            && self.test.as_deref().is_none_or(|wanted| row.name.contains(wanted))
    }

    fn is_all(&self) -> bool {
        self.job.is_none() && self.test.is_none()
    }
}

/// The report as lines: for each gate its state, and a row of letters for each job and for each test
/// that failed in the nights shown. Gates of which a narrower table shows nothing are left out.
pub fn table(report: &Report, narrow: &Narrow) -> String {
    let mut text = String::new();
    if report.gates.is_empty() {
        text.push_str("no gate has a record here yet; the first run of one writes it\n");
    }
    for gate in &report.gates {
        let jobs: Vec<_> = gate
            .jobs
            .iter()
            .filter(|job| narrow.test.is_none() && narrow.fits(job))
            .collect();
        let tests: Vec<_> = gate
            .tests
            .iter()
            .filter(|test| narrow.fits_test(test) && (narrow.test.is_some() || has_failed(test)))
            .collect();
        if narrow.is_all() || !jobs.is_empty() || !tests.is_empty() {
            if !text.is_empty() {
                text.push('\n');
            }
            head(&mut text, gate, report.made_at);
            rows(&mut text, gate, &jobs, &tests);
        }
    }
    for missing in &report.missing {
        let _ = writeln!(text, "missing: {missing}");
    }
    harmless(&text).into_owned()
}

/// Whether the test failed in the nights shown.
fn has_failed(test: &TestRow) -> bool {
    let mut shown = test.letters.iter().take(NIGHTS);
    shown.any(|letter| matches!(letter, Letter::F | Letter::K))
}

fn head(text: &mut String, gate: &Gate, now: Timestamp) {
    let verified = gate.verified.as_ref().map_or_else(
        || "no verified image is known".to_owned(),
        |found| {
            let stale = gate.stale_limit().filter(|_| gate.is_stale(now));
            let stale = stale.map(|limit| format!(", stale after {}", days(limit)));
            let stale = stale.unwrap_or_default();
            format!("verified {} · {}{stale}", short(&found.image), ago(found.at, now))
        },
    );
    let (promoted, nights) = (gate.promoted, gate.nights.len());
    let _ = writeln!(text, "{}  {verified} · promoted {promoted} of {nights} nights", gate.name);
    for hold in gate.holds_in_force() {
        let until = hold
            .until
            .map(|until| format!(" until {until:.0}"))
            .unwrap_or_default();
        let by = hold.by.as_deref().map(|by| format!(" (by {by})")).unwrap_or_default();
        let _ = writeln!(text, "  nothing is promoted{until}: {}{by}", hold.reason);
    }
}

fn rows(text: &mut String, gate: &Gate, jobs: &[&JobRow], tests: &[&TestRow]) {
    if gate.nights.is_empty() {
        let scenario = gate.scenario.as_deref().unwrap_or("NAME");
        let _ = writeln!(text, "  no night yet; to begin one: trigger-gate --scenario {scenario}");
        return;
    }
    let names = jobs.iter().map(|job| job.short.as_str());
    let names = names.chain(tests.iter().map(|test| test.name.as_str()));
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
    let width = width.clamp("nights".len(), WIDEST);
    let strip = gate.nights.iter().take(NIGHTS).map(|night| night.mark.sign());
    row(text, width, "nights", strip, "the newest first");
    for job in jobs {
        let cells = job.cells.iter().take(NIGHTS);
        let cells = cells.map(|cell| cell.as_ref().map_or(" ", |cell| cell.mark.sign()));
        row(text, width, &job.short, cells, &share(job.passed, job.ended));
    }
    for test in tests {
        let letters = test.letters.iter().take(NIGHTS).map(|letter| letter.sign());
        let trend = test.trend.as_deref().map(|trend| format!(" · {trend}"));
        let end = format!("{}{}", test.job_short, trend.unwrap_or_default());
        row(text, width, &test.name, letters, &end);
    }
}

fn row<'a>(
    text: &mut String,
    width: usize,
    name: &str,
    signs: impl Iterator<Item = &'a str>,
    end: &str,
) {
    let name = match name.chars().count() > width {
        true => name.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => name.to_owned(),
    };
    let line = format!("  {name:width$}  {}  {end}", signs.collect::<String>());
    let _ = writeln!(text, "{}", line.trim_end());
}
