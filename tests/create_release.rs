//! create-release against the stand-in cluster, with release-service played on top of it.

use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gate::image::Digest;
use gate::prow::key;
use serde_json::{Value, json};
use standins::{
    Fault, Installed, JobScript, Night, Nth, Pushed, ReleaseScript, Server, Servers, Trouble, World,
};

use crate::support::{Dir, Output, Tool};

/// Gate seconds in a second.
const SCALE: u32 = 1000;

const OTHER_PLAN: &str = "hypershift-operator";

/// A night whose tests have passed.
struct Case {
    world: World,
    servers: Servers,
    night: Installed,
    dir: Dir,
    namespace: String,
}

/// The blocking jobs of the record.
const JOBS: [&str; 2] = ["e2e-aks", "e2e-aks-upgrade"];

/// The variable that carries the image.
const VARIABLE: &str = "OVERRIDE_IMAGE";

impl Case {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut Night)) -> Self {
        let world = World::builder().time_scale(SCALE).build();
        let mut night = Night::aro_hcp();
        change(&mut night);
        let namespace = night.namespace.clone();
        let servers = world.serve().unwrap();
        let night = night.install(&world, &servers.registry_host());
        let dir = Dir::new();
        servers.write_kubeconfig(&dir.path("kubeconfig"), &namespace).unwrap();
        JOBS.iter().for_each(|job| world.prow().job(job, JobScript::passes()));
        let case = Self { world, servers, night, dir, namespace };
        case.record("gate.json", json!({"decision": "passed", "decided_at": "2026-08-20T06:00:00Z", "reasons": [], "blocking_passed": 2, "blocking_total": 2}));
        case
    }

    /// create-release of another run of the gate that passed on the same image, by the same plan.
    fn another_run(&self) -> Output {
        let gate = serde_json::from_str::<Value>(&self.dir.read("gate.json")).unwrap();
        self.record("other.json", gate["verdict"].clone());
        self.tool("other.json")
            .args(["--release-plan", &self.night.plan])
            .run()
    }

    /// What a passed run leaves behind.
    fn record(&self, name: &str, verdict: Value) {
        let image = self.night.reference.as_str();
        let id = format!("run-of-{name}");
        let record = json!({
            "schema_version": 1, "kind": "gate", "id": id,
            "created_at": "2026-08-20T03:00:00Z", "updated_at": "2026-08-20T06:00:00Z",
            "candidate": {"image": image, "digest": image.split_once('@').unwrap().1,
                "snapshot": self.night.snapshot, "component": "hypershift-operator-main"},
            "jobs": JOBS.map(|job| self.passed_job(&id, job, image)),
            "verdict": verdict,
        });
        self.dir.write(name, record.to_string());
    }

    /// A blocking job as collect-results leaves it when it passed, with its run in Prow.
    fn passed_job(&self, run: &str, name: &str, image: &str) -> Value {
        let digest: Digest = image.split_once('@').unwrap().1.parse().unwrap();
        let key = key::of(run, name, &digest, 1);
        let variables = [(VARIABLE.to_owned(), image.to_owned())].into();
        let labels = [(key::LABEL.to_owned(), key.clone())].into();
        let run =
            self.world
                .prow()
                .launched_ago(name, Duration::from_secs(4 * 3600), variables, labels);
        let intent =
            json!({"key": key, "written_at": "2026-08-20T03:00:00Z", "holder": "launch-prow"});
        json!({"name": name, "class": "blocking", "override_env": [VARIABLE], "attempts": [
            {"number": 1, "intent": intent, "execution": run, "state": "success", "cause": "passed"}]})
    }

    fn tool(&self, record: &str) -> Tool {
        Tool::new("create-release")
            .args([
                "--deck-url",
                &self.servers.deck_url(),
                "--artifacts-url",
                &self.servers.artifacts_url(),
            ])
            .args([
                "--record",
                &format!("file:{}", self.dir.path(record).display()),
                "--time-scale",
                &SCALE.to_string(),
            ])
            .args(["--kubeconfig", self.dir.path("kubeconfig").to_str().unwrap()])
    }

    fn run(&self, more: &[&str]) -> Output {
        self.tool("gate.json")
            .args(["--release-plan", &self.night.plan])
            .args(more)
            .run()
    }

    fn noted_record(&self) -> Value {
        serde_json::from_str(&self.dir.read("gate.json")).unwrap()
    }

    fn noted(&self) -> Value {
        serde_json::from_str::<Value>(&self.dir.read("gate.json")).unwrap()["release"].clone()
    }

    fn change_plan(&self, change: impl FnOnce(&mut Value)) {
        self.world
            .kube()
            .change("releaseplans", &self.namespace, &self.night.plan, change);
    }
}

