//! trigger-gate as a black box, against an API server on which integration-service is played.

use std::time::Duration;

use serde_json::{Value, json};
use standins::{Fault, Nth, ScenarioScript, Server, Servers, Trouble, World};

use crate::support::{Dir, Output, Tool};

const NS: &str = "tenant";
const RUN: &str = "test.appstudio.openshift.io/run";
const ID: &str = "custom.appstudio.openshift.io/gate-trigger-id";
const KEEP: &str = "test.appstudio.openshift.io/keep-snapshot";

struct Tenant {
    dir: Dir,
    world: World,
    servers: Servers,
}

impl Tenant {
    /// Two good Snapshots, a newer one of a pull request, and a scenario that works.
    fn new() -> Self {
        let world = World::builder().time_scale(200).build();
        let servers = world.serve().unwrap();
        let dir = Dir::new();
        servers.write_kubeconfig(&dir.path("kubeconfig"), NS).unwrap();
        world.kube().put(snapshot("ho-20260819-030000-000", 19, "a"));
        world.kube().put(snapshot("ho-20260820-030000-000", 20, "b"));
        let mut request = snapshot("ho-20260821-030000-000", 21, "c");
        request["metadata"]["labels"]["pac.test.appstudio.openshift.io/event-type"] =
            json!("pull_request");
        request["metadata"]["labels"]["pac.test.appstudio.openshift.io/pull-request"] = json!("7");
        world.kube().put(request);
        let brief =
            ScenarioScript { lasts: Some(Duration::from_secs(5)), ..ScenarioScript::default() };
        world.kube().scenario(NS, "gate-aro", brief);
        Self { dir, world, servers }
    }

    fn trigger(&self) -> Tool {
        self.trigger_named(&["--application", "ho", "--component", "ho-main"])
    }

    fn trigger_named(&self, which: &[&str]) -> Tool {
        Tool::new("trigger-gate")
            .args(["--time-scale", "200", "--kubeconfig"])
            .arg(self.dir.path("kubeconfig"))
            .args(which)
            .args(["--scenario", "gate-aro"])
    }

    fn newest(&self) -> Value {
        self.world
            .kube()
            .get("snapshots", NS, "ho-20260820-030000-000")
            .unwrap()
    }

    fn runs(&self) -> Vec<Value> {
        self.world.kube().all("pipelineruns")
    }

    fn writes(&self) -> usize {
        self.world
            .requests_to(Server::Kube)
            .iter()
            .filter(|asked| asked.method != "GET")
            .count()
    }

    fn run(&self, name: &str, scenario: &str, status: &Value) {
        self.world.kube().put(json!({
            "kind": "PipelineRun",
            "metadata": {"name": name, "namespace": NS, "generateName": "ho-release-gate-", "labels": {
                "test.appstudio.openshift.io/scenario": scenario,
                "appstudio.openshift.io/snapshot": "ho-20260819-030000-000",
            }},
            "status": status,
        }));
    }

    fn landed(&self, name: &str, snapshot: &str, digest: Option<&str>) {
        let images =
            digest.map(|letter| json!([{"name": "ho-main", "shasum": sha(letter), "urls": []}]));
        self.world.kube().put(json!({
            "kind": "Release", "metadata": {"name": name, "namespace": NS},
            "spec": {"snapshot": snapshot, "releasePlan": "plan-aro"},
            "status": {
                "conditions": [{"type": "Released", "status": "True", "reason": "Succeeded", "message": ""}],
                "artifacts": {"images": images.unwrap_or(json!([]))},
            },
        }));
    }
}

fn sha(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

fn snapshot(name: &str, day: u32, letter: &str) -> Value {
    let start = jiff::Timestamp::from_second(i64::from(day) * 86_400 + 1_785_000_000).unwrap();
    json!({
        "kind": "Snapshot",
        "metadata": {
            "name": name, "namespace": NS,
            "labels": {
                "appstudio.openshift.io/application": "ho",
                "appstudio.openshift.io/component": "ho-main",
                "pac.test.appstudio.openshift.io/event-type": "push",
                "test.appstudio.openshift.io/type": "component",
            },
            "annotations": {"test.appstudio.openshift.io/pipelinerunstarttime": start.as_millisecond().to_string()},
        },
        "spec": {"application": "ho", "components": [
            {"name": "ho-main", "containerImage": format!("quay.io/acme/ho@{}", sha(letter))},
        ]},
    })
}

fn ok(output: &Output) -> Value {
    assert_eq!(output.code, 0, "{output:?}");
    serde_json::from_str(&output.stdout).unwrap()
}

fn failed(output: &Output, wanted: &str) {
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.stderr.contains(wanted), "{wanted:?} is not in {}", output.stderr);
}

#[test]
fn the_newest_push_is_labelled_and_its_run_confirmed() {
    let tenant = Tenant::new();
    let report = ok(&tenant.trigger().run());
    let run = &tenant.runs()[0];
    assert_eq!(report["snapshot"], "ho-20260820-030000-000");
    assert_eq!(
        (&report["scenarios"][0]["outcome"], &report["scenarios"][0]["run"]),
        (&json!("started"), &run["metadata"]["name"])
    );
    assert_eq!(run["metadata"]["labels"][ID], tenant.newest()["metadata"]["labels"][ID]);
    assert_eq!(tenant.newest()["metadata"]["labels"].get(RUN), None);
    // A Snapshot that is a second old is kept for the hour that this begins.
    let keep = tenant.newest()["metadata"]["annotations"][KEEP].clone();
    assert!([json!("72h"), json!("73h")].contains(&keep), "{keep}");
}

