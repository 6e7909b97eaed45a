//! What people see of a bisect: its plan, its probes, its end.

use std::time::Duration;

use super::document::{Document, Place};
use super::plan::{advised, cost, expected_error, rate};
use super::{Answer, Finding, Next, Outcome, Rules, Unfound, chance, finding, next};
use crate::duration;
use crate::history::compare_link;
use crate::image::Digest;
use crate::slack::{Colour, Line, Payload};

/// Snapshots that are named of those that are left.
const NAMED: usize = 5;

/// Above this chance of error an answer is called unsure (20 %).
const UNSURE: f64 = 0.2;

/// What it will cost, before it begins; `usual` is how long a run takes.
pub fn preview(document: &Document, usual: Option<Duration>) -> String {
    let (range, rules) = (document.range.len(), &document.rules);
    let mut lines = vec![cost_of(document)];
    let runs = cost(range, rules);
    lines.push(match usual {
        Some(usual) => format!(
            "{} to {}, since a run takes {}",
            duration::human(usual * runs.least),
            duration::human(usual * runs.most),
            duration::human(usual)
        ),
        None => "how long a run takes is not known from the job's history".to_owned(),
    });
    lines.push("the job's own schedule pauses while a run of it is under way".to_owned());
    if let Some(rate) = rate(document.before) {
        let error = expected_error(range, rate, rules);
        let mut line = format!(
            "the failure was seen in {} of {} runs on good images: the answer will be wrong with a chance of {}",
            document.before.failed,
            document.before.failed + document.before.passed,
            percent(error)
        );
        let confirm = advised(range, rate, rules);
        if confirm > rules.confirm {
            line += &format!("; --confirm {confirm} brings it to less than 5 %");
        }
        lines.push(line);
    }
    for (place, number) in document.range.iter().zip(0..) {
        let end = match number {
            0 => " · good",
            _ if number + 1 == range => " · bad",
            _ => "",
        };
        lines.push(format!("  {}{end}", named(place)));
    }
    lines.join("\n")
}

/// How many runs it will take, if no Snapshot has to be skipped and neither end is probed.
pub fn cost_of(document: &Document) -> String {
    let range = document.range.len();
    let cost = cost(range, &document.rules);
    format!(
        "{} Snapshots between, {} probes, {} to {} runs of {}",
        range.saturating_sub(2),
        cost.probes,
        cost.least,
        cost.most,
        document.job.name
    )
}

/// The plan for machines; times in seconds.
pub fn as_json(document: &Document, usual: Option<Duration>) -> String {
    let cost = cost(document.range.len(), &document.rules);
    let error = rate(document.before)
        .map(|rate| expected_error(document.range.len(), rate, &document.rules));
    let names: Vec<_> = document.range.iter().map(|place| &place.snapshot).collect();
    let runs: Vec<_> = document.runs.iter().filter(|run| run.outcome.is_some()).collect();
    let seconds = |runs: u32| usual.map(|usual| (usual * runs).as_secs());
    serde_json::json!({
        "snapshots": names, "probes": cost.probes, "runs": {"least": cost.least, "most": cost.most},
        "seconds": {"least": seconds(cost.least), "most": seconds(cost.most)},
        "chance_of_error": error, "seen": runs,
    })
    .to_string()
}

/// What was found of each Snapshot that was probed, oldest first, and where it stands.
pub fn table(document: &Document) -> String {
    let seen = document.seen();
    let mut lines = Vec::new();
    for (place, runs) in document.range.iter().zip(&seen) {
        if !runs.is_empty() {
            let state = state(runs, &document.rules);
            lines.push(format!("  {:<13} {}  {}", state, named(place), counts(runs)));
        }
    }
    lines.extend(end(document).iter().map(Line::plain));
    lines.join("\n")
}

/// What one Snapshot counts as by now: `bad (2 failed)`.
pub fn standing(document: &Document, place: usize) -> String {
    let runs = &document.seen()[place];
    format!("{} ({})", state(runs, &document.rules), counts(runs))
}

