//! `collect-results`: waits for the launched jobs, finds out what really happened, and decides.
//!
//! Reads how each run ended, why, which tests failed, and what shows which image ran. Unknown never counts
//! as passed. All of it is in the record before anything is waited for: killed, or started a second time,
//! the step carries on, and a verdict of no is repeated without a request.

use std::io::IsTerminal;
use std::process::ExitCode;

use gate::arguments;
use gate::collect::end::End;
use gate::collect::policy::{Given, INFORMING_GRACE, Policy, TIMEOUT};
use gate::collect::preflight::preflight;
use gate::collect::{self, Options};
use gate::duration;
use gate::evidence::GivenRules;
use gate::failure::{Failure, OrExit};
use gate::history::issues::KnownIssues;
use gate::history::keep::Choice;
use gate::jobs::Flags;
use gate::preflight::input::check_input;
use gate::prow::{self, Addresses};
use gate::record::{Identity, Tested};
use gate::site::Site;
use gate::step::args::{list, read};
use gate::step::{self, Step, groups};

arguments! {
    groups: image, request, informing, proof, gangway, prow, bucket, check, check_input, run, access;
    results: "verdict", "TEST_OUTPUT", "summary";

    #[argh(
        description = "Waits for the jobs that launch-prow has launched, finds out what really happened to each, runs\nagain what failed for no fault of the image, and decides.",
        note = "Passed: every blocking job succeeded, and it is shown that it ran on the image. Failed: the tests\nof one failed. Undecided: anything else. The deadline counts from the record's first launch, so a\nstep that is killed and started again does not get more time.\n\nThe image, the jobs and their variables may be given again as launch-prow has them: they are compared\nwith the record [default: the record's]. Without --gangway-token-file no job is run again. With\n--run-name the PipelineRun's timeouts are read.\n\nA job's history says which failures are new and which are flaky, and how many tests usually run; no\nverdict waits for it longer than 2 minutes. --rerun flaky=N runs a job again whose failing tests are\nall known flakes or known issues.",
        example = "{command_name} --record file:gate.json --gangway-token-file token",
        example = "{command_name} --record file:gate.json --timeout 3h --rerun infrastructure=2,setup=1 \\\n    --proof-log 'artifacts/*/hypershift-install/build-log.txt' --gangway-token-file token",
        error_code(0, "passed; with --check: nothing failed"),
        error_code(
            1,
            "the record, or a run that it says has passed, cannot be read; run it again; with --check: something failed"
        ),
        error_code(2, "bad input, or nothing was launched; nothing was asked"),
        error_code(
            3,
            "failed or undecided, or the record holds other jobs or another proof than given"
        )
    )]
    struct Args {
        /// the gate record, configmap:NAME or file:PATH, that launch-prow has begun
        #[argh(option, arg_name = "RECORD")]
        record: String,
        /// how long the jobs have from the first launch [default: 5h30m]
        #[argh(option, arg_name = "DURATION")]
        timeout: Option<String>,
        /// how long informing jobs may go on after the last blocking one [default: 30m]
        #[argh(option, arg_name = "DURATION")]
        informing_grace: Option<String>,
        /// how often a job is run again, by cause [default: the record's, at first
        /// infrastructure=1,setup=1]
        #[argh(option, arg_name = "CAUSE=N,…")]
        rerun: Option<String>,
        /// where the jobs' histories are kept [default: configmap, for records in a cluster]
        #[argh(option, arg_name = "configmap|folder:PATH|off")]
        history: Option<String>,
        /// failures that somebody knows of: a YAML file, or the YAML itself; they never pass
        #[argh(option, arg_name = "YAML")]
        known_issues: Option<String>,
        /// decide as soon as one blocking job has finally failed
        #[argh(switch)]
        fail_fast: bool,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("collect-results", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let (site, mut results) = (Site::new(args.access(), step.clock.clone()), step.results);
    let identity = Identity { namespace: args.namespace.clone(), ..args.run().into() };
    if args.check_input {
        let read = input(&args);
        return check_input("collect-results", &args.record, &identity, &site, read).await;
    }
    let Input { given, history, addresses } = input(&args)?;
    let options = Options { record: args.record.parse().misuse()?, identity, given, history };
    let prow = site.prow(&addresses).misuse()?;
    if args.check {
        let checks = preflight(options, &site, &prow).await?;
        End::of_check(step.clock.as_ref()).set(&mut results);
        return checks.end(&results);
    }
    let record = collect::run(options, &site, &prow, step.progress).await;
    let end = End::of(record, step.clock.as_ref(), step::terminal::width(), &args.record)?;
    end.set(&mut results);
    results.write(|| end.table.clone()).failed()?;
    end.end(std::io::stdout().is_terminal())
}

/// What the flags say.
struct Input {
    given: Given,
    history: Option<Choice>,
    addresses: Addresses,
}

fn input(args: &Args) -> Result<Input, Failure> {
    let request = groups::Request { informing: args.informing.clone(), ..args.request() };
    let (timeout, grace) = (args.timeout.as_ref(), args.informing_grace.as_ref());
    let issues = args.known_issues.as_deref().unwrap_or_default();
    let positive = duration::parse_positive;
    let timeout = duration::given("--timeout", timeout, TIMEOUT, positive).misuse()?;
    let informing_grace =
        duration::given("--informing-grace", grace, INFORMING_GRACE, duration::parse).misuse()?;
    let given = Given {
        reruns: read(args.rerun.as_ref()).misuse()?,
        rules: GivenRules::of(&args.proof()).misuse()?,
        rest: Policy {
            timeout,
            informing_grace,
            fail_fast: args.fail_fast,
            request: Flags::of(&request).again().misuse()?,
            tested: Tested::read(args.image.as_deref(), None).misuse()?,
            buckets: prow::buckets(&list(&args.bucket)).misuse()?,
            issues: KnownIssues::given("--known-issues", issues).misuse()?,
            ..Policy::default()
        },
    };
    let history = read(args.history.as_ref()).misuse()?;
    let addresses = Addresses::read(&args.prow(), &args.gangway()).misuse()?;
    Ok(Input { given, history, addresses })
}
