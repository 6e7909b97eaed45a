//! The steps by hand, on one record.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::prow::{Prow, id_of, job_of};

/// The image under test.
pub const IMAGE: &str = "quay.io/acme/hypershift-operator@sha256:4be1c0ffee4be1c0ffee4be1c0ffee4be1c0ffee4be1c0ffee4be1c0ffee4be1";

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(150);

/// One gate: its record, and what is launched for it.
pub struct Gate {
    /// Prow.
    pub prow: Prow,
    /// The run's id.
    pub id: String,
    scale: u32,
    gangway: String,
    folder: tempfile::TempDir,
}

impl Gate {
    /// A gate of its own, on which `scale` seconds of gate time pass in a second.
    pub fn new(scale: u32) -> Self {
        Self::through(crate::prow::GANGWAY, scale)
    }

    /// The same, with Gangway behind another address.
    pub fn through(gangway: &str, scale: u32) -> Self {
        let gangway = format!("http://{}", gangway.trim_start_matches("http://"));
        let (prow, id, folder) =
            (Prow::here(), uuid::Uuid::new_v4().to_string(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("token"), "sha256~a-token-that-nobody-asks-for").unwrap();
        Self { prow, id, scale, gangway, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Starts a step.
    pub fn start(&self, binary: &str, arguments: &[&str]) -> Step {
        let log = PathBuf::from(self.path(&format!("{}.log", uuid::Uuid::new_v4())));
        let (record, scale, token) = (
            format!("file:{}", self.path("gate.json")),
            self.scale.to_string(),
            self.path("token"),
        );
        let common = [
            ["--record", &record],
            ["--run-id", &self.id],
            ["--run-name", "prow-test"],
            ["--gangway-url", &self.gangway],
            ["--deck-url", "http://127.0.0.1:32002"],
            ["--artifacts-url", "http://127.0.0.1:32003"],
            ["--gangway-token-file", &token],
            ["--requests-per-minute", "60"],
            ["--burst", "20"],
            ["--time-scale", &scale],
        ];
        let child = Command::new(binary)
            .env_clear()
            .args(common.as_flattened())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn();
        Step { child: Some(child.unwrap()), log }
    }

    /// Starts launch-prow.
    pub fn start_launch(&self, blocking: &[&str], informing: &[&str]) -> Step {
        let (blocking, informing) = (json!(blocking).to_string(), json!(informing).to_string());
        let jobs = [
            "--image",
            IMAGE,
            "--override-env",
            "OPERATOR_IMAGE",
            "--blocking",
            &blocking,
            "--informing",
            &informing,
        ];
        self.start(env!("CARGO_BIN_EXE_launch-prow"), &jobs)
    }

    /// Runs launch-prow to its end.
    pub fn launch(&self, blocking: &[&str], informing: &[&str]) -> Ended {
        self.start_launch(blocking, informing).ended()
    }

    /// Starts collect-results.
    pub fn start_collect(&self) -> Step {
        let arguments = ["--proof-log", "artifacts/*/hypershift-install/build-log.txt"];
        self.start(env!("CARGO_BIN_EXE_collect-results"), &arguments)
    }

    /// The record.
    pub fn record(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path("gate.json")).unwrap()).unwrap()
    }

    /// An attempt of a job in the record, the first being 1.
    pub fn attempt(&self, job: &str, number: usize) -> Value {
        let record = self.record();
        let job = record["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["name"] == job)
            .unwrap();
        job["attempts"][number - 1].clone()
    }

    /// Waits until the record holds something in a field of a job's first attempt.
    pub fn await_in_record(&self, job: &str, field: &str) {
        self.await_that(&format!("{field} of {job}"), || !self.attempt(job, 1)[field].is_null());
    }

    /// Waits until something is launched.
    pub fn await_a_run(&self) {
        self.await_that("a run", || !self.runs().is_empty());
    }

    fn await_that(&self, what: &str, is_there: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_there() {
            assert!(begun.elapsed() < PATIENCE, "{what} does not come");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What was really launched, whatever the record says: the runs, the oldest first.
    pub fn runs(&self) -> Vec<Value> {
        self.prow.runs_of(&self.id)
    }

    /// The run of a job, of which there must be exactly one.
    pub fn run_of(&self, job: &str) -> Value {
        let runs = self.runs();
        let mut of_job: Vec<_> = runs.into_iter().filter(|run| job_of(run) == job).collect();
        assert_eq!(of_job.len(), 1, "{job} must run exactly once");
        of_job.remove(0)
    }

    /// Each of these jobs was launched exactly once and no other job at all; the record knows each,
    /// and each carries the image.
    pub fn assert_launched_once(&self, jobs: &[&str]) {
        let runs = self.runs();
        let mut launched: Vec<_> = runs.iter().map(job_of).collect();
        let mut wanted = jobs.to_vec();
        launched.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(launched, wanted);
        for run in &runs {
            assert_eq!(self.attempt(job_of(run), 1)["execution"], id_of(run));
            let container = &run["spec"]["pod_spec"]["containers"][0];
            let variables = container["env"].as_array().unwrap();
            assert!(
                variables.contains(&json!({"name": "OPERATOR_IMAGE", "value": IMAGE})),
                "{container}"
            );
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let record = std::fs::read_to_string(self.path("gate.json")).unwrap_or_default();
            eprintln!("the record of {}: {record}", self.id);
        }
        // What is left behind would be read, one after another, by everybody who looks for a run of
        // the same job.
        if std::env::var_os("GATE_TEST_KEEP").is_none() {
            let runs = self.runs();
            self.prow
                .remove(&runs.iter().map(|run| id_of(run).to_owned()).collect::<Vec<_>>());
        }
    }
}

/// A step that was started.
pub struct Step {
    child: Option<Child>,
    log: PathBuf,
}

/// How a step ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// The results that it printed; null if it printed none.
    pub results: Value,
    /// Its log.
    pub log: String,
}

impl Ended {
    /// It must have ended so.
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.log);
        self
    }

    /// It must have said so.
    #[track_caller]
    pub fn saying(self, words: &str) -> Self {
        assert!(self.log.contains(words), "{words:?} is missing: {}", self.log);
        self
    }
}

impl Step {
    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Kills it at once, as the kernel does.
    pub fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Ended {
        let mut child = self.child.take().unwrap();
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > PATIENCE {
                let _ = child.kill();
                panic!("it does not end: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let output = child.wait_with_output().unwrap();
        let results = serde_json::from_slice(&output.stdout).unwrap_or_default();
        Ended { code: output.status.code().unwrap_or(-1), results, log: self.log() }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
