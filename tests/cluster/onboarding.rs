//! docs/onboarding.md, followed command by command, ends with a promoted image.
//!
//! Konflux's two controllers are played; the Kubernetes and Tekton under them are real, and so are
//! the CronJob's pods and the run's. Left out is what the document itself calls the outside: the
//! rehearsal, pushing the image, and a look into the verified repository.

use std::path::Path;

use serde_json::json;
use standins::Night;

use crate::commands::{Reader, blocks, repository, wrap};
use crate::field::Field;
use crate::integration_service::IntegrationService;
use crate::platform;
use crate::release_service::{Fate, ReleaseService};
use crate::run::{constrain, succeeded};

const DOCUMENT: &str = "docs/onboarding.md";
const PLAN: &str = "release-gate-acme";

/// Below which heading each command block is.
fn heading(section: u32) -> String {
    let headings = blocks(DOCUMENT).into_iter().map(|block| block.heading);
    headings
        .into_iter()
        .find(|heading| heading.starts_with(&format!("{section}. ")))
        .unwrap()
}

/// The files that new-gate wrote, with what is different here: the night's names, the variable of the
/// stand-ins' jobs, and addresses of the services. The admission, which is another's to apply, passes
/// the server's own checks.
fn describe_the_platform(field: &Field, clone: &Path) {
    let folder = clone.join("tekton/konflux/overlays/acme");
    let text = std::fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    assert!(text.contains("artifacts/*/hypershift-install/"), "{text}");
    let admission = clone.join("tekton/konflux/admission/acme.yaml");
    let text = std::fs::read_to_string(&admission).unwrap();
    let here = format!("namespace: {}", field.kubectl.namespace());
    std::fs::write(&admission, text.replace("namespace: acme-managed", &here)).unwrap();
    field
        .kubectl
        .run(&["apply", "--dry-run=server", "-f", admission.to_str().unwrap()]);
    let variable = "MULTISTAGE_PARAM_OVERRIDE_OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE";
    platform::settle(field, clone, "acme", &[("override-env", variable)]);
}

/// What OpenShift would do to the pods of a run made from the clone's file.
fn constrain_the_run(field: &Field, clone: &Path) {
    let path = clone.join(".tekton/pipelines/ho-release-gate-run.yaml");
    let shown = field.kubectl.run(&[
        "create",
        "--dry-run=client",
        "-o",
        "json",
        "-f",
        path.to_str().unwrap(),
    ]);
    let mut run = serde_json::from_str(&shown).unwrap();
    constrain(&mut run);
    std::fs::write(path, run.to_string()).unwrap();
}

/// A wrong setting shows, the commands fail, and they leave nothing behind.
fn what_the_check_finds(field: &Field, reader: &Reader) {
    let scenario = "ho-release-gate-acme";
    let params =
        || field.kubectl.get("integrationtestscenario", scenario)["spec"]["params"].clone();
    let right = params();
    let cases = [
        // Without a Snapshot nothing can be looked at, and what there is instead is said.
        ("component", "operater", "error: --component: no Snapshot of Application", 1),
        // The jobs' owner is asked although the plan is none.
        ("release-plan-name", "no-such-plan", "check-release\tfailed\t", 0),
        ("e2e-blocking-job-names", "[\"no-such-job\"]", "launch-prow\tfailed\tjob\t", 1),
    ];
    for (name, value, wanted, times) in cases {
        let mut wrong = right.clone();
        let param = wrong
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .find(|param| param["name"] == name)
            .unwrap();
        param["value"] = value.into();
        field.kubectl.patch(
            "integrationtestscenario",
            scenario,
            &json!({"spec": {"params": wrong}}),
            None,
        );
        let table = reader.fails(DOCUMENT, &heading(9), 0);
        let found = table.lines().filter(|line| line.starts_with(wanted)).count();
        assert!(if times == 0 { found > 0 } else { found == times }, "{name}: {table}");
        assert_eq!(
            table.contains("launch-prow\tpassed\tgangway"),
            name != "component",
            "{name}: {table}"
        );
    }
    field.kubectl.patch(
        "integrationtestscenario",
        scenario,
        &json!({"spec": {"params": right}}),
        None,
    );
    assert_eq!(params(), right);
    // One CronJob's trouble does not hide the other's rows.
    field.kubectl.run(&["delete", "secret", "slack-webhook"]);
    let table = reader.fails(DOCUMENT, &heading(9), 0);
    for wanted in
        ["trigger-gate\tfailed\tslack\t", "check-staleness\tfailed\tslack\t", "job\tfailed\t"]
    {
        assert!(table.contains(wanted), "{wanted}: {table}");
    }
    field.secret("slack-webhook", "url", &field.servers.slack_url());
    assert!(field.kubectl.list("pipelineruns").is_empty(), "the checks' runs are removed");
    let records =
        field
            .kubectl
            .run(&["get", "configmaps", "-l", "release-gate/kind=gate", "-o", "name"]);
    assert_eq!(records, "", "and so are their records");
    assert!(field.kubectl.list("jobs").is_empty(), "and the Jobs");
}

