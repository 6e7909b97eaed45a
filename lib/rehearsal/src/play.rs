//! A scenario's acts: a run of the pipeline, and what people do after it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use standins::{Server, World};

use crate::child::{self, Ended};
use crate::document::{Document, Timeouts};
use crate::outcome;
use crate::pod::CommandLine;
use crate::progress::Progress;
use crate::record::Record;
use crate::rehearse::{RehearseError, failed, misuse, print};
use crate::run::{Event, Run};
use crate::scenario::Then;
use crate::screen::{Counted, Screen, short_digests, wrap};
use crate::serve::quote;
use crate::stage::Stage;
use crate::task::TaskReport;

/// A cluster's times have whole seconds: what comes later must be later by more than one of them.
const LATER: Duration = Duration::from_millis(1100);

/// What is played, and how it is shown.
pub struct Play<'a> {
    /// The pipeline
    pub document: &'a Document,
    /// Its name for people
    pub shown: &'a str,
    /// The folder with the steps' programs
    pub programs: &'a Path,
    /// Names of the programs that the pipeline runs
    pub names: &'a [String],
    /// How lines look
    pub screen: Screen,
    /// Whether a line on stderr may be drawn again and again
    pub redraw: bool,
}

impl Play<'_> {
    /// Runs the pipeline, and says with which code that ends.
    ///
    /// # Errors
    /// The rehearsal itself could not be done.
    pub async fn run(&self, stage: &Stage, folder: &Path) -> Result<u8, RehearseError> {
        let (spec, screen) = (self.document.spec(), self.screen);
        let laptop = stage
            .laptop(self.programs.to_owned(), folder, self.names)
            .map_err(failed)?;
        let run = Run::new(spec, timeouts(self.document), &stage.request(), laptop)
            .map_err(|error| misuse(format!("{}: {error}", self.shown)))?;
        let order = spec.all_tasks().map(|task| task.name.clone()).collect();
        let told = RefCell::new(Told { order, ..Told::default() });
        let progress = Progress::new(self.redraw, self.screen.width);
        let report = {
            let running = run.run(|event| progress.around(|| tell(event, screen, stage, &told)));
            let redrawing =
                progress.redraw(&stage.world, || told.borrow().running.keys().cloned().collect());
            tokio::select! {
                report = running => report.map_err(failed)?,
                () = redrawing => unreachable!("the line is redrawn for ever"),
            }
        };
        progress.done();
        stage.ended(report.succeeded);
        let record = Record::read(&stage.record().unwrap_or_default());
        let (code, words) = outcome::of(&report, &record, screen.width);
        print(&[String::new()]);
        print(&words);
        Ok(code)
    }

    /// Plays what happens after a run, in a folder of its own.
    ///
    /// # Errors
    /// The rehearsal itself could not be done.
    pub async fn then(
        &self,
        act: &Then,
        stage: &mut Stage,
        folder: &Path,
    ) -> Result<u8, RehearseError> {
        fs::create_dir_all(folder).map_err(failed)?;
        tokio::time::sleep(LATER).await;
        match act {
            Then::Run { about, gate } => {
                print(&[String::new(), format!("{about}\n")]);
                stage.again(gate.as_ref());
                self.run(stage, folder).await
            }
            Then::Typed { about, command } => {
                let words: Vec<String> = command.iter().map(|word| stage.filled(word)).collect();
                let line = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
                print(&[String::new(), about.clone()]);
                print(&wrap(&format!("$ {line}"), self.screen.width));
                self.typed(&words, stage, folder).await
            }
        }
    }

    /// Runs what a person types, and shows what it prints: all of it, and why it failed.
    async fn typed(
        &self,
        words: &[String],
        stage: &Stage,
        folder: &Path,
    ) -> Result<u8, RehearseError> {
        let laptop = stage
            .laptop(self.programs.to_owned(), folder, self.names)
            .map_err(failed)?;
        let (program, args) = words.split_first().expect("a command has a name");
        let scale = ["--time-scale".to_owned(), self.screen.scale.to_string()];
        let line = CommandLine {
            program: format!("/usr/bin/{program}"),
            args: args
                .iter()
                .cloned()
                .chain(stage.services(program))
                .chain(scale)
                .collect(),
            env: laptop.env.clone(),
        };
        let (stdout, stderr) = (folder.join("stdout"), folder.join("stderr"));
        let ended = child::run(&self.programs.join(program), &line, &stdout, &stderr, None)
            .await
            .map_err(|error| failed(format!("start {program}: {error}")))?;
        let said = fs::read_to_string(&stdout).map_err(failed)?;
        print(&shown(&said, self.screen.width));
        let Ended::Exited(code) = ended else { return Err(failed(format!("{program}: no end"))) };
        if code != 0 {
            let log = fs::read_to_string(&stderr).map_err(failed)?;
            let errors = log.lines().filter(|line| line.starts_with("error: "));
            print(&errors.map(str::to_owned).collect::<Vec<_>>());
        }
        u8::try_from(code).map_err(|_| failed(format!("{program} ended with {code}")))
    }
}

