//! References in the texts of a pipeline: `$(params.x)`, `$(tasks.a.results.b)`, `$(NAME)`.
//!
//! Tekton replaces what it knows and leaves the rest; the kubelet then does the same with `$(NAME)`
//! for the variables of the container. What the *file* says must be known, so that a slip of the
//! pen is found; what is in a *value* (a Snapshot's JSON, say) may be anything.

use std::fmt;

/// What a reference points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `$(params.NAME)`: a string parameter
    Param(String),
    /// `$(params.NAME[*])`: all elements of an array parameter
    Array(String),
    /// `$(tasks.TASK.results.RESULT)`
    TaskResult(String, String),
    /// `$(finally.TASK.results.RESULT)`
    FinallyResult(String, String),
    /// `$(tasks.TASK.status)`: `Succeeded`, `Failed` or `None`
    TaskStatus(String),
    /// `$(results.NAME.path)`: the file that a step writes its result to
    ResultPath(String),
    /// `$(context.pipelineRun.FIELD)`
    PipelineRun(RunField),
    /// `$(context.pipelineTask.retries)`: how often the task may be tried again
    Retries,
    /// `$(context.task.retry-count)`: how often it has been
    RetryCount,
    /// `$(NAME)`: a variable of the container, for the kubelet
    Variable(String),
}

/// What a pipeline can know of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunField {
    /// Name of the PipelineRun
    Name,
    /// Its UID
    Uid,
    /// Its namespace
    Namespace,
}

impl RunField {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Name, Self::Uid, Self::Namespace];
}

impl fmt::Display for RunField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Uid => "uid",
            Self::Namespace => "namespace",
        })
    }
}

/// A `$(…)` that means nothing here.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReferenceError {
    /// Not one of [`Reference`]
    #[error(
        "$({0}) is not understood; known are params.NAME, params.NAME[*], tasks.NAME.status, \
         tasks.NAME.results.RESULT, finally.NAME.results.RESULT, results.NAME.path, \
         context.pipelineRun.name|uid|namespace, context.pipelineTask.retries, context.task.retry-count and the names of variables"
    )]
    Unknown(String),
    /// No closing parenthesis
    #[error("\"{0}\": a $( without its )")]
    Open(String),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Param(name) => write!(f, "$(params.{name})"),
            Self::Array(name) => write!(f, "$(params.{name}[*])"),
            Self::TaskResult(task, result) => write!(f, "$(tasks.{task}.results.{result})"),
            Self::FinallyResult(task, result) => write!(f, "$(finally.{task}.results.{result})"),
            Self::TaskStatus(task) => write!(f, "$(tasks.{task}.status)"),
            Self::ResultPath(name) => write!(f, "$(results.{name}.path)"),
            Self::PipelineRun(field) => write!(f, "$(context.pipelineRun.{field})"),
            Self::Retries => f.write_str("$(context.pipelineTask.retries)"),
            Self::RetryCount => f.write_str("$(context.task.retry-count)"),
            Self::Variable(name) => write!(f, "$({name})"),
        }
    }
}

impl Reference {
    /// All references in a text of the file, in their order.
    ///
    /// # Errors
    /// One that is not understood.
    pub fn all_in(text: &str) -> Result<Vec<Self>, ReferenceError> {
        let mut found = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("$(") {
            let inner = &rest[start + 2..];
            let end = inner.find(')').ok_or_else(|| ReferenceError::Open(text.to_owned()))?;
            found.push(Self::parse(&inner[..end])?);
            rest = &inner[end + 1..];
        }
        Ok(found)
    }

    /// The name of the array, if a text is nothing but `$(params.NAME[*])`.
    pub fn whole_array(text: &str) -> Option<String> {
        match Self::all_in(text).ok()?.as_slice() {
            [one @ Self::Array(name)] if one.to_string() == text => Some(name.clone()),
            _ => None,
        }
    }

    fn parse(inner: &str) -> Result<Self, ReferenceError> {
        let parts: Vec<&str> = inner.split('.').collect();
        let own = str::to_owned;
        Ok(match parts.as_slice() {
            ["params", name] if is_name(name) => Self::Param(own(name)),
            ["params", name] if name.strip_suffix("[*]").is_some_and(is_name) => {
                Self::Array(own(name.trim_end_matches("[*]")))
            }
            ["tasks", task, "results", result] if is_name(task) && is_name(result) => {
                Self::TaskResult(own(task), own(result))
            }
            ["finally", task, "results", result] if is_name(task) && is_name(result) => {
                Self::FinallyResult(own(task), own(result))
            }
            ["tasks", task, "status"] if is_name(task) => Self::TaskStatus(own(task)),
            ["results", name, "path"] if is_name(name) => Self::ResultPath(own(name)),
            ["context", "pipelineRun", field] => {
                let field = RunField::ALL.into_iter().find(|known| known.to_string() == *field);
                Self::PipelineRun(field.ok_or_else(|| ReferenceError::Unknown(own(inner)))?)
            }
            ["context", "pipelineTask", "retries"] => Self::Retries,
            ["context", "task", "retry-count"] => Self::RetryCount,
            [name] if is_variable(name) => Self::Variable(own(name)),
            _ => return Err(ReferenceError::Unknown(own(inner))),
        })
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_variable(text: &str) -> bool {
    is_name(text) && !text.contains('-') && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_prints_as_it_was_written() {
        for text in [
            "$(params.SNAPSHOT)",
            "$(params.launch-args[*])",
            "$(tasks.resolve-image.results.image)",
            "$(finally.create-release.results.release)",
            "$(tasks.collect-results.status)",
            "$(results.TEST_OUTPUT.path)",
            "$(context.pipelineRun.name)",
            "$(context.pipelineRun.uid)",
            "$(context.pipelineRun.namespace)",
            "$(context.pipelineTask.retries)",
            "$(context.task.retry-count)",
            "$(SNAPSHOT_NAME)",
        ] {
            let found = Reference::all_in(text).unwrap();
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].to_string(), text);
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in [
            "$(param.x)",
            "$(params.x[0])",
            "$(params[\"x\"])",
            "$(params.)",
            "$(tasks.status)",
            "$(tasks.a.reason)",
            "$(tasks.a.results.b[*])",
            "$(context.taskRun.name)",
            "$(workspaces.shared.path)",
            "$(step.results.x.path)",
            "$()",
            "$(a b)",
        ] {
            assert!(matches!(Reference::all_in(text), Err(ReferenceError::Unknown(_))), "{text}");
        }
        assert!(matches!(Reference::all_in("x $(params.y"), Err(ReferenceError::Open(_))));
    }

    #[test]
    fn only_a_whole_element_is_an_array() {
        assert_eq!(Reference::whole_array("$(params.x[*])").as_deref(), Some("x"));
        for text in ["--a=$(params.x[*])", "$(params.x[*]) ", "$(params.x)", "x"] {
            assert_eq!(Reference::whole_array(text), None, "{text}");
        }
    }
}
