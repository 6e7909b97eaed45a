//! Secrets are in no log, no result, no record, no message, no object and no command line: whole
//! nights with tokens that are easy to find, and every byte that they leave searched for them.
//!
//! Every scenario's night is searched in `rehearsal.rs`, with the default secrets of the stage.
//! Here all kinds of secrets are chosen, all steps run, and the servers quote the requests that
//! they get.

pub mod search;

use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rehearsal::document::{Document, ParamValue};
use rehearsal::rehearse::{TIME_SCALE, keep};
use rehearsal::run::Run;
use rehearsal::stage::{SIGNING_KEY, SIGNING_PASSWORD, Secrets, Stage, TEST_SCENARIO, VERDICTS};
use rehearsal::{outcome, programs, scenario};
use standins::{Asked, Fault, SESSION_TOKEN, ScenarioScript, Server, Trouble};
use xtask::repository;

use crate::support::{Dir, Tool, binary};
use search::{Secret, below, hits};

/// Files of a night in which a secret belongs: where Kubernetes or Tekton would put it, and the
/// stand-ins' own log of the paths that they were asked for, a webhook's among them.
pub const THEIRS: [&str; 9] = [
    "kubeconfig",
    "volumes/gangway/token",
    "volumes/slack/url",
    "volumes/sign/cosign.key",
    "volumes/sign/cosign.password",
    "volumes/push/config.json",
    "home/.docker/config.json",
    "hand/webhook",
    "requests.txt",
];

const GANGWAY: &str = "sha256~Zfind-me-GANGWAY/Q7w+8xZ=9pL~kT2vB6nM4jH0dSfG";
const WEBHOOK: &str = "/services/T0WHEREAMI/B0LOOKFORIT/find-me-SLACK-Zk83jQ0vXy7wLm2N";
const CLUSTER: &str =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJmaW5kLW1lLUNMVVNURVIifQ.c2lnbmVkLWJ5LW5vYm9keQ";
const PASSWORD: &str = "find-me-REGISTRY-8sK2/pQ+wE7rT5yU3";

fn chosen() -> [Secret; 7] {
    let [password, key] = of_signing();
    [
        Secret::new("Gangway's token", GANGWAY),
        Secret::new("Slack's webhook", WEBHOOK),
        Secret::new("the account's token", CLUSTER),
        Secret::new("the pull secret's password", PASSWORD),
        Secret::new("the registry's session token", SESSION_TOKEN),
        password,
        key,
    ]
}

/// The key that signs verdicts: its password, and a line of it, which is sealed.
fn of_signing() -> [Secret; 2] {
    let line = SIGNING_KEY.lines().nth(2).unwrap();
    [Secret::new("the key's password", SIGNING_PASSWORD), Secret::new("the key", line)]
}

/// The secrets of a stage that nobody has chosen.
pub fn of_any_stage() -> [Secret; 5] {
    let [password, key] = of_signing();
    let Secrets { gangway, webhook, cluster, .. } = Secrets::default();
    [
        Secret::new("Gangway's token", gangway),
        Secret::new("Slack's webhook", webhook),
        Secret::new("the account's token", cluster),
        password,
        key,
    ]
}

/// A night that is over, with everything that it left.
struct Night {
    dir: Dir,
    stage: Stage,
    code: u8,
}

/// Plays the shipped pipeline with all kinds of secrets and the loudest logs, then the steps that
/// no pipeline runs; `arrange` changes the stage before.
fn night(name: &str, arrange: impl FnOnce(&Stage)) -> Night {
    let dir = Dir::new();
    let secrets = Secrets {
        gangway: GANGWAY.to_owned(),
        webhook: WEBHOOK.to_owned(),
        cluster: CLUSTER.to_owned(),
        registry: Some(STANDARD.encode(format!("robot:{PASSWORD}"))),
    };
    let stage = Stage::set_with(&scenario::named(name).unwrap(), 0, TIME_SCALE, secrets).unwrap();
    stage.world.archive().token(CLUSTER, true);
    let lasting =
        ScenarioScript { lasts: Some(Duration::from_secs(5)), ..ScenarioScript::default() };
    stage.world.kube().scenario(&stage.namespace, TEST_SCENARIO, lasting);
    arrange(&stage);

    let path = repository(".tekton/pipelines/ho-release-gate.yaml");
    let document =
        Document::parse(&std::fs::read_to_string(path).unwrap(), "the pipeline").unwrap();
    let programs = binary("resolve-image").parent().unwrap().to_owned();
    let names = programs::names(document.spec()).unwrap();
    let folder = dir.path("");
    let mut laptop = stage.laptop(programs, &folder, &names).unwrap();
    laptop.env.retain(|(name, _)| name != "RUST_LOG");
    laptop.env.push(("RUST_LOG".to_owned(), "trace".to_owned()));
    let mut request = stage.request();
    let archive = ParamValue::String(stage.servers.archive_url());
    request.params.insert("kubearchive-api-base".to_owned(), archive);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let run = Run::new(document.spec(), None, &request, laptop).unwrap();
    let report = runtime.block_on(run.run(|_| ())).unwrap();
    let record = rehearsal::record::Record::read(&stage.record().unwrap_or_default());
    let (code, words) = outcome::of(&report, &record, 100);
    dir.write("words", words.join("\n"));
    let night = Night { dir, stage, code };
    night.by_hand();
    keep(&night.stage, &folder).unwrap();
    night
}

