//! Why a run ended as it did: a pure function of its state and the evidence.

use std::sync::Arc;

use super::Case;
use super::account::{Account, is_of_none};
use super::junits::AllTests;
use super::proof::{Findings, suffices};
use super::reader::Found;
use super::reasons::{PodEnd, Reasons};
use super::rules::Strictness;
use crate::prow::operator::{Phase, StepGraph};
use crate::record::{Cause, FailingTests, Proof, TestCounts, Usual};
use crate::text;

/// What is known of a run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It succeeded.
    Success {
        /// What shows which image ran.
        findings: Findings,
        /// What its artifacts say besides.
        account: Account,
    },
    /// It failed: what explains it.
    Failure(Account),
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

impl Evidence {
    /// The same without the names of the tests that did not fail, which take most of the room.
    pub fn without_names(mut self) -> Self {
        if let Self::Success { account, .. } | Self::Failure(account) = &mut self
            && let Found::Read(report) = &mut account.tests
        {
            report.all = Arc::default();
        }
        self
    }
}

/// What a run's end comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub cause: Cause,
    /// The cause in words; for a run that passed what is to be said of it all the same. Empty where
    /// there is nothing to add.
    pub detail: String,
    /// Tests that failed.
    pub failing_tests: FailingTests,
    /// Tests that failed and passed.
    pub flaky_tests: FailingTests,
    /// How many tests did what, if that was read.
    pub tests: Option<TestCounts>,
    /// Every test, if that was read.
    pub all: Arc<AllTests>,
    /// How many tests the job's successes usually run, if it was judged by that.
    pub usual: Option<Usual>,
    /// Which image ran, as far as shown.
    pub proof: Option<Proof>,
}

impl Judgement {
    /// A cause in words, with nothing else known.
    pub(crate) fn new(cause: Cause, detail: impl AsRef<str>) -> Self {
        let detail = text::one_line(detail.as_ref(), 400);
        let tests = FailingTests::default();
        Self {
            cause,
            detail,
            failing_tests: tests.clone(),
            flaky_tests: tests,
            tests: None,
            all: Arc::default(),
            usual: None,
            proof: None,
        }
    }

    fn with_tests_of(self, account: &Account) -> Self {
        let Some(report) = account.tests.read() else { return self };
        let (failing_tests, flaky_tests) = (report.failing.clone(), report.flaky.clone());
        let all = Arc::clone(&report.all);
        Self { failing_tests, flaky_tests, tests: Some(report.counts), all, ..self }
    }
}

/// Judges a run that has ended.
pub fn classify(evidence: &Evidence, case: Case<'_>) -> Judgement {
    match evidence {
        Evidence::Success { findings, account } => {
            let judgement = success(findings, account, case).with_tests_of(account);
            Judgement { usual: case.usual, ..judgement }
        }
        Evidence::Failure(account) => failed(account).with_tests_of(account),
        Evidence::Stopped { state, description } => {
            let words = description
                .as_deref()
                .map(str::trim)
                .filter(|words| !words.is_empty());
            let unexplained = format!("Prow says {state} and gives no reason");
            Judgement::new(Cause::Infrastructure, words.unwrap_or(&unexplained))
        }
        Evidence::Vanished(why) => Judgement::new(Cause::Undetermined, why),
        Evidence::OutOfTime(how_far) => Judgement::new(Cause::Deadline, how_far),
    }
}

