//! What is read of ci-operator's own files, and how much of it is kept.

use super::*;

fn case(name: &str, failed: bool) -> String {
    let failure = if failed { "<failure message=\"x\">log</failure>" } else { "" };
    format!("<testcase name=\"{name}\">{failure}</testcase>")
}

fn graph(cases: &[(&str, bool)]) -> StepGraph {
    let cases: String = cases.iter().map(|(name, failed)| case(name, *failed)).collect();
    let file =
        format!("<testsuites><testsuite name=\"step graph\">{cases}</testsuite></testsuites>");
    StepGraph::read(&mut file.as_bytes()).unwrap().unwrap()
}

#[test]
fn phases_and_steps() {
    let graph = graph(&[
        ("Find the input image root and tag it into the pipeline", false),
        ("Run multi-stage test e2e-aks - e2e-aks-hypershift-install container test", false),
        ("Run multi-stage test pre phase", false),
        ("Run multi-stage test e2e-aks - e2e-aks-hypershift-azure-run-e2e container test", true),
        ("Run multi-stage test test phase", true),
        ("Run multi-stage test post phase", false),
    ]);
    assert_eq!((graph.pre, graph.test, graph.post), (Phase::Passed, Phase::Failed, Phase::Passed));
    assert_eq!(graph.failed_steps, ["hypershift-azure-run-e2e"]);
    assert_eq!(graph.failed_otherwise, []);
    let step = Step { test: "e2e-aks".to_owned(), name: "hypershift-azure-run-e2e".to_owned() };
    assert_eq!(graph.test_steps, [step]);
    assert_eq!(graph.phases_say, ["", "x\nlog", ""]);
}

#[test]
fn what_fails_before_the_phases() {
    let graph = graph(&[("Acquire leases for the test e2e-aks", true)]);
    assert_eq!((graph.pre, graph.test), (Phase::Absent, Phase::Absent));
    let failed = Failed {
        name: "Acquire leases for the test e2e-aks".to_owned(),
        says: "x\nlog".to_owned(),
    };
    assert_eq!(graph.failed_otherwise, [failed]);
}

#[test]
fn a_file_that_breaks_off_tells_nothing() {
    let broken = "<testsuites><testsuite><testcase name=\"Run multi-stage test pre phase\"><failure/></testcase>";
    assert_eq!(StepGraph::read(&mut broken.as_bytes()).unwrap(), None);
    assert_eq!(StepGraph::read(&mut &b""[..]).unwrap(), None);
}

#[test]
fn reasons_are_found_between_colours_and_long_lines() {
    let log = format!(
        "\u{1b}[36mINFO\u{1b}[0m[2026-08-20T03:20:11Z] Running\n{}\n\u{1b}[36mINFO\u{1b}[0m[x] Reporting job state 'failed' with reason 'executing_graph:step_failed:utilizing_lease:acquiring_lease'\nReporting job state 'succeeded'\n",
        "x".repeat(100_000)
    );
    assert_eq!(
        reasons(&mut log.as_bytes()).unwrap(),
        ["executing_graph:step_failed:utilizing_lease:acquiring_lease"]
    );
    assert!(
        reasons(&mut &b"Reporting job state 'failed'\n"[..])
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_job_has_phases_where_one_of_them_is_told() {
    assert!(!StepGraph::default().has_phases());
    assert!(!graph(&[("Run test unit", true)]).has_phases());
    for phase in ["pre", "test", "post"] {
        let name = format!("Run multi-stage test {phase} phase");
        assert!(graph(&[(&name, false)]).has_phases(), "{phase}");
    }
}

fn all_failed(names: &[String], failed: bool) -> StepGraph {
    graph(&names.iter().map(|name| (name.as_str(), failed)).collect::<Vec<_>>())
}

#[test]
fn the_first_twenty_failures_of_a_kind_are_kept() {
    let step = |number| format!("Run multi-stage test e2e - e2e-s{number} container test");
    let names: Vec<String> = (0..30)
        .flat_map(|number| [step(number), format!("Build image {number}")])
        .collect();
    let graph = all_failed(&names, true);
    assert_eq!((graph.failed_steps.len(), graph.failed_otherwise.len()), (MOST, MOST));
    assert_eq!(graph.failed_steps[19], "s19");
    assert_eq!(graph.failed_otherwise[19].name, "Build image 19");
}

#[test]
fn five_hundred_steps_are_kept_of_all_phases_together() {
    let mut names = Vec::new();
    for (phase, count) in [("pre", 200), ("test", 200), ("post", 150)] {
        names.extend(
            (0..count).map(|n| format!("Run multi-stage test e2e - e2e-{phase}{n} container test")),
        );
        names.push(format!("Run multi-stage test {phase} phase"));
    }
    let graph = all_failed(&names, false);
    assert_eq!((graph.test_steps.len(), graph.other_steps.len()), (200, 300));
}

#[test]
fn a_step_of_two_containers_is_one() {
    let names = ["test", "cp-secret-wrapper"]
        .map(|container| format!("Run multi-stage test e2e - e2e-install container {container}"));
    let phase = "Run multi-stage test pre phase".to_owned();
    assert_eq!(all_failed(&[&names[..], &[phase]].concat(), false).other_steps.len(), 1);
}

#[test]
fn what_phases_say_is_joined_and_bounded() {
    let mut said = String::new();
    for (more, whole) in [("", ""), ("a", "a"), ("", "a"), ("b", "a\nb")] {
        append(&mut said, more);
        assert_eq!(said, whole);
    }
    let mut full = "x".repeat(MAX_SAID);
    append(&mut full, "y");
    assert_eq!(full.len(), MAX_SAID);
}

#[test]
fn the_first_failure_tells_why_a_job_never_began() {
    let began = |cases: &[(&str, bool)]| {
        let cases: String = cases.iter().map(|(name, failed)| case(name, *failed)).collect();
        let file = format!("<testsuites><testsuite>{cases}</testsuite></testsuites>");
        never_began(&mut file.as_bytes()).unwrap()
    };
    assert_eq!(began(&[("a", false), ("b", true), ("c", true)]).as_deref(), Some("b: x"));
    assert_eq!(began(&[("a", false)]), None);
}

#[test]
fn each_reason_is_kept_once_and_of_many_the_last() {
    let log = |reasons: &[String]| {
        let line = |reason| format!("Reporting job state 'failed' with reason '{reason}'\n");
        let log: String = reasons.iter().map(line).collect();
        self::reasons(&mut log.as_bytes()).unwrap()
    };
    let given = ["a", "", "b", "a"].map(str::to_owned);
    assert_eq!(log(&given), ["a", "b"]);
    let many: Vec<String> = (0..MOST + 2).map(|number| format!("r{number}")).collect();
    assert_eq!(log(&many), many[2..]);
}
