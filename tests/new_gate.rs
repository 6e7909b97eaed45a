//! new-gate as a black box: what it writes builds, is what the onboarding shows, and nothing is written
//! over; what it asks, and what it offers.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use standins::{Night, RanImage, Servers, World};
use xtask::repository;

use crate::manifests::{check_overlay, copy, kustomize::build};
use crate::support::commands::{Reader, blocks};
use crate::support::{Dir, Output, Tool, binary};

/// The flags of a whole gate.
const FLAGS: [&str; 22] = [
    "--platform",
    "acme",
    "--application",
    "hypershift-operator",
    "--component",
    "hypershift-operator-main",
    "--blocking",
    "periodic-ci-acme-operator-main-e2e, periodic-ci-acme-operator-main-upgrade",
    "--override-env",
    "OPERATOR_IMAGE",
    "--proof-log",
    "artifacts/*/install/build-log.txt",
    "--managed-namespace",
    "acme-managed",
    "--verified-repository",
    "quay.io/acme/operator-verified",
    "--pipeline-url",
    "https://github.com/acme/release-gate",
    "--step-image",
    "quay.io/acme/release-gate:0.1.0@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "--run-url-base",
    "https://konflux-ui.example/ns/acme-tenant/applications/acme/pipelineruns/",
];

/// A clone's manifests.
fn clone() -> Dir {
    let dir = Dir::new();
    copy(&repository("tekton/konflux"), &dir.path("tekton/konflux"));
    dir
}

fn run(clone: &Dir, more: &[&str]) -> Output {
    let manifests = clone.path("tekton/konflux").display().to_string();
    Tool::new("new-gate")
        .args(["--namespace", "acme-tenant", "--manifests", &manifests])
        .args(more)
        .env("KUBECONFIG", "/nowhere")
        .run()
}

#[test]
fn what_is_written_is_a_gate() {
    let clone = clone();
    let output = run(&clone, &FLAGS);
    assert_eq!(output.code, 0, "{output:?}");
    let folder = clone.path("tekton/konflux/overlays/acme");
    check_overlay("acme", &folder);
    let built = build(&folder);
    let of = |kind: &str| built.iter().find(|object| object["kind"] == kind).unwrap();
    let plan = of("ReleasePlan");
    assert_eq!(plan["metadata"]["name"], "release-gate-acme");
    let params = of("IntegrationTestScenario")["spec"]["params"].as_array().unwrap();
    let value = |name: &str| {
        let found = params.iter().find(|param| param["name"] == name);
        found.map(|param| param["value"].clone()).unwrap_or_default()
    };
    assert_eq!(value("release-plan-name"), "release-gate-acme");
    assert_eq!(value("proof-log"), "artifacts/*/install/build-log.txt");
    let jobs = r#"["periodic-ci-acme-operator-main-e2e","periodic-ci-acme-operator-main-upgrade"]"#;
    assert_eq!(value("e2e-blocking-job-names"), jobs);
    for job in built.iter().filter(|object| object["kind"] == "CronJob") {
        assert_eq!(job["spec"]["suspend"], true, "nothing starts by itself");
    }
    let admission = clone.read("tekton/konflux/admission/acme.yaml");
    let admission: Value = serde_saphyr::from_str(&admission).unwrap();
    assert_eq!(
        admission["metadata"]["name"],
        plan["metadata"]["labels"]["release.appstudio.openshift.io/releasePlanAdmission"]
    );
    assert_eq!(admission["metadata"]["namespace"], plan["spec"]["target"]);
    assert_eq!(admission["spec"]["applications"], json!([plan["spec"]["application"]]));
    assert_eq!(admission["spec"]["origin"], "acme-tenant");
    let mapped = admission["spec"]["data"]["mapping"]["components"].as_array().unwrap();
    assert_eq!((mapped.len(), &mapped[0]["name"]), (1, &value("component")));
    // The shipped example has the same form.
    let example = std::fs::read_to_string(repository("tekton/konflux/admission/aro-hcp.yaml"));
    let example: Value = serde_saphyr::from_str(&example.unwrap()).unwrap();
    assert_eq!(shape(&admission), shape(&example));
    for command in output
        .stdout
        .lines()
        .filter(|line| line.starts_with("  kubectl apply -"))
    {
        let path = command.split_whitespace().nth(3).unwrap();
        let there = Path::new(path).exists() || repository(path).exists();
        assert!(there, "{command}");
    }
}

