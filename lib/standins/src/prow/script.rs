//! What a Prow job will do when it is launched.

use std::time::Duration;

/// How a job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The pod ended with 0.
    Success,
    /// The pod ended with another code.
    Failure,
    /// Cancelled, or "Pod running timeout.".
    Aborted,
    /// Prow itself gave up: no pod, eviction, timeouts of scheduling.
    Error,
    /// It never ends.
    Never,
}

/// A phase of a multi-stage test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestPhase {
    /// Set-up.
    Pre,
    /// The tests.
    Test,
    /// Teardown.
    Post,
}

/// Which image the install log shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RanImage {
    /// The one that was asked for, if any was.
    Requested,
    /// Another one.
    Other(String),
    /// The log is there and names none: the override was ignored.
    None,
    /// There is no install log.
    NoLog,
}

/// The script of one launch of a job. Durations are gate time.
#[derive(Debug, Clone)]
pub struct JobScript {
    /// How it ends.
    pub ending: Ending,
    /// Time in SCHEDULING.
    pub scheduling: Duration,
    /// Time in TRIGGERED.
    pub triggered: Duration,
    /// Time in PENDING, until the end.
    pub running: Duration,
    /// Prow's words for the state at the end; its usual ones if none are given.
    pub description: Option<String>,
    /// ci-operator's reason, e.g. `executing_graph:step_failed:utilizing_lease:acquiring_lease`.
    pub reason: Option<String>,
    /// The phase that failed, as junit_operator.xml says; none where it got to no phase.
    pub failed_phase: Option<TestPhase>,
    /// Whether the multi-stage test began at all.
    pub began: bool,
    /// Whether the pod of the phase that failed was never started.
    pub pod_pending: bool,
    /// Tests that failed.
    pub failing: Vec<String>,
    /// Tests that failed first and passed then.
    pub flaky: Vec<String>,
    /// Failed tests that are marked `lifecycle="informing"`.
    pub informing: Vec<String>,
    /// Tests that passed.
    pub passing: Vec<String>,
    /// The image in the install log.
    pub ran_image: RanImage,
    /// Name of the test in ci-operator's configuration; taken from the job's name if none is given.
    pub test_as: Option<String>,
    /// After so long in PENDING the pod is replaced and the run has another build id.
    pub new_build_after: Option<Duration>,
    /// So long after its launch the ProwJob is removed.
    pub vanishes_after: Option<Duration>,
    /// So long after its launch was answered the ProwJob is there.
    pub appears_after: Duration,
    /// How long after the end the artifacts are in the bucket.
    pub artifacts_after: Duration,
    /// Whether anything is uploaded at the end at all.
    pub artifacts: bool,
    /// Whether ABORTED comes with a completion time and a URL.
    pub bare: bool,
    /// Gangway takes the launch and loses what it was given in `pod_spec_options`, as it does for a
    /// misspelt field.
    pub loses_options: bool,
    /// Objects that stand in the bucket instead of, or besides, the usual ones: path within the
    /// run, bytes.
    pub objects: Vec<(String, Vec<u8>)>,
    /// Objects that are missing, by path within the run; `*` stands for any text.
    pub missing: Vec<String>,
}

const MINUTE: u64 = 60;

