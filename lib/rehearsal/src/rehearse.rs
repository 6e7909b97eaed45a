//! The rehearsal from the first line to the exit code.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::check;
use crate::document::Document;
use crate::play::Play;
use crate::programs;
use crate::scenario;
use crate::screen::Screen;
use crate::serve;
use crate::stage::Stage;

/// The pipeline file of this repository.
pub const PIPELINE: &str = ".tekton/pipelines/ho-release-gate.yaml";
/// What the stand-in cluster holds.
const KINDS: [&str; 5] = ["configmaps", "pipelineruns", "releases", "releaseplans", "snapshots"];
/// Gate seconds in a second: a night of three hours in some eight seconds.
pub const TIME_SCALE: u32 = 1500;

/// What a rehearsal is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names of the steps that this program is, when it is called by one
    pub steps: Vec<&'static str>,
    /// Name of the scenario
    pub scenario: String,
    /// The pipeline file; this repository's if none is given
    pub pipeline: Option<PathBuf>,
    /// What names and ids are drawn from
    pub seed: u64,
    /// Where everything is left; a folder that is gone afterwards if none is given
    pub keep: Option<PathBuf>,
    /// Gate seconds in a second
    pub time_scale: u32,
    /// Only serve the stand-ins
    pub serve: bool,
    /// Whether to colour what is printed
    pub colour: bool,
    /// Columns to lay out for
    pub width: usize,
    /// Whether a line on stderr may be drawn again and again
    pub redraw: bool,
}

/// Why there was no rehearsal.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// What was asked for makes no sense (exit 2)
    #[error("{0}")]
    Misuse(String),
    /// It could not be done (exit 1)
    #[error("{0}")]
    Failed(String),
}

pub(crate) fn misuse(error: impl std::fmt::Display) -> RehearseError {
    RehearseError::Misuse(error.to_string())
}

pub(crate) fn failed(error: impl std::fmt::Display) -> RehearseError {
    RehearseError::Failed(error.to_string())
}

/// Prints the scenarios.
///
/// # Errors
/// Nobody reads them.
pub fn list_scenarios(out: &mut impl Write) -> io::Result<()> {
    let all = scenario::all();
    let width = all.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    all.iter()
        .try_for_each(|one| writeln!(out, "{:<width$}  exit {}  {}", one.name, one.exit, one.about))
}

/// Rehearses, and says with which code to exit. Dropping the future ends the children.
///
/// # Errors
/// The rehearsal itself could not be done; what the gate says is no error.
pub async fn rehearse(options: &Options) -> Result<u8, RehearseError> {
    let scenario = scenario::named(&options.scenario).map_err(misuse)?;
    let (path, shown) = pipeline_path(options.pipeline.as_deref());
    let text = fs::read_to_string(&path)
        .map_err(|error| unreadable(&path, options.pipeline.is_some(), &error))?;
    let document = Document::parse(&text, &shown).map_err(misuse)?;
    check::check(document.spec()).map_err(|error| misuse(format!("{shown}: {error}")))?;
    let names =
        programs::names(document.spec()).map_err(|error| misuse(format!("{shown}: {error}")))?;
    programs::check(&names, &options.steps).map_err(|error| misuse(format!("{shown}: {error}")))?;

    let work = Work::new(options.keep.as_deref())?;
    let folder = programs::link(&options.steps).map_err(failed)?;
    let mut stage = Stage::set(&scenario, options.seed, options.time_scale)
        .map_err(|error| failed(format!("serve the stand-ins: {error}")))?;
    if options.serve {
        serve::serve(&stage, &scenario, folder.path(), work.path(), options.width)
            .await
            .map_err(failed)?;
        return Ok(0);
    }
    let screen = Screen { colour: options.colour, scale: options.time_scale, width: options.width };
    print(&[screen.head(&shown, &scenario)]);
    let play = Play {
        document: &document,
        shown: &shown,
        programs: folder.path(),
        names: &names,
        screen,
        redraw: options.redraw,
    };
    let mut code = play.run(&stage, work.path()).await?;
    for (number, act) in scenario.then.iter().enumerate() {
        let folder = work.path().join(format!("then-{}", number + 1));
        code = play.then(act, &mut stage, &folder).await?;
    }
    if !scenario.then.is_empty() {
        print(&[String::new()]);
    }
    print(&[work.end(&stage).map_err(failed)?]);
    Ok(code)
}