/// The keys of an object, all the way down.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), shape(value))).collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        _ => Value::Null,
    }
}

/// What the onboarding shows is what its command writes; what it says to append later fits.
#[test]
fn the_onboarding_shows_what_is_written() {
    const DOCUMENT: &str = "docs/onboarding.md";
    let clone = clone();
    let block = blocks(DOCUMENT)
        .into_iter()
        .find(|block| block.code.starts_with("new-gate"))
        .unwrap();
    Reader::new("none", clone.path(""))
        .with_programs(binary("new-gate").parent().unwrap())
        .run(&block.code);
    let text = std::fs::read_to_string(repository(DOCUMENT)).unwrap();
    let shown = text
        .split("```yaml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().to_owned());
    let written = ["kustomization.yaml", "settings.yaml"]
        .map(|name| clone.read(&format!("tekton/konflux/overlays/acme/{name}")));
    assert_eq!(shown.collect::<Vec<_>>(), written);
    let (_, appended) = text.split_once("as one more entry of `patches`").unwrap();
    let appended = appended.split("```\n").nth(1).unwrap();
    let path = clone.write(
        "tekton/konflux/overlays/acme/kustomization.yaml",
        format!("{}{appended}", written[0]),
    );
    let built = build(path.parent().unwrap());
    assert!(
        built
            .iter()
            .any(|object| object.to_string().contains("quay.io/acme/verdicts"))
    );
}

#[test]
fn nothing_is_written_over_and_nothing_wrong_is_written() {
    let clone = clone();
    for (change, words) in [
        (&["--platform", "Acme"][..], "--platform: "),
        (&["--platform", "a-name-that-no-cron-job-can-have"], "--platform: expected at most 30"),
        (&["--blocking", "[1]"], "--blocking: "),
        (&["--override-env", "A-B"], "--override-env: "),
        (&["--pipeline-revision", "main"], "--pipeline-revision: expected a tag or a commit"),
        (&["--step-image", "quay.io/acme/release-gate:0.1.0"], "--step-image: "),
        (&["--release-plan", "other"], "--release-plan: expected a name that ends with -acme"),
        (&["--run-url-base", "https://h/x"], "--run-url-base: expected an address that ends in /"),
        (&["--trigger-schedule", "daily"], "--trigger-schedule: expected five fields"),
        (&["--kubearchive-url", "kubearchive"], "--kubearchive-url: "),
        (&["--verified-repository", "quay.io/a/b:tag@x"], "--verified-repository: "),
    ] {
        let mut flags: Vec<&str> = FLAGS.to_vec();
        match flags.iter().position(|flag| *flag == change[0]) {
            Some(at) => flags[at + 1] = change[1],
            None => flags.extend(change),
        }
        let output = run(&clone, &flags);
        assert_eq!(output.code, 2, "{change:?}: {output:?}");
        assert!(output.stderr.contains(words), "{change:?}: {}", output.stderr);
    }
    let missing = run(&clone, &FLAGS[..4]);
    assert_eq!(missing.code, 2, "{missing:?}");
    let words = "expected --component, --blocking, --override-env, --proof-log, ";
    assert!(missing.stderr.contains(words), "{missing:?}");
    assert!(!clone.path("tekton/konflux/overlays/acme").exists());
    assert!(!clone.path("tekton/konflux/admission/acme.yaml").exists());

    assert_eq!(run(&clone, &FLAGS).code, 0);
    let before = clone.read("tekton/konflux/overlays/acme/settings.yaml");
    let mut other = FLAGS;
    other[9] = "ANOTHER";
    let again = run(&clone, &other);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("is there already; remove it"), "{again:?}");
    assert_eq!(clone.read("tekton/konflux/overlays/acme/settings.yaml"), before);
    let elsewhere = Tool::new("new-gate").args(["--manifests", "/nowhere"]).run();
    assert!(elsewhere.code == 2 && elsewhere.stderr.contains("--manifests: "), "{elsewhere:?}");
}

/// A person on a terminal.
struct Asked {
    clone: Dir,
    world: World,
    servers: Servers,
}

impl Asked {
    fn new(night: &Night) -> Self {
        let world = World::default();
        let servers = world.serve().unwrap();
        night.install(&world, "quay.io");
        Self { clone: clone(), world, servers }
    }

