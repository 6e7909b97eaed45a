//! The pipeline files held against the design, the binaries and each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use rehearsal::check::check;
use rehearsal::document::{Document, ParamValue, PipelineRun, PipelineSpec, PipelineTask, Step};
use rehearsal::reference::Reference;
use rehearsal::{duration, order, run_file};
use xtask::{held, repository};

use crate::support::Tool;

fn file(name: &str) -> PathBuf {
    repository(".tekton/pipelines").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn pipeline() -> PipelineSpec {
    let document = Document::parse(&text("ho-release-gate.yaml"), "ho-release-gate.yaml").unwrap();
    document.spec().clone()
}

fn pipeline_run() -> PipelineRun {
    match Document::parse(&text("ho-release-gate-run.yaml"), "ho-release-gate-run.yaml").unwrap() {
        Document::PipelineRun(run) => *run,
        Document::Pipeline(_) => panic!("it is no PipelineRun"),
    }
}

fn task<'a>(spec: &'a PipelineSpec, name: &str) -> &'a PipelineTask {
    spec.all_tasks().find(|task| task.name == name).unwrap()
}

fn steps(spec: &PipelineSpec) -> impl Iterator<Item = (&PipelineTask, &Step)> {
    spec.all_tasks()
        .flat_map(|task| task.task_spec.steps.iter().map(move |step| (task, step)))
}

fn binary(step: &Step) -> &str {
    step.command[0]
        .strip_prefix("/usr/bin/")
        .expect("programs are in /usr/bin")
}

fn long(text: &str) -> Duration {
    duration::parse(text).unwrap()
}

#[test]
fn every_name_in_it_exists_and_stands_in_its_place() {
    check(&pipeline()).unwrap();
}

#[test]
fn the_run_carries_the_pipeline_as_checked_in() {
    let expected = run_file::from_pipeline(&text("ho-release-gate.yaml")).unwrap();
    held(".tekton/pipelines/ho-release-gate-run.yaml", &expected);
    // The text was moved; that it still means the same is another matter.
    assert_eq!(pipeline_run().spec.pipeline_spec, pipeline());
}

#[test]
fn the_run_gives_the_promotion_an_account_of_its_own() {
    let run = pipeline_run();
    assert_eq!(run.spec.task_run_template.service_account_name, "gate-runner");
    let accounts: Vec<_> = run
        .spec
        .task_run_specs
        .iter()
        .map(|s| (s.pipeline_task_name.as_str(), s.service_account_name.as_str()))
        .collect();
    let expected = [("create-release", "gate-releaser"), ("attest-verdict", "gate-attester")];
    assert_eq!(accounts, expected);
    // A name that is no task fails the run.
    for (name, _) in expected {
        assert!(run.spec.pipeline_spec.all_tasks().any(|task| task.name == name));
    }
}

/// Parameters are the interface of every tenant: name and default, none where it must be given.
#[test]
fn the_parameters_are_those_of_the_interface() {
    // A release pins another image here, always of its own version and by its digest.
    let mut params = pipeline().params.into_iter();
    let image = params
        .find(|param| param.name == "image")
        .and_then(|param| param.default);
    let Some(ParamValue::String(image)) = image else { panic!("{image:?}") };
    let (tagged, digest) = image.split_once("@sha256:").expect("it is pinned");
    assert!(digest.len() == 64 && digest.chars().all(|c| c.is_ascii_hexdigit()), "{image}");
    assert!(tagged.ends_with(concat!(":", env!("CARGO_PKG_VERSION"))), "{image}");
    let strings: [(&str, Option<&str>); 38] = [
        ("SNAPSHOT", None),
        ("release-plan-name", None),
        ("component", Some("hypershift-operator-main")),
        ("component-version", Some("")),
        ("require-platform", Some("")),
        ("gate-label", Some("ARO HCP")),
        ("e2e-blocking-job-names", Some("[]")),
        ("e2e-informing-job-names", Some("[]")),
        ("e2e-jobs", Some("")),
        ("override-env", Some("MULTISTAGE_PARAM_OVERRIDE_OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE")),
        (
            "job-env",
            Some(
                r#"{"OVERRIDE_IMAGE_HYPERSHIFT_TESTS":"registry.ci.openshift.org/hypershift/hypershift-tests:latest"}"#,
            ),
        ),
        ("reuse", Some("12h")),
        ("gangway-url", Some("https://gangway-ci.apps.ci.l2s4.p1.openshiftapps.com")),
        ("deck-url", Some("https://prow.ci.openshift.org")),
        ("artifacts-url", Some("https://storage.googleapis.com")),
        ("requests-per-minute", Some("6")),
        ("burst", Some("2")),
        ("timeout", Some("5h30m")),
        ("informing-grace", Some("30m")),
        ("rerun", Some("infrastructure=1,setup=1")),
        ("proof", Some("enforce")),
        ("proof-log", Some("artifacts/*/hypershift-install/build-log.txt")),
        ("hollow", Some("enforce")),
        ("history", Some("configmap")),
        ("known-issues", Some("")),
        ("release-wait", Some("45m")),
        ("stale-threshold-days", Some("3")),
        ("kubearchive-api-base", Some("")),
        ("run-url-base", Some("")),
        ("runbook-url", Some("")),
        ("attest", Some("off")),
        ("attest-repository", Some("")),
        ("gangway-token-secret", Some("gangway-token")),
        ("slack-webhook-secret", Some("slack-webhook")),
        ("attest-key-secret", Some("gate-signing-key")),
        ("attest-push-secret", Some("gate-verdicts-push")),
        ("ca-configmap", Some("trusted-ca")),
        ("image", Some(&image)),
    ];
    let arrays = ["launch-args", "collect-args", "release-args", "notify-args", "attest-args"];
    let expected: Vec<(String, Option<ParamValue>)> = strings
        .iter()
        .map(|(name, default)| {
            ((*name).to_owned(), default.map(|text| ParamValue::String(text.to_owned())))
        })
        .chain(
            arrays
                .iter()
                .map(|name| ((*name).to_owned(), Some(ParamValue::Array(Vec::new())))),
        )
        .collect();
    let declared: Vec<_> = pipeline()
        .params
        .into_iter()
        .map(|param| (param.name, param.default))
        .collect();
    assert_eq!(declared, expected);
    let results: Vec<_> = pipeline().results.into_iter().map(|result| result.name).collect();
    assert_eq!(results, ["verdict", "image", "release"]);
}