/// The file and its name for people. `cargo run` may have been started in a folder below.
fn pipeline_path(given: Option<&Path>) -> (PathBuf, String) {
    match given {
        Some(path) => (path.to_owned(), path.display().to_string()),
        None => {
            let package = std::env::var_os("CARGO_MANIFEST_DIR")
                .map(PathBuf::from)
                .unwrap_or_default();
            (package.join(PIPELINE), PIPELINE.to_owned())
        }
    }
}

/// Outside of a checkout there is no pipeline file to find.
fn unreadable(path: &Path, named: bool, error: &io::Error) -> RehearseError {
    let how = "run it in a checkout of the repository, or name the file with --pipeline FILE";
    let how = if named { String::new() } else { format!("; {how}") };
    misuse(format!("--pipeline: cannot read {}: {error}{how}", path.display()))
}

pub(crate) fn print(lines: &[String]) {
    let mut out = io::stdout().lock();
    for line in lines {
        // Nobody may be reading any more; the rehearsal goes on for its exit code.
        let _ = writeln!(out, "{line}");
    }
}

/// The folder that the rehearsal writes to.
enum Work {
    Kept(PathBuf),
    Gone(tempfile::TempDir),
}

impl Work {
    fn new(keep: Option<&Path>) -> Result<Self, RehearseError> {
        let Some(keep) = keep else {
            return tempfile::Builder::new()
                .prefix("rehearse-gate-")
                .tempdir()
                .map(Self::Gone)
                .map_err(failed);
        };
        let wrong = |error: io::Error| misuse(format!("--keep: {}: {error}", keep.display()));
        fs::create_dir_all(keep).map_err(wrong)?;
        if fs::read_dir(keep).map_err(wrong)?.next().is_some() {
            return Err(misuse(format!(
                "--keep: {} is not empty; expected a new or empty folder",
                keep.display()
            )));
        }
        keep.canonicalize().map(Self::Kept).map_err(wrong)
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Gone(folder) => folder.path(),
        }
    }

    /// Adds what the stand-ins saw, and says where to look.
    fn end(&self, stage: &Stage) -> io::Result<String> {
        let Self::Kept(path) = self else {
            return Ok("record, logs and messages: rerun with --keep DIR to look at them".into());
        };
        keep(stage, path)?;
        Ok(format!("record, logs and messages are in {}", path.display()))
    }
}

/// Writes what the stand-ins hold and saw: the record, the messages, all objects of the cluster,
/// all ProwJobs and all requests.
///
/// # Errors
/// The folder cannot be written.
pub fn keep(stage: &Stage, path: &Path) -> io::Result<()> {
    fs::write(path.join("record.json"), stage.record().unwrap_or_default())?;
    for (number, message) in stage.world.slack().messages().iter().enumerate() {
        fs::write(
            path.join(format!("message-{}.json", number + 1)),
            format!("{:#}\n", message.payload),
        )?;
    }
    let requests: String = stage
        .world
        .requests()
        .iter()
        .map(|asked| {
            let status = asked.status.map_or("-".to_owned(), |status| status.to_string());
            format!(
                "{} {} {} {} {status}\n",
                asked.at,
                asked.server.name(),
                asked.method,
                asked.path
            )
        })
        .collect();
    fs::write(path.join("requests.txt"), requests)?;
    let objects: Vec<Value> = KINDS.iter().flat_map(|kind| stage.world.kube().all(kind)).collect();
    fs::write(path.join("cluster.json"), format!("{:#}\n", Value::from(objects)))?;
    let prow = stage.world.prow();
    let jobs: Vec<Value> = prow
        .launches()
        .iter()
        .filter_map(|launch| prow.prowjob(&launch.id))
        .collect();
    fs::write(path.join("prowjobs.json"), format!("{:#}\n", Value::from(jobs)))
}
