//! Prow's side of the world: which jobs there are, what they do, and what was launched.

mod artifacts;
mod junit;
mod object;
mod run;
mod script;
pub(crate) mod yaml;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub(crate) use artifacts::Stored;
pub use run::State;
pub(crate) use run::{Run, label_of};
pub use script::{Ending, JobScript, RanImage, TestPhase};

use crate::World;

/// The bucket that Prow uploads to, unless told otherwise.
pub const BUCKET: &str = "test-platform-results-public";

/// nginx' limit in front of Gangway: a leaky bucket, shared by all requests. Refused requests do
/// not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests a minute of gate time.
    pub per_minute: u32,
    /// How many may come at once beyond the first.
    pub burst: u32,
    /// Seconds in the `Retry-After` header of a refusal; none: no such header.
    pub retry_after: Option<u32>,
}

impl Limit {
    /// What was observed: 20 a minute, burst 10, `Retry-After: 7`.
    pub fn observed() -> Self {
        Self { per_minute: 20, burst: 10, retry_after: Some(7) }
    }
}

/// A job that Prow knows.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub scripts: Vec<JobScript>,
    pub hidden: bool,
    pub tenant: String,
    pub launched: usize,
}

#[derive(Debug)]
pub(crate) struct ProwState {
    pub jobs: BTreeMap<String, Job>,
    pub tokens: Vec<String>,
    pub foreign_tokens: Vec<String>,
    pub runs: Vec<Run>,
    pub stored: BTreeMap<(String, String), Stored>,
    pub bucket: String,
    pub limit: Option<Limit>,
    /// How full nginx' bucket is, and since when.
    pub excess: (f64, Timestamp),
    /// When Gangway and Deck lost their API server.
    pub api_lost: Option<Timestamp>,
    /// Gangway of 2024: no List, no times, no SCHEDULING.
    pub old: bool,
}

impl ProwState {
    pub(crate) fn new(limit: Option<Limit>) -> Self {
        Self {
            jobs: BTreeMap::new(),
            tokens: Vec::new(),
            foreign_tokens: Vec::new(),
            runs: Vec::new(),
            stored: BTreeMap::new(),
            bucket: BUCKET.to_owned(),
            limit,
            excess: (0.0, Timestamp::UNIX_EPOCH),
            api_lost: None,
            old: false,
        }
    }

    /// The run of this id, if its ProwJob is there.
    pub(crate) fn run(&self, id: &str, now: Timestamp) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id && run.exists(now))
    }

    /// The objects of a bucket at this moment whose names begin so, by name.
    pub(crate) fn objects(
        &self,
        bucket: &str,
        prefix: &str,
        now: Timestamp,
    ) -> BTreeMap<String, Stored> {
        let mut found = BTreeMap::new();
        if bucket == self.bucket {
            let concerned = |run: &&Run| run.created() <= now && run.may_have(prefix, now, bucket);
            for run in self.runs.iter().filter(concerned) {
                found.extend(artifacts::objects(run, now, bucket));
            }
        }
        for ((of, name), stored) in &self.stored {
            if of == bucket {
                found.insert(name.clone(), stored.clone());
            }
        }
        found.retain(|name, _| name.starts_with(prefix));
        found
    }

    /// Adds a run; the caller has checked everything.
    pub(crate) fn launch(&mut self, world: &World, order: Order, now: Timestamp) -> String {
        let id = world.uuid();
        let uid = world.uuid();
        let number = self.runs.len() as u64;
        let job = self
            .jobs
            .get_mut(&order.job)
            .expect("the caller has looked the job up");
        let script = job.scripts[job.launched.min(job.scripts.len() - 1)].clone();
        job.launched += 1;
        let order =
            if script.loses_options { Order { job: order.job, ..Order::default() } } else { order };
        self.runs.push(Run {
            id: id.clone(),
            uid,
            number,
            hidden: job.hidden,
            tenant: job.tenant.clone(),
            job: order.job,
            labels: order.labels,
            annotations: order.annotations,
            envs: order.envs,
            asked: now,
            script,
            scale: world.scale(),
            forced: None,
            gone: None,
            replaced: Vec::new(),
        });
        id
    }
}

