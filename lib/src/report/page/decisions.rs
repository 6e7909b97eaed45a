//! What people decided.

use jiff::Timestamp;
use maud::{Markup, html};

use super::tables::table;
use super::words::{minute, short};
use super::{time, word};
use crate::duration::ago;
use crate::report::decisions::{Decision, DecisionKind};
use crate::report::mark::Tone;
use crate::report::model::{Gate, Night};

/// What keeps promotions back, above everything else of the gate.
pub fn in_force(gate: &Gate, now: Timestamp) -> Markup {
    html! {
        @for hold in gate.holds_in_force() {
            div.note role="note" { p {
                strong { "Nothing is promoted" }
                @if let Some(until) = hold.until { " until " (time(until)) }
                ": " bdi { (hold.reason) } " (" (who(hold)) ", " (ago(hold.at, now)) ")"
            } }
        }
    }
}

/// All of them.
pub fn decisions(gate: &Gate, now: Timestamp) -> Markup {
    let row = |each: &Decision| {
        html! { tr {
            th scope="row" { (each.kind.word()) }
            td { (time(each.at)) " (" (ago(each.at, now)) ")" }
            td { (who(each)) }
            td { (subject(gate, each)) }
            td { bdi { (each.reason) } }
            td { (state(each)) }
        } }
    };
    let head = ["decision", "when", "who", "about", "reason", "state"];
    html! {
        @if !gate.decisions.is_empty() {
            (table(gate, "What people decided", &head, html! {
                @for each in &gate.decisions { (row(each)) }
            }))
        }
    }
}

/// The jobs of a night that a person accepted.
pub fn of_night(gate: &Gate, night: &Night) -> Markup {
    let mut found = gate
        .decisions
        .iter()
        .filter(|decision| decision.night.as_ref() == Some(&night.id))
        .peekable();
    html! {
        @if found.peek().is_some() {
            ul { @for each in found { li {
                (word(Tone::Doubtful, "⚑", "accepted:")) " "
                bdi { (job(gate, each)) } ", by " (who(each)) ": " bdi { (each.reason) }
            } } }
        }
    }
}

fn who(decision: &Decision) -> Markup {
    html! { @match &decision.by { Some(by) => bdi { (by) }, None => "somebody" } }
}

fn job<'a>(gate: &'a Gate, decision: &'a Decision) -> &'a str {
    let name = decision.what.as_deref().unwrap_or_default();
    let row = gate.jobs.iter().find(|row| row.name == name);
    row.map_or(name, |row| &row.short)
}

fn subject(gate: &Gate, decision: &Decision) -> Markup {
    let night = decision.night.as_ref();
    html! {
        @match (decision.kind, &decision.what) {
            (DecisionKind::Retraction, Some(image)) => code title=(image) { (short(image)) },
            (DecisionKind::Override, _) => bdi { (job(gate, decision)) },
            _ => "all promotions",
        }
        @if let Some(night) = gate.nights.iter().find(|one| Some(&one.id) == night) {
            " " a href={ "#" (night.id) } { "night of " (minute(night.begun_at)) }
        }
    }
}

fn state(decision: &Decision) -> Markup {
    let by = html! { @if let Some(by) = &decision.ended_by { " by " bdi { (by) } } };
    let stands = |words: &str| word(Tone::Doubtful, "⚑", words);
    html! {
        @match (decision.kind, decision.ended_at, decision.until) {
            (DecisionKind::Hold, Some(at), _) => { "lifted " (time(at)) (by) }
            (_, Some(at), _) => { "undone " (time(at)) (by) }
            (DecisionKind::Hold, None, Some(until)) if decision.in_force => {
                (stands("in force")) " until " (time(until))
            }
            (DecisionKind::Hold, None, Some(until)) => { "ended " (time(until)) }
            (DecisionKind::Retraction, None, _) => { (stands("in force")) }
            _ => {}
        }
    }
}
