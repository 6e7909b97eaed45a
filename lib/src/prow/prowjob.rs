//! A ProwJob as its two witnesses show it: Deck as YAML, the bucket's `prowjob.json` as JSON.
//!
//! Unset fields are absent, not empty: `build_id`, `url`, `description` and the times among them;
//! an aborted job can have nothing but a start and a state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::image::Digest;
use crate::prow::JobState;

/// What Prow says of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProwJob {
    /// The execution's id (`metadata.name`).
    pub id: String,
    /// The job's full name (`spec.job`); labels hold it cut to 63 characters.
    pub job: String,
    /// Its state; [`JobState::Unknown`] for a word that is not known, which is never an end.
    pub state: JobState,
    /// The state in Prow's own word, for messages about words that are not known.
    pub state_word: String,
    /// Prow's words for the state.
    pub description: Option<String>,
    /// Where people look at it; changes when the run gets another pod.
    pub job_url: Option<String>,
    /// The build id, always a text (`"1e5"` is one).
    pub build_id: Option<String>,
    /// Labels; a person's rerun copies them.
    pub labels: BTreeMap<String, String>,
    /// Annotations; a person's rerun copies them.
    pub annotations: BTreeMap<String, String>,
    /// The variables of every container in order, a name once for each container that has it:
    /// Gangway appends an override to what the job sets itself, and the last one counts.
    pub envs: Vec<(String, String)>,
    /// What the job is, apart from when and for what it runs.
    pub definition: Definition,
    /// When the object was made.
    pub created: Option<Timestamp>,
    /// When Prow says that the run started.
    pub started: Option<Timestamp>,
    /// When its pod was about to run.
    pub pending: Option<Timestamp>,
    /// When it ended; may be absent for an aborted run.
    pub completed: Option<Timestamp>,
}

/// What a job is: what its containers run and on which sources. Where it runs and how its results
/// are stored changes with Prow, not with the job, and is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Definition {
    containers: Vec<Container>,
    refs: Vec<Refs>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
struct Container {
    image: String,
    command: Vec<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Refs {
    #[serde(default)]
    org: Option<String>,
    #[serde(default)]
    repo: Option<String>,
    #[serde(default)]
    base_ref: Option<String>,
}

impl Definition {
    /// A hash of it without the variables that whoever started the run has set: those named, and
    /// all that override a step's. `None` where nothing of the job is known.
    pub fn hash_without(&self, is_set: impl Fn(&str) -> bool) -> Option<String> {
        if self.containers.is_empty() {
            return None;
        }
        let mut job = self.clone();
        for container in &mut job.containers {
            let own = |name: &str| !name.starts_with(OVERRIDE) && !is_set(name);
            container.env.retain(|(name, _)| own(name));
        }
        let text = serde_json::to_string(&job).ok()?;
        Some(Digest::of(text).hex()[..16].to_owned())
    }
}

/// What ci-operator's variables begin with that override a step's.
const OVERRIDE: &str = "MULTISTAGE_PARAM_OVERRIDE_";

impl ProwJob {
    /// The values of a variable, one for each container that has it.
    pub fn env<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.envs
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Reads the YAML that Deck answers with. A real parser is needed: a description of several
    /// lines can hold `state: success` as one of them.
    ///
    /// # Errors
    /// When it is no YAML, or not an object of this form.
    pub fn from_yaml(text: &str) -> Result<Self, Malformed> {
        let raw: Raw = serde_saphyr::from_str(text).map_err(|error| Malformed(Box::new(error)))?;
        Ok(raw.into())
    }

    /// Reads the bucket's `prowjob.json`.
    ///
    /// # Errors
    /// When it is no JSON, or not an object of this form.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| Malformed(Box::new(error)))?;
        Ok(raw.into())
    }
}