fn results(output: &Output) -> (String, String) {
    let results: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let text = |name: &str| results[name].as_str().unwrap().to_owned();
    (text("release"), text("released"))
}

/// The exit code, `released`, and what stderr must hold.
#[track_caller]
fn ends(output: &Output, code: i32, released: &str, words: &str) {
    assert_eq!((output.code, results(output).1.as_str()), (code, released), "{output:?}");
    assert!(output.stderr.contains(words), "expected {words:?} in {}", output.stderr);
}

#[test]
fn a_passed_image_is_promoted_once() {
    let case = Case::new();
    let first = case.run(&["--result-released", case.dir.path("released").to_str().unwrap()]);
    ends(&first, 0, "true", "is made");
    let (name, _) = results(&first);
    let digest = case.night.reference.split_once("@sha256:").unwrap().1;
    assert_eq!(name, format!("{}-{}-1", case.night.plan, &digest[..12]));
    assert_eq!(case.dir.read("released"), "true");
    let noted = case.noted();
    assert_eq!(
        (&noted["final"], &noted["released"], &noted["created"]),
        (&json!(true), &json!("true"), &json!(true))
    );
    assert_eq!(noted["images"][0]["digest"], format!("sha256:{digest}"));

    let requests = case.world.requests().len();
    let again = case.run(&[]);
    ends(&again, 0, "true", "");
    assert_eq!(case.world.requests().len(), requests, "the record alone answers");

    let other = case.another_run();
    ends(&other, 0, "true", "is there already");
    assert_eq!(case.world.kube().releases().len(), 1);
}

#[test]
fn no_verdict_no_release() {
    let case = Case::new();
    for decision in ["failed", "undecided"] {
        case.record("gate.json", json!({"decision": decision, "decided_at": "2026-08-20T06:00:00Z", "reasons": ["e2e-aks failed"], "blocking_passed": 1, "blocking_total": 2}));
        ends(&case.run(&[]), 3, "false", &format!("the verdict is {decision} (e2e-aks failed)"));
    }
    case.record("gate.json", json!({"decision": "passed", "decided_at": "2026-08-20T06:00:00Z", "reasons": [], "blocking_passed": 1, "blocking_total": 2}));
    ends(&case.run(&[]), 3, "false", "contradicts itself");
    case.record("gate.json", json!({"decision": "passed", "decided_at": "2026-08-20T06:00:00Z", "reasons": [], "blocking_passed": 2, "blocking_total": 2}));
    let mut forged: Value = serde_json::from_str(&case.dir.read("gate.json")).unwrap();
    forged["jobs"][1]["attempts"][0]["cause"] = "product".into();
    case.dir.write("gate.json", forged.to_string());
    ends(&case.run(&[]), 3, "false", "its jobs come to failed with 1 of 2");
    case.record("gate.json", Value::Null);
    ends(&case.run(&[]), 3, "false", "holds no verdict");
    assert!(case.world.kube().releases().is_empty());
    assert_eq!(case.noted()["exit"], 3);
}

