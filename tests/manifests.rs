//! The Konflux manifests held against the pipeline, the accounts and what Konflux is known to do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rehearsal::document::{Document, ParamKind, PipelineRun};
use rehearsal::duration;
use serde_json::{Value, json};
use xtask::repository;

use crate::support::Dir;
use kustomize::{build, objects};

#[path = "support/kustomize.rs"]
pub mod kustomize;

/// The entries of a folder, but for the Roles of people, which have a folder of their own.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(repository(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("people"))
        .collect();
    files.sort();
    files
}

/// Every platform that is shipped, with what its overlay builds.
fn platforms() -> Vec<(String, Vec<Value>)> {
    let folders = files("tekton/konflux/overlays");
    folders
        .iter()
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), build(path)))
        .collect()
}

fn the<'a>(built: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = built
        .iter()
        .filter(|o| o["kind"] == kind && text(o, "/metadata/name").starts_with(name));
    let object = found.next().unwrap_or_else(|| panic!("no {kind} {name}"));
    assert!(found.next().is_none(), "more than one {kind} {name}");
    object
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no text at {pointer} in {value}"))
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .unwrap_or_else(|| panic!("no list at {pointer} in {value}"))
}

fn run() -> PipelineRun {
    let path = repository(".tekton/pipelines/ho-release-gate-run.yaml");
    match Document::parse(&std::fs::read_to_string(path).unwrap(), "ho-release-gate-run.yaml")
        .unwrap()
    {
        Document::PipelineRun(run) => *run,
        Document::Pipeline(_) => panic!("it is no PipelineRun"),
    }
}

/// A scenario's parameters: a text, or a list in JSON.
fn parameters(scenario: &Value) -> BTreeMap<&str, String> {
    let value = |p: &Value| {
        p["value"]
            .as_str()
            .map_or_else(|| p["values"].to_string(), ToOwned::to_owned)
    };
    let params = list(scenario, "/spec/params");
    let named: BTreeMap<_, _> = params
        .iter()
        .map(|param| (text(param, "/name"), value(param)))
        .collect();
    assert_eq!(
        named.len(),
        params.len(),
        "a parameter given twice is refused, and retried for ever"
    );
    named
}

/// Everything that must hold for one platform's objects.
fn check(platform: &str, built: &[Value]) {
    let kinds: Vec<&str> = built.iter().map(|object| text(object, "/kind")).collect();
    // Scenario, plan, its two lists, and three CronJobs.
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    for object in built {
        let name = text(object, "/metadata/name");
        assert!(name.ends_with(&format!("-{platform}")) && name.len() <= 63, "{name}");
        // Kubernetes appends eleven characters to a CronJob's name for its jobs.
        assert!(
            object["kind"] != "CronJob" || name.len() <= 52,
            "{name} is too long for a CronJob"
        );
        assert!(
            object["metadata"]["namespace"].is_null(),
            "{name}: the tenant chooses the namespace"
        );
        let left = object.to_string();
        assert!(!left.contains("from-settings"), "{name}: a setting did not arrive: {left}");
    }
    check_scenario(the(built, "IntegrationTestScenario", "ho-release-gate"), built);
    check_plan(the(built, "ReleasePlan", ""), built);
    check_cron_job(the(built, "CronJob", "trigger-gate"), "trigger-gate", "gate-trigger", built);
    check_cron_job(
        the(built, "CronJob", "check-staleness"),
        "check-staleness",
        "gate-staleness",
        built,
    );
    check_cron_job(
        the(built, "CronJob", "collect-history"),
        "collect-history",
        "gate-history",
        built,
    );
}

