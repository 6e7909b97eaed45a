//! What a person sees while the gate waits: on a terminal one line per job, redrawn; elsewhere one
//! log line per change.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::duration::human;
use crate::step::terminal;
use crate::text;

/// A job as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The job's full name.
    pub job: String,
    /// Its short name.
    pub name: String,
    /// The execution, once there is one.
    pub execution: Option<String>,
    /// How it is, in words.
    pub words: String,
    /// Whether that is the end of it.
    pub ended: bool,
    /// Whether the run has ended and is not judged yet.
    pub unjudged: bool,
    /// How long it has been going on, or took.
    pub elapsed: Option<Duration>,
    /// What else is to be seen: its page.
    pub url: Option<String>,
    /// Why it could not be looked at.
    pub trouble: Option<String>,
}

/// Everything that is shown at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Time since the first intent.
    pub elapsed: Duration,
    /// Time from the first intent to the deadline.
    pub of: Duration,
    /// Until the next look.
    pub next_look: Option<Duration>,
    /// Requests to Gangway within the last minute, and how many are allowed.
    pub requests: Option<(usize, u32)>,
    /// The jobs.
    pub lines: Vec<Line>,
}

impl View {
    /// The line above the jobs.
    pub fn headline(&self) -> String {
        let mut parts = vec![format!("{} of {}", human(self.elapsed), human(self.of))];
        parts.extend(self.next_look.map(|wait| format!("next look in {}", human(wait))));
        parts.extend(
            self.requests
                .map(|(made, allowed)| format!("{made} of {allowed} requests this minute")),
        );
        format!("collect-results  {}", parts.join(" · "))
    }

    /// A job's line below it in so many columns; the names take `width`. Half an address leads nowhere:
    /// where it does not fit, the run's number stands for it.
    fn row(line: &Line, width: usize, columns: usize) -> String {
        let clean = |text: &str| text::one_line(text, 120);
        let elapsed = line.elapsed.map(human).unwrap_or_default();
        let row =
            format!("{:width$}  {:<9}  {elapsed:>6}  ", clean(&line.name), clean(&line.words));
        let left = columns.saturating_sub(row.chars().count());
        let rest = match (&line.trouble, &line.url) {
            (Some(trouble), _) => clean(trouble),
            (None, Some(url)) if url.chars().count() > left => {
                let number = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                clean(&format!("run {number}"))
            }
            (None, url) => url.as_deref().map(clean).unwrap_or_default(),
        };
        format!("{row}{rest}").trim_end().to_owned()
    }
}

/// Shows views.
#[derive(Debug)]
pub struct Reporter {
    terminal: Option<Terminal>,
    /// What was last said of each job.
    said: HashMap<String, (String, Option<String>)>,
}

#[derive(Debug)]
struct Terminal {
    all: MultiProgress,
    head: ProgressBar,
    rows: Vec<ProgressBar>,
}

impl Reporter {
    /// A reporter; `terminal` if a person watches.
    pub fn new(terminal: bool) -> Self {
        let terminal = terminal.then(|| {
            let all = MultiProgress::new();
            let head = all.add(row());
            Terminal { all, head, rows: Vec::new() }
        });
        Self { terminal, said: HashMap::new() }
    }

    /// Shows a view.
    pub fn show(&mut self, view: &View) {
        match &mut self.terminal {
            Some(terminal) => terminal.draw(view),
            None => self.log(view),
        }
    }

    /// Clears what is drawn, so that what follows is read below the shell's line.
    pub fn finish(&mut self) {
        if let Some(terminal) = self.terminal.take() {
            let _ = terminal.all.clear();
        }
    }

    fn log(&mut self, view: &View) {
        for line in &view.lines {
            let now = (line.words.clone(), line.trouble.clone());
            let before = self.said.insert(line.job.clone(), now);
            let (job, execution) = (line.job.as_str(), line.execution.as_deref());
            let elapsed_s = line.elapsed.map(|elapsed| elapsed.as_secs());
            if before.as_ref().map(|(words, _)| words) != Some(&line.words) {
                let url = line.url.as_deref();
                let verb = if line.ended { ":" } else { " is" };
                tracing::info!(
                    job,
                    execution,
                    elapsed_s,
                    url,
                    "{}{verb} {}",
                    line.name,
                    line.words
                );
            }
            let told = before.and_then(|(_, trouble)| trouble);
            match (&line.trouble, told) {
                (Some(trouble), told) if Some(trouble) != told.as_ref() => {
                    tracing::warn!(job, execution, elapsed_s, "{} {trouble}", trouble_of(line));
                }
                (None, Some(_)) if !line.ended && !line.unjudged => {
                    tracing::info!(
                        job,
                        execution,
                        elapsed_s,
                        "{} can be looked at again",
                        line.name
                    );
                }
                _ => {}
            }
        }
    }
}

/// What a job's trouble means, up to the trouble itself.
fn trouble_of(line: &Line) -> String {
    let meaning = match line.unjudged {
        true => "has ended and cannot be judged yet:",
        false => "cannot be looked at and counts as going on:",
    };
    format!("{} {meaning}", line.name)
}

impl Terminal {
    fn draw(&mut self, view: &View) {
        self.head.set_message(text::harmless(&view.headline()).into_owned());
        let width = view
            .lines
            .iter()
            .map(|line| line.name.chars().count())
            .max()
            .unwrap_or(0)
            .min(40);
        while self.rows.len() < view.lines.len() {
            self.rows.push(self.all.add(row()));
        }
        for (bar, line) in self.rows.iter().zip(&view.lines) {
            let row = View::row(line, width, terminal::width().saturating_sub(2));
            bar.set_message(text::harmless(&format!("  {row}")).into_owned());
        }
    }
}

/// A line of text; cut by indicatif at the terminal's width.
fn row() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{wide_msg}").expect("a template of one field"));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_in_words() {
        let line = Line {
            job: "periodic-ci-x-periodics-e2e-aks".to_owned(),
            name: "e2e-aks".to_owned(),
            execution: Some("ca249d50".to_owned()),
            words: "running".to_owned(),
            ended: false,
            unjudged: false,
            elapsed: Some(Duration::from_secs(58 * 60)),
            url: Some("https://prow/view/gs/b/logs/j/1".to_owned()),
            trouble: None,
        };
        let view = View {
            elapsed: Duration::from_secs(62 * 60),
            of: Duration::from_secs(330 * 60),
            next_look: Some(Duration::from_secs(40)),
            requests: Some((3, 6)),
            lines: vec![line.clone()],
        };
        assert_eq!(
            view.headline(),
            "collect-results  1h02m of 5h30m · next look in 40s · 3 of 6 requests this minute"
        );
        assert_eq!(
            View::row(&line, 9, 100),
            "e2e-aks    running       58m  https://prow/view/gs/b/logs/j/1"
        );
        assert_eq!(View::row(&line, 9, 60), "e2e-aks    running       58m  run 1");
        assert_eq!(trouble_of(&line), "e2e-aks cannot be looked at and counts as going on:");
        let ended = Line { unjudged: true, ..line };
        assert_eq!(trouble_of(&ended), "e2e-aks has ended and cannot be judged yet:");
    }
}
