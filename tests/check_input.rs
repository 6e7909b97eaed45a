//! What the first task of a run finds before any job is launched: it ends the run there, and people
//! are told why.

use serde_json::{Value, json};
use standins::{Server, World};

use crate::support::{Dir, Output, Tool};

const JOBS: [&str; 4] = ["--blocking", "[\"periodic-ci-a\"]", "--override-env", "IMAGE"];

const ATTEST: [&str; 4] =
    ["--push", "quay.io/acme/verdicts", "--sign-key", "/var/run/sign/cosign.key"];

/// A step's flags as the pipeline gives them, in a folder with a record.
fn check(dir: &Dir, name: &str, arguments: &[&str]) -> Output {
    let tool = Tool::new(name).arg("--check-input").arg("--record");
    let tool = tool
        .arg(format!("file:{}", dir.path("gate.json").display()))
        .args(["--run-id", "uid-1"]);
    tool.args(["--gate-label", "ARO HCP", "--run-name", "gate-1"])
        .args(arguments)
        .run()
}

fn record(dir: &Dir) -> Value {
    serde_json::from_str(&dir.read("gate.json")).unwrap()
}

/// What Slack would be told of a run whose first task has failed.
fn told(dir: &Dir) -> String {
    let output = Tool::new("notify-slack")
        .args([
            "--preview",
            "--gate-label",
            "ARO HCP",
            "--snapshot-name",
            "snap-1",
            "--scenario",
            "aro-hcp",
        ])
        .args(["--task-status", "resolve-image=Failed", "--task-status", "launch-prow=None"])
        .args(["--task-status", "collect-results=None", "--record"])
        .arg(format!("file:{}", dir.path("gate.json").display()))
        .run();
    assert_eq!(output.code, 0, "{output:?}");
    output.stdout
}

#[test]
fn what_no_step_could_read_is_refused_before_a_job_is_launched() {
    let launch: &[(&[&str], &str)] = &[
        (&["--blocking", "periodic-ci-a"], "--blocking: expected a JSON array"),
        (&["--blocking", "[]"], "blocking"),
        (&["--jobs", "- {name: a, colour: red}"], "--jobs"),
        (&["--env", "[1]"], "--env"),
        (&["--burst", "none"], "--burst"),
        (&["--requests-per-minute", "0"], "--requests-per-minute"),
        (&["--gangway-url", "http://gangway.example"], "--gangway-url"),
        (&["--deck-url", "deck"], "--deck-url"),
    ];
    let collect: &[(&[&str], &str)] = &[
        (&["--rerun", "infrastructur=1"], "--rerun"),
        (&["--history", "somewhere"], "--history"),
        (&["--known-issues", "- {test: A*, reason: r}"], "--known-issues, line 1"),
        (&["--proof", "perhaps"], "--proof"),
        (&["--proof-log", "/absolute"], "--proof-log"),
        (&["--timeout", "5 hours"], "--timeout"),
        (&["--timeout", "0"], "--timeout"),
        (&["--informing-grace", "soon"], "--informing-grace"),
        (&["--artifacts-url", "ftp://x"], "--artifacts-url"),
    ];
    let notify: &[(&[&str], &str)] = &[
        (&["--release-wait", "a while"], "--release-wait"),
        (&["--threshold-days", "many"], "--threshold-days"),
        (&["--escalate", "third=here"], "--escalate"),
        (&["--run-url", "console"], "--run-url"),
        (&["--kubearchive-url", "http://archive.example"], "--kubearchive-url"),
    ];
    let attest: &[(&[&str], &str)] = &[
        (&["--attest", "bundel"], "--attest"),
        (&["--push", "quay.io/acme/verdicts:tag"], "--push"),
        (&["--proof", "perhaps"], "--proof"),
        (&["--artifacts-url", "ftp://x"], "--artifacts-url"),
        (&["--release-wait", "a while"], "--release-wait"),
        (&["--run-url", "console"], "--run-url"),
    ];
    for (name, cases) in [
        ("launch-prow", launch),
        ("collect-results", collect),
        ("notify-slack", notify),
        ("attest-verdict", attest),
    ] {
        let common: &[&str] = match name {
            "launch-prow" => &JOBS,
            "attest-verdict" => &ATTEST,
            _ => &[],
        };
        for (bad, flag) in cases {
            let dir = Dir::new();
            // A flag that is given twice is another kind of wrong.
            let common = match common {
                [flag, _, rest @ ..] if *flag == bad[0] => rest,
                _ => common,
            };
            let output = check(&dir, name, &[common, bad].concat());
            assert_eq!(output.code, 2, "{name} {bad:?}: {output:?}");
            assert!(output.stderr.contains(flag), "{name} {bad:?}: {output:?}");
            let stopped = &record(&dir)["stopped"];
            assert_eq!((&stopped["step"], &stopped["exit"]), (&json!(name), &json!(2)), "{bad:?}");
            assert!(stopped["why"].as_str().unwrap().contains(flag), "{bad:?}: {stopped}");
            let words = told(&dir);
            assert!(
                words.contains("stopped before its tests of snap-1 · nothing was launched"),
                "{words}"
            );
            assert!(words.contains(&format!("{name}: ")) && words.contains(flag), "{words}");
            assert!(
                words.contains("once that is mended: trigger-gate")
                    && !words.contains("kubectl logs"),
                "{words}"
            );
        }
        // Mended, the same step takes its words back.
        let dir = Dir::new();
        check(&dir, name, &[common, cases[cases.len() - 1].0].concat());
        assert_eq!(check(&dir, name, common).code, 0, "{name}");
        assert_eq!(record(&dir).get("stopped"), None, "{name}");
    }
}

