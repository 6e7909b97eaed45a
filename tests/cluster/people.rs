//! What people decide, under their own rights on a real API server: override-gate and retract-image.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use gate::prow::key;
use serde_json::{Value, json};
use standins::{JobScript, Night};

use crate::field::{Field, SCALE};
use crate::release_service::{Fate, ReleaseService};

/// Each Role for people, and who has it.
const ROLES: [(&str, &str); 3] =
    [("gate-holder", "bob"), ("gate-overrider", "alice"), ("gate-retractor", "carol")];

/// Person, verb, resource, allowed. dave has no Role.
const TABLE: &[(&str, &str, &str, bool)] = &[
    ("alice", "create", "releases.appstudio.redhat.com", true),
    ("alice", "watch", "releases.appstudio.redhat.com", true),
    ("alice", "patch", "releases.appstudio.redhat.com", false),
    ("alice", "delete", "releases.appstudio.redhat.com", false),
    ("alice", "get", "releaseplans.appstudio.redhat.com", true),
    ("alice", "update", "releaseplans.appstudio.redhat.com", false),
    ("alice", "update", "configmaps", true),
    ("alice", "list", "configmaps", false),
    ("alice", "create", "configmaps", false),
    ("alice", "get", "secrets", false),
    ("bob", "update", "configmaps", true),
    ("bob", "list", "configmaps", true),
    ("bob", "delete", "configmaps", false),
    ("bob", "create", "releases.appstudio.redhat.com", false),
    ("bob", "get", "releases.appstudio.redhat.com", false),
    ("bob", "patch", "snapshots.appstudio.redhat.com", false),
    ("carol", "create", "releases.appstudio.redhat.com", true),
    ("carol", "delete", "releases.appstudio.redhat.com", false),
    ("carol", "list", "configmaps", true),
    ("carol", "get", "snapshots.appstudio.redhat.com", true),
    ("carol", "delete", "snapshots.appstudio.redhat.com", false),
    ("carol", "get", "secrets", false),
    ("dave", "get", "configmaps", false),
    ("dave", "create", "releases.appstudio.redhat.com", false),
];

/// The blocking job that fails, and the variable that carries the image into it.
const JOB: &str = "e2e-aks";
const VARIABLE: &str = "OVERRIDE_IMAGE";

/// A tenant whose people have the shipped Roles.
struct People {
    field: Field,
}

impl People {
    fn new(name: &str) -> Self {
        let people = Self { field: Field::new(name, &Night::aro_hcp()) };
        let kubectl = &people.field.kubectl;
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tekton/rbac/people");
        kubectl.run(&["apply", "-k", folder]);
        for (role, person) in ROLES {
            kubectl.run(&["create", "rolebinding", role, "--role", role, "--user", person]);
        }
        for person in ["alice", "bob", "carol", "dave"] {
            people.kubeconfig(person);
        }
        people
    }

    /// A kubeconfig with which one is that person.
    fn kubeconfig(&self, person: &str) {
        let kubectl = &self.field.kubectl;
        let view = kubectl.run(&["config", "view", "--raw", "--minify", "--flatten", "-o", "json"]);
        let mut config: Value = serde_json::from_str(&view).unwrap();
        config["users"][0]["user"]["as"] = json!(person);
        std::fs::write(self.field.folder().join(person), config.to_string()).unwrap();
    }

