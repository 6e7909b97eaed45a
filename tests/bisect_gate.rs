//! bisect-gate as a black box: eight Snapshots in a cluster, and a Prow on loopback with time that
//! flies.

use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use standins::{JobScript, Server, Servers, World};

use crate::support::{Dir, Output, Tool};

const NS: &str = "tenant";
const JOB: &str = "periodic-ci-acme-operator-main-e2e-upgrade";
const TEST: &str = "TestUpgradeControlPlane";
const RECORD: &str = "bisect-upgrade";
const VARIABLE: &str = "OPERATOR_IMAGE";
/// How long a run takes (10 minutes).
const MINUTES: Duration = Duration::from_secs(600);
/// Of the Snapshots 0 to 7 the first bad one.
const BAD: usize = 5;
/// The Snapshots that are probed, run by run: 3 is good, 5 is bad, 4 is good.
const PROBED: [usize; 6] = [3, 3, 5, 5, 4, 4];

struct Tenant {
    dir: Dir,
    world: World,
    servers: Servers,
    scale: u32,
}

impl Tenant {
    fn new(scale: u32, scripts: Vec<JobScript>) -> Self {
        let world = World::builder().time_scale(scale).build();
        let servers = world.serve().unwrap();
        let dir = Dir::new();
        servers.write_kubeconfig(&dir.path("kubeconfig"), NS).unwrap();
        dir.write("token", "sha256~token\n");
        dir.write("webhook", servers.slack_url());
        world.prow().token("sha256~token");
        world.prow().job_attempts(JOB, scripts);
        // Gangway's lists are never empty in life: an empty one proves nothing.
        world.prow().job("periodic-y", JobScript::passes());
        world.prow().somebody_launches("periodic-y");
        (0..8).for_each(|number| world.kube().put(snapshot(number)));
        let mut request = snapshot(8);
        request["metadata"]["annotations"]["test.appstudio.openshift.io/pipelinerunstarttime"] =
            json!(built(4).as_millisecond().to_string());
        request["metadata"]["labels"]["pac.test.appstudio.openshift.io/event-type"] =
            json!("pull_request");
        world.kube().put(request);
        Self { dir, world, servers, scale }
    }

    /// One in which the upgrade fails from Snapshot 5 on.
    fn broken() -> Self {
        Self::new(2000, scripts())
    }

    /// What goes on with a bisect, or begins one with [`asked`].
    fn tool(&self) -> Tool {
        Tool::new("bisect-gate")
            .args(["--time-scale", &self.scale.to_string()])
            .arg("--kubeconfig")
            .arg(self.dir.path("kubeconfig"))
            .args(["--record", &format!("configmap:{RECORD}")])
            .arg("--gangway-token-file")
            .arg(self.dir.path("token"))
            .args(["--gangway-url", &self.servers.gangway_url()])
            .args(["--deck-url", &self.servers.deck_url()])
            .args(["--artifacts-url", &self.servers.url(Server::Bucket)])
    }

    fn begin(&self) -> Tool {
        self.tool().args(asked())
    }

    fn spawn(&self, tool: Tool) -> Child {
        tool.command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn wait_for(&self, what: impl Fn(&World) -> bool) {
        while !what(&self.world) {
            std::thread::yield_now();
        }
    }

    fn record(&self) -> Value {
        let found = self.world.kube().get("configmaps", NS, RECORD);
        let found = found.unwrap_or_else(|| panic!("no {RECORD}"));
        serde_json::from_str(found["data"]["record.json"].as_str().unwrap()).unwrap()
    }

    /// The Snapshots that were probed, in order.
    fn probed(&self) -> Vec<usize> {
        let launches = self.world.prow().launches();
        let ours = launches.iter().filter(|launch| launch.job == JOB);
        let place = |image: &str| (0..9).find(|number| image.ends_with(&digest(*number)));
        ours.map(|launch| place(&launch.envs[VARIABLE]).unwrap()).collect()
    }
}

fn scripts() -> Vec<JobScript> {
    let script = |place: &usize| match *place >= BAD {
        true => JobScript::fails(&[TEST]).running(MINUTES),
        false => JobScript::passes().running(MINUTES),
    };
    PROBED.iter().map(script).collect()
}

fn asked() -> Vec<String> {
    let (good, bad) = (name(0), name(7));
    [
        "--job",
        JOB,
        "--test",
        TEST,
        "--good",
        good.as_str(),
        "--bad",
        bad.as_str(),
        "--application",
        "ho",
        "--component",
        "ho-main",
        "--override-env",
        VARIABLE,
    ]
    .map(str::to_owned)
    .to_vec()
}

fn name(number: usize) -> String {
    format!("ho-2026082{number}-030000-000")
}

fn digest(number: usize) -> String {
    format!("sha256:{:064x}", 0xbeef_0000 + number)
}

fn built(number: usize) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_787_000_000 + number as i64 * 86_400).unwrap()
}

