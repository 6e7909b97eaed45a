//! The flags that give a request again to a step that does not launch.

use super::{Given, JobsError, Request, Source, SourceError, read};
use crate::step::args::list;
use crate::step::groups;

/// `--blocking`, `--informing`, `--jobs`, `--override-env` and `--env`, as given.
#[derive(Debug, Clone, Copy)]
pub struct Flags<'a> {
    /// `--blocking`.
    pub blocking: Option<&'a str>,
    /// `--informing`.
    pub informing: Option<&'a str>,
    /// `--jobs`.
    pub jobs: Option<&'a str>,
    /// `--override-env`.
    pub override_env: &'a [String],
    /// `--env`.
    pub env: Option<&'a str>,
}

/// Why they are no request.
#[derive(Debug, thiserror::Error)]
pub enum FlagsError {
    /// The job list cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What was given is no request.
    #[error(transparent)]
    Jobs(#[from] JobsError),
}

impl<'a> Flags<'a> {
    /// Those of a step.
    pub fn of(given: &'a groups::Request) -> Self {
        Self {
            blocking: given.blocking.as_deref(),
            informing: given.informing.as_deref(),
            jobs: given.jobs.as_deref(),
            override_env: &given.override_env,
            env: given.env.as_deref(),
        }
    }

    /// The request of a step that launches: it must be given.
    ///
    /// # Errors
    /// [`FlagsError`].
    pub fn read(&self) -> Result<Request, FlagsError> {
        let Self { blocking, informing, jobs, override_env, env } = *self;
        let yaml = jobs.map(|value| Source::of(value).read()).transpose()?;
        let override_env = list(override_env);
        Ok(read(&Given {
            blocking,
            informing,
            jobs: yaml.as_deref(),
            override_env: &override_env,
            env,
        })?)
    }

    /// The request, or `None` where no job is given: then that of the record counts, and variables
    /// alone are compared with nothing. A pipeline gives empty lists rather than none.
    ///
    /// # Errors
    /// [`FlagsError`].
    pub fn again(&self) -> Result<Option<Request>, FlagsError> {
        let Self { blocking, informing, jobs, .. } = *self;
        let none = |list: Option<&str>| list.is_none_or(|list| list.trim() == "[]");
        if none(blocking) && none(informing) && jobs.is_none() {
            tracing::debug!("no jobs are given, so those of the record count");
            return Ok(None);
        }
        self.read().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_jobs_there_is_no_request_and_half_of_one_is_wrong() {
        let variables = ["IMAGE".to_owned()];
        let flags = Flags {
            blocking: None,
            informing: None,
            jobs: None,
            override_env: &variables,
            env: Some("{}"),
        };
        assert_eq!(flags.again().unwrap(), None);
        assert_eq!(
            Flags { blocking: Some("[]"), informing: Some("[]"), ..flags }
                .again()
                .unwrap(),
            None
        );
        let request = Flags { blocking: Some(r#"["a"]"#), ..flags }
            .again()
            .unwrap()
            .unwrap();
        assert_eq!(request.jobs[0].override_env, variables);
        assert!(
            Flags { informing: Some(r#"["a"]"#), ..flags }.again().is_err(),
            "nothing would decide"
        );
        assert!(Flags { blocking: Some("[1]"), ..flags }.again().is_err());
    }
}
