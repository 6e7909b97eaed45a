//! collect-results as a black box: after launch-prow, against servers on loopback, with time that
//! flies.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use standins::{JobScript, RanImage, Server, Servers, World};

use crate::support::{Dir, Output, Tool};

const SCALE: u32 = 2000;

struct Night {
    dir: Dir,
    world: World,
    servers: Servers,
}

impl Night {
    fn new() -> Self {
        let world = World::builder().time_scale(SCALE).build();
        let servers = world.serve().unwrap();
        let dir = Dir::new();
        dir.write("token", "sha256~token\n");
        world.prow().token("sha256~token");
        Self { dir, world, servers }
    }

    fn launch(&self, blocking: &[&str], informing: &[&str]) {
        let launch = self
            .tool("launch-prow")
            .args(["--image", &format!("quay.io/acme/ho@sha256:{}", "4be1f0c2".repeat(8))])
            .args([
                "--blocking",
                &json!(blocking).to_string(),
                "--informing",
                &json!(informing).to_string(),
            ])
            .args([
                "--override-env",
                "OVERRIDE_OPERATOR_IMAGE",
                "--requests-per-minute",
                "100",
                "--burst",
                "100",
            ])
            .run();
        assert_eq!(launch.code, 0, "{}", launch.stderr);
    }

    /// The flags that every call has.
    fn flags(&self) -> Vec<(&'static str, String)> {
        vec![
            ("--time-scale", SCALE.to_string()),
            ("--record", format!("file:{}", self.dir.path("gate.json").display())),
            ("--gangway-token-file", self.dir.path("token").display().to_string()),
            ("--gangway-url", self.servers.gangway_url()),
            ("--deck-url", self.servers.deck_url()),
            ("--artifacts-url", self.servers.url(Server::Bucket)),
        ]
    }

    fn tool(&self, name: &str) -> Tool {
        self.flags()
            .iter()
            .fold(Tool::new(name), |tool, (flag, value)| tool.args([flag, value.as_str()]))
    }

    /// collect-results with one of those flags changed.
    fn with(&self, changed: &str, to: &str) -> Tool {
        self.flags()
            .iter()
            .fold(Tool::new("collect-results"), |tool, (flag, value)| {
                tool.args([*flag, if *flag == changed { to } else { value.as_str() }])
            })
    }

    fn collect(&self) -> Tool {
        self.tool("collect-results")
            .args(["--proof-log", "artifacts/*/hypershift-install/build-log.txt"])
            .args(["--result-verdict", self.dir.path("verdict").to_str().unwrap()])
            .args(["--result-test-output", self.dir.path("test-output").to_str().unwrap()])
            .args(["--result-summary", self.dir.path("summary").to_str().unwrap()])
    }

    fn record(&self) -> Value {
        serde_json::from_str(&self.dir.read("gate.json")).unwrap()
    }
}

