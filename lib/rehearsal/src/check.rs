//! Whether a pipeline means something: every name that it uses exists, and is used where Tekton
//! fills it in.
//!
//! These are the rules of Tekton's webhook and reconciler for the part of the format that
//! [`crate::document`] knows. One that Tekton would take and this does not is an error here, since
//! the rehearsal would have to guess.

use std::collections::BTreeSet;

use crate::document::{
    OnError, ParamKind, ParamSpec, ParamValue, PipelineSpec, PipelineTask, Step, TaskSpec,
};
use crate::duration;
use crate::order;
use crate::reference::Reference;

/// Something in the pipeline that is wrong or not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{place}: {problem}")]
pub struct CheckError {
    /// Where, such as `task launch-prow, step launch-prow, args`
    pub place: String,
    /// What
    pub problem: String,
}

type Checked = Result<(), CheckError>;

fn wrong(place: impl Into<String>, problem: impl Into<String>) -> CheckError {
    CheckError { place: place.into(), problem: problem.into() }
}

/// Checks a whole pipeline.
///
/// # Errors
/// The first thing found, with its place.
pub fn check(spec: &PipelineSpec) -> Checked {
    unique("params", spec.params.iter().map(|p| &p.name))?;
    unique("results", spec.results.iter().map(|r| &r.name))?;
    unique("tasks", spec.all_tasks().map(|t| &t.name))?;
    for param in &spec.params {
        declared("params", param)?;
    }
    if spec.tasks.is_empty() {
        return Err(wrong("tasks", "a pipeline needs at least one task"));
    }
    for task in &spec.tasks {
        pipeline_task(spec, task, false)?;
    }
    for task in &spec.finally {
        pipeline_task(spec, task, true)?;
    }
    if let Some(name) = order::cycle(&spec.tasks) {
        return Err(wrong(
            format!("task {name}"),
            "it waits for itself, by runAfter or by results",
        ));
    }
    for result in &spec.results {
        let place = format!("result {}", result.name);
        let value = result
            .value
            .as_deref()
            .ok_or_else(|| wrong(&place, "a value is missing"))?;
        for reference in references(&place, value)? {
            match &reference {
                Reference::TaskResult(task, name) => task_result(&place, &spec.tasks, task, name)?,
                Reference::FinallyResult(task, name) => {
                    task_result(&place, &spec.finally, task, name)?
                }
                other => return Err(misplaced(&place, other)),
            }
        }
    }
    Ok(())
}

fn unique<'a>(place: &str, names: impl Iterator<Item = &'a String>) -> Checked {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(wrong(place, format!("{name} is there twice")));
        }
    }
    Ok(())
}

fn declared(place: &str, param: &ParamSpec) -> Checked {
    let Some(default) = &param.default else {
        return Ok(());
    };
    let place = format!("{place}, {}", param.name);
    if default.kind() != param.kind {
        return Err(wrong(
            place,
            format!("its type is {} and its default is of type {}", param.kind, default.kind()),
        ));
    }
    match default.texts().iter().find(|text| text.contains("$(")) {
        Some(text) => {
            Err(wrong(place, format!("a default with a reference is not understood: {text}")))
        }
        None => Ok(()),
    }
}

fn references(place: &str, text: &str) -> Result<Vec<Reference>, CheckError> {
    Reference::all_in(text).map_err(|error| wrong(place, error.to_string()))
}

fn misplaced(place: &str, reference: &Reference) -> CheckError {
    wrong(place, format!("Tekton does not fill in {reference} here"))
}

/// `$(params.NAME)` where a text is wanted, and the array form where a list is.
fn param(place: &str, params: &[ParamSpec], reference: &Reference, whole: bool) -> Checked {
    let (name, kind) = match reference {
        Reference::Param(name) => (name, ParamKind::String),
        Reference::Array(name) if whole => (name, ParamKind::Array),
        Reference::Array(name) => {
            return Err(wrong(
                place,
                format!("$(params.{name}[*]) is an array and must be a whole element of a list"),
            ));
        }
        other => return Err(misplaced(place, other)),
    };
    match params.iter().find(|param| &param.name == name) {
        None => Err(wrong(place, format!("parameter {name} is not declared"))),
        Some(param) if param.kind != kind => {
            Err(wrong(place, format!("parameter {name} is of type {}", param.kind)))
        }
        Some(_) => Ok(()),
    }
}

