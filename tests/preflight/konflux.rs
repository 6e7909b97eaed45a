//! resolve-image, create-release and trigger-gate: the cluster, its rights, and Konflux's objects.

use serde_json::{Value, json};
use standins::{Fault, Server, Trouble};

use super::{Tenant, fails, of, passes};

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
    let output = tenant.promote().run();
    passes(&output, &["plan", "snapshot", "releases", "rights"]);
    assert!(
        output
            .stdout
            .starts_with(r#"{"release":"","released":"false","checks":["#),
        "{}",
        output.stdout
    );
    // The run's own account may not promote, and need not.
    tenant.world.kube().deny("create", "releases");
    let runner = tenant.promote().run();
    assert_eq!((runner.code, of(&runner, "rights")[0].0.as_str()), (0, "unknown"), "{runner:?}");
    tenant
        .world
        .kube()
        .change("releaseplans", &tenant.namespace, &tenant.night.plan, |plan| {
            plan["status"] = json!({});
        });
    tenant.bound();
    // Why there can be none is noted, for the message of a run that ends here.
    fails(&tenant.promote().run(), "plan", "is matched by no ReleasePlanAdmission");
    assert_eq!(tenant.changes().len(), 2, "{:?}", tenant.changes());
    assert!(
        tenant.recorded()["stopped"]["why"]
            .as_str()
            .unwrap()
            .contains("is matched by no")
    );
}

#[test]
fn the_account_that_promotes_needs_all_of_its_rights() {
    let tenant = Tenant::new();
    tenant.record(&[]);
    tenant.world.kube().deny("watch", "releases");
    fails(&tenant.promote().run(), "rights", "may not watch releases");
    assert_eq!(tenant.changes().len(), 1, "the record alone: {:?}", tenant.changes());
    tenant.world.kube().allow_all();
    // What cannot be seen does not speak for a Release either.
    tenant.world.kube().deny("get", "snapshots");
    tenant.world.kube().deny("create", "releases");
    let blind = tenant.promote().run();
    assert_eq!((blind.code, of(&blind, "releases")[0].0.as_str()), (0, "unknown"), "{blind:?}");
    assert_eq!(
        tenant.recorded().get("stopped"),
        None,
        "nothing is known to speak against it any more"
    );
    assert!(
        tenant
            .changes()
            .iter()
            .all(|change| change.contains("/configmaps/gate-check"))
    );
}

#[test]
fn trigger_gate_finds_scenario_plan_and_snapshot() {
    let tenant = Tenant::new();
    let output = tenant.trigger().run();
    passes(&output, &["cluster", "rights", "scenario", "plan", "snapshots", "slack"]);
    assert_eq!(of(&output, "rights").len(), 6);
    assert_eq!(of(&output, "kubearchive")[0].0, "unknown");
    let archive = tenant.servers.archive_url();
    let asked = || tenant.trigger().args(["--kubearchive-url", &archive]).run();
    passes(&asked(), &["snapshots"]);
    tenant.world.fault(Fault::on(Server::Archive, Trouble::NotFound));
    fails(&asked(), "kubearchive", "is the address right?");
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
        of(&denied, "rights")
            .iter()
            .any(|(result, detail)| result == "unknown" && detail.contains("releaseplans"))
    );
    tenant
        .world
        .kube()
        .delete("snapshots", &tenant.namespace, &tenant.night.snapshot);
    fails(&tenant.trigger().run(), "snapshots", "there is no Snapshot of any Application");
    tenant.unchanged();
}

#[test]
fn trigger_gate_finds_what_integration_service_would_try_for_ever() {
    let tenant = Tenant::new();
    let change = |change: &dyn Fn(&mut Value)| {
        tenant.world.kube().change(
            "integrationtestscenarios",
            &tenant.namespace,
            "gate-aro",
            |scenario| change(scenario),
        );
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
    tenant
        .world
        .kube()
        .change("releaseplans", &tenant.namespace, &tenant.night.plan, |plan| {
            plan["metadata"]["labels"]["release.appstudio.openshift.io/auto-release"] =
                json!("true");
        });
    fails(&tenant.trigger().run(), "plan", "auto-release \"true\", expected \"false\"");
    tenant.unchanged();
}

#[test]
fn trouble_is_not_taken_for_a_right_that_is_missing() {
    let tenant = Tenant::new();
    let broken = |path: &str| {
        tenant.world.clear_faults();
        tenant
            .world
            .fault(Fault::on(Server::Kube, Trouble::StatusBefore(500)).path(path));
    };
    broken("/apis/authorization.k8s.io/*");
    fails(&tenant.staleness().run(), "rights", "to list releases");
    broken("/apis/appstudio.redhat.com/v1beta2/*");
    fails(&tenant.trigger().args(["--time-scale", "1000"]).run(), "scenario", "gate-aro");
}

#[test]
fn a_cluster_that_does_not_answer_is_one_line_of_the_table() {
    let tenant = Tenant::new();
    tenant.world.kube().user("somebody-else", "somebody");
    let output = tenant.trigger().run();
    fails(&output, "cluster", "Unauthorized");
    assert_eq!(of(&output, "rights"), [], "nothing follows from a question that was not answered");
}
