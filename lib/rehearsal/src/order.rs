//! Which task may start, which is skipped, and when it is over: Tekton's rules, without a clock.
//!
//! The rules are those of `pipelinerunresolution.go` and `pipelinerunstate.go`: a failure stops
//! what has not begun, except `finally`; a task skipped by its `when` does not hold back those that
//! only wait for it, but those that use its results; a task that uses a result that its author
//! never wrote is not created, and the run fails.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Operator, PipelineTask, When};
use crate::reference::Reference;
use crate::substitute::{Replacements, replace};

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All steps exited 0
    Succeeded,
    /// A step failed, or time was up, in the last try
    Failed,
    /// The same, of a task whose failure is none of the run
    FailedIgnored,
    /// It never began
    Skipped(Skip),
}

/// Why a task never began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// Another task had failed
    Stopping,
    /// A task that it waits for was skipped, and not by its `when`
    Parent,
    /// A result that it uses is not there
    ResultsMissing(String),
    /// A condition of its own: input, values
    When(String, Vec<String>),
    /// It uses a result that a successful task did not write; this fails the run
    ResultNeverWritten(String),
}

/// A task that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How
    pub outcome: Outcome,
    /// The results that it wrote
    pub results: BTreeMap<String, String>,
}

impl Finished {
    /// What `$(tasks.X.status)` says of it.
    pub fn status(&self) -> &'static str {
        match self.outcome {
            Outcome::Succeeded => "Succeeded",
            Outcome::Failed | Outcome::FailedIgnored => "Failed",
            Outcome::Skipped(_) => "None",
        }
    }

    /// Whether it makes the run fail.
    pub fn fails_the_run(&self) -> bool {
        matches!(self.outcome, Outcome::Failed | Outcome::Skipped(Skip::ResultNeverWritten(_)))
    }
}

/// The tasks that are over, by name.
pub type State = BTreeMap<String, Finished>;

/// What to do with a task now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Something that it waits for is not over
    Wait,
    /// Start it
    Start,
    /// It will never begin
    Skip(Skip),
}

/// The results that a task uses in its parameters and conditions: task and result.
pub fn used_results(task: &PipelineTask) -> Vec<(String, String)> {
    let params = task.params.iter().flat_map(|param| param.value.texts());
    let whens = task
        .when
        .iter()
        .flat_map(|when| std::iter::once(&when.input).chain(&when.values));
    let references = params
        .chain(whens)
        .filter_map(|text| Reference::all_in(text).ok())
        .flatten();
    references
        .filter_map(|reference| match reference {
            Reference::TaskResult(task, result) => Some((task, result)),
            _ => None,
        })
        .collect()
}

/// The tasks that a task waits for.
pub fn parents(task: &PipelineTask) -> BTreeSet<String> {
    task.run_after
        .iter()
        .cloned()
        .chain(used_results(task).into_iter().map(|(task, _)| task))
        .collect()
}

/// A task that waits for itself, if there is one.
pub fn cycle(tasks: &[PipelineTask]) -> Option<&str> {
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    loop {
        let (ready, stuck): (Vec<_>, Vec<_>) = tasks
            .iter()
            .filter(|task| !settled.contains(task.name.as_str()))
            .partition(|task| parents(task).iter().all(|name| settled.contains(name.as_str())));
        match (ready.is_empty(), stuck.first()) {
            (true, Some(task)) => return Some(&task.name),
            (true, None) => return None,
            _ => settled.extend(ready.iter().map(|task| task.name.as_str())),
        }
    }
}

/// What to do with a task of `tasks`; `known` fills in its conditions (parameters, context).
pub fn decide(task: &PipelineTask, state: &State, known: &Replacements) -> Decision {
    if state.values().any(Finished::fails_the_run) {
        return Decision::Skip(Skip::Stopping);
    }
    if parents(task).iter().any(|name| !state.contains_key(name)) {
        return Decision::Wait;
    }
    let by_when = |name: &String| matches!(state[name].outcome, Outcome::Skipped(Skip::When(..)));
    if parents(task)
        .iter()
        .any(|name| matches!(state[name].outcome, Outcome::Skipped(_)) && !by_when(name))
    {
        return Decision::Skip(Skip::Parent);
    }
    for (name, result) in used_results(task) {
        if !state[&name].results.contains_key(&result) {
            let what = format!("{name}.{result}");
            return Decision::Skip(if by_when(&name) {
                Skip::ResultsMissing(what)
            } else {
                Skip::ResultNeverWritten(what)
            });
        }
    }
    conditions(&task.when, &filled(state, known))
}

/// What to do with a task of `finally`, when all others are over.
pub fn decide_finally(task: &PipelineTask, state: &State, known: &Replacements) -> Decision {
    for (name, result) in used_results(task) {
        if !state
            .get(&name)
            .is_some_and(|finished| finished.results.contains_key(&result))
        {
            return Decision::Skip(Skip::ResultsMissing(format!("{name}.{result}")));
        }
    }
    conditions(&task.when, &filled(state, known))
}

/// `known`, with the statuses and results of the tasks that are over.
pub fn filled(state: &State, known: &Replacements) -> Replacements {
    let mut known = known.clone();
    for (name, finished) in state {
        known.insert(format!("tasks.{name}.status"), finished.status().to_owned());
        for (result, value) in &finished.results {
            known.insert(format!("tasks.{name}.results.{result}"), value.clone());
        }
    }
    known
}

