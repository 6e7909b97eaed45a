//! launch-prow as a black box against the stand-in servers: the straight way, bad input, kills,
//! two processes on one record.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use standins::{Fault, JobScript, Nth, Server, Servers, Trouble, World};

use crate::support::{Dir, Output, Tool};

const TOKEN: &str = "sha256~EXAMPLE";
const IMAGE: &str =
    "quay.io/acme/ho@sha256:4444444444444444444444444444444444444444444444444444444444444444";

const ALL: [&str; 4] =
    ["--blocking", r#"["periodic-a","periodic-b"]"#, "--informing", r#"["periodic-c"]"#];

/// Served servers that know three jobs, and a folder with a token.
struct Case {
    world: World,
    servers: Servers,
    dir: Dir,
}

impl Case {
    fn new() -> Self {
        let world = World::builder().time_scale(2000).build();
        world.prow().token(TOKEN);
        for job in ["periodic-a", "periodic-b", "periodic-c"] {
            world.prow().job(job, JobScript::passes());
        }
        let servers = world.serve().unwrap();
        let dir = Dir::new();
        dir.write("token", TOKEN);
        Self { world, servers, dir }
    }

    /// The command with everything but the jobs, and with these flags changed.
    fn changed(&self, changes: &[(&str, &str)]) -> Tool {
        let path = |name: &str| self.dir.path(name).display().to_string();
        let flags = [
            ("--image", IMAGE.to_owned()),
            ("--override-env", "OPERATOR_IMAGE".to_owned()),
            ("--gangway-url", self.servers.gangway_url()),
            ("--gangway-token-file", path("token")),
            ("--deck-url", self.servers.deck_url()),
            ("--artifacts-url", self.servers.artifacts_url()),
            ("--record", format!("file:{}", path("gate.json"))),
            ("--time-scale", "2000".to_owned()),
        ];
        let kept = flags
            .into_iter()
            .filter(|(flag, _)| changes.iter().all(|(changed, _)| changed != flag));
        let tool =
            kept.fold(Tool::new("launch-prow"), |tool, (flag, value)| tool.arg(flag).arg(value));
        changes
            .iter()
            .fold(tool, |tool, (flag, value)| tool.args([flag, value]))
    }

    fn tool(&self) -> Tool {
        self.changed(&[])
    }

    fn all(&self) -> Tool {
        self.tool().args(ALL)
    }

    /// How often each job was launched, as Prow counts.
    fn launches(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for launch in self.world.prow().launches() {
            *counts.entry(launch.job).or_default() += 1;
        }
        counts
    }

    fn once_each(&self) -> bool {
        let counts = self.launches();
        counts.len() == 3 && counts.values().all(|count| *count == 1)
    }
}

#[test]
fn launches_and_says_so() {
    let case = Case::new();
    let result = case.dir.path("launched");
    let more = [
        "--run-id=uid",
        "--run-name=run",
        "--gate-label",
        "ARO HCP",
        "--env",
        r#"{"TESTS":"x"}"#,
        "--jobs=",
    ];
    for _ in 0..2 {
        let output = case.all().args(more).arg("--result-launched").arg(&result).run();
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (0, "{\"launched\":\"3\"}\n"),
            "{}",
            output.stderr
        );
        assert_eq!(case.dir.read("launched"), "3");
        assert!(case.once_each());
        assert!(!output.stderr.contains('\u{1b}'), "no colour in a pipe");
    }
    let launches = case.world.prow().launches();
    assert_eq!(launches[0].envs["OPERATOR_IMAGE"], IMAGE);
    assert_eq!(launches[0].envs["TESTS"], "x");
    assert_eq!(launches[0].annotations["release-gate/gate"], "ARO HCP");
    assert_eq!(case.world.requests_to(Server::Gangway).len(), 3, "the second run asks nobody");
    let record: Value = serde_json::from_str(&case.dir.read("gate.json")).unwrap();
    assert_eq!(record["jobs"][0]["attempts"][0]["execution"], launches[0].id.as_str());
}