fn task_result(place: &str, tasks: &[PipelineTask], task: &str, result: &str) -> Checked {
    let task_spec = tasks
        .iter()
        .find(|t| t.name == task)
        .map(|t| &t.task_spec)
        .ok_or_else(|| {
            wrong(place, format!("there is no task {task} whose results can be used here"))
        })?;
    if task_spec.results.iter().any(|r| r.name == result) {
        Ok(())
    } else {
        Err(wrong(place, format!("task {task} declares no result {result}")))
    }
}

fn pipeline_task(spec: &PipelineSpec, task: &PipelineTask, finally: bool) -> Checked {
    let place = format!("task {}", task.name);
    for name in &task.run_after {
        if finally {
            return Err(wrong(&place, "runAfter is not allowed in finally"));
        }
        if !spec.tasks.iter().any(|t| &t.name == name) {
            return Err(wrong(&place, format!("runAfter names {name}, which is no task")));
        }
    }
    if let Some(timeout) = &task.timeout
        && duration::parse(timeout).is_none()
    {
        return Err(wrong(
            &place,
            format!("timeout {timeout} is not understood; expected such as 5h45m"),
        ));
    }
    if task.on_error == OnError::Continue && task.retries > 0 {
        return Err(wrong(&place, "onError: continue is not allowed with retries"));
    }
    let text = |place: &str, text: &str, whole: bool| -> Checked {
        for reference in references(place, text)? {
            match &reference {
                Reference::TaskResult(other, result) => {
                    task_result(place, &spec.tasks, other, result)?
                }
                Reference::TaskStatus(other) if finally => {
                    if !spec.tasks.iter().any(|t| &t.name == other) {
                        return Err(wrong(place, format!("there is no task {other}")));
                    }
                }
                Reference::PipelineRun(_) | Reference::Retries => {}
                other => param(place, &spec.params, other, whole)?,
            }
        }
        Ok(())
    };
    for when in &task.when {
        for value in std::iter::once(&when.input).chain(&when.values) {
            text(&format!("{place}, when"), value, false)?;
        }
    }
    unique(&format!("{place}, params"), task.params.iter().map(|p| &p.name))?;
    for given in &task.params {
        let place = format!("{place}, params, {}", given.name);
        let taken = task.task_spec.params.iter().find(|p| p.name == given.name);
        let taken = taken.ok_or_else(|| wrong(&place, "the task declares no such parameter"))?;
        let kind = match &given.value {
            ParamValue::String(text) if Reference::whole_array(text).is_some() => ParamKind::Array,
            value => value.kind(),
        };
        if taken.kind != kind {
            return Err(wrong(
                &place,
                format!("the task takes type {}, this is {kind}", taken.kind),
            ));
        }
        for value in given.value.texts() {
            text(&place, value, Reference::whole_array(value).is_some())?;
        }
    }
    for taken in &task.task_spec.params {
        if taken.default.is_none() && !task.params.iter().any(|p| p.name == taken.name) {
            return Err(wrong(&place, format!("parameter {} is not given", taken.name)));
        }
    }
    task_spec(&place, &task.task_spec)
}

fn task_spec(place: &str, spec: &TaskSpec) -> Checked {
    let places = |part: &str| format!("{place}, {part}");
    unique(&places("taskSpec params"), spec.params.iter().map(|p| &p.name))?;
    unique(&places("results"), spec.results.iter().map(|r| &r.name))?;
    unique(&places("volumes"), spec.volumes.iter().map(|v| &v.name))?;
    unique(&places("steps"), spec.steps.iter().map(|s| &s.name))?;
    for param in &spec.params {
        declared(&places("taskSpec params"), param)?;
    }
    if let Some(result) = spec.results.iter().find(|r| r.value.is_some()) {
        return Err(wrong(
            place,
            format!("result {} has a value, which is not understood", result.name),
        ));
    }
    for volume in &spec.volumes {
        let place = format!("{place}, volume {}", volume.name);
        let source = match (&volume.secret, &volume.config_map) {
            (Some(secret), None) => &secret.secret_name,
            (None, Some(config_map)) => &config_map.name,
            _ => return Err(wrong(place, "expected either secret or configMap")),
        };
        for reference in references(&place, source)? {
            param(&place, &spec.params, &reference, false)?;
        }
    }
    if spec.steps.is_empty() {
        return Err(wrong(place, "a task needs at least one step"));
    }
    spec.steps
        .iter()
        .try_for_each(|one| step(&format!("{place}, step {}", one.name), spec, one))
}

