//! `collect-results`: waits for the launched jobs, finds out what really happened, and decides.
//!
//! Reads the executions from the gate record. How a job is comes from Deck and from the artifact
//! bucket, which cost none of Gangway's quota; Gangway is asked only where these cannot be read. Of
//! each run that has ended it reads why, which tests failed, and what shows which image ran. Jobs
//! that failed for a cause with a budget (`--rerun`) are launched again, exactly once, as soon as
//! they fail and if another run could still end in time. Unknown never counts as passed.
//!
//! Everything that matters is in the record before anything is waited for: ended, killed, or
//! started a second time, the step carries on. A verdict that the record already holds is repeated:
//! one of no without a request, `passed` only after a new look at each blocking run, since whoever
//! may write the record could have written it. The jobs, their variables and the proof that are
//! given must be those of the record: they come from who started the run.
//!
//! Results: `verdict` (passed, failed, undecided), `TEST_OUTPUT` (as Konflux shows it), `summary`.
//! Exit codes: 0 passed; 1 the record, or a run that is said to have passed, cannot be read; 2 bad
//! input, or nothing was launched; 3 failed or undecided, or the record is not what was given.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use argh::{ArgsInfo, FromArgs};
use gate::cluster::ClusterOptions;
use gate::collect::policy::{Given, INFORMING_GRACE, Policy, TIMEOUT};
use gate::collect::preflight::preflight;
use gate::collect::summary::summary;
use gate::collect::table::table;
use gate::collect::test_output::TestOutput;
use gate::collect::{self, Options};
use gate::duration::{self, DurationError};
use gate::evidence::GivenRules;
use gate::failure::{Chain, Failure};
use gate::http::BaseUrl;
use gate::jobs;
use gate::prow::budget::Limits;
use gate::prow::{self, ARTIFACTS_URL, DECK_URL, GANGWAY_URL, Tokens};
use gate::record::{Decision, Identity, Tested, check_input};
use gate::step::{self, Results, Step};

