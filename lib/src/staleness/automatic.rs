//! Releases of the gate's plan that integration-service made by itself: untested images reach
//! consumers.

use jiff::{SignedDuration, Timestamp};

use super::ledger::MOST_REMEMBERED;
use super::{Evidence, Ledger, SourceName};
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
    pub snapshot: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// How it went, in words.
    pub state: &'static str,
    /// Since when its image may be out; none where it pushed nothing.
    pub since: Option<Timestamp>,
    /// Whether its image is what consumers get: it has landed, or may, and nothing verified has
    /// landed since.
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
        let recent = release
            .metadata
            .creation_timestamp
            .is_none_or(|at| now.duration_since(at) <= RECENT);
        if stands || recent {
            let (name, uid) = (release.metadata.name.clone(), release.metadata.uid.clone());
            found.push(Automatic {
                id: if uid.is_empty() { name.clone() } else { uid },
                release: name,
                snapshot: release.spec.snapshot.clone(),
                created: release.metadata.creation_timestamp,
                state,
                since,
                stands,
            });
        }
    }
    found.sort_by(|one, other| (other.created, &other.release).cmp(&(one.created, &one.release)));
    found
}

/// In words, and since when its image may be out.
fn state(release: &ReleaseBrief) -> (&'static str, Option<Timestamp>) {
    let reason = crate::konflux::condition(&release.status.conditions, "Released")
        .map(|found| found.reason.as_str());
    match reason {
        _ if release.has_landed() => ("it has landed", release.landed_at()),
        Some("Failed") => ("it failed", None),
        _ => ("it has not ended", release.metadata.creation_timestamp),
    }
}

impl Ledger {
    /// What to report about automatic Releases now. A new one is reported at once; those that stand
    /// again once per interval. That none is seen to stand is no end: only a verified image that is
    /// newer ends it.
    pub fn alarm(
        &self,
        evidence: &Evidence,
        found: &[Automatic],
        repeat: SignedDuration,
        now: Timestamp,
    ) -> Alarm {
        // What cannot be remembered would be new at each look.
        let untold = |one: &&Automatic| !self.automatic_told.contains(&one.id);
        let fresh: Vec<Automatic> =
            found.iter().take(MOST_REMEMBERED).filter(untold).cloned().collect();
        if !fresh.is_empty() {
            return Alarm::Raised(fresh);
        }
        let standing: Vec<Automatic> = found.iter().filter(|one| one.stands).cloned().collect();
        match self.automatic_told_at {
            Some(_) if standing.is_empty() && self.is_overtaken(evidence) => Alarm::Over,
            _ if standing.is_empty() => Alarm::None,
            // The verified one that ended it may be among what cannot be read.
            None if !evidence.knows_releases() => Alarm::None,
            told if super::ledger::is_due(told, repeat, now) => Alarm::Raised(standing),
            _ => Alarm::None,
        }
    }

    /// Whether a verified image has followed those that were told. What has left the cluster, or
    /// cannot be read, stands all the same.
    fn is_overtaken(&self, evidence: &Evidence) -> bool {
        // Before the time was kept: when it was told, nothing verified had followed.
        let Some(since) = self.automatic_since.or(self.automatic_told_at) else { return true };
        // One that was in flight may have landed after the verified one.
        !evidence.lacks(SourceName::Releases)
            && evidence
                .newest()
                .is_some_and(|newest| newest.at >= since && !evidence.is_in_doubt(&newest))
    }

    /// That what was told of is not seen any more although nothing verified has followed, in words.
    pub fn lost_sight(&self, evidence: &Evidence, found: &[Automatic]) -> Option<String> {
        self.automatic_told_at?;
        let unseen = !found.iter().any(|one| one.stands) && !self.is_overtaken(evidence);
        let since = self.automatic_since.or(self.automatic_told_at)?;
        unseen.then(|| {
            format!(
                "an untested image that was released automatically at {since:.0} may still be what consumers get: \
                 its Release is not seen to stand any more, and no verified one is seen after it"
            )
        })
    }