    fn start(&self, person: &str, program: &str, args: &[&str]) -> Child {
        Command::new(program)
            .args(args)
            .args(["--namespace", self.field.kubectl.namespace()])
            .args(["--time-scale", &SCALE.to_string(), "--ca-file", &self.field.ca_file()])
            .arg("--kubeconfig")
            .arg(self.field.folder().join(person))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn run(&self, person: &str, program: &str, args: &[&str]) -> Output {
        self.start(person, program, args).wait_with_output().unwrap()
    }

    fn releases(&self) -> Vec<Value> {
        self.field.kubectl.list("releases")
    }

    fn release(&self, name: &str, plan: &str, snapshot: &str) {
        self.field
            .kubectl
            .create(&json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Release",
            "metadata": {"name": name}, "spec": {"releasePlan": plan, "snapshot": snapshot}}));
    }

    /// A plan's list of retracted images, as the overlay makes it.
    fn list(&self, plan: &str) {
        self.field
            .kubectl
            .create(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": format!("retracted-{plan}"), "labels": {"release-gate/kind": "retracted"}}}));
    }

    /// Lets the API server take a Release from one person alone.
    fn only_from(&self, person: &str) -> Policy<'_> {
        let namespace = self.field.kubectl.namespace();
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": namespace},
            "spec": {
                "matchConstraints": {"resourceRules": [{"apiGroups": ["appstudio.redhat.com"],
                    "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["releases"]}]},
                "validations": [{"expression": format!("request.userInfo.username == '{person}'"),
                    "message": "somebody else makes it"}],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": namespace},
            "spec": {"policyName": namespace, "validationActions": ["Deny"], "matchResources": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}},
        });
        for object in [policy, binding] {
            self.field.kubectl.create(&object);
        }
        Policy(self)
    }

    /// The flags that any promotion of a record takes here.
    fn promotion(&self, record: &str) -> [String; 8] {
        let servers = &self.field.servers;
        [
            ("--record", record.to_owned()),
            ("--release-plan", self.field.night.plan.clone()),
            ("--deck-url", servers.deck_url()),
            ("--artifacts-url", servers.artifacts_url()),
        ]
        .map(|(flag, value)| [flag.to_owned(), value])
        .concat()
        .try_into()
        .unwrap()
    }

    /// The record of a run whose only blocking job failed in a test, long ago.
    fn refused(&self) -> String {
        let (night, path) = (&self.field.night, self.field.folder().join("record.json"));
        let key = key::of("run", JOB, &night.image.digest.parse().unwrap(), 1);
        let variables = [(VARIABLE.to_owned(), night.reference.clone())].into();
        let labels = [(key::LABEL.to_owned(), key.clone())].into();
        let prow = self.field.world.prow();
        prow.job(JOB, JobScript::fails(&["TestX"]));
        let execution = prow.launched_ago(JOB, Duration::from_secs(4 * 3600), variables, labels);
        let record = json!({
            "schema_version": 1, "kind": "gate", "id": "run",
            "created_at": "2026-08-20T03:00:00Z", "updated_at": "2026-08-20T06:00:00Z",
            "candidate": {"image": night.reference, "digest": night.image.digest,
                "snapshot": night.snapshot, "component": "hypershift-operator-main"},
            "jobs": [{"name": JOB, "class": "blocking", "override_env": [VARIABLE], "attempts": [{
                "number": 1, "execution": execution, "state": "failure", "cause": "product",
                "intent": {"key": key, "written_at": "2026-08-20T03:00:00Z", "holder": "launch-prow"}}]}],
            "verdict": {"decision": "failed", "decided_at": "2026-08-20T06:00:00Z", "reasons": [],
                "blocking_passed": 0, "blocking_total": 1},
        });
        std::fs::write(&path, record.to_string()).unwrap();
        format!("file:{}", path.display())
    }
}

/// A rule of the whole cluster, gone when this is dropped.
struct Policy<'a>(&'a People);

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        let kubectl = &self.0.field.kubectl;
        for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
            kubectl.try_run(&["delete", kind, kubectl.namespace(), "--wait=false"]);
        }
    }
}

