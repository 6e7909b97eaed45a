//! One launched job: its state as a function of the time.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::script::{Ending, JobScript};
use crate::time::after;

/// A ProwJob's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for the scheduler.
    Scheduling,
    /// Waits for its pod.
    Triggered,
    /// Its pod is there: it runs.
    Pending,
    /// Ended with 0.
    Success,
    /// Ended with another code.
    Failure,
    /// Cancelled.
    Aborted,
    /// Prow gave up.
    Error,
}

impl State {
    /// As the ProwJob says it.
    pub fn prow(self) -> &'static str {
        match self {
            Self::Scheduling => "scheduling",
            Self::Triggered => "triggered",
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Aborted => "aborted",
            Self::Error => "error",
        }
    }

    /// As Gangway says it: name and number of the enumeration.
    pub fn gangway(self) -> (&'static str, u32) {
        match self {
            Self::Triggered => ("TRIGGERED", 1),
            Self::Pending => ("PENDING", 2),
            Self::Success => ("SUCCESS", 3),
            Self::Failure => ("FAILURE", 4),
            Self::Aborted => ("ABORTED", 5),
            Self::Error => ("ERROR", 6),
            Self::Scheduling => ("SCHEDULING", 7),
        }
    }
}

/// A launched job.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub id: String,
    pub uid: String,
    pub number: u64,
    pub job: String,
    pub hidden: bool,
    pub tenant: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub envs: BTreeMap<String, String>,
    pub asked: Timestamp,
    pub script: JobScript,
    pub scale: u32,
    /// Set by hand: from this moment the run is in this state, whatever the script says.
    pub forced: Option<(Timestamp, State, String)>,
    /// Set by hand: from this moment the ProwJob is gone.
    pub gone: Option<Timestamp>,
    /// Set by hand: the moments at which the pod was replaced.
    pub replaced: Vec<Timestamp>,
}

/// What a run is at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub state: State,
    pub pending: Option<Timestamp>,
    pub completed: Option<Timestamp>,
    pub description: Option<String>,
    /// How many pods it had so far; none before the first.
    pub builds: usize,
    pub build_id: Option<String>,
    pub url: Option<String>,
    /// Grows with every change.
    pub generation: u64,
}

impl Run {
    fn scaled(&self, gate_time: Duration) -> Duration {
        gate_time / self.scale
    }

    /// When the ProwJob exists.
    pub(crate) fn created(&self) -> Timestamp {
        after(self.asked, self.scaled(self.script.appears_after))
    }

    fn pending_at(&self) -> Timestamp {
        after(self.created(), self.scaled(self.script.scheduling + self.script.triggered))
    }