/// The text is no ProwJob.
#[derive(Debug, thiserror::Error)]
#[error("expected a ProwJob")]
pub struct Malformed(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Prow's word for a state; every other word is no end.
pub fn state_of(word: &str) -> JobState {
    match word {
        "scheduling" => JobState::Scheduling,
        "triggered" => JobState::Triggered,
        "pending" => JobState::Pending,
        "success" => JobState::Success,
        "failure" => JobState::Failure,
        "aborted" => JobState::Aborted,
        "error" => JobState::Error,
        _ => JobState::Unknown,
    }
}

#[derive(Deserialize)]
struct Raw {
    metadata: RawMetadata,
    #[serde(default)]
    spec: RawSpec,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMetadata {
    name: String,
    creation_timestamp: Option<String>,
    labels: Option<BTreeMap<String, Option<String>>>,
    annotations: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Deserialize, Default)]
struct RawSpec {
    job: Option<String>,
    pod_spec: Option<RawPodSpec>,
    #[serde(default)]
    extra_refs: Option<Vec<Refs>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPodSpec {
    containers: Option<Vec<RawContainer>>,
    init_containers: Option<Vec<RawContainer>>,
}

#[derive(Deserialize)]
struct RawContainer {
    image: Option<String>,
    command: Option<Vec<String>>,
    args: Option<Vec<String>>,
    env: Option<Vec<RawEnv>>,
}

#[derive(Deserialize)]
struct RawEnv {
    name: Option<String>,
    value: Option<String>,
}

#[derive(Deserialize, Default)]
struct RawStatus {
    state: Option<String>,
    description: Option<String>,
    url: Option<String>,
    build_id: Option<String>,
    #[serde(rename = "startTime")]
    start_time: Option<String>,
    #[serde(rename = "pendingTime")]
    pending_time: Option<String>,
    #[serde(rename = "completionTime")]
    completion_time: Option<String>,
}

impl From<Raw> for ProwJob {
    fn from(Raw { metadata, spec, status }: Raw) -> Self {
        let texts = |map: Option<BTreeMap<String, Option<String>>>| -> BTreeMap<_, _> {
            map.into_iter()
                .flatten()
                .map(|(key, value)| (key, value.unwrap_or_default()))
                .collect()
        };
        let pod = spec
            .pod_spec
            .unwrap_or(RawPodSpec { containers: None, init_containers: None });
        let containers = pod.init_containers.into_iter().chain(pod.containers).flatten();
        let containers: Vec<Container> = containers
            .map(|raw| Container {
                image: raw.image.unwrap_or_default(),
                command: raw.command.unwrap_or_default(),
                args: raw.args.unwrap_or_default(),
                env: effective(raw.env.unwrap_or_default()),
            })
            .collect();
        let envs = containers
            .iter()
            .flat_map(|container| container.env.clone())
            .collect();
        let definition = Definition { containers, refs: spec.extra_refs.unwrap_or_default() };
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let word = status.state.unwrap_or_default();
        Self {
            id: metadata.name,
            job: spec.job.unwrap_or_default(),
            state: state_of(&word),
            state_word: word,
            description: some(status.description),
            job_url: some(status.url),
            build_id: some(status.build_id),
            labels: texts(metadata.labels),
            annotations: texts(metadata.annotations),
            envs,
            definition,
            created: time(metadata.creation_timestamp),
            started: time(status.start_time),
            pending: time(status.pending_time),
            completed: time(status.completion_time),
        }
    }
}

/// A container's variables as it sees them: of a name that is set twice the last value.
fn effective(env: Vec<RawEnv>) -> Vec<(String, String)> {
    let mut seen: Vec<(String, String)> = Vec::new();
    for (name, value) in env
        .into_iter()
        .filter_map(|env| Some((env.name?, env.value.unwrap_or_default())))
    {
        seen.retain(|(earlier, _)| *earlier != name);
        seen.push((name, value));
    }
    seen
}

/// A time that cannot be read is as good as none: no decision hangs on it alone.
fn time(text: Option<String>) -> Option<Timestamp> {
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(name: &str) -> ProwJob {
        ProwJob::from_yaml(&standins::captured::file(&format!("deck/{name}.yaml"))).unwrap()
    }

    #[test]
    fn a_finished_run() {
        let job = captured("prowjob-success");
        assert_eq!(job.id, "855c7797-f74e-4c73-8d5d-68cece05a59b");
        assert_eq!(
            job.job,
            "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-kubevirt-aws-ovn-reduced"
        );
        assert_eq!(job.state, JobState::Success);
        assert_eq!(job.build_id.as_deref(), Some("2094357209625399296"));
        assert_eq!(job.labels["release-gate/key"], "key-one");
        assert_eq!(job.annotations["release-gate/snapshot"], "snap-1");
        let images: Vec<_> = job.env("MULTISTAGE_PARAM_OVERRIDE_OPERATOR_IMAGE").collect();
        assert_eq!(images, [format!("quay.io/org/repo@sha256:{}", "a".repeat(64))]);
        assert_eq!(job.completed.unwrap().to_string(), "2026-11-22T18:01:02Z");
        assert!(job.job_url.unwrap().ends_with("/2094357209625399296"));
    }

    #[test]
    fn a_description_of_several_lines_is_no_state() {
        let job = captured("prowjob-multiline-description");
        assert_eq!(job.state, JobState::Pending);
        assert_eq!(job.description.as_deref(), Some("line one\nstate: success\nline three"));
    }

    #[test]
    fn a_folded_description_and_a_build_id_that_looks_like_a_number() {
        let job = captured("prowjob-error-long-description");
        assert_eq!(job.build_id.as_deref(), Some("1e5"));
        assert!(
            job.description
                .unwrap()
                .ends_with("<b>html</b> and on and on well past eighty columns")
        );
        assert_eq!((job.state, job.job_url), (JobState::Error, None));
    }

    #[test]
    fn what_is_unset_is_absent() {
        let job = captured("prowjob-aborted-bare");
        assert_eq!(job.state, JobState::Aborted);
        assert_eq!(
            (&job.build_id, &job.job_url, &job.description, job.completed),
            (&None, &None, &None, None)
        );
        assert!(job.started.is_some());
        let job = captured("prowjob-error-no-build-id");
        assert_eq!(
            (job.build_id, job.description.as_deref()),
            (None, Some("Pod scheduling timeout."))
        );
    }

    #[test]
    fn the_same_from_json() {
        let json = br#"{"metadata":{"name":"x","labels":{"a":"b"}},"spec":{"job":"j"},"status":{"state":"bogus"}}"#;
        let job = ProwJob::from_json(json).unwrap();
        assert_eq!(
            (job.state, job.state_word.as_str(), job.labels["a"].as_str()),
            (JobState::Unknown, "bogus", "b")
        );
        for bad in ["", "null", "[]", "{}", "{\"metadata\":{\"name\":1}}", "<html></html>"] {
            ProwJob::from_json(bad.as_bytes()).unwrap_err();
            ProwJob::from_yaml(bad).map(|job| assert_eq!(job.id, "1")).ok();
        }
    }

    #[test]
    fn of_a_variable_set_twice_the_last_counts() {
        let yaml = "metadata: {name: x}\nspec: {pod_spec: {containers: [{env: [{name: A, value: '1'}, {name: A, value: '2'}]}, {env: [{name: A}]}]}}";
        let job = ProwJob::from_yaml(yaml).unwrap();
        assert_eq!(job.env("A").collect::<Vec<_>>(), ["2", ""]);
    }

    #[test]
    fn what_the_gate_sets_is_no_part_of_the_definition() {
        let hash = |env: &str, args: &str, cluster: &str| {
            let json = format!(
                r#"{{"metadata":{{"name":"x"}},"spec":{{"cluster":"{cluster}","extra_refs":[{{"org":"o","repo":"r",
                "base_ref":"main","base_sha":"{cluster}"}}],"pod_spec":{{"containers":[{{"image":"ci-operator",
                "args":[{args}],"env":[{env}]}}]}}}}}}"#
            );
            let job = ProwJob::from_json(json.as_bytes()).unwrap();
            let from_yaml = ProwJob::from_yaml(&json).unwrap();
            assert_eq!(job.definition, from_yaml.definition);
            job.definition.hash_without(|name| name == "TESTS_IMAGE").unwrap()
        };
        let own = r#"{"name":"OWN","value":"1"}"#;
        let plain = hash(own, r#""--target=e2e""#, "build01");
        let set = r#"{"name":"OWN","value":"1"},{"name":"MULTISTAGE_PARAM_OVERRIDE_X","value":"i"},{"name":"TESTS_IMAGE","value":"t"}"#;
        assert_eq!(hash(set, r#""--target=e2e""#, "build02"), plain);
        assert_ne!(hash(own, r#""--target=e2e-v2""#, "build01"), plain);
        assert_ne!(hash(r#"{"name":"OWN","value":"2"}"#, r#""--target=e2e""#, "build01"), plain);
        assert_eq!(Definition::default().hash_without(|_| false), None);
    }

    #[test]
    fn a_bomb_of_references_is_refused() {
        let mut yaml = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let below = level - 1;
            yaml += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{below}"); 9].join(","));
        }
        yaml += "metadata: {name: x, labels: *a11}\n";
        ProwJob::from_yaml(&yaml).unwrap_err();
    }
}
