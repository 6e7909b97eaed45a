//! Holds: until a time, nothing is promoted by a plan.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Entry, List};

/// So many holds are remembered; those that are over go first.
const KEPT: usize = 100;

/// Nothing is promoted by the plan until a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// When it ends by itself.
    pub until: Timestamp,
    pub reason: String,
    /// Who holds, as the cluster said then: information, no proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it began.
    pub at: Timestamp,
    /// When it was lifted, if that was before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted_at: Option<Timestamp>,
    /// Who lifted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted_by: Option<String>,
}

impl Entry for Hold {
    const KIND: &'static str = "holds";
}

impl Hold {
    /// Whether it keeps promotions back at a time.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.lifted_at.is_none() && now < self.until
    }

    /// For people: `held until 2026-11-30T12:00:00Z by alice: the reason`.
    pub fn words(&self) -> String {
        let by = self.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let words = format!("held until {:.0}{by}: {}", self.until, self.reason);
        crate::text::one_line(&words, 700)
    }
}

impl List<Hold> {
    /// The hold that keeps promotions back now; of several the one that ends last.
    pub fn in_force(&self, now: Timestamp) -> Option<&Hold> {
        let holding = self.entries.iter().filter(|hold| hold.holds(now));
        holding.max_by_key(|hold| hold.until)
    }

    /// Adds a hold. The same one once more changes nothing.
    pub fn hold(&mut self, hold: Hold) {
        let same = |found: &Hold| {
            (found.until, &found.reason) == (hold.until, &hold.reason) && found.lifted_at.is_none()
        };
        if !self.entries.iter().any(same) {
            self.entries.push(hold);
        }
        let surplus = self.entries.len().saturating_sub(KEPT);
        self.entries.drain(..surplus);
    }

    /// Ends all holds that are in force, and returns them as they were.
    pub fn lift(&mut self, now: Timestamp, by: Option<&str>) -> Vec<Hold> {
        let mut lifted = Vec::new();
        for hold in self.entries.iter_mut().filter(|hold| hold.holds(now)) {
            lifted.push(hold.clone());
            hold.lifted_at = Some(now);
            hold.lifted_by = by.map(str::to_owned);
        }
        lifted
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{RuntimeClock, SharedClock};
    use crate::failure::{Exit, Failure};
    use crate::lists::{change, read, reason};
    use crate::record::{Document, MAX_BYTES, labels};
    use crate::support::memory::Memory;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn hold(until: i64) -> Hold {
        Hold {
            until: at(until),
            reason: "freeze".to_owned(),
            by: Some("alice".to_owned()),
            at: at(0),
            lifted_at: None,
            lifted_by: None,
        }
    }

    fn clock() -> SharedClock {
        Arc::new(RuntimeClock::starting_at(at(0)))
    }

    #[test]
    fn a_hold_is_over_by_time_or_when_lifted() {
        let mut list = List::of_plan("p");
        list.hold(hold(10));
        list.hold(hold(20));
        list.hold(hold(20));
        assert_eq!(list.entries.len(), 2, "the same hold twice is one");
        assert_eq!(list.in_force(at(5)), Some(&hold(20)));
        assert_eq!(list.in_force(at(19)), Some(&hold(20)));
        assert_eq!(list.in_force(at(20)), None);
        assert_eq!(list.lift(at(15), Some("bob")), [hold(20)]);
        assert_eq!(list.in_force(at(16)), None);
        assert_eq!(list.lift(at(16), None), []);
        assert_eq!(list.entries[1].lifted_by.as_deref(), Some("bob"));
        assert_eq!(hold(10).words(), "held until 1970-01-01T00:00:10Z by alice: freeze");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_is_empty_and_what_is_damaged_is_not() {
        let memory = Memory::default();
        assert_eq!(read::<Hold>(&memory, &clock(), "p").await.unwrap(), None);
        change(&memory, &clock(), "p", |list| list.hold(hold(10)))
            .await
            .unwrap();
        let found = read::<Hold>(&memory, &clock(), "p").await.unwrap().unwrap();
        assert_eq!(found.entries, [hold(10)]);
        memory.replace("");
        let made = read::<Hold>(&memory, &clock(), "p").await.unwrap().unwrap();
        assert_eq!(made, List::of_plan("p"), "made by the overlay, and never written");
        for (damaged, words) in [
            (
                r#"{"schema_version":1,"kind":"holds","plan":"p","entr"#,
                "cannot be read as the list",
            ),
            ("null", "cannot be read as the list"),
            ("{}", "cannot be read as the list"),
            ("[]", "cannot be read as the list"),
            (r#"{"schema_version":1,"kind":"holds","plan":"p"}"#, "cannot be read as the list"),
            (
                r#"{"schema_version":2,"kind":"holds","plan":"p"}"#,
                "version 2; expected the list holds of",
            ),
            (
                r#"{"schema_version":1,"kind":"retracted","plan":"p"}"#,
                "holds \"retracted\" of plan",
            ),
            (r#"{"schema_version":1,"kind":"holds","plan":"q"}"#, "of plan \"q\""),
        ] {
            memory.replace(damaged);
            let failure = Failure::from(read::<Hold>(&memory, &clock(), "p").await.unwrap_err());
            assert_eq!(failure.exit, Exit::Failed, "{damaged}");
            let said = failure.error.to_string();
            assert!(said.contains(words), "{damaged}: {said}");
            let changed = change(&memory, &clock(), "p", |list| list.hold(hold(10))).await;
            assert!(changed.is_err(), "{damaged}: nothing is written over it");
        }
    }

    #[test]
    fn a_list_says_whose_it_is_and_what_is_too_large_is_not_written() {
        let mut list = List::of_plan("p");
        assert_eq!(list.plan(), "p");
        assert_eq!(list.labels(), labels::of_kind("holds"));
        list.hold(Hold { reason: String::new(), ..hold(10) });
        let around = list.encode("here").unwrap().len();
        list.entries[0].reason = "x".repeat(MAX_BYTES - around);
        assert_eq!(list.encode("here").unwrap().len(), MAX_BYTES);
        list.entries[0].reason.push('x');
        let error = list.encode("here").unwrap_err().to_string();
        assert!(error.starts_with("here would have more than"), "{error}");
    }

    #[test]
    fn a_reason_is_one_line_for_people() {
        assert_eq!(reason(" freeze for GA "), Ok("freeze for GA".to_owned()));
        for bad in ["", "  ", "a\nb", &"x".repeat(501)] {
            assert!(
                reason(bad).unwrap_err().starts_with("--reason: expected one line of"),
                "{bad}"
            );
        }
    }
}
