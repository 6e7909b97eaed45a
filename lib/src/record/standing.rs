//! How an attempt stands, and what that makes of its job. Nobody else combines `refusal`,
//! `execution`, `intent`, `state` and `cause`.
//!
//! Whoever may write the record can write anything into it, so every combination has a reading:
//!
//! - A refusal counts above all: what was refused has no run that counts.
//! - Without a run nothing else that is said of an attempt counts, neither state nor cause.
//! - A run is a run, even where an intent says that none was made.
//! - What is said to have passed and not to have succeeded is neither passed nor failed.
//! - The attempts tell. A job's own `refusal` counts only where it has none.

use super::{Attempt, Cause, JobRecord, JobState, LaunchRefusal};

/// How an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// There is certainly no run: it may be announced.
    Free,
    /// It was announced, and it is not known whether there is a run.
    InDoubt,
    /// It was refused; with another token it may be announced again, if so.
    Refused(&'a LaunchRefusal, Again),
    /// There is a run that was not judged.
    Running(JobState),
    /// There is a run that was judged.
    Judged(Cause),
    /// There is a run that is said to have passed, but not to have succeeded.
    Contradictory,
}

/// Whether an attempt that was refused may be announced again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The token was the reason, and certainly no run was made.
    WithAnotherToken,
    /// Never.
    No,
}

impl Standing<'_> {
    /// Whether there is a run that counts.
    pub fn has_run(self) -> bool {
        match self {
            Self::Free | Self::InDoubt | Self::Refused(..) => false,
            Self::Running(_) | Self::Judged(_) | Self::Contradictory => true,
        }
    }
}

impl Attempt {
    /// How it stands.
    pub fn standing(&self) -> Standing<'_> {
        let certainly_none = self.intent.certainly_not_created;
        match (&self.refusal, &self.execution, self.cause) {
            (Some(refusal), ..) if refusal.token && certainly_none => {
                Standing::Refused(refusal, Again::WithAnotherToken)
            }
            (Some(refusal), ..) => Standing::Refused(refusal, Again::No),
            (None, None, _) if certainly_none => Standing::Free,
            (None, None, _) => Standing::InDoubt,
            (None, Some(_), None) => Standing::Running(self.state),
            (None, Some(_), Some(Cause::Passed)) if self.state != JobState::Success => {
                Standing::Contradictory
            }
            (None, Some(_), Some(cause)) => Standing::Judged(cause),
        }
    }

    /// Prow's id of the run, if there is one that counts.
    pub fn run(&self) -> Option<&str> {
        self.execution.as_deref().filter(|_| self.standing().has_run())
    }

    /// Whether it ran as ordered, ended well, and was judged so.
    pub fn passed(&self) -> bool {
        self.standing() == Standing::Judged(Cause::Passed)
    }

    /// Whether there is a run that counts and was not judged.
    pub fn is_running(&self) -> bool {
        matches!(self.standing(), Standing::Running(_))
    }

    /// Why its run ended, if it was judged.
    pub fn judged(&self) -> Option<Cause> {
        match self.standing() {
            Standing::Judged(cause) => Some(cause),
            _ => None,
        }
    }

    /// Whether something of it may still run in Prow, whether or not that counts: a launch that is
    /// in doubt or was given up, a run that is not as ordered, one that had not ended in time.
    pub fn may_occupy_prow(&self) -> bool {
        let open = !self.state.is_final();
        match self.standing() {
            Standing::Free => false,
            Standing::InDoubt => true,
            Standing::Refused(..) => open && !self.intent.certainly_not_created,
            Standing::Running(_) | Standing::Contradictory | Standing::Judged(Cause::Deadline) => {
                open
            }
            Standing::Judged(_) => false,
        }
    }
}

