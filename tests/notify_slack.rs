//! notify-slack as a black box: flags in, a message out, whatever became of the run.

use serde_json::{Value, json};
use standins::{Canned, Fault, Nth, Server, Servers, Trouble, World};

use crate::support::{Dir, Output, Tool};

struct Desk {
    dir: Dir,
    world: World,
    servers: Servers,
    /// The webhook's path.
    path: String,
}

impl Desk {
    fn new() -> Self {
        let world = World::default();
        let servers = world.serve().unwrap();
        let dir = Dir::new();
        let path = "/services/T000/B000/geheim".to_owned();
        dir.write("webhook", format!("{}{path}\n", servers.url(Server::Slack)));
        Self { dir, world, servers, path }
    }

    /// With a webhook, a record in `gate.json` and time that flies.
    fn notify(&self) -> Tool {
        self.notify_at("10000")
    }

    fn notify_at(&self, scale: &str) -> Tool {
        Tool::new("notify-slack")
            .args(["--time-scale", scale, "--gate-label", "ARO HCP", "--snapshot-name", "snap-1"])
            .args(["--scenario", "aro-hcp", "--release-plan", "plan-1"])
            .arg("--slack-webhook-file")
            .arg(self.dir.path("webhook"))
            .arg("--record")
            .arg(format!("file:{}", self.dir.path("gate.json").display()))
    }

    fn words(&self) -> String {
        let messages = self.world.slack().messages();
        assert_eq!(self.world.slack().refused(), []);
        assert_eq!(messages.len(), 1, "{messages:#?}");
        messages[0].words()
    }

    fn record(&self) -> Value {
        serde_json::from_str(&self.dir.read("gate.json")).unwrap()
    }
}

fn record(verdict: Option<&str>) -> Value {
    let mut record = json!({
        "schema_version": 1, "kind": "gate", "id": "uid-1", "gate": "ARO HCP",
        "created_at": "2026-08-20T03:11:04Z", "updated_at": "2026-08-20T03:11:04Z",
        "candidate": {
            "image": format!("quay.io/acme/ho@sha256:{}", "4be1f0c2".repeat(8)),
            "digest": format!("sha256:{}", "4be1f0c2".repeat(8)),
            "snapshot": "snap-1",
        },
        "jobs": [{"name": "periodic-e2e-aks", "class": "blocking", "override_env": ["IMAGE"], "attempts": [{
            "number": 1,
            "intent": {"key": "k", "written_at": "2026-08-20T03:12:00Z", "holder": "h"},
            "execution": "0b8a", "state": "failure", "job_url": "https://prow.example/view/gs/b/logs/e2e/1",
            "cause": if verdict == Some("passed") { "passed" } else { "product" },
            "failing_tests": {"names": ["Test<!channel>"], "more": 0},
        }]}],
    });
    if let Some(decision) = verdict {
        record["verdict"] = json!({
            "decision": decision, "decided_at": "2026-08-20T06:00:00Z", "reasons": [],
            "blocking_passed": usize::from(decision == "passed"), "blocking_total": 1,
        });
    }
    record
}

fn write(desk: &Desk, record: &Value) {
    desk.dir.write("gate.json", record.to_string());
}

fn ok(output: &Output) {
    assert_eq!(output.code, 0, "{output:?}");
}

#[test]
fn a_refusal_is_told_with_what_to_do() {
    let desk = Desk::new();
    write(&desk, &record(Some("failed")));
    ok(&desk.notify().args(["--task-status", "collect-results=Failed"]).run());
    let words = desk.words();
    for part in [
        "🔴 *ARO HCP gate refused 4be1f0c2* · 0 of 1 blocking passed",
        "product: Test&lt;!channel&gt;",
        "<https://prow.example/view/gs/b/logs/e2e/1|job>",
        "`trigger-gate --snapshot snap-1 --scenario aro-hcp --release-plan plan-1`",
    ] {
        assert!(words.contains(part), "{part} is not in\n{words}");
    }
    let payload = &desk.world.slack().messages()[0].payload;
    assert!(payload["text"].as_str().unwrap().contains("refused 4be1f0c2"), "{payload}");
    assert_eq!(payload["attachments"][0]["color"], "#e01e5a");
    let notes = &desk.record()["notifications"];
    assert_eq!((&notes[0]["delivered"], &notes[0]["outcome"]), (&json!(true), &json!("refused")));
}

