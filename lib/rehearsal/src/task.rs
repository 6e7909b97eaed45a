//! One task: its tries, each with its steps one after another.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::child::{self, Ended};
use crate::document::{PipelineTask, Step};
use crate::duration;
use crate::order::{Finished, Outcome};
use crate::pod::{self, CommandLine, Folders};
use crate::results;
use crate::substitute::Params;
use crate::volumes::{Files, Mountable};

/// Tekton's limit of a task that names none (1 hour).
const TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// What stands for a cluster on this machine.
#[derive(Debug, Clone)]
pub struct Laptop {
    /// Folder of the programs; `/usr/bin/NAME` of the image is `NAME` in it
    pub programs: PathBuf,
    /// Folder for everything that the run writes
    pub work: PathBuf,
    /// What can be mounted
    pub mountable: Mountable,
    /// Files in the home of every pod, by their path in it: what Tekton makes of the account's pull
    /// secrets
    pub home: Files,
    /// Labels of every pod, the PipelineRun's
    pub labels: BTreeMap<String, String>,
    /// Variables that every step gets besides its own
    pub env: Vec<(String, String)>,
    /// Arguments that every step of a program gets last, by the program's name
    pub extra_args: BTreeMap<String, Vec<String>>,
    /// By what the timeouts of tasks are divided
    pub time_scale: u32,
    /// The shortest that they become: starting a process takes its time, however fast a night goes
    pub shortest_timeout: Duration,
}

impl Laptop {
    /// What a timeout becomes here.
    pub fn timeout(&self, gate: Duration) -> Duration {
        (gate / self.time_scale).max(self.shortest_timeout)
    }
}

/// A task that was started and is over.
#[derive(Debug, Clone)]
pub struct TaskReport {
    /// Its name in the pipeline
    pub name: String,
    /// Its outcome and results, of the last try
    pub finished: Finished,
    /// All tries, at least one
    pub tries: Vec<Try>,
}

/// One try of a task: a pod.
#[derive(Debug, Clone)]
pub struct Try {
    /// The steps that were started
    pub steps: Vec<StepReport>,
    /// Why it failed, if it did
    pub failure: Option<String>,
    /// How long it took, by this machine's clock
    pub took: Duration,
}

/// A step that was started and is over.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// Its name in the task
    pub name: String,
    /// What it was started with
    pub line: CommandLine,
    /// How it ended
    pub ended: Ended,
    /// What it printed
    pub stdout: PathBuf,
    /// What it logged
    pub stderr: PathBuf,
}

/// A thing of this machine that stopped the rehearsal itself.
#[derive(Debug, thiserror::Error)]
#[error("task {task}: {what}: {source}")]
pub struct TaskError {
    /// The task
    pub task: String,
    /// What was tried
    pub what: String,
    /// What the system said
    pub source: std::io::Error,
}

/// Runs a task with its parameters filled in, again after a failure as often as it says, until
/// `deadline` (that of all tasks together).
///
/// # Errors
/// The rehearsal cannot write its folders or start a program.
pub async fn run(
    task: PipelineTask,
    params: Params,
    laptop: Laptop,
    deadline: Option<Instant>,
) -> Result<TaskReport, TaskError> {
    let mut tries = Vec::new();
    loop {
        let folder = laptop.work.join(&task.name).join(format!("try-{}", tries.len() + 1));
        let (one, results) =
            Pod { task: &task, params: &params, laptop: &laptop, folder, retry: tries.len() }
                .run(deadline)
                .await?;
        let failed = one.failure.is_some();
        tries.push(one);
        let again = failed
            && tries.len() <= task.retries as usize
            && deadline.is_none_or(|deadline| Instant::now() < deadline);
        if !again {
            let outcome = if failed { Outcome::Failed } else { Outcome::Succeeded };
            let finished = Finished { outcome, results };
            return Ok(TaskReport { name: task.name, finished, tries });
        }
    }
}

struct Pod<'a> {
    task: &'a PipelineTask,
    params: &'a Params,
    laptop: &'a Laptop,
    folder: PathBuf,
    /// How often the task has been tried before.
    retry: usize,
}