    /// When the script ends, if it does.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        if let Some((at, state, _)) = &self.forced
            && !matches!(state, State::Scheduling | State::Triggered | State::Pending)
        {
            return Some(*at);
        }
        (self.script.ending != Ending::Never)
            .then(|| after(self.pending_at(), self.scaled(self.script.running)))
    }

    /// When the artifacts of the end are in the bucket.
    pub(crate) fn uploaded_at(&self) -> Option<Timestamp> {
        Some(after(self.ends_at()?, self.scaled(self.script.artifacts_after)))
    }

    /// Whether the ProwJob is there.
    pub(crate) fn exists(&self, now: Timestamp) -> bool {
        let vanished = self
            .script
            .vanishes_after
            .is_some_and(|time| now >= after(self.created(), self.scaled(time)));
        now >= self.created() && !vanished && self.gone.is_none_or(|at| now < at)
    }

    /// The build id of the n-th pod, from 0.
    pub(crate) fn build_id(&self, pod: usize) -> String {
        // a snowflake as Prow's tot gives them: unique, and growing with time
        (2_094_357_209_625_399_296 + self.number * 4096 + pod as u64 * 128).to_string()
    }

    /// Path of a pod's artifacts within the bucket, without a final slash.
    pub(crate) fn prefix(&self, build_id: &str) -> String {
        format!("logs/{}/{build_id}", self.job)
    }

    /// Whether an object of this run can have a name that begins so; making all objects of all runs
    /// takes time.
    pub(crate) fn may_have(&self, prefix: &str, now: Timestamp, bucket: &str) -> bool {
        let within = |place: &str| place.starts_with(prefix) || prefix.starts_with(place);
        within(&format!("logs/{}/latest-build.txt", self.job))
            || (0..self.look(now, bucket).builds)
                .any(|pod| within(&format!("{}/", self.prefix(&self.build_id(pod)))))
    }

    /// The moments at which a pod was replaced, up to `now`.
    fn replacements(&self, now: Timestamp) -> usize {
        let scripted = self
            .script
            .new_build_after
            .map(|time| after(self.pending_at(), self.scaled(time)));
        scripted
            .iter()
            .chain(&self.replaced)
            .filter(|at| **at <= now && **at > self.pending_at())
            .count()
    }

    /// The run at this moment.
    pub(crate) fn look(&self, now: Timestamp, bucket: &str) -> Look {
        let script = &self.script;
        let triggered_at = after(self.created(), self.scaled(script.scheduling));
        let pending_at = self.pending_at();
        let ended = self.ends_at().filter(|at| *at <= now);
        let began = now >= pending_at && !(script.bare && script.ending == Ending::Error);
        let final_state = match script.ending {
            Ending::Success => State::Success,
            Ending::Failure => State::Failure,
            Ending::Aborted => State::Aborted,
            Ending::Error => State::Error,
            Ending::Never => State::Pending,
        };
        let triggered = Some("Job triggered.".to_owned());
        let (mut state, mut description, mut generation) = if ended.is_some() {
            (final_state, Some(script.final_description().to_owned()), 4)
        } else if began {
            (State::Pending, triggered, 3)
        } else if now >= triggered_at {
            (State::Triggered, triggered, 2)
        } else {
            (State::Scheduling, None, 1)
        };
        if let Some((at, forced, words)) = &self.forced
            && *at <= now
        {
            (state, description, generation) =
                (*forced, Some(words.clone()).filter(|words| !words.is_empty()), 5);
        }
        let bare = script.bare && ended.is_some();
        if bare && script.ending == Ending::Aborted {
            description = None;
        }
        let builds = if began && !bare { 1 + self.replacements(now) } else { 0 };
        let build_id = (builds > 0).then(|| self.build_id(builds - 1));
        let url = build_id.as_ref().map(|build| {
            format!("https://prow.ci.openshift.org/view/gs/{bucket}/{}", self.prefix(build))
        });
        Look {
            state,
            pending: began.then_some(pending_at),
            completed: ended.filter(|_| !(bare && script.ending == Ending::Aborted)),
            description,
            builds,
            build_id,
            url,
            generation: generation + builds.saturating_sub(1) as u64,
        }
    }

    /// The image that the launch asked for: the first override whose value has a digest.
    pub(crate) fn requested_image(&self) -> Option<&str> {
        let with_digest = |(name, value): (&String, &'_ String)| {
            value.contains("@sha256:") && name.contains("OVERRIDE")
        };
        self.envs
            .iter()
            .find(|(name, value)| with_digest((name, value)))
            .map(|(_, value)| value.as_str())
    }

    /// The test's name in ci-operator's configuration.
    pub(crate) fn test_as(&self) -> String {
        if let Some(name) = &self.script.test_as {
            return name.clone();
        }
        let job = &self.job;
        job.find("e2e-").map_or_else(
            || job.rsplit('-').next().unwrap_or(job).to_owned(),
            |at| job[at..].to_owned(),
        )
    }
}

/// A job's name as its label holds it: 63 characters, no `.`, `_`, `-` at the end.
pub(crate) fn label_of(job: &str) -> String {
    let cut: String = job.chars().take(63).collect();
    cut.trim_end_matches(['.', '_', '-']).to_owned()
}
