//! How collect-results ends: its results, what people see, its exit code.

use super::CollectError;
use super::summary::summary;
use super::table::table;
use super::test_output::TestOutput;
use crate::clock::Clock;
use crate::failure::{Chain, Failure};
use crate::record::{Decision, GateRecord, Verdict};
use crate::step::Results;
use crate::step::command::Command;
use crate::step::terminal::NEXT;

/// What the step says at its end.
#[derive(Debug)]
pub struct End {
    decision: Decision,
    output: TestOutput,
    summary: String,
    failure: Option<Failure>,
    /// For people, with a line end.
    pub table: String,
}

impl End {
    /// The end of a look ahead: nothing is decided.
    pub fn of_check(clock: &dyn Clock) -> Self {
        Self {
            decision: Decision::Undecided,
            output: TestOutput::of_check(clock.now()),
            summary: "checked only: nothing was waited for, nothing is decided".to_owned(),
            failure: None,
            table: String::new(),
        }
    }

    /// The end of a wait; `width` is that of the table, `place` the record as flags name it.
    ///
    /// # Errors
    /// Trouble and misuse, about which the results say nothing. The gate's no is an end.
    pub fn of(
        collected: Result<GateRecord, CollectError>,
        clock: &dyn Clock,
        width: usize,
        place: &str,
    ) -> Result<Self, Failure> {
        let record = match collected {
            Ok(record) => record,
            // Konflux shows why, as of any other no.
            Err(error) if error.says_no() => {
                let why = Chain(&error).to_string();
                let summary = format!("undecided: {why}");
                return Ok(Self {
                    decision: Decision::Undecided,
                    output: TestOutput::undecided(&why, clock.now()),
                    table: format!("{summary}\n"),
                    summary,
                    failure: Some(error.into()),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let Some(verdict) = &record.verdict else {
            return Err(Failure::failed(
                "the record holds no verdict, although it was decided; please report this",
            ));
        };
        let summary = summary(&record, verdict);
        Ok(Self {
            decision: verdict.decision,
            output: TestOutput::of(&record, verdict),
            table: [Some(table(&record, verdict, clock, width)), next(&record, verdict, place)]
                .into_iter()
                .flatten()
                .map(|text| text + "\n")
                .collect(),
            failure: match verdict.decision {
                Decision::Passed => None,
                Decision::Failed | Decision::Undecided => Some(Failure::refused(summary.clone())),
            },
            summary,
        })
    }

    /// Sets the step's results.
    pub fn set(&self, results: &mut Results) {
        results.set("verdict", self.decision.as_str());
        results.set("TEST_OUTPUT", self.output.json());
        results.set("summary", self.summary.as_str());
    }

    /// The step's own end; `shown` says that a person has the table before them, so that its words are
    /// not said once more.
    ///
    /// # Errors
    /// The gate's no.
    pub fn end(self, shown: bool) -> Result<(), Failure> {
        match self.failure {
            None => Ok(()),
            Some(failure) if shown => Err(Failure::new(failure.exit, NO)),
            Some(failure) => Err(failure),
        }
    }
}

/// The gate's no, where the reasons stand above it.
const NO: &str = "the gate says no";

/// What a person is likely to do next: promote what passed, or test it again.
fn next(record: &GateRecord, verdict: &Verdict, place: &str) -> Option<String> {
    let namespace = record
        .namespace
        .as_deref()
        .filter(|_| place.starts_with("configmap:"));
    let command = match verdict.decision {
        Decision::Passed => Command::new("create-release")
            .flag("--record", Some(place))
            .flag("--release-plan", Some(record.plan.as_deref()?)),
        Decision::Failed | Decision::Undecided => {
            let snapshot = record.candidate.as_ref()?.snapshot.as_deref()?;
            Command::new("trigger-gate")
                .flag("--snapshot", Some(snapshot))
                .flag("--scenario", Some(record.scenario.as_deref()?))
                .flag("--release-plan", record.plan.as_deref())
        }
    };
    Some(format!("{NEXT}{}", command.flag("--namespace", namespace).text()))
}

#[cfg(test)]
mod tests {
    use super::super::test_output::tests::many;
    use super::*;
    use crate::clock::SystemClock;
    use crate::failure::Exit;
    use crate::record::Candidate;

    #[test]
    fn a_record_of_something_else_is_a_no_that_konflux_shows_and_trouble_is_none() {
        let of = |error| End::of(Err(error), &SystemClock::default(), 80, "file:gate.json");
        let place = || "gate.json".to_owned();
        let differs =
            CollectError::Differs { place: place(), difference: "another image".to_owned() };
        for (error, said) in
            [(differs, "another image"), (CollectError::Meddled { place: place() }, "changed by")]
        {
            let end = of(error).unwrap();
            assert!(end.table.starts_with("undecided: gate.json is "), "{}", end.table);
            let names = ["verdict", "TEST_OUTPUT", "summary"];
            let mut results = Results::declare(names.map(|name| (name, None))).unwrap();
            end.set(&mut results);
            let shown: serde_json::Value = serde_json::from_str(&results.json()).unwrap();
            assert_eq!(shown["verdict"], "undecided");
            let output = shown["TEST_OUTPUT"].as_str().unwrap();
            assert!(output.contains(r#""result":"ERROR""#) && output.contains(said), "{output}");
            let summary = shown["summary"].as_str().unwrap();
            assert!(summary.starts_with("undecided: ") && summary.contains(said), "{summary}");
            assert_eq!(end.end(false).unwrap_err().exit, Exit::Refused);
        }
        let unreadable = CollectError::Unreadable { job: "a".to_owned(), why: "503".to_owned() };
        assert_eq!(of(unreadable).unwrap_err().exit, Exit::Failed);
        let nothing = CollectError::NothingLaunched { place: place() };
        assert_eq!(of(nothing).unwrap_err().exit, Exit::Misuse);
    }

    #[test]
    fn a_no_is_said_once_and_followed_by_what_to_type() {
        let mut record = many(2, 1);
        record.scenario = Some("aro".to_owned());
        record.namespace = Some("acme".to_owned());
        let image = format!("quay.io/acme/ho@sha256:{}", "a".repeat(64)).parse().unwrap();
        record.candidate =
            Some(Candidate { snapshot: Some("ho-1".to_owned()), ..Candidate::of(image) });
        let end = |record: &GateRecord, place: &str| {
            End::of(Ok(record.clone()), &SystemClock::default(), 80, place).unwrap()
        };
        let no = end(&record, "configmap:gate-x");
        let words = no.failure.as_ref().unwrap().error.to_string();
        assert!(words.contains("did not pass"), "{words}");
        let wanted = "next: trigger-gate --snapshot ho-1 --scenario aro --namespace acme\n";
        assert!(no.table.ends_with(wanted), "{}", no.table);
        let shown = no.end(true).unwrap_err();
        assert_eq!((shown.exit, shown.error.to_string()), (Exit::Refused, NO.to_owned()));
        let piped = end(&record, "configmap:gate-x").end(false).unwrap_err();
        assert_eq!(piped.error.to_string(), words);

        let mut passed = many(1, 0);
        passed.plan = Some("plan".to_owned());
        passed.verdict.as_mut().unwrap().decision = Decision::Passed;
        let table = end(&passed, "file:gate.json").table;
        let wanted = "next: create-release --record file:gate.json --release-plan plan\n";
        assert!(table.ends_with(wanted), "{table}");
        passed.plan = None;
        assert!(!end(&passed, "file:gate.json").table.contains("next: "), "it would have a gap");
    }
}