/// A run that succeeded: another image weighs most, then what its artifacts say against it, then a
/// proof that is missing, then what could not be read, then too few tests.
fn success(
    findings: &Findings,
    account: &Account,
    Case { subject, job, rules, usual }: Case<'_>,
) -> Judgement {
    let proof = (rules.proof != Strictness::Off).then(|| findings.level(subject));
    let proven_enough = proof
        .as_ref()
        .is_none_or(|proof| suffices(proof, findings.log_named, rules.proof));
    let other_image = proof.is_some() && findings.contradiction(subject).is_some();
    let (strictness, contradiction) = (rules.hollow(), account.contradiction());
    let few = too_few(account, job.tests);
    let fewer = match job.tests {
        Some(_) => None,
        None => fewer_than_usual(account, usual).filter(|_| rules.counts() != Strictness::Off),
    };
    let unproven = |proof: &Option<Proof>| {
        let note = proof.as_ref().map(|proof| proof.note.clone());
        Judgement::new(Cause::Unproven, note.unwrap_or_default())
    };
    let judgement = match (strictness, contradiction, account.unread()) {
        _ if !proven_enough && other_image => unproven(&proof),
        (Strictness::Enforce, Some(contradiction), _) => {
            Judgement::new(Cause::Hollow, contradiction)
        }
        _ if !proven_enough => unproven(&proof),
        (Strictness::Enforce, None, Some(why)) => Judgement::new(
            Cause::Unproven,
            format!("whether its artifacts contradict it could not be read: {why}"),
        ),
        (Strictness::Enforce, ..) if few.is_some() => {
            Judgement::new(Cause::Hollow, few.unwrap_or_default())
        }
        _ if rules.counts() == Strictness::Enforce && fewer.is_some() => {
            Judgement::new(Cause::Hollow, fewer.unwrap_or_default())
        }
        (Strictness::Off, ..) => Judgement::new(Cause::Passed, ""),
        (_, contradiction, unread) => {
            let unread = unread.map(|why| format!("not read: {why}"));
            let none_ran = fewer.is_some();
            let besides = account.remarks().into_iter();
            let besides = besides.filter(|remark| !(none_ran && is_of_none(remark)));
            let remarks = contradiction.into_iter().chain(few).chain(fewer);
            let remarks = remarks.chain(unread).chain(besides);
            Judgement::new(Cause::Passed, remarks.collect::<Vec<_>>().join("; "))
        }
    };
    Judgement { proof, ..judgement }
}

/// Whether fewer tests ran than the job asks for.
fn too_few(account: &Account, wanted: Option<u32>) -> Option<String> {
    let (wanted, run) = (wanted?, account.tests.read()?.counts.run);
    let tests = if run == 1 { "1 test" } else { &format!("{run} tests") };
    (run < wanted as usize)
        .then(|| format!("only {tests} ran, and its entry in the job list says tests: {wanted}"))
}

/// Whether fewer tests ran than the job usually runs.
fn fewer_than_usual(account: &Account, usual: Option<Usual>) -> Option<String> {
    let run = account.tests.read()?.counts.run;
    Some(usual?.judge(run)?.to_string())
}

fn failed(account: &Account) -> Judgement {
    let reasons = account
        .reasons
        .read()
        .map(|chains| Reasons::of(chains))
        .unwrap_or_default();
    let judgement = match &account.graph {
        Found::Read(graph) => by_phase(graph, account, &reasons),
        _ if account.has_failing() => Judgement::new(Cause::Product, product(&[], account)),
        _ => without_graph(account, &reasons),
    };
    let told = |words: &str| judgement.detail.contains(words);
    let silent = match (judgement.cause, account.reasons.read().and_then(|chains| chains.last())) {
        (Cause::Undetermined, Some(chain)) if reasons.machinery.is_empty() => {
            Some(format!("ci-operator says {}", text::one_line(chain, 120)))
        }
        _ => None,
    };
    match reasons.words().filter(|words| !told(words)).or(silent) {
        Some(words) if judgement.detail.is_empty() => Judgement::new(judgement.cause, words),
        Some(words) => Judgement::new(judgement.cause, format!("{}; {words}", judgement.detail)),
        None => judgement,
    }
}

fn without_graph(account: &Account, reasons: &Reasons) -> Judgement {
    if let Some(words) = reasons.words() {
        return Judgement::new(Cause::Infrastructure, words);
    }
    match (&account.never_began, &account.graph) {
        (Found::Read(why), _) => {
            Judgement::new(Cause::Infrastructure, format!("ci-operator did not begin: {why}"))
        }
        (_, Found::Missing) => Judgement::new(Cause::Undetermined, "junit_operator.xml is missing"),
        (_, Found::Unreadable(why) | Found::Unreachable(why) | Found::Broken(why)) => {
            Judgement::new(Cause::Undetermined, why)
        }
        (_, Found::Unasked | Found::Read(_)) => {
            Judgement::new(Cause::Undetermined, "its artifacts are nowhere")
        }
    }
}

