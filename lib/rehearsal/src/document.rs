//! The pipeline file as strict types: a field that is not here is an error that names its place.
//!
//! A Pipeline means what Tekton makes of it, not what a reader guesses. So this knows the part of
//! `tekton.dev/v1` that the shipped file uses and refuses the rest. To teach it a field: add it
//! here, give it its meaning in [`crate::check`] and the runner, and a case to their tests.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// What can be rehearsed: a Pipeline, or the PipelineRun that carries one.
#[derive(Debug, Clone)]
pub enum Document {
    /// `kind: Pipeline`
    Pipeline(Box<Pipeline>),
    /// `kind: PipelineRun` with `pipelineSpec`
    PipelineRun(Box<PipelineRun>),
}

/// A `kind: Pipeline`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Pipeline {
    /// `tekton.dev/v1`
    pub api_version: String,
    /// `Pipeline`
    pub kind: String,
    /// Name and labels
    pub metadata: Metadata,
    /// The tasks
    pub spec: PipelineSpec,
}

/// A `kind: PipelineRun` that carries its Pipeline.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PipelineRun {
    /// `tekton.dev/v1`
    pub api_version: String,
    /// `PipelineRun`
    pub kind: String,
    /// Name and labels
    pub metadata: Metadata,
    /// Accounts, timeouts and the Pipeline
    pub spec: PipelineRunSpec,
}

/// `spec` of a PipelineRun.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PipelineRunSpec {
    /// The service account of every task without one of its own
    pub task_run_template: TaskRunTemplate,
    /// Service accounts of single tasks
    #[serde(default)]
    pub task_run_specs: Vec<TaskRunSpec>,
    /// Limits of the whole run
    pub timeouts: Timeouts,
    /// The Pipeline
    pub pipeline_spec: PipelineSpec,
}

/// `taskRunTemplate` of a PipelineRun.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TaskRunTemplate {
    /// Service account
    pub service_account_name: String,
}

/// One of `taskRunSpecs`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TaskRunSpec {
    /// A task of the Pipeline
    pub pipeline_task_name: String,
    /// Its service account
    pub service_account_name: String,
}

/// `timeouts` of a PipelineRun, as Tekton writes durations.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// The whole run
    pub pipeline: String,
    /// All of `tasks` together
    pub tasks: String,
    /// All of `finally` together
    pub finally: String,
}

/// The part of `metadata` that a manifest in git has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Object name
    pub name: String,
    /// Labels; a pod of the run inherits those of the PipelineRun
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// `spec` of a Pipeline.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineSpec {
    /// For people
    #[serde(default)]
    pub description: String,
    /// What the run is given
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    /// What the run answers
    #[serde(default)]
    pub results: Vec<ResultSpec>,
    /// The tasks, ordered by `runAfter` and by the results that they use
    pub tasks: Vec<PipelineTask>,
    /// Tasks that run when those are over, all at once
    #[serde(default)]
    pub finally: Vec<PipelineTask>,
}

/// A declared parameter.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamSpec {
    /// Its name
    pub name: String,
    /// String or array
    #[serde(default, rename = "type")]
    pub kind: ParamKind,
    /// What it is when not given; none means that it must be given
    #[serde(default)]
    pub default: Option<ParamValue>,
    /// For people
    #[serde(default)]
    pub description: String,
}

/// Type of a parameter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamKind {
    /// One text
    #[default]
    String,
    /// A list of texts
    Array,
}

impl fmt::Display for ParamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::Array => "array",
        })
    }
}

/// Value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamValue {
    /// One text
    String(String),
    /// A list of texts
    Array(Vec<String>),
}

impl ParamValue {
    /// The type that this is a value of.
    pub fn kind(&self) -> ParamKind {
        match self {
            Self::String(_) => ParamKind::String,
            Self::Array(_) => ParamKind::Array,
        }
    }

    /// Every text in it.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::String(text) => std::slice::from_ref(text),
            Self::Array(texts) => texts,
        }
    }
}

impl<'de> Deserialize<'de> for ParamValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ParamValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings (numbers and booleans in quotes)")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<ParamValue, E> {
                Ok(ParamValue::String(text.to_owned()))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<ParamValue, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element()? {
                    texts.push(text);
                }
                Ok(ParamValue::Array(texts))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A declared result, of a task or (then with a `value`) of the Pipeline.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultSpec {
    /// Its name
    pub name: String,
    /// For people
    #[serde(default)]
    pub description: String,
    /// Where a Pipeline's result comes from
    #[serde(default)]
    pub value: Option<String>,
}