    /// What is shown while a person types these lines; `None` where there is no `script`.
    fn types(&self, namespace: &str, more: &[&str], lines: &[&str]) -> Option<(i32, String)> {
        self.servers
            .write_kubeconfig(&self.clone.path("kubeconfig"), namespace)
            .unwrap();
        let mut words = vec![binary("new-gate").display().to_string()];
        let manifests = self.clone.path("tekton/konflux").display().to_string();
        let kubeconfig = self.clone.path("kubeconfig").display().to_string();
        let (deck, artifacts) = (self.servers.deck_url(), self.servers.artifacts_url());
        let flags = [
            "--namespace",
            namespace,
            "--manifests",
            &manifests,
            "--kubeconfig",
            &kubeconfig,
            "--deck-url",
            &deck,
            "--artifacts-url",
            &artifacts,
        ];
        words.extend(flags.iter().chain(more).map(|word| (*word).to_owned()));
        let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        let mut command = std::process::Command::new("script");
        command
            .args(["-qec", &format!("stty cols 80; {}", quoted.join(" ")), "/dev/null"])
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            eprintln!("skipped: there is no `script` here");
            return None;
        };
        let mut input = child.stdin.take().unwrap();
        input.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(input);
        let shown = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
        Some((output.status.code().unwrap(), shown))
    }
}

#[test]
fn a_person_is_asked_and_offered_what_there_is() {
    let mut night = Night::aro_hcp();
    let (job, script) = &mut night.blocking[0];
    let shown = format!("quay.io/other/hypershift-operator-main@sha256:{}", "1".repeat(64));
    script[0] = script[0].clone().ran_image(RanImage::Other(shown));
    let job = job.clone();
    let asked = Asked::new(&night);
    asked.world.prow().ran_yesterday(&job);
    let image = FLAGS[19];
    let lines = [
        "acme", // platform
        "",     // label: ACME
        "",     // the only application
        "hypershift-operator-main",
        job.as_str(),
        "",    // informing
        "A-B", // no variable
        "OPERATOR_IMAGE",
        "",  // env
        "1", // the log that was found
        "",  // plan
        "acme-managed",
        "", // admission
        "quay.io/acme/verified",
        "https://github.com/acme/release-gate",
        "", // revision
        image,
        "https://konflux-ui.example/x/",
        "https://kubearchive.example",
        "", // runbook
        "", // schedule
    ];
    let Some((code, shown)) = asked.types(&night.namespace, &[], &lines) else { return };
    assert_eq!(code, 0, "{shown}");
    for words in [
        "--application: the Konflux Application\n  1  hypershift-operator\n[hypershift-operator]> ",
        "  1  artifacts/*/hypershift-install/build-log.txt\n",
        "A-B",
        "[release-gate-acme]> ",
        "known by it\n[none]> ",
        "left to do, in this order:\n",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let folder = asked.clone.path("tekton/konflux/overlays/acme");
    check_overlay("acme", &folder);
    let text = std::fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    assert!(text.contains("\"artifacts/*/hypershift-install/build-log.txt\""), "{text}");
    // With an archive its component is there, which carries the address to everybody who asks it.
    let archive = "https://kubearchive.example";
    let built = build(&folder);
    let told = |object: &&Value| object.to_string().contains(archive);
    let named = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    let mut names: Vec<_> = built.iter().filter(told).map(named).collect();
    names.sort();
    assert_eq!(names, ["check-staleness-acme", "ho-release-gate-acme", "trigger-gate-acme"]);
    let log = asked.world.requests();
    assert!(log.iter().all(|asked| asked.method == "GET"), "it only reads");
}

#[test]
fn a_namespace_that_shows_nothing_offers_nothing() {
    let night = Night::aro_hcp();
    let asked = Asked::new(&night);
    for what in ["snapshots", "releaseplans", "integrationtestscenarios"] {
        asked.world.kube().deny("list", what);
    }
    let mut flags: Vec<&str> = FLAGS.to_vec();
    // All but the application, which is asked.
    flags.drain(2..4);
    let more = [&flags[..], &["--gate-label", "ACME"]].concat();
    let rest = ["", "mine", "", "", "", "", "", "", "", "", ""];
    let Some((code, shown)) = asked.types(&night.namespace, &more, &rest) else { return };
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("--application: the Konflux Application\n> "), "{shown}");
    assert!(
        asked
            .clone
            .read("tekton/konflux/overlays/acme/settings.yaml")
            .contains("application: mine")
    );
}
