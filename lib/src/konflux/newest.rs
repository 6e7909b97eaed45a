//! Choosing the newest Snapshot that can be tested.

use jiff::Timestamp;

use super::{Against, SnapshotBrief, Unreadable, judge};
use crate::cluster::{ApiError, Tenant};
use crate::image::Digest;
use crate::snapshot::ComponentName;

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
    /// Why it cannot be used.
    pub against: Against,
}

impl Seen {
    fn age(&self) -> (Option<Timestamp>, &String) {
        (self.built_at, &self.name)
    }
}

/// What was found. Only with `keep_all` does it grow with the number of Snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The newest fit one.
    pub chosen: Option<Candidate>,
    /// The newest one that cannot be judged, where it is newer than the newest fit one: then there
    /// is none to choose, since an older one is never tested in its place.
    pub unjudged: Option<Seen>,
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
    pub fn add(
        &mut self,
        snapshot: Result<&SnapshotBrief, &Unreadable>,
        component: Option<&ComponentName>,
    ) {
        self.looked_at += 1;
        let (name, built_at, judged) = match snapshot {
            Ok(snapshot) => {
                (&snapshot.metadata.name, snapshot.built_at(), judge(snapshot, component))
            }
            Err(unreadable) => {
                let why = format!("it has not the form of a Snapshot: {}", unreadable.problem);
                (&unreadable.name, unreadable.built_at, Err(Against::Unjudged(why)))
            }
        };
        let against = match judged {
            Err(against @ Against::Unjudged(_)) => {
                let seen = Seen { name: name.clone(), built_at, against: against.clone() };
                let hides = |newest: &Seen| newest.built_at.is_none() || seen.age() < newest.age();
                if seen.built_at.is_none() || !self.unjudged.as_ref().is_some_and(hides) {
                    self.unjudged = Some(seen);
                }
                against
            }
            Err(against) => against,
            Ok(digest) => {
                let newer = self
                    .chosen
                    .as_ref()
                    .is_none_or(|chosen| (chosen.built_at, &chosen.name) < (built_at, name));
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

    /// When all have been looked at: what cannot be judged stands in the way of the older ones.
    pub fn settle(&mut self) {
        if let (Some(seen), Some(chosen)) = (&self.unjudged, &self.chosen) {
            // One that does not even tell when it was built may be the newest.
            let newer = seen.built_at.is_none() || seen.age() > (chosen.built_at, &chosen.name);
            match newer {
                true => {
                    let Some(chosen) = self.chosen.take() else { return };
                    self.put_aside(chosen.name, chosen.built_at, Against::Behind);
                }
                false => self.unjudged = None,
            }
        }
        self.others
            .sort_by(|one, other| (other.built_at, &other.name).cmp(&(one.built_at, &one.name)));
    }

    fn put_aside(&mut self, name: String, built_at: Option<Timestamp>, against: Against) {
        if self.keep_all {
            self.others.push(Seen { name, built_at, against });
        }
    }
}

/// The newest fit Snapshot of a component of an Application; every fit one is shown on the way, in
/// any order.
///
/// # Errors
/// [`ApiError`] when they cannot be read.
pub async fn newest(
    tenant: &Tenant,
    application: Option<&str>,
    component: Option<&ComponentName>,
    mut fit: impl FnMut(Option<Timestamp>, &Digest),
) -> Result<Choice, ApiError> {
    let name = component.map(|component| component.name.as_str());
    let mut choice = Choice::new(false);
    let look = |snapshot: Result<&SnapshotBrief, &Unreadable>| {
        if let Ok(snapshot) = snapshot
            && let Ok(digest) = judge(snapshot, component)
        {
            fit(snapshot.built_at(), &digest);
        }
        choice.add(snapshot, component);
    };
    tenant.each_snapshot(application, name, look).await?;
    choice.settle();
    Ok(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(name: &str, start: i64, image: &str) -> SnapshotBrief {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": name, "annotations": {"test.appstudio.openshift.io/pipelinerunstarttime": start.to_string()}},
            "spec": {"components": [{"name": "c", "containerImage": image}]},
        }))
        .unwrap()
    }

    fn choice(all: &[SnapshotBrief], keep_all: bool) -> Choice {
        let mut choice = Choice::new(keep_all);
        all.iter()
            .for_each(|one| choice.add(Ok(one), Some(&ComponentName::of("c"))));
        choice.settle();
        choice
    }

    fn image() -> String {
        format!("quay.io/a/b@sha256:{}", "a".repeat(64))
    }

    #[test]
    fn the_newest_by_its_builds_start_in_any_order() {
        let all = [
            snapshot("old", 1_795_360_135_000, &image()),
            snapshot("new", 1_795_380_135, &image()),
            snapshot("old-but-tag", 1_795_370_135_000, "quay.io/a/b:latest"),
            snapshot("older", 1_795_350_135_000, &image()),
        ];
        let whole = choice(&all, true);
        assert_eq!(whole.chosen.as_ref().unwrap().name, "new");
        let others: Vec<_> = whole
            .others
            .iter()
            .map(|seen| (seen.name.as_str(), seen.against == Against::Older))
            .collect();
        assert_eq!(others, [("old-but-tag", false), ("old", true), ("older", true)]);
        let lean = choice(&all, false);
        assert_eq!(
            (lean.chosen, lean.others.len(), lean.looked_at, lean.unjudged),
            (whole.chosen, 0, 4, None)
        );
    }

    #[test]
    fn what_cannot_be_judged_is_never_passed_over_for_an_older_one() {
        let mut all = vec![
            snapshot("newest-but-tag", 1_795_460_135_000, "quay.io/a/b:latest"),
            snapshot("new", 1_795_380_135, &image()),
            snapshot("older-but-tag", 1_795_370_135_000, "quay.io/a/b:latest"),
        ];
        for _ in 0..2 {
            let found = choice(&all, false);
            assert_eq!(
                (found.chosen, found.unjudged.unwrap().name.as_str()),
                (None, "newest-but-tag")
            );
            all.reverse();
        }
        // A newer one that is fit ends it.
        all.push(snapshot("newer-still", 1_795_560_135_000, &image()));
        let found = choice(&all, false);
        assert_eq!((found.chosen.unwrap().name.as_str(), found.unjudged), ("newer-still", None));
    }

    #[test]
    fn one_that_has_not_the_form_of_a_snapshot_is_named() {
        let read = |text: &str| super::super::snapshot_brief::read(text).unwrap_err();
        let odd = read(
            r#"{"metadata":{"name":"odd","creationTimestamp":"2026-08-20T03:00:00Z"},"spec":{"components":[{"name":"c","containerImage":7}]}}"#,
        );
        assert_eq!(
            (odd.name.as_str(), odd.built_at.unwrap().to_string()),
            ("odd", "2026-08-20T03:00:00Z".to_owned())
        );
        let fit = snapshot("fit", 1_700_000_000, &image());
        for unreadable in [odd, read("[]")] {
            let mut choice = Choice::new(false);
            choice.add(Ok(&fit), Some(&ComponentName::of("c")));
            choice.add(Err(&unreadable), Some(&ComponentName::of("c")));
            choice.settle();
            assert_eq!((choice.chosen, choice.unjudged.unwrap().name), (None, unreadable.name));
        }
    }
}
