//! How a run of the gate ended, as people are told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decision, GateRecord, ReleaseRecord, Released};
use crate::failure::Exit;

/// How a run ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The image passed and its Release landed.
    Promoted,
    /// The image passed; a promotion was not asked for, or only as a dry run.
    Passed,
    /// A blocking job failed for a reason in the product.
    Refused,
    /// Not every blocking job passed, and none failed for a reason in the product.
    Undecided,
    /// The image passed, and its Release was refused or failed.
    NotReleased,
    /// The image passed, and it is not known whether its Release pushed it.
    ReleaseUnknown,
    /// The image passed, and its Release had not ended yet.
    ReleasePending,
    /// A step failed before there was a verdict.
    Broken,
    /// The run was stopped before there was a verdict.
    Cancelled,
}

/// What an outcome means for a row of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The image can be used.
    Green,
    /// It cannot.
    Red,
    /// Neither: it counts for no row and ends none.
    Neither,
}

impl Outcome {
    /// What it means for a row of runs.
    pub fn health(self) -> Health {
        match self {
            Self::Promoted | Self::Passed => Health::Green,
            Self::Refused
            | Self::Undecided
            | Self::NotReleased
            | Self::ReleaseUnknown
            | Self::Broken => Health::Red,
            Self::ReleasePending | Self::Cancelled => Health::Neither,
        }
    }
}

/// How a run ended, as far as its record alone tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// So, whatever else is known.
    Known(Outcome),
    /// The image passed, and its promotion has not ended; how it stands should nothing more come.
    Promoting(Option<Outcome>),
    /// There is no verdict.
    NoVerdict,
}

impl Ending {
    /// How the run of that record ended.
    pub fn of(record: &GateRecord) -> Self {
        // A person promoted it all the same: what became of that is how it ended.
        let overruled = record.release.as_ref().filter(|release| {
            !record.accepted.is_empty() && release.name.is_some() && !release.dry_run
        });
        if let Some(release) = overruled {
            return Self::of_release(release);
        }
        match record.verdict.as_ref().map(|verdict| verdict.decision) {
            None => Self::NoVerdict,
            Some(Decision::Failed) => Self::Known(Outcome::Refused),
            Some(Decision::Undecided) => Self::Known(Outcome::Undecided),
            Some(Decision::Passed) => record
                .release
                .as_ref()
                .map_or(Self::Promoting(None), Self::of_release),
        }
    }

