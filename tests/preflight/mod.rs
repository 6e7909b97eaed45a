//! `--check` of every step, as a black box: what it finds, what it asks, and that nothing changes.

mod konflux;
mod pipeline;
mod prow;
mod speakers;

use serde_json::{Value, json};
use standins::{Installed, Night, ScenarioScript, Server, Servers, World};

use crate::support::{Dir, Output, Tool};

const PROOF: &str = "artifacts/*/hypershift-install/build-log.txt";

/// A tenant whose gate could begin: everything is there, and every job has run before.
struct Tenant {
    world: World,
    servers: Servers,
    night: Installed,
    namespace: String,
    dir: Dir,
}

impl Tenant {
    fn new() -> Self {
        let world = World::default();
        let night = Night::aro_hcp();
        let namespace = night.namespace.clone();
        let servers = world.serve().unwrap();
        let installed = night.install(&world, &servers.registry_host());
        for (job, _) in night.blocking.iter().chain(&night.informing) {
            world.prow().ran_yesterday(job);
        }
        world
            .kube()
            .scenario(&namespace, "gate-aro", ScenarioScript::default());
        world.kube().change("integrationtestscenarios", &namespace, "gate-aro", |scenario| {
            scenario["metadata"]["annotations"] = json!({
                "test.appstudio.openshift.io/pipeline_timeout": "7h15m",
                "test.appstudio.openshift.io/tasks_timeout": "6h",
                "test.appstudio.openshift.io/finally_timeout": "1h15m",
            });
            scenario["spec"]["params"] =
                json!([{"name": "component", "value": "c"}, {"name": "launch-args", "values": ["x"]}]);
        });
        let dir = Dir::new();
        servers.write_kubeconfig(&dir.path("kubeconfig"), &namespace).unwrap();
        dir.write("token", &installed.token);
        dir.write("webhook", servers.slack_url());
        Self { world, servers, night: installed, namespace, dir }
    }

    /// A step with `--check` and a cluster.
    fn step(&self, name: &str) -> Tool {
        Tool::new(name)
            .args(["--check", "--kubeconfig"])
            .arg(self.dir.path("kubeconfig"))
    }

    fn prow(&self, name: &str) -> Tool {
        self.step(name)
            .args([
                "--gangway-url",
                &self.servers.gangway_url(),
                "--deck-url",
                &self.servers.deck_url(),
            ])
            .args(["--artifacts-url", &self.servers.artifacts_url(), "--gangway-token-file"])
            .arg(self.dir.path("token"))
    }

    fn launch(&self) -> Tool {
        self.prow("launch-prow")
            .args(["--record", "configmap:gate-check", "--image", &self.night.reference])
            .args(["--override-env", "OPERATOR_IMAGE"])
    }

    fn launch_all(&self) -> Tool {
        self.launch().args([
            "--blocking",
            &self.night.blocking,
            "--informing",
            &self.night.informing,
        ])
    }

    fn collect(&self) -> Tool {
        self.prow("collect-results").args([
            "--record",
            "configmap:gate-check",
            "--run-name",
            "run-1",
        ])
    }

    fn promote(&self) -> Tool {
        let record = ["--record", "configmap:gate-check", "--release-plan", &self.night.plan];
        self.step("create-release").args(record)
    }

    fn notify(&self) -> Tool {
        self.step("notify-slack")
            .args([
                "--record",
                "configmap:gate-check",
                "--kubearchive-url",
                &self.servers.archive_url(),
            ])
            .arg("--slack-webhook-file")
            .arg(self.dir.path("webhook"))
    }

    fn trigger(&self) -> Tool {
        self.step("trigger-gate")
            .args([
                "--application",
                "hypershift-operator",
                "--component",
                "hypershift-operator-main",
            ])
            .args([
                "--scenario",
                "gate-aro",
                "--release-plan",
                &self.night.plan,
                "--slack-webhook-file",
            ])
            .arg(self.dir.path("webhook"))
    }

