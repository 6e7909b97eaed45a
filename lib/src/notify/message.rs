//! A message before it is rendered.

use crate::record::{Health, Outcome};
use crate::slack::{Colour, Line, Payload};

/// How a message looks at first sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// It is not known, or not yet.
    Open,
    /// It is not well.
    Bad,
    /// Nothing was decided, and nobody has to act.
    Quiet,
}

impl Tone {
    /// The tone of an outcome.
    pub fn of(outcome: Outcome) -> Self {
        match (outcome, outcome.health()) {
            (_, Health::Green) => Self::Good,
            (Outcome::Undecided | Outcome::ReleaseUnknown | Outcome::ReleasePending, _) => {
                Self::Open
            }
            (Outcome::Cancelled, _) => Self::Quiet,
            _ => Self::Bad,
        }
    }

    /// The sign before the headline.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Good => "🟢",
            Self::Open => "🟡",
            Self::Bad => "🔴",
            Self::Quiet => "⚪",
        }
    }

    fn colour(self) -> Colour {
        match self {
            Self::Good => Colour::Green,
            Self::Open => Colour::Yellow,
            Self::Bad => Colour::Red,
            Self::Quiet => Colour::Grey,
        }
    }
}

/// The message's kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// How it looks.
    pub tone: Tone,
    /// The first line, without its sign.
    pub headline: Line,
    /// Paragraphs, the most important first.
    pub body: Vec<Vec<Line>>,
    /// What to do: a reason and a command to copy.
    pub next: Vec<Line>,
    /// Where it all is: commit, Snapshot, run.
    pub footer: Option<Line>,
}

impl Message {
    /// The message for Slack. What to do comes before the jobs, so that it is there however many
    /// jobs there are.
    pub fn payload(&self) -> Payload {
        let (last, jobs) = (self.next.clone(), self.body.iter().cloned());
        // With few lines the reading order is kept; with many, what to do must not be cut off.
        let many = self.body.iter().map(Vec::len).sum::<usize>() > 30;
        let body = if many {
            std::iter::once(last).chain(jobs).collect()
        } else {
            jobs.chain([last]).collect()
        };
        Payload {
            headline: self.signed_headline(),
            colour: self.tone.colour(),
            body,
            footer: self.footer.clone(),
        }
    }

    /// The message for a terminal and for logs.
    pub fn text(&self) -> String {
        self.rendered(Line::plain)
    }

    /// The message as it reads in Slack, without the addresses behind the links.
    pub fn words(&self) -> String {
        self.rendered(Line::words)
    }

    fn rendered(&self, render: fn(&Line) -> String) -> String {
        let paragraphs = self.body.iter().chain([&self.next]).flatten().chain(&self.footer);
        let lines = std::iter::once(render(&self.signed_headline())).chain(paragraphs.map(render));
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }

    fn signed_headline(&self) -> Line {
        let mut line = Line::of(format!("{} ", self.tone.sign()));
        line.0.extend(self.headline.0.iter().cloned());
        line
    }
}