    fn of_release(release: &ReleaseRecord) -> Self {
        let ReleaseRecord { released, is_final, exit, dry_run, name, .. } = release;
        match (released, is_final) {
            // It was only tried, and would have been made.
            (_, true) if *dry_run && *exit == 0 => Self::Known(Outcome::Passed),
            (Released::True, _) if !dry_run => Self::Known(Outcome::Promoted),
            (Released::False, true) => Self::Known(Outcome::NotReleased),
            (Released::Unknown, true) => Self::Known(Outcome::ReleaseUnknown),
            // It stopped because it cannot tell whether there is a Release: nobody is at work.
            (Released::Unknown, false) if *exit == Exit::Unsafe as u8 => {
                Self::Promoting(Some(Outcome::ReleaseUnknown))
            }
            // Nothing was made, and another try may come.
            (Released::False, false) if name.is_none() && *exit > 0 => {
                Self::Promoting(Some(Outcome::NotReleased))
            }
            (Released::True | Released::False | Released::Unknown, _) => Self::Promoting(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::record::{Accepted, Verdict};

    fn release(released: Released, is_final: bool, exit: Exit) -> ReleaseRecord {
        ReleaseRecord {
            name: Some("plan-1".to_owned()),
            created: true,
            released,
            is_final,
            exit: exit as u8,
            ..ReleaseRecord::of_plan("plan")
        }
    }

    fn record(decision: Option<Decision>, release: Option<ReleaseRecord>) -> GateRecord {
        let verdict = decision.map(|decision| Verdict {
            decision,
            decided_at: Timestamp::UNIX_EPOCH,
            reasons: Vec::new(),
            blocking_passed: 0,
            blocking_total: 1,
        });
        GateRecord { verdict, release, ..GateRecord::begin("run", Timestamp::UNIX_EPOCH) }
    }

    #[test]
    fn a_release_ends_what_has_passed() {
        use Ending::{Known, Promoting};
        let made = release;
        let none = |released, is_final, exit| ReleaseRecord {
            name: None,
            ..release(released, is_final, exit)
        };
        let tried = |released, is_final, exit| ReleaseRecord {
            dry_run: true,
            ..none(released, is_final, exit)
        };
        let (landed, not, unknown) = (Released::True, Released::False, Released::Unknown);
        for (release, ending) in [
            (tried(not, true, Exit::Done), Known(Outcome::Passed)),
            (tried(landed, true, Exit::Done), Known(Outcome::Passed)),
            (tried(landed, false, Exit::Done), Promoting(None)),
            (tried(not, true, Exit::Failed), Known(Outcome::NotReleased)),
            (made(landed, true, Exit::Done), Known(Outcome::Promoted)),
            (made(landed, false, Exit::Done), Known(Outcome::Promoted)),
            (made(not, true, Exit::Failed), Known(Outcome::NotReleased)),
            (made(unknown, true, Exit::Unsafe), Known(Outcome::ReleaseUnknown)),
            (made(unknown, false, Exit::Unsafe), Promoting(Some(Outcome::ReleaseUnknown))),
            (made(unknown, false, Exit::Failed), Promoting(None)),
            (made(not, false, Exit::Failed), Promoting(None)),
            (none(not, false, Exit::Failed), Promoting(Some(Outcome::NotReleased))),
            (none(not, false, Exit::Done), Promoting(None)),
        ] {
            let record = record(Some(Decision::Passed), Some(release.clone()));
            assert_eq!(Ending::of(&record), ending, "{release:?}");
        }
    }

    #[test]
    fn what_a_person_promoted_all_the_same_ends_as_its_release() {
        let accepted = Accepted {
            job: "a".to_owned(),
            reason: "known".to_owned(),
            by: None,
            at: Timestamp::UNIX_EPOCH,
        };
        let landed = || release(Released::True, true, Exit::Done);
        for (is_accepted, release, outcome) in [
            (true, landed(), Outcome::Promoted),
            (false, landed(), Outcome::Refused),
            (true, ReleaseRecord { name: None, ..landed() }, Outcome::Refused),
            (true, ReleaseRecord { dry_run: true, ..landed() }, Outcome::Refused),
        ] {
            let mut record = record(Some(Decision::Failed), Some(release.clone()));
            record.accepted.extend(is_accepted.then(|| accepted.clone()));
            assert_eq!(Ending::of(&record), Ending::Known(outcome), "{is_accepted} {release:?}");
        }
    }

    #[test]
    fn a_past_run_ended_as_its_record_says_or_else_as_people_were_told() {
        use crate::record::{Notification, Past};
        let ended = |record: GateRecord, told: Option<Outcome>| {
            let notifications = told.map(|outcome| Notification {
                at: Timestamp::UNIX_EPOCH,
                delivered: true,
                outcome: Some(outcome),
                headline: String::new(),
                thread: None,
                detail: None,
            });
            let record =
                GateRecord { notifications: notifications.into_iter().collect(), ..record };
            Past::of(&kube::api::ObjectMeta::default(), &record).outcome
        };
        let (failed, passed) = (Some(Decision::Failed), Some(Decision::Passed));
        let landed = Some(release(Released::True, true, Exit::Done));
        let told = Some(Outcome::NotReleased);
        assert_eq!(ended(record(failed, None), None), Some(Outcome::Refused));
        assert_eq!(ended(record(passed, landed), told), Some(Outcome::Promoted));
        assert_eq!(ended(record(passed, None), told), told);
        assert_eq!(ended(record(passed, None), None), Some(Outcome::ReleasePending));
        assert_eq!(ended(record(None, None), Some(Outcome::Broken)), Some(Outcome::Broken));
        assert_eq!(ended(record(None, None), None), None);
    }
}
