//! Proxies of the environment and of a kubeconfig, as a laptop behind one has them.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use standins::World;

use crate::support::{Dir, Tool};

const IMAGE: &str =
    "quay.invalid/acme/ho@sha256:4444444444444444444444444444444444444444444444444444444444444444";

fn kubeconfig(server: &str, more: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Config, clusters: [{{name: a, cluster: {{server: \"{server}\"{more}}}}}], \
         contexts: [{{name: a, context: {{cluster: a, user: a, namespace: tenant}}}}], \
         users: [{{name: a, user: {{}}}}], current-context: a}}"
    )
}

/// What a step first asks a proxy for; nothing, if it ends without having asked.
fn asked(tool: impl FnOnce(&str) -> Tool) -> Option<String> {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let mut child = tool(&format!("http://{address}")).command();
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let (sender, first) = mpsc::channel();
    let ended = sender.clone();
    std::thread::spawn(move || {
        let mut line = String::new();
        if let Ok((stream, _)) = proxy.accept() {
            let _ = BufReader::new(stream).read_line(&mut line);
            let _ = sender.send(Ok(line.trim_end().to_owned()));
        }
    });
    std::thread::spawn(move || {
        let mut said = String::new();
        let _ = stderr.read_to_string(&mut said);
        let _ = ended.send(Err(said));
    });
    let first = first.recv_timeout(Duration::from_secs(60));
    let _ = child.kill();
    let _ = child.wait();
    // Whoever still waits for the step.
    let _ = TcpStream::connect(address);
    match first.expect("it neither asks nor ends") {
        Ok(line) => Some(line),
        Err(said) => {
            assert!(said.contains("trying again"), "it did not get as far as to ask: {said}");
            None
        }
    }
}

fn trigger(kubeconfig: &Path) -> Tool {
    let tool = Tool::new("trigger-gate").args([
        "--snapshot",
        "s",
        "--scenario",
        "a",
        "--dry-run",
        "--time-scale",
        "1000",
    ]);
    tool.arg("--kubeconfig").arg(kubeconfig)
}

/// The cluster's host decides, not the proxy's, and whatever else is in the list.
#[test]
fn what_no_proxy_excepts_is_asked_directly() {
    let dir = Dir::new();
    let there = dir.write("there", kubeconfig("https://api.invalid:6443", ""));
    let here = dir.write("here", kubeconfig("https://127.0.0.1:9", ""));
    let ask = |path: &Path, name: &str, list: &str| {
        asked(|address| trigger(path).env(name, address).env("NO_PROXY", list)).is_some()
    };
    for list in [
        "",
        " ",
        "localhost,,foo",
        "localhost, .svc ,",
        "127.0.0.1",
        "10.0.0.0/8",
        "?,:x",
        "api.invalid:443",
    ] {
        assert!(ask(&there, "HTTPS_PROXY", list), "{list:?}");
    }
    for list in ["10.0.0.0/8,*", "*", "api.invalid", ".invalid,", ",api.invalid:6443"] {
        assert!(!ask(&there, "https_proxy", list), "{list:?}");
    }
    assert!(!ask(&here, "HTTPS_PROXY", "localhost,,foo"));
    // The kubeconfig's own is no matter of the environment's.
    let own = |address: &str| {
        let own = dir.write(
            "own",
            kubeconfig("https://api.invalid:6443", &format!(", proxy-url: \"{address}\"")),
        );
        trigger(&own)
            .env("NO_PROXY", "*, ,127.0.0.1")
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
    };
    assert_eq!(asked(own).unwrap(), "CONNECT api.invalid:6443 HTTP/1.1");
    // Without a flag, by the environment's kubeconfig.
    let inferred = |address: &str| {
        let tool =
            Tool::new("trigger-gate").args(["--snapshot", "s", "--scenario", "a", "--dry-run"]);
        tool.env("KUBECONFIG", &there)
            .env("HTTPS_PROXY", address)
            .env("NO_PROXY", "localhost, .svc ,")
    };
    assert!(asked(inferred).is_some());
}

#[test]
fn what_is_elsewhere_is_asked_through_the_proxy() {
    let dir = Dir::new();
    let path = |name: &str| dir.path(name).display().to_string();
    dir.write("token", "t");
    let plain = dir.write("plain", kubeconfig("https://api.invalid:6443", ""));
    let snapshot = format!(r#"{{"components":[{{"name":"ho","containerImage":"{IMAGE}"}}]}}"#);
    let resolve = Tool::new("resolve-image").args(["--snapshot", &snapshot, "--component", "ho"]);
    let launch = Tool::new("launch-prow").args([
        "--image",
        IMAGE,
        "--blocking",
        r#"["a"]"#,
        "--override-env",
        "I",
    ]);
    let launch = launch.args([
        "--gangway-url",
        "https://gangway.invalid",
        "--gangway-token-file",
        &path("token"),
    ]);
    // The look before the launch finds nobody there, which says nothing.
    let launch = launch.args(["--deck-url", "http://127.0.0.1:9"]);
    let launch = launch.args(["--record", &format!("file:{}", path("gate.json"))]);
    for (tool, host) in [
        (trigger(&plain), "api.invalid:6443"),
        (resolve, "quay.invalid:443"),
        (launch, "gangway.invalid:443"),
    ] {
        let line = asked(|address| tool.env("HTTPS_PROXY", address)).unwrap_or_default();
        assert!(line.starts_with(&format!("CONNECT {host} ")), "{host}: {line}");
    }
}

#[test]
fn a_registry_without_tls_is_asked_through_the_proxy_as_well() {
    let snapshot = format!(r#"{{"components":[{{"name":"ho","containerImage":"{IMAGE}"}}]}}"#);
    let resolve = || {
        let tool = Tool::new("resolve-image").args(["--snapshot", &snapshot, "--component", "ho"]);
        tool.args(["--plain-http", "quay.invalid", "--time-scale", "1000"])
    };
    let line = asked(|address| resolve().env("HTTP_PROXY", address)).unwrap_or_default();
    assert!(line.starts_with("CONNECT quay.invalid:80 "), "{line}");
    assert_eq!(
        asked(|address| resolve().env("HTTP_PROXY", address).env("NO_PROXY", "quay.invalid")),
        None
    );
}

#[test]
fn what_is_on_this_machine_is_not() {
    let world = World::builder().time_scale(2000).build();
    world.prow().token("t");
    world.prow().job("periodic-a", standins::JobScript::passes());
    let servers = world.serve().unwrap();
    let dir = Dir::new();
    servers.write_kubeconfig(&dir.path("kubeconfig"), "tenant").unwrap();
    let token = dir.write("token", "t").display().to_string();
    let (gangway, deck, artifacts) =
        (servers.gangway_url(), servers.deck_url(), servers.artifacts_url());
    let tool = Tool::new("launch-prow").args([
        "--image",
        IMAGE,
        "--override-env",
        "I",
        "--time-scale",
        "2000",
    ]);
    let tool = tool.args([
        "--blocking",
        r#"["periodic-a"]"#,
        "--gangway-url",
        &gangway,
        "--deck-url",
        &deck,
    ]);
    let tool = tool.args(["--artifacts-url", &artifacts, "--gangway-token-file", &token]);
    let tool = tool
        .args(["--record", "configmap:gate", "--kubeconfig"])
        .arg(dir.path("kubeconfig"));
    // Nobody listens there.
    let output = tool
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .run();
    assert_eq!(output.code, 0, "{}", output.stderr);
}
