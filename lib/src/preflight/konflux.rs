//! Konflux's objects, for steps whose account need not be able to read them.

use super::Preflight;
use crate::konflux::Konflux;
use crate::step::Chain;

/// Whether a ReleasePlan exists.
pub async fn plan(konflux: &Konflux, name: &str, checks: &mut Preflight) {
    match konflux.plan(name).await {
        Ok(Some(_)) => checks.passed("plan", format_args!("ReleasePlan {name} exists")),
        Ok(None) => {
            checks.failed("plan", format_args!("there is no ReleasePlan {name} in namespace {}", konflux.namespace()));
        }
        Err(error) if error.is_forbidden() => {
            checks.unknown("plan", format_args!("this account may not read {name}, which is no harm"));
        }
        Err(error) => checks.failed("plan", Chain(&error)),
    }
}
