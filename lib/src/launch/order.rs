//! What is sent for a job, made from the record alone: a later process sends the very same.

use std::collections::BTreeMap;

use crate::prow::gangway::{Create, PodSpecOptions};
use crate::prow::key;
use crate::record::{GateRecord, JobRecord};

/// The order for one attempt of a job; `None` if the record has no such job or no image.
///
/// The key goes along as label, which can be searched, and as annotation; what people may want to
/// know as annotations only, since labels take few characters. What is empty is left out: Gangway
/// refuses empty values.
pub fn order(record: &GateRecord, job: &str, attempt: u32) -> Option<Create> {
    let (job, candidate) = (record.job(job)?, record.candidate.as_ref()?);
    // A run that was taken over carries the key of where it was launched.
    let made = job.attempts.iter().find(|made| made.number == attempt);
    let (id, number) = made
        .and_then(|made| made.reused_from.as_ref())
        .map_or((&record.id, attempt), |from| (&from.id, from.attempt));
    let key = key::of(id, &job.name, &candidate.digest, number);
    let named = [
        (key::LABEL, Some(key.clone())),
        ("release-gate/snapshot", candidate.snapshot.clone()),
        ("release-gate/digest", Some(candidate.digest.to_string())),
        ("release-gate/gate", record.gate.clone()),
        ("release-gate/pipelinerun", pipeline_run(record)),
        (key::BISECT, record.bisect.clone()),
    ];
    let annotations = named.into_iter().filter_map(|(name, value)| {
        let value = value.filter(|value| !value.trim().is_empty())?;
        Some((name.to_owned(), value))
    });
    let options = PodSpecOptions {
        envs: variables(record, job, &candidate.image.to_string()),
        labels: [(key::LABEL.to_owned(), key)].into(),
        annotations: annotations.collect(),
    };
    Some(Create::new(&job.name, options))
}

fn variables(record: &GateRecord, job: &JobRecord, image: &str) -> BTreeMap<String, String> {
    let mut variables = record.launch.clone().unwrap_or_default().env;
    variables.extend(job.env.clone());
    variables.extend(job.override_env.iter().map(|name| (name.clone(), image.to_owned())));
    variables
}

/// `namespace/name/uid`, as far as known; nothing without a name.
fn pipeline_run(record: &GateRecord) -> Option<String> {
    let name = record.run.clone()?;
    let parts = [record.namespace.clone(), Some(name), Some(record.id.clone())];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{self, Given};
    use crate::record::{Candidate, LaunchOptions};
    use jiff::Timestamp;

    fn record() -> GateRecord {
        let mut record = GateRecord::begin("uid", Timestamp::UNIX_EPOCH);
        let image = format!("quay.io/acme/ho@sha256:{}", "4".repeat(64)).parse().unwrap();
        record.candidate = Some(Candidate::of(image));
        let yaml = "- {name: a, override-env: [X, Y], env: {TESTS: own}}";
        let given = Given {
            jobs: Some(yaml),
            env: Some(r#"{"TESTS":"common","Z":"1"}"#),
            ..Given::default()
        };
        let request = jobs::read(&given).unwrap();
        (record.jobs, record.launch) = (request.jobs, Some(LaunchOptions { env: request.env }));
        record
    }

    #[test]
    fn the_image_and_the_key_go_along() {
        let record = record();
        let order = order(&record, "a", 1).unwrap();
        let options = &order.pod_spec_options;
        let image = record.candidate.as_ref().unwrap().image.to_string();
        let shown: Vec<_> = options
            .envs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            shown,
            [("TESTS", "own"), ("X", image.as_str()), ("Y", image.as_str()), ("Z", "1")]
        );
        assert_eq!(options.labels.keys().collect::<Vec<_>>(), ["release-gate/key"]);
        assert_eq!(
            options.annotations.keys().collect::<Vec<_>>(),
            ["release-gate/digest", "release-gate/key"],
            "what is empty is left out"
        );
    }

    #[test]
    fn people_can_tell_where_it_comes_from() {
        let mut record = record();
        record.gate = Some("ARO HCP".to_owned());
        (record.namespace, record.run) = (Some("ns".to_owned()), Some("run".to_owned()));
        record.candidate.as_mut().unwrap().snapshot = Some("snap".to_owned());
        let annotations = order(&record, "a", 1).unwrap().pod_spec_options.annotations;
        assert_eq!(annotations["release-gate/pipelinerun"], "ns/run/uid");
        assert_eq!(
            (
                annotations["release-gate/gate"].as_str(),
                annotations["release-gate/snapshot"].as_str()
            ),
            ("ARO HCP", "snap")
        );
    }

    #[test]
    fn each_attempt_has_a_key_of_its_own() {
        let record = record();
        let key = |attempt| {
            order(&record, "a", attempt).unwrap().pod_spec_options.labels["release-gate/key"]
                .clone()
        };
        assert!(key(1) == key(1) && key(1) != key(2));
        assert_eq!(order(&record, "b", 1), None);
    }
}
