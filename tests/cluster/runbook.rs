//! docs/runbook.md, its commands as a person pastes them at night: a run whose Release failed, then
//! everything that can be done about it, and about the gate.

use std::path::Path;
use std::time::Duration;

use gate::prow::key;
use serde_json::{Value, json};
use standins::{JobScript, Night, Server, WEBHOOK};

use crate::commands::{Reader, wrap};
use crate::field::{Field, SCALE, SCENARIO};
use crate::integration_service::IntegrationService;
use crate::platform;
use crate::release_service::{Fate, ReleaseService};
use crate::run::succeeded;

const RUNBOOK: &str = "docs/runbook.md";
const PLAN: &str = "hypershift-operator-ho-release-gate-aro-hcp";

/// The person's machine: the steps know the stand-ins' addresses.
pub fn machine(field: &Field) -> std::path::PathBuf {
    let bin = field.folder().join("bin");
    let scale = ["--time-scale".to_owned(), SCALE.to_string()];
    let servers = &field.servers;
    let authority = ["--ca-file".to_owned(), field.ca_file()];
    let mut services = authority.to_vec();
    services.extend([
        "--gangway-url".to_owned(),
        servers.gangway_url(),
        "--deck-url".to_owned(),
        servers.deck_url(),
    ]);
    services.extend(["--artifacts-url".to_owned(), servers.artifacts_url()]);
    services.extend(scale.clone());
    wrap(&bin, "launch-prow", Path::new(env!("CARGO_BIN_EXE_launch-prow")), &services);
    wrap(&bin, "collect-results", Path::new(env!("CARGO_BIN_EXE_collect-results")), &services);
    let mut witnesses = [authority.to_vec(), scale.to_vec()].concat();
    witnesses.extend(["--deck-url".to_owned(), servers.deck_url()]);
    witnesses.extend(["--artifacts-url".to_owned(), servers.artifacts_url()]);
    wrap(&bin, "create-release", Path::new(env!("CARGO_BIN_EXE_create-release")), &witnesses);
    wrap(&bin, "trigger-gate", Path::new(env!("CARGO_BIN_EXE_trigger-gate")), &[]);
    wrap(&bin, "check-staleness", Path::new(env!("CARGO_BIN_EXE_check-staleness")), &[]);
    wrap(&bin, "show-gate", Path::new(env!("CARGO_BIN_EXE_show-gate")), &[]);
    wrap(&bin, "resolve-image", Path::new(env!("CARGO_BIN_EXE_resolve-image")), &authority);
    let slack = [authority, scale].concat();
    wrap(&bin, "notify-slack", Path::new(env!("CARGO_BIN_EXE_notify-slack")), &slack);
    bin
}

/// The newest PipelineRun.
pub fn newest(field: &Field) -> String {
    let by_age = "--sort-by=.metadata.creationTimestamp";
    field.kubectl.run(&[
        "get",
        "pipelineruns",
        by_age,
        "-o",
        "jsonpath={.items[-1:].metadata.name}",
    ])
}

/// A PipelineRun, once it has ended.
pub fn ended(field: &Field, run: &str) -> Value {
    field.kubectl.run(&[
        "wait",
        "pipelinerun",
        run,
        "--for=jsonpath={.status.completionTime}",
        "--timeout=420s",
    ]);
    field.kubectl.get("pipelinerun", run)
}

/// The pipeline's default of a parameter.
pub fn default_of(parameter: &str) -> String {
    let path = crate::commands::repository(".tekton/pipelines/ho-release-gate.yaml");
    let pipeline: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let parameters = pipeline["spec"]["params"].as_array().unwrap();
    let found = parameters.iter().find(|known| known["name"] == parameter).unwrap();
    found["default"].as_str().unwrap().to_owned()
}

/// The command that a message ends with, and which the runbook tells to copy.
fn command_of(field: &Field, before: &str) -> String {
    let messages = field.world.slack().messages();
    let words = messages.last().unwrap().words();
    let line = words
        .lines()
        .find_map(|line| line.split_once(before))
        .unwrap_or_else(|| panic!("{before}: {words}"));
    line.1.trim().trim_matches('`').to_owned()
}

