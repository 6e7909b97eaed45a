//! The page: one file that needs no script and loads nothing.
//!
//! Its templates are `maud`'s, which escapes every text by construction. The page forbids itself
//! everything but its own style and script, each by its hash.

mod decisions;
mod grid;
mod matrix;
mod night;
mod tables;
pub(super) mod words;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use self::words::{minute, share, short};
use super::decisions::overrides_lately;
use super::mark::{CellMark, Letter, NightMark, Tone};
use super::model::{FalseNegatives, Gate, Report};
use crate::duration::{ago, days, human};

const STYLE: &str = include_str!("style.css");
const COMFORT: &str = include_str!("comfort.js");

/// The whole page.
pub fn page(report: &Report) -> String {
    let namespace = report.namespace.as_deref();
    let title =
        namespace.map_or("Release gates".to_owned(), |name| format!("Release gates · {name}"));
    let now = report.made_at;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="referrer" content="no-referrer";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#gates" { "Skip to the gates" }
                header {
                    h1 { (title) }
                    p.soft { "As of " (time(now)) ". All times are UTC." }
                    @if report.gates.len() > 1 {
                        nav aria-label="Gates" { ul {
                            @for gate in &report.gates {
                                li { a href={ "#" (gate.id) } { bdi { (gate.name) } } " " (state(gate)) }
                            }
                        } }
                    }
                }
                main #gates {
                    @if !report.missing.is_empty() {
                        div.note role="note" {
                            p { strong { "Something is missing on this page." } }
                            ul { @for missing in &report.missing { li { (missing) } } }
                        }
                    }
                    @if report.gates.is_empty() { (nothing()) }
                    @for each in &report.gates { (gate(each, now)) }
                }
                footer { (legend()) }
                script { (PreEscaped(COMFORT)) }
            }
        }
    };
    page.into_string()
}

/// What the page may do: show its own style and run its own script.
pub(super) fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        hash(STYLE),
        hash(COMFORT)
    )
}

fn nothing() -> Markup {
    html! {
        p { "There is no record of a gate here yet." }
        p {
            "A gate writes its first record when its first run begins. Start one with "
            code { "trigger-gate --scenario NAME" }
            ", or look at what a night leaves behind with "
            code { "rehearse-gate --keep DIR" } "."
        }
    }
}

/// A time and, for programs, the same to the second.
fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at.to_string()) { (minute(at)) } }
}

/// The newest night as a sign with its word.
fn state(gate: &Gate) -> Markup {
    html! {
        @match gate.nights.first() {
            Some(night) => { (word(night.mark.tone(), night.mark.sign(), night.mark.word())) }
            None => { (word(Tone::Quiet, "·", "no night yet")) }
        }
    }
}

fn word(tone: Tone, sign: &str, word: &str) -> Markup {
    html! { span class={ "word " (tone.class()) } { span aria-hidden="true" { (sign) } " " (word) } }
}

fn gate(gate: &Gate, now: Timestamp) -> Markup {
    let heading = format!("{}-name", gate.id);
    html! {
        section id=(gate.id) aria-labelledby=(heading) {
            h2 id=(heading) { bdi { (gate.name) } " " (state(gate)) }
            (decisions::in_force(gate, now))
            (facts(gate, now))
            @if gate.nights.is_empty() {
                (no_night(gate))
            } @else {
                (strip(gate))
                (grid::jobs(gate))
                (grid::tests(gate))
                (tables::regressions(gate, now))
                (matrix::grid(gate, now))
                (tables::coverage(gate, now))
                (decisions::decisions(gate, now))
                h3 { "Nights" }
                @for (index, night) in gate.nights.iter().enumerate() {
                    (night::night(gate, index, night, now))
                }
            }
        }
    }
}

fn no_night(gate: &Gate) -> Markup {
    html! {
        p {
            "No night is recorded yet: the first one stands here as soon as it begins. "
            @match &gate.scenario {
                Some(scenario) => {
                    "To begin one now: " code { "trigger-gate --scenario " (scenario) } "."
                }
                None => { "To begin one now: " code { "trigger-gate --scenario NAME" } "." }
            }
        }
    }
}

fn facts(gate: &Gate, now: Timestamp) -> Markup {
    html! {
        dl.facts {
            div {
                dt { "newest verified image" }
                dd { @match &gate.verified {
                    Some(verified) => {
                        code title=(verified.image) { (short(&verified.image)) }
                        " " (ago(verified.at, now)) " " (freshness(gate, now))
                    }
                    None => "none that is known of",
                } }
            }
            div {
                dt { "promoted" }
                dd { (gate.promoted) " of " (gate.nights.len()) " nights" }
            }
            @if let Some(lead) = gate.lead_time {
                div {
                    dt { "first job to verified, median" }
                    dd { (human(Duration::from_secs(lead.median))) " over " (lead.nights) }
                }
            }
            @if let Some(wrong) = &gate.false_negatives {
                div {
                    dt { "nights wrongly red" }
                    dd { (false_negatives(wrong)) }
                }
            }
            @if let Some(coverage) = &gate.coverage {
                div {
                    dt { "version matrix" }
                    dd { (coverage.fresh) " of " (coverage.required) " cells fresh" }
                }
            }
            @if !gate.regressions.is_empty() {
                div { dt { "regressions" } dd { (gate.regressions.len()) } }
            }
            @let overrides = overrides_lately(&gate.decisions, now);
            @if overrides > 0 {
                div { dt { "overrides in 30 days" } dd { (overrides) } }
            }
            div { dt { "job hours" } dd { (gate.job_seconds / 3_600) } }
        }
    }
}

fn false_negatives(found: &FalseNegatives) -> String {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let FalseNegatives { wrong, unknown, nights, at_least, at_most, goal, .. } = found;
    let least = percent(*at_least);
    let most = if *unknown > 0 { format!(" to {}", percent(*at_most)) } else { String::new() };
    format!("{wrong} of {nights}, {least}{most}; goal under {:.0} %", goal * 100.0)
}

fn freshness(gate: &Gate, now: Timestamp) -> Markup {
    let Some(limit) = gate.stale_limit() else { return html! {} };
    if gate.is_stale(now) {
        word(Tone::Bad, "!", &format!("stale: older than {}", days(limit)))
    } else {
        html! { span.soft { "(stale after " (days(limit)) ")" } }
    }
}

fn strip(gate: &Gate) -> Markup {
    html! {
        h3 { (gate.nights.len()) " nights, the newest first" }
        ol.strip aria-label={ "Nights of " (gate.name) ", the newest first" } {
            @for night in &gate.nights {
                @let said = format!("{}: {}", minute(night.begun_at), night.mark.word());
                li { a class=(night.mark.tone().class()) href={ "#" (night.id) } title=(said) {
                    span aria-hidden="true" { (night.mark.sign()) }
                    span.hidden { (said) }
                } }
            }
        }
    }
}

fn legend() -> Markup {
    html! {
        section.legend aria-label="Legend" {
            h2 { "Legend" }
            h3 { "Nights" }
            ul { @for mark in NightMark::ALL { li { (word(mark.tone(), mark.sign(), mark.word())) } } }
            h3 { "Jobs" }
            ul {
                @for mark in CellMark::ALL { li { (word(mark.tone(), mark.sign(), mark.word())) } }
                li.soft { "✓2: on the second attempt" }
            }
            h3 { "Tests" }
            ul { @for letter in Letter::ALL { li { (word(letter.tone(), letter.sign(), letter.word())) } } }
        }
    }
}

pub(super) fn rate(passed: usize, ended: usize) -> String {
    share(passed, ended)
}
