//! The Snapshot to gate: the newest fit one, or the one that was named.

use super::{Options, Tenant, TriggerError};
use crate::konflux::{Against, Candidate, Choice, SnapshotBrief, Unreadable, judge};

/// The newest fit Snapshot of the component, or the named one.
///
/// # Errors
/// [`TriggerError`] when they cannot be read, or the named one is missing or unfit (unless forced).
pub async fn choose(options: &Options, tenant: &Tenant) -> Result<Choice, TriggerError> {
    let mut choice = Choice::new(options.dry_run);
    let Some(name) = &options.snapshot else {
        let component = options.component.as_ref();
        let named = component.map(|component| component.name.as_str());
        let look = |snapshot: Result<&SnapshotBrief, &Unreadable>| choice.add(snapshot, component);
        tenant
            .each_snapshot(options.application.as_deref(), named, look)
            .await?;
        choice.settle();
        return Ok(choice);
    };
    let snapshot = tenant
        .snapshot_brief(name)
        .await?
        .ok_or_else(|| TriggerError::NoSnapshot { name: name.to_string() })?;
    choice.looked_at = 1;
    let digest = match judge(&snapshot, options.component.as_ref()) {
        Ok(digest) => Some(digest),
        // Without --component it is not known which of several is meant; its name is enough.
        Err(Against::Unjudged(_))
            if options.component.is_none() && snapshot.spec.components.len() != 1 =>
        {
            None
        }
        Err(_) if options.force => None,
        Err(against) => {
            return Err(TriggerError::Unfit {
                name: name.to_string(),
                why: against.words().into_owned(),
            });
        }
    };
    choice.chosen =
        Some(Candidate { name: name.to_string(), built_at: snapshot.built_at(), digest });
    Ok(choice)
}
