//! What Slack is told of a trigger: gates that were not started, and nights that are skipped again
//! and again.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt;

use super::Due;
use crate::failure::{Chain, Exit, Failure};
use crate::site::Site;
use crate::slack::{Colour, Line, Payload, Runbook, Slack, Target};

/// Tells Slack what is to be told, and returns why a message was not delivered. `gate` is the
/// platform's name for people.
pub async fn tell(
    slack: &Slack,
    gate: Option<&str>,
    runbook: &Runbook,
    failures: &[String],
    due: &[Due],
) -> Vec<String> {
    let gate = gate.map_or_else(|| "Release gate".to_owned(), |label| format!("{label} gate"));
    let messages = [
        (!failures.is_empty()).then(|| not_started(&gate, runbook, failures)),
        (!due.is_empty()).then(|| skipped(&gate, runbook, due)),
    ];
    let mut undelivered = Vec::new();
    for message in messages.into_iter().flatten() {
        if let Err(error) = slack.send(&message, None).await {
            undelivered.push(format!("the message was not delivered: {}", Chain(&error)));
        }
    }
    undelivered
}

/// Does a night's work where nobody watches, and tells Slack when bad input or a bug ends it: a CronJob
/// with a wrong flag starts nothing night after night. What [`night`](super::night) tells is not told
/// again.
///
/// # Errors
/// Those of the work.
///
/// # Panics
/// Where the work does, after that was told.
pub async fn unwatched(
    work: impl Future<Output = Result<(), Failure>>,
    target: Option<Target>,
    gate: Option<&str>,
    runbook: &Runbook,
    site: &Site,
) -> Result<(), Failure> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    let why = match &ended {
        Ok(Err(failure)) if failure.exit == Exit::Misuse => {
            Chain(failure.error.as_ref()).to_string()
        }
        Ok(_) => String::new(),
        Err(_) => "a bug ended trigger-gate; its log names the place".to_owned(),
    };
    if !why.is_empty()
        && let Ok(Some(slack)) = site.slack(target, false)
    {
        for undelivered in tell(&slack, gate, runbook, &[why], &[]).await {
            tracing::warn!("{undelivered}");
        }
    }
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

fn not_started(gate: &str, runbook: &Runbook, failures: &[String]) -> Payload {
    let headline = Line::of("🔴 ").bold(format!("{gate} was not started"));
    let body = vec![failures.iter().map(Line::of).collect()];
    Payload { headline, colour: Colour::Red, body, footer: runbook.row("not-started") }
}

/// Nothing failed: yet a gate that is skipped again and again tests nothing.
fn skipped(gate: &str, runbook: &Runbook, due: &[Due]) -> Payload {
    let rows = due.iter().filter_map(|due| due.row.as_ref());
    let (words, anchor) = match rows.map(|row| row.nights).max() {
        Some(nights) => {
            (format!("{gate} was skipped for {nights} nights in a row"), "skipped-in-a-row")
        }
        None => (format!("{gate} was skipped"), "skipped"),
    };
    let headline = Line::of("🟡 ")
        .bold(words)
        .text(" · the jobs of another night still run");
    let mut lines: Vec<Line> = due.iter().map(|due| Line::of(due.words())).collect();
    lines.push(Line::of("wait for it, or end its run and its jobs; --force starts one beside it"));
    let footer = runbook.row(anchor);
    Payload { headline, colour: Colour::Yellow, body: vec![lines], footer }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use standins::{Server, TokioTime, World};

    use super::*;
    use crate::clock::{RuntimeClock, SharedClock};
    use crate::support::network;
    use crate::trigger::Row;

    /// Each message with a title for readers.
    pub fn samples() -> Vec<(&'static str, Payload)> {
        let page = "https://github.com/acme/release-gate/blob/main/docs/runbook.md";
        let runbook = &page.parse().unwrap();
        let scenario = "ho-release-gate-aro-hcp".to_owned();
        let why = "run ho-release-gate-x7k2p has not ended".to_owned();
        let since = "2026-08-18T03:15:00Z".parse().unwrap();
        let last = "2026-08-20T03:15:00Z".parse().unwrap();
        let row = Row { nights: 3, since, last, why: why.clone() };
        let failure =
            format!("{scenario}: integration-service did not act on the label; is it running?");
        let in_a_row = Due { scenario: scenario.clone(), why: why.clone(), row: Some(row) };
        vec![
            ("The gate could not be started", not_started("ARO HCP gate", runbook, &[failure])),
            ("The jobs of another night still run", skipped("ARO HCP gate", runbook, &[in_a_row])),
            (
                "The same, where it is not known for how long",
                skipped("ARO HCP gate", runbook, &[Due { scenario, why, row: None }]),
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
        let words =
            |due: &[Due]| skipped("ARO HCP gate", &Runbook::default(), due).headline.plain();
        let longest = words(&[due(Some(2)), due(Some(4)), due(None)]);
        assert!(longest.contains("was skipped for 4 nights in a row"), "{longest}");
        assert!(words(&[due(None)]).contains("ARO HCP gate was skipped ·"));
    }

    #[test]
    fn every_failure_has_its_line() {
        let runbook = Runbook::default();
        let message = not_started("Release gate", &runbook, &["a".to_owned(), "b".to_owned()]);
        assert!(message.headline.plain().contains("Release gate was not started"));
        let lines: Vec<_> = message.body[0].iter().map(Line::plain).collect();
        assert_eq!(lines, ["a", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_a_night_before_it_can_speak_is_told() {
        let start = jiff::Timestamp::UNIX_EPOCH;
        let world = World::builder().clock(TokioTime::starting_at(start)).build();
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(start));
        let site = Site::opened(clock, None, Some(network(&world)));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("url");
        std::fs::write(&file, Server::Slack.base() + standins::WEBHOOK).unwrap();
        let target = || Some(Target::webhook(file.clone()));
        let said = || {
            world
                .slack()
                .messages()
                .iter()
                .map(|it| it.words())
                .collect::<Vec<_>>()
        };
        let quiet = Failure::new(Exit::Failed, "told already");
        for ended in [Ok(()), Err(quiet)] {
            let _ = unwatched(async { ended }, target(), None, &Runbook::default(), &site).await;
        }
        assert_eq!(said(), [""; 0]);
        let misuse = async { Err(Failure::misuse("--wait: expected a duration")) };
        unwatched(misuse, target(), None, &Runbook::default(), &site)
            .await
            .unwrap_err();
        assert!(said()[0].contains("--wait: expected a duration"), "{:?}", said());
        let runbook = Runbook::default();
        let bug = unwatched(async { panic!("a bug") }, target(), None, &runbook, &site);
        AssertUnwindSafe(bug).catch_unwind().await.unwrap_err();
        assert!(said()[1].contains("a bug ended trigger-gate"), "{:?}", said());
    }
}
