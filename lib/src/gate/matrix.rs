//! What a run adds to the coverage of the version matrix.

use jiff::Timestamp;

use crate::matrix::coverage::Coverage;
use crate::matrix::due::Ended;
use crate::record::{GateRecord, JobRecord};

/// What became of a job in a run of the gate, reruns included; `None` where it was not launched. A
/// job that was launched and not judged, since its gate was killed or still waits, has not passed.
pub fn ended(job: &JobRecord) -> Option<Ended> {
    let launched = job.attempts.iter().filter(|attempt| attempt.execution.is_some());
    let at = launched
        .filter_map(|attempt| attempt.launched_at.or(Some(attempt.intent.written_at)))
        .min()?;
    Some(Ended { at, passed: job.passed() })
}

/// The coverage as it is after a run; `None` where its list has no matrix.
pub fn coverage(record: &GateRecord, now: Timestamp) -> Option<Coverage> {
    let passed = |name: &str| {
        record
            .job(name)
            .and_then(ended)
            .filter(|ended| ended.passed)
            .map(|ended| ended.at)
    };
    record.matrix.as_ref()?.coverage(passed, now)
}

/// The coverage in one line, with the jobs that were due and found no place in the budget.
pub fn line(record: &GateRecord, now: Timestamp) -> Option<String> {
    let mut line = coverage(record, now)?.line(now);
    let crowded = record
        .matrix
        .iter()
        .flat_map(|tonight| tonight.plan.crowded_out())
        .count();
    match crowded {
        0 => {}
        1 => line += "; 1 job was due and found no place in the budget",
        many => line += &format!("; {many} jobs were due and found no place in the budget"),
    }
    Some(line)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::matrix::due::{Past, Pasts};
    use crate::matrix::{Cell, Days, Matrix, Tonight};
    use crate::prow::JobState;
    use crate::record::{Attempt, Cause, Class, Intent};

    pub(crate) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// An attempt that was launched at that second, and what came of it.
    pub(crate) fn attempt(number: u32, second: i64, cause: Option<Cause>) -> Attempt {
        let intent = Intent {
            key: "key".to_owned(),
            written_at: at(second),
            holder: "holder".to_owned(),
            sent_at: None,
            sends: 1,
            certainly_not_created: false,
        };
        Attempt {
            execution: Some("id".to_owned()),
            launched_at: Some(at(second)),
            state: match cause {
                Some(Cause::Passed) => JobState::Success,
                Some(_) => JobState::Failure,
                None => JobState::Pending,
            },
            cause,
            ..Attempt::intended(number, intent)
        }
    }

    fn job(attempts: Vec<Attempt>) -> JobRecord {
        JobRecord { attempts, ..JobRecord::named("a", Class::Blocking) }
    }

    #[test]
    fn a_night_counts_once_from_its_first_launch() {
        let red = attempt(1, 100, Some(Cause::Infrastructure));
        let rerun = job(vec![red.clone(), attempt(2, 200, Some(Cause::Passed))]);
        assert_eq!(ended(&rerun), Some(Ended { at: at(100), passed: true }));
        assert_eq!(ended(&job(vec![red])), Some(Ended { at: at(100), passed: false }));
        let killed = job(vec![attempt(1, 300, None)]);
        assert_eq!(ended(&killed), Some(Ended { at: at(300), passed: false }));
        assert_eq!(ended(&job(Vec::new())), None);
        let never = Attempt { execution: None, ..attempt(1, 100, None) };
        assert_eq!(ended(&job(vec![never])), None);
    }

    #[test]
    fn what_passed_in_the_run_is_covered() {
        let cell = |cpo: &str| Cell::from([("cpo".to_owned(), cpo.to_owned())]);
        let (a, b) = (cell("1"), cell("2"));
        let matrix = Matrix {
            dimensions: Vec::new(),
            required: [a.clone(), b.clone()].into(),
            fresh: Some(Days::whole(7)),
            budget: Some(1),
        };
        let mut record = GateRecord::begin("run", at(0));
        assert_eq!(line(&record, at(0)), None);
        record.jobs.push(job(vec![attempt(1, 864_000, Some(Cause::Passed))]));
        let every = Some(Days::whole(3));
        let listed = [("a", &a), ("b", &b), ("c", &b)].map(|(name, cell)| crate::matrix::Listed {
            name,
            cell: Some(cell),
            every: every.filter(|_| name != "a"),
        });
        let old = Past::of([Ended { at: at(86_400), passed: true }]);
        let pasts = Pasts::from(["a", "b", "c"].map(|name| (name.to_owned(), old.clone())));
        record.matrix = Tonight::choose(Some(&matrix), &listed, &pasts, (at(864_000), false));
        assert_eq!(
            line(&record, at(864_000)).unwrap(),
            "matrix: 1 of 2 required cells fresh; stale: cpo=2 (9 days); 1 job was due and found no place in the budget"
        );
    }
}
