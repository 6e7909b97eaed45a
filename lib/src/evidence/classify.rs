//! Why a run ended as it did: a pure function of its state and the evidence.

use super::proof::{Findings, suffices};
use super::reader::{Failure, Found};
use super::rules::ProofMode;
use crate::image::ImageRef;
use crate::prow::operator::{Phase, StepGraph};
use crate::record::{Cause, FailingTests, Proof};
use crate::text;

/// What is known of a run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It succeeded: what shows which image ran.
    Success(Findings),
    /// It failed: what explains it.
    Failure(Failure),
    /// Prow stopped it, or it could not run.
    Stopped {
        /// Prow's word for the state.
        state: &'static str,
        /// Prow's description.
        description: Option<String>,
    },
    /// Prow no longer has it, and the bucket does not say how it ended.
    Vanished(String),
    /// It was still going on when time was up: how far it was.
    OutOfTime(String),
}

/// What a run's end comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The cause.
    pub cause: Cause,
    /// The cause in words; empty where there is nothing to add.
    pub detail: String,
    /// Tests that failed.
    pub failing_tests: FailingTests,
    /// Which image ran, as far as shown.
    pub proof: Option<Proof>,
}

impl Judgement {
    pub(crate) fn new(cause: Cause, detail: impl AsRef<str>) -> Self {
        let detail = text::one_line(detail.as_ref(), 400);
        Self { cause, detail, failing_tests: FailingTests::default(), proof: None }
    }
}

/// Whether the tests themselves failed.
pub fn tests_failed(graph: &StepGraph) -> bool {
    // A job without phases has its tests as a step of its own: `Run test unit`.
    graph.test == Phase::Failed || graph.failed_otherwise.iter().any(|name| name.starts_with("Run test "))
}

/// Judges a run that has ended.
pub fn classify(evidence: &Evidence, image: &ImageRef, mode: ProofMode) -> Judgement {
    match evidence {
        Evidence::Success(findings) => success(findings, image, mode),
        Evidence::Failure(failure) => failed(failure),
        Evidence::Stopped { state, description } => {
            let words = description.as_deref().map(str::trim).filter(|words| !words.is_empty());
            let unexplained = format!("Prow says {state} and gives no reason");
            Judgement::new(Cause::Infrastructure, words.unwrap_or(&unexplained))
        }
        Evidence::Vanished(why) => Judgement::new(Cause::Undetermined, why),
        Evidence::OutOfTime(how_far) => Judgement::new(Cause::Deadline, how_far),
    }
}

fn success(findings: &Findings, image: &ImageRef, mode: ProofMode) -> Judgement {
    if mode == ProofMode::Off {
        return Judgement::new(Cause::Passed, "");
    }
    let proof = findings.level(image);
    let judgement = match suffices(&proof, findings.log_named, mode) {
        true => Judgement::new(Cause::Passed, ""),
        false => Judgement::new(Cause::Unproven, &proof.note),
    };
    Judgement { proof: Some(proof), ..judgement }
}

fn failed(failure: &Failure) -> Judgement {
    let tests = failure.tests.read();
    let failing_tests = tests.map(|report| report.failing.clone()).unwrap_or_default();
    let judgement = match &failure.graph {
        Found::Read(graph) => by_phase(graph, failure),
        Found::Missing => Judgement::new(Cause::Undetermined, "junit_operator.xml is missing"),
        Found::Unreadable(why) | Found::Unreachable(why) => Judgement::new(Cause::Undetermined, why),
        Found::Unasked => Judgement::new(Cause::Undetermined, "its artifacts are nowhere"),
    };
    let judgement = match (judgement.cause, machinery(failure)) {
        (Cause::Undetermined, Some(words)) => Judgement::new(Cause::Infrastructure, words),
        _ => judgement,
    };
    Judgement { failing_tests, ..judgement }
}

fn by_phase(graph: &StepGraph, failure: &Failure) -> Judgement {
    let steps = || text::some_of(&graph.failed_steps, 3);
    match (graph.pre, graph.test, graph.post) {
        _ if tests_failed(graph) => Judgement::new(Cause::Product, product(graph, failure)),
        (Phase::Failed, ..) => Judgement::new(Cause::Setup, steps()),
        (_, _, Phase::Failed) => Judgement::new(Cause::Teardown, steps()),
        // No test was begun: the machinery before it failed.
        (Phase::Absent, Phase::Absent, Phase::Absent) if !graph.failed_otherwise.is_empty() => {
            let words = machinery(failure).unwrap_or_else(|| text::some_of(&graph.failed_otherwise, 2));
            Judgement::new(Cause::Infrastructure, words)
        }
        _ => Judgement::new(Cause::Undetermined, "no phase of it failed, and still it did"),
    }
}

