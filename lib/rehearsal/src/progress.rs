//! A line on a terminal that says how far the night is; nothing anywhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use standins::World;
use tokio::time::Instant;

use crate::duration;
use crate::screen::short;

/// How often it is redrawn.
const PACE: Duration = Duration::from_millis(100);

/// The line.
pub struct Progress {
    bar: ProgressBar,
    began: Instant,
}

impl Progress {
    /// A line on stderr, if it is to be `shown`.
    pub fn new(shown: bool) -> Self {
        let bar = if shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            bar.set_style(style);
        }
        Self { bar, began: Instant::now() }
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
            let jobs: BTreeMap<String, &str> = world
                .prow()
                .launches()
                .iter()
                .filter(|launch| launch.at >= world.born())
                .filter_map(|launch| {
                    Some((short(&launch.job).to_owned(), world.prow().state(&launch.id)?.prow()))
                })
                .collect();
            let jobs: Vec<String> =
                jobs.iter().map(|(job, state)| format!("{job} {state}")).collect();
            self.bar
                .set_message(format!("{gate}  {}  {}", running().join(", "), jobs.join(" · ")));
        }
    }

    /// Takes the line away.
    pub fn done(self) {
        self.bar.finish_and_clear();
    }
}
