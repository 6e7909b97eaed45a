//! One set of facts for each situation that a message can be about: for the goldens, and for
//! `docs/messages.md`, which shows what people see.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Facts, History, LastVerified, Options, Sight, TaskStatus};
use crate::konflux::PushedImage;
use crate::record::{
    Attempt, Candidate, Cause, Class, Decision, FailingTests, GateRecord, HistoryNote, Intent,
    JobRecord, JobState, LaunchRefusal, PastKind, PolicyRecord, Proof, ProofLevel, ReleaseRecord,
    Released, Stopped, SuspectRange, TestCounts, TestPast, Usual, Verdict,
};

const BUCKET: &str = "https://prow.example/view/gs/results/logs";
const PLAN: &str = "ho-release-gate-aro-hcp";

fn at(minutes: i64) -> Timestamp {
    "2026-08-20T03:11:04Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn digest() -> String {
    format!("sha256:4be1f0c2{}", "d7aa".repeat(14))
}

/// A record whose request is made and in which nothing has happened.
pub fn record() -> GateRecord {
    let mut record = GateRecord::begin("0d8ffe0e-9f0b-4d2e-9a07-7d7f5bb9c2d1", at(0));
    record.gate = Some("ARO HCP".to_owned());
    record.scenario = Some("ho-release-gate-aro-hcp".to_owned());
    // The runs of all platforms begin with the name of the file that they are made from.
    record.run = Some("ho-release-gate-x7k2p".to_owned());
    let mut candidate = Candidate::of(
        format!("quay.io/acme/hypershift-operator-main@{}", digest())
            .parse()
            .unwrap(),
    );
    candidate.snapshot = Some("hypershift-operator-20260820-031104-000".to_owned());
    candidate.component = Some("hypershift-operator-main".to_owned());
    candidate.revision = Some("3ee9615577aa4de0b0d9ac9cd2f4a7a2c9e0fd11".to_owned());
    candidate.git_url = Some("https://github.com/openshift/hypershift".to_owned());
    record.candidate = Some(candidate);
    record.jobs = vec![
        job("e2e-aks", Class::Blocking),
        job("e2e-aks-upgrade-minor", Class::Blocking),
        job("e2e-conformance", Class::Blocking),
        job("e2e-kubevirt-aks", Class::Informing),
    ];
    record
}

fn job(short: &str, class: Class) -> JobRecord {
    JobRecord {
        override_env: vec!["MULTISTAGE_PARAM_OVERRIDE_IMAGE".to_owned()],
        ..JobRecord::named(
            format!("periodic-ci-openshift-hypershift-main-periodics-{short}"),
            class,
        )
    }
}

fn attempt(job: &str, number: u32) -> Attempt {
    let intent = Intent {
        key: format!("{job}-{number}"),
        written_at: at(1),
        holder: "holder".to_owned(),
        sent_at: Some(at(1)),
        sends: 1,
        certainly_not_created: false,
    };
    let mut attempt = Attempt::intended(number, intent);
    attempt.execution = Some(format!("ca249d50-0000-4000-8000-00000000000{number}"));
    attempt.state = JobState::Pending;
    attempt.job_url = Some(format!("{BUCKET}/{job}/19466000000000000{number}0"));
    attempt
}

fn end(record: &mut GateRecord, short: &str, cause: Cause, detail: &str) {
    let job = record.jobs.iter_mut().find(|job| job.name.ends_with(short)).unwrap();
    let number = job.attempts.len() as u32 + 1;
    let mut attempt = attempt(short, number);
    attempt.cause = Some(cause);
    attempt.state = if cause == Cause::Passed { JobState::Success } else { JobState::Failure };
    // Of a run that passed only its proof is told.
    attempt.detail = (!detail.is_empty() && cause != Cause::Passed).then(|| detail.to_owned());
    if matches!(cause, Cause::Passed | Cause::Unproven) {
        let level = if cause == Cause::Passed { ProofLevel::Proven } else { ProofLevel::Unproven };
        attempt.proof = Some(Proof { level, note: detail.to_owned() });
    }
    job.attempts.push(attempt);
}