#[test]
#[ignore = "needs a cluster"]
fn the_runbook_works_at_night() {
    let field = Field::new("runbook", &Night::aro_hcp());
    let namespace = field.kubectl.namespace().to_owned();
    let clone = platform::clone(&field);
    platform::settle(&field, &clone, "aro-hcp", &[]);
    platform::apply(&field, &clone, "aro-hcp");
    let _konflux = IntegrationService::start(&field.kubectl);
    let service =
        ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::FailedFirst);
    let mut reader =
        Reader::new("the_runbook_works_at_night", &clone).with_programs(machine(&field));
    reader.put("MANAGED-NAMESPACE", &namespace);
    reader.put("NAMESPACE", &namespace);
    reader.put("NS", &namespace);
    reader.put("SCENARIO", SCENARIO);
    reader.put("PLAN", PLAN);
    reader.put("SNAPSHOT", &field.night.snapshot);

    // The night: all pass, and the Release fails.
    reader.follow(RUNBOOK, "Test again", 1);
    let jobs = field.kubectl.run(&["get", "jobs", "-o", "name"]);
    let again = jobs
        .lines()
        .find(|job| job.contains("/again-"))
        .expect("the job is there");
    field
        .kubectl
        .run(&["wait", again, "--for=condition=Complete", "--timeout=300s"]);
    let run = newest(&field);
    assert_eq!(succeeded(&ended(&field, &run)), "False");
    reader.put("gate-OLDER-RUN", "gate-older");
    reader.put("RUN", &run);

    let shown = reader.follow(RUNBOOK, "Look", 0);
    assert!(shown.contains(&run) && shown.contains("record configmap:gate-"), "{shown}");
    let seen = reader.follow(RUNBOOK, "Look", 1);
    for word in [run.as_str(), "\"attempts\"", "Failed", "again-"] {
        assert!(seen.contains(word), "{word}: {seen}");
    }
    assert!(
        reader
            .follow("docs/architecture.md", "The gate record", 0)
            .starts_with('{')
    );
    let records = reader.follow(RUNBOOK, "Schedules and records", 0);
    assert!(
        records.contains("trigger-gate-aro-hcp") && records.contains(&format!("gate-{run}")),
        "{records}"
    );

    // Two steps once more: they repeat what they know, and launch nothing.
    let launched = field.world.prow().launches().len();
    std::fs::write(clone.join("token"), &field.night.token).unwrap();
    let blocking: Vec<String> = serde_json::from_str(&field.night.blocking).unwrap();
    let informing: Vec<String> = serde_json::from_str(&field.night.informing).unwrap();
    reader.put("IMAGE", &field.night.reference);
    for (placeholder, parameter) in [("JOB-ENV", "job-env"), ("PROOF-LOG", "proof-log")] {
        reader.put(placeholder, default_of(parameter));
    }
    reader.put("[\"BLOCKING\"]", json!(blocking).to_string());
    reader.put("[\"INFORMING\"]", json!(informing).to_string());
    reader.put("VARIABLE", "MULTISTAGE_PARAM_OVERRIDE_OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE");
    let told = reader.follow(RUNBOOK, "Run one step again", 0);
    assert!(told.contains("\"verdict\":\"passed\""), "{told}");
    assert_eq!(field.world.prow().launches().len(), launched);

    // The second Release lands; the message's own command does the same.
    assert!(
        reader
            .follow(RUNBOOK, "Promote by hand", 1)
            .contains("\"released\":\"true\"")
    );
    let command = command_of(&field, "once its cause is gone: ");
    assert!(command.starts_with("create-release ") && command.ends_with(" --again"), "{command}");
    assert!(reader.run(&command).contains("\"released\":\"true\""), "{command}");
    assert!(
        reader
            .follow(RUNBOOK, "Promote by hand", 0)
            .contains("\"released\":\"true\""),
        "it is there already"
    );
    assert_eq!(field.kubectl.list("releases").len(), 2);
    reader.follow(RUNBOOK, "Promote by hand", 2);
    assert_eq!(field.kubectl.list("releases").len(), 3);

    drop(service);
    roll_back(&field, &reader);

    // Stopping, and going on.
    let account = format!("system:serviceaccount:{namespace}:gate-releaser");
    let may_promote = || {
        let asked = ["auth", "can-i", "create", "releases.appstudio.redhat.com", "--as", &account];
        String::from_utf8_lossy(&field.kubectl.try_run(&asked).stdout)
            .trim()
            .to_owned()
    };
    assert_eq!(may_promote(), "yes");
    reader.follow(RUNBOOK, "Stop promotion now", 0);
    assert_eq!(may_promote(), "no");
    reader.follow(RUNBOOK, "Stop promotion now", 1);
    assert_eq!(may_promote(), "yes");
    let admission =
        std::fs::read_to_string(clone.join("tekton/konflux/admission/aro-hcp.yaml")).unwrap();
    let admission =
        admission.replace("namespace: rhtap-releng-tenant", &format!("namespace: {namespace}"));
    field.kubectl.create(&serde_saphyr::from_str(&admission).unwrap());
    reader.put("NAME", "redhat-hypershift-operator-ho-release-gate-aro-hcp");
    reader.follow(RUNBOOK, "Stop promotion", 0);
    field.kubectl.patch(
        "cronjob",
        "trigger-gate-aro-hcp",
        &json!({"spec": {"suspend": false}}),
        None,
    );
    reader.follow(RUNBOOK, "Stop promotion", 1);
    assert_eq!(field.kubectl.get("cronjob", "trigger-gate-aro-hcp")["spec"]["suspend"], true);

    // The digest is verified: the first leaves it alone, --force tests it again. That run is
    // cancelled.
    reader.follow(RUNBOOK, "Test again", 0);
    let run = newest(&field);
    assert_eq!(field.kubectl.list("pipelineruns").len(), 2);
    let told = field.world.slack().messages().len();
    let selector = format!("tekton.dev/pipelineRun={run},tekton.dev/pipelineTask=launch-prow");
    field
        .kubectl
        .run(&["wait", "pod", "-l", &selector, "--for=create", "--timeout=300s"]);
    reader.put("RUN", &run);
    reader.follow(RUNBOOK, "Cancel a run", 0);
    assert_eq!(succeeded(&ended(&field, &run)), "False");
    let messages = field.world.slack().messages();
    assert_eq!(messages.len(), told + 1);
    assert!(messages[told].words().contains("cancelled"), "{}", messages[told].words());
    let command = command_of(&field, "again: ");
    assert!(command.starts_with("trigger-gate "), "{command}");
    reader.run(&command);
    assert_eq!(field.kubectl.list("pipelineruns").len(), 2, "the digest is verified");

    shows_no_secret(&field);

    // A new token, by both documents.
    for (document, heading, token) in [
        (RUNBOOK, "Renew a token", "sha256~new"),
        ("docs/security.md", "If a secret got out", "sha256~newer"),
    ] {
        std::fs::write(clone.join("FILE"), token).unwrap();
        reader.follow(document, heading, 0);
        let held = field.kubectl.run(&[
            "get",
            "secret",
            "gangway-token",
            "-o",
            "go-template={{.data.token | base64decode}}",
        ]);
        assert_eq!(held, token);
    }
    reader.finish();
}

