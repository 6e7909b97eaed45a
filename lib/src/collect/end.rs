//! How collect-results ends: its results, what people see, its exit code.

use super::CollectError;
use super::summary::summary;
use super::table::table;
use super::test_output::TestOutput;
use crate::clock::Clock;
use crate::failure::{Chain, Failure};
use crate::record::{Decision, GateRecord};
use crate::step::Results;

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

    /// The end of a wait; `width` is that of the table.
    ///
    /// # Errors
    /// Trouble and misuse, about which the results say nothing. The gate's no is an end.
    pub fn of(
        collected: Result<GateRecord, CollectError>,
        clock: &dyn Clock,
        width: usize,
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
            table: table(&record, verdict, clock, width),
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

    /// The step's own end.
    ///
    /// # Errors
    /// The gate's no.
    pub fn end(self) -> Result<(), Failure> {
        self.failure.map_or(Ok(()), Err)
    }
}