#[test]
fn a_job_list_from_a_file_standard_input_or_the_flag_itself() {
    let yaml = "- name: periodic-a\n  owner: team\n- {name: periodic-b, override-env: OWN}\n- {name: periodic-c, class: informing}\n";
    for way in ["file", "-", "text"] {
        let case = Case::new();
        let value = match way {
            "file" => case.dir.write("jobs.yaml", yaml).display().to_string(),
            "-" => "-".to_owned(),
            _ => yaml.to_owned(),
        };
        let mut command = case.tool().args(["--jobs", &value]).command();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let _ = stdin.write_all(yaml.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{way}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(case.once_each(), "{way}");
        assert_eq!(
            case.world.prow().launches()[1].envs.keys().collect::<Vec<_>>(),
            ["OWN"],
            "{way}"
        );
    }
}

#[test]
fn a_dry_run_shows_what_would_be_sent_and_does_nothing() {
    let case = Case::new();
    let output = case.all().args(["--dry-run", "--run-id", "uid"]).run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let shown: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(shown["launched"], "0");
    assert_eq!(shown["would_send"].as_array().unwrap().len(), 3);
    assert_eq!(shown["would_send"][0]["job_execution_type"], "1");
    assert_eq!(shown["would_send"][0]["pod_spec_options"]["envs"]["OPERATOR_IMAGE"], IMAGE);
    assert!(case.world.requests().is_empty() && !case.dir.path("gate.json").exists());
    // What is shown is what is sent.
    case.all().args(["--run-id", "uid"]).run();
    let sent = &case.world.prow().launches()[0].labels["release-gate/key"];
    assert_eq!(
        shown["would_send"][0]["pod_spec_options"]["labels"]["release-gate/key"],
        sent.as_str()
    );
}

/// Bad input: exit 2, one line that names what was given and what is expected, nothing sent or
/// written.
fn refused(case: &Case, output: &Output, words: &[&str]) {
    assert_eq!(output.code, 2, "{}", output.stderr);
    for word in words {
        assert!(output.stderr.contains(word), "{word:?} is not in {}", output.stderr);
    }
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stdout.is_empty() && case.world.requests().is_empty(), "nothing is sent");
    assert!(!case.dir.path("gate.json").exists(), "nothing is written");
}