/// One entry of `tasks` or `finally`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PipelineTask {
    /// Its name
    pub name: String,
    /// Tasks that must be over before it
    #[serde(default)]
    pub run_after: Vec<String>,
    /// Limit of each try
    #[serde(default)]
    pub timeout: Option<String>,
    /// How often it is tried again after a failure
    #[serde(default)]
    pub retries: u32,
    /// What its failure does to the run
    #[serde(default)]
    pub on_error: OnError,
    /// It is skipped unless all of these hold
    #[serde(default)]
    pub when: Vec<When>,
    /// What it is given
    #[serde(default)]
    pub params: Vec<Param>,
    /// What it does
    pub task_spec: TaskSpec,
}

/// What the failure of a task does to the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnError {
    /// The run fails
    #[default]
    StopAndFail,
    /// The task has failed, and the run goes on as if it had not
    Continue,
}

/// A condition of a task.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The text that is compared
    pub input: String,
    /// Whether it must be one of the values, or none
    pub operator: Operator,
    /// The texts that it is compared with
    pub values: Vec<String>,
}

/// Operator of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// One of the values
    In,
    /// None of the values
    NotIn,
}

/// A parameter that is given.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Its name
    pub name: String,
    /// Its value, with references
    pub value: ParamValue,
}

/// What a task does: steps one after another in one pod.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// What it takes
    #[serde(default)]
    pub params: Vec<ParamSpec>,
    /// What it answers
    #[serde(default)]
    pub results: Vec<ResultSpec>,
    /// Files that it can mount
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// The steps
    pub steps: Vec<Step>,
}

/// A volume of a task: exactly one of the kinds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Volume {
    /// Its name
    pub name: String,
    /// Files of a Secret
    #[serde(default)]
    pub secret: Option<SecretVolume>,
    /// Files of a ConfigMap
    #[serde(default)]
    pub config_map: Option<ConfigMapVolume>,
}

/// Source of a Secret volume.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SecretVolume {
    /// Name, with references
    pub secret_name: String,
    /// Whether the pod starts without it, with an empty folder
    #[serde(default)]
    pub optional: bool,
}

/// Source of a ConfigMap volume.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigMapVolume {
    /// Name, with references
    pub name: String,
    /// Whether the pod starts without it, with an empty folder
    #[serde(default)]
    pub optional: bool,
}

/// A step of a task: one program of the image.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// Its name
    pub name: String,
    /// Image, with references
    pub image: String,
    /// Absolute path of the program, and nothing else
    pub command: Vec<String>,
    /// Its arguments, with references
    #[serde(default)]
    pub args: Vec<String>,
    /// Its environment
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// The volumes that it sees
    #[serde(default)]
    pub volume_mounts: Vec<VolumeMount>,
    /// No meaning here; a laptop has what it has
    #[serde(default)]
    pub compute_resources: Option<ComputeResources>,
    /// No meaning here; the children run as the person who rehearses
    #[serde(default)]
    pub security_context: Option<SecurityContext>,
}

/// An environment variable: a value, or a field of the pod.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EnvVar {
    /// Its name
    pub name: String,
    /// Its value, with references
    #[serde(default)]
    pub value: Option<String>,
    /// Where it comes from instead
    #[serde(default)]
    pub value_from: Option<ValueFrom>,
}

/// `valueFrom` of a variable. Secrets are files, never variables: the kubelet would expand
/// `$(NAME)` in any argument.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ValueFrom {
    /// A field of the pod
    pub field_ref: FieldRef,
}

/// A field of the pod.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FieldRef {
    /// Such as `metadata.labels['x']`
    pub field_path: String,
}

/// A mounted volume.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VolumeMount {
    /// A volume of the task
    pub name: String,
    /// Absolute path
    pub mount_path: String,
    /// Whether the step may not write there
    #[serde(default)]
    pub read_only: bool,
}

/// What a container asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputeResources {
    /// What is set aside
    #[serde(default)]
    pub requests: BTreeMap<String, String>,
    /// What is the most
    #[serde(default)]
    pub limits: BTreeMap<String, String>,
}

/// What a container may do. There is no `runAsUser`: OpenShift chooses one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SecurityContext {
    /// Refuse to start as root
    #[serde(default)]
    pub run_as_non_root: bool,
    /// Nothing but volumes can be written
    #[serde(default)]
    pub read_only_root_filesystem: bool,
    /// Whether a child could gain rights
    #[serde(default)]
    pub allow_privilege_escalation: Option<bool>,
    /// Linux capabilities
    #[serde(default)]
    pub capabilities: Option<Capabilities>,
    /// Which system calls
    #[serde(default)]
    pub seccomp_profile: Option<SeccompProfile>,
}

