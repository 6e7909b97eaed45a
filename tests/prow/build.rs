//! One build of a run: its folder in the bucket and the states that Prow gives the ProwJob.

use serde_json::{Value, json};

use crate::prow::{BUCKET, Prow, id_of, job_of, text};

/// The test that every job runs.
const TEST: &str = "e2e-aks";

/// How a build ends.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    /// All is well, and the log of the installation shows the image that was asked for.
    Passed,
    /// These tests fail.
    Failed(&'static [&'static str]),
    /// Prow could not run it: there is a state with these words and nothing in the bucket.
    Error(&'static str),
}

/// A build that was begun.
pub struct Build<'a> {
    prow: &'a Prow,
    run: Value,
    number: String,
}

impl<'a> Build<'a> {
    /// Gives a run a pod: pending, with a build id and a URL, and the files of the beginning.
    pub fn begin(prow: &'a Prow, run: &Value) -> Self {
        // As long as a real one, and larger each time.
        let number = format!("{:019}", jiff::Timestamp::now().as_nanosecond() % 10_i128.pow(19));
        let build = Self { prow, run: run.clone(), number };
        let now = jiff::Timestamp::now();
        build
            .put(&[("started.json", json!({"timestamp": now.as_second()}).to_string())], "pending");
        build.patch(json!({"state": "pending", "pendingTime": seconds(now), "description": "Job triggered."}));
        build
    }

    /// Ends it: the files first, then the state.
    pub fn end(&self, ending: Ending) {
        let now = seconds(jiff::Timestamp::now());
        match ending {
            Ending::Passed | Ending::Failed(_) => {
                let state = self.upload_end(ending);
                self.patch(json!({"state": state, "completionTime": now, "description": format!("Job {state}.")}));
            }
            Ending::Error(words) => {
                self.patch(json!({"state": "error", "completionTime": now, "description": words}));
            }
        }
    }

    /// Puts the files of the end into the bucket, and leaves the ProwJob as it is; returns the
    /// state.
    pub fn upload_end(&self, ending: Ending) -> &'static str {
        let failing = if let Ending::Failed(tests) = ending { tests } else { &[] };
        let (state, result) =
            if failing.is_empty() { ("success", "SUCCESS") } else { ("failure", "FAILURE") };
        let finished = json!({"timestamp": jiff::Timestamp::now().as_second(), "passed": failing.is_empty(),
            "metadata": {}, "result": result});
        let install = format!("WARNING: Overriding OPERATOR_IMAGE\n  Override: {}\n", self.image());
        let files = [
            ("finished.json", finished.to_string()),
            (
                "build-log.txt",
                format!("INFO[2026-08-20T03:00:00Z] Running multi-stage test {TEST}\n"),
            ),
            ("artifacts/junit_operator.xml", operator(failing)),
            ("artifacts/e2e-aks/hypershift-install/build-log.txt", install),
            ("artifacts/e2e-aks/hypershift-azure-run-e2e/artifacts/junit.xml", junit(failing)),
        ];
        self.put(&files, state);
        state
    }

    /// The image that the run was given.
    fn image(&self) -> String {
        let variables = self.run["spec"]["pod_spec"]["containers"][0]["env"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let image = variables
            .iter()
            .map(|variable| text(variable, "/value"))
            .find(|value| value.contains("@sha256:"));
        image.unwrap_or_default().to_owned()
    }

    fn folder(&self) -> String {
        format!("logs/{}/{}", job_of(&self.run), self.number)
    }

    fn url(&self) -> String {
        format!("https://prow.ci.openshift.org/view/gs/{BUCKET}/{}", self.folder())
    }

    fn status(&self, mut status: Value) -> Value {
        status["build_id"] = json!(self.number);
        status["url"] = json!(self.url());
        status["pod_name"] = json!(id_of(&self.run));
        status
    }

    fn patch(&self, status: Value) {
        self.prow.kubectl.patch(
            "prowjob",
            id_of(&self.run),
            &json!({"status": self.status(status)}),
            None,
        );
    }

    /// Puts files into the run's folder, and its prowjob.json in that state.
    fn put(&self, files: &[(&str, String)], state: &str) {
        let folder = tempfile::tempdir().unwrap();
        let mut run = self.run.clone();
        let now = seconds(jiff::Timestamp::now());
        let mut status =
            json!({"state": state, "startTime": run["status"]["startTime"], "pendingTime": now});
        if state != "pending" {
            status["completionTime"] = json!(now);
        }
        run["status"] = self.status(status);
        let files = files.iter().map(|(name, text)| (*name, text.clone()));
        for (name, text) in files.chain([("prowjob.json", run.to_string())]) {
            let path = folder.path().join(self.folder()).join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.prow.put(folder.path());
    }
}

fn seconds(time: jiff::Timestamp) -> String {
    format!("{time:.0}")
}

/// The phases as ci-operator reports them.
fn operator(failing: &[&str]) -> String {
    let case = |name: &str, fails: bool| {
        let failure = if fails { "<failure message=\"\">failed</failure>" } else { "" };
        format!("<testcase name=\"{name}\" time=\"61.5\">{failure}</testcase>\n")
    };
    let cases = [
        case("Run multi-stage test pre phase", false),
        case(
            &format!(
                "Run multi-stage test {TEST} - {TEST}-hypershift-azure-run-e2e container test"
            ),
            !failing.is_empty(),
        ),
        case("Run multi-stage test test phase", !failing.is_empty()),
        case("Run multi-stage test post phase", false),
    ];
    format!(
        "<testsuites><testsuite name=\"step graph\">\n{}</testsuite></testsuites>",
        cases.concat()
    )
}

/// The tests' own report.
fn junit(failing: &[&str]) -> String {
    let cases: String = failing
        .iter()
        .map(|name| format!("<testcase name=\"{name}\"><failure message=\"Failed\">timed out</failure></testcase>\n"))
        .collect();
    format!(
        "<testsuites><testsuite name=\"e2e\">\n<testcase name=\"TestCreateCluster\"/>\n{cases}</testsuite></testsuites>"
    )
}
