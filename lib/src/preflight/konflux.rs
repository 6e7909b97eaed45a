//! Konflux's objects, for steps whose account need not be able to read them.

use super::Preflight;
use crate::cluster::Tenant;
use crate::failure::Chain;
use crate::konflux::fit_plan;

/// Whether a ReleasePlan exists, is matched, and makes no Releases by itself.
pub async fn plan(tenant: &Tenant, name: &str, checks: &mut Preflight) {
    match tenant.plan(name).await {
        Ok(found) => match fit_plan(name, found.as_ref()) {
            Ok(()) => checks.passed(
                "plan",
                format_args!("ReleasePlan {name} is matched, and is not automatic"),
            ),
            Err(problem) => checks.failed("plan", problem),
        },
        Err(error) if error.is_forbidden() => {
            checks.unknown(
                "plan",
                format_args!("this account may not read {name}, which is no harm"),
            );
        }
        Err(error) => checks.failed("plan", Chain(&error)),
    }
}
