//! Taking a verified image back: it is promoted no more, and the tags move back to the image before.
//!
//! For each plan, in this order: the digest goes into the plan's list of retracted images, which
//! every promotion reads right before it makes a Release; Releases of it that are in flight are
//! followed to their end, since stopping one would not stop its push; then, as long as the last
//! thing that landed is a retracted image, the newest verified image that is left is released once
//! more, and that is followed. [`decide`] is pure; its answer depends only on what is in the cluster
//! and in the list, so that a call that was killed is made whole by the next.

mod decide;
mod preflight;
mod run;
mod said;
mod seen;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use decide::{Next, decide};
pub use preflight::{RIGHTS, preflight};
pub use run::run;
pub use said::{Ended, Plan, Said};
pub use seen::{Seen, State};

use crate::cluster::Tenant;
use crate::image::Digest;
use crate::kubearchive::KubeArchive;
use crate::slack::Slack;
use crate::snapshot::ComponentName;

/// How long each Release is followed where nothing else is said (45 minutes).
pub const WAIT: Duration = Duration::from_secs(45 * 60);

/// What is to be done with the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It is taken back, for this reason.
    Retract { reason: String },
    /// It may be promoted again. The tags stay where they are.
    Undo,
}

/// retract-image's options.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--release-plan`; none for every plan that has a list (`--all-plans`).
    pub plans: Vec<String>,
    /// `--digest`.
    pub digest: Digest,
    pub what: What,
    /// `--component` with `--component-version`: whose digest counts in a Snapshot of several.
    pub component: Option<ComponentName>,
    /// `--wait`: how long each Release is followed, gate time.
    pub wait: Duration,
    /// `--dry-run`.
    pub dry_run: bool,
}

/// What is asked and told.
#[derive(Debug)]
pub struct Sources {
    pub tenant: Tenant,
    /// Where Releases are that have left the cluster.
    pub archive: Option<KubeArchive>,
    pub slack: Option<Slack>,
}