fn check_scenario(scenario: &Value, built: &[Value]) {
    // A context that matches would start the gate on every build.
    let contexts: Vec<&str> = list(scenario, "/spec/contexts")
        .iter()
        .map(|c| text(c, "/name"))
        .collect();
    assert_eq!(contexts, ["disabled"]);
    assert_eq!(text(scenario, "/metadata/labels/test.appstudio.openshift.io~1optional"), "true");

    // The integration service takes the timeouts from here alone, and Tekton refuses a bad sum.
    let timeout = |name: &str| -> Duration {
        let value = text(
            scenario,
            &format!("/metadata/annotations/test.appstudio.openshift.io~1{name}_timeout"),
        );
        duration::parse(value).unwrap_or_else(|| panic!("{name}: {value} is no duration"))
    };
    let timeouts = run().spec.timeouts;
    let (pipeline, tasks, finally) = (timeout("pipeline"), timeout("tasks"), timeout("finally"));
    assert!(tasks + finally <= pipeline);
    let shipped =
        [timeouts.pipeline, timeouts.tasks, timeouts.finally].map(|t| duration::parse(&t).unwrap());
    assert_eq!([pipeline, tasks, finally], shipped);

    assert_eq!(text(scenario, "/spec/resolverRef/resolver"), "git");
    assert_eq!(text(scenario, "/spec/resolverRef/resourceKind"), "pipelinerun");
    let git: BTreeMap<&str, &str> = list(scenario, "/spec/resolverRef/params")
        .iter()
        .map(|p| (text(p, "/name"), text(p, "/value")))
        .collect();
    assert_eq!(git.keys().copied().collect::<Vec<_>>(), ["pathInRepo", "revision", "url"]);
    assert!(git["url"].starts_with("https://"), "the webhook refuses {}", git["url"]);
    assert!(!["main", "master", ""].contains(&git["revision"]), "a branch changes under the gate");
    assert!(repository(git["pathInRepo"]).is_file(), "{}", git["pathInRepo"]);

    let spec = run().spec.pipeline_spec;
    let given = parameters(scenario);
    for param in list(scenario, "/spec/params") {
        let name = text(param, "/name");
        // An empty value is retried for ever; SNAPSHOT is refused.
        let declared = spec
            .params
            .iter()
            .find(|p| p.name == name)
            .unwrap_or_else(|| panic!("no parameter {name}"));
        assert_ne!(name, "SNAPSHOT");
        match declared.kind {
            ParamKind::String => {
                assert!(!text(param, "/value").trim().is_empty(), "{name} is empty")
            }
            ParamKind::Array => assert!(!list(param, "/values").is_empty(), "{name} is empty"),
        }
    }
    for declared in spec
        .params
        .iter()
        .filter(|p| p.default.is_none() && p.name != "SNAPSHOT")
    {
        assert!(given.contains_key(declared.name.as_str()), "{} must be given", declared.name);
    }
    assert_eq!(given["release-plan-name"], text(the(built, "ReleasePlan", ""), "/metadata/name"));
    // As the steps read them: no job twice, at least one that blocks every night.
    let jobs = gate::jobs::read(&gate::jobs::Given {
        blocking: Some(given["e2e-blocking-job-names"].as_str()),
        informing: Some(given["e2e-informing-job-names"].as_str()),
        jobs: given.get("e2e-jobs").map(String::as_str),
        override_env: &[given["override-env"].clone()],
        env: None,
    });
    jobs.unwrap_or_else(|error| panic!("the jobs: {error}"));
    assert!(given["run-url-base"].ends_with('/'));
    assert_image(&given["image"]);
}

/// The tag lets a dependency bot find the next one, the digest is what runs.
fn assert_image(image: &str) {
    let (name, digest) = image
        .split_once("@sha256:")
        .unwrap_or_else(|| panic!("{image} has no digest"));
    assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{image}");
    assert!(name.rsplit('/').next().unwrap().contains(':'), "{image} has no tag");
}

