//! `retract-image --check`: rights, plans, lists, archive, Slack.

use super::{Options, Sources};
use crate::failure::Chain;
use crate::lists::{self, Retraction};
use crate::preflight::rights::{self, KONFLUX, Right};
use crate::preflight::{Preflight, konflux, lists as rows, speakers};

/// What the step needs in its namespace.
pub const RIGHTS: [Right; 4] = [
    Right {
        group: "",
        resource: "configmaps",
        verbs: &["get", "list", "update"],
        to: "to write the list of retracted images",
    },
    Right {
        group: KONFLUX,
        resource: "releases",
        verbs: &["get", "list", "watch", "create"],
        to: "to follow Releases and to make the one that moves the tags back",
    },
    Right {
        group: KONFLUX,
        resource: "snapshots",
        verbs: &["get"],
        to: "to find the image before",
    },
    Right {
        group: KONFLUX,
        resource: "releaseplans",
        verbs: &["get"],
        to: "to see that the plan is matched",
    },
];

/// Looks at all that is needed; changes nothing.
pub async fn preflight(options: &Options, sources: &Sources) -> Preflight {
    let (mut checks, tenant) = (Preflight::default(), &sources.tenant);
    if rights::review(&tenant.cluster, &RIGHTS, &mut checks).await {
        match lists::plans::<Retraction>(&options.plans, tenant).await {
            Ok(plans) => {
                for plan in &plans {
                    konflux::plan(tenant, plan, &mut checks).await;
                    rows::one::<Retraction>(tenant, plan, &mut checks).await;
                }
            }
            Err(failure) => checks.failed("lists", Chain(failure.error.as_ref())),
        }
    }
    if let Some(archive) = &sources.archive {
        speakers::archive(archive, tenant.namespace(), &mut checks).await;
    }
    if let Some(slack) = &sources.slack {
        speakers::slack(slack, &mut checks).await;
    }
    checks
}
