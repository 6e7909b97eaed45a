//! The one Prow: where it is, its ProwJobs, and what can be done to it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use serde_json::{Value, json};

use crate::field::Services;
use crate::http::{Request, status};
use crate::kubectl::Kubectl;

/// Gangway without TLS, from this machine.
pub const GANGWAY: &str = "127.0.0.1:32001";

/// The bucket that Prow writes to.
pub const BUCKET: &str = "test-platform-results-public";

/// A job of a short name.
pub const SHORT: &str = "periodic-short";

/// A job whose name is exactly as long as its label may be.
pub const AKS: &str = "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-aks";

/// A job whose label is cut before a dash, so that it is even shorter.
pub const CONFORMANCE: &str =
    "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-v2-aws-conformance";

/// A job that Deck does not show in its lists.
pub const HIDDEN: &str = "periodic-hidden";

/// A job of a tenant that Gangway does not let in.
pub const FOREIGN: &str = "periodic-of-another-tenant";

/// Four jobs with the same label.
pub const ALIKE: [&str; 4] = [
    "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks",
    "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks-override",
    "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks-multi-x-ax",
    "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks-external-oidc-techpreview",
];

fn needed(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; .ci/prow-tests says what it is"))
}

/// Gangway, Envoy, Deck and the bucket, as the command in `GATE_TEST_GANGWAY` runs them.
#[derive(Debug, Clone)]
pub struct Prow {
    /// kubectl where the ProwJobs are.
    pub kubectl: Kubectl,
    command: PathBuf,
    processes: PathBuf,
}

impl Prow {
    /// What runs here. The first test starts what does not run yet; later ones leave it as it is,
    /// since they may have changed it.
    pub fn here() -> Self {
        static UP: Once = Once::new();
        let (command, processes) =
            (needed("GATE_TEST_GANGWAY").into(), needed("GATE_TEST_GANGWAY_RUN").into());
        let prow = Self { kubectl: Kubectl::new("prow-gate"), command, processes };
        UP.call_once(|| prow.up(&[]));
        prow
    }

    /// Starts what does not run, or all of it again with other arguments.
    pub fn up(&self, arguments: &[&str]) {
        self.command(&[&["up"], arguments].concat());
    }

    /// Runs Gangway with other arguments until the guard is dropped.
    pub fn up_with(&self, arguments: &[&str]) -> Guard {
        self.up(arguments);
        let prow = self.clone();
        Guard::new(move || prow.up(&[]))
    }

    /// Puts every file below a folder into the bucket, stored as OpenShift stores them.
    pub fn put(&self, folder: &Path) {
        self.command(&["put", &folder.display().to_string()]);
    }

    fn command(&self, arguments: &[&str]) {
        let output = Command::new(&self.command).args(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {arguments:?}: {stderr}", self.command.display());
    }

    /// Where pods find it.
    pub fn for_pods(&self) -> Services {
        Services {
            gangway: "https://gangway.host.test:32443".to_owned(),
            deck: "https://deck.host.test:32444".to_owned(),
            artifacts: "https://bucket.host.test:32445".to_owned(),
            authority: self.processes.join("pki/ca.crt"),
        }
    }

    fn process(&self, name: &str) -> String {
        let file = self.processes.join(format!("{name}.pid"));
        let id = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        id.trim().to_owned()
    }

    /// Sends a signal to Gangway.
    pub fn signal_gangway(&self, signal: &str) {
        let status = Command::new("kill")
            .args([&format!("-{signal}"), &self.process("gangway")])
            .status();
        assert!(status.unwrap().success(), "kill -{signal}");
    }

    /// Takes the API server away from Deck until the guard is dropped.
    pub fn blind_deck(&self) -> Guard {
        let deck = self.process("gangway-deck");
        let rule = move |arguments: &[&str]| {
            let status = Command::new("nsenter")
                .args(["-n", "-t", &deck, "iptables"])
                .args(arguments)
                .status();
            assert!(status.unwrap().success(), "iptables {arguments:?}");
        };
        let reset = ["--dport", "6443", "-j", "REJECT", "--reject-with", "tcp-reset"];
        rule(&[&["-I", "OUTPUT", "-p", "tcp"], &reset[..]].concat());
        Guard::new(move || rule(&["-F", "OUTPUT"]))
    }

    /// The ProwJobs that carry the PipelineRun `id` in their annotations: everything ever launched
    /// for it, whatever its record says. The oldest first.
    pub fn runs_of(&self, id: &str) -> Vec<Value> {
        let mut runs = self.kubectl.list("prowjobs");
        let ours = |run: &Value| {
            run["metadata"]["annotations"]["release-gate/pipelinerun"]
                .as_str()
                .map(str::to_owned)
        };
        runs.retain(|run| ours(run).is_some_and(|name| name.ends_with(&format!("/{id}"))));
        runs.sort_by_key(|run| text(run, "/metadata/creationTimestamp").to_owned());
        runs
    }

    /// Orders a run as anybody else's would be: the night's cron, or another team. Returns its id.
    pub fn order_foreign(&self, job: &str) -> String {
        let order = json!({"job_name": job, "job_execution_type": "1"}).to_string();
        let answer = Request::post("/v1/executions", &order).answer_of(GANGWAY).unwrap();
        let said = String::from_utf8_lossy(&answer);
        assert_eq!(status(&answer), 200, "{said}");
        let body: Value =
            serde_json::from_str(&said[said.find('{').unwrap()..=said.rfind('}').unwrap()])
                .unwrap();
        text(&body, "/id").to_owned()
    }

    /// Runs a ProwJob again as a person does with Deck's button: everything is copied but its name
    /// and state, the key as well. Returns its id.
    pub fn rerun(&self, run: &Value) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        let mut labels = run["metadata"]["labels"].clone();
        labels["prow.k8s.io/id"] = json!(id);
        self.kubectl.create(&json!({
            "apiVersion": "prow.k8s.io/v1", "kind": "ProwJob",
            "metadata": {"name": id, "labels": labels, "annotations": run["metadata"]["annotations"]},
            "spec": run["spec"],
            "status": {"state": "triggered", "startTime": format!("{:.0}", jiff::Timestamp::now())},
        }));
        id
    }

    /// Removes runs, as Prow does after a day.
    pub fn remove(&self, ids: &[String]) {
        if !ids.is_empty() {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            self.kubectl.run(
                &[&["delete", "prowjob", "--ignore-not-found", "--wait=false"], &ids[..]].concat(),
            );
        }
    }
}

/// Puts something right again when it is dropped.
pub struct Guard(Box<dyn Fn() + Send + Sync>);

impl Guard {
    /// Does that when it is dropped.
    pub fn new(undo: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Box::new(undo))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The text at a place of a document, or nothing.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A run's id.
pub fn id_of(run: &Value) -> &str {
    text(run, "/metadata/name")
}

/// The job of a run.
pub fn job_of(run: &Value) -> &str {
    text(run, "/spec/job")
}