fn failing(record: &mut GateRecord, short: &str, names: &[&str], more: usize) {
    let job = record.jobs.iter_mut().find(|job| job.name.ends_with(short)).unwrap();
    let tests = FailingTests { names: names.iter().map(|name| (*name).to_owned()).collect(), more };
    job.attempts.last_mut().unwrap().failing_tests = tests;
}

fn decide(record: &mut GateRecord, decision: Decision, reasons: &[&str]) {
    let blocking: Vec<_> = record.jobs_of(Class::Blocking).collect();
    let passed = blocking.iter().filter(|job| job.passed()).count();
    record.verdict = Some(Verdict {
        decision,
        decided_at: at(171),
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
        blocking_passed: passed,
        blocking_total: blocking.len(),
    });
}

fn released(outcome: Released, is_final: bool) -> ReleaseRecord {
    ReleaseRecord {
        name: Some("ho-release-gate-aro-hcp-4be1f0c2d7aa-1".to_owned()),
        intended_at: Some(at(172)),
        created: true,
        released: outcome,
        is_final,
        pipeline_run: Some("managed-release/managed-x7k2p".to_owned()),
        created_at: Some(at(172)),
        completed_at: is_final.then(|| at(178)),
        ..ReleaseRecord::of_plan(PLAN)
    }
}

fn facts(sight: Sight, statuses: [&str; 3]) -> Facts {
    let names = ["resolve-image", "launch-prow", "collect-results"];
    let task = |(name, status): (&str, &str)| TaskStatus {
        name: name.to_owned(),
        status: status.to_owned(),
    };
    Facts {
        sight,
        options: Options {
            gate: Some("ARO HCP".to_owned()),
            snapshot: Some("hypershift-operator-20260820-031104-000".to_owned()),
            plan: Some(PLAN.to_owned()),
            release_wait: Duration::from_secs(45 * 60),
            tasks: names.into_iter().zip(statuses).map(task).collect(),
            run_url: Some(
                "https://console.example/ns/acme-tenant/pipelinerun/ho-release-gate-x7k2p"
                    .to_owned(),
            ),
            run_name: Some("ho-release-gate-x7k2p".to_owned()),
            scenario: Some("ho-release-gate-aro-hcp".to_owned()),
            namespace: Some("acme-tenant".to_owned()),
            record: Some("configmap:gate-ho-release-gate-x7k2p".to_owned()),
            ladder: vec!["3=S0123ABCD".parse().unwrap()],
            threshold: Some(SignedDuration::from_hours(72)),
            runbook: "https://github.com/acme/release-gate/blob/main/docs/runbook.md"
                .parse()
                .unwrap(),
        },
        history: None,
        verified: None,
        cancelled: None,
        now: at(180),
        scale: 1,
    }
}

fn read(record: GateRecord, collect: &str) -> Facts {
    facts(Sight::Read(Box::new(record)), ["Succeeded", "Succeeded", collect])
}

fn all_passed() -> GateRecord {
    let mut record = record();
    for short in ["e2e-aks", "e2e-aks-upgrade-minor", "e2e-conformance"] {
        end(&mut record, short, Cause::Passed, "artifacts/e2e/hypershift-install/build-log.txt");
    }
    end(&mut record, "e2e-kubevirt-aks", Cause::Passed, "");
    decide(&mut record, Decision::Passed, &[]);
    record
}

fn with_release(mut record: GateRecord, change: impl FnOnce(&mut ReleaseRecord)) -> GateRecord {
    let mut release = released(Released::True, true);
    change(&mut release);
    record.release = Some(release);
    record
}

fn pushed() -> PushedImage {
    PushedImage {
        name: "hypershift-operator-main".to_owned(),
        digest: digest(),
        urls: vec!["quay.io/acme/hypershift-operator-verified".to_owned()],
    }
}

