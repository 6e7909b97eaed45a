//! The runbook's table of first lines, held to what Slack can be told.

use std::collections::BTreeSet;

use xtask::repository;

use super::{compose, samples};
use crate::bisect::words::tests::samples as bisect_samples;
use crate::slack::{Payload, Span};
use crate::staleness::samples as staleness;
use crate::trigger::tell_samples;

/// What makes the first lines.
const SOURCES: [&str; 3] = [
    include_str!("compose.rs"),
    include_str!("../staleness/message.rs"),
    include_str!("../trigger/tell.rs"),
];

/// Each message that there is a sample of.
fn messages() -> Vec<Payload> {
    let runs = samples::all()
        .into_iter()
        .map(|(.., facts)| compose(&facts).payload());
    let others = staleness::all().into_iter().chain(tell_samples());
    runs.chain(others.map(|(_, payload)| payload)).collect()
}

/// The first line of each message that there is a sample of, with its sign.
fn headlines() -> Vec<String> {
    // Nobody is woken by a bisect, so its messages lead to no row.
    let all = messages().into_iter().chain(bisect_samples());
    all.map(|payload| payload.headline.words()).collect()
}

/// Whether a text is as quoted, where each `…` stands for anything.
fn is_as(quoted: &str, text: &str) -> bool {
    let Some((first, others)) = quoted.split_once('…') else { return quoted == text };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let (between, end) = others.rsplit_once('…').unwrap_or(("", others));
    for piece in between.split('…') {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(end)
}

/// The quoted first lines of the runbook's tables, each with the anchor of its row.
fn rows() -> Vec<(Option<String>, String)> {
    let runbook = std::fs::read_to_string(repository("docs/runbook.md")).unwrap();
    let (_, after) = runbook.split_once("\n## From the message\n").unwrap();
    let (tables, _) = after.split_once("\n## ").unwrap();
    let row = |line: &str| {
        let cell = line.strip_prefix("| ")?;
        let anchored = cell
            .strip_prefix("<a id=\"")
            .and_then(|rest| rest.split_once("\"></a>"));
        let (anchor, cell) = match anchored {
            Some((anchor, cell)) => (Some(anchor.to_owned()), cell),
            None => (None, cell),
        };
        Some((anchor, cell.strip_prefix('`')?.split_once('`')?.0.to_owned()))
    };
    tables.lines().filter_map(row).collect()
}

fn quoted() -> Vec<String> {
    rows().into_iter().map(|(_, quoted)| quoted).collect()
}

/// Which quoted line is about a text: the one that says most.
fn row<'a>(quoted: &'a [String], text: &str) -> Option<&'a String> {
    quoted
        .iter()
        .filter(|quoted| is_as(quoted, text))
        .max_by_key(|quoted| quoted.chars().filter(|c| *c != '…').count())
}

#[test]
fn the_runbook_quotes_every_first_line() {
    let quoted = quoted();
    assert!(quoted.len() > 25, "{}", quoted.len());
    let headlines = headlines();
    let mut used = BTreeSet::new();
    for headline in &headlines {
        let row = row(&quoted, headline)
            .unwrap_or_else(|| panic!("docs/runbook.md has no row for {headline:?}"));
        used.insert(row.clone());
    }
    // A row that begins with any sign is about a part of other first lines.
    let parts = quoted.iter().filter(|quoted| quoted.starts_with('…'));
    for part in parts.filter(|part| headlines.iter().any(|headline| is_as(part, headline))) {
        used.insert(part.clone());
    }
    let never: Vec<_> = quoted.iter().filter(|quoted| !used.contains(*quoted)).collect();
    assert!(never.is_empty(), "nothing says {never:?}");
}

/// Whoever is woken by a message is led to its row; a green one wakes nobody.
#[test]
fn every_message_that_is_not_green_leads_to_its_row() {
    let rows = rows();
    // A row that begins with any sign is about a part of other first lines.
    let quoted = quoted();
    let quoted: Vec<_> = quoted.into_iter().filter(|quoted| !quoted.starts_with('…')).collect();
    let mut led = BTreeSet::new();
    for message in messages() {
        let headline = message.headline.words();
        let footer = message.footer.map(|footer| footer.plain()).unwrap_or_default();
        let link = footer
            .split_once("docs/runbook.md#")
            .map(|(_, anchor)| anchor.to_owned());
        if headline.starts_with('🟢') {
            assert_eq!(link, None, "{headline}");
            continue;
        }
        let row = row(&quoted, &headline).unwrap();
        let (anchor, _) = rows.iter().find(|(_, quoted)| quoted == row).unwrap();
        assert!(link.is_some() && link == *anchor, "{headline}: {link:?}, {anchor:?}");
        led.extend(link);
    }
    let anchors: BTreeSet<_> = rows.into_iter().filter_map(|(anchor, _)| anchor).collect();
    assert_eq!(led, anchors, "an anchor for each, and none besides");
}

/// What a message says to type has only flags that its program has.
#[test]
fn every_command_of_a_message_has_flags_that_there_are() {
    let mut checked = 0;
    for message in messages() {
        let spans = message.body.iter().flatten().flat_map(|line| &line.0);
        let commands = spans.filter_map(|span| match span {
            Span::Code(command) if command.contains(" --") => Some(command),
            _ => None,
        });
        for command in commands {
            let program = command.split(' ').next().unwrap();
            if program == "kubectl" {
                continue;
            }
            let page = std::fs::read_to_string(repository(format!("tests/help/{program}.txt")));
            let page = page.unwrap_or_else(|error| panic!("{command}: {error}"));
            for flag in command.split(' ').filter(|word| word.starts_with("--")) {
                let known = page
                    .lines()
                    .any(|line| line.trim_start().split(' ').next() == Some(flag));
                assert!(known, "{command}: {program} has no {flag}");
            }
            assert!(!command.contains("NAME"), "{command}: it cannot be run as it stands");
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

/// A first line without a sample would not be missed above.
#[test]
fn every_first_line_has_a_sample() {
    let headlines = headlines();
    let mut found = 0;
    for source in SOURCES {
        let (code, _) = source.split_once("#[cfg(test)]").unwrap_or((source, ""));
        for literal in code.split('"').skip(1).step_by(2) {
            if !literal.starts_with("{gate}") && !literal.starts_with("its plan made") {
                continue;
            }
            found += 1;
            let mut pattern = String::from("…");
            let mut inside = false;
            for c in literal.chars() {
                match c {
                    '{' => (inside, _) = (true, pattern.push('…')),
                    '}' => inside = false,
                    _ if inside => {}
                    c => pattern.push(c),
                }
            }
            pattern.push('…');
            let pattern = pattern.replace("……", "…");
            let made = headlines.iter().any(|headline| is_as(&pattern, headline));
            assert!(made, "no sample begins as {literal:?}");
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn a_quotation_is_compared_to_its_end() {
    for (quoted, text, is) in [
        ("a …", "a b c", true),
        ("a … c", "a b c", true),
        ("a … c", "a b c d", false),
        ("a … b", "a c", false),
        ("b …", "a b", false),
        ("a … c … e", "a b c d e", true),
        ("a", "a b", false),
    ] {
        assert_eq!(is_as(quoted, text), is, "{quoted} {text}");
    }
}
