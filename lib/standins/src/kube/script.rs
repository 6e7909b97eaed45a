//! What release-service will do with a Release.

use std::time::Duration;

/// How a Release ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseEnding {
    /// The managed pipeline succeeds.
    Released,
    /// The managed pipeline fails in this task and step, with this `failureReason` (`Error`,
    /// `TaskRunTimeout`, …).
    Failed {
        /// Task that failed; empty where none ran.
        task: String,
        /// Step of it that failed; empty where none ran.
        step: String,
        /// `Error`, `OOMKill`, `PipelineRunTimeout` or `TaskRunTimeout`.
        reason: String,
    },
    /// Validation refuses it, with these words.
    Invalid(String),
    /// The managed pipeline never ends.
    Never,
    /// Validated again and refused, with these words, while the managed pipeline runs.
    InvalidLater(String),
}

/// Which images the managed pipeline says it pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// Those of the Snapshot.
    Tested,
    /// One with this digest (`sha256:…`).
    Other(String),
    /// None: all had been pushed before.
    Nothing,
}

/// What release-service will do with a Release of a plan. Durations are gate time.
#[derive(Debug, Clone)]
pub struct ReleaseScript {
    /// How it ends.
    pub ending: ReleaseEnding,
    /// How long the managed pipeline takes; for [`ReleaseEnding::InvalidLater`] until the
    /// validation.
    pub managed: Duration,
    /// Attempts that fail and are tried again before the last one, by their `failureReason`.
    pub retried: Vec<String>,
    /// What was pushed.
    pub pushed: Pushed,
    /// The one component that the admission maps; all of the Snapshot's if none is named.
    pub component: Option<String>,
    /// Repository to which it was pushed.
    pub repository: String,
    /// Namespace of the managed pipeline.
    pub target: String,
}

impl ReleaseScript {
    /// Released after 6 minutes, the Snapshot's images pushed.
    pub fn released() -> Self {
        Self {
            ending: ReleaseEnding::Released,
            managed: Duration::from_secs(6 * 60),
            retried: Vec::new(),
            pushed: Pushed::Tested,
            component: None,
            repository: "quay.io/acme/hypershift-operator-verified".into(),
            target: "konflux-managed".into(),
        }
    }

    /// The managed pipeline fails in this task and step after 6 minutes.
    pub fn fails(task: &str, step: &str) -> Self {
        let ending =
            ReleaseEnding::Failed { task: task.into(), step: step.into(), reason: "Error".into() };
        Self { ending, ..Self::released() }
    }

    /// Validation refuses it at once.
    pub fn invalid(words: &str) -> Self {
        Self { ending: ReleaseEnding::Invalid(words.into()), ..Self::released() }
    }

    /// The managed pipeline never ends.
    pub fn never_ends() -> Self {
        Self { ending: ReleaseEnding::Never, ..Self::released() }
    }

    /// Validated again and refused after 3 minutes of the managed pipeline.
    pub fn invalid_later(words: &str) -> Self {
        Self {
            ending: ReleaseEnding::InvalidLater(words.into()),
            managed: Duration::from_secs(3 * 60),
            ..Self::released()
        }
    }

    /// Sets what was pushed.
    #[must_use]
    pub fn pushed(mut self, pushed: Pushed) -> Self {
        self.pushed = pushed;
        self
    }

    /// Sets how long the managed pipeline takes.
    #[must_use]
    pub fn taking(mut self, managed: Duration) -> Self {
        self.managed = managed;
        self
    }
}