fn state(runs: &[Outcome], rules: &Rules) -> &'static str {
    match finding(runs, rules) {
        Finding::Good => "good",
        Finding::Bad => "bad",
        Finding::Skipped => "shows nothing",
        Finding::Open => "open",
    }
}

fn counts(runs: &[Outcome]) -> String {
    let count = |what| runs.iter().filter(|run| **run == what).count();
    let parts = [
        (count(Outcome::Failed), "failed"),
        (count(Outcome::Passed), "passed"),
        (count(Outcome::Inconclusive), "inconclusive"),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    parts.join(", ")
}

/// Where it stands, the most important first.
pub fn end(document: &Document) -> Vec<Line> {
    let seen = document.seen();
    let stopped = document.ended.as_ref().is_some_and(|ended| ended.stopped);
    match next(&seen, &document.rules) {
        Next::Found(answer) => found(document, answer),
        Next::Unfound { why, left } => {
            let why = match why {
                Unfound::NeverGood => {
                    "--good fails as well: the change is older; begin again with an older one"
                }
                Unfound::NeverBad => {
                    "--bad does not fail: the failure does not come with the image, or only seldom"
                }
                Unfound::Inconclusive => "what is left shows nothing",
                Unfound::RunsUsedUp => "--runs is used up",
            };
            let mut lines = vec![Line::of(format!("no first bad Snapshot: {why}"))];
            lines.extend(remaining(document, left));
            lines
        }
        Next::Run { left, .. } => {
            let words = if stopped { "stopped" } else { "not ended yet" };
            let mut lines = vec![Line::of(words)];
            lines.extend(remaining(document, left));
            lines
        }
    }
}

fn found(document: &Document, answer: Answer) -> Vec<Line> {
    let (good, bad) = (&document.range[answer.good], &document.range[answer.bad]);
    let seen = document.seen();
    let error = chance::of_error(&seen, document.before, answer.bad);
    let mut lines = vec![Line::of(format!("first bad: {}", named(bad)))];
    lines.extend(changes(good, bad));
    if let Some(link) = &bad.link {
        lines.push(Line::default().link("its last commit", link.clone()));
    }
    let mut sure = format!("chance of error {}", percent(error));
    if error > UNSURE {
        let more = (document.rules.confirm + 2).min(9);
        sure += &format!(
            ": the runs contradict each other or are few; begin again with --confirm {more}"
        );
    }
    lines.push(Line::of(sure));
    if !answer.seen {
        lines.push(Line::of(
            "one of the two shows nothing in its own runs and was taken at its word",
        ));
    }
    lines
}

/// The changes between two Snapshots: one link, and the commits.
fn changes(good: &Place, bad: &Place) -> Option<Line> {
    let (from, to) = (good.revision.as_deref()?, bad.revision.as_deref()?);
    let words = format!("commits {}..{}", short(from), short(to));
    let url = bad.git_url.as_deref().and_then(|url| compare_link(url, from, to));
    Some(match url {
        Some(url) => Line::default().link(words, url),
        None => Line::of(words),
    })
}

fn remaining(document: &Document, left: std::ops::RangeInclusive<usize>) -> Option<Line> {
    let places = document.range.get(left)?;
    let names: Vec<_> = places.iter().map(|place| place.snapshot.clone()).collect();
    let names = crate::text::some_of(&names, NAMED);
    Some(Line::of(format!("the first bad one is one of {}: {names}", places.len())))
}

/// The message at the end.
pub fn payload(document: &Document) -> Payload {
    let lines = end(document);
    let job = crate::jobs::short_names(&[&document.job.name]).concat();
    let what = document
        .test
        .as_deref()
        .map_or(job.clone(), |test| format!("{test} in {job}"));
    let (sign, colour, end) = match next(&document.seen(), &document.rules) {
        Next::Found(_) => ("🟡", Colour::Yellow, "found the first bad Snapshot"),
        Next::Unfound { .. } => ("⚪", Colour::Grey, "ended without an answer"),
        Next::Run { .. } => ("⚪", Colour::Grey, "was stopped"),
    };
    let runs = document.runs.iter().filter(|run| run.outcome.is_some()).count();
    let count = if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
    Payload {
        headline: Line::of(sign)
            .text(" ")
            .bold(format!("bisect of {what} {end} after {count}")),
        colour,
        body: vec![lines],
        footer: None,
    }
}

fn named(place: &Place) -> String {
    let digest: &Digest = place.image.digest();
    let hex = digest.as_str().trim_start_matches("sha256:");
    let mut words = format!("{} · {}", &hex[..hex.len().min(8)], place.snapshot);
    if let Some(title) = &place.title {
        words += &format!(" · {title:?}");
    }
    words
}

fn short(revision: &str) -> &str {
    revision.get(..8).unwrap_or(revision)
}

/// `4 %`, `0.3 %`, `under 0.1 %`.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        low if low < 0.1 => "under 0.1 %".to_owned(),
        low if low < 10.0 => format!("{low:.1} %"),
        high => format!("{high:.0} %"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::document::Run;
    use super::super::document::tests::document;
    use super::super::slot::Slot;
    use super::super::tests::runs;
    use super::*;

    fn with(letters: &[&str]) -> Document {
        let mut document = document(letters.len());
        for (place, letters) in letters.iter().enumerate() {
            for (index, outcome) in runs(letters).into_iter().enumerate() {
                let slot = Slot { place, number: index + 1 };
                document.runs.push(Run { outcome: Some(outcome), ..Run::of(slot) });
            }
        }
        document
    }

    /// A message of each end.
    pub(crate) fn samples() -> Vec<Payload> {
        let found = ["", "PP", "FPF", "", ""];
        let (left, stopped) = (["", "PP", "????", "FF", ""], ["", "PP", "", "", ""]);
        [found, left, stopped]
            .iter()
            .map(|letters| payload(&with(letters)))
            .collect()
    }

    #[test]
    fn the_plan_names_costs_and_risk() {
        let mut document = with(&["", "", "", "", ""]);
        document.before.failed = 6;
        document.before.passed = 14;
        let shown = preview(&document, Some(Duration::from_secs(2 * 3600)));
        let cost = "3 Snapshots between, 2 probes, 4 to 6 runs of periodic-a\n8h00m to 12h00m, since a run takes 2h00m\nthe job's own schedule pauses";
        assert!(shown.starts_with(cost), "{shown}");
        let unknown = preview(&document, None);
        assert!(unknown.contains("how long a run takes is not known"), "{unknown}");
        assert!(shown.contains("6 of 20 runs on good images: the answer will be wrong with a chance of 20 %; --confirm 3 brings it to less than 5 %"), "{shown}");
        assert!(shown.contains("00000000 · snap-0 · good\n"), "{shown}");
    }

    #[test]
    fn the_end_names_the_first_bad_one_and_its_changes() {
        let found = with(&["", "PP", "FPF", "", ""]);
        let shown = table(&found);
        for words in [
            "good          00000000 · snap-1  2 passed",
            "bad           00000000 · snap-2  2 failed, 1 passed",
            "first bad: 00000000 · snap-2",
            "commits 00000000..00000000",
            "chance of error ",
        ] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        let link = format!("https://github.com/acme/ho/compare/{:040x}...{:040x}", 1, 2);
        assert!(payload(&found).json().to_string().contains(&link));
        let left = table(&with(&["", "PP", "????", "FF", ""]));
        assert!(left.contains("no first bad Snapshot: what is left shows nothing"), "{left}");
        assert!(left.contains("the first bad one is one of 2: snap-2, snap-3"), "{left}");
        let never = table(&with(&["", "", "PP", "PP", "PP"]));
        assert!(never.contains("--bad does not fail"), "{never}");
    }
}