fn results(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_night_that_passes_and_its_repetition() {
    let night = Night::new();
    night
        .world
        .prow()
        .job_attempts("periodic-a", vec![JobScript::no_lease(), JobScript::passes()]);
    night.world.prow().job("periodic-b", JobScript::passes());
    night.world.prow().job("periodic-i", JobScript::fails(&["TestX"]));
    night.launch(&["periodic-a", "periodic-b"], &["periodic-i"]);
    let output = night.collect().run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(results(&output)["verdict"], "passed");
    assert_eq!(night.dir.read("verdict"), "passed");
    let words = "passed: 2 of 2 blocking jobs passed; on a further try: periodic-a; informing jobs that did not pass: periodic-i";
    assert_eq!(night.dir.read("summary"), words);
    let shown: Value = serde_json::from_str(&night.dir.read("test-output")).unwrap();
    assert_eq!(
        (&shown["result"], &shown["successes"], &shown["failures"]),
        (&json!("SUCCESS"), &json!(2), &json!(0))
    );
    assert_eq!(night.record()["jobs"][0]["attempts"][0]["cause"], "infrastructure");

    // A pass is repeated after a look at each blocking run, which costs nothing of Gangway's quota.
    let asked = |server| night.world.requests_to(server).len();
    let (gangway, deck, record) =
        (asked(Server::Gangway), asked(Server::Deck), night.dir.read("gate.json"));
    let again = night.collect().run();
    assert_eq!((again.code, &again.stdout), (0, &output.stdout));
    assert_eq!(
        (asked(Server::Gangway), asked(Server::Deck), night.dir.read("gate.json")),
        (gangway, deck + 2, record)
    );
    assert!(!(output.stderr + &again.stderr).contains("sha256~token"));
}

#[test]
fn a_flag_that_contradicts_the_record() {
    let night = Night::new();
    night
        .world
        .prow()
        .job("periodic-a", JobScript::passes().ran_image(RanImage::NoLog));
    night.launch(&["periodic-a"], &[]);
    let jobs = [
        "--blocking",
        r#"["periodic-a"]"#,
        "--informing",
        "[]",
        "--override-env",
        "OVERRIDE_OPERATOR_IMAGE",
    ];
    // The same request may be given again; what proves the image is written down.
    assert_eq!(night.collect().args(jobs).run().code, 3);
    let unproven = night.record();
    assert_eq!(unproven["jobs"][0]["attempts"][0]["cause"], "unproven");
    assert_eq!(
        unproven["policy"]["proof_logs"],
        json!(["artifacts/*/hypershift-install/build-log.txt"])
    );

    // As if it had been ended before it could decide: run again by hand, without the flag.
    let mut open = unproven.clone();
    open.as_object_mut().unwrap().remove("verdict");
    open["jobs"][0]["attempts"][0]
        .as_object_mut()
        .unwrap()
        .remove("cause");
    night.dir.write("gate.json", open.to_string());
    assert_eq!(
        night.tool("collect-results").run().code,
        3,
        "the record's --proof-log still counts"
    );

    let asked = night.world.requests().len();
    for (flags, code, words) in [
        (vec!["--proof", "off"], 3, "--proof is off, the record says enforce"),
        (vec!["--proof-log", "x.txt"], 3, "--proof-log is x.txt, the record says artifacts/*"),
        (
            vec!["--blocking", r#"["periodic-b"]"#, "--override-env", "X"],
            3,
            "periodic-a is missing now",
        ),
        (
            vec!["--blocking", r#"["periodic-a"]"#, "--override-env", "X"],
            3,
            "periodic-a has other settings now",
        ),
        (vec!["--rerun", "setup=3"], 2, "was begun with --rerun infrastructure=1,setup=1"),
        (vec!["--informing", r#"["periodic-a"]"#, "--override-env", "X"], 2, "no blocking job"),
        (vec!["--bucket", "A/B"], 2, "--bucket: expected a bucket's name"),
    ] {
        night.dir.write("gate.json", open.to_string());
        let output = night.tool("collect-results").args(&flags).run();
        assert_eq!(output.code, code, "{flags:?}: {}", output.stderr);
        assert!(output.stderr.contains(words), "{flags:?}: {}", output.stderr);
        if code == 3 {
            let shown: Value =
                serde_json::from_str(results(&output)["TEST_OUTPUT"].as_str().unwrap()).unwrap();
            assert_eq!(
                (&results(&output)["verdict"], &shown["result"]),
                (&json!("undecided"), &json!("ERROR"))
            );
        }
    }
    assert_eq!(night.world.requests().len(), asked);
}

#[test]
fn a_night_that_fails_says_what_failed_and_exits_3_twice() {
    let night = Night::new();
    night.world.prow().job("periodic-a", JobScript::passes());
    night
        .world
        .prow()
        .job("periodic-b", JobScript::fails(&["TestUpgradeControlPlane", "TestX"]));
    night.launch(&["periodic-a", "periodic-b"], &[]);
    for _ in 0..2 {
        let output = night.collect().run();
        assert_eq!(output.code, 3, "{}", output.stderr);
        let words = "failed: 1 of 2 blocking jobs did not pass; periodic-b failed TestUpgradeControlPlane, TestX";
        assert!(output.stderr.ends_with(&format!("error: {words}\n")), "{}", output.stderr);
        assert_eq!(results(&output)["summary"], words);
        let shown: Value =
            serde_json::from_str(results(&output)["TEST_OUTPUT"].as_str().unwrap()).unwrap();
        assert_eq!(shown["result"], "FAILURE");
    }
}

#[test]
fn without_a_token_deck_and_bucket_suffice() {
    let night = Night::new();
    night.world.prow().job("periodic-a", JobScript::passes());
    night.launch(&["periodic-a"], &[]);
    let gangway = night.world.requests_to(Server::Gangway).len();
    let output = night.with("--gangway-token-file", "").run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stderr.contains("none is run again"), "{}", output.stderr);
    assert_eq!(night.world.requests_to(Server::Gangway).len(), gangway);
}

#[test]
fn bad_input_is_named_and_nothing_is_asked() {
    let night = Night::new();
    night.world.prow().job("periodic-a", JobScript::passes());
    night.launch(&["periodic-a"], &[]);
    let asked = night.world.requests().len();
    for (flags, words) in [
        (vec!["--timeout", "5"], "--timeout: expected a duration such as 5h30m"),
        (vec!["--timeout", "0s"], "--timeout: expected a duration of more than 0"),
        (vec!["--informing-grace", "soon"], "--informing-grace: expected a duration"),
        (vec!["--rerun", "flake=1"], "--rerun: expected CAUSE=N"),
        (vec!["--rerun", "setup=x"], "--rerun: expected CAUSE=N"),
        (vec!["--proof", "maybe"], "--proof: expected enforce, warn or off"),
        (vec!["--proof-log", "../x"], "--proof-log: expected a pattern"),
        (vec!["--requests-per-minute", "0"], "--requests-per-minute: expected a whole number"),
        (vec!["--result-summary", "missing/folder/x"], "--result-summary: cannot write"),
        (vec!["--run-id", "another"], "not to --run-id another"),
        (vec!["--log-format", "xml"], "--log-format: expected human or json"),
    ] {
        let output = night.tool("collect-results").args(&flags).run();
        assert_eq!(output.code, 2, "{flags:?}: {}", output.stderr);
        assert!(output.stderr.contains(words), "{flags:?}: {}", output.stderr);
    }
    let replaced = |flag: &str, value: &str, words: &str| {
        let output = night.with(flag, value).run();
        assert_eq!(output.code, 2, "{}", output.stderr);
        assert!(output.stderr.contains(words), "{}", output.stderr);
    };
    replaced("--deck-url", "http://deck.example.com", "--deck-url: ");
    replaced("--artifacts-url", "ftp://x", "--artifacts-url: ");
    replaced("--gangway-token-file", "missing", "--gangway-token-file: cannot read missing");
    replaced("--record", "gate.json", "--record: expected configmap:NAME or file:PATH");
    replaced("--record", "file:missing.json", "missing.json does not exist");
    assert_eq!(night.world.requests().len(), asked);
}

#[test]
fn a_record_in_which_nothing_was_launched() {
    let night = Night::new();
    let image = format!("quay.io/acme/ho@sha256:{}", "4be1f0c2".repeat(8));
    let base = json!({
        "schema_version": 1, "kind": "gate", "id": "run", "created_at": "2026-08-20T03:11:04Z",
        "updated_at": "2026-08-20T03:11:04Z", "candidate": {"image": image, "digest": image.split_once('@').unwrap().1},
    });
    let with = |jobs: Value| {
        let mut record = base.clone();
        record["jobs"] = jobs;
        night.dir.write("gate.json", record.to_string());
        night.tool("collect-results").run()
    };
    let job = |attempts: Value| json!({"name": "a", "class": "blocking", "override_env": ["X"], "attempts": attempts});
    let intent = json!({"key": "k", "written_at": "2026-08-20T03:11:04Z", "holder": "h"});
    let launched = |id: Value| json!({"number": 1, "intent": intent, "execution": id});
    for (jobs, words) in [
        (json!([]), "nothing was launched"),
        (json!([job(json!([]))]), "nothing was launched"),
        (json!([job(json!([{"number": 1, "intent": intent}]))]), "nothing was launched"),
        (
            json!([job(json!([launched(json!("x"))])), {"name": "b", "class": "blocking", "override_env": ["X"], "attempts": [{"number": 1, "intent": intent}]}]),
            "the launch of b in ",
        ),
    ] {
        let output = with(jobs);
        assert_eq!(output.code, 2, "{}", output.stderr);
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
    assert_eq!(night.world.requests().len(), 0);
}

/// Collects in the background, sends a signal when Deck has been asked so often, and tells how it
/// ended.
fn interrupted(night: &Night, asked: usize, signal: &str) -> Option<i32> {
    let mut child = night
        .collect()
        .command()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while night.world.requests_to(Server::Deck).len() < asked {
        std::thread::yield_now();
    }
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    child.wait().unwrap().code()
}

#[test]
fn terminated_or_killed_it_goes_on_where_it_was() {
    let night = Night::new();
    night
        .world
        .prow()
        .job_attempts("periodic-a", vec![JobScript::no_lease(), JobScript::passes()]);
    night.world.prow().job("periodic-b", JobScript::passes());
    night.launch(&["periodic-a", "periodic-b"], &[]);
    assert_eq!(interrupted(&night, 10, "-TERM"), Some(143));
    for asked in [20, 60, 75, 90] {
        assert_eq!(interrupted(&night, asked, "-KILL"), None);
    }
    let output = night.collect().run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(night.world.prow().launches().len(), 3);
}
