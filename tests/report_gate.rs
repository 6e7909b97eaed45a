//! report-gate as a black box: a namespace, named records, a page, a server, and its exit codes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::Value;

use crate::support::commands::Reader;
use crate::support::season::{NS, Namespace};
use crate::support::{Dir, Output, Tool, binary};

impl Namespace {
    fn tool(&self) -> Tool {
        Tool::new("report-gate")
            .arg("--kubeconfig")
            .arg(self.dir.path("kubeconfig"))
    }

    fn run(&self, more: &[&str]) -> Output {
        self.tool().args(more).run()
    }
}

#[test]
fn a_table_a_row_and_a_folder() {
    let namespace = Namespace::new();
    let all = namespace.run(&[]);
    assert_eq!(all.code, 0, "{all:?}");
    for gate in ["ARO HCP  verified ", "GCP HCP  verified ", "IBM Cloud HCP  no verified image"] {
        assert!(all.stdout.contains(gate), "{}", all.stdout);
    }
    assert!(all.stdout.contains("stale after 3 days"), "{}", all.stdout);
    let older = namespace.run(&["--threshold-days", "30"]);
    assert!(!older.stdout.contains("stale"), "{}", older.stdout);
    let one = namespace.run(&["--job", "e2e-gke"]);
    assert!(one.code == 0 && one.stdout.starts_with("GCP HCP"), "{one:?}");
    assert_eq!(one.stdout.lines().count(), 3 + one.stdout.matches("e2e-gke · ").count());
    let wrong = namespace.run(&["--job", "e2e-gk"]);
    assert!(
        wrong.code == 2 && wrong.stderr.contains("--job: \"e2e-gk\" is in no record"),
        "{wrong:?}"
    );

    let out = namespace.dir.path("a/b");
    let written = namespace.run(&["--out", out.to_str().unwrap()]);
    assert!(written.code == 0 && written.stdout.is_empty(), "{written:?}");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert!(read("index.html").starts_with("<!DOCTYPE html>"));
    assert!(read("metrics.txt").ends_with("# EOF\n"));
    let report: Value = serde_json::from_str(&read("report.json")).unwrap();
    assert_eq!((report["kind"].as_str(), report["namespace"].as_str()), (Some("report"), Some(NS)));
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 3, "nothing temporary is left");
    let log = namespace.world.requests();
    let reviews = |asked: &&standins::Asked| asked.method != "GET";
    assert_eq!(log.iter().filter(reviews).count(), 0, "it only reads");
}