#[test]
#[ignore = "needs a cluster"]
fn the_onboarding_ends_with_a_promoted_image() {
    let night = Night {
        application: "acme".to_owned(),
        component: "operator".to_owned(),
        ..Night::aro_hcp()
    };
    let field = Field::new("onboarding", &night);
    let clone = platform::clone(&field);
    let tools = Path::new(env!("CARGO_BIN_EXE_trigger-gate")).parent().unwrap();
    let servers = &field.servers;
    let mut elsewhere = vec![
        "--deck-url".to_owned(),
        servers.deck_url(),
        "--artifacts-url".to_owned(),
        servers.artifacts_url(),
    ];
    elsewhere.extend(["--ca-file".to_owned(), field.ca_file()]);
    let programs = field.folder().join("bin");
    wrap(&programs, "collect-results", &tools.join("collect-results"), &elsewhere);
    let mut reader = Reader::new("the_onboarding_ends_with_a_promoted_image", &clone)
        .with_programs(programs)
        .with_programs(tools);
    reader.put("acme-tenant", field.kubectl.namespace());
    reader.put("artifacts/*/install/", "artifacts/*/hypershift-install/");
    let follow = |section: u32, nth: usize| reader.follow(DOCUMENT, &heading(section), nth);
    let write = |path: &str, text: &str| std::fs::write(clone.join(path), text).unwrap();
    // The ground has what other tests need at once; here the reader makes it.
    field
        .kubectl
        .run(&["delete", "secret", "gangway-token", "slack-webhook"]);
    field.kubectl.run(&["delete", "configmap", "trusted-ca"]);
    field
        .kubectl
        .run(&["delete", "-k", repository("tekton/rbac").to_str().unwrap()]);

    follow(3, 0);
    write("gangway-token.txt", &field.night.token);
    write("slack-webhook.txt", &field.servers.slack_url());
    write("ca.crt", &std::fs::read_to_string(field.ca_file()).unwrap());
    follow(4, 0);
    follow(4, 1);
    follow(5, 0);
    describe_the_platform(&field, &clone);
    follow(6, 0);
    follow(8, 0);
    platform::match_the_plan(&field, PLAN);
    assert!(follow(8, 1).starts_with("True {"), "matched and active");

    constrain_the_run(&field, &clone);
    // Everything is checked before the night, and nothing comes of it.
    for jobs in [&field.night.blocking, &field.night.informing] {
        for job in serde_json::from_str::<Vec<String>>(jobs).unwrap() {
            field.world.prow().ran_yesterday(&job);
        }
    }
    let before = field.world.prow().launches().len();
    let table = follow(9, 0);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    for (step, whats) in [
        ("launch-prow", &["gangway", "job", "deck", "artifacts", "rights"][..]),
        ("check-release", &["plan", "releases"]),
        ("notify-slack", &["slack"]),
        ("trigger-gate", &["snapshots", "slack", "rights"]),
        ("check-staleness", &["slack", "rights"]),
    ] {
        for what in whats {
            let passed = |row: &Vec<&str>| row[..3] == [step, "passed", what];
            assert!(rows.iter().any(passed), "{step} {what}: {table}");
        }
    }
    assert!(rows.iter().all(|row| row[1] != "failed"), "{table}");
    what_the_check_finds(&field, &reader);
    assert_eq!(field.world.prow().launches().len(), before, "nothing was launched");
    assert_eq!(
        (field.kubectl.list("releases").len(), field.world.slack().messages().len()),
        (0, 0)
    );

    let _konflux = IntegrationService::start(&field.kubectl);
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    // From the laptop; then the way of the nightly job, which finds a run in flight and leaves it
    // alone.
    follow(10, 0);
    follow(10, 1);
    let runs = field.kubectl.list("pipelineruns");
    assert_eq!(runs.len(), 1, "one run was started");
    let run = runs[0]["metadata"]["name"].as_str().unwrap();
    field.kubectl.run(&[
        "wait",
        "pipelinerun",
        run,
        "--for=jsonpath={.status.completionTime}",
        "--timeout=420s",
    ]);
    let ended = field.kubectl.get("pipelinerun", run);
    assert_eq!(succeeded(&ended), "True", "{}", ended["status"]["conditions"]);
    assert!(follow(10, 2).contains("\"attempts\""), "the record shows the jobs");
    let proofs = follow(10, 3);
    assert!(proofs.contains("hypershift-install/build-log.txt is in its past run"), "{proofs}");

    let releases = field.kubectl.list("releases");
    assert_eq!(releases.len(), 1);
    assert_eq!(releases[0]["spec"]["releasePlan"], PLAN);
    assert_eq!(releases[0]["spec"]["snapshot"], field.night.snapshot.as_str());
    assert_eq!(field.world.slack().messages().len(), 1);
    assert!(follow(11, 0).contains(&format!("{PLAN}-")), "the Release is listed");
    follow(12, 0);
    reader.finish();

    // The next night finds the digest verified.
    field
        .kubectl
        .run(&["create", "job", "next-night", "--from=cronjob/trigger-gate-acme"]);
    field
        .kubectl
        .run(&["wait", "job", "next-night", "--for=condition=Complete", "--timeout=120s"]);
    assert_eq!(field.kubectl.list("pipelineruns").len(), 1, "a verified image is not tested again");
    // And the image is fresh.
    field
        .kubectl
        .run(&["create", "job", "fresh", "--from=cronjob/check-staleness-acme"]);
    field
        .kubectl
        .run(&["wait", "job", "fresh", "--for=condition=Complete", "--timeout=120s"]);
}