#[test]
fn every_parameter_is_used() {
    let spec = pipeline();
    let names = |texts: Vec<&String>| -> BTreeSet<String> {
        let references = texts.into_iter().flat_map(|text| Reference::all_in(text).unwrap());
        references
            .filter_map(|reference| match reference {
                Reference::Param(name) | Reference::Array(name) => Some(name),
                _ => None,
            })
            .collect()
    };
    let given = spec
        .all_tasks()
        .flat_map(|task| task.params.iter().flat_map(|param| param.value.texts()));
    let whens = spec
        .all_tasks()
        .flat_map(|task| task.when.iter().map(|when| &when.input));
    let used = names(given.chain(whens).collect());
    for param in &spec.params {
        assert!(used.contains(&param.name), "parameter {} is used by no task", param.name);
        assert!(!param.description.is_empty(), "parameter {} is not described", param.name);
    }
    for task in spec.all_tasks() {
        let steps = task.task_spec.steps.iter();
        let mut texts: Vec<&String> = steps
            .clone()
            .flat_map(|step| step.args.iter().chain([&step.image]))
            .collect();
        texts.extend(steps.flat_map(|step| step.env.iter().filter_map(|env| env.value.as_ref())));
        texts.extend(
            task.task_spec
                .volumes
                .iter()
                .filter_map(|v| v.secret.as_ref().map(|s| &s.secret_name)),
        );
        texts.extend(
            task.task_spec
                .volumes
                .iter()
                .filter_map(|v| v.config_map.as_ref().map(|c| &c.name)),
        );
        let used = names(texts);
        for param in &task.task_spec.params {
            assert!(
                used.contains(&param.name),
                "task {}: parameter {} is not used",
                task.name,
                param.name
            );
        }
    }
}

#[test]
fn the_timeouts_are_in_order() {
    let (spec, run) = (pipeline(), pipeline_run());
    let timeouts = &run.spec.timeouts;
    let (all, tasks, finally) =
        (long(&timeouts.pipeline), long(&timeouts.tasks), long(&timeouts.finally));
    // Tekton refuses a run that breaks this.
    assert!(tasks + finally <= all);
    let limits: BTreeMap<&str, (Duration, u32)> = spec
        .all_tasks()
        .map(|t| (t.name.as_str(), (long(t.timeout.as_deref().unwrap()), t.retries)))
        .collect();
    let minutes = |m: u64| Duration::from_secs(60 * m);
    let expected = [
        ("attest-verdict", (minutes(70), 0)),
        ("collect-results", (minutes(345), 2)),
        ("create-release", (minutes(65), 1)),
        ("launch-prow", (minutes(60), 2)),
        ("notify-slack", (minutes(70), 0)),
        ("resolve-image", (minutes(10), 2)),
    ];
    assert_eq!(limits.into_iter().collect::<Vec<_>>(), expected);
    for task in &spec.tasks {
        // A task that is still running when the time of all is up is cancelled, its results lost.
        assert!(long(task.timeout.as_deref().unwrap()) < tasks, "{}", task.name);
    }
    for task in &spec.finally {
        assert!(long(task.timeout.as_deref().unwrap()) < finally, "{}", task.name);
    }
    let default = |name: &str| match spec
        .params
        .iter()
        .find(|p| p.name == name)
        .unwrap()
        .default
        .as_ref()
        .unwrap()
    {
        ParamValue::String(text) => long(text),
        ParamValue::Array(_) => panic!("{name}"),
    };
    // What a step waits for ends before its task does, with time to say so.
    assert!(default("timeout") + minutes(15) <= minutes(345));
    // Ten minutes for runs that cannot be read come before the wait for the Release.
    assert!(default("release-wait") + minutes(10) + minutes(5) <= minutes(65));
    assert!(default("release-wait") + minutes(12) + minutes(5) <= minutes(70));
    // The message waits for the Release, and is still there when the promotion's time is up.
    assert!(minutes(65) < minutes(70) && minutes(70) < finally);
}

