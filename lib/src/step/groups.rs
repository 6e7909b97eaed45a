//! The flags that steps share, declared once: one wording and one name of the value for each.
//!
//! [`arguments!`](crate::arguments) makes a step's arguments of its own flags and of the groups
//! that it names. To add a flag to a group: a field in its struct here, and the field with its help
//! in the macro's two arms. To add a group: a struct here, two arms there.

use std::path::PathBuf;

/// `access`: how servers are reached, the cluster above all.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// `--namespace`.
    pub namespace: Option<String>,
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--ca-file`.
    pub ca_file: Option<PathBuf>,
}

/// `run`: whose record it is.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// `--run-id`.
    pub run_id: Option<String>,
    /// `--run-name`.
    pub run_name: Option<String>,
    /// `--scenario`.
    pub scenario: Option<String>,
    /// `--gate-label`.
    pub gate_label: Option<String>,
}

/// `request` and `informing`: the jobs and their variables.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `--blocking`.
    pub blocking: Option<String>,
    /// `--informing`; a step without that group has none.
    pub informing: Option<String>,
    /// `--jobs`.
    pub jobs: Option<String>,
    /// `--override-env`, as given.
    pub override_env: Vec<String>,
    /// `--env`.
    pub env: Option<String>,
}

/// `proof`: what must show that a job ran on the image.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// `--proof`.
    pub proof: Option<String>,
    /// `--proof-log`, as given.
    pub proof_log: Vec<String>,
    /// `--hollow`.
    pub hollow: Option<String>,
}

/// `gangway`: where jobs are launched, and how fast.
#[derive(Debug, Clone, Default)]
pub struct Gangway {
    /// `--gangway-token-file`.
    pub token_file: Option<PathBuf>,
    /// `--gangway-url`.
    pub url: Option<String>,
    /// `--requests-per-minute`.
    pub requests_per_minute: Option<String>,
    /// `--burst`.
    pub burst: Option<String>,
}

/// `prow`: where what jobs leave behind is read.
#[derive(Debug, Clone, Default)]
pub struct Prow {
    /// `--deck-url`.
    pub deck_url: Option<String>,
    /// `--deck-token-file`.
    pub deck_token_file: Option<PathBuf>,
    /// `--artifacts-url`.
    pub artifacts_url: Option<String>,
    /// `--artifacts-token-file`.
    pub artifacts_token_file: Option<PathBuf>,
}

/// `builds`: whose Snapshots are looked at.
#[derive(Debug, Clone, Default)]
pub struct Builds {
    /// `--application`.
    pub application: Option<String>,
    /// `--component`.
    pub component: Option<String>,
    /// `--component-version`.
    pub component_version: Option<String>,
}
