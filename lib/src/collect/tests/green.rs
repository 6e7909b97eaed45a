//! Runs that Prow says have succeeded: those that have, whatever they left behind, and those whose
//! own artifacts say otherwise.

use standins::{Fault, JobScript, RanImage, Server, Trouble};

use super::scene::{Scene, digest, minutes};
use crate::evidence::Strictness;
use crate::record::{Attempt, Cause, Class, Decision, GateRecord, Junit};

const RUN: &str = "artifacts/e2e/hypershift-azure-run-e2e/artifacts";
const INSTALL: &str = "artifacts/e2e/hypershift-install/artifacts";
const DESTROY: &str = "artifacts/e2e/hypershift-destroy/artifacts";
const OPERATOR: &str = "artifacts/junit_operator.xml";

const FAIL: &str = "<failure message='x'>never ready</failure>";

fn case(name: &str, inner: &str) -> String {
    format!("<testcase name='{name}'>{inner}</testcase>")
}

fn suite(cases: &str) -> String {
    format!("<testsuites><testsuite name='s'>{cases}</testsuite></testsuites>")
}

/// A file of one test that fails.
fn failed(name: &str) -> String {
    suite(&case(name, FAIL))
}

fn passed(name: &str) -> String {
    suite(&case(name, ""))
}

fn informing(name: &str) -> String {
    format!("<testcase name='{name}' lifecycle='informing'>{FAIL}</testcase>")
}

/// A step graph with these cases; those that begin with `!` have failed.
fn graph(cases: &[&str]) -> String {
    let cases = cases.iter().map(|name| match name.strip_prefix('!') {
        Some(name) => case(name, FAIL),
        None => case(name, ""),
    });
    format!(
        "<testsuites><testsuite name='step graph'>{}</testsuite></testsuites>",
        cases.collect::<String>()
    )
}

/// What a run leaves besides or instead of the usual: path and bytes; no bytes where it is missing.
type Left = Vec<(String, Option<Vec<u8>>)>;

fn at(path: &str, bytes: impl Into<Vec<u8>>) -> (String, Option<Vec<u8>>) {
    (path.to_owned(), Some(bytes.into()))
}

fn without(path: &str) -> (String, Option<Vec<u8>>) {
    (path.to_owned(), None)
}

fn junit(bytes: impl Into<Vec<u8>>) -> Left {
    vec![at(&format!("{RUN}/junit.xml"), bytes)]
}

fn script(left: &Left) -> JobScript {
    let mut script =
        JobScript { test_as: Some("e2e".to_owned()), ..JobScript::passes().running(minutes(5)) };
    for (path, bytes) in left {
        script = match bytes {
            Some(bytes) => script.with(path, bytes.clone()),
            None => script.without(path),
        };
    }
    script
}

const PRE: &str = "Run multi-stage test e2e - e2e-hypershift-install container test";
const STEP: &str = "Run multi-stage test e2e - e2e-hypershift-azure-run-e2e container test";
const POST: &str = "Run multi-stage test e2e - e2e-hypershift-destroy container test";
const PHASES: [&str; 3] = [
    "Run multi-stage test pre phase",
    "Run multi-stage test test phase",
    "Run multi-stage test post phase",
];

