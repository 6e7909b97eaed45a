//! check-staleness as a black box, against a cluster and an archive that may not answer.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use standins::{Fault, Nth, Server, Servers, Trouble, World};

use crate::support::{Dir, Output, Tool};

const NS: &str = "tenant";

struct Watch {
    dir: Dir,
    world: World,
    servers: Servers,
}

impl Watch {
    fn new() -> Self {
        let world = World::default();
        let servers = world.serve().unwrap();
        let dir = Dir::new();
        servers.write_kubeconfig(&dir.path("kubeconfig"), NS).unwrap();
        dir.write("webhook", servers.slack_url());
        Self { dir, world, servers }
    }

    fn check(&self) -> Tool {
        Tool::new("check-staleness")
            .args(["--time-scale", "200", "--release-plan", "plan-aro", "--scenario", "gate-aro"])
            .args(["--gate-label", "ARO HCP", "--kubeconfig"])
            .arg(self.dir.path("kubeconfig"))
            .arg("--slack-webhook-file")
            .arg(self.dir.path("webhook"))
    }

    fn with_archive(&self) -> Tool {
        self.check().arg("--kubearchive-url").arg(self.servers.archive_url())
    }

    fn words(&self) -> Vec<String> {
        assert_eq!(self.world.slack().refused(), []);
        self.world
            .slack()
            .messages()
            .iter()
            .map(standins::Message::words)
            .collect()
    }

    fn run(&self, name: &str, hours: i64, ended: bool) {
        self.world.kube().put(json!({
            "kind": "PipelineRun",
            "metadata": {"name": name, "namespace": NS, "creationTimestamp": ago(hours),
                "labels": {"test.appstudio.openshift.io/scenario": "gate-aro"}},
            "status": {"startTime": ago(hours), "completionTime": if ended { json!(ago(hours - 3)) } else { Value::Null }},
        }));
    }

    fn record(&self, run: &str, hours: i64, more: &Value) {
        let mut record = json!({
            "schema_version": 1, "kind": "gate", "id": run, "run": run, "gate": "ARO HCP",
            "created_at": ago(hours), "updated_at": ago(hours),
        });
        record
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.world.kube().put(json!({
            "kind": "ConfigMap", "data": {"record.json": record.to_string()},
            "metadata": {"name": format!("gate-{run}"), "namespace": NS, "creationTimestamp": ago(hours),
                "labels": {"release-gate/kind": "gate", "release-gate/gate": "ARO-HCP"}},
        }));
    }
}

fn ago(hours: i64) -> String {
    format!("{:.0}", Timestamp::now() - SignedDuration::from_hours(hours))
}

fn release(name: &str, hours: i64, reason: &str) -> Value {
    json!({
        "kind": "Release", "apiVersion": "appstudio.redhat.com/v1alpha1",
        "metadata": {"name": name, "namespace": NS, "uid": format!("uid-{name}"), "creationTimestamp": ago(hours),
            "labels": {"release.appstudio.openshift.io/releasePlan": "plan-aro"}},
        "spec": {"snapshot": "snap", "releasePlan": "plan-aro"},
        "status": {
            "completionTime": ago(hours),
            "conditions": [{"type": "Released", "status": if reason == "Succeeded" { "True" } else { "False" }, "reason": reason, "message": ""}],
            "artifacts": {"images": [{"name": "ho", "shasum": format!("sha256:{}", "4be1f0c2".repeat(8)), "urls": []}]},
        },
    })
}

fn ended(output: &Output, code: i32) -> Value {
    assert_eq!(output.code, code, "{output:?}");
    serde_json::from_str(&output.stdout).unwrap_or(Value::Null)
}

fn failed(reason: &str) -> Value {
    json!({"verdict": {
        "decision": "failed", "decided_at": ago(1), "reasons": [reason], "blocking_passed": 0, "blocking_total": 1,
    }})
}

#[test]
fn a_fresh_image_is_no_news() {
    let watch = Watch::new();
    watch.world.kube().put(release("r-1", 30, "Succeeded"));
    let found = ended(&watch.check().run(), 0);
    assert_eq!((&found["state"], &found["newest"]["image"]), (&json!("fresh"), &json!("4be1f0c2")));
    assert_eq!(watch.words().len(), 0);
}

