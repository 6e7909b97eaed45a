//! `hold-gate --check`: rights, lists, Slack.

use super::Options;
use crate::cluster::Tenant;
use crate::failure::Chain;
use crate::lists::Hold;
use crate::preflight::rights::{self, Right};
use crate::preflight::{Preflight, lists, speakers};
use crate::slack::Slack;

/// What the step needs in its namespace.
pub const RIGHTS: [Right; 1] = [Right {
    group: "",
    resource: "configmaps",
    verbs: &["get", "update"],
    to: "to write the hold",
}];

/// What it needs besides, to find the plans and what was held back.
pub const LIST: Right = Right {
    group: "",
    resource: "configmaps",
    verbs: &["list"],
    to: "to find the lists, and with --lift the runs that were held back",
};

/// Looks at rights, lists and Slack; writes nothing.
pub async fn preflight(options: &Options, tenant: &Tenant, slack: Option<&Slack>) -> Preflight {
    let mut checks = Preflight::default();
    if rights::review(&tenant.cluster, &RIGHTS, &mut checks).await {
        match options.plans.is_empty() {
            true => rights::ask_all(&tenant.cluster, &[LIST], &mut checks).await,
            false => rights::review_optional(&tenant.cluster, &[LIST], &mut checks).await,
        }
        match crate::lists::plans::<Hold>(&options.plans, tenant).await {
            Ok(plans) => {
                for plan in &plans {
                    lists::one::<Hold>(tenant, plan, &mut checks).await;
                }
            }
            Err(failure) => checks.failed("lists", Chain(failure.error.as_ref())),
        }
    }
    if let Some(slack) = slack {
        speakers::slack(slack, &mut checks).await;
    }
    checks
}
