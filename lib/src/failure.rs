//! Exit codes, the same for every binary, and the failures that end a step with them.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The step did its work (rightly skipped included).
    Done = 0,
    /// The work could not be done; the message says whether to try again.
    Failed = 1,
    /// Misuse, unreadable or contradictory input; nothing was done.
    Misuse = 2,
    /// The gate says no.
    Refused = 3,
    /// Stopped to stay safe: an outcome is unknown and going on could do something twice.
    Unsafe = 4,
    /// A bug. Also what a panic exits with.
    Bug = 101,
    /// Interrupted (SIGINT); state is saved.
    Interrupted = 130,
    /// Terminated (SIGTERM); state is saved.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What a step returns when it did not end with [`Exit::Done`]: the code and the error to print.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What is printed after `error: `, with its chain.
    pub error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// Ends the step with a code of one's choice.
    pub fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, error: error.into() }
    }

    /// The work could not be done (exit 1).
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Failed, error)
    }

    /// The input is wrong (exit 2).
    pub fn misuse(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Misuse, error)
    }

    /// The gate says no (exit 3).
    pub fn refused(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Refused, error)
    }

    /// Going on could do something twice (exit 4).
    pub fn unsafe_to_go_on(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Unsafe, error)
    }
}

/// Gives a wrong answer the exit code with which it ends the step.
pub trait OrExit<T> {
    /// The input is wrong (exit 2).
    ///
    /// # Errors
    /// The answer's own error.
    fn misuse(self) -> Result<T, Failure>;

    /// What a flag was given is wrong (exit 2): `--wait: …`.
    ///
    /// # Errors
    /// The answer's own error after the flag's name.
    fn misuse_of(self, flag: &str) -> Result<T, Failure>;

    /// The work could not be done (exit 1).
    ///
    /// # Errors
    /// The answer's own error.
    fn failed(self) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> OrExit<T> for Result<T, E> {
    fn misuse(self) -> Result<T, Failure> {
        self.map_err(Failure::misuse)
    }

    fn misuse_of(self, flag: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::misuse(format!("{flag}: {}", error.into())))
    }

    fn failed(self) -> Result<T, Failure> {
        self.map_err(Failure::failed)
    }
}

/// Shows an error and its causes once each, joined by `: `. A cause whose text the error before it
/// already holds is left out.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = Some(self.0);
        let mut shown = String::new();
        while let Some(error) = next {
            // kube shows an API server's refusal, and its cause once more, as a dump of the whole
            // Status; what people need of it is the message.
            let (text, cause) = match error.downcast_ref() {
                Some(kube::Error::Api(status)) => {
                    (format!("{} ({})", status.message, status.code), None)
                }
                _ => (error.to_string(), error.source()),
            };
            if !shown.contains(&text) {
                let joint = if shown.is_empty() { "" } else { ": " };
                write!(f, "{joint}{text}")?;
                shown = text;
            }
            next = cause;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the record")]
    struct Outer(#[source] std::io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("the record is gone: {0}")]
    struct Repeating(#[source] std::io::Error);

    #[test]
    fn a_refusal_of_the_api_server_is_its_message() {
        let status = kube::core::Status {
            message: "configmaps is forbidden".into(),
            code: 403,
            ..Default::default()
        };
        assert_eq!(
            Chain(&kube::Error::Api(Box::new(status))).to_string(),
            "configmaps is forbidden (403)"
        );
    }

    #[test]
    fn a_wrong_answer_gets_its_exit_code() {
        let wrong = || "x".parse::<u8>();
        let text = wrong().unwrap_err().to_string();
        let misuse = wrong().misuse().unwrap_err();
        assert_eq!((misuse.exit, misuse.error.to_string()), (Exit::Misuse, text.clone()));
        let misuse = wrong().misuse_of("--burst").unwrap_err();
        assert_eq!(
            (misuse.exit, misuse.error.to_string()),
            (Exit::Misuse, format!("--burst: {text}"))
        );
        let failed = wrong().failed().unwrap_err();
        assert_eq!((failed.exit, failed.error.to_string()), (Exit::Failed, text));
        assert_eq!("7".parse::<u8>().misuse_of("--burst").unwrap(), 7);
    }

    #[test]
    fn a_chain_is_shown_once() {
        let cause = || std::io::Error::other("disk full");
        assert_eq!(Chain(&Outer(cause())).to_string(), "cannot read the record: disk full");
        assert_eq!(Chain(&Repeating(cause())).to_string(), "the record is gone: disk full");
    }
}