fn snapshot(number: usize) -> Value {
    json!({
        "kind": "Snapshot",
        "metadata": {
            "name": name(number), "namespace": NS,
            "labels": {
                "appstudio.openshift.io/application": "ho",
                "appstudio.openshift.io/component": "ho-main",
                "pac.test.appstudio.openshift.io/event-type": "push",
                "test.appstudio.openshift.io/type": "component",
            },
            "annotations": {
                "test.appstudio.openshift.io/pipelinerunstarttime":
                    built(number).as_millisecond().to_string(),
                "pac.test.appstudio.openshift.io/sha-title": format!("Change number {number}"),
                "pac.test.appstudio.openshift.io/sha-url":
                    format!("https://github.com/acme/ho/commit/{number:040x}"),
            },
        },
        "spec": {"application": "ho", "components": [{
            "name": "ho-main",
            "containerImage": format!("quay.io/acme/ho@{}", digest(number)),
            "source": {"git": {"url": "https://github.com/acme/ho",
                "revision": format!("{number:040x}")}},
        }]},
    })
}

fn ended(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn results(output: &Output) -> Value {
    assert_eq!(output.code, 0, "{}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn the_first_bad_snapshot_is_found_and_told() {
    let tenant = Tenant::broken();
    let webhook = tenant.dir.path("webhook");
    let output = tenant.begin().arg("--slack-webhook-file").arg(&webhook).run();
    let found = results(&output);
    assert_eq!(found["first-bad"], name(BAD));
    let summary = found["summary"].as_str().unwrap();
    for words in ["first bad: ", "\"Change number 5\"", "/compare/", "chance of error "] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
    assert_eq!(tenant.probed(), PROBED);
    assert!(output.stderr.contains("good (2 passed)"), "{}", output.stderr);
    let messages = tenant.world.slack().messages();
    assert_eq!(messages.len(), 1);
    let words = messages[0].words();
    assert!(words.contains("found the first bad Snapshot after 6 runs"), "{words}");
    let compare = format!("https://github.com/acme/ho/compare/{:040x}...{:040x}", 4, 5);
    assert!(messages[0].payload.to_string().contains(&compare), "{words}");
    assert_eq!(tenant.record()["ended"]["told"], true);

    // Done again, with what the record knows: nothing is launched and nobody told.
    let asked = tenant.world.requests_to(Server::Gangway).len();
    let again = tenant.tool().arg("--slack-webhook-file").arg(&webhook).run();
    assert_eq!(results(&again), found);
    assert_eq!(tenant.world.requests_to(Server::Gangway).len(), asked);
    assert_eq!(tenant.world.slack().messages().len(), 1);
}

#[test]
fn no_gate_counts_its_runs() {
    let tenant = Tenant::broken();
    results(&tenant.begin().run());
    // One record of its own kind, of no gate and no scenario, and no history.
    let maps = tenant.world.kube().all("configmaps");
    let labels: Vec<_> = maps.iter().map(|map| map["metadata"]["labels"].clone()).collect();
    let own = json!({
        "app.kubernetes.io/managed-by": "release-gate", "release-gate/kind": "bisect"});
    assert_eq!(labels, [own]);
    let launches = tenant.world.prow().launches();
    for launch in launches.iter().filter(|launch| launch.job == JOB) {
        assert_eq!(launch.annotations["release-gate/bisect"], tenant.record()["id"]);
        assert!(!launch.annotations.contains_key("release-gate/gate"));
    }
    // What passed in a bisect is not taken over by a gate.
    tenant.world.prow().job(JOB, JobScript::passes());
    let launch = Tool::new("launch-prow")
        .args(["--time-scale", "2000", "--kubeconfig"])
        .arg(tenant.dir.path("kubeconfig"))
        .args(["--record", "configmap:gate-run", "--reuse", "24h", "--override-env", VARIABLE])
        .args(["--image", &format!("quay.io/acme/ho@{}", digest(4))])
        .args(["--blocking", &json!([JOB]).to_string(), "--gangway-token-file"])
        .arg(tenant.dir.path("token"))
        .args(["--gangway-url", &tenant.servers.gangway_url()])
        .args(["--deck-url", &tenant.servers.deck_url()])
        .args(["--artifacts-url", &tenant.servers.url(Server::Bucket)])
        .run();
    assert_eq!(launch.code, 0, "{}", launch.stderr);
    assert_eq!(tenant.probed().len(), PROBED.len() + 1, "it was launched");
    // Whoever reads them in the bucket knows them for what they are.
    let history = Tool::new("collect-history")
        .args(["--job", JOB, "--days", "366", "--history"])
        .arg(format!("folder:{}", tenant.dir.path("").display()))
        .args(["--time-scale", "2000"])
        .args(["--deck-url", &tenant.servers.deck_url()])
        .args(["--artifacts-url", &tenant.servers.url(Server::Bucket)])
        .run();
    assert_eq!(history.code, 0, "{}", history.stderr);
    let place = gate::history::keep::Place::Folder(tenant.dir.path(""));
    let clock: gate::clock::SharedClock = std::sync::Arc::new(gate::clock::SystemClock::new(1));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let store = place.store(JOB);
    let read = gate::history::keep::read(store.as_ref(), JOB, &clock);
    let history = runtime.block_on(read).unwrap().history;
    let origins: Vec<_> = history.runs().iter().map(|run| run.origin).collect();
    let probes = origins
        .iter()
        .filter(|origin| **origin == gate::history::Origin::Bisect);
    assert_eq!(probes.count(), PROBED.len(), "{origins:?}");
    assert!(history.runs().iter().all(|run| !run.is_counted()), "{origins:?}");
}

#[test]
fn a_dry_run_shows_snapshots_runs_and_writes_nothing() {
    let tenant = Tenant::broken();
    let shown = results(&tenant.begin().arg("--dry-run").run());
    let names: Vec<_> = (0..8).map(name).collect();
    assert_eq!(shown["snapshots"], json!(names), "the pull request's is left out");
    assert_eq!((&shown["probes"], &shown["runs"]), (&json!(3), &json!({"least": 6, "most": 9})));
    let writes = tenant.world.requests_to(Server::Kube);
    assert!(writes.iter().all(|asked| asked.method == "GET"));
    assert_eq!(tenant.world.requests_to(Server::Gangway).len(), 0);
}

#[test]
fn what_it_needs_is_checked() {
    let tenant = Tenant::broken();
    tenant.world.prow().ran_yesterday(JOB);
    let check = results(&tenant.begin().arg("--check").run());
    let rows = check["checks"].as_array().unwrap();
    let details = |what: &str| -> Vec<&str> {
        let rows = rows.iter().filter(|row| row["what"] == what);
        rows.map(|row| row["detail"].as_str().unwrap()).collect()
    };
    assert!(details("snapshots")[0].starts_with("6 Snapshots between, 3 probes"), "{check}");
    assert_eq!(details("rights").len(), 3, "{check}");
    assert!(!details("gangway").is_empty() && !details("job").is_empty(), "{check}");
    assert!(tenant.world.kube().get("configmaps", NS, RECORD).is_none());
    tenant.world.kube().deny("list", "snapshots");
    let denied = tenant.begin().arg("--check").run();
    assert_eq!(denied.code, 1, "{denied:?}");
    assert!(denied.stderr.contains("may not list snapshots"), "{}", denied.stderr);
}

#[test]
fn it_is_stopped_from_elsewhere() {
    let tenant = Tenant::new(2000, vec![JobScript::never_ends()]);
    let running = tenant.spawn(tenant.begin());
    tenant.wait_for(|world| world.prow().launches().len() > 1);
    let stop = tenant.tool().arg("--stop").run();
    assert_eq!(stop.code, 0, "{}", stop.stderr);
    let output = ended(running);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.stderr.contains("stopped; the first bad one is one of 7"), "{}", output.stderr);
    assert_eq!(tenant.record()["ended"]["stopped"], true);
    // At once, and not at the end of its run.
    assert!(tenant.record()["runs"][0]["outcome"].is_null(), "{}", tenant.record());
    // It stays stopped.
    assert_eq!(tenant.tool().run().code, 1);
    assert_eq!(tenant.probed(), [3]);
}

#[test]
fn killed_it_goes_on_and_launches_nothing_twice() {
    let tenant = Tenant::broken();
    for launched in [1, 2, 4, 6] {
        let tool = if launched == 1 { tenant.begin() } else { tenant.tool() };
        let mut running = tenant.spawn(tool);
        tenant.wait_for(|_| tenant.probed().len() >= launched);
        running.kill().unwrap();
        running.wait().unwrap();
    }
    assert_eq!(results(&tenant.tool().run())["first-bad"], name(BAD));
    assert_eq!(tenant.probed(), PROBED);
}

#[test]
fn two_at_once_share_the_runs() {
    let tenant = Tenant::broken();
    let both = [tenant.spawn(tenant.begin()), tenant.spawn(tenant.begin())];
    for running in both {
        let output = ended(running);
        assert_eq!(results(&output)["first-bad"], name(BAD));
    }
    assert_eq!(tenant.probed(), PROBED);
}

#[test]
fn a_gate_with_jobs_to_launch_goes_first() {
    let tenant = Tenant::new(200, scripts());
    let now = tenant.world.now();
    let record = json!({
        "schema_version": 1, "kind": "gate", "id": "run", "gate": "ARO HCP",
        "created_at": now, "updated_at": now,
        "jobs": [{"name": "periodic-a", "class": "blocking", "override_env": ["X"]}],
    });
    tenant.world.kube().put(json!({
        "kind": "ConfigMap",
        "metadata": {"name": "gate-run", "namespace": NS, "labels": {
            "release-gate/kind": "gate", "release-gate/gate": "ARO-HCP"}},
        "data": {"record.json": record.to_string()},
    }));
    let running = tenant.spawn(tenant.begin());
    let looks = |world: &World| {
        let asked = world.requests_to(Server::Kube);
        asked.iter().filter(|asked| asked.path.contains("gate-run")).count()
    };
    tenant.wait_for(|world| looks(world) >= 3 || !tenant.probed().is_empty());
    assert!(tenant.probed().is_empty());
    assert!(tenant.world.kube().delete("configmaps", NS, "gate-run"));
    let output = ended(running);
    assert_eq!(results(&output)["first-bad"], name(BAD));
    assert!(output.stderr.contains("gate-run still has jobs to launch"), "{}", output.stderr);
    assert_eq!(tenant.probed(), PROBED);
}

#[test]
fn what_is_left_is_named_with_exit_3() {
    let tenant = Tenant::new(2000, vec![JobScript::passes().running(MINUTES); 10]);
    let output = tenant.begin().run();
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains("--bad does not fail"), "{}", output.stderr);
    assert_eq!(serde_json::from_str::<Value>(&output.stdout).unwrap()["first-bad"], "");
}