fn conditions(whens: &[When], known: &Replacements) -> Decision {
    for when in whens {
        let input = replace(&when.input, known);
        let values: Vec<String> = when.values.iter().map(|value| replace(value, known)).collect();
        let holds = values.contains(&input) == (when.operator == Operator::In);
        if !holds {
            return Decision::Skip(Skip::When(input, values));
        }
    }
    Decision::Start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(yaml: &str) -> PipelineTask {
        serde_saphyr::from_str(&format!(
            "{yaml}\ntaskSpec: {{steps: [{{name: s, image: i, command: [/s]}}]}}"
        ))
        .unwrap()
    }

    /// Name, outcome, results.
    type Told<'a> = (&'a str, Outcome, &'a [(&'a str, &'a str)]);

    fn state(tasks: &[Told]) -> State {
        let finished = |outcome: &Outcome, results: &[(&str, &str)]| Finished {
            outcome: outcome.clone(),
            results: results
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        };
        tasks
            .iter()
            .map(|(name, o, r)| ((*name).to_owned(), finished(o, r)))
            .collect()
    }

    fn when() -> Outcome {
        Outcome::Skipped(Skip::When("x".into(), vec!["y".into()]))
    }

    #[test]
    fn a_task_starts_waits_or_is_skipped_as_tekton_has_it() {
        use Outcome::{Failed, Skipped, Succeeded};
        let after = "name: t\nrunAfter: [a]";
        let uses = "name: t\nparams: [{name: p, value: $(tasks.a.results.r)}]";
        let cond = "name: t\nwhen: [{input: $(tasks.a.results.r), operator: in, values: [yes]}]";
        let cases: &[(&str, &str, State, Decision)] = &[
            ("nothing to wait for", "name: t", state(&[]), Decision::Start),
            ("waits for runAfter", after, state(&[]), Decision::Wait),
            ("waits for a result", uses, state(&[]), Decision::Wait),
            ("waits for the result of a condition", cond, state(&[]), Decision::Wait),
            ("goes on", after, state(&[("a", Succeeded, &[])]), Decision::Start),
            (
                "a failure stops",
                "name: t",
                state(&[("z", Failed, &[])]),
                Decision::Skip(Skip::Stopping),
            ),
            (
                "a failed author stops too",
                uses,
                state(&[("a", Failed, &[("r", "v")])]),
                Decision::Skip(Skip::Stopping),
            ),
            (
                "when does not hold back what only waits",
                after,
                state(&[("a", when(), &[])]),
                Decision::Start,
            ),
            (
                "when holds back what uses results",
                uses,
                state(&[("a", when(), &[])]),
                Decision::Skip(Skip::ResultsMissing("a.r".into())),
            ),
            (
                "skipped parents skip",
                after,
                state(&[("a", Skipped(Skip::Parent), &[])]),
                Decision::Skip(Skip::Parent),
            ),
            (
                "a result never written fails the run",
                uses,
                state(&[("a", Succeeded, &[])]),
                Decision::Skip(Skip::ResultNeverWritten("a.r".into())),
            ),
            (
                "a condition that holds",
                cond,
                state(&[("a", Succeeded, &[("r", "yes")])]),
                Decision::Start,
            ),
            (
                "a condition compares bytes",
                cond,
                state(&[("a", Succeeded, &[("r", "yes\n")])]),
                Decision::Skip(Skip::When("yes\n".into(), vec!["yes".into()])),
            ),
        ];
        for (name, yaml, state, expected) in cases {
            assert_eq!(&decide(&task(yaml), state, &Replacements::new()), expected, "{name}");
        }
    }

    #[test]
    fn a_finally_task_runs_after_whatever_happened() {
        use Outcome::{Failed, Skipped, Succeeded};
        let plain = "name: t";
        let uses = "name: t\nparams: [{name: p, value: $(tasks.a.results.r)}]";
        let guarded =
            "name: t\nwhen: [{input: $(tasks.a.status), operator: in, values: [Succeeded]}]";
        let never = "name: t\nwhen: [{input: $(tasks.a.status), operator: notin, values: [None]}]";
        let guard = |status: &str, value: &str| {
            Decision::Skip(Skip::When(status.into(), vec![value.into()]))
        };
        let missing = Decision::Skip(Skip::ResultsMissing("a.r".into()));
        let cases: &[(&str, &str, State, Decision)] = &[
            ("after a failure", plain, state(&[("a", Failed, &[])]), Decision::Start),
            (
                "a result of a failed task",
                uses,
                state(&[("a", Failed, &[("r", "v")])]),
                Decision::Start,
            ),
            ("a failed task without it", uses, state(&[("a", Failed, &[])]), missing.clone()),
            (
                "a skipped task",
                uses,
                state(&[("a", Skipped(Skip::Stopping), &[])]),
                missing.clone(),
            ),
            ("a successful task without it", uses, state(&[("a", Succeeded, &[])]), missing),
            ("guard open", guarded, state(&[("a", Succeeded, &[])]), Decision::Start),
            (
                "guard shut by a failure",
                guarded,
                state(&[("a", Failed, &[])]),
                guard("Failed", "Succeeded"),
            ),
            (
                "guard shut by a skip",
                guarded,
                state(&[("a", Skipped(Skip::Stopping), &[])]),
                guard("None", "Succeeded"),
            ),
            ("notin", never, state(&[("a", Failed, &[])]), Decision::Start),
            (
                "notin shut",
                never,
                state(&[("a", Skipped(Skip::Stopping), &[])]),
                guard("None", "None"),
            ),
        ];
        for (name, yaml, state, expected) in cases {
            assert_eq!(
                &decide_finally(&task(yaml), state, &Replacements::new()),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn cycles_are_found_by_order_and_by_result() {
        let a = task("name: a\nrunAfter: [b]");
        let b = task("name: b\nparams: [{name: p, value: $(tasks.a.results.r)}]");
        let c = task("name: c");
        assert_eq!(cycle(&[c.clone(), a, b]), Some("a"));
        assert_eq!(cycle(&[c]), None);
    }
}