#[test]
fn each_step_is_as_small_and_still_as_it_can_be() {
    for (task, step) in steps(&pipeline()) {
        let place = format!("{}, {}", task.name, step.name);
        assert_eq!(step.image, "$(params.image)", "{place}");
        let security = step
            .security_context
            .as_ref()
            .unwrap_or_else(|| panic!("{place}: no securityContext"));
        assert!(security.run_as_non_root && security.read_only_root_filesystem, "{place}");
        assert_eq!(security.allow_privilege_escalation, Some(false), "{place}");
        assert_eq!(security.capabilities.as_ref().unwrap().drop, ["ALL"], "{place}");
        assert_eq!(security.seccomp_profile.as_ref().unwrap().kind, "RuntimeDefault", "{place}");
        let resources = step.compute_resources.as_ref().unwrap();
        assert_eq!(
            (resources.requests["cpu"].as_str(), resources.requests["memory"].as_str()),
            ("10m", "32Mi")
        );
        // A key under a password is opened with up to 128 MiB, for a moment.
        let memory = if task.name == "attest-verdict" { "256Mi" } else { "128Mi" };
        assert_eq!(resources.limits["memory"], memory, "{place}");
        assert!(step.volume_mounts.iter().all(|mount| mount.read_only), "{place}");
        for volume in &task.task_spec.volumes {
            let optional = volume
                .secret
                .as_ref()
                .map(|s| s.optional)
                .or(volume.config_map.as_ref().map(|c| c.optional));
            assert_eq!(
                optional,
                Some(true),
                "{place}: a missing {} would hang the pod",
                volume.name
            );
        }
    }
}

/// The kubelet would put a secret of the environment into any argument that says `$(NAME)`, and
/// arguments come from Snapshots; OpenShift chooses the user.
#[test]
fn no_secret_is_a_variable_and_no_user_is_named() {
    let spec = pipeline();
    let names: BTreeSet<&str> = steps(&spec)
        .flat_map(|(_, s)| s.env.iter().map(|e| e.name.as_str()))
        .collect();
    assert_eq!(names, BTreeSet::from(["HOME", "SCENARIO", "SNAPSHOT_NAME"]));
    for name in ["ho-release-gate.yaml", "ho-release-gate-run.yaml"] {
        for word in ["runAsUser", "secretKeyRef", "envFrom", "script:", "workspaces"] {
            assert!(!text(name).contains(word), "{name} has {word}");
        }
    }
}

#[test]
fn nothing_can_skip_the_message_and_only_success_promotes() {
    let spec = pipeline();
    let notify = task(&spec, "notify-slack");
    assert_eq!(order::used_results(notify), [], "a missing result would skip it");
    assert!(notify.when.is_empty());
    let release = task(&spec, "create-release");
    // What was tested, which the record must say as well; without it there is nothing to promote.
    let tested =
        ["image", "snapshot"].map(|result| ("resolve-image".to_owned(), result.to_owned()));
    assert_eq!(order::used_results(release), tested);
    let when: Vec<_> = release
        .when
        .iter()
        .map(|w| (w.input.as_str(), &w.operator, w.values.as_slice()))
        .collect();
    let succeeded = ["Succeeded".to_owned()];
    assert_eq!(
        when,
        [(
            "$(tasks.collect-results.status)",
            &rehearsal::document::Operator::In,
            succeeded.as_slice()
        )]
    );
    assert_eq!(spec.finally.len(), 3);
    let order: Vec<_> = spec
        .tasks
        .iter()
        .map(|t| (t.name.as_str(), order::parents(t)))
        .collect();
    let after = |name: &str| BTreeSet::from([name.to_owned()]);
    assert_eq!(
        order,
        [
            ("resolve-image", BTreeSet::new()),
            ("launch-prow", after("resolve-image")),
            (
                "collect-results",
                BTreeSet::from(["launch-prow", "resolve-image"].map(str::to_owned))
            )
        ]
    );
}

