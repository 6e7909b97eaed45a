//! The memory of the steps that list a namespace's Releases and records, however many there are.
//!
//! `cargo bench --bench lists` runs create-release and check-staleness against a made-up API server
//! and archive: Releases of 90 KB each, one in ten of the step's own plan, and records of 900 KiB
//! each; it prints what each step took at most (`VmHWM`, so that it works on Linux alone). Beside
//! them stands what `jq` takes to find the plan's newest Release in the same list, where curl and
//! jq are there. Numbers as arguments are other counts of Releases.

#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use standins::{Installed, Night, ScenarioScript, Server, World};

/// How large a Release is.
const RELEASE: usize = 90_000;

/// How large a record is.
const RECORD: usize = 900 << 10;
/// So many records a gate keeps.
const RECORDS: usize = 60;
/// Counts of Releases with as many records as a gate keeps, and counts of records of many gates.
const GROWTH: [(usize, usize); 7] = [
    (10, RECORDS),
    (100, RECORDS),
    (1000, RECORDS),
    (5000, RECORDS),
    (50, 10),
    (50, 100),
    (50, 1000),
];

fn main() {
    let counts: Vec<(usize, usize)> = std::env::args()
        .skip(1)
        .filter_map(|argument| Some((argument.parse().ok()?, RECORDS)))
        .collect();
    let counts = if counts.is_empty() { GROWTH.to_vec() } else { counts };
    let world = World::default();
    let night = Night::aro_hcp();
    let namespace = night.namespace.clone();
    let servers = world.serve().expect("a stand-in server starts");
    let installed = night.install(&world, &servers.registry_host());
    world
        .kube()
        .scenario(&namespace, "gate-aro", ScenarioScript::default());
    let dir = tempfile::tempdir().expect("there is a folder for temporary files");
    let path = |name: &str| dir.path().join(name).display().to_string();
    servers
        .write_kubeconfig(&dir.path().join("behind"), &namespace)
        .expect("it can be written");
    std::fs::write(path("webhook"), servers.slack_url()).expect("it can be written");
    std::fs::write(path("record.json"), begun(&installed).to_string()).expect("it can be written");

    println!("Releases  records");
    for (count, records) in counts {
        let plan = installed.plan.clone();
        let made = Made { count, records, plan, behind: servers.address(Server::Kube) };
        let front = made.serve();
        let behind = std::fs::read_to_string(path("behind")).expect("it was written");
        let kubeconfig = behind.replace(&servers.kube_url(), &format!("http://{front}"));
        std::fs::write(path("kubeconfig"), kubeconfig).expect("it can be written");
        let archive = format!("http://{front}/archive");
        let promote =
            ["--check", "--record", &format!("file:{}", path("record.json"))].map(str::to_owned);
        let look = [
            "--scenario",
            "gate-aro",
            "--gate-label",
            "ARO HCP",
            "--slack-webhook-file",
            &path("webhook"),
        ]
        .map(str::to_owned);
        for (step, program, arguments) in [
            ("create-release", env!("CARGO_BIN_EXE_create-release"), promote.to_vec()),
            ("check-staleness", env!("CARGO_BIN_EXE_check-staleness"), look.to_vec()),
            (
                "the same, with an archive",
                env!("CARGO_BIN_EXE_check-staleness"),
                [look.to_vec(), vec!["--kubearchive-url".to_owned(), archive]].concat(),
            ),
        ] {
            let mut command = Command::new(program);
            command
                .args(["--kubeconfig", &path("kubeconfig"), "--release-plan", &installed.plan])
                .args(arguments);
            let (peak, took, code) = measured(command);
            println!(
                "{count:>8} {records:>8}  {step:<26} {peak:>8} KB at most, {:>5.1} s, exit {code}",
                took.as_secs_f64()
            );
        }
        let url = format!("http://{front}/apis/x/namespaces/tenant/releases");
        if let Some((peak, took)) = with_jq(&url, &installed.plan, &path("releases.json")) {
            println!(
                "{count:>8} {:>8}  {:<26} {peak:>8} KB at most, {:>5.1} s",
                "",
                "jq",
                took.as_secs_f64()
            );
        }
    }
}

/// A record that resolve-image and launch-prow have begun.
fn begun(night: &Installed) -> serde_json::Value {
    let digest = night.reference.split_once('@').map(|(_, digest)| digest);
    json!({
        "schema_version": 1, "kind": "gate", "id": "uid",
        "created_at": "2026-08-20T03:00:00Z", "updated_at": "2026-08-20T03:00:00Z",
        "candidate": {"image": night.reference, "digest": digest, "snapshot": night.snapshot,
            "component": "hypershift-operator-main"},
    })
}

/// The plan's newest Release by other means: what jq takes, once curl has fetched the list.
fn with_jq(url: &str, plan: &str, file: &str) -> Option<(u64, Duration)> {
    let fetched = Command::new("curl").args(["-sf", "-o", file, url]).status().ok()?;
    let newest = "[.items[] | select(.spec.releasePlan == $plan)] | sort_by(.metadata.creationTimestamp) | last | .metadata.name";
    let mut command = Command::new("jq");
    command.args(["--arg", "plan", plan, newest, file]);
    let is_there = Command::new("jq").arg("--version").output().is_ok();
    let (peak, took, _) = (fetched.success() && is_there).then(|| measured(command))?;
    Some((peak, took))
}