#[test]
fn each_cause_is_told() {
    type Arrange = fn(&Watch);
    let cases: [(&str, Arrange, &str); 7] = [
        ("did-not-run", |_| {}, "the gate did not run"),
        (
            "killed",
            |watch| {
                watch.record("run-1", 20, &json!({"candidate": {"image": format!("q.io/a@sha256:{}", "a".repeat(64)), "digest": format!("sha256:{}", "a".repeat(64)), "snapshot": "snap-9"}}))
            },
            "run run-1 was killed: its record has a beginning and no end (it may have gone with its Snapshot snap-9)",
        ),
        (
            "ran-and-failed",
            |watch| {
                watch.record("run-1", 44, &failed("e2e-aks failed TestA"));
                watch.record("run-2", 20, &failed("e2e-aks failed TestB"));
            },
            "ran 2 times and did not pass; the last: e2e-aks failed TestB",
        ),
        (
            "release-failed",
            |watch| {
                let mut passed = failed("it failed in task verify");
                passed["verdict"]["decision"] = json!("passed");
                passed["release"] = json!({"plan": "plan-aro", "released": "false", "final": true});
                watch.record("run-1", 20, &passed);
            },
            "passed and was not released",
        ),
        (
            "only-tried",
            |watch| {
                let mut passed = failed("all passed");
                passed["verdict"]["decision"] = json!("passed");
                passed["release"] = json!({"plan": "plan-aro", "released": "false", "final": true, "dry_run": true});
                watch.record("run-1", 20, &passed);
            },
            "the gate ran and passed, and nothing was to be promoted: all passed",
        ),
        ("running-now", |watch| watch.run("run-7", 2, false), "run run-7 is on its way"),
        ("ran-and-failed", |watch| watch.run("run-8", 20, true), "run run-8: it left no record"),
    ];
    for (word, arrange, wanted) in cases {
        let watch = Watch::new();
        watch.world.kube().put(release("r-1", 100, "Succeeded"));
        watch.world.kube().put(release("r-2", 20, "Failed"));
        arrange(&watch);
        let found = ended(&watch.check().run(), 3);
        assert_eq!((&found["state"], &found["cause"]), (&json!("stale"), &json!(word)));
        let words = watch.words().concat();
        assert!(words.contains(wanted) && words.contains("4 days ago"), "{wanted}: {words}");
    }
}

#[test]
fn the_archive_knows_what_the_cluster_forgot() {
    let watch = Watch::new();
    watch.world.archive().put(release("r-1", 30, "Succeeded"));
    assert_eq!(ended(&watch.check().run(), 3)["state"], "stale");
    assert_eq!(ended(&watch.with_archive().run(), 0)["newest"]["release"], "r-1");
    let asked = watch.world.requests_to(Server::Archive);
    assert!(
        asked[0]
            .path
            .contains("labelSelector=release.appstudio.openshift.io%2FreleasePlan%3Dplan-aro"),
        "{asked:?}"
    );
    assert!(
        asked[0].path.contains("creationTimestampAfter=") && asked[0].path.contains("Z&limit=100"),
        "{asked:?}"
    );
}

#[test]
fn a_live_release_counts_more_than_its_archived_copy() {
    let watch = Watch::new();
    let mut old = release("r-1", 30, "Progressing");
    old["status"]["completionTime"] = Value::Null;
    watch.world.archive().put(old);
    watch.world.kube().put(release("r-1", 30, "Succeeded"));
    assert_eq!(ended(&watch.with_archive().run(), 0)["state"], "fresh");
}

#[test]
fn every_page_of_the_archive_is_read_with_all_parameters() {
    let watch = Watch::new();
    for number in 0..250 {
        watch
            .world
            .archive()
            .put(release(&format!("f-{number}"), 20, "Failed"));
    }
    watch.world.archive().put(release("good", 30, "Succeeded"));
    assert_eq!(ended(&watch.with_archive().run(), 0)["newest"]["release"], "good");
    let asked = watch.world.requests_to(Server::Archive);
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(
        |one| one.path.contains("labelSelector") && one.path.contains("creationTimestampAfter")
    ));
}

