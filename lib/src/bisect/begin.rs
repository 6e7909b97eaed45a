//! A new bisect: its Snapshots from the cluster, and what the job's history tells beforehand.

use super::Asked;
use super::document::{Document, KIND, Place, SCHEMA_VERSION};
use super::past::{Past, past};
use super::range::{self, Build};
use super::step::{Options, Outside};
use crate::failure::{Chain, Failure, OrExit};
use crate::history::keep;
use crate::konflux::{SnapshotBrief, image, judge_build};
use crate::snapshot::ComponentName;
use crate::text;

/// The longest title of a change that is kept, in bytes.
const MAX_TITLE: usize = 120;

/// A new bisect as the flags ask for it, and how long a run usually takes. Nothing is written.
///
/// # Errors
/// Misuse where something is missing or there is no range, exit 1 where the cluster does not answer.
pub(super) async fn begin(
    options: &Options,
    outside: &Outside,
) -> Result<(Document, Past), Failure> {
    let Asked { request, test, good, bad, .. } = &options.asked;
    let needed =
        |flag: &str| Failure::misuse(format!("expected {flag}, since there is no record yet"));
    let request = request.as_ref().ok_or_else(|| needed("--job NAME"))?;
    let good = good.as_ref().ok_or_else(|| needed("--good SNAPSHOT"))?;
    let bad = bad.as_ref().ok_or_else(|| needed("--bad SNAPSHOT"))?;
    let job = request.jobs.first().ok_or_else(|| needed("--job NAME"))?.clone();
    let builds = builds(options, outside).await?;
    let range = range::range(builds, good, bad).misuse()?;
    let mut document = Document {
        schema_version: SCHEMA_VERSION,
        kind: KIND.to_owned(),
        id: uuid::Uuid::new_v4().to_string(),
        created_at: outside.clock.now(),
        job,
        env: request.env.clone(),
        test: test.clone(),
        rules: options.asked.rules(),
        policy: options.asked.policy().misuse()?,
        before: Default::default(),
        range,
        runs: Vec::new(),
        ended: None,
    };
    let past = known(&document, outside).await;
    document.before = past.before;
    Ok((document, past))
}

/// What the job's history tells; nothing where it cannot be read.
pub(super) async fn known(document: &Document, outside: &Outside) -> Past {
    let Some(place) = &outside.histories else { return Past::default() };
    let job = document.job.name.as_str();
    match keep::read(place.store(job).as_ref(), job, &outside.clock).await {
        Ok(found) => past(&found.history, document.range.first(), document.test.as_deref()),
        Err(error) => {
            tracing::warn!("what earlier runs of the job showed is not known: {}", Chain(&error));
            Past::default()
        }
    }
}

/// The Snapshots of the component, in any order.
async fn builds(options: &Options, outside: &Outside) -> Result<Vec<Build>, Failure> {
    let (Some(application), Some(component)) = (&options.application, &options.component) else {
        return Err(Failure::misuse(
            "expected --application and --component, whose Snapshots are between --good and --bad",
        ));
    };
    let mut found = Vec::new();
    outside
        .tenant
        .each_snapshot(Some(application.as_str()), Some(&component.name), |snapshot| {
            // One that cannot be read cannot be probed; as an end it is missed by its name.
            found.extend(snapshot.ok().and_then(|snapshot| build(snapshot, component)));
        })
        .await
        .failed()?;
    Ok(found)
}

/// A Snapshot as a bisect sees it; `None` where it is not known which image of the component it has.
fn build(snapshot: &SnapshotBrief, component: &ComponentName) -> Option<Build> {
    let (one, image) = image(snapshot, Some(component)).ok()?;
    let notes = &snapshot.metadata.annotations;
    let kept = |text: &Option<String>| {
        text.as_deref()
            .filter(|text| !text.is_empty())
            .map(|text| text::one_line(text, 250))
    };
    let link = kept(&notes.link).filter(|link| link.starts_with("https://"));
    let title = notes.title.as_deref().filter(|title| !title.is_empty());
    Some(Build {
        place: Place {
            snapshot: snapshot.metadata.name.clone(),
            image,
            revision: kept(&one.source.git.revision),
            git_url: kept(&one.source.git.url),
            built_at: snapshot.built_at(),
            title: title.map(|title| text::one_line(title, MAX_TITLE)),
            link,
        },
        fit: judge_build(snapshot).is_ok(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_snapshot_tells_its_image_its_change_and_whether_it_is_fit() {
        let read = |labels: serde_json::Value, image: &str| {
            let snapshot: SnapshotBrief = serde_json::from_value(json!({
                "metadata": {"name": "snap-1", "labels": labels, "annotations": {
                    "test.appstudio.openshift.io/pipelinerunstarttime": "1795360135000",
                    "pac.test.appstudio.openshift.io/sha-title": "Rotate\nthe signer",
                    "pac.test.appstudio.openshift.io/sha-url": "https://github.com/acme/ho/commit/1",
                }},
                "spec": {"components": [{"name": "ho", "containerImage": image,
                    "source": {"git": {"url": "https://github.com/acme/ho", "revision": "3ee96155"}}}]},
            }))
            .unwrap();
            build(&snapshot, &ComponentName::of("ho"))
        };
        let image = format!("quay.io/acme/ho:main@sha256:{}", "a".repeat(64));
        let found = read(json!({}), &image).unwrap();
        let place = &found.place;
        assert!(found.fit && place.image.to_string().starts_with("quay.io/acme/ho@sha256:aaaa"));
        assert_eq!(place.title.as_deref(), Some("Rotate the signer"));
        assert_eq!(place.revision.as_deref(), Some("3ee96155"));
        assert_eq!(place.link.as_deref(), Some("https://github.com/acme/ho/commit/1"));
        assert_eq!(place.built_at.unwrap().as_second(), 1_795_360_135);
        let pull = json!({"pac.test.appstudio.openshift.io/event-type": "pull_request"});
        assert!(!read(pull, &image).unwrap().fit, "an end may be one, the others not");
        assert_eq!(read(json!({}), "quay.io/acme/ho:main"), None);
    }
}