#[test]
fn a_message_that_is_lost_is_sent_by_the_next_run() {
    let tenant = Tenant::broken();
    let revoked = url::Url::parse(&format!("{}x", tenant.servers.slack_url())).unwrap();
    tenant.world.slack().revoke(revoked.path());
    let webhook = tenant.dir.write("webhook", revoked.as_str());
    let lost = tenant.begin().arg("--slack-webhook-file").arg(&webhook).run();
    assert_eq!(lost.code, 1, "{lost:?}");
    assert!(lost.stderr.contains("the message was not delivered"), "{}", lost.stderr);
    assert_eq!(tenant.record()["ended"]["told"], false);
    tenant.dir.write("webhook", tenant.servers.slack_url());
    let again = tenant.tool().arg("--slack-webhook-file").arg(&webhook).run();
    assert_eq!(results(&again)["first-bad"], name(BAD));
    assert_eq!(tenant.world.slack().messages().len(), 1);
}

#[test]
fn bad_input_launches_nothing() {
    let tenant = Tenant::broken();
    let (zero, seven) = (name(0), name(7));
    let with = |changed: &str, to: Option<&str>| -> Vec<String> {
        let mut args = asked();
        let at = args.iter().position(|arg| arg == changed).unwrap();
        match to {
            Some(to) => args[at + 1] = to.to_owned(),
            None => drop(args.drain(at..at + 2)),
        }
        args
    };
    let more = |extra: &[&str]| -> Vec<String> {
        let extra = extra.iter().map(|arg| (*arg).to_owned());
        asked().into_iter().chain(extra).collect()
    };
    for (args, words) in [
        (with("--job", None), "expected --job NAME"),
        (with("--job", Some("a b")), "--job: "),
        (with("--good", None), "expected --good SNAPSHOT"),
        (with("--bad", None), "expected --bad SNAPSHOT"),
        (with("--good", Some("gone")), "--good: there is no Snapshot \"gone\""),
        (with("--good", Some(&seven)), "is not before --bad"),
        (with("--bad", Some(&zero)), "is not before --bad"),
        (with("--application", None), "expected --application and --component"),
        (with("--application", Some("a_!")), "--application: "),
        (with("--override-env", None), "--job: "),
        (more(&["--confirm", "-1"]), "--confirm: expected a whole number from 0"),
        (more(&["--passes", "0"]), "--passes: expected a whole number from 1"),
        (more(&["--runs", "x"]), "--runs: expected a whole number from 1"),
        (more(&["--timeout", "0s"]), "--timeout: "),
        (more(&["--proof", "maybe"]), "--proof: "),
        (more(&["--jobs", "- {name: other, override-env: X}"]), "is not in --jobs; it has: other"),
        (more(&["--slack-webhook-file", "/nowhere/url"]), "--slack-webhook-file: "),
    ] {
        let output = tenant.tool().args(&args).run();
        assert_eq!(output.code, 2, "{args:?}: {output:?}");
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
    assert!(tenant.probed().is_empty());
    assert!(tenant.world.kube().get("configmaps", NS, RECORD).is_none());
    // Another bisect on the same record.
    results(&tenant.begin().run());
    let other = tenant.tool().args(["--test", "TestOther"]).run();
    assert_eq!(other.code, 2, "{other:?}");
    assert!(other.stderr.contains("its --test is another"), "{}", other.stderr);
    let missing = Tool::new("bisect-gate")
        .args(["--record", &format!("file:{}", tenant.dir.path("none.json").display()), "--stop"])
        .run();
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(missing.stderr.contains("does not exist; expected the record"), "{missing:?}");
    // A gate's record is none.
    let gate = tenant.dir.write("gate.json", r#"{"kind":"gate","schema_version":1}"#);
    let gate =
        Tool::new("bisect-gate").args(["--record", &format!("file:{}", gate.display()), "--stop"]);
    let gate = gate.run();
    assert_eq!(gate.code, 2, "{gate:?}");
    assert!(gate.stderr.contains("expected the record of a bisect"), "{gate:?}");
}

#[test]
fn a_run_that_does_not_end_in_time_shows_nothing() {
    let tenant = Tenant::new(2000, vec![JobScript::never_ends(); 20]);
    let output = tenant.begin().args(["--timeout", "20m", "--runs", "2"]).run();
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains("--runs is used up"), "{}", output.stderr);
    let seen = tenant.record()["runs"][0]["outcome"].clone();
    assert_eq!(seen, "inconclusive");
}