#[test]
fn several_scenarios_one_after_another() {
    let tenant = Tenant::new();
    tenant
        .world
        .kube()
        .scenario(NS, "gate-rosa", ScenarioScript::default());
    let output = tenant
        .trigger()
        .args(["--scenario", "gate-rosa,no-such", "--wait", "20s"])
        .run();
    failed(&output, "there is no IntegrationTestScenario no-such");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let outcomes: Vec<_> = report["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["started", "started", "failed"], "{report}");
    assert_eq!(tenant.runs().len(), 2);
}

#[test]
fn an_automatic_release_verifies_nothing() {
    let tenant = Tenant::new();
    tenant.landed("auto", "ho-20260820-030000-000", Some("b"));
    tenant.world.kube().change("releases", NS, "auto", |release| {
        release["metadata"]["labels"] = json!({"release.appstudio.openshift.io/automated": "true"});
    });
    let output = tenant
        .trigger()
        .args(["--release-plan", "plan-aro", "--dry-run"])
        .run();
    assert_eq!(ok(&output)["scenarios"][0]["outcome"], "would start");
    assert!(
        output
            .stderr
            .contains("Release auto of plan plan-aro was made automatically"),
        "{}",
        output.stderr
    );
    tenant.landed("ours", "ho-20260820-030000-000", Some("b"));
    let output = tenant
        .trigger()
        .args(["--release-plan", "plan-aro", "--dry-run"])
        .run();
    assert_eq!(ok(&output)["scenarios"][0]["outcome"], "skipped");
}

#[test]
fn a_release_that_pushed_something_else_verifies_nothing() {
    let tenant = Tenant::new();
    // It was made for another image, and pushed this one, which nobody tested for it.
    tenant.landed("odd", "ho-20260819-030000-000", Some("b"));
    let output = tenant
        .trigger()
        .args(["--release-plan", "plan-aro", "--dry-run"])
        .run();
    assert_eq!(ok(&output)["scenarios"][0]["outcome"], "would start");
    assert!(
        output
            .stderr
            .contains("Release odd of plan plan-aro pushed bbbbbbbb instead of aaaaaaaa"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_newest_snapshot_that_cannot_be_judged_is_never_passed_over() {
    let versions = json!([
        {"name": "ho-main", "version": "main", "containerImage": format!("quay.io/acme/ho@{}", sha("d"))},
        {"name": "ho-main", "version": "release-4.22", "containerImage": format!("quay.io/acme/ho@{}", sha("e"))},
    ]);
    let image = |text: String| json!([{"name": "ho-main", "containerImage": text}]);
    for (components, wanted) in [
        (
            versions.clone(),
            "is in it 2 times; expected it once: --component-version chooses one of main, release-4.22",
        ),
        (image("quay.io/acme/ho:latest".to_owned()), "\"quay.io/acme/ho:latest\" has no digest"),
        (
            image(format!("registry.example.com@{}", sha("d"))),
            "names no repository, only \"registry.example.com\"",
        ),
        (json!([]), "is not in it; it has: no components"),
        (json!(null), "is not in it; it has: no components"),
        (json!("x"), "it has not the form of a Snapshot: invalid type: string \"x\""),
    ] {
        let tenant = Tenant::new();
        tenant.dir.write("webhook", tenant.servers.slack_url());
        let mut newest = snapshot("ho-20260822-030000-000", 22, "d");
        newest["spec"]["components"] = components.clone();
        tenant.world.kube().put(newest);
        let output = tenant
            .trigger()
            .arg("--slack-webhook-file")
            .arg(tenant.dir.path("webhook"))
            .run();
        failed(&output, "Snapshot ho-20260822-030000-000 is the newest, and it cannot be judged");
        failed(&output, wanted);
        failed(&output, "no older one is tested in its place");
        let told = tenant
            .world
            .slack()
            .messages()
            .iter()
            .map(standins::Message::words)
            .collect::<String>();
        assert!(
            told.contains("was not started") && told.contains("ho-20260822-030000-000"),
            "{told}"
        );
        assert_eq!((tenant.runs().len(), tenant.writes()), (0, 0), "{components}");
        // People see it, and what would have been taken for it.
        let output = tenant.trigger().arg("--dry-run").run();
        assert_eq!(output.code, 1);
        let shown: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(
            (&shown["snapshot"], &shown["unjudged"]["snapshot"]),
            (&Value::Null, &json!("ho-20260822-030000-000"))
        );
        assert!(
            shown["candidates"]
                .to_string()
                .contains("fit, but a newer one cannot be judged"),
            "{shown}"
        );
        // Whoever wants another one names it.
        let named = tenant.trigger_named(&[
            "--snapshot",
            "ho-20260820-030000-000",
            "--component",
            "ho-main",
        ]);
        assert_eq!(ok(&named.run())["scenarios"][0]["outcome"], "started");
    }
    // The version decides; so the Snapshot is fit for either gate.
    for (version, letter) in [("main", "d"), ("release-4.22", "e")] {
        let tenant = Tenant::new();
        let mut newest = snapshot("ho-20260822-030000-000", 22, "d");
        newest["spec"]["components"] = versions.clone();
        tenant.world.kube().put(newest);
        let report = ok(&tenant
            .trigger()
            .args(["--component-version", version, "--dry-run"])
            .run());
        assert_eq!(
            (&report["snapshot"], &report["digest"]),
            (&json!("ho-20260822-030000-000"), &json!(sha(letter)))
        );
    }
    let output = Tenant::new()
        .trigger_named(&["--snapshot", "s-1", "--component-version", "main"])
        .run();
    assert_eq!(output.code, 2);
    assert!(
        output
            .stderr
            .contains("--component-version: expected --component NAME beside it"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_tag_beside_the_digest_is_dropped() {
    let tenant = Tenant::new();
    let mut newest = snapshot("ho-20260822-030000-000", 22, "d");
    newest["spec"]["components"][0]["containerImage"] =
        json!(format!("quay.io/acme/ho:v1@{}", sha("d")));
    tenant.world.kube().put(newest);
    let report = ok(&tenant.trigger().arg("--dry-run").run());
    assert_eq!(
        (&report["snapshot"], &report["digest"]),
        (&json!("ho-20260822-030000-000"), &json!(sha("d")))
    );
}

#[test]
fn what_is_verified_is_left_alone() {
    for (snapshot, digest) in [
        ("ho-20260820-030000-000", Some("b")),
        ("ho-20260820-030000-000", None),
        ("gone", Some("b")),
    ] {
        let tenant = Tenant::new();
        tenant.landed("rel-1", snapshot, digest);
        let report = ok(&tenant.trigger().args(["--release-plan", "plan-aro"]).run());
        assert_eq!(report["scenarios"][0]["outcome"], "skipped", "{report}");
        assert!(report["scenarios"][0]["reason"].as_str().unwrap().contains("rel-1"));
        // The verified image's own Snapshot is kept, for a retraction; nothing is started.
        assert!(tenant.writes() <= 1 && tenant.runs().is_empty());
        assert!(tenant.newest()["metadata"]["labels"].get(RUN).is_none());
        let other = ok(&tenant
            .trigger()
            .args(["--release-plan", "plan-other", "--dry-run"])
            .run());
        assert_eq!(other["scenarios"][0]["outcome"], "would start");
        let forced = ok(&tenant.trigger().args(["--release-plan", "plan-aro", "--force"]).run());
        assert_eq!(forced["scenarios"][0]["outcome"], "started");
    }
}

/// A run's record of a promotion by `plan`, of the newest push's image.
fn promoted(name: &str, plan: &str) -> Value {
    let mut record = killed(name, Some("gate-aro"), "2026-08-20T09:00:00Z");
    let text = record["data"]["record.json"].as_str().unwrap();
    let mut document: Value = serde_json::from_str(text).unwrap();
    document["candidate"] = json!({
        "image": format!("quay.io/acme/ho@{}", sha("b")), "digest": sha("b"),
        "snapshot": "ho-20260820-030000-000",
    });
    document["release"] = json!({
        "plan": plan, "name": "plan-aro-bbbbbbbbbbbb-1", "released": "true", "final": true,
    });
    record["data"]["record.json"] = json!(document.to_string());
    record
}

fn would(report: &Value) -> (&str, &str) {
    let one = &report["scenarios"][0];
    (one["outcome"].as_str().unwrap(), one["reason"].as_str().unwrap())
}

#[test]
fn a_promotion_whose_release_is_gone_is_known_by_its_record() {
    let tenant = Tenant::new();
    let dry = || {
        ok(&tenant
            .trigger()
            .args(["--release-plan", "plan-aro", "--dry-run"])
            .run())
    };
    let put = |plan: &str| tenant.world.kube().put(promoted("ho-release-gate-xxxxx", plan));
    put("plan-other");
    assert_eq!(would(&dry()).0, "would start", "another plan's says nothing of this one");
    put("plan-aro");
    let by =
        "already verified: a Release of it has landed, by the record gate-ho-release-gate-xxxxx";
    assert_eq!(would(&dry()), ("skipped", by));
    // Without a plan every image counts as new.
    let report = ok(&tenant.trigger().arg("--dry-run").run());
    assert_eq!(would(&report).0, "would start");
}

/// It may tell that the image is verified; one that is older than the build cannot.
#[test]
fn a_record_since_the_build_that_cannot_be_read_leaves_it_in_doubt() {
    for (made, wanted) in [("2026-08-15T03:00:00Z", 1), ("2026-08-10T03:00:00Z", 0)] {
        let tenant = Tenant::new();
        let mut torn = killed("ho-release-gate-zzzzz", Some("gate-aro"), made);
        torn["data"]["record.json"] = json!("{\"schema_version\":1,\"kind\":\"ga");
        torn["metadata"]["creationTimestamp"] = json!(made);
        tenant.world.kube().put(torn);
        let plan = ["--release-plan", "plan-aro", "--dry-run"];
        let output = tenant.trigger().args(plan).run();
        assert_eq!(output.code, wanted, "{made}: {output:?}");
        if wanted == 1 {
            failed(
                &output,
                "configmap gate-ho-release-gate-zzzzz, the record of a run since the Snapshot was built, cannot be read",
            );
        }
        ok(&tenant.trigger().args(plan).arg("--force").run());
    }
}

impl Tenant {
    /// A Release that landed, archived, and gone from the cluster unless `live`.
    fn archive(&self, name: &str, snapshot: &str, letter: &str, live: bool) {
        self.landed(name, snapshot, Some(letter));
        let mut release = self.world.kube().get("releases", NS, name).unwrap();
        release["apiVersion"] = json!("appstudio.redhat.com/v1alpha1");
        release["metadata"]["creationTimestamp"] = json!("2026-08-20T06:00:00Z");
        release["metadata"]["labels"] =
            json!({"release.appstudio.openshift.io/releasePlan": "plan-aro"});
        self.world.archive().put(release);
        if !live {
            assert!(self.world.kube().delete("releases", NS, name));
        }
    }

    fn with_archive(&self) -> Tool {
        self.trigger()
            .args(["--release-plan", "plan-aro", "--dry-run", "--kubearchive-url"])
            .arg(self.servers.archive_url())
    }
}

#[test]
fn a_release_that_has_left_the_cluster_is_found_in_the_archive() {
    let tenant = Tenant::new();
    // An empty archive is an answer.
    assert_eq!(would(&ok(&tenant.with_archive().run())).0, "would start");
    tenant.archive("old", "ho-20260819-030000-000", "a", false);
    // What the live object says is newer than its archived copy.
    tenant.archive("broken", "ho-20260820-030000-000", "b", true);
    tenant.world.kube().change("releases", NS, "broken", |release| {
        release["status"]["conditions"][0]["status"] = json!("False");
    });
    assert_eq!(would(&ok(&tenant.with_archive().run())).0, "would start");
    tenant.archive("rel-1", "ho-20260820-030000-000", "b", false);
    let by = "already verified: Release rel-1 has landed, as KubeArchive shows";
    assert_eq!(would(&ok(&tenant.with_archive().run())), ("skipped", by));
    assert_eq!(tenant.writes(), 0);
    // Where something else decides, it is not asked.
    let asked = || tenant.world.requests_to(Server::Archive).len();
    let before = asked();
    tenant.world.kube().put(promoted("ho-release-gate-xxxxx", "plan-aro"));
    assert!(would(&ok(&tenant.with_archive().run())).1.contains("by the record"));
    assert_eq!(asked(), before);
}

#[test]
fn an_archive_that_is_down_leaves_it_in_doubt_where_it_could_know() {
    let tenant = Tenant::new();
    tenant
        .world
        .fault(Fault::on(Server::Archive, Trouble::StatusBefore(500)));
    let output = tenant.with_archive().run();
    failed(&output, "a Release of the image may have landed and left the cluster");
    failed(&output, "KubeArchive has trouble (500");
    assert!(!output.stdout.contains("would start"), "{output:?}");
    assert_eq!(would(&ok(&tenant.with_archive().arg("--force").run())).0, "would start");
    // A live Release is certain.
    tenant.landed("rel-1", "ho-20260820-030000-000", Some("b"));
    assert_eq!(would(&ok(&tenant.with_archive().run())).0, "skipped");
    // No Release of a build of today has left the cluster.
    let today = Tenant::new();
    today
        .world
        .fault(Fault::on(Server::Archive, Trouble::StatusBefore(500)));
    let mut built = snapshot("ho-today", 21, "d");
    built["metadata"]["annotations"]["test.appstudio.openshift.io/pipelinerunstarttime"] =
        json!(jiff::Timestamp::now().as_millisecond().to_string());
    today.world.kube().put(built);
    assert_eq!(would(&ok(&today.with_archive().run())).0, "would start");
}

#[test]
fn a_gate_on_its_way_is_left_alone() {
    let tenant = Tenant::new();
    tenant.run("ho-release-gate-aaaaa", "gate-aro", &json!({"startTime": "2026-08-19T03:00:00Z"}));
    tenant.run(
        "ho-release-gate-bbbbb",
        "gate-other",
        &json!({"startTime": "2026-08-19T03:00:00Z"}),
    );
    let report = ok(&tenant.trigger().run());
    assert!(
        report["scenarios"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("ho-release-gate-aaaaa"),
        "{report}"
    );
    assert_eq!(tenant.writes(), 0);
    tenant
        .world
        .kube()
        .change("pipelineruns", NS, "ho-release-gate-aaaaa", |run| {
            run["status"]["completionTime"] = json!("2026-08-19T09:00:00Z");
        });
    assert_eq!(ok(&tenant.trigger().run())["scenarios"][0]["outcome"], "started");
}

/// A record as the steps of a run leave it when they are killed: one job was launched at
/// `launched`, and has not ended. Named as the real controller names runs, which tells nothing of
/// the scenario.
fn killed(name: &str, scenario: Option<&str>, launched: &str) -> Value {
    let mut record = json!({
        "schema_version": 1, "kind": "gate", "id": format!("uid-of-{name}"), "run": name,
        "created_at": launched, "updated_at": launched,
        "jobs": [{"name": "e2e", "class": "blocking", "override_env": ["IMAGE"], "attempts": [{
            "number": 1, "intent": {"key": "k", "written_at": launched, "holder": "h"},
            "execution": "x", "state": "pending",
        }]}],
    });
    let mut labels = json!({"release-gate/kind": "gate"});
    if let Some(scenario) = scenario {
        record["scenario"] = json!(scenario);
        labels["release-gate/scenario"] = json!(scenario);
    }
    json!({
        "kind": "ConfigMap", "data": {"record.json": record.to_string()},
        "metadata": {"name": format!("gate-{name}"), "namespace": NS, "labels": labels},
    })
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

#[test]
fn jobs_of_a_run_that_was_killed_are_waited_for() {
    let tenant = Tenant::new();
    tenant
        .world
        .kube()
        .put(killed("ho-release-gate-zzzzz", Some("gate-aro"), &now()));
    // A run that was forced beside it has ended since.
    let mut later = killed("ho-release-gate-00000", Some("gate-aro"), &now());
    later["data"]["record.json"] = json!(
        later["data"]["record.json"]
            .as_str()
            .unwrap()
            .replace("pending", "success")
    );
    tenant.world.kube().put(later);
    let report = ok(&tenant.trigger().run());
    let reason = report["scenarios"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("by its record gate-ho-release-gate-zzzzz"), "{report}");
    // A list that is read at the third try says the same; one that is never read says nothing, and
    // then nothing is started.
    for path in ["*/configmaps*", "*/configmaps/*"] {
        let trouble = || {
            Fault::on(Server::Kube, Trouble::StatusBefore(500))
                .method("GET")
                .path(path)
        };
        tenant.world.fault(trouble().nth(Nth::First(2)));
        let report = ok(&tenant.trigger().run());
        assert_eq!(report["scenarios"][0]["outcome"], "skipped", "{path}: {report}");
        tenant.world.clear_faults();
        tenant.world.fault(trouble());
        for arguments in [&[][..], &["--dry-run"]] {
            let output = tenant.trigger().args(arguments).run();
            failed(&output, "cannot read the records of earlier runs");
            assert!(!output.stdout.contains("would start"), "{path}: {output:?}");
        }
        tenant.world.clear_faults();
    }
    assert_eq!(tenant.writes(), 0);
    // After so many hours nothing of it can still run.
    tenant.world.kube().put(killed(
        "ho-release-gate-zzzzz",
        Some("gate-aro"),
        "2026-01-01T00:00:00Z",
    ));
    assert_eq!(ok(&tenant.trigger().run())["scenarios"][0]["outcome"], "started");
}

/// The runs of both platforms are named `ho-release-gate-xxxxx`, and both have runs in the cluster.
#[test]
fn the_jobs_of_another_platform_are_nobodys_reason() {
    let tenant = Tenant::new();
    let over =
        json!({"startTime": "2026-08-19T03:00:00Z", "completionTime": "2026-08-19T09:00:00Z"});
    tenant.run("ho-release-gate-aaaaa", "gate-aro", &over);
    tenant.run("ho-release-gate-bbbbb", "gate-rosa", &over);
    tenant
        .world
        .kube()
        .put(killed("ho-release-gate-ccccc", Some("gate-rosa"), &now()));
    assert_eq!(ok(&tenant.trigger().run())["scenarios"][0]["outcome"], "started");
    tenant
        .world
        .kube()
        .scenario(NS, "gate-rosa", ScenarioScript::default());
    let rosa = Tool::new("trigger-gate")
        .args(["--time-scale", "200", "--kubeconfig"])
        .arg(tenant.dir.path("kubeconfig"));
    let rosa =
        rosa.args(["--application", "ho", "--component", "ho-main", "--scenario", "gate-rosa"]);
    let report = ok(&rosa.run());
    assert!(
        report["scenarios"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("gate-ho-release-gate-ccccc"),
        "{report}"
    );
}

#[test]
fn a_record_that_names_no_scenario_is_known_by_its_run() {
    let tenant = Tenant::new();
    let over =
        json!({"startTime": "2026-08-19T03:00:00Z", "completionTime": "2026-08-19T09:00:00Z"});
    tenant.run("ho-release-gate-aaaaa", "gate-aro", &over);
    let run = tenant
        .world
        .kube()
        .get("pipelineruns", NS, "ho-release-gate-aaaaa")
        .unwrap();
    let mut record = killed("ho-release-gate-aaaaa", None, &now());
    let text = record["data"]["record.json"].as_str().unwrap();
    record["data"]["record.json"] = json!(
        text.replace("uid-of-ho-release-gate-aaaaa", run["metadata"]["uid"].as_str().unwrap())
    );
    tenant.world.kube().put(record);
    let report = ok(&tenant.trigger().run());
    assert!(
        report["scenarios"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("gate-ho-release-gate-aaaaa"),
        "{report}"
    );
}

#[test]
fn a_late_record_that_cannot_be_read_is_no_reason_to_start() {
    let tenant = Tenant::new();
    let mut torn = killed("ho-release-gate-zzzzz", Some("gate-aro"), &now());
    torn["data"]["record.json"] = json!("{\"schema_version\":1,\"kind\":\"ga");
    tenant.world.kube().put(torn.clone());
    failed(
        &tenant.trigger().run(),
        "configmap gate-ho-release-gate-zzzzz, the record of a run of the last 16 hours",
    );
    assert_eq!(tenant.writes(), 0);
    assert_eq!(ok(&tenant.trigger().arg("--force").run())["scenarios"][0]["outcome"], "started");
    // Another platform's is no matter of this one's.
    let other = Tenant::new();
    torn["metadata"]["labels"]["release-gate/scenario"] = json!("gate-rosa");
    other.world.kube().put(torn);
    assert_eq!(ok(&other.trigger().run())["scenarios"][0]["outcome"], "started");
}

#[test]
fn a_night_skipped_for_another_one_is_told_from_the_second_on() {
    let tenant = Tenant::new();
    let webhook = tenant.dir.write("webhook", tenant.servers.slack_url());
    tenant.run("ho-release-gate-aaaaa", "gate-aro", &json!({"startTime": "2026-08-19T03:00:00Z"}));
    let night = || {
        // Each in its own hour: another one in the same night does not count.
        tenant
            .world
            .kube()
            .all("configmaps")
            .iter()
            .filter(|map| map["metadata"]["name"] == "trigger-aro")
            .for_each(|map| {
                let mut map = map.clone();
                let text = map["data"]["record.json"].as_str().unwrap().to_owned();
                let mut rows: Value = serde_json::from_str(&text).unwrap();
                let yesterday = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
                rows["scenarios"]["gate-aro"]["last"] = json!(yesterday.to_string());
                map["data"]["record.json"] = json!(rows.to_string());
                tenant.world.kube().put(map);
            });
        let tool =
            tenant
                .trigger()
                .args(["--gate-label", "ARO HCP", "--record", "configmap:trigger-aro"]);
        let report = ok(&tool.arg("--slack-webhook-file").arg(&webhook).run());
        assert_eq!(report["scenarios"][0]["outcome"], "skipped");
        tenant.world.slack().messages().len()
    };
    assert_eq!([night(), night(), night()], [0, 1, 2]);
    let words = tenant.world.slack().messages()[1].words();
    assert!(words.contains("ARO HCP gate was skipped for 3 nights in a row"), "{words}");
    assert!(
        words.contains("gate-aro: 3 nights in a row since")
            && words.contains("ho-release-gate-aaaaa"),
        "{words}"
    );
    // It is no gate's record.
    let map = tenant.world.kube().get("configmaps", NS, "trigger-aro").unwrap();
    assert_eq!(map["metadata"]["labels"]["release-gate/kind"], "trigger");
    // Without a record it is not known which is the first; a message that is lost is no success.
    let lost = || tenant.trigger().arg("--slack-webhook-file").arg(&webhook);
    ok(&lost().run());
    assert!(
        tenant.world.slack().messages()[2]
            .words()
            .contains("Release gate was skipped ·")
    );
    tenant
        .world
        .fault(Fault::on(Server::Slack, Trouble::StatusBefore(404)));
    failed(&lost().run(), "the message was not delivered");
}

#[test]
fn an_unknown_scenario_is_told() {
    let tenant = Tenant::new();
    tenant.world.kube().integration_service(true);
    failed(
        &Tool::new("trigger-gate")
            .args([
                "--time-scale",
                "200",
                "--scenario",
                "no-such",
                "--snapshot",
                "ho-20260820-030000-000",
                "--kubeconfig",
            ])
            .arg(tenant.dir.path("kubeconfig"))
            .run(),
        "there is no IntegrationTestScenario no-such in namespace tenant; there are gate-aro",
    );
    assert_eq!(
        (tenant.runs().len(), tenant.writes()),
        (0, 0),
        "it is looked for before anything is labelled"
    );
    // A dry run looks as well, and a name that is right is started beside it.
    failed(
        &tenant.trigger().args(["--scenario", "no-such", "--dry-run"]).run(),
        "no IntegrationTestScenario no-such",
    );
    let output = tenant.trigger().args(["--scenario", "no-such"]).run();
    failed(&output, "no IntegrationTestScenario no-such");
    assert_eq!(tenant.runs().len(), 1);
}

#[test]
fn a_run_that_cannot_be_made_is_quoted_and_nothing_starts_later() {
    let tenant = Tenant::new();
    let why = "resolution failed: no such file";
    let broken = ScenarioScript { broken: Some(why.to_owned()), ..ScenarioScript::default() };
    tenant.world.kube().scenario(NS, "gate-aro", broken);
    // Two days at most, if nobody said so.
    failed(&tenant.trigger().args(["--wait", "48h"]).run(), why);
    assert_eq!(tenant.newest()["metadata"]["labels"].get(RUN), None, "the label was taken back");
    let ten_seconds = Duration::from_millis(50);
    // A try that had begun when the label went may still be made.
    std::thread::sleep(ten_seconds);
    tenant.world.kube().mend("gate-aro");
    std::thread::sleep(ten_seconds);
    assert_eq!(tenant.runs().len(), 0);
}

#[test]
fn what_could_not_be_made_before_says_nothing_of_now() {
    let tenant = Tenant::new();
    let entry = json!([{"scenario": "gate-aro", "status": "TestInvalid", "lastUpdateTime": "2026-08-20T03:00:00Z",
        "details": "Creation of pipelineRun failed during creation due to: no such file"}]);
    tenant
        .world
        .kube()
        .change("snapshots", NS, "ho-20260820-030000-000", |snapshot| {
            snapshot["metadata"]["annotations"]["test.appstudio.openshift.io/status"] =
                json!(entry.to_string());
        });
    assert_eq!(ok(&tenant.trigger().run())["scenarios"][0]["outcome"], "started");
}

/// Between the look at the runs and the label another trigger has started the scenario.
#[test]
fn a_run_that_begins_before_the_label_is_set_leaves_the_scenario_alone() {
    for forced in [false, true] {
        let tenant = Tenant::new();
        tenant.world.kube().scenario(
            NS,
            "gate-aro",
            ScenarioScript { doubles: true, ..ScenarioScript::default() },
        );
        let begin = |world: &World| {
            world.kube().put(json!({
                "kind": "PipelineRun",
                "metadata": {"name": "theirs", "namespace": NS, "labels": {
                    "test.appstudio.openshift.io/scenario": "gate-aro",
                }},
                "status": {"startTime": "2026-08-20T03:00:00Z"},
            }));
        };
        let then = Fault::on(Server::Kube, Trouble::Do(std::sync::Arc::new(begin)));
        tenant
            .world
            .fault(then.method("GET").path("*/snapshots/*").nth(Nth::Only(1)));
        let output =
            if forced { tenant.trigger().arg("--force").run() } else { tenant.trigger().run() };
        let report = &ok(&output)["scenarios"][0];
        let (words, runs) = if forced { ("started", 2) } else { ("skipped", 1) };
        assert_eq!((&report["outcome"], tenant.runs().len()), (&json!(words), runs), "{report}");
        assert!(
            forced || report["reason"] == "run theirs has not ended" && tenant.writes() == 0,
            "{report}"
        );
    }
}

/// The label came off without a run to be seen, and the run is there when it would be set again.
#[test]
fn a_run_of_the_first_try_that_shows_late_is_the_one() {
    let tenant = Tenant::new();
    let unseen = Fault::on(Server::Kube, Trouble::EmptyList)
        .method("GET")
        .path("*/pipelineruns?*gate-trigger-id*");
    // By the first look the run is made and the label gone.
    tenant.world.fault(unseen.nth(Nth::First(1)));
    let at_once = ScenarioScript { made_after: Duration::ZERO, ..ScenarioScript::default() };
    tenant.world.kube().scenario(NS, "gate-aro", at_once);
    let output = tenant.trigger().run();
    assert_eq!(ok(&output)["scenarios"][0]["outcome"], "started", "{}", output.stderr);
    assert_eq!(tenant.runs().len(), 1, "{}", output.stderr);
}

#[test]
fn an_integration_service_that_is_down_is_given_up_on() {
    let tenant = Tenant::new();
    tenant.world.kube().integration_service(false);
    failed(&tenant.trigger().args(["--wait", "60s"]).run(), "did not act on the label");
    assert_eq!(tenant.newest()["metadata"]["labels"].get(RUN), None);
    tenant.world.kube().integration_service(true);
    assert_eq!(tenant.runs().len(), 0);
}

#[test]
fn a_run_that_never_begins_or_fails_at_once_is_no_start() {
    for (script, wanted) in [
        (ScenarioScript { begins_after: None, ..ScenarioScript::default() }, "has not begun in 1m"),
        (
            ScenarioScript {
                fails_at_once: Some(("CouldntGetPipeline".into(), "no such path".into())),
                ..ScenarioScript::default()
            },
            "CouldntGetPipeline: no such path",
        ),
    ] {
        let tenant = Tenant::new();
        tenant.world.kube().scenario(NS, "gate-aro", script);
        failed(&tenant.trigger().args(["--wait", "60s"]).run(), wanted);
    }
}

#[test]
fn another_triggers_label_is_waited_for_and_then_taken_away() {
    let tenant = Tenant::new();
    tenant.world.kube().integration_service(false);
    let mut command = tenant.trigger().args(["--wait", "60s"]).command();
    tenant
        .world
        .kube()
        .change("snapshots", NS, "ho-20260820-030000-000", |snapshot| {
            snapshot["metadata"]["labels"][RUN] = json!("gate-other");
        });
    // Nobody acts on it for ten minutes: three seconds of real time.
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(
        log.contains("another trigger is at work")
            && log.contains("gate-other for 10m: taking it away"),
        "{log}"
    );
}

#[test]
fn the_controllers_own_label_does_no_harm() {
    let tenant = Tenant::new();
    let script =
        ScenarioScript { also_sets: Some("required".to_owned()), ..ScenarioScript::default() };
    tenant.world.kube().scenario(NS, "gate-aro", script);
    let required =
        ScenarioScript { made_after: Duration::from_secs(3600), ..ScenarioScript::default() };
    tenant.world.kube().scenario(NS, "required", required);
    assert_eq!(ok(&tenant.trigger().run())["scenarios"][0]["outcome"], "started");
    assert_eq!(tenant.newest()["metadata"]["labels"][RUN], "required");
}

#[test]
fn a_label_that_is_overwritten_is_set_again() {
    let tenant = Tenant::new();
    tenant.world.kube().scenario(NS, "other", ScenarioScript::default());
    // Another trigger writes right after ours, before integration-service has acted.
    let overwrite = |world: &World| {
        world.kube().integration_service(false);
        world
            .kube()
            .change("snapshots", NS, "ho-20260820-030000-000", |snapshot| {
                snapshot["metadata"]["labels"][RUN] = json!("other");
                snapshot["metadata"]["labels"][ID] = json!("theirs");
            });
        world.kube().integration_service(true);
    };
    let after = Fault::on(Server::Kube, Trouble::Do(std::sync::Arc::new(overwrite)));
    tenant
        .world
        .fault(after.method("GET").path("*/snapshots/*").nth(Nth::Only(2)));
    let output = tenant.trigger().run();
    assert_eq!(ok(&output)["scenarios"][0]["outcome"], "started", "{}", output.stderr);
}

#[test]
fn a_patch_whose_answer_is_lost_is_looked_up() {
    for trouble in [Trouble::DropAfter, Trouble::StatusAfter(500), Trouble::StatusBefore(503)] {
        let tenant = Tenant::new();
        let name = format!("{trouble:?}");
        tenant
            .world
            .fault(Fault::on(Server::Kube, trouble).method("PATCH").nth(Nth::Only(1)));
        assert_eq!(ok(&tenant.trigger().run())["scenarios"][0]["outcome"], "started", "{name}");
        assert_eq!(tenant.runs().len(), 1, "{name}");
    }
}

/// Looks for the run that the label should start.
const FOR_THE_RUN: &str = "*/pipelineruns?*gate-trigger-id*";

#[test]
fn a_cluster_that_does_not_answer_for_a_while_is_waited_for() {
    let tenant = Tenant::new();
    // More often than one read is tried again.
    let hiccup = Fault::on(Server::Kube, Trouble::StatusBefore(503))
        .method("GET")
        .path(FOR_THE_RUN);
    tenant.world.fault(hiccup.nth(Nth::First(7)));
    let output = tenant.trigger().run();
    assert_eq!(ok(&output)["scenarios"][0]["outcome"], "started", "{}", output.stderr);
    assert_eq!(tenant.runs().len(), 1, "{}", output.stderr);
}

#[test]
fn who_cannot_look_for_the_run_leaves_no_label() {
    for (status, lost) in [(403, false), (503, false), (403, true)] {
        let tenant = Tenant::new();
        tenant.world.kube().integration_service(false);
        tenant.world.fault(
            Fault::on(Server::Kube, Trouble::StatusBefore(status))
                .method("GET")
                .path(FOR_THE_RUN),
        );
        if lost {
            tenant.world.fault(
                Fault::on(Server::Kube, Trouble::DropAfter)
                    .method("PATCH")
                    .nth(Nth::Only(1)),
            );
        }
        let output = tenant.trigger().args(["--wait", "60s"]).run();
        assert_eq!(
            tenant.newest()["metadata"]["labels"].get(RUN),
            None,
            "{status} {lost}: {}",
            output.stderr
        );
        assert!(
            tenant.newest()["metadata"]["labels"].get(ID).is_some(),
            "it was set: {}",
            output.stderr
        );
        failed(&output, "the label is off");
    }
}

#[test]
fn a_label_that_cannot_be_taken_back_is_told() {
    let tenant = Tenant::new();
    tenant.world.kube().integration_service(false);
    let refused = Fault::on(Server::Kube, Trouble::StatusBefore(403))
        .method("GET")
        .path("*/snapshots/*");
    tenant.world.fault(refused.nth(Nth::From(2)));
    let by_hand = "kubectl label snapshot ho-20260820-030000-000 test.appstudio.openshift.io/run-";
    failed(&tenant.trigger().run(), by_hand);
}

#[test]
fn a_snapshot_that_is_deleted_meanwhile_is_told() {
    let tenant = Tenant::new();
    let delete =
        |world: &World| assert!(world.kube().delete("snapshots", NS, "ho-20260820-030000-000"));
    let then = Fault::on(Server::Kube, Trouble::Do(std::sync::Arc::new(delete)));
    tenant
        .world
        .fault(then.method("GET").path("*/snapshots/*").nth(Nth::Only(2)));
    failed(&tenant.trigger().run(), "was deleted meanwhile");
}

#[test]
fn told_to_stop_it_takes_its_label_back() {
    let tenant = Tenant::new();
    tenant.world.kube().integration_service(false);
    let mut child = tenant
        .trigger()
        .command()
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let labelled = || tenant.newest()["metadata"]["labels"].get(RUN).is_some();
    while !labelled() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it set a label");
        std::thread::yield_now();
    }
    let stopped = std::process::Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(stopped.success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(!labelled());
}

#[test]
fn a_dry_run_shows_each_candidate_and_changes_nothing() {
    let tenant = Tenant::new();
    let report = ok(&tenant.trigger().arg("--dry-run").run());
    let reasons: Vec<_> = report["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["reason"].clone())
        .collect();
    let wanted = [
        "chosen: the newest usable one",
        "not built by a push (pull request, merge queue, or group)",
        "older than the chosen one",
    ];
    assert_eq!(reasons, wanted);
    assert_eq!(report["scenarios"][0]["outcome"], "would start");
    assert_eq!(tenant.writes(), 0);
}

#[test]
fn a_named_snapshot_must_be_fit() {
    let tenant = Tenant::new();
    let named =
        |name: &str, more: &[&str]| tenant.trigger_named(&["--snapshot", name]).args(more).run();
    failed(&named("no-such", &[]), "there is no Snapshot no-such");
    failed(&named("ho-20260821-030000-000", &[]), "not built by a push");
    assert_eq!(
        ok(&named("ho-20260819-030000-000", &["--dry-run"]))["snapshot"],
        "ho-20260819-030000-000"
    );
    assert_eq!(
        ok(&named("ho-20260821-030000-000", &["--force"]))["scenarios"][0]["outcome"],
        "started"
    );
}

#[test]
fn nothing_fit_is_no_start_and_slack_is_told() {
    let tenant = Tenant::new();
    let webhook = tenant.dir.write("webhook", tenant.servers.slack_url());
    let tool = Tool::new("trigger-gate")
        .args([
            "--application",
            "ho",
            "--component",
            "no-such",
            "--scenario",
            "gate-aro",
            "--kubeconfig",
        ])
        .arg(tenant.dir.path("kubeconfig"))
        .args(["--gate-label", "ARO HCP", "--slack-webhook-file"])
        .arg(webhook);
    failed(
        &tool.run(),
        "no usable Snapshot: --component: no Snapshot of Application ho is of \"no-such\"; there are ho-main",
    );
    assert!(
        tenant.world.slack().messages()[0]
            .words()
            .contains("ARO HCP gate was not started")
    );
}

#[test]
fn missing_rights_are_told() {
    let tenant = Tenant::new();
    tenant.world.kube().deny("list", "pipelineruns");
    failed(&tenant.trigger().run(), "the cluster does not allow to");
    assert_eq!(tenant.writes(), 0, "without them a gate could be started twice");
    tenant.world.kube().allow_all();
    tenant.world.kube().deny("list", "configmaps");
    failed(&tenant.trigger().run(), "cannot read the records of earlier runs");
    assert_eq!(tenant.writes(), 0, "its last run may have left jobs behind");
    ok(&tenant.trigger().arg("--force").run());
}

#[test]
fn bad_input_is_named_and_nothing_is_sent() {
    let tenant = Tenant::new();
    for (arguments, wanted) in [
        (vec!["--application", "ho", "--component", "c"], "--scenario"),
        (vec!["--scenario", "s", "--application", "ho"], "--component"),
        (vec!["--scenario", "s", "--snapshot", "a b"], "--snapshot: expected an object's name"),
        (vec!["--scenario", "a,b=c", "--snapshot", "x"], "--scenario: expected an object's name"),
        (vec!["--scenario", "a,a", "--snapshot", "x"], "given twice"),
        (
            vec!["--scenario", "a,b,c", "--snapshot", "x", "--release-plan", "p,q"],
            "--release-plan: expected one",
        ),
        (vec!["--scenario", "a", "--snapshot", "x", "--wait", "soon"], "--wait"),
        (vec!["--scenario", "a", "--snapshot", "x", "--keep", "3d"], "--keep"),
        (
            vec![
                "--scenario",
                "a",
                "--snapshot",
                "x",
                "--kubearchive-url",
                "http://archive.example",
            ],
            "--kubearchive-url",
        ),
        (
            vec!["--scenario", "a", "--snapshot", "x", "--wait", "0"],
            "--wait: expected a duration of more than 0",
        ),
        (
            vec!["--scenario", "a", "--snapshot", "x", "--keep", "0s"],
            "--keep: expected a duration of more than 0",
        ),
        (
            vec!["--scenario", "a", "--snapshot", "x", "--slack-webhook-file", "/nowhere/url"],
            "--slack-webhook-file",
        ),
    ] {
        let output = Tool::new("trigger-gate")
            .arg("--kubeconfig")
            .arg(tenant.dir.path("kubeconfig"))
            .args(&arguments)
            .run();
        assert_eq!(output.code, 2, "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(wanted), "{arguments:?}: {}", output.stderr);
    }
    assert!(tenant.world.requests().is_empty());
}

/// A CronJob with a wrong flag starts nothing, night after night.
#[test]
fn bad_input_where_nobody_watches_is_told_too() {
    let tenant = Tenant::new();
    let webhook = tenant.dir.write("webhook", tenant.servers.slack_url());
    let wrong = |flags: &[&str]| {
        let tool = tenant.trigger().args(flags).args(["--gate-label", "ARO HCP"]);
        let output = tool.arg("--slack-webhook-file").arg(&webhook).run();
        assert_eq!(output.code, 2, "{}", output.stderr);
    };
    wrong(&["--wait", "soon"]);
    wrong(&["--record", "somewhere"]);
    wrong(&["--wait", "soon", "--dry-run"]);
    wrong(&["--wait", "soon", "--check"]);
    let told: Vec<_> = tenant
        .world
        .slack()
        .messages()
        .iter()
        .map(|told| told.words())
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("ARO HCP gate was not started"), "{}", told[0]);
    assert!(told[0].contains("--wait: ") && told[1].contains("--record: "), "{told:?}");
}

#[test]
fn a_retracted_image_is_refused_and_the_verified_ones_are_kept() {
    let tenant = Tenant::new();
    tenant.landed("r-a", "ho-20260819-030000-000", Some("a"));
    let list = json!({"schema_version": 1, "kind": "retracted", "plan": "plan-aro", "entries": [
        {"digest": sha("b"), "reason": "deletes node pools", "at": "2026-08-21T00:00:00Z"},
    ]});
    tenant.world.kube().put(json!({"kind": "ConfigMap",
        "metadata": {"name": "retracted-plan-aro", "namespace": NS},
        "data": {"list.json": list.to_string()}}));
    let plan = ["--release-plan", "plan-aro"];
    for more in [&[][..], &["--force"], &["--snapshot", "ho-20260820-030000-000", "--force"]] {
        let output = tenant.trigger().args(plan).args(more).run();
        assert_eq!(output.code, 3, "{more:?}: {output:?}");
        assert!(output.stderr.contains("deletes node pools"), "{output:?}");
    }
    assert!(tenant.runs().is_empty());
    let kept = tenant
        .world
        .kube()
        .get("snapshots", NS, "ho-20260819-030000-000")
        .unwrap();
    assert!(kept["metadata"]["annotations"][KEEP].is_string(), "{kept}");
    assert!(tenant.newest()["metadata"]["annotations"].get(KEEP).is_none());
    // One that cannot be read starts nothing.
    tenant
        .world
        .kube()
        .change("configmaps", NS, "retracted-plan-aro", |object| {
            object["data"] = json!({"list.json": "{\"schema_version\":"});
        });
    let output = tenant.trigger().args(plan).run();
    failed(&output, "cannot be read as the list retracted");
    assert!(tenant.runs().is_empty());
}