impl Night {
    /// The CronJobs' steps, and one of the pipeline with its logs as JSON.
    fn by_hand(&self) {
        let Stage { servers, installed, namespace, .. } = &self.stage;
        let webhook = self
            .dir
            .write("hand/webhook", servers.url(Server::Slack) + WEBHOOK)
            .display()
            .to_string();
        let archive = servers.archive_url();
        let both = [
            "--release-plan",
            &installed.plan,
            "--scenario",
            TEST_SCENARIO,
            "--slack-webhook-file",
            &webhook,
        ];
        self.step(
            "check-staleness",
            &[&both[..], &["--kubearchive-url", &archive, "--threshold-days", "1"]].concat(),
        );
        let which = [
            "--application",
            "hypershift-operator",
            "--component",
            "hypershift-operator-main",
            "--force",
        ];
        self.step("trigger-gate", &[&both[..], &which, &["--namespace", namespace]].concat());
        let gangway = servers.gangway_url();
        let again = [
            "--gangway-url",
            &gangway,
            "--gangway-token-file",
            "volumes/gone",
            "--record",
            "file:hand/none.json",
        ];
        self.step("collect-results", &again);
    }

    fn step(&self, name: &str, arguments: &[&str]) {
        let mut command = std::process::Command::new(binary(name));
        command
            .env_clear()
            .env("KUBECONFIG", self.dir.path("kubeconfig"))
            .env("RUST_LOG", "trace");
        command
            .args(arguments)
            .args(["--log-format", "json", "--time-scale", "1500"])
            .current_dir(self.dir.path(""));
        let output = command.stdin(Stdio::null()).output().unwrap();
        self.dir.write(&format!("hand/{name}.out"), output.stdout);
        self.dir.write(&format!("hand/{name}.err"), output.stderr);
        self.dir.write(&format!("hand/{name}.command"), arguments.join("\n"));
    }

    /// Every byte that the night left, and what was said to a server that is not meant to know.
    fn shows_no_secret(&self) {
        assert_eq!(below(&chosen(), &self.dir.path(""), &THEIRS), []);
        for asked in self.stage.world.requests() {
            let secrets = chosen();
            let own = |secret: &&Secret| match asked.server {
                Server::Gangway => secret.value() == GANGWAY,
                Server::Slack => secret.value() == WEBHOOK,
                Server::Kube | Server::Archive => secret.value() == CLUSTER,
                Server::Registry => [PASSWORD, SESSION_TOKEN].contains(&secret.value()),
                Server::Deck | Server::Bucket => false,
            };
            let foreign: Vec<Secret> =
                secrets.iter().filter(|secret| !own(secret)).cloned().collect();
            let said = format!("{} {}", asked.path, asked.authorization);
            assert_eq!(hits(&foreign, Path::new(asked.server.name()), said.as_bytes()), []);
        }
    }

    fn asked(&self, server: Server) -> Vec<Asked> {
        self.stage.world.requests_to(server)
    }

    /// Requests to a server that it answered by quoting them.
    fn quoted(&self, server: Server) -> usize {
        let quoted =
            |asked: &&Asked| asked.fault.as_ref().is_some_and(|fault| fault.ends_with("quoted"));
        self.asked(server).iter().filter(quoted).count()
    }