/// By the phase that failed. The machinery is to blame where it says so and no test is known to
/// have failed: what could not be read may hold one.
fn by_phase(graph: &StepGraph, account: &Account, reasons: &Reasons) -> Judgement {
    let steps = || text::some_of(&graph.failed_steps, 3);
    let product = || Judgement::new(Cause::Product, product(&graph.failed_steps, account));
    let infrastructure = |words: String| Judgement::new(Cause::Infrastructure, words);
    let blames = |says: &str| match PodEnd::of(says) {
        PodEnd::Cluster(words) => Some(words.to_owned()),
        PodEnd::Silent if !reasons.within => reasons.words(),
        PodEnd::Silent | PodEnd::ContainerEnded => None,
    };
    let [pre, test, post] = &graph.phases_say;
    if account.has_failing() {
        return product();
    }
    let may_hide_a_failure = account.tests.refused().is_some();
    match (graph.pre, graph.test, graph.post) {
        _ if graph.tests_failed() => {
            let says = graph
                .failed_test()
                .map_or(test.as_str(), |failed| failed.says.as_str());
            blames(says)
                .filter(|_| !may_hide_a_failure)
                .map_or_else(product, infrastructure)
        }
        (Phase::Failed, ..) => {
            blames(pre).map_or_else(|| Judgement::new(Cause::Setup, steps()), infrastructure)
        }
        (_, _, Phase::Failed) => blames(post)
            .filter(|_| !may_hide_a_failure)
            .map_or_else(|| Judgement::new(Cause::Teardown, steps()), infrastructure),
        // No test was begun: the machinery before it failed.
        (Phase::Absent, Phase::Absent, Phase::Absent) if !graph.failed_otherwise.is_empty() => {
            let names: Vec<&str> = graph
                .failed_otherwise
                .iter()
                .map(|failed| failed.name.as_str())
                .collect();
            infrastructure(reasons.words().unwrap_or_else(|| text::some_of(&names, 2)))
        }
        _ => match reasons.words() {
            Some(words) => infrastructure(words),
            None => Judgement::new(Cause::Undetermined, "no phase of it failed, and still it did"),
        },
    }
}

