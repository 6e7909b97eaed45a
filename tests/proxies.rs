//! Proxies of the environment and of a kubeconfig, as a laptop behind one has them.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use standins::World;

use crate::support::{Dir, Tool};

const IMAGE: &str = "quay.invalid/acme/ho@sha256:4444444444444444444444444444444444444444444444444444444444444444";

fn kubeconfig(server: &str, more: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Config, clusters: [{{name: a, cluster: {{server: \"{server}\"{more}}}}}], \
         contexts: [{{name: a, context: {{cluster: a, user: a, namespace: tenant}}}}], \
         users: [{{name: a, user: {{}}}}], current-context: a}}"
    )
}

/// What a step first asks a proxy for.
fn asked(proxy: &TcpListener, tool: Tool) -> String {
    let mut child = tool.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(proxy.accept().unwrap().0).read_line(&mut line).unwrap();
    let _ = child.kill();
    let _ = child.wait();
    line.trim_end().to_owned()
}

#[test]
fn what_is_elsewhere_is_asked_through_the_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let dir = Dir::new();
    let path = |name: &str| dir.path(name).display().to_string();
    dir.write("token", "t");
    dir.write("plain", kubeconfig("https://api.invalid:6443", ""));
    dir.write("own", kubeconfig("https://api.invalid:6443", &format!(", proxy-url: \"{address}\"")));
    let snapshot = format!(r#"{{"components":[{{"name":"ho","containerImage":"{IMAGE}"}}]}}"#);
    let trigger = |config: &str| {
        let tool = Tool::new("trigger-gate").args(["--snapshot", "s", "--scenario", "a", "--dry-run", "--kubeconfig"]);
        tool.arg(path(config))
    };
    let resolve = Tool::new("resolve-image").args(["--snapshot", &snapshot, "--component", "ho"]);
    let launch = Tool::new("launch-prow").args(["--image", IMAGE, "--blocking", r#"["a"]"#, "--override-env", "I"]);
    let launch = launch.args(["--gangway-url", "https://gangway.invalid", "--gangway-token-file", &path("token")]);
    let launch = launch.args(["--record", &format!("file:{}", path("gate.json"))]);
    for (tool, host) in
        [(trigger("plain"), "api.invalid:6443"), (resolve, "quay.invalid:443"), (launch, "gangway.invalid:443")]
    {
        assert!(asked(&proxy, tool.env("HTTPS_PROXY", &address)).starts_with(&format!("CONNECT {host} ")), "{host}");
    }
    assert!(asked(&proxy, trigger("own")).starts_with("CONNECT api.invalid:6443 "));
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
    let (gangway, deck, artifacts) = (servers.gangway_url(), servers.deck_url(), servers.artifacts_url());
    let tool = Tool::new("launch-prow").args(["--image", IMAGE, "--override-env", "I", "--time-scale", "2000"]);
    let tool = tool.args(["--blocking", r#"["periodic-a"]"#, "--gangway-url", &gangway, "--deck-url", &deck]);
    let tool = tool.args(["--artifacts-url", &artifacts, "--gangway-token-file", &token]);
    let tool = tool.args(["--record", "configmap:gate", "--kubeconfig"]).arg(dir.path("kubeconfig"));
    // Nobody listens there.
    let output = tool.env("HTTPS_PROXY", "http://127.0.0.1:9").env("HTTP_PROXY", "http://127.0.0.1:9").run();
    assert_eq!(output.code, 0, "{}", output.stderr);
}