/// Linux capabilities of a container.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// Those taken away
    #[serde(default)]
    pub drop: Vec<String>,
}

/// Seccomp profile of a container.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeccompProfile {
    /// Such as `RuntimeDefault`
    #[serde(rename = "type")]
    pub kind: String,
}

/// A file that is no pipeline this rehearsal understands.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct DocumentError {
    /// The file, as it was named
    pub file: String,
    /// What and where
    pub problem: String,
}

impl Document {
    /// Reads a Pipeline, or a PipelineRun with `pipelineSpec`; `file` is its name for messages.
    ///
    /// # Errors
    /// YAML that is none, another kind, a field that is unknown: with line and column.
    pub fn parse(text: &str, file: &str) -> Result<Self, DocumentError> {
        let error = |problem: String| DocumentError { file: file.to_owned(), problem };
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head {
            api_version: String,
            kind: String,
        }
        let head: Head = serde_saphyr::from_str(text)
            .map_err(|e| error(format!("not a manifest: {}", e.without_snippet())))?;
        match (head.api_version.as_str(), head.kind.as_str()) {
            ("tekton.dev/v1", "Pipeline") => serde_saphyr::from_str(text)
                .map(|p| Self::Pipeline(Box::new(p)))
                .map_err(|e| error(e.without_snippet().to_string())),
            ("tekton.dev/v1", "PipelineRun") => serde_saphyr::from_str(text)
                .map(|p| Self::PipelineRun(Box::new(p)))
                .map_err(|e| error(e.without_snippet().to_string())),
            (version, kind) => Err(error(format!(
                "expected a Pipeline or PipelineRun of tekton.dev/v1, found {kind} of {version}"
            ))),
        }
    }

    /// The Pipeline in it.
    pub fn spec(&self) -> &PipelineSpec {
        match self {
            Self::Pipeline(pipeline) => &pipeline.spec,
            Self::PipelineRun(run) => &run.spec.pipeline_spec,
        }
    }

    /// Name of the object.
    pub fn name(&self) -> &str {
        match self {
            Self::Pipeline(pipeline) => &pipeline.metadata.name,
            Self::PipelineRun(run) => &run.metadata.name,
        }
    }
}

impl PipelineSpec {
    /// All tasks, those of `finally` last.
    pub fn all_tasks(&self) -> impl Iterator<Item = &PipelineTask> {
        self.tasks.iter().chain(&self.finally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n  tasks:\n    - name: a\n      taskSpec:\n        steps:\n          - {name: s, image: i, command: [/usr/bin/s]}\n";

    #[test]
    fn a_small_pipeline_is_read() {
        let document = Document::parse(SMALL, "p.yaml").unwrap();
        assert_eq!(document.spec().tasks[0].task_spec.steps[0].command, ["/usr/bin/s"]);
    }

    #[test]
    fn what_is_not_understood_is_an_error_that_names_its_place() {
        let cases = [
            ("      taskSpec:", "      onError: ignore\n      taskSpec:", "ignore", "line 7"),
            ("      taskSpec:", "      matrix: {}\n      taskSpec:", "matrix", "line 7"),
            ("[/usr/bin/s]}", "[/usr/bin/s], script: x}", "script", "line 9"),
            (
                "[/usr/bin/s]}",
                "[/usr/bin/s], securityContext: {runAsUser: 0}}",
                "runAsUser",
                "line 9",
            ),
            (
                "metadata: {name: p}",
                "metadata: {name: p, generateName: q}",
                "generateName",
                "line 3",
            ),
            ("kind: Pipeline", "kind: Task", "found Task of tekton.dev/v1", ""),
            ("  tasks:", "  tasks: []\n  tasks:", "tasks", "line 6"),
        ];
        for (from, to, what, place) in cases {
            let error = Document::parse(&SMALL.replacen(from, to, 1), "p.yaml")
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("p.yaml: "), "{error}");
            assert!(error.contains(what) && error.contains(place), "{to}: {error}");
        }
    }

    #[test]
    fn a_parameter_is_text_or_a_list_of_text() {
        let value = |yaml: &str| serde_saphyr::from_str::<ParamValue>(yaml);
        assert_eq!(value("'6'").unwrap(), ParamValue::String("6".into()));
        assert_eq!(value("[a, 'b']").unwrap(), ParamValue::Array(vec!["a".into(), "b".into()]));
        assert_eq!(value("[]").unwrap(), ParamValue::Array(Vec::new()));
        assert!(value("6").unwrap_err().to_string().contains("in quotes"));
        assert!(value("{a: b}").is_err());
    }
}