/// What a launch asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    pub job: String,
    pub envs: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

/// One launched job, as a test counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Execution id, the ProwJob's name.
    pub id: String,
    /// Full job name.
    pub job: String,
    /// Labels that the caller gave.
    pub labels: BTreeMap<String, String>,
    /// Annotations that the caller gave.
    pub annotations: BTreeMap<String, String>,
    /// Variables that the caller gave.
    pub envs: BTreeMap<String, String>,
    pub at: Timestamp,
}

/// Prow as a test or rehearsal arranges it.
pub struct Prow(pub(crate) World);

impl Prow {
    /// Makes a job known; every launch of it follows this script.
    pub fn job(&self, name: &str, script: JobScript) {
        self.job_attempts(name, vec![script]);
    }

    /// Makes a job known; its n-th launch follows the n-th script, later ones the last.
    ///
    /// # Panics
    /// If there is no script.
    pub fn job_attempts(&self, name: &str, scripts: Vec<JobScript>) {
        assert!(!scripts.is_empty(), "a job needs a script");
        let job = Job { scripts, hidden: false, tenant: "GlobalDefaultID".into(), launched: 0 };
        self.0.prow_state().jobs.insert(name.to_owned(), job);
    }

    /// Hides a known job: `/prowjobs.js` leaves it out, `/prowjob` shows it.
    pub fn hide(&self, name: &str) {
        if let Some(job) = self.0.prow_state().jobs.get_mut(name) {
            job.hidden = true;
        }
    }

    /// Gives a known job to another tenant: Gangway refuses it with 403.
    pub fn foreign(&self, name: &str) {
        if let Some(job) = self.0.prow_state().jobs.get_mut(name) {
            job.tenant = "nobody".into();
        }
    }

    /// Lets a bearer token in. Before the first call every token is let in, and none too.
    pub fn token(&self, token: &str) {
        self.0.prow_state().tokens.push(token.to_owned());
    }

    /// Ends a token.
    pub fn revoke(&self, token: &str) {
        self.0.prow_state().tokens.retain(|known| known != token);
        // an empty list would let everybody in
        self.0.prow_state().tokens.push(String::new());
    }

    /// A token of somebody whom Gangway's `allowed_api_clients` lacks: creating answers 400, with
    /// the token in it.
    pub fn foreign_token(&self, token: &str) {
        self.token(token);
        self.0.prow_state().foreign_tokens.push(token.to_owned());
    }

    /// Sets or lifts the limit in front of Gangway.
    pub fn limit(&self, limit: Option<Limit>) {
        self.0.prow_state().limit = limit;
    }

    /// Takes Gangway and Deck their API server, or gives it back.
    pub fn api_server(&self, there: bool) {
        let now = self.0.now();
        self.0.prow_state().api_lost = (!there).then_some(now);
    }

    /// Makes Gangway one of 2024: List is 501, no times, no job URL, no SCHEDULING.
    pub fn old_gangway(&self, old: bool) {
        self.0.prow_state().old = old;
    }

    /// All launches that Gangway accepted, oldest first, those whose ProwJob vanished included.
    pub fn launches(&self) -> Vec<Launch> {
        let state = self.0.prow_state();
        let launch = |run: &Run| Launch {
            id: run.id.clone(),
            job: run.job.clone(),
            labels: run.labels.clone(),
            annotations: run.annotations.clone(),
            envs: run.envs.clone(),
            at: run.asked,
        };
        state.runs.iter().map(launch).collect()
    }

    /// A run's state now; none if its ProwJob is not there.
    pub fn state(&self, id: &str) -> Option<State> {
        let now = self.0.now();
        let state = self.0.prow_state();
        state.run(id, now).map(|run| run.look(now, &state.bucket).state)
    }

    /// A run's ProwJob now; none if it is not there.
    pub fn prowjob(&self, id: &str) -> Option<Value> {
        let now = self.0.now();
        let state = self.0.prow_state();
        state.run(id, now).map(|run| object::prowjob(run, now, &state.bucket))
    }