#[test]
fn wrong_plans_are_refused() {
    const LABEL: &str = "release.appstudio.openshift.io/auto-release";
    type Change = fn(&mut Value);
    let changes: [(Change, i32, &str); 5] = [
        (|plan| plan["metadata"]["labels"][LABEL] = json!("true"), 3, "expected \"false\""),
        (
            |plan| drop(plan["metadata"]["labels"].as_object_mut().unwrap().remove(LABEL)),
            3,
            "not set, expected \"false\"",
        ),
        (
            |plan| plan["status"] = json!({"conditions": [{"type": "Matched", "status": "False", "reason": "Matched"}]}),
            1,
            "matched by no ReleasePlanAdmission",
        ),
        (
            |plan| {
                drop(
                    plan["status"]["releasePlanAdmission"]
                        .as_object_mut()
                        .unwrap()
                        .remove("active"),
                )
            },
            3,
            "are blocked",
        ),
        (|plan| plan["spec"]["application"] = json!("another"), 1, "is of Application \"another\""),
    ];
    for (change, code, words) in changes {
        let case = Case::new();
        case.change_plan(change);
        ends(&case.run(&["--check"]), code, "false", words);
        ends(&case.run(&[]), code, "false", words);
        assert!(case.world.kube().releases().is_empty());
    }
    let case = Case::new();
    let output = case.tool("gate.json").args(["--release-plan", "no-such-plan"]).run();
    ends(&output, 1, "false", "there is no ReleasePlan no-such-plan");
}

#[test]
fn another_or_a_missing_snapshot_is_refused() {
    let case = Case::new();
    case.world
        .kube()
        .change("snapshots", &case.namespace, &case.night.snapshot, |snapshot| {
            for component in snapshot["spec"]["components"].as_array_mut().unwrap() {
                if component["name"] == "hypershift-operator-main" {
                    component["containerImage"] =
                        json!(format!("quay.io/acme/ho@sha256:{}", "0".repeat(64)));
                }
            }
        });
    ends(&case.run(&["--check"]), 3, "false", "an untested image is not promoted");
    ends(&case.run(&[]), 3, "false", "an untested image is not promoted");
    case.world
        .kube()
        .delete("snapshots", &case.namespace, &case.night.snapshot);
    ends(&case.run(&[]), 1, "false", "is gone");
    assert!(case.world.kube().releases().is_empty());
}

#[test]
fn a_check_writes_nothing_but_the_plan_and_needs_no_verdict() {
    let case = Case::new();
    case.record("gate.json", Value::Null);
    ends(&case.run(&["--check"]), 0, "false", "");
    let before = case.dir.read("gate.json");
    assert_eq!(serde_json::from_str::<Value>(&before).unwrap()["plan"], case.night.plan);
    // The pipeline gives its release-args to the check as well.
    ends(&case.run(&["--check", "--dry-run"]), 0, "false", "");
    case.world.kube().deny("get", "releaseplans");
    case.world.kube().deny("list", "releases");
    // Such an account could not promote.
    ends(&case.run(&["--check"]), 1, "false", "may not list releases");
    case.world.kube().deny("create", "releases");
    ends(&case.run(&["--check"]), 0, "false", "not checked");
    assert_eq!(case.dir.read("gate.json"), before);
    // A question about rights has the form of an object, and is stored nowhere.
    let harmless = |path: &str| path.contains("/selfsubject");
    assert!(
        case.world
            .requests()
            .iter()
            .all(|asked| asked.method == "GET" || harmless(&asked.path))
    );
}

/// Before the tests nothing but its log would say why the run ended.
#[test]
fn a_check_before_the_tests_notes_what_speaks_against_a_release() {
    let case = Case::new();
    case.record("gate.json", Value::Null);
    let mut record = case.noted_record();
    record["jobs"] = json!([]);
    case.dir.write("gate.json", record.to_string());
    case.change_plan(|plan| {
        plan["metadata"]["labels"]["release.appstudio.openshift.io/auto-release"] = json!("true");
    });
    ends(&case.run(&["--check"]), 3, "false", "auto-release");
    let stopped = &case.noted_record()["stopped"];
    assert_eq!((&stopped["step"], &stopped["exit"]), (&json!("create-release"), &json!(3)));
    assert!(stopped["why"].as_str().unwrap().contains("auto-release"), "{stopped}");
    case.change_plan(|plan| {
        plan["metadata"]["labels"]["release.appstudio.openshift.io/auto-release"] = json!("false");
    });
    ends(&case.run(&["--check"]), 0, "false", "");
    assert_eq!(case.noted_record().get("stopped"), None);
}