#[test]
fn the_release_is_waited_for_only_when_it_is_due() {
    for (statuses, wanted) in [
        (["launch-prow=Succeeded", "collect-results=Succeeded"], "its Release has not ended yet"),
        (["launch-prow=Succeeded", "collect-results=Failed"], "but it was not released"),
    ] {
        let desk = Desk::new();
        write(&desk, &record(Some("passed")));
        let tool =
            desk.notify()
                .args(["--release-wait", "45m", "--task-status", &statuses.join(",")]);
        ok(&tool.run());
        assert!(desk.words().contains(wanted), "{}", desk.words());
    }
}

#[test]
fn after_a_dry_run_nothing_is_waited_for() {
    let desk = Desk::new();
    let mut tried = record(Some("passed"));
    tried["release"] = json!({
        "plan": "plan-1", "released": "false", "final": true, "exit": 0, "dry_run": true,
        "detail": "a dry run: Release plan-1-4be1f0c24be1-1 would be made",
    });
    write(&desk, &tried);
    // In real time: a wait of 45 minutes would not end before the test does.
    let output = desk
        .notify_at("1")
        .args(["--release-wait", "45m", "--task-status", "collect-results=Succeeded"])
        .run();
    ok(&output);
    assert!(!output.stderr.contains("waiting"), "{}", output.stderr);
    let words = desk.words();
    for wanted in [
        "gate passed 4be1f0c2; nothing was promoted, a dry run",
        "would be made",
        "to promote it for real",
    ] {
        assert!(words.contains(wanted), "{words}");
    }
    assert_eq!(desk.record()["notifications"][0]["outcome"], "passed");
}

#[test]
fn a_release_that_ends_meanwhile_is_told() {
    let desk = Desk::new();
    write(&desk, &record(Some("passed")));
    let mut command = desk
        .notify_at("60")
        .args(["--release-wait", "2h", "--task-status", "collect-results=Succeeded"])
        .command();
    let mut child = command.spawn().unwrap();
    let mut released = record(Some("passed"));
    released["release"] = json!({
        "plan": "plan-1", "name": "plan-1-4be1f0c24be1-1", "created": true, "released": "true", "final": true,
    });
    write(&desk, &released);
    assert!(child.wait().unwrap().success());
    assert!(desk.words().contains("gate promoted 4be1f0c2"), "{}", desk.words());
}