fn words(output: &Output) -> String {
    format!(
        "{:?} {} {}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
#[ignore = "needs a cluster"]
fn people_may_do_what_their_roles_say_and_no_more() {
    let people = People::new("people");
    for (person, verb, resource, allowed) in TABLE {
        let output = people
            .field
            .kubectl
            .try_run(&["auth", "can-i", verb, resource, "--as", person, "--quiet"]);
        assert_eq!(output.status.success(), *allowed, "{person}: {verb} {resource}");
    }
}

#[test]
#[ignore = "needs a cluster"]
fn an_override_is_a_release_by_the_person() {
    let people = People::new("override");
    let _policy = people.only_from("alice");
    let _service = ReleaseService::start(
        &people.field.kubectl,
        &people.field.night.image.digest,
        Fate::Released,
    );
    let record = people.refused();
    let shared = people.promotion(&record);
    let shared: Vec<&str> = shared.iter().map(String::as_str).collect();
    let accept = [&shared[..], &["--job", JOB, "--reason", "the test is wrong"]].concat();
    let tool = env!("CARGO_BIN_EXE_override-gate");

    // Without the Role nothing is made, whoever it is.
    for person in ["dave", "bob"] {
        let refused = people.run(person, tool, &accept);
        assert_eq!(refused.status.code(), Some(1), "{person}: {}", words(&refused));
        assert!(people.releases().is_empty(), "{person}");
    }
    let dry = people.run("alice", tool, &[&accept[..], &["--dry-run"]].concat());
    assert_eq!((dry.status.code(), people.releases().len()), (Some(0), 0), "{}", words(&dry));
    let done = people.run("alice", tool, &accept);
    assert_eq!(done.status.code(), Some(0), "{}", words(&done));
    let releases = people.releases();
    assert_eq!(releases.len(), 1);
    assert_eq!(releases[0]["metadata"]["annotations"]["release-gate/accepted"], JOB);
    let written = std::fs::read_to_string(record.strip_prefix("file:").unwrap()).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written["accepted"][0]["by"], "alice");
    // Once more: there is one already.
    let again = people.run("alice", tool, &accept);
    assert_eq!((again.status.code(), people.releases().len()), (Some(3), 1), "{}", words(&again));
}

#[test]
#[ignore = "needs a cluster"]
fn what_a_person_accepted_is_nothing_to_the_releaser() {
    let people = People::new("accepted");
    let record = people.refused();
    let path = record.strip_prefix("file:").unwrap();
    let mut forged: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    forged["accepted"] =
        json!([{"job": JOB, "reason": "x", "by": "alice", "at": "2026-08-20T07:00:00Z"}]);
    std::fs::write(path, forged.to_string()).unwrap();
    let kubectl = &people.field.kubectl;
    people.kubeconfig(&format!("system:serviceaccount:{}:gate-releaser", kubectl.namespace()));
    let account = format!("system:serviceaccount:{}:gate-releaser", kubectl.namespace());
    let args = people.promotion(&record);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let refused = people.run(&account, env!("CARGO_BIN_EXE_create-release"), &args);
    assert_eq!(refused.status.code(), Some(3), "{}", words(&refused));
    assert!(people.releases().is_empty());
}

/// The Snapshot of the Release of a plan that landed last.
fn last(people: &People, plan: &str) -> String {
    let releases = people.releases();
    let landed = releases
        .iter()
        .filter(|release| release["spec"]["releasePlan"] == plan)
        .max_by_key(|release| release["status"]["completionTime"].as_str().map(str::to_owned));
    landed.unwrap()["spec"]["snapshot"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs a cluster"]
fn a_retraction_that_is_killed_again_and_again_moves_the_tags_back() {
    let people = People::new("retract");
    let (kubectl, night) = (&people.field.kubectl, &people.field.night);
    let (first, second, third) = (night.plan.clone(), "rosa-hcp".to_owned(), "gcp-hcp".to_owned());
    for plan in [&second, &third] {
        people.field.plan(plan, true);
    }
    for plan in [&first, &second, &third] {
        people.list(plan);
    }
    // The night before.
    let mut earlier = night.snapshot_object.clone();
    earlier["metadata"] = json!({"name": "hypershift-operator-20260819-031104-000"});
    for component in earlier["spec"]["components"].as_array_mut().unwrap() {
        let repository = component["containerImage"]
            .as_str()
            .unwrap()
            .split_once('@')
            .unwrap()
            .0;
        component["containerImage"] = json!(format!("{repository}@sha256:{}", "ea51".repeat(16)));
    }
    kubectl.create(&earlier);
    let earlier = earlier["metadata"]["name"].as_str().unwrap().to_owned();
    let service = ReleaseService::of_snapshots(kubectl);
    people.release("earlier-first", &first, &earlier);
    people.release("earlier-second", &second, &earlier);
    until("the image before is verified", || {
        people
            .releases()
            .iter()
            .filter(|release| !release["status"]["completionTime"].is_null())
            .count()
            == 2
    });
    // Times in the cluster have whole seconds.
    std::thread::sleep(Duration::from_millis(1100));
    people.release("bad-first", &first, &night.snapshot);
    people.release("bad-third", &third, &night.snapshot);
    until("the bad image is verified", || {
        people
            .releases()
            .iter()
            .filter(|release| !release["status"]["completionTime"].is_null())
            .count()
            == 4
    });
    drop(service);
    // In flight, and nobody goes on with it yet.
    people.release("bad-second", &second, &night.snapshot);

    let tool = env!("CARGO_BIN_EXE_retract-image");
    let digest = night.image.digest.clone();
    let retract = [
        "--release-plan",
        &first,
        "--release-plan",
        &second,
        "--digest",
        &digest,
        "--component",
        "hypershift-operator-main",
        "--reason",
        "it deletes node pools",
    ];
    for person in ["dave", "alice"] {
        let refused = people.run(person, tool, &retract);
        assert_eq!(refused.status.code(), Some(1), "{person}: {}", words(&refused));
    }
    for pause in [15, 30, 45, 60, 80, 100, 130, 170, 220, 300, 400, 600] {
        let mut child = people.start("carol", tool, &retract);
        std::thread::sleep(Duration::from_millis(pause));
        let _ = child.kill();
        child.wait().unwrap();
    }
    let _service = ReleaseService::of_snapshots(kubectl);
    for pause in [100, 200, 300, 500] {
        let mut child = people.start("carol", tool, &retract);
        std::thread::sleep(Duration::from_millis(pause));
        let _ = child.kill();
        child.wait().unwrap();
    }
    let done = people.run("carol", tool, &retract);
    assert_eq!(done.status.code(), Some(0), "{}", words(&done));
    for plan in [&first, &second] {
        assert_eq!(last(&people, plan), earlier, "{plan}");
        let list = kubectl.get("configmap", &format!("retracted-{plan}"));
        assert!(list["data"]["list.json"].as_str().unwrap().contains(&digest), "{plan}");
    }
    let made = people.releases().len();
    let again = people.run("carol", tool, &retract);
    assert_eq!(
        (again.status.code(), people.releases().len()),
        (Some(0), made),
        "{}",
        words(&again)
    );

    // No image before: the list is written all the same, and that is said.
    let alone = [
        "--release-plan",
        &third,
        "--digest",
        &digest,
        "--component",
        "hypershift-operator-main",
        "--reason",
        "it deletes node pools",
    ];
    let nothing = people.run("carol", tool, &alone);
    assert_eq!(nothing.status.code(), Some(1), "{}", words(&nothing));
    assert_eq!(people.releases().len(), made);
    let list = kubectl.get("configmap", &format!("retracted-{third}"));
    assert!(list["data"]["list.json"].as_str().unwrap().contains(&digest));
}

/// Waits until it is so, a minute at most.
fn until(what: &str, so: impl Fn() -> bool) {
    for _ in 0..120 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("not within a minute: {what}");
}
