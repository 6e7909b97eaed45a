//! hold-gate and retract-image as people call them.

use serde_json::{Value, json};
use standins::{Night, Servers, World};

use crate::support::{Dir, Output, Tool};

struct Tenant {
    dir: Dir,
    world: World,
    servers: Servers,
    night: Night,
}

impl Tenant {
    fn new() -> Self {
        let world = World::builder().time_scale(500).build();
        let servers = world.serve().unwrap();
        let dir = Dir::new();
        let night = Night::aro_hcp();
        servers
            .write_kubeconfig(&dir.path("kubeconfig"), &night.namespace)
            .unwrap();
        night.install(&world, "quay.io");
        Self { dir, world, servers, night }
    }

    fn tool(&self, name: &str, args: &[&str]) -> Output {
        Tool::new(name)
            .args(["--time-scale", "500", "--kubeconfig"])
            .arg(self.dir.path("kubeconfig"))
            .args(args)
            .run()
    }

    fn list(&self, kind: &str) -> Value {
        let name = format!("{kind}-{}", self.night.plan);
        let found = self
            .world
            .kube()
            .get("configmaps", &self.night.namespace, &name)
            .unwrap();
        serde_json::from_str(found["data"]["list.json"].as_str().unwrap_or("null")).unwrap()
    }
}

fn shown(output: &Output) -> Value {
    assert_eq!(output.code, 0, "{output:?}");
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn a_hold_is_written_and_lifted() {
    let tenant = Tenant::new();
    let hold = ["--until", "12h", "--reason", "freeze for GA"];
    let check = tenant.tool("hold-gate", &[&hold[..], &["--check"]].concat());
    assert_eq!(check.code, 0, "{check:?}");
    let dry = shown(&tenant.tool("hold-gate", &[&hold[..], &["--dry-run"]].concat()));
    assert_eq!((&dry["dry_run"], tenant.list("holds")), (&json!(true), Value::Null));
    // Without a plan it is every plan that has a list.
    let held = shown(&tenant.tool("hold-gate", &hold));
    assert_eq!(held["plans"][0]["plan"], "aro-hcp");
    let entry = &tenant.list("holds")["entries"][0];
    assert_eq!((&entry["reason"], &entry["by"]), (&json!("freeze for GA"), &json!(standins::USER)));
    let labels = tenant
        .world
        .kube()
        .get("configmaps", &tenant.night.namespace, "holds-aro-hcp")
        .unwrap();
    assert_eq!(labels["metadata"]["labels"]["release-gate/kind"], "holds");
    let lifted = shown(&tenant.tool("hold-gate", &["--lift"]));
    assert_eq!(lifted["plans"][0]["holds"][0]["reason"], "freeze for GA");
    assert!(tenant.list("holds")["entries"][0]["lifted_at"].is_string());
    drop(tenant.servers);
}

#[test]
fn what_is_misused_does_nothing() {
    let tenant = Tenant::new();
    let digest = format!("sha256:{}", "a".repeat(64));
    let retract = ["--digest", digest.as_str(), "--reason", "bad"];
    for (name, args, words) in [
        (
            "hold-gate",
            vec!["--until", "12h"],
            "expected --until TIME and --reason TEXT, or --lift alone",
        ),
        ("hold-gate", vec!["--lift", "--reason", "x"], "or --lift alone"),
        ("hold-gate", vec!["--until", "12h", "--reason", "a\nb"], "--reason: expected one line of"),
        ("hold-gate", vec!["--until", "2020-01-01T00:00:00Z", "--reason", "x"], "it has passed"),
        (
            "hold-gate",
            vec!["--lift", "--release-plan", "A_b"],
            "--release-plan: expected lower-case",
        ),
        ("retract-image", retract.to_vec(), "expected either --release-plan PLAN or --all-plans"),
        (
            "retract-image",
            [&retract[..], &["--all-plans", "--undo"]].concat(),
            "expected either --reason TEXT or --undo",
        ),
        ("retract-image", vec!["--all-plans", "--digest", "sha256:1", "--undo"], "--digest: "),
    ] {
        let output = tenant.tool(name, &args);
        assert_eq!(output.code, 2, "{args:?}: {output:?}");
        assert!(output.stderr.contains(words), "{args:?}: {}", output.stderr);
    }
    assert_eq!((tenant.list("holds"), tenant.list("retracted")), (Value::Null, Value::Null));
    drop(tenant.servers);
}

#[test]
fn an_image_that_never_landed_is_only_listed() {
    let tenant = Tenant::new();
    let digest = format!("sha256:{}", "a".repeat(64));
    let args = ["--all-plans", "--digest", digest.as_str()];
    let check =
        tenant.tool("retract-image", &[&args[..], &["--reason", "bad", "--check"]].concat());
    assert_eq!(check.code, 0, "{check:?}");
    let done = shown(&tenant.tool("retract-image", &[&args[..], &["--reason", "bad"]].concat()));
    assert!(
        done["plans"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("nothing has ever landed by this plan"),
        "{done}"
    );
    assert_eq!(tenant.list("retracted")["entries"][0]["digest"], digest.as_str());
    let undone = shown(&tenant.tool("retract-image", &[&args[..], &["--undo"]].concat()));
    assert_eq!(undone["undone"], true);
    // Without the list nobody can write to it: made by hand, it is there.
    tenant
        .world
        .kube()
        .delete("configmaps", &tenant.night.namespace, "retracted-aro-hcp");
    let plan = ["--release-plan", "aro-hcp", "--digest", digest.as_str()];
    let check =
        tenant.tool("retract-image", &[&plan[..], &["--reason", "bad", "--check"]].concat());
    assert_eq!(check.code, 1, "{check:?}");
    assert!(check.stderr.contains("the ConfigMap retracted-aro-hcp is missing"), "{check:?}");
    drop(tenant.servers);
}