/// The lists of holds and retracted images, which must not be made empty by applying them again.
fn check_lists(plan: &Value, built: &[Value]) {
    for kind in ["holds", "retracted"] {
        let name = format!("{kind}-{}", text(plan, "/metadata/name"));
        let list = built
            .iter()
            .find(|object| object["kind"] == "ConfigMap" && object["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("no ConfigMap {name}"));
        assert_eq!(list["metadata"]["labels"]["release-gate/kind"], kind);
        assert!(list.get("data").is_none(), "{name} would be emptied");
    }
}

fn check_plan(plan: &Value, built: &[Value]) {
    check_lists(plan, built);
    let label = |name: &str| {
        text(plan, &format!("/metadata/labels/release.appstudio.openshift.io~1{name}"))
    };
    // Any other value, or none, releases every Snapshot untested.
    assert_eq!(label("auto-release"), "false");
    assert_eq!(label("standing-attribution"), "false");
    assert!(!label("releasePlanAdmission").is_empty());
    let application = text(plan, "/spec/application");
    assert_eq!(application, text(the(built, "IntegrationTestScenario", ""), "/spec/application"));
    assert!(!text(plan, "/spec/target").is_empty());
}

fn check_cron_job(job: &Value, binary: &str, account: &str, built: &[Value]) {
    assert_eq!(text(job, "/spec/concurrencyPolicy"), "Forbid");
    assert_eq!(text(job, "/spec/timeZone"), "Etc/UTC");
    assert_eq!(text(job, "/spec/schedule").split_whitespace().count(), 5);
    let pod = job.pointer("/spec/jobTemplate/spec/template/spec").unwrap();
    assert_eq!(text(pod, "/serviceAccountName"), account);
    assert!(accounts().contains(account), "tekton/rbac has no {account}");
    let container = match list(pod, "/containers") {
        [one] => one,
        _ => panic!("one container"),
    };
    assert_eq!(list(container, "/command"), [Value::from(format!("/usr/bin/{binary}"))]);
    let scenario = the(built, "IntegrationTestScenario", "");
    assert_eq!(text(container, "/image"), parameters(scenario)["image"]);

    // What the kubelet will make of the arguments.
    let variables: BTreeMap<&str, &str> = list(container, "/env")
        .iter()
        .map(|e| (text(e, "/name"), text(e, "/value")))
        .collect();
    let mut unused: BTreeSet<&str> = variables.keys().copied().collect();
    let mut arguments = Vec::new();
    for argument in list(container, "/args") {
        let mut argument = argument.as_str().unwrap().to_owned();
        for (name, value) in &variables {
            let reference = format!("$({name})");
            if argument.contains(&reference) {
                unused.remove(name);
                argument = argument.replace(&reference, value);
            }
        }
        assert!(!argument.contains("$("), "{binary}: {argument} has no value");
        arguments.push(argument);
    }
    assert!(unused.is_empty(), "{binary}: {unused:?} are used nowhere");
    let help = std::fs::read_to_string(repository(format!("tests/help/{binary}.txt"))).unwrap();
    for argument in arguments.iter().filter(|argument| argument.starts_with("--")) {
        let known = help
            .lines()
            .any(|line| line.split_whitespace().next() == Some(argument));
        assert!(known, "{binary} has no {argument}");
    }
    let flag = |name: &str| -> &str {
        let at = arguments
            .iter()
            .position(|argument| argument == name)
            .unwrap_or_else(|| panic!("{binary}: no {name}"));
        &arguments[at + 1]
    };
    if binary == "collect-history" {
        assert_eq!(flag("--gate-label"), parameters(scenario)["gate-label"]);
    } else {
        assert_eq!(flag("--scenario"), text(scenario, "/metadata/name"));
        assert_eq!(flag("--release-plan"), parameters(scenario)["release-plan-name"]);
    }

    // Whatever the step says it says once: nobody starts it again because of its own exit code.
    let again = job.pointer("/spec/jobTemplate/spec").unwrap();
    if again["backoffLimit"] != 0 {
        let rule = &list(again, "/podFailurePolicy/rules")[0];
        assert_eq!(
            (text(rule, "/action"), text(rule, "/onExitCodes/operator")),
            ("FailJob", "In"),
            "{binary}"
        );
        assert_eq!(text(rule, "/onExitCodes/containerName"), text(container, "/name"));
        use gate::failure::Exit;
        let codes = [Exit::Failed, Exit::Misuse, Exit::Refused, Exit::Unsafe, Exit::Bug]
            .map(|exit| exit as u8);
        assert_eq!(rule["onExitCodes"]["values"], serde_json::json!(codes), "{binary}");
        assert_eq!(
            text(pod, "/restartPolicy"),
            "Never",
            "{binary}: else Kubernetes takes no such policy"
        );
    }

    check_security(container);
    for volume in list(pod, "/volumes") {
        let source = ["secret", "configMap"]
            .iter()
            .find_map(|kind| volume.get(kind))
            .unwrap();
        assert_eq!(
            source["optional"], true,
            "{binary}: a missing {} would hang the pod",
            volume["name"]
        );
    }
}

/// As still as the pipeline's own steps.
fn check_security(container: &Value) {
    let security = &container["securityContext"];
    assert_eq!(security["runAsNonRoot"], true);
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]));
    assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
    assert!(security["runAsUser"].is_null(), "OpenShift chooses the user");
    assert!(
        list(container, "/volumeMounts")
            .iter()
            .all(|mount| mount["readOnly"] == true)
    );
}

