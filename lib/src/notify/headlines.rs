//! The runbook's table of first lines, held to what Slack can be told.

use std::collections::BTreeSet;

use xtask::repository;

use super::{compose, samples};
use crate::staleness::samples as staleness;
use crate::trigger::tell_samples;

/// What makes the first lines.
const SOURCES: [&str; 3] = [
    include_str!("compose.rs"),
    include_str!("../staleness/message.rs"),
    include_str!("../trigger/tell.rs"),
];

/// The first line of each message that there is a sample of, with its sign.
fn headlines() -> Vec<String> {
    let runs = samples::all().into_iter().map(|(.., facts)| compose(&facts).words());
    let others = staleness::all().into_iter().chain(tell_samples());
    let others = others.map(|(_, payload)| payload.headline.words());
    runs.chain(others)
        .map(|text| text.lines().next().unwrap_or_default().to_owned())
        .collect()
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

/// The quoted first lines of the runbook's tables.
fn quoted() -> Vec<String> {
    let runbook = std::fs::read_to_string(repository("docs/runbook.md")).unwrap();
    let (_, after) = runbook.split_once("\n## From the message\n").unwrap();
    let (tables, _) = after.split_once("\n## ").unwrap();
    let cells = tables
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()));
    cells.collect()
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