fn product(failed_steps: &[String], account: &Account) -> String {
    let steps = text::some_of(failed_steps, 3);
    match account.tests.read() {
        Some(report) if !report.failing.is_empty() => {
            let flaky = if report.counts.flaky > 0 {
                format!(", {} flaky", report.counts.flaky)
            } else {
                String::new()
            };
            let total = report.failing.names.len() + report.failing.more;
            format!("{total} failing{flaky}: {}", report.failing.brief(2))
        }
        _ if steps.is_empty() => "the test phase failed, and no test says why".to_owned(),
        _ => format!("the step {steps} failed, and no test says why"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::junits::TestReport;
    use super::super::subject::Subject;
    use super::super::{ProofMode, Rules};
    use super::*;
    use crate::image::ImageRef;
    use crate::prow::finished::Finished;
    use crate::prow::operator::Failed as Otherwise;
    use crate::record::{Class, JobRecord, ProofLevel};
    use proptest::prelude::*;

    fn image() -> ImageRef {
        format!("quay.io/acme/ho@sha256:{}", "a".repeat(64)).parse().unwrap()
    }

    fn job() -> JobRecord {
        JobRecord::named("a", Class::Blocking)
    }

    fn classified(evidence: &Evidence, job: &JobRecord, rules: &Rules) -> Judgement {
        classify(evidence, Case { subject: &Subject::from(image()), job, rules, usual: None })
    }

    fn judge(failure: Account) -> (Cause, String) {
        let judgement = classified(&Evidence::Failure(failure), &job(), &Rules::default());
        (judgement.cause, judgement.detail)
    }

    fn graph(pre: Phase, test: Phase, post: Phase, steps: &[&str], otherwise: &[&str]) -> Account {
        let failed_steps = steps.iter().map(|text| (*text).to_owned()).collect();
        let failed = |name: &&str| Otherwise { name: (*name).to_owned(), says: String::new() };
        let failed_otherwise = otherwise.iter().map(failed).collect();
        let graph =
            StepGraph { pre, test, post, failed_steps, failed_otherwise, ..StepGraph::default() };
        Account {
            graph: Found::Read(graph),
            tests: Found::Read(TestReport::default()),
            ..Account::default()
        }
    }

    fn report(names: &[&str], more: usize, counts: TestCounts) -> Found<TestReport> {
        let failing =
            FailingTests { names: names.iter().map(|name| (*name).to_owned()).collect(), more };
        Found::Read(TestReport { failing, counts, ..TestReport::default() })
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
            (
                graph(Failed, Failed, Failed, &[], &[]),
                Cause::Product,
                "the test phase failed, and no test says why",
            ),
            (
                graph(Absent, Absent, Absent, &[], &["Run test unit"]),
                Cause::Product,
                "the test phase failed, and no test says why",
            ),
            (graph(Failed, Absent, Passed, &["ipi-install"], &[]), Cause::Setup, "ipi-install"),
            (
                graph(Failed, Absent, Failed, &["ipi-install", "destroy"], &[]),
                Cause::Setup,
                "ipi-install, destroy",
            ),
            (graph(Passed, Passed, Failed, &["destroy"], &[]), Cause::Teardown, "destroy"),
            (
                graph(Absent, Absent, Absent, &[], &["Acquire leases"]),
                Cause::Infrastructure,
                "Acquire leases",
            ),
            (
                graph(Passed, Passed, Passed, &[], &[]),
                Cause::Undetermined,
                "no phase of it failed, and still it did",
            ),
            (
                graph(Absent, Absent, Absent, &[], &[]),
                Cause::Undetermined,
                "no phase of it failed, and still it did",
            ),
        ] {
            assert_eq!(judge(failure.clone()), (cause, detail.to_owned()), "{failure:?}");
        }
    }

    #[test]
    fn failing_tests_are_named() {
        let counts = TestCounts { run: 20, failed: 7, flaky: 2, ..TestCounts::default() };
        let tests = report(&["A", "B", "C"], 4, counts);
        let failure = Account { tests, ..graph(Passed, Failed, Passed, &["run-e2e"], &[]) };
        let judgement = classified(&Evidence::Failure(failure), &job(), &Rules::default());
        assert_eq!(judgement.detail, "7 failing, 2 flaky: A, B and 5 more");
        assert_eq!((judgement.failing_tests.names.len(), judgement.failing_tests.more), (3, 4));
        let tests = report(&["A"], 0, TestCounts::default());
        let failure = Account { tests, ..graph(Passed, Failed, Passed, &["run-e2e"], &[]) };
        assert_eq!(judge(failure), (Cause::Product, "1 failing: A".to_owned()));
        assert_eq!(judgement.tests, Some(counts));
    }

    #[test]
    fn all_that_its_tests_say_is_kept() {
        let flaky = FailingTests { names: vec!["F".to_owned()], more: 1 };
        let all = Arc::new(AllTests { is_complete: true, ..AllTests::default() });
        let read = TestReport { flaky: flaky.clone(), all: all.clone(), ..TestReport::default() };
        let with = |of: Account| Account { tests: Found::Read(read.clone()), ..of };
        let usual = Some(Usual { ran: [1; 5] });
        let (subject, job, rules) = (Subject::from(image()), job(), Rules::default());
        let case = Case { subject: &subject, job: &job, rules: &rules, usual };
        let success = Evidence::Success { findings: given(false), account: with(green()) };
        let failure = Evidence::Failure(with(graph(Passed, Failed, Passed, &[], &[])));
        for (evidence, told) in [(success, usual), (failure, None)] {
            let judgement = classify(&evidence, case);
            assert_eq!((&judgement.flaky_tests, &judgement.all), (&flaky, &all));
            assert_eq!(judgement.usual, told);
        }
    }

    /// A failure with these chains of reasons.
    fn with(failure: Account, chains: &[&str]) -> (Cause, String) {
        let chains = chains.iter().map(|chain| (*chain).to_owned()).collect();
        judge(Account { reasons: Found::Read(chains), ..failure })
    }

    const LEASE: &str = "executing_graph:step_failed:utilizing_lease:acquiring_lease";
    const TEST: &str =
        "executing_graph:step_failed:utilizing_lease:executing_test:executing_multi_stage_test";
    const PENDING: &str = "executing_graph:step_failed:utilizing_lease:executing_test:executing_multi_stage_test:pod_pending";

    #[test]
    fn what_the_machinery_says_of_itself_is_infrastructure_when_no_test_failed() {
        let infrastructure = |words: &str| (Cause::Infrastructure, words.to_owned());
        let missing = || Account { graph: Found::Missing, ..Account::default() };
        let early = || graph(Absent, Absent, Absent, &[], &["Acquire leases for the test e2e"]);
        assert_eq!(with(early(), &[LEASE]), infrastructure("no cluster lease"));
        assert_eq!(with(missing(), &[LEASE]), infrastructure("no cluster lease"));
        assert_eq!(with(missing(), &[LEASE, LEASE]), infrastructure("no cluster lease"));
        assert_eq!(
            with(missing(), &["interrupted"]),
            infrastructure("ci-operator was interrupted")
        );
        assert_eq!(
            with(missing(), &[TEST]),
            (
                Cause::Undetermined,
                format!("junit_operator.xml is missing; ci-operator says {TEST}")
            )
        );
        let begun =
            Account { never_began: Found::Read("initialize: no config".to_owned()), ..missing() };
        assert_eq!(
            judge(begun),
            infrastructure("ci-operator did not begin: initialize: no config")
        );
        let test_phase = || graph(Passed, Failed, Passed, &["run-e2e"], &[]);
        assert_eq!(with(test_phase(), &[PENDING]), infrastructure("a pod did not start"));
        assert_eq!(
            with(graph(Absent, Absent, Absent, &[], &["Run test unit"]), &[PENDING]).0,
            Cause::Infrastructure
        );
        assert_eq!(
            with(graph(Failed, Absent, Passed, &["ipi-install"], &[]), &[PENDING]).0,
            Cause::Infrastructure
        );
        assert_eq!(
            with(graph(Passed, Passed, Failed, &["destroy"], &[]), &[PENDING]).0,
            Cause::Infrastructure
        );
        // Whose own words say otherwise, or a test that failed.
        let (cause, detail) = with(
            test_phase(),
            &[TEST, "executing_graph:step_failed:utilizing_lease:releasing_lease"],
        );
        assert_eq!(cause, Cause::Product);
        assert!(detail.ends_with("; the cluster lease could not be given back"), "{detail}");
        assert_eq!(
            with(
                graph(Failed, Absent, Passed, &[], &[]),
                &[TEST, "executing_graph:step_failed:utilizing_lease:releasing_lease"]
            ),
            (Cause::Setup, "the cluster lease could not be given back".to_owned())
        );
        let failing = || report(&["A"], 0, TestCounts::default());
        assert_eq!(
            with(Account { tests: failing(), ..test_phase() }, &[PENDING]).0,
            Cause::Product
        );
        assert_eq!(with(Account { tests: failing(), ..missing() }, &[PENDING]).0, Cause::Product);
        assert_eq!(
            with(Account { tests: failing(), ..graph(Passed, Passed, Failed, &[], &[]) }, &[]).0,
            Cause::Product
        );
        // What could not be read may hold one.
        let unread = Account { tests: Found::Unreachable("x".to_owned()), ..test_phase() };
        assert_eq!(with(unread, &[PENDING]).0, Cause::Product);
    }

    #[test]
    fn the_error_of_a_phase_tells_more_than_the_reasons() {
        let says = |phase: usize, says: &str, of: Account| {
            let Found::Read(mut graph) = of.graph else { panic!("no graph") };
            graph.phases_say[phase] = says.to_owned();
            Account { graph: Found::Read(graph), ..of }
        };
        let evicted = "pod \"e2e-run\" failed: the pod x/e2e-run failed after 3m (failed containers: test): Evicted low on memory";
        let ended = "pod \"e2e-run\" failed: the pod x/e2e-run failed after 3m (failed containers: test): ContainerFailed one or more containers exited";
        let test_phase = || graph(Passed, Failed, Passed, &["run-e2e"], &[]);
        assert_eq!(
            with(says(1, evicted, test_phase()), &[TEST]),
            (Cause::Infrastructure, "a pod was evicted".to_owned())
        );
        // The pod of the teardown is the one that did not start.
        assert_eq!(with(says(1, ended, test_phase()), &[PENDING]).0, Cause::Product);
        assert_eq!(
            with(says(0, evicted, graph(Failed, Absent, Passed, &[], &[])), &[TEST]).0,
            Cause::Infrastructure
        );
        assert_eq!(
            with(says(0, ended, graph(Failed, Absent, Passed, &["i"], &[])), &[PENDING]).0,
            Cause::Setup
        );
    }

    #[test]
    fn what_prow_stopped_is_infrastructure() {
        let stopped = |description: Option<&str>| {
            let description = description.map(str::to_owned);
            let judgement = classified(
                &Evidence::Stopped { state: "aborted", description },
                &job(),
                &Rules::default(),
            );
            (judgement.cause, judgement.detail)
        };
        assert_eq!(
            stopped(Some("Pod pending timeout.")),
            (Cause::Infrastructure, "Pod pending timeout.".to_owned())
        );
        assert_eq!(
            stopped(None),
            (Cause::Infrastructure, "Prow says aborted and gives no reason".to_owned())
        );
    }

    fn given(log_named: bool) -> Findings {
        Findings { variables: Some(vec![image().to_string()]), log_named, ..Findings::default() }
    }

    fn green() -> Account {
        Account {
            finished: Found::Read(Finished {
                passed: Some(true),
                result: Some("SUCCESS".to_owned()),
            }),
            tests: report(&[], 0, TestCounts { run: 3, files: 1, ..TestCounts::default() }),
            ..graph(Passed, Passed, Passed, &[], &[])
        }
    }

    fn success_of(
        findings: Findings,
        account: Account,
        job: &JobRecord,
        rules: &Rules,
    ) -> Judgement {
        classified(&Evidence::Success { findings, account }, job, rules)
    }

    #[test]
    fn success_needs_its_proof() {
        let judge = |log_named, proof| {
            let judgement =
                success_of(given(log_named), green(), &job(), &Rules { proof, ..Rules::default() });
            (judgement.cause, judgement.proof.map(|proof| proof.level))
        };
        assert_eq!(judge(true, ProofMode::Enforce), (Cause::Unproven, Some(ProofLevel::Requested)));
        assert_eq!(judge(false, ProofMode::Enforce), (Cause::Passed, Some(ProofLevel::Requested)));
        assert_eq!(judge(true, ProofMode::Warn), (Cause::Passed, Some(ProofLevel::Requested)));
        assert_eq!(judge(true, ProofMode::Off), (Cause::Passed, None));
    }

    #[test]
    fn a_success_that_its_artifacts_contradict_is_hollow() {
        let failing = || Account {
            tests: report(&["OCP-1"], 0, TestCounts { run: 3, ..TestCounts::default() }),
            ..green()
        };
        let judge = |account, hollow| {
            let judgement =
                success_of(given(false), account, &job(), &Rules { hollow, ..Rules::default() });
            (judgement.cause, judgement.detail)
        };
        let said = "a test failed: OCP-1".to_owned();
        for enforced in [None, Some(Strictness::Enforce)] {
            assert_eq!(judge(failing(), enforced), (Cause::Hollow, said.clone()));
            let unread = Account { tests: Found::Unreachable("no answer".to_owned()), ..green() };
            let (cause, detail) = judge(unread, enforced);
            assert!(cause == Cause::Unproven && detail.ends_with("no answer"), "{detail}");
        }
        assert_eq!(judge(failing(), Some(Strictness::Warn)), (Cause::Passed, said));
        assert_eq!(judge(failing(), Some(Strictness::Off)), (Cause::Passed, String::new()));
        assert_eq!(
            judge(Account::default(), Some(Strictness::Off)),
            (Cause::Passed, String::new())
        );
        // It weighs more than a proof that is missing, and less than one of another image.
        let both = success_of(given(true), failing(), &job(), &Rules::default());
        assert_eq!((both.cause, both.proof.unwrap().level), (Cause::Hollow, ProofLevel::Requested));
        let other =
            Findings { variables: Some(vec!["quay.io/acme/other".to_owned()]), ..given(true) };
        assert_eq!(success_of(other, failing(), &job(), &Rules::default()).cause, Cause::Unproven);
    }

    #[test]
    fn how_many_tests_ran_is_said_and_enforced_where_asked_for() {
        let ran = |run| Account {
            tests: report(&[], 0, TestCounts { run, files: 1, ..TestCounts::default() }),
            ..green()
        };
        let judge = |account, tests, hollow| {
            let job = JobRecord { tests, ..job() };
            let judgement =
                success_of(given(false), account, &job, &Rules { hollow, ..Rules::default() });
            (judgement.cause, judgement.detail)
        };
        assert_eq!(
            judge(ran(0), None, None),
            (
                Cause::Passed,
                "no test ran (1 JUnit file): set tests: N or junit: ignore in its job list entry"
                    .to_owned()
            )
        );
        assert_eq!(judge(ran(3), Some(3), None), (Cause::Passed, String::new()));
        let few = "only 3 tests ran, and its entry in the job list says tests: 4".to_owned();
        assert_eq!(judge(ran(3), Some(4), None), (Cause::Hollow, few.clone()));
        assert_eq!(judge(ran(3), Some(4), Some(Strictness::Warn)), (Cause::Passed, few));
        assert_eq!(judge(ran(3), Some(4), Some(Strictness::Off)).0, Cause::Passed);
        // Broken files are said.
        let broken =
            Account { graph: Found::Broken("junit_operator.xml breaks off".to_owned()), ..ran(3) };
        assert_eq!(
            judge(broken, None, None),
            (Cause::Passed, "junit_operator.xml breaks off".to_owned())
        );
    }

    #[test]
    fn that_no_test_ran_where_many_usually_do_is_said_once() {
        let report = report(&[], 0, TestCounts { run: 0, files: 1, ..TestCounts::default() });
        let account = Account {
            tests: report,
            graph: Found::Broken("junit_operator.xml breaks off".to_owned()),
            ..green()
        };
        let rules = Rules { hollow: Some(Strictness::Warn), ..Rules::default() };
        let (subject, job) = (Subject::from(image()), job());
        let usual = Some(Usual { ran: [40; 5] });
        let evidence = Evidence::Success { findings: given(false), account };
        let case = Case { subject: &subject, job: &job, rules: &rules, usual };
        let judgement = classify(&evidence, case);
        let fewer = Usual { ran: [40; 5] }.judge(0).unwrap();
        assert_eq!(judgement.detail, format!("{fewer}; junit_operator.xml breaks off"));
        assert_eq!(judgement.cause, Cause::Passed);
        for (hollow, cause) in [
            (None, Cause::Passed),
            (Some(Strictness::Off), Cause::Passed),
            (Some(Strictness::Enforce), Cause::Hollow),
        ] {
            let rules = Rules { hollow, ..Rules::default() };
            assert_eq!(classify(&evidence, Case { rules: &rules, ..case }).cause, cause);
            // A number of its own in the job list counts instead.
            let job = JobRecord { tests: Some(0), ..job.clone() };
            let case = Case { rules: &rules, job: &job, ..case };
            assert_eq!(classify(&evidence, case).cause, Cause::Passed);
        }
    }

    fn any_phase() -> impl Strategy<Value = Phase> {
        prop::sample::select(vec![Absent, Passed, Failed])
    }

    proptest! {
        #[test]
        fn nothing_but_success_passes(pre in any_phase(), test in any_phase(), post in any_phase(), other in any::<bool>(), kind in 0..4) {
            let failure = match kind {
                0 => graph(pre, test, post, &[], if other { &["x"] } else { &[] }),
                1 => Account { graph: Found::Missing, ..Account::default() },
                2 => Account { graph: Found::Unreadable("x".to_owned()), ..Account::default() },
                _ => Account::default(),
            };
            for mode in [Strictness::Enforce, Strictness::Warn, Strictness::Off] {
                let rules = Rules { proof: mode, hollow: Some(mode), ..Rules::default() };
                let cause = |evidence: &Evidence| classified(evidence, &job(), &rules).cause;
                prop_assert_ne!(cause(&Evidence::Failure(failure.clone())), Cause::Passed);
                prop_assert_ne!(cause(&Evidence::Stopped { state: "error", description: None }), Cause::Passed);
                prop_assert_ne!(cause(&Evidence::Vanished(String::new())), Cause::Passed);
            }
        }
    }
}