/// Off by default; and what becomes of it is never the run's failure.
#[test]
fn a_verdict_that_cannot_be_attested_fails_no_run() {
    use rehearsal::document::{OnError, Operator};
    let spec = pipeline();
    let attest = task(&spec, "attest-verdict");
    assert_eq!(attest.on_error, OnError::Continue);
    assert_eq!(attest.retries, 0, "Tekton allows none with onError");
    let when: Vec<_> = attest
        .when
        .iter()
        .map(|w| (w.input.as_str(), w.operator, w.values.join(",")))
        .collect();
    assert_eq!(
        when,
        [
            ("$(params.attest)", Operator::NotIn, "off,".to_owned()),
            ("$(tasks.collect-results.status)", Operator::NotIn, "None".to_owned()),
        ]
    );
    let all = spec.all_tasks().filter(|task| task.on_error == OnError::Continue);
    assert_eq!(all.count(), 1, "of no other task a failure may be overlooked");
    for name in ["ho-release-gate.yaml", "ho-release-gate-run.yaml"] {
        assert!(!text(name).contains("beside-candidate"), "{name}: that is done by hand");
    }
}

/// A flag of a step: its name and, unless it is a switch, its value.
fn flags(step: &Step) -> Vec<(&str, Option<&str>)> {
    let mut flags = Vec::new();
    let mut args = step.args.iter().map(String::as_str).peekable();
    while let Some(arg) = args.next() {
        if Reference::whole_array(arg).is_some() {
            assert_eq!(
                args.peek(),
                None,
                "{}: {arg} must come last, it may hold anything",
                step.name
            );
            break;
        }
        assert!(arg.starts_with("--"), "{}: expected a flag, found {arg}", step.name);
        flags.push((arg, args.next_if(|next| !next.starts_with("--"))));
    }
    flags
}

/// What a later step could not read is refused by the first task, before a job is launched: it
/// gives the same flags to the same binaries, but for what is not there yet, secrets and files.
#[test]
fn the_first_task_reads_what_the_later_ones_are_given() {
    let spec = pipeline();
    let first = &task(&spec, "resolve-image").task_spec.steps;
    for name in ["launch-prow", "collect-results", "notify-slack", "attest-verdict"] {
        let check = first
            .iter()
            .find(|step| binary(step) == name)
            .unwrap_or_else(|| panic!("no check of {name}"));
        let step = spec
            .all_tasks()
            .find(|task| task.name == name)
            .map(|task| &task.task_spec.steps[0])
            .unwrap();
        let later = |flag: &str| {
            let not_there = [
                "--image",
                "--task-status",
                "--ca-file",
                "--gangway-token-file",
                "--slack-webhook-file",
                "--sign-password-file",
                "--authfile",
            ];
            not_there.contains(&flag)
                || flag.starts_with("--result-")
                // A result of this very task; the message takes it from a label.
                || (flag == "--snapshot-name" && name == "attest-verdict")
        };
        let mut wanted = vec![("--check-input", None)];
        wanted.extend(flags(step).into_iter().filter(|(flag, _)| !later(flag)));
        assert_eq!(flags(check), wanted, "{name}");
        assert_eq!(check.args.last(), step.args.last(), "{name}: its further arguments");
    }
}

#[test]
fn every_result_is_written_where_tekton_looks() {
    let spec = pipeline();
    for task in spec.all_tasks() {
        for result in &task.task_spec.results {
            let flag = format!("--result-{}", result.name.to_lowercase().replace('_', "-"));
            let path = format!("$(results.{}.path)", result.name);
            let given = task
                .task_spec
                .steps
                .iter()
                .flat_map(flags)
                .filter(|f| *f == (&flag, Some(&path)))
                .count();
            assert_eq!(given, 1, "task {}: {flag} {path}", task.name);
        }
    }
}

/// Whether a flag takes a value is found out by the rehearsal, which runs these very command lines.
#[test]
fn every_flag_exists_in_its_binary() {
    let mut problems = Vec::new();
    for (_, step) in steps(&pipeline()) {
        let name = binary(step);
        let help = Tool::new(name).arg("--help").run();
        let known: BTreeSet<&str> = help
            .stdout
            .split_whitespace()
            .map(|word| word.trim_matches(['[', ']', '(', ')', '|', ',']))
            .collect();
        let unknown = flags(step).into_iter().filter(|(flag, _)| !known.contains(flag));
        problems.extend(unknown.map(|(flag, _)| format!("{name} has no {flag}")));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