/// The most memory that a program took, in KB; how long it ran; how it ended.
fn measured(mut command: Command) -> (u64, Duration, i32) {
    let begun = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it was built");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0));
        if let Some(ended) = child.try_wait().expect("it is a child") {
            return (peak, begun.elapsed(), ended.code().unwrap_or(-1));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// An API server and an archive of many large objects, made while they are sent; what is no list of
/// them comes from the server behind.
struct Made {
    count: usize,
    records: usize,
    plan: String,
    behind: SocketAddr,
}

impl Made {
    fn serve(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let address = listener.local_addr().expect("it listens");
        let this = std::sync::Arc::new(self);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let this = this.clone();
                // A client that goes away is no matter.
                thread::spawn(move || this.answer(stream).ok());
            }
        });
        address
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut lines = Vec::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim_end().to_owned();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let request = lines.first().cloned().unwrap_or_default();
        let target = request.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let number = |key: &str| {
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == key)?
                .1
                .parse::<usize>()
                .ok()
        };
        let (from, limit) =
            (number("continue").unwrap_or(0), number("limit").unwrap_or(usize::MAX));
        let is_list = request.starts_with("GET ") && !query.contains("watch=");
        let records = query.contains("release-gate%2Fkind") || query.contains("release-gate/kind");
        if is_list && path.ends_with("/releases") {
            self.list(&mut stream, path.starts_with("/archive"), from, limit, self.count, &|n| {
                self.release(n)
            })
        } else if is_list && path.ends_with("/configmaps") && records {
            // Metadata, as is asked for.
            self.list(&mut stream, false, from, limit, self.records, &|n| config_map(n).to_string())
        } else if let Some(n) = path.split("/configmaps/gate-").nth(1).and_then(|n| n.parse().ok())
        {
            let body = record(n);
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{body}"
            )?;
            stream.shutdown(Shutdown::Both)
        } else {
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            lines.retain(|line| !line.to_lowercase().starts_with("connection:"));
            let mut behind = TcpStream::connect(self.behind)?;
            write!(behind, "{}\r\nconnection: close\r\n\r\n", lines.join("\r\n"))?;
            behind.write_all(&body)?;
            std::io::copy(&mut behind, &mut stream)?;
            stream.shutdown(Shutdown::Both)
        }
    }

    fn list(
        &self,
        stream: &mut TcpStream,
        archive: bool,
        from: usize,
        limit: usize,
        count: usize,
        object: &dyn Fn(usize) -> String,
    ) -> std::io::Result<()> {
        let to = from.saturating_add(limit).min(count);
        let next = if to < count { to.to_string() } else { String::new() };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
        )?;
        let metadata = format!(r#""metadata":{{"continue":"{next}","resourceVersion":"1"}}"#);
        let kind = r#""kind":"List","apiVersion":"v1""#;
        // An archive tells the end of a page last.
        let first = if archive { String::new() } else { format!("{metadata},") };
        write!(stream, "{{{kind},{first}\"items\":[")?;
        for n in from..to {
            let comma = if n == from { "" } else { "," };
            stream.write_all((comma.to_owned() + &object(n)).as_bytes())?;
        }
        write!(stream, "]{}}}", if archive { format!(",{metadata}") } else { String::new() })?;
        stream.shutdown(Shutdown::Both)
    }

    fn release(&self, n: usize) -> String {
        let plan =
            if n.is_multiple_of(10) { self.plan.clone() } else { format!("plan-{}", n % 10) };
        let digest = format!("sha256:{n:064x}");
        let image = |at: usize| {
            json!({"name": format!("c{at}"), "shasum": digest, "arches": ["amd64", "arm64"],
            "urls": [format!("quay.io/acme/c{at}:latest"), format!("quay.io/acme/c{at}:{n}")]})
        };
        let images: Vec<_> = (0..20).map(image).collect();
        let phases =
            ["Validated", "TenantPipelineProcessed", "ManagedPipelineProcessed", "Released"];
        let condition = |kind: &str| {
            json!({"type": kind, "status": "True", "reason": "Succeeded", "message": "",
            "lastTransitionTime": "2026-08-20T09:00:00Z"})
        };
        let third = "x".repeat((RELEASE - 6_000) / 3);
        json!({
            "apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Release",
            "metadata": {
                "name": format!("release-{n}"), "namespace": "tenant", "uid": format!("uid-{n}"), "resourceVersion": "1",
                "creationTimestamp": "2026-08-20T09:00:00Z",
                "annotations": {"build.appstudio.openshift.io/pipeline": third},
                "managedFields": [{"manager": "m", "operation": "Update", "fieldsV1": {"f:x": {"y": third}}}],
            },
            "spec": {"snapshot": format!("ho-{n}"), "releasePlan": plan},
            "status": {
                "completionTime": "2026-08-20T09:06:00Z",
                "conditions": phases.map(condition),
                "artifacts": {"images": images, "log": third},
            },
        })
        .to_string()
    }
}

/// A record's ConfigMap without the record.
fn config_map(n: usize) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": format!("gate-{n}"), "namespace": "tenant", "creationTimestamp": "2026-08-20T03:00:00Z",
            "labels": {"release-gate/kind": "gate", "release-gate/gate": "ARO-HCP"},
        },
    })
}

fn record(n: usize) -> String {
    let record = json!({
        "schema_version": 1, "kind": "gate", "id": format!("uid-{n}"),
        "created_at": "2026-08-20T03:00:00Z", "updated_at": "2026-08-20T09:00:00Z",
        "jobs": [], "padding": "x".repeat(RECORD - 300),
    });
    let mut object = config_map(n);
    object["data"] = json!({"record.json": record.to_string()});
    object.to_string()
}