/// `metadata.labels['NAME']`, the one form of a field that is known: NAME.
pub fn label_of_field(path: &str) -> Option<&str> {
    path.strip_prefix("metadata.labels['")?.strip_suffix("']")
}

fn step(place: &str, spec: &TaskSpec, step: &Step) -> Checked {
    match step.command.as_slice() {
        [program] if program.starts_with('/') && !program.contains("$(") => {}
        _ => {
            return Err(wrong(
                place,
                "command must be one absolute path, such as [/usr/bin/launch-prow]: without it Tekton \
                 asks the registry, and a shell is not rehearsed",
            ));
        }
    }
    for reference in references(place, &step.image)? {
        param(place, &spec.params, &reference, false)?;
    }
    let mut variables: Vec<&str> = Vec::new();
    for variable in &step.env {
        let place = format!("{place}, env {}", variable.name);
        match (&variable.value, &variable.value_from) {
            (Some(value), None) => {
                for reference in references(&place, value)? {
                    match &reference {
                        Reference::Variable(name) if variables.contains(&name.as_str()) => {}
                        Reference::Variable(name) => return Err(undeclared(&place, name)),
                        other => param(&place, &spec.params, other, false)?,
                    }
                }
            }
            (None, Some(from)) if label_of_field(&from.field_ref.field_path).is_some() => {}
            (None, Some(from)) => {
                return Err(wrong(
                    place,
                    format!(
                        "fieldPath {} is not understood; expected metadata.labels['NAME']",
                        from.field_ref.field_path
                    ),
                ));
            }
            _ => return Err(wrong(place, "expected either value or valueFrom")),
        }
        variables.push(&variable.name);
    }
    for mount in &step.volume_mounts {
        if !spec.volumes.iter().any(|v| v.name == mount.name) {
            return Err(wrong(
                place,
                format!("volumeMounts names {}, which is no volume", mount.name),
            ));
        }
        if !mount.mount_path.starts_with('/') || mount.mount_path.contains("$(") {
            return Err(wrong(
                place,
                format!("mountPath {} is no absolute path", mount.mount_path),
            ));
        }
    }
    let place = format!("{place}, args");
    for arg in &step.args {
        let whole = Reference::whole_array(arg).is_some();
        for reference in references(&place, arg)? {
            match &reference {
                Reference::RetryCount => {}
                Reference::ResultPath(name) if spec.results.iter().any(|r| &r.name == name) => {}
                Reference::ResultPath(name) => {
                    return Err(wrong(place, format!("the task declares no result {name}")));
                }
                Reference::Variable(name) if variables.contains(&name.as_str()) => {}
                Reference::Variable(name) => return Err(undeclared(&place, name)),
                other => param(&place, &spec.params, other, whole)?,
            }
        }
    }
    Ok(())
}