    /// Notes what was told, and what is known now.
    pub fn note_alarm(
        &mut self,
        alarm: &Alarm,
        evidence: &Evidence,
        found: &[Automatic],
        now: Timestamp,
    ) {
        let standing = found.iter().filter(|one| one.stands);
        let since = standing.filter_map(|one| one.since).max();
        match alarm {
            Alarm::Raised(_) if since.is_some() => self.automatic_told_at = Some(now),
            Alarm::Over => (self.automatic_told_at, self.automatic_since) = (None, None),
            Alarm::Raised(_) | Alarm::None => {}
        }
        if self.automatic_told_at.is_some() {
            self.automatic_since = self.automatic_since.max(since);
        }
        if evidence.knows_releases() {
            // Newest first; what is not seen any more need not be remembered.
            self.automatic_told =
                found.iter().take(MOST_REMEMBERED).map(|one| one.id.clone()).collect();
        } else if let Alarm::Raised(raised) = alarm {
            // What cannot be read now will be seen again, and was told.
            let raised = raised.iter().map(|one| one.id.clone());
            let known = std::mem::take(&mut self.automatic_told);
            let mut told: Vec<String> = raised.filter(|id| !known.contains(id)).collect();
            told.extend(known);
            told.truncate(MOST_REMEMBERED);
            self.automatic_told = told;
        }
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
        let mut evidence = Evidence {
            releases: vec![release("r-1", 0, "Succeeded", false)],
            ..Evidence::default()
        };
        let mut ledger = Ledger::default();
        let mut look = |evidence: &Evidence, hour: i64| {
            let found = automatic(evidence, at(hour));
            let alarm = ledger.alarm(evidence, &found, day, at(hour));
            ledger.note_alarm(&alarm, evidence, &found, at(hour));
            match alarm {
                Alarm::None => String::new(),
                Alarm::Over => "over".to_owned(),
                Alarm::Raised(found) => found
                    .iter()
                    .map(|one| one.release.as_str())
                    .collect::<Vec<_>>()
                    .join(","),
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
        let releases =
            vec![release("a-1", 0, "Succeeded", true), release("r-1", 5, "Succeeded", false)];
        let evidence = Evidence { releases, ..Evidence::default() };
        assert_eq!(automatic(&evidence, at(24 * 8)), []);
        let alone = Evidence { releases: evidence.releases[..1].to_vec(), ..Evidence::default() };
        assert!(automatic(&alone, at(24 * 60))[0].stands);
    }

    /// What is reported at each hour, and what is remembered.
    fn looks(ledger: &mut Ledger, looks: &[(&Evidence, i64)]) -> Vec<&'static str> {
        let told = looks.iter().map(|(evidence, hour)| {
            let found = automatic(evidence, at(*hour));
            let alarm = ledger.alarm(evidence, &found, SignedDuration::from_hours(24), at(*hour));
            ledger.note_alarm(&alarm, evidence, &found, at(*hour));
            match alarm {
                Alarm::None => "",
                Alarm::Over => "over",
                Alarm::Raised(_) => "raised",
            }
        });
        told.collect()
    }

    fn silent(name: SourceName, releases: &[&ReleaseBrief]) -> Evidence {
        let silent = vec![crate::staleness::Source::silent(name, "503")];
        Evidence {
            releases: releases.iter().copied().cloned().collect(),
            silent,
            ..Evidence::default()
        }
    }

    #[test]
    fn since_when_each_may_be_out() {
        for (reason, word, since) in [
            ("Succeeded", "it has landed", Some(at(2))),
            ("Failed", "it failed", None),
            ("Progressing", "it has not ended", Some(at(2))),
        ] {
            let told = state(&release("a-1", 2, reason, true));
            assert_eq!(told, (word, since));
        }
        // One that landed with the verified one was overtaken by it.
        for (hour, stands) in [(1, false), (2, false), (3, true)] {
            let releases = vec![
                release("r-1", 2, "Succeeded", false),
                release("a-1", hour, "Succeeded", true),
            ];
            let evidence = Evidence { releases, ..Evidence::default() };
            assert_eq!(automatic(&evidence, at(4))[0].stands, stands, "{hour}");
        }
    }

    #[test]
    fn only_one_that_may_be_out_is_told_again() {
        let (a1, failed) =
            (release("a-1", 2, "Succeeded", true), release("a-2", 2, "Failed", true));
        let whole = |release: &ReleaseBrief| Evidence {
            releases: vec![release.clone()],
            ..Evidence::default()
        };
        let mut ledger = Ledger::default();
        assert_eq!(
            looks(&mut ledger, &[(&whole(&failed), 3), (&whole(&failed), 99)]),
            ["raised", ""]
        );
        assert_eq!(ledger.automatic_told_at, None);
        // It was told when a verified one had overtaken it, and that one was taken back.
        let before = || Ledger { automatic_told: vec!["uid-a-1".to_owned()], ..Ledger::default() };
        assert_eq!(looks(&mut before(), &[(&whole(&a1), 3)]), ["raised"]);
        let half = silent(SourceName::Releases, &[&a1]);
        assert_eq!(looks(&mut before(), &[(&half, 3)]), [""]);
        // What is seen to stand is not out of sight.
        let mut ledger = Ledger::default();
        assert_eq!(looks(&mut ledger, &[(&whole(&a1), 3)]), ["raised"]);
        assert_eq!(ledger.lost_sight(&whole(&a1), &automatic(&whole(&a1), at(4))), None);
    }

    #[test]
    fn what_is_not_seen_is_not_over() {
        let (r1, a1, r2) = (
            release("r-1", 0, "Succeeded", false),
            release("a-1", 2, "Succeeded", true),
            release("r-2", 32, "Succeeded", false),
        );
        let whole = |releases: &[&ReleaseBrief]| Evidence {
            releases: releases.iter().copied().cloned().collect(),
            ..Evidence::default()
        };
        let (out, gone, after) = (whole(&[&r1, &a1]), whole(&[]), whole(&[&r2]));
        let (blind, half) =
            (silent(SourceName::Releases, &[]), silent(SourceName::Archive, &[&r1]));
        let mut ledger = Ledger::default();
        let told = looks(&mut ledger, &[(&out, 3), (&blind, 4), (&half, 5), (&out, 6)]);
        assert_eq!(told, ["raised", "", "", ""], "not told again either");
        assert_eq!(ledger.automatic_since, Some(at(2)));

        // It has left the cluster, and there is no archive: only a verified one ends it.
        assert_eq!(looks(&mut ledger, &[(&gone, 7)]), [""]);
        assert!(
            ledger
                .lost_sight(&gone, &[])
                .unwrap()
                .contains("2026-08-20T02:00:00Z")
        );
        assert_eq!(
            looks(&mut ledger, &[(&whole(&[&r1]), 8), (&after, 33), (&after, 34)]),
            ["", "over", ""]
        );
        assert_eq!((ledger.automatic_since, ledger.lost_sight(&after, &[])), (None, None));

        // What is over is not told again where the verified one cannot be read.
        let overtaken = whole(&[&a1, &r2]);
        let told =
            looks(&mut ledger, &[(&overtaken, 35), (&silent(SourceName::Releases, &[&a1]), 36)]);
        assert_eq!(told, ["raised", ""], "it was forgotten meanwhile, and is told once");

        // A record from before the time was kept.
        let mut old = Ledger {
            automatic_told_at: Some(at(3)),
            automatic_told: vec!["uid-a-1".into()],
            ..Ledger::default()
        };
        assert_eq!(looks(&mut old, &[(&gone, 4), (&half, 5), (&after, 33)]), ["", "", "over"]);
    }

    #[test]
    fn what_is_told_while_a_source_is_silent_is_told_once() {
        let half = silent(SourceName::Archive, &[&release("a-2", 5, "Succeeded", true)]);
        let mut ledger = Ledger { automatic_told: vec!["uid-a-1".into()], ..Ledger::default() };
        assert_eq!(
            looks(&mut ledger, &[(&half, 6), (&half, 7), (&half, 30)]),
            ["raised", "", "raised"]
        );
        assert_eq!(ledger.automatic_told, ["uid-a-2", "uid-a-1"]);
    }

    #[test]
    fn more_than_can_be_remembered_are_told_once_per_interval() {
        let releases = (0..120)
            .map(|hour| release(&format!("a-{hour}"), hour, "Succeeded", true))
            .collect();
        let evidence = Evidence { releases, ..Evidence::default() };
        let mut ledger = Ledger::default();
        let hourly: Vec<_> = (120..=144).map(|hour| (&evidence, hour)).collect();
        let told = looks(&mut ledger, &hourly);
        assert_eq!((told[0], told[24]), ("raised", "raised"));
        assert!(told[1..24].iter().all(|told| told.is_empty()), "{told:?}");
    }
}