#[derive(FromArgs, ArgsInfo)]
#[argh(
    description = "Waits for the jobs that launch-prow has launched, finds out what really happened to each, runs\nagain what failed for no fault of the image, and decides.",
    note = "Passed: every blocking job succeeded, and it is shown that it ran on the image. Failed: the tests\nof one failed. Undecided: anything else. The deadline counts from the record's first launch, so a\nstep that is killed and started again does not get more time.",
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
    /// a file with Gangway's token, read again on every request [default: none, and no reruns]
    #[argh(option, arg_name = "FILE")]
    gangway_token_file: Option<PathBuf>,
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
    /// what must show which image ran [default: the record's, at first enforce]
    #[argh(option, arg_name = "enforce|warn|off")]
    proof: Option<String>,
    /// a log that holds the digest, as a pattern of its path below the run's folder; may be
    /// repeated [default: the record's]
    #[argh(option, arg_name = "GLOB")]
    proof_log: Vec<String>,
    /// what follows when a run's own artifacts contradict its success [default: the record's, at
    /// first enforce]
    #[argh(option, arg_name = "enforce|warn|off")]
    hollow: Option<String>,
    /// the blocking jobs of this run as launch-prow has them, compared with the record [default:
    /// the record's]
    #[argh(option, arg_name = "JSON")]
    blocking: Option<String>,
    /// the informing jobs, likewise
    #[argh(option, arg_name = "JSON")]
    informing: Option<String>,
    /// the job list, likewise: a YAML file, - for standard input, or the YAML itself
    #[argh(option, arg_name = "YAML")]
    jobs: Option<String>,
    /// the variable that carries the image, likewise; may be repeated
    #[argh(option, arg_name = "NAME")]
    override_env: Vec<String>,
    /// further variables for every job, likewise
    #[argh(option, arg_name = "JSON")]
    env: Option<String>,
    /// the image under test, repo@sha256:…; a record of another one is refused [default: the
    /// record's]
    #[argh(option, arg_name = "IMAGE")]
    image: Option<String>,
    /// a bucket that only Prow writes to, for runs that Deck no longer has; may be repeated
    /// [default: those of OpenShift's Prow]
    #[argh(option, arg_name = "NAME")]
    bucket: Vec<String>,
    /// decide as soon as one blocking job has finally failed
    #[argh(switch)]
    fail_fast: bool,
    /// look whether everything that this step needs is there and answers, and change nothing
    #[argh(switch)]
    check: bool,
    /// only read the flags and the job list, ask nobody, and note in a record without jobs what is
    /// wrong
    #[argh(switch)]
    check_input: bool,
    /// where Gangway is [default: https://gangway-ci.apps.ci.l2s4.p1.openshiftapps.com]
    #[argh(option, arg_name = "URL")]
    gangway_url: Option<String>,
    /// where Deck is [default: https://prow.ci.openshift.org]
    #[argh(option, arg_name = "URL")]
    deck_url: Option<String>,
    /// a file with a bearer token for a Deck that is not for everybody
    #[argh(option, arg_name = "FILE")]
    deck_token_file: Option<PathBuf>,
    /// where artifacts are [default: https://storage.googleapis.com]
    #[argh(option, arg_name = "URL")]
    artifacts_url: Option<String>,
    /// a file with a bearer token for a bucket that is not for everybody
    #[argh(option, arg_name = "FILE")]
    artifacts_token_file: Option<PathBuf>,
    /// requests to Gangway in a minute [default: 6]
    #[argh(option, arg_name = "N")]
    requests_per_minute: Option<String>,
    /// requests to Gangway at once [default: 5]
    #[argh(option, arg_name = "N")]
    burst: Option<String>,
    /// the run's id, the PipelineRun's UID [default: the record's]
    #[argh(option, arg_name = "ID")]
    run_id: Option<String>,
    /// the run's name, the PipelineRun, whose timeouts are then read
    #[argh(option, arg_name = "NAME")]
    run_name: Option<String>,
    /// the run's IntegrationTestScenario
    #[argh(option, arg_name = "NAME")]
    scenario: Option<String>,
    /// the platform's name for people, such as "ARO HCP"
    #[argh(option, arg_name = "TEXT")]
    gate_label: Option<String>,
    /// the namespace [default: the kubeconfig's or the pod's]
    #[argh(option, arg_name = "NAMESPACE")]
    namespace: Option<String>,
    /// the kubeconfig [default: KUBECONFIG, then the pod's service account]
    #[argh(option, arg_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// the kubeconfig's context [default: its current one]
    #[argh(option, arg_name = "NAME")]
    context: Option<String>,
    /// certificates to trust besides the usual ones: a PEM file or a folder of them
    #[argh(option, arg_name = "PEM")]
    ca_file: Option<PathBuf>,
    /// how logs look [default: human]
    #[argh(option, arg_name = "human|json")]
    log_format: Option<String>,
    /// divide durations by this, for rehearsals [default: 1]
    #[argh(option, arg_name = "N")]
    time_scale: Option<String>,
    /// where to write the result verdict
    #[argh(option, arg_name = "PATH")]
    result_verdict: Option<PathBuf>,
    /// where to write the result TEST_OUTPUT
    #[argh(option, arg_name = "PATH")]
    result_test_output: Option<PathBuf>,
    /// where to write the result summary
    #[argh(option, arg_name = "PATH")]
    result_summary: Option<PathBuf>,
}

impl step::Arguments for Args {
    fn log_format(&self) -> Option<&str> {
        self.log_format.as_deref()
    }