impl Pod<'_> {
    async fn run(
        &self,
        deadline: Option<Instant>,
    ) -> Result<(Try, BTreeMap<String, String>), TaskError> {
        let started = Instant::now();
        let spec = &self.task.task_spec;
        let mut one = Try { steps: Vec::new(), failure: None, took: Duration::ZERO };
        let mut written = BTreeMap::new();
        let limit = self
            .task
            .timeout
            .as_deref()
            .and_then(duration::parse)
            .unwrap_or(TIMEOUT);
        let own = started + self.laptop.timeout(limit);
        let deadline = deadline.map_or(own, |all| all.min(own));

        let folders = match self.folders()? {
            Ok(folders) => folders,
            Err(missing) => {
                one.failure = Some(missing);
                return Ok((one, written));
            }
        };
        for step in &spec.steps {
            let report = self.step(step, &folders, deadline).await?;
            let ended = report.ended;
            one.steps.push(report);
            if ended == Ended::TimedOut {
                // Tekton never reads the results of a pod that it deletes.
                written.clear();
                one.failure = Some(format!("its time was up after {}", duration::show(limit)));
                break;
            }
            let carried = results::carried(&folders.results, &spec.results, spec.steps.len());
            let carried = carried.map_err(|source| self.error("read its results", source))?;
            written = carried.results;
            if carried.too_large {
                one.failure = Some("its results are larger than Tekton's 4096 bytes".into());
            }
            if let Ended::Exited(code) = ended
                && code != 0
            {
                one.failure = Some(format!("step {} exited {code}", step.name));
            }
            if one.failure.is_some() {
                break;
            }
        }
        one.took = started.elapsed();
        Ok((one, written))
    }

    async fn step(
        &self,
        step: &Step,
        folders: &Folders,
        deadline: Instant,
    ) -> Result<StepReport, TaskError> {
        let line = pod::in_container(
            &self.task.task_spec,
            step,
            self.params,
            &self.laptop.labels,
            self.retry,
        );
        let mut line = line.on_this_machine(step, folders);
        let name = Path::new(&line.program)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        line.args
            .extend(self.laptop.extra_args.get(&name).into_iter().flatten().cloned());
        let own: Vec<_> = self
            .laptop
            .env
            .iter()
            .filter(|(name, _)| !line.env.iter().any(|(n, _)| n == name))
            .collect();
        let own: Vec<_> = own.into_iter().cloned().collect();
        line.env.extend(own);
        let (stdout, stderr) = (
            self.folder.join(format!("{}.out", step.name)),
            self.folder.join(format!("{}.err", step.name)),
        );
        let program = self.laptop.programs.join(&name);
        let command = self.folder.join(format!("{}.command", step.name));
        fs::write(&command, line.to_string())
            .map_err(|source| self.error("write its command", source))?;
        let ended = child::run(&program, &line, &stdout, &stderr, Some(deadline))
            .await
            .map_err(|source| self.error(&format!("start {}", program.display()), source))?;
        Ok(StepReport { name: step.name.clone(), line, ended, stdout, stderr })
    }

    /// The folders of the pod; the inner error keeps the pod from starting.
    fn folders(&self) -> Result<Result<Folders, String>, TaskError> {
        let folders = Folders {
            results: self.folder.join("results"),
            home: self.folder.join("home"),
            volumes: BTreeMap::new(),
        };
        for folder in [&folders.results, &folders.home] {
            fs::create_dir_all(folder).map_err(|source| self.error("make its folder", source))?;
        }
        for (path, text) in &self.laptop.home {
            let path = folders.home.join(path);
            let written = fs::create_dir_all(path.parent().unwrap_or(&path))
                .and_then(|()| fs::write(&path, text));
            written.map_err(|source| self.error("write its home", source))?;
        }
        let volumes = self.folder.join("volumes");
        Ok(
            match self
                .laptop
                .mountable
                .write(&self.task.task_spec, self.params, &volumes)
            {
                Ok(volumes) => Ok(Folders { volumes, ..folders }),
                Err(error) => Err(error.to_string()),
            },
        )
    }

    fn error(&self, what: &str, source: std::io::Error) -> TaskError {
        TaskError { task: self.task.name.clone(), what: what.to_owned(), source }
    }
}
