//! What is counted over the seasons.

use std::fmt;
use std::ops::AddAssign;

/// Faults of a kind, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    /// How many.
    pub all: usize,
    /// Those whose test failed in at least three counted runs.
    pub shown: usize,
    /// Those that were found as a regression.
    pub found: usize,
    /// In which of their nights.
    pub nights: Vec<i64>,
    /// Those that a flake rerun let through in some night.
    pub masked: usize,
    /// Those that a flake rerun let through before any night had let them through by itself.
    pub masked_first: usize,
}

/// What a season, or many, came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    pub nights: usize,
    /// Faults that always show, and those that show in half of the runs.
    pub always: Faults,
    pub half: Faults,
    pub decays: usize,
    pub decays_found: usize,
    /// Regressions that were opened: right ones, those of outages, of outages that
    /// were said to be without us, and of nothing.
    pub right: usize,
    pub of_outages: usize,
    pub without_us: usize,
    pub of_nothing: usize,
    /// Nights in which a wrong one was opened.
    pub alarm_nights: usize,
    /// Failures of which `new` was said, and those of them that were the first of a fault.
    pub new: usize,
    pub new_right: usize,
    /// First failures of faults in tests that never failed before.
    pub first: usize,
    /// Failures in outages, and those said to be without us.
    pub hit: usize,
    pub hit_said: usize,
    /// Nights that were red at first, reruns for flakes, and those that passed.
    pub red: usize,
    pub rerun: usize,
    pub avoided: usize,
    /// Red nights without a fault, decay or outage.
    pub red_by_flakes: usize,
}

impl AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.shown += other.shown;
        self.found += other.found;
        self.nights.extend(other.nights);
        self.masked += other.masked;
        self.masked_first += other.masked_first;
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.always += other.always;
        self.half += other.half;
        for (sum, one) in [
            (&mut self.nights, other.nights),
            (&mut self.decays, other.decays),
            (&mut self.decays_found, other.decays_found),
            (&mut self.right, other.right),
            (&mut self.of_outages, other.of_outages),
            (&mut self.without_us, other.without_us),
            (&mut self.of_nothing, other.of_nothing),
            (&mut self.alarm_nights, other.alarm_nights),
            (&mut self.new, other.new),
            (&mut self.new_right, other.new_right),
            (&mut self.first, other.first),
            (&mut self.hit, other.hit),
            (&mut self.hit_said, other.hit_said),
            (&mut self.red, other.red),
            (&mut self.rerun, other.rerun),
            (&mut self.avoided, other.avoided),
            (&mut self.red_by_flakes, other.red_by_flakes),
        ] {
            *sum += one;
        }
    }
}

/// A part of a whole in per cent.
pub fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

impl Figures {
    /// Wrong regressions for each 100 nights.
    pub fn false_alarms(&self) -> f64 {
        percent(self.of_outages + self.of_nothing, self.nights)
    }

    /// The share of opened regressions that were right.
    pub fn precision(&self) -> f64 {
        percent(self.right, self.right + self.of_outages + self.of_nothing)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |part: usize, whole: usize| {
            format!("{part} of {whole} ({:.1} %)", percent(part, whole))
        };
        writeln!(f, "nights judged                        {}", self.nights)?;
        for (kind, faults) in [("always fail", &self.always), ("fail in half", &self.half)] {
            let mut nights = faults.nights.clone();
            nights.sort_unstable();
            let at =
                |part: usize| nights.get(nights.len() * part / 100).copied().unwrap_or_default();
            writeln!(
                f,
                "regressions that {kind:<12}        found {}, of those with 3 failures {}",
                share(faults.found, faults.all),
                share(faults.found, faults.shown)
            )?;
            writeln!(
                f,
                "  night in which they were found     median {}, 90 % by {}, last {}",
                at(50),
                at(90),
                nights.last().unwrap_or(&0)
            )?;
            writeln!(
                f,
                "  let through by a flake rerun       {}, before any other night {}",
                share(faults.masked, faults.all),
                share(faults.masked_first, faults.all)
            )?;
        }
        writeln!(
            f,
            "slow decays found                    {}",
            share(self.decays_found, self.decays)
        )?;
        let opened = self.right + self.of_outages + self.of_nothing;
        writeln!(f, "regressions opened that were right   {}", share(self.right, opened))?;
        writeln!(
            f,
            "false alarms for 100 nights          {:.2}: {:.2} by outages, {:.2} by chance; {} besides said to be without us; in {:.2} nights of 100",
            self.false_alarms(),
            percent(self.of_outages, self.nights),
            percent(self.of_nothing, self.nights),
            self.without_us,
            percent(self.alarm_nights, self.nights)
        )?;
        writeln!(f, "\"new\" that was the first of a fault   {}", share(self.new_right, self.new))?;
        writeln!(f, "first failures said to be new        {}", share(self.new_right, self.first))?;
        writeln!(f, "failures in outages said so          {}", share(self.hit_said, self.hit))?;
        writeln!(
            f,
            "red nights avoided by flake reruns   {}, of those by flakes alone {}",
            share(self.avoided, self.red),
            share(self.avoided, self.red_by_flakes)
        )?;
        write!(
            f,
            "flake reruns that failed             {}",
            share(self.rerun - self.avoided, self.rerun)
        )
    }
}