/// Green runs that are green.
fn good() -> Vec<(&'static str, Left)> {
    let both = |first: &str, second: &str| {
        vec![at(&format!("{RUN}/junit_1.xml"), first), at(&format!("{RUN}/junit_2.xml"), second)]
    };
    let property = "<properties><property name='lifecycle' value='informing'/></properties>";
    let long = "m".repeat(70_000);
    vec![
        ("nothing odd", vec![]),
        // Informing tests.
        ("informing by attribute", junit(suite(&informing("A")))),
        (
            "informing by property before the failure",
            junit(suite(&case("A", &format!("{property}{FAIL}")))),
        ),
        (
            "informing by property after the failure",
            junit(suite(&case("A", &format!("{FAIL}{property}")))),
        ),
        (
            "informing suite by attribute",
            junit(format!("<testsuite lifecycle='informing'>{}</testsuite>", case("A", FAIL))),
        ),
        (
            "informing suite by property",
            junit(format!("<testsuite>{property}{}</testsuite>", case("A", FAIL))),
        ),
        (
            "informing in upper case",
            junit(suite(&informing("A").replace("informing", "Informing"))),
        ),
        (
            "a nested suite of an informing one",
            junit(format!(
                "<testsuite lifecycle='informing'>{}</testsuite>",
                suite(&case("A", FAIL))
            )),
        ),
        (
            "informing subtest and its parents",
            junit(suite(&[informing("A/B/C"), case("A/B", FAIL), case("A", FAIL)].concat())),
        ),
        (
            "many informing failures",
            junit(suite(&(0..500).map(|n| informing(&n.to_string())).collect::<String>())),
        ),
        // Flakes within a file.
        ("failed, then passed", junit(suite(&[case("A", FAIL), case("A", "")].concat()))),
        ("passed, then failed", junit(suite(&[case("A", ""), case("A", FAIL)].concat()))),
        (
            "failed twice, then passed",
            junit(suite(&[case("A", FAIL), case("A", FAIL), case("A", "")].concat())),
        ),
        ("an error, then passed", junit(suite(&[case("A", "<error/>"), case("A", "")].concat()))),
        (
            "flaky in two suites of one name",
            junit(format!("<testsuites>{}{}</testsuites>", failed("A"), passed("A"))),
        ),
        (
            "flaky with its parents",
            junit(suite(
                &[case("A", FAIL), case("A/B", FAIL), case("A", ""), case("A/B", "")].concat(),
            )),
        ),
        (
            "flaky with a class",
            junit(suite(
                "<testcase classname='c' name='A'><failure/></testcase><testcase classname='c' name='A'/>",
            )),
        ),
        (
            "flaky with a long message",
            junit(suite(
                &[case("A", &format!("<failure message='{long}'/>")), case("A", "")].concat(),
            )),
        ),
        // Flakes within a step.
        ("rerun into a second file", both(&failed("A"), &passed("A"))),
        ("rerun that fails after a pass", both(&passed("A"), &failed("A"))),
        (
            "rerun into a folder below",
            vec![
                at(&format!("{RUN}/junit.xml"), failed("A")),
                at(&format!("{RUN}/rerun/junit.xml"), passed("A")),
            ],
        ),
        (
            "rerun into a folder named junit",
            vec![
                at(&format!("{RUN}/junit.xml"), failed("A")),
                at(&format!("{RUN}/junit/second.xml"), passed("A")),
            ],
        ),
        (
            "three tries in three files",
            [
                both(&failed("A"), &failed("A")),
                vec![at(&format!("{RUN}/junit_3.xml"), passed("A"))],
            ]
            .concat(),
        ),
        (
            "the file of a pass breaks off later",
            both(
                &failed("A"),
                "<testsuites><testsuite name='s'><testcase name='A'/><testcase name='B'>",
            ),
        ),
        // Files of other phases, and other files.
        (
            "failures in a step of set-up",
            vec![at(&format!("{INSTALL}/junit_install.xml"), failed("install should succeed"))],
        ),
        ("failures in a step of teardown", vec![at(&format!("{DESTROY}/junit.xml"), failed("A"))]),
        (
            "failures that gathering found",
            vec![
                at("artifacts/e2e/gather-must-gather/artifacts/junit_symptoms.xml", failed("A")),
                at(
                    OPERATOR,
                    graph(&[
                        PRE,
                        PHASES[0],
                        STEP,
                        PHASES[1],
                        POST,
                        "Run multi-stage test e2e - e2e-gather-must-gather container test",
                        PHASES[2],
                    ]),
                ),
            ],
        ),
        (
            "failures of an observer",
            vec![at("artifacts/e2e/observers-resource-watch/artifacts/junit.xml", failed("A"))],
        ),
        (
            "failures of a payload",
            vec![at("artifacts/release/artifacts/junit_payload.xml", failed("A"))],
        ),
        ("junit_job.xml", vec![at("artifacts/junit_job.xml", failed("A"))]),
        ("a report that is no JUnit file", vec![at(&format!("{RUN}/report.xml"), failed("A"))]),
        ("a JUnit file that was packed", vec![at(&format!("{RUN}/junit.xml.txt"), failed("A"))]),
        // Broken files.
        ("an empty file", vec![at(&format!("{RUN}/junit_2.xml"), "")]),
        ("JSON", vec![at(&format!("{RUN}/junit_2.xml"), "{}")]),
        ("a page", vec![at(&format!("{RUN}/junit_2.xml"), "<html><body>no</body></html>")]),
        (
            "a file that breaks off",
            junit("<testsuites><testsuite name='s'><testcase name='A'/><testcase name='B'>lo"),
        ),
        (
            "a file that breaks off in a tag",
            junit("<testsuites><testsuite name='s'><testcase name='A'/><testcase na"),
        ),
        ("a suite that is never closed", junit("<testsuite name='s'><testcase name='A'/>")),
        ("damaged gzip", vec![at(&format!("{RUN}/junit_2.xml"), &b"\x1f\x8b\x08damaged"[..])]),
        (
            "other letters than UTF-8",
            junit(&b"<testsuite name='s'><testcase name='\xff\xfe'/></testsuite>"[..]),
        ),
        (
            "entities that are not expanded",
            junit("<!DOCTYPE x [<!ENTITY a 'aa'>]><testsuite><testcase name='&a;'/></testsuite>"),
        ),
        ("other XML", vec![at(&format!("{RUN}/junit/pom.xml"), "<project><failure/></project>")]),
        // Odd shapes.
        ("a bare suite", junit("<testsuite name='s'><testcase name='A'/></testsuite>")),
        (
            "suites within suites",
            junit(format!(
                "<testsuites><testsuite name='o'>{}</testsuite></testsuites>",
                passed("A")
            )),
        ),
        (
            "skipped tests",
            junit(suite(&[case("A", ""), case("B", "<skipped message='not here'/>")].concat())),
        ),
        (
            "a failure in a log",
            junit(suite(&case("A", "<system-out>&lt;failure/&gt;</system-out>"))),
        ),
        (
            "a failure in CDATA",
            junit(suite(&case("A", "<system-out><![CDATA[<failure/>]]></system-out>"))),
        ),
        (
            "a failure in a comment",
            junit(suite(&format!(
                "{}<!-- <testcase name='B'><failure/></testcase> -->",
                case("A", "")
            ))),
        ),
        ("a failure outside of tests", junit(suite(&format!("<failure/>{}", case("A", ""))))),
        ("a failure in an attribute", junit(suite("<testcase name='&lt;failure/&gt;'/>"))),
        ("long attributes", junit(suite(&format!("<testcase name='A' file='{long}'/>")))),
        // No test.
        (
            "a suite without tests",
            junit("<testsuites><testsuite name='s' tests='0'/></testsuites>"),
        ),
        ("no JUnit file", vec![without(&format!("{RUN}/*"))]),
        ("only skipped tests", junit(suite(&case("A", "<skipped/>")))),
        // finished.json.
        ("finished.json with its timestamp alone", vec![at("finished.json", r#"{"timestamp":1}"#)]),
        (
            "finished.json of crier",
            vec![at(
                "finished.json",
                r#"{"timestamp":1,"passed":true,"metadata":{"uploader":"crier"},"result":"success"}"#,
            )],
        ),
        ("no finished.json", vec![without("finished.json")]),
        ("a broken finished.json", vec![at("finished.json", r#"{"timestamp":"#)]),
        // The step graph.
        ("no step graph", vec![without(OPERATOR)]),
        (
            "a step that gathers, and no step graph",
            vec![
                without(OPERATOR),
                at("artifacts/e2e/gather-extra/artifacts/junit/junit.xml", failed("A")),
            ],
        ),
        (
            "a step graph that breaks off",
            vec![at(OPERATOR, "<testsuites><testsuite name='step graph'><testcase name='x'/>")],
        ),
        (
            "a step that may fail",
            vec![at(
                OPERATOR,
                graph(&[
                    PRE,
                    PHASES[0],
                    STEP,
                    PHASES[1],
                    POST,
                    "!Run multi-stage test e2e - e2e-gather container test",
                    PHASES[2],
                ]),
            )],
        ),
        (
            "phases without steps",
            vec![at(OPERATOR, graph(&PHASES)), at(&format!("{RUN}/junit.xml"), passed("A"))],
        ),
        (
            "two tests in one job",
            vec![
                at(
                    OPERATOR,
                    graph(&[
                        STEP,
                        PHASES[1],
                        POST,
                        PHASES[2],
                        "Run multi-stage test f - f-run container test",
                        PHASES[1],
                    ]),
                ),
                at("artifacts/f/run/artifacts/junit.xml", passed("A")),
            ],
        ),
    ]
}

/// Green runs that are not, and what is said of them.
fn hollow() -> Vec<(&'static str, Left, &'static str)> {
    let long = "m".repeat(70_000);
    let classes = "<testcase classname='tests.cluster.TestCreate' name='test_ready'><failure/></testcase><testcase classname='tests.nodepool.TestCreate' name='test_ready'/>";
    let two_steps = graph(&[
        PRE,
        PHASES[0],
        STEP,
        "Run multi-stage test e2e - e2e-conformance container test",
        PHASES[1],
    ]);
    vec![
        (
            "a step that exits with 0 whatever happens",
            junit(
                r#"<testsuite name="openshift extended tests" tests="2" failures="1"><testcase name="OCP-12345 creates a hosted cluster"><failure message="x">never ready</failure></testcase><testcase name="OCP-2"/></testsuite>"#,
            ),
            "a test failed: OCP-12345 creates a hosted cluster",
        ),
        (
            "finished.json says failure",
            vec![at("finished.json", r#"{"timestamp":1,"passed":false,"result":"FAILURE"}"#)],
            "finished.json says FAILURE",
        ),
        (
            "finished.json says aborted",
            vec![at("finished.json", r#"{"timestamp":1,"passed":false,"result":"ABORTED"}"#)],
            "finished.json says ABORTED",
        ),
        (
            "the step graph says that the tests failed",
            vec![at(
                OPERATOR,
                graph(&[
                    PRE,
                    PHASES[0],
                    &format!("!{STEP}"),
                    &format!("!{}", PHASES[1]),
                    PHASES[2],
                ]),
            )],
            "its step graph says that the test phase failed (hypershift-azure-run-e2e)",
        ),
        (
            "a test without phases failed",
            vec![at(OPERATOR, graph(&["!Run test unit"]))],
            "its step graph says that \"Run test unit\" failed",
        ),
        ("an error", junit(suite(&case("A", "<error/>"))), "a test failed: A"),
        (
            "in a folder named junit",
            vec![at(&format!("{RUN}/junit/import-X.xml"), failed("A"))],
            "a test failed: A",
        ),
        (
            "behind a long attribute",
            junit(suite(&case("A", &format!("<failure message='{long}'>x</failure>")))),
            "a test failed: A",
        ),
        (
            "failed twice",
            junit(suite(&case("A", &format!("<failure message='{long}'/>")).repeat(2))),
            "a test failed: A",
        ),
        ("of the same name in another class", junit(suite(classes)), "a test failed: test_ready"),
        (
            "passed in another step",
            vec![
                at(OPERATOR, two_steps),
                at(&format!("{RUN}/junit.xml"), failed("TestCreateCluster")),
                at("artifacts/e2e/conformance/artifacts/junit.xml", passed("TestCreateCluster")),
            ],
            "a test failed: TestCreateCluster",
        ),
        (
            "a leaf and its parents",
            junit(suite(&["A", "A/B", "A/B/C", "A/B/C/D"].map(|name| case(name, FAIL)).concat())),
            "a test failed: A/B/C/D",
        ),
        (
            "before the file breaks off",
            junit("<testsuite name='s'><testcase name='A'><failure>lo"),
            "a test failed: A",
        ),
        (
            "in a file beside a broken one",
            vec![
                at(&format!("{RUN}/junit_0.xml"), ""),
                at(&format!("{RUN}/junit.xml"), failed("A")),
            ],
            "a test failed: A",
        ),
        (
            "without a step graph",
            vec![without(OPERATOR), at(&format!("{RUN}/junit.xml"), failed("A"))],
            "a test failed: A",
        ),
        (
            "with phases alone",
            vec![at(OPERATOR, graph(&PHASES)), at("artifacts/e2e/any/junit.xml", failed("A"))],
            "a test failed: A",
        ),
        (
            "both",
            vec![
                at("finished.json", r#"{"passed":false}"#),
                at(&format!("{RUN}/junit.xml"), failed("A")),
            ],
            "finished.json says passed: false, and a test failed: A",
        ),
    ]
}

/// Plays runs in one night.
async fn night(
    runs: Vec<JobScript>,
    change: impl Fn(&mut Scene, &mut GateRecord),
) -> (Scene, GateRecord) {
    let mut scene = Scene::new().await;
    for (number, script) in runs.into_iter().enumerate() {
        scene
            .launch(&format!("periodic-{number}"), Class::Blocking, script)
            .await;
    }
    let mut record = scene.journal.record().await;
    change(&mut scene, &mut record);
    scene.journal.update(|stored| *stored = record.clone()).await.unwrap();
    let record = scene.run().await;
    (scene, record)
}

fn ends(record: &GateRecord) -> Vec<&Attempt> {
    record.jobs.iter().map(|job| job.last().unwrap()).collect()
}

fn detail(attempt: &Attempt) -> &str {
    attempt.detail.as_deref().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn no_green_run_is_red_for_what_it_left_behind() {
    let runs = good();
    assert!(runs.len() >= 60, "{}", runs.len());
    let (_, record) = night(runs.iter().map(|(_, left)| script(left)).collect(), |_, _| {}).await;
    for ((name, _), attempt) in runs.iter().zip(ends(&record)) {
        assert_eq!(attempt.cause, Some(Cause::Passed), "{name}: {}", detail(attempt));
    }
    let told = |wanted: &str| {
        let index = runs.iter().position(|(name, _)| *name == wanted).unwrap();
        let attempt = ends(&record)[index];
        (attempt.tests.unwrap(), detail(attempt).to_owned(), attempt.flaky_tests.names.clone())
    };
    assert_eq!((told("nothing odd").0.run, told("nothing odd").1.as_str()), (3, ""));
    assert_eq!(told("many informing failures").0.informing_failed, 500);
    assert_eq!(
        (told("rerun into a second file").0.flaky, told("rerun into a second file").2),
        (1, vec!["A".to_owned()])
    );
    assert_eq!(
        told("no JUnit file").1,
        "no test ran (0 JUnit files): set tests: N or junit: ignore in its job list entry"
    );
    assert!(
        told("only skipped tests")
            .1
            .starts_with("no test ran (1 JUnit file, 1 skipped)")
    );
    assert!(told("an empty file").1.ends_with("/junit_2.xml"), "{}", told("an empty file").1);
    assert_eq!(told("no finished.json").1, "finished.json is missing");
    assert_eq!(told("failures in a step of teardown").0.failed, 0);
    let verdict = record.verdict.unwrap();
    assert_eq!(verdict.decision, Decision::Passed);
}

#[tokio::test(start_paused = true)]
async fn a_green_run_that_its_artifacts_contradict_is_hollow() {
    let runs = hollow();
    let (_, record) =
        night(runs.iter().map(|(_, left, _)| script(left)).collect(), |_, _| {}).await;
    for ((name, _, said), attempt) in runs.iter().zip(ends(&record)) {
        assert_eq!((attempt.cause, detail(attempt)), (Some(Cause::Hollow), *said), "{name}");
    }
    let verdict = record.verdict.unwrap();
    assert_eq!(verdict.decision, Decision::Undecided);
    assert_eq!(
        verdict.reasons[0],
        "periodic-0 succeeded, but a test failed: OCP-12345 creates a hosted cluster"
    );
}

#[tokio::test(start_paused = true)]
async fn contradictions_are_said_or_left_alone_if_asked_for() {
    for (hollow, said) in [(Strictness::Warn, "a test failed: A"), (Strictness::Off, "")] {
        let runs = vec![script(&junit(failed("A")))];
        let (_, record) = night(runs, |scene, _| scene.policy.rules.hollow = Some(hollow)).await;
        assert_eq!((ends(&record)[0].cause, detail(ends(&record)[0])), (Some(Cause::Passed), said));
    }
    let (_, record) =
        night(vec![script(&junit(failed("A")))], |_, record| record.jobs[0].junit = Junit::Ignore)
            .await;
    assert_eq!((ends(&record)[0].cause, ends(&record)[0].tests), (Some(Cause::Passed), None));
}

#[tokio::test(start_paused = true)]
async fn a_job_may_ask_for_a_number_of_tests() {
    let (_, record) = night(vec![script(&vec![]), script(&vec![])], |_, record| {
        (record.jobs[0].tests, record.jobs[1].tests) = (Some(3), Some(4));
    })
    .await;
    let ends = ends(&record);
    assert_eq!((ends[0].cause, ends[1].cause), (Some(Cause::Passed), Some(Cause::Hollow)));
    assert_eq!(detail(ends[1]), "only 3 tests ran, and its entry in the job list says tests: 4");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_tried_until_the_end_and_named() {
    for (path, named) in [
        ("*/finished.json", "finished.json"),
        ("*/junit_operator.xml", "junit_operator.xml"),
        ("*/junit.xml", "junit.xml"),
        ("*/o?prefix=*run-e2e*", "the list of"),
    ] {
        let mut scene = Scene::new().await;
        scene.policy.timeout = minutes(60);
        scene.launch("periodic-a", Class::Blocking, script(&vec![])).await;
        scene
            .world
            .fault(Fault::on(Server::Bucket, Trouble::StatusBefore(503)).path(path));
        let record = scene.run().await;
        let end = ends(&record)[0];
        assert_eq!(end.cause, Some(Cause::Unproven), "{path}: {}", detail(end));
        assert!(detail(end).contains(named), "{path}: {}", detail(end));
        assert!(scene.passed() >= minutes(60), "{path}: {:?}", scene.passed());
    }
    // It comes back.
    let scene = Scene::new().await;
    scene
        .launch("periodic-a", Class::Blocking, script(&junit(failed("A"))))
        .await;
    let later = scene.clock.after(scene.clock.now(), minutes(40));
    let away = Fault::on(Server::Bucket, Trouble::StatusBefore(503)).path("*/junit.xml");
    scene.world.fault(away.between(scene.clock.now(), later));
    let record = scene.run().await;
    assert_eq!(ends(&record)[0].cause, Some(Cause::Hollow));
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_job_is_proven_by_the_last_image_of_its_own_log() {
    let ours = |record: &GateRecord| record.candidate.as_ref().unwrap().image.to_string();
    let other = format!("quay.io/acme/ho@sha256:{}", digest("b"));
    let log = "artifacts/e2e/hypershift-upgrade/build-log.txt";
    let play = async |lines: &dyn Fn(&str) -> String, last: bool| {
        let scene = Scene::new().await;
        let lines = lines(&ours(&scene.journal.record().await));
        // It is installed with another image, as its usual log shows.
        let script = script(&vec![at(log, lines)]).ran_image(RanImage::Other(other.clone()));
        scene.launch("periodic-a", Class::Blocking, script).await;
        let change = |record: &mut GateRecord| {
            record.jobs[0].proof_log = Some(log.to_owned());
            record.jobs[0].proof_last = last;
        };
        scene.journal.update(change).await.unwrap();
        let record = scene.run().await;
        (ends(&record)[0].cause.unwrap(), detail(ends(&record)[0]).to_owned())
    };
    let upgraded = |ours: &str| format!("from {other}\nto {ours}\n");
    let away = |ours: &str| format!("from {ours}\nto {other}\n");
    assert_eq!(play(&upgraded, true).await.0, Cause::Passed);
    assert_eq!(play(&upgraded, false).await.0, Cause::Unproven);
    let (cause, said) = play(&away, true).await;
    assert!(
        cause == Cause::Unproven && said.starts_with("the last of quay.io/acme/ho that artifacts/"),
        "{said}"
    );
    assert_eq!(play(&|_| "nothing\n".to_owned(), true).await.0, Cause::Unproven);
}
