//! `launch-prow`: launches each Prow job exactly once, against one image digest.
//!
//! Reads the image and the jobs: two JSON arrays of names, or a list in YAML, or both. Everything
//! is checked before anything is sent. Each job is ordered from Gangway with the image in the
//! variables of `--override-env` and with a key of its own, which is in the gate record before the
//! order is sent; what came back is recorded at once. Run again, whatever happened, it carries on:
//! what runs is adopted, what was never made is ordered, and where neither can be found out it
//! stops rather than order twice. Deck and the artifact bucket are asked only in such doubt.
//!
//! Result: `launched`, the number of jobs that run.
//! Exit codes: 0 launched; 1 a blocking job was refused, or Gangway or the record cannot be
//! reached; 2 bad input, nothing was sent; 4 it could not be found out whether a job runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use argh::{ArgsInfo, FromArgs};
use gate::cluster::{Cluster, ClusterOptions};
use gate::failure::Failure;
use gate::http::{self, BaseUrl, UreqTransport};
use gate::image::ImageRef;
use gate::jobs::{self, Given, Source};
use gate::launch::{self, Options, Sampling};
use gate::prow;
use gate::prow::budget::Limits;
use gate::record::{self, Identity, Location};
use gate::secret::SecretFile;
use gate::step::{self, Results, Step};

#[derive(FromArgs, ArgsInfo)]
#[argh(
    description = "Launches each Prow job exactly once through Gangway, against one image digest, and writes the\nexecutions to the gate record. Run again after a crash: what runs already is adopted.",
    note = "The job list is YAML: - name: JOB, and besides, where wanted, class: blocking or informing\n[default: blocking], owner: TEXT, override-env: NAME or a list, env: a mapping, proof-log: GLOB,\nproof-last: true (that log alone proves, and the image is the last in it), tests: N (a success of fewer\ndoes not count), junit: ignore,\nevery: 3d (not every night: when its last pass is that old, or it did not pass), cell: a mapping.\nOr a mapping of jobs: LIST and matrix: dimensions, required, except, fresh, budget.",
    example = "{command_name} --record file:gate.json --image quay.io/acme/ho@sha256:4be1… \\\n    --blocking '[\"periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-aks\"]' \\\n    --override-env OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE --gangway-token-file token",
    example = "{command_name} --record file:gate.json --image quay.io/acme/ho@sha256:4be1… \\\n    --jobs jobs.yaml --override-env OPERATOR_IMAGE --dry-run",
    error_code(0, "launched, now or before; with --check: nothing failed"),
    error_code(
        1,
        "a blocking job was refused, or Gangway or the record cannot be reached; with --check: something failed"
    ),
    error_code(2, "bad input; nothing was sent"),
    error_code(4, "stopped to stay safe: it could not be found out whether a job runs")
)]
struct Args {
    /// the image under test, repository@sha256:<64 hex digits>; required but for --check-input
    #[argh(option, arg_name = "REF")]
    image: Option<String>,
    /// the gate record, configmap:NAME or file:PATH; begun if there is none
    #[argh(option, arg_name = "RECORD")]
    record: String,
    /// jobs that must pass, as a JSON array of names
    #[argh(option, arg_name = "JSON")]
    blocking: Option<String>,
    /// jobs that are run and shown but decide nothing, as a JSON array of names
    #[argh(option, arg_name = "JSON")]
    informing: Option<String>,
    /// a job list: a YAML file, - for standard input, or the YAML itself
    #[argh(option, arg_name = "YAML")]
    jobs: Option<String>,
    /// the variable that carries the image, for jobs that name none of their own; may be repeated
    #[argh(option, arg_name = "NAME")]
    override_env: Vec<String>,
    /// further variables for every job, as a JSON object of texts
    #[argh(option, arg_name = "JSON")]
    env: Option<String>,
    /// a file with Gangway's token, read again for every request; required but for --dry-run
    #[argh(option, arg_name = "FILE")]
    gangway_token_file: Option<PathBuf>,
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
    /// check everything and show what would be sent; send and write nothing
    #[argh(switch)]
    dry_run: bool,
    /// run the jobs with every too, due or not, whatever the budget
    #[argh(switch)]
    all_cells: bool,
    /// look whether everything that this step needs is there and answers, and change nothing
    #[argh(switch)]
    check: bool,
    /// only read the flags and the job list, ask nobody, and note in a record without jobs what is
    /// wrong
    #[argh(switch)]
    check_input: bool,
    /// the run's id, the PipelineRun's UID [default: random]
    #[argh(option, arg_name = "ID")]
    run_id: Option<String>,
    /// the run's name, the PipelineRun
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
    /// where to write the result launched
    #[argh(option, arg_name = "PATH")]
    result_launched: Option<PathBuf>,
}

