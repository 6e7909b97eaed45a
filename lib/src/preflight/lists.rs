//! The lists of holds and of retracted images, for steps that obey them.

use super::Preflight;
use crate::cluster::Tenant;
use crate::failure::Chain;
use crate::lists::{self, Entry, Hold, List, Retraction};

/// Whether both lists of a plan are there and can be read; a hold that is in force is named.
pub async fn both(tenant: &Tenant, plan: &str, checks: &mut Preflight) {
    one::<Retraction>(tenant, plan, checks).await;
    if let Some(list) = one::<Hold>(tenant, plan, checks).await
        && let Some(hold) = list.in_force(tenant.clock.now())
    {
        checks.unknown("hold", format_args!("plan {plan} is {}", hold.words()));
    }
}

/// Whether a list of a plan is there and can be read; what is in it.
pub async fn one<E: Entry>(tenant: &Tenant, plan: &str, checks: &mut Preflight) -> Option<List<E>> {
    let store = lists::store::<E>(&tenant.cluster, plan);
    match lists::read::<E>(store.as_ref(), &tenant.clock, plan).await {
        Ok(list) => {
            row::<E>(plan, list.is_some(), checks);
            list
        }
        Err(error) => {
            checks.failed("lists", Chain(&error));
            None
        }
    }
}

/// The row of a list that can be read. A missing one counts as empty, and nobody could write to it
/// with the rights of its Role: it has to be made first.
pub fn row<E: Entry>(plan: &str, is_there: bool, checks: &mut Preflight) {
    let name = List::<E>::config_map(plan);
    match is_there {
        true => checks.passed("lists", format_args!("{name} can be read")),
        false => checks.failed(
            "lists",
            format_args!(
                "the ConfigMap {name} is missing, which counts as empty; the platform's overlay makes it, and so does: kubectl create configmap {name}"
            ),
        ),
    }
}
