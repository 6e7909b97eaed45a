//! What Slack is told of a trigger: gates that were not started, and nights that are skipped again
//! and again.

use super::Due;
use crate::failure::{Chain, Exit, Failure};
use crate::site::Site;
use crate::slack::{Colour, Line, Payload, Slack, Target};

/// Tells Slack what is to be told, and returns why a message was not delivered. `gate` is the
/// platform's name for people.
pub async fn tell(
    slack: &Slack,
    gate: Option<&str>,
    failures: &[String],
    due: &[Due],
) -> Vec<String> {
    let gate = gate.map_or_else(|| "Release gate".to_owned(), |label| format!("{label} gate"));
    let messages = [
        (!failures.is_empty()).then(|| not_started(&gate, failures)),
        (!due.is_empty()).then(|| skipped(&gate, due)),
    ];
    let mut undelivered = Vec::new();
    for message in messages.into_iter().flatten() {
        if let Err(error) = slack.send(&message, None).await {
            undelivered.push(format!("the message was not delivered: {}", Chain(&error)));
        }
    }
    undelivered
}

/// Tells Slack of bad input where nobody watches, since a CronJob with a wrong flag starts nothing night
/// after night. What is told by [`night`](super::night) is not told again.
pub async fn tell_misuse(
    failure: &Failure,
    target: Option<Target>,
    gate: Option<&str>,
    site: &Site,
) {
    if failure.exit != Exit::Misuse {
        return;
    }
    if let Ok(Some(slack)) = site.slack(target, false) {
        let why = [Chain(failure.error.as_ref()).to_string()];
        for undelivered in tell(&slack, gate, &why, &[]).await {
            tracing::warn!("{undelivered}");
        }
    }
}

fn not_started(gate: &str, failures: &[String]) -> Payload {
    let headline = Line::of("🔴 ").bold(format!("{gate} was not started"));
    let body = vec![failures.iter().map(Line::of).collect()];
    Payload { headline, colour: Colour::Red, body, footer: None }
}

/// Nothing failed: yet a gate that is skipped again and again tests nothing.
fn skipped(gate: &str, due: &[Due]) -> Payload {
    let rows = due.iter().filter_map(|due| due.row.as_ref());
    let words = match rows.map(|row| row.nights).max() {
        Some(nights) => format!("{gate} was skipped for {nights} nights in a row"),
        None => format!("{gate} was skipped"),
    };
    let headline = Line::of("🟡 ")
        .bold(words)
        .text(" · the jobs of another night still run");
    let mut lines: Vec<Line> = due.iter().map(|due| Line::of(due.words())).collect();
    lines.push(Line::of("wait for it, or end its run and its jobs; --force starts one beside it"));
    Payload { headline, colour: Colour::Yellow, body: vec![lines], footer: None }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::trigger::Row;

    /// Each message with a title for readers.
    pub fn samples() -> Vec<(&'static str, Payload)> {
        let scenario = "ho-release-gate-aro-hcp".to_owned();
        let why = "run ho-release-gate-x7k2p has not ended".to_owned();
        let since = "2026-08-18T03:15:00Z".parse().unwrap();
        let last = "2026-08-20T03:15:00Z".parse().unwrap();
        let row = Row { nights: 3, since, last, why: why.clone() };
        let failure =
            format!("{scenario}: integration-service did not act on the label; is it running?");
        let in_a_row = Due { scenario: scenario.clone(), why: why.clone(), row: Some(row) };
        vec![
            ("The gate could not be started", not_started("ARO HCP gate", &[failure])),
            ("The jobs of another night still run", skipped("ARO HCP gate", &[in_a_row])),
            (
                "The same, where it is not known for how long",
                skipped("ARO HCP gate", &[Due { scenario, why, row: None }]),
            ),
        ]
    }

    fn due(nights: Option<u32>) -> Due {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let why = "run x has not ended".to_owned();
        let row = nights.map(|nights| Row { nights, since: at, last: at, why: why.clone() });
        Due { scenario: "aro".to_owned(), why, row }
    }

    #[test]
    fn the_longest_row_is_in_the_headline() {
        let words = |due: &[Due]| skipped("ARO HCP gate", due).headline.plain();
        let longest = words(&[due(Some(2)), due(Some(4)), due(None)]);
        assert!(longest.contains("was skipped for 4 nights in a row"), "{longest}");
        assert!(words(&[due(None)]).contains("ARO HCP gate was skipped ·"));
    }

    #[test]
    fn every_failure_has_its_line() {
        let message = not_started("Release gate", &["a".to_owned(), "b".to_owned()]);
        assert!(message.headline.plain().contains("Release gate was not started"));
        let lines: Vec<_> = message.body[0].iter().map(Line::plain).collect();
        assert_eq!(lines, ["a", "b"]);
    }
}