#[test]
fn without_a_record_the_flags_speak() {
    for (name, content) in [
        ("missing", None),
        ("garbage", Some("{")),
        ("newer", Some(r#"{"schema_version":9,"kind":"gate"}"#)),
    ] {
        let desk = Desk::new();
        if let Some(content) = content {
            desk.dir.write("gate.json", content);
        }
        ok(&desk
            .notify()
            .args(["--task-status", "resolve-image=Failed,launch-prow=None", "--run-name", "run-1"])
            .run());
        let words = desk.words();
        assert!(
            words.contains("in resolve-image") && words.contains("snapshot snap-1 · run run-1"),
            "{name}: {words}"
        );
    }
    // A cluster that is not there: the record cannot be read, the message goes out.
    let desk = Desk::new();
    let config = desk.dir.write("kubeconfig", "nonsense");
    let output = Tool::new("notify-slack")
        .args(["--record", "configmap:gate-x", "--kubeconfig"])
        .arg(config)
        .arg("--slack-webhook-file")
        .arg(desk.dir.path("webhook"))
        .run();
    ok(&output);
    assert!(desk.words().contains("could not be read"), "{}", desk.words());
}

#[test]
fn a_run_that_broke_before_its_first_step_is_recorded() {
    let desk = Desk::new();
    ok(&desk
        .notify()
        .args(["--run-id", "uid-1", "--task-status", "resolve-image=Failed"])
        .run());
    let record = desk.record();
    assert_eq!(
        (&record["id"], &record["notifications"][0]["outcome"]),
        (&json!("uid-1"), &json!("broken"))
    );
}

#[test]
fn a_record_in_the_cluster_is_read() {
    let desk = Desk::new();
    let kubeconfig = desk.dir.path("kubeconfig");
    desk.servers.write_kubeconfig(&kubeconfig, "tenant").unwrap();
    desk.world.kube().put(json!({
        "kind": "ConfigMap", "metadata": {"name": "gate-run-1", "namespace": "tenant"},
        "data": {"record.json": record(None).to_string()},
    }));
    desk.world.kube().put(json!({
        "kind": "PipelineRun", "metadata": {"name": "run-1", "namespace": "tenant"},
        "spec": {"status": "CancelledRunFinally"},
    }));
    let output = Tool::new("notify-slack")
        .args(["--record", "configmap:gate-run-1", "--run-name", "run-1", "--kubeconfig"])
        .arg(kubeconfig)
        .args(["--task-status", "collect-results=Failed", "--slack-webhook-file"])
        .arg(desk.dir.path("webhook"))
        .run();
    ok(&output);
    assert!(desk.words().contains("gate was cancelled"), "{}", desk.words());
    let stored = desk.world.kube().get("configmaps", "tenant", "gate-run-1").unwrap();
    assert!(
        stored["data"]["record.json"]
            .as_str()
            .unwrap()
            .contains(r#""outcome":"cancelled""#)
    );
}

#[test]
fn red_runs_in_a_row_are_counted_and_escalated() {
    let desk = Desk::new();
    let kubeconfig = desk.dir.path("kubeconfig");
    desk.servers.write_kubeconfig(&kubeconfig, "tenant").unwrap();
    let labels = json!({"release-gate/kind": "gate", "release-gate/gate": "ARO-HCP"});
    for (day, verdict, gate) in
        [(16, "passed", true), (17, "failed", false), (18, "failed", true), (19, "undecided", true)]
    {
        let mut past = record(Some(verdict));
        past["id"] = json!(format!("uid-{day}"));
        past["created_at"] = json!(format!("2026-08-{day}T03:00:00Z"));
        if verdict == "passed" {
            past["release"] = json!({
                "plan": "plan-1", "released": "true", "final": true, "completed_at": "2026-08-16T09:00:00Z",
            });
        }
        let labels = if gate {
            labels.clone()
        } else {
            json!({"release-gate/kind": "gate", "release-gate/gate": "other"})
        };
        desk.world.kube().put(json!({
            "kind": "ConfigMap",
            "metadata": {"name": format!("gate-{day}"), "namespace": "tenant", "labels": labels},
            "data": {"record.json": past.to_string()},
        }));
    }
    desk.world.kube().put(json!({
        "kind": "ConfigMap", "metadata": {"name": "gate-20", "namespace": "tenant", "labels": labels},
        "data": {"record.json": record(Some("failed")).to_string()},
    }));
    // The list of records is read at the third try.
    let trouble = Fault::on(Server::Kube, Trouble::StatusBefore(500))
        .method("GET")
        .path("*/configmaps?*");
    desk.world.fault(trouble.nth(Nth::First(2)));
    let output = Tool::new("notify-slack")
        .args([
            "--time-scale",
            "200",
            "--record",
            "configmap:gate-20",
            "--escalate",
            "2=U0001,3=S0123",
            "--kubeconfig",
        ])
        .arg(kubeconfig)
        .arg("--slack-webhook-file")
        .arg(desk.dir.path("webhook"))
        .run();
    ok(&output);
    let words = desk.words();
    assert!(words.contains("third red run in a row <!subteam^S0123>"), "{words}");
    assert!(words.contains("*last verified: 4be1f0c2"), "{words}");
}

#[test]
fn what_was_last_verified_is_what_releases_say() {
    let release = |name: &str, at: &str| {
        json!({
            "kind": "Release", "apiVersion": "appstudio.redhat.com/v1alpha1",
            "metadata": {"name": name, "namespace": "tenant", "uid": name, "creationTimestamp": at,
                "labels": {"release.appstudio.openshift.io/releasePlan": "plan-1"}},
            "spec": {"snapshot": format!("snap-of-{name}"), "releasePlan": "plan-1"},
            "status": {
                "completionTime": at,
                "conditions": [{"type": "Released", "status": "True", "reason": "Succeeded", "message": ""}],
            },
        })
    };
    for (archived, wanted) in
        [(false, "*last verified: snap-of-live, "), (true, "*last verified: snap-of-archived, ")]
    {
        let desk = Desk::new();
        let kubeconfig = desk.dir.path("kubeconfig");
        desk.servers.write_kubeconfig(&kubeconfig, "tenant").unwrap();
        desk.world.kube().put(json!({
            "kind": "ConfigMap", "metadata": {"name": "gate-20", "namespace": "tenant"},
            "data": {"record.json": record(Some("failed")).to_string()},
        }));
        desk.world.kube().put(release("live", "2026-08-10T09:00:00Z"));
        let recent = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(10 * 24);
        desk.world.archive().put(release("archived", &format!("{recent:.0}")));
        let url = if archived { desk.servers.archive_url() } else { String::new() };
        let output = Tool::new("notify-slack")
            .args([
                "--record",
                "configmap:gate-20",
                "--release-plan",
                "plan-1",
                "--kubearchive-url",
                &url,
                "--kubeconfig",
            ])
            .arg(kubeconfig)
            .arg("--slack-webhook-file")
            .arg(desk.dir.path("webhook"))
            .run();
        ok(&output);
        assert!(desk.words().contains(wanted), "{}", desk.words());
    }
}

/// What is not known is not none; and a green message, which does not name it, asks nobody.
#[test]
fn what_was_last_verified_is_asked_for_only_where_it_is_told() {
    for (decision, down, wanted) in [
        ("failed", false, Some("last verified: no image that is known of")),
        (
            "failed",
            true,
            Some("last verified: not known, KubeArchive: KubeArchive has trouble (500"),
        ),
        ("passed", true, None),
    ] {
        let desk = Desk::new();
        let kubeconfig = desk.dir.path("kubeconfig");
        desk.servers.write_kubeconfig(&kubeconfig, "tenant").unwrap();
        let mut record = record(Some(decision));
        if decision == "passed" {
            record["release"] = json!({
                "plan": "plan-1", "name": "r-1", "released": "true", "final": true,
                "completed_at": "2026-08-20T06:10:00Z",
            });
        }
        desk.world.kube().put(json!({
            "kind": "ConfigMap", "metadata": {"name": "gate-20", "namespace": "tenant"},
            "data": {"record.json": record.to_string()},
        }));
        if down {
            desk.world
                .fault(Fault::on(Server::Archive, Trouble::StatusBefore(500)));
        }
        let output = Tool::new("notify-slack")
            .args(["--time-scale", "200", "--record", "configmap:gate-20", "--release-plan"])
            .args(["plan-1", "--kubearchive-url", &desk.servers.archive_url(), "--kubeconfig"])
            .arg(kubeconfig)
            .arg("--slack-webhook-file")
            .arg(desk.dir.path("webhook"))
            .run();
        ok(&output);
        let words = desk.words();
        let releases = desk.world.requests_to(Server::Kube);
        let releases = releases.iter().any(|asked| asked.path.contains("/releases"));
        let archive = !desk.world.requests_to(Server::Archive).is_empty();
        match wanted {
            Some(wanted) => assert!(words.contains(wanted) && releases && archive, "{words}"),
            None => assert!(!words.contains("last verified") && !releases && !archive, "{words}"),
        }
    }
}

#[test]
fn a_message_that_cannot_be_sent_fails_the_step_and_is_kept() {
    let desk = Desk::new();
    write(&desk, &record(Some("failed")));
    desk.world.slack().revoke(&desk.path);
    let output = desk.notify().run();
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.stdout.contains("🔴 ARO HCP gate refused"), "{}", output.stdout);
    assert!(
        output.stderr.contains("invalid_token") && output.stderr.contains("make a new one"),
        "{}",
        output.stderr
    );
    assert!(!output.stderr.contains("geheim"), "{}", output.stderr);
    let notes = &desk.record()["notifications"];
    assert_eq!(notes[0]["delivered"], false);
    assert!(
        notes[0]["detail"]
            .as_str()
            .unwrap()
            .contains("🔴 ARO HCP gate refused")
    );
}

#[test]
fn trouble_that_passes_is_waited_out() {
    let again = [
        Trouble::TooMany(Some(3)),
        Trouble::StatusBefore(503),
        Trouble::DropBefore,
        Trouble::DropAfter,
    ];
    for trouble in again {
        let desk = Desk::new();
        write(&desk, &record(Some("failed")));
        let name = format!("{trouble:?}");
        desk.world.fault(Fault::on(Server::Slack, trouble).nth(Nth::First(2)));
        ok(&desk.notify().run());
        assert_eq!(desk.world.requests_to(Server::Slack).len(), 3, "{name}");
        assert!(!desk.world.slack().messages().is_empty(), "{name}");
    }
}

#[test]
fn trouble_that_does_not_pass_ends() {
    for trouble in
        [Trouble::Html200, Trouble::Html403, Trouble::StatusBefore(500), Trouble::TooMany(None)]
    {
        let desk = Desk::new();
        write(&desk, &record(Some("failed")));
        let name = format!("{trouble:?}");
        desk.world.fault(Fault::on(Server::Slack, trouble));
        let output = desk.notify().run();
        assert_eq!(output.code, 1, "{name}: {output:?}");
        assert!(desk.world.requests_to(Server::Slack).len() <= 8, "{name}");
    }
}

#[test]
fn a_refused_form_is_sent_as_plain_text() {
    let desk = Desk::new();
    write(&desk, &record(Some("failed")));
    let refusal = Canned { status: 400, headers: vec![], body: b"invalid_blocks".to_vec() };
    desk.world
        .fault(Fault::on(Server::Slack, Trouble::Answer(refusal)).nth(Nth::Only(1)));
    ok(&desk.notify().run());
    let messages = desk.world.slack().messages();
    assert!(messages[0].payload.get("blocks").is_none(), "{messages:#?}");
    assert!(
        messages[0].payload["text"]
            .as_str()
            .unwrap()
            .contains("refused 4be1f0c2")
    );
}

#[test]
fn a_preview_sends_and_writes_nothing() {
    let desk = Desk::new();
    write(&desk, &record(Some("failed")));
    let before = desk.dir.read("gate.json");
    let output = Tool::new("notify-slack")
        .arg("--preview")
        .arg("--record")
        .arg(format!("file:{}", desk.dir.path("gate.json").display()))
        .run();
    ok(&output);
    assert!(output.stdout.starts_with("🔴 ARO HCP gate refused 4be1f0c2"), "{}", output.stdout);
    assert_eq!(desk.dir.read("gate.json"), before);
    assert!(desk.world.requests().is_empty());
}

#[test]
fn a_channel_by_token() {
    let desk = Desk::new();
    write(&desk, &record(Some("failed")));
    let token = desk.dir.write("token", "xoxb-geheim");
    let output = Tool::new("notify-slack")
        .args([
            "--channel",
            "C012",
            "--slack-api-url",
            &desk.servers.slack_url(),
            "--slack-token-file",
        ])
        .arg(token)
        .arg("--record")
        .arg(format!("file:{}", desk.dir.path("gate.json").display()))
        .run();
    ok(&output);
    let message = &desk.world.slack().messages()[0];
    assert!(message.path.ends_with("/chat.postMessage"), "{}", message.path);
    assert_eq!(message.payload["channel"], "C012");
}

#[test]
fn bad_input_is_named_and_nothing_is_sent() {
    let desk = Desk::new();
    desk.dir.write("empty", "");
    desk.dir.write("plain", "http://hooks.example.com/services/geheim");
    let webhook = desk.dir.path("webhook").display().to_string();
    let (empty, plain) = (
        desk.dir.path("empty").display().to_string(),
        desk.dir.path("plain").display().to_string(),
    );
    for (arguments, wanted) in [
        (vec![], "--slack-webhook-file"),
        (vec!["--slack-webhook-file", ""], "--slack-webhook-file"),
        (
            vec!["--slack-webhook-file", "/nowhere/url"],
            "--slack-webhook-file: cannot read /nowhere/url",
        ),
        (vec!["--slack-webhook-file", &empty], "is empty"),
        (vec!["--slack-webhook-file", &plain], "holds no webhook address"),
        (vec!["--slack-token-file", &webhook], "--channel"),
        (vec!["--slack-webhook-file", &webhook, "--task-status", "Succeeded"], "--task-status"),
        (
            vec!["--slack-webhook-file", &webhook, "--record", "gate.json"],
            "--record: expected configmap:NAME",
        ),
        (
            vec!["--slack-webhook-file", &webhook, "--release-wait", "soon"],
            "--release-wait: expected a duration",
        ),
        (
            vec!["--slack-webhook-file", &webhook, "--run-url", "http://console.example"],
            "--run-url",
        ),
        (vec!["--slack-webhook-file", &webhook, "--threshold-days", "some"], "--threshold-days"),
        (
            vec!["--slack-webhook-file", &webhook, "--escalate", "3=oncall"],
            "--escalate: expected N=WHOM",
        ),
        (vec!["--slack-webhook-file", &webhook, "--kubearchive-url", "x"], "--kubearchive-url"),
        (vec!["--slack-webhook-file", &webhook, "--ca-file", "/nowhere"], "--ca-file"),
    ] {
        let output = Tool::new("notify-slack").args(&arguments).run();
        assert_eq!(output.code, 2, "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(wanted), "{arguments:?}: {}", output.stderr);
        assert!(!output.stderr.contains("geheim"), "{}", output.stderr);
    }
    assert!(desk.world.requests().is_empty());
}