fn product(graph: &StepGraph, failure: &Failure) -> String {
    let steps = text::some_of(&graph.failed_steps, 3);
    match failure.tests.read() {
        Some(report) if !report.failing.is_empty() => {
            let flaky = if report.flaky > 0 { format!(", {} flaky", report.flaky) } else { String::new() };
            let total = report.failing.names.len() + report.failing.more;
            format!("{total} failing{flaky}: {}", report.failing.brief(2))
        }
        _ if steps.is_empty() => "the test phase failed, and no test says why".to_owned(),
        _ => format!("the step {steps} failed, and no test says why"),
    }
}

/// ci-operator's reason in words, where it says that the machinery failed.
fn machinery(failure: &Failure) -> Option<String> {
    // What a reason ends with, and what that means. Reasons that a multi-stage test failed say
    // nothing: that may have been any of its phases.
    const WORDS: [(&str, &str); 9] = [
        ("acquiring_lease", "no cluster lease"),
        ("releasing_lease", "the cluster lease could not be given back"),
        ("importing_release", "the release payload could not be imported"),
        ("pod_pending", "a pod did not start"),
        ("resolving_inputs", "its inputs could not be resolved"),
        ("initializing_namespace", "its namespace could not be made"),
        ("cloning_source", "the source could not be cloned"),
        ("acquiring_cluster_claim", "no cluster from the pool"),
        ("creating_namespace", "its namespace could not be made"),
    ];
    let reasons = failure.reasons.read()?;
    let known = |reason: &String| {
        WORDS.iter().find(|(end, _)| reason.split(':').any(|part| part == *end)).map(|(_, words)| (*words).to_owned())
    };
    reasons.iter().find_map(known)
}

#[cfg(test)]
mod tests {
    use super::super::reader::TestReport;
    use super::*;
    use crate::record::ProofLevel;
    use proptest::prelude::*;

    fn image() -> ImageRef {
        format!("quay.io/acme/ho@sha256:{}", "a".repeat(64)).parse().unwrap()
    }

    fn judge(failure: Failure) -> (Cause, String) {
        let judgement = classify(&Evidence::Failure(failure), &image(), ProofMode::Enforce);
        (judgement.cause, judgement.detail)
    }

    fn graph(pre: Phase, test: Phase, post: Phase, steps: &[&str], otherwise: &[&str]) -> Failure {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        let graph = StepGraph { pre, test, post, failed_steps: texts(steps), failed_otherwise: texts(otherwise) };
        Failure { graph: Found::Read(graph), ..Failure::default() }
    }

    use Phase::{Absent, Failed, Passed};

    #[test]
    fn the_phase_tells() {
        for (failure, cause, detail) in [
            (
                graph(Passed, Failed, Passed, &["run-e2e"], &[]),
                Cause::Product,
                "the step run-e2e failed, and no test says why",
            ),
            (graph(Failed, Failed, Failed, &[], &[]), Cause::Product, "the test phase failed, and no test says why"),
            (
                graph(Absent, Absent, Absent, &[], &["Run test unit"]),
                Cause::Product,
                "the test phase failed, and no test says why",
            ),
            (graph(Failed, Absent, Passed, &["ipi-install"], &[]), Cause::Setup, "ipi-install"),
            (graph(Failed, Absent, Failed, &["ipi-install", "destroy"], &[]), Cause::Setup, "ipi-install, destroy"),
            (graph(Passed, Passed, Failed, &["destroy"], &[]), Cause::Teardown, "destroy"),
            (graph(Absent, Absent, Absent, &[], &["Acquire leases"]), Cause::Infrastructure, "Acquire leases"),
            (graph(Passed, Passed, Passed, &[], &[]), Cause::Undetermined, "no phase of it failed, and still it did"),
            (graph(Absent, Absent, Absent, &[], &[]), Cause::Undetermined, "no phase of it failed, and still it did"),
        ] {
            assert_eq!(judge(failure.clone()), (cause, detail.to_owned()), "{failure:?}");
        }
    }

