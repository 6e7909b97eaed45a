//! A whole run: parameters, the tasks in their order, `finally`, the results.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::document::{OnError, ParamValue, PipelineSpec, PipelineTask, Timeouts};
use crate::duration;
use crate::order::{self, Decision, Finished, Outcome, Skip, State};
use crate::reference::RunField;
use crate::substitute::{Params, Replacements, replace, replace_value};
use crate::task::{self, Laptop, TaskError, TaskReport};

/// What a PipelineRun says.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Its name
    pub name: String,
    /// Its UID
    pub uid: String,
    /// Its namespace
    pub namespace: String,
    /// Its parameters
    pub params: BTreeMap<String, ParamValue>,
}

/// What is told while it runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// A task begins
    Started(&'a str),
    /// A task is over
    Ended(&'a TaskReport),
    /// A task will never begin
    Skipped(&'a str, &'a Skip),
    /// All of `tasks` are over
    Finally,
}

/// What came of a run.
#[derive(Debug)]
pub struct RunReport {
    /// Whether the PipelineRun succeeded
    pub succeeded: bool,
    /// Its results
    pub results: BTreeMap<String, String>,
    /// The tasks that were started
    pub tasks: BTreeMap<String, TaskReport>,
    /// How all tasks ended, also those never started
    pub state: State,
    /// Why it failed, besides the tasks
    pub problems: Vec<String>,
}

/// What keeps a run from running.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A parameter without a value
    #[error("parameter {0} has no default and is not given")]
    ParamMissing(String),
    /// A parameter that the pipeline does not declare
    #[error("the pipeline declares no parameter {0}")]
    ParamUnknown(String),
    /// A list for a text, or the other way round
    #[error("parameter {0} is given with the wrong type")]
    ParamKind(String),
    /// This machine
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// The parameters of a run: given ones, and defaults for the rest.
///
/// # Errors
/// One that is missing, unknown or of the wrong type.
pub fn params(
    spec: &PipelineSpec,
    given: &BTreeMap<String, ParamValue>,
) -> Result<BTreeMap<String, ParamValue>, RunError> {
    if let Some(name) = given
        .keys()
        .find(|name| !spec.params.iter().any(|p| &&p.name == name))
    {
        return Err(RunError::ParamUnknown(name.clone()));
    }
    spec.params
        .iter()
        .map(|param| match given.get(&param.name).or(param.default.as_ref()) {
            None => Err(RunError::ParamMissing(param.name.clone())),
            Some(value) if value.kind() != param.kind => {
                Err(RunError::ParamKind(param.name.clone()))
            }
            Some(value) => Ok((param.name.clone(), value.clone())),
        })
        .collect()
}

/// A pipeline that has been checked, with what it is run with.
pub struct Run<'a> {
    spec: &'a PipelineSpec,
    params: Params,
    context: Replacements,
    laptop: Laptop,
    timeouts: Option<Timeouts>,
}