    fn staleness(&self) -> Tool {
        self.step("check-staleness")
            .args([
                "--release-plan",
                &self.night.plan,
                "--scenario",
                "gate-aro",
                "--gate-label",
                "ARO HCP",
            ])
            .args(["--kubearchive-url", &self.servers.archive_url(), "--slack-webhook-file"])
            .arg(self.dir.path("webhook"))
    }

    /// The record that resolve-image and launch-prow begin, without a launch.
    fn record(&self, jobs: &[&str]) {
        let jobs: Vec<Value> = jobs
            .iter()
            .map(|job| json!({"name": job, "class": "blocking", "override_env": ["X"]}))
            .collect();
        let digest = self.night.reference.split_once('@').unwrap().1;
        let record = json!({
            "schema_version": 1, "kind": "gate", "id": "uid",
            "created_at": "2026-08-20T03:00:00Z", "updated_at": "2026-08-20T03:00:00Z",
            "candidate": {"image": self.night.reference, "digest": digest, "snapshot": self.night.snapshot,
                "component": "hypershift-operator-main"},
            "jobs": jobs,
        });
        self.put(&record);
    }

    fn put(&self, record: &Value) {
        let data = json!({"record.json": record.to_string()});
        let metadata = json!({"name": "gate-check", "namespace": self.namespace});
        self.world
            .kube()
            .put(json!({"kind": "ConfigMap", "metadata": metadata, "data": data}));
    }

    fn recorded(&self) -> Value {
        let map = self
            .world
            .kube()
            .get("configmaps", &self.namespace, "gate-check")
            .unwrap();
        serde_json::from_str(map["data"]["record.json"].as_str().unwrap()).unwrap()
    }

    /// Everything that could have changed: requests that are no reads, without questions in the
    /// form of objects.
    fn changes(&self) -> Vec<String> {
        let requests = self.world.requests().into_iter();
        let harmless = |path: &str| path.contains("/selfsubject");
        let writes = requests.filter(|asked| {
            !matches!(asked.method.as_str(), "GET" | "HEAD") && !harmless(&asked.path)
        });
        let writes = writes.filter(|asked| asked.server != Server::Slack);
        writes
            .map(|asked| format!("{} {}", asked.method, asked.path))
            .collect()
    }

    /// Nothing is changed but the record, which is bound to the plan that stood the check.
    #[track_caller]
    fn bound(&self) {
        assert_eq!(
            self.changes(),
            ["PUT /api/v1/namespaces/konflux-tenant/configmaps/gate-check?"]
        );
    }

    #[track_caller]
    fn unchanged(&self) {
        assert_eq!(self.changes(), [""; 0]);
        assert_eq!(self.world.slack().messages(), []);
        assert_eq!(self.world.prow().launches().len(), 3, "only those that were there before");
    }
}

/// What a check found.
fn of(output: &Output, what: &str) -> Vec<(String, String)> {
    let shown: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let text = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    let checks = shown["checks"].as_array().unwrap_or_else(|| panic!("{output:?}"));
    let wanted = checks.iter().filter(|check| check["what"] == what);
    wanted
        .map(|check| (text(check, "result"), text(check, "detail")))
        .collect()
}

/// That nothing failed, and that these were looked at.
#[track_caller]
fn passes(output: &Output, whats: &[&str]) {
    assert_eq!(output.code, 0, "{output:?}");
    for what in whats {
        let found = of(output, what);
        assert!(
            !found.is_empty() && found.iter().all(|(result, _)| result == "passed"),
            "{what}: {output:?}"
        );
    }
}

/// That this failed, with these words on stderr too.
#[track_caller]
fn fails(output: &Output, what: &str, words: &str) {
    assert_eq!(output.code, 1, "{output:?}");
    let found = of(output, what);
    let failed = found
        .iter()
        .find(|(result, detail)| result == "failed" && detail.contains(words));
    assert!(failed.is_some(), "{what}: expected {words:?} in {output:?}");
    assert!(output.stderr.contains(words), "{}", output.stderr);
}