/// Every situation: its name, a title for readers, the facts.
pub fn all() -> Vec<(&'static str, &'static str, Facts)> {
    vec![
        ("promoted", "The image passed and was promoted", promoted()),
        ("promoted-on-rerun", "Passed, one job only on its second try", promoted_on_rerun()),
        ("recovered", "Promoted after red runs", with_history(promoted(), 3, 100)),
        ("passed", "Passed, and nothing was to be promoted", passed()),
        ("dry-run", "Passed, and the promotion was only a dry run", dry_run(0)),
        (
            "dry-run-refused",
            "Passed, and the dry run shows that the promotion would be refused",
            dry_run(3),
        ),
        ("refused", "A blocking job failed", refused()),
        ("refused-with-history", "A blocking job failed, and its history tells of it", told()),
        ("undecided", "No blocking job failed in the product, but not all passed", undecided()),
        (
            "stale",
            "Red once more, and nothing was verified for too long",
            with_history(undecided(), 4, 130),
        ),
        ("unproven", "A job succeeded, but nothing shows which image ran", unproven()),
        ("hollow", "A job succeeded, and its own artifacts say otherwise", hollow()),
        ("release-failed", "Passed, and the Release failed", release_failed()),
        (
            "release-unknown",
            "Passed, and it is not known whether the Release pushed the image",
            release_unknown(),
        ),
        ("release-pending", "Passed, and the Release had not ended in time", release_pending()),
        (
            "release-silent",
            "Passed, and create-release never said anything",
            read(all_passed(), "Succeeded"),
        ),
        (
            "collect-lost",
            "Passed, but the task that said so did not end well",
            read(all_passed(), "Failed"),
        ),
        (
            "broken-before-launch",
            "A step failed before anything was launched",
            broken_before_launch(),
        ),
        ("stopped", "The promotion would be refused, found before the tests", stopped()),
        ("launch-refused", "Gangway refused a job", launch_refused()),
        ("broken-while-waiting", "The wait for the jobs was cut off", broken_while_waiting()),
        ("no-verdict", "No step failed, and there is no verdict", no_verdict()),
        ("cancelled", "The run was cancelled", cancelled()),
        ("unexamined", "Promoted on the record's word alone", unexamined()),
        ("contradiction", "The record of another gate was given", contradiction()),
        (
            "unreadable-record",
            "The record cannot be read, and the tests did not pass",
            unreadable("Failed"),
        ),
        (
            "unreadable-record-passed",
            "The record cannot be read, and the tests passed",
            unreadable("Succeeded"),
        ),
        ("two-hundred-jobs", "Two hundred jobs, half of them failed", two_hundred()),
    ]
}

fn promoted() -> Facts {
    read(with_release(all_passed(), |release| release.images = vec![pushed()]), "Succeeded")
}

fn unexamined() -> Facts {
    let released = |release: &mut ReleaseRecord| {
        release.images = vec![pushed()];
        release.unexamined = true;
    };
    read(with_release(all_passed(), released), "Succeeded")
}

fn promoted_on_rerun() -> Facts {
    let mut record = record();
    end(&mut record, "e2e-aks", Cause::Passed, "");
    end(&mut record, "e2e-aks-upgrade-minor", Cause::Infrastructure, "no cluster lease");
    end(&mut record, "e2e-aks-upgrade-minor", Cause::Passed, "");
    end(&mut record, "e2e-conformance", Cause::Passed, "");
    end(&mut record, "e2e-kubevirt-aks", Cause::Product, "");
    failing(&mut record, "e2e-kubevirt-aks", &["TestNodePool/Main/TestRollback"], 2);
    record.jobs[3].owner = Some("kubevirt team".to_owned());
    decide(&mut record, Decision::Passed, &[]);
    read(with_release(record, |release| release.images = vec![pushed()]), "Succeeded")
}

fn passed() -> Facts {
    let mut facts = read(all_passed(), "Succeeded");
    facts.options.tasks.clear();
    facts.options.plan = None;
    facts
}

