//! `create-release`: promotes the tested image with one Konflux Release, and waits until it landed.
//!
//! Reads the gate record: the candidate and the verdict. Only a record that says passed is
//! promoted, by the plan that it is bound to, and not on its word alone: whoever may write the
//! record could have written it. So each blocking job of the request is asked for again, under this
//! step's own account, from Deck or the artifact bucket: its job, its end, the image and the key
//! that it was launched with, its proof. The Snapshot must still have the tested digest; the
//! ReleasePlan must be matched by an active admission and must say auto-release "false"; nothing
//! newer may have been released. A Release that exists for plan and Snapshot is adopted, never
//! doubled. Then the Release is followed to its end, which goes into the record; from there it is
//! repeated without a request.
//!
//! Results: `release` (its name), `released` (true, false, unknown).
//! Exit codes: 0 released, or not to be waited for; 1 failed, missing, or still running; 2 bad
//! input; 3 the gate says no; 4 what became of the image is not known.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use argh::{ArgsInfo, FromArgs};
use gate::cluster::{Cluster, ClusterOptions, Tenant};
use gate::duration;
use gate::evidence::GivenRules;
use gate::failure::Failure;
use gate::http::{BaseUrl, SharedTransport, UreqTransport, extra_certificates, with_token};
use gate::jobs;
use gate::name::is_label;
use gate::promote::{self, Mode, Options, Witnesses, tries};
use gate::prow;
use gate::prow::bucket::Bucket;
use gate::prow::deck::Deck;
use gate::record::{Identity, Journal, Location, Tested, note_stop, store_at};
use gate::step::{self, Results, Step};
use gate::text;