    #[test]
    fn failing_tests_are_named() {
        let failing = FailingTests { names: ["A", "B", "C"].map(String::from).to_vec(), more: 4 };
        let report = TestReport { failing: failing.clone(), flaky: 2, ..TestReport::default() };
        let failure = Failure { tests: Found::Read(report), ..graph(Passed, Failed, Passed, &["run-e2e"], &[]) };
        let judgement = classify(&Evidence::Failure(failure), &image(), ProofMode::Enforce);
        assert_eq!(judgement.detail, "7 failing, 2 flaky: A, B and 5 more");
        assert_eq!(judgement.failing_tests, failing);
    }

    #[test]
    fn reasons_tell_of_the_machinery_only() {
        let with = |failure: Failure, reason: &str| {
            judge(Failure { reasons: Found::Read(vec![reason.to_owned()]), ..failure })
        };
        let lease = "executing_graph:step_failed:utilizing_lease:acquiring_lease";
        let test = "executing_graph:step_failed:utilizing_lease:executing_test:executing_multi_stage_test";
        let missing = || Failure { graph: Found::Missing, ..Failure::default() };
        let early = || graph(Absent, Absent, Absent, &[], &["Acquire leases for the test e2e"]);
        assert_eq!(with(early(), lease), (Cause::Infrastructure, "no cluster lease".to_owned()));
        assert_eq!(with(missing(), lease), (Cause::Infrastructure, "no cluster lease".to_owned()));
        assert_eq!(with(missing(), test).0, Cause::Undetermined);
        assert_eq!(with(graph(Passed, Failed, Passed, &[], &[]), lease).0, Cause::Product);
    }

    #[test]
    fn what_prow_stopped_is_infrastructure() {
        let stopped = |description: Option<&str>| {
            let description = description.map(str::to_owned);
            let judgement =
                classify(&Evidence::Stopped { state: "aborted", description }, &image(), ProofMode::Enforce);
            (judgement.cause, judgement.detail)
        };
        assert_eq!(stopped(Some("Pod pending timeout.")), (Cause::Infrastructure, "Pod pending timeout.".to_owned()));
        assert_eq!(stopped(None), (Cause::Infrastructure, "Prow says aborted and gives no reason".to_owned()));
    }

    #[test]
    fn success_needs_its_proof() {
        let findings =
            |log_named| Findings { variables: Some(vec![image().to_string()]), log_named, ..Findings::default() };
        let judge = |log_named, mode| {
            let judgement = classify(&Evidence::Success(findings(log_named)), &image(), mode);
            (judgement.cause, judgement.proof.map(|proof| proof.level))
        };
        assert_eq!(judge(true, ProofMode::Enforce), (Cause::Unproven, Some(ProofLevel::Requested)));
        assert_eq!(judge(false, ProofMode::Enforce), (Cause::Passed, Some(ProofLevel::Requested)));
        assert_eq!(judge(true, ProofMode::Warn), (Cause::Passed, Some(ProofLevel::Requested)));
        assert_eq!(judge(true, ProofMode::Off), (Cause::Passed, None));
    }

    fn any_phase() -> impl Strategy<Value = Phase> {
        prop::sample::select(vec![Absent, Passed, Failed])
    }

    proptest! {
        #[test]
        fn nothing_but_success_passes(pre in any_phase(), test in any_phase(), post in any_phase(), other in any::<bool>(), kind in 0..4) {
            let failure = match kind {
                0 => graph(pre, test, post, &[], if other { &["x"] } else { &[] }),
                1 => Failure { graph: Found::Missing, ..Failure::default() },
                2 => Failure { graph: Found::Unreadable("x".to_owned()), ..Failure::default() },
                _ => Failure::default(),
            };
            for mode in [ProofMode::Enforce, ProofMode::Warn, ProofMode::Off] {
                prop_assert_ne!(classify(&Evidence::Failure(failure.clone()), &image(), mode).cause, Cause::Passed);
                let stopped = Evidence::Stopped { state: "error", description: None };
                prop_assert_ne!(classify(&stopped, &image(), mode).cause, Cause::Passed);
                prop_assert_ne!(classify(&Evidence::Vanished(String::new()), &image(), mode).cause, Cause::Passed);
            }
        }
    }
}