fn dry_run(exit: u8) -> Facts {
    let detail = match exit {
        0 => "a dry run: Release ho-release-gate-aro-hcp-4be1f0c2d7aa-1 would be made",
        _ => "ReleasePlan ho-release-gate-aro-hcp: its releases are blocked",
    };
    let record = with_release(all_passed(), |release| {
        *release = ReleaseRecord {
            name: None,
            intended_at: None,
            created: false,
            exit,
            dry_run: true,
            detail: Some(detail.to_owned()),
            pipeline_run: None,
            created_at: None,
            completed_at: None,
            ..released(Released::False, true)
        };
    });
    read(record, "Succeeded")
}

/// What a history says of the failing tests of a job, in their order.
fn note(record: &mut GateRecord, short: &str, pasts: &[(PastKind, &str, Option<&str>)]) {
    let job = record.jobs.iter_mut().find(|job| job.name.ends_with(short)).unwrap();
    let attempt = job.attempts.last_mut().unwrap();
    let names = attempt.failing_tests.names.iter();
    let past =
        |(name, (kind, words, issue)): (&String, &(PastKind, &str, Option<&str>))| TestPast {
            name: name.clone(),
            kind: *kind,
            words: (*words).to_owned(),
            issue: issue.map(str::to_owned),
        };
    let tests: Vec<TestPast> = names.zip(pasts).map(past).collect();
    let first = tests[0].name.clone();
    let regression = format!(
        "{first} failed 4 of 7 this week against 0 of 30 in the 30 days before, p under 0.001, since 2026-08-16"
    );
    attempt.history = Some(Box::new(HistoryNote {
        suspects: Some(SuspectRange {
            test: first,
            good: Some("hypershift-operator-20260815-020155-000".to_owned()),
            bad: Some("hypershift-operator-20260816-020211-000".to_owned()),
            compare: Some(
                "https://github.com/openshift/hypershift/compare/0a1b2c3d4e5f...3ee9615577aa"
                    .to_owned(),
            ),
        }),
        tests,
        regressions: vec![regression],
        job_changed: Some(at(-5 * 24 * 60)),
        all_known: false,
    }));
}

/// The same failures as in `refused`, in a job whose past is known.
fn told() -> Facts {
    let mut facts = refused();
    let Sight::Read(record) = &mut facts.sight else { unreachable!("it was read") };
    failing(
        record,
        "e2e-aks-upgrade-minor",
        &["TestUpgradeControlPlane", "TestX <!channel> & co", "TestNodePool/Drain"],
        2,
    );
    note(
        record,
        "e2e-aks-upgrade-minor",
        &[
            (PastKind::Regression, "failing since 2026-08-16", None),
            (PastKind::Flaky, "flaky, 3 of 30", Some("a leak (@nodepool-team)")),
            (PastKind::New, "new, passed 28 before", None),
        ],
    );
    let counts = |run: usize| TestCounts { run, passed: run, files: 1, ..TestCounts::default() };
    let conformance = record.jobs[2].attempts.last_mut().unwrap();
    conformance.tests = Some(counts(611));
    conformance.usual = Some(Usual { ran: [1_204; 5] });
    record.policy = Some(PolicyRecord {
        ended_issues: vec![
            "the registry is slow (@infra, https://issues.example/9, until 2026-08-01)".to_owned(),
        ],
        ..PolicyRecord::default()
    });
    facts
}

fn refused() -> Facts {
    let mut record = record();
    end(&mut record, "e2e-aks", Cause::Infrastructure, "no cluster lease");
    end(&mut record, "e2e-aks", Cause::Passed, "");
    end(&mut record, "e2e-aks-upgrade-minor", Cause::Product, "");
    failing(
        &mut record,
        "e2e-aks-upgrade-minor",
        &["TestUpgradeControlPlane", "TestX <!channel> & co"],
        3,
    );
    record.jobs[1].owner = Some("upgrades team".to_owned());
    end(&mut record, "e2e-conformance", Cause::Passed, "");
    end(&mut record, "e2e-kubevirt-aks", Cause::Passed, "");
    decide(
        &mut record,
        Decision::Failed,
        &["e2e-aks-upgrade-minor failed TestUpgradeControlPlane"],
    );
    with_history(read(record, "Failed"), 2, 72)
}

