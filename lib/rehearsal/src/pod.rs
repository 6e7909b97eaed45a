//! A step as a process of this machine: the same command line that its container would get, with
//! the container's paths in a folder of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::check::label_of_field;
use crate::document::{Step, TaskSpec};
use crate::substitute::{Params, Replacements, expand, replace};

/// Where Tekton puts the files of results.
const RESULTS: &str = "/tekton/results";
/// Where Tekton puts the credentials of the service account; a home that can be written.
const HOME: &str = "/tekton/home";

/// The folders that stand for a pod's file system.
#[derive(Debug, Clone)]
pub struct Folders {
    /// For `/tekton/results`
    pub results: PathBuf,
    /// For `/tekton/home`
    pub home: PathBuf,
    /// For the volumes, by name
    pub volumes: BTreeMap<String, PathBuf>,
}

/// What the container of a step would be started with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// Path in the image
    pub program: String,
    /// Arguments
    pub args: Vec<String>,
    /// Environment, in order
    pub env: Vec<(String, String)>,
}

/// The command line of a step as its container gets it; `labels` are the pod's, `retry` says how
/// often the task has been tried before.
pub fn in_container(
    task: &TaskSpec,
    step: &Step,
    params: &Params,
    labels: &BTreeMap<String, String>,
    retry: usize,
) -> CommandLine {
    let mut known: Replacements = task
        .results
        .iter()
        .map(|result| {
            (format!("results.{}.path", result.name), format!("{RESULTS}/{}", result.name))
        })
        .collect();
    known.insert("context.task.retry-count".to_owned(), retry.to_string());
    let mut env: Vec<(String, String)> = Vec::new();
    for variable in &step.env {
        let value = match &variable.value_from {
            Some(from) => label_of_field(&from.field_ref.field_path)
                .and_then(|label| labels.get(label))
                .cloned()
                .unwrap_or_default(),
            None => expand(&params.apply(variable.value.as_deref().unwrap_or_default()), &env),
        };
        env.push((variable.name.clone(), value));
    }
    let args = params
        .apply_list(&step.args)
        .iter()
        .map(|arg| expand(&replace(arg, &known), &env))
        .collect();
    CommandLine { program: step.command[0].clone(), args, env }
}

/// The variables, the program and the arguments, each in a row of its own.
impl std::fmt::Display for CommandLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.env
            .iter()
            .try_for_each(|(name, value)| writeln!(f, "{name}={value}"))?;
        writeln!(f, "{}", self.program)?;
        self.args.iter().try_for_each(|arg| writeln!(f, "{arg}"))
    }
}

impl CommandLine {
    /// The same on this machine: paths of the container become those of its folders.
    pub fn on_this_machine(&self, step: &Step, folders: &Folders) -> Self {
        let mut paths: Vec<(&str, &Path)> =
            vec![(RESULTS, &folders.results), (HOME, &folders.home)];
        for mount in &step.volume_mounts {
            paths.push((&mount.mount_path, &folders.volumes[&mount.name]));
        }
        let there = |text: &String| {
            paths
                .iter()
                .fold(text.clone(), |text, (from, to)| moved(&text, from, to))
        };
        Self {
            program: self.program.clone(),
            args: self.args.iter().map(there).collect(),
            env: self
                .env
                .iter()
                .map(|(name, value)| (name.clone(), there(value)))
                .collect(),
        }
    }
}

/// A text with a path moved, where it is the whole text or follows a `=`, `:`, `,` or `@`.
fn moved(text: &str, from: &str, to: &Path) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(from) {
        let end = start + from.len();
        let begins = match rest[..start].chars().next_back() {
            None => out.is_empty(),
            Some(before) => "=:,@".contains(before),
        };
        let ends = rest[end..].chars().next().is_none_or(|after| "/,".contains(after));
        out.push_str(&rest[..start]);
        if begins && ends {
            out.push_str(&to.to_string_lossy());
        } else {
            out.push_str(from);
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::ParamValue;

    #[test]
    fn paths_move_only_where_they_are_paths() {
        let cases = [
            ("/var/run/ca", "/w/ca"),
            ("/var/run/ca/x.pem", "/w/ca/x.pem"),
            ("--ca-file=/var/run/ca", "--ca-file=/w/ca"),
            ("file:/var/run/ca/a,/var/run/ca/b", "file:/w/ca/a,/w/ca/b"),
            ("@/var/run/ca/a", "@/w/ca/a"),
            ("/var/run/cached", "/var/run/cached"),
            ("/other/var/run/ca", "/other/var/run/ca"),
            (r#"{"a":"/var/run/ca"}"#, r#"{"a":"/var/run/ca"}"#),
            ("/var/run/ca/var/run/ca", "/w/ca/var/run/ca"),
        ];
        for (text, expected) in cases {
            assert_eq!(moved(text, "/var/run/ca", Path::new("/w/ca")), expected, "{text}");
        }
    }

    #[test]
    fn a_step_gets_its_command_line() {
        let task: TaskSpec = serde_saphyr::from_str(
            "params: [{name: p}, {name: l, type: array}]
results: [{name: R_1}]
volumes: [{name: v, secret: {secretName: x}}]
steps:
  - name: s
    image: i
    command: [/usr/bin/s]
    args: [--p, $(params.p), --r, $(results.R_1.path), --v, /var/run/v/token, $(L), '$(params.l[*])']
    env:
      - {name: HOME, value: /tekton/home}
      - {name: L, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['a/b']\"}}}
      - {name: N, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['none']\"}}}
      - {name: C, value: $(L)-$(params.p)}
    volumeMounts: [{name: v, mountPath: /var/run/v}]",
        )
        .unwrap();
        let p = ParamValue::String("$(HOME) $(results.R_1.path) $(params.p) $(NO)".into());
        let l = ParamValue::Array(vec!["--x".into(), "/var/run/v".into()]);
        let params = Params::new([("p", &p), ("l", &l)]);
        let labels = BTreeMap::from([("a/b".to_owned(), "label".to_owned())]);
        let line = in_container(&task, &task.steps[0], &params, &labels, 0);
        // What is in a value is filled in as well, by each in turn: so do Tekton and the kubelet.
        let p = "/tekton/home /tekton/results/R_1 $(params.p) $(NO)";
        let r = "/tekton/results/R_1";
        assert_eq!(
            line.args,
            ["--p", p, "--r", r, "--v", "/var/run/v/token", "label", "--x", "/var/run/v"]
        );
        let env: Vec<_> = line.env.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(env[..3], ["HOME=/tekton/home", "L=label", "N="]);
        assert!(env[3].starts_with("C=label-"), "{env:?}");

        let folders = Folders {
            results: "/w/r".into(),
            home: "/w/h".into(),
            volumes: [("v".to_owned(), PathBuf::from("/w/v"))].into(),
        };
        let line = line.on_this_machine(&task.steps[0], &folders);
        assert_eq!(line.args[3..], ["/w/r/R_1", "--v", "/w/v/token", "label", "--x", "/w/v"]);
        assert_eq!(line.env[0].1, "/w/h");
    }
}
