//! `override-gate --check`: rights and Slack, and the promotion's own look.

use super::Options;
use crate::cluster::Tenant;
use crate::preflight::rights::{self, KONFLUX, Right};
use crate::preflight::{Preflight, konflux, lists, place, speakers};
use crate::slack::Slack;

/// What the step needs in its namespace, for a record in a ConfigMap.
pub const RIGHTS: [Right; 4] = [
    place::CONTINUE,
    Right { group: KONFLUX, resource: "snapshots", verbs: &["get"], to: "to compare the digest" },
    Right {
        group: KONFLUX,
        resource: "releaseplans",
        verbs: &["get"],
        to: "to see that the plan is matched",
    },
    Right {
        group: KONFLUX,
        resource: "releases",
        verbs: &["get", "list", "watch", "create"],
        to: "to make the Release and follow it",
    },
];

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
