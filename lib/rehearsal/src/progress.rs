//! A line on a terminal that says how far the night is; nothing anywhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use standins::{State, World};
use tokio::time::Instant;

use crate::duration;
use crate::screen::short;

/// How often it is redrawn.
const PACE: Duration = Duration::from_millis(100);

/// The line.
pub struct Progress {
    bar: ProgressBar,
    began: Instant,
    /// Columns that it may take.
    width: usize,
}

impl Progress {
    /// A line on stderr, if it is to be `shown`.
    pub fn new(shown: bool, width: usize) -> Self {
        let bar = if shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            bar.set_style(style);
        }
        Self { bar, began: Instant::now(), width }
    }

    /// Takes the line away while something is printed.
    pub fn around<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Redraws it for ever, with the tasks that `running` names; dropped when the run is over.
    pub async fn redraw(&self, world: &World, running: impl Fn() -> Vec<String>) {
        let mut pace = tokio::time::interval(PACE);
        loop {
            pace.tick().await;
            if self.bar.is_hidden() {
                continue;
            }
            let gate = duration::show(self.began.elapsed().saturating_mul(world.scale()));
            // A job that was launched again is shown once, as it is now.
            let jobs: BTreeMap<String, State> = world
                .prow()
                .launches()
                .iter()
                .filter(|launch| launch.at >= world.born())
                .filter_map(|launch| {
                    Some((short(&launch.job).to_owned(), world.prow().state(&launch.id)?))
                })
                .collect();
            let head = format!("{gate}  {}  ", running().join(", "));
            let left = self.width.saturating_sub(head.chars().count());
            self.bar.set_message(head + &states(&jobs, left));
        }
    }

    /// Takes the line away.
    pub fn done(self) {
        self.bar.finish_and_clear();
    }
}

/// As collect-results says it.
fn word(state: State) -> &'static str {
    match state {
        State::Scheduling | State::Triggered => "waiting",
        State::Pending => "running",
        _ => "ended",
    }
}

/// How the jobs are, by their names; where that takes too many columns, how many are so.
fn states(jobs: &BTreeMap<String, State>, columns: usize) -> String {
    let named: Vec<_> = jobs
        .iter()
        .map(|(job, state)| format!("{job} {}", word(*state)))
        .collect();
    let named = named.join(" · ");
    if named.chars().count() <= columns {
        return named;
    }
    let count = |wanted: &str| jobs.values().filter(|state| word(**state) == wanted).count();
    let counts = ["waiting", "running", "ended"].map(|word| (count(word), word));
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    counts
        .map(|(count, word)| format!("{count} {word}"))
        .collect::<Vec<_>>()
        .join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_jobs_are_counted_rather_than_cut() {
        let jobs = [("e2e-aks", State::Pending), ("e2e-conformance", State::Triggered)];
        let jobs = jobs.map(|(job, state)| (job.to_owned(), state)).into();
        assert_eq!(states(&jobs, 60), "e2e-aks running · e2e-conformance waiting");
        assert_eq!(states(&jobs, 40), "1 waiting · 1 running");
    }
}