#[derive(FromArgs, ArgsInfo)]
#[argh(
    description = "Promotes the tested image: makes the one Release of its Snapshot and ReleasePlan, if the record's\nverdict is passed, and follows it to its end. Run again after a crash: what exists is adopted.",
    usage = "--record RECORD --release-plan PLAN [options]",
    example = "{command_name} --record file:gate.json --release-plan hypershift-operator-verified --check",
    example = "{command_name} --record configmap:gate-x7k2p --release-plan hypershift-operator-verified",
    note = "Before it makes a Release it asks Deck, or the artifacts, for each blocking job's run. The jobs, their\nvariables and the proof that are given must be those of the record: give what launch-prow and\ncollect-results were given. What cannot be read is tried for 10 minutes.\n\nNeeds these rights in the namespace: get snapshots and releaseplans; get, list, watch and create\nreleases; get and update configmaps, for a record in one. --check needs to get and list only.",
    error_code(
        0,
        "released; already released; not waited for (--wait 0); --check and --dry-run passed"
    ),
    error_code(
        1,
        "failed or still running; plan or Snapshot missing, plan unmatched; a run that cannot be read; cluster trouble"
    ),
    error_code(2, "bad input, or a record of another plan; nothing was asked"),
    error_code(
        3,
        "the gate says no: verdict, a run that contradicts it, another request, digest, older image, auto-release, blocked plan"
    ),
    error_code(4, "it is not known what became of the image, or whether the Release exists")
)]
struct Args {
    /// the gate record, configmap:NAME or file:PATH
    #[argh(option, arg_name = "RECORD")]
    record: String,
    /// the ReleasePlan of the Release
    #[argh(option, arg_name = "PLAN")]
    release_plan: String,
    /// how long a Release may take from its creation, 0 to not wait [default: 45m]
    #[argh(option, arg_name = "DURATION")]
    wait: Option<String>,
    /// how many days the Release is kept [default: the plan's]
    #[argh(option, arg_name = "DAYS")]
    grace_period_days: Option<String>,
    /// promote even if an image built later has been released
    #[argh(switch)]
    allow_older: bool,
    /// after this run's own Release has failed, make another; after an unknown end, look again
    #[argh(switch)]
    again: bool,
    /// only look whether a Release would be possible, and end as it would; needs no verdict, makes
    /// nothing; where nothing speaks against it, the record is bound to the plan, otherwise a
    /// record without jobs is told why not
    #[argh(switch)]
    check: bool,
    /// let the server try the creation without doing it, show the object on stderr, note that in
    /// the record
    #[argh(switch)]
    dry_run: bool,
    /// the blocking jobs of this run as launch-prow has them, compared with the record [default:
    /// the record's]
    #[argh(option, arg_name = "JSON")]
    blocking: Option<String>,
    /// the job list, likewise: a YAML file, - for standard input, or the YAML itself; only its
    /// blocking jobs count
    #[argh(option, arg_name = "YAML")]
    jobs: Option<String>,
    /// the variable that carries the image, likewise; may be repeated
    #[argh(option, arg_name = "NAME")]
    override_env: Vec<String>,
    /// further variables for every job, likewise
    #[argh(option, arg_name = "JSON")]
    env: Option<String>,
    /// the image that was tested, repo@sha256:…; a record of another one is refused [default: the
    /// record's]
    #[argh(option, arg_name = "IMAGE")]
    image: Option<String>,
    /// the Snapshot that it is from, likewise
    #[argh(option, arg_name = "NAME")]
    snapshot_name: Option<String>,
    /// what must show which image ran, as collect-results has it [default: the record's]
    #[argh(option, arg_name = "enforce|warn|off")]
    proof: Option<String>,
    /// a log that holds the digest, likewise; may be repeated [default: the record's]
    #[argh(option, arg_name = "GLOB")]
    proof_log: Vec<String>,
    /// what follows when a run's own artifacts contradict its success, likewise [default: the
    /// record's]
    #[argh(option, arg_name = "enforce|warn|off")]
    hollow: Option<String>,
    /// whom to believe that the blocking jobs passed: their runs, asked again, or the record, which
    /// the message then says [default: again]
    #[argh(option, arg_name = "again|record")]
    evidence: Option<String>,
    /// where Deck is [default: https://prow.ci.openshift.org]
    #[argh(option, arg_name = "URL")]
    deck_url: Option<String>,
    /// where artifacts are [default: https://storage.googleapis.com]
    #[argh(option, arg_name = "URL")]
    artifacts_url: Option<String>,
    /// a file with a bearer token for a Deck that is not for everybody
    #[argh(option, arg_name = "FILE")]
    deck_token_file: Option<PathBuf>,
    /// a file with a bearer token for a bucket that is not for everybody
    #[argh(option, arg_name = "FILE")]
    artifacts_token_file: Option<PathBuf>,
    /// a bucket that only Prow writes to, for runs that Deck no longer has; may be repeated
    /// [default: those of OpenShift's Prow]
    #[argh(option, arg_name = "NAME")]
    bucket: Vec<String>,
    /// how often this step is tried again if this try fails, or how often at all less the tries
    /// made, such as 1-0: until none is left, a refusal is not the last word [default: not known]
    #[argh(option, arg_name = "N|N-MADE")]
    tries_left: Option<String>,
    /// the run's id, the PipelineRun's UID [default: the record's]
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
    /// where to write the result release
    #[argh(option, arg_name = "PATH")]
    result_release: Option<PathBuf>,
    /// where to write the result released
    #[argh(option, arg_name = "PATH")]
    result_released: Option<PathBuf>,
}

impl step::Arguments for Args {
    fn log_format(&self) -> Option<&str> {
        self.log_format.as_deref()
    }

    fn time_scale(&self) -> Option<&str> {
        self.time_scale.as_deref()
    }
}

/// The typed text made into what is meant.
fn options(args: &Args) -> Result<Options, Failure> {
    if !is_label(&args.release_plan) {
        return Err(Failure::misuse(format!(
            "--release-plan: expected lower-case letters, digits and -, at most 63, found {:?}",
            args.release_plan
        )));
    }
    let wait = match args.wait.as_deref().map(duration::parse).transpose() {
        Ok(wait) => wait.unwrap_or(promote::WAIT),
        Err(error) => return Err(Failure::misuse(format!("--wait: {error}"))),
    };
    let days = args.grace_period_days.as_deref().map(|text| {
        let days = text.parse().ok().filter(|days| (1..=365).contains(days));
        days.ok_or_else(|| {
            Failure::misuse(format!(
                "--grace-period-days: expected a number of days from 1 to 365, found {text:?}"
            ))
        })
    });
    let mode = match (args.check, args.dry_run) {
        // The pipeline gives its release-args to the check as well, --dry-run among them.
        (true, _) => Mode::Check,
        (false, true) => Mode::DryRun,
        (false, false) => Mode::Create,
    };
    Ok(Options {
        plan: args.release_plan.clone(),
        wait,
        grace_period_days: days.transpose()?,
        allow_older: args.allow_older,
        again: args.again,
        mode,
        evidence: args
            .evidence
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(Failure::misuse)?
            .unwrap_or_default(),
        request: request(args)?,
        tested: Tested::read(args.image.as_deref(), args.snapshot_name.as_deref())
            .map_err(Failure::misuse)?,
        rules: GivenRules::read(
            args.proof.as_deref(),
            &step::args::list(&args.proof_log),
            args.hollow.as_deref(),
        )
        .map_err(Failure::misuse)?,
        buckets: prow::buckets(&step::args::list(&args.bucket)).map_err(Failure::misuse)?,
        tries_left: args
            .tries_left
            .as_deref()
            .map_or(Ok(None), tries::left)
            .map_err(Failure::misuse)?,
    })
}

