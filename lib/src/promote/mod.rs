//! The promotion: one Release for the tested digest, made once and followed to its end.
//!
//! release-service looks at no test result, so what is decided here is the only guard. [`checks`],
//! [`choose`] and [`newer`] decide without clients; [`run`] asks and acts. Before a Release is made
//! `witnesses` asks the blocking runs themselves: the record's word alone promotes nothing.

pub mod checks;
pub mod choose;
mod end;
mod follow;
mod listed;
pub mod newer;
mod open;
mod preflight;
mod run;
mod survey;
pub mod tries;
mod wait;
mod witnesses;

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use crate::evidence::GivenRules;
use crate::failure::{Exit, Failure};
use crate::jobs::Request;
use crate::konflux::{PushedImage, Release};
use crate::name::ObjectName;
use crate::preflight::Preflight;
use crate::record::{Released, Tested};

pub use open::open;
pub use preflight::{CREATE, RIGHTS};
pub use run::run;
pub use wait::{Ended as Waited, wait};
pub use witnesses::{Unborne, bear_out};

/// How long a Release may take where nothing else is said (45 minutes).
pub const WAIT: Duration = Duration::from_secs(45 * 60);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Promote.
    Create,
    /// Only look whether a promotion would be possible; needs no verdict, writes nothing.
    Check,
    /// Server-side dry run; recorded unless a real promotion is recorded already.
    DryRun,
}

impl Mode {
    /// By `--check` and `--dry-run`. A pipeline gives its release arguments to the check as well,
    /// `--dry-run` among them.
    pub fn of(check: bool, dry_run: bool) -> Self {
        match (check, dry_run) {
            (true, _) => Self::Check,
            (false, true) => Self::DryRun,
            (false, false) => Self::Create,
        }
    }
}

/// Reads `--grace-period-days`.
///
/// # Errors
/// What was expected.
pub fn grace_period(text: &str) -> Result<u32, String> {
    let days = text.parse().ok().filter(|days| (1..=365).contains(days));
    days.ok_or_else(|| {
        format!("--grace-period-days: expected a number of days from 1 to 365, found {text:?}")
    })
}

/// What is believed of the blocking runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evidence {
    /// What the runs themselves say, asked again.
    #[default]
    Again,
    /// What the record says.
    Record,
}

impl FromStr for Evidence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "again" => Ok(Self::Again),
            "record" => Ok(Self::Record),
            other => Err(format!("--evidence: expected again or record, found {other:?}")),
        }
    }
}

/// create-release's options, apart from where record and cluster are.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--release-plan`.
    pub plan: ObjectName,
    /// `--wait`, gate time from the Release's creation; zero does not wait.
    pub wait: Duration,
    /// `--grace-period-days`.
    pub grace_period_days: Option<u32>,
    /// `--allow-older`.
    pub allow_older: bool,
    /// `--again`.
    pub again: bool,
    /// What is to be done.
    pub mode: Mode,
    /// `--evidence`.
    pub evidence: Evidence,
    /// The jobs as the caller gives them; without them those of the record count.
    pub request: Option<Request>,
    /// `--image` and `--snapshot-name`, as far as given.
    pub tested: Tested,
    /// `--proof` and `--proof-log`, as far as given.
    pub rules: GivenRules,
    /// Blocking jobs that did not pass and that the caller accepts; create-release accepts none.
    pub accepted: Vec<String>,
    /// Buckets that only Prow writes to.
    pub buckets: Vec<String>,
    /// `--tries-left`: how often this step is tried again if this try fails, where that is known.
    pub tries_left: Option<u32>,
}

impl Options {
    /// The options of a promotion by this plan, all else as if no flag were given.
    pub fn of(plan: ObjectName) -> Self {
        Self {
            plan,
            wait: WAIT,
            grace_period_days: None,
            allow_older: false,
            again: false,
            mode: Mode::Create,
            evidence: Evidence::Again,
            request: None,
            tested: Tested::default(),
            rules: GivenRules::default(),
            accepted: Vec::new(),
            buckets: crate::prow::BUCKETS.map(str::to_owned).to_vec(),
            tries_left: None,
        }
    }
}

/// Why there is no Release, and never was one for this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The exit code.
    pub exit: Exit,
    /// In words.
    pub why: String,
    /// Whether it stays so until somebody changes something; trouble may pass by itself.
    pub stays: bool,
}

impl Refusal {
    /// The gate says no.
    pub(crate) fn no(why: impl Into<String>) -> Self {
        Self { exit: Exit::Refused, why: why.into(), stays: true }
    }

    /// Something is missing or wrong in the cluster.
    pub(crate) fn cannot(why: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, why: why.into(), stays: true }
    }

    /// Something does not work at the moment.
    pub(crate) fn trouble(why: impl Into<String>) -> Self {
        Self { stays: false, ..Self::cannot(why) }
    }
}

/// How a promotion ended.
#[derive(Debug, Clone)]
pub struct Promotion {
    /// The Release's name, where there is or was to be one.
    pub release: Option<String>,
    /// Whether the image was promoted.
    pub released: Released,
    /// The exit code.
    pub exit: Exit,
    /// In words.
    pub detail: String,
    /// What was pushed.
    pub images: Vec<PushedImage>,
    /// The managed PipelineRun, `namespace/name`.
    pub pipeline_run: Option<String>,
    /// When the Release ended.
    pub completed_at: Option<Timestamp>,
    /// What a dry run would have made.
    pub object: Option<Box<Release>>,
    /// What `--check` looked at.
    pub checks: Option<Preflight>,
}

impl Promotion {
    pub(crate) fn ended(exit: Exit, released: Released, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            release: None,
            released,
            exit,
            detail,
            images: Vec::new(),
            pipeline_run: None,
            completed_at: None,
            object: None,
            checks: None,
        }
    }

    pub(crate) fn named(self, name: impl Into<String>) -> Self {
        Self { release: Some(name.into()), ..self }
    }

    /// The failure that ends the step, if it is one.
    ///
    /// # Errors
    /// The promotion's exit code and words, unless the code is 0.
    pub fn end(&self) -> Result<(), Failure> {
        match self.exit {
            Exit::Done => Ok(()),
            exit => Err(Failure::new(exit, self.detail.clone())),
        }
    }

    /// The object of a dry run, as JSON.
    pub fn shown(&self) -> Option<String> {
        serde_json::to_string_pretty(self.object.as_deref()?).ok()
    }

    /// The promotion for people.
    pub fn table(&self) -> String {
        if let Some(checks) = &self.checks {
            return checks.table();
        }
        let mut rows = vec![
            ("release", self.release.clone().unwrap_or_default()),
            ("released", self.released.as_str().to_owned()),
            ("", self.detail.clone()),
        ];
        rows.extend(
            self.images
                .iter()
                .map(|image| ("pushed", format!("{} {}", image.name, image.digest))),
        );
        rows.extend(
            self.images
                .iter()
                .flat_map(|image| &image.urls)
                .map(|url| ("", url.clone())),
        );
        rows.retain(|(_, value)| !value.is_empty());
        rows.iter()
            .map(|(name, value)| format!("{name:<9} {value}\n"))
            .collect()
    }
}

impl From<Refusal> for Promotion {
    fn from(refusal: Refusal) -> Self {
        Self::ended(refusal.exit, Released::False, refusal.why)
    }
}

#[cfg(test)]
pub(crate) mod tests;
