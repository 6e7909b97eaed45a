//! Slack and KubeArchive, asked something harmless.

use super::Preflight;
use crate::failure::Chain;
use crate::konflux::RELEASES;
use crate::kubearchive::{KubeArchive, NOTHING};
use crate::slack::{Probe, Slack};

/// Whether Slack would take a message.
pub async fn slack(slack: &Slack, checks: &mut Preflight) {
    match slack.probe().await {
        Ok(Probe::Alive(what)) => {
            checks.passed("slack", format_args!("{what}; nothing was posted"))
        }
        Ok(Probe::Doubtful(what)) => checks.failed("slack", what),
        Err(error) => checks.failed("slack", Chain(&error)),
    }
}

/// Whether KubeArchive shows Releases of the namespace.
pub async fn archive(archive: &KubeArchive, namespace: &str, checks: &mut Preflight) {
    match archive.holds_any(RELEASES, namespace).await {
        Ok(true) => checks.passed("kubearchive", "shows Releases of this namespace"),
        // So it is for a new tenant, and also for a wrong group or version.
        Ok(false) => checks.unknown("kubearchive", NOTHING),
        Err(error) => checks.failed("kubearchive", Chain(&error)),
    }
}
