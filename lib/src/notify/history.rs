//! The runs before this one: how many were red in a row, and what was last verified.

use jiff::Timestamp;

use super::words::short;
use crate::record::{Health, Outcome, Past, Verified};

/// The image that was verified last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastVerified {
    /// The image in words.
    pub image: String,
    pub at: Timestamp,
}

impl From<&Verified> for LastVerified {
    fn from(verified: &Verified) -> Self {
        Self { image: short(&verified.image), at: verified.at }
    }
}

/// What the runs before this one tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Red runs in a row right before this one. Runs that were cancelled or have not ended count
    /// for nothing and end no row.
    pub red_before: usize,
    /// The image that was verified last, before this run.
    pub last_verified: Option<LastVerified>,
    /// The thread of the row: that of its newest message, since the first one may be gone by now.
    pub thread: Option<String>,
}

impl History {
    /// Reads it from past runs, newest first; those that began after `begun` are no past.
    pub fn of(runs: &[Past], begun: Timestamp) -> Self {
        let before: Vec<_> = runs.iter().filter(|run| run.created_at <= begun).collect();
        let health = |run: &&&Past| run.outcome.map_or(Health::Neither, Outcome::health);
        let row: Vec<_> = before.iter().take_while(|run| health(run) != Health::Green).collect();
        let verified = before.iter().filter_map(|run| run.verified.as_ref());
        let red: Vec<_> = row.iter().filter(|run| health(run) == Health::Red).collect();
        Self {
            red_before: red.len(),
            last_verified: verified.max_by_key(|verified| verified.at).map(LastVerified::from),
            thread: red.iter().find_map(|run| run.thread.clone()),
        }
    }

    /// The place of a red run in its row, counted from 1; 0 for any other run.
    pub fn row_with(&self, outcome: Outcome) -> usize {
        if outcome.health() == Health::Red { self.red_before + 1 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn run(day: i64, outcome: Option<Outcome>) -> Past {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day);
        let image: crate::image::Digest = format!("sha256:{day:064}").parse().unwrap();
        Past {
            name: format!("gate-{day}"),
            uid: String::new(),
            id: format!("{day}"),
            run: None,
            created_at: at,
            updated_at: at,
            outcome,
            snapshot: None,
            verified: (outcome == Some(Outcome::Promoted)).then(|| Verified {
                image: image.clone(),
                plan: "plan".to_owned(),
                at,
            }),
            image: Some(image),
            open_jobs: 0,
            last_launch: None,
            words: None,
            thread: Some(format!("thread-{day}")),
        }
    }

    fn history(outcomes: &[Option<Outcome>]) -> History {
        let runs: Vec<_> = outcomes
            .iter()
            .enumerate()
            .map(|(day, outcome)| run(day as i64, *outcome))
            .rev()
            .collect();
        History::of(&runs, Timestamp::MAX)
    }

    #[test]
    fn only_red_runs_count_and_only_green_ones_end_a_row() {
        use Outcome::{Broken, Cancelled, Promoted, Refused, ReleasePending, Undecided};
        for (outcomes, red) in [
            (&[][..], 0),
            (&[Some(Refused), Some(Promoted)], 0),
            (&[Some(Promoted), Some(Refused), Some(Broken)], 2),
            (
                &[
                    Some(Promoted),
                    Some(Refused),
                    Some(Cancelled),
                    None,
                    Some(ReleasePending),
                    Some(Undecided),
                ],
                2,
            ),
        ] {
            assert_eq!(history(outcomes).red_before, red, "{outcomes:?}");
        }
    }

    #[test]
    fn a_row_has_the_thread_of_its_newest_message() {
        use Outcome::{Cancelled, Promoted, Refused};
        let found = history(&[
            Some(Refused),
            Some(Promoted),
            Some(Refused),
            Some(Refused),
            Some(Cancelled),
        ]);
        assert_eq!(found.thread.as_deref(), Some("thread-3"));
        assert_eq!(found.last_verified.unwrap().at.to_string(), "1970-01-02T00:00:00Z");
    }

    #[test]
    fn later_runs_are_no_past() {
        let runs = [run(5, Some(Outcome::Refused)), run(1, Some(Outcome::Refused))];
        assert_eq!(History::of(&runs, runs[1].created_at).red_before, 1);
    }
}
