//! Which files of a run count, and what they come to.

use standins::{Fault, Server, Trouble, World};

use super::*;
use crate::prow::bucket::Bucket;
use crate::prow::canned::{Canned, FOLDER, exchange};
use crate::prow::operator::Step;
use crate::support::network;

/// A file of a run: its path, its size as it is listed, what it holds.
type File<'a> = (&'a str, u64, &'a str);

/// What these files of a run say.
async fn report(files: &[File<'_>], graph: Option<&StepGraph>) -> TestReport {
    let item = |(path, size, _): &File<'_>| serde_json::json!({"name": format!("logs/a/1/{path}"), "size": size});
    let list = serde_json::json!({"items": files.iter().map(item).collect::<Vec<_>>()});
    let contents: Vec<_> = files.iter().map(|(path, _, content)| (*path, *content)).collect();
    let list = exchange(200, "application/json", list.to_string());
    let servers = Canned::of_run(&contents).with("/storage/v1/b/b/o", list);
    let bucket = Bucket::new("http://localhost".parse().unwrap(), servers.shared());
    let folder = FOLDER.parse().unwrap();
    match (Reader { bucket: &bucket, folder: &folder }).tests(graph).await {
        Found::Read(report) => report,
        other => panic!("{other:?}"),
    }
}

/// A file of tests that failed.
fn failing(names: impl IntoIterator<Item = String>) -> String {
    let cases = names
        .into_iter()
        .map(|name| format!(r#"<testcase name="{name}"><failure/></testcase>"#));
    format!("<testsuite>{}</testsuite>", cases.collect::<String>())
}

fn step(name: &str) -> Step {
    Step { test: "e2e".to_owned(), name: name.to_owned() }
}

#[test]
fn junit_files_by_path() {
    for path in [
        "artifacts/e2e-aks/run/artifacts/junit.xml",
        "artifacts/a/b/artifacts/x/junit_e2e-1.xml",
        "artifacts/a/b/artifacts/junit/import-X.xml",
        "artifacts/a/b/artifacts/junit_reports/sub/report.xml",
        "artifacts/junit_01.xml",
    ] {
        assert!(is_junit(path), "{path}");
    }
    for path in [
        "artifacts/junit_operator.xml",
        "artifacts/junit_job.xml",
        "artifacts/a/b/artifacts/report.xml",
        "artifacts/a/b/artifacts/junit.xml.txt",
        "artifacts/a/b/artifacts/e2e-junit.xml",
    ] {
        assert!(!is_junit(path), "{path}");
    }
}

#[test]
fn whose_files_count() {
    let graph = |pre, test, test_steps: &[&str]| StepGraph {
        pre,
        test,
        test_steps: test_steps.iter().map(|name| step(name)).collect(),
        other_steps: vec![step("install")],
        ..StepGraph::default()
    };
    use Phase::{Absent, Failed, Passed};
    let run = vec!["artifacts/e2e/run/".to_owned()];
    for (graph, wanted) in [
        (None, Err(vec![])),
        (Some(graph(Passed, Failed, &["run"])), Ok(run.clone())),
        (Some(graph(Failed, Absent, &["run"])), Ok(run)),
        // Set-up failed, so that no test can have run.
        (Some(graph(Failed, Absent, &[])), Ok(vec![])),
        (Some(graph(Passed, Absent, &[])), Err(vec!["artifacts/e2e/install/".to_owned()])),
        (Some(graph(Failed, Failed, &[])), Err(vec!["artifacts/e2e/install/".to_owned()])),
    ] {
        let found = match Steps::of(graph.as_ref()) {
            Steps::Of(folders) => Ok(folders),
            Steps::AllBut(folders, _) => Err(folders),
        };
        assert_eq!(found, wanted, "{graph:?}");
    }
}

#[test]
fn steps_that_gather() {
    for (step, wanted) in [
        ("gather-must-gather", true),
        ("gather-extra", true),
        ("hypershift-azure-gather", true),
        ("hypershift-azure-run-e2e", false),
        ("e2e-gatherer-test", false),
    ] {
        assert_eq!(gathers(&format!("artifacts/e2e/{step}/junit.xml")), wanted, "{step}");
    }
    assert!(!gathers("artifacts/junit_1.xml"));
}

#[test]
fn files_of_a_step_belong_together() {
    for (path, step) in [
        ("artifacts/e2e/run/artifacts/junit.xml", "artifacts/e2e/run"),
        ("artifacts/e2e/run/junit/a/b.xml", "artifacts/e2e/run"),
        ("artifacts/junit_1.xml", "artifacts"),
        ("artifacts/unit/junit_1.xml", "artifacts/unit"),
    ] {
        assert_eq!(step_of(path), step, "{path}");
    }
}

#[tokio::test]
async fn only_files_of_the_test_phase_count() {
    let [run, install, gather] = ["run", "install", "gather-extra"].map(|step| {
        (format!("artifacts/e2e/{step}/artifacts/junit.xml"), failing([format!("Test-{step}")]))
    });
    let files =
        [&run, &install, &gather].map(|(path, content)| (path.as_str(), 1, content.as_str()));
    let other_steps = vec![step("install")];
    let without = StepGraph { other_steps: other_steps.clone(), ..StepGraph::default() };
    let with = StepGraph { test_steps: vec![step("run")], other_steps, ..StepGraph::default() };
    for (graph, wanted) in [
        (None, ["Test-run", "Test-install"].as_slice()),
        (Some(&without), &["Test-run"]),
        (Some(&with), &["Test-run"]),
    ] {
        let report = report(&files, graph).await;
        assert_eq!(report.failing.names, wanted, "{graph:?}");
        assert_eq!(report.counts.files, wanted.len(), "{graph:?}");
    }
}

#[tokio::test]
async fn what_is_more_than_is_read_of_a_run_is_left_and_said() {
    for (sizes, read) in [
        (vec![MAX_SUM - 1, 1], 2),
        (vec![MAX_SUM, 1], 1),
        (vec![1, MAX_SUM + 1, 1], 1),
        (vec![1; MAX_FILES], MAX_FILES),
        (vec![1; MAX_FILES + 1], MAX_FILES),
    ] {
        let paths: Vec<_> = (0..sizes.len())
            .map(|number| format!("artifacts/e2e/run/junit_{number}.xml"))
            .collect();
        let content = "<testsuite/>";
        let files: Vec<_> = paths
            .iter()
            .zip(&sizes)
            .map(|(path, size)| (path.as_str(), *size, content))
            .collect();
        let report = report(&files, None).await;
        let told = format!("{} files, the first of {} bytes", sizes.len(), sizes[0]);
        assert_eq!(report.counts.files, read, "{told}");
        assert_eq!(report.unread.is_some(), read < sizes.len(), "{told}");
        assert_eq!(report.all.is_complete, read == sizes.len(), "{told}");
    }
}

#[tokio::test]
async fn names_beyond_the_first_fifty_are_counted() {
    // Of more than 10,000 that failed not even the names are kept.
    for (failed, more) in [(50, 0), (51, 1), (10_002, 9_952)] {
        let content = failing((0..failed).map(|number| format!("Test{number}")));
        let report = report(&[("artifacts/junit_1.xml", 1, &content)], None).await;
        assert_eq!(report.counts.failed, failed);
        assert_eq!((report.failing.names.len(), report.failing.more), (NAMED_TESTS, more));
    }
}

#[tokio::test]
async fn broken_files_are_counted_and_the_first_of_them_named() {
    let broken = ["<testsuite><testcase", "<html/>", "", "{}", "<testsuite>"];
    for count in 0..=broken.len() {
        let paths: Vec<_> = (0..=count)
            .map(|number| format!("artifacts/e2e/run/junit_{number}.xml"))
            .collect();
        let contents = ["<testsuite/>"].into_iter().chain(broken);
        let files: Vec<_> = paths
            .iter()
            .zip(contents)
            .map(|(path, content)| (path.as_str(), 1, content))
            .collect();
        let report = report(&files, None).await;
        assert_eq!((report.counts.files, report.counts.broken_files), (count + 1, count));
        assert_eq!(report.broken, paths[1..=count.min(NAMED_FILES)]);
        assert_eq!(report.all.is_complete, count == 0, "{count}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named_once() {
    const PATH: &str = "artifacts/e2e/run/junit.xml";
    for (trouble, is_away) in [
        // Its error tells of the connection alone.
        (Trouble::DropBefore, true),
        // Its error names the object.
        (Trouble::StatusBefore(500), true),
        (Trouble::NotFound, false),
    ] {
        let world = World::default();
        world
            .prow()
            .put_object("b", &format!("logs/a/1/{PATH}"), "<testsuite/>");
        world.fault(Fault::on(Server::Bucket, trouble.clone()).path("/b/*"));
        let bucket = Bucket::new(Server::Bucket.base().parse().unwrap(), network(&world));
        let folder = FOLDER.parse().unwrap();
        let found = Reader { bucket: &bucket, folder: &folder }.tests(None).await;
        let why = found.refused().unwrap();
        assert_eq!(why.matches(PATH).count(), 1, "{trouble:?}: {why}");
        assert_eq!(found.unreachable().is_some(), is_away, "{trouble:?}: {why}");
    }
}
