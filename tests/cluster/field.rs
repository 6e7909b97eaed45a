//! One test's ground: a namespace with the shipped accounts, and the stand-in servers where pods
//! reach them.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use standins::{Installed, Night, ServeOptions, Server, Servers, World};

use crate::authority::{self, certificate_for};
use crate::kubectl::Kubectl;

/// Gate seconds in a second: a job of two hours runs for twelve seconds.
pub const SCALE: u32 = 600;

/// The scenario's name, as the platform's overlay would give it.
pub const SCENARIO: &str = "ho-release-gate-aro-hcp";

/// A variable that the tests need; `.ci/cluster-tests` says what each is.
pub fn needed(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; .ci/cluster-tests says what it is"))
}

/// Where the steps find Prow.
#[derive(Debug, Clone)]
pub struct Services {
    /// Gangway's base URL.
    pub gangway: String,
    /// Deck's.
    pub deck: String,
    /// The bucket's.
    pub artifacts: String,
    /// A PEM file with the authority of their certificates.
    pub authority: PathBuf,
}

/// A namespace, the stand-ins, and what was put into both.
pub struct Field {
    /// kubectl in the namespace.
    pub kubectl: Kubectl,
    /// The stand-ins' state.
    pub world: World,
    /// Where the stand-ins are.
    pub servers: Servers,
    /// What they were given.
    pub night: Installed,
    prow: Services,
    folder: tempfile::TempDir,
}

impl Field {
    /// A ground of its own for the test of that name, with everything that a tenant would prepare.
    pub fn new(name: &str, night: &Night) -> Self {
        Self::with_prow(name, night, None)
    }

    /// The same, with another Prow than the stand-ins', if one is given.
    pub fn with_prow(name: &str, night: &Night, prow: Option<Services>) -> Self {
        let host = needed("GATE_TEST_HOST");
        let folder = tempfile::tempdir().unwrap();
        let tls = certificate_for(&host, folder.path());
        let world = World::builder().time_scale(SCALE).build();
        let options = ServeOptions {
            address: host.parse().expect("GATE_TEST_HOST is an IP address"),
            tls: Server::ALL.into_iter().map(|server| (server, tls.clone())).collect(),
            ..ServeOptions::default()
        };
        let servers = world.serve_with(&options).unwrap();
        let installed = night.install(&world, &servers.registry_host());
        let suffix = uuid::Uuid::new_v4().simple().to_string();
        let kubectl = Kubectl::new(format!("gate-{name}-{}", &suffix[..6]));
        let prow = prow.unwrap_or_else(|| Services {
            gangway: servers.gangway_url(),
            deck: servers.deck_url(),
            artifacts: servers.artifacts_url(),
            authority: folder.path().join(authority::CA),
        });
        let field = Self { kubectl, world, servers, night: installed, prow, folder };
        field.prepare(&night.token);
        field
    }

    fn prepare(&self, token: &str) {
        let namespace = self.kubectl.namespace();
        // The strictest of Kubernetes' own pod standards: the shipped steps must be admitted under
        // it.
        self.kubectl.create(
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}),
        );
        self.kubectl.run(&["apply", "-k", &repository("tekton/rbac")]);
        self.secret("gangway-token", "token", token);
        self.secret("slack-webhook", "url", &self.servers.slack_url());
        let read = |path: &Path| {
            std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        };
        let (ca, prow_ca) = (read(Path::new(&self.ca_file())), read(&self.prow.authority));
        self.kubectl.create(
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "trusted-ca"},
            "data": {"ca-bundle.crt": ca, "prow.crt": prow_ca}}),
        );
        let mut snapshot = self.night.snapshot_object.clone();
        for made_by_server in
            ["namespace", "uid", "resourceVersion", "creationTimestamp", "generation"]
        {
            snapshot["metadata"].as_object_mut().unwrap().remove(made_by_server);
        }
        self.kubectl.create(&snapshot);
        self.plan(&self.night.plan, true);
    }

    /// The stand-ins' certificate authority.
    pub fn ca_file(&self) -> String {
        self.folder.path().join(authority::CA).display().to_string()
    }

    /// Makes a Secret of one key.
    pub fn secret(&self, name: &str, key: &str, value: &str) {
        self.kubectl.create(
            &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: value}}),
        );
    }

    /// Makes a ReleasePlan, matched by an active admission or by none.
    pub fn plan(&self, name: &str, matched: bool) {
        self.kubectl.create(&json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "ReleasePlan",
            "metadata": {"name": name, "labels": {"release.appstudio.openshift.io/auto-release": "false"}},
            "spec": {"application": "hypershift-operator", "target": "managed"}}));
        let (status, reason) = if matched { ("True", "Matched") } else { ("False", "Matched") };
        let mut patch = json!({"status": {"conditions": [{"type": "Matched", "status": status, "reason": reason, "message": "",
            "lastTransitionTime": "2026-08-20T03:00:00Z"}]}});
        if matched {
            patch["status"]["releasePlanAdmission"] =
                json!({"name": "managed/verified", "active": true});
        }
        self.kubectl.patch("releaseplan", name, &patch, Some("status"));
    }

    /// The parameters that an IntegrationTestScenario would give, without SNAPSHOT.
    pub fn parameters(&self) -> Vec<Value> {
        let text = |name: &str, value: &str| json!({"name": name, "value": value});
        let scale = SCALE.to_string();
        let switches = |name: &str| json!({"name": name, "value": ["--time-scale", scale]});
        vec![
            text("release-plan-name", &self.night.plan),
            text("e2e-blocking-job-names", &self.night.blocking),
            text("e2e-informing-job-names", &self.night.informing),
            text("gangway-url", &self.prow.gangway),
            text("deck-url", &self.prow.deck),
            text("artifacts-url", &self.prow.artifacts),
            text("image", &needed("GATE_TEST_IMAGE")),
            switches("launch-args"),
            switches("collect-args"),
            switches("release-args"),
            switches("notify-args"),
            switches("attest-args"),
        ]
    }

    /// A folder of the test's own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether an account may do something, as the API server judges it.
    pub fn can(&self, account: &str, verb: &str, resource: &str) -> bool {
        let account = format!("--as=system:serviceaccount:{}:{account}", self.kubectl.namespace());
        let Output { status, .. } = self
            .kubectl
            .try_run(&["auth", "can-i", verb, resource, &account, "--quiet"]);
        status.success()
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for what in ["pipelineruns", "taskruns", "pods", "configmaps", "releases", "events"] {
                let output = self.kubectl.try_run(&["get", what, "-o", "wide"]);
                eprintln!("{what}:\n{}", String::from_utf8_lossy(&output.stdout));
            }
            let logs = self.kubectl.try_run(&[
                "logs",
                "-l",
                "app.kubernetes.io/managed-by=tekton-pipelines",
                "--all-containers",
                "--prefix",
                "--tail=20",
            ]);
            eprintln!("{}", String::from_utf8_lossy(&logs.stdout));
        }
        if std::env::var_os("GATE_TEST_KEEP").is_none() {
            self.kubectl.try_run(&[
                "delete",
                "namespace",
                self.kubectl.namespace(),
                "--wait=false",
            ]);
        }
    }
}

/// A file of this repository.
pub fn repository(path: &str) -> String {
    xtask::repository(path).display().to_string()
}