    /// Puts a run into a state from now on, with these words for it.
    pub fn force(&self, id: &str, state: State, description: &str) {
        let now = self.0.now();
        self.change(id, |run| run.forced = Some((now, state, description.to_owned())));
    }

    /// Removes a run's ProwJob now; its artifacts stay.
    pub fn vanish(&self, id: &str) {
        let now = self.0.now();
        self.change(id, |run| run.gone = Some(now));
    }

    /// Replaces a run's pod now: it goes on under another build id.
    pub fn replace_pod(&self, id: &str) {
        let now = self.0.now();
        self.change(id, |run| run.replaced.push(now));
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.0.prow_state().runs.iter_mut().find(|run| run.id == id) {
            change(run);
        }
    }

    /// A run that somebody else started: horologium's nightly, or a person. It follows the job's
    /// next script.
    ///
    /// # Panics
    /// If the job is not known.
    pub fn somebody_launches(&self, job: &str) -> String {
        let now = self.0.now();
        let mut state = self.0.prow_state();
        assert!(state.jobs.contains_key(job), "no job {job} is known");
        state.launch(&self.0, Order { job: job.to_owned(), ..Order::default() }, now)
    }

    /// A run of 20 hours ago: horologium's last nightly. It has followed the job's next script,
    /// which stays the next.
    ///
    /// # Panics
    /// If the job is not known.
    pub fn ran_yesterday(&self, job: &str) -> String {
        let then = self.0.now()
            - SignedDuration::from_hours(20) / i32::try_from(self.0.scale()).unwrap_or(1);
        let mut state = self.0.prow_state();
        let id = state.launch(&self.0, Order { job: job.to_owned(), ..Order::default() }, then);
        if let Some(job) = state.jobs.get_mut(job) {
            job.launched -= 1;
        }
        id
    }

    /// A run that was launched so long ago (gate time) with these variables and labels, without a
    /// request.
    ///
    /// # Panics
    /// If the job is not known.
    pub fn launched_ago(
        &self,
        job: &str,
        ago: Duration,
        envs: BTreeMap<String, String>,
        labels: BTreeMap<String, String>,
    ) -> String {
        let ago = SignedDuration::try_from(ago).unwrap_or_default()
            / i32::try_from(self.0.scale()).unwrap_or(1);
        let order = Order { job: job.to_owned(), envs, labels, ..Order::default() };
        self.0.prow_state().launch(&self.0, order, self.0.now() - ago)
    }

    /// A person presses Rerun in Deck: a new ProwJob with all labels, annotations and variables of
    /// that one.
    ///
    /// # Panics
    /// If there is no such run.
    pub fn somebody_reruns(&self, id: &str) -> String {
        let now = self.0.now();
        let mut state = self.0.prow_state();
        let run = state
            .runs
            .iter()
            .find(|run| run.id == id)
            .expect("a run of this id")
            .clone();
        let order = Order {
            job: run.job,
            envs: run.envs,
            labels: run.labels,
            annotations: run.annotations,
        };
        state.launch(&self.0, order, now)
    }

    /// Puts an object into a bucket, stored as Prow stores one of this name; the bucket exists from
    /// then on.
    pub fn put_object(&self, bucket: &str, name: &str, bytes: impl Into<Vec<u8>>) {
        let stored = Stored::by_name(name, bytes.into(), self.0.now());
        self.0
            .prow_state()
            .stored
            .insert((bucket.to_owned(), name.to_owned()), stored);
    }

    /// Changes the bucket that runs upload to.
    pub fn bucket(&self, bucket: &str) {
        bucket.clone_into(&mut self.0.prow_state().bucket);
    }

    /// How old Deck's list may be: 30 s of gate time.
    pub(crate) fn list_period(&self) -> Duration {
        self.0.scaled(Duration::from_secs(30))
    }
}

impl ProwState {
    /// The ProwJob document of a run.
    pub(crate) fn document(&self, run: &Run, now: Timestamp) -> Value {
        object::prowjob(run, now, &self.bucket)
    }
}