/// So many red runs before, and an image that was verified so many hours ago.
fn with_history(mut facts: Facts, red_before: usize, hours: i64) -> Facts {
    let verified = LastVerified {
        image: "6f3c20aa".to_owned(),
        at: facts.now - SignedDuration::from_hours(hours),
    };
    facts.history = Some(History { red_before, last_verified: Some(verified), thread: None });
    facts
}

fn undecided() -> Facts {
    let mut record = record();
    end(&mut record, "e2e-aks", Cause::Setup, "ipi-install failed");
    end(&mut record, "e2e-aks", Cause::Setup, "ipi-install failed");
    end(&mut record, "e2e-aks-upgrade-minor", Cause::Deadline, "");
    end(&mut record, "e2e-conformance", Cause::Passed, "");
    let informing = attempt("e2e-kubevirt-aks", 1);
    record.jobs[3].attempts.push(informing);
    decide(&mut record, Decision::Undecided, &["e2e-aks has no result"]);
    read(record, "Failed")
}

fn unproven() -> Facts {
    let mut record = record();
    end(&mut record, "e2e-aks", Cause::Passed, "");
    end(
        &mut record,
        "e2e-aks-upgrade-minor",
        Cause::Unproven,
        "its install log names sha256:0b1e55…, not the image under test",
    );
    end(&mut record, "e2e-conformance", Cause::Passed, "");
    end(&mut record, "e2e-kubevirt-aks", Cause::Passed, "");
    decide(&mut record, Decision::Undecided, &["e2e-aks-upgrade-minor is unproven"]);
    read(record, "Failed")
}

fn hollow() -> Facts {
    let mut record = record();
    end(&mut record, "e2e-aks", Cause::Passed, "");
    tested(
        &mut record,
        "e2e-aks",
        TestCounts { run: 1_204, flaky: 2, informing_failed: 1, ..TestCounts::default() },
    );
    end(
        &mut record,
        "e2e-aks-upgrade-minor",
        Cause::Hollow,
        "a test failed: TestUpgradeControlPlane",
    );
    failing(&mut record, "e2e-aks-upgrade-minor", &["TestUpgradeControlPlane"], 0);
    end(&mut record, "e2e-conformance", Cause::Passed, "");
    tested(&mut record, "e2e-conformance", TestCounts::default());
    let conformance = record
        .jobs
        .iter_mut()
        .find(|job| job.name.ends_with("e2e-conformance"));
    let last = conformance.and_then(|job| job.attempts.last_mut()).unwrap();
    last.detail = Some(
        "no test ran (1 JUnit file): set tests: N or junit: ignore in its job list entry"
            .to_owned(),
    );
    end(&mut record, "e2e-kubevirt-aks", Cause::Passed, "");
    decide(
        &mut record,
        Decision::Undecided,
        &["e2e-aks-upgrade-minor succeeded, but a test failed"],
    );
    read(record, "Failed")
}

fn tested(record: &mut GateRecord, short: &str, counts: TestCounts) {
    let job = record.jobs.iter_mut().find(|job| job.name.ends_with(short)).unwrap();
    job.attempts.last_mut().unwrap().tests = Some(counts);
}

fn release_failed() -> Facts {
    let record = with_release(all_passed(), |release| {
        release.released = Released::False;
        release.phase = Some("ManagedPipelineProcessed".to_owned());
        release.detail = Some("task verify-conforma, step validate, failed".to_owned());
    });
    read(record, "Succeeded")
}

fn release_unknown() -> Facts {
    let record = with_release(all_passed(), |release| {
        release.released = Released::Unknown;
        release.phase = Some("Validated".to_owned());
        release.detail = Some("validation failed while the managed pipeline ran".to_owned());
    });
    read(record, "Succeeded")
}

