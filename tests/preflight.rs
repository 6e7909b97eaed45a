//! `--check` of every step, as a black box: what it finds, what it asks, and that nothing changes.

use std::path::Path;

use rehearsal::document::{Document, ParamValue};
use rehearsal::run::Run;
use rehearsal::stage::Stage;
use rehearsal::task::TaskReport;
use rehearsal::{scenario, siblings};
use serde_json::{Value, json};
use standins::{Canned, Fault, Installed, Night, ScenarioScript, Server, Servers, Trouble, World};

use crate::support::{Dir, Output, Tool, binary};

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
        world.kube().scenario(&namespace, "gate-aro", ScenarioScript::default());
        world.kube().change("integrationtestscenarios", &namespace, "gate-aro", |scenario| {
            scenario["metadata"]["annotations"] = json!({
                "test.appstudio.openshift.io/pipeline_timeout": "7h",
                "test.appstudio.openshift.io/tasks_timeout": "6h",
                "test.appstudio.openshift.io/finally_timeout": "1h",
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
        Tool::new(name).args(["--check", "--kubeconfig"]).arg(self.dir.path("kubeconfig"))
    }

    fn prow(&self, name: &str) -> Tool {
        self.step(name)
            .args(["--gangway-url", &self.servers.gangway_url(), "--deck-url", &self.servers.deck_url()])
            .args(["--artifacts-url", &self.servers.artifacts_url(), "--gangway-token-file"])
            .arg(self.dir.path("token"))
    }

    fn launch(&self) -> Tool {
        self.prow("launch-prow")
            .args(["--record", "configmap:gate-check", "--image", &self.night.reference])
            .args(["--override-env", "OPERATOR_IMAGE"])
    }

    fn launch_all(&self) -> Tool {
        self.launch().args(["--blocking", &self.night.blocking, "--informing", &self.night.informing])
    }

    fn collect(&self) -> Tool {
        self.prow("collect-results").args(["--record", "configmap:gate-check", "--run-name", "run-1"])
    }

    fn notify(&self) -> Tool {
        self.step("notify-slack")
            .args(["--record", "configmap:gate-check", "--kubearchive-url", &self.servers.archive_url()])
            .arg("--slack-webhook-file")
            .arg(self.dir.path("webhook"))
    }

    fn trigger(&self) -> Tool {
        self.step("trigger-gate")
            .args(["--application", "hypershift-operator", "--component", "hypershift-operator-main"])
            .args(["--scenario", "gate-aro", "--release-plan", &self.night.plan, "--slack-webhook-file"])
            .arg(self.dir.path("webhook"))
    }

    fn staleness(&self) -> Tool {
        self.step("check-staleness")
            .args(["--release-plan", &self.night.plan, "--scenario", "gate-aro", "--gate-label", "ARO HCP"])
            .args(["--kubearchive-url", &self.servers.archive_url(), "--slack-webhook-file"])
            .arg(self.dir.path("webhook"))
    }

    /// The record that resolve-image and launch-prow begin, without a launch.
    fn record(&self, jobs: &[&str]) {
        let jobs: Vec<Value> =
            jobs.iter().map(|job| json!({"name": job, "class": "blocking", "override_env": ["X"]})).collect();
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
        self.world.kube().put(json!({"kind": "ConfigMap", "metadata": metadata, "data": data}));
    }

    fn recorded(&self) -> Value {
        let map = self.world.kube().get("configmaps", &self.namespace, "gate-check").unwrap();
        serde_json::from_str(map["data"]["record.json"].as_str().unwrap()).unwrap()
    }

    /// Everything that could have changed: requests that are no reads, without questions in the form of objects.
    fn changes(&self) -> Vec<String> {
        let requests = self.world.requests().into_iter();
        let harmless = |path: &str| path.contains("/selfsubject");
        let writes =
            requests.filter(|asked| !matches!(asked.method.as_str(), "GET" | "HEAD") && !harmless(&asked.path));
        let writes = writes.filter(|asked| asked.server != Server::Slack);
        writes.map(|asked| format!("{} {}", asked.method, asked.path)).collect()
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
    let shown: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let text = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    let checks = shown["checks"].as_array().unwrap_or_else(|| panic!("{output:?}"));
    let wanted = checks.iter().filter(|check| check["what"] == what);
    wanted.map(|check| (text(check, "result"), text(check, "detail"))).collect()
}

/// That nothing failed, and that these were looked at.
#[track_caller]
fn passes(output: &Output, whats: &[&str]) {
    assert_eq!(output.code, 0, "{output:?}");
    for what in whats {
        let found = of(output, what);
        assert!(!found.is_empty() && found.iter().all(|(result, _)| result == "passed"), "{what}: {output:?}");
    }
}

/// That this failed, with these words on stderr too.
#[track_caller]
fn fails(output: &Output, what: &str, words: &str) {
    assert_eq!(output.code, 1, "{output:?}");
    let found = of(output, what);
    let failed = found.iter().find(|(result, detail)| result == "failed" && detail.contains(words));
    assert!(failed.is_some(), "{what}: expected {words:?} in {output:?}");
    assert!(output.stderr.contains(words), "{}", output.stderr);
}

#[test]
fn launch_prow_finds_that_everything_is_there() {
    let tenant = Tenant::new();
    let output = tenant.launch_all().args(["--result-launched", tenant.dir.path("launched").to_str().unwrap()]).run();
    passes(&output, &["cluster", "rights", "record", "request", "gangway", "job", "deck", "artifacts"]);
    assert_eq!(of(&output, "job").len(), 3);
    assert!(of(&output, "cluster")[0].1.contains(standins::USER));
    assert_eq!(tenant.dir.read("launched"), "0");
    let gangway = tenant.world.requests_to(Server::Gangway);
    assert_eq!(gangway.len(), 1, "one request, whatever the number of jobs: {gangway:?}");
    tenant.unchanged();
}

#[test]
fn launch_prow_finds_a_name_that_prow_does_not_know() {
    let tenant = Tenant::new();
    let output = tenant.launch().args(["--blocking", r#"["periodic-ci-openshift-hypershift-main-e2e-asks"]"#]).run();
    fails(&output, "job", "periodic-ci-openshift-hypershift-main-e2e-asks: none of the executions");
    tenant.unchanged();
}

#[test]
fn launch_prow_finds_what_is_wrong_with_gangway() {
    let tenant = Tenant::new();
    tenant.world.prow().api_server(false);
    fails(&tenant.launch_all().run(), "gangway", "lists no execution at all");
    tenant.world.prow().api_server(true);
    tenant.world.prow().old_gangway(true);
    let old = tenant.launch_all().run();
    assert_eq!((old.code, of(&old, "gangway")[0].0.as_str()), (0, "unknown"), "{old:?}");
    tenant.world.prow().old_gangway(false);
    tenant.world.prow().revoke(&tenant.night.token);
    fails(&tenant.launch_all().run(), "gangway", "refused the token");
    std::fs::remove_file(tenant.dir.path("token")).unwrap();
    fails(&tenant.launch_all().run(), "token", "--gangway-token-file");
    tenant.unchanged();
}

#[test]
fn launch_prow_finds_what_collecting_would_stumble_over() {
    let tenant = Tenant::new();
    let jobs =
        |pattern: &str| format!("[{{name: periodic-ci-openshift-hypershift-main-e2e-aks, proof-log: {pattern}}}]");
    passes(&tenant.launch().args(["--jobs", &jobs(PROOF)]).run(), &["deck", "artifacts", "proof"]);
    let output = tenant.launch().args(["--jobs", &jobs("artifacts/*/install/build-log.txt")]).run();
    fails(&output, "proof", "fits artifacts/*/install/build-log.txt");
    tenant.world.fault(Fault::on(Server::Deck, Trouble::Html403));
    fails(&tenant.launch_all().run(), "deck", "Deck answered 403 with a page");
    tenant.world.clear_faults();
    tenant.world.fault(Fault::on(Server::Bucket, Trouble::StatusBefore(403)));
    fails(&tenant.launch_all().run(), "artifacts", "no access (403)");
    tenant.unchanged();
}

#[test]
fn a_record_of_another_image_and_a_missing_right_are_found() {
    let tenant = Tenant::new();
    tenant.record(&["periodic-other"]);
    fails(&tenant.launch_all().run(), "request", "gate-check");
    tenant.world.kube().deny("update", "configmaps");
    let output = tenant.launch_all().run();
    fails(&output, "rights", "may not update configmaps");
    assert!(output.stderr.contains("tekton/rbac"), "{}", output.stderr);
    tenant.unchanged();
}

#[test]
fn collect_results_looks_for_the_logs_that_are_to_prove() {
    let tenant = Tenant::new();
    let none = tenant.collect().args(["--proof-log", PROOF]).run();
    passes(&none, &["cluster", "rights", "record", "gangway", "deck", "artifacts"]);
    tenant.record(&["periodic-ci-openshift-hypershift-main-e2e-aks"]);
    let verdict = tenant.dir.path("verdict");
    let output_file = tenant.dir.path("output");
    let good = tenant.collect().args(["--proof-log", PROOF]);
    let good = good.arg("--result-verdict").arg(&verdict).arg("--result-test-output").arg(&output_file).run();
    passes(&good, &["job", "deck", "artifacts", "proof"]);
    assert_eq!(tenant.dir.read("verdict"), "undecided", "a check must never be taken for a pass");
    let test_output: Value = serde_json::from_str(&tenant.dir.read("output")).unwrap();
    assert_eq!((&test_output["result"], &test_output["failures"]), (&json!("ERROR"), &json!(1)));
    // Without a token, the record's own run is looked at.
    let execution = tenant.world.prow().launches()[0].id.clone();
    let mut record = tenant.recorded();
    let intent = json!({"key": "k", "written_at": "2026-08-20T03:00:00Z", "holder": "launch-prow"});
    // The second was aborted, and has nothing to show.
    record["jobs"][0]["attempts"] = json!([
        {"number": 1, "execution": execution, "state": "success", "intent": intent},
        {"number": 2, "execution": "aborted-and-gone", "state": "aborted", "intent": intent},
    ]);
    tenant.put(&record);
    let own = Tool::new("collect-results").args(["--check", "--record", "configmap:gate-check", "--proof-log", PROOF]);
    let own = own.args(["--deck-url", &tenant.servers.deck_url(), "--artifacts-url", &tenant.servers.artifacts_url()]);
    let own = own.arg("--kubeconfig").arg(tenant.dir.path("kubeconfig")).run();
    passes(&own, &["deck", "artifacts", "proof"]);
    assert_eq!(of(&own, "gangway")[0].0, "unknown");
    fails(&tenant.collect().args(["--proof-log", "artifacts/nothing.log"]).run(), "proof", "artifacts/nothing.log");
    tenant.world.kube().deny("get", "pipelineruns");
    let without = tenant.collect().run();
    assert!(
        of(&without, "rights").iter().any(|(result, _)| result == "unknown"),
        "the step goes on without: {without:?}"
    );
    assert_eq!(without.code, 0, "{without:?}");
    tenant.world.kube().deny("update", "configmaps");
    fails(&tenant.collect().run(), "rights", "may not update configmaps");
    tenant.unchanged();
}

#[test]
fn resolve_image_proves_the_image_and_keeps_no_record() {
    let tenant = Tenant::new();
    let resolve = || {
        tenant
            .step("resolve-image")
            .args(["--snapshot", &tenant.night.snapshot, "--component", "hypershift-operator-main"])
            .args(["--record", "configmap:gate-check"])
    };
    let output = resolve().run();
    passes(&output, &["cluster", "rights", "record", "snapshot", "registry"]);
    let shown: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(shown["image"], tenant.night.reference.as_str());
    fails(&resolve().args(["--require-platform", "linux/s390x"]).run(), "image", "linux/s390x");
    let misuse = resolve().args(["--offline", "--require-revision"]).run();
    assert_eq!(misuse.code, 2, "{misuse:?}");
    tenant.world.kube().deny("get", "snapshots");
    fails(&resolve().run(), "rights", "may not get snapshots");
    tenant.unchanged();
}

#[test]
fn create_release_shows_everything_in_one_table() {
    let tenant = Tenant::new();
    tenant.record(&[]);
    let check = || {
        tenant.step("create-release").args(["--record", "configmap:gate-check", "--release-plan", &tenant.night.plan])
    };
    let output = check().run();
    passes(&output, &["plan", "snapshot", "releases", "rights"]);
    assert!(output.stdout.starts_with(r#"{"release":"","released":"false","checks":["#), "{}", output.stdout);
    // The run's own account may not promote, and need not.
    tenant.world.kube().deny("create", "releases");
    let runner = check().run();
    assert_eq!((runner.code, of(&runner, "rights")[0].0.as_str()), (0, "unknown"), "{runner:?}");
    tenant.world.kube().change("releaseplans", &tenant.namespace, &tenant.night.plan, |plan| {
        plan["status"] = json!({});
    });
    fails(&check().run(), "plan", "is matched by no ReleasePlanAdmission");
    tenant.unchanged();
}

#[test]
fn notify_slack_finds_a_webhook_that_is_dead_and_posts_nothing() {
    let tenant = Tenant::new();
    let output = tenant.notify().run();
    passes(&output, &["slack", "cluster", "rights", "record"]);
    assert_eq!(of(&output, "kubearchive")[0].0, "unknown", "an archive that holds nothing proves nothing");
    tenant.world.archive().put(json!({"kind": "Release", "apiVersion": "appstudio.redhat.com/v1alpha1",
        "metadata": {"name": "r", "namespace": tenant.namespace, "uid": "1", "creationTimestamp": "2026-08-01T00:00:00Z"}}));
    passes(&tenant.notify().run(), &["kubearchive"]);
    let path = url_path(&tenant.servers.slack_url());
    tenant.world.slack().revoke(&path);
    let dead = tenant.notify().run();
    fails(&dead, "slack", "make a new one");
    assert!(!format!("{dead:?}").contains(&path), "{dead:?}");
    std::fs::remove_file(tenant.dir.path("webhook")).unwrap();
    fails(&tenant.notify().run(), "slack", "--slack-webhook-file");
    tenant.unchanged();
}

#[test]
fn a_bot_s_token_is_shown_to_slack() {
    let tenant = Tenant::new();
    tenant.dir.write("bot", "xoxb-easy-to-find");
    let check = || {
        Tool::new("notify-slack")
            .args(["--check", "--channel", "C0123", "--slack-api-url", &tenant.servers.url(Server::Slack)])
            .arg("--slack-token-file")
            .arg(tenant.dir.path("bot"))
            .run()
    };
    let says = |body: &str| {
        tenant.world.clear_faults();
        let canned = Canned {
            status: 200,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.into(),
        };
        tenant.world.fault(Fault::on(Server::Slack, Trouble::Answer(canned)).path("/auth.test"));
    };
    says(r#"{"ok":true,"team":"acme","user":"gate"}"#);
    passes(&check(), &["slack"]);
    says(r#"{"ok":false,"error":"invalid_auth"}"#);
    let refused = check();
    fails(&refused, "slack", "invalid_auth");
    assert!(!format!("{refused:?}").contains("easy-to-find"));
}

#[test]
fn trigger_gate_finds_scenario_plan_and_snapshot() {
    let tenant = Tenant::new();
    let output = tenant.trigger().run();
    passes(&output, &["cluster", "rights", "scenario", "plan", "snapshots", "slack"]);
    assert_eq!(of(&output, "rights").len(), 6);
    fails(
        &tenant.trigger().args(["--scenario", "gate-acme"]).run(),
        "scenario",
        "there is no IntegrationTestScenario gate-acme",
    );
    tenant.world.kube().deny("patch", "snapshots");
    tenant.world.kube().deny("get", "releaseplans");
    let denied = tenant.trigger().run();
    fails(&denied, "rights", "may not patch snapshots");
    assert_eq!(of(&denied, "plan")[0].0, "unknown");
    assert!(
        of(&denied, "rights").iter().any(|(result, detail)| result == "unknown" && detail.contains("releaseplans"))
    );
    tenant.world.kube().delete("snapshots", &tenant.namespace, &tenant.night.snapshot);
    fails(&tenant.trigger().run(), "snapshots", "none of 0 can be chosen");
    tenant.unchanged();
}

#[test]
fn trigger_gate_finds_what_integration_service_would_try_for_ever() {
    let tenant = Tenant::new();
    let change = |change: &dyn Fn(&mut Value)| {
        tenant
            .world
            .kube()
            .change("integrationtestscenarios", &tenant.namespace, "gate-aro", |scenario| change(scenario));
    };
    change(&|scenario| scenario["spec"]["params"][0]["value"] = json!(""));
    fails(&tenant.trigger().run(), "scenario", "parameter component is empty");
    change(&|scenario| {
        scenario["spec"]["params"][0]["value"] = json!("c");
        scenario["metadata"]["annotations"]
            .as_object_mut()
            .unwrap()
            .remove("test.appstudio.openshift.io/tasks_timeout");
    });
    fails(&tenant.trigger().run(), "scenario", "tasks_timeout is missing");
    tenant.world.kube().change("releaseplans", &tenant.namespace, &tenant.night.plan, |plan| {
        plan["metadata"]["labels"]["release.appstudio.openshift.io/auto-release"] = json!("true");
    });
    fails(&tenant.trigger().run(), "plan", "auto-release \"true\", expected \"false\"");
    tenant.unchanged();
}

#[test]
fn trouble_is_not_taken_for_a_right_that_is_missing() {
    let tenant = Tenant::new();
    let broken = |path: &str| {
        tenant.world.clear_faults();
        tenant.world.fault(Fault::on(Server::Kube, Trouble::StatusBefore(500)).path(path));
    };
    broken("/apis/authorization.k8s.io/*");
    fails(&tenant.staleness().run(), "rights", "to list releases");
    broken("/apis/appstudio.redhat.com/v1beta2/*");
    fails(&tenant.trigger().args(["--time-scale", "1000"]).run(), "scenario", "gate-aro");
}

#[test]
fn a_server_that_does_not_answer_is_asked_once() {
    let tenant = Tenant::new();
    let jobs: Vec<String> = serde_json::from_str(&tenant.night.blocking).unwrap();
    let jobs: Vec<String> = jobs.iter().map(|job| format!("{{name: {job}, proof-log: {PROOF}}}")).collect();
    tenant.world.fault(Fault::on(Server::Deck, Trouble::DropBefore));
    let output = tenant.launch().args(["--jobs", &format!("[{}]", jobs.join(", "))]).run();
    fails(&output, "deck", "Deck cannot be read");
    assert_eq!((of(&output, "deck").len(), tenant.world.requests_to(Server::Deck).len()), (1, 1), "{output:?}");
}

#[test]
fn the_account_that_promotes_needs_all_of_its_rights() {
    let tenant = Tenant::new();
    tenant.record(&[]);
    let check = || {
        tenant.step("create-release").args(["--record", "configmap:gate-check", "--release-plan", &tenant.night.plan])
    };
    tenant.world.kube().deny("watch", "releases");
    fails(&check().run(), "rights", "may not watch releases");
    tenant.world.kube().allow_all();
    // What cannot be seen does not speak for a Release either.
    tenant.world.kube().deny("get", "snapshots");
    tenant.world.kube().deny("create", "releases");
    let blind = check().run();
    assert_eq!((blind.code, of(&blind, "releases")[0].0.as_str()), (0, "unknown"), "{blind:?}");
    tenant.unchanged();
}

#[test]
fn check_staleness_finds_what_would_make_it_blind() {
    let tenant = Tenant::new();
    passes(&tenant.staleness().run(), &["cluster", "rights", "plan", "slack"]);
    tenant.world.fault(Fault::on(Server::Archive, Trouble::StatusBefore(401)));
    fails(&tenant.staleness().run(), "kubearchive", "KubeArchive refuses (401");
    tenant.world.clear_faults();
    tenant.world.kube().deny("delete", "configmaps");
    fails(&tenant.staleness().run(), "rights", "may not delete configmaps");
    tenant.world.kube().delete("releaseplans", &tenant.namespace, &tenant.night.plan);
    fails(&tenant.staleness().run(), "plan", "there is no ReleasePlan");
    tenant.unchanged();
}

#[test]
fn a_cluster_that_does_not_answer_is_one_line_of_the_table() {
    let tenant = Tenant::new();
    tenant.world.kube().user("somebody-else", "somebody");
    let output = tenant.trigger().run();
    fails(&output, "cluster", "Unauthorized");
    assert_eq!(of(&output, "rights"), [], "nothing follows from a question that was not answered");
}

fn url_path(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1;
    format!("/{}", rest.split_once('/').unwrap().1)
}

/// The shipped pipeline with `--check` as the last argument of every step: a night's whole way, with
/// nothing launched, promoted or posted at its end.
#[tokio::test]
async fn the_whole_pipeline_can_be_checked() {
    let stage = Stage::set(&scenario::named("pass").unwrap(), 1, 1).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tekton/pipelines/ho-release-gate.yaml");
    let document = Document::parse(&std::fs::read_to_string(path).unwrap(), "ho-release-gate.yaml").unwrap();
    let mut request = stage.request();
    for name in ["launch-args", "collect-args", "release-args", "notify-args"] {
        request.params.insert(name.into(), ParamValue::Array(vec!["--check".into()]));
    }
    let dir = Dir::new();
    let binaries = siblings::names(document.spec()).unwrap();
    let programs = binary("resolve-image").parent().unwrap().to_owned();
    let laptop = stage.laptop(programs, &dir.path(""), &binaries).unwrap();
    let report = Run::new(document.spec(), None, &request, laptop).unwrap().run(|_| ()).await.unwrap();
    let said = |task: &TaskReport| std::fs::read_to_string(&task.tries[0].steps[0].stdout).unwrap();
    assert!(report.succeeded, "{:?} {:?}", report.problems, report.tasks.values().map(said).collect::<Vec<_>>());
    assert_eq!(report.results["verdict"], "undecided");
    for task in ["launch-prow", "collect-results", "create-release", "notify-slack"] {
        assert!(said(&report.tasks[task]).contains("\"checks\":["), "{task}");
    }
    let launches = stage.world.prow().launches();
    assert!(launches.iter().all(|launch| launch.at < stage.world.born()), "those that were there before: {launches:?}");
    assert_eq!((stage.world.kube().releases(), stage.world.slack().messages()), (vec![], vec![]));
    let record: Value = serde_json::from_str(&stage.record().unwrap()).unwrap();
    assert!(record["verdict"].is_null() && record["jobs"].as_array().is_none_or(Vec::is_empty), "{record}");
}