#[test]
fn a_record_of_another_run_is_left_alone() {
    let dir = Dir::new();
    let theirs = json!({"schema_version": 1, "kind": "gate", "id": "uid-2",
        "created_at": "2026-08-20T03:11:04Z", "updated_at": "2026-08-20T03:11:04Z"});
    dir.write("gate.json", theirs.to_string());
    assert_eq!(check(&dir, "collect-results", &["--rerun", "x=1"]).code, 2);
    assert_eq!(record(&dir), theirs);
}

#[test]
fn a_snapshot_without_the_component_is_told_with_its_reason() {
    let dir = Dir::new();
    let snapshot = json!({"application": "ho", "components": [{"name": "cpo", "containerImage": "quay.io/a/b:latest"}]});
    let output = Tool::new("resolve-image")
        .args([
            "--component",
            "ho",
            "--offline",
            "--snapshot-name",
            "snap-1",
            "--run-id",
            "uid-1",
            "--snapshot",
        ])
        .arg(snapshot.to_string())
        .arg("--record")
        .arg(format!("file:{}", dir.path("gate.json").display()))
        .run();
    assert_ne!(output.code, 0, "{output:?}");
    let words = told(&dir);
    assert!(words.contains("resolve-image: ") && words.contains("cpo"), "{words}");
}

/// Input that can be read leaves no trace, and no server is asked.
#[test]
fn nobody_is_asked() {
    let (dir, world) = (Dir::new(), World::default());
    let servers = world.serve().unwrap();
    let urls = [
        ("--gangway-url", servers.url(Server::Gangway)),
        ("--deck-url", servers.url(Server::Deck)),
        ("--artifacts-url", servers.url(Server::Bucket)),
    ];
    let mut arguments: Vec<String> = JOBS.map(str::to_owned).to_vec();
    arguments.extend(
        urls.iter()
            .flat_map(|(flag, url)| [(*flag).to_owned(), url.to_string()]),
    );
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for name in ["launch-prow", "collect-results"] {
        let output = check(&dir, name, &arguments);
        assert_eq!(output.code, 0, "{output:?}");
    }
    assert!(world.requests().is_empty());
    assert!(!dir.path("gate.json").exists(), "a record is begun only to say what is wrong");
}