fn release_pending() -> Facts {
    let record = with_release(all_passed(), |release| {
        *release = released(Released::Unknown, false);
        release.phase = Some("ManagedPipelineProcessed".to_owned());
    });
    read(record, "Succeeded")
}

fn broken_before_launch() -> Facts {
    facts(Sight::Missing, ["Failed", "None", "None"])
}

fn stopped() -> Facts {
    let mut facts = broken_before_launch();
    let mut record = record();
    record.jobs.clear();
    record.stopped = Some(Stopped {
        at: at(1),
        step: "create-release".to_owned(),
        exit: 1,
        why: format!(
            "ReleasePlan {PLAN} is matched by no ReleasePlanAdmission: ask the owners of its target namespace for one"
        ),
    });
    facts.sight = Sight::Read(Box::new(record));
    facts
}

fn launch_refused() -> Facts {
    let mut record = record();
    // As launch-prow writes it: the attempt and its job say so, and there is no run.
    let refusal = LaunchRefusal {
        at: at(2),
        reason: "failed to find associated periodic job \"periodic-ci-…-e2e-aks-upgrade-minor\""
            .to_owned(),
        token: false,
    };
    let mut refused = attempt("e2e-aks-upgrade-minor", 1);
    (refused.execution, refused.job_url, refused.state) = (None, None, JobState::Unknown);
    refused.intent.certainly_not_created = true;
    refused.refusal = Some(refusal.clone());
    record.jobs[1].attempts.push(refused);
    record.jobs[1].refusal = Some(refusal);
    let first = attempt("e2e-aks", 1);
    record.jobs[0].attempts.push(first);
    facts(Sight::Read(Box::new(record)), ["Succeeded", "Failed", "None"])
}

fn broken_while_waiting() -> Facts {
    let mut record = record();
    for (index, short) in
        ["e2e-aks", "e2e-aks-upgrade-minor", "e2e-conformance", "e2e-kubevirt-aks"]
            .iter()
            .enumerate()
    {
        let running = attempt(short, 1);
        record.jobs[index].attempts.push(running);
    }
    read(record, "Failed")
}

fn no_verdict() -> Facts {
    let mut facts = broken_while_waiting();
    facts.options.tasks.clear();
    facts
}

fn cancelled() -> Facts {
    Facts { cancelled: Some(true), ..broken_while_waiting() }
}

fn contradiction() -> Facts {
    let mut facts = refused();
    facts.options.gate = Some("ROSA HCP".to_owned());
    facts.options.scenario = Some("ho-release-gate-rosa-hcp".to_owned());
    facts.options.plan = Some("ho-release-gate-rosa-hcp".to_owned());
    if let Sight::Read(record) = &mut facts.sight {
        record.plan = Some(PLAN.to_owned());
    }
    facts
}

fn unreadable(collect: &str) -> Facts {
    let why = "the record configmap:gate-x cannot be reached: connection refused";
    facts(Sight::Unreadable(why.to_owned()), ["Succeeded", "Succeeded", collect])
}

fn two_hundred() -> Facts {
    let mut record = record();
    record.jobs.clear();
    for number in 0..200 {
        let short = format!("e2e-cell-{number:03}");
        record.jobs.push(job(&short, Class::Blocking));
        let cause = if number % 2 == 0 { Cause::Passed } else { Cause::Product };
        end(&mut record, &short, cause, "");
        let tests: Vec<String> = (0..50)
            .map(|test| format!("TestNodePool/HostedCluster{test}/Main"))
            .collect();
        let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
        if cause == Cause::Product {
            failing(&mut record, &short, &tests, 12);
            note(&mut record, &short, &[(PastKind::New, "new, passed 28 before", None); 50]);
        }
    }
    decide(&mut record, Decision::Failed, &["100 blocking jobs failed"]);
    read(record, "Failed")
}