#[test]
fn bad_jobs() {
    let case = Case::new();
    let table: [(&[&str], &[&str]); 20] = [
        (
            &["--blocking", "\"periodic-a\""],
            &["--blocking", "JSON array of job names", "found a string: \"periodic-a\""],
        ),
        (&["--blocking", "periodic-a"], &["--blocking", "JSON array", "\"periodic-a\""]),
        (
            &["--blocking", r#"["periodic-a","periodic-a"]"#],
            &["--blocking, entry 2", "twice", "entry 1"],
        ),
        (&["--blocking", r#"["periodic-a",""]"#], &["--blocking, entry 2", "empty"]),
        (&["--blocking", r#"["periodic-a\n"]"#], &["--blocking, entry 1", "control character"]),
        (
            &["--blocking", "[\"periodic-\u{200b}a\"]"],
            &["--blocking, entry 1", r#""periodic-\u{200b}a" holds '\u{200b}'"#],
        ),
        (&["--jobs", "- name: periodic-\u{ad}a"], &["--jobs, line 1", r"'\u{ad}'"]),
        (
            &["--jobs", "- name: a\n  override-env: [X, X]"],
            &["--jobs, line 2: override-env: X is named twice"],
        ),
        (
            &["--blocking", r#"["periodic-a"]"#, "--informing", r#"["periodic-a"]"#],
            &["--informing, entry 1", "informing here and blocking in --blocking, entry 1"],
        ),
        (&["--informing", r#"["periodic-a"]"#], &["--blocking", "no blocking job"]),
        (&["--blocking", "[]"], &["no blocking job"]),
        (
            &["--jobs", "- name: a\n  clas: x"],
            &["--jobs, line 2", "unknown field `clas`", "override-env"],
        ),
        (&["--jobs", "- name: a\n- name: a"], &["--jobs, line 2", "twice"]),
        (&["--jobs", "- name: a\n  class: 7"], &["--jobs, line 2", "blocking, informing"]),
        (&["--jobs", "/nowhere/jobs.yaml"], &["--jobs: cannot read /nowhere/jobs.yaml", "YAML"]),
        (&["--blocking", r#"["a"]"#, "--env", "[]"], &["--env", "JSON object", "found a list"]),
        (
            &["--blocking", r#"["a"]"#, "--env", r#"{"A":1}"#],
            &["--env", "A in quotes", "a number: 1"],
        ),
        (
            &["--blocking", r#"["a"]"#, "--env", r#"{"OPERATOR_IMAGE":"x"}"#],
            &["OPERATOR_IMAGE", "--env", "only one"],
        ),
        (
            &["--blocking", r#"["a"]"#, "--requests-per-minute", "0"],
            &["--requests-per-minute", "from 1", "\"0\""],
        ),
        (&["--blocking", r#"["a"]"#, "--burst", "many"], &["--burst", "\"many\""]),
    ];
    for (arguments, words) in table {
        refused(&case, &case.tool().args(arguments).run(), words);
    }
}

#[test]
fn bad_images_services_and_secrets() {
    let case = Case::new();
    case.dir.write("empty", "");
    let empty = case.dir.path("empty").display().to_string();
    let upper = IMAGE.replace("4444", "ABCD");
    let blank = format!(" {IMAGE}");
    let table: [(&str, &str, &[&str]); 16] = [
        (
            "--image",
            "quay.io/acme/ho:latest",
            &["--image", "quay.io/acme/ho:latest", "@sha256:<64 hex"],
        ),
        ("--image", "quay.io/acme/ho@sha256:a", &["--image", "64 digits", "found \"sha256:a\""]),
        ("--image", &upper, &["--image", "0-9 and a-f"]),
        ("--image", &blank, &["--image"]),
        ("--image", "", &["--image"]),
        ("--override-env", "", &["--override-env", "periodic-a"]),
        ("--override-env", "A-B", &["--override-env", "\"A-B\""]),
        ("--override-env", "A,B,A", &["--override-env: A is named twice"]),
        (
            "--gangway-url",
            "http://gangway.example.com",
            &["--gangway-url", "plain http", "https://"],
        ),
        ("--deck-url", "http://deck.example.com", &["--deck-url", "plain http", "https://"]),
        ("--artifacts-url", "storage", &["--artifacts-url", "https://host/path", "\"storage\""]),
        ("--gangway-token-file", "", &["--gangway-token-file", "found none"]),
        ("--gangway-token-file", "/nowhere/token", &["--gangway-token-file", "/nowhere/token"]),
        ("--gangway-token-file", &empty, &["--gangway-token-file", "is empty"]),
        ("--record", "gate.json", &["--record", "configmap:NAME"]),
        ("--result-launched", "/nowhere/launched", &["--result-launched", "/nowhere/launched"]),
    ];
    for (flag, value, words) in table {
        let output = case
            .changed(&[(flag, value)])
            .args(["--blocking", r#"["periodic-a"]"#])
            .run();
        refused(&case, &output, words);
    }
}

/// What a stopped launch leaves running is said, the first time and when it is repeated.
#[test]
fn a_refused_job_s_message_names_what_runs() {
    let case = Case::new();
    let jobs = ["--blocking", r#"["periodic-a","periodic-unknown","periodic-b"]"#];
    for _ in 0..2 {
        let output = case.tool().args(jobs).run();
        assert_eq!(output.code, 1, "{}", output.stderr);
        let error = output.stderr.lines().last().unwrap();
        assert!(
            error.starts_with("error: periodic-unknown was not launched: Prow has no periodic job"),
            "{error}"
        );
        assert!(error.ends_with("; launched before that, and not stopped: periodic-a"), "{error}");
    }
    let first = Case::new();
    let output = first.tool().args(["--blocking", r#"["periodic-unknown"]"#]).run();
    assert!(!output.stderr.contains("launched before"), "nothing runs: {}", output.stderr);
}

/// The API server's client has its say in our words, once.
#[test]
fn an_unreachable_cluster_is_one_line() {
    let case = Case::new();
    let config = "{apiVersion: v1, kind: Config, clusters: [{name: a, cluster: {server: 'http://127.0.0.1:9'}}], \
         contexts: [{name: a, context: {cluster: a, user: a}}], users: [{name: a, user: {}}], current-context: a}";
    let config = case.dir.write("kubeconfig", config).display().to_string();
    let output = case
        .changed(&[("--record", "configmap:gate")])
        .args(ALL)
        .args(["--kubeconfig", &config])
        .run();
    assert_eq!(output.code, 1, "{}", output.stderr);
    let lines: Vec<&str> = output.stderr.lines().collect();
    assert!(
        lines
            .iter()
            .all(|line| line.starts_with("error: ") || line.contains(" WARN ")),
        "{}",
        output.stderr
    );
    assert_eq!(lines.iter().filter(|line| line.contains("error")).count(), 1, "{}", output.stderr);
}

#[test]
fn a_record_of_another_image_or_request_is_kept() {
    let case = Case::new();
    assert_eq!(case.all().run().code, 0);
    let before = case.dir.read("gate.json");
    for (other, words) in [
        (case.changed(&[("--image", &IMAGE.replace('4', "5"))]).args(ALL), "bound to"),
        (case.all().args(["--run-id", "another"]), "belongs to run"),
        (case.tool().args(["--blocking", r#"["periodic-a"]"#]), "was begun with other jobs"),
    ] {
        let output = other.run();
        assert!(output.code == 2 && output.stderr.contains(words), "{}", output.stderr);
    }
    assert_eq!(case.dir.read("gate.json"), before);
    assert!(case.once_each());
}

#[test]
fn the_token_is_shown_nowhere() {
    let case = Case::new();
    case.world.prow().foreign_token("sha256~of-nobody");
    case.dir.write("token", "sha256~of-nobody");
    let output = case.all().env("RUST_LOG", "trace").run();
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("could not find allowed client"), "{}", output.stderr);
    for text in [&output.stdout, &output.stderr, &case.dir.read("gate.json")] {
        assert!(!text.contains("of-nobody"), "{text}");
    }
}

#[test]
fn killed_at_any_moment_and_run_again() {
    let case = Case::new();
    let prow = case.world.prow();
    for job in ["periodic-a", "periodic-b", "periodic-c"] {
        prow.somebody_launches(job);
    }
    // Answers that take a moment, so that kills hit requests that are under way.
    let slow = Trouble::StallAfter(Duration::from_millis(30));
    case.world
        .fault(Fault::on(Server::Gangway, slow).method("POST").nth(Nth::Each));
    for milliseconds in [1, 5, 10, 20, 35, 50, 15, 25, 40, 60, 80, 30] {
        let mut command = case.all().args(["--requests-per-minute", "1000"]).command();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let output = case.all().args(["--requests-per-minute", "1000"]).run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let counts = case.launches();
    assert!(
        counts.len() == 3 && counts.values().all(|count| *count == 2),
        "one of cron, one of ours: {counts:?}"
    );
}

#[test]
fn two_processes_at_once() {
    let case = Case::new();
    for job in ["periodic-a", "periodic-b", "periodic-c"] {
        case.world.prow().somebody_launches(job);
    }
    let start = || {
        let mut command = case.all().args(["--requests-per-minute", "1000"]).command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [start(), start()].map(|child| child.wait_with_output().unwrap());
    for output in both {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), output.stdout.as_slice()),
            (Some(0), &b"{\"launched\":\"3\"}\n"[..]),
            "{stderr}"
        );
    }
    assert!(case.launches().values().all(|count| *count == 2), "one of cron, one of ours");
}
