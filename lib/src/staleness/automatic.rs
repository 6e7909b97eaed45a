//! Releases of the gate's plan that integration-service made by itself: untested images reach consumers.

use jiff::{SignedDuration, Timestamp};

use super::{Evidence, Ledger};
use crate::verified::ReleaseBrief;

/// One that is older and was never told of is left alone (7 days), unless it still stands.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An automatic Release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Automatic {
    /// Its name.
    pub release: String,
    /// Its uid, or its name where it has none.
    pub id: String,
    /// Its Snapshot.
    pub snapshot: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// How it went, in words.
    pub state: &'static str,
    /// Whether its image is what consumers get: it has landed, or may, and nothing verified has landed since.
    pub stands: bool,
}

/// What there is to tell of automatic Releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// Nothing.
    None,
    /// These: new ones, or all that stand where the last word is an interval old.
    Raised(Vec<Automatic>),
    /// None stands any more.
    Over,
}

/// The automatic Releases that matter: those that stand, and the recent ones.
pub fn automatic(evidence: &Evidence, now: Timestamp) -> Vec<Automatic> {
    let verified = evidence.newest().map(|newest| newest.at);
    let mut found: Vec<Automatic> = Vec::new();
    for release in evidence.releases.iter().filter(|release| release.is_automatic()) {
        let (state, since) = state(release);
        let stands = since.is_some_and(|since| verified.is_none_or(|verified| since > verified));
        let recent = release.metadata.creation_timestamp.is_none_or(|at| now.duration_since(at) <= RECENT);
        if stands || recent {
            let (name, uid) = (release.metadata.name.clone(), release.metadata.uid.clone());
            found.push(Automatic {
                id: if uid.is_empty() { name.clone() } else { uid },
                release: name,
                snapshot: release.spec.snapshot.clone(),
                created: release.metadata.creation_timestamp,
                state,
                stands,
            });
        }
    }
    found.sort_by(|one, other| (other.created, &other.release).cmp(&(one.created, &one.release)));
    found
}

/// In words, and since when its image may be out.
fn state(release: &ReleaseBrief) -> (&'static str, Option<Timestamp>) {
    let reason = crate::verified::condition(&release.status.conditions, "Released").map(|found| found.reason.as_str());
    match reason {
        _ if release.has_landed() => ("it has landed", release.landed_at()),
        Some("Failed") => ("it failed", None),
        _ => ("it has not ended", release.metadata.creation_timestamp),
    }
}

impl Ledger {
    /// What is to be told of automatic Releases now. A new one is told at once; those that stand again once per
    /// interval.
    pub fn alarm(&self, found: &[Automatic], repeat: SignedDuration, now: Timestamp) -> Alarm {
        let untold = |one: &&Automatic| !self.automatic_told.contains(&one.id);
        let fresh: Vec<Automatic> = found.iter().filter(untold).cloned().collect();
        if !fresh.is_empty() {
            return Alarm::Raised(fresh);
        }
        let standing: Vec<Automatic> = found.iter().filter(|one| one.stands).cloned().collect();
        match (self.automatic_told_at, standing.is_empty()) {
            (Some(_), true) => Alarm::Over,
            (told, false) if super::ledger::is_due(told, repeat, now) => Alarm::Raised(standing),
            _ => Alarm::None,
        }
    }

    /// Notes what was told, and what is known now.
    pub fn note_alarm(&mut self, alarm: &Alarm, found: &[Automatic], now: Timestamp) {
        match alarm {
            Alarm::Raised(_) if found.iter().any(|one| one.stands) => self.automatic_told_at = Some(now),
            Alarm::Over => self.automatic_told_at = None,
            Alarm::Raised(_) | Alarm::None => {}
        }
        // Newest first; what is not seen any more need not be remembered.
        self.automatic_told = found.iter().take(super::ledger::MOST_REMEMBERED).map(|one| one.id.clone()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(hours: i64) -> Timestamp {
        "2026-08-20T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
    }

    fn release(name: &str, hours: i64, reason: &str, automatic: bool) -> ReleaseBrief {
        let status = if reason == "Succeeded" { "True" } else { "False" };
        serde_json::from_value(json!({
            "metadata": {"name": name, "uid": format!("uid-{name}"), "creationTimestamp": at(hours).to_string()},
            "spec": {"snapshot": "s", "releasePlan": "p"},
            "status": {"automated": automatic, "conditions": [{"type": "Released", "status": status, "reason": reason}]},
        }))
        .unwrap()
    }

    #[test]
    fn told_at_once_each_and_again_while_it_stands() {
        let day = SignedDuration::from_hours(24);
        let mut evidence = Evidence { releases: vec![release("r-1", 0, "Succeeded", false)], ..Evidence::default() };
        let mut ledger = Ledger::default();
        let mut look = |evidence: &Evidence, hour: i64| {
            let found = automatic(evidence, at(hour));
            let alarm = ledger.alarm(&found, day, at(hour));
            ledger.note_alarm(&alarm, &found, at(hour));
            match alarm {
                Alarm::None => String::new(),
                Alarm::Over => "over".to_owned(),
                Alarm::Raised(found) => found.iter().map(|one| one.release.as_str()).collect::<Vec<_>>().join(","),
            }
        };
        assert_eq!(look(&evidence, 1), "");
        evidence.releases.push(release("a-1", 2, "Succeeded", true));
        assert_eq!(look(&evidence, 3), "a-1");
        assert_eq!(look(&evidence, 4), "");
        evidence.releases.push(release("a-2", 5, "Failed", true));
        assert_eq!(look(&evidence, 6), "a-2");
        assert_eq!(look(&evidence, 29), "");
        // A day after the last word, that one still stands.
        assert_eq!(look(&evidence, 31), "a-1");
        evidence.releases.push(release("r-2", 32, "Succeeded", false));
        assert_eq!(look(&evidence, 33), "over");
        assert_eq!(look(&evidence, 34), "");
        // It came and went between two looks: told all the same.
        evidence.releases.push(release("a-3", 35, "Succeeded", true));
        evidence.releases.push(release("r-3", 36, "Succeeded", false));
        assert_eq!(look(&evidence, 37), "a-3");
        assert_eq!(look(&evidence, 38), "");
    }

    #[test]
    fn what_is_old_and_over_is_left_alone() {
        let releases = vec![release("a-1", 0, "Succeeded", true), release("r-1", 5, "Succeeded", false)];
        let evidence = Evidence { releases, ..Evidence::default() };
        assert_eq!(automatic(&evidence, at(24 * 8)), []);
        let alone = Evidence { releases: evidence.releases[..1].to_vec(), ..Evidence::default() };
        assert!(automatic(&alone, at(24 * 60))[0].stands);
    }
}