/// Service accounts of tekton/rbac.
fn accounts() -> BTreeSet<String> {
    let yaml = files("tekton/rbac")
        .into_iter()
        .filter(|path| !path.ends_with("kustomization.yaml"));
    let objects = yaml
        .flat_map(|path| objects(&path))
        .filter(|object| object["kind"] == "ServiceAccount");
    objects
        .map(|account| text(&account, "/metadata/name").to_owned())
        .collect()
}

#[test]
fn every_shipped_platform_is_complete_and_safe() {
    let platforms = platforms();
    let names: Vec<&str> = platforms.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["aro-hcp", "gcp-hcp", "rosa-hcp"]);
    for (platform, built) in &platforms {
        let folder =
            std::fs::read_dir(repository("tekton/konflux/overlays").join(platform)).unwrap();
        let mut own: Vec<String> = folder
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        own.sort();
        assert_eq!(own, ["kustomization.yaml", "settings.yaml"], "a platform is two files");
        check(platform, built);
    }
}

#[test]
fn the_gates_of_a_cluster_do_not_start_at_once() {
    let schedules: Vec<String> = platforms()
        .iter()
        .map(|(_, built)| text(the(built, "CronJob", "trigger-gate"), "/spec/schedule").to_owned())
        .collect();
    assert_eq!(schedules.iter().collect::<BTreeSet<_>>().len(), schedules.len(), "{schedules:?}");
}

