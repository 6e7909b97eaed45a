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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::RuntimeClock;
    use crate::name::ObjectName;
    use crate::snapshot::ComponentName;
    use standins::{Night, World};

    /// What comes of a named Snapshot with so many components: whether its digest is known, or
    /// that it is refused.
    async fn chosen(components: usize, asked: Option<&str>, force: bool) -> Result<bool, String> {
        let world = World::builder().build();
        let mut night = Night::aro_hcp();
        night.siblings.truncate(components - 1);
        let namespace = night.namespace.clone();
        let name = night.install(&world, "quay.io").snapshot;
        if components == 1 && asked.is_none() {
            world.kube().change("snapshots", &namespace, &name, |snapshot| {
                snapshot["spec"]["components"][0]["containerImage"] = "quay.io/acme/ho:tag".into();
            });
        }
        let cluster = crate::support::cluster(&world, &namespace);
        let tenant = Tenant::new(&cluster, Arc::new(RuntimeClock::starting_at(world.now())));
        let options = Options {
            component: asked.map(ComponentName::of),
            snapshot: Some(ObjectName::label(&name).unwrap()),
            force,
            ..Options::plain()
        };
        let choice = choose(&options, &tenant).await.map_err(|error| error.to_string())?;
        let chosen = choice.chosen.unwrap();
        assert_eq!((choice.looked_at, &chosen.name), (1, &name));
        Ok(chosen.digest.is_some())
    }

    #[tokio::test(start_paused = true)]
    async fn a_named_snapshot_is_taken_unless_something_speaks_against_it() {
        let ours = Some("hypershift-operator-main");
        assert_eq!(chosen(2, ours, false).await, Ok(true));
        // Which of two is meant is not known, and need not be.
        assert_eq!(chosen(2, None, false).await, Ok(false));
        let why = chosen(2, Some("other"), false).await.unwrap_err();
        assert!(why.contains("other"), "{why}");
        assert_eq!(chosen(2, Some("other"), true).await, Ok(false));
        // An only component that cannot be judged is another matter.
        let why = chosen(1, None, false).await.unwrap_err();
        assert!(why.contains("quay.io/acme/ho:tag"), "{why}");
        assert_eq!(chosen(1, None, true).await, Ok(false));
    }
}
