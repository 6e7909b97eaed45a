//! `override-gate --check`: rights and Slack, and the promotion's own look.

use super::Options;
use crate::cluster::Tenant;
use crate::preflight::{Preflight, konflux, lists, rights, speakers};
/// It makes the same Release as create-release, and needs the same.
pub use crate::promote::RIGHTS;
use crate::slack::Slack;

/// Looks at rights, plan, lists and Slack; changes nothing.
pub async fn preflight(options: &Options, tenant: &Tenant, slack: Option<&Slack>) -> Preflight {
    let mut checks = Preflight::default();
    if rights::review(&tenant.cluster, &RIGHTS, &mut checks).await {
        konflux::plan(tenant, &options.promotion.plan, &mut checks).await;
        lists::both(tenant, &options.promotion.plan, &mut checks).await;
    }
    if let Some(slack) = slack {
        speakers::slack(slack, &mut checks).await;
    }
    checks
}