#[test]
fn a_dry_run_shows_the_object_and_makes_nothing() {
    let case = Case::new();
    let output = case.run(&["--dry-run", "--grace-period-days", "30"]);
    ends(&output, 0, "false", "\"gracePeriodDays\": 30");
    assert!(
        output.stderr.contains("release.appstudio.openshift.io/author"),
        "the server's own answer"
    );
    assert!(case.world.kube().releases().is_empty());
    // The record knows, so that nobody waits for a Release.
    let noted = case.noted();
    assert_eq!(
        (&noted["dry_run"], &noted["final"], &noted["exit"]),
        (&json!(true), &json!(true), &json!(0))
    );
    assert_eq!((&noted["name"], &noted["released"]), (&Value::Null, &json!("false")));
    assert!(noted["detail"].as_str().unwrap().starts_with("a dry run: Release "), "{noted}");

    // It stands in nobody's way, and a later one does not forget the Release that then was made.
    ends(&case.run(&[]), 0, "true", "is made");
    let made = case.noted();
    assert!(made["name"].is_string() && made.get("dry_run").is_none(), "{made}");
    assert_eq!(case.run(&["--dry-run"]).code, 0);
    assert_eq!(case.noted(), made);
}

#[test]
fn a_dry_run_that_is_refused_is_noted_as_one() {
    let case = Case::new();
    case.change_plan(|plan| {
        plan["metadata"]["labels"]["release.appstudio.openshift.io/auto-release"] = json!("true")
    });
    ends(&case.run(&["--dry-run"]), 3, "false", "expected \"false\"");
    let noted = case.noted();
    assert_eq!(
        (&noted["dry_run"], &noted["final"], &noted["exit"]),
        (&json!(true), &json!(true), &json!(3))
    );
    // A refusal in earnest takes its place.
    ends(&case.run(&[]), 3, "false", "expected \"false\"");
    let refused = case.noted();
    assert!(refused.get("dry_run").is_none());
    assert_eq!(case.run(&["--dry-run"]).code, 3);
    assert_eq!(case.noted(), refused);
}

#[test]
fn a_record_is_promoted_by_its_own_plan_alone() {
    // Of another platform: of the same application, matched, not automatic.
    let case = Case::new();
    let mut other = case
        .world
        .kube()
        .get("releaseplans", &case.namespace, &case.night.plan)
        .unwrap();
    other["metadata"] = json!({"name": OTHER_PLAN, "namespace": case.namespace, "labels": other["metadata"]["labels"]});
    case.world.kube().put(other);
    ends(&case.run(&["--check"]), 0, "false", "");
    for mode in [&["--check"][..], &["--dry-run"], &[]] {
        let output = case
            .tool("gate.json")
            .args(["--release-plan", OTHER_PLAN])
            .args(mode)
            .run();
        assert_eq!(output.code, 2, "{output:?}");
        let words = format!(
            "is bound to the ReleasePlan \"{}\", not to --release-plan \"{OTHER_PLAN}\"",
            case.night.plan
        );
        assert!(output.stderr.contains(&words), "{}", output.stderr);
    }
    assert!(case.world.kube().releases().is_empty());
    ends(&case.run(&[]), 0, "true", "");
}