/// What anybody sees who may look into the namespace, but for its Secrets.
fn shows_no_secret(field: &Field) {
    let kubectl = &field.kubectl;
    let kinds = "configmaps,releases,snapshots,integrationtestscenarios,cronjobs,jobs,pipelineruns,taskruns,pods,events";
    let mut seen = kubectl.run(&["get", kinds, "-o", "json"]);
    for pod in kubectl.list("pods") {
        let pod = pod["metadata"]["name"].as_str().unwrap();
        // One that was cancelled before it began has no log.
        seen +=
            &String::from_utf8_lossy(&kubectl.try_run(&["logs", pod, "--all-containers"]).stdout);
    }
    seen += &field
        .world
        .slack()
        .messages()
        .iter()
        .map(|message| message.payload.to_string())
        .collect::<String>();
    assert!(seen.contains("is launched"), "the logs are there");
    let account = field
        .world
        .requests_to(Server::Archive)
        .into_iter()
        .find_map(|asked| Some(asked.authorization.strip_prefix("Bearer ")?.to_owned()));
    let account = account.expect("notify-slack has asked KubeArchive");
    for secret in [field.night.token.as_str(), WEBHOOK, &account] {
        assert!(
            !seen.contains(secret) && !seen.contains(&secret[secret.len() / 2..]),
            "a secret is seen"
        );
    }
}

/// An older image that was tested and never promoted: refused without `--allow-older`.
fn roll_back(field: &Field, reader: &Reader) {
    let older = format!("sha256:{}", "01de".repeat(16));
    let reference = format!("quay.io/acme/hypershift-operator-main@{older}");
    let mut snapshot = field.kubectl.get("snapshot", &field.night.snapshot);
    let annotations = json!({"test.appstudio.openshift.io/pipelinerunstarttime": "1700000000000"});
    snapshot["metadata"] = json!({"name": "built-earlier", "annotations": annotations});
    for component in snapshot["spec"]["components"].as_array_mut().unwrap() {
        if component["name"] == "hypershift-operator-main" {
            component["containerImage"] = reference.as_str().into();
        }
    }
    snapshot.as_object_mut().unwrap().remove("status");
    field.kubectl.create(&snapshot);
    let key = key::of("older", "e2e-aks", &older.parse().unwrap(), 1);
    let (variables, labels) =
        ([("IMAGE".to_owned(), reference.clone())], [(key::LABEL.to_owned(), key.clone())]);
    let ago = Duration::from_secs(4 * 3600);
    field.world.prow().job("e2e-aks", JobScript::passes());
    let execution =
        field
            .world
            .prow()
            .launched_ago("e2e-aks", ago, variables.into(), labels.into());
    let record = json!({
        "schema_version": 1, "kind": "gate", "id": "older",
        "created_at": "2026-08-20T03:00:00Z", "updated_at": "2026-08-20T06:00:00Z",
        "candidate": {"image": reference, "digest": older, "snapshot": "built-earlier", "component": "hypershift-operator-main"},
        "jobs": [{"name": "e2e-aks", "class": "blocking", "override_env": ["IMAGE"], "attempts": [{
            "number": 1, "execution": execution, "state": "success", "cause": "passed",
            "intent": {"key": key, "written_at": "2026-08-20T03:00:00Z", "holder": "launch-prow"}}]}],
        "verdict": {"decision": "passed", "decided_at": "2026-08-20T06:00:00Z", "reasons": [],
            "blocking_passed": 1, "blocking_total": 1},
    });
    field.kubectl.create(
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "gate-older"},
        "data": {"record.json": record.to_string()}}),
    );
    let before = field.kubectl.list("releases").len();
    let _service = ReleaseService::start(&field.kubectl, &older, Fate::Released);
    reader.follow(RUNBOOK, "Roll back", 0);
    assert_eq!(field.kubectl.list("releases").len(), before + 1);
}