#[test]
fn an_archive_that_does_not_answer_is_an_alert_of_its_own() {
    for (trouble, wanted) in [
        (Trouble::StatusBefore(500), "connection refused"),
        (Trouble::StatusBefore(504), "query timeout"),
        (Trouble::DropBefore, "does not answer"),
        (Trouble::Html200, "a page for people"),
        (Trouble::NotFound, "is the address right?"),
    ] {
        let watch = Watch::new();
        let name = format!("{trouble:?}");
        watch.world.fault(Fault::on(Server::Archive, trouble));
        let output = watch.with_archive().run();
        assert_eq!(ended(&output, 1)["state"], "blind", "{name}");
        let words = watch.words().concat();
        assert!(words.contains("it cannot be seen") && words.contains(wanted), "{name}: {words}");
    }
}

#[test]
fn trouble_that_passes_is_no_alert() {
    for trouble in [
        Trouble::StatusBefore(500),
        Trouble::TooMany(Some(1)),
        Trouble::StatusBefore(503),
        Trouble::Truncate(40),
    ] {
        let watch = Watch::new();
        watch.world.archive().put(release("r-1", 30, "Succeeded"));
        let name = format!("{trouble:?}");
        watch
            .world
            .fault(Fault::on(Server::Archive, trouble).nth(Nth::First(2)));
        assert_eq!(ended(&watch.with_archive().run(), 0)["state"], "fresh", "{name}");
    }
    // Nor is trouble with any list of the cluster.
    for list in ["configmaps", "releases", "pipelineruns"] {
        let watch = Watch::new();
        watch.world.kube().put(release("r-1", 30, "Succeeded"));
        let trouble = Fault::on(Server::Kube, Trouble::StatusBefore(500))
            .method("GET")
            .path(&format!("*/{list}?*"));
        watch.world.fault(trouble.nth(Nth::First(2)));
        assert_eq!(ended(&watch.check().run(), 0)["state"], "fresh", "{list}");
        assert_eq!(watch.words(), [""; 0], "{list}");
    }
    let watch = Watch::new();
    watch.world.archive().put(release("r-1", 30, "Succeeded"));
    watch.world.archive().break_off(2);
    assert_eq!(ended(&watch.with_archive().run(), 0)["state"], "fresh");
    watch.world.archive().break_off(99);
    assert_eq!(ended(&watch.with_archive().run(), 1)["state"], "blind");
}

#[test]
fn a_refused_token_is_told_in_the_archives_words() {
    let watch = Watch::new();
    watch.world.archive().token(standins::CLUSTER_TOKEN, false);
    ended(&watch.with_archive().run(), 1);
    assert!(watch.words()[0].contains("401: unauthorized"), "{:?}", watch.words());
    // A kubeconfig without a token: the request goes without, and is refused.
    let certificate = std::fs::read_to_string(watch.dir.path("kubeconfig"))
        .unwrap()
        .replace("token:", "username:");
    watch.dir.write("kubeconfig", certificate);
    ended(&watch.with_archive().run(), 1);
    assert!(
        watch.words()[1]
            .contains("the kubeconfig's user has no bearer token for it, or a blank one"),
        "{:?}",
        watch.words()
    );
    assert_eq!(
        watch.world.requests_to(Server::Archive).len(),
        2,
        "what stays refused is not asked again"
    );
}

#[test]
fn an_empty_list_is_proof_beside_one_that_is_not() {
    let watch = Watch::new();
    let mut other = release("other", 30, "Succeeded");
    other["metadata"]["labels"] = json!({});
    other["spec"]["releasePlan"] = json!("plan-other");
    watch.world.archive().put(other);
    assert_eq!(ended(&watch.with_archive().run(), 3)["state"], "stale");
}