#[test]
fn the_request_and_the_runs_themselves_count() {
    let case = Case::new();
    let jobs = serde_json::to_string(&JOBS).unwrap();
    let request = ["--blocking", jobs.as_str(), "--override-env", VARIABLE];
    // A job that the record does not hold, another variable, another proof.
    let more =
        ["--blocking", r#"["e2e-aks","e2e-aks-upgrade","e2e-third"]"#, "--override-env", VARIABLE];
    ends(&case.run(&more), 3, "false", "e2e-third is new");
    ends(
        &case.run(&["--blocking", &jobs, "--override-env", "X"]),
        3,
        "false",
        "has other settings now",
    );
    ends(
        &case.run(&[&request[..], &["--env", r#"{"A":"1"}"#]].concat()),
        3,
        "false",
        "--env is another now",
    );
    ends(
        &case.run(&["--proof-log", "artifacts/no/such.txt"]),
        3,
        "false",
        "the log that would prove it is missing",
    );
    // Somebody has put another run in the place of one of the two.
    let foreign = case.world.prow().somebody_launches(JOBS[1]);
    let honest = case.dir.read("gate.json");
    let mut forged: Value = serde_json::from_str(&honest).unwrap();
    forged["jobs"][1]["attempts"][0]["execution"] = foreign.as_str().into();
    case.dir.write("gate.json", forged.to_string());
    ends(&case.run(&request), 3, "false", "it carries no key of ours");
    let noted = case.noted();
    assert_eq!((&noted["final"], &noted["exit"]), (&json!(true), &json!(3)));
    ends(&case.run(&["--tries-left", "1-0"]), 3, "false", "it carries no key of ours");
    assert_eq!((&case.noted()["final"], &case.noted()["tries_left"]), (&json!(false), &json!(1)));
    // Nobody answers: it is tried, and the last try of all is the last word.
    case.world.fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)));
    case.world
        .fault(Fault::on(Server::Bucket, Trouble::StatusBefore(503)));
    ends(&case.run(&["--tries-left", "1-1"]), 1, "false", "could not be seen again in 10m");
    assert_eq!((&case.noted()["final"], &case.noted()["tries_left"]), (&json!(true), &json!(0)));
    assert!(case.world.kube().releases().is_empty());
    ends(&case.run(&["--evidence", "record"]), 0, "true", "is made");
    assert_eq!(case.noted()["unexamined"], true);

    case.world.clear_faults();
    let case = Case::new();
    ends(&case.run(&request), 0, "true", "2 blocking runs were looked at again");
    assert!(case.noted().get("unexamined").is_none());
}

#[test]
fn a_failure_names_task_and_step_and_is_repeated() {
    let case = Case::with(|night| {
        night.releases =
            vec![ReleaseScript::fails("push-snapshot", "push"), ReleaseScript::released()]
    });
    ends(&case.run(&[]), 1, "false", "failed in task push-snapshot, step push (Error)");
    let requests = case.world.requests().len();
    ends(&case.run(&[]), 1, "false", "--again makes another");
    assert_eq!(case.world.requests().len(), requests);
    let again = case.run(&["--again"]);
    ends(&again, 0, "true", "is the next");
    assert!(results(&again).0.ends_with("-2"));
    assert_eq!(case.world.kube().releases().len(), 2);
}

#[test]
fn a_failure_of_another_run_does_not_stand_in_the_way() {
    let case = Case::with(|night| {
        night.releases =
            vec![ReleaseScript::fails("push-snapshot", "push"), ReleaseScript::released()]
    });
    assert_eq!(case.run(&[]).code, 1);
    let other = case.another_run();
    ends(&other, 0, "true", "");
    assert!(results(&other).0.ends_with("-2"));
}

#[test]
fn what_is_not_known_is_not_tried_again() {
    let blocked = ReleaseScript::invalid_later(
        "found ReleasePlanAdmission 'x' with block-releases label set to true",
    );
    let case = Case::with(|night| night.releases = vec![blocked]);
    ends(&case.run(&[]), 4, "unknown", "the image may have been pushed");
    ends(&case.run(&["--again"]), 4, "unknown", "the image may have been pushed");
    let other = case.another_run();
    ends(&other, 4, "unknown", "");
    assert_eq!(case.world.kube().releases().len(), 1);

    let pushed =
        ReleaseScript::released().pushed(Pushed::Other(format!("sha256:{}", "0".repeat(64))));
    let case = Case::with(|night| night.releases = vec![pushed]);
    ends(&case.run(&[]), 4, "unknown", "not the tested");
}

#[test]
fn nothing_left_to_push_is_fine() {
    let case = Case::with(|night| {
        night.releases = vec![ReleaseScript::released().pushed(Pushed::Nothing)]
    });
    ends(&case.run(&[]), 0, "true", "");
    assert!(
        case.noted()["detail"]
            .as_str()
            .unwrap()
            .contains("everything had been pushed before")
    );
}

#[test]
fn an_end_that_does_not_come() {
    let case = Case::with(|night| night.releases = vec![ReleaseScript::never_ends()]);
    let output = case.run(&["--wait", "20m"]);
    ends(&output, 1, "unknown", "still runs (ManagedPipelineProcessed) 20m after its creation");
    assert_eq!(case.noted()["final"], false);
    assert!(
        case.noted()["pipeline_run"]
            .as_str()
            .unwrap()
            .starts_with("konflux-managed/managed-")
    );
    ends(&case.run(&["--wait", "0"]), 0, "unknown", "");
    assert_eq!(case.world.kube().releases().len(), 1);
}

#[test]
fn a_slow_one_is_not_waited_for_and_found_later() {
    let case = Case::with(|night| {
        night.releases = vec![ReleaseScript::released().taking(Duration::from_secs(600))]
    });
    ends(&case.run(&["--wait", "0"]), 0, "unknown", "is made");
    ends(&case.run(&[]), 0, "true", "is there already");
    assert_eq!(case.noted()["created"], true);
    assert_eq!(case.world.kube().releases().len(), 1);
}

#[test]
fn an_older_image_is_refused() {
    let case = Case::new();
    ends(&case.run(&[]), 0, "true", "");
    // The same component, built a day before.
    let older = "hypershift-operator-20200101-000000-000";
    let mut snapshot = case
        .world
        .kube()
        .get("snapshots", &case.namespace, &case.night.snapshot)
        .unwrap();
    let image = format!("quay.io/acme/ho@sha256:{}", "5".repeat(64));
    snapshot["metadata"] = json!({"name": older, "namespace": case.namespace, "annotations":
        {"test.appstudio.openshift.io/pipelinerunstarttime": "1577836800000"}});
    for component in snapshot["spec"]["components"].as_array_mut().unwrap() {
        if component["name"] == "hypershift-operator-main" {
            component["containerImage"] = json!(image);
        }
    }
    case.world.kube().put(snapshot);
    let mut record: Value = serde_json::from_str(&case.dir.read("gate.json")).unwrap();
    record.as_object_mut().unwrap().remove("release");
    record["id"] = json!("another-run");
    record["jobs"] = json!(JOBS.map(|job| case.passed_job("another-run", job, &image)));
    record["candidate"] = json!({"image": image, "digest": image.split_once('@').unwrap().1, "snapshot": older, "component": "hypershift-operator-main"});
    case.dir.write("gate.json", record.to_string());
    ends(&case.run(&["--check"]), 3, "false", "tags would move back");
    ends(&case.run(&[]), 3, "false", "tags would move back");
    case.world
        .kube()
        .delete("snapshots", &case.namespace, &case.night.snapshot);
    ends(&case.run(&[]), 3, "false", "tags would move back");
    ends(&case.run(&["--allow-older"]), 0, "true", "");
}

#[test]
fn a_lost_answer_is_looked_up() {
    for trouble in
        [Trouble::DropAfter, Trouble::StatusAfter(504), Trouble::DropBefore, Trouble::Html200]
    {
        let case = Case::new();
        let words = format!("{trouble:?}");
        case.world.fault(
            Fault::on(Server::Kube, trouble)
                .method("POST")
                .path("*/releases*")
                .nth(Nth::Only(1)),
        );
        let output = case.run(&[]);
        assert_eq!(output.code, 0, "{words}: {output:?}");
        assert_eq!(case.world.kube().releases().len(), 1, "{words}");
        assert!(output.stderr.contains("looking, then trying again"), "{words}: the fault was met");
        assert_eq!(case.noted()["created"], true, "{words}");
    }
}

/// The real process, ended with SIGKILL as its n-th request arrives; the request still has its
/// effect.
#[test]
fn killed_at_any_request() {
    for n in 1..=10 {
        let case = Case::new();
        let child: Arc<Mutex<Option<Child>>> = Arc::default();
        let victim = child.clone();
        let kill = move |_: &World| {
            if let Some(child) = victim.lock().unwrap().as_mut() {
                let _ = child.kill();
            }
        };
        case.world
            .fault(Fault::on(Server::Kube, Trouble::Do(Arc::new(kill))).nth(Nth::Only(n)));
        let mut command = case
            .tool("gate.json")
            .args(["--release-plan", &case.night.plan])
            .command();
        {
            // Held until the child is there, so that its first request finds somebody to kill.
            let mut place = child.lock().unwrap();
            *place = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        }
        loop {
            if child.lock().unwrap().as_mut().unwrap().try_wait().unwrap().is_some() {
                break;
            }
            std::thread::yield_now();
        }
        let output = case.run(&[]);
        ends(&output, 0, "true", "");
        assert_eq!(case.world.kube().releases().len(), 1, "killed at request {n}");
        assert_eq!(case.noted()["created"], true, "killed at request {n}");
    }
}

#[test]
fn three_at_once() {
    let case = Case::new();
    let verdict =
        serde_json::from_str::<Value>(&case.dir.read("gate.json")).unwrap()["verdict"].clone();
    let names = ["gate.json", "two.json", "three.json"];
    for name in &names[1..] {
        case.record(name, verdict.clone());
    }
    let run = |name: &str| case.tool(name).args(["--release-plan", &case.night.plan]).run();
    std::thread::scope(|scope| {
        let runs: Vec<_> = names.iter().map(|name| scope.spawn(|| run(name))).collect();
        for output in runs {
            ends(&output.join().unwrap(), 0, "true", "");
        }
    });
    assert_eq!(case.world.kube().releases().len(), 1);
}

#[test]
fn refusals_say_who_refused() {
    let case = Case::new();
    case.world.kube().deny("create", "releases");
    ends(&case.run(&[]), 1, "false", "the rights do not suffice");
    case.world.kube().allow_all();
    case.world.kube().webhook(false);
    let output = case.run(&[]);
    ends(&output, 1, "false", "failed calling webhook");
    assert!(output.stderr.contains("after 6 tries"), "{}", output.stderr);
    case.world.kube().webhook(true);
    ends(&case.run(&[]), 0, "true", "");
}

#[test]
fn bad_input_is_named() {
    let case = Case::new();
    let cases: [(&[&str], &str); 9] = [
        (&["--evidence", "none"], "--evidence: expected again or record"),
        (&["--tries-left", "few"], "--tries-left: expected a number"),
        (&["--proof", "maybe"], "--proof: expected enforce, warn or off"),
        (&["--bucket", "gs://x"], "--bucket: expected a bucket's name"),
        (&["--jobs", "- {nam: a}"], "--jobs, line 1"),
        (&["--wait", "soon"], "--wait: expected a duration"),
        (&["--grace-period-days", "many"], "--grace-period-days: expected a number of days"),
        (&["--run-id", "of-another"], "belongs to run"),
        (&["--result-release", "/no/such/folder/x"], "--result-release: cannot write"),
    ];
    for (arguments, words) in cases {
        let output = case.run(arguments);
        assert_eq!(output.code, 2, "{output:?}");
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
    for plan in ["Bad_Plan", "with.dots", &"a".repeat(64)] {
        assert_eq!(case.tool("gate.json").args(["--release-plan", plan]).run().code, 2, "{plan}");
    }
    assert_eq!(case.tool("none.json").args(["--release-plan", OTHER_PLAN]).run().code, 2);
    assert!(case.world.requests().is_empty());
}