    /// The logs of a step in all its tries.
    fn logs(&self, step: &str) -> String {
        let (end, mut logs) = (format!("{step}.err"), String::new());
        let mut folders = vec![self.dir.path("")];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.ends_with(&end) {
                    logs.push_str(&std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        logs
    }
}

#[test]
fn a_night_shows_no_secret_though_every_server_got_its_own() {
    let night = night("attested", |_| ());
    assert_eq!(night.code, 0, "{}", night.dir.read("words"));
    night.shows_no_secret();
    assert!(!night.stage.world.registry().tags(VERDICTS).is_empty(), "the key was used");

    // Without these the search would prove nothing.
    let sent = |server, wanted: &str| {
        assert!(
            night.asked(server).iter().any(|asked| asked.authorization == wanted),
            "{}",
            server.name()
        );
    };
    sent(Server::Gangway, &format!("Bearer {GANGWAY}"));
    sent(Server::Kube, &format!("Bearer {CLUSTER}"));
    sent(Server::Archive, &format!("Bearer {CLUSTER}"));
    sent(Server::Registry, &format!("Basic {}", STANDARD.encode(format!("robot:{PASSWORD}"))));
    sent(Server::Registry, &format!("Bearer {SESSION_TOKEN}"));
    assert!(
        night
            .asked(Server::Slack)
            .iter()
            .any(|asked| asked.path == WEBHOOK && asked.status == Some(200))
    );
    for server in [Server::Deck, Server::Bucket] {
        assert!(
            night.asked(server).iter().all(|asked| asked.authorization.is_empty()),
            "{}",
            server.name()
        );
    }
    // The logs were as loud as they get, and the libraries still did not show their requests.
    let logs = night.logs("create-release") + &night.logs("launch-prow");
    assert!(logs.contains(" INFO "), "{logs}");
    assert!(
        !logs.contains("TRACE") && !logs.contains("requesting") && !logs.contains("authorization"),
        "{logs}"
    );
    // The same search, in the files where the secrets belong and with one planted.
    let found = below(&chosen(), &night.dir.path(""), &[]);
    for secret in &chosen()[..4] {
        assert!(
            found.iter().any(|hit| hit.what.starts_with(secret.what())),
            "{secret:?}: {found:?}"
        );
    }
    let planted = night
        .dir
        .write("launch-prow/try-1/launch-prow.err", format!("…{}…", &GANGWAY[20..]));
    assert!(
        below(&chosen(), &night.dir.path(""), &THEIRS)
            .iter()
            .any(|hit| hit.place == planted)
    );
}

/// Each quotes at a place where one of the steps' limits for quotations cuts the secret.
#[test]
fn servers_that_quote_the_request_make_no_step_repeat_it() {
    let echo = |server, status, before| Fault::on(server, Trouble::Echo(status, before));
    /// Which server's quotation must be in which step's log.
    type Quoted = &'static [(Server, &'static str)];
    type Arrange = Box<dyn Fn(&Stage)>;
    let nights: [(&str, Arrange, Quoted); 6] = [
        (
            "the token is not accepted, nor the webhook",
            Box::new(move |stage| {
                stage.world.fault(echo(Server::Gangway, 401, 0).method("POST"));
                stage.world.fault(echo(Server::Slack, 404, 0));
                stage.world.fault(echo(Server::Archive, 401, 0));
            }),
            &[
                (Server::Gangway, "launch-prow"),
                (Server::Slack, "notify-slack"),
                (Server::Archive, "check-staleness"),
            ],
        ),
        (
            "Gangway, Slack and KubeArchive fail",
            Box::new(move |stage| {
                stage.world.fault(echo(Server::Gangway, 500, 324));
                stage.world.fault(echo(Server::Slack, 500, 117));
                stage.world.fault(echo(Server::Archive, 500, 252));
            }),
            &[
                (Server::Gangway, "launch-prow"),
                (Server::Slack, "notify-slack"),
                (Server::Archive, "check-staleness"),
            ],
        ),
        (
            "the registry refuses",
            Box::new(move |stage| {
                stage
                    .world
                    .fault(echo(Server::Registry, 403, 0).path("/v2/*/manifests/*"))
            }),
            &[(Server::Registry, "resolve-image")],
        ),
        (
            "the registry's token service fails",
            Box::new(move |stage| {
                stage.world.fault(echo(Server::Registry, 401, 162).path("/token"))
            }),
            &[(Server::Registry, "resolve-image")],
        ),
        (
            "Deck is away, and Gangway and the Releases quote",
            Box::new(move |stage| {
                stage.world.fault(Fault::on(Server::Deck, Trouble::StatusBefore(503)));
                stage.world.fault(
                    echo(Server::Gangway, 500, 162)
                        .method("GET")
                        .nth(standins::Nth::First(3)),
                );
                stage
                    .world
                    .fault(echo(Server::Kube, 403, 0).method("POST").path("*/releases"));
            }),
            &[(Server::Gangway, "collect-results"), (Server::Kube, "create-release")],
        ),
        (
            "the API server fails",
            Box::new(move |stage| stage.world.fault(echo(Server::Kube, 500, 252))),
            &[(Server::Kube, "resolve-image")],
        ),
    ];
    for (what, arrange, quoted) in nights {
        let night = night("pass", arrange);
        night.shows_no_secret();
        for (server, step) in quoted {
            assert!(night.quoted(*server) > 0, "{what}: {} was not asked", server.name());
            let logs = night.logs(step);
            assert!(logs.contains("[redacted]"), "{what}: {step} has quoted nothing:\n{logs}");
        }
    }
}