#[test]
fn an_alert_is_repeated_once_per_interval_and_its_end_is_told() {
    let watch = Watch::new();
    watch.world.kube().put(release("r-1", 100, "Succeeded"));
    let check = || {
        watch
            .check()
            .args(["--record", "configmap:staleness-aro", "--repeat", "24h"])
            .run()
    };
    assert_eq!(ended(&check(), 3)["due"], "alert");
    assert_eq!(ended(&check(), 3)["due"], "nothing");
    // A day later.
    watch
        .world
        .kube()
        .change("configmaps", NS, "staleness-aro", |ledger| {
            assert_eq!(ledger["metadata"]["labels"]["release-gate/kind"], "staleness");
            let mut stored: Value =
                serde_json::from_str(ledger["data"]["record.json"].as_str().unwrap()).unwrap();
            stored["stale_told_at"] = json!(ago(25));
            ledger["data"]["record.json"] = json!(stored.to_string());
        });
    assert_eq!(ended(&check(), 3)["due"], "alert");
    watch.world.kube().put(release("r-2", 1, "Succeeded"));
    assert_eq!(ended(&check(), 0)["due"], "recovery");
    assert_eq!(ended(&check(), 0)["due"], "nothing");
    let words = watch.words();
    assert_eq!(words.len(), 3, "{words:#?}");
    assert!(words[2].contains("the alarm is over"), "{}", words[2]);
}

#[test]
fn an_alert_that_was_not_delivered_is_tried_again() {
    let watch = Watch::new();
    watch.world.kube().put(release("r-1", 100, "Succeeded"));
    watch
        .world
        .fault(Fault::on(Server::Slack, Trouble::StatusBefore(500)).nth(Nth::First(8)));
    let check = || watch.check().args(["--record", "configmap:staleness-aro"]).run();
    let output = check();
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("not delivered: stale"), "{}", output.stderr);
    ended(&check(), 3);
    assert_eq!(watch.words().len(), 1);
}

#[test]
fn quiet_time_does_not_count() {
    let watch = Watch::new();
    watch.world.kube().put(release("r-1", 100, "Succeeded"));
    let window = format!("{}/{}", ago(90), ago(10));
    ended(&watch.check().args(["--quiet-window", &window]).run(), 0);
    ended(&watch.check().args(["--threshold-days", "5"]).run(), 0);
    ended(&watch.check().run(), 3);
}

#[test]
fn what_may_not_be_read_is_an_alert_where_it_could_change_the_finding() {
    for (plural, code, state) in [
        ("releases", 1, "blind"),
        ("pipelineruns", 0, "fresh"),
        ("configmaps", 0, "fresh"),
        ("snapshots", 1, "blind"),
    ] {
        let watch = Watch::new();
        watch.world.kube().put(release("r-1", 30, "Succeeded"));
        watch
            .world
            .kube()
            .deny(if plural == "snapshots" { "get" } else { "list" }, plural);
        let found = ended(&watch.check().run(), code);
        assert_eq!(found["state"], state, "{plural}");
        assert!(found["summary"].as_str().unwrap().contains(plural), "{plural}: {found}");
        assert_eq!(watch.words().len(), usize::from(code == 1), "{plural}");
    }
    // With nothing verified yet, the runs tell whether the gate is new.
    let watch = Watch::new();
    watch.world.kube().deny("list", "pipelineruns");
    assert_eq!(ended(&watch.check().run(), 1)["state"], "blind");
}

/// A Release that integration-service made by itself, as captured from the real one.
fn automatic(name: &str, hours: i64, reason: &str) -> Value {
    let mut made = release(name, hours, reason);
    made["metadata"]["labels"]["release.appstudio.openshift.io/automated"] = json!("true");
    made["status"]["automated"] = json!(true);
    made
}

