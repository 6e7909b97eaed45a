//! Writing a hold into the lists of its plans, or lifting it.

use super::{Options, Plan, Said, What, missed};
use crate::cluster::Tenant;
use crate::failure::{Chain, Failure};
use crate::lists::{self, Hold, List, ListError};
use crate::preflight::rights;
use crate::slack::Slack;

/// Holds, or lifts, and tells Slack. A plan that cannot be written keeps the others from nothing.
///
/// # Errors
/// Nothing was done at all: no plan is known.
pub async fn run(
    options: &Options,
    tenant: &Tenant,
    slack: Option<&Slack>,
) -> Result<Said, Failure> {
    let plans = lists::plans::<Hold>(&options.plans, tenant).await?;
    let by = rights::whoami(&tenant.cluster).await;
    let mut said = Said {
        what: options.what.clone(),
        plans: Vec::new(),
        failures: Vec::new(),
        namespace: tenant.namespace().to_owned(),
        dry_run: options.dry_run,
    };
    for name in plans {
        match one(options, tenant, &name, by.as_deref()).await {
            Ok(holds) => {
                let mut plan = Plan { name, holds, missed: Vec::new() };
                if let Some(since) = plan.holds.iter().map(|hold| hold.at).min()
                    && options.what == What::Lift
                {
                    let found = missed(&tenant.cluster, &tenant.clock, &plan.name, since).await;
                    plan.missed = found.unwrap_or_else(|error| {
                        let why =
                            format!("what the hold kept back cannot be seen: {}", Chain(&error));
                        said.failures.push(why);
                        Vec::new()
                    });
                }
                said.plans.push(plan);
            }
            Err(error) => said.failures.push(Chain(&error).to_string()),
        }
    }
    let changed = said.plans.iter().any(|plan| !plan.holds.is_empty());
    if let Some(slack) = slack
        && changed
        && !options.dry_run
        && let Err(error) = slack.send(&said.message(), None).await
    {
        said.failures
            .push(format!("the message was not delivered: {}", Chain(&error)));
    }
    Ok(said)
}

async fn one(
    options: &Options,
    tenant: &Tenant,
    plan: &str,
    by: Option<&str>,
) -> Result<Vec<Hold>, ListError> {
    let (store, clock) = (lists::store::<Hold>(&tenant.cluster, plan), &tenant.clock);
    let now = clock.now();
    let change = |list: &mut List<Hold>| match &options.what {
        What::Hold { until, reason } => {
            let (by, reason) = (by.map(str::to_owned), reason.clone());
            let hold =
                Hold { until: *until, reason, by, at: now, lifted_at: None, lifted_by: None };
            list.hold(hold.clone());
            vec![hold]
        }
        What::Lift => list.lift(now, by),
    };
    if options.dry_run {
        let list = lists::read(store.as_ref(), clock, plan).await?;
        return Ok(change(&mut list.unwrap_or_else(|| List::of_plan(plan))));
    }
    // A write whose answer was lost is applied again: what it lifted is in no hold then.
    let mut lifted = Vec::new();
    let made = lists::change(store.as_ref(), clock, plan, |list| {
        let made = change(list);
        if !made.is_empty() {
            lifted.clone_from(&made);
        }
        made
    })
    .await?;
    Ok(if made.is_empty() { lifted } else { made })
}
