//! Whether a ReleasePlan can be used: it exists, an active admission matches it, and it makes no
//! Releases by itself.

use super::labels::AUTO_RELEASE_LABEL;
use super::objects::{ReleasePlan, condition, label};
use crate::text;

/// Why a ReleasePlan cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanProblem {
    /// There is none, or it is being deleted.
    #[error(
        "there is no ReleasePlan {plan} in this namespace; check --release-plan and --namespace"
    )]
    Missing {
        /// Its name.
        plan: String,
    },
    /// Each new Snapshot is released before it is tested.
    #[error(
        "ReleasePlan {plan} has {AUTO_RELEASE_LABEL} {found}, expected \"false\": with anything else each new Snapshot is released before it is tested"
    )]
    Automatic {
        /// Its name.
        plan: String,
        /// The label's value, quoted, or `not set`.
        found: String,
    },
    /// No admission matches it.
    #[error(
        "ReleasePlan {plan} is matched by no ReleasePlanAdmission: ask the owners of its target namespace for one"
    )]
    Unmatched {
        /// Its name.
        plan: String,
    },
    /// Its admission lets nothing through.
    #[error(
        "releases of ReleasePlan {plan} are blocked: its ReleasePlanAdmission {admission} has the label block-releases"
    )]
    Blocked {
        /// Its name.
        plan: String,
        /// The admission, `namespace/name`.
        admission: String,
    },
}

/// Checks a ReleasePlan as it was read.
///
/// # Errors
/// [`PlanProblem`], the first of them.
pub fn fit_plan(name: &str, found: Option<&ReleasePlan>) -> Result<(), PlanProblem> {
    let plan = name.to_owned();
    let Some(found) = found.filter(|plan| plan.metadata.deletion_timestamp.is_none()) else {
        return Err(PlanProblem::Missing { plan });
    };
    match label(&found.metadata, AUTO_RELEASE_LABEL) {
        Some("false") => {}
        other => {
            let found = other
                .map_or("not set".to_owned(), |value| format!("{:?}", text::one_line(value, 40)));
            return Err(PlanProblem::Automatic { plan, found });
        }
    }
    let status = found.status.clone().unwrap_or_default();
    let matched =
        condition(&status.conditions, "Matched").is_some_and(|matched| matched.status == "True");
    let Some(admission) = status.release_plan_admission.filter(|_| matched) else {
        return Err(PlanProblem::Unmatched { plan });
    };
    if !admission.active {
        let admission = text::one_line(&admission.name, 200);
        return Err(PlanProblem::Blocked { plan, admission });
    }
    Ok(())
}