#[test]
fn an_automatic_release_verifies_nothing_and_is_an_alarm_at_once() {
    let watch = Watch::new();
    watch.world.kube().put(release("r-1", 100, "Succeeded"));
    watch
        .world
        .kube()
        .put(automatic("snap-0c1d2e3-kq47h", 1, "Succeeded"));
    let check = || watch.check().args(["--record", "configmap:staleness-aro"]).run();
    let found = ended(&check(), 3);
    assert_eq!((&found["state"], &found["newest"]["release"]), (&json!("stale"), &json!("r-1")));
    assert_eq!(found["automatic"][0]["release"], "snap-0c1d2e3-kq47h");
    let words = watch.words();
    assert_eq!(words.len(), 2, "{words:#?}");
    for wanted in [
        "ARO HCP: an untested image was released automatically",
        "snap-0c1d2e3-kq47h",
        "kubectl label releaseplan plan-aro --namespace tenant --overwrite release.appstudio.openshift.io/auto-release=false",
    ] {
        assert!(words[0].contains(wanted), "{wanted}: {}", words[0]);
    }
    assert!(words[1].contains("nothing was verified since 4 days ago"), "{}", words[1]);
    ended(&check(), 3);
    assert_eq!(watch.words().len(), 2, "told once per interval");

    // A verified one follows: both alarms are over.
    watch.world.kube().put(release("r-2", 0, "Succeeded"));
    ended(&check(), 0);
    let words = watch.words();
    assert!(words[2].contains("a verified image has followed the untested one"), "{words:#?}");
    assert!(words[3].contains("the alarm is over"), "{words:#?}");

    // One that failed pushed nothing: told, and no alarm that lasts.
    watch.world.kube().put(automatic("snap-0c1d2e3-aaaaa", 0, "Failed"));
    ended(&check(), 3);
    assert!(watch.words()[4].contains("its plan made a Release by itself"), "{:#?}", watch.words());
    ended(&check(), 0);
    assert_eq!(watch.words().len(), 5);
}

fn snapshot(name: &str, hours: i64, letter: &str) -> Value {
    json!({
        "kind": "Snapshot",
        "metadata": {"name": name, "namespace": NS, "creationTimestamp": ago(hours), "labels": {
            "appstudio.openshift.io/application": "ho",
            "appstudio.openshift.io/component": "ho-main",
            "pac.test.appstudio.openshift.io/event-type": "push",
        }},
        "spec": {"application": "ho", "components": [
            {"name": "ho-main", "containerImage": format!("quay.io/acme/ho@sha256:{}", letter.repeat(64))},
        ]},
    })
}

/// A Release of that Snapshot, with what it pushed.
fn pushing(name: &str, snapshot: &str, hours: i64, letter: Option<&str>) -> Value {
    let mut made = release(name, hours, "Succeeded");
    made["spec"]["snapshot"] = json!(snapshot);
    let images = letter
        .map(|letter| json!([{"name": "ho", "shasum": format!("sha256:{}", letter.repeat(64))}]));
    made["status"]["artifacts"] = images.map_or(Value::Null, |images| json!({"images": images}));
    made
}

#[test]
fn a_release_that_landed_with_another_digest_verifies_nothing() {
    let watch = Watch::new();
    watch.world.kube().put(snapshot("snap-9", 30, "a"));
    watch.world.kube().put(release("r-1", 100, "Succeeded"));
    watch.world.kube().put(pushing("r-2", "snap-9", 20, Some("b")));
    let found = ended(&watch.check().run(), 3);
    assert_eq!((&found["state"], &found["newest"]["release"]), (&json!("stale"), &json!("r-1")));
    let wanted = "Release r-2 landed and pushed bbbbbbbb instead of aaaaaaaa: it verifies nothing";
    assert!(watch.words().concat().contains(wanted), "{:?}", watch.words());
    // The Snapshot is gone, and the name that create-release gave tells the tested one.
    let watch = Watch::new();
    watch
        .world
        .kube()
        .put(pushing("plan-aro-aaaaaaaaaaaa-1", "gone", 20, Some("b")));
    let found = ended(&watch.check().run(), 0);
    assert_eq!(
        found["newest"],
        Value::Null,
        "the gate is younger than the limit, and nothing is verified"
    );
    assert!(
        found["remarks"][0]
            .as_str()
            .unwrap()
            .contains("pushed bbbbbbbb instead of aaaaaaaa"),
        "{found}"
    );
    watch
        .world
        .kube()
        .put(pushing("plan-aro-bbbbbbbbbbbb-1", "gone", 20, Some("b")));
    assert_eq!(ended(&watch.check().run(), 0)["newest"]["image"], "bbbbbbbb");
}

#[test]
fn an_image_is_named_by_its_digest_also_where_nothing_was_left_to_push() {
    let watch = Watch::new();
    watch.world.kube().put(snapshot("snap-9", 30, "a"));
    watch.world.kube().put(pushing("r-2", "snap-9", 20, None));
    assert_eq!(ended(&watch.check().run(), 0)["newest"]["image"], "aaaaaaaa");
}

