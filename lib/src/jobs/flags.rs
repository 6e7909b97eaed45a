//! The flags that give a request again to a step that does not launch.

use super::{Given, JobsError, Request, Source, SourceError, read};

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
    /// Variables without jobs compare with nothing.
    #[error(
        "{0}: expected the jobs beside it (--blocking or --jobs), found none; without all of them the record's count"
    )]
    WithoutJobs(&'static str),
}

impl Flags<'_> {
    /// The request, or `None` where none of these flags is given: then that of the record counts.
    ///
    /// # Errors
    /// [`FlagsError`].
    pub fn again(&self) -> Result<Option<Request>, FlagsError> {
        let Self { blocking, informing, jobs, override_env, env } = *self;
        if blocking.is_none() && jobs.is_none() {
            let alone = [
                ("--informing", informing.is_some()),
                ("--override-env", !override_env.is_empty()),
                ("--env", env.is_some()),
            ];
            let alone = alone.into_iter().find(|(_, given)| *given);
            return alone.map_or(Ok(None), |(flag, _)| Err(FlagsError::WithoutJobs(flag)));
        }
        let yaml = jobs.map(|value| Source::of(value).read()).transpose()?;
        let override_env = crate::step::args::list(override_env);
        Ok(Some(read(&Given { blocking, informing, jobs: yaml.as_deref(), override_env: &override_env, env })?))
    }
}