impl<'a> Run<'a> {
    /// Prepares a run; `spec` has passed [`crate::check::check`].
    ///
    /// # Errors
    /// Parameters that do not fit.
    pub fn new(
        spec: &'a PipelineSpec,
        timeouts: Option<Timeouts>,
        request: &Request,
        laptop: Laptop,
    ) -> Result<Self, RunError> {
        let values = params(spec, &request.params)?;
        let params = Params::new(values.iter().map(|(name, value)| (name.as_str(), value)));
        let context = RunField::ALL
            .map(|field| {
                let value = match field {
                    RunField::Name => &request.name,
                    RunField::Uid => &request.uid,
                    RunField::Namespace => &request.namespace,
                };
                (format!("context.pipelineRun.{field}"), value.clone())
            })
            .into();
        Ok(Self { spec, params, context, laptop, timeouts })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// This machine could not start a program or write a file.
    pub async fn run(self, mut told: impl FnMut(Event<'_>)) -> Result<RunReport, RunError> {
        let begin = Instant::now();
        let mut report = RunReport {
            succeeded: false,
            results: BTreeMap::new(),
            tasks: BTreeMap::new(),
            state: State::new(),
            problems: Vec::new(),
        };
        let pipeline_ends = self.limit(begin, |t| &t.pipeline);
        let tasks_end = self.limit(begin, |t| &t.tasks).min(pipeline_ends);
        self.phase(&self.spec.tasks, order::decide, tasks_end, &mut report, &mut told)
            .await?;
        told(Event::Finally);
        let finally_ends = self.limit(Instant::now(), |t| &t.finally).min(pipeline_ends);
        // In finally nothing waits, and no failure stops another.
        self.phase(&self.spec.finally, order::decide_finally, finally_ends, &mut report, &mut told)
            .await?;
        self.conclude(&mut report);
        Ok(report)
    }

    async fn phase(
        &self,
        tasks: &[PipelineTask],
        decide: fn(&PipelineTask, &State, &Replacements) -> Decision,
        deadline: Deadline,
        report: &mut RunReport,
        told: &mut impl FnMut(Event<'_>),
    ) -> Result<(), RunError> {
        let mut open: Vec<&PipelineTask> = tasks.iter().collect();
        let mut running = JoinSet::new();
        loop {
            // A skip can settle what waits for it, so look again until nothing changes.
            loop {
                let before = open.len();
                let mut waiting = Vec::new();
                for task in open {
                    match decide(&self.with_params(task), &report.state, &self.context) {
                        Decision::Wait => waiting.push(task),
                        Decision::Start => {
                            told(Event::Started(&task.name));
                            let params = self.bind(task, &report.state);
                            running.spawn(task::run(
                                task.clone(),
                                params,
                                self.laptop.clone(),
                                deadline.0,
                            ));
                        }
                        Decision::Skip(skip) => {
                            told(Event::Skipped(&task.name, &skip));
                            let skipped = Finished {
                                outcome: Outcome::Skipped(skip),
                                results: BTreeMap::new(),
                            };
                            report.state.insert(task.name.clone(), skipped);
                        }
                    }
                }
                open = waiting;
                if open.len() == before {
                    break;
                }
            }
            let Some(ended) = running.join_next().await else { return Ok(()) };
            let mut ended =
                ended.expect("a task of the rehearsal neither panics nor is aborted")?;
            let ignored =
                |task: &PipelineTask| task.name == ended.name && task.on_error == OnError::Continue;
            if ended.finished.outcome == Outcome::Failed && tasks.iter().any(ignored) {
                ended.finished.outcome = Outcome::FailedIgnored;
            }
            told(Event::Ended(&ended));
            report.state.insert(ended.name.clone(), ended.finished.clone());
            report.tasks.insert(ended.name.clone(), ended);
        }
    }

    /// The task with the pipeline's parameters in its conditions.
    fn with_params(&self, task: &PipelineTask) -> PipelineTask {
        let mut task = task.clone();
        for when in &mut task.when {
            when.input = self.params.apply(&when.input);
            when.values = when.values.iter().map(|value| self.params.apply(value)).collect();
        }
        task
    }

    /// The parameters that a task is started with.
    fn bind(&self, task: &PipelineTask, state: &State) -> Params {
        let results = order::filled(state, &Replacements::new());
        let given: BTreeMap<&str, ParamValue> = task
            .params
            .iter()
            .map(|param| {
                let value = self.params.apply_value(&param.value);
                let mut context = self.context.clone();
                context.insert("context.pipelineTask.retries".to_owned(), task.retries.to_string());
                let value = replace_value(&value, &context);
                (param.name.as_str(), replace_value(&value, &results))
            })
            .collect();
        let values = task.task_spec.params.iter().filter_map(|param| {
            let name = param.name.as_str();
            Some((name, given.get(name).or(param.default.as_ref())?))
        });
        Params::new(values)
    }

    fn conclude(&self, report: &mut RunReport) {
        for result in &self.spec.results {
            let value = result.value.as_deref().unwrap_or_default();
            let known = order::filled(&report.state, &Replacements::new());
            let known: Replacements = known
                .into_iter()
                .flat_map(|(key, value)| {
                    let finally = key.replacen("tasks.", "finally.", 1);
                    [(finally, value.clone()), (key, value)]
                })
                .collect();
            let value = replace(value, &known);
            if !value.contains("$(") {
                report.results.insert(result.name.clone(), value);
            } else if self.promised(&value, &report.state) {
                // CouldntGetPipelineResult: a task that succeeded must have written it.
                report
                    .problems
                    .push(format!("result {}: {value} was never written", result.name));
            }
        }
        report.succeeded =
            report.problems.is_empty() && !report.state.values().any(Finished::fails_the_run);
    }

    /// Whether a reference that is left belongs to a task that succeeded.
    fn promised(&self, value: &str, state: &State) -> bool {
        state.iter().any(|(name, finished)| {
            finished.outcome == Outcome::Succeeded
                && ["tasks", "finally"]
                    .iter()
                    .any(|kind| value.contains(&format!("$({kind}.{name}.results.")))
        })
    }

    fn limit(&self, from: Instant, which: fn(&Timeouts) -> &String) -> Deadline {
        let limit = self
            .timeouts
            .as_ref()
            .and_then(|timeouts| duration::parse(which(timeouts)));
        Deadline(limit.map(|limit: Duration| from + self.laptop.timeout(limit)))
    }
}

/// A moment, or never.
#[derive(Clone, Copy)]
struct Deadline(Option<Instant>);

impl Deadline {
    fn min(self, other: Self) -> Self {
        Self(match (self.0, other.0) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        })
    }
}