/// The request, if it is given.
fn request(args: &Args) -> Result<Option<jobs::Request>, Failure> {
    let given = jobs::Flags {
        blocking: args.blocking.as_deref(),
        informing: None,
        jobs: args.jobs.as_deref(),
        override_env: &args.override_env,
        env: args.env.as_deref(),
    };
    given.again().map_err(Failure::misuse)
}

/// Who can tell how the runs ended.
fn witnesses(args: &Args) -> Result<Witnesses, Failure> {
    let deck = BaseUrl::given("--deck-url", args.deck_url.as_deref(), prow::DECK_URL)
        .map_err(Failure::misuse)?;
    let artifacts =
        BaseUrl::given("--artifacts-url", args.artifacts_url.as_deref(), prow::ARTIFACTS_URL)
            .map_err(Failure::misuse)?;
    let extra = args
        .ca_file
        .as_deref()
        .map(extra_certificates)
        .transpose()
        .map_err(Failure::misuse)?;
    let transport: SharedTransport = Arc::new(UreqTransport::new(extra.unwrap_or_default()));
    let tokens = prow::Tokens::of(args.deck_token_file.clone(), args.artifacts_token_file.clone())
        .map_err(Failure::misuse)?;
    Ok(Witnesses {
        deck: Deck::new(deck, with_token(Arc::clone(&transport), tokens.deck)),
        bucket: Bucket::new(artifacts, with_token(transport, tokens.artifacts)),
    })
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let results = [("release", &args.result_release), ("released", &args.result_released)];
    let mut results = Results::declare(results).map_err(Failure::misuse)?;
    let options = options(&args)?;
    let witnesses = witnesses(&args)?;
    let location: Location = args.record.parse().map_err(Failure::misuse)?;
    let cluster = ClusterOptions {
        kubeconfig: args.kubeconfig,
        context: args.context,
        namespace: args.namespace,
        ca_file: args.ca_file,
    };
    let cluster = Cluster::connect(&cluster).await.map_err(Failure::misuse)?;
    let identity = Identity {
        run_id: args.run_id,
        run_name: args.run_name,
        gate: args.gate_label,
        scenario: args.scenario,
        namespace: Some(cluster.namespace.clone()),
    };
    let store = store_at(&location, Some(&cluster));
    let journal = match options.mode {
        Mode::Create => Journal::join(store, step.clock.clone(), &identity).await?,
        Mode::Check | Mode::DryRun => {
            Journal::existing(store, step.clock.clone(), &identity).await?
        }
    };
    let tenant = Tenant::new(&cluster, step.clock.clone());
    let promotion = promote::run(&tenant, &witnesses, &journal, &options, &step.clock).await;
    if options.mode == Mode::Check {
        let refused = promotion.as_ref().ok().and_then(|promotion| promotion.end().err());
        let refused = refused.as_ref().or(promotion.as_ref().err());
        note_stop(&journal, &step.clock, "create-release", refused).await;
    }
    let promotion = promotion?;
    if let Some(object) = promotion.shown() {
        eprintln!("{}", text::harmless(&object));
    }
    results.set("release", promotion.release.as_deref().unwrap_or_default());
    results.set("released", promotion.released.as_str());
    let checks = promotion.checks.as_ref().map(|checks| ("checks", checks.json()));
    results
        .write_with(checks.as_slice(), || promotion.table())
        .map_err(Failure::failed)?;
    promotion.end()
}

pub(crate) fn main() -> ExitCode {
    step::main::<Args, _, _>("create-release", run)
}