impl JobScript {
    fn new(ending: Ending, running: Duration) -> Self {
        Self {
            ending,
            scheduling: Duration::from_secs(5),
            triggered: Duration::from_secs(25),
            running,
            description: None,
            reason: None,
            failed_phase: None,
            began: true,
            pod_pending: false,
            failing: Vec::new(),
            flaky: Vec::new(),
            informing: Vec::new(),
            passing: ["TestCreateCluster", "TestNodePool", "TestUpgradeControlPlane"]
                .map(String::from)
                .to_vec(),
            ran_image: RanImage::Requested,
            test_as: None,
            new_build_after: None,
            vanishes_after: None,
            appears_after: Duration::ZERO,
            artifacts_after: Duration::ZERO,
            artifacts: true,
            bare: false,
            loses_options: false,
            objects: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Passes after two hours.
    pub fn passes() -> Self {
        Self::new(Ending::Success, Duration::from_secs(120 * MINUTE))
    }

    /// The test phase fails with these tests, after two hours.
    pub fn fails(tests: &[&str]) -> Self {
        Self {
            reason: Some(
                "executing_graph:step_failed:utilizing_lease:executing_test:executing_multi_stage_test".into(),
            ),
            failed_phase: Some(TestPhase::Test),
            failing: tests.iter().map(|test| (*test).to_owned()).collect(),
            ..Self::new(Ending::Failure, Duration::from_secs(120 * MINUTE))
        }
    }

    /// The set-up fails after 40 minutes; no test ran.
    pub fn setup_fails() -> Self {
        Self {
            reason: Some(
                "executing_graph:step_failed:utilizing_lease:executing_test:executing_multi_stage_test".into(),
            ),
            failed_phase: Some(TestPhase::Pre),
            passing: Vec::new(),
            ..Self::new(Ending::Failure, Duration::from_secs(40 * MINUTE))
        }
    }

    /// All tests pass and the teardown fails.
    pub fn teardown_fails() -> Self {
        Self {
            reason: Some(
                "executing_graph:step_failed:utilizing_lease:executing_test:executing_multi_stage_test".into(),
            ),
            failed_phase: Some(TestPhase::Post),
            ..Self::new(Ending::Failure, Duration::from_secs(130 * MINUTE))
        }
    }

    /// Tests fail and the job ends well all the same, as steps do that are told to exit with 0.
    pub fn hides_failures(tests: &[&str]) -> Self {
        Self { failing: tests.iter().map(|test| (*test).to_owned()).collect(), ..Self::passes() }
    }

    /// The pod of the tests is not started within an hour: FAILURE in the test phase, and no test
    /// ran.
    pub fn pod_pending() -> Self {
        Self {
            reason: Some(
                "executing_graph:step_failed:utilizing_lease:executing_test:executing_multi_stage_test:pod_pending"
                    .into(),
            ),
            failed_phase: Some(TestPhase::Test),
            pod_pending: true,
            passing: Vec::new(),
            ..Self::new(Ending::Failure, Duration::from_secs(100 * MINUTE))
        }
    }

    /// No cluster lease is to be had: FAILURE after 45 minutes, before any test.
    pub fn no_lease() -> Self {
        Self {
            reason: Some("executing_graph:step_failed:utilizing_lease:acquiring_lease".into()),
            began: false,
            passing: Vec::new(),
            ran_image: RanImage::NoLog,
            ..Self::new(Ending::Failure, Duration::from_secs(45 * MINUTE))
        }
    }

    /// Prow gives up on the pod after half an hour: ERROR, without build id, URL and artifacts.
    pub fn never_starts() -> Self {
        Self {
            description: Some("Pod scheduling timeout.".into()),
            triggered: Duration::from_secs(30 * MINUTE),
            began: false,
            artifacts: false,
            bare: true,
            passing: Vec::new(),
            ..Self::new(Ending::Error, Duration::ZERO)
        }
    }

    /// Cancelled after an hour.
    pub fn aborted() -> Self {
        Self {
            ran_image: RanImage::NoLog,
            passing: Vec::new(),
            ..Self::new(Ending::Aborted, Duration::from_secs(60 * MINUTE))
        }
    }

    /// Runs for ever.
    pub fn never_ends() -> Self {
        Self::new(Ending::Never, Duration::from_secs(24 * 60 * MINUTE))
    }

    /// Sets the time in PENDING.
    #[must_use]
    pub fn running(mut self, running: Duration) -> Self {
        self.running = running;
        self
    }

    /// Sets the times in SCHEDULING and TRIGGERED.
    #[must_use]
    pub fn waiting(mut self, scheduling: Duration, triggered: Duration) -> Self {
        self.scheduling = scheduling;
        self.triggered = triggered;
        self
    }

    /// Sets the image that the install log shows.
    #[must_use]
    pub fn ran_image(mut self, image: RanImage) -> Self {
        self.ran_image = image;
        self
    }

    /// Gives the run another build id after so long in PENDING.
    #[must_use]
    pub fn new_build_after(mut self, running: Duration) -> Self {
        self.new_build_after = Some(running);
        self
    }

    /// Removes the ProwJob so long after its launch.
    #[must_use]
    pub fn vanishes_after(mut self, time: Duration) -> Self {
        self.vanishes_after = Some(time);
        self
    }

    /// Lets the ProwJob appear only so long after its launch, as when Gangway's API server is slow.
    #[must_use]
    pub fn appears_after(mut self, time: Duration) -> Self {
        self.appears_after = time;
        self
    }

    /// Uploads nothing at the end.
    #[must_use]
    pub fn without_artifacts(mut self) -> Self {
        self.artifacts = false;
        self
    }

    /// Loses `pod_spec_options`, as for a misspelt field.
    #[must_use]
    pub fn losing_options(mut self) -> Self {
        self.loses_options = true;
        self
    }

    /// Leaves out the objects that match, by path within the run.
    #[must_use]
    pub fn without(mut self, pattern: &str) -> Self {
        self.missing.push(pattern.to_owned());
        self
    }

    /// Puts these bytes at this path within the run.
    #[must_use]
    pub fn with(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.objects.push((path.to_owned(), bytes.into()));
        self
    }

    /// Prow's words for the final state.
    pub(crate) fn final_description(&self) -> &str {
        match (&self.description, &self.ending) {
            (Some(words), _) => words,
            (None, Ending::Success) => "Job succeeded.",
            (None, Ending::Failure) => "Job failed.",
            (None, Ending::Aborted) => "Aborted by trigger plugin. ",
            (None, Ending::Error) => "Pod got deleted unexpectedly",
            (None, Ending::Never) => "Job triggered.",
        }
    }
}