#[test]
fn what_is_missing_is_named_and_the_page_is_written_all_the_same() {
    let namespace = Namespace::new();
    namespace.world.kube().deny("list", "integrationtestscenarios");
    let out = namespace.dir.path("out");
    let written = namespace.run(&["--out", out.to_str().unwrap()]);
    assert_eq!(written.code, 1, "{written:?}");
    assert!(written.stderr.contains("a gate that has no record yet is not known"), "{written:?}");
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    assert!(page.contains("Something is missing on this page.") && page.contains("ARO HCP"));
    let checked = namespace.run(&["--check"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.stdout.contains("list integrationtestscenarios"), "{}", checked.stdout);
    namespace.world.kube().allow_all();
    let archive = namespace.servers.archive_url();
    let checked = namespace.run(&["--check", "--kubearchive-url", &archive]);
    assert_eq!(checked.code, 0, "{checked:?}");
}

#[test]
fn records_that_are_named_need_no_cluster() {
    let namespace = Namespace::new();
    let config_maps = namespace.world.kube().all("configmaps");
    let records = config_maps
        .iter()
        .filter_map(|object| object["data"]["record.json"].as_str());
    let mut args = Vec::new();
    for (number, record) in records.take(3).enumerate() {
        let path = namespace.dir.write(&format!("{number}.json"), record);
        args.extend(["--record".to_owned(), format!("file:{}", path.display())]);
    }
    let named = Tool::new("report-gate")
        .args(&args)
        .env("KUBECONFIG", "/nowhere")
        .run();
    let nights = |line: &str| {
        line.rsplit(" of ")
            .next()?
            .strip_suffix(" nights")?
            .parse::<usize>()
            .ok()
    };
    let nights: usize = named.stdout.lines().filter_map(nights).sum();
    assert_eq!((named.code, nights), (0, 3), "{named:?}");
    let torn = namespace.dir.write("torn.json", "{\"kind\":\"gate\",");
    let torn = format!("file:{}", torn.display());
    let torn = Tool::new("report-gate").args(["--record", &torn]).run();
    assert!(torn.code == 0 && torn.stdout.contains("  nights  ~"), "{torn:?}");
    let none = format!("file:{}", namespace.dir.path("none.json").display());
    let none = Tool::new("report-gate").args(["--record", &none]).run();
    assert!(none.code == 1 && none.stdout.contains("missing: "), "{none:?}");
}

#[test]
fn bad_input_is_refused_before_anything_is_asked() {
    let namespace = Namespace::new();
    for (args, said) in [
        (&["--serve", "localhost"][..], "--serve: expected a port such as 8080"),
        (&["--serve", "8080", "--out", "x"], "expected only one of"),
        (&["--out", "x", "--job", "j"], "expected only one of"),
        (&["--record", "x", "--out", "x"], "configmap:NAME"),
        (&["--record", "file:x", "--serve", "0"], "--record: named records are neither"),
        (&["--threshold-days", "soon"], "--threshold-days: "),
    ] {
        let output = namespace.run(args);
        assert!(output.code == 2 && output.stderr.contains(said), "{args:?}: {output:?}");
    }
    assert_eq!(namespace.world.requests().len(), 0);
}

#[test]
fn sixty_nights_are_played_at_once() {
    let dir = Dir::new();
    let mut reader = Reader::new("sixty_nights_are_played_at_once", dir.path(""))
        .with_programs(binary("rehearse-gate").parent().unwrap());
    let season = dir.path("season");
    reader.put("/tmp/season", season.to_str().unwrap());
    reader.follow("docs/report.md", "The report", 0);
    reader.finish();
    let report = std::fs::read_to_string(season.join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let nights: Vec<_> = report["gates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gate| gate["nights"].as_array().unwrap().len())
        .collect();
    assert_eq!((nights, &report["missing"]), (vec![60, 60, 0, 60], &Value::Null));
    let page = std::fs::metadata(season.join("index.html")).unwrap().len();
    assert!(page < 3_000_000, "{page}");
    for wrong in [&["--nights", "0"][..], &["--nights", "61"], &["--nights", "3", "--serve"]] {
        let output = Tool::new("rehearse-gate").args(wrong).run();
        assert!(
            output.code == 2 && output.stderr.contains("--nights: expected 1 to 60"),
            "{output:?}"
        );
    }
}

/// Told to stop, it answers what has begun and ends.
#[test]
fn it_serves_until_it_is_told_to_stop() {
    let namespace = Namespace::new();
    let mut command = namespace.tool().args(["--serve", "0"]).command();
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let address = line.split("http://").nth(1).unwrap_or_else(|| panic!("{line}"));
    let address = address.trim_end().trim_end_matches('/').to_owned();
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask("/").contains("ARO HCP") && ask("/healthz").ends_with("\r\n\r\nok\n"));
    assert!(ask("/metrics").contains("release_gate_nights"));
    let lists = namespace
        .world
        .requests()
        .iter()
        .filter(|asked| asked.path.contains("/configmaps?"))
        .count();
    assert_eq!(lists, 1, "three readers, one look");
    let pid = child.id().to_string();
    std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .unwrap();
    let ended = child.wait().unwrap();
    assert_eq!(ended.code(), Some(143));
    assert!(TcpStream::connect(&address).is_err());
}