#[test]
fn an_unknown_outcome_is_told_as_unknown() {
    let watch = Watch::new();
    watch.world.kube().put(release("r-1", 100, "Succeeded"));
    let mut passed = failed("all passed");
    passed["verdict"]["decision"] = json!("passed");
    passed["release"] =
        json!({"plan": "plan-aro", "name": "r-2", "released": "unknown", "final": true, "exit": 4});
    watch.record("run-1", 20, &passed);
    assert_eq!(ended(&watch.check().run(), 3)["cause"], "release-unknown");
    let words = watch.words().concat();
    assert!(words.contains("it is not known whether its Release pushed it"), "{words}");
    assert!(!words.contains("was not released"), "{words}");
}

#[test]
fn what_it_remembers_never_silences_it() {
    let kind = |more: &str| format!(r#"{{"schema_version":1,"kind":"staleness"{more}}}"#);
    for (ledger, said) in [
        (String::new(), "it is empty"),
        ("{\"schema_version\":1,\"ki".to_owned(), "could not be used"),
        ("[]".to_owned(), "could not be used"),
        (r#"{"schema_version":2,"kind":"staleness","told":[]}"#.to_owned(), "it is of version 2"),
        (kind(&format!(r#","stale_told_at":"{}""#, ago(-48))), "which is still to come"),
        (kind(&format!(r#","found":"{}""#, "x".repeat(20_000))), "more than any right one"),
    ] {
        let watch = Watch::new();
        watch.world.kube().put(release("r-1", 100, "Succeeded"));
        watch.world.kube().put(json!({
            "kind": "ConfigMap", "metadata": {"name": "staleness-aro", "namespace": NS},
            "data": {"record.json": ledger},
        }));
        let check = || watch.check().args(["--record", "configmap:staleness-aro"]).run();
        let found = ended(&check(), 3);
        assert_eq!(found["due"], "alert", "{ledger}");
        assert!(found["remarks"][0].as_str().unwrap().contains(said), "{ledger}: {found}");
        assert!(watch.words()[0].contains(said), "{ledger}: {:?}", watch.words());
        // From then on it remembers again.
        assert_eq!(ended(&check(), 3)["due"], "nothing", "{ledger}");
        assert_eq!(watch.words().len(), 1, "{ledger}");
    }
    let watch = Watch::new();
    watch.world.kube().put(release("r-1", 100, "Succeeded"));
    watch
        .world
        .kube()
        .put(json!({"kind": "ConfigMap", "metadata": {"name": "staleness-aro", "namespace": NS}}));
    assert_eq!(
        ended(&watch.check().args(["--record", "configmap:staleness-aro"]).run(), 3)["due"],
        "alert"
    );
}

#[test]
fn with_nothing_newer_to_verify_an_old_image_is_no_alarm() {
    let watch = Watch::new();
    watch.world.kube().put(snapshot("snap-8", 200, "9"));
    watch.world.kube().put(snapshot("snap-9", 110, "a"));
    watch.world.kube().put(pushing("r-1", "snap-9", 100, Some("a")));
    let ledger =
        ["--record", "configmap:staleness-aro", "--application", "ho", "--component", "ho-main"];
    let found = ended(&watch.check().args(ledger).run(), 0);
    assert!(
        found["summary"]
            .as_str()
            .unwrap()
            .contains("there is nothing newer that a night could have verified"),
        "{found}"
    );
    assert_eq!(watch.words().len(), 0);
    // Without knowing which Snapshots are the gate's it is as old as it is.
    ended(&watch.check().run(), 3);

    let watch = Watch::new();
    watch.world.kube().put(snapshot("snap-9", 24 * 12, "a"));
    watch.world.kube().put(pushing("r-1", "snap-9", 24 * 11, Some("a")));
    for due in ["alert", "nothing"] {
        let found = ended(&watch.check().args(ledger).run(), 3);
        assert_eq!((&found["cause"], &found["due"]), (&json!("nothing-newer"), &json!(due)));
    }
    assert_eq!(watch.words().len(), 1);
    assert!(watch.words()[0].contains("ARO HCP: no new build for 12 days"), "{:?}", watch.words());
    // A new build that nobody tests in two days.
    watch.world.kube().put(snapshot("snap-10", 48, "b"));
    assert_eq!(ended(&watch.check().args(ledger).run(), 3)["cause"], "did-not-run");
    // A newest one that cannot be judged keeps trigger-gate from starting anything.
    let mut odd = snapshot("snap-11", 1, "c");
    odd["spec"]["components"][0]["containerImage"] = json!("quay.io/acme/ho:latest");
    watch.world.kube().put(odd);
    let found = ended(&watch.check().args(ledger).run(), 3);
    let remark =
        "the newest Snapshot, snap-11, cannot be judged: \"quay.io/acme/ho:latest\" has no digest";
    assert!(found["remarks"][0].as_str().unwrap().contains(remark), "{found}");
}

#[test]
fn what_was_not_asked_for_is_not_known() {
    let bare = |watch: &Watch| {
        let tool = Tool::new("check-staleness").args([
            "--time-scale",
            "200",
            "--release-plan",
            "plan-aro",
        ]);
        tool.arg("--kubeconfig").arg(watch.dir.path("kubeconfig"))
    };
    // A gate that began yesterday: with its scenario that is seen, without it nothing is.
    let watch = Watch::new();
    watch.run("run-1", 20, true);
    assert_eq!(ended(&watch.check().run(), 0)["state"], "fresh");
    let found = ended(&bare(&watch).run(), 1);
    assert_eq!(found["state"], "blind");
    assert!(
        found["summary"]
            .as_str()
            .unwrap()
            .contains("not asked, since --scenario was not given"),
        "{found}"
    );
    // An old image is old whatever the runs say; why there is no newer one is not known.
    watch.world.kube().put(release("r-1", 100, "Succeeded"));
    let found = ended(&bare(&watch).run(), 3);
    assert_eq!((&found["state"], &found["cause"]), (&json!("stale"), &json!("not-known")));
}

#[test]
fn an_archive_with_nothing_is_no_failure() {
    let watch = Watch::new();
    let found = ended(&watch.with_archive().run(), 3);
    assert_eq!((&found["state"], &found["newest"]), (&json!("stale"), &Value::Null));
    assert!(
        watch.words()[0].contains("KubeArchive holds no Releases of this namespace at all"),
        "{:?}",
        watch.words()
    );
    watch.world.kube().put(release("r-1", 1, "Succeeded"));
    assert_eq!(ended(&watch.with_archive().run(), 0)["state"], "fresh");
    // What may not be listed is another thing.
    let watch = Watch::new();
    watch.world.archive().token(standins::CLUSTER_TOKEN, false);
    watch.world.kube().put(release("r-1", 1, "Succeeded"));
    assert_eq!(
        ended(&watch.with_archive().run(), 0)["state"],
        "fresh",
        "what the cluster shows is certain"
    );
    assert_eq!(watch.words().len(), 0);
}

#[test]
fn pages_that_were_read_stay_read() {
    let watch = Watch::new();
    for number in 0..150 {
        watch
            .world
            .archive()
            .put(release(&format!("f-{number}"), 40, "Failed"));
    }
    watch.world.archive().put(release("good", 30, "Succeeded"));
    // The second page is never read.
    watch
        .world
        .fault(Fault::on(Server::Archive, Trouble::StatusBefore(500)).path("*?*continue=*"));
    let found = ended(&watch.with_archive().run(), 0);
    assert_eq!(found["newest"]["release"], "good");
    assert!(found["summary"].as_str().unwrap().contains("connection refused"), "{found}");

    // What was not read may hold a young one.
    let watch = Watch::new();
    watch.run("run-1", 100, true);
    for number in 0..150 {
        watch
            .world
            .archive()
            .put(release(&format!("f-{number}"), 40, "Failed"));
    }
    watch
        .world
        .fault(Fault::on(Server::Archive, Trouble::StatusBefore(500)).path("*?*continue=*"));
    assert_eq!(ended(&watch.with_archive().run(), 1)["state"], "blind");
    // It is all older than the limit.
    for number in 0..150 {
        watch
            .world
            .archive()
            .put(release(&format!("f-{number}"), 24 * 6, "Failed"));
    }
    assert_eq!(ended(&watch.with_archive().run(), 3)["state"], "stale");
}

#[test]
fn it_looks_back_as_far_as_there_is_anything() {
    let watch = Watch::new();
    watch.world.archive().put(release("r-1", 24 * 100, "Succeeded"));
    assert_eq!(ended(&watch.with_archive().run(), 3)["newest"]["release"], "r-1");
    assert!(
        watch.words()[0].contains("nothing was verified since 100 days ago"),
        "{:?}",
        watch.words()
    );
    assert_eq!(
        ended(&watch.with_archive().args(["--threshold-days", "120"]).run(), 0)["state"],
        "fresh"
    );
    // Only failures, ever.
    let watch = Watch::new();
    watch.world.archive().put(release("r-1", 24 * 100, "Failed"));
    ended(&watch.with_archive().run(), 3);
    assert!(watch.words()[0].contains("no image was ever verified"), "{:?}", watch.words());
    // Without an archive nobody knows what was before.
    ended(&watch.check().run(), 3);
    assert!(watch.words()[1].contains("no verified image is known of"), "{:?}", watch.words());
}

#[test]
fn the_newest_sixty_records_are_kept() {
    let watch = Watch::new();
    watch.world.kube().put(release("r-1", 30, "Succeeded"));
    for number in 0..65 {
        watch.record(&format!("run-{number}"), 24 * number, &json!({}));
    }
    ended(&watch.check().run(), 0);
    let kept = watch.world.kube().all("configmaps");
    assert_eq!(kept.len(), 60);
    // Another gate has the same label, a third one none: their records are not this one's to count.
    for (number, gate) in [(70, "ARO-HCP"), (71, "GCP HCP")] {
        watch.record(&format!("run-{number}"), 24 * number, &json!({"gate": gate}));
    }
    watch
        .world
        .kube()
        .change("configmaps", NS, "gate-run-71", |map| map["metadata"]["labels"] = json!({}));
    ended(&watch.check().run(), 0);
    assert_eq!(watch.world.kube().all("configmaps").len(), 62);
    assert!(kept.iter().all(|one| {
        !["gate-run-60", "gate-run-64"].contains(&one["metadata"]["name"].as_str().unwrap())
    }));
}

#[test]
fn a_hanging_archive_does_not_hang_the_check() {
    let watch = Watch::new();
    watch.world.kube().put(release("r-1", 30, "Succeeded"));
    watch.servers.close(Server::Archive);
    let begun = std::time::Instant::now();
    // What the cluster shows is certain; that the archive is silent is said.
    let found = ended(&watch.with_archive().run(), 0);
    assert!(
        found["summary"]
            .as_str()
            .unwrap()
            .contains("KubeArchive does not answer"),
        "{found}"
    );
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn bad_input_is_named_and_nothing_is_sent() {
    let watch = Watch::new();
    watch
        .dir
        .write("gate.json", r#"{"schema_version":1,"kind":"gate","id":"x"}"#);
    let foreign = format!("file:{}", watch.dir.path("gate.json").display());
    for (arguments, wanted) in [
        (vec![], "--release-plan"),
        (vec!["--release-plan", "p", "--threshold-days", "0"], "--threshold-days"),
        (vec!["--release-plan", "p", "--repeat", "daily"], "--repeat"),
        (vec!["--release-plan", "p", "--quiet-day", "someday"], "--quiet-day"),
        (vec!["--release-plan", "p", "--quiet-window", "2026-01-01"], "--quiet-window"),
        (
            vec!["--release-plan", "p", "--kubearchive-url", "http://archive.example.com"],
            "--kubearchive-url",
        ),
        (
            vec!["--release-plan", "p", "--slack-webhook-file", "/nowhere/url"],
            "--slack-webhook-file",
        ),
        (vec!["--release-plan", "p", "--record", "x"], "--record: expected"),
        (vec!["--release-plan", "p", "--record", &foreign], "no staleness record"),
    ] {
        let output = Tool::new("check-staleness")
            .arg("--kubeconfig")
            .arg(watch.dir.path("kubeconfig"))
            .args(&arguments)
            .run();
        assert_eq!(output.code, 2, "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(wanted), "{arguments:?}: {}", output.stderr);
    }
    assert!(watch.world.requests().is_empty());
}