/// What a command printed into its pipe, JSON, as lines for people: each text in it with its name.
fn shown(said: &str, width: usize) -> Vec<String> {
    fn add(name: &str, value: &Value, width: usize, lines: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    add(name, value, width, lines);
                }
            }
            Value::Array(values) => {
                for value in values {
                    add(name, value, width, lines);
                }
            }
            Value::String(text) => {
                let text = match text.parse::<Timestamp>() {
                    Ok(at) => format!("{at:.0}"),
                    Err(_) => short_digests(text),
                };
                let rows = wrap(&format!("{name}: {text}"), width - 2);
                lines.extend(rows.into_iter().map(|row| format!("  {row}")));
            }
            _ => {}
        }
    }
    let mut lines = Vec::new();
    match serde_json::from_str(said) {
        Ok(value) => add("", &value, width, &mut lines),
        Err(_) => lines.extend(said.lines().map(str::to_owned)),
    }
    lines
}

/// A Pipeline has no limits of its own: those of the whole run are the PipelineRun's.
fn timeouts(document: &Document) -> Option<Timeouts> {
    match document {
        Document::Pipeline(_) => None,
        Document::PipelineRun(run) => Some(run.spec.timeouts.clone()),
    }
}

/// What has been seen so far.
#[derive(Default)]
struct Told {
    /// Tasks that run, with what had been counted when they began
    running: BTreeMap<String, Counted>,
    /// The tasks that are still to be told of, in the order of the file
    order: VecDeque<String>,
    /// Lines of tasks that were over before their turn
    early: BTreeMap<String, Vec<String>>,
}

impl Told {
    /// The lines that can be printed now that a task is over: in the order of the file, whichever
    /// of two tasks ends first.
    fn over(&mut self, name: &str, lines: Vec<String>) -> Vec<String> {
        self.early.insert(name.to_owned(), lines);
        let mut ready = Vec::new();
        while let Some(lines) = self.order.front().and_then(|next| self.early.remove(next)) {
            self.order.pop_front();
            ready.extend(lines);
        }
        ready
    }
}

fn count(world: &World) -> Counted {
    Counted {
        gangway_requests: world.requests_to(Server::Gangway).len(),
        messages: world.slack().messages().len(),
    }
}

fn tell(event: Event<'_>, screen: Screen, stage: &Stage, told: &RefCell<Told>) {
    let mut told = told.borrow_mut();
    let lines = match event {
        Event::Started(name) => {
            told.running.insert(name.to_owned(), count(&stage.world));
            return;
        }
        Event::Ended(task) => {
            let before = told.running.remove(&task.name).unwrap_or_default();
            let now = count(&stage.world);
            let counted = Counted {
                gangway_requests: now.gangway_requests - before.gangway_requests,
                messages: now.messages - before.messages,
            };
            let error = last_words(task);
            let record = Record::read(&stage.record().unwrap_or_default());
            told.over(&task.name, screen.task(task, &record, counted, error.as_deref()))
        }
        Event::Skipped(name, skip) => told.over(name, screen.skipped(name, skip)),
        Event::Finally => vec![screen.finally()],
    };
    drop(told);
    print(&lines);
}

/// What a failed task's last step said: its `error: ` line.
fn last_words(task: &TaskReport) -> Option<String> {
    let one = task.tries.last()?;
    one.failure.as_ref()?;
    let log = fs::read_to_string(&one.steps.last()?.stderr).ok()?;
    log.lines()
        .rev()
        .find_map(|line| line.strip_prefix("error: "))
        .map(str::to_owned)
}