    fn time_scale(&self) -> Option<&str> {
        self.time_scale.as_deref()
    }
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let mut results = Results::declare([
        ("verdict", &args.result_verdict),
        ("TEST_OUTPUT", &args.result_test_output),
        ("summary", &args.result_summary),
    ])
    .map_err(Failure::misuse)?;
    if args.check_input {
        let (record, cluster, identity) = (args.record.clone(), access(&args), identity(&args));
        return check_input(
            "collect-results",
            &record,
            (&cluster, &identity),
            &step.clock,
            options(args),
        )
        .await;
    }
    if args.check {
        let checks = preflight(options(args)?, &step).await?;
        let (verdict, output) = (Decision::Undecided, TestOutput::of_check(step.clock.now()));
        results.set("verdict", verdict.as_str());
        results.set("TEST_OUTPUT", output.json());
        results.set("summary", "checked only: nothing was waited for, nothing is decided");
        return checks.end(&results);
    }
    let record = match collect::run(options(args)?, &step).await {
        Ok(record) => record,
        // Konflux shows why, as of any other no.
        Err(error) if error.says_no() => {
            let why = Chain(&error).to_string();
            results.set("verdict", Decision::Undecided.as_str());
            results.set("TEST_OUTPUT", TestOutput::undecided(&why, step.clock.now()).json());
            results.set("summary", format!("undecided: {why}"));
            results
                .write(|| format!("undecided: {why}\n"))
                .map_err(Failure::failed)?;
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    let Some(verdict) = &record.verdict else {
        return Err(Failure::failed(
            "the record holds no verdict, although it was decided; please report this",
        ));
    };
    let summary = summary(&record, verdict);
    results.set("verdict", verdict.decision.as_str());
    results.set("TEST_OUTPUT", TestOutput::of(&record, verdict).json());
    results.set("summary", &summary);
    results
        .write(|| table(&record, verdict, step.clock.as_ref(), step::terminal::width()))
        .map_err(Failure::failed)?;
    match verdict.decision {
        Decision::Passed => Ok(()),
        Decision::Failed | Decision::Undecided => Err(Failure::refused(summary)),
    }
}

fn options(args: Args) -> Result<Options, Failure> {
    let given = Given {
        reruns: args
            .rerun
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(Failure::misuse)?,
        rules: GivenRules::read(
            args.proof.as_deref(),
            &step::args::list(&args.proof_log),
            args.hollow.as_deref(),
        )
        .map_err(Failure::misuse)?,
        rest: Policy {
            timeout: span("--timeout", args.timeout.as_deref(), TIMEOUT, duration::parse_positive)?,
            informing_grace: span(
                "--informing-grace",
                args.informing_grace.as_deref(),
                INFORMING_GRACE,
                duration::parse,
            )?,
            fail_fast: args.fail_fast,
            request: request(&args)?,
            tested: Tested::read(args.image.as_deref(), None).map_err(Failure::misuse)?,
            buckets: prow::buckets(&step::args::list(&args.bucket)).map_err(Failure::misuse)?,
            ..Policy::default()
        },
    };
    Ok(Options {
        record: args.record.parse().map_err(Failure::misuse)?,
        identity: identity(&args),
        cluster: access(&args),
        gangway_url: BaseUrl::given("--gangway-url", args.gangway_url.as_deref(), GANGWAY_URL)
            .map_err(Failure::misuse)?,
        token_file: args.gangway_token_file,
        deck_url: BaseUrl::given("--deck-url", args.deck_url.as_deref(), DECK_URL)
            .map_err(Failure::misuse)?,
        artifacts_url: BaseUrl::given(
            "--artifacts-url",
            args.artifacts_url.as_deref(),
            ARTIFACTS_URL,
        )
        .map_err(Failure::misuse)?,
        tokens: Tokens::of(args.deck_token_file, args.artifacts_token_file)
            .map_err(Failure::misuse)?,
        limits: Limits::given(args.requests_per_minute.as_deref(), args.burst.as_deref())
            .map_err(Failure::misuse)?,
        given,
    })
}

fn identity(args: &Args) -> Identity {
    Identity {
        run_id: args.run_id.clone(),
        run_name: args.run_name.clone(),
        gate: args.gate_label.clone(),
        scenario: args.scenario.clone(),
        namespace: args.namespace.clone(),
    }
}

fn access(args: &Args) -> ClusterOptions {
    ClusterOptions {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        namespace: args.namespace.clone(),
        ca_file: args.ca_file.clone(),
    }
}

fn span(
    flag: &str,
    given: Option<&str>,
    default: Duration,
    parse: fn(&str) -> Result<Duration, DurationError>,
) -> Result<Duration, Failure> {
    let read = |text| parse(text).map_err(|error| Failure::misuse(format!("{flag}: {error}")));
    given.map_or(Ok(default), read)
}

/// The request, if it is given.
fn request(args: &Args) -> Result<Option<jobs::Request>, Failure> {
    let given = jobs::Flags {
        blocking: args.blocking.as_deref(),
        informing: args.informing.as_deref(),
        jobs: args.jobs.as_deref(),
        override_env: &args.override_env,
        env: args.env.as_deref(),
    };
    given.again().map_err(Failure::misuse)
}

pub(crate) fn main() -> ExitCode {
    step::main::<Args, _, _>("collect-results", run)
}