fn undeclared(place: &str, name: &str) -> CheckError {
    wrong(place, format!("$({name}) is no variable of this step's env, so nobody fills it in"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    const GOOD: &str = r#"
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: p}
spec:
  params:
    - {name: text}
    - {name: list, type: array, default: [a]}
  results:
    - {name: out, value: $(tasks.one.results.r)}
  tasks:
    - name: one
      timeout: 10m
      params:
        - {name: t, value: "$(params.text) $(context.pipelineRun.uid)"}
        - {name: l, value: ["x", "$(params.list[*])"]}
      taskSpec:
        params: [{name: t}, {name: l, type: array}, {name: d, default: d}]
        results: [{name: r}]
        volumes: [{name: v, secret: {secretName: $(params.t)}}]
        steps:
          - name: s
            image: $(params.t)
            command: [/usr/bin/s]
            args: ["$(params.t)", "$(results.r.path)", "a-$(V)", "$(params.l[*])"]
            env: [{name: V, valueFrom: {fieldRef: {fieldPath: "metadata.labels['a/b']"}}}, {name: W, value: w$(V)}]
            volumeMounts: [{name: v, mountPath: /var/run/v}]
    - name: two
      runAfter: [one]
      when: [{input: $(tasks.one.results.r), operator: in, values: [x]}]
      taskSpec: {steps: [{name: s, image: i, command: [/usr/bin/s]}]}
  finally:
    - name: last
      when: [{input: $(tasks.one.status), operator: notin, values: [None]}]
      taskSpec: {results: [{name: f}], steps: [{name: s, image: i, command: [/usr/bin/s]}]}
"#;

    fn checked(text: &str) -> Checked {
        check(Document::parse(text, "p").unwrap().spec())
    }

    #[test]
    fn a_good_pipeline_is_good() {
        assert_eq!(checked(GOOD), Ok(()));
    }

    #[test]
    fn each_slip_of_the_pen_is_found_at_its_place() {
        // from, to, place, part of the problem
        let cases = [
            (
                "{name: text}",
                "{name: text, default: [x]}",
                "params, text",
                "default is of type array",
            ),
            ("{name: text}", "{name: list}", "params", "twice"),
            (
                "{name: text}",
                "{name: text, default: $(params.list)}",
                "params, text",
                "not understood",
            ),
            (
                "$(tasks.one.results.r)}\n",
                "$(tasks.one.results.q)}\n",
                "result out",
                "declares no result q",
            ),
            (
                "$(tasks.one.results.r)}\n",
                "$(tasks.last.results.f)}\n",
                "result out",
                "no task last",
            ),
            ("$(tasks.one.results.r)}\n", "$(params.text)}\n", "result out", "does not fill in"),
            ("name: two", "name: last", "tasks", "last is there twice"),
            ("timeout: 10m", "timeout: 1d", "task one", "timeout 1d"),
            ("$(params.text) ", "$(params.txt) ", "task one, params, t", "txt is not declared"),
            ("$(params.text) ", "$(params.list[*]) ", "task one, params, t", "whole element"),
            ("$(params.text) ", "$(tasks.two.status) ", "task one, params, t", "does not fill in"),
            (
                "\"$(params.list[*])\"]",
                "\"$(params.text[*])\"]",
                "task one, params, l",
                "of type string",
            ),
            (
                "value: [\"x\", \"$(params.list[*])\"]",
                "value: x",
                "task one, params, l",
                "takes type array",
            ),
            ("{name: t, value", "{name: u, value", "task one, params, u", "no such parameter"),
            ("{name: d, default: d}", "{name: d}", "task one", "d is not given"),
            (
                "secret: {secretName: $(params.t)}",
                "secret: {secretName: $(params.l)}",
                "task one, volume v",
                "of type array",
            ),
            (
                "{name: v, secret: {secretName: $(params.t)}}",
                "{name: v}",
                "task one, volume v",
                "either secret or configMap",
            ),
            (
                "command: [/usr/bin/s]\n",
                "command: [sh, -c]\n",
                "task one, step s",
                "one absolute path",
            ),
            ("$(results.r.path)", "$(results.q.path)", "task one, step s, args", "no result q"),
            ("a-$(V)", "a-$(U)", "task one, step s, args", "$(U) is no variable"),
            ("a-$(V)", "$(tasks.one.results.r)", "task one, step s, args", "does not fill in"),
            ("a-$(V)", "$(context.pipelineRun.name)", "task one, step s, args", "does not fill in"),
            ("a-$(V)", "--l=$(params.l[*])", "task one, step s, args", "whole element"),
            (
                "metadata.labels['a/b']",
                "status.podIP",
                "task one, step s, env V",
                "status.podIP is not understood",
            ),
            ("value: w$(V)", "value: w$(X)", "task one, step s, env W", "$(X) is no variable"),
            ("volumeMounts: [{name: v", "volumeMounts: [{name: w", "task one, step s", "no volume"),
            ("mountPath: /var", "mountPath: var", "task one, step s", "no absolute path"),
            ("runAfter: [one]", "runAfter: [none]", "task two", "no task"),
            ("runAfter: [one]", "runAfter: [two]", "task two", "waits for itself"),
            (
                "- name: last\n",
                "- name: last\n      runAfter: [one]\n",
                "task last",
                "not allowed in finally",
            ),
            (
                "input: $(tasks.one.status)",
                "input: $(tasks.last.results.f)",
                "task last, when",
                "no task last",
            ),
            (
                "input: $(tasks.one.status)",
                "input: $(tasks.status)",
                "task last, when",
                "not understood",
            ),
        ];
        for (from, to, place, problem) in cases {
            assert!(GOOD.contains(from), "{from}");
            let error = checked(&GOOD.replacen(from, to, 1)).expect_err(to);
            assert_eq!(error.place, place, "{to}: {error}");
            assert!(error.problem.contains(problem), "{to}: {error}");
        }
    }
}
