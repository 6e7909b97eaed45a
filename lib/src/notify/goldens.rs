//! What people see, held by files: `goldens/*.json` is what Slack gets, `docs/messages.md` shows
//! the same to readers.

use serde_json::Value;
use xtask::held;

use super::{compose, outcome_of, samples};
use crate::slack::{Line, Payload};
use crate::staleness::samples as staleness;
use crate::trigger::tell_samples;

/// All texts of a payload with their limits in characters.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => {
            for (key, item) in map {
                match item {
                    Value::String(text) if key == "text" => found.push(text),
                    _ => texts(item, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_situation_reads_as_checked_in() {
    for (name, _, facts) in samples::all() {
        let payload = compose(&facts).payload().json();
        held(
            &format!("lib/src/notify/goldens/{name}.json"),
            &(serde_json::to_string_pretty(&payload).unwrap() + "\n"),
        );
    }
}

#[test]
fn no_situation_breaks_a_limit() {
    for (name, _, facts) in samples::all() {
        let payload = compose(&facts).payload().json();
        let mut found = Vec::new();
        texts(&payload, &mut found);
        assert!(found.iter().all(|text| (1..=3000).contains(&text.chars().count())), "{name}");
        let blocks = payload["attachments"][0]["blocks"].as_array().map_or(0, Vec::len);
        assert!((1..=48).contains(&blocks), "{name}: {blocks} blocks");
        assert!(payload.to_string().len() < 40_000, "{name}");
        // The foreign mention in a test's name is text.
        assert!(!payload.to_string().contains("<!channel>"), "{name}");
    }
}

#[test]
fn the_page_shows_them_all_as_checked_in() {
    let mut page = String::from(
        "# What the team sees\n\n\
         One message per run of the gate, in the channel of the webhook; an alert when nothing was verified for too\n\
         long, and one when the gate could not be started. Below is each situation as it reads in Slack, where the\n\
         lines below the first have a coloured bar, and `job`, `try`, commits and runs are links. What to do about\n\
         each: [runbook](runbook.md#from-the-message). `notify-slack --preview` shows a run's message in the terminal,\n\
         with the links' addresses.\n\n\
         This page is generated from the code (`cargo xtask generate`); the JSON that Slack gets is in\n\
         `lib/src/notify/goldens/`.\n\n\
         ## Of a run (notify-slack)\n",
    );
    for (name, title, facts) in samples::all() {
        if name == "two-hundred-jobs" {
            continue;
        }
        let outcome = serde_json::to_value(outcome_of(&facts)).unwrap();
        let text = compose(&facts).words();
        page += &format!(
            "\n### {title}\n\nOutcome in the record: `{}`\n\n```\n{text}```\n",
            outcome.as_str().unwrap()
        );
    }
    page += "\n## Of the schedule (trigger-gate)\n";
    for (title, payload) in tell_samples() {
        page += &shown(title, &payload);
    }
    page += "\n## Of the age of the image (check-staleness)\n";
    for (title, payload) in staleness::all() {
        page += &shown(title, &payload);
    }
    held("docs/messages.md", &page);
}

fn shown(title: &str, payload: &Payload) -> String {
    let lines = std::iter::once(&payload.headline)
        .chain(payload.body.iter().flatten())
        .chain(&payload.footer);
    let lines: Vec<String> = lines.map(Line::words).collect();
    format!("\n### {title}\n\n```\n{}\n```\n", lines.join("\n"))
}