/// A platform is data: a folder with two files, and nothing else changes.
#[test]
fn a_fourth_platform_is_one_overlay() {
    let dir = Dir::new();
    copy(&repository("tekton/konflux"), &dir.path("konflux"));
    let read = |name: &str| {
        std::fs::read_to_string(repository("tekton/konflux/overlays/aro-hcp").join(name)).unwrap()
    };
    let kustomization = read("kustomization.yaml")
        .replace("aro-hcp", "acme")
        .replace("ARO HCP", "ACME");
    let settings = read("settings.yaml")
        .replace("aro-hcp", "acme")
        .replace("ARO HCP", "ACME")
        .replace("release-4.22-periodics-e2e-aks", "release-4.22-periodics-e2e-powervs-ovn");
    // It needs a switch that the others do not have.
    let kustomization = format!(
        "{kustomization}patches:\n  - target: {{kind: IntegrationTestScenario}}\n    patch: |-\n      \
         - {{op: add, path: /spec/params/-, value: {{name: collect-args, values: [--fail-fast]}}}}\n"
    );
    dir.write("konflux/overlays/acme/kustomization.yaml", kustomization);
    dir.write("konflux/overlays/acme/settings.yaml", settings);

    let built = build(&dir.path("konflux/overlays/acme"));
    check("acme", &built);
    let scenario = the(&built, "IntegrationTestScenario", "ho-release-gate-acme");
    let given = parameters(scenario);
    assert_eq!(given["gate-label"], "ACME");
    assert_eq!(given["collect-args"], r#"["--fail-fast"]"#);
    assert!(given["e2e-blocking-job-names"].contains("powervs"));
}

/// The settings of a platform may hold a job list with a matrix.
#[test]
fn the_settings_may_hold_a_job_list_with_its_matrix() {
    let dir = Dir::new();
    copy(&repository("tekton/konflux"), &dir.path("konflux"));
    let read = |name: &str| {
        std::fs::read_to_string(repository("tekton/konflux/overlays/aro-hcp").join(name)).unwrap()
    };
    let indented = |text: &str| -> String {
        let lines = text
            .lines()
            .map(|line| format!("    {line}\n").replace("    \n", "\n"));
        lines.collect()
    };
    let settings: String = read("settings.yaml")
        .lines()
        .filter(|line| !line.trim_start().starts_with(['[', '"']))
        .map(|line| match line.strip_suffix(" >-") {
            Some(name) => format!("{name} '[]'\n"),
            None => format!("{line}\n"),
        })
        .collect();
    let list = std::fs::read_to_string(repository("docs/examples/hypershift-matrix.yaml")).unwrap();
    let kustomization =
        read("kustomization.yaml").replace("- ../../wiring", "- ../../wiring\n  - ../../jobs");
    dir.write("konflux/overlays/aro-hcp/kustomization.yaml", kustomization);
    let with = |list: &str| {
        let settings = format!("{settings}  e2e-jobs: |-\n{}", indented(list));
        dir.write("konflux/overlays/aro-hcp/settings.yaml", settings);
        build(&dir.path("konflux/overlays/aro-hcp"))
    };
    let built = with(&list);
    check("aro-hcp", &built);
    let scenario = the(&built, "IntegrationTestScenario", "ho-release-gate-aro-hcp");
    let arrived = &parameters(scenario)["e2e-jobs"];
    assert_eq!(arrived.trim_end(), list.trim_end(), "every line of it, comments too");
    // A mistake in it is found by its place, before anything is applied.
    let wrong = list.replace("fresh: 7d", "fresh: soon");
    let built = with(&wrong);
    let problem = std::panic::catch_unwind(|| check("aro-hcp", &built)).unwrap_err();
    let problem = problem.downcast_ref::<String>().unwrap();
    assert!(problem.contains("--jobs") && problem.contains("line "), "{problem}");
}

/// Builds an overlay and checks everything that must hold for it.
pub fn check_overlay(platform: &str, folder: &Path) {
    check(platform, &build(folder));
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A check that cannot fail would prove nothing.
#[test]
fn what_konflux_would_choke_on_is_found() {
    let (_, built) = platforms().remove(0);
    let cases: [(&str, &str, Value); 8] = [
        (
            "IntegrationTestScenario",
            "/metadata/annotations/test.appstudio.openshift.io~1tasks_timeout",
            "1d".into(),
        ),
        (
            "IntegrationTestScenario",
            "/metadata/annotations/test.appstudio.openshift.io~1finally_timeout",
            "2h".into(),
        ),
        ("IntegrationTestScenario", "/spec/params/3/value", "".into()),
        ("IntegrationTestScenario", "/spec/params/3/name", "no-such-parameter".into()),
        ("IntegrationTestScenario", "/spec/params/3/name", "SNAPSHOT".into()),
        ("IntegrationTestScenario", "/spec/contexts/0/name", "application".into()),
        (
            "ReleasePlan",
            "/metadata/labels/release.appstudio.openshift.io~1auto-release",
            "true".into(),
        ),
        (
            "CronJob",
            "/spec/jobTemplate/spec/template/spec/serviceAccountName",
            "gate-releaser".into(),
        ),
    ];
    for name in ["pipeline", "tasks", "finally"] {
        let mut broken = built.clone();
        let scenario = broken
            .iter_mut()
            .find(|object| object["kind"] == "IntegrationTestScenario")
            .unwrap();
        let annotations = scenario["metadata"]["annotations"].as_object_mut().unwrap();
        annotations
            .remove(&format!("test.appstudio.openshift.io/{name}_timeout"))
            .unwrap();
        assert!(
            std::panic::catch_unwind(|| check("aro-hcp", &broken)).is_err(),
            "{name}_timeout is not missed"
        );
    }
    for (kind, pointer, value) in cases {
        let mut broken = built.clone();
        let object = broken.iter_mut().find(|object| object["kind"] == kind).unwrap();
        *object.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value.clone();
        let found = std::panic::catch_unwind(|| check("aro-hcp", &broken)).is_err();
        assert!(found, "{kind} {pointer} = {value} was not noticed");
    }
}

#[test]
fn the_run_and_the_schedules_use_accounts_that_exist() {
    let accounts = accounts();
    let run = run().spec;
    let of_tasks = run.task_run_specs.iter().map(|spec| &spec.service_account_name);
    for account in of_tasks.chain([&run.task_run_template.service_account_name]) {
        assert!(accounts.contains(account), "tekton/rbac has no {account}");
    }
}

#[test]
fn only_the_promotion_may_create_releases_and_nobody_reads_secrets() {
    for path in files("tekton/rbac")
        .into_iter()
        .filter(|path| !path.ends_with("kustomization.yaml"))
    {
        let objects = objects(&path);
        let name = path.file_stem().unwrap().to_str().unwrap();
        let named: Vec<_> = objects
            .iter()
            .map(|o| (text(o, "/kind"), text(o, "/metadata/name")))
            .collect();
        assert_eq!(named, [("ServiceAccount", name), ("Role", name), ("RoleBinding", name)]);
        for rule in list(&objects[1], "/rules") {
            let has =
                |pointer: &str, word: &str| list(rule, pointer).iter().any(|item| item == word);
            assert!(
                !has("/verbs", "*") && !has("/resources", "*") && !has("/resources", "secrets"),
                "{name}: {rule}"
            );
            let writes = ["create", "update", "patch", "delete"]
                .iter()
                .any(|verb| has("/verbs", verb));
            assert!(
                !writes || !has("/resources", "releases") || name == "gate-releaser",
                "{name}: {rule}"
            );
            assert!(!has("/verbs", "delete") || name == "gate-staleness", "{name}: {rule}");
            assert!(!writes || !has("/resources", "releaseplans"), "{name}: {rule}");
        }
        let binding = &objects[2];
        assert_eq!(
            (text(binding, "/roleRef/kind"), text(binding, "/roleRef/name")),
            ("Role", name)
        );
        assert_eq!(
            list(binding, "/subjects"),
            [serde_json::json!({"kind": "ServiceAccount", "name": name})]
        );
    }
}

/// The page asks nobody who they are: it is not to be reached by chance, and does as it is documented.
#[test]
fn the_report_is_reached_by_monitoring_alone_and_as_still_as_the_steps() {
    let built = build(&repository("tekton/konflux/report"));
    let deployment = the(&built, "Deployment", "gate-report");
    let pod = deployment.pointer("/spec/template").unwrap();
    let labels = &pod["metadata"]["labels"];
    let policy = the(&built, "NetworkPolicy", "gate-report");
    assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], labels);
    assert_eq!(&the(&built, "Service", "gate-report")["spec"]["selector"], labels);
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    let [ingress] = list(policy, "/spec/ingress") else { panic!("one way in") };
    let [from] = list(ingress, "/from") else { panic!("one who may") };
    assert_eq!(
        from["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
        "openshift-user-workload-monitoring"
    );
    assert!(accounts().contains(text(pod, "/spec/serviceAccountName")));
    let [container] = list(pod, "/spec/containers") else { panic!("one container") };
    assert_eq!(text(container, "/command/0"), "/usr/bin/report-gate");
    let address = text(container, "/args/1")
        .parse::<gate::report::serve::Address>()
        .unwrap();
    assert_eq!(address.socket().port(), 8080);
    assert_eq!(container["ports"][0]["containerPort"], 8080);
    for probe in ["readinessProbe", "livenessProbe"] {
        assert_eq!(container[probe]["httpGet"]["path"], "/healthz", "asks nobody");
    }
    check_security(container);
}

/// Roles for people are bound to nobody, and reach no further than what they are for.
#[test]
fn the_roles_of_people_are_bound_by_the_tenant() {
    for path in files("tekton/rbac/people") {
        if path.ends_with("kustomization.yaml") {
            continue;
        }
        let objects = objects(&path);
        let name = path.file_stem().unwrap().to_str().unwrap();
        let kinds: Vec<_> = objects.iter().map(|object| text(object, "/kind")).collect();
        assert_eq!(kinds, ["Role"], "{name}");
        for rule in list(&objects[0], "/rules") {
            for word in ["*", "delete", "patch"] {
                // Whoever is on call labels a Snapshot, which starts a test and nothing else.
                let labels = rule["resources"] == json!(["snapshots"]) && name == "gate-oncall";
                let given = list(rule, "/verbs").iter().any(|verb| verb == word);
                assert!(!given || (word == "patch" && labels), "{name}: {rule}");
            }
            let releases = list(rule, "/resources").iter().any(|word| word == "releases");
            assert!(!releases || name != "gate-holder", "{name}: {rule}");
            let makes = list(rule, "/verbs")
                .iter()
                .any(|verb| verb == "create" || verb == "update");
            assert!(!makes || name != "gate-oncall", "{name} changes nothing else: {rule}");
        }
    }
}

/// What `--check` asks for is what the steps need, and what their account's Role gives: no more, no
/// less.
#[test]
fn the_roles_give_what_the_steps_check_for() {
    use gate::preflight::rights::Right;
    use gate::{
        attestor, bisect, collect, fill, hold, launch, notify, overrule, promote, report, resolve,
        retract, show, staleness, trigger,
    };

    let plan = Right {
        group: "appstudio.redhat.com",
        resource: "releaseplans",
        verbs: &["get"],
        to: "--check",
    };
    let releases = Right { resource: "releases", verbs: &["get", "list"], ..plan };
    let runner: Vec<Right> =
        [&resolve::RIGHTS[..], &launch::RIGHTS, &collect::preflight::RIGHTS, &notify::RIGHTS]
            .concat()
            .into_iter()
            // create-release --check runs as the second step of resolve-image.
            .chain([plan, releases])
            .collect();
    let holder = [&hold::RIGHTS[..], &[hold::LIST]].concat();
    // A person's trigger-gate remembers no nights, so it writes no ConfigMap.
    let triggers = trigger::RIGHTS
        .iter()
        .filter(|right| !right.verbs.contains(&"create"));
    let oncall: Vec<Right> = triggers
        .chain(&show::RIGHTS)
        .chain(&show::MESSAGES)
        .copied()
        .collect();
    let roles: [(&str, &[Right]); 12] = [
        ("people/gate-oncall", &oncall),
        ("people/gate-holder", &holder),
        ("people/gate-overrider", &overrule::RIGHTS),
        ("people/gate-retractor", &retract::RIGHTS),
        ("gate-runner", &runner),
        ("gate-releaser", &promote::RIGHTS),
        ("gate-attester", &attestor::RIGHTS),
        ("gate-trigger", &trigger::RIGHTS),
        ("gate-staleness", &staleness::RIGHTS),
        ("gate-report", &report::preflight::RIGHTS),
        ("gate-history", &fill::RIGHTS),
        ("gate-bisect", &bisect::RIGHTS),
    ];
    for (account, rights) in roles {
        let objects = objects(&repository(format!("tekton/rbac/{account}.yaml")));
        let role = objects.iter().find(|object| object["kind"] == "Role").unwrap();
        let words = |value: &Value, key: &str| {
            let words = value[key].as_array().unwrap().iter();
            words
                .map(|word| word.as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let mut given = BTreeSet::new();
        for rule in list(role, "/rules") {
            for (group, resource) in words(rule, "apiGroups").iter().flat_map(|group| {
                words(rule, "resources")
                    .into_iter()
                    .map(move |resource| (group.clone(), resource))
            }) {
                given.extend(
                    words(rule, "verbs")
                        .into_iter()
                        .map(|verb| (group.clone(), resource.clone(), verb)),
                );
            }
        }
        let needed: BTreeSet<_> = rights
            .iter()
            .flat_map(|right| {
                right.verbs.iter().map(|verb| {
                    (right.group.to_owned(), right.resource.to_owned(), (*verb).to_owned())
                })
            })
            .collect();
        assert_eq!(given, needed, "{account}: its Role, and what its steps need");
    }
}

#[test]
fn the_admission_maps_the_gated_component_alone() {
    let (_, built) = platforms().remove(0);
    let admission = &objects(&repository("tekton/konflux/admission/aro-hcp.yaml"))[0];
    let plan = the(&built, "ReleasePlan", "");
    let label = text(plan, "/metadata/labels/release.appstudio.openshift.io~1releasePlanAdmission");
    assert_eq!(text(admission, "/metadata/name"), label);
    assert_eq!(text(admission, "/metadata/namespace"), text(plan, "/spec/target"));
    assert_eq!(list(admission, "/spec/applications"), [plan["spec"]["application"].clone()]);
    assert_eq!(
        text(admission, "/metadata/labels/release.appstudio.openshift.io~1block-releases"),
        "false"
    );
    let components = list(admission, "/spec/data/mapping/components");
    assert_eq!(components.len(), 1, "the siblings in a Snapshot are untested");
    let scenario = the(&built, "IntegrationTestScenario", "");
    assert_eq!(text(&components[0], "/name"), parameters(scenario)["component"]);
    for repository in list(&components[0], "/repositories") {
        let tags: Vec<&str> = list(repository, "/tags")
            .iter()
            .map(|tag| tag.as_str().unwrap())
            .collect();
        assert!(tags.contains(&"aro-hcp-{{ digest_sha }}"), "{tags:?}");
        assert!(
            tags.iter().all(|tag| tag.starts_with("aro-hcp-")),
            "platforms share a repository: {tags:?}"
        );
    }
    assert!(
        admission.pointer("/spec/data/mapping/defaults/tags").is_none(),
        "it would tag every component"
    );
}

#[test]
fn the_secret_templates_hold_no_value_and_the_names_that_are_mounted() {
    let spec = run().spec.pipeline_spec;
    let default = |name: &str| {
        spec.params
            .iter()
            .find(|p| p.name == name)
            .unwrap()
            .default
            .clone()
            .unwrap()
    };
    let parameters =
        ["gangway-token-secret", "attest-key-secret", "attest-push-secret", "slack-webhook-secret"];
    let mounted = parameters.map(|name| default(name).texts()[0].clone());
    let mut templates = Vec::new();
    for path in files("tekton/konflux/secrets") {
        for secret in objects(&path) {
            assert_eq!(text(&secret, "/kind"), "Secret");
            assert!(
                secret["data"].is_null() && secret["stringData"].is_null(),
                "{} has a value",
                path.display()
            );
            templates.push(text(&secret, "/metadata/name").to_owned());
        }
    }
    assert_eq!(templates, mounted);
}
