//! What a terminal gets that a pipe does not: colour, and lines that fit.
//!
//! The rules, the same for every binary:
//! - Colour only on a terminal, each of stdout and stderr judged by itself; none with `NO_COLOR`
//!   set to anything but the empty text, none with `TERM=dumb`. It marks words that are there
//!   without it.
//! - What is laid out is no wider than 100 columns, on a terminal no wider than that (but 60 at
//!   least). Lines are broken between words only: names, digests and addresses stay whole. Log
//!   lines, errors and commands to copy are never broken.

use std::ffi::OsString;
use std::io::{self, IsTerminal};

use super::results::{ResultsError, print};
use crate::text;

/// No layout is wider.
pub const WIDEST: usize = 100;

/// Nothing is laid out for less.
const NARROWEST: usize = 60;

/// Columns from the left in which a row's last column may begin, to be kept when the row is broken.
const COLUMNS_BEGIN: usize = 60;

/// Red, for what went wrong.
pub const RED: &str = "31";

/// Whether to colour what goes to a stream.
pub fn colour(stream: &impl IsTerminal) -> bool {
    is_coloured(stream.is_terminal(), |name| std::env::var_os(name))
}

fn is_coloured(terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let unwanted = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    terminal && !unwanted && !is_dumb(variable)
}

/// Whether a stream's lines can be drawn again over themselves.
pub fn can_redraw(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && !is_dumb(|name| std::env::var_os(name))
}

fn is_dumb(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    variable("TERM").is_some_and(|term| term == "dumb")
}

/// A text in a colour, if that is wanted.
pub fn painted(text: &str, colour: &str, wanted: bool) -> String {
    if wanted { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Columns to lay out for on stdout: the terminal's, within bounds; [`WIDEST`] where it is none.
pub fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout());
    bounded(size.ok().map(|size| usize::from(size.ws_col)))
}

fn bounded(columns: Option<usize>) -> usize {
    // A terminal that does not know its size says 0.
    columns
        .filter(|columns| *columns > 0)
        .unwrap_or(WIDEST)
        .clamp(NARROWEST, WIDEST)
}

/// How a line begins that says what to type next; it stays whole, to be copied.
pub const NEXT: &str = "next: ";

/// Moves to the upper left corner and clears what is below it.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// What is shown again and again: on a terminal over itself, in a pipe once for each change.
#[derive(Debug)]
pub struct Screen {
    redraws: bool,
    said: Option<String>,
}

impl Screen {
    /// Nothing is shown yet.
    pub fn new(redraws: bool) -> Self {
        Self { redraws, said: None }
    }

    /// Shows a text on stdout; in a pipe only if `news` differs from the last time, since the text
    /// itself may hold the time.
    ///
    /// # Errors
    /// Stdout cannot be written to.
    pub fn show(&mut self, text: &str, news: &str) -> Result<(), ResultsError> {
        if self.redraws {
            return print(&format!("{CLEAR}{text}"));
        }
        if self.said.as_deref() == Some(news) {
            return Ok(());
        }
        let gap = if self.said.is_some() { "\n" } else { "" };
        self.said = Some(news.to_owned());
        print(&format!("{gap}{text}"))
    }
}

/// A text whose longer lines are broken between words, and go on below their last column; harmless,
/// whatever came from others.
pub fn fitted(text: &str, width: usize) -> String {
    let text = text::harmless(text);
    let lines = text.lines().flat_map(|line| broken(line.trim_end(), width));
    lines.map(|line| line + "\n").collect()
}

fn broken(line: &str, width: usize) -> Vec<String> {
    if line.chars().count() <= width || line.starts_with(NEXT) {
        return vec![line.to_owned()];
    }
    let letters: Vec<char> = line.chars().collect();
    let (head, rest) = letters.split_at(last_column(&letters));
    let indent = head.len().min(width / 2);
    let head: String = head.iter().collect();
    let rest: String = rest.iter().collect();
    let mut lines = vec![head];
    let mut empty = true;
    for word in rest.split_whitespace() {
        let end = lines.len() - 1;
        if !empty && lines[end].chars().count() + 1 + word.chars().count() > width {
            lines.push(format!("{:indent$}{word}", ""));
            continue;
        }
        if !empty {
            lines[end].push(' ');
        }
        lines[end].push_str(word);
        empty = false;
    }
    lines
}

/// Where a row's last column begins: after the last gap of two blanks near its left end (an indent
/// is one as well); at the row's begin where there is none.
fn last_column(letters: &[char]) -> usize {
    let near = &letters[..letters.len().min(COLUMNS_BEGIN)];
    let gap =
        |at: &usize| near[*at] != ' ' && *at >= 2 && near[at - 1] == ' ' && near[at - 2] == ' ';
    let begins = (0..near.len()).rev().find(gap);
    begins.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_whose_people_want_it() {
        let wanted = |terminal, variables: &[(&str, &str)]| {
            let variable = |name: &str| {
                variables
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| OsString::from(v))
            };
            is_coloured(terminal, variable)
        };
        assert!(wanted(true, &[]));
        assert!(wanted(true, &[("TERM", "xterm-256color"), ("NO_COLOR", "")]));
        assert!(!wanted(false, &[("TERM", "xterm")]));
        assert!(!wanted(true, &[("NO_COLOR", "1")]));
        assert!(!wanted(true, &[("NO_COLOR", "0")]), "whatever the value");
        assert!(!wanted(true, &[("TERM", "dumb")]));
    }

    #[test]
    fn widths_have_bounds() {
        assert_eq!(
            [None, Some(0), Some(20), Some(80), Some(300)].map(bounded),
            [100, 100, 60, 80, 100]
        );
    }

    #[test]
    fn long_rows_go_on_below_their_last_column() {
        let text = "one  two  three four five\nimage      quay.io/a-long-name\n  x\n";
        assert_eq!(
            fitted(text, 20),
            "one  two  three four\n          five\nimage      quay.io/a-long-name\n  x\n"
        );
        assert_eq!(fitted("word word word", 9), "word word\nword\n");
        assert_eq!(fitted("a\n\nb", 9), "a\n\nb\n");
        assert_eq!(fitted("next: word word", 9), "next: word word\n", "it is copied");
        assert_eq!(
            fitted("job  https://x/\u{1b}[2Jy\u{202e}", 80),
            "job  https://x/\\u{1b}[2Jy\\u{202e}\n"
        );
    }
}