impl step::Arguments for Args {
    fn log_format(&self) -> Option<&str> {
        self.log_format.as_deref()
    }

    fn time_scale(&self) -> Option<&str> {
        self.time_scale.as_deref()
    }
}

pub(crate) fn main() -> ExitCode {
    step::main::<Args, _, _>("launch-prow", run)
}

/// What the flags say, but for the image, which a look at the input alone does without.
struct Input {
    request: jobs::Request,
    token: Option<SecretFile>,
    gangway: BaseUrl,
    deck: BaseUrl,
    artifacts: BaseUrl,
    limits: Limits,
}

fn input(args: &Args) -> Result<Input, Failure> {
    let url = |flag: &'static str, given: &Option<String>, default: &str| {
        BaseUrl::given(flag, given.as_deref(), default).map_err(Failure::misuse)
    };
    Ok(Input {
        request: request(args)?,
        token: args
            .gangway_token_file
            .as_ref()
            .map(|path| SecretFile::new("--gangway-token-file", path)),
        gangway: url("--gangway-url", &args.gangway_url, prow::GANGWAY_URL)?,
        deck: url("--deck-url", &args.deck_url, prow::DECK_URL)?,
        artifacts: url("--artifacts-url", &args.artifacts_url, prow::ARTIFACTS_URL)?,
        limits: Limits::given(args.requests_per_minute.as_deref(), args.burst.as_deref())
            .map_err(Failure::misuse)?,
    })
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let mut results =
        Results::declare([("launched", &args.result_launched)]).map_err(Failure::misuse)?;
    let mut identity = identity(&args);
    if args.check_input {
        let place = (&cluster_options(&args), &identity);
        return record::check_input("launch-prow", &args.record, place, &step.clock, input(&args))
            .await;
    }
    let location: Location = args.record.parse().map_err(Failure::misuse)?;
    let image = args
        .image
        .as_deref()
        .ok_or_else(|| Failure::misuse("expected --image REF, the image under test"))?;
    let image: ImageRef = image
        .parse()
        .map_err(|error| Failure::misuse(format!("--image: {error}")))?;
    let Input { request, token, gangway, deck, artifacts, limits } = input(&args)?;
    let extra = args
        .ca_file
        .as_deref()
        .map(http::extra_certificates)
        .transpose()
        .map_err(Failure::misuse)?;
    let cluster = match location.is_config_map() {
        true => Some(
            Cluster::connect(&cluster_options(&args))
                .await
                .map_err(Failure::misuse)?,
        ),
        false => None,
    };
    identity.namespace = identity
        .namespace
        .or_else(|| cluster.as_ref().map(|cluster| cluster.namespace.clone()));
    let store = record::store_at(&location, cluster.as_ref());
    let tokens = prow::Tokens::of(args.deck_token_file, args.artifacts_token_file)
        .map_err(Failure::misuse)?;
    let sampling = Sampling { cluster: cluster.clone(), all: args.all_cells };
    let options = Options {
        image,
        request,
        identity,
        gangway,
        token,
        deck,
        artifacts,
        tokens,
        limits,
        sampling,
    };
    if args.dry_run && !args.check {
        let preview = launch::dry_run(&options, store, step.clock).await?;
        results.set("launched", "0");
        let shown = launch::as_json(&preview);
        return results
            .write_with(&shown, || launch::preview(&preview))
            .map_err(Failure::failed);
    }
    let transport = Arc::new(UreqTransport::new(extra.unwrap_or_default()));
    if args.check {
        let checks =
            launch::preflight(&options, &location, cluster.as_ref(), transport, step.clock).await?;
        results.set("launched", "0");
        return checks.end(&results);
    }
    let ended = launch::run(&options, store, transport, step.clock).await?;
    results.set("launched", ended.launched.to_string());
    results.write(|| ended.table.clone()).map_err(Failure::failed)?;
    ended.end()
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

fn request(args: &Args) -> Result<jobs::Request, Failure> {
    let yaml = args
        .jobs
        .as_deref()
        .map(|value| Source::of(value).read())
        .transpose()
        .map_err(Failure::misuse)?;
    let override_env = step::args::list(&args.override_env);
    let given = Given {
        blocking: args.blocking.as_deref(),
        informing: args.informing.as_deref(),
        jobs: yaml.as_deref(),
        override_env: &override_env,
        env: args.env.as_deref(),
    };
    jobs::read(&given).map_err(Failure::misuse)
}

fn cluster_options(args: &Args) -> ClusterOptions {
    ClusterOptions {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        namespace: args.namespace.clone(),
        ca_file: args.ca_file.clone(),
    }
}