impl JobRecord {
    /// The attempt that tells what became of it: the last one that has a run, since a rerun may
    /// have been announced without ever becoming one; or else the last.
    pub fn telling(&self) -> Option<&Attempt> {
        let runs = |attempt: &&Attempt| attempt.standing().has_run();
        self.attempts.iter().rev().find(runs).or(self.attempts.last())
    }

    /// How it stands: as its telling attempt does.
    pub fn standing(&self) -> Standing<'_> {
        match (self.telling(), &self.refusal) {
            (Some(attempt), _) => attempt.standing(),
            (None, Some(refusal)) => Standing::Refused(refusal, Again::No),
            (None, None) => Standing::Free,
        }
    }

    /// Whether it passed: its last attempt did.
    pub fn passed(&self) -> bool {
        self.last().is_some_and(Attempt::passed)
    }

    /// Whether any attempt of it has a run that counts.
    pub fn has_run(&self) -> bool {
        self.standing().has_run()
    }

    /// How its first launch stands, whatever became of reruns.
    pub fn first_launch(&self) -> Standing<'_> {
        self.attempts
            .first()
            .map_or_else(|| self.standing(), Attempt::standing)
    }

    /// The rerun that was announced after the telling attempt and has no run.
    pub fn missing_rerun(&self) -> Option<&Attempt> {
        let telling = self.telling().filter(|attempt| attempt.standing().has_run())?;
        self.last().filter(|last| last.number > telling.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{attempt, every_attempt, job, refusal};
    use crate::record::{Class, GateRecord, Past};
    use jiff::Timestamp;

    /// The table: refusal (`-`, `no`, `token`), run, certainly not created, cause (`-`, `passed`,
    /// `other`), state (`success`, `other`), and the standing. `*` is anything.
    const TABLE: [(&str, &str, &str, &str, &str, &str); 11] = [
        ("no", "*", "*", "*", "*", "refused"),
        ("token", "*", "no", "*", "*", "refused"),
        ("token", "*", "yes", "*", "*", "refused for this token"),
        ("-", "no", "yes", "*", "*", "free"),
        ("-", "no", "no", "*", "*", "in doubt"),
        ("-", "yes", "*", "-", "*", "running"),
        ("-", "yes", "*", "passed", "success", "passed"),
        ("-", "yes", "*", "passed", "other", "contradictory"),
        ("-", "yes", "*", "other", "success", "judged"),
        ("-", "yes", "*", "other", "other", "judged"),
        ("-", "yes", "*", "deadline", "*", "judged"),
    ];

    fn shape(attempt: &Attempt) -> [&'static str; 5] {
        let yes_no = |yes| if yes { "yes" } else { "no" };
        [
            match &attempt.refusal {
                None => "-",
                Some(refusal) if refusal.token => "token",
                Some(_) => "no",
            },
            yes_no(attempt.execution.is_some()),
            yes_no(attempt.intent.certainly_not_created),
            match attempt.cause {
                None => "-",
                Some(Cause::Passed) => "passed",
                Some(Cause::Deadline) => "deadline",
                Some(_) => "other",
            },
            if attempt.state == JobState::Success { "success" } else { "other" },
        ]
    }

    fn word(attempt: &Attempt) -> &'static str {
        match attempt.standing() {
            Standing::Free => "free",
            Standing::InDoubt => "in doubt",
            Standing::Refused(_, Again::No) => "refused",
            Standing::Refused(_, Again::WithAnotherToken) => "refused for this token",
            Standing::Running(state) => {
                assert_eq!(state, attempt.state);
                "running"
            }
            Standing::Judged(Cause::Passed) => "passed",
            Standing::Judged(cause) => {
                assert_eq!(Some(cause), attempt.cause);
                "judged"
            }
            Standing::Contradictory => "contradictory",
        }
    }

    #[test]
    fn every_attempt_has_the_standing_of_the_table() {
        let all = every_attempt();
        assert_eq!(all.len(), 960);
        for attempt in &all {
            let shape = shape(attempt);
            let fits = |row: &&(&str, &str, &str, &str, &str, &str)| {
                let row = [row.0, row.1, row.2, row.3, row.4];
                row.iter()
                    .zip(shape)
                    .all(|(wanted, found)| *wanted == "*" || *wanted == found)
            };
            let rows: Vec<&str> = TABLE.iter().filter(fits).map(|row| row.5).collect();
            assert_eq!(rows, [word(attempt)], "{shape:?}");
        }
    }

    #[test]
    fn what_follows_from_a_standing_agrees_with_it() {
        for attempt in every_attempt() {
            let (standing, shape) = (word(&attempt), shape(&attempt));
            let runs = ["running", "passed", "judged", "contradictory"].contains(&standing);
            assert_eq!(attempt.run().is_some(), runs, "{shape:?}");
            assert_eq!(attempt.passed(), standing == "passed", "{shape:?}");
            assert_eq!(attempt.is_running(), standing == "running", "{shape:?}");
            assert_eq!(attempt.judged().is_some(), ["passed", "judged"].contains(&standing));
        }
    }

    /// Nothing is started beside a launch that may have come about, or a run that may go on.
    #[test]
    fn what_may_go_on_in_prow_is_counted() {
        let open = |attempt: &Attempt| {
            let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
            record.jobs = vec![job("a", Class::Blocking, vec![attempt.clone()])];
            Past::of(&kube::api::ObjectMeta::default(), &record).open_jobs == 1
        };
        let pending = |cause| attempt(JobState::Pending, cause);
        let no_run = |certainly_not_created| {
            let mut attempt = Attempt { execution: None, ..attempt(JobState::Unknown, None) };
            attempt.intent.certainly_not_created = certainly_not_created;
            attempt
        };
        assert!(open(&pending(None)) && open(&pending(Some(Cause::Deadline))));
        assert!(!open(&pending(Some(Cause::Product))), "it was judged by what it left");
        assert!(!open(&attempt(JobState::Failure, None)), "it has ended");
        assert!(open(&no_run(false)) && !open(&no_run(true)));
        // One that was given up in doubt, or is not as ordered, may run; one that a server refused
        // not.
        let refused = |attempt| Attempt { refusal: Some(refusal(false)), ..attempt };
        assert!(open(&refused(no_run(false))) && !open(&refused(no_run(true))));
        // A run is a run, whatever an intent says.
        let mut found = pending(None);
        found.intent.certainly_not_created = true;
        assert!(open(&found));
    }

    #[test]
    fn a_job_stands_as_its_telling_attempt() {
        let number = |number, attempt: Attempt| Attempt { number, ..attempt };
        let failed = || number(1, attempt(JobState::Failure, Some(Cause::Infrastructure)));
        let of = |attempts| job("a", Class::Blocking, attempts);
        for rerun in every_attempt() {
            let rerun = number(2, rerun);
            let job = of(vec![failed(), rerun.clone()]);
            let told = if rerun.run().is_some() { 2 } else { 1 };
            assert_eq!(job.telling().map(|attempt| attempt.number), Some(told));
            assert_eq!(job.missing_rerun().is_some(), told == 1);
            assert_eq!(job.passed(), rerun.passed());
            assert!(job.has_run());
            assert_eq!(job.first_launch(), Standing::Judged(Cause::Infrastructure));
            let alone = of(vec![number(1, rerun)]);
            assert_eq!(alone.standing(), alone.attempts[0].standing());
            assert_eq!(alone.missing_rerun(), None);
        }
        assert_eq!(of(vec![]).standing(), Standing::Free);
        // The job's own refusal counts where it has no attempts, and only there.
        let refused = JobRecord { refusal: Some(refusal(false)), ..of(vec![]) };
        assert!(matches!(refused.standing(), Standing::Refused(_, Again::No)));
        let runs = JobRecord { attempts: vec![failed()], ..refused };
        assert_eq!(runs.standing(), Standing::Judged(Cause::Infrastructure));
    }
}
