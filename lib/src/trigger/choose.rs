//! The newest Snapshot that nothing speaks against.

use jiff::Timestamp;

use super::client::Tenant;
use super::{Against, Brief, Options, TriggerError, judge};
use crate::image::Digest;

/// A Snapshot that can be gated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The Snapshot.
    pub name: String,
    /// When its build began.
    pub built_at: Option<Timestamp>,
    /// Its image; unknown where a person named the Snapshot and no component.
    pub digest: Option<Digest>,
}

/// A Snapshot that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The Snapshot.
    pub name: String,
    /// When its build began.
    pub built_at: Option<Timestamp>,
    /// What speaks against it.
    pub against: Against,
}

/// What was found. Only with `keep_all` does it grow with the number of Snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The newest fit one.
    pub chosen: Option<Candidate>,
    /// The others, newest first, for people to see; only a dry run keeps them.
    pub others: Vec<Seen>,
    /// How many were looked at.
    pub looked_at: usize,
    keep_all: bool,
}

impl Choice {
    /// Nothing seen yet.
    pub fn new(keep_all: bool) -> Self {
        Self { keep_all, ..Self::default() }
    }

    /// Looks at one more.
    pub fn add(&mut self, snapshot: &Brief, component: Option<&str>) {
        self.looked_at += 1;
        let (name, built_at) = (&snapshot.metadata.name, snapshot.built_at());
        let against = match judge(snapshot, component) {
            Err(against) => against,
            Ok(digest) => {
                let newer =
                    self.chosen.as_ref().is_none_or(|chosen| (chosen.built_at, &chosen.name) < (built_at, name));
                if newer {
                    let fit = Candidate { name: name.clone(), built_at, digest: Some(digest) };
                    if let Some(old) = self.chosen.replace(fit) {
                        self.put_aside(old.name, old.built_at, Against::Older);
                    }
                    return;
                }
                Against::Older
            }
        };
        self.put_aside(name.clone(), built_at, against);
    }

    fn put_aside(&mut self, name: String, built_at: Option<Timestamp>, against: Against) {
        if self.keep_all {
            self.others.push(Seen { name, built_at, against });
        }
    }
}

/// The newest fit Snapshot of the component, or the named one.
///
/// # Errors
/// [`TriggerError`] when they cannot be read, or the named one is missing or unfit (unless forced).
pub async fn choose(options: &Options, tenant: &Tenant) -> Result<Choice, TriggerError> {
    let mut choice = Choice::new(options.dry_run);
    let Some(name) = &options.snapshot else {
        let (application, component) = (options.application.as_deref(), options.component.as_deref());
        tenant.each_snapshot(application, component, |snapshot| choice.add(snapshot, component)).await?;
        choice.others.sort_by(|one, other| (other.built_at, &other.name).cmp(&(one.built_at, &one.name)));
        return Ok(choice);
    };
    let snapshot = tenant.snapshot(name).await?.ok_or_else(|| TriggerError::NoSnapshot { name: name.clone() })?;
    choice.looked_at = 1;
    let digest = match judge(&snapshot, options.component.as_deref()) {
        Ok(digest) => Some(digest),
        // Without --component it is not known which of several is meant; its name is enough.
        Err(Against::NoComponent) if options.component.is_none() => None,
        Err(_) if options.force => None,
        Err(against) => return Err(TriggerError::Unfit { name: name.clone(), why: against.words() }),
    };
    choice.chosen = Some(Candidate { name: name.clone(), built_at: snapshot.built_at(), digest });
    Ok(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(name: &str, start: i64, image: &str) -> Brief {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": name, "annotations": {"test.appstudio.openshift.io/pipelinerunstarttime": start.to_string()}},
            "spec": {"components": [{"name": "c", "containerImage": image}]},
        }))
        .unwrap()
    }

    #[test]
    fn the_newest_by_its_builds_start_in_any_order() {
        let image = format!("quay.io/a/b@sha256:{}", "a".repeat(64));
        let all = [
            snapshot("old", 1_795_360_135_000, &image),
            snapshot("newest-but-tag", 1_795_460_135_000, "quay.io/a/b:latest"),
            snapshot("new", 1_795_380_135, &image),
            snapshot("older", 1_795_350_135_000, &image),
        ];
        let mut choice = Choice::new(true);
        all.iter().for_each(|one| choice.add(one, Some("c")));
        assert_eq!(choice.chosen.as_ref().unwrap().name, "new");
        let others: Vec<_> = choice.others.iter().map(|seen| (seen.name.as_str(), &seen.against)).collect();
        let wanted = [("newest-but-tag", &Against::NoDigest), ("old", &Against::Older), ("older", &Against::Older)];
        assert_eq!(others, wanted);
        let mut lean = Choice::new(false);
        all.iter().for_each(|one| lean.add(one, Some("c")));
        assert_eq!((lean.chosen, lean.others.len(), lean.looked_at), (choice.chosen, 0, 4));
    }
}
