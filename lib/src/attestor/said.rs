//! What came of it, in words.

use serde_json::{Value, json};

use super::Options;
use crate::attest::beside::Hung;
use crate::attest::push::Pushed;
use crate::attest::statement::{ResultWord, Statement};
use crate::failure::Failure;
use crate::text;

/// What was stated, and where it is.
#[derive(Debug)]
pub struct Attested {
    /// The result of the blocking jobs.
    pub result: ResultWord,
    /// The result of the informing jobs, where they were stated.
    pub informing: Option<ResultWord>,
    /// What came of the push.
    pub pushed: Option<Pushed>,
    /// What came of hanging it beside the candidate.
    pub hung: Option<Hung>,
    /// Why the informing jobs were not stated, where they were to be.
    pub failure: Option<Failure>,
    statement: Statement,
    repository: Option<String>,
    out: Option<String>,
    dry_run: bool,
}

impl Attested {
    pub(super) fn of(statement: &Statement, options: &Options) -> Self {
        Self {
            result: statement.predicate.result.clone(),
            informing: None,
            pushed: None,
            hung: None,
            failure: None,
            statement: statement.clone(),
            repository: options.push.clone(),
            out: options.out.as_ref().map(|path| path.display().to_string()),
            dry_run: options.dry_run,
        }
    }

    /// `REPOSITORY@sha256:…` of the verdict in its repository; empty where nothing was pushed, or a
    /// newer one stays.
    pub fn artifact(&self) -> String {
        match (&self.repository, &self.pushed) {
            (Some(repository), Some(Pushed::Written { digest } | Pushed::Already { digest })) => {
                format!("{repository}@{digest}")
            }
            _ => String::new(),
        }
    }

    /// The statement, for a dry run.
    pub fn statement(&self) -> Value {
        json!(self.statement)
    }

    /// How the step ends.
    ///
    /// # Errors
    /// Where the informing jobs could not be stated.
    pub fn end(self) -> Result<(), Failure> {
        self.failure.map_or(Ok(()), Err)
    }

    /// For people.
    pub fn table(&self) -> String {
        let gate = self.statement.gate().unwrap_or_default().to_owned();
        let images = self.statement.subject.len();
        let mut rows = vec![
            ("result", self.result.to_string()),
            ("gate", gate),
            ("images", format!("{images}, the index and each platform's")),
            ("informing", self.informing.as_ref().map(ToString::to_string).unwrap_or_default()),
        ];
        if self.dry_run {
            rows.push(("", "a dry run: nothing was written".to_owned()));
        } else {
            rows.push(("file", self.out.clone().unwrap_or_default()));
            rows.push(("pushed", self.push_in_words()));
            rows.push(("beside", self.hung_in_words()));
        }
        let told = rows.iter().filter(|(_, value)| !value.is_empty());
        told.map(|(name, value)| format!("{name:<10} {}\n", text::one_line(value, 500)))
            .collect()
    }

    fn push_in_words(&self) -> String {
        match &self.pushed {
            None => String::new(),
            Some(Pushed::Written { .. }) => self.artifact(),
            Some(Pushed::Already { .. }) => format!("{}, it was there already", self.artifact()),
            Some(Pushed::Newer { at }) => {
                format!("nothing: a newer verdict of this gate, of {at}, is there and stays")
            }
        }
    }

    fn hung_in_words(&self) -> String {
        match &self.hung {
            None => String::new(),
            Some(Hung::Written { digest }) => format!("the candidate, unsigned: {digest}"),
            Some(Hung::Already { digest }) => {
                format!("the candidate, unsigned: {digest}, it was there already")
            }
        }
    }
}
