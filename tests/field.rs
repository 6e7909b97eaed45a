//! What people really have and name: kubeconfigs as kubectl takes them, and files that are no such
//! thing, which may be secrets.

use std::io::Write;
use std::process::Stdio;

use serde_json::json;
use standins::{Night, Servers, World};

use crate::support::{Dir, Output, Tool};

const SECRET: &str = "sha256~Zm9vYmFyYmF6cXV4";

/// A cluster with a Snapshot in it.
struct Case {
    world: World,
    servers: Servers,
    snapshot: String,
    namespace: String,
    dir: Dir,
}

impl Case {
    fn new() -> Self {
        let (world, night) = (World::default(), Night::aro_hcp());
        let servers = world.serve().unwrap();
        let snapshot = night.install(&world, &servers.registry_host()).snapshot;
        Self { world, servers, snapshot, namespace: night.namespace, dir: Dir::new() }
    }

    /// A kubeconfig whose user is `user`, in YAML.
    fn kubeconfig(&self, name: &str, user: &str) -> String {
        let text = format!(
            "clusters:\n- name: c\n  cluster: {{server: '{}'}}\ncontexts:\n- name: x\n  context: {{cluster: c, user: u, \
             namespace: {}}}\ncurrent-context: x\nusers:\n- name: u\n  user:\n    {user}\n",
            self.servers.kube_url(),
            self.namespace
        );
        self.dir.write(name, text).display().to_string()
    }

    fn read(&self) -> Tool {
        let tool = Tool::new("resolve-image").args([
            "--component",
            "hypershift-operator-main",
            "--offline",
        ]);
        tool.args(["--snapshot", &self.snapshot, "--time-scale", "1000"])
    }
}

#[track_caller]
fn ends(output: &Output, code: i32, words: &str) {
    assert_eq!(output.code, code, "{output:?}");
    assert!(output.stderr.contains(words), "expected {words:?} in {}", output.stderr);
    assert!(!output.stderr.contains(SECRET), "{}", output.stderr);
}

#[test]
fn kubeconfigs_that_kubectl_takes() {
    let case = Case::new();
    case.world.kube().user(SECRET, "me");
    case.dir.write("token", format!("{SECRET}\n"));
    let block = case.kubeconfig("block", &format!("token: |\n      {SECRET}"));
    let file = case.kubeconfig("file", "tokenFile: token");
    for path in [&block, &file] {
        ends(&case.read().args(["--kubeconfig", path]).run(), 0, "");
    }
    // One that is missing, and one that chooses nothing.
    let none = case
        .dir
        .write("none", "current-context: \"\"\nusers: []\n")
        .display()
        .to_string();
    let list = format!("{}:{none}::{block}", case.dir.path("gone").display());
    ends(&case.read().env("KUBECONFIG", list).run(), 0, "");
}

#[test]
fn what_no_try_can_mend_is_said_at_once() {
    let case = Case::new();
    let cases = [
        (format!("token: \"{SECRET}\\n{SECRET}\""), "its token holds blanks"),
        ("tokenFile: gone".to_owned(), "its tokenFile: "),
        ("client-certificate-data: '%%%'".to_owned(), "its client-certificate-data is no base64"),
        ("client-key: gone.key".to_owned(), "its client-key \"gone.key\" cannot be read"),
    ];
    for (number, (user, words)) in cases.into_iter().enumerate() {
        let path = case.kubeconfig(&number.to_string(), &user);
        for by_flag in [true, false] {
            let tool = if by_flag {
                case.read().args(["--kubeconfig", &path])
            } else {
                case.read().env("KUBECONFIG", &path)
            };
            let output = tool.run();
            ends(&output, 2, words);
            ends(&output, 2, &format!("the user \"u\" in {path}: "));
        }
    }
    assert!(case.world.requests().is_empty());
    let token = case.dir.write("token", format!("{SECRET}\n"));
    ends(
        &case.read().arg("--kubeconfig").arg(&token).run(),
        2,
        "token is no kubeconfig: it cannot be read",
    );
    ends(
        &case.read().env("KUBECONFIG", &token).run(),
        2,
        "token is no kubeconfig: it cannot be read",
    );
}

#[test]
fn a_secret_named_by_mistake_is_not_shown() {
    let dir = Dir::new();
    let contents = [
        SECRET.to_owned(),
        format!("{SECRET}\n"),
        format!("\"{SECRET}\""),
        json!({"auths": {"quay.io": {"auth": SECRET}}}).to_string(),
        json!([{"token": SECRET}]).to_string(),
        format!("apiVersion: v1\nkind: Secret\nstringData:\n  token: {SECRET}\n"),
        format!("- {SECRET}\n- {SECRET}: x\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n"),
    ];
    for content in contents {
        let path = dir.write("secret", &content).display().to_string();
        let resolve =
            || Tool::new("resolve-image").args(["--component", "c", "--offline", "--snapshot"]);
        let launch = || {
            let record = format!("file:{}", dir.path("gate.json").display());
            let tool = Tool::new("launch-prow").args([
                "--override-env",
                "I",
                "--dry-run",
                "--record",
                &record,
                "--image",
            ]);
            tool.args([&format!("quay.io/acme/ho@sha256:{}", "4".repeat(64)), "--jobs"])
        };
        // An object without components might be a Snapshot's.
        let words = |place: &str| match content.starts_with('{') {
            true => "SNAPSHOT: component \"c\" is not in it; it has: no components".to_owned(),
            false => format!("SNAPSHOT: {place} is no Snapshot in JSON: "),
        };
        ends(&resolve().arg(format!("@{path}")).run(), 2, &words(&path));
        ends(&launch().arg(&path).run(), 2, "expected a YAML list of jobs");
        for (tool, words) in [
            (resolve(), words("standard input")),
            (launch(), "expected a YAML list of jobs".to_owned()),
        ] {
            let mut child = tool
                .arg("-")
                .command()
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(content.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains(&words) && !said.contains(SECRET), "{said}");
        }
        for flag in ["--authfile", "--ca-file"] {
            let tool = Tool::new("resolve-image").args(["--component", "c", "--snapshot"]);
            let snapshot = json!({"components": [{"name": "c", "containerImage": format!("localhost:1/a@sha256:{}", "4".repeat(64))}]});
            let output = tool
                .arg(snapshot.to_string())
                .args(["--time-scale", "100000", flag, &path])
                .run();
            assert!(output.code != 0 && !output.stderr.contains(SECRET), "{flag}: {output:?}");
        }
    }
}