/// A login command's token is in no kubeconfig, and is quoted without the word before it.
#[test]
fn a_login_command_s_token_is_not_repeated() {
    let token = format!("k8s-aws-v1.{}", &CLUSTER[..60]);
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let (quoted, sent) = (token.clone(), format!("authorization: Bearer {token}\r\n"));
    // Ends with the test.
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let (mut stream, mut head) = (stream.unwrap(), Vec::new());
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n")
                && stream.read(&mut byte).is_ok_and(|length| length == 1)
            {
                head.push(byte[0]);
            }
            let known = String::from_utf8_lossy(&head).contains(&sent);
            let body = format!(
                r#"{{"kind":"Status","status":"Failure","reason":"Forbidden","code":403,"message":"known {known}: {quoted}"}}"#
            );
            let length = body.len();
            let head =
                "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let _ = stream
                .write_all(format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes());
        }
    });
    let dir = Dir::new();
    let credential = format!(
        r#"{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"{token}"TIMES}}}}"#
    );
    for (kind, times) in
        [("lasting", ""), ("renewed", r#","expirationTimestamp":"2020-01-01T00:00:00Z""#)]
    {
        let answer = dir
            .write(kind, credential.replace("TIMES", times))
            .display()
            .to_string();
        let kubeconfig = dir.write(
            "kubeconfig",
            format!(
                "{{apiVersion: v1, kind: Config, current-context: a, clusters: [{{name: a, cluster: {{server: \
                 'http://{address}'}}}}], contexts: [{{name: a, context: {{cluster: a, user: a, namespace: n}}}}], \
                 users: [{{name: a, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: /bin/cat, \
                 args: ['{answer}'], interactiveMode: Never}}}}}}]}}"
            ),
        );
        let tool = Tool::new("trigger-gate").args([
            "--snapshot",
            "s",
            "--scenario",
            "a",
            "--dry-run",
            "--kubeconfig",
        ]);
        let output = tool.arg(kubeconfig).env("RUST_LOG", "trace").run();
        assert_ne!(output.code, 0);
        assert!(output.stderr.contains("known true: [redacted]"), "{kind}: {}", output.stderr);
        let secrets = [Secret::new("the login command's token", token.as_str())];
        assert_eq!(
            hits(&secrets, Path::new(kind), (output.stdout + &output.stderr).as_bytes()),
            []
        );
    }
}

/// Where no night looks: the CronJobs' environment, and the image's.
#[test]
fn no_manifest_and_no_image_puts_a_secret_into_an_environment() {
    let mut folders = vec![repository(".tekton"), repository("tekton")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(
                    !text.contains("secretKeyRef") && !text.contains("secretRef:"),
                    "{}",
                    path.display()
                );
                files += 1;
            }
        }
    }
    assert!(files > 20, "{files}");
    let image = std::fs::read_to_string(repository("Containerfile")).unwrap();
    for line in image
        .lines()
        .filter(|line| line.starts_with("ENV ") || line.starts_with("ARG "))
    {
        let lower = line.to_lowercase();
        assert!(
            !["token", "secret", "password", "webhook"]
                .iter()
                .any(|word| lower.contains(word)),
            "{line}"
        );
    }
}
